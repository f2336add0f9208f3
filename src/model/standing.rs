//! [`Standing`]: how a gateway stands, in one word, from all that is known of it.
//!
//! One pure function, for the list, the detail and the command line. What nobody tried is not a failure: a gateway that
//! speaks another driver than the one a question can be put in was not queried, whatever the silence.

use super::gateway::{Advertisement, Probe, ProvisioningState, Sighting};
use super::ids::{DriverId, LinkKind};
use super::outcome::Verdict;
use super::problem::Problem;
use super::record::JobRecord;
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
        /// A batch has it next, or later.
        Queued = "queued",
        /// It waits for a network.
        Ready = "ready",
        /// It answers, and its driver has no network to send to it: it is looked after under Device.
        Managed = "managed",
        /// Someone has to press its button.
        PressButton = "press-button",
        /// It is joining, or this program is at it.
        SettingUp = "setting-up",
        /// It has a network, by its own word; not by this program.
        AlreadySetUp = "already-set-up",
        /// This program had it join.
        Joined = "joined",
        /// It joined, and a message of its own was seen since.
        InService = "in-service",
        /// It refused what this program sent.
        Refused = "refused",
        /// This program sent something, and what came of it is not known.
        Unknown = "unknown",
        /// It was taken out of service, and that left something behind.
        Incomplete = "incomplete",
        /// It was taken out of service, and everything that had to go was seen to be gone.
        Removed = "removed",
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
            Self::Queued => "Queued",
            Self::Ready => "Ready",
            Self::Managed => "Managed",
            Self::PressButton => "Press button",
            Self::SettingUp => "Setting up",
            Self::AlreadySetUp => "Already set up",
            Self::Joined => "Joined",
            Self::InService => "In service",
            Self::Incomplete => "Incomplete",
            Self::Removed => "Removed",
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
            Self::NotQueried | Self::NeedsLogin | Self::Queued | Self::Removed | Self::NotSeen => Tone::Quiet,
            Self::Querying | Self::SettingUp | Self::AlreadySetUp => Tone::Busy,
            Self::Ready | Self::Managed | Self::Joined | Self::InService => Tone::Good,
            Self::PressButton | Self::Unknown | Self::Incomplete | Self::SwitchedOff => Tone::Calls,
            Self::Refused | Self::NoAnswer | Self::CannotOpen => Tone::Bad,
        }
    }
}

/// What this program last did with a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// A batch has yet to come to it.
    Queued,
    /// It is at it.
    SettingUp,
    /// A push ended.
    Pushed(Verdict),
    /// A push ended well, and a message of this gateway was seen since.
    InService,
    /// A removal left something behind, or nobody knows.
    Incomplete,
    /// A removal ended, and what had to go was seen to be gone.
    Removed,
}

impl Done {
    /// What a job on record did with its gateway; nothing where the job was not about that, or has no end yet.
    pub fn by(job: &JobRecord) -> Option<Self> {
        match (job.intent.action.as_str(), job.outcome.as_str()) {
            ("wipe", "complete") => Some(Self::Removed),
            ("wipe", "incomplete" | "unknown") => Some(Self::Incomplete),
            ("commission", "joined") => Some(Self::Pushed(Verdict::Joined)),
            ("commission", "refused") => Some(Self::Pushed(Verdict::Refused)),
            ("commission", "unknown") => Some(Self::Pushed(Verdict::Unknown)),
            _ => None,
        }
    }
}

