//! The video tokenizer (paper section 2.2): a VQ-VAE on the spatiotemporal transformer. Encoder and decoder are temporally
//! causal, so that frames can be encoded and decoded one by one.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use crate::ops::{self, PackedLinear, PackedOnce, TokenGrid};
use crate::transformer::{FrameState, SpatioTemporalTransformer, StreamRow};
use crate::{Error, GenieConfig, Quantizer};

/// Pixels to tokens and back.
///
/// Both transformers start as the identity, so that the tokenizer can start as the best linear codec of the data: see
/// [`parameters`](Self::LINEAR_LAYERS).
#[derive(Clone, Debug)]
pub struct VideoTokenizer {
    encoder: Coder,
    decoder: Coder,
    quantizer: Quantizer,
}

/// A transformer between two linear maps with biases.
#[derive(Clone, Debug)]
struct Coder {
    embed: Tensor,
    embed_bias: Tensor,
    position: Tensor,
    transformer: SpatioTemporalTransformer,
    project: Tensor,
    project_bias: Tensor,
    packed_embed: PackedOnce<PackedLinear>,
    packed_project: PackedOnce<PackedLinear>,
}

/// `x` times the transpose of `weight`, plus `bias`, with the weight packed where it can be.
fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    packed: &PackedOnce<PackedLinear>,
) -> Result<Tensor, Error> {
    match packed.get(|| PackedLinear::new(weight, None, Some(bias)))? {
        Some(packed) if !x.track_op() => Ok(packed.forward(x)?),
        _ => Ok(ops::linear_bias(x, weight, bias)?),
    }
}

impl Coder {
    fn new(
        config: &crate::TransformerConfig,
        inputs: usize,
        outputs: usize,
        grid: TokenGrid,
        vb: VarBuilder,
    ) -> Result<Self, Error> {
        let width = config.width;
        let linear = |fan_in: usize| Init::Randn {
            mean: 0.0,
            stdev: (1.0 / fan_in as f64).sqrt(),
        };
        let zero = Init::Const(0.0);
        Ok(Self {
            embed: vb.get_with_hints((width, inputs), "embed.weight", linear(inputs))?,
            embed_bias: vb.get_with_hints(width, "embed.bias", zero)?,
            position: vb.get_with_hints((grid.tokens(), width), "position", zero)?,
            transformer: SpatioTemporalTransformer::new(config, grid, vb.clone())?,
            project: vb.get_with_hints((outputs, width), "project.weight", linear(width))?,
            project_bias: vb.get_with_hints(outputs, "project.bias", zero)?,
            packed_embed: PackedOnce::default(),
            packed_project: PackedOnce::default(),
        })
    }

    fn embed(&self, x: &Tensor) -> Result<Tensor, Error> {
        let x = ops::linear_bias(x, &self.embed, &self.embed_bias)?;
        Ok(x.broadcast_add(&self.position)?)
    }

    fn project(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(ops::linear_bias(x, &self.project, &self.project_bias)?)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.project(&self.transformer.forward(&self.embed(x)?)?)
    }

    fn stream(&self, x: &Tensor, rows: &[StreamRow]) -> Result<(Tensor, Vec<FrameState>), Error> {
        let x = linear(x, &self.embed, &self.embed_bias, &self.packed_embed)?;
        let x = x.broadcast_add(&self.position)?;
        let (x, states) = self.transformer.stream(&x, rows)?;
        let x = linear(&x, &self.project, &self.project_bias, &self.packed_project)?;
        Ok((x, states))
    }
}

impl VideoTokenizer {
    /// Names, below the tokenizer's prefix, of the four linear maps that a data-driven start sets: patch embedding and
    /// projection to codes, embedding of codes and projection to patches.
    pub const LINEAR_LAYERS: [&'static str; 4] = [
        "encoder.embed",
        "encoder.project",
        "decoder.embed",
        "decoder.project",
    ];

    /// Builds the tokenizer from the weights under `vb`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a weight is missing or has another shape.
    pub fn new(config: &GenieConfig, vb: VarBuilder) -> Result<Self, Error> {
        let grid = config.token_grid();
        let tokenizer = &config.tokenizer;
        let patch_len = tokenizer.patch * tokenizer.patch * 3;
        let dim = tokenizer.quantizer.dim();
        Ok(Self {
            encoder: Coder::new(&tokenizer.encoder, patch_len, dim, grid, vb.pp("encoder"))?,
            decoder: Coder::new(&tokenizer.decoder, dim, patch_len, grid, vb.pp("decoder"))?,
            quantizer: Quantizer::new(&tokenizer.quantizer, vb.pp("quantizer"))?,
        })
    }

    /// The codebook.
    pub fn quantizer(&self) -> &Quantizer {
        &self.quantizer
    }

    /// Window of the decoder in frames.
    pub fn decoder_window(&self) -> usize {
        self.decoder.transformer.window()
    }

    /// Window of the encoder in frames.
    pub fn encoder_window(&self) -> usize {
        self.encoder.transformer.window()
    }

    /// Patches `[B, T, N, P]` to vectors `[B, T, N, C]` that are not quantised yet.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn encode(&self, patches: &Tensor) -> Result<Tensor, Error> {
        self.encoder.forward(patches)
    }

    /// Codes `[B, T, N, C]` to patches `[B, T, N, P]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn decode(&self, codes: &Tensor) -> Result<Tensor, Error> {
        self.decoder.forward(codes)
    }

    /// Patches `[B, T, N, P]` to the codes of their tokens, `[B, T, N Q]` (u32).
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn tokenize(&self, patches: &Tensor) -> Result<Tensor, Error> {
        self.quantizer.tokens(&self.encode(patches)?)
    }

    /// Tokens `[B, T, N Q]` to patches `[B, T, N, P]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn reconstruct(&self, tokens: &Tensor) -> Result<Tensor, Error> {
        self.decode(&self.quantizer.codes(tokens)?)
    }

    /// One frame's patches of each row, `[R, N, P]`, to tokens `[R, N Q]`, with the frames' keys and values.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn tokenize_stream(
        &self,
        patches: &Tensor,
        rows: &[StreamRow],
    ) -> Result<(Tensor, Vec<FrameState>), Error> {
        let (codes, states) = self.encoder.stream(patches, rows)?;
        Ok((self.quantizer.tokens(&codes)?, states))
    }

    /// One frame's tokens of each row, `[R, N Q]`, to patches `[R, N, P]`, with the frames' keys and values.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn reconstruct_stream(
        &self,
        tokens: &Tensor,
        rows: &[StreamRow],
    ) -> Result<(Tensor, Vec<FrameState>), Error> {
        self.decoder.stream(&self.quantizer.codes(tokens)?, rows)
    }
}
