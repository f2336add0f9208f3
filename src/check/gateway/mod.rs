//! Checks from the gateway: a question as commands for the programs it has, and what those print as observations.
//!
//! [`tools`] asks once which programs there are. An [`Inquiry`] is one question: commands, one after the other until one
//! fails, each bounded in time and in what it may print. What a program's exit code and words prove is observed, and nothing
//! else; a step that no program can take is told as not run, with the reason, and never as a failure.
//!
//! Nothing from a profile or a site file reaches a shell unquoted, and no command holds a secret.

mod application;
mod curl;
mod names;
mod openssl;
mod settings;
mod shell;
mod socket;
mod talk;
mod time;
pub mod tools;

use std::collections::VecDeque;
use std::time::Duration;

pub use shell::Ran;
pub use tools::Tools;

use super::question::Question;
use super::seen::{NotRun, Seen, Tls};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::NotSendable;

/// Longest text of a detail.
const DETAIL_CHARS: usize = 300;
/// What a command may take beyond its own limit before it is interrupted.
const GRACE: Duration = Duration::from_secs(3);

/// What is known of the gateway that runs the commands.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    /// The programs it has.
    pub tools: Tools,
    /// A word that stands in no output: its own marks begin with it.
    pub mark: String,
    /// What a time request carries that nobody can guess: another one for each.
    pub nonce: u64,
    /// How far its clock is ahead of this computer's, microseconds; `None` where it was not read.
    pub ahead_micros: Option<i64>,
}

/// A command line, and how long it may take in total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line.
    pub line: String,
    /// The longest it may take.
    pub limit: Duration,
}

/// What a command showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An observation.
    Seen(Seen),
    /// A handshake whose chain has to be read and held against roots before it is one.
    Chain {
        /// The handshake.
        tls: Tls,
        /// The certificates, leaf first, as DER.
        chain: Vec<Vec<u8>>,
        /// Roots the profile expects, by SHA-256.
        expected: Vec<String>,
    },
}

/// What came of one command.
#[derive(Default)]
struct Read {
    found: Vec<Found>,
    /// Whether what comes after it makes sense.
    goes_on: bool,
    /// What has to be asked because of it.
    then: Option<Box<dyn Ask>>,
}

impl Read {
    fn seen(&mut self, seen: Seen) {
        self.found.push(Found::Seen(seen));
    }
}

/// One command of an inquiry.
trait Ask: Send {
    /// The program with its arguments, its own limit among them.
    fn command(&self) -> Result<String, NotSendable>;
    /// How long it takes at most by its own limit.
    fn limit(&self) -> Duration;
    /// What it showed.
    fn read(&self, ran: &Ran) -> Read;
    /// The step that is not run where the command cannot be written.
    fn step(&self) -> ProbeKind;
}

/// One question, on its way.
pub struct Inquiry {
    mark: String,
    asks: VecDeque<Box<dyn Ask>>,
    running: Option<Box<dyn Ask>>,
    /// What no program can do, told after what was done.
    rest: Vec<Seen>,
}

impl Inquiry {
    /// What is run on a gateway to answer that.
    pub fn new(question: &Question, gateway: &Gateway) -> Self {
        let mut inquiry = Self::empty(gateway);
        match question {
            Question::Surroundings => settings::plan(gateway, &mut inquiry),
            Question::Lookup(lookup) => names::plan(lookup, gateway, &mut inquiry),
            Question::Talk(talk) => talk::plan(talk, gateway, &mut inquiry),
            Question::Time { server, limit } => time::plan(*server, *limit, gateway, &mut inquiry),
            Question::Ping { to, limit } => time::ping(*to, *limit, gateway, &mut inquiry),
            Question::Wifi { .. } => inquiry.cannot(None, NotRun::NoProgram, "the gateway's radio isn't asked"),
            Question::Fetch { .. } => {
                inquiry.cannot(ProbeKind::Revocation, NotRun::NoProgram, "no program that reads revocation data");
            }
            // What only explains a failure of this computer.
            Question::Route { .. } | Question::Trace { .. } | Question::SystemTrust { .. } => {}
        }
        inquiry
    }

    fn empty(gateway: &Gateway) -> Self {
        Self { mark: gateway.mark.clone(), asks: VecDeque::new(), running: None, rest: Vec::new() }
    }

    fn ask(&mut self, ask: impl Ask + 'static) {
        self.asks.push_back(Box::new(ask));
    }

    fn cannot(&mut self, what: impl Into<Option<ProbeKind>>, why: NotRun, detail: &str) {
        self.rest.push(not_run(what, why, detail));
    }

    /// The next command; nothing when the question is answered. Each has to be followed by [`Inquiry::take`].
    pub fn next_command(&mut self) -> Option<Command> {
        let ask = self.asks.pop_front()?;
        match ask.command().and_then(|command| shell::wrapped(&command, &self.mark)) {
            Ok(line) => {
                let limit = ask.limit() + GRACE;
                self.running = Some(ask);
                Some(Command { line, limit })
            }
            Err(why) => {
                self.asks.clear();
                self.rest = vec![not_run(ask.step(), NotRun::NothingToAsk, &why.to_string())];
                None
            }
        }
    }

    /// Takes in what the command printed; nothing where it was interrupted. The times at which it was begun and had ended are
    /// in microseconds since 1970 UTC by this computer's clock.
    pub fn take(&mut self, output: Option<&[u8]>, began_micros: i64, ended_micros: i64) -> Vec<Found> {
        let Some(ask) = self.running.take() else { return Vec::new() };
        let ran = output.map_or_else(Ran::default, |output| shell::read(output, &self.mark));
        let ran = Ran { began_micros, ended_micros, ..ran };
        let Read { found, goes_on, then } = ask.read(&ran);
        if !goes_on {
            self.asks.clear();
            self.rest.clear();
        }
        if let Some(then) = then {
            self.asks.push_front(then);
        }
        found
    }

    /// What could not be run, told last.
    pub fn rest(self) -> Vec<Seen> {
        self.rest
    }
}

fn not_run(what: impl Into<Option<ProbeKind>>, why: NotRun, detail: &str) -> Seen {
    Seen::NotRun { what: what.into(), why, detail: visible(detail, DETAIL_CHARS) }
}

#[cfg(test)]
mod tests;
