//! The anchored agent: found in footage, then applied to any clip of the same game.

use genie_model::median;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::AgentSettings;
use super::action_evidence::Told;
use super::appearance::{ClassCentres, classify, fit_classes, group_classes};
use super::code_model::CodeModel;
use super::codes::{Describer, find_codes};
use super::description::Description;
use super::encoder::{Encoder, Seen};
use super::footage::{FrameSource, SomeClips, WorkingSize};
use super::key_reader::{KeyReader, LabelledPlaces};
use super::labelled_choice::told_by_labels;
use super::lane::{Lane, lanes};
use super::looks::{LookReader, crops};
use super::motion_series::{GroupState, series};
use super::observation::{ClipObservation, camera_moves, observe, scrolls};
use super::thing::Thing;
use super::tracking::{TrackedFrame, track};
use super::transition::{AgentTransition, ClipActions};
use super::trust::Trust;
use super::unpredictability::rank;
use super::view_motion::{FollowedView, ViewReader, view_steps};
use crate::dataset::DatasetError;

/// Why no agent was found in footage.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The footage cannot be read.
    #[error(transparent)]
    Footage(#[from] DatasetError),
    /// Settings that cannot be worked with.
    #[error("settings of the search for the player: {0}")]
    Settings(String),
    /// Nothing in it behaves like a player.
    #[error("no player was found in the footage: {0}")]
    NotFound(&'static str),
    /// A candidate that there is not.
    #[error("the player is to be candidate {wanted}, and the footage has {candidates}")]
    NoSuchCandidate {
        /// Its number, from 1.
        wanted: usize,
        /// How many there are.
        candidates: usize,
    },
    /// Clips of another size than the agent was found in.
    #[error(
        "the agent was found in frames of {found_height}x{found_width} pixels, these have {height}x{width}"
    )]
    OtherSize {
        /// Height of the frames that the agent was found in.
        found_height: usize,
        /// Their width.
        found_width: usize,
        /// Height of the frames of the footage.
        height: usize,
        /// Their width.
        width: usize,
    },
}

/// A thing that may be the player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// What ranks it: surprise, less where there are several of it or it does not last.
    pub score: f32,
    /// Held-out surprise of its motion given the past, in nats.
    pub surprise: f32,
    /// Share of the frames in which it is there.
    pub presence: f32,
    /// Mean number of things that look like it where it is there.
    pub count: f32,
    /// Share of the frames in which it moves.
    pub activity: f32,
    /// Share of the frames through which it lasts, seen or standing still until it is seen again; unknown, and 0, in files written before it
    /// was measured.
    #[serde(default)]
    pub continuity: f32,
    /// Its classes of looks; none in files written before they were kept, and none of the view or of what is in a lane.
    #[serde(default)]
    pub classes: Vec<usize>,
    /// The lane that it keeps to, if that is how it is told from other things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Whether it is no thing in the picture but the view itself, in a game that is seen through the player's eyes.
    #[serde(default)]
    pub view: bool,
    /// Mean colour.
    pub colour: [f32; 3],
}

/// What is known of a found agent, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// The things that were ranked, the likeliest player first.
    pub candidates: Vec<CandidateReport>,
    /// Which of them is taken for the player, from 0: the first, unless somebody told otherwise.
    #[serde(default)]
    pub player: usize,
    /// Whether the camera moves.
    pub camera_moves: bool,
    /// Information of its looks about its direction, and the entropy of that direction, in nats.
    pub looks_tell: [f32; 2],
    /// Median width and height in pixels of the footage.
    pub edges: [f32; 2],
}

impl AgentReport {
    /// The thing that is taken for the player.
    pub fn anchor(&self) -> Option<&CandidateReport> {
        self.candidates.get(self.player)
    }

    /// What the player is, in words: a thing of so many pixels, or the view itself.
    pub fn player_in_words(&self) -> String {
        if self.anchor().is_some_and(|anchor| anchor.view) {
            return "the view itself".to_owned();
        }
        let [width, height] = self.edges;
        let lane = match self.anchor().and_then(|anchor| anchor.lane) {
            Some(lane) if lane.row => " in a row of the picture",
            Some(_) => " in a column of the picture",
            None => "",
        };
        format!("{width:.0}x{height:.0} pixels{lane}")
    }
}

