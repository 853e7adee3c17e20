//! The spatiotemporal transformer that every network is built on (paper section 2).
//!
//! A block attends inside each frame, then over time at each position, then applies one feed-forward. All three are
//! pre-norm residual branches whose last projection starts at zero, so that a fresh transformer is the identity. The
//! attentions normalise queries and keys; temporal attention is causal, windowed and depends on relative time only, and spatial
//! attention may depend on relative positions ([`TransformerConfig::rotary_space`]).
//!
//! There are three passes with the same weights and the same result:
//!
//! - [`forward`](SpatioTemporalTransformer::forward): whole clips;
//! - [`forward_two_streams`](SpatioTemporalTransformer::forward_two_streams): whole clips beside masked copies of their
//!   frames, each of which sees the clean past, as in play;
//! - [`stream`](SpatioTemporalTransformer::stream): frame by frame against cached keys and values.

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use crate::ops::{
    self, AttentionPattern, AttentionWeights, Branch, FeedForwardWeights, KeyValue,
    PackedBlockWeights, PackedOnce, PackedStack, PassRow, TokenGrid,
};
use crate::{Error, TransformerConfig};

/// A stack of spatiotemporal blocks.
#[derive(Clone, Debug)]
pub struct SpatioTemporalTransformer {
    blocks: Vec<Block>,
    window: usize,
    heads: usize,
    /// The grid of tokens, if spatial attention depends on it.
    grid: Option<TokenGrid>,
    packed: PackedOnce<PackedStack>,
}

#[derive(Clone, Debug)]
struct Block {
    spatial: AttentionWeights,
    temporal: AttentionWeights,
    feed_forward: FeedForwardWeights,
}

/// Keys and values of one finished frame, one entry per block. Never changed once made, so worlds can share it.
#[derive(Clone, Debug)]
pub struct FrameState {
    pub(crate) blocks: Vec<KeyValue>,
}

/// The cache of a world: the [`FrameState`]s that are still in the window, oldest first. Clones share the frames.
#[derive(Clone, Debug, Default)]
pub struct TransformerCache {
    pub(crate) frames: VecDeque<Arc<FrameState>>,
}

impl TransformerCache {
    /// Appends a finished frame and drops those that are out of a window of `window` frames.
    pub fn push(&mut self, frame: FrameState, window: usize) {
        self.frames.push_back(Arc::new(frame));
        while self.frames.len() >= window.max(1) {
            self.frames.pop_front();
        }
    }

    /// Number of frames in the cache.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// One frame of one world in a streaming pass.
#[derive(Clone, Copy, Debug)]
pub struct StreamRow<'a> {
    /// Index of the frame in its world, counted from the prompt.
    pub time: u64,
    /// The finished frames before it.
    pub cache: &'a TransformerCache,
    /// The row of the same pass that holds the frame just before this one, if that is not in the cache yet. Such rows
    /// come after all rows without.
    pub after: Option<usize>,
    /// What the pass is to return of the row.
    pub wanted: Wanted,
}

/// What a streaming pass returns of a row; less is faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The output alone: the frame is not final.
    Output,
    /// The keys and values alone: the output of a finished frame is not needed.
    State,
    /// Both.
    Both,
}

impl Wanted {
    /// Whether the output is wanted.
    pub fn output(self) -> bool {
        self != Self::State
    }

    /// Whether keys and values are wanted.
    pub fn state(self) -> bool {
        self != Self::Output
    }
}

const UNIT: Init = Init::Const(1.0);

fn weight(fan_in: usize) -> Init {
    Init::Randn {
        mean: 0.0,
        stdev: (1.0 / fan_in as f64).sqrt(),
    }
}

fn attention(config: &TransformerConfig, vb: VarBuilder) -> Result<AttentionWeights, Error> {
    let (width, inner) = (config.width, config.attention_width());
    Ok(AttentionWeights {
        norm: vb.get_with_hints(width, "norm", UNIT)?,
        qkv: vb.get_with_hints((3 * inner, width), "qkv", weight(width))?,
        q_scale: vb.get_with_hints(config.head_width, "q_scale", UNIT)?,
        k_scale: vb.get_with_hints(config.head_width, "k_scale", UNIT)?,
        out: vb.get_with_hints((width, inner), "out", Init::Const(0.0))?,
    })
}

impl Block {
    fn new(config: &TransformerConfig, vb: VarBuilder) -> Result<Self, Error> {
        let (width, hidden) = (config.width, config.feed_forward * config.width);
        let ff = vb.pp("feed_forward");
        Ok(Self {
            spatial: attention(config, vb.pp("spatial"))?,
            temporal: attention(config, vb.pp("temporal"))?,
            feed_forward: FeedForwardWeights {
                norm: ff.get_with_hints(width, "norm", UNIT)?,
                up: ff.get_with_hints((hidden, width), "up", weight(width))?,
                down: ff.get_with_hints((width, hidden), "down", Init::Const(0.0))?,
            },
        })
    }

