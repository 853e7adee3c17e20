//! Reflection of the model crate's types, which does not know Bevy.

// What the macros for foreign types expand to.
#![allow(clippy::transmute_ptr_to_ptr)]

use bevy::reflect::reflect_remote;
use genie_model::{Fit, SamplerSettings, UnmaskingOrder};

/// [`SamplerSettings`] to inspectors.
#[reflect_remote(SamplerSettings)]
#[derive(Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub struct GenieSamplerReflect {
    /// See [`SamplerSettings::steps`].
    pub steps: usize,
    /// See [`SamplerSettings::temperature`].
    pub temperature: f32,
    /// See [`SamplerSettings::top_p`].
    pub top_p: f32,
    /// See [`SamplerSettings::order`].
    #[reflect(remote = GenieOrderReflect)]
    pub order: UnmaskingOrder,
    /// See [`SamplerSettings::order_noise`].
    pub order_noise: f32,
    /// See [`SamplerSettings::adjacency`].
    pub adjacency: f32,
    /// See [`SamplerSettings::action_guidance`].
    pub action_guidance: Option<f32>,
}

/// [`UnmaskingOrder`] to inspectors.
#[reflect_remote(UnmaskingOrder)]
#[derive(Clone, Debug, PartialEq)]
#[reflect(Debug, PartialEq, Clone)]
pub enum GenieOrderReflect {
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
pub enum GenieFitReflect {
    /// See [`Fit::Crop`].
    Crop,
    /// See [`Fit::Letterbox`].
    Letterbox,
}
