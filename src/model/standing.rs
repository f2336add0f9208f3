//! [`Standing`]: how a gateway stands, in one word, from all that is known of it.
//!
//! One pure function, for the list, the detail and the command line. What nobody tried is not a failure: a gateway that
//! speaks another driver than the one a question can be put in was not queried, whatever the silence.

use super::gateway::{Advertisement, Probe, ProvisioningState, Sighting};
use super::outcome::Verdict;
use super::problem::Problem;
use super::word::words;

words! {
    /// How a gateway stands. The words are those of JSON lines.
    Standing {
        /// Nothing was asked of it.
        NotQueried = "not-queried",
        /// Nothing was asked of it: its driver wants a login or proof first.
        NeedsLogin = "needs-login",
        /// A question is on its way.
        Querying = "querying",
        /// It waits for a network.
        Ready = "ready",
        /// Someone has to press its button.
        PressButton = "press-button",
        /// It is joining, or this program is at it.
        SettingUp = "setting-up",
        /// It has a network, by its own word; not by this program.
        AlreadySetUp = "already-set-up",
        /// This program had it join.
        Joined = "joined",
        /// It refused what this program sent.
        Refused = "refused",
        /// This program sent something, and what came of it is not known.
        Unknown = "unknown",
        /// Its set-up is switched off.
        SwitchedOff = "switched-off",
        /// It was asked in its own language and gave no answer.
        NoAnswer = "no-answer",
        /// Its link cannot be opened.
        CannotOpen = "cannot-open",
        /// It is gone, or was never there.
        NotSeen = "not-seen",
    }
}

/// How much a standing calls for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to see to.
    Quiet,
    /// Something goes on.
    Busy,
    /// As it should be.
    Good,
    /// Somebody has to do something.
    Calls,
    /// It failed.
    Bad,
}

impl Standing {
    /// The state as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotQueried => "Not queried",
            Self::NeedsLogin => "Needs login",
            Self::Querying => "Querying…",
            Self::Ready => "Ready",
            Self::PressButton => "Press button",
            Self::SettingUp => "Setting up",
            Self::AlreadySetUp => "Already set up",
            Self::Joined => "Joined",
            Self::Refused => "Refused",
            Self::Unknown => "Unknown: verify",
            Self::SwitchedOff => "Set-up off",
            Self::NoAnswer => "No answer",
            Self::CannotOpen => "Can't open",
            Self::NotSeen => "Not seen",
        }
    }

    /// How much it calls for somebody.
    pub const fn tone(self) -> Tone {
        match self {
            Self::NotQueried | Self::NeedsLogin | Self::NotSeen => Tone::Quiet,
            Self::Querying | Self::SettingUp | Self::AlreadySetUp => Tone::Busy,
            Self::Ready | Self::Joined => Tone::Good,
            Self::PressButton | Self::Unknown | Self::SwitchedOff => Tone::Calls,
            Self::Refused | Self::NoAnswer | Self::CannotOpen => Tone::Bad,
        }
    }
}

/// What this program last did with a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is at it.
    SettingUp,
    /// A push ended.
    Pushed(Verdict),
}

/// A standing, and what it rests on in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// The word.
    pub standing: Standing,
    /// What it rests on.
    pub because: String,
}

/// How a gateway stands by what was seen of it and what this program did with it since.
pub fn stand(row: &Sighting, done: Option<Done>) -> Stand {
    let (standing, because) = judge(row, done);
    Stand { standing, because }
}

fn judge(row: &Sighting, done: Option<Done>) -> (Standing, String) {
    if !row.is_present {
        return (Standing::NotSeen, gone(row).to_owned());
    }
    match done {
        Some(Done::SettingUp) => return (Standing::SettingUp, "A session with this gateway is open".to_owned()),
        Some(Done::Pushed(verdict)) => return pushed(verdict),
        None => {}
    }
    match (&row.probe, &row.heard) {
        (Probe::Asking, _) => (Standing::Querying, "A harmless question is on its way".to_owned()),
        (Probe::Answered(identity), _) => by_its_word(identity.state),
        (Probe::Failed(problem), _) => failed(row, problem),
        (Probe::NotAsked, Some(heard)) => advertised(row, heard),
        (Probe::NotAsked, None) => not_queried(row),
    }
}

const fn gone(row: &Sighting) -> &'static str {
    if row.heard.is_some() { "Not heard for half a minute" } else { "The port is gone" }
}

fn pushed(verdict: Verdict) -> (Standing, String) {
    match verdict {
        Verdict::Joined => (Standing::Joined, "This program sent the network, and the gateway joined".to_owned()),
        Verdict::Refused => (Standing::Refused, "The gateway refused what this program sent".to_owned()),
        Verdict::Unknown => {
            (Standing::Unknown, "This program sent the network; what came of it is not known".to_owned())
        }
    }
}

fn by_its_word(state: ProvisioningState) -> (Standing, String) {
    let standing = match state {
        ProvisioningState::Ready => Standing::Ready,
        ProvisioningState::AuthorizationRequired => Standing::PressButton,
        ProvisioningState::Provisioning => Standing::SettingUp,
        ProvisioningState::Provisioned => Standing::AlreadySetUp,
        ProvisioningState::Stopped => Standing::SwitchedOff,
    };
    (standing, format!("The gateway reports: {}", state.title().to_lowercase()))
}

fn advertised(row: &Sighting, heard: &Advertisement) -> (Standing, String) {
    heard.state.map_or_else(|| not_queried(row), by_its_word)
}

