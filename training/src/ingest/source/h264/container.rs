//! What the decoder wants of a container, whichever it is.

/// A compressed picture in the order of decoding.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    /// Presentation time in seconds; before all times: decoded and not shown.
    pub(super) time: f64,
    /// One access unit, each of its units behind its length.
    pub(super) bytes: Vec<u8>,
}

/// What a container says about its film.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// The decoder configuration record (`avcC`).
    pub(super) configuration: Vec<u8>,
    /// Clockwise turns of a quarter that make the picture upright.
    pub(super) turns: u8,
    /// How many times as wide as high pixels are, where the container says so.
    pub(super) pixel_aspect: Option<f64>,
    pub(super) seconds: Option<f64>,
    pub(super) pace: Option<f64>,
    /// Presentation time of the first shown picture, in seconds.
    pub(super) first: f64,
}

/// Packets of a container, one after the other.
pub(super) trait Container: Send {
    fn track(&self) -> &Track;
    /// The next packet, or `None` at the end of what can be read.
    fn next_packet(&mut self) -> Result<Option<Packet>, String>;
    /// Continues at the last independent picture at or before a time, where the container has an index.
    fn seek(&mut self, seconds: f64);
}
