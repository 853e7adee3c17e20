//! The sounds themselves: a few short notes each, computed from waves. No file, and so no licence, comes with them.

use std::f32::consts::TAU;

/// A sound of the game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sound {
    /// A coin is taken.
    Coin,
    /// The hero leaves the ground.
    Jump,
    /// The hero falls out of the picture.
    Fall,
    /// A frame goes by backwards.
    Rewind,
    /// Another item of a menu is selected.
    Move,
    /// An item is chosen.
    Choose,
    /// A menu is left.
    Back,
    /// A run is over.
    Over,
    /// It was the best run so far.
    Best,
}

/// How a wave swings.
#[derive(Clone, Copy, Debug)]
enum Wave {
    Sine,
    Triangle,
    /// A square with rounded corners.
    Square,
}

/// A tone that glides from one pitch to another while it fades.
#[derive(Clone, Copy, Debug)]
struct Note {
    wave: Wave,
    /// Pitch at the beginning and at the end, in hertz.
    pitch: [f32; 2],
    /// Beginning and length in seconds.
    at: f32,
    length: f32,
    /// Amplitude at the beginning, 0 to 1.
    amplitude: f32,
}

/// Seconds in which a note swells, so that it does not click.
const ATTACK: f32 = 0.004;

impl Sound {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Coin,
        Self::Jump,
        Self::Fall,
        Self::Rewind,
        Self::Move,
        Self::Choose,
        Self::Back,
        Self::Over,
        Self::Best,
    ];

    fn notes(self) -> Vec<Note> {
        use Wave::{Sine, Square, Triangle};
        let note = |wave, pitch, at, length, amplitude| Note {
            wave,
            pitch,
            at,
            length,
            amplitude,
        };
        let steady =
            |wave, pitch, at, length, amplitude| note(wave, [pitch, pitch], at, length, amplitude);
        match self {
            Self::Coin => vec![
                steady(Square, 988.0, 0.0, 0.08, 0.22),
                steady(Square, 1319.0, 0.07, 0.30, 0.22),
            ],
            Self::Jump => vec![note(Square, [220.0, 640.0], 0.0, 0.16, 0.20)],
            Self::Fall => vec![note(Triangle, [520.0, 70.0], 0.0, 0.60, 0.45)],
            Self::Rewind => vec![note(Sine, [900.0, 500.0], 0.0, 0.05, 0.12)],
            Self::Move => vec![steady(Triangle, 660.0, 0.0, 0.05, 0.22)],
            Self::Choose => vec![
                steady(Triangle, 660.0, 0.0, 0.06, 0.30),
                steady(Triangle, 990.0, 0.05, 0.12, 0.30),
            ],
            Self::Back => vec![
                steady(Triangle, 660.0, 0.0, 0.06, 0.28),
                steady(Triangle, 440.0, 0.05, 0.12, 0.28),
            ],
            Self::Over => vec![
                steady(Triangle, 523.0, 0.0, 0.22, 0.35),
                steady(Triangle, 392.0, 0.18, 0.22, 0.35),
                steady(Triangle, 330.0, 0.36, 0.50, 0.35),
            ],
            Self::Best => vec![
                steady(Square, 523.0, 0.0, 0.14, 0.20),
                steady(Square, 659.0, 0.12, 0.14, 0.20),
                steady(Square, 784.0, 0.24, 0.14, 0.20),
                steady(Square, 1047.0, 0.36, 0.55, 0.20),
            ],
        }
    }

    /// The sound at so many samples a second, one channel, from -1 to 1.
    pub(crate) fn samples(self, rate: u32) -> Vec<f32> {
        let rate = rate as f32;
        let mut sound = Vec::new();
        for note in self.notes() {
            let first = (note.at * rate) as usize;
            let count = (note.length * rate) as usize;
            if sound.len() < first + count {
                sound.resize(first + count, 0.0);
            }
            let mut phase = 0.0;
            for (number, sample) in sound[first..first + count].iter_mut().enumerate() {
                let gone = number as f32 / count as f32;
                *sample += note.wave.at(phase) * note.amplitude_at(gone);
                phase = (phase + note.pitch_at(gone) / rate).fract();
            }
        }
        sound
    }
}

impl Note {
    /// Hertz when this share of the note is gone. Ears hear ratios, so that it glides by ratios.
    fn pitch_at(&self, gone: f32) -> f32 {
        self.pitch[0] * (self.pitch[1] / self.pitch[0]).powf(gone)
    }

    fn amplitude_at(&self, gone: f32) -> f32 {
        let swell = (gone * self.length / ATTACK).min(1.0);
        self.amplitude * swell * (1.0 - gone).powi(2)
    }
}

impl Wave {
    /// From -1 to 1, at a phase from 0 to 1; 0 at phase 0.
    fn at(self, phase: f32) -> f32 {
        let sine = (phase * TAU).sin();
        match self {
            Self::Sine => sine,
            Self::Triangle => sine.asin() * 4.0 / TAU,
            Self::Square => (sine * 4.0).tanh(),
        }
    }
}
