//! Adds up the sounds that are heard at a time. It runs in the callback of the sound device, where nothing may wait.

use std::sync::mpsc::{Receiver, TryRecvError};

use super::synthesis::Sound;

/// Sounds that are heard at a time; the oldest one goes when there are more.
const MOST_VOICES: usize = 8;

/// What the game tells the mixer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SoundCommand {
    /// Begin a sound.
    Play(Sound),
    /// From now on this loud, 0 to 1.
    Volume(f32),
}

/// A sound that is under way.
#[derive(Clone, Copy)]
struct Voice {
    /// Which one of the bank.
    sound: usize,
    /// Its next sample.
    next: usize,
}

/// The sounds, computed beforehand, and those that are under way.
pub(crate) struct Mixer {
    commands: Receiver<SoundCommand>,
    bank: Vec<(Sound, Vec<f32>)>,
    voices: Vec<Voice>,
    volume: f32,
}

impl Mixer {
    /// A mixer of so many samples a second that plays what it is sent.
    pub(crate) fn new(rate: u32, commands: Receiver<SoundCommand>) -> Self {
        Self {
            commands,
            bank: Sound::ALL.map(|sound| (sound, sound.samples(rate))).into(),
            voices: Vec::with_capacity(MOST_VOICES),
            volume: 1.0,
        }
    }

    /// The next sample, the same for all channels, from -1 to 1.
    pub(crate) fn next_sample(&mut self) -> f32 {
        let mut sum = 0.0;
        let bank = &self.bank;
        self.voices.retain_mut(|voice| {
            let sample = bank[voice.sound].1.get(voice.next);
            sum += sample.unwrap_or(&0.0);
            voice.next += 1;
            sample.is_some()
        });
        // Many loud sounds at a time become rounder, not torn.
        sum.tanh() * self.volume
    }

    /// Handles what it was sent since the last call. Returns whether somebody may still send something.
    pub(crate) fn execute(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(SoundCommand::Play(sound)) => self.begin(sound),
                Ok(SoundCommand::Volume(volume)) => self.volume = volume.clamp(0.0, 1.0),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn begin(&mut self, sound: Sound) {
        let Some(sound) = self.bank.iter().position(|(other, _)| *other == sound) else {
            return;
        };
        // The same sound begins anew instead of being heard twice.
        self.voices.retain(|voice| voice.sound != sound);
        if self.voices.len() == MOST_VOICES {
            self.voices.remove(0);
        }
        self.voices.push(Voice { sound, next: 0 });
    }
}
