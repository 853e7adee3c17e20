//! Messages that come up at the edge of the window and go away by themselves.

use bevy::prelude::*;
use bevy_genie::prelude::*;

use crate::look::{EDGE, PANEL, RED, TEXT};
use crate::states::GameSystems;

/// Seconds for which a message is shown.
const SHOWN: f32 = 6.0;
/// Older messages go when there are more.
const MOST: usize = 4;

/// Message: something that the player should know.
#[derive(Message, Clone)]
pub(crate) struct Toast {
    /// In words.
    pub(crate) text: String,
    /// Whether something has gone wrong.
    pub(crate) bad: bool,
}

impl Toast {
    /// Something has gone wrong.
    pub(crate) fn error(text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            bad: true,
        }
    }

    /// Good to know.
    pub(crate) fn note(text: impl ToString) -> Self {
        let text = text.to_string();
        Self { text, bad: false }
    }
}

/// Shows toasts.
pub(crate) struct ToastPlugin;

impl Plugin for ToastPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<Toast>()
            .add_systems(Startup, set_up)
            .add_systems(Update, (show, age).chain().in_set(GameSystems))
            .add_observer(tell_failure)
            .add_observer(tell_refusal);
    }
}

#[derive(Component)]
struct Toasts;

/// Seconds left.
#[derive(Component)]
struct Age(f32);

/// What a toast says.
#[derive(Component, PartialEq)]
struct Said {
    text: String,
    bad: bool,
}

fn set_up(mut commands: Commands) {
    commands.spawn((
        Toasts,
        GlobalZIndex(100),
        Node {
            position_type: PositionType::Absolute,
            right: px(14),
            bottom: px(14),
            max_width: percent(90),
            flex_direction: FlexDirection::Column,
            align_items: AlignItems::End,
            row_gap: px(8),
            ..default()
        },
    ));
}

fn show(
    mut toasts: MessageReader<Toast>,
    list: Single<(Entity, Option<&Children>), With<Toasts>>,
    mut shown: Query<(&Said, &mut Age)>,
    mut commands: Commands,
) {
    let (list, children) = *list;
    let mut there = children.map_or(0, RelationshipTarget::len);
    let mut new: Vec<Said> = Vec::new();
    for toast in toasts.read() {
        let said = Said {
            text: toast.text.clone(),
            bad: toast.bad,
        };
        // What is said already is shown for longer, not twice.
        if let Some((_, mut age)) = shown.iter_mut().find(|(other, _)| **other == said) {
            age.0 = SHOWN;
        } else if !new.contains(&said) {
            new.push(said);
        }
    }
    for said in new {
        if there >= MOST {
            let oldest = children.and_then(|children| children.get(there - MOST));
            if let Some(&oldest) = oldest {
                commands.entity(oldest).despawn();
            }
        }
        there += 1;
        let edge = if said.bad { RED } else { EDGE };
        let node = Node {
            max_width: px(560),
            padding: UiRect::axes(px(14), px(9)),
            border: UiRect::all(px(2)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let text = (
            Text::new(said.text.clone()),
            TextFont::from_font_size(15.0),
            TextColor(TEXT),
        );
        commands.entity(list).with_child((
            Age(SHOWN),
            said,
            node,
            BackgroundColor(PANEL),
            BorderColor::all(edge),
            children![text],
        ));
    }
}

fn age(time: Res<Time<Real>>, mut toasts: Query<(Entity, &mut Age)>, mut commands: Commands) {
    for (toast, mut age) in &mut toasts {
        age.0 -= time.delta_secs();
        if age.0 <= 0.0 {
            commands.entity(toast).despawn();
        }
    }
}

fn tell_failure(failed: On<GenieFailed>, mut toasts: MessageWriter<Toast>) {
    toasts.write(Toast::error(&failed.error));
}

/// Replays are the ghost's, which knows what to say.
fn tell_refusal(failed: On<GenieCommandFailed>, mut toasts: MessageWriter<Toast>) {
    if failed.command != GenieFailedCommand::Replay {
        toasts.write(Toast::error(&failed.error));
    }
}
