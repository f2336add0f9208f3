//! How the records stand with the team's server: what the last sync brought, what waits, and why.

use super::toasts::Toasts;
use crate::model::problem::Problem;
use crate::model::settings::RecordsSettings;
use crate::model::sync::{SyncNews, SyncReport};

/// The syncs of the records, as the window knows of them.
#[derive(Default)]
pub struct Syncing {
    is_running: bool,
    news: Option<SyncNews>,
}

/// How the records stand with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState<'a> {
    /// No server is set.
    Off,
    /// The first sync is still to come, or runs.
    Pending,
    /// All is there and here.
    Current(&'a SyncReport),
    /// Something on the server isn't what was written, or isn't known.
    Found(&'a SyncReport),
    /// It failed; so many entries wait.
    Failed(&'a Problem, u64),
}

impl Syncing {
    /// Whether a sync runs.
    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// How the last one ended.
    pub const fn news(&self) -> Option<&SyncNews> {
        self.news.as_ref()
    }

    /// How things stand.
    pub fn state(&self, settings: &RecordsSettings) -> SyncState<'_> {
        if settings.server.trim().is_empty() {
            return SyncState::Off;
        }
        let Some(news) = &self.news else { return SyncState::Pending };
        match (&news.problem, &news.report) {
            (Some(problem), _) => SyncState::Failed(problem, news.waiting.unwrap_or(0)),
            (None, Some(report)) if report.is_clean() => SyncState::Current(report),
            (None, Some(report)) => SyncState::Found(report),
            (None, None) => SyncState::Pending,
        }
    }

    pub(super) const fn began(&mut self) {
        self.is_running = true;
    }

    /// Takes in how one ended. What was found is said once, wherever the person is.
    pub(super) fn ended(&mut self, news: SyncNews, toasts: &mut Toasts) {
        let found = |news: &SyncNews| news.report.as_ref().map_or(0, |report| report.faults);
        if found(&news) > self.news.as_ref().map_or(0, found)
            && let Some(first) = news.report.as_ref().and_then(|report| report.findings.first())
        {
            toasts.report(finding(&first.name, &first.words));
        }
        self.is_running = false;
        self.news = Some(news);
    }
}

fn finding(name: &str, words: &str) -> Problem {
    Problem::new(
        "sync.finding",
        "The server's copy of the records isn't what was written",
        format!("Records of {}: {words}", if name.is_empty() { "another computer" } else { name }),
        "Tell the server's administrator; the records on each computer are what counts",
    )
}

/// The computers that were skipped, each with the key that its records begin with.
pub fn skipped(report: &SyncReport) -> Vec<(&str, String)> {
    let skipped = report.chains.iter().filter(|chain| !chain.state.is_good());
    skipped
        .map(|chain| {
            (
                if chain.name.is_empty() { "A computer that isn't known" } else { &chain.name },
                chain.root_key.to_string(),
            )
        })
        .collect()
}

/// The state in a sentence.
pub fn words(state: SyncState<'_>) -> String {
    let entries = |count: u64| format!("{count} {}", if count == 1 { "entry" } else { "entries" });
    match state {
        SyncState::Off => "No server is set".to_owned(),
        SyncState::Pending => "Not synced yet".to_owned(),
        SyncState::Current(report) if report.waiting > 0 => {
            format!("In sync; {} not sealed yet", entries(report.waiting))
        }
        SyncState::Current(report) => {
            format!("In sync: {} sent, {} received", entries(report.sent), entries(report.received))
        }
        SyncState::Found(report) => match report.findings.first() {
            Some(first) if report.faults == 1 => first.words.clone(),
            Some(first) => format!("{} findings. {}", report.faults, first.words),
            None => {
                let skipped = report.chains.iter().filter(|chain| !chain.state.is_good()).count() as u64;
                let computers = if skipped == 1 { "1 computer".into() } else { format!("{skipped} computers") };
                format!("{computers} skipped: compare the key in person, then add it to the known keys")
            }
        },
        SyncState::Failed(problem, 0) => problem.what.clone(),
        SyncState::Failed(problem, 1) => format!("{}. 1 entry waits", problem.what),
        SyncState::Failed(problem, waiting) => format!("{}. {waiting} entries wait", problem.what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit::Digest;
    use crate::model::sync::{ChainState, Fault, SyncFinding, SyncedChain, THIS_COMPUTER};

    fn news(report: Option<SyncReport>, problem: Option<Problem>) -> SyncNews {
        SyncNews { at: "2026-03-02T09:14:00Z".into(), report, problem, waiting: Some(4), last_at: None }
    }

    fn said(syncing: &Syncing) -> String {
        words(syncing.state(&RecordsSettings { server: "postgres://kim@db/x".into(), ..RecordsSettings::default() }))
    }

    #[test]
    fn the_state_says_what_waits_and_why() {
        let mut syncing = Syncing::default();
        let mut toasts = Toasts::default();
        assert_eq!(words(syncing.state(&RecordsSettings::default())), "No server is set");
        assert_eq!(said(&syncing), "Not synced yet");
        syncing.began();
        assert!(syncing.is_running());
        let offline = Problem::new("sync.offline", "No connection to the server db", "x", "y");
        syncing.ended(news(None, Some(offline)), &mut toasts);
        assert_eq!(said(&syncing), "No connection to the server db. 4 entries wait");
        assert!(!syncing.is_running());
        let report = SyncReport { sent: 4, received: 1, ..SyncReport::of("db:5432/x".into()) };
        syncing.ended(news(Some(report), None), &mut toasts);
        assert_eq!(said(&syncing), "In sync: 4 entries sent, 1 entry received");
        assert_eq!(toasts.iter().count(), 0, "what waits or comes is no message of its own");
    }

    #[test]
    fn a_skipped_computer_is_told_with_the_key_to_compare() {
        let chain = |name: &str, state| SyncedChain {
            name: name.into(),
            chain: Digest([1; 32]),
            root_key: Digest([0xab; 32]),
            entries: 0,
            head: None,
            state,
        };
        let mut report = SyncReport::of("db:5432/x".into());
        report.chains = vec![chain("Kim", ChainState::Current), chain("", ChainState::UnknownKey)];
        assert_eq!(skipped(&report), [("A computer that isn't known", "ab".repeat(32))]);
    }

    #[test]
    fn a_finding_is_said_once_and_stays_in_the_state() {
        let mut syncing = Syncing::default();
        let mut toasts = Toasts::default();
        let mut report = SyncReport::of("db:5432/x".into());
        let words = "Entry 7 was deleted on the server".to_owned();
        report.found(SyncFinding {
            name: THIS_COMPUTER.into(),
            chain: Digest([1; 32]),
            fault: Fault::Different,
            number: Some(7),
            words,
        });
        syncing.ended(news(Some(report.clone()), None), &mut toasts);
        syncing.ended(news(Some(report), None), &mut toasts);
        assert_eq!(toasts.iter().count(), 1);
        assert_eq!(said(&syncing), "Entry 7 was deleted on the server");
    }
}
