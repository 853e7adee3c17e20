//! Checkpoints: what is written is read, and nothing else is.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use common::{picture, random_checkpoint, small_config};
use genie_model::checkpoint::{Checkpoint, WeightFormat};
use genie_model::{
    AdjacentPairs, CheckpointError, Error, QuantizerConfig, TokenAdjacency, WorldModel,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

fn bytes() -> Vec<u8> {
    random_checkpoint(&small_config(), 1)
        .to_bytes(WeightFormat::F32)
        .unwrap()
}

fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    match Checkpoint::from_bytes("test", bytes) {
        Ok(checkpoint) => Ok(checkpoint),
        Err(Error::Checkpoint(error)) => Err(error),
        Err(other) => panic!("{other} is no checkpoint error"),
    }
}

/// Name, type, shape and bytes.
type StoredTensor = (String, safetensors::Dtype, Vec<usize>, Vec<u8>);

/// The file with its header's fields and its tensors changed by `edit`.
fn edited(
    bytes: &[u8],
    edit: impl FnOnce(&mut HashMap<String, String>, &mut Vec<StoredTensor>),
) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    let stored = |(name, view): (String, TensorView)| {
        (
            name,
            view.dtype(),
            view.shape().to_vec(),
            view.data().to_vec(),
        )
    };
    let mut tensors: Vec<_> = file.tensors().into_iter().map(stored).collect();
    edit(&mut metadata, &mut tensors);
    let views = tensors.iter().map(|(name, kind, shape, data)| {
        let view = TensorView::new(*kind, shape.clone(), data).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, Some(metadata)).unwrap()
}

#[test]
fn a_written_world_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.genie.safetensors");
    let checkpoint = random_checkpoint(&small_config(), 1);
    checkpoint.write(&path, WeightFormat::F32).unwrap();
    let world = WorldModel::load(&path).unwrap();
    let direct = WorldModel::new(checkpoint.clone(), &Device::Cpu).unwrap();
    assert_eq!(world.fingerprint(), direct.fingerprint());
    assert_eq!(world.actions(), checkpoint.actions);
    let mut a = world.prompt(&picture(32, 1), 1).unwrap();
    let mut b = direct.prompt(&picture(32, 1), 1).unwrap();
    assert_eq!(a.step(1).unwrap(), b.step(1).unwrap());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left"
    );
}

fn with_adjacency() -> Checkpoint {
    let mut checkpoint = random_checkpoint(&small_config(), 1);
    let pairs = AdjacentPairs {
        right: vec![[0, 1], [1, 1]],
        below: vec![[1, 0]],
    };
    let codes = small_config().tokenizer.quantizer.codes();
    let columns = small_config().token_columns();
    checkpoint.adjacency = TokenAdjacency::new(codes, columns, pairs, 3.5);
    checkpoint
}

#[test]
fn adjacency_is_read_back() {
    let checkpoint = with_adjacency();
    assert!(checkpoint.adjacency.is_some());
    let read = read(&checkpoint.to_bytes(WeightFormat::F16).unwrap()).unwrap();
    assert_eq!(read.adjacency, checkpoint.adjacency);
    // It decides what is generated: a world with another adjacency is another world.
    let without = random_checkpoint(&small_config(), 1);
    let [with, without] = [checkpoint, without].map(|it| {
        let world = WorldModel::new(it, &Device::Cpu).unwrap();
        world.fingerprint()
    });
    assert_ne!(with, without);
}

/// Tokens of few codes take two bytes each; files that spend four on them are read as well.
#[test]
fn adjacency_of_narrow_and_of_wide_numbers_is_the_same() {
    use safetensors::Dtype::{U16, U32};
    let narrow = with_adjacency().to_bytes(WeightFormat::F32).unwrap();
    let wide = edited(&narrow, |_, tensors| {
        for (name, kind, _, data) in tensors {
            if ["adjacency.right", "adjacency.below"].contains(&name.as_str()) {
                assert_eq!(*kind, U16);
                let tokens = data
                    .chunks_exact(2)
                    .map(|b| u16::from_le_bytes([b[0], b[1]]));
                (*kind, *data) = (
                    U32,
                    tokens.flat_map(|it| u32::from(it).to_le_bytes()).collect(),
                );
            }
        }
    });
    assert!(wide.len() > narrow.len());
    let [narrow, wide] = [narrow, wide].map(|bytes| read(&bytes).unwrap());
    assert_eq!(narrow.adjacency, with_adjacency().adjacency);
    assert_eq!(narrow.adjacency, wide.adjacency);
    // A token that two bytes do not hold.
    let mut many = small_config();
    many.tokenizer.quantizer = QuantizerConfig::Vq {
        codes: 70_000,
        dim: 4,
        stages: 1,
    };
    let mut checkpoint = random_checkpoint(&many, 1);
    let pairs = AdjacentPairs {
        right: vec![[0, 69_999]],
        below: vec![[1, 0]],
    };
    checkpoint.adjacency = TokenAdjacency::new(70_000, many.token_columns(), pairs, 3.5);
    let back = read(&checkpoint.to_bytes(WeightFormat::F32).unwrap()).unwrap();
    assert!(back.adjacency.is_some());
    assert_eq!(back.adjacency, checkpoint.adjacency);
}