/// What was done with a gateway in an earlier run of the program, where it is recognised as the one of that job. A device over
/// Bluetooth is known by its address. A port may carry another gateway by now: there it takes the same name and a state
/// that agrees. What the gateway reports now takes back what it contradicts.
pub fn remembered(row: &Sighting, job: &JobRecord) -> Option<Done> {
    let done = Done::by(job)?;
    // A link of another computer leads elsewhere.
    if row.link.to_string() != job.intent.link || job.origin.is_some() {
        return None;
    }
    let told = match &row.probe {
        Probe::Answered(identity) => Some(identity),
        Probe::NotAsked | Probe::Asking | Probe::Failed(_) => None,
    };
    let state = told.map(|identity| identity.state).or_else(|| row.heard.as_ref()?.state);
    let is_recognised = match row.link.kind() {
        LinkKind::Ble => true,
        LinkKind::Serial | LinkKind::Http | LinkKind::Udp => {
            let name = told.and_then(|identity| identity.info.as_ref()).map(|info| info.name.as_str());
            name.is_some_and(|name| !name.is_empty() && name == job.intent.gateway)
        }
    };
    (is_recognised && state.is_none_or(|state| !takes_back(done, state))).then_some(done)
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

/// How a gateway stands after a batch that failed at it, where nothing that is known of it tells more: `code` and `summary` are
/// those of the failure.
pub fn failed_at(before: Stand, code: &str, summary: &str) -> Stand {
    if !matches!(before.standing, Standing::NotQueried | Standing::NeedsLogin) {
        return before;
    }
    let is_refusal = DriverId::ALL.iter().any(|driver| driver.facts().is_refusal_code(code));
    let standing = match code {
        _ if is_refusal => Standing::Refused,
        _ if code.ends_with(".no_reply") => Standing::NoAnswer,
        _ => before.standing,
    };
    Stand { standing, because: format!("The last attempt failed: {summary}") }
}

/// How a gateway stands by what this program did with it alone, as the records tell.
pub fn after(done: Done) -> Stand {
    let (standing, because) = acted(done);
    Stand { standing, because }
}

fn judge(row: &Sighting, done: Option<Done>) -> (Standing, String) {
    // Who was taken out of service is not missed.
    if let Some(done @ (Done::Removed | Done::Incomplete)) = done {
        return acted(done);
    }
    if !row.is_present {
        return (Standing::NotSeen, gone(row).to_owned());
    }
    if let Some(done) = done {
        return acted(done);
    }
    match (&row.probe, &row.heard) {
        (Probe::Asking, _) => (Standing::Querying, "A harmless question is on its way".to_owned()),
        (Probe::Answered(identity), _) if !identity.driver.facts().offers.wifi => {
            (Standing::Managed, format!("It answers; {} sends no Wi-Fi network to it", identity.driver))
        }
        (Probe::Answered(identity), _) => by_its_word(identity.state),
        (Probe::Failed(problem), _) => failed(row, problem),
        (Probe::NotAsked, Some(heard)) => advertised(row, heard),
        (Probe::NotAsked, None) => not_queried(row),
    }
}

const fn gone(row: &Sighting) -> &'static str {
    if row.heard.is_some() { "Not heard for half a minute" } else { "The port is gone" }
}

fn acted(done: Done) -> (Standing, String) {
    let (standing, because) = match done {
        Done::Queued => (Standing::Queued, "The batch comes to it after those before"),
        Done::SettingUp => (Standing::SettingUp, "A session with this gateway is open"),
        Done::Pushed(verdict) => return pushed(verdict),
        Done::InService => (Standing::InService, "The gateway joined, and a message on a topic with its name arrived"),
        Done::Incomplete => {
            (Standing::Incomplete, "Its removal left something behind, or its end isn't known: see History")
        }
        Done::Removed => (Standing::Removed, "It was unpaired and wiped, and what had to go was seen to be gone"),
    };
    (standing, because.to_owned())
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
    let is_refusal = DriverId::ALL.iter().any(|driver| driver.facts().is_refusal(problem));
    match own {
        _ if is_link => (Standing::CannotOpen, problem.what.clone()),
        _ if is_refusal => (Standing::Refused, problem.what.clone()),
        Some(driver) => {
            let (standing, _) = not_queried(row);
            (standing, format!("No answer in improv, which says nothing of a gateway that speaks {driver}"))
        }
        None => (Standing::NoAnswer, problem.what.clone()),
    }
}

/// Whether what a gateway reports now takes back what this program did before: it was set back, or set up by others.
pub const fn takes_back(done: Done, state: ProvisioningState) -> bool {
    use ProvisioningState::{Provisioned, Provisioning};
    match done {
        // What was left behind stays so whatever the gateway reports.
        Done::Queued | Done::SettingUp | Done::Incomplete => false,
        Done::Pushed(Verdict::Joined) | Done::InService => !matches!(state, Provisioned | Provisioning),
        Done::Pushed(Verdict::Refused | Verdict::Unknown) => matches!(state, Provisioned),
        Done::Removed => matches!(state, Provisioned | Provisioning),
    }
}

