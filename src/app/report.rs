//! The report on a record: whom it is about, and that it is being written. Where it went is said as for every file.

use super::Desk;
use super::jobs::JobKind;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::record::{JobRecord, RecordKey};
use crate::msg::{Command, ReportPlan};
use crate::papers::Form;
use crate::papers::commissioning::About;

/// The form of a report.
#[derive(Default)]
pub struct ReportForm {
    /// Whether it is about all that was done with the gateway.
    pub(super) is_whole: bool,
    job: Option<JobId>,
}

impl ReportForm {
    /// Whether it is about all that was done with the gateway, and not about one job.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What it is about where that record is chosen.
    pub const fn about(&self, key: RecordKey) -> About {
        if self.is_whole { About::GatewayOf(key) } else { About::Record(key) }
    }

    /// Whether a report is being written.
    pub const fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// Writes it in the form that the ending of its name says.
    pub(super) fn start(&mut self, about: About, path: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.is_running() {
            return Vec::new();
        }
        let form = match Form::of_path(path) {
            Ok(form) => form,
            Err(problem) => {
                desk.toasts.report(problem);
                return Vec::new();
            }
        };
        let job = desk.jobs.start(JobKind::Report, "Writing the report", desk.now);
        let plan = ReportPlan { about, recordings: Vec::new(), file: Some((form, Destination::file(path))) };
        self.job = Some(job);
        vec![Command::WriteReport { job, plan: Box::new(plan) }]
    }

    pub(super) const fn finished(&mut self) {
        self.job = None;
    }
}

/// The name that is proposed for the file of a report.
pub fn file_name(job: &JobRecord) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = job.called().chars().take(60).map(plain).collect();
    format!("record-{}-{}.html", job.id.0, name.trim_matches(['-', '.']))
}