/// Files made before the first release have other names for these tensors.
#[test]
fn adjacency_under_its_old_names_is_the_same() {
    let new = with_adjacency().to_bytes(WeightFormat::F32).unwrap();
    let old = edited(&new, |_, tensors| {
        for (name, ..) in tensors {
            *name = name
                .replace("adjacency.penalty", "neighbours.surprise")
                .replace("adjacency.", "neighbours.");
        }
    });
    let text = String::from_utf8_lossy(&old);
    assert!(text.contains("neighbours.surprise") && !text.contains("adjacency."));
    let [new, old] = [new, old].map(|bytes| read(&bytes).unwrap());
    assert!(old.adjacency.is_some());
    assert_eq!(new.adjacency, old.adjacency);
    let fingerprint = |it| WorldModel::new(it, &Device::Cpu).unwrap().fingerprint();
    assert_eq!(fingerprint(new), fingerprint(old));
}

#[test]
fn impossible_adjacency_is_refused() {
    use safetensors::Dtype::{F32, I32, U32};
    let good = with_adjacency().to_bytes(WeightFormat::F32).unwrap();
    let pair = |other: u32| [0, other].into_iter().flat_map(u32::to_le_bytes).collect();
    let nan = f32::NAN.to_le_bytes().to_vec();
    for (name, kind, shape, data) in [
        ("adjacency.right", U32, vec![1, 2], pair(1 << 20)),
        ("adjacency.below", U32, vec![2, 1], pair(1)),
        ("adjacency.below", U32, vec![2], pair(1)),
        ("adjacency.below", I32, vec![1, 2], pair(1)),
        ("adjacency.penalty", F32, vec![1], nan),
        ("adjacency.penalty", F32, vec![0], Vec::new()),
    ] {
        let bytes = edited(&good, |_, tensors| {
            tensors.retain(|tensor| tensor.0 != name);
            tensors.push((name.to_owned(), kind, shape, data));
        });
        let error = read(&bytes).unwrap_err();
        let named = matches!(&error, CheckpointError::Shape { tensor, .. } if tensor.starts_with("adjacency."));
        assert!(named, "{error}");
    }
    let bytes = edited(&good, |_, tensors| {
        tensors.retain(|tensor| tensor.0 != "adjacency.penalty");
    });
    let error = read(&bytes).unwrap_err();
    assert!(matches!(&error, CheckpointError::Missing { .. }), "{error}");
}

#[test]
fn half_precision_halves_the_file_and_keeps_the_weights() {
    let checkpoint = random_checkpoint(&small_config(), 1);
    let half = checkpoint.to_bytes(WeightFormat::F16).unwrap();
    assert!(half.len() < bytes().len() * 6 / 10);
    let read = read(&half).unwrap();
    for (name, tensor) in &checkpoint.tensors {
        let off = (tensor - &read.tensors[name]).unwrap().abs().unwrap();
        let off = off.max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(off < 2e-3, "{name} is {off} off");
    }
}

#[test]
fn bytes_for_the_dynamics_make_the_file_smaller_and_keep_its_weights_to_half_a_step_of_their_row() {
    let checkpoint = random_checkpoint(&small_config(), 1);
    let small = checkpoint.to_bytes(WeightFormat::Int8).unwrap();
    let half = checkpoint.to_bytes(WeightFormat::F16).unwrap();
    assert!(
        small.len() < half.len() * 9 / 10,
        "{} of {}",
        small.len(),
        half.len()
    );
    let read_back = read(&small).unwrap();
    for (name, tensor) in &checkpoint.tensors {
        let columns = tensor.dims().last().copied().unwrap_or(1);
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (before, after) = (values(tensor), values(&read_back.tensors[name]));
        for (before, after) in before.chunks(columns).zip(after.chunks(columns)) {
            let most = before
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            for (before, after) in before.iter().zip(after) {
                let off = (before - after).abs();
                let step = if name.starts_with("dynamics.") {
                    most / 127.0
                } else {
                    1e-3
                };
                assert!(off <= step * 0.55 + 1e-7, "{name}: {before} is {after}");
            }
        }
    }
    // Nothing is lost by writing it again, and what has another format is read from it.
    assert!(read_back.to_bytes(WeightFormat::Int8).unwrap() == small);
    let wide = read(&read_back.to_bytes(WeightFormat::F32).unwrap()).unwrap();
    assert!(wide.to_bytes(WeightFormat::Int8).unwrap() == small);
}

