//! [`GatewayPart`]: all that is reported of one gateway, from its jobs on record.

use serde::Serialize;
use serde_json::Value;

use super::open::open_items;
use super::told::{Step, shown, steps, tone_of};
use crate::model::act;
use crate::model::ids::ProfileId;
use crate::model::lineage::{Life, Lineage, Returned, is_removal};
use crate::model::outcome::Verdict;
use crate::model::record::{EntryRecord, JobHistory, JobRecord, Origin, RecordId};
use crate::model::standing::{Done, Standing, after, is_named_in};
use crate::papers::{Fact, Tone};
use crate::profile::site::Found;

/// Steps of a job that are told: who published all day published thousands of times.
const MOST_STEPS: usize = 200;
/// Jobs that are told in full, the latest.
const MOST_JOBS: usize = 100;

/// Everything about one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayPart {
    /// What it is called.
    pub name: String,
    /// How it stands, in a word.
    pub standing: String,
    /// How good that is.
    pub tone: Tone,
    /// What that rests on, in a sentence.
    pub says: String,
    /// Whether all of it was a simulation.
    pub is_simulated: bool,
    /// Whether it was taken out of service, as far as that went.
    pub is_removed: bool,
    /// What it is known by, and what it said of itself.
    pub facts: Vec<Fact>,
    /// The removal after which it came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
    /// What limits what is said here.
    pub caveats: Vec<String>,
    /// What is left to be done or known.
    pub open_items: Vec<String>,
    /// Network checks, from the gateway itself and from a computer.
    pub checks: Vec<LookedAt>,
    /// The first message of it that is on record.
    pub first_telemetry: Option<FirstTelemetry>,
    /// What was done, the oldest first.
    pub jobs: Vec<JobPart>,
    /// Its lives before: each ended with a removal.
    pub earlier: Vec<Earlier>,
}

/// A job as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobPart {
    /// Its number.
    pub record: RecordId,
    /// The computer it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What was done.
    pub act: String,
    /// By whom.
    pub operator: String,
    /// Over which link.
    pub link: String,
    /// With which profile and driver.
    pub profile: Option<String>,
    /// The driver.
    pub driver: Option<String>,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When its outcome was written.
    pub ended_at: Option<String>,
    /// Of a job that was cut off: the time of its last entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_entry_at: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// How good that is.
    pub tone: Tone,
    /// How, in a sentence.
    pub summary: String,
    /// Its steps, the first ones.
    pub steps: Vec<Step>,
    /// How many more there are on record.
    pub more_steps: usize,
}

/// A network check on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookedAt {
    /// Its number.
    pub record: RecordId,
    /// The computer it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// When.
    pub at: String,
    /// Whether the gateway itself looked.
    pub is_from_gateway: bool,
    /// From where, in words.
    pub from: String,
    /// The profile whose rows were checked.
    pub profile: String,
    /// `passed`, `findings`, or how it ended else.
    pub outcome: String,
    /// How good that is.
    pub tone: Tone,
    /// What was found, in a sentence.
    pub summary: String,
    /// The rows that failed, where they are on record.
    pub failed: Vec<String>,
}

/// The first message of a gateway that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstTelemetry {
    /// The record that says so.
    pub record: RecordId,
    /// When it was written down.
    pub at: String,
    /// Its topic.
    pub topic: String,
    /// Its payload as text; `None` where it is none.
    pub value: Option<String>,
    /// Bytes of its payload.
    pub bytes: u64,
    /// How long after the credentials were sent.
    pub after_millis: Option<u64>,
    /// Whether the topic names the gateway: else the message may be another one's.
    pub is_named: bool,
}

/// A life before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Earlier {
    /// When it was set up first.
    pub from: String,
    /// When it was removed.
    pub to: String,
    /// How the removal ended.
    pub outcome: String,
    /// Its records.
    pub records: Vec<RecordId>,
}

