//! Where the panels are: at the first start, and as they were left. Kept as plain data, so that a layout of another version is
//! never half understood: one that does not show each panel once is not used.

use egui_dock::egui::{Vec2, pos2, vec2};
use egui_dock::{DockState, Node, NodeIndex, SurfaceIndex, TabIndex, Tree};
use serde::{Deserialize, Serialize};

/// Sizes of windows that are taken over from a file, in points.
const SMALLEST: Vec2 = vec2(80.0, 60.0);
const LARGEST: Vec2 = vec2(8000.0, 8000.0);

/// A panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Panel {
    /// Where the picture is painted.
    Canvas,
    /// The patches of the model.
    Stamps,
    /// The opened picture, and how it is cut.
    Source,
    /// What the model makes of the picture.
    Understand,
    /// One strip for each latent action.
    Strips,
    /// The world under the keys.
    Play,
    /// The frames so far, and the tree of forks.
    Timeline,
    /// How frames are sampled.
    Sampler,
}

impl Panel {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Canvas,
        Self::Stamps,
        Self::Source,
        Self::Understand,
        Self::Strips,
        Self::Play,
        Self::Timeline,
        Self::Sampler,
    ];

    /// What is written on its tab.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Canvas => "Canvas",
            Self::Stamps => "Stamps",
            Self::Source => "Picture",
            Self::Understand => "What the model sees",
            Self::Strips => "One strip for each action",
            Self::Play => "Play",
            Self::Timeline => "Timeline",
            Self::Sampler => "Sampler",
        }
    }
}

/// Windows that are not wider than this have a layout of their own, in points.
const NARROW: f32 = 760.0;

/// Where the panels are: in wide windows, and in narrow ones.
pub(crate) struct Docks {
    wide: DockState<Panel>,
    narrow: DockState<Panel>,
}

impl Default for Docks {
    /// Where the panels are before anybody has moved one.
    fn default() -> Self {
        Self {
            wide: wide(),
            narrow: narrow(),
        }
    }
}

impl Docks {
    /// The one for a window of this width.
    pub(crate) fn of_width(&mut self, width: f32) -> &mut DockState<Panel> {
        if width > NARROW {
            &mut self.wide
        } else {
            &mut self.narrow
        }
    }

    /// As they were kept; each that makes no sense is as it was at first.
    pub(crate) fn restore(kept: &Layouts) -> Self {
        let dock = |layout: &Option<Layout>| layout.as_ref().and_then(Layout::dock);
        Self {
            wide: dock(&kept.wide).unwrap_or_else(wide),
            narrow: dock(&kept.narrow).unwrap_or_else(narrow),
        }
    }

    /// To be kept.
    pub(crate) fn layouts(&mut self) -> Layouts {
        Layouts {
            wide: Layout::of(&mut self.wide),
            narrow: Layout::of(&mut self.narrow),
        }
    }
}

fn wide() -> DockState<Panel> {
    let mut dock = DockState::new(vec![Panel::Canvas, Panel::Source]);
    let tree = dock.main_surface_mut();
    let [left, right] = tree.split_right(NodeIndex::root(), 0.42, vec![Panel::Play]);
    let [_, _] = tree.split_below(left, 0.62, vec![Panel::Stamps, Panel::Understand]);
    let [play, _] = tree.split_right(right, 0.66, vec![Panel::Sampler]);
    let [_, _] = tree.split_below(play, 0.60, vec![Panel::Timeline, Panel::Strips]);
    dock
}

/// One below the other, as there is no room for two.
fn narrow() -> DockState<Panel> {
    let mut dock = DockState::new(vec![Panel::Canvas, Panel::Source, Panel::Understand]);
    let tree = dock.main_surface_mut();
    let play = vec![Panel::Play, Panel::Stamps, Panel::Sampler];
    let [_, below] = tree.split_below(NodeIndex::root(), 0.42, play);
    let [_, _] = tree.split_below(below, 0.62, vec![Panel::Timeline, Panel::Strips]);
    dock
}

/// Layouts that can be kept in a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Layouts {
    wide: Option<Layout>,
    narrow: Option<Layout>,
}

/// A layout that can be kept in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layout {
    main: Area,
    windows: Vec<Window>,
}

/// An area of panels: tabs over each other, or two areas beside or below each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Area {
    Tabs { panels: Vec<Panel>, shown: usize },
    Columns(Box<Halves>),
    Rows(Box<Halves>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Halves {
    /// How much of the whole the first one takes, 0 to 1.
    share: f32,
    first: Area,
    second: Area,
}

/// Panels that were drawn out of the main window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Window {
    /// Left, top, width and height in points; none if it has not been drawn yet.
    place: Option<[f32; 4]>,
    area: Area,
}

