//! The bench broker: where it listens, who came and went, and what a gateway needs to be pointed at it.

use std::collections::VecDeque;

use crate::app::Desk;
use crate::app::jobs::JobKind;
use crate::model::act;
use crate::model::ids::JobId;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::{BenchCommand, BenchEvent, BenchFacts, BenchPlan};
use crate::msg::{Command, JobEnd};

/// Lines of the log that are kept.
const MOST_SEEN: usize = 500;
/// The address that only this computer reaches.
pub const LOOPBACK: &str = "127.0.0.1";

/// What the user did with the bench broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BenchAction {
    /// Chose the address it listens on.
    ChoseAddress(String),
    /// Started it.
    Started,
    /// Stopped it.
    Stopped,
}

/// Which ports are wanted. Edited in place; a field holds a port, or 0 for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchDraft {
    /// The address it listens on.
    pub address: String,
    /// Names and addresses its certificate is to be good for, with commas in between.
    pub names: String,
    /// Plain MQTT: whether, and on which port.
    pub plain: (bool, String),
    /// MQTT over TLS.
    pub tls: (bool, String),
    /// MQTT over TLS with client certificates.
    pub mutual_tls: (bool, String),
    /// WebSocket.
    pub websocket: (bool, String),
    /// The longest keep alive in seconds; empty for any.
    pub max_keep_alive: String,
    /// Filters to which nobody may subscribe, with spaces or commas in between.
    pub refused: String,
}

impl Default for BenchDraft {
    /// The ports that gateways know: they often cannot be told another.
    fn default() -> Self {
        Self {
            address: LOOPBACK.into(),
            names: String::new(),
            plain: (true, "1883".into()),
            tls: (true, "8883".into()),
            mutual_tls: (true, "8884".into()),
            websocket: (true, "9001".into()),
            max_keep_alive: String::new(),
            refused: String::new(),
        }
    }
}

impl BenchDraft {
    /// Whether others than this computer can reach it.
    pub fn is_open_to_others(&self) -> bool {
        !is_loopback(&self.address)
    }

    /// The plan, or what has to be mended.
    pub fn plan(&self) -> Result<BenchPlan, Problem> {
        let address = self.address.trim();
        if !looks_like_address(address) {
            return Err(wrong(
                format!("“{}” isn't an address of this computer", crate::model::text::visible(address, 60)),
                "Choose one of those offered, or type an address such as 192.168.1.20",
            ));
        }
        let own = [address.to_owned(), "localhost".to_owned()];
        let typed = self.names.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let mut names: Vec<String> = Vec::new();
        for name in own.into_iter().skip(1).chain(typed) {
            if !names.contains(&name) && name != address {
                names.push(name);
            }
        }
        let plan = BenchPlan {
            address: address.to_owned(),
            names,
            plain: port("plain MQTT", &self.plain)?,
            tls: port("TLS", &self.tls)?,
            mutual_tls: port("TLS with client certificates", &self.mutual_tls)?,
            websocket: port("WebSocket", &self.websocket)?,
            most_keep_alive_secs: keep_alive(self.max_keep_alive.trim())?,
            refused: refused(&self.refused)?,
        };
        let ports = [plan.plain, plan.tls, plan.mutual_tls, plan.websocket];
        if ports.iter().all(Option::is_none) {
            return Err(wrong(
                "The bench broker has nothing to listen on",
                "Switch at least one kind of connection on",
            ));
        }
        let given: Vec<u16> = ports.into_iter().flatten().filter(|port| *port != 0).collect();
        let twice = given.iter().enumerate().find(|(place, port)| given[..*place].contains(port));
        match twice {
            Some((_, port)) => Err(wrong(format!("Port {port} is given twice"), "Give each kind a port of its own")),
            None => Ok(plan),
        }
    }
}

fn port(what: &str, (is_on, text): &(bool, String)) -> Result<Option<u16>, Problem> {
    if !is_on {
        return Ok(None);
    }
    match text.trim() {
        "" => Ok(Some(0)),
        text => text.parse().map(Some).map_err(|_| {
            let what = format!("“{}” isn't a port for {what}", crate::model::text::visible(text, 20));
            wrong(what, "Type a number from 1 to 65535, or 0 for any that is free")
        }),
    }
}

fn keep_alive(text: &str) -> Result<Option<u16>, Problem> {
    match text {
        "" => Ok(None),
        text => text.parse().ok().filter(|secs| *secs > 0).map(Some).ok_or_else(|| {
            let what = format!("“{}” isn't a keep alive", crate::model::text::visible(text, 20));
            wrong(what, "Type seconds from 1 to 65535, or nothing")
        }),
    }
}

