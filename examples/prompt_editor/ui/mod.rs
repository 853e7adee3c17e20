//! The window: a bar, docked panels, and what comes up over them.

mod act;
mod ask;
mod canvas;
mod export;
mod help;
mod menu_bar;
mod overlays;
mod sampler;
mod source;
mod stamps;
mod status;
mod strips;
mod textures;
mod timeline;
mod understand;
mod viewport;

use std::time::Instant;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{self, WidgetText};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};
use bevy_genie::prelude::*;
use egui_dock::{DockArea, Style, TabViewer};

use crate::closing::Quit;
use crate::export::Exports;
use crate::files::Files;
use crate::layout::{Docks, Layouts, Panel};
use crate::lines::Lines;
use crate::palette::Palette;
use crate::project::Project;
use crate::replacing::Replacing;
use crate::study::Study;
use crate::toasts::Toasts;
use crate::tools::Hand;
use textures::Textures;
pub(crate) use viewport::id as viewport_id;

/// What has gone wrong.
const BAD: egui::Color32 = egui::Color32::from_rgb(245, 107, 97);

/// What the window itself remembers.
#[derive(Resource)]
#[allow(clippy::struct_excessive_bools)] // Each is a check box or a window.
pub(crate) struct EditorView {
    docks: Docks,
    kept_layouts: Option<Layouts>,
    textures: Textures,
    /// Whether the help is open.
    pub(crate) help: bool,
    /// Whether the export window is open.
    pub(crate) export: bool,
    /// Whether a window to open a file is there, and what is typed in it.
    pub(crate) open: Option<String>,
    /// Whether a window to save under a name is there, and what is typed in it.
    pub(crate) save_as: Option<String>,
    /// What the window to save has refused to replace.
    pub(crate) replacing: Replacing,
    /// What the export window has.
    pub(crate) replacing_exports: Replacing,
    /// A checkpoint to be compared with.
    pub(crate) second: Option<String>,
    /// Whether the grid of patches is drawn.
    pub(crate) grid: bool,
    /// Whether tokens are shown in place of errors.
    pub(crate) tokens: bool,
    /// Whether keys go to the world.
    pub(crate) playing: bool,
    /// Whether a text field has the keys.
    pub(crate) typing: bool,
    /// Since when something is under way.
    busy_since: Option<Instant>,
    styled: bool,
}

impl Default for EditorView {
    fn default() -> Self {
        Self {
            docks: Docks::default(),
            kept_layouts: None,
            textures: Textures::default(),
            help: false,
            export: false,
            open: None,
            save_as: None,
            replacing: Replacing::default(),
            replacing_exports: Replacing::default(),
            second: None,
            grid: true,
            tokens: false,
            playing: false,
            typing: false,
            busy_since: None,
            styled: false,
        }
    }
}

impl EditorView {
    /// Brings a panel to the front of its area, in windows of this width.
    #[cfg(test)]
    pub(crate) fn show_panel(&mut self, panel: Panel, width: f32) {
        let dock = self.docks.of_width(width);
        if let Some(place) = dock.find_tab(&panel) {
            let _ = dock.set_active_tab(place);
        }
    }

    /// Whether a small window lies over the panels.
    fn has_small_window(&self) -> bool {
        let asks = [&self.open, &self.save_as, &self.second];
        self.help || self.export || asks.iter().any(|asked| asked.is_some())
    }

    /// Panels where they were at the beginning.
    pub(crate) fn reset_layout(&mut self) {
        self.docks = Docks::default();
    }
}

/// All that panels show and change.
#[derive(SystemParam)]
pub(crate) struct Work<'w, 's> {
    pub(crate) project: ResMut<'w, Project>,
    pub(crate) hand: ResMut<'w, Hand>,
    pub(crate) palette: ResMut<'w, Palette>,
    pub(crate) study: ResMut<'w, Study>,
    pub(crate) lines: ResMut<'w, Lines>,
    pub(crate) files: ResMut<'w, Files>,
    pub(crate) exports: ResMut<'w, Exports>,
    pub(crate) toasts: ResMut<'w, Toasts>,
    pub(crate) models: Res<'w, Assets<GenieModel>>,
    pub(crate) server: Res<'w, AssetServer>,
    pub(crate) statuses: Query<'w, 's, &'static GenieStatus>,
    pub(crate) frames: Query<'w, 's, &'static GenieFrame>,
    pub(crate) genie: MessageWriter<'w, GenieCommand>,
    pub(crate) commands: Commands<'w, 's>,
    pub(crate) quit: MessageWriter<'w, Quit>,
}

impl Work<'_, '_> {
    /// Takes the played line back to a frame.
    pub(crate) fn go_back(&mut self, to: u64) {
        self.lines
            .go_back(to, &self.statuses, &mut self.genie, &mut self.toasts);
    }

    /// Forks the played line at a frame.
    pub(crate) fn fork(&mut self, at: u64) {
        self.lines
            .fork(at, &mut self.commands, &mut self.genie, &mut self.toasts);
    }

    /// Names of the latent actions, once the model is loaded.
    fn action_name(&self, action: usize) -> String {
        let model = self.models.get(&self.lines.model);
        let label = model.and_then(|model| model.actions().get(action));
        label.map_or_else(|| action.to_string(), |label| label.name.clone())
    }
}

/// Draws the window.
pub(crate) struct UiPlugin;

