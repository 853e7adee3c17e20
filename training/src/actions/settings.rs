//! Every constant of the search for the player, with one default for all games.

use serde::{Deserialize, Serialize};

/// Settings of [`AnchoredAgent::fit`](super::AnchoredAgent::fit). The defaults are meant for any footage: none is to be set for a game.
///
/// Lengths are in working pixels: frames are reduced by a whole factor until their short edge is about [`working_edge`](Self::working_edge).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// Short edge of a frame after it is reduced by a whole factor, about.
    pub working_edge: usize,
    /// Transitions that the agent is fitted on at most; more are spread evenly over the footage.
    pub fitted_transitions: usize,

    /// Farthest that the whole picture may move between two frames, on each axis.
    pub scroll_reach: usize,
    /// Whether displacements are measured below a pixel.
    pub fine_motion: bool,
    /// Differences of grey above this count no more: things that move by themselves must not outvote the scene.
    pub scroll_cap: u8,
    /// A scroll is believed if it costs at most this share of standing still ...
    pub scroll_gain: f32,
    /// ... and this much less on top.
    pub scroll_margin: f32,
    /// Footage with a larger share of scrolling transitions is compared with the 3x3 surroundings of a pixel.
    pub scrolling_share: f32,

    /// Farthest that a view that is the player's may shift between two frames, [x, y], in pixels of half the working size.
    pub view_reach: [usize; 2],
    /// Farthest that it may grow at half the short edge from the middle, likewise.
    pub view_growth: usize,
    /// Differences of grey up to this are no change of a view.
    pub view_difference: u8,
    /// Differences of grey above this count no more.
    pub view_cap: u8,
    /// Cost of each pixel of a view's motion: what moves less is likelier.
    pub view_motion_cost: f32,
    /// A view's motion is believed if it costs at most this share of standing still.
    pub view_gain: f32,
    /// About so many transitions are looked at to see whether footage is seen through the player's eyes ...
    pub view_transitions: usize,
    /// ... which it is if at least this share of the picture changes ...
    pub view_change: f32,
    /// ... in at least this share of them ...
    pub view_share: f32,
    /// ... and it grows or shrinks in at least this share of those: in 0.18 and more where players walk through what they see, in 0.06 and less in other games.
    pub depth_share: f32,

    /// Frames (before and after) that a frame is compared with to find what does not belong to the scene.
    pub compared_frames: Vec<i32>,
    /// A pixel differs if its largest channel difference is above this.
    pub foreground_difference: u8,
    /// Fewest comparisons that a pixel must have to be foreground.
    pub foreground_votes: u8,
    /// Share of the comparisons in which a foreground pixel differs.
    pub foreground_share: f32,

    /// Fewest pixels of a blob.
    pub blob_pixels: usize,
    /// Longest edge of a blob's box.
    pub blob_edge: usize,
    /// Most blobs of a frame; the largest are kept.
    pub blobs_per_frame: usize,
    /// Farthest that a blob may move between two frames, on each axis.
    pub blob_reach: usize,
    /// A pixel's colour difference (summed over channels) above this counts no more.
    pub blob_cap: u16,
    /// Cost of each pixel of motion: ties go to the shorter one.
    pub blob_motion_cost: f32,
    /// Cost of leaving the picture, times the share of the blob's pixels that do.
    pub blob_outside_cost: f32,

    /// Classes of appearance.
    pub classes: usize,
    /// Blobs that the classes are fitted on.
    pub class_samples: usize,
    /// Rounds of k-means.
    pub class_rounds: usize,
    /// A match above this cost links nothing.
    pub link_cost: f32,
    /// A blob is linked to one whose centre is this near to where it should be.
    pub link_distance: f32,
    /// Classes are merged while links between them make up this share of the rarer one's links outward.
    pub merge_share: f32,
    /// Classes whose mean colours differ by more in a channel are never merged.
    pub merge_colour: f32,
    /// Classes that occur together in a larger share of the rarer one's frames are never merged.
    pub merge_together: f32,

    /// Lanes, rows and columns that something keeps to, that are ranked on each axis.
    pub lanes: usize,
    /// Rows, or columns, on either side of a lane's middle that belong to it.
    pub lane_reach: usize,
    /// Least share of the frames in which there is exactly one thing in a lane.
    pub lane_share: f32,
    /// What a lane's rank is multiplied by, in which being alone and lasting count twice: a look tells the player apart better, if one does.
    pub lane_weight: f32,

    /// Candidates that are ranked: the groups that move most.
    pub candidates: usize,
    /// Other groups whose place and motion the predictor of a candidate's motion sees.
    pub neighbours: usize,
    /// Transitions whose displacements are predicted together: noise adds up less than motion.
    pub surprise_frames: usize,
    /// Width of both hidden layers of the predictor.
    pub predictor_width: usize,
    /// Training steps of the predictor.
    pub predictor_steps: usize,
    /// How much a candidate loses that is there more than once: `exp(-penalty * (count - 1))`.
    pub count_penalty: f32,
    /// Which of the ranked candidates is the player, from 1, the likeliest, which labels of what was pressed may overrule. Somebody who knows the
    /// game may tell another.
    pub player: usize,

    /// What has less than this share of the anchor's usual pixels is another thing of its colours, such as a ball beside a paddle.
    pub least_size: f32,
    /// Frames after which a lost anchor is looked for in the whole picture.
    pub lost_frames: usize,
    /// A match backward in time is preferred if it is better by this much.
    pub backward_gain: f32,

    /// Half the edge of the picture that looks are read from: half the anchor's larger edge, but at least and at most this.
    pub look_reach: [usize; 2],
    /// Width of the hidden layer that reads looks.
    pub look_width: usize,
    /// Training steps of each of the two readers of looks.
    pub look_steps: usize,
    /// Displacement from which the anchor counts as moving.
    pub least_motion: f32,
    /// Deviation of the direction read from looks, against a displacement of usual size.
    pub look_weight: f32,
    /// Weight of the next displacement in the description of a transition, against its own.
    pub next_weight: f32,
    /// Fewest changes of vertical speed in rises, and in falls, from which gravity is judged.
    pub gravity_changes: usize,
    /// Gravity shows from these odds on. Where up and down are alike they are 1; they were 0.1 to 2 in games without gravity, 14 and more in those
    /// with it.
    pub gravity_odds: f32,

    /// Number of codes; `None` chooses it from the footage.
    pub actions: Option<usize>,
    /// Restarts of the k-means that places the codes.
    pub code_restarts: usize,
    /// Such placements that the fit of the codes starts from; the likeliest is kept.
    pub code_starts: usize,
    /// Rounds in which the codes are fitted to how they follow each other.
    pub code_rounds: usize,

    /// Training steps of the encoder that learns the codes.
    pub encoder_steps: usize,
    /// Width of its hidden layer.
    pub encoder_width: usize,
    /// Whether transitions are read by the encoder instead of the codes' own model.
    pub use_encoder: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self {
            working_edge: 64,
            fitted_transitions: 100_000,
            scroll_reach: 7,
            fine_motion: true,
            scroll_cap: 24,
            scroll_gain: 0.85,
            scroll_margin: 0.02,
            scrolling_share: 0.05,
            view_reach: [8, 3],
            view_growth: 3,
            view_difference: 3,
            view_cap: 24,
            view_motion_cost: 0.4,
            view_gain: 0.9,
            view_transitions: 4000,
            view_change: 0.1,
            view_share: 0.25,
            depth_share: 0.1,
            compared_frames: vec![-12, -8, -5, -3, -1, 1, 3, 5, 8, 12],
            foreground_difference: 24,
            foreground_votes: 3,
            foreground_share: 0.6,
            blob_pixels: 3,
            blob_edge: 40,
            blobs_per_frame: 24,
            blob_reach: 9,
            blob_cap: 200,
            blob_motion_cost: 0.3,
            blob_outside_cost: 20.0,
            classes: 24,
            class_samples: 20_000,
            class_rounds: 12,
            link_cost: 60.0,
            link_distance: 3.0,
            merge_share: 0.12,
            merge_colour: 70.0,
            merge_together: 0.5,
            lanes: 2,
            lane_reach: 2,
            lane_share: 0.3,
            lane_weight: 0.6,
            candidates: 16,
            neighbours: 5,
            surprise_frames: 3,
            predictor_width: 64,
            predictor_steps: 400,
            count_penalty: 1.0,
            player: 1,
            least_size: 0.33,
            lost_frames: 10,
            backward_gain: 8.0,
            look_reach: [3, 7],
            look_width: 64,
            look_steps: 500,
            least_motion: 0.4,
            look_weight: 0.7,
            next_weight: 0.4,
            gravity_changes: 100,
            gravity_odds: 6.0,
            actions: Some(8),
            code_restarts: 3,
            code_starts: 5,
            code_rounds: 20,
            encoder_steps: 1000,
            encoder_width: 96,
            use_encoder: false,
        }
    }
}