impl GatewayPart {
    /// What is reported of a gateway's life. `only` narrows it to one job, with what belongs to it; `others` are the network
    /// checks of a computer that may concern it.
    pub(super) fn new(lineage: &Lineage, life: usize, jobs: &[JobHistory], only: Option<usize>) -> Self {
        let life_at = life;
        let life = &lineage.lives[life_at];
        let of_life: Vec<&JobHistory> = life.jobs.iter().map(|at| &jobs[*at]).collect();
        let told: Vec<&JobHistory> = match only {
            Some(only) => vec![&jobs[only]],
            None => of_life.iter().copied().filter(|job| job.job.intent.action != "check").collect(),
        };
        let older = told.len().saturating_sub(MOST_JOBS);
        let telemetry = first_telemetry(&of_life, lineage);
        let checks = checks(&of_life, life, jobs);
        let (standing, tone, says) = standing(&of_life, telemetry.is_some());
        let mut part = Self {
            name: shown(lineage.known_by.title()),
            standing,
            tone,
            says,
            is_simulated: of_life.iter().any(|job| job.job.intent.is_simulated),
            is_removed: of_life.iter().any(|job| is_removal(&job.job)),
            facts: facts(lineage, &of_life),
            returned: Returned::of(life, jobs),
            caveats: caveats(lineage, &of_life),
            open_items: Vec::new(),
            checks,
            first_telemetry: telemetry,
            jobs: told.into_iter().skip(older).map(JobPart::from).collect(),
            earlier: lineage.lives[..life_at].iter().map(|life| earlier(life, jobs)).collect(),
        };
        if older > 0 {
            part.caveats
                .push(format!("{older} older records of this gateway aren't told here; they are in the records"));
        }
        part.open_items = open_items(&part, &of_life);
        part
    }

    /// What is reported of a job that is about no gateway.
    pub(super) fn of_job(job: &JobHistory) -> Self {
        let told = JobPart::from(job);
        let mut part = Self {
            name: shown(&job.job.intent.gateway),
            standing: told.act.clone(),
            tone: told.tone,
            says: format!("{}: {}", told.outcome, told.summary),
            is_simulated: job.job.intent.is_simulated,
            is_removed: false,
            facts: Vec::new(),
            returned: None,
            caveats: Vec::new(),
            open_items: Vec::new(),
            checks: if job.job.intent.action == "check" { vec![looked(job)] } else { Vec::new() },
            first_telemetry: None,
            jobs: vec![told],
            earlier: Vec::new(),
        };
        part.open_items = super::open::of_jobs(&[job]);
        part
    }

    /// Whether it joined and nothing speaks against it.
    pub fn is_set_up(&self) -> bool {
        self.tone == Tone::Good && !self.is_removed
    }
}

impl From<&JobHistory> for JobPart {
    fn from(history: &JobHistory) -> Self {
        let job = &history.job;
        let mut steps = steps(history);
        let more_steps = steps.len().saturating_sub(MOST_STEPS);
        steps.truncate(MOST_STEPS);
        let intent = &job.intent;
        Self {
            record: job.id,
            origin: job.origin.clone(),
            act: shown(act::title(&intent.action)),
            operator: shown(&intent.operator),
            link: shown(&intent.link),
            profile: intent.profile.as_deref().map(shown),
            driver: intent.driver.as_deref().map(shown),
            started_at: job.started_at.clone(),
            ended_at: job.ended_at.clone(),
            last_entry_at: job.last_entry_at.clone(),
            outcome: shown(job.outcome_title()),
            tone: tone_of(&job.outcome),
            summary: shown(&job.summary),
            steps,
            more_steps,
        }
    }
}

/// How the gateway stands by its last act that says so, in the words of the list of gateways.
fn standing(jobs: &[&JobHistory], is_heard: bool) -> (String, Tone, String) {
    let last = jobs.iter().rev().find_map(|job| Some((&job.job, Done::by(&job.job)?)));
    let Some((job, done)) = last else {
        let last = jobs.iter().rev().find(|job| job.job.intent.action == "commission").or(jobs.last());
        return match last {
            Some(job) => (
                format!("{}: {}", act::title(&job.job.intent.action), shown(job.job.outcome_title())),
                tone_of(&job.job.outcome),
                shown(&job.job.summary),
            ),
            None => ("Not on record".into(), Tone::Open, String::new()),
        };
    };
    let done = match done {
        Done::Pushed(Verdict::Joined) if is_heard => Done::InService,
        done => done,
    };
    let stand = after(done);
    let tone = match stand.standing {
        Standing::Joined | Standing::InService | Standing::Removed => Tone::Good,
        Standing::Refused | Standing::Incomplete => Tone::Bad,
        _ => Tone::Open,
    };
    let says = if done == Done::InService { stand.because } else { shown(&job.summary) };
    (stand.standing.title().into(), tone, says)
}

