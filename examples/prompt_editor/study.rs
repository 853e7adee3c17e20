//! What the model makes of the picture: computed on a thread of its own, the newest picture first.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use bevy_genie::genie_model::checkpoint::Checkpoint;
use bevy_genie::genie_model::{WorldModel, frames_to_patches, patches_to_frames, psnr};
use bevy_genie::prelude::*;
use candle_core::{Device, Tensor};

use crate::drawing::Canvas;
use crate::palette::{Palette, Stamp};

/// Codes whose patches are decoded at a time.
const BATCH: usize = 32;

/// What has been found out about a picture.
#[derive(Clone, Debug)]
pub(crate) struct Reconstruction {
    /// The picture as the model's tokens draw it.
    pub(crate) picture: GeniePicture,
    /// Codes of the patches, row by row.
    pub(crate) tokens: Vec<u32>,
    /// Patches in a row.
    pub(crate) columns: usize,
    /// Size `V` of the codebook.
    pub(crate) codes: usize,
    /// Decibels between the picture and its reconstruction.
    pub(crate) psnr: f64,
    /// The largest mean error of a channel in each patch, 0 to 255.
    pub(crate) errors: Vec<f32>,
}

impl Reconstruction {
    /// Share of the patches that the model draws visibly otherwise.
    pub(crate) fn foreign_share(&self) -> f32 {
        let off = self.errors.iter().filter(|error| **error > 8.0).count();
        off as f32 / self.errors.len().max(1) as f32
    }

    /// How far the picture is outside the model's experience.
    pub(crate) fn in_words(&self) -> String {
        let verdict = match self.psnr {
            38.0.. => "Just like what the model was trained on.",
            30.0.. => "Close to what the model knows.",
            22.0.. => "Strange to the model: it will change what you see.",
            _ => "Foreign to the model: it sees another picture than you.",
        };
        let off = (100.0 * self.foreign_share()).round();
        format!(
            "{verdict} Reconstruction {:.1} dB, {off:.0} % of the patches differ visibly.",
            self.psnr
        )
    }

    /// How many patches of the picture have each code of the codebook.
    pub(crate) fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.codes];
        for token in &self.tokens {
            if let Some(count) = uses.get_mut(*token as usize) {
                *count += 1;
            }
        }
        uses
    }
}

enum Question {
    Model(Arc<Checkpoint>),
    Picture(u64, GeniePicture),
}

enum Answer {
    Reconstruction(u64, Reconstruction),
    Stamps(Vec<Stamp>),
    PaletteReady,
    Failed(String),
}

/// The thread and what it has answered.
#[derive(Resource)]
pub(crate) struct Study {
    questions: Sender<Question>,
    answers: Mutex<Receiver<Answer>>,
    asked: u64,
    answered: u64,
    /// The newest reconstruction.
    pub(crate) found: Option<Reconstruction>,
    /// Whether patches are still being decoded.
    pub(crate) palette_pending: bool,
    known: Option<AssetId<GenieModel>>,
}

impl Default for Study {
    fn default() -> Self {
        let (questions, inbox) = channel();
        let (outbox, answers) = channel();
        // The thread ends with the channel.
        let thread = std::thread::Builder::new().name("prompt-study".to_owned());
        if let Err(error) = thread.spawn(move || work(&inbox, &outbox)) {
            error!("no thread to study pictures on: {error}");
        }
        Self {
            questions,
            answers: Mutex::new(answers),
            asked: 0,
            answered: 0,
            found: None,
            palette_pending: false,
            known: None,
        }
    }
}

impl Study {
    /// Asks about a picture; older questions are dropped.
    pub(crate) fn ask(&mut self, canvas: &Canvas) {
        self.asked += 1;
        let _ = self
            .questions
            .send(Question::Picture(self.asked, canvas.picture()));
    }

    /// Whether an answer is on its way.
    pub(crate) fn pending(&self) -> bool {
        self.known.is_some() && (self.asked > self.answered || self.palette_pending)
    }

    /// Gives the thread the model once it is loaded.
    pub(crate) fn learn(&mut self, id: AssetId<GenieModel>, model: &GenieModel) {
        if self.known.replace(id) != Some(id) {
            self.palette_pending = true;
            let checkpoint = Arc::clone(model.checkpoint());
            let _ = self.questions.send(Question::Model(checkpoint));
        }
    }

