//! Sound effects, computed in code and triggered by what the dream shows.
//!
//! [`cues`] says what is heard when, [`synthesis`] how it sounds, [`mixer`] adds up what is heard at a time, and the sound device
//! plays it. The device is there only with the feature `sound`; everything else is the same without it, and silent.

mod cues;
#[cfg(feature = "sound")]
mod device;
#[cfg_attr(not(feature = "sound"), allow(dead_code))]
mod mixer;
#[cfg_attr(not(feature = "sound"), allow(dead_code))]
mod synthesis;
#[cfg_attr(not(feature = "sound"), allow(dead_code))]
mod throttle;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use bevy::prelude::*;

use crate::settings::Settings;
use crate::states::GameSystems;
use crate::toast::Toast;
#[cfg(test)]
pub(crate) use mixer::Mixer;
pub(crate) use mixer::SoundCommand;
pub(crate) use synthesis::Sound;
#[cfg(test)]
pub(crate) use throttle::Throttle;

/// Whether this program was built with a sound device.
pub(crate) const BUILT_IN: bool = cfg!(feature = "sound");
/// Orders that may wait for the device; more are dropped, as sounds that come late are worse than none.
const WAITING: usize = 64;

/// Message: a sound is to be heard now.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaySound(pub(crate) Sound);

/// Where commands go.
#[derive(Resource)]
pub(crate) struct Speaker {
    commands: SyncSender<SoundCommand>,
    /// From the device's thread.
    problems: Mutex<Receiver<String>>,
    told: bool,
}

impl Speaker {
    /// A speaker, and what is ordered of it.
    pub(crate) fn new(problems: Receiver<String>) -> (Self, Receiver<SoundCommand>) {
        let (commands, ordered) = sync_channel(WAITING);
        let speaker = Self {
            commands,
            problems: Mutex::new(problems),
            told: false,
        };
        (speaker, ordered)
    }
}

/// Lets the game be heard.
pub(crate) struct SoundPlugin;

impl Plugin for SoundPlugin {
    fn build(&self, app: &mut App) {
        let (problem, problems) = channel();
        let (speaker, ordered) = Speaker::new(problems);
        #[cfg(feature = "sound")]
        device::open(ordered, problem);
        #[cfg(not(feature = "sound"))]
        drop((ordered, problem));
        app.insert_resource(speaker)
            .add_message::<PlaySound>()
            .add_plugins(cues::CuesPlugin)
            .add_systems(
                Update,
                (set_volume.run_if(resource_changed::<Settings>), play, tell)
                    .chain()
                    .in_set(GameSystems),
            );
    }
}

fn set_volume(settings: Res<Settings>, speaker: Res<Speaker>) {
    let _ = speaker
        .commands
        .try_send(SoundCommand::Volume(settings.loudness()));
}

/// Without a device nobody takes the commands, and nothing is heard.
fn play(mut sounds: MessageReader<PlaySound>, speaker: Res<Speaker>) {
    for PlaySound(sound) in sounds.read() {
        let _ = speaker.commands.try_send(SoundCommand::Play(*sound));
    }
}

/// Why nothing is heard is said once, and the game goes on without sound.
fn tell(mut speaker: ResMut<Speaker>, mut toasts: MessageWriter<Toast>) {
    let speaker = speaker.bypass_change_detection();
    if speaker.told {
        return;
    }
    let problem = speaker.problems.lock().ok();
    let problem = problem.and_then(|problems| problems.try_recv().ok());
    if let Some(problem) = problem {
        speaker.told = true;
        toasts.write(Toast::note(format!("no sound: {problem}")));
    }
}
