//! Checkpoints: one file for a world, `*.genie.safetensors`. It holds the weights in a [`WeightFormat`] and, in its header, the
//! configuration, the version of the format, the action labels and the provenance of the weights.

mod adjacency;
mod error;
mod weights;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use candle_core::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use self::adjacency::{ADJACENCY, ADJACENCY_BEFORE, adjacency_tensors, read_adjacency};
pub use self::error::CheckpointError;
use self::error::VERSION;
pub use self::weights::WeightFormat;
use self::weights::{read_weights, stored};
use crate::atomic_file;
use crate::picture::{UNKNOWN, looks_like};
use crate::{Error, GenieConfig, ParameterSpec, TokenAdjacency, parameter_specs};

const FORMAT: &str = "bevy_genie";
/// Tensor of bytes that holds what infers actions from footage without an encoder.
const AGENT: &str = "latent_actions.agent";
/// Larger files are refused before they are read: the paper's largest model fits four times over.
const MAX_FILE_BYTES: u64 = 64 << 30;

/// What a latent action does, in words, and which keys drive it unless the game says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionLabel {
    /// A short name such as `right` or `right_jump`; `action_3` if it was not named.
    pub name: String,
    /// Names of the keys held for it, as Bevy's `KeyCode` names them; each inner list is one combination.
    #[serde(default)]
    pub keys: Vec<Vec<String>>,
    /// Whether players are not offered it: the world does something else where it is commanded. It is still a latent action of real footage.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
}

// As serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// A checkpoint in memory.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The models' configuration.
    pub config: GenieConfig,
    /// One label per latent action.
    pub actions: Vec<ActionLabel>,
    /// Provenance of the weights: free text by topic.
    pub provenance: BTreeMap<String, String>,
    /// All weights as f32, by name.
    pub tensors: HashMap<String, Tensor>,
    /// Token adjacency of the footage, if it was counted.
    pub adjacency: Option<TokenAdjacency>,
    /// The player that was found in the footage, from which actions are inferred where there is no encoder: bytes as `genie_training`
    /// writes and reads them. Play does not need it.
    pub agent: Option<Vec<u8>>,
}

