//! From hidden states to the codes of a token, stage after stage.
//!
//! Codes of a token depend on each other: a later one says what is left after the earlier ones. So the logits of a stage see
//! the codes that were chosen in the stages before, as in the depth transformer of RQ-VAE (Lee et al. 2022), but with one
//! small network per stage, because a token has few codes and sampling asks for them one by one.

use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use crate::ops::{self, FeedForwardWeights, PackedLinear, PackedOnce};
use crate::{Error, GenieConfig};

/// Width of the hidden layer of a stage, as a multiple of the transformer's.
const STAGE_FEED_FORWARD: usize = 2;

/// The heads of all stages.
#[derive(Clone, Debug)]
pub(crate) struct CodeHeads {
    stages: Vec<StageHead>,
}

/// Logits of the codes of one stage.
#[derive(Clone, Debug)]
struct StageHead {
    /// What the codes of earlier stages have to say; the first stage has none.
    earlier: Option<EarlierCodes>,
    norm: Tensor,
    /// `[V, D]`.
    head: Tensor,
    packed: PackedOnce<PackedLinear>,
}

/// Mixes the embeddings of earlier codes into the hidden state. Starts as if there were none.
#[derive(Clone, Debug)]
struct EarlierCodes {
    /// `[D, D]`.
    weight: Tensor,
    feed_forward: FeedForwardWeights,
}

impl CodeHeads {
    /// Builds the heads from the weights under `vb`: `norm` and `head` of the first stage, `stages.1.norm` and so on of others.
    pub(crate) fn new(config: &GenieConfig, vb: &VarBuilder) -> Result<Self, Error> {
        let quantizer = &config.tokenizer.quantizer;
        let (codes, width) = (quantizer.codes(), config.dynamics.transformer.width);
        let (unit, zero) = (Init::Const(1.0), Init::Const(0.0));
        let randn = |stdev: f64| Init::Randn { mean: 0.0, stdev };
        let stage = |stage: usize| {
            let vb = match stage {
                0 => vb.clone(),
                later => vb.pp("stages").pp(later),
            };
            let earlier = if stage > 0 {
                let (ff, hidden) = (vb.pp("feed_forward"), STAGE_FEED_FORWARD * width);
                let up = randn((1.0 / width as f64).sqrt());
                Some(EarlierCodes {
                    weight: vb.get_with_hints((width, width), "earlier", zero)?,
                    feed_forward: FeedForwardWeights {
                        norm: ff.get_with_hints(width, "norm", unit)?,
                        up: ff.get_with_hints((hidden, width), "up", up)?,
                        down: ff.get_with_hints((width, hidden), "down", zero)?,
                    },
                })
            } else {
                None
            };
            Ok(StageHead {
                earlier,
                norm: vb.get_with_hints(width, "norm", unit)?,
                head: vb.get_with_hints((codes, width), "head", randn(0.02))?,
                packed: PackedOnce::default(),
            })
        };
        let stages = (0..quantizer.stages()).map(stage);
        Ok(Self {
            stages: stages.collect::<Result<_, Error>>()?,
        })
    }

    /// Number `Q` of stages.
    pub(crate) fn stages(&self) -> usize {
        self.stages.len()
    }

    /// Hidden states `[.., D]` to logits `[.., V]` of a stage, given the sum `earlier [.., D]` of the embeddings of the codes of
    /// the stages before it, which the first stage does not look at.
    pub(crate) fn logits(
        &self,
        stage: usize,
        hidden: &Tensor,
        earlier: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let wrong = |what: String| Error::from(candle_core::Error::msg(what));
        let head = self.stages.get(stage);
        let head = head.ok_or_else(|| wrong(format!("there are {} stages", self.stages.len())))?;
        let x = match (&head.earlier, earlier) {
            (None, _) => hidden.clone(),
            (Some(_), None) => return Err(wrong(format!("stage {stage} needs earlier codes"))),
            (Some(codes), Some(earlier)) => {
                let x = ops::linear_add(earlier, &codes.weight, hidden)?;
                ops::feed_forward_branch(&x, &codes.feed_forward)?
            }
        };
        let packed = head
            .packed
            .get(|| PackedLinear::new(&head.head, Some(&head.norm), None))?;
        match packed {
            Some(packed) if !x.track_op() => Ok(packed.forward(&x)?),
            _ => {
                let logits = ops::norm_linear(&ops::to_activations(&x)?, &head.norm, &head.head)?;
                Ok(logits.to_dtype(x.dtype())?)
            }
        }
    }
}
