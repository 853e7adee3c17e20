//! Reflection of the model crate's types, which does not know Bevy, and the registration of all public types.

// What the macros for foreign types expand to.
#![allow(clippy::transmute_ptr_to_ptr)]

use bevy::prelude::*;
use bevy::reflect::reflect_remote;
use genie_model::{Fit, SamplerSettings, UnmaskingOrder};

use crate::{
    ActionRule, EndReason, FrameBlend, GamepadControl, GenieDevice, GenieEnded, GenieJumped,
    GenieModel, GeniePriority, GeniePrompt, GenieReady, GenieReset, GenieSettings, GenieTexture,
    GenieWorld, InputAction, InputSource, Jump, KeyboardControl, LatentActionMap, LatentTarget,
    MouseControl, OrderKind, StickDirection, Timeline, WorldFrame, WorldPhase, WorldStatus,
};

/// [`SamplerSettings`] to inspectors.
#[reflect_remote(SamplerSettings)]
#[derive(Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub struct SamplerReflect {
    /// See [`SamplerSettings::steps`].
    pub steps: usize,
    /// See [`SamplerSettings::temperature`].
    pub temperature: f32,
    /// See [`SamplerSettings::top_p`].
    pub top_p: f32,
    /// See [`SamplerSettings::order`].
    #[reflect(remote = OrderReflect)]
    pub order: UnmaskingOrder,
    /// See [`SamplerSettings::order_noise`].
    pub order_noise: f32,
    /// See [`SamplerSettings::adjacency`].
    pub adjacency: f32,
}

/// [`UnmaskingOrder`] to inspectors.
#[reflect_remote(UnmaskingOrder)]
#[derive(Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum OrderReflect {
    /// See [`UnmaskingOrder::Confidence`].
    Confidence,
    /// See [`UnmaskingOrder::Random`].
    Random,
    /// See [`UnmaskingOrder::ConfidenceThreshold`].
    ConfidenceThreshold,
}

/// [`Fit`] to inspectors.
#[reflect_remote(Fit)]
#[derive(Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum FitReflect {
    /// See [`Fit::Crop`].
    Crop,
    /// See [`Fit::Letterbox`].
    Letterbox,
}

/// Makes all public types known to inspectors, whether or not Bevy registers types by itself.
pub(crate) fn register_types(app: &mut App) {
    app.register_type::<ActionRule>()
        .register_type::<EndReason>()
        .register_type::<FrameBlend>()
        .register_type::<GenieDevice>()
        .register_type::<GeniePriority>()
        .register_type::<GamepadControl>()
        .register_type::<GenieEnded>()
        .register_type::<GenieJumped>()
        .register_type::<Handle<GenieModel>>()
        .register_type::<GeniePrompt>()
        .register_type::<GenieReady>()
        .register_type::<GenieReset>()
        .register_type::<GenieSettings>()
        .register_type::<GenieTexture>()
        .register_type::<GenieWorld>()
        .register_type::<InputAction>()
        .register_type::<InputSource>()
        .register_type::<Jump>()
        .register_type::<KeyboardControl>()
        .register_type::<LatentActionMap>()
        .register_type::<LatentTarget>()
        .register_type::<MouseControl>()
        .register_type::<OrderKind>()
        .register_type::<StickDirection>()
        .register_type::<Timeline>()
        .register_type::<WorldFrame>()
        .register_type::<WorldPhase>()
        .register_type::<WorldStatus>();
}
