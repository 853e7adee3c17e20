//! How frames are sampled: acts at once on the world that is played, on the strips when a slider is let go.

use std::ops::RangeInclusive;

use bevy_egui::egui;
use bevy_genie::prelude::*;

use super::Work;

pub(super) fn show(ui: &mut egui::Ui, work: &mut Work) {
    let mut sampler = work.project.sampler.clone();
    let mut settled = false;
    ui.spacing_mut().slider_width = (ui.available_width() - 70.0).clamp(60.0, 160.0);
    settled |= slide(
        ui,
        "MaskGIT steps",
        "more steps, more careful frames; fewer, faster ones",
        (&mut sampler.steps, 1..=25),
    );
    settled |= slide(
        ui,
        "temperature",
        "0 takes the likeliest token, more is bolder",
        (&mut sampler.temperature, 0.0..=2.0),
    );
    settled |= slide(
        ui,
        "top-p",
        "draws from the likeliest tokens that together have this probability",
        (&mut sampler.top_p, 0.05..=1.0),
    );
    settled |= slide(
        ui,
        "order noise",
        "how far the order of unmasking is left to chance",
        (&mut sampler.order_noise, 0.0..=5.0),
    );
    settled |= slide(
        ui,
        "adjacency",
        "how much tokens are kept beside those that they had in the footage",
        (&mut sampler.adjacency, 0.0..=1.0),
    );
    let model = work.models.get(&work.lines.model);
    let own = model.map_or(0.0, |model| model.config().dynamics.action_guidance);
    let before = sampler.action_guidance.unwrap_or(own);
    let mut guidance = before;
    settled |= slide(
        ui,
        "action guidance",
        "more, and actions are obeyed more surely; above 0 frames take up to twice as long",
        (&mut guidance, 0.0..=4.0),
    );
    if guidance.to_bits() != before.to_bits() {
        sampler.action_guidance = Some(guidance);
    }
    ui.label("order of unmasking");
    for (order, name, hint) in [
        (
            GenieUnmaskingOrder::ConfidenceThreshold,
            "confidence threshold",
            "all tokens that are sure enough, and at least as many as it takes to be done in time",
        ),
        (
            GenieUnmaskingOrder::Confidence,
            "surest first",
            "as many in each step as the schedule says, the surest ones",
        ),
        (
            GenieUnmaskingOrder::Random,
            "any",
            "as many in each step as the schedule says, in any order",
        ),
    ] {
        let button = ui.radio_value(&mut sampler.order, order, name);
        settled |= button.on_hover_text(hint).changed();
    }
    if ui
        .button("As usual")
        .on_hover_text("the sampler's defaults")
        .clicked()
    {
        sampler = GenieSamplerSettings::default();
        settled = true;
    }
    if work.project.sampler != sampler {
        work.project.sampler = sampler;
    }
    if settled {
        work.lines.renew_strips();
    }
    ui.separator();
    ui.horizontal(|ui| {
        let name = ui.label("seed");
        let mut seed = work.project.seed;
        let field = ui.add(egui::DragValue::new(&mut seed)).labelled_by(name.id);
        if field
            .on_hover_text("takes effect from the prompt on")
            .changed()
        {
            work.project.seed = seed;
            work.project.version += 1;
        }
    });
}

/// A slider and a field of one value, both of which have its name; whether either was let go. The field that egui puts beside its sliders
/// has none.
fn slide<N: egui::emath::Numeric>(
    ui: &mut egui::Ui,
    name: &str,
    hint: &str,
    (value, range): (&mut N, RangeInclusive<N>),
) -> bool {
    let name = ui.label(name).on_hover_text(hint).id;
    ui.horizontal(|ui| {
        let slider = egui::Slider::new(value, range.clone()).show_value(false);
        let slider = ui.add(slider);
        let speed = (range.end().to_f64() - range.start().to_f64()) / 200.0;
        let field = egui::DragValue::new(value).range(range).speed(speed);
        let decimals = if N::INTEGRAL { 0 } else { 2 };
        let field = ui.add(field.fixed_decimals(decimals));
        let let_go = [slider, field].map(|control| {
            let control = control.labelled_by(name).on_hover_text(hint);
            control.drag_stopped() || (control.changed() && !control.dragged())
        });
        let_go.contains(&true)
    })
    .inner
}
