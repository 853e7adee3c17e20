//! The packed weights of a stack of blocks.

use std::sync::Mutex;

use candle_core::{Result, Tensor};

use super::scratch::{Scratch, Sizes};
use crate::ops::packed::{PackedWeight, packable};
use crate::ops::rotary::TokenGrid;
use crate::ops::simd::padded;
use crate::ops::sublayer::{AttentionWeights, FeedForwardWeights};

/// The weights of one block, as they are before packing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedBlockWeights<'a> {
    pub(crate) spatial: &'a AttentionWeights,
    pub(crate) temporal: &'a AttentionWeights,
    pub(crate) feed_forward: &'a FeedForwardWeights,
}

/// A stack of blocks with packed weights.
#[derive(Debug)]
pub(crate) struct PackedStack {
    pub(super) blocks: Vec<Block>,
    pub(super) sizes: Sizes,
    /// Cosines and sines `[N, d / 2]` of the tokens' places, where spatial attention knows them.
    pub(super) places: Option<(Vec<f32>, Vec<f32>)>,
    /// Memory of tasks that are done, for those to come.
    pub(super) spare: Mutex<Vec<Scratch>>,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) spatial: Attention,
    pub(super) temporal: Attention,
    pub(super) up: PackedWeight,
    pub(super) down: PackedWeight,
}

#[derive(Debug)]
pub(super) struct Attention {
    pub(super) qkv: PackedWeight,
    pub(super) out: PackedWeight,
    /// Padded to whole vectors; that of the queries divided by the root of the head width, which scales the logits.
    pub(super) q_scale: Vec<f32>,
    pub(super) k_scale: Vec<f32>,
}

impl Attention {
    fn new(weights: &AttentionWeights) -> Result<Self> {
        let scale = |scale: &Tensor, root: f32| -> Result<Vec<f32>> {
            let mut scale = scale.to_vec1::<f32>()?;
            for v in &mut scale {
                *v /= root;
            }
            scale.resize(padded(scale.len()), 0.0);
            Ok(scale)
        };
        let root = (weights.q_scale.elem_count() as f32).sqrt();
        Ok(Self {
            qkv: PackedWeight::new(&weights.qkv, Some(&weights.norm))?,
            out: PackedWeight::new(&weights.out, None)?,
            q_scale: scale(&weights.q_scale, root)?,
            k_scale: scale(&weights.k_scale, 1.0)?,
        })
    }
}

impl PackedStack {
    /// Packs blocks of `heads` heads each. `None` where the weights are trained, not on the CPU, or there are no blocks.
    ///
    /// # Errors
    /// When shapes do not match.
    pub(crate) fn new<'a>(
        blocks: impl Iterator<Item = PackedBlockWeights<'a>>,
        heads: usize,
        grid: Option<TokenGrid>,
    ) -> Result<Option<Self>> {
        let mut packed = Vec::new();
        let (mut head_width, mut width, mut hidden) = (0, 0, 0);
        for block in blocks {
            let ff = block.feed_forward;
            for w in [block.spatial, block.temporal] {
                if !packable(&[&w.norm, &w.qkv, &w.q_scale, &w.k_scale, &w.out]) {
                    return Ok(None);
                }
            }
            if !packable(&[&ff.norm, &ff.up, &ff.down]) {
                return Ok(None);
            }
            head_width = block.spatial.q_scale.elem_count();
            (hidden, width) = ff.up.dims2()?;
            packed.push(Block {
                spatial: Attention::new(block.spatial)?,
                temporal: Attention::new(block.temporal)?,
                up: PackedWeight::new(&ff.up, Some(&ff.norm))?,
                down: PackedWeight::new(&ff.down, None)?,
            });
        }
        Ok((!packed.is_empty()).then_some(Self {
            blocks: packed,
            sizes: Sizes {
                heads,
                head_width,
                width,
                hidden,
            },
            places: grid.map(|grid| grid.angles(head_width)),
            spare: Mutex::default(),
        }))
    }

    /// Number of blocks.
    pub(crate) fn layers(&self) -> usize {
        self.blocks.len()
    }
}
