//! Token adjacency as tensors of a checkpoint.

use safetensors::SafeTensors;

use super::error::CheckpointError;
use crate::{AdjacentPairs, Error, GenieConfig, TokenAdjacency};

/// Tensors of [`TokenAdjacency`]: pairs `[P, 2]` as u32, and one f32.
pub(super) const ADJACENCY: [&str; 3] = ["adjacency.right", "adjacency.below", "adjacency.penalty"];
/// Their names in files made before the first release, which are read still.
pub(super) const ADJACENCY_BEFORE: [&str; 3] = [
    "neighbours.right",
    "neighbours.below",
    "neighbours.surprise",
];

/// Name, shape, bytes and type of each of the tensors in [`ADJACENCY`].
pub(super) fn adjacency_tensors(
    adjacency: &TokenAdjacency,
) -> [(String, Vec<usize>, Vec<u8>, safetensors::Dtype); 3] {
    let pairs = |name: &str, pairs: &[[u32; 2]]| {
        let bytes = pairs.iter().flatten().flat_map(|token| token.to_le_bytes());
        let shape = vec![pairs.len(), 2];
        (
            name.to_owned(),
            shape,
            bytes.collect(),
            safetensors::Dtype::U32,
        )
    };
    let [right, below, penalty] = ADJACENCY;
    let all = adjacency.pairs();
    let bytes = adjacency.penalty().to_le_bytes().to_vec();
    [
        pairs(right, &all.right),
        pairs(below, &all.below),
        (penalty.to_owned(), vec![1], bytes, safetensors::Dtype::F32),
    ]
}

/// The adjacency in the tensors of these names: pairs to the right, pairs below, and the penalty.
pub(super) fn read_adjacency(
    source_name: &str,
    config: &GenieConfig,
    file: &SafeTensors,
    [right, below, penalty]: [&str; 3],
) -> Result<TokenAdjacency, Error> {
    let codes = config.tokenizer.quantizer.codes();
    let wrong = |tensor: &str, found: String, expected: &str| CheckpointError::Shape {
        source_name: source_name.to_owned(),
        tensor: tensor.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    let read = |tensor: &str, columns: usize, kind: safetensors::Dtype| {
        let view = file.tensor(tensor).map_err(|_| CheckpointError::Missing {
            source_name: source_name.to_owned(),
            tensor: tensor.to_owned(),
        })?;
        let fits = view.dtype() == kind
            && view.shape().iter().skip(1).product::<usize>() == columns
            && view.data().len().is_multiple_of(4 * columns);
        if !fits {
            let found = format!("{:?} of {:?}", view.shape(), view.dtype());
            return Err(wrong(tensor, found, &format!("[_, {columns}] of {kind:?}")));
        }
        let numbers = view.data().chunks_exact(4);
        let numbers = numbers.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(numbers.collect::<Vec<u32>>())
    };
    let pairs = |tensor: &str| {
        let numbers = read(tensor, 2, safetensors::Dtype::U32)?;
        Ok::<_, CheckpointError>(numbers.chunks_exact(2).map(|p| [p[0], p[1]]).collect())
    };
    let pairs = AdjacentPairs {
        right: pairs(right)?,
        below: pairs(below)?,
    };
    let numbers = read(penalty, 1, safetensors::Dtype::F32)?;
    let number = numbers.first().map_or(f32::NAN, |&it| f32::from_bits(it));
    let all = TokenAdjacency::new(codes, config.token_columns(), pairs, number);
    let Some(all) = all else {
        let expected = format!("pairs of tokens below {codes} and a penalty of at least 0 nats");
        return Err(wrong(right, format!("and {penalty} are {number}"), &expected).into());
    };
    Ok(all)
}
