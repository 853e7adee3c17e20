//! Token adjacency as tensors of a checkpoint.

use safetensors::SafeTensors;

use super::error::CheckpointError;
use crate::{AdjacentPairs, Error, GenieConfig, TokenAdjacency};

/// Tensors of [`TokenAdjacency`]: pairs `[P, 2]` as u16, or as u32 where a token needs that and in files made before the first release;
/// and one f32.
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
    let all = adjacency.pairs();
    let tokens = all.right.iter().chain(&all.below).flatten();
    let narrow = tokens
        .max()
        .is_none_or(|&token| u16::try_from(token).is_ok());
    let (kind, size) = if narrow {
        (safetensors::Dtype::U16, size_of::<u16>())
    } else {
        (safetensors::Dtype::U32, size_of::<u32>())
    };
    let pairs = |name: &str, pairs: &[[u32; 2]]| {
        // The first bytes of a number are its low ones.
        let tokens = pairs.iter().flatten();
        let bytes = tokens.flat_map(|token| token.to_le_bytes().into_iter().take(size));
        let shape = vec![pairs.len(), 2];
        (name.to_owned(), shape, bytes.collect(), kind)
    };
    let [right, below, penalty] = ADJACENCY;
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
    let read = |tensor: &str, columns: usize, kinds: &[safetensors::Dtype]| {
        let view = file.tensor(tensor).map_err(|_| CheckpointError::Missing {
            source_name: source_name.to_owned(),
            tensor: tensor.to_owned(),
        })?;
        let size = view.dtype().bitsize() / 8;
        let fits = kinds.contains(&view.dtype())
            && view.shape().iter().skip(1).product::<usize>() == columns
            && view.data().len().is_multiple_of(size * columns);
        if !fits {
            let found = format!("{:?} of {:?}", view.shape(), view.dtype());
            let expected = format!("[_, {columns}] of one of {kinds:?}");
            return Err(wrong(tensor, found, &expected));
        }
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |all, &b| all << 8 | u32::from(b))
        };
        Ok(view
            .data()
            .chunks_exact(size)
            .map(number)
            .collect::<Vec<u32>>())
    };
    let pairs = |tensor: &str| {
        let numbers = read(
            tensor,
            2,
            &[safetensors::Dtype::U16, safetensors::Dtype::U32],
        )?;
        Ok::<_, CheckpointError>(numbers.chunks_exact(2).map(|p| [p[0], p[1]]).collect())
    };
    let pairs = AdjacentPairs {
        right: pairs(right)?,
        below: pairs(below)?,
    };
    let numbers = read(penalty, 1, &[safetensors::Dtype::F32])?;
    let number = numbers.first().map_or(f32::NAN, |&it| f32::from_bits(it));
    let all = TokenAdjacency::new(codes, config.token_columns(), pairs, number);
    let Some(all) = all else {
        let expected = format!("pairs of tokens below {codes} and a penalty of at least 0 nats");
        return Err(wrong(right, format!("and {penalty} are {number}"), &expected).into());
    };
    Ok(all)
}