/// A player found in footage, and how its transitions become codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchoredAgent {
    settings: AgentSettings,
    frame_size: (usize, usize),
    classes: ClassCentres,
    #[serde(flatten)]
    thing: Thing,
    /// Where the player is the view itself, how its motion is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    view: Option<ViewReader>,
    looks: LookReader,
    describer: Describer,
    codes: CodeModel,
    /// Trained on the codes; agents that only code transitions are kept without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<Encoder>,
    /// Reads what was pressed in place of the codes, where some transitions were labelled with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<Box<KeyReader>>,
    report: AgentReport,
}

/// A player that ranks fewer times as high as anything else is in doubt: codes told hardly anything of what was pressed, below 0.1 nats, in five of
/// twelve games below it, and in five of 31 above.
pub const CLOSE_MARGIN: f32 = 1.5;

/// What moves in a clip, and the class of each in each frame.
type ClassifiedClip = (ClipObservation, Vec<Vec<usize>>);

/// Centre and edges of the box around a thing in each frame of a clip, where it is seen.
pub(crate) type FrameBoxes = Vec<Option<[[f32; 2]; 2]>>;

/// Probability below which a code is no candidate.
const LEAST_CANDIDATE: f64 = 1e-3;

/// What an agent does in a clip, and what its codes are read from.
#[derive(Debug, Clone)]
pub(crate) struct DescribedClip {
    pub(crate) actions: ClipActions,
    descriptions: Vec<Description>,
}

impl DescribedClip {
    /// The code of each transition.
    pub(crate) fn codes(&self) -> Vec<usize> {
        self.actions.iter().map(|it| it.code).collect()
    }
}

impl AnchoredAgent {
    /// Finds the agent in footage; also what it does in every clip of it. `seed` decides all that is drawn.
    ///
    /// # Errors
    /// Footage that cannot be read, or in which nothing behaves like a player.
    pub fn fit(
        source: &dyn FrameSource,
        settings: &AgentSettings,
        seed: u64,
    ) -> Result<(Self, Vec<ClipActions>), AgentError> {
        Self::fit_labelled(source, settings, None, seed)
    }

