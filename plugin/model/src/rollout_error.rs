//! What can be wrong with a saved rollout.

/// Why a saved rollout cannot be resumed.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// The bytes are not a saved rollout, or a damaged one.
    #[error("saved rollout: {0}")]
    Damaged(String),
    /// It was saved with another checkpoint.
    #[error("saved rollout: it belongs to checkpoint {saved:016x}, this one is {loaded:016x}")]
    OtherCheckpoint {
        /// Fingerprint of the checkpoint that it was saved with.
        saved: u64,
        /// Fingerprint of the checkpoint at hand.
        loaded: u64,
    },
}
