//! How much arithmetic each part has to do, counted from the configuration.

use genie_model::{
    ActionConditioning, GenieConfig, LatentActionInput, MOTION_FEATURES, QuantizerConfig,
    TransformerConfig, patch_grid,
};
use serde::Serialize;

use crate::train::TrainConfig;

/// Floating-point operations of each part; see [`count_operations`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operations {
    /// Encoding one frame.
    pub encode: f64,
    /// Finishing one frame and starting the next one.
    pub first_pass: f64,
    /// One further pass over one frame.
    pub further_pass: f64,
    /// Finishing one frame alone.
    pub clean_pass: f64,
    /// Decoding one frame.
    pub decode: f64,
    /// A training step of the tokenizer.
    pub tokenizer_step: f64,
    /// A training step of latent actions and dynamics.
    pub dynamics_step: DynamicsOperations,
}

/// Floating-point operations of a step of latent actions and dynamics, by the model that takes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DynamicsOperations {
    /// Making the tokens with the frozen tokenizer.
    pub tokenizer: f64,
    /// The latent action model, its pixel decoder included.
    pub latent_actions: f64,
    /// The dynamics, on clean and masked tokens side by side.
    pub dynamics: f64,
}

impl DynamicsOperations {
    /// All of them together.
    pub fn all(&self) -> f64 {
        self.tokenizer + self.latent_actions + self.dynamics
    }
}

/// Counts the operations of the matrix products and attentions of every part, a product and a sum as two. All else (norms,
/// exponentials, activations, sums, optimiser, motion features, drawing masks, moving averages) is not counted, so that
/// the share of the peak that a part reaches is what is left after it.
///
/// The parts of play are those of one world whose window is full. With `D`, `I` and `F` the widths of the residual stream,
/// of all heads together and of the feed-forward, a frame of `N` tokens that sees `T` frames, its own included, takes in
/// each block
///
/// - `N (2 * 2 D 3I + 2 * 2 I D)` for queries, keys, values and projections of the two attentions,
/// - `N 4 I N` for spatial and `N 4 I T` for temporal attention: logits and weighted sums,
/// - `N (2 D F + 2 F D)` for the feed-forward.
///
/// A frame of which only keys and values are wanted leaves its last block after the temporal queries, keys and values. Logits are
/// not part of a pass.
///
/// The gradient of a product takes two of its size, one for each factor; where one of them is data or frozen, one. Steps of the
/// dynamics in which the encoder of latent actions is frozen have no gradient of it; what a step costs is the mean over the phase.
/// Contexts that are sampled from the model itself are not counted. A
/// clip of `T` frames sees `min(t + 1, window)` frames at time `t`, in the clean and in the masked stream. The number of masked tokens
/// is the one expected.
pub fn count_operations(config: &TrainConfig) -> Operations {
    let model = &config.model;
    let codes = model.tokenizer.quantizer.codes() as f64;
    let stages = model.tokenizer.quantizer.stages() as f64;
    let dim = model.tokenizer.quantizer.dim() as f64;
    let tokens = model.tokens_per_frame() as f64;
    let patch = patch_len(model.tokenizer.patch);
    let (encoder, decoder) = (&model.tokenizer.encoder, &model.tokenizer.decoder);
    let dynamics = &model.dynamics.transformer;
    let dynamics_tokens = match model.dynamics.conditioning {
        ActionConditioning::Added => tokens,
        ActionConditioning::Prepended => tokens + 1.0,
    };

    // The tokenizer, per frame.
    let nearest_code = match model.tokenizer.quantizer {
        QuantizerConfig::Vq { .. } => tokens * 2.0 * dim * stages * codes,
        QuantizerConfig::Fsq { .. } => 0.0,
    };
    let embed_patches = tokens * 2.0 * patch * encoder.width as f64;
    let encode = |seen: f64| {
        embed_patches + blocks(encoder, tokens, seen) + tokens * 2.0 * encoder.width as f64 * dim
    };
    let decode = |seen: f64| {
        tokens * 2.0 * decoder.width as f64 * (dim + patch) + blocks(decoder, tokens, seen)
    };
    let further_pass = blocks(dynamics, dynamics_tokens, dynamics.window as f64);
    let clean_pass = further_pass - unfinished(dynamics, dynamics_tokens);

    // Training the tokenizer: patches are data, and the nearest code has no gradient.
    let phase = &config.tokenizer;
    let seen = |t: &TransformerConfig| mean_seen(phase.clip_frames, t.window);
    let tokenizer_step = (phase.batch * phase.clip_frames) as f64
        * (3.0 * (encode(seen(encoder)) + decode(seen(decoder))) - embed_patches + nearest_code);

    // Training latent actions and dynamics, on tokens of the frozen tokenizer.
    let phase = &config.dynamics;
    let (frames, transitions) = (
        (phase.batch * phase.clip_frames) as f64,
        (phase.batch * (phase.clip_frames - 1)) as f64,
    );
    let seen = |t: &TransformerConfig| mean_seen(phase.clip_frames, t.window);
    let tokenise = frames * (encode(seen(encoder)) + nearest_code);
    let frozen = config.actions_frozen as f64 / phase.steps.max(1) as f64;
    let actions = transitions * latent_actions(model, phase.clip_frames - 1, frozen.min(1.0));
    let width = dynamics.width as f64;
    // The codebook is frozen, the projection of it is not.
    let embeddings = 2.0 * (2.0 * stages * codes * dim * width);
    let led = 3.0 * transitions * 2.0 * model.latent_actions.dim as f64 * width;
    let streams = 3.0 * 2.0 * frames * blocks(dynamics, dynamics_tokens, seen(dynamics));
    let fully = f64::from(config.fully_masked);
    let masked = transitions * tokens * (fully + (1.0 - fully) * std::f64::consts::FRAC_2_PI);
    // Each stage after the first projects the codes before it, and has a feed-forward twice as wide as the model.
    let later_stages = (stages - 1.0) * (2.0 + 8.0) * width * width;
    let logits = 3.0 * masked * (2.0 * width * stages * codes + later_stages);

    Operations {
        encode: encode(1.0) + nearest_code,
        first_pass: clean_pass + further_pass,
        further_pass,
        clean_pass,
        decode: decode(decoder.window as f64),
        tokenizer_step,
        dynamics_step: DynamicsOperations {
            tokenizer: tokenise,
            latent_actions: actions,
            dynamics: embeddings + led + streams + logits,
        },
    }
}

