//! Syncs of the records: one that was asked for, and those that go on by themselves while the window is open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::{Workers, operator};
use crate::backend::handle::Reporter;
use crate::backend::start::Parts;
use crate::io::records::sync::{SyncPlan, sync};
use crate::model::problem::Explain as _;
use crate::model::settings::Settings;
use crate::model::sync::{SyncNews, SyncStart};
use crate::msg::Event;

/// When the first sync begins after the start.
const FIRST_AFTER: Duration = Duration::from_secs(3);
/// How long after a job, or after a change of the settings.
const SOON: Duration = Duration::from_secs(5);
/// How long after a sync that went well.
const EVERY: Duration = Duration::from_mins(5);
/// How long after the first sync that failed; each further one waits twice as long, up to [`EVERY`].
const RETRY: Duration = Duration::from_secs(20);

/// The syncs, one at a time.
#[derive(Clone, Default)]
pub(super) struct Syncs {
    turn: Arc<Mutex<()>>,
    nudged: Arc<Notify>,
}

impl Syncs {
    /// A job ended: there may be something to send.
    pub(super) fn nudge(&self) {
        self.nudged.notify_one();
    }
}

impl Workers {
    pub(super) fn sync_records(&self, start: SyncStart) {
        let (parts, settings, reporter) = (self.parts.clone(), self.settings.subscribe(), self.reporter.clone());
        let syncs = self.syncs.clone();
        tokio::spawn(async move {
            let plan = plan(&settings.borrow(), start);
            once(&syncs, &parts, plan, &reporter).await;
        });
    }

    pub(super) fn keep_records_synced(&self) {
        let (parts, settings, reporter) = (self.parts.clone(), self.settings.subscribe(), self.reporter.clone());
        tokio::spawn(keep(self.syncs.clone(), parts, settings, reporter));
    }
}

/// Syncs now and then, as long as the settings name a server, until the front end has gone.
async fn keep(syncs: Syncs, parts: Parts, mut settings: watch::Receiver<Settings>, reporter: Reporter) {
    let mut known = settings.borrow_and_update().records.clone();
    let mut failed = 0;
    let mut next = Instant::now() + FIRST_AFTER;
    loop {
        tokio::select! {
            () = sleep_until(next), if !known.server.trim().is_empty() => {
                let plan = plan(&settings.borrow(), SyncStart::default());
                let is_good = once(&syncs, &parts, plan, &reporter).await;
                failed = if is_good { 0 } else { failed + 1 };
                next = Instant::now() + pause(failed);
            }
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let records = settings.borrow_and_update().records.clone();
                if records != known {
                    (known, failed, next) = (records, 0, Instant::now() + SOON);
                }
            }
            () = syncs.nudged.notified(), if failed == 0 => next = next.min(Instant::now() + SOON),
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause(failed: u32) -> Duration {
    match failed {
        0 => EVERY,
        failed => RETRY.saturating_mul(1 << (failed - 1).min(8)).min(EVERY),
    }
}

/// One sync in its turn; says whether it went well.
async fn once(syncs: &Syncs, parts: &Parts, plan: SyncPlan, reporter: &Reporter) -> bool {
    let _turn = syncs.turn.lock().await;
    reporter.report(Event::RecordsSyncing).await;
    let news = match &parts.records {
        Ok(records) => sync(records, &parts.data, plan).await,
        Err(error) => SyncNews {
            at: jiff::Timestamp::now().to_string(),
            report: None,
            problem: Some(error.explain()),
            waiting: None,
            last_at: None,
        },
    };
    let is_good = news.problem.is_none();
    reporter.report(Event::RecordsSynced(Box::new(news))).await;
    is_good
}

/// What was asked for, and for the rest what the settings say.
fn plan(settings: &Settings, start: SyncStart) -> SyncPlan {
    let set = &settings.records;
    let path = |text: &str| Some(PathBuf::from(text.trim())).filter(|path| !path.as_os_str().is_empty());
    SyncPlan {
        server: start.server.unwrap_or_else(|| set.server.clone()),
        known_keys: start.known_keys.or_else(|| path(&set.known_keys)),
        password_file: path(&set.password_file),
        password: start.password,
        operator: operator(&settings.operator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_fails_is_asked_less_and_less_often() {
        let secs: Vec<u64> = (0..7).map(|failed| pause(failed).as_secs()).collect();
        assert_eq!(secs, [300, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pause(u32::MAX), EVERY);
    }

    #[test]
    fn what_is_asked_for_stands_before_what_is_set() {
        let mut settings = Settings::default();
        settings.records.server = "postgres://kim@db/x".into();
        settings.records.password_file = " /etc/db.txt ".into();
        let plan_of = |start| plan(&settings, start);
        let set = plan_of(SyncStart::default());
        assert_eq!((set.server.as_str(), set.known_keys), ("postgres://kim@db/x", None));
        assert_eq!(set.password_file, Some("/etc/db.txt".into()));
        let asked = SyncStart { server: Some("postgres://kim@other/x".into()), ..SyncStart::default() };
        assert_eq!(plan_of(asked).server, "postgres://kim@other/x");
    }
}
