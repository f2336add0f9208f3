//! The report on a record: whom it is about, where it goes, and what came of it.

use super::Desk;
use super::jobs::JobKind;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{JobRecord, RecordKey};
use crate::msg::{Command, JobEnd, ReportPlan};
use crate::papers::Form;
use crate::papers::commissioning::About;

/// The form of a report.
#[derive(Default)]
pub struct ReportForm {
    /// The path being typed; edited in place. Its ending decides the form.
    pub path: String,
    /// The path of the last report, or why there is none.
    pub result: Option<Result<String, Problem>>,
    /// Whether it is about all that was done with the gateway.
    pub(super) is_whole: bool,
    job: Option<JobId>,
}

impl ReportForm {
    /// Whether it is about all that was done with the gateway, and not about one job.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether a report is being written.
    pub const fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// Another record was chosen: what was said of the last one goes.
    pub(super) fn forget(&mut self) {
        self.result = None;
        self.path.clear();
    }

    pub(super) fn start(&mut self, key: RecordKey, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.path.trim();
        if path.is_empty() || self.is_running() {
            return Vec::new();
        }
        let form = match Form::of_path(path) {
            Ok(form) => form,
            Err(problem) => {
                self.result = Some(Err(problem));
                return Vec::new();
            }
        };
        let about = if self.is_whole { About::GatewayOf(key) } else { About::Record(key) };
        let job = desk.jobs.start(JobKind::Report, "Writing the report", desk.now);
        let plan = ReportPlan { about, recordings: Vec::new(), file: Some((form, Destination::file(path))) };
        self.job = Some(job);
        self.result = None;
        vec![Command::WriteReport { job, plan: Box::new(plan) }]
    }

    pub(super) fn finished(&mut self, end: JobEnd) {
        self.job = None;
        self.result = match end {
            JobEnd::Done { note } => Some(Ok(note)),
            JobEnd::Failed(problem) => Some(Err(problem)),
            JobEnd::Cancelled => None,
        };
    }
}

/// The name that is proposed for the file of a report.
pub fn file_name(job: &JobRecord) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = job.intent.gateway.chars().take(60).map(plain).collect();
    format!("record-{}-{}.html", job.id.0, name.trim_matches(['-', '.']))
}