fn refused(text: &str) -> Result<Vec<TopicFilter>, Problem> {
    let filters = text.split([',', ' ']).filter(|filter| !filter.is_empty());
    filters.map(|filter| filter.parse::<TopicFilter>().map_err(|error| error.explain())).collect()
}

fn wrong(what: impl Into<String>, next_step: &str) -> Problem {
    Problem::new("telemetry.bench_form", what, "It was typed so", next_step)
}

/// Whether only this computer reaches an address.
pub fn is_loopback(address: &str) -> bool {
    let address = address.trim();
    address == "::1" || (address.starts_with("127.") && looks_like_address(address))
}

/// Whether it may be an address: the workers find out whether it is one of this computer.
fn looks_like_address(text: &str) -> bool {
    let is_v4 = text.split('.').count() == 4 && text.split('.').all(|part| part.parse::<u8>().is_ok());
    is_v4
        || (text.contains("::") || text.matches(':').count() == 7)
            && text.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
}

/// How the bench broker stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BenchState {
    /// It does not run.
    #[default]
    Off,
    /// It is being started.
    Starting,
    /// It runs.
    Running(BenchFacts),
    /// It is being stopped.
    Stopping,
    /// It could not be started, or ended by itself.
    Failed(Problem),
}

/// The view model of the bench broker.
#[derive(Default)]
pub struct Bench {
    /// What is asked for; edited in place.
    pub draft: BenchDraft,
    state: BenchState,
    job: Option<JobId>,
    seen: VecDeque<(i64, String)>,
    interfaces: Vec<String>,
    /// What was wrong, and in which form.
    mistake: Option<(Problem, BenchDraft)>,
}

impl Bench {
    /// How it stands.
    pub const fn state(&self) -> &BenchState {
        &self.state
    }

    /// Its facts, while it runs.
    pub const fn facts(&self) -> Option<&BenchFacts> {
        match &self.state {
            BenchState::Running(facts) => Some(facts),
            BenchState::Off | BenchState::Starting | BenchState::Stopping | BenchState::Failed(_) => None,
        }
    }

    /// Whether it can be started now.
    pub const fn can_start(&self) -> bool {
        matches!(self.state, BenchState::Off | BenchState::Failed(_))
    }

    /// Who came, went or was refused, oldest first: microseconds since 1970 UTC, and a line.
    pub fn seen(&self) -> impl ExactSizeIterator<Item = &(i64, String)> {
        self.seen.iter()
    }

    /// Addresses of this computer that it told of.
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// What is wrong with what was typed.
    pub fn mistake(&self) -> Option<&Problem> {
        self.mistake.as_ref().filter(|(_, draft)| *draft == self.draft).map(|(problem, _)| problem)
    }