fn not_queried(row: &Sighting) -> (Standing, String) {
    match row.profile.as_ref().map(|guess| guess.driver).filter(|driver| !driver.facts().offers.asking) {
        Some(driver) if driver.facts().wanted.is_some() => {
            (Standing::NeedsLogin, format!("{driver} asks for a login or proof first: fill it in under Set up"))
        }
        Some(driver) => (Standing::NotQueried, format!("{driver} is spoken under Set up and Device")),
        None => (Standing::NotQueried, "Nothing was sent to it".to_owned()),
    }
}

/// A question failed. Questions are put in Improv alone: silence says nothing of a gateway that speaks another driver.
fn failed(row: &Sighting, problem: &Problem) -> (Standing, String) {
    let is_link = ["serial.", "ble.", "http.", "udp."].iter().any(|link| problem.code.starts_with(link));
    let own = row.profile.as_ref().map(|guess| guess.driver).filter(|driver| !driver.facts().offers.asking);
    match own {
        _ if is_link => (Standing::CannotOpen, problem.what.clone()),
        Some(driver) => {
            let (standing, _) = not_queried(row);
            (standing, format!("No answer in improv, which says nothing of a gateway that speaks {driver}"))
        }
        None => (Standing::NoAnswer, problem.what.clone()),
    }
}

/// Whether what a gateway reports now takes back what this program did before: it was set back, or set up by others.
pub fn takes_back(done: Done, state: ProvisioningState) -> bool {
    match done {
        Done::SettingUp => false,
        Done::Pushed(Verdict::Joined) => {
            !matches!(state, ProvisioningState::Provisioned | ProvisioningState::Provisioning)
        }
        Done::Pushed(Verdict::Refused | Verdict::Unknown) => state == ProvisioningState::Provisioned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gateway::{Identity, PortFacts, ProfileMatch};
    use crate::model::ids::{DriverId, LinkAddress, ProfileId};

    fn row(driver: Option<DriverId>, probe: Probe) -> Sighting {
        let profile =
            driver.map(|driver| ProfileMatch { profile: ProfileId::new("p"), driver, reason: "a test".into() });
        let link = LinkAddress::Serial("/dev/ttyUSB0".into());
        Sighting { link, facts: PortFacts::default(), heard: None, profile, probe, is_present: true }
    }

    fn silent() -> Probe {
        Probe::Failed(Problem::new("improv.no_reply", "The gateway does not answer", "power", "check"))
    }

    fn word(row: &Sighting, done: Option<Done>) -> &'static str {
        stand(row, done).standing.title()
    }

    #[test]
    fn silence_to_a_foreign_question_is_not_held_against_a_gateway() {
        let check = |driver, expected: (&str, &str)| {
            let (before, after) = (row(driver, Probe::NotAsked), row(driver, silent()));
            assert_eq!((word(&before, None), word(&after, None)), expected, "{driver:?}");
        };
        check(Some(DriverId::LinuxConsole), ("Needs login", "Needs login"));
        check(Some(DriverId::EspProv), ("Needs login", "Needs login"));
        check(Some(DriverId::Smp), ("Not queried", "Not queried"));
        check(Some(DriverId::Improv), ("Not queried", "No answer"));
        check(None, ("Not queried", "No answer"));
    }

    #[test]
    fn a_port_that_cannot_be_opened_says_so_whatever_is_behind_it() {
        let busy = Probe::Failed(Problem::new("serial.busy", "Another program has the port", "c", "n"));
        for driver in [None, Some(DriverId::Improv), Some(DriverId::Smp)] {
            assert_eq!(word(&row(driver, busy.clone()), None), "Can't open");
        }
    }

    #[test]
    fn what_this_program_did_stands_above_what_was_answered_before() {
        let ready = Probe::Answered(Identity { driver: DriverId::Improv, info: None, state: ProvisioningState::Ready });
        let row = row(Some(DriverId::Improv), ready);
        assert_eq!(word(&row, None), "Ready");
        assert_eq!(word(&row, Some(Done::SettingUp)), "Setting up");
        assert_eq!(word(&row, Some(Done::Pushed(Verdict::Joined))), "Joined");
        assert_eq!(word(&row, Some(Done::Pushed(Verdict::Refused))), "Refused");
        assert_eq!(word(&row, Some(Done::Pushed(Verdict::Unknown))), "Unknown: verify");
        let gone = Sighting { is_present: false, ..row };
        assert_eq!(word(&gone, Some(Done::Pushed(Verdict::Joined))), "Not seen");
    }

    #[test]
    fn a_gateway_that_was_set_back_is_not_called_joined() {
        let joined = Done::Pushed(Verdict::Joined);
        assert!(takes_back(joined, ProvisioningState::Ready));
        assert!(!takes_back(joined, ProvisioningState::Provisioned));
        assert!(takes_back(Done::Pushed(Verdict::Refused), ProvisioningState::Provisioned));
        assert!(!takes_back(Done::Pushed(Verdict::Refused), ProvisioningState::Ready));
    }

    #[test]
    fn only_what_failed_is_shown_as_failed() {
        use crate::model::word::Word;
        let bad: Vec<&str> = Standing::ALL.iter().filter(|s| s.tone() == Tone::Bad).map(|s| s.as_str()).collect();
        assert_eq!(bad, ["refused", "no-answer", "cannot-open"]);
    }
}
