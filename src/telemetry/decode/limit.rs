//! What a payload may cost: limits that hold for all decoders, so that a few bytes cannot ask for all memory there is.

/// How deep values may be nested.
pub const MAX_DEPTH: usize = 512;

/// How many values are read of one payload. A payload of 5 MB that is as dense as JSON can be has 2.5 million.
pub const MAX_VALUES: usize = 4_000_000;

/// How many bytes one payload may unpack to.
pub const MAX_UNPACKED_BYTES: usize = 64 * 1024 * 1024;

/// Counts values up to the limit.
#[derive(Debug, Default)]
pub(super) struct Count(usize);

impl Count {
    /// Counts one more. False beyond the limit.
    #[must_use]
    pub(super) fn one(&mut self) -> bool {
        self.0 += 1;
        self.0 <= MAX_VALUES
    }
}
