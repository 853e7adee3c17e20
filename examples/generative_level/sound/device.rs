//! The sound device of the system, through `cpal`. It lives on a thread of its own: opening it may take a moment, and on some
//! systems a stream must not leave its thread.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, Stream, StreamConfig};

use super::mixer::{Mixer, SoundCommand};
use super::throttle::Throttle;

/// Opens the device and plays what is ordered until the sender of `commands` is gone. What goes wrong, now or later, is sent to
/// `problems`.
pub(crate) fn open(commands: Receiver<SoundCommand>, problems: Sender<String>) {
    let also = problems.clone();
    let thread = std::thread::Builder::new().name("sound".to_owned());
    let spawned = thread.spawn(move || {
        if let Err(problem) = play(commands, &problems) {
            let _ = problems.send(problem);
        }
    });
    if let Err(error) = spawned {
        let _ = also.send(error.to_string());
    }
}

/// Holds the stream for as long as somebody gives commands.
fn play(commands: Receiver<SoundCommand>, problems: &Sender<String>) -> Result<(), String> {
    // ALSA writes to the terminal why it fails, step by step; what matters of it comes back as an error.
    #[cfg(target_os = "linux")]
    let _quiet = alsa::Output::local_error_handler();
    let device = cpal::default_host()
        .default_output_device()
        .ok_or("there is no sound device")?;
    let config = device
        .default_output_config()
        .map_err(|error| error.to_string())?;
    let format = config.sample_format();
    let (over, until_over) = channel::<()>();
    let stream = Output {
        device: &device,
        config: config.into(),
        commands,
        problems: problems.clone(),
        over,
    };
    let stream = match format {
        SampleFormat::F32 => stream.build::<f32>(),
        SampleFormat::I16 => stream.build::<i16>(),
        SampleFormat::U16 => stream.build::<u16>(),
        SampleFormat::I32 => stream.build::<i32>(),
        SampleFormat::U8 => stream.build::<u8>(),
        other => Err(format!("the sound device takes only samples of {other}")),
    }?;
    stream.play().map_err(|error| error.to_string())?;
    // Nothing is sent: it ends when the game or the stream does.
    let _ = until_over.recv();
    Ok(())
}

/// All that a stream is made of.
struct Output<'a> {
    device: &'a cpal::Device,
    config: StreamConfig,
    commands: Receiver<SoundCommand>,
    problems: Sender<String>,
    over: Sender<()>,
}

impl Output<'_> {
    fn build<T: SizedSample + FromSample<f32>>(self) -> Result<Stream, String> {
        let channels = usize::from(self.config.channels).max(1);
        let mut mixer = Mixer::new(self.config.sample_rate, self.commands);
        let mut throttle = Throttle::new(self.config.sample_rate, Instant::now());
        let mut over = Some(self.over);
        let problems = self.problems;
        let stream = self.device.build_output_stream(
            self.config,
            move |out: &mut [T], _: &cpal::OutputCallbackInfo| {
                if !mixer.execute() {
                    drop(over.take());
                }
                for frame in out.chunks_mut(channels) {
                    frame.fill(T::from_sample(mixer.next_sample()));
                }
                let samples = (out.len() / channels) as u32;
                std::thread::sleep(throttle.given(samples, Instant::now()));
            },
            move |error: cpal::Error| match error.kind() {
                // Heard as a click, and over.
                ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
                _ => {
                    let _ = problems.send(error.to_string());
                }
            },
            None,
        );
        stream.map_err(|error| error.to_string())
    }
}
