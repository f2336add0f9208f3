//! [`Ticket`]: who waits for a command, should the workers not take it.

use crate::model::ids::JobId;
use crate::msg::Command;
use crate::msg::batch::BatchCommand;
use crate::msg::check::CheckCommand;
use crate::msg::telemetry::{BenchCommand, TelemetryCommand};

/// Who waits for a command, noted before it is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// It starts this job.
    Starts(JobId),
    /// It asks something of this session.
    Asks(JobId),
    /// It asks for the records.
    Lists,
    /// Nobody waits for it.
    Other,
}

impl Ticket {
    /// Who waits for this command.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Probe { job, .. }
            | Command::OpenSession { job, .. }
            | Command::OpenDevice { job, .. }
            | Command::Wipe { job, .. }
            | Command::SaveCertificate { job, .. }
            | Command::ScanCard { job, .. }
            | Command::OpenTerminal { job, .. }
            | Command::ReadQr { job, .. }
            | Command::ExportRecords { job, .. }
            | Command::WriteReport { job, .. }
            | Command::ExportBundle { job, .. }
            | Command::ExportTranscript { job, .. }
            | Command::SavePicture { job, .. }
            | Command::CollectDiagnostics { job }
            | Command::Telemetry { job, command: TelemetryCommand::Open(_) }
            | Command::Bench { job, command: BenchCommand::Start(_) }
            | Command::Check { job, command: CheckCommand::Start(_) }
            | Command::Batch {
                job,
                command: BatchCommand::Check { .. } | BatchCommand::Start(_) | BatchCommand::Export { .. },
            } => Self::Starts(*job),
            Command::Session { job, .. }
            | Command::SendCredentialFile { job, .. }
            | Command::Device { job, .. }
            | Command::Telemetry { job, .. }
            | Command::Bench { job, .. }
            | Command::Check { job, .. }
            | Command::Terminal { job, .. }
            | Command::ClearLeftovers { job, .. }
            | Command::Batch { job, command: BatchCommand::Pause | BatchCommand::Resume | BatchCommand::Retry(_) } => {
                Self::Asks(*job)
            }
            Command::ListRecords { .. } | Command::FindRecords { .. } => Self::Lists,
            Command::StartDiscovery { .. }
            | Command::StopDiscovery
            | Command::AddPort(_)
            | Command::RemovePort(_)
            | Command::ScanFromLaptop
            | Command::Cancel { .. }
            | Command::ShowRecord { .. }
            | Command::ShowTimeline { .. }
            | Command::ReadRemovals { .. }
            | Command::PrepareCertificates { .. }
            | Command::VerifyRecords
            | Command::ReadRecordsHead
            | Command::ImportBundle { .. }
            | Command::SyncRecords(_)
            | Command::KeepRecordsSynced
            | Command::ReadSite { .. }
            | Command::LookAtFiles { .. }
            | Command::AddProfile { .. }
            | Command::ShowInFolder(_)
            | Command::SaveSettings(_) => Self::Other,
        }
    }
}
