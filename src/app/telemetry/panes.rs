//! [`Panes`]: the panes beside connection, topics and messages, held together: plot, publish, recorder, insight, trace,
//! expectations, bench broker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::bench::{Bench, BenchAction};
use super::expect::Expect;
use super::insight::{Insight, InsightAction};
use super::plot::{Plot, PlotAction};
use super::publish::{Publish, PublishAction};
use super::recorder::{Recorder, RecorderAction};
use super::seat::Seat;
use super::trace::{Trace, TraceAction};
use super::trigger::{Trigger, TriggerAction};
use super::{Pane, Telemetry, TelemetryAction};
use crate::app::{Action, Desk};
use crate::model::text::visible;
use crate::msg::Command;
use crate::msg::telemetry::{InspectionSource, TelemetryEvent};
use crate::telemetry::sys::SysPage;
use crate::telemetry::view::{Snapshot, ViewSpec};

/// What the user did on one of them.
#[derive(Clone, Debug, PartialEq)]
pub enum PaneAction {
    /// Something on Plot.
    Plot(PlotAction),
    /// Something on Publish.
    Publish(PublishAction),
    /// Something with the recorder.
    Recorder(RecorderAction),
    /// Something on Insight.
    Insight(InsightAction),
    /// Something on Trace.
    Trace(TraceAction),
    /// Something with the trigger.
    Trigger(TriggerAction),
    /// Something with the bench broker.
    Bench(BenchAction),
}

/// The panes.
#[derive(Default)]
pub struct Panes {
    /// Curves.
    pub plot: Plot,
    /// Messages to publish, and retained ones to clear.
    pub publish: Publish,
    /// The recorder and the recording that is played.
    pub recorder: Recorder,
    /// Talkers, silent ones, quality.
    pub insight: Insight,
    /// Packets other than messages.
    pub trace: Trace,
    /// The trigger.
    pub trigger: Trigger,
    /// Expectations.
    pub expect: Expect,
    /// The state of the broker, as it was looked at last.
    pub sys: Option<Arc<SysPage>>,
    /// The bench broker.
    pub bench: Bench,
}

impl Panes {
    pub(super) fn act(&mut self, action: PaneAction, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            PaneAction::Plot(action) => self.plot.act(action, seat),
            PaneAction::Publish(action) => self.publish.act(action, seat),
            PaneAction::Recorder(action) => self.recorder.act(action, seat),
            PaneAction::Insight(action) => self.insight.act(action, seat),
            PaneAction::Trace(action) => self.trace.act(action, seat),
            PaneAction::Trigger(action) => self.trigger.act(action, seat),
            PaneAction::Bench(action) => self.bench.act(action, seat.desk),
        }
    }

    /// Adds what the pane in sight wants to see.
    pub(super) fn contribute(&self, pane: Pane, spec: &mut ViewSpec) {
        match pane {
            Pane::Plot => spec.plot = self.plot.spec(),
            Pane::Insight => {
                spec.talkers = self.insight.talkers();
                spec.quality = self.insight.quality();
            }
            Pane::Broker => spec.has_sys = true,
            _ => {}
        }
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent, now: Instant) {
        self.plot.told(event);
        self.publish.told(event);
        self.recorder.told(event, now);
        self.trace.told(event);
        self.expect.told(event);
    }

    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        self.plot.saw(snapshot);
        self.recorder.saw(snapshot);
        self.insight.saw(snapshot);
        self.expect.saw(snapshot);
        if snapshot.sys.is_some() {
            self.sys.clone_from(&snapshot.sys);
        }
    }

    /// What was received is gone.
    pub(super) fn forget(&mut self) {
        self.plot.forget();
        self.insight.forget();
        self.trigger.forget();
        self.sys = None;
    }

    /// Another inspection begins.
    pub(super) fn begun(&mut self) {
        self.publish.ended();
        self.recorder.begun();
        self.trace.clear();
        self.expect.begun();
        self.plot.ended();
    }

    /// The inspection ended.
    pub(super) fn ended(&mut self) {
        self.publish.ended();
        self.recorder.ended();
        self.plot.ended();
        self.trigger.ended();
    }
}

impl Telemetry {
    /// Replays a recording. Nothing is kept of it in the ring: it is on disk already.
    pub(super) fn open_recording(&mut self, path: PathBuf, desk: &mut Desk<'_>) -> Vec<Command> {
        if path.as_os_str().is_empty() {
            return Vec::new();
        }
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        let mut start = self.form.start(InspectionSource::Recording { path, speed: 1.0 });
        start.is_reconnecting = false;
        self.open(start, visible(&name, 120), desk)
    }
}

/// Actions of a pane as actions of the window.
macro_rules! pane_actions {
    ($($name:ident($action:ty),)+) => {
        $(impl From<$action> for Action {
            fn from(action: $action) -> Self {
                Self::Telemetry(TelemetryAction::Pane(PaneAction::$name(action)))
            }
        })+
    };
}

pane_actions! {
    Plot(PlotAction),
    Publish(PublishAction),
    Recorder(RecorderAction),
    Insight(InsightAction),
    Trace(TraceAction),
    Trigger(TriggerAction),
    Bench(BenchAction),
}
