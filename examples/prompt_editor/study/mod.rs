//! What the model makes of pictures: computed on a thread of its own, the newest picture first.

mod reconstruction;
mod stamps;

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use bevy_genie::genie_model::checkpoint::Checkpoint;
use bevy_genie::genie_model::{Error, WorldModel};
use bevy_genie::prelude::*;
use candle_core::Device;
use genie_examples::progress::Progress;

use crate::drawing::Canvas;
use crate::palette::{Palette, Stamp};
pub(crate) use reconstruction::Reconstruction;
use reconstruction::reconstruct;
use stamps::stamps;

/// Codes whose patches are decoded at a time.
const BATCH: usize = 32;

/// Which picture is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The one on the canvas.
    Canvas,
    /// The part of an opened picture that would be put there.
    Cut,
}

enum Question {
    Model(Arc<Checkpoint>),
    Picture(Subject, u64, GeniePicture),
    /// Patches are wanted, as far as there are none yet.
    Patches(Progress),
}

enum Answer {
    Reconstruction(Subject, u64, Box<Reconstruction>),
    Stamps(Vec<Stamp>),
    /// There are no more, or no more are wanted.
    PatchesEnd,
    Failed(String),
}

/// What is known of one picture.
#[derive(Default)]
pub(crate) struct Inquiry {
    asked: u64,
    answered: u64,
    /// The newest reconstruction.
    pub(crate) found: Option<Box<Reconstruction>>,
}

impl Inquiry {
    /// Whether a newer answer is on its way.
    pub(crate) fn pending(&self) -> bool {
        self.asked > self.answered
    }
}

/// The thread and what it has answered.
#[derive(Resource)]
pub(crate) struct Study {
    questions: Sender<Question>,
    answers: Mutex<Receiver<Answer>>,
    /// The picture on the canvas.
    pub(crate) canvas: Inquiry,
    /// The part of an opened picture.
    pub(crate) cut: Inquiry,
    cut_version: Option<(u64, (usize, usize))>,
    /// Codes whose patches have been decoded; who cancels it stops that.
    pub(crate) patches: Progress,
    patches_pending: bool,
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
            canvas: Inquiry::default(),
            cut: Inquiry::default(),
            cut_version: None,
            patches: Progress::default(),
            patches_pending: false,
            known: None,
        }
    }
}

impl Study {
    /// Asks about a picture; older questions about the same subject are dropped.
    pub(crate) fn ask(&mut self, subject: Subject, canvas: &Canvas) {
        let inquiry = self.inquiry(subject);
        inquiry.asked += 1;
        let number = inquiry.asked;
        let question = Question::Picture(subject, number, canvas.picture());
        let _ = self.questions.send(question);
    }

    /// Asks about the part of an opened picture, unless it was asked about this one last.
    pub(crate) fn ask_about_cut(&mut self, version: u64, cut: &Canvas) {
        if self.cut_version.replace((version, cut.size())) != Some((version, cut.size())) {
            self.ask(Subject::Cut, cut);
        }
    }

    fn inquiry(&mut self, subject: Subject) -> &mut Inquiry {
        match subject {
            Subject::Canvas => &mut self.canvas,
            Subject::Cut => &mut self.cut,
        }
    }

    /// Whether an answer is on its way.
    pub(crate) fn pending(&self) -> bool {
        let asked = self.canvas.pending() || self.cut.pending() || self.patches_pending;
        self.known.is_some() && asked
    }

    /// Whether patches are being decoded.
    pub(crate) fn patches_pending(&self) -> bool {
        self.known.is_some() && self.patches_pending
    }

    /// Whether patches are missing that nobody decodes, as that was stopped.
    pub(crate) fn patches_stopped(&self) -> bool {
        self.known.is_some() && !self.patches_pending && self.patches.is_cancelled()
    }

    /// Gives the thread the model once it is loaded.
    pub(crate) fn learn(&mut self, id: AssetId<GenieModel>, model: &GenieModel) {
        if self.known.replace(id) != Some(id) {
            let checkpoint = Arc::clone(model.checkpoint());
            let _ = self.questions.send(Question::Model(checkpoint));
            self.want_patches();
        }
    }

