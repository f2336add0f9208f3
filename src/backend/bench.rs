//! The bench broker as a job: starts it, and reports who comes and goes until the job is stopped.

use std::path::PathBuf;

use super::handle::Reporter;
use crate::io::bench_broker::BenchBroker;
use crate::model::ids::JobId;
use crate::msg::telemetry::{BenchEvent, BenchPlan};
use crate::msg::{Event, JobEnd};

/// Runs the broker until this is dropped. The test CA is kept in `folder`.
pub(super) async fn run(job: JobId, plan: BenchPlan, folder: PathBuf, reporter: Reporter) -> JobEnd {
    let (mut broker, facts) = match BenchBroker::start(&plan, &folder).await {
        Ok(started) => started,
        Err(problem) => return JobEnd::Failed(problem),
    };
    reporter.report(Event::BenchProgressed { job, event: BenchEvent::Running(facts) }).await;
    while let Some(sighting) = broker.seen().await {
        let unix_micros = jiff::Timestamp::now().as_microsecond();
        reporter.report(Event::BenchProgressed { job, event: BenchEvent::Seen { unix_micros, sighting } }).await;
    }
    JobEnd::Done { note: "The bench broker has ended".into() }
}
