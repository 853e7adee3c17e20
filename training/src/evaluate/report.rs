//! The evaluation as a table for people.

use std::fmt::{Display, Formatter, Result};

use super::{Evaluation, PromptFigures};

impl Display for Evaluation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sampler = &self.options.sampler;
        writeln!(
            f,
            "{} prompts, {} MaskGIT steps, temperature {}, top-p {}, {} order (noise {}), adjacency {}, guidance {}, seed {}",
            self.options.clips,
            sampler.steps,
            sampler.temperature,
            sampler.top_p,
            sampler.order.name(),
            sampler.order_noise,
            sampler.adjacency,
            sampler.action_guidance.unwrap_or_default(),
            self.options.seed
        )?;
        writeln!(f, "\ntokenizer PSNR         {:6.2} dB", self.tokenizer_psnr)?;
        let control = &self.controllability;
        writeln!(f, "\nPSNR at t = 4          inferred  random  delta")?;
        let mut line = |name: &str, figures: &PromptFigures| {
            writeln!(
                f,
                "{name:<22} {:6.2}    {:6.2}  {:+.2} ± {:.2} dB",
                figures.inferred_psnr,
                figures.random_psnr,
                figures.delta_psnr,
                figures.delta_standard_error
            )
        };
        line("one prompt frame", &control.one_prompt_frame)?;
        line("two prompt frames", &control.two_prompt_frames)?;
        writeln!(f, "copying the prompt     {:6.2}", control.copy_psnr)?;
        if let Some(figures) = &self.one_picture {
            write!(f, "{figures}")?;
        }
        if let Some(figures) = &self.health {
            write!(f, "{figures}")?;
        }

        write!(f, "\nlatent action          usage ")?;
        for horizon in &self.faithfulness.horizons {
            write!(f, " at {:<4}", horizon.horizon)?;
        }
        writeln!(f)?;
        for usage in &self.usage {
            let name = format!("{} {}", usage.action, usage.name);
            write!(f, "{name:<22} {:4.1} %", 100.0 * usage.usage)?;
            for horizon in &self.faithfulness.horizons {
                let judged = horizon.actions.iter().find(|a| a.action == usage.action);
                match judged {
                    Some(action) => write!(f, "  {:.2}  ", action.recognised)?,
                    None => write!(f, "   -    ")?,
                }
            }
            writeln!(f)?;
        }
        write!(f, "faithfulness                 ")?;
        for horizon in &self.faithfulness.horizons {
            write!(f, "  {:.2}  ", horizon.faithfulness)?;
        }
        writeln!(f, " (chance {:.2})", self.faithfulness.chance)?;
        let adjacency = self.adjacency_violations;
        writeln!(
            f,
            "\nadjacency violations   {:.2} % (real frames {:.2} %)",
            100.0 * adjacency.generated,
            100.0 * adjacency.real
        )?;

        if let Some(survival) = &self.survival {
            writeln!(f, "\nhero                   visible  exactly one")?;
            let real = ("real frames".to_owned(), survival.real);
            let after = survival.after.iter();
            let after = after.map(|after| (format!("after {} frames", after.frames), after.shares));
            let throughout = (!survival.after.is_empty())
                .then(|| ("all of these frames".to_owned(), survival.throughout));
            for (name, shares) in std::iter::once(real).chain(after).chain(throughout) {
                writeln!(
                    f,
                    "{name:<22} {:.2}     {:.2}",
                    shares.visible, shares.exactly_one
                )?;
            }
        }
        if let Some(figures) = &self.actions {
            write!(f, "{figures}")?;
        }
        if let Some(figures) = &self.obedience {
            write!(f, "{figures}")?;
        }
        if let Some(known) = &self.true_actions {
            writeln!(
                f,
                "\ntrue actions           normalised  information  of ({} transitions)",
                known.transitions
            )?;
            let rows = [
                ("all", Some(known.all)),
                ("left, idle or right", known.steer),
                ("jump", known.jump),
            ];
            for (name, information) in rows {
                if let Some(information) = information {
                    writeln!(
                        f,
                        "{name:<22} {:.2}        {:.3} nats   {:.3} nats",
                        information.normalised, information.nats, information.true_entropy
                    )?;
                }
            }
        }
        if let Some(blocked) = &self.blocked_actions {
            writeln!(
                f,
                "\nblocked actions        {:.2} as in the footage, {:.2} as if nothing were in the way ({} transitions)",
                blocked.as_in_footage(),
                blocked.as_commanded(),
                blocked.transitions()
            )?;
        }
        Ok(())
    }
}