    /// As [`fit`](Self::fit), but where some transitions are labelled, the player is the candidate whose motion tells what was pressed in them, if
    /// one clearly does.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub(crate) fn fit_labelled(
        source: &dyn FrameSource,
        settings: &AgentSettings,
        labelled: Option<LabelledPlaces<'_>>,
        seed: u64,
    ) -> Result<(Self, Vec<ClipActions>), AgentError> {
        if let Some(problem) = settings.problem() {
            return Err(AgentError::Settings(problem));
        }
        let frame_size = source.frame_size();
        let size = WorkingSize::new(frame_size, settings.working_edge);
        if size.height < 8 || size.width < 8 {
            return Err(AgentError::NotFound("the frames are too small"));
        }
        let clips = spread_clips(source, settings.fitted_transitions);
        let scrolls = scrolls(source, &clips, size, settings)?;
        let camera_moves = camera_moves(&scrolls, settings);
        let observed = observe(source, &clips, scrolls, size, camera_moves, settings)?;
        let chosen = SomeClips::new(source, clips.clone());
        let sample = spread_clips(&chosen, settings.view_transitions);
        let view = FollowedView::of(&chosen, &sample, size, settings)?;
        let classes = fit_classes(&observed, settings, seed);
        if classes.is_empty() && view.is_none() {
            return Err(AgentError::NotFound("nothing moves"));
        }
        let labels: Vec<Vec<Vec<usize>>> = observed
            .par_iter()
            .map(|clip| classify(clip, &classes))
            .collect();
        let groups = group_classes(&observed, &labels, &classes, settings);
        let edges = edges_of(size);
        let kinds = groups.len();
        let mut things: Vec<Thing> = groups.into_iter().map(Thing::of_looks).collect();
        let lanes = lanes(&observed, edges, settings);
        things.extend(lanes.into_iter().map(Thing::in_lane));
        (things.par_iter_mut()).for_each(|thing| thing.measure(observed.iter().zip(&labels)));
        // Per thing, per clip.
        let mut states: Vec<Vec<Vec<GroupState>>> = (things.par_iter())
            .map(|thing| {
                let clips = observed.iter().zip(&labels);
                let states =
                    clips.map(|(clip, labels)| series(clip, labels, thing, edges, settings));
                states.collect()
            })
            .collect();
        // The view comes after the things.
        states.extend(view.iter().map(|view| view.series(&observed, edges)));
        let candidates = rank(
            &observed,
            &states,
            kinds..things.len(),
            edges,
            settings,
            seed,
        );
        if candidates.is_empty() {
            return Err(AgentError::NotFound("nothing moves by itself"));
        }
        let told = (labelled.filter(|_| settings.player == 1))
            .and_then(|labelled| told_by_labels(&candidates, &states, &clips, labelled, settings));
        let player = told.unwrap_or(settings.player - 1);
        let Some(anchor) = candidates.get(player) else {
            return Err(AgentError::NoSuchCandidate {
                wanted: settings.player,
                candidates: candidates.len(),
            });
        };
        let thing = things.get(anchor.group).cloned().unwrap_or_default();
        let view = view.filter(|_| anchor.group == things.len());
        let tracks: Vec<Vec<TrackedFrame>> = match &view {
            Some(view) => view.tracks(&observed, edges),
            None => observed
                .par_iter()
                .zip(&labels)
                .map(|(clip, labels)| track(clip, labels, &thing, edges, settings))
                .collect(),
        };
        let anchor_edges = match &view {
            Some(_) => edges,
            None => median_edges(&observed, &tracks),
        };
        let [least, most] = settings.look_reach;
        let reach =
            ((anchor_edges[0].max(anchor_edges[1]) / 2.0).ceil() as usize).clamp(least, most);
        let pictures = crops(source, &clips, &tracks, size, reach)?;
        let (looks, read) = LookReader::fit(&tracks, &pictures, reach, settings, seed);
        let motions: Vec<Vec<[f32; 2]>> = tracks.iter().map(|track| motions_of(track)).collect();
        if motions.iter().all(Vec::is_empty) {
            return Err(AgentError::NotFound("no clip has two frames"));
        }
        let describer = Describer::fit(&motions, &read, settings);
        let descriptions: Vec<Vec<Description>> = (motions.iter().zip(&read))
            .map(|(motions, read)| describer.describe(motions, read, settings))
            .collect();
        let codes = find_codes(&descriptions, settings, seed);
        let posteriors: Vec<Vec<Vec<f64>>> = (descriptions.par_iter())
            .map(|clip| codes.posteriors(clip))
            .collect();
        let seen: Vec<Seen<'_>> = (tracks.iter().zip(&read).zip(&pictures))
            .map(|((track, looks), crops)| Seen {
                track,
                looks,
                crops,
            })
            .collect();
        let encoder = Encoder::fit(
            &seen,
            &posteriors,
            codes.len(),
            (&describer, reach),
            settings,
            seed,
        );
        let report = AgentReport {
            candidates: candidates
                .iter()
                .map(|candidate| {
                    let thing = things.get(candidate.group).cloned();
                    let view = thing.is_none();
                    let thing = thing.unwrap_or_default();
                    CandidateReport {
                        score: candidate.score,
                        surprise: candidate.surprise,
                        presence: candidate.presence,
                        count: candidate.count,
                        activity: candidate.activity,
                        continuity: candidate.continuity,
                        colour: mean_colour(&observed, &labels, &thing),
                        classes: thing.classes,
                        lane: thing.lane,
                        view,
                    }
                })
                .collect(),
            player,
            camera_moves,
            looks_tell: looks.told,
            edges: anchor_edges.map(|edge| edge * size.factor as f32),
        };
        let agent = Self {
            settings: settings.clone(),
            frame_size,
            classes,
            thing,
            view: view.map(|view| view.reader),
            looks,
            describer,
            codes,
            encoder: Some(encoder),
            keys: None,
            report,
        };
        let mut actions: Vec<ClipActions> = vec![Vec::new(); source.clip_count()];
        for (&clip, seen) in clips.iter().zip(&seen) {
            actions[clip] = agent.encode(*seen, size).actions;
        }
        let mut fitted = vec![false; source.clip_count()];
        for &clip in &clips {
            fitted[clip] = true;
        }
        let rest: Vec<usize> = (0..source.clip_count())
            .filter(|&clip| !fitted[clip])
            .collect();
        for (&clip, found) in rest.iter().zip(agent.apply_to(source, &rest)?) {
            actions[clip] = found;
        }
        Ok((agent, actions))
    }

    /// What the agent does in other clips of the same game.
    ///
    /// # Errors
    /// Footage of another frame size, or that cannot be read.
    pub fn apply(&self, source: &dyn FrameSource) -> Result<Vec<ClipActions>, AgentError> {
        self.check_size(source)?;
        let clips: Vec<usize> = (0..source.clip_count()).collect();
        Ok(self.apply_to(source, &clips)?)
    }

    /// What the agent does in other clips of the same game, with what its codes are read from, so that they can be
    /// [revised](Self::revise_all).
    ///
    /// # Errors
    /// Footage of another frame size, or that cannot be read.
    pub(crate) fn describe(
        &self,
        source: &dyn FrameSource,
    ) -> Result<Vec<DescribedClip>, AgentError> {
        self.check_size(source)?;
        let clips: Vec<usize> = (0..source.clip_count()).collect();
        Ok(self.describe_some(source, &clips)?)
    }

    /// For each transition of a clip the codes that it may show: `every` one, or all but those that what is seen of the player nearly rules
    /// out.
    pub(crate) fn candidates(&self, clip: &DescribedClip, every: bool) -> Vec<Vec<usize>> {
        let posteriors = self.codes.posteriors(&clip.descriptions);
        let candidates = posteriors.into_iter().map(|states| {
            let likely = states.into_iter().enumerate();
            let likely = likely.filter(|(_, share)| every || *share >= LEAST_CANDIDATE);
            likely.map(|(code, _)| code).collect()
        });
        candidates.collect()
    }

    /// Whether its codes can be [revised](Self::revise_all): those of a chain can.
    pub(crate) fn can_be_revised(&self) -> bool {
        self.keys.is_none() && !self.settings.use_encoder
    }

    /// Reads the codes of clips anew by what the dynamics told of them, as far as that agrees with the codes until now. `numbers` are those of the
    /// clips in their footage; `sum` adds up numbers over all who read parts of it.
    pub(crate) fn revise_all(
        &self,
        clips: &mut [DescribedClip],
        told: &[Told],
        numbers: &[usize],
        sum: &dyn Fn(&mut [f64]),
    ) -> Trust {
        let seen: Vec<_> = (numbers.iter().zip(clips.iter().zip(told)))
            .filter(|(number, _)| Trust::goes_by(**number))
            .map(|(_, (clip, told))| (clip.codes(), told))
            .collect();
        let trust = Trust::fit(&seen, self.codes.len(), sum);
        for (clip, told) in clips.iter_mut().zip(told) {
            self.revise(clip, &trust.weigh(told));
        }
        trust
    }

    /// Reads the codes of a clip anew where something else tells of them too: for each transition what it tells for each code, in nats, up to
    /// a constant. What came before and after counts, as when they were read first.
    fn revise(&self, clip: &mut DescribedClip, told: &[Vec<f32>]) {
        let codes = self.codes.read_told(&clip.descriptions, Some(told));
        for (transition, code) in clip.actions.iter_mut().zip(codes) {
            transition.code = code;
        }
    }

    fn check_size(&self, source: &dyn FrameSource) -> Result<(), AgentError> {
        let (height, width) = source.frame_size();
        if (height, width) == self.frame_size {
            return Ok(());
        }
        Err(AgentError::OtherSize {
            found_height: self.frame_size.0,
            found_width: self.frame_size.1,
            height,
            width,
        })
    }

    fn apply_to(
        &self,
        source: &dyn FrameSource,
        clips: &[usize],
    ) -> Result<Vec<ClipActions>, DatasetError> {
        let described = self.describe_some(source, clips)?;
        let found = described.into_iter().map(|clip| clip.actions);
        let mut found: Vec<ClipActions> = found.collect();
        if let (Some(keys), false) = (&self.keys, clips.is_empty()) {
            keys.name(&SomeClips::new(source, clips.to_vec()), &mut found)?;
        }
        Ok(found)
    }

    fn describe_some(
        &self,
        source: &dyn FrameSource,
        clips: &[usize],
    ) -> Result<Vec<DescribedClip>, DatasetError> {
        if clips.is_empty() {
            return Ok(Vec::new());
        }
        let size = self.working_size();
        let tracks: Vec<Vec<TrackedFrame>> = if let Some(reader) = self.view {
            let steps = view_steps(source, clips, size, &self.settings)?;
            let frames = clips.iter().map(|&clip| source.clip_len(clip));
            (steps.iter().zip(frames))
                .map(|(steps, frames)| reader.track(steps, frames, edges_of(size)))
                .collect()
        } else {
            let observed = self.observe(source, clips)?;
            (observed.par_iter())
                .map(|(clip, labels)| self.follow(clip, labels, &self.thing))
                .collect()
        };
        let pictures = crops(source, clips, &tracks, size, self.looks.reach)?;
        let found = tracks
            .par_iter()
            .zip(&pictures)
            .map(|(track, crops)| {
                let looks = &self.looks.read(crops);
                let seen = Seen {
                    track,
                    looks,
                    crops,
                };
                self.encode(seen, size)
            })
            .collect();
        Ok(found)
    }

    fn working_size(&self) -> WorkingSize {
        WorkingSize::new(self.frame_size, self.settings.working_edge)
    }

    /// What moves in some clips, and the class of each.
    fn observe(
        &self,
        source: &dyn FrameSource,
        clips: &[usize],
    ) -> Result<Vec<ClassifiedClip>, DatasetError> {
        let (size, settings) = (self.working_size(), &self.settings);
        let scrolls = scrolls(source, clips, size, settings)?;
        let camera_moves = self.report.camera_moves;
        let observed = observe(source, clips, scrolls, size, camera_moves, settings)?;
        let classified = observed.into_par_iter().map(|clip| {
            let labels = classify(&clip, &self.classes);
            (clip, labels)
        });
        Ok(classified.collect())
    }

    fn follow(
        &self,
        clip: &ClipObservation,
        labels: &[Vec<usize>],
        thing: &Thing,
    ) -> Vec<TrackedFrame> {
        let edges = edges_of(self.working_size());
        track(clip, labels, thing, edges, &self.settings)
    }

    /// Where the candidates are in some clips: for each candidate, in each frame of each clip, the centre and the edges of its box, in pixels.
    ///
    /// # Errors
    /// Footage of another frame size, or that cannot be read.
    pub(crate) fn candidate_boxes(
        &self,
        source: &dyn FrameSource,
        clips: &[usize],
    ) -> Result<Vec<Vec<FrameBoxes>>, AgentError> {
        self.check_size(source)?;
        let observed = self.observe(source, clips)?;
        let factor = self.working_size().factor as f32;
        let (height, width) = self.frame_size;
        let whole = [width, height].map(|edge| edge as f32);
        let boxes_of = |candidate: &CandidateReport| {
            if candidate.view {
                let all = Some([whole.map(|edge| edge / 2.0), whole]);
                return (observed.iter())
                    .map(|(clip, _)| vec![all; clip.frames()])
                    .collect();
            }
            let mut thing = Thing {
                classes: candidate.classes.clone(),
                lane: candidate.lane,
                ..Thing::default()
            };
            thing.measure(observed.iter().map(|(clip, labels)| (clip, labels)));
            let clips = observed.iter().map(|(clip, labels)| {
                let track = self.follow(clip, labels, &thing);
                let boxes = track.iter().zip(&clip.blobs).map(|(frame, blobs)| {
                    let blob = &blobs[frame.blob?];
                    let centre = blob.centre.map(|part| (part + 0.5) * factor);
                    Some([centre, blob.edges.map(|edge| edge * factor)])
                });
                boxes.collect()
            });
            clips.collect()
        };
        Ok(self.report.candidates.iter().map(boxes_of).collect())
    }

    fn encode(&self, seen: Seen<'_>, size: WorkingSize) -> DescribedClip {
        let Seen { track, looks, .. } = seen;
        let factor = size.factor as f32;
        let (describer, settings) = (&self.describer, &self.settings);
        let descriptions = describer.describe(&motions_of(track), looks, settings);
        let codes = if let (Some(encoder), true) = (&self.encoder, settings.use_encoder) {
            encoder.read(seen, describer, settings)
        } else {
            self.codes.read(&descriptions)
        };
        let actions = transitions(track)
            .iter()
            .zip(looks)
            .zip(codes)
            .map(|((frame, look), code)| AgentTransition {
                code,
                displacement: frame.motion.map(|part| part * factor),
                seen: frame.seen,
                look: *look,
                present: frame.blob.is_some() || self.view.is_some(),
                position: frame.place.map(|part| (part + 0.5) * factor),
            })
            .collect();
        DescribedClip {
            actions,
            descriptions,
        }
    }

    /// The same agent without its encoder, if that is not what reads transitions: a smaller file that finds the same.
    #[must_use]
    pub fn without_unused_encoder(mut self) -> Self {
        if !self.settings.use_encoder {
            self.encoder = None;
        }
        self
    }

    /// The same agent, but transitions are read by the encoder that was trained on the codes.
    #[must_use]
    pub fn with_encoder(mut self) -> Self {
        self.settings.use_encoder = true;
        self
    }

    /// The same agent, but what was pressed takes the place of its codes, read as in the labelled ones of the transitions that it was `found`
    /// in; also these transitions, so read.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub(crate) fn with_labels(
        mut self,
        source: &dyn FrameSource,
        mut found: Vec<ClipActions>,
        labelled: LabelledPlaces<'_>,
        seed: u64,
    ) -> Result<(Self, Vec<ClipActions>), DatasetError> {
        let keys = KeyReader::fit(source, &found, self.codes.len(), labelled, seed)?;
        keys.name(source, &mut found)?;
        self.keys = Some(Box::new(keys));
        Ok((self, found))
    }

    /// Number of codes, or of actions that were labelled.
    pub fn actions(&self) -> usize {
        let keys = self.keys.as_ref();
        keys.map_or(self.codes.len(), |keys| keys.kinds())
    }

    /// Frames before a transition that distinguish the player from the scene.
    pub fn frames_before(&self) -> usize {
        let reach = self.settings.compared_frames.iter().copied().min();
        reach.unwrap_or(-1).unsigned_abs() as usize + 1
    }

    /// What does not fit together in one that comes from a file.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.classes.is_empty() && self.view.is_none() {
            return Some("expected classes, found none".to_owned());
        }
        if self
            .thing
            .classes
            .iter()
            .any(|&class| class >= self.classes.len())
        {
            return Some("the group names a class that is not there".to_owned());
        }
        let report = &self.report;
        let mut ranked = report.candidates.iter().flat_map(|it| &it.classes);
        if ranked.any(|&class| class >= self.classes.len()) {
            return Some("a candidate names a class that is not there".to_owned());
        }
        if !report.candidates.is_empty() && report.anchor().is_none() {
            return Some("the player is none of the candidates".to_owned());
        }
        if !self.classes.iter().flatten().copied().all(f32::is_finite) {
            return Some("expected finite numbers".to_owned());
        }
        if let Some(problem) = self.codes.problem().or_else(|| self.describer.problem()) {
            return Some(problem);
        }
        if self.codes.reads_tokens() != self.describer.has_tokens() {
            return Some("expected tokens of descriptions and of codes, or neither".to_owned());
        }
        if let Some(problem) = self.settings.problem() {
            return Some(problem);
        }
        if let Some(problem) = self.keys.as_ref().and_then(|keys| keys.problem()) {
            return Some(problem);
        }
        (self.looks.problem(&self.settings)).or_else(|| match &self.encoder {
            Some(encoder) => encoder.problem(self.looks.reach, self.codes.len(), &self.describer),
            None => (self.settings.use_encoder).then(|| "it has no encoder".to_owned()),
        })
    }

    /// How many times higher it ranks than the best of the other candidates; infinite if there is none.
    pub fn margin(&self) -> f32 {
        let candidates = self.report.candidates.iter().enumerate();
        let mut others = candidates.filter(|(index, _)| *index != self.report.player);
        match (self.report.anchor(), others.next()) {
            (Some(anchor), Some((_, other))) => anchor.score / other.score.max(1e-6),
            _ => f32::INFINITY,
        }
    }

    /// Whether the player is the view itself and up and down are forward and back; `None` where the player is a thing in the picture.
    pub fn up_is_forward(&self) -> Option<bool> {
        self.view.map(ViewReader::reads_depth)
    }

    /// What is known of it.
    pub fn report(&self) -> &AgentReport {
        &self.report
    }
}