impl AgentSettings {
    /// What cannot be worked with, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let ranges = [
            ("working_edge", self.working_edge, 8, 512),
            ("scroll_reach", self.scroll_reach, 1, 64),
            ("view_reach", self.view_reach[0], 1, 64),
            ("view_reach", self.view_reach[1], 0, 64),
            ("view_growth", self.view_growth, 1, 16),
            ("blob_pixels", self.blob_pixels, 1, 4096),
            ("blob_edge", self.blob_edge, 1, 512),
            ("blobs_per_frame", self.blobs_per_frame, 1, 256),
            ("blob_reach", self.blob_reach, 1, 15),
            ("classes", self.classes, 1, 256),
            ("lanes", self.lanes, 0, 64),
            ("lane_reach", self.lane_reach, 0, 64),
            ("surprise_frames", self.surprise_frames, 1, 64),
            ("player", self.player, 1, 256),
            ("predictor_width", self.predictor_width, 1, 1024),
            ("look_reach", self.look_reach[0], 2, self.look_reach[1]),
            ("look_reach", self.look_reach[1], 2, 32),
            ("look_width", self.look_width, 1, 1024),
            ("encoder_width", self.encoder_width, 1, 1024),
            ("actions", self.actions.unwrap_or(2), 2, 256),
            ("code_starts", self.code_starts, 1, 100),
            ("code_rounds", self.code_rounds, 1, 1000),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Some(format!("{name} must be {least} to {most}, not {value}"));
            }
        }
        if self
            .compared_frames
            .iter()
            .any(|offset| offset.unsigned_abs() > 64)
        {
            return Some("compared_frames must lie within 64 frames".to_owned());
        }
        // Sums of differences are 16 bits wide.
        (self.blob_cap > 765).then(|| "blob_cap must be at most 765".to_owned())
    }
}
