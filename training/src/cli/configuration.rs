//! The configuration of a training on the command line: a file or a preset, and other values for some of its settings.

use std::path::{Path, PathBuf};

use genie_training::train::{PRESETS, TrainConfig};

/// Where a configuration comes from.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// TOML file with the model, the phases and the seed; see `training/configs`.
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// A configuration by name: `game`, `game-small` or `game-large` for any game, `platformer`, `paper-actions`, or with the paper's hyperparameters `coinrun`, `paper-41M`,
    /// `paper-96M`, `paper-192M`, `paper-404M`, `paper-811M`, `paper-1.6B`, `paper-2.7B` or `paper-10.1B`.
    #[arg(long)]
    pub(super) preset: Option<String>,
}

impl Source {
    /// The configuration as a table, and what to call it in messages.
    fn read(&self) -> Result<(toml::Table, String), String> {
        if let Some(path) = &self.config {
            let table = toml::from_str(&config_text(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            return Ok((table, path.display().to_string()));
        }
        let name = self.preset.as_deref().unwrap_or("platformer");
        let config = TrainConfig::preset(name)
            .ok_or_else(|| format!("--preset {name}: there are {PRESETS}"))?;
        let table = toml::Table::try_from(config).map_err(|e| format!("--preset {name}: {e}"))?;
        Ok((table, format!("--preset {name}")))
    }
}

/// The configuration of a file or a preset with other values for some of its settings.
pub(super) fn read_config(
    source: &Source,
    settings: &[String],
) -> Result<TrainConfig, Box<dyn std::error::Error + Send + Sync>> {
    if let (Some(path), []) = (&source.config, settings) {
        // So that an error says in which line it is.
        let config: TrainConfig = toml::from_str(&config_text(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        config.validate(path)?;
        return Ok(config);
    }
    let (mut config, mut name) = source.read()?;
    for setting in settings {
        set(&mut config, setting)?;
        name = format!("{name} --set {setting}");
    }
    let config: TrainConfig = config
        .try_into()
        .map_err(|error: toml::de::Error| format!("{name}: {error}"))?;
    config.validate(Path::new(&name))?;
    Ok(config)
}

/// The text of a configuration file.
fn config_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        let name = path.display();
        format!("--config {name}: {error}; expected a TOML file, or --preset with one of {PRESETS}")
    })
}

/// Puts the value of `a.b.c=value` into a table.
fn set(config: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (key, value) = setting
        .split_once('=')
        .ok_or_else(|| format!("--set {setting}: expected SETTING=VALUE"))?;
    let value = value.trim();
    let value = value
        .parse::<toml::Value>()
        .unwrap_or_else(|_| toml::Value::String(value.to_owned()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let name = path.pop().unwrap_or_default();
    let mut table = config;
    for part in path {
        table = table
            .entry(part)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .ok_or_else(|| format!("--set {setting}: {part} is a value, not a table"))?;
    }
    table.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use genie_model::{ActionConditioning, LatentActionInput};

    fn shipped() -> Source {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/platformer.toml");
        Source {
            config: Some(path),
            preset: None,
        }
    }

    fn preset(name: &str) -> Source {
        Source {
            config: None,
            preset: Some(name.to_owned()),
        }
    }

    #[test]
    fn presets_need_no_file_and_take_settings() {
        let names = [
            "game",
            "platformer",
            "paper-actions",
            "coinrun",
            "paper-41M",
            "paper-10.1B",
        ];
        for name in names {
            let config = read_config(&preset(name), &[]).unwrap();
            assert_eq!(Some(config), TrainConfig::preset(name), "{name}");
        }
        let settings = ["tokenizer.batch=3", "bf16=false"].map(str::to_owned);
        let mut expected = TrainConfig::preset("coinrun").unwrap();
        expected.tokenizer.batch = 3;
        expected.bf16 = false;
        assert_eq!(
            read_config(&preset("coinrun"), &settings).unwrap(),
            expected
        );
        let error = read_config(&preset("paper-12M"), &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("paper-12M") && error.contains("paper-41M"),
            "{error}"
        );
    }

    #[test]
    fn settings_replace_those_of_the_file_and_leave_the_others() {
        let settings = [
            "dynamics.steps=7",
            "model.dynamics.conditioning=prepended",
            "model.latent_actions.input=\"differences\"",
            "model.dynamics.transformer = { layers = 2, width = 64, heads = 2, head_width = 32, feed_forward = 4, window = 8, rotary_space = true }",
            "fully_masked=0.25",
        ]
        .map(str::to_owned);
        let config = read_config(&shipped(), &settings).unwrap();
        let mut expected = TrainConfig::platformer();
        expected.dynamics.steps = 7;
        expected.model.dynamics.conditioning = ActionConditioning::Prepended;
        expected.model.latent_actions.input = LatentActionInput::Differences;
        let transformer = &mut expected.model.dynamics.transformer;
        (transformer.layers, transformer.width) = (2, 64);
        (transformer.heads, transformer.window) = (2, 8);
        expected.fully_masked = 0.25;
        assert_eq!(config, expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_file_that_was_given() {
        let error = read_config(&shipped(), &["dynamics.batch=0".to_owned()]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("platformer.toml"), "{error}");
        assert!(error.contains("--set dynamics.batch=0"), "{error}");
        assert!(error.contains("must be at least 1"), "{error}");
        // A name in place of a file.
        let named = Source {
            config: Some(PathBuf::from("platformer")),
            preset: None,
        };
        let error = read_config(&named, &[]).unwrap_err().to_string();
        assert!(
            error.contains("--config platformer") && error.contains("--preset with one of"),
            "{error}"
        );
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        for (setting, said) in [
            ("dynamics.steps", "expected SETTING=VALUE"),
            ("seed.steps=1", "seed is a value"),
            ("dynamics.step=1", "unknown field `step`"),
            ("dynamics.steps=many", "invalid type"),
            ("=1", "unknown field"),
        ] {
            let error = read_config(&shipped(), &[setting.to_owned()]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(said), "{setting}: {error}");
            assert!(error.contains(setting), "{setting}: {error}");
        }
    }
}