    /// Asks for the patches that are missing.
    pub(crate) fn want_patches(&mut self) {
        self.patches = Progress::default();
        self.patches_pending = true;
        let _ = self.questions.send(Question::Patches(self.patches.clone()));
    }

    /// Takes what has been answered; returns what has gone wrong.
    pub(crate) fn take(&mut self, palette: &mut Palette) -> Option<String> {
        loop {
            // Let go at once, as answers change the whole.
            let answer = self.answers.lock().ok()?.try_recv();
            match answer {
                Ok(Answer::Reconstruction(subject, number, found)) => {
                    let inquiry = self.inquiry(subject);
                    inquiry.answered = number;
                    inquiry.found = Some(found);
                }
                Ok(Answer::Stamps(stamps)) => palette.add(stamps),
                Ok(Answer::PatchesEnd) => {
                    palette.tidy();
                    self.patches_pending = false;
                }
                Ok(Answer::Failed(error)) => {
                    self.canvas.answered = self.canvas.asked;
                    self.cut.answered = self.cut.asked;
                    self.patches_pending = false;
                    return Some(error);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
    }
}

/// The thread's own: what it knows, and what it has still to do.
#[derive(Default)]
struct Student {
    model: Option<WorldModel>,
    canvas: Option<(u64, GeniePicture)>,
    cut: Option<(u64, GeniePicture)>,
    patches: Option<Progress>,
    next_code: usize,
}

/// The thread: pictures first, and patches of the codebook while there are none.
fn work(questions: &Receiver<Question>, answers: &Sender<Answer>) {
    let mut student = Student::default();
    loop {
        let question = if student.is_busy() {
            questions.try_recv()
        } else {
            questions.recv().map_err(|_| TryRecvError::Disconnected)
        };
        let answer = match question {
            Ok(question) => student.listen(question),
            Err(TryRecvError::Empty) => student.work(),
            Err(TryRecvError::Disconnected) => return,
        };
        let answer = answer.unwrap_or_else(|error| {
            student.patches = None;
            Some(Answer::Failed(error.to_string()))
        });
        if let Some(answer) = answer
            && answers.send(answer).is_err()
        {
            return;
        }
    }
}

impl Student {
    fn is_busy(&self) -> bool {
        let wanted = self.canvas.is_some() || self.cut.is_some() || self.patches.is_some();
        self.model.is_some() && wanted
    }

    fn listen(&mut self, question: Question) -> Result<Option<Answer>, Error> {
        match question {
            Question::Picture(Subject::Canvas, number, newest) => {
                self.canvas = Some((number, newest));
            }
            Question::Picture(Subject::Cut, number, newest) => self.cut = Some((number, newest)),
            Question::Patches(progress) => self.patches = Some(progress),
            Question::Model(checkpoint) => {
                self.next_code = 0;
                let model = WorldModel::new(Checkpoint::clone(&checkpoint), &Device::Cpu)?;
                self.model = Some(model);
            }
        }
        Ok(None)
    }

    /// Does what is most urgent.
    fn work(&mut self) -> Result<Option<Answer>, Error> {
        let Some(model) = &self.model else {
            return Ok(None);
        };
        let found = |subject, number, picture: &GeniePicture| {
            let found = reconstruct(model, picture)?;
            Ok(Some(Answer::Reconstruction(
                subject,
                number,
                Box::new(found),
            )))
        };
        if let Some((number, picture)) = self.canvas.take() {
            return found(Subject::Canvas, number, &picture);
        }
        if let Some((number, picture)) = self.cut.take() {
            return found(Subject::Cut, number, &picture);
        }
        let Some(progress) = &self.patches else {
            return Ok(None);
        };
        let all_codes = model.config().tokenizer.quantizer.codes();
        if self.next_code >= all_codes || progress.is_cancelled() {
            self.patches = None;
            return Ok(Some(Answer::PatchesEnd));
        }
        let to = (self.next_code + BATCH).min(all_codes);
        let stamps = stamps(model, self.next_code..to)?;
        self.next_code = to;
        progress.expect(all_codes as u64);
        progress.reach(to as u64);
        Ok(Some(Answer::Stamps(stamps)))
    }
}
