//! Every trainable tensor of every model gets a gradient: candle drops gradients silently in several operations.
#![allow(clippy::unwrap_used)]

mod common;
mod levels;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use common::{picture, random_vars, residual_config, small_config};
use genie_model::{
    ActionConditioning, DynamicsModel, GenieConfig, LatentActionInput, LatentActionModel,
    MaskedTokens, TransformerConfig, VideoTokenizer, frames_to_patches,
};

fn builder(vars: &BTreeMap<String, Var>) -> VarBuilder<'static> {
    let tensors = vars
        .iter()
        .map(|(n, v)| (n.clone(), v.as_tensor().clone()))
        .collect();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

fn assert_gradients(vars: &BTreeMap<String, Var>, prefix: &str, loss: &Tensor) {
    let grads = loss.backward().unwrap();
    let mut checked = 0;
    for (name, var) in vars {
        // Codebooks follow their vectors by moving averages.
        if !name.starts_with(prefix) || name.ends_with("codebook") {
            continue;
        }
        let grad = grads
            .get(var.as_tensor())
            .unwrap_or_else(|| panic!("{name} has no gradient"));
        let size = grad
            .abs()
            .unwrap()
            .max_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap();
        assert!(
            size > 0.0 && size.is_finite(),
            "the gradient of {name} is {size}"
        );
        checked += 1;
    }
    assert!(checked > 10, "only {checked} tensors below {prefix}");
}

fn clips() -> Vec<u8> {
    (0..8).flat_map(|i| picture(32, i).into_pixels()).collect()
}

fn patches(config: &GenieConfig) -> Tensor {
    frames_to_patches(&clips(), 32, 32, config.tokenizer.patch, &Device::Cpu)
        .unwrap()
        .reshape((2, 4, 16, ()))
        .unwrap()
}

#[test]
fn tokenizer() {
    tokenizer_of(small_config());
}

#[test]
fn tokenizer_of_several_codes_per_token() {
    tokenizer_of(residual_config());
}

fn tokenizer_of(mut config: GenieConfig) {
    // With a window of one the encoder's temporal attention has nothing to choose between.
    config.tokenizer.encoder.window = 3;
    let vars = random_vars(&config, 1);
    let tokenizer = VideoTokenizer::new(&config, builder(&vars).pp("tokenizer")).unwrap();
    let patches = patches(&config);
    let vectors = tokenizer.encode(&patches).unwrap();
    let quantized = tokenizer.quantizer().quantize(&vectors).unwrap();
    let decoded = tokenizer.decode(&quantized.codes).unwrap();
    let loss = (decoded - patches)
        .unwrap()
        .sqr()
        .unwrap()
        .mean_all()
        .unwrap();
    assert_gradients(&vars, "tokenizer.", &(loss + quantized.commitment).unwrap());
}

fn dynamics(mut config: GenieConfig, conditioning: ActionConditioning) {
    config.dynamics.conditioning = conditioning;
    let vars = random_vars(&config, 2);
    let vb = builder(&vars);
    let tokenizer = VideoTokenizer::new(&config, vb.pp("tokenizer")).unwrap();
    let latent = LatentActionModel::new(&config, vb.pp("latent_actions")).unwrap();
    let dynamics = DynamicsModel::new(&config, vb.pp("dynamics")).unwrap();
    let features = latent.features(&clips(), 2).unwrap();
    let actions = latent.quantize(&latent.encode(&features).unwrap()).unwrap();
    let tokens = tokenizer.tokenize(&patches(&config)).unwrap();
    let masked = tokens.ones_like().unwrap().affine(24.0, 0.0).unwrap();
    let known = tokens.reshape(((), dynamics.stages())).unwrap();
    let tokens = MaskedTokens {
        context: tokens,
        masked,
    };
    let codebook = tokenizer.quantizer().codebook().detach();
    let embeddings = dynamics.token_embeddings(&codebook).unwrap();
    let hidden = dynamics
        .forward(&tokens, &actions.codes, &embeddings)
        .unwrap();
    let hidden = hidden.flatten_to(2).unwrap();
    let logits = dynamics.logits_given(&hidden, &embeddings, &known).unwrap();
    assert_eq!(logits.len(), dynamics.stages());
    let mut loss = actions.commitment;
    for logits in logits {
        loss = (loss + logits.sqr().unwrap().mean_all().unwrap()).unwrap();
    }
    // Tokens that do not occur have no gradient of their own, but the table as a whole has.
    assert_gradients(&vars, "dynamics.", &loss);
    assert_gradients(&vars, "latent_actions.encoder.", &loss);
}

#[test]
fn dynamics_and_latent_actions() {
    dynamics(small_config(), ActionConditioning::Added);
}

#[test]
fn dynamics_of_several_codes_per_token() {
    dynamics(residual_config(), ActionConditioning::Added);
}

#[test]
fn dynamics_with_an_action_token() {
    dynamics(small_config(), ActionConditioning::Prepended);
}

#[test]
fn latent_action_model_on_pixels() {
    for input in [LatentActionInput::Pixels, LatentActionInput::Differences] {
        let mut config = small_config();
        config.latent_actions.input = input;
        config.latent_actions.decoder = Some(TransformerConfig {
            layers: 2,
            ..config.latent_actions.encoder.clone()
        });
        let vars = random_vars(&config, 3);
        let vb = builder(&vars);
        let latent = LatentActionModel::new(&config, vb.pp("latent_actions")).unwrap();
        let features = latent.features(&clips(), 2).unwrap();
        let actions = latent.quantize(&latent.encode(&features).unwrap()).unwrap();
        let before = patches(&config)
            .narrow(1, 0, 3)
            .unwrap()
            .contiguous()
            .unwrap();
        let predicted = latent.predict(&before, &actions.codes).unwrap();
        let loss = (predicted.sqr().unwrap().mean_all().unwrap() + actions.commitment).unwrap();
        assert_gradients(&vars, "latent_actions.", &loss);
    }
}

#[test]
fn the_same_holds_at_every_instruction_set() {
    levels::run_at_other_levels("the_same_holds_at_every_instruction_set");
}
