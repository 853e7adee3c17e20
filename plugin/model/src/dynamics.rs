//! The dynamics model (paper section 2.3): a decoder-only MaskGIT that predicts the tokens of the next frame from the
//! past frames and a latent action.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use crate::ops::{self, PackedLinear, PackedOnce, TokenGrid};
use crate::transformer::{FrameState, SpatioTemporalTransformer, StreamRow};
use crate::{ActionConditioning, Error, GenieConfig};

/// Predicts masked tokens of a frame.
///
/// Tokens are embedded as the sum of a learned vector and a projection of their codebook vector; a masked token has a
/// vector of its own. A frame's latent action is the one that led to it.
#[derive(Clone, Debug)]
pub struct DynamicsModel {
    token_table: Tensor,
    code_projection: Tensor,
    mask: Tensor,
    position: Tensor,
    action: Tensor,
    start: Tensor,
    transformer: SpatioTemporalTransformer,
    norm: Tensor,
    head: Tensor,
    conditioning: ActionConditioning,
    changed_weight: f32,
    packed_head: PackedOnce<PackedLinear>,
}

/// Share of the log of the loss weight of changed tokens that sampling undoes.
const UNDONE: f32 = 0.5;

/// Tokens of a batch of clips for training, `[B, T, N]` (u32) each.
#[derive(Clone, Debug)]
pub struct MaskedTokens {
    /// What the later frames see of the past; may hold wrong tokens, so that play recovers from its own errors.
    pub context: Tensor,
    /// What each frame sees of itself: the token or, where masked, `V`.
    pub masked: Tensor,
}

impl DynamicsModel {
    /// Builds the model from the weights under `vb`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a weight is missing or has another shape.
    pub fn new(config: &GenieConfig, vb: VarBuilder) -> Result<Self, Error> {
        let transformer = &config.dynamics.transformer;
        let width = transformer.width;
        let (codes, dim) = (
            config.tokenizer.quantizer.codes(),
            config.tokenizer.quantizer.dim(),
        );
        let action_dim = config.latent_actions.dim;
        let leading = usize::from(config.dynamics.conditioning == ActionConditioning::Prepended);
        let grid = TokenGrid {
            leading,
            ..config.token_grid()
        };
        let randn = |stdev: f64| Init::Randn { mean: 0.0, stdev };
        let linear = |fan_in: usize| randn((1.0 / fan_in as f64).sqrt());
        Ok(Self {
            token_table: vb.get_with_hints((codes, width), "token_table", randn(0.5))?,
            code_projection: vb.get_with_hints((width, dim), "code_projection", linear(dim))?,
            mask: vb.get_with_hints((1, width), "mask", randn(0.5))?,
            position: vb.get_with_hints(
                (config.tokens_per_frame(), width),
                "position",
                randn(0.5),
            )?,
            action: vb.get_with_hints((width, action_dim), "action", randn(0.5))?,
            start: vb.get_with_hints((1, width), "start", randn(0.5))?,
            transformer: SpatioTemporalTransformer::new(transformer, grid, vb.clone())?,
            norm: vb.get_with_hints(width, "norm", Init::Const(1.0))?,
            head: vb.get_with_hints((codes, width), "head", randn(0.02))?,
            conditioning: config.dynamics.conditioning,
            changed_weight: config.dynamics.changed_weight,
            packed_head: PackedOnce::default(),
        })
    }

    /// Number of frames that temporal attention sees.
    pub fn window(&self) -> usize {
        self.transformer.window()
    }

    /// Embeddings `[V + 1, D]` of all tokens and, last, of the mask, for a tokenizer with this codebook `[V, C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the codebook has another shape than configured.
    pub fn token_embeddings(&self, codebook: &Tensor) -> Result<Tensor, Error> {
        let tokens = ops::linear_add(codebook, &self.code_projection, &self.token_table)?;
        Ok(Tensor::cat(&[&tokens, &self.mask], 0)?)
    }

