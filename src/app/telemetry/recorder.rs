//! The recorder: the ring on disk and what is kept of it, recordings being written, the one that is played, exports.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::seat::Seat;
use crate::model::destination::Destination;
use crate::model::settings::TelemetrySettings;
use crate::msg::Command;
use crate::msg::telemetry::{ExportForm, InspectionState, PlaybackState, TelemetryCommand, TelemetryEvent};
use crate::telemetry::recording::{RecorderState, RingPlan};
use crate::telemetry::view::Snapshot;

/// The minutes of the ring that can be kept with one click.
pub const MINUTES: [u32; 4] = [1, 5, 10, 30];
/// The speeds offered for playing.
pub const SPEEDS: [f32; 7] = [0.1, 0.5, 1.0, 2.0, 10.0, 50.0, 100.0];

/// What a recording's file name ends with.
pub const EXTENSION: &str = "lmrec";

/// What the user did with the recorder.
#[derive(Clone, Debug, PartialEq)]
pub enum RecorderAction {
    /// Chose how many minutes are kept.
    ChoseMinutes(u32),
    /// Keeps the last minutes.
    KeptLast,
    /// Begins to record.
    Started,
    /// Ends the recording.
    Stopped,
    /// Plays on, or pauses.
    Played(bool),
    /// Goes on by one message.
    Stepped,
    /// Chose a speed.
    ChoseSpeed(f32),
    /// Moves along the recording without going there yet.
    Slid(i64),
    /// Goes to that time, in microseconds since 1970 UTC.
    Sought(i64),
    /// Exports messages in that form to that path.
    Exported(ExportForm, String),
    /// Writes a bundle for support to that path.
    Bundled(String),
    /// Opens or closes a sheet.
    ToggledSheet(Sheet),
}

/// What is done less often, and opens from the tool row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sheet {
    /// Recordings: where the next one goes, and which is opened.
    Recordings,
    /// Messages are exported, or a bundle for support.
    Export,
    /// A trigger is set.
    Trigger,
}

/// The view model of the recorder.
pub struct Recorder {
    /// The path of the recording to open; edited in place.
    pub open_path: String,
    /// The path of the next recording; edited in place. Empty for one in the data folder, named after the time.
    pub record_path: String,
    sheet: Option<Sheet>,
    minutes: u32,
    at_unix_micros: i64,
    ring: Option<RecorderState>,
    recording: Option<RecorderState>,
    /// Messages a second that are recorded, and what it was found out from.
    rate: Option<u64>,
    last_rate: Option<(i64, u64)>,
    is_keeping: bool,
    playback: Option<Box<PlaybackState>>,
    /// When the next message of it comes, where that is a while.
    next_at: Option<Instant>,
    is_playing: bool,
    is_at_end: bool,
    slid_to: Option<i64>,
    writing: Option<PathBuf>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            open_path: String::new(),
            record_path: String::new(),
            sheet: None,
            minutes: 10,
            at_unix_micros: 0,
            ring: None,
            recording: None,
            rate: None,
            last_rate: None,
            is_keeping: false,
            playback: None,
            next_at: None,
            is_playing: false,
            is_at_end: false,
            slid_to: None,
            writing: None,
        }
    }
}

impl Recorder {
    /// The sheet that is open.
    pub const fn sheet(&self) -> Option<Sheet> {
        self.sheet
    }

    /// The minutes that are kept with one click.
    pub const fn minutes(&self) -> u32 {
        self.minutes
    }

    /// The ring on disk, while there is one.
    pub const fn ring(&self) -> Option<&RecorderState> {
        self.ring.as_ref()
    }

    /// The recording that is being written.
    pub const fn recording(&self) -> Option<&RecorderState> {
        self.recording.as_ref()
    }

    /// Messages a second that go into the recording.
    pub const fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Whether the last minutes are being kept.
    pub const fn is_keeping(&self) -> bool {
        self.is_keeping
    }

    /// The recording that is played.
    pub fn playback(&self) -> Option<&PlaybackState> {
        self.playback.as_deref()
    }