    /// Its residual branches on whole clips.
    fn branches(
        &self,
        heads: usize,
        spatial: AttentionPattern,
        temporal: AttentionPattern,
    ) -> Vec<Branch> {
        let attention = |weights: &AttentionWeights, pattern| Branch::Attention {
            weights: weights.clone(),
            heads,
            pattern,
        };
        vec![
            attention(&self.spatial, spatial),
            attention(&self.temporal, temporal),
            Branch::FeedForward(self.feed_forward.clone()),
        ]
    }

    /// Temporal attention of single frames `x` `[R, N, D]` against their pasts, residual included.
    fn temporal_stream(
        &self,
        x: &Tensor,
        rows: &[StreamRow],
        index: usize,
        window: usize,
        heads: usize,
    ) -> candle_core::Result<(Tensor, Vec<KeyValue>)> {
        let AttentionWeights {
            norm,
            qkv,
            q_scale,
            k_scale,
            out,
        } = &self.temporal;
        let qkv = ops::norm_linear(x, norm, qkv)?;
        let reach = window.saturating_sub(1);
        let first_after = rows
            .iter()
            .position(|row| row.after.is_some())
            .unwrap_or(rows.len());
        let mut states: Vec<KeyValue> = Vec::with_capacity(rows.len());
        let mut mixed = Vec::with_capacity(2);
        for (start, end) in [(0, first_after), (first_after, rows.len())] {
            if start == end {
                continue;
            }
            let part = &rows[start..end];
            let past: Vec<Vec<&KeyValue>> = part
                .iter()
                .map(|row| {
                    let fresh = row.after.map(|j| &states[j]);
                    let cached = reach - usize::from(fresh.is_some()).min(reach);
                    let frames = &row.cache.frames;
                    let skip = frames.len().saturating_sub(cached);
                    let mut past: Vec<_> =
                        frames.iter().skip(skip).map(|f| &f.blocks[index]).collect();
                    past.extend(fresh.filter(|_| reach > 0));
                    past
                })
                .collect();
            let times: Vec<u64> = part.iter().map(|row| row.time).collect();
            let qkv = qkv.narrow(0, start, end - start)?;
            let (out, new) =
                ops::cached_temporal_attention(&qkv, q_scale, k_scale, heads, &times, &past)?;
            mixed.push(out);
            states.extend(new);
        }
        let mixed = match mixed.as_slice() {
            [one] => one.clone(),
            parts => Tensor::cat(parts, 0)?,
        };
        Ok((ops::linear_add(&mixed, out, x)?, states))
    }
}

impl SpatioTemporalTransformer {
    /// Builds the stack, for frames of the tokens of `grid`, from the weights under `vb` (`blocks.0.spatial.qkv` and so on).
    ///
    /// # Errors
    /// [`Error::Tensor`] if a weight is missing or has another shape.
    pub fn new(config: &TransformerConfig, grid: TokenGrid, vb: VarBuilder) -> Result<Self, Error> {
        let vb = vb.pp("blocks");
        let blocks = (0..config.layers)
            .map(|i| Block::new(config, vb.pp(i)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            blocks,
            window: config.window,
            heads: config.heads,
            grid: config.rotary_space.then_some(grid),
            packed: PackedOnce::default(),
        })
    }