    /// Embeddings `[R, D]` of action codes `[R, C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn action_embeddings(&self, codes: &Tensor) -> Result<Tensor, Error> {
        Ok(ops::linear(codes, &self.action)?)
    }

    /// The embedding `[1, D]` that a first frame has in place of an action.
    pub fn start_embedding(&self) -> &Tensor {
        &self.start
    }

    /// Token ids `[.., N]` and the frames' action embeddings `[.., 1, D]` to the transformer's input.
    fn embed(&self, embeddings: &Tensor, ids: &Tensor, action: &Tensor) -> Result<Tensor, Error> {
        let x = ops::gather_rows(embeddings, ids)?.broadcast_add(&self.position)?;
        Ok(match self.conditioning {
            ActionConditioning::Added => x.broadcast_add(action)?,
            ActionConditioning::Prepended => {
                let axis = x.rank() - 2;
                Tensor::cat(&[action, &x], axis)?
            }
        })
    }

    /// [`embed`](Self::embed) of `ids` `[R, N]` and `actions` `[R, D]` as one operation where all is on the CPU: separate calls
    /// would take longer than their arithmetic.
    fn embed_rows(
        &self,
        embeddings: &Tensor,
        ids: &Tensor,
        actions: &Tensor,
    ) -> Result<Option<Tensor>, Error> {
        let tensors = [embeddings, &self.position, actions];
        let whole = tensors.iter().all(|t| t.is_contiguous() && !t.track_op());
        if self.conditioning != ActionConditioning::Added || !whole || !ops::fused(&tensors) {
            return Ok(None);
        }
        let (rows, tokens) = ids.dims2()?;
        let (known, width) = embeddings.dims2()?;
        if self.position.dims() != [tokens, width] || actions.dims() != [rows, width] {
            // The slower path reports what is wrong.
            return Ok(None);
        }
        let ids = ids.flatten_all()?.to_vec1::<u32>()?;
        if ids.iter().any(|&id| id as usize >= known) {
            return Ok(None);
        }
        let x = ops::with_floats(tensors, |[embeddings, position, actions]| {
            let mut x = Vec::with_capacity(rows * tokens * width);
            for (ids, action) in ids.chunks_exact(tokens).zip(actions.chunks_exact(width)) {
                for (&id, position) in ids.iter().zip(position.chunks_exact(width)) {
                    let embedding = &embeddings[id as usize * width..][..width];
                    let sums = embedding.iter().zip(position).zip(action);
                    x.extend(sums.map(|((e, p), a)| e + p + a));
                }
            }
            Ok(x)
        })?;
        Ok(Some(Tensor::from_vec(
            x,
            (rows, tokens, width),
            embeddings.device(),
        )?))
    }

    /// Drops the action token, where there is one: `[.., N + 1, D]` to `[.., N, D]`.
    fn frame_tokens(&self, x: Tensor) -> Result<Tensor, Error> {
        Ok(match self.conditioning {
            ActionConditioning::Added => x,
            ActionConditioning::Prepended => {
                let axis = x.rank() - 2;
                x.narrow(axis, 1, x.dim(axis)? - 1)?.contiguous()?
            }
        })
    }

    fn frame_actions(&self, codes: &Tensor) -> Result<Tensor, Error> {
        let (b, _, _) = codes.dims3()?;
        let width = self.start.dim(1)?;
        let start = self.start.broadcast_as((b, 1, width))?.contiguous()?;
        let actions = ops::linear(codes, &self.action)?;
        Ok(Tensor::cat(&[start, actions], 1)?.unsqueeze(2)?)
    }

    /// Training pass over whole clips: hidden states `[B, T, N, D]` of the masked frames, each of which saw the context
    /// of the frames before it. `action_codes` are `[B, T - 1, C]`, `codebook` `[V, C]` is the tokenizer's.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn forward(
        &self,
        tokens: &MaskedTokens,
        action_codes: &Tensor,
        codebook: &Tensor,
    ) -> Result<Tensor, Error> {
        let embeddings = self.token_embeddings(codebook)?;
        let ids = Tensor::stack(&[&tokens.context, &tokens.masked], 0)?;
        let action = self.frame_actions(action_codes)?;
        let action = Tensor::stack(&[&action, &action], 0)?;
        let x = self.embed(&embeddings, &ids, &action)?;
        let x = self.transformer.forward_two_streams(&x)?;
        self.frame_tokens(x.get(1)?.contiguous()?)
    }

    /// Hidden states `[B, T, N, D]` of clips in which only the last frame is masked, in one pass over the whole
    /// window without a cache: the reference for the streaming pass and for what it saves. `ids` is `[B, T, N]`, `actions`
    /// `[B, T, D]` are the frames' action embeddings.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn forward_window(
        &self,
        embeddings: &Tensor,
        ids: &Tensor,
        actions: &Tensor,
    ) -> Result<Tensor, Error> {
        let x = self.embed(embeddings, ids, &actions.unsqueeze(2)?)?;
        self.frame_tokens(self.transformer.forward(&x)?)
    }

    /// Streaming pass over single frames: `ids` `[R, N]`, the frames' action embeddings `[R, D]`. Returns hidden states
    /// `[.., N, D]` and the frames' keys and values, each of the rows that want them.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn stream(
        &self,
        embeddings: &Tensor,
        ids: &Tensor,
        actions: &Tensor,
        rows: &[StreamRow],
    ) -> Result<(Tensor, Vec<FrameState>), Error> {
        let x = match self.embed_rows(embeddings, ids, actions)? {
            Some(x) => x,
            None => self.embed(embeddings, ids, &actions.unsqueeze(1)?)?,
        };
        let (x, states) = self.transformer.stream(&x, rows)?;
        Ok((self.frame_tokens(x)?, states))
    }

    /// Undoes half, in nats, of what the loss weights of training did to `logits` `[N, V]` of a frame's tokens, given the tokens
    /// of the frame before. Training counts each token that changes
    /// [`changed_weight`](crate::DynamicsConfig::changed_weight) times, so that the model overestimates change. Undoing all of
    /// it makes worlds cleaner and less obedient (`EXPERIMENTS.md` of `genie_training`).
    pub fn undo_changed_weight(&self, logits: &mut [f32], before: &[u32]) {
        let codes = logits.len() / before.len().max(1);
        let undone = UNDONE * self.changed_weight.ln();
        for (logits, &token) in logits.chunks_exact_mut(codes.max(1)).zip(before) {
            if let Some(stays) = logits.get_mut(token as usize) {
                *stays += undone;
            }
        }
    }

    /// Hidden states `[.., D]` to logits `[.., V]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        let head = self
            .packed_head
            .get(|| PackedLinear::new(&self.head, Some(&self.norm), None))?;
        match head {
            Some(head) if !hidden.track_op() => Ok(head.forward(hidden)?),
            _ => Ok(ops::norm_linear(hidden, &self.norm, &self.head)?),
        }
    }
}
