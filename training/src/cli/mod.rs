//! The `genie` command line: one module per subcommand.
//!
//! A subcommand is a module with `Args` and `run`, a variant of [`Command`] and an arm of [`run`].

mod actions;
mod bench;
mod configuration;
mod device_args;
mod dream;
mod dream_guard;
mod evaluate;
mod footage_args;
mod gameplay;
mod hours;
mod import;
mod interruption;
mod label;
mod outputs;
mod plan;
mod play;
mod result;
mod sampler_args;
mod train;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use interruption::Interrupted;
pub(crate) use result::CliResult;

/// Turns gameplay video into playable Genie worlds.
#[derive(Debug, Parser)]
#[command(name = "genie", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate gameplay footage of a built-in platformer.
    Gameplay(gameplay::Args),
    /// Turn films, animations and folders of pictures into a dataset.
    Import(import::Args),
    /// Turn films into a playable world and a report about it, within a given time.
    Dream(dream::Args),
    /// Find the player and its actions in a dataset.
    Actions(actions::Args),
    /// Train a world on a dataset.
    Train(train::Args),
    /// Evaluate a world on a dataset.
    Evaluate(evaluate::Args),
    /// Measure what each latent action does, and write names and keys into the checkpoint.
    Label(label::Args),
    /// Play a world without a screen, into a GIF.
    Play(play::Args),
    /// Measure how fast a world generates frames and trains.
    Bench(bench::Args),
    /// Say what a training takes: parameters, memory, operations and days.
    Plan(plan::Args),
}

impl Cli {
    /// The command line of this process; what is wrong with it ends the process.
    pub(crate) fn read() -> Self {
        let command = with_negative_numbers(Self::command());
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// A command whose values may be negative numbers, so that one out of range is not taken for an option.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|subcommand| subcommand.allow_negative_numbers(true))
}

/// Runs the chosen subcommand.
pub(crate) fn run(cli: Cli) -> CliResult {
    match cli.command {
        Command::Gameplay(args) => gameplay::run(args),
        Command::Import(args) => import::run(args),
        Command::Dream(args) => dream::run(args),
        Command::Actions(args) => actions::run(args),
        Command::Train(args) => train::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Label(args) => label::run(args),
        Command::Play(args) => play::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Plan(args) => plan::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_number_is_a_value_that_is_out_of_range() {
        let command = with_negative_numbers(Cli::command());
        let error = command
            .try_get_matches_from(["genie", "gameplay", "--out", "x", "--clips", "-1"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("'-1'") && error.contains("--clips"),
            "{error}"
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
