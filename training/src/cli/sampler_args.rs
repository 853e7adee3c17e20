//! Sampler settings as command line arguments, shared by the subcommands that play.

use clap::ValueEnum;
use genie_model::{SamplerSettings, UnmaskingOrder};

/// How frames are sampled; what is not given keeps its default.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SamplerArgs {
    /// `MaskGIT` steps per frame, 1 to 25.
    #[arg(long)]
    steps: Option<usize>,
    /// Softmax temperature, as a multiple of what the world says; 0 takes the likeliest token.
    #[arg(long)]
    temperature: Option<f32>,
    /// Nucleus sampling: total probability of the likeliest tokens that are drawn from.
    #[arg(long)]
    top_p: Option<f32>,
    /// Which predictions of a step are kept first.
    #[arg(long)]
    order: Option<Order>,
    /// Gumbel noise on the confidence order, in nats.
    #[arg(long)]
    order_noise: Option<f32>,
    /// Share, 0 to 1, of the penalty of token pairs that the footage never shows side by side.
    #[arg(long, alias = "neighbours")]
    adjacency: Option<f32>,
    /// How far frames are led away from those without a known action, 0 to 10, instead of as far as the world says: with more,
    /// actions are obeyed more surely; above 0 frames take up to twice as long.
    #[arg(long)]
    action_guidance: Option<f32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    /// The most confident first, by the cosine schedule.
    Confidence,
    /// At random.
    Random,
    /// All nearly certain ones at once, the rest evenly over the steps.
    #[value(alias = "sure-first")]
    ConfidenceThreshold,
}

impl SamplerArgs {
    /// Whether they say with which temperature or action guidance a world is played.
    pub(crate) fn say_how_to_play(&self) -> bool {
        self.temperature.is_some() || self.action_guidance.is_some()
    }

    /// The settings, checked.
    pub(crate) fn settings(&self) -> Result<SamplerSettings, genie_model::Error> {
        let default = SamplerSettings::default();
        let settings = SamplerSettings {
            steps: self.steps.unwrap_or(default.steps),
            temperature: self.temperature.unwrap_or(default.temperature),
            top_p: self.top_p.unwrap_or(default.top_p),
            order: match self.order {
                Some(Order::Confidence) => UnmaskingOrder::Confidence,
                Some(Order::Random) => UnmaskingOrder::Random,
                Some(Order::ConfidenceThreshold) => UnmaskingOrder::ConfidenceThreshold,
                None => default.order,
            },
            order_noise: self.order_noise.unwrap_or(default.order_noise),
            adjacency: self.adjacency.unwrap_or(default.adjacency),
            action_guidance: self.action_guidance.or(default.action_guidance),
        };
        settings.validate()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_keeps_its_default() {
        assert_eq!(
            SamplerArgs::default().settings().unwrap(),
            SamplerSettings::default()
        );
        let args = SamplerArgs {
            steps: Some(6),
            order: Some(Order::Random),
            ..SamplerArgs::default()
        };
        let settings = args.settings().unwrap();
        assert_eq!(
            (settings.steps, settings.order),
            (6, UnmaskingOrder::Random)
        );
        let wrong = SamplerArgs {
            temperature: Some(-1.0),
            ..SamplerArgs::default()
        };
        assert!(wrong.settings().is_err());
    }
}
