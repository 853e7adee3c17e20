//! From a picture to a running world.

use crate::{Error, Fit, Frame, Rollout, SamplerSettings, WorldModel};

impl WorldModel {
    /// Starts a world from one picture of any size, scaled and cut to the frame size, with the default sampler.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the model breaks down on the picture.
    pub fn prompt(&self, image: &Frame, seed: u64) -> Result<Rollout, Error> {
        self.prompt_with(image, seed, Fit::default(), SamplerSettings::default())
    }

    /// Starts a world from one picture, fitted as `fit` says and sampled as `sampler` says.
    ///
    /// # Errors
    /// [`Error::Sampler`] for settings out of range, [`Error::NonFinite`] if the model breaks down on the picture.
    pub fn prompt_with(
        &self,
        image: &Frame,
        seed: u64,
        fit: Fit,
        sampler: SamplerSettings,
    ) -> Result<Rollout, Error> {
        let frame = image.fitted(self.config().frame_width, self.config().frame_height, fit)?;
        Rollout::start(self.clone(), &frame, seed, sampler)
    }
}
