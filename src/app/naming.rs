//! What jobs are called: with their gateway as it is called now, so that a button that stops one says whom it stops.

use super::App;
use super::jobs::{JobKind, RunningJob};
use crate::model::act;
use crate::model::ids::LinkAddress;

impl App {
    /// What a job is called. The name of its gateway may have become known since it was begun.
    pub fn job_label(&self, job: &RunningJob) -> String {
        let named = |action: &str| self.link_of(job).map(|link| act::named(action, &self.discover.name_of(link)));
        let label = match job.kind {
            JobKind::Session => named("commission"),
            JobKind::Device => named("device"),
            JobKind::Terminal => named("terminal"),
            JobKind::Wipe => named("wipe"),
            _ => None,
        };
        label.unwrap_or_else(|| job.label.clone())
    }

    /// The link of the gateway that a job works on.
    fn link_of(&self, job: &RunningJob) -> Option<&LinkAddress> {
        match job.kind {
            JobKind::Session => {
                let mut sessions = self.commission.iter().filter_map(|one| one.session());
                sessions.find(|session| session.job == job.id).map(|session| &session.target.link)
            }
            JobKind::Device => self.device.links().find(|(_, one)| one.is_of(job.id)).map(|(link, _)| link),
            JobKind::Terminal => self.terminal.links().find(|(_, one)| one.job() == Some(job.id)).map(|(link, _)| link),
            JobKind::Wipe => self
                .removals
                .link_of(job.id)
                .or_else(|| self.remove.links().find(|(_, one)| one.is_of(job.id)).map(|(link, _)| link)),
            _ => None,
        }
    }
}