    /// Number of frames that temporal attention sees, its own included.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Whole clips: `x` `[B, T, N, D]` to the same shape, each frame seeing itself and the frames before it.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let window = self.window;
        self.blocks(x, AttentionPattern::Temporal { window })
    }

    fn spatial(&self) -> AttentionPattern {
        AttentionPattern::Spatial { grid: self.grid }
    }

    fn blocks(&self, x: &Tensor, temporal: AttentionPattern) -> Result<Tensor, Error> {
        let dtype = x.dtype();
        let x = ops::to_activations(x)?;
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|block| block.branches(self.heads, self.spatial(), temporal));
        let x = ops::residual(&x, blocks.collect(), ops::recomputes())?;
        Ok(x.to_dtype(dtype)?)
    }

    /// Whole clips in two copies `[2, B, T, N, D]`: the first is clean, the second has frames that are still (partly)
    /// masked. A frame of the second copy sees the clean frames before it and itself, so that every frame of a clip is
    /// trained exactly as it will be generated.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn forward_two_streams(&self, x: &Tensor) -> Result<Tensor, Error> {
        let window = self.window;
        self.blocks(x, AttentionPattern::TwoStreams { window })
    }

    /// Single frames `x` `[R, N, D]` of several worlds (or of one world, see [`StreamRow::after`]) against their
    /// caches. Returns the outputs of the rows that want one, and the keys and values of the rows that want them, which the
    /// caller appends to the world's cache.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn stream(
        &self,
        x: &Tensor,
        rows: &[StreamRow],
    ) -> Result<(Tensor, Vec<FrameState>), Error> {
        let packed = self.packed.get(|| {
            let blocks = self.blocks.iter().map(|block| PackedBlockWeights {
                spatial: &block.spatial,
                temporal: &block.temporal,
                feed_forward: &block.feed_forward,
            });
            PackedStack::new(blocks, self.heads, self.grid)
        })?;
        match packed {
            Some(packed) if !x.track_op() && ops::fused(&[x]) => {
                Ok(self.stream_packed(packed, x, rows)?)
            }
            _ => self.stream_composed(x, rows),
        }
    }

    /// The frames of a row's past that the window reaches, given whether the one just before is in the same pass.
    fn reached<'a>(
        &self,
        row: &StreamRow<'a>,
    ) -> impl Iterator<Item = &'a Arc<FrameState>> + use<'a> {
        let reach = self.window.saturating_sub(1);
        let cached = reach - usize::from(row.after.is_some()).min(reach);
        let frames = &row.cache.frames;
        frames.iter().skip(frames.len().saturating_sub(cached))
    }

    fn stream_packed(
        &self,
        packed: &PackedStack,
        x: &Tensor,
        rows: &[StreamRow],
    ) -> candle_core::Result<(Tensor, Vec<FrameState>)> {
        let (count, tokens, width) = x.dims3()?;
        if count != rows.len() {
            candle_core::bail!("expected {} frames, got {count}", rows.len());
        }
        let held: Vec<Vec<&Arc<FrameState>>> =
            rows.iter().map(|row| self.reached(row).collect()).collect();
        // Per row, block and frame.
        let held: Vec<Vec<Vec<_>>> = held
            .iter()
            .map(|frames| {
                let block = |block: usize| {
                    let states = frames.iter().map(|frame| &frame.blocks[block]);
                    states
                        .map(|state| [&state.keys, &state.values].map(ops::hold))
                        .collect()
                };
                (0..packed.layers()).map(block).collect()
            })
            .collect();
        let pass_rows = rows
            .iter()
            .zip(&held)
            .map(|(row, blocks)| {
                let past = blocks
                    .iter()
                    .map(|frames| {
                        let slices = frames.iter().map(|[k, v]| Ok((k.slice()?, v.slice()?)));
                        slices.collect()
                    })
                    .collect::<candle_core::Result<_>>()?;
                Ok(PassRow {
                    time: row.time,
                    past,
                    after: row.after.filter(|_| self.window > 1),
                    state: row.wanted.state(),
                    output: row.wanted.output(),
                })
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        let (out, states) = ops::with_floats([&x.contiguous()?], |[x]| {
            Ok(packed.pass(x, tokens, &pass_rows))
        })?;
        let outputs = rows.iter().filter(|row| row.wanted.output()).count();
        let states = states
            .into_iter()
            .map(|blocks| {
                let blocks = blocks
                    .into_iter()
                    .map(|(keys, values)| {
                        let inner = keys.len() / tokens.max(1);
                        Ok(KeyValue {
                            keys: Tensor::from_vec(keys, (tokens, inner), x.device())?,
                            values: Tensor::from_vec(values, (tokens, inner), x.device())?,
                        })
                    })
                    .collect::<candle_core::Result<_>>()?;
                Ok(FrameState { blocks })
            })
            .collect::<candle_core::Result<_>>()?;
        let out = Tensor::from_vec(out, (outputs, tokens, width), x.device())?;
        Ok((out, states))
    }

    fn stream_composed(
        &self,
        x: &Tensor,
        rows: &[StreamRow],
    ) -> Result<(Tensor, Vec<FrameState>), Error> {
        let mut x = x.clone();
        let mut states = vec![
            FrameState {
                blocks: Vec::with_capacity(self.blocks.len()),
            };
            rows.len()
        ];
        for (index, block) in self.blocks.iter().enumerate() {
            x = ops::attention_branch(&x, &block.spatial, self.heads, self.spatial())?;
            let (mixed, new) = block.temporal_stream(&x, rows, index, self.window, self.heads)?;
            for (state, new) in states.iter_mut().zip(new) {
                state.blocks.push(new);
            }
            x = ops::feed_forward_branch(&mixed, &block.feed_forward)?;
        }
        let outputs: Vec<u32> = (0..rows.len())
            .filter(|&row| rows[row].wanted.output())
            .map(|row| row as u32)
            .collect();
        let x = x.index_select(&Tensor::new(outputs, x.device())?, 0)?;
        let states = states
            .into_iter()
            .zip(rows)
            .filter(|(_, row)| row.wanted.state())
            .map(|(state, _)| state)
            .collect();
        Ok((x, states))
    }
}