impl Checkpoint {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] says what is wrong, and with which tensor; [`Error::Config`] if the configuration inside
    /// is not valid.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let source_name = path.display().to_string();
        let io = |error| CheckpointError::Io {
            source_name: source_name.clone(),
            error,
        };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(CheckpointError::TooLarge { source_name, bytes }.into());
        }
        let bytes = std::fs::read(path).map_err(io)?;
        Self::from_bytes(&source_name, &bytes)
    }

    /// Reads and checks the bytes of a checkpoint called `source_name` in errors.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn from_bytes(source_name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |error: safetensors::SafeTensorError| {
            let known = looks_like(bytes);
            CheckpointError::Damaged {
                source_name: source_name.to_owned(),
                reason: if known == UNKNOWN {
                    error.to_string()
                } else {
                    known
                },
            }
        };
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let header = |field: &'static str, reason: &str| CheckpointError::Header {
            source_name: source_name.to_owned(),
            field,
            reason: reason.to_owned(),
        };
        let text = |field: &'static str| {
            metadata
                .get(field)
                .ok_or_else(|| header(field, "it is not there"))
        };
        if text("format")? != FORMAT {
            return Err(header("format", "it is another program's file").into());
        }
        let version = text("version")?
            .parse::<u32>()
            .map_err(|e| header("version", &e.to_string()))?;
        if version != VERSION {
            return Err(CheckpointError::Version {
                source_name: source_name.to_owned(),
                found: version,
            }
            .into());
        }
        let config: GenieConfig =
            serde_json::from_str(text("config")?).map_err(|e| header("config", &e.to_string()))?;
        config
            .validate()
            .map_err(|e| header("config", &e.to_string()))?;
        let actions: Vec<ActionLabel> = serde_json::from_str(text("actions")?)
            .map_err(|e| header("actions", &e.to_string()))?;
        if actions.len() != config.latent_actions.actions {
            return Err(header("actions", "it must have one label per latent action").into());
        }
        let provenance = match metadata.get("provenance") {
            Some(text) => {
                serde_json::from_str(text).map_err(|e| header("provenance", &e.to_string()))?
            }
            None => BTreeMap::new(),
        };

        let names = file.names();
        let with_encoder = names
            .iter()
            .any(|name| name.starts_with("latent_actions.encoder."));
        let expected = checkpoint_specs(&config, with_encoder)?;
        let mut tensors = HashMap::with_capacity(expected.len());
        let mut held = BTreeSet::new();
        for spec in &expected {
            let (tensor, names) = read_weights(source_name, spec, &file)?;
            tensors.insert(spec.name.clone(), tensor);
            held.extend(names);
        }
        let adjacency_names = [ADJACENCY, ADJACENCY_BEFORE]
            .into_iter()
            .find(|all| names.iter().any(|name| all.contains(name)));
        let adjacency = adjacency_names
            .map(|names| read_adjacency(source_name, &config, &file, names))
            .transpose()?;
        let agent = names
            .contains(&AGENT)
            .then(|| file.tensor(AGENT).map_err(damaged))
            .transpose()?
            .map(|view| view.data().to_vec());
        let known = |name: &str| {
            name == AGENT
                || held.contains(name)
                || adjacency_names.is_some_and(|all| all.contains(&name))
        };
        if let Some(name) = names.iter().find(|name| !known(name)) {
            return Err(CheckpointError::Unexpected {
                source_name: source_name.to_owned(),
                tensor: (*name).to_owned(),
            }
            .into());
        }
        Ok(Self {
            config,
            actions,
            provenance,
            tensors,
            adjacency,
            agent,
        })
    }

    /// Whether the latent action model's encoder is inside, which evaluation needs and play does not.
    pub fn has_latent_action_encoder(&self) -> bool {
        self.tensors
            .keys()
            .any(|name| name.starts_with("latent_actions.encoder."))
    }

    /// The bytes of the file, with weights in a format.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a tensor is missing or of another shape than the configuration says.
    pub fn to_bytes(&self, format: WeightFormat) -> Result<Vec<u8>, Error> {
        let source_name = "checkpoint";
        let expected = checkpoint_specs(&self.config, self.has_latent_action_encoder())?;
        let mut data = Vec::with_capacity(expected.len());
        for spec in &expected {
            let tensor = self
                .tensors
                .get(&spec.name)
                .ok_or_else(|| CheckpointError::Missing {
                    source_name: source_name.to_owned(),
                    tensor: spec.name.clone(),
                })?;
            if tensor.dims() != spec.shape {
                return Err(CheckpointError::Shape {
                    source_name: source_name.to_owned(),
                    tensor: spec.name.clone(),
                    found: format!("{:?}", tensor.dims()),
                    expected: format!("{:?}", spec.shape),
                }
                .into());
            }
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            data.extend(stored(spec, &values, format));
        }
        if let Some(adjacency) = &self.adjacency {
            data.extend(adjacency_tensors(adjacency));
        }
        if let Some(agent) = &self.agent {
            let kind = safetensors::Dtype::U8;
            data.push((AGENT.to_owned(), vec![agent.len()], agent.clone(), kind));
        }
        let views = data
            .iter()
            .map(|(name, shape, bytes, kind)| {
                let view = TensorView::new(*kind, shape.clone(), bytes)
                    .map_err(candle_core::Error::wrap)?;
                Ok((name.clone(), view))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let json = |value: serde_json::Result<String>| {
            value.expect("plain data structures always serialise")
        };
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("version".to_owned(), VERSION.to_string()),
            (
                "config".to_owned(),
                json(serde_json::to_string(&self.config)),
            ),
            (
                "actions".to_owned(),
                json(serde_json::to_string(&self.actions)),
            ),
            (
                "provenance".to_owned(),
                json(serde_json::to_string(&self.provenance)),
            ),
        ]);
        let bytes =
            safetensors::serialize(views, Some(metadata)).map_err(candle_core::Error::wrap)?;
        Ok(with_sorted_header(bytes))
    }

    /// Writes the file, first under a temporary name, so that a file of this name is always whole.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the checkpoint is not complete or the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, format: WeightFormat) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = self.to_bytes(format)?;
        let io = |error| CheckpointError::Io {
            source_name: path.display().to_string(),
            error,
        };
        Ok(atomic_file::write(path, &bytes).map_err(io)?)
    }
}

/// The same file with its header's fields in the order of their names: the same checkpoint gives the same bytes.
fn with_sorted_header(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header = &mut bytes[8..8 + length];
    let mut fields: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).expect("a header that was just written");
    if let Some(metadata) = fields.get_mut("__metadata__") {
        let sorted: BTreeMap<String, serde_json::Value> =
            serde_json::from_value(metadata.take()).expect("metadata is an object");
        *metadata = serde_json::json!(sorted);
    }
    let sorted = serde_json::to_vec(&fields).expect("plain data structures always serialise");
    // The same fields take the same space; the rest is padding.
    header[..sorted.len()].copy_from_slice(&sorted);
    header[sorted.len()..].fill(b' ');
    bytes
}

/// What a checkpoint holds: everything that play needs, and the latent action encoder if it is kept.
fn checkpoint_specs(config: &GenieConfig, with_encoder: bool) -> Result<Vec<ParameterSpec>, Error> {
    let mut specs = parameter_specs(config)?;
    specs.retain(|spec| {
        !spec.name.starts_with("latent_actions.decoder.")
            && (with_encoder || !spec.name.starts_with("latent_actions.encoder."))
    });
    Ok(specs)
}