    pub(super) fn act(&mut self, action: BenchAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            BenchAction::ChoseAddress(address) => self.draft.address = address,
            BenchAction::Started if self.can_start() => match self.draft.plan() {
                Ok(plan) => {
                    self.mistake = None;
                    let job = desk.jobs.start(JobKind::Bench, act::title("bench-broker"), desk.now);
                    self.job = Some(job);
                    self.state = BenchState::Starting;
                    self.seen.clear();
                    return vec![Command::Bench { job, command: BenchCommand::Start(plan) }];
                }
                Err(problem) => self.mistake = Some((problem, self.draft.clone())),
            },
            BenchAction::Stopped => {
                if let (Some(job), BenchState::Starting | BenchState::Running(_)) = (self.job, &self.state) {
                    self.state = BenchState::Stopping;
                    return vec![Command::Bench { job, command: BenchCommand::Stop }];
                }
            }
            BenchAction::Started => {}
        }
        Vec::new()
    }

    pub(in crate::app) fn progressed(&mut self, job: JobId, event: BenchEvent) {
        if self.job != Some(job) {
            return;
        }
        match event {
            BenchEvent::Running(facts) => {
                self.interfaces.clone_from(&facts.interfaces);
                if self.state != BenchState::Stopping {
                    self.state = BenchState::Running(facts);
                }
            }
            BenchEvent::Seen { unix_micros, sighting } => {
                self.seen.push_back((unix_micros, sighting.text));
                if self.seen.len() > MOST_SEEN {
                    self.seen.pop_front();
                }
            }
        }
    }

    pub(in crate::app) fn finished(&mut self, job: JobId, end: JobEnd) {
        if self.job == Some(job) {
            self.job = None;
            self.state = match end {
                JobEnd::Failed(problem) => BenchState::Failed(problem),
                JobEnd::Done { .. } | JobEnd::Cancelled => BenchState::Off,
            };
        }
    }

    /// A request was not taken: it runs on.
    pub(in crate::app) fn request_not_taken(&mut self, job: JobId) {
        if self.job == Some(job) && self.state == BenchState::Stopping {
            self.state = BenchState::Starting;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::jobs::Jobs;
    use crate::app::toasts::Toasts;
    use crate::model::mqtt::bench::{Sighting, SightingKind};
    use crate::profile::Catalog;

    fn act(bench: &mut Bench, action: BenchAction) -> Vec<Command> {
        let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
        bench.act(action, &mut Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() })
    }

    #[test]
    fn it_is_reached_from_this_computer_only_unless_another_address_is_chosen() {
        let mut bench = Bench::default();
        assert!(!bench.draft.is_open_to_others());
        act(&mut bench, BenchAction::ChoseAddress("192.168.1.20".into()));
        assert!(bench.draft.is_open_to_others());
        bench.draft.names = "laptop.local, 192.168.1.20 localhost".into();
        (bench.draft.max_keep_alive, bench.draft.refused) = ("60".into(), "secret/#, $SYS/#".into());
        let plan = bench.draft.plan().unwrap();
        assert_eq!((plan.most_keep_alive_secs, plan.refused.len()), (Some(60), 2));
        assert_eq!(
            (plan.address.as_str(), plan.names),
            ("192.168.1.20", vec!["localhost".into(), "laptop.local".into()])
        );
        assert!(is_loopback("::1") && !is_loopback("0.0.0.0"));
    }

    #[test]
    fn mistakes_in_the_form_are_named_and_nothing_is_started() {
        type Spoil = fn(&mut BenchDraft);
        let spoiled: [(&str, Spoil); 6] = [
            ("isn't an address of this computer", |draft| draft.address = "eth0".into()),
            ("isn't a port", |draft| draft.tls.1 = "70000".into()),
            ("given twice", |draft| draft.tls.1 = "1883".into()),
            ("keep alive", |draft| draft.max_keep_alive = "0".into()),
            ("topic filter", |draft| draft.refused = "a/#/b".into()),
            ("nothing to listen on", |draft| {
                for kind in [&mut draft.plain, &mut draft.tls, &mut draft.mutual_tls, &mut draft.websocket] {
                    kind.0 = false;
                }
            }),
        ];
        for (expected, spoil) in spoiled {
            let mut bench = Bench::default();
            spoil(&mut bench.draft);
            assert!(act(&mut bench, BenchAction::Started).is_empty());
            let what = &bench.mistake().expect("a mistake").what;
            assert!(what.contains(expected), "{what}");
            assert!(bench.can_start());
        }
    }

    #[test]
    fn it_starts_runs_stops_and_may_fail() {
        let mut bench = Bench::default();
        let commands = act(&mut bench, BenchAction::Started);
        let [Command::Bench { job, command: BenchCommand::Start(_) }] = commands[..] else { panic!("not started") };
        assert!(act(&mut bench, BenchAction::Started).is_empty(), "it starts already");
        let facts = BenchFacts { interfaces: vec!["10.0.0.2".into()], ..BenchFacts::default() };
        bench.progressed(JobId(99), BenchEvent::Running(BenchFacts::default()));
        assert_eq!(bench.state(), &BenchState::Starting);
        bench.progressed(job, BenchEvent::Running(facts.clone()));
        assert_eq!((bench.facts(), bench.interfaces().len()), (Some(&facts), 1));
        let (kind, text) = (SightingKind::Came, "gateway came".into());
        let sighting = Sighting { kind, address: None, client_id: None, text };
        bench.progressed(job, BenchEvent::Seen { unix_micros: 1, sighting });
        assert_eq!(bench.seen().count(), 1);
        assert!(matches!(
            act(&mut bench, BenchAction::Stopped)[..],
            [Command::Bench { command: BenchCommand::Stop, .. }]
        ));
        bench.finished(job, JobEnd::Done { note: String::new() });
        assert_eq!((bench.state(), bench.interfaces().len()), (&BenchState::Off, 1));
        let problem = Problem::new("bench.port", "a", "b", "c");
        let commands = act(&mut bench, BenchAction::Started);
        let [Command::Bench { job, .. }] = commands[..] else { panic!("not started") };
        bench.finished(job, JobEnd::Failed(problem.clone()));
        assert_eq!(bench.state(), &BenchState::Failed(problem));
    }
}