impl Plugin for UiPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<EditorView>()
            .add_systems(PreStartup, restore_layout)
            .add_systems(EguiPrimaryContextPass, (draw, listen).chain());
    }
}

/// One tab after the other.
struct Panels<'a, 'w, 's> {
    work: &'a mut Work<'w, 's>,
    textures: &'a mut Textures,
    grid: &'a mut bool,
    tokens: &'a mut bool,
    playing: bool,
}

impl TabViewer for Panels<'_, '_, '_> {
    type Tab = Panel;

    fn id(&mut self, tab: &mut Panel) -> egui::Id {
        egui::Id::new(tab.title())
    }

    fn title(&mut self, tab: &mut Panel) -> WidgetText {
        tab.title().into()
    }

    fn ui(&mut self, ui: &mut egui::Ui, tab: &mut Panel) {
        let Self {
            work,
            textures,
            grid,
            tokens,
            playing,
        } = self;
        match tab {
            Panel::Canvas => canvas::show(ui, work, textures, grid),
            Panel::Stamps => stamps::show(ui, work, textures),
            Panel::Source => source::show(ui, work, textures),
            Panel::Understand => understand::show(ui, work, textures, tokens),
            Panel::Strips => strips::show(ui, work, textures),
            Panel::Play => viewport::show(ui, work, textures, *playing),
            Panel::Timeline => timeline::show(ui, work, textures),
            Panel::Sampler => sampler::show(ui, work),
        }
    }

    fn is_closeable(&self, _: &Panel) -> bool {
        false
    }

    fn scroll_bars(&self, tab: &Panel) -> [bool; 2] {
        match tab {
            // These fill their panel.
            Panel::Canvas | Panel::Play | Panel::Source => [false, false],
            _ => [false, true],
        }
    }
}

/// Panels are where they were left.
fn restore_layout(files: Res<Files>, mut view: ResMut<EditorView>) {
    let kept = files.memory.layout.clone();
    let kept = kept.and_then(|layout| serde_json::from_value(layout).ok());
    view.docks = kept.map_or_else(Docks::default, |kept| Docks::restore(&kept));
}

/// Remembers where the panels are, when the mouse has let go of them.
fn keep_layout(ctx: &egui::Context, view: &mut EditorView, files: &mut Files) {
    if ctx.input(|input| input.pointer.any_down()) {
        return;
    }
    let layouts = view.docks.layouts();
    if view.kept_layouts.as_ref() != Some(&layouts) {
        files.memory.layout = serde_json::to_value(&layouts).ok();
        view.kept_layouts = Some(layouts);
    }
}

fn draw(mut contexts: EguiContexts, mut view: ResMut<EditorView>, mut work: Work) -> Result {
    let ctx = contexts.ctx_mut()?.clone();
    show(&ctx, view.bypass_change_detection(), &mut work);
    Ok(())
}

/// The whole window.
pub(crate) fn show(ctx: &egui::Context, view: &mut EditorView, work: &mut Work) {
    if !view.styled {
        style(ctx);
        view.styled = true;
    }
    work.toasts.age();
    view.playing = ctx.memory(|memory| memory.has_focus(viewport::id()));
    view.typing = !view.playing && ctx.egui_wants_keyboard_input();
    act::on_keys(ctx, view, work);
    let area = egui::UiBuilder::new()
        .layer_id(egui::LayerId::background())
        .max_rect(ctx.viewport_rect());
    let width = ctx.viewport_rect().width();
    let mut ui = egui::Ui::new(ctx.clone(), "editor".into(), area);
    egui::Panel::top("bar").show(&mut ui, |ui| menu_bar::show(ui, view, work));
    egui::Panel::bottom("status").show(&mut ui, |ui| status::show(ui, view, work));
    let EditorView {
        docks,
        textures,
        grid,
        tokens,
        playing,
        ..
    } = view;
    let mut panels = Panels {
        work,
        textures,
        grid,
        tokens,
        playing: *playing,
    };
    egui::CentralPanel::default()
        .frame(egui::Frame::NONE)
        .show(&mut ui, |ui| {
            DockArea::new(docks.of_width(width))
                .style(Style::from_egui(ui.style()))
                .show_leaf_close_all_buttons(false)
                .show_leaf_collapse_buttons(false)
                .show_inside(ui, &mut panels);
        });
    help::show(ctx, view);
    export::show(ctx, view, work);
    overlays::show(ctx, view, work);
    keep_layout(ctx, view, &mut work.files);
}

/// Keys go to the worlds that are looked at while the viewport has the focus.
fn listen(view: Res<EditorView>, lines: Res<Lines>, mut keyboards: Query<&mut GenieKeyboard>) {
    for (index, line) in lines.all.iter().enumerate() {
        let looked_at = index == lines.played || Some(index) == lines.beside;
        if let Ok(keyboard) = keyboards.get_mut(line.world) {
            keyboard
                .map_unchanged(|keyboard| &mut keyboard.enabled)
                .set_if_neq(view.playing && looked_at);
        }
    }
}

/// A calm look.
fn style(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.animation_time = 0.0;
        style.spacing.item_spacing = egui::vec2(6.0, 5.0);
        style.visuals.panel_fill = egui::Color32::from_rgb(27, 29, 35);
        style.visuals.window_fill = egui::Color32::from_rgb(32, 34, 42);
        style.visuals.extreme_bg_color = egui::Color32::from_rgb(18, 19, 24);
        style.visuals.selection.bg_fill = egui::Color32::from_rgb(58, 92, 160);
    });
}
