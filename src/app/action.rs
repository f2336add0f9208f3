//! [`Action`]: what a person did in the window.

use std::path::PathBuf;

use super::Place;
use super::batch::BatchAction;
use super::check::CheckAction;
use super::commission::CommissionAction;
use super::device::DeviceAction;
use super::discover::DiscoverAction;
use super::files::FileFor;
use super::gateways::Tab;
use super::history::HistoryAction;
use super::palette::PaletteAction;
use super::records::RecordsAction;
use super::removals::RemovalsAction;
use super::remove::RemoveAction;
use super::settings::SettingsAction;
use super::telemetry::TelemetryAction;
use super::terminal::TerminalAction;
use crate::model::ids::{JobId, LinkAddress};
use crate::model::layout::Arrangement;

/// What the user did.
pub enum Action {
    /// Went to a place.
    WentTo(Place),
    /// Something in the list of gateways.
    Discover(DiscoverAction),
    /// Went back from the detail to the list, where only one of them fits.
    WentBack,
    /// Opened a tab of the selected gateway.
    OpenedTab(Tab),
    /// Opened what is to be done with several gateways, or with a manifest.
    OpenedBatch,
    /// Something under Set up.
    Commission(CommissionAction),
    /// Something on Device.
    Device(DeviceAction),
    /// Something on Network check.
    Check(CheckAction),
    /// Wants to check the network for the selected gateway.
    TookToCheck,
    /// Wants to check the network from that gateway.
    TookToCheckFrom(LinkAddress),
    /// Something on Telemetry.
    Telemetry(TelemetryAction),
    /// Wants to see the telemetry of the selected gateway.
    TookToTelemetry,
    /// Goes on with the next gateway and the same network.
    WentOnWith(LinkAddress),
    /// Wants to go on with the next gateway, whichever that is.
    WentOn,
    /// Something on Batch.
    Batch(BatchAction),
    /// Something on several gateways that are to be removed.
    Removals(RemovalsAction),
    /// Something on Remove.
    Remove(RemoveAction),
    /// Something in the terminal.
    Terminal(TerminalAction),
    /// Something on the tab History.
    History(HistoryAction),
    /// Something on Records.
    Records(RecordsAction),
    /// Something on Settings.
    Settings(SettingsAction),
    /// Stopped a job.
    CancelledJob(JobId),
    /// Read a message.
    DismissedToast(u64),
    /// Copied something to the clipboard; the window has done it already.
    Copied(&'static str),
    /// Arranged the window, its panes or its columns.
    Arranged(Arrangement),
    /// Something in the palette.
    Palette(PaletteAction),
    /// Opened the list of keys, or closed it.
    ShowedKeys(bool),
    /// Dropped files on the window.
    DroppedFiles(Vec<PathBuf>),
    /// Chose a file.
    ChoseFile(FileFor, String),
    /// Asked for a file dialog, and the desktop opened none.
    FoundNoFileDialog(FileFor),
    /// Saves under the name typed into the dialog of our own, or leaves it.
    SavedAs(bool),
    /// Wants to see a file in its folder.
    ShowedInFolder(PathBuf),
    /// Replaces the file that is there.
    ReplacedFile,
    /// Leaves the file that is there.
    KeptFile,
    /// Wants to close the window.
    AskedToClose,
    /// Closes the window though jobs run.
    ConfirmedClose,
    /// Keeps the window open after all.
    KeptOpen,
}

impl From<DiscoverAction> for Action {
    fn from(action: DiscoverAction) -> Self {
        Self::Discover(action)
    }
}

impl From<CommissionAction> for Action {
    fn from(action: CommissionAction) -> Self {
        Self::Commission(action)
    }
}

impl From<BatchAction> for Action {
    fn from(action: BatchAction) -> Self {
        Self::Batch(action)
    }
}

impl From<RemovalsAction> for Action {
    fn from(action: RemovalsAction) -> Self {
        Self::Removals(action)
    }
}

impl From<RemoveAction> for Action {
    fn from(action: RemoveAction) -> Self {
        Self::Remove(action)
    }
}

impl From<TerminalAction> for Action {
    fn from(action: TerminalAction) -> Self {
        Self::Terminal(action)
    }
}

impl From<DeviceAction> for Action {
    fn from(action: DeviceAction) -> Self {
        Self::Device(action)
    }
}

impl From<TelemetryAction> for Action {
    fn from(action: TelemetryAction) -> Self {
        Self::Telemetry(action)
    }
}

impl From<CheckAction> for Action {
    fn from(action: CheckAction) -> Self {
        Self::Check(action)
    }
}

impl From<HistoryAction> for Action {
    fn from(action: HistoryAction) -> Self {
        Self::History(action)
    }
}

impl From<RecordsAction> for Action {
    fn from(action: RecordsAction) -> Self {
        Self::Records(action)
    }
}

impl From<PaletteAction> for Action {
    fn from(action: PaletteAction) -> Self {
        Self::Palette(action)
    }
}

impl From<SettingsAction> for Action {
    fn from(action: SettingsAction) -> Self {
        Self::Settings(action)
    }
}