/// Width and height in working pixels.
fn edges_of(size: WorkingSize) -> [f32; 2] {
    [size.width as f32, size.height as f32]
}

/// The frames of a track that lead to another.
fn transitions(track: &[TrackedFrame]) -> &[TrackedFrame] {
    &track[..track.len().saturating_sub(1)]
}

/// Displacements of the transitions of a track.
fn motions_of(track: &[TrackedFrame]) -> Vec<[f32; 2]> {
    transitions(track)
        .iter()
        .map(|frame| frame.motion)
        .collect()
}

/// Clips evenly over the footage, with at most about so many transitions.
fn spread_clips(source: &dyn FrameSource, most: usize) -> Vec<usize> {
    let total: usize = (0..source.clip_count())
        .map(|clip| source.clip_len(clip).saturating_sub(1))
        .sum();
    let all = (0..source.clip_count()).filter(|&clip| source.clip_len(clip) > 0);
    if total <= most {
        return all.collect();
    }
    // Every clip whose share of the footage crosses a multiple of the step.
    let mut taken = 0.0;
    let mut seen = 0.0;
    let share = most as f64 / total as f64;
    let mut chosen = Vec::new();
    for clip in all {
        let transitions = source.clip_len(clip).saturating_sub(1) as f64;
        seen += transitions;
        if taken < seen * share {
            taken += transitions;
            chosen.push(clip);
        }
    }
    chosen
}