/// Values of a patch.
fn patch_len(side: usize) -> f64 {
    (side * side * 3) as f64
}

/// All blocks on one frame that sees `seen` frames.
fn blocks(t: &TransformerConfig, tokens: f64, seen: f64) -> f64 {
    let (width, inner) = (t.width as f64, t.attention_width() as f64);
    let hidden = t.feed_forward as f64 * width;
    let token = 16.0 * width * inner + 4.0 * inner * (tokens + seen) + 4.0 * width * hidden;
    t.layers as f64 * tokens * token
}

/// The operations that a frame without output leaves out.
fn unfinished(t: &TransformerConfig, tokens: f64) -> f64 {
    if t.layers == 0 {
        return 0.0;
    }
    let (width, inner) = (t.width as f64, t.attention_width() as f64);
    let hidden = t.feed_forward as f64 * width;
    tokens * (4.0 * inner * t.window as f64 + 2.0 * inner * width + 4.0 * width * hidden)
}

/// Frames that a frame of a clip sees in the mean.
fn mean_seen(frames: usize, window: usize) -> f64 {
    let seen: usize = (1..=frames).map(|seen| seen.min(window)).sum();
    seen as f64 / frames.max(1) as f64
}

/// Training the latent action model, per transition of a clip that has `transitions`, where the encoder is frozen in a share of the
/// steps.
fn latent_actions(model: &GenieConfig, transitions: usize, frozen: f64) -> f64 {
    let latent = &model.latent_actions;
    let (rows, columns) = patch_grid(model.frame_height, model.frame_width, latent.patch);
    let tokens = (rows * columns) as f64;
    let patch = patch_len(latent.patch);
    let features = match latent.input {
        LatentActionInput::Pixels => 2.0 * patch,
        LatentActionInput::Differences => patch,
        LatentActionInput::Motion => MOTION_FEATURES as f64,
        // Found once, before the training.
        LatentActionInput::Agent => return 0.0,
    };
    let dim = latent.dim as f64;
    // Per coder: an embedding of data, blocks, and what follows them; and how often all that is done.
    let coder = |t: &TransformerConfig, inputs: f64, rest: f64, frozen: f64| {
        let embed = tokens * 2.0 * inputs * t.width as f64;
        let seen = mean_seen(transitions, t.window);
        (2.0 - frozen) * embed + (3.0 - 2.0 * frozen) * (blocks(t, tokens, seen) + rest)
    };
    let project = 2.0 * latent.encoder.width as f64 * dim;
    let nearest_code = 2.0 * dim * latent.actions as f64;
    let decoder = latent.decoder.as_ref().map_or(0.0, |t| {
        let width = t.width as f64;
        let rest = 2.0 * dim * width + tokens * 2.0 * width * patch;
        coder(t, patch, rest, 0.0)
    });
    coder(&latent.encoder, features, project, frozen) + nearest_code + decoder
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four tokens a frame, one block everywhere with `D` = 4, `I` = 2 and `F` = 8.
    fn tiny() -> TrainConfig {
        let mut config = TrainConfig::platformer();
        config.fully_masked = 1.0;
        config.actions_frozen = 0;
        for phase in [&mut config.tokenizer, &mut config.dynamics] {
            (phase.batch, phase.clip_frames) = (1, 2);
        }
        let block = |window| TransformerConfig {
            layers: 1,
            width: 4,
            heads: 1,
            head_width: 2,
            feed_forward: 2,
            window,
            rotary_space: false,
        };
        let model = &mut config.model;
        (model.frame_height, model.frame_width) = (16, 16);
        model.tokenizer.quantizer = QuantizerConfig::Vq {
            codes: 8,
            dim: 2,
            stages: 1,
        };
        (model.tokenizer.encoder, model.tokenizer.decoder) = (block(1), block(2));
        model.latent_actions.input = LatentActionInput::Differences;
        (model.latent_actions.actions, model.latent_actions.dim) = (2, 2);
        model.latent_actions.encoder = block(2);
        model.dynamics.transformer = block(3);
        config
    }

    #[test]
    fn a_tiny_world_is_counted_as_by_hand() {
        // One token in a block: 48 + 48 for both queries, keys and values, 16 + 16 for both projections, 32 for spatial
        // attention, 8 for each frame that temporal attention sees, 64 + 64 for the feed-forward.
        let block = |seen: f64| 4.0 * (288.0 + 8.0 * seen);
        let further = block(3.0);
        // 48 + 32 + 16 for spatial attention, 48 for temporal queries, keys and values.
        let clean = 4.0 * 144.0;
        // A patch has 192 values.
        let (embed, project) = (4.0 * 2.0 * 192.0 * 4.0, 4.0 * 2.0 * 4.0 * 2.0);
        let nearest = 4.0 * 2.0 * 2.0 * 8.0;
        let encode = embed + block(1.0) + project;
        // The decoder's linear layers are as large as the encoder's; a first frame sees one and a second one two.
        let decode_clip = project + block(1.5) + embed;
        let tokenizer_step =
            2.0 * (2.0 * embed + 3.0 * (block(1.0) + project + decode_clip) + nearest);
        let dynamics_step = DynamicsOperations {
            tokenizer: 2.0 * (encode + nearest),
            // One transition: patches to an action of two values, the nearer of two.
            latent_actions: 2.0 * embed + 3.0 * (block(1.0) + 16.0) + 8.0,
            // Embeddings of eight codes, and of an action.
            dynamics: 2.0 * 128.0
                + 3.0 * 16.0
                // Two frames in two streams.
                + 3.0 * 4.0 * block(1.5)
                // All four tokens of the second frame are masked, with eight logits each.
                + 3.0 * 4.0 * 64.0,
        };
        let by_hand = Operations {
            encode: encode + nearest,
            first_pass: further + clean,
            further_pass: further,
            clean_pass: clean,
            decode: project + block(2.0) + embed,
            tokenizer_step,
            dynamics_step,
        };
        assert_eq!(count_operations(&tiny()), by_hand);
        assert!((by_hand.encode - 7520.0).abs() < 1e-9);
        assert!((by_hand.decode - 7424.0).abs() < 1e-9);
        assert!((by_hand.first_pass - 1824.0).abs() < 1e-9);
        assert!((by_hand.tokenizer_step - 76768.0).abs() < 1e-9);
        assert!((by_hand.dynamics_step.all() - 46408.0).abs() < 1e-9);
        // No gradient of a frozen encoder, in half of the steps.
        let mut frozen = tiny();
        frozen.actions_frozen = frozen.dynamics.steps / 2;
        let saved = dynamics_step.all() - count_operations(&frozen).dynamics_step.all();
        assert!((saved - 0.5 * (embed + 2.0 * (block(1.0) + 16.0))).abs() < 1e-6);
    }

    /// Tables 10 and 12 of the paper say how many operations its dynamics models took. They are 3.4 (2.7B) to 6.9 (10.1B) for each parameter and
    /// token, so that the paper does not count alike everywhere: what is counted here is within a factor of two of each.
    #[test]
    fn the_papers_dynamics_take_about_its_operations() {
        for (name, published) in [
            ("41M", 2.05e20),
            ("96M", 3.58e20),
            ("192M", 6.4e20),
            ("404M", 1.2e21),
            ("811M", 2.2e21),
            ("1.6B", 4.04e21),
            ("2.7B", 6.91e21),
            ("10.1B", 6.6e22),
        ] {
            let config = TrainConfig::preset(&format!("paper-{name}")).unwrap();
            let step = count_operations(&config).dynamics_step;
            // The paper's model reads clean and masked frames in one stream, this one side by side in two.
            let ratio = step.dynamics * config.dynamics.steps as f64 / 2.0 / published;
            assert!((0.5..2.0).contains(&ratio), "{name}: {ratio:.2}");
            if name == "41M" {
                assert!((0.9..1.1).contains(&ratio), "{ratio:.2}");
            }
        }
    }

    #[test]
    fn more_is_more() {
        let tiny = tiny();
        let mut larger = tiny.clone();
        larger.model.latent_actions.decoder = Some(tiny.model.tokenizer.decoder.clone());
        larger.model.dynamics.conditioning = ActionConditioning::Prepended;
        let (less, more) = (count_operations(&tiny), count_operations(&larger));
        assert!(more.further_pass > less.further_pass);
        assert!(more.dynamics_step.all() > less.dynamics_step.all());
        larger.model.tokenizer.quantizer = QuantizerConfig::Fsq { levels: vec![2; 3] };
        assert!(count_operations(&larger).encode < less.encode + 4.0 * 2.0 * 4.0);
        // Twice the codes of a token: a second search, and in training a second head beside what it knows of the first.
        let mut twice = tiny.clone();
        twice.model.tokenizer.quantizer = QuantizerConfig::Vq {
            codes: 8,
            dim: 2,
            stages: 2,
        };
        let (one, two) = (count_operations(&tiny), count_operations(&twice));
        assert!((two.encode - one.encode - 4.0 * 2.0 * 2.0 * 8.0).abs() < 1e-9);
        assert!((two.further_pass - one.further_pass).abs() < 1e-9);
        let second = 2.0 * 128.0 + 2.0 * 128.0 + 3.0 * 4.0 * (64.0 + 160.0);
        let [one, two] = [one, two].map(|it| it.dynamics_step.all());
        assert!((two - one - second).abs() < 1e-9);
        // No blocks, no passes.
        larger.model.dynamics.transformer.layers = 0;
        assert!(count_operations(&larger).first_pass.abs() < 1e-9);
    }
}
