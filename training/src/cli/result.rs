//! How subcommands end.

/// How subcommands end: any error goes up to `main`, which prints it with its causes.
pub(crate) type CliResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;
