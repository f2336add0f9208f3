//! What a visit is asked for, and what it tells.

use std::time::Duration;

use crate::model::secret::Secret;
use crate::proto::console::quote::Script;

/// The account to log in with.
#[derive(Clone, Default)]
pub struct Login {
    /// Its name.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret<String>>,
}

/// A command to run.
#[derive(Clone)]
pub struct Run {
    /// What the shell is told.
    pub script: Script,
    /// What it is called in the transcript.
    pub label: &'static str,
    /// What to answer when the program asks for a password: once.
    pub answer: Option<Secret<String>>,
    /// How long it may take.
    pub limit: Duration,
    /// Whether messages of the kernel belong to the output, as for a person who asked for them.
    pub keeps_kernel_messages: bool,
}

impl Run {
    /// A command that takes ten seconds at most.
    pub const fn new(label: &'static str, script: Script) -> Self {
        Self { script, label, answer: None, limit: Duration::from_secs(10), keeps_kernel_messages: false }
    }

    /// The same with another limit.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// What a command brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What it wrote, at most [`MAX_OUTPUT`](super::MAX_OUTPUT) octets.
    pub text: Vec<u8>,
    /// Octets beyond that.
    pub dropped_octets: u64,
    /// Its exit code; `None` when it was interrupted.
    pub code: Option<u8>,
    /// Whether it asked for the password.
    pub has_asked: bool,
    /// Whether it asked for the password again after it was given: then it was interrupted.
    pub has_asked_again: bool,
}

/// What came of something that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A shell answers.
    LoggedIn {
        /// Whether it did so without a login.
        was_open: bool,
    },
    /// A command ended.
    Ran(Output),
    /// The visit is over.
    LoggedOut {
        /// Whether the console asked for a login again.
        is_confirmed: bool,
    },
}

/// Why it did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The console says nothing.
    Silent,
    /// It says something, but asks for no login.
    NotALogin {
        /// Its last line.
        last: String,
    },
    /// It wants an account, and none was given.
    NeedsAccount,
    /// It wants a password, and none was given.
    NeedsPassword,
    /// Name or password are wrong.
    Refused,
    /// It took a password, and asked for a name again without a word.
    StartedOver,
    /// It wants another password first.
    Expired,
    /// A bootloader waits for commands.
    Bootloader {
        /// Its prompt.
        prompt: String,
    },
    /// The gateway starts and starts.
    Starting {
        /// Its last line.
        last: String,
    },
    /// It took the name, or the password, and then said nothing that we know.
    NoShell {
        /// Its last line.
        last: String,
    },
    /// A command did not end in time. It was interrupted.
    NoAnswer {
        /// Octets it wrote.
        heard_octets: u64,
    },
    /// The console asks for a login in the middle of it: the gateway restarted, or ended the visit.
    ThrownOut,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The gateway is starting: this may take a while.
    Starting,
    /// A line beside the conversation: greetings, a boot log, messages of the kernel.
    Log(Vec<u8>),
    /// What was begun is over.
    Finished(Result<Answer, Failure>),
}
