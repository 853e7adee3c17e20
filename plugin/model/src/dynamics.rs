//! The dynamics model (paper section 2.3): a decoder-only MaskGIT that predicts the tokens of the next frame from the
//! past frames and a latent action.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use crate::code_heads::CodeHeads;
use crate::ops::{self, TokenGrid};
use crate::transformer::{FrameState, SpatioTemporalTransformer, StreamRow};
use crate::{ActionConditioning, Error, GenieConfig};

/// Predicts masked tokens of a frame.
///
/// Tokens are embedded as the sum, over their codes, of a learned vector and a projection of the codebook vector; a masked token
/// has a vector of its own. A token is masked in all of its codes at once. A frame's latent action is the one that led to it.
#[derive(Clone, Debug)]
pub struct DynamicsModel {
    token_table: Tensor,
    code_projection: Tensor,
    mask: Tensor,
    position: Tensor,
    action: Tensor,
    start: Tensor,
    transformer: SpatioTemporalTransformer,
    heads: CodeHeads,
    /// Codes `V` of a stage.
    codes: usize,
    conditioning: ActionConditioning,
    changed_weight: f32,
}

/// Share of the log of the loss weight of changed tokens that sampling undoes.
const UNDONE: f32 = 0.5;

/// Tokens of a batch of clips for training, `[B, T, N Q]` (u32) each.
#[derive(Clone, Debug)]
pub struct MaskedTokens {
    /// What the later frames see of the past; may hold wrong tokens, so that play recovers from its own errors.
    pub context: Tensor,
    /// What each frame sees of itself: the token's codes or, where it is masked, `V` in place of each.
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
        let quantizer = &config.tokenizer.quantizer;
        let (stages, codes, dim) = (quantizer.stages(), quantizer.codes(), quantizer.dim());
        let action_dim = config.latent_actions.dim;
        let leading = usize::from(config.dynamics.conditioning == ActionConditioning::Prepended);
        let grid = TokenGrid {
            leading,
            ..config.token_grid()
        };
        let randn = |stdev: f64| Init::Randn { mean: 0.0, stdev };
        let linear = |fan_in: usize| randn((1.0 / fan_in as f64).sqrt());
        Ok(Self {
            token_table: vb.get_with_hints((stages * codes, width), "token_table", randn(0.5))?,
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
            heads: CodeHeads::new(config, &vb)?,
            codes,
            conditioning: config.dynamics.conditioning,
            changed_weight: config.dynamics.changed_weight,
        })
    }

    /// Number of frames that temporal attention sees.
    pub fn window(&self) -> usize {
        self.transformer.window()
    }

    /// Number `Q` of codes of a token.
    pub fn stages(&self) -> usize {
        self.heads.stages()
    }

    /// Embeddings of all codes for a tokenizer with this codebook `[Q V, C]`: `V + 1` rows of width `D` for each stage, of which
    /// the last stands for a masked token. That is a vector of the first stage; later stages add nothing to it.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the codebook has another shape than configured.
    pub fn token_embeddings(&self, codebook: &Tensor) -> Result<Tensor, Error> {
        let codes = ops::linear_add(codebook, &self.code_projection, &self.token_table)?;
        let nothing = self.mask.zeros_like()?;
        let mut parts = Vec::with_capacity(2 * self.stages());
        for stage in 0..self.stages() {
            parts.push(codes.narrow(0, stage * self.codes, self.codes)?);
            parts.push(if stage == 0 { &self.mask } else { &nothing }.clone());
        }
        Ok(Tensor::cat(&parts, 0)?)
    }

    /// Sums `[.., N, D]` of the embeddings of the codes of tokens `[.., N Q]`, or of the first `stages` codes of tokens
    /// `[.., N stages]`.
    fn embed_codes(
        &self,
        embeddings: &Tensor,
        ids: &Tensor,
        stages: usize,
    ) -> Result<Tensor, Error> {
        if stages == 1 {
            return Ok(ops::gather_rows(embeddings, ids)?);
        }
        let rows = ops::table_rows(ids, stages, self.codes + 1)?;
        Ok(ops::gather_row_sums(embeddings, &rows)?)
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

    /// Tokens `[.., N Q]` and the frames' action embeddings `[.., 1, D]` to the transformer's input.
    fn embed(&self, embeddings: &Tensor, ids: &Tensor, action: &Tensor) -> Result<Tensor, Error> {
        let x = self.embed_codes(embeddings, ids, self.stages())?;
        let x = x.broadcast_add(&self.position)?;
        Ok(match self.conditioning {
            ActionConditioning::Added => x.broadcast_add(action)?,
            ActionConditioning::Prepended => {
                let axis = x.rank() - 2;
                Tensor::cat(&[action, &x], axis)?
            }
        })
    }

    /// [`embed`](Self::embed) of `ids` `[R, N Q]` and `actions` `[R, D]` as one operation where all is on the CPU: separate calls
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
        let (stages, height) = (self.stages(), self.codes + 1);
        let (rows, codes) = ids.dims2()?;
        let tokens = codes / stages;
        let (known, width) = embeddings.dims2()?;
        if self.position.dims() != [tokens, width]
            || actions.dims() != [rows, width]
            || codes != tokens * stages
            || known != stages * height
        {
            // The slower path reports what is wrong.
            return Ok(None);
        }
        let ids = ids.flatten_all()?.to_vec1::<u32>()?;
        if ids.iter().any(|&id| id as usize >= height) {
            return Ok(None);
        }
        let x = ops::with_floats(tensors, |[embeddings, position, actions]| {
            let mut x = Vec::with_capacity(rows * tokens * width);
            for (ids, action) in ids.chunks_exact(codes).zip(actions.chunks_exact(width)) {
                for (ids, position) in ids.chunks_exact(stages).zip(position.chunks_exact(width)) {
                    let embedding = |stage: usize, id: u32| {
                        &embeddings[(stage * height + id as usize) * width..][..width]
                    };
                    let start = x.len();
                    x.extend_from_slice(embedding(0, ids[0]));
                    let x = &mut x[start..];
                    for (stage, &id) in ids.iter().enumerate().skip(1) {
                        let sums = x.iter_mut().zip(embedding(stage, id));
                        sums.for_each(|(x, e)| *x += e);
                    }
                    let sums = x.iter_mut().zip(position).zip(action);
                    sums.for_each(|((x, p), a)| *x = *x + p + a);
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
    /// of the frames before it. `action_codes` are `[B, T - 1, C]`, `embeddings` come from
    /// [`token_embeddings`](Self::token_embeddings).
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn forward(
        &self,
        tokens: &MaskedTokens,
        action_codes: &Tensor,
        embeddings: &Tensor,
    ) -> Result<Tensor, Error> {
        let ids = Tensor::stack(&[&tokens.context, &tokens.masked], 0)?;
        let action = self.frame_actions(action_codes)?;
        let action = Tensor::stack(&[&action, &action], 0)?;
        let x = self.embed(embeddings, &ids, &action)?;
        let x = self.transformer.forward_two_streams(&x)?;
        self.frame_tokens(x.get(1)?.contiguous()?)
    }

    /// Hidden states `[B, T, N, D]` of clips in which only the last frame is masked, in one pass over the whole
    /// window without a cache: the reference for the streaming pass and for what it saves. `ids` is `[B, T, N Q]`, `actions`
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

    /// Streaming pass over single frames: `ids` `[R, N Q]`, the frames' action embeddings `[R, D]`. Returns hidden states
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

    /// Undoes half, in nats, of what the loss weights of training did to `logits` `[R, V]` of a stage of some tokens, given the
    /// codes `[R]` that they had at this stage in the frame before. Training counts each code that changes
    /// [`changed_weight`](crate::DynamicsConfig::changed_weight) times, so that the model overestimates change. Undoing all of
    /// it makes worlds cleaner and less obedient (`EXPERIMENTS.md` of `genie_training`).
    ///
    /// A code of `V` or above leaves its row alone: where an earlier code has changed, all codes of this stage count alike.
    pub fn undo_changed_weight(&self, logits: &mut [f32], before: &[u32]) {
        let codes = logits.len() / before.len().max(1);
        let undone = UNDONE * self.changed_weight.ln();
        for (logits, &token) in logits.chunks_exact_mut(codes.max(1)).zip(before) {
            if let Some(stays) = logits.get_mut(token as usize) {
                *stays += undone;
            }
        }
    }

    /// [`undo_changed_weight`](Self::undo_changed_weight) on the device of the logits, given the codes `before` `[R]` (u32). Rows where
    /// `counts` `[R]` is zero are left alone, those where it is one are not.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn with_changed_weight_undone(
        &self,
        logits: &Tensor,
        before: &Tensor,
        counts: &Tensor,
    ) -> Result<Tensor, Error> {
        let undone = f64::from(UNDONE * self.changed_weight.ln());
        let undone = (counts * undone)?.to_dtype(logits.dtype())?.unsqueeze(1)?;
        Ok(logits.scatter_add(&before.unsqueeze(1)?, &undone, 1)?)
    }

    /// Hidden states `[.., D]` to logits `[.., V]` of the first codes.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.heads.logits(0, hidden, None)
    }

    /// Hidden states `[R, D]` to logits `[R, V]` of the codes of a stage after the first, given the codes `[R, stage]` of the
    /// stages before it.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn stage_logits(
        &self,
        stage: usize,
        hidden: &Tensor,
        embeddings: &Tensor,
        earlier: &Tensor,
    ) -> Result<Tensor, Error> {
        let (rows, _) = hidden.dims2()?;
        let earlier = earlier.reshape(rows * stage)?;
        let earlier = self.embed_codes(embeddings, &earlier, stage)?;
        self.heads.logits(stage, hidden, Some(&earlier))
    }

    /// Hidden states `[R, D]` to logits `[R, V]` of each of the `Q` stages, given for each the earlier ones of the codes
    /// `[R, Q]` (teacher forcing).
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn logits_given(
        &self,
        hidden: &Tensor,
        embeddings: &Tensor,
        codes: &Tensor,
    ) -> Result<Vec<Tensor>, Error> {
        let stages = 0..self.stages();
        let logits = stages.map(|stage| match stage {
            0 => self.logits(hidden),
            stage => {
                let earlier = codes.narrow(1, 0, stage)?.contiguous()?;
                self.stage_logits(stage, hidden, embeddings, &earlier)
            }
        });
        logits.collect()
    }
}
