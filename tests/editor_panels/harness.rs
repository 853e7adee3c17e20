//! The editor on a tiny model, its window drawn for nobody.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bevy::ecs::schedule::IntoScheduleConfigs;
use bevy::ecs::system::{RunSystemOnce, ScheduleSystem};
use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy::window::{FileDragAndDrop, WindowCloseRequested};
use bevy_egui::egui::{self, accesskit};
use bevy_genie::prelude::*;
use genie_tests::{Patience, tiny_checkpoint, unfinished_app};

use crate::closing::Quit;
use crate::drawing::Canvas;
use crate::export::ExportPlugin;
use crate::files::{Files, FilesPlugin};
use crate::lines::{Lines, LinesPlugin};
use crate::pace::PacePlugin;
use crate::palette::Palette;
use crate::project::Project;
use crate::study::{Study, Subject};
use crate::toasts::{Toasts, ToastsPlugin};
use crate::tools::Hand;
use crate::ui::{EditorView, UiPlugin, Work, show};

const TICK: Duration = Duration::from_millis(100);

/// Seconds from frame to frame, as far as the panels know.
const STEP: f64 = 0.05;

/// The editor and what it shows.
pub(crate) struct Editor {
    app: App,
    ctx: egui::Context,
    size: egui::Vec2,
    frames: u32,
    nodes: Vec<Shown>,
}

/// Something that is shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) role: accesskit::Role,
    /// Its name: its own, or that of its label.
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) selected: bool,
    pub(crate) disabled: bool,
    pub(crate) rect: egui::Rect,
}

impl Editor {
    /// Adds a system that runs when everything else has.
    pub(crate) fn last<M>(&mut self, system: impl IntoScheduleConfigs<ScheduleSystem, M>) {
        self.app.add_systems(Last, system);
    }

    /// The editor in a window of this size, its picture and the first frame of its world there.
    pub(crate) fn new(data: &Path, width: f32, height: f32) -> Self {
        let mut app = unfinished_app(GeniePlugin::default(), data, TICK);
        let model = GenieModel::new(tiny_checkpoint(1));
        let mut study = Study::default();
        let mut models = app.world_mut().resource_mut::<Assets<GenieModel>>();
        let handle = models.reserve_handle();
        study.learn(handle.id(), &model);
        models.insert(handle.id(), model).unwrap();
        let mut project = Project::default();
        project.change(Canvas::filled(16, 16, [9, 90, 200]));
        study.ask(Subject::Canvas, project.canvas.now());
        app.add_message::<FileDragAndDrop>()
            .add_message::<WindowCloseRequested>()
            .add_message::<Quit>()
            .add_message::<CursorMoved>()
            .add_message::<MouseButtonInput>()
            .add_message::<KeyboardInput>()
            .insert_resource(Files::new(data.to_owned()))
            .insert_resource(Lines::new(handle))
            .insert_resource(project)
            .insert_resource(study)
            .init_resource::<Hand>()
            .init_resource::<Palette>()
            .add_plugins((
                ToastsPlugin,
                FilesPlugin,
                LinesPlugin,
                ExportPlugin,
                UiPlugin,
                PacePlugin,
            ))
            .add_systems(
                Update,
                |mut study: ResMut<Study>, mut palette: ResMut<Palette>| {
                    assert_eq!(study.take(&mut palette), None);
                },
            );
        app.finish();
        app.cleanup();
        app.update();
        let ctx = egui::Context::default();
        ctx.enable_accesskit();
        let mut editor = Self {
            app,
            ctx,
            size: egui::vec2(width, height),
            frames: 0,
            nodes: Vec::new(),
        };
        editor.step(Vec::new());
        editor.ctx.all_styles_mut(|style| {
            style.interaction.tooltip_delay = 0.0;
            style.interaction.tooltip_grace_time = 0.0;
            style.interaction.show_tooltips_only_when_still = false;
        });
        editor.until("the world and what the model sees", |world| {
            let lines = world.resource::<Lines>();
            let line = lines.played().is_some_and(|line| !line.frames.is_empty());
            line && lines.strips_missing().is_none() && !world.resource::<Study>().pending()
        });
        editor.steps(3);
        editor
    }

