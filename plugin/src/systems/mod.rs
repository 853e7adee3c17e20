//! The systems between the game and the worker.

mod dispatch;
mod input;
mod lifetime;
mod receive;

pub(crate) use dispatch::{
    follow_actions, learn_labels, obey_commands, pace_worlds, send_requests, start_worlds,
};
pub(crate) use input::press_inputs;
pub(crate) use lifetime::{begin_world, end_world};
pub(crate) use receive::receive_frames;