/// Whether a topic names a gateway: one of its levels is the name, whatever the case and the signs between the letters.
pub fn is_named_in(topic: &str, name: &str) -> bool {
    let plain =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let name = plain(name);
    // A name of a letter or two would be found anywhere.
    name.chars().count() >= 3 && topic.split('/').any(|level| plain(level) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gateway::{Identity, PortFacts, ProfileMatch};
    use crate::model::ids::{LinkAddress, ProfileId};

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
    fn a_login_that_was_refused_is_not_one_that_is_still_to_be_typed() {
        let refused = |code| Probe::Failed(Problem::new(code, "The console refused the login", "wrong", "correct it"));
        let console = row(Some(DriverId::LinuxConsole), refused("console.refused"));
        assert_eq!(word(&console, None), "Refused");
        assert_eq!(stand(&console, None).because, "The console refused the login");
        assert_eq!(word(&row(None, refused("esp.proof_refused")), None), "Refused");
        assert_eq!(word(&row(Some(DriverId::LinuxConsole), refused("console.needs_password")), None), "Needs login");
    }

    #[test]
    fn a_gateway_that_a_batch_failed_at_does_not_read_as_if_nothing_was_sent_to_it() {
        let unknown = || stand(&row(None, Probe::NotAsked), None);
        let silent = failed_at(unknown(), "improv.no_reply", "The gateway does not answer");
        assert_eq!(silent.standing.title(), "No answer");
        assert_eq!(silent.because, "The last attempt failed: The gateway does not answer");
        assert_eq!(failed_at(unknown(), "console.refused", "x").standing.title(), "Refused");
        assert_eq!(failed_at(unknown(), "serial.busy", "x").standing.title(), "Not queried");
        let joined = stand(&row(None, Probe::NotAsked), Some(Done::Pushed(Verdict::Joined)));
        assert_eq!(failed_at(joined.clone(), "improv.no_reply", "x"), joined, "what is known stands before");
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
    fn every_done_has_a_word_of_its_own_and_who_was_removed_is_not_missed() {
        use Verdict::{Joined, Refused, Unknown};
        let expected = [
            (Done::Queued, "Queued", "Not seen"),
            (Done::SettingUp, "Setting up", "Not seen"),
            (Done::Pushed(Joined), "Joined", "Not seen"),
            (Done::Pushed(Refused), "Refused", "Not seen"),
            (Done::Pushed(Unknown), "Unknown: verify", "Not seen"),
            (Done::InService, "In service", "Not seen"),
            (Done::Incomplete, "Incomplete", "Incomplete"),
            (Done::Removed, "Removed", "Removed"),
        ];
        let ready = Probe::Answered(Identity { driver: DriverId::Improv, info: None, state: ProvisioningState::Ready });
        for probe in [Probe::NotAsked, Probe::Asking, ready, silent()] {
            let here = row(Some(DriverId::Improv), probe);
            let gone = Sighting { is_present: false, ..here.clone() };
            for (done, word_here, word_gone) in expected {
                assert_eq!((word(&here, Some(done)), word(&gone, Some(done))), (word_here, word_gone), "{done:?}");
            }
        }
    }

    fn job(action: &str, gateway: &str, link: &str, outcome: &str) -> JobRecord {
        JobRecord::made(1, action, gateway, link, outcome)
    }

    #[test]
    fn a_gateway_is_recognised_after_a_restart_by_its_address_or_by_port_and_name_and_state() {
        let at_port = |name: &str, state| {
            let info = crate::model::gateway::DeviceInfo { name: name.into(), ..Default::default() };
            row(None, Probe::Answered(Identity { driver: DriverId::Improv, info: Some(info), state }))
        };
        let joined = Some(Done::Pushed(Verdict::Joined));
        let before = job("commission", "Cold store 2", "serial:/dev/ttyUSB0", "joined");
        assert_eq!(remembered(&at_port("Cold store 2", ProvisioningState::Provisioned), &before), joined);
        assert_eq!(remembered(&at_port("Cold store 3", ProvisioningState::Provisioned), &before), None);
        assert_eq!(remembered(&at_port("Cold store 2", ProvisioningState::Ready), &before), None, "it was set back");
        assert_eq!(remembered(&row(None, Probe::NotAsked), &before), None, "a port tells nothing by itself");

        let mut heard = row(None, Probe::NotAsked);
        heard.link = LinkAddress::Ble("C4:4F:33:00:12:AF".into());
        let wiped = job("wipe", "", "ble:C4:4F:33:00:12:AF", "complete");
        assert_eq!(remembered(&heard, &wiped), Some(Done::Removed));
        let checked = job("check", "", "ble:C4:4F:33:00:12:AF", "passed");
        assert_eq!(remembered(&heard, &checked), None);
        for other in ["check", "device", "inspect"] {
            let unknown = job(other, "", "ble:C4:4F:33:00:12:AF", "unknown");
            assert_eq!(remembered(&heard, &unknown), None, "no network was sent by {other}");
        }
    }

    #[test]
    fn a_topic_names_a_gateway_only_by_a_whole_level() {
        assert!(is_named_in("site/cold-store-2/temperature", "Cold store 2"));
        assert!(!is_named_in("site/cold-store-21/temperature", "Cold store 2"));
        assert!(!is_named_in("a/b/c", "b"), "one letter is no name");
        assert!(!is_named_in("a//c", "--"));
    }

    #[test]
    fn only_what_failed_is_shown_as_failed() {
        use crate::model::word::Word;
        let bad: Vec<&str> = Standing::ALL.iter().filter(|s| s.tone() == Tone::Bad).map(|s| s.as_str()).collect();
        assert_eq!(bad, ["refused", "no-answer", "cannot-open"]);
    }
}