fn facts(lineage: &Lineage, jobs: &[&JobHistory]) -> Vec<Fact> {
    let marks = &lineage.known_by;
    let newest = |marks: &[String]| marks.last().map(|mark| shown(mark));
    let all = |marks: &[String]| {
        (!marks.is_empty()).then(|| marks.iter().map(|mark| shown(mark)).collect::<Vec<_>>().join(", "))
    };
    let told = |key: &str| told_last(jobs, key);
    let firmware = told("firmware_version").map_or_else(
        || told("firmware"),
        |version| Some(format!("{} {version}", told_beside(jobs, "firmware_version", "firmware")?)),
    );
    let profile = jobs.iter().rev().find_map(|job| job.job.intent.profile.as_deref()).map(shown);
    let joined = jobs.iter().rev().find(|job| job.job.outcome == "joined");
    let network = joined.and_then(|job| detail(job, "push", "ssid"));
    let addresses = joined.and_then(|job| addresses(job));
    let is_gone = jobs.iter().any(|job| is_removal(&job.job));
    let pairs = [
        ("Name", newest(&marks.names)),
        ("Serial number", all(&marks.serials)),
        ("Hardware address", all(&marks.macs)),
        ("System id", all(&marks.systems)),
        ("Hardware", told("hardware")),
        ("Firmware", firmware),
        ("System", told("os")),
        ("Profile", profile),
        ("Reached over", all(&marks.links)),
        (if is_gone { "Network joined before its removal" } else { "Network joined" }, network),
        (if is_gone { "Address it reported then" } else { "Address it reported" }, addresses),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some(Fact::new(name, value?))).collect()
}

/// What the gateway said of itself last.
fn told_last(jobs: &[&JobHistory], key: &str) -> Option<String> {
    let entries = jobs.iter().rev().flat_map(|job| job.entries.iter().rev());
    let mut told =
        entries.filter(|entry| matches!(entry.step.as_str(), "describe" | "identity") && entry.outcome == "done");
    told.find_map(|entry| entry.detail.get(key)?.as_str().filter(|text| !text.is_empty()).map(shown))
}

/// What it said in the same breath as another thing.
fn told_beside(jobs: &[&JobHistory], beside: &str, key: &str) -> Option<String> {
    let mut entries = jobs.iter().rev().flat_map(|job| job.entries.iter().rev());
    let entry = entries.find(|entry| entry.step == "describe" && entry.detail.get(beside).is_some())?;
    entry.detail.get(key)?.as_str().map(shown)
}

fn detail(job: &JobHistory, step: &str, key: &str) -> Option<String> {
    let mut entries = job.entries.iter().rev().filter(|entry| entry.step == step);
    entries.find_map(|entry| entry.detail.get(key)?.as_str().map(shown))
}

fn addresses(job: &JobHistory) -> Option<String> {
    let mut entries = job.entries.iter().rev().filter(|entry| entry.step == "push");
    let list = entries.find_map(|entry| entry.detail.get("addresses")?.as_array())?;
    let told: Vec<String> = list.iter().filter_map(Value::as_str).take(8).map(shown).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// What limits what is said: a weak tie, records of others.
fn caveats(lineage: &Lineage, jobs: &[&JobHistory]) -> Vec<String> {
    let weak = lineage.weakest.filter(|tie| !tie.is_sure()).map(|tie| {
        format!(
            "Some records are put together by {} alone: the gateway reported no serial number there, and another one may be meant",
            tie.label()
        )
    });
    let mut computers: Vec<&str> =
        jobs.iter().filter_map(|job| job.job.origin.as_ref()).map(|origin| origin.computer.as_str()).collect();
    computers.sort_unstable();
    computers.dedup();
    let imported = computers
        .into_iter()
        .map(|computer| format!("Some of it was done from another computer and imported: {}", shown(computer)));
    weak.into_iter().chain(imported).collect()
}

fn first_telemetry(jobs: &[&JobHistory], lineage: &Lineage) -> Option<FirstTelemetry> {
    let topic_of =
        |entry: &EntryRecord| entry.detail.get("topic").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_named = |topic: &str| lineage.known_by.names.iter().any(|name| is_named_in(topic, name));
    let found = jobs.iter().flat_map(|job| job.entries.iter().map(move |entry| (job, entry)));
    // One that names the gateway is its own; before it, another's may have come.
    let (job, entry) = found
        .filter(|(_, entry)| entry.step == "first-telemetry" && !topic_of(entry).is_empty())
        .min_by_key(|(_, entry)| (!is_named(&topic_of(entry)), entry.at.clone()))?;
    let topic = topic_of(entry);
    Some(FirstTelemetry {
        record: job.job.id,
        at: entry.at.clone(),
        topic: shown(&topic),
        value: entry.detail.get("value").and_then(Value::as_str).map(shown),
        bytes: entry.detail.get("bytes").and_then(Value::as_u64).unwrap_or(0),
        after_millis: entry.detail.get("after_millis").and_then(Value::as_u64),
        is_named: is_named(&topic),
    })
}

/// The checks from the gateway, and those of the same profile from a computer during this life.
fn checks(of_life: &[&JobHistory], life: &Life, jobs: &[JobHistory]) -> Vec<LookedAt> {
    let is_check = |job: &&JobHistory| job.job.intent.action == "check";
    let own = of_life.iter().copied().filter(is_check);
    let profiles: Vec<&str> = of_life.iter().filter_map(|job| job.job.intent.profile.as_deref()).collect();
    let (from, to) = span(life, of_life);
    let is_meant = |job: &&JobHistory| {
        is_check(job)
            && !is_from_gateway(&job.job)
            && job.job.intent.profile.as_deref().is_some_and(|profile| profiles.contains(&profile))
            && job.job.started_at.as_str() >= from
            && to.is_none_or(|to| job.job.started_at.as_str() <= to)
    };
    let mut found: Vec<LookedAt> = own.chain(jobs.iter().filter(is_meant)).map(looked).collect();
    found.sort_by(|one, other| one.at.cmp(&other.at));
    found
}

/// From when to when a life lasts: a check of the network may have gone before the set-up, but not before the removal that ended
/// the life before.
fn span<'a>(life: &Life, jobs: &[&'a JobHistory]) -> (&'a str, Option<&'a str>) {
    let from = match life.after {
        Some(_) => jobs.first().map_or("", |job| job.job.started_at.as_str()),
        None => "",
    };
    let removal = jobs.iter().rev().find(|job| is_removal(&job.job));
    (from, removal.map(|job| job.job.ended_at.as_deref().unwrap_or(&job.job.started_at)))
}

