//! A configuration small enough for tests.

use genie_model::{GenieConfig, QuantizerConfig};

/// The shipped world's configuration, shrunk until tests are quick.
pub(super) fn tiny_config() -> GenieConfig {
    let mut config = GenieConfig::platformer();
    config.tokenizer.quantizer = QuantizerConfig::Vq { codes: 64, dim: 16 };
    for transformer in [
        &mut config.tokenizer.encoder,
        &mut config.tokenizer.decoder,
        &mut config.latent_actions.encoder,
        &mut config.dynamics.transformer,
    ] {
        transformer.layers = 1;
        transformer.width = 16;
        transformer.heads = 2;
        transformer.head_width = 8;
        transformer.window = 4;
    }
    config
}
