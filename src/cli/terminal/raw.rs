//! The keyboard without line editing, for as long as a value lives.

/// Raw mode; the mode before comes back when it is dropped.
pub(super) struct RawMode {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl RawMode {
    /// Enters it; `None` where the keyboard knows no such mode.
    pub(super) fn enter() -> Option<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

        let keyboard = std::io::stdin();
        let before = tcgetattr(&keyboard).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&keyboard, OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

#[cfg(unix)]
impl Drop for RawMode {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};

        // A keyboard that has gone needs no mode.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(not(unix))]
impl RawMode {
    /// This system has none: keys are sent a line at a time.
    pub(super) fn enter() -> Option<Self> {
        None
    }
}