    /// How long it is until the next message, while it plays and that is a while.
    pub fn next_in(&self, now: Instant) -> Option<Duration> {
        let left = self.next_at.filter(|_| self.is_playing)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Whether it plays and the next message is a while away.
    pub fn is_waiting(&self) -> bool {
        self.is_playing && self.next_at.is_some()
    }

    /// Whether it plays now.
    pub const fn is_playing(&self) -> bool {
        self.is_playing
    }

    /// Whether the recording came to its end.
    pub const fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Where the playback is, or is about to be put.
    pub fn position(&self) -> Option<i64> {
        self.slid_to.or_else(|| self.playback.as_ref().map(|playback| playback.position_unix_micros))
    }

    /// Whether a file is being written.
    pub const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The ring that the settings ask for; `None` for none.
    pub fn ring_plan(settings: &TelemetrySettings) -> Option<RingPlan> {
        (settings.ring_minutes > 0).then(|| RingPlan {
            span: Duration::from_secs(60 * u64::from(settings.ring_minutes)),
            bytes: u64::from(settings.ring_mib.max(1)) * 1024 * 1024,
        })
    }

    pub(super) fn act(&mut self, action: RecorderAction, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            RecorderAction::ToggledSheet(sheet) => {
                self.sheet = if self.sheet == Some(sheet) { None } else { Some(sheet) };
            }
            RecorderAction::ChoseMinutes(minutes) => self.minutes = minutes,
            RecorderAction::KeptLast => {
                if self.ring.is_some() && !self.is_keeping && seat.inspection.is_some() {
                    let destination = fresh(&seat.settings.data_dir, "kept");
                    self.is_keeping = true;
                    let span = Duration::from_secs(60 * u64::from(self.minutes));
                    return seat.ask(TelemetryCommand::KeepLast { span, destination });
                }
            }
            RecorderAction::Started => {
                if self.recording.is_none() && seat.inspection.is_some() {
                    let typed = self.record_path.trim();
                    let destination = if typed.is_empty() {
                        fresh(&seat.settings.data_dir, "recording")
                    } else {
                        PathBuf::from(typed).into()
                    };
                    self.record_path.clear();
                    return seat.ask(TelemetryCommand::Record { destination });
                }
            }
            RecorderAction::Stopped => return seat.ask(TelemetryCommand::StopRecording),
            RecorderAction::Played(is_playing) => return seat.ask(TelemetryCommand::Play(is_playing)),
            RecorderAction::Stepped => return seat.ask(TelemetryCommand::StepOnce),
            RecorderAction::ChoseSpeed(speed) => {
                if let Some(playback) = &mut self.playback {
                    playback.speed = speed.clamp(0.1, 100.0);
                    return seat.ask(TelemetryCommand::SetSpeed(speed.clamp(0.1, 100.0)));
                }
            }
            RecorderAction::Slid(position) => self.slid_to = Some(self.within(position)),
            RecorderAction::Sought(position) => {
                let position = self.within(position);
                self.slid_to = None;
                if let Some(playback) = &mut self.playback {
                    // Shown there until the playback says where it is.
                    playback.position_unix_micros = position;
                    return seat.ask(TelemetryCommand::Seek(position));
                }
            }
            RecorderAction::Exported(format, path) => {
                let (path, query) = (PathBuf::from(path), Box::new(seat.query.clone()));
                let command = TelemetryCommand::Export { destination: path.clone().into(), format, query };
                return self.write(path, command, seat);
            }
            RecorderAction::Bundled(path) => {
                let path = PathBuf::from(path);
                let command = TelemetryCommand::Bundle { destination: path.clone().into() };
                return self.write(path, command, seat);
            }
        }
        Vec::new()
    }

    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        self.at_unix_micros = snapshot.at_unix_micros;
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent, now: Instant) {
        match event {
            TelemetryEvent::Recording { recorder, ring } => {
                self.measure(recorder.as_ref());
                self.recording.clone_from(recorder);
                self.ring.clone_from(ring);
            }
            TelemetryEvent::Kept(_) => self.is_keeping = false,
            TelemetryEvent::Playback(playback) => {
                self.next_at = playback.next_in.map(|left| now + left);
                self.playback = Some(playback.clone());
            }
            TelemetryEvent::State(state) => {
                self.is_playing = *state == InspectionState::Playing;
                self.is_at_end = matches!(state, InspectionState::Paused { is_at_end: true });
            }
            TelemetryEvent::Exported { path, .. } => {
                self.writing.take_if(|writing| writing == path);
            }
            _ => {}
        }
    }

    /// The inspection ended, or another begins: what belonged to it is gone.
    pub(super) fn ended(&mut self) {
        self.ring = None;
        self.recording = None;
        self.rate = None;
        self.last_rate = None;
        self.is_keeping = false;
        self.playback = None;
        self.next_at = None;
        self.is_playing = false;
        self.is_at_end = false;
        self.slid_to = None;
        self.writing = None;
    }

    /// Another inspection begins.
    pub(super) fn begun(&mut self) {
        self.ended();
        self.sheet = None;
    }

    fn write(&mut self, path: PathBuf, command: TelemetryCommand, seat: &Seat<'_, '_>) -> Vec<Command> {
        if self.is_writing() || seat.inspection.is_none() {
            return Vec::new();
        }
        self.writing = Some(path);
        seat.ask(command)
    }

    /// How fast the recording grows, from one report to another a second later or more.
    fn measure(&mut self, recorder: Option<&RecorderState>) {
        let Some(state) = recorder else {
            self.rate = None;
            self.last_rate = None;
            return;
        };
        match self.last_rate {
            Some((at, messages)) if self.at_unix_micros - at >= 1_000_000 => {
                let micros = u64::try_from(self.at_unix_micros - at).unwrap_or(1).max(1);
                self.rate = Some(state.messages.saturating_sub(messages).saturating_mul(1_000_000) / micros);
                self.last_rate = Some((self.at_unix_micros, state.messages));
            }
            Some(_) => {}
            None => self.last_rate = Some((self.at_unix_micros, state.messages)),
        }
    }

    fn within(&self, position: i64) -> i64 {
        let span = self.playback.as_ref().and_then(|playback| playback.recording.span_unix_micros);
        span.map_or(position, |(from, to)| position.clamp(from, to.max(from)))
    }
}

