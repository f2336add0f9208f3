//! The port of an inspection's files: exports, schemas and the bundle for support.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Boxed;
use crate::model::destination::Destination;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::stage::{StageReport, TracedPacket};
use crate::model::problem::Problem;
use crate::model::redact::Redactor;
use crate::msg::telemetry::ExportForm;
use crate::telemetry::batch::Batch;
use crate::telemetry::recording::RecordingFacts;
use crate::telemetry::view::{Counters, ExpectationState};

/// A plan with what its files hold, and the names in the client's certificate, the subject's common name first.
pub type Completed = (Box<ConnectPlan>, Vec<String>);

/// Reads and writes the files of an inspection, beside its recordings.
pub trait InspectionFiles: Send + Sync {
    /// Begins an export into a file.
    fn export(
        &self,
        destination: Destination,
        form: ExportForm,
        about: RecordingFacts,
    ) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>>;

    /// Writes a small file as a whole, such as the points of curves.
    fn save(&self, destination: Destination, content: Vec<u8>) -> Boxed<'_, Result<(), Problem>>;

    /// Reads the files that a plan names, certificates and keys, into it; with the names in the client's certificate, the
    /// subject's common name first.
    fn complete(&self, plan: Box<ConnectPlan>) -> Boxed<'_, Result<Completed, Problem>>;

    /// Reads schemas: name and text of each.
    fn read_schemas(&self, paths: Vec<PathBuf>) -> Boxed<'_, Result<Vec<(String, String)>, Problem>>;

    /// Writes one redacted file for support. The messages are in the sink's file; the answer is how many there are.
    fn bundle(&self, destination: Destination, bundle: Bundle) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>>;
}

/// A file that messages are exported to.
pub trait ExportSink: Send {
    /// Takes messages, in their order.
    fn write(&mut self, batch: Arc<Batch>) -> Boxed<'_, Result<(), Problem>>;

    /// Writes what is left and closes the file.
    fn finish(self: Box<Self>) -> Boxed<'static, Result<(), Problem>>;
}

/// What a bundle for support holds beside the messages.
#[derive(Default)]
pub struct Bundle {
    /// Broker without login, profile, program version and the like.
    pub about: RecordingFacts,
    /// The stages of all attempts that are remembered.
    pub stages: Vec<StageReport>,
    /// Packets other than messages, as far back as they are remembered.
    pub packets: Vec<TracedPacket>,
    /// What was warned of, with the time since the start.
    pub warnings: Vec<(Duration, Problem)>,
    /// How the expectations stand.
    pub expectations: Vec<ExpectationState>,
    /// What was counted.
    pub counters: Counters,
    /// Knows the secrets of this inspection: they are cut out of everything, messages included.
    pub redactor: Redactor,
}
