//! The keyboard in another mode, for as long as a value lives: without line editing, or without the keys that end a program.

/// Another mode of the keyboard; the one before comes back when it is dropped.
pub(super) struct KeyboardMode {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl KeyboardMode {
    /// Every key is passed on as it is; `None` where the keyboard knows no such mode.
    pub(super) fn raw() -> Option<Self> {
        Self::enter(rustix::termios::Termios::make_raw)
    }

    /// Ctrl+C is a key like any other, so that a prompt can read it; `None` where the keyboard knows no such mode.
    pub(super) fn without_signals() -> Option<Self> {
        Self::enter(|mode| mode.local_modes.remove(rustix::termios::LocalModes::ISIG))
    }

    fn enter(change: impl FnOnce(&mut rustix::termios::Termios)) -> Option<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

        let keyboard = std::io::stdin();
        let before = tcgetattr(&keyboard).ok()?;
        let mut changed = before.clone();
        change(&mut changed);
        tcsetattr(&keyboard, OptionalActions::Now, &changed).ok()?;
        Some(Self { before })
    }
}

#[cfg(unix)]
impl Drop for KeyboardMode {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};

        // A keyboard that has gone needs no mode.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(not(unix))]
impl KeyboardMode {
    /// This system has none: keys are sent a line at a time.
    pub(super) fn raw() -> Option<Self> {
        None
    }

    /// This system has none.
    pub(super) fn without_signals() -> Option<Self> {
        None
    }
}
