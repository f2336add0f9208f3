//! [`Seat`]: what the panes of the screen are given when they act.

use crate::app::Desk;
use crate::app::settings::SettingsView;
use crate::model::ids::JobId;
use crate::msg::Command;
use crate::msg::telemetry::TelemetryCommand;
use crate::telemetry::view::Query;

/// What the panes share while one of them acts.
pub(super) struct Seat<'a, 'd> {
    /// The inspection that is open, if one is.
    pub(super) inspection: Option<JobId>,
    /// Which messages the list shows.
    pub(super) query: &'a Query,
    /// The settings, for what is kept between starts.
    pub(super) settings: &'a mut SettingsView,
    /// What all screens share.
    pub(super) desk: &'a mut Desk<'d>,
}

impl Seat<'_, '_> {
    /// Something to ask of the inspection; nothing while none is open.
    pub(super) fn ask(&self, command: TelemetryCommand) -> Vec<Command> {
        self.inspection.map_or_else(Vec::new, |job| vec![Command::Telemetry { job, command }])
    }

    /// Something that is kept between starts changed.
    pub(super) fn touch_settings(&mut self) {
        let now = self.desk.now;
        self.settings.touch(now);
    }
}