    /// Draws once, after these events.
    pub(crate) fn step(&mut self, events: Vec<egui::Event>) {
        self.frames += 1;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, self.size)),
            time: Some(f64::from(self.frames) * STEP),
            focused: true,
            events,
            ..Default::default()
        };
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| {
            let ctx = ui.ctx().clone();
            app.update();
            let draw = move |mut view: ResMut<EditorView>, mut work: Work| {
                show(&ctx, view.bypass_change_detection(), &mut work);
            };
            app.world_mut().run_system_once(draw).unwrap();
        });
        // Nobody draws.
        output.textures_delta.clear();
        if let Some(update) = output.platform_output.accesskit_update {
            self.nodes = shown(&update);
        }
    }

    /// Draws a few times, so that everything follows.
    pub(crate) fn steps(&mut self, count: usize) {
        for _ in 0..count {
            self.step(Vec::new());
        }
    }

    /// Draws until something holds.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        let mut patience = Patience::with_this_process();
        while !done(self.world()) {
            assert!(!patience.is_over(), "waited in vain: {what}");
            self.steps(1);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn world(&self) -> &World {
        self.app.world()
    }

    pub(crate) fn world_mut(&mut self) -> &mut World {
        self.app.world_mut()
    }

    /// Everything that is shown.
    pub(crate) fn nodes(&self) -> &[Shown] {
        &self.nodes
    }

    /// Whether something with this in its name or text is shown.
    pub(crate) fn shows(&self, text: &str) -> bool {
        let has = |node: &Shown| node.name.contains(text) || node.value.contains(text);
        self.nodes.iter().any(has)
    }

    /// What has this role and name.
    pub(crate) fn node(&self, role: accesskit::Role, name: &str) -> Option<&Shown> {
        let mut nodes = self.nodes.iter();
        nodes.find(|node| node.role == role && node.name == name)
    }

    /// Moves the mouse.
    pub(crate) fn hover(&mut self, place: egui::Pos2) {
        self.step(vec![egui::Event::PointerMoved(place)]);
    }

    /// Clicks what has this name; there must be one such thing.
    pub(crate) fn click(&mut self, name: &str) {
        self.click_times(name, 1);
    }

    /// Clicks it twice, one click just after the other.
    pub(crate) fn double_click(&mut self, name: &str) {
        self.click_times(name, 2);
    }

    fn click_times(&mut self, name: &str, times: usize) {
        let words = [accesskit::Role::Label, accesskit::Role::Window];
        let named = |node: &&Shown| node.name == name && !words.contains(&node.role);
        let found: Vec<_> = self.nodes.iter().filter(named).collect();
        let [one] = found[..] else {
            panic!("`{name}` is {found:?} among {:#?}", self.nodes);
        };
        let pos = one.rect.center();
        self.hover(pos);
        for pressed in [true, false].repeat(times) {
            self.step(vec![egui::Event::PointerButton {
                pos,
                button: egui::PointerButton::Primary,
                pressed,
                modifiers: egui::Modifiers::NONE,
            }]);
        }
        self.steps(3);
    }

    /// Presses a key for a frame.
    pub(crate) fn press(&mut self, modifiers: egui::Modifiers, key: egui::Key) {
        for pressed in [true, false] {
            self.step(vec![egui::Event::Key {
                key,
                physical_key: None,
                pressed,
                repeat: false,
                modifiers,
            }]);
        }
        self.steps(3);
    }

    /// Types into what has the keyboard.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.step(vec![egui::Event::Text(text.to_owned())]);
        self.steps(3);
    }

    /// Whether a tooltip is up.
    pub(crate) fn has_tooltip(&self) -> bool {
        let layers = self.ctx.memory(|memory| memory.areas().visible_layer_ids());
        layers
            .iter()
            .any(|layer| layer.order == egui::Order::Tooltip)
    }
}

/// What a screen reader is told.
fn shown(update: &accesskit::TreeUpdate) -> Vec<Shown> {
    let by_id: HashMap<_, _> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
    let text = |node: &accesskit::Node| node.label().or(node.value()).unwrap_or("").to_owned();
    let nodes = update.nodes.iter().map(|(_, node)| {
        let labels = node.labelled_by().iter();
        let labels = labels.filter_map(|id| Some(text(by_id.get(id)?)));
        let labels: Vec<_> = labels.collect();
        let number = node.numeric_value().map(|value| value.to_string());
        let rect = node.bounds().map_or(egui::Rect::NOTHING, |rect| {
            let corner = |x: f64, y: f64| egui::pos2(x as f32, y as f32);
            egui::Rect::from_min_max(corner(rect.x0, rect.y0), corner(rect.x1, rect.y1))
        });
        Shown {
            role: node.role(),
            name: node
                .label()
                .map_or_else(|| labels.join(" "), ToOwned::to_owned),
            value: node
                .value()
                .map(ToOwned::to_owned)
                .or(number)
                .unwrap_or_default(),
            selected: node.toggled() == Some(accesskit::Toggled::True),
            disabled: node.is_disabled(),
            rect,
        }
    });
    nodes.collect()
}