#[test]
fn a_matrix_of_bytes_without_fitting_steps_is_refused() {
    let small = random_checkpoint(&small_config(), 1)
        .to_bytes(WeightFormat::Int8)
        .unwrap();
    let missing = edited(&small, |_, tensors| {
        tensors.retain(|it| it.0 != "dynamics.head.step");
    });
    let error = read(&missing).unwrap_err();
    let CheckpointError::Missing { tensor, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(tensor, "dynamics.head.step");
    let short = edited(&small, |_, tensors| {
        let steps = tensors
            .iter_mut()
            .find(|it| it.0 == "dynamics.head.step")
            .unwrap();
        (steps.2, steps.3) = (vec![1], vec![0; 4]);
    });
    let error = read(&short).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::Shape { tensor, .. } if tensor == "dynamics.head.step"),
        "{error}"
    );
    let endless = edited(&small, |_, tensors| {
        let steps = tensors
            .iter_mut()
            .find(|it| it.0 == "dynamics.head.step")
            .unwrap();
        steps.3[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    let error = read(&endless).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::NonFinite { tensor, .. } if tensor == "dynamics.head"),
        "{error}"
    );
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes() {
    // The order of hash maps differs from one map to the next.
    let first = bytes();
    for _ in 0..8 {
        assert!(first == bytes());
    }
}

#[test]
fn errors_name_the_tensor() {
    let missing = edited(&bytes(), |_, tensors| {
        tensors.retain(|t| t.0 != "dynamics.head");
    });
    let error = read(&missing).unwrap_err();
    assert!(matches!(&error, CheckpointError::Missing { tensor, .. } if tensor == "dynamics.head"));

    let extra = edited(&bytes(), |_, t| {
        t.push((
            "dynamics.tail".to_owned(),
            safetensors::Dtype::F32,
            vec![1],
            vec![0; 4],
        ));
    });
    let error = read(&extra).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::Unexpected { tensor, .. } if tensor == "dynamics.tail")
    );

    let reshaped = edited(&bytes(), |_, tensors| {
        let head = tensors.iter_mut().find(|t| t.0 == "dynamics.head").unwrap();
        head.2.reverse();
    });
    let error = read(&reshaped).unwrap_err();
    assert!(matches!(&error, CheckpointError::Shape { tensor, .. } if tensor == "dynamics.head"));

    let infinite = edited(&bytes(), |_, tensors| {
        let head = tensors.iter_mut().find(|t| t.0 == "dynamics.head").unwrap();
        head.3[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    let error = read(&infinite).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::NonFinite { tensor, .. } if tensor == "dynamics.head")
    );
    assert!(error.to_string().contains("test"), "{error} names the file");
}

#[test]
fn headers_are_not_believed() {
    for (field, value) in [
        ("format", "something else"),
        ("version", "two"),
        ("config", "{}"),
        ("actions", "[]"),
        ("provenance", "7"),
    ] {
        let lying = edited(&bytes(), |header, _| {
            header.insert(field.to_owned(), value.to_owned());
        });
        assert!(
            matches!(read(&lying).unwrap_err(), CheckpointError::Header { field: f, .. } if f == field)
        );
        if field != "provenance" {
            let silent = edited(&bytes(), |header, _| {
                header.remove(field);
            });
            assert!(matches!(
                read(&silent).unwrap_err(),
                CheckpointError::Header { .. }
            ));
        }
    }
    let newer = edited(&bytes(), |header, _| {
        header.insert("version".to_owned(), "2".to_owned());
    });
    assert!(matches!(
        read(&newer).unwrap_err(),
        CheckpointError::Version { found: 2, .. }
    ));
    // Sizes that would take more memory than there is must be refused without taking it.
    for (old, new) in [
        ("\"codes\":24", "\"codes\":1000000"),
        ("\"layers\":3", "\"layers\":200"),
        ("\"actions\":4", "\"actions\":1000"),
    ] {
        let lying = edited(&bytes(), |header, _| {
            let config = header.get_mut("config").unwrap();
            assert!(config.contains(old), "{config}");
            *config = config.replace(old, new);
        });
        read(&lying).unwrap_err();
    }
}

#[test]
fn an_incomplete_checkpoint_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoint = random_checkpoint(&small_config(), 1);
    checkpoint.tensors.insert(
        "dynamics.head".to_owned(),
        Tensor::zeros((1, 1), DType::F32, &Device::Cpu).unwrap(),
    );
    let path = folder.path().join("bad.genie.safetensors");
    checkpoint.write(&path, WeightFormat::F32).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Checkpoint::from_bytes("random", &bytes).is_err());
    }

    #[test]
    fn truncated_files_are_an_error(share in 0.0f64..1.0) {
        let bytes = bytes();
        let cut = (bytes.len() as f64 * share) as usize;
        prop_assert!(Checkpoint::from_bytes("cut", &bytes[..cut]).is_err());
    }

    /// A damaged header gives an error or, where the damage does not matter, a checkpoint; never a panic.
    #[test]
    fn damaged_headers_do_not_break_the_reader(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = bytes();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (at, value) in damage {
            bytes[at.index(header)] = value;
        }
        if let Ok(checkpoint) = Checkpoint::from_bytes("damaged", &bytes) {
            prop_assert!(checkpoint.config.validate().is_ok());
        }
    }
}