/// Mean colour of the blobs of a thing.
fn mean_colour(clips: &[ClipObservation], labels: &[Vec<Vec<usize>>], thing: &Thing) -> [f32; 3] {
    let (mut sum, mut count) = ([0.0_f64; 3], 0.0_f64);
    let blobs = clips
        .iter()
        .zip(labels)
        .flat_map(|(clip, labels)| clip.blobs.iter().flatten().zip(labels.iter().flatten()));
    for (blob, _) in blobs.filter(|(blob, label)| thing.may_be(blob, **label)) {
        let colour = super::blobs::look_colour(&blob.look);
        sum.iter_mut()
            .zip(colour)
            .for_each(|(sum, value)| *sum += f64::from(value));
        count += 1.0;
    }
    sum.map(|sum| (sum / count.max(1.0)) as f32)
}

fn median_edges(clips: &[ClipObservation], tracks: &[Vec<TrackedFrame>]) -> [f32; 2] {
    let mut edges = [Vec::new(), Vec::new()];
    for_each_anchor(clips, tracks, &mut |blob| {
        edges
            .iter_mut()
            .zip(blob.edges)
            .for_each(|(all, edge)| all.push(edge));
    });
    edges.map(|all| median(all).unwrap_or(0.0))
}

fn for_each_anchor(
    clips: &[ClipObservation],
    tracks: &[Vec<TrackedFrame>],
    each: &mut dyn FnMut(&super::observation::Blob),
) {
    for (clip, track) in clips.iter().zip(tracks) {
        for (blobs, tracked) in clip.blobs.iter().zip(track) {
            if let Some(index) = tracked.blob {
                each(&blobs[index]);
            }
        }
    }
}
