//! What a screen is given and hands back in one frame: the time, the zone, and what the user did.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::app::Action;
pub(super) use crate::app::files::PathField;

/// One frame of the screens.
pub(super) struct Pass<'a> {
    /// The time of the frame.
    pub now: Instant,
    /// The zone dates are shown in.
    pub zone: &'a TimeZone,
    /// The date of the frame, in seconds since 1970 UTC.
    pub unix_secs: i64,
    /// What the user did.
    pub actions: Vec<Action>,
    /// The field to open a file dialog for.
    pub browse: Option<PathField>,
}

impl<'a> Pass<'a> {
    /// A frame in which nothing was done yet.
    pub(super) const fn new(now: Instant, zone: &'a TimeZone, unix_secs: i64) -> Self {
        Self { now, zone, unix_secs, actions: Vec::new(), browse: None }
    }

    /// The user did something.
    pub(super) fn did(&mut self, action: impl Into<Action>) {
        self.actions.push(action.into());
    }

    /// How long ago something began, as a clock.
    pub(super) fn clock_since(&self, then: Instant) -> String {
        clock(self.now.saturating_duration_since(then))
    }

    /// A time of day with milliseconds, in local time: `14:03:07.250`.
    pub(super) fn time_of_day(&self, unix_micros: i64) -> String {
        self.local(unix_micros, "%H:%M:%S%.3f")
    }

    /// A time of day to the second, in local time.
    pub(super) fn short_time(&self, unix_micros: i64) -> String {
        self.local(unix_micros, "%H:%M:%S")
    }

    /// Date and time with milliseconds, in local time.
    pub(super) fn date_and_time(&self, unix_micros: i64) -> String {
        self.local(unix_micros, "%Y-%m-%d %H:%M:%S%.3f")
    }

    /// A date, in local time.
    pub(super) fn date(&self, unix_secs: i64) -> String {
        self.local(unix_secs.saturating_mul(1_000_000), "%Y-%m-%d")
    }

    fn local(&self, unix_micros: i64, form: &str) -> String {
        match jiff::Timestamp::from_microsecond(unix_micros) {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime(form).to_string(),
            // A broken clock may say anything.
            Err(_) => "?".into(),
        }
    }

    /// A time of the records in local time, and in UTC for the hover text.
    pub(super) fn local_time(&self, utc: &str) -> (String, String) {
        match utc.parse::<jiff::Timestamp>() {
            Ok(time) => {
                let local = time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
                (local, format!("{} UTC", time.strftime("%Y-%m-%d %H:%M:%S")))
            }
            Err(_) => (utc.to_owned(), utc.to_owned()),
        }
    }
}

/// A duration as minutes and seconds: `0:07`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A duration with a tenth of a second: `3.2 s`.
pub(super) fn short(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f32())
}