/// Whether a gateway itself looked: then the link of the check is that gateway's.
fn is_from_gateway(job: &JobRecord) -> bool {
    ["serial:", "ble:", "http:", "udp:"].iter().any(|kind| job.intent.link.starts_with(kind))
}

pub(super) fn looked(history: &JobHistory) -> LookedAt {
    let job = &history.job;
    let is_from_gateway = is_from_gateway(job);
    let from = match (is_from_gateway, job.intent.link.as_str()) {
        (true, link) => format!("the gateway, over {}", shown(link)),
        (false, "") => "a computer".into(),
        (false, place) => format!("a computer, from {}", shown(place)),
    };
    let rows = history.entries.iter().filter(|entry| entry.step == "rows");
    let failed = rows.filter_map(|entry| entry.detail.get("failed")?.as_array()).flatten();
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    LookedAt {
        record: job.id,
        origin: job.origin.clone(),
        at: job.started_at.clone(),
        is_from_gateway,
        from,
        profile: job.intent.profile.as_deref().map(shown).unwrap_or_default(),
        outcome: shown(job.outcome_title()),
        tone: tone_of(&job.outcome),
        summary: shown(&job.summary),
        failed: failed.map(|row| shown(&format!("{}: {}", text(row, "id"), text(row, "what")))).collect(),
    }
}

fn earlier(life: &Life, jobs: &[JobHistory]) -> Earlier {
    let of_life: Vec<&JobRecord> = life.jobs.iter().map(|at| &jobs[*at].job).collect();
    let removal = of_life.iter().rev().find(|job| is_removal(job)).or(of_life.last());
    Earlier {
        from: of_life.first().map(|job| job.started_at.clone()).unwrap_or_default(),
        to: removal.map(|job| job.ended_at.clone().unwrap_or_else(|| job.started_at.clone())).unwrap_or_default(),
        outcome: removal.map(|job| shown(&job.outcome)).unwrap_or_default(),
        records: of_life.iter().map(|job| job.id).collect(),
    }
}

/// A gateway on record, to be held against what a site expects.
pub(super) fn found(lineage: &Lineage, life: &Life, jobs: &[JobHistory]) -> Found {
    let of_life: Vec<&JobHistory> = life.jobs.iter().map(|at| &jobs[*at]).collect();
    Found {
        name: lineage.known_by.names.last().cloned(),
        link: lineage.known_by.links.last().cloned().unwrap_or_default(),
        profile: of_life.iter().rev().find_map(|job| job.job.intent.profile.as_ref()).map(ProfileId::new),
        serial_number: lineage.known_by.serials.last().cloned(),
        firmware: told_beside(&of_life, "firmware_version", "firmware"),
        firmware_version: told_last(&of_life, "firmware_version"),
        is_gateway: true,
    }
}