/// A recording in the data folder that is named when it begins.
pub(super) fn fresh(data_dir: &Path, what: &'static str) -> Destination {
    Destination::fresh(data_dir.join("recordings"), what, EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::model::ids::JobId;
    use crate::profile::Catalog;
    use crate::telemetry::recording::{LeftOut, RecordingFacts};
    use crate::telemetry::view::Query;

    fn act(recorder: &mut Recorder, action: RecorderAction) -> Option<TelemetryCommand> {
        let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
        let mut settings = SettingsView::default();
        settings.data_dir = "/data".into();
        let query = Query { text: "boiler".into(), ..Query::default() };
        let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() };
        let mut seat = Seat { inspection: Some(JobId(1)), query: &query, settings: &mut settings, desk: &mut desk };
        match recorder.act(action, &mut seat).pop()? {
            Command::Telemetry { command, .. } => Some(command),
            _ => None,
        }
    }

    fn state(messages: u64) -> RecorderState {
        RecorderState { messages, span_unix_micros: Some((1_000, 9_000)), ..RecorderState::default() }
    }

    fn at(secs: i64) -> Snapshot {
        Snapshot { at_unix_micros: secs * 1_000_000, ..Snapshot::default() }
    }

    #[test]
    fn the_last_minutes_are_kept_with_one_click_while_there_is_a_ring() {
        let mut recorder = Recorder::default();
        assert!(act(&mut recorder, RecorderAction::KeptLast).is_none(), "there is no ring");
        recorder.told(&TelemetryEvent::Recording { recorder: None, ring: Some(state(5)) }, Instant::now());
        act(&mut recorder, RecorderAction::ChoseMinutes(5));
        let Some(TelemetryCommand::KeepLast { span, destination }) = act(&mut recorder, RecorderAction::KeptLast)
        else {
            panic!("nothing kept")
        };
        assert_eq!(span, Duration::from_mins(5));
        assert_eq!(destination, fresh(Path::new("/data"), "kept"));
        assert!(act(&mut recorder, RecorderAction::KeptLast).is_none(), "it is at it");
        recorder.told(&TelemetryEvent::Kept(Ok(state(7))), Instant::now());
        assert!(!recorder.is_keeping());
    }

    #[test]
    fn a_recording_goes_where_a_person_says_and_its_rate_is_measured() {
        let mut recorder = Recorder { record_path: " /tmp/x.lmrec ".into(), ..Recorder::default() };
        let Some(TelemetryCommand::Record { destination }) = act(&mut recorder, RecorderAction::Started) else {
            panic!("nothing recorded")
        };
        assert_eq!(destination.path().to_str(), Some("/tmp/x.lmrec"));
        for (secs, messages) in [(10, 0), (11, 500), (12, 1500)] {
            recorder.saw(&at(secs));
            recorder.told(&TelemetryEvent::Recording { recorder: Some(state(messages)), ring: None }, Instant::now());
        }
        assert_eq!(recorder.rate(), Some(1000));
        assert!(act(&mut recorder, RecorderAction::Started).is_none(), "one at a time");
        recorder.told(&TelemetryEvent::Recording { recorder: None, ring: None }, Instant::now());
        assert_eq!(recorder.rate(), None);
    }

    #[test]
    fn playback_is_steered_and_stays_within_the_recording() {
        let mut recorder = Recorder::default();
        assert!(act(&mut recorder, RecorderAction::ChoseSpeed(2.0)).is_none(), "nothing is played");
        let now = Instant::now();
        let playback = TelemetryEvent::Playback(Box::new(PlaybackState {
            recording: state(3),
            facts: RecordingFacts::default(),
            repaired: None,
            left_out: LeftOut::default(),
            position_unix_micros: 2_000,
            speed: 1.0,
            next_in: Some(Duration::from_secs(90)),
        }));
        recorder.told(&playback, now);
        assert_eq!(recorder.next_in(now), None, "it doesn't play yet");
        act(&mut recorder, RecorderAction::Slid(4_000));
        assert_eq!(recorder.position(), Some(4_000));
        let sought = act(&mut recorder, RecorderAction::Sought(99_000));
        assert!(matches!(sought, Some(TelemetryCommand::Seek(9_000))));
        assert_eq!(recorder.position(), Some(9_000));
        let speed = act(&mut recorder, RecorderAction::ChoseSpeed(1000.0));
        assert!(matches!(speed, Some(TelemetryCommand::SetSpeed(speed)) if (speed - 100.0).abs() < f32::EPSILON));
        recorder.told(&TelemetryEvent::State(InspectionState::Playing), Instant::now());
        assert!(recorder.is_playing());
        assert_eq!(recorder.next_in(now + Duration::from_secs(30)), Some(Duration::from_mins(1)));
        assert_eq!(recorder.next_in(now + Duration::from_secs(90)), None, "it is due");
        recorder.told(&TelemetryEvent::State(InspectionState::Paused { is_at_end: true }), Instant::now());
        assert!(!recorder.is_playing() && recorder.is_at_end());
    }

    #[test]
    fn an_export_carries_the_query_and_is_answered_by_its_path() {
        let (mut recorder, export) =
            (Recorder::default(), || RecorderAction::Exported(ExportForm::Csv, "/tmp/a.csv".into()));
        let Some(TelemetryCommand::Export { query, .. }) = act(&mut recorder, export()) else {
            panic!("nothing exported")
        };
        assert_eq!(query.text, "boiler");
        assert!(act(&mut recorder, export()).is_none(), "it is at it");
        let exported = |path: &str, count| TelemetryEvent::Exported {
            path: path.into(),
            result: Ok(count),
            left_out: LeftOut::default(),
        };
        recorder.told(&exported("/tmp/b.csv", 1), Instant::now());
        assert!(recorder.is_writing());
        recorder.told(&exported("/tmp/a.csv", 12), Instant::now());
        assert!(!recorder.is_writing());
    }

    #[test]
    fn no_ring_is_wanted_where_the_settings_say_zero_minutes() {
        let mut settings = TelemetrySettings::default();
        assert_eq!(Recorder::ring_plan(&settings).map(|plan| plan.span), Some(Duration::from_mins(10)));
        settings.ring_minutes = 0;
        assert_eq!(Recorder::ring_plan(&settings), None);
    }
}
