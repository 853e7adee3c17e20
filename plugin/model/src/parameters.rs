//! Names, shapes and counts of a configuration's parameters, without allocating any.
//!
//! The model constructors are the only definition of the architecture: they are run here against a backend that
//! notes what they ask for and hands out tensors of no size.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::{DynamicsModel, Error, GenieConfig, LatentActionModel, VideoTokenizer};

/// Name and shape of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Dotted name, as in a checkpoint.
    pub name: String,
    /// Dimensions.
    pub shape: Vec<usize>,
}

impl ParameterSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the parameter has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Clone, Default)]
struct Recorder {
    specs: Arc<Mutex<Vec<ParameterSpec>>>,
}

impl SimpleBackend for Recorder {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        self.specs
            .lock()
            .expect("recording never panics while it holds the lock")
            .push(ParameterSpec {
                name: name.to_owned(),
                shape: shape.dims().to_vec(),
            });
        // One value seen through strides of zero: any shape costs four bytes.
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the shape of {name} is not known")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Names and shapes of the parameters of the part of the model that `build` constructs.
fn record<M>(
    build: impl FnOnce(VarBuilder<'static>) -> Result<M, Error>,
) -> Result<Vec<ParameterSpec>, Error> {
    let recorder = Recorder::default();
    let vb = VarBuilder::from_backend(Box::new(recorder.clone()), DType::F32, Device::Cpu);
    build(vb)?;
    let mut specs = recorder
        .specs
        .lock()
        .expect("recording never panics while it holds the lock");
    Ok(std::mem::take(&mut *specs))
}

/// Names and shapes of every parameter of the model with this configuration, in the order of construction: tokenizer,
/// latent action model, dynamics.
///
/// # Errors
/// [`Error::Config`] if the configuration is not valid.
pub fn parameter_specs(config: &GenieConfig) -> Result<Vec<ParameterSpec>, Error> {
    config.validate()?;
    record(|vb| {
        VideoTokenizer::new(config, vb.pp("tokenizer"))?;
        LatentActionModel::new(config, vb.pp("latent_actions"))?;
        DynamicsModel::new(config, vb.pp("dynamics"))?;
        Ok(())
    })
}

/// Number of parameters under a prefix such as `dynamics`; the empty prefix counts all.
///
/// # Errors
/// [`Error::Config`] if the configuration is not valid.
pub fn parameter_count(config: &GenieConfig, prefix: &str) -> Result<usize, Error> {
    Ok(parameter_specs(config)?
        .iter()
        .filter(|spec| spec.name.starts_with(prefix))
        .map(ParameterSpec::len)
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dynamics_sizes_match_the_scaling_table() {
        // Table of the paper's appendix: name and parameters of the dynamics model.
        let table = [
            ("41M", 41e6),
            ("96M", 96e6),
            ("192M", 192e6),
            ("404M", 404e6),
            ("811M", 811e6),
            ("1.6B", 1.6e9),
            ("2.7B", 2.7e9),
            ("10.1B", 10.1e9),
        ];
        for (name, expected) in table {
            let config = GenieConfig::paper(name).unwrap();
            let count = parameter_count(&config, "dynamics").unwrap() as f64;
            let off = (count / expected - 1.0).abs();
            assert!(off < 0.08, "{name}: {count} parameters, {off:.3} off");
        }
    }

    #[test]
    fn the_papers_models_have_its_published_sizes() {
        // Section 3: 200M parameters of the tokenizer, 300M of the latent action model, 10.7B of all.
        let config = GenieConfig::paper("10.1B").unwrap();
        let millions = |part: &str| parameter_count(&config, part).unwrap() as f64 / 1e6;
        for (part, published) in [("tokenizer", 200.0), ("latent_actions", 300.0)] {
            let found = millions(part);
            let rounded = (found / 100.0).round() * 100.0;
            assert!((rounded - published).abs() < 1.0, "{part}: {found}");
        }
        let off = (millions("") / 10_700.0 - 1.0).abs();
        assert!(off < 0.08, "{off:.3} off");
    }
}