impl Layout {
    /// The layout of a dock.
    pub(crate) fn of(dock: &mut DockState<Panel>) -> Option<Self> {
        let main = Area::of(dock.main_surface(), NodeIndex::root())?;
        let mut windows = Vec::new();
        for index in (1..dock.surfaces_count()).map(SurfaceIndex) {
            let Some(state) = dock.get_window_state(index) else {
                continue;
            };
            let rect = state.rect();
            let place = [rect.min.x, rect.min.y, rect.width(), rect.height()];
            let place = rect.is_finite().then_some(place);
            let area = Area::of(&dock[index], NodeIndex::root());
            windows.extend(area.map(|area| Window { place, area }));
        }
        Some(Self { main, windows })
    }

    /// A dock with this layout, if each panel is in it once and its numbers make sense.
    pub(crate) fn dock(&self) -> Option<DockState<Panel>> {
        let areas = || std::iter::once(&self.main).chain(self.windows.iter().map(|w| &w.area));
        let mut panels = Vec::new();
        areas().for_each(|area| area.list(&mut panels));
        let complete = Panel::ALL
            .iter()
            .all(|panel| panels.iter().filter(|other| *other == panel).count() == 1);
        if !complete || !areas().all(Area::is_sensible) {
            return None;
        }
        let mut dock = DockState::new(self.main.first_tabs());
        self.main
            .lay_out(dock.main_surface_mut(), NodeIndex::root());
        for window in &self.windows {
            let index = dock.add_window(window.area.first_tabs());
            window.area.lay_out(&mut dock[index], NodeIndex::root());
            if let (Some(place), Some(state)) = (window.place, dock.get_window_state_mut(index)) {
                let [left, top, width, height] = place;
                let size = vec2(width, height).clamp(SMALLEST, LARGEST);
                state.set_position(pos2(left, top)).set_size(size);
            }
        }
        Some(dock)
    }
}

impl Area {
    fn of(tree: &Tree<Panel>, at: NodeIndex) -> Option<Self> {
        // The nodes of a binary tree in a row, without those that are empty at its end.
        let halves = |share| {
            let (first, second) = (Self::of(tree, at.left())?, Self::of(tree, at.right())?);
            Some(Box::new(Halves {
                share,
                first,
                second,
            }))
        };
        match tree.iter().nth(at.0)? {
            Node::Leaf(leaf) => Some(Self::Tabs {
                panels: leaf.tabs.clone(),
                shown: leaf.active.0,
            }),
            Node::Horizontal(split) => halves(split.fraction).map(Self::Columns),
            Node::Vertical(split) => halves(split.fraction).map(Self::Rows),
            Node::Empty => None,
        }
    }

    fn list(&self, panels: &mut Vec<Panel>) {
        match self {
            Self::Tabs { panels: own, .. } => panels.extend(own),
            Self::Columns(halves) | Self::Rows(halves) => {
                halves.first.list(panels);
                halves.second.list(panels);
            }
        }
    }

    fn is_sensible(&self) -> bool {
        match self {
            Self::Tabs { panels, shown } => *shown < panels.len(),
            Self::Columns(halves) | Self::Rows(halves) => {
                (0.02..=0.98).contains(&halves.share)
                    && halves.first.is_sensible()
                    && halves.second.is_sensible()
            }
        }
    }

    fn first_tabs(&self) -> Vec<Panel> {
        match self {
            Self::Tabs { panels, .. } => panels.clone(),
            Self::Columns(halves) | Self::Rows(halves) => halves.first.first_tabs(),
        }
    }

    /// Splits a leaf that shows the first tabs of the area until it is the whole area.
    fn lay_out(&self, tree: &mut Tree<Panel>, at: NodeIndex) {
        let (halves, [first, second]) = match self {
            Self::Tabs { shown, .. } => {
                if let Ok(leaf) = tree.leaf_mut(at) {
                    leaf.active = TabIndex(*shown);
                }
                return;
            }
            Self::Columns(halves) => {
                let tabs = halves.second.first_tabs();
                (halves, tree.split_right(at, halves.share, tabs))
            }
            Self::Rows(halves) => {
                let tabs = halves.second.first_tabs();
                (halves, tree.split_below(at, halves.share, tabs))
            }
        };
        halves.first.lay_out(tree, first);
        halves.second.lay_out(tree, second);
    }
}
