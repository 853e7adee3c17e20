//! The trainable tensors of a run, by name: seeded start, saving and loading.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use genie_model::Fnv1a;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ranks::Ranks;
use super::saved_state::{Part, SavedTensors, parts};

/// Named variables, ordered by name. A model built on [`builder`](Self::builder) creates its variables here, each from
/// a random stream of its own, so that its start depends on the seed and its name alone.
#[derive(Clone, Debug)]
pub struct Variables {
    seed: u64,
    device: Device,
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl Variables {
    /// An empty set.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self {
            seed,
            device: device.clone(),
            vars: Arc::default(),
        }
    }

    /// A builder for models whose parameters are to live here.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, self.device.clone())
    }

    /// All variables in the order of their names.
    pub fn all(&self) -> Vec<(String, Var)> {
        let vars = self.lock();
        vars.iter().map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    /// One variable.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn get(&self, name: &str) -> candle_core::Result<Var> {
        match self.lock().get(name) {
            Some(var) => Ok(var.clone()),
            None => candle_core::bail!("no variable is called {name}"),
        }
    }

    /// Overwrites one variable by a value that may be on another device.
    ///
    /// # Errors
    /// If there is none of this name or the shapes differ.
    pub fn set(&self, name: &str, value: &Tensor) -> candle_core::Result<()> {
        self.get(name)?.set(&value.to_device(&self.device)?)
    }

    /// Copies of all values.
    ///
    /// # Errors
    /// If a value cannot be copied.
    pub fn snapshot(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let vars = self.lock();
        vars.iter()
            .map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?)))
            .collect()
    }

    /// All values as they lie there: they change with the variables.
    pub(super) fn shared(&self) -> impl Iterator<Item = (String, Tensor)> {
        let vars = self.all().into_iter();
        vars.map(|(name, var)| (name, var.as_detached_tensor()))
    }

    /// The same, to be written.
    pub(super) fn parts(&self) -> Vec<(String, Part<'static>)> {
        parts(self.shared().collect()).collect()
    }

    /// Sets every variable from `values`, which may be on another device.
    ///
    /// # Errors
    /// If one is missing or has another shape.
    pub fn restore(&self, values: &dyn SavedTensors) -> candle_core::Result<()> {
        for (name, var) in self.lock().iter() {
            let Some(value) = values.read(name)? else {
                candle_core::bail!("the saved state has no {name}")
            };
            var.set(&value.to_device(&self.device)?)?;
        }
        Ok(())
    }

    /// Takes up the values of the first of the `ranks`.
    pub(super) fn follow_first(&self, ranks: &dyn Ranks) -> candle_core::Result<()> {
        if ranks.count() == 1 {
            return Ok(());
        }
        for (_, var) in self.all() {
            var.set(&ranks.of_first(&var.as_detached_tensor())?)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.vars.lock().expect("no holder of this lock panics")
    }
}

impl SimpleBackend for Variables {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        if let Some(var) = self.lock().get(name) {
            if var.shape() != &shape {
                candle_core::bail!("{name} is {:?}, asked for as {shape:?}", var.shape());
            }
            return Ok(var.as_tensor().clone());
        }
        let value = initial_value(&shape, name, init, self.seed)?.to_dtype(dtype)?;
        let var = Var::from_tensor(&value.to_device(device)?)?;
        let tensor = var.as_tensor().clone();
        self.lock().insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        Ok(Self::get(self, name)?.as_tensor().clone())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }
}

fn initial_value(shape: &Shape, name: &str, init: Init, seed: u64) -> candle_core::Result<Tensor> {
    let count = shape.elem_count();
    let values = match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Randn { mean, stdev } => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream_of(name));
            // Irwin-Hall: twelve uniform draws make a normal one, with no tail beyond six deviations.
            (0..count)
                .map(|_| {
                    let sum: f32 = (0..12).map(|_| rng.random::<f32>()).sum();
                    mean as f32 + stdev as f32 * (sum - 6.0)
                })
                .collect()
        }
        other => candle_core::bail!("{name}: no seeded start for {other:?}"),
    };
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// A random stream of its own for each variable.
fn stream_of(name: &str) -> u64 {
    Fnv1a::of(name.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_depends_on_seed_and_name_only() {
        let randn = Init::Randn {
            mean: 0.0,
            stdev: 2.0,
        };
        let make = |seed, order: [&str; 2]| {
            let vars = Variables::new(seed, &Device::Cpu);
            for name in order {
                vars.builder().get_with_hints(4000, name, randn).unwrap();
            }
            vars.get("a").unwrap().to_vec1::<f32>().unwrap()
        };
        let first = make(1, ["a", "b"]);
        assert_eq!(first, make(1, ["b", "a"]));
        assert_ne!(first, make(2, ["a", "b"]));
        let variance = first.iter().map(|v| v * v).sum::<f32>() / 4000.0;
        assert!((variance - 4.0).abs() < 0.4, "{variance}");
    }
}
