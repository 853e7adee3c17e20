//! The latent action model (paper section 2.1): it assigns one of `A` codes, learned without labels, to the transition
//! between two frames.

use candle_core::{D, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::action_features::ActionFeatures;
use crate::ops::TokenGrid;
use crate::transformer::SpatioTemporalTransformer;
use crate::{
    Error, GenieConfig, LatentActionConfig, LatentActionInput, MOTION_FEATURES, TransformerConfig,
    ops,
};

/// Transitions to latent actions.
///
/// The encoder maps every transition of a clip, causally, to a point on the unit sphere, which is quantised to the nearest of
/// `A` codes. The optional decoder predicts the next frame's pixels from the past frames and the action alone. Both are needed
/// in training only; play keeps the codes.
#[derive(Clone, Debug)]
pub struct LatentActionModel {
    features: ActionFeatures,
    encoder: Option<Encoder>,
    codebook: Tensor,
    decoder: Option<Decoder>,
}

#[derive(Clone, Debug)]
struct Encoder {
    embed: Tensor,
    embed_bias: Tensor,
    position: Tensor,
    transformer: SpatioTemporalTransformer,
    norm: Tensor,
    own_scale: Option<Tensor>,
    project: Tensor,
    project_bias: Tensor,
}

#[derive(Clone, Debug)]
struct Decoder {
    embed: Tensor,
    position: Tensor,
    action: Tensor,
    transformer: SpatioTemporalTransformer,
    norm: Tensor,
    project: Tensor,
}

/// Latent actions of a batch of clips.
#[derive(Clone, Debug)]
pub struct LatentActions {
    /// Codes `[B, T - 1, C]` on the unit sphere; their gradient passes straight through to the encoder.
    pub codes: Tensor,
    /// Action numbers `[B, T - 1]` (u32).
    pub actions: Tensor,
    /// Mean squared distance of the encoder's points from their codes.
    pub commitment: Tensor,
}

fn randn(stdev: f64) -> Init {
    Init::Randn { mean: 0.0, stdev }
}

fn linear(fan_in: usize) -> Init {
    randn((1.0 / fan_in as f64).sqrt())
}

impl Encoder {
    /// The encoder of this configuration; `None` where it has none.
    fn new(
        config: &LatentActionConfig,
        patch_len: usize,
        grid: TokenGrid,
        vb: VarBuilder,
    ) -> Result<Option<Self>, Error> {
        let features = match config.input {
            LatentActionInput::Pixels => 2 * patch_len,
            LatentActionInput::Differences => patch_len,
            LatentActionInput::Motion => MOTION_FEATURES,
            LatentActionInput::Agent => return Ok(None),
        };
        let width = config.encoder.width;
        // With motion as input, half of the summary is for what moves against the scene.
        let own_scale = (config.input == LatentActionInput::Motion)
            .then(|| vb.get_with_hints(width, "own_scale", Init::Const(1.0)))
            .transpose()?;
        let summary = width * (1 + usize::from(own_scale.is_some()));
        Ok(Some(Self {
            embed: vb.get_with_hints((width, features), "embed.weight", linear(features))?,
            embed_bias: vb.get_with_hints(width, "embed.bias", Init::Const(0.0))?,
            position: vb.get_with_hints((grid.tokens(), width), "position", randn(0.02))?,
            transformer: SpatioTemporalTransformer::new(&config.encoder, grid, vb.clone())?,
            norm: vb.get_with_hints(width, "norm", Init::Const(1.0))?,
            own_scale,
            project: vb.get_with_hints((config.dim, summary), "project", linear(summary))?,
            project_bias: vb.get_with_hints(config.dim, "project_bias", Init::Const(0.0))?,
        }))
    }
}

impl Decoder {
    fn new(
        config: &TransformerConfig,
        patch_len: usize,
        grid: TokenGrid,
        dim: usize,
        vb: VarBuilder,
    ) -> Result<Self, Error> {
        let width = config.width;
        Ok(Self {
            embed: vb.get_with_hints((width, patch_len), "embed", linear(patch_len))?,
            position: vb.get_with_hints((grid.tokens(), width), "position", randn(0.02))?,
            action: vb.get_with_hints((width, dim), "action", linear(dim))?,
            transformer: SpatioTemporalTransformer::new(config, grid, vb.clone())?,
            norm: vb.get_with_hints(width, "norm", Init::Const(1.0))?,
            project: vb.get_with_hints((patch_len, width), "project", linear(width))?,
        })
    }
}

impl LatentActionModel {
    /// Builds the model from the weights under `vb`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a weight is missing or has another shape.
    pub fn new(config: &GenieConfig, vb: VarBuilder) -> Result<Self, Error> {
        let (height, width) = (config.frame_height, config.frame_width);
        let config = &config.latent_actions;
        let patch_len = config.patch * config.patch * 3;
        let grid = TokenGrid {
            leading: 0,
            rows: height.div_ceil(config.patch),
            columns: width.div_ceil(config.patch),
        };
        let encoder = Encoder::new(config, patch_len, grid, vb.pp("encoder"))?;
        let decoder = config
            .decoder
            .as_ref()
            .map(|decoder| Decoder::new(decoder, patch_len, grid, config.dim, vb.pp("decoder")))
            .transpose()?;
        Ok(Self {
            features: ActionFeatures {
                input: config.input,
                frame_height: height,
                frame_width: width,
                patch: config.patch,
            },
            encoder,
            codebook: vb.get_with_hints((config.actions, config.dim), "codebook", randn(1.0))?,
            decoder,
        })
    }

    /// The codes of the `A` latent actions, `[A, C]`.
    pub fn codebook(&self) -> &Tensor {
        &self.codebook
    }

    /// Whether the model has an encoder; without one, actions come from elsewhere.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    fn encoder(&self) -> Result<&Encoder, Error> {
        self.encoder.as_ref().ok_or_else(|| Error::Config {
            field: "latent_actions.input".to_owned(),
            expected: "another than `agent` to infer actions by an encoder".to_owned(),
        })
    }

    /// Whether the model has the pixel decoder of the paper.
    pub fn has_decoder(&self) -> bool {
        self.decoder.is_some()
    }

    /// Input of the encoder for the transitions of `clips` (RGB bytes of `B` clips of `T` frames each): features
    /// `[B, T - 1, N, F]`.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the bytes are not `batch` clips of whole frames.
    pub fn features(&self, clips: &[u8], batch: usize) -> Result<Tensor, Error> {
        self.features
            .of(clips, batch, self.encoder()?.embed.device())
    }

    /// What makes the features, without any weights.
    pub fn action_features(&self) -> ActionFeatures {
        self.features
    }

    /// Features `[B, T - 1, N, F]` to points on the unit sphere `[B, T - 1, C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn encode(&self, features: &Tensor) -> Result<Tensor, Error> {
        self.project(&self.summarise(features)?)
    }

    /// Summaries `[.., S]` to points on the unit sphere `[.., C]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn project(&self, summaries: &Tensor) -> Result<Tensor, Error> {
        let encoder = self.encoder()?;
        unit(&ops::linear_bias(
            summaries,
            &encoder.project,
            &encoder.project_bias,
        )?)
    }

    /// Features `[B, T - 1, N, F]` to one normalised summary per transition, `[B, T - 1, S]`, which is then projected to the
    /// sphere of the codes. `S` is twice the encoder's width with motion as input, else that width.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn summarise(&self, features: &Tensor) -> Result<Tensor, Error> {
        let encoder = self.encoder()?;
        let x = ops::linear_bias(features, &encoder.embed, &encoder.embed_bias)?
            .broadcast_add(&encoder.position)?;
        let x = encoder.transformer.forward(&x)?;
        // The mean over the frame: even untrained it shows how most of the scene moved.
        let scene = ops::rms_norm(&x.mean(2)?, &encoder.norm)?;
        let Some(own_scale) = &encoder.own_scale else {
            return Ok(scene);
        };
        // A small hero is lost in that mean, so that patches which move against the scene have a mean of their own. It is not
        // normalised: it is zero where nothing moves by itself.
        let own = features.narrow(D::Minus1, MOTION_FEATURES - 1, 1)?.sqr()?;
        let share = own.broadcast_div(&(own.sum_keepdim(2)? + 1.0)?)?;
        let own = share
            .transpose(2, 3)?
            .contiguous()?
            .matmul(&x)?
            .squeeze(2)?;
        let own = own.broadcast_mul(own_scale)?;
        Ok(Tensor::cat(&[scene, own], D::Minus1)?)
    }

    /// Quantises points `[B, T - 1, C]` on the unit sphere to the nearest codes.
    ///
    /// # Errors
    /// [`Error::Tensor`] on shapes that do not fit.
    pub fn quantize(&self, points: &Tensor) -> Result<LatentActions, Error> {
        let codebook = unit(&self.codebook.detach())?;
        let actions = ops::linear(&points.detach(), &codebook)?.argmax(D::Minus1)?;
        let codes = ops::gather_rows(&codebook, &actions)?.detach();
        Ok(LatentActions {
            commitment: (points - &codes)?.sqr()?.mean_all()?,
            codes: (points + (&codes - points.detach())?)?,
            actions,
        })
    }

    /// The latent actions of `batch` clips given as RGB bytes: numbers `[B, T - 1]`.
    ///
    /// # Errors
    /// [`Error::FrameSize`] if the bytes are not `batch` clips of whole frames.
    pub fn infer(&self, clips: &[u8], batch: usize) -> Result<Vec<Vec<u32>>, Error> {
        let points = self.encode(&self.features(clips, batch)?)?;
        Ok(self.quantize(&points)?.actions.to_vec2()?)
    }

    /// The paper's decoder: patches `[B, T - 1, N, P]` of all frames but the last and the actions' codes
    /// `[B, T - 1, C]` to the patches of the frames that follow.
    ///
    /// # Errors
    /// [`Error::Config`] if the model was built without a decoder.
    pub fn predict(&self, patches: &Tensor, codes: &Tensor) -> Result<Tensor, Error> {
        let decoder = self.decoder.as_ref().ok_or_else(|| Error::Config {
            field: "latent_actions.decoder".to_owned(),
            expected: "present to predict pixels".to_owned(),
        })?;
        let action = ops::linear(codes, &decoder.action)?.unsqueeze(2)?;
        let x = ops::linear(patches, &decoder.embed)?
            .broadcast_add(&decoder.position)?
            .broadcast_add(&action)?;
        let x = decoder.transformer.forward(&x)?;
        Ok(ops::norm_linear(&x, &decoder.norm, &decoder.project)?)
    }
}

/// Scales the last dimension to length one.
fn unit(x: &Tensor) -> Result<Tensor, Error> {
    let length = (x.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    Ok(x.broadcast_div(&length)?)
}
