//! Files dropped on the window: each is opened by its kind, where a person would have opened it.

use std::path::Path;
use std::time::Instant;

use super::batch::BatchAction;
use super::check::CheckAction;
use super::commission::{CommissionAction, QrGiven};
use super::gateways::Tab;
use super::telemetry::detail::DetailAction;
use super::telemetry::{TelemetryAction, recorder};
use super::{Action, App, Place};
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::Command;

impl App {
    /// Opens a file that was dropped on the window.
    pub(super) fn drop_file(&mut self, path: &Path, now: Instant) -> Vec<Command> {
        let text = path.display().to_string();
        let kind = path.extension().map(|kind| kind.to_string_lossy().to_lowercase()).unwrap_or_default();
        let actions = match kind.as_str() {
            "csv" | "xlsx" => {
                self.batch.path = text;
                vec![Action::OpenedBatch, BatchAction::Opened.into()]
            }
            "toml" => {
                self.check.form.site_path = text;
                vec![Action::WentTo(Place::Check), CheckAction::FormChanged.into()]
            }
            "json" => {
                self.check.evidence_path = text;
                vec![Action::WentTo(Place::Check), CheckAction::OpenedEvidence.into()]
            }
            recorder::EXTENSION => {
                vec![Action::WentTo(Place::Telemetry), TelemetryAction::OpenedRecording(path.to_owned()).into()]
            }
            "proto" | "desc" | "protoset" => {
                self.telemetry.detail.schema_path = text;
                vec![Action::WentTo(Place::Telemetry), TelemetryAction::Detail(DetailAction::LoadedSchemas).into()]
            }
            "png" | "jpg" | "jpeg" | "webp" | "bmp" => {
                self.commission.form.qr.path = text;
                self.commission.form.qr.is_open = true;
                vec![Action::OpenedTab(Tab::SetUp), CommissionAction::GaveQr(QrGiven::File).into()]
            }
            _ => {
                self.toasts.report(not_known(path));
                Vec::new()
            }
        };
        actions.into_iter().flat_map(|action| self.act(action, now)).collect()
    }
}

fn not_known(path: &Path) -> Problem {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Problem::new(
        "app.unknown_file",
        format!("{} was not opened", visible(&name, 60)),
        "Its ending is none that Linesman knows",
        "Drop a manifest (.csv, .xlsx), a site (.toml), a recording (.lmrec), a saved check (.json), a schema (.proto) or a \
         picture of a QR code",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ToastText;
    use crate::app::gateways::Detail;
    use crate::msg::batch::BatchCommand;

    fn drop_file(app: &mut App, path: &str) -> Vec<Command> {
        app.act(Action::DroppedFile(path.into()), Instant::now())
    }

    #[test]
    fn a_dropped_manifest_is_checked_and_a_dropped_site_shown_before_anything_starts() {
        let mut app = App::new();
        let commands = drop_file(&mut app, "/home/me/Hall 2.CSV");
        assert!(matches!(&commands[..], [Command::Batch { command: BatchCommand::Check { .. }, .. }]));
        assert_eq!((app.place(), app.detail()), (Place::Gateways, Detail::Batch));
        let commands = drop_file(&mut app, "/home/me/harbour.toml");
        assert!(matches!(&commands[..], [Command::ReadSite { .. }]));
        assert_eq!(app.place(), Place::Check);
    }

    #[test]
    fn a_file_of_another_kind_is_named_with_what_can_be_dropped() {
        let mut app = App::new();
        assert!(drop_file(&mut app, "/home/me/notes.docx").is_empty());
        let told: Vec<_> = app.toasts().iter().map(|toast| toast.text.clone()).collect();
        assert!(matches!(&told[..], [ToastText::Problem(problem)] if problem.code == "app.unknown_file"), "{told:?}");
    }
}