    /// Takes what has been answered; returns what has gone wrong.
    pub(crate) fn take(&mut self, palette: &mut Palette) -> Option<String> {
        let answers = self.answers.lock().ok()?;
        loop {
            match answers.try_recv() {
                Ok(Answer::Reconstruction(number, found)) => {
                    self.answered = number;
                    self.found = Some(found);
                }
                Ok(Answer::Stamps(stamps)) => palette.add(stamps),
                Ok(Answer::PaletteReady) => {
                    palette.tidy();
                    self.palette_pending = false;
                }
                Ok(Answer::Failed(error)) => {
                    self.answered = self.asked;
                    self.palette_pending = false;
                    return Some(error);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
    }
}

/// The thread: pictures first, and patches of the codebook while there are none.
fn work(questions: &Receiver<Question>, answers: &Sender<Answer>) {
    let mut model: Option<WorldModel> = None;
    let mut next_code = usize::MAX;
    let mut picture = None;
    loop {
        let all_codes = model
            .as_ref()
            .map_or(0, |model| model.config().tokenizer.quantizer.codes());
        let busy = next_code < all_codes || (picture.is_some() && model.is_some());
        let question = if busy {
            match questions.try_recv() {
                Ok(question) => Some(question),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        } else {
            match questions.recv() {
                Ok(question) => Some(question),
                Err(_) => return,
            }
        };
        let answer = match question {
            Some(Question::Picture(number, newest)) => {
                picture = Some((number, newest));
                continue;
            }
            Some(Question::Model(checkpoint)) => {
                match WorldModel::new(Checkpoint::clone(&checkpoint), &Device::Cpu) {
                    Ok(built) => {
                        model = Some(built);
                        next_code = 0;
                        continue;
                    }
                    Err(error) => Answer::Failed(error.to_string()),
                }
            }
            None => {
                let Some(model) = &model else {
                    continue;
                };
                let answer = if let Some((number, picture)) = picture.take() {
                    reconstruct(model, &picture).map(|found| Answer::Reconstruction(number, found))
                } else {
                    let to = (next_code + BATCH).min(all_codes);
                    let stamps = stamps(model, next_code..to).map(Answer::Stamps);
                    next_code = to;
                    if next_code >= all_codes && stamps.is_ok() {
                        let _ = stamps.map(|stamps| answers.send(stamps));
                        Ok(Answer::PaletteReady)
                    } else {
                        stamps
                    }
                };
                answer.unwrap_or_else(|error| {
                    next_code = usize::MAX;
                    Answer::Failed(error.to_string())
                })
            }
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}

/// Encodes and decodes a picture of the model's size.
fn reconstruct(
    model: &WorldModel,
    picture: &GeniePicture,
) -> Result<Reconstruction, bevy_genie::genie_model::Error> {
    let config = model.config();
    let (width, height, patch) = (
        config.frame_width,
        config.frame_height,
        config.tokenizer.patch,
    );
    let picture = picture.fitted(width, height, GenieFit::Crop)?;
    let patches = frames_to_patches(picture.pixels(), height, width, patch, model.device())?;
    let tokens = model.tokenizer().tokenize(&patches.unsqueeze(1)?)?;
    let drawn = model.tokenizer().reconstruct(&tokens)?;
    let pixels = patches_to_frames(&drawn, height, width, patch)?;
    let stages = model.tokenizer().quantizer().stages();
    let codes: Vec<u32> = tokens.flatten_all()?.to_vec1()?;
    let redrawn = GeniePicture::from_rgb(width, height, pixels)?;
    let columns = width.div_ceil(patch);
    Ok(Reconstruction {
        errors: patch_errors(&picture, &redrawn, patch),
        psnr: psnr(picture.pixels(), redrawn.pixels()),
        tokens: codes.into_iter().step_by(stages.max(1)).collect(),
        codes: config.tokenizer.quantizer.codes(),
        picture: redrawn,
        columns,
    })
}

fn patch_errors(a: &GeniePicture, b: &GeniePicture, patch: usize) -> Vec<f32> {
    let (width, height) = (a.width(), a.height());
    let columns = width.div_ceil(patch);
    let mut sums = vec![([0u32; 3], 0u32); columns * height.div_ceil(patch)];
    let pairs = a.pixels().chunks_exact(3).zip(b.pixels().chunks_exact(3));
    for (at, (a, b)) in pairs.enumerate() {
        let (sum, count) = &mut sums[at / width / patch * columns + at % width / patch];
        for (sum, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
            *sum += u32::from(a.abs_diff(*b));
        }
        *count += 1;
    }
    let most = |sum: [u32; 3]| sum.into_iter().max().unwrap_or_default() as f32;
    sums.into_iter()
        .map(|(sum, count)| most(sum) / count.max(1) as f32)
        .collect()
}

/// The patches that codes stand for: each is decoded in the middle of a frame full of it. Codes that the encoder does not give
/// back for their own patch are left out, as nothing in the footage uses them.
fn stamps(
    model: &WorldModel,
    codes: std::ops::Range<usize>,
) -> Result<Vec<Stamp>, bevy_genie::genie_model::Error> {
    let config = model.config();
    let (width, height, patch) = (
        config.frame_width,
        config.frame_height,
        config.tokenizer.patch,
    );
    let (columns, rows) = (width.div_ceil(patch), height.div_ceil(patch));
    let stages = model.tokenizer().quantizer().stages();
    let per_frame = columns * rows * stages;
    let mut tokens = Vec::with_capacity(codes.len() * per_frame);
    for code in codes.clone() {
        // Later stages refine; the first one says what it is.
        tokens.extend((0..per_frame).map(|at| if at % stages == 0 { code as u32 } else { 0 }));
    }
    let tokens = Tensor::from_vec(tokens, (codes.len(), 1, per_frame), model.device())?;
    let drawn = model.tokenizer().reconstruct(&tokens)?;
    let seen: Vec<Vec<u32>> = model
        .tokenizer()
        .tokenize(&drawn)?
        .flatten(1, 2)?
        .to_vec2()?;
    let frames = patches_to_frames(&drawn, height, width, patch)?;
    let middle = ((columns / 2 * patch) as i32, (rows / 2 * patch) as i32);
    let at = (rows / 2 * columns + columns / 2) * stages;
    let mut stamps = Vec::new();
    for ((code, frame), seen) in codes.zip(frames.chunks_exact(width * height * 3)).zip(seen) {
        if seen[at] != code as u32 {
            continue;
        }
        let frame = Canvas::from(&GeniePicture::from_rgb(width, height, frame.to_vec())?);
        let edge = patch as i32;
        let area = crate::drawing::Area {
            from: middle,
            to: (middle.0 + edge, middle.1 + edge),
        };
        stamps.push(Stamp {
            code: code as u32,
            picture: frame.part(area),
        });
    }
    Ok(stamps)
}
