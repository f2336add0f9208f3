//! Plot: which curves are drawn over which span, how they are told apart, and their export.
//!
//! What is asked for is a little wider than what is in sight, in steps: to push the curves along asks for nothing new at
//! every point. The points are thinned out by the workers.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::seat::Seat;
use crate::app::jobs::JobKind;
use crate::model::ids::JobId;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::Command;
use crate::msg::telemetry::{TelemetryCommand, TelemetryEvent};
use crate::telemetry::value::{Body, Value};
use crate::telemetry::view::{MessageDetail, PlotPage, PlotSpec, Series, SeriesSpec, Snapshot};

/// Series at most: more cannot be told apart.
pub const MOST_SERIES: usize = 12;
/// Numeric fields offered of one payload.
const MOST_FIELDS: usize = 64;
/// Topics of which the fields are remembered.
const MOST_OFFERED: usize = 32;
/// The narrowest span, in seconds.
const LEAST_SPAN: f64 = 0.001;
/// The widest span, in seconds: 30 years.
const MOST_SPAN: f64 = 1e9;

/// What the user did on Plot.
#[derive(Clone, Debug, PartialEq)]
pub enum PlotAction {
    /// Asked for a series, in the value of a message.
    Added(SeriesSpec),
    /// Asked for the series typed.
    Typed,
    /// Took one of the fields offered: topic and path.
    TookField(Arc<str>, String),
    /// Hides or shows a curve.
    ToggledCurve(usize),
    /// Draws a curve by the right axis, or by the left one again.
    ToggledAxis(usize),
    /// Chose how curves share the room.
    LaidOut(Layout),
    /// Took a series out.
    Removed(usize),
    /// Took all of them out.
    Cleared,
    /// Chose what is in sight.
    Viewed(View),
    /// Moved or zoomed: from when to when is in sight, in seconds since 1970 UTC.
    Moved(f64, f64),
    /// Goes on or back by a part of what is in sight.
    Stepped(f64),
    /// Zooms by that factor around the middle, or around the newest while it is followed.
    Zoomed(f64),
    /// So many points across are in sight.
    Resized(usize),
    /// Exports the points to that path.
    ExportedCsv(String),
    /// Exports a picture to that path; the window takes it.
    ExportedPicture(String),
    /// The window took the picture.
    TookPicture(Picture),
    /// The window could not take it.
    MissedPicture,
}

/// A picture of the curves.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Points across.
    pub width: u32,
    /// Points down.
    pub height: u32,
    /// Four bytes a point: red, green, blue, opacity.
    pub rgba: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

/// What is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum View {
    /// Everything there is, moving on with it.
    #[default]
    Everything,
    /// The newest seconds, moving on with them.
    Last(f64),
    /// From when to when, in seconds since 1970 UTC, whatever comes in.
    Fixed(f64, f64),
}

impl View {
    /// Whether it moves on with what comes in.
    pub const fn is_following(self) -> bool {
        !matches!(self, Self::Fixed(..))
    }
}

/// How curves share the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// All in one chart with one axis.
    #[default]
    One,
    /// All in one chart, some by an axis at the right.
    TwoAxes,
    /// Each in a chart of its own, one below the other.
    Each,
}

/// One curve: a series on one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The series.
    pub spec: SeriesSpec,
    /// The topic, made safe to show.
    pub topic: Arc<str>,
    /// Whether it is not drawn.
    pub is_hidden: bool,
    /// Whether it is drawn by the right axis, where there are two.
    pub is_right: bool,
}

impl Curve {
    /// What it is called.
    pub fn name(&self) -> String {
        if self.spec.path.is_empty() { self.topic.to_string() } else { format!("{} · {}", self.topic, self.spec.path) }
    }
}

/// The view model of Plot.
#[derive(Default)]
pub struct Plot {
    /// The topic filter being typed; edited in place.
    pub filter: String,
    /// The path being typed; edited in place.
    pub path: String,
    series: Vec<SeriesSpec>,
    view: View,
    layout: Layout,
    columns: usize,
    newest: f64,
    page: Option<Arc<PlotPage>>,
    /// Curves in the order in which they came; a place that became free is taken by the next, so that colours stay.
    curves: Vec<Option<Curve>>,
    fields: VecDeque<(Arc<str>, Vec<String>)>,
    /// What was wrong, and in which filter where it was that.
    mistake: Option<(Problem, Option<String>)>,
    /// Where the picture goes that the window is to take.
    picture: Option<PathBuf>,
    saving: Option<JobId>,
    exporting: Option<PathBuf>,
}

impl Plot {
    /// The series asked for.
    pub fn series(&self) -> &[SeriesSpec] {
        &self.series
    }

    /// What is in sight.
    pub const fn view(&self) -> View {
        self.view
    }

    /// What is wrong with what was typed.
    pub fn mistake(&self) -> Option<&Problem> {
        let is_as_typed = |filter: &Option<String>| filter.as_ref().is_none_or(|filter| *filter == self.filter);
        self.mistake.as_ref().filter(|(_, filter)| is_as_typed(filter)).map(|(problem, _)| problem)
    }

    /// Whether an export goes on.
    pub const fn is_exporting(&self) -> bool {
        self.exporting.is_some() || self.saving.is_some() || self.picture.is_some()
    }

    /// Whether the window is to take a picture.
    pub const fn is_picture_wanted(&self) -> bool {
        self.picture.is_some()
    }

    /// Expressions that could not be followed.
    pub fn problems(&self) -> &[Problem] {
        self.page.as_ref().map_or(&[], |page| page.problems.as_slice())
    }

    /// Topics looked at lately with their numeric fields, the newest first.
    pub fn fields(&self) -> impl Iterator<Item = (&Arc<str>, &[String])> {
        self.fields.iter().map(|(topic, fields)| (topic, fields.as_slice()))
    }

    /// Fields offered for the filter typed, or of the newest topic if none is.
    pub fn offered(&self) -> Option<(&Arc<str>, &[String])> {
        let filter = self.filter.trim();
        if filter.is_empty() {
            return self.fields().next();
        }
        let filter: TopicFilter = filter.parse().ok()?;
        self.fields().find(|(topic, _)| filter.matches(topic))
    }

    /// The curves with the place that gives them their colour, each with its points if there are some.
    pub fn curves(&self) -> impl Iterator<Item = (usize, &Curve, Option<&Series>)> {
        let known = self.curves.iter().enumerate().filter_map(|(place, curve)| Some((place, curve.as_ref()?)));
        known.map(|(place, curve)| (place, curve, self.points(curve)))
    }

    /// How curves share the room.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Those of the second series and the ones after it go by the right axis, unless a person said otherwise.
    fn lay_out(&mut self, layout: Layout) {
        self.layout = layout;
        let first = self.curves.iter().flatten().next().map(|curve| curve.spec.clone());
        let is_said = self.curves.iter().flatten().any(|curve| curve.is_right);
        if layout == Layout::TwoAxes && !is_said {
            for curve in self.curves.iter_mut().flatten() {
                curve.is_right = first.as_ref().is_some_and(|first| curve.spec != *first);
            }
        }
    }

    /// Series of which no topic has a number yet.
    pub fn waiting(&self) -> impl Iterator<Item = (usize, &SeriesSpec)> {
        let has_curve = |spec: &SeriesSpec| self.curves.iter().flatten().any(|curve| curve.spec == *spec);
        self.series.iter().enumerate().filter(move |(_, spec)| !has_curve(spec))
    }

    fn points(&self, curve: &Curve) -> Option<&Series> {
        let page = self.page.as_ref()?;
        page.series
            .iter()
            .find(|series| self.series.get(series.spec) == Some(&curve.spec) && series.topic == curve.topic)
    }

    /// The numbers of the curves in sight at a time, each at its nearest point; `None` where a curve has a gap there.
    pub fn values_at(&self, at: f64) -> Vec<(usize, Option<f64>)> {
        let shown = self.curves().filter(|(_, curve, _)| !curve.is_hidden);
        shown.filter_map(|(place, _, series)| Some((place, value_at(series?, at)))).collect()
    }

    /// From when to when is in sight, in seconds since 1970 UTC; `None` while there is nothing to see.
    pub fn range(&self) -> Option<(f64, f64)> {
        match self.view {
            View::Fixed(from, to) => Some((from, to)),
            View::Last(secs) => (self.newest > 0.0).then_some((self.newest - secs, self.newest)),
            View::Everything => {
                let points =
                    || self.page.iter().flat_map(|page| &page.series).flat_map(|series| &series.runs).flatten();
                let from = points().map(|point| point[0]).reduce(f64::min)?;
                let to = points().map(|point| point[0]).reduce(f64::max)?;
                let margin = ((to - from) * 0.02).max(0.5);
                Some((from - margin, to + margin))
            }
        }
    }

    /// What the workers are asked for; nothing while there is no series.
    pub fn spec(&self) -> Option<PlotSpec> {
        if self.series.is_empty() {
            return None;
        }
        let (span, columns) = match (self.view, self.range()) {
            (View::Everything, _) | (_, None) => (None, self.columns()),
            (_, Some((from, to))) => {
                let (wide_from, wide_to) = widened(from, to);
                (Some((wide_from, wide_to)), scaled(self.columns(), (wide_to - wide_from) / (to - from)))
            }
        };
        Some(PlotSpec { series: self.series.clone(), span, columns })
    }

    const fn columns(&self) -> usize {
        if self.columns == 0 { 600 } else { self.columns }
    }

    pub(super) fn act(&mut self, action: PlotAction, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            PlotAction::Added(spec) => self.add(spec),
            PlotAction::Typed => self.add_typed(),
            PlotAction::TookField(topic, path) => {
                // A filter that was typed and fits stays; it may mean more topics than this one.
                let typed = self.filter.trim().parse::<TopicFilter>().ok().filter(|filter| filter.matches(&topic));
                if let Some(filter) = typed.or_else(|| topic.parse().ok()) {
                    self.add(SeriesSpec { filter, path });
                }
            }
            PlotAction::ToggledCurve(place) => {
                if let Some(Some(curve)) = self.curves.get_mut(place) {
                    curve.is_hidden = !curve.is_hidden;
                }
            }
            PlotAction::ToggledAxis(place) => {
                if let Some(Some(curve)) = self.curves.get_mut(place) {
                    curve.is_right = !curve.is_right;
                }
            }
            PlotAction::LaidOut(layout) => self.lay_out(layout),
            PlotAction::Removed(index) => self.remove(index),
            PlotAction::Cleared => {
                self.series.clear();
                self.forget();
            }
            PlotAction::Viewed(view) => self.view = view,
            PlotAction::Moved(from, to) => self.move_to(from, to),
            PlotAction::Stepped(part) => {
                if let Some((from, to)) = self.range() {
                    let by = (to - from) * part;
                    self.move_to(from + by, to + by);
                }
            }
            PlotAction::Zoomed(factor) => self.zoom(factor),
            PlotAction::Resized(columns) => self.columns = columns,
            PlotAction::ExportedCsv(path) => return self.export_csv(path.into(), seat),
            PlotAction::ExportedPicture(path) => {
                if !self.is_exporting() {
                    self.picture = Some(path.into());
                }
            }
            PlotAction::TookPicture(picture) => return self.save(picture, seat),
            PlotAction::MissedPicture => {
                if self.picture.take().is_some() {
                    seat.desk.toasts.report(no_picture());
                }
            }
        }
        Vec::new()
    }

    /// What was received is gone; the series stay and fill again.
    pub(super) fn forget(&mut self) {
        self.page = None;
        self.curves.clear();
        self.fields.clear();
        self.newest = 0.0;
        if !self.view.is_following() {
            self.view = View::Everything;
        }
    }

    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        self.newest = seconds(snapshot.at_unix_micros);
        if let Some(page) = &snapshot.plot {
            self.page = Some(page.clone());
            self.give_places();
        }
        if let Some(detail) = &snapshot.message {
            self.offer(detail);
        }
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent) {
        if let TelemetryEvent::Exported { path, .. } = event {
            self.exporting.take_if(|exporting| exporting == path);
        }
    }

    /// A job that saved a picture ended.
    pub(in crate::app) fn picture_saved(&mut self, job: JobId) {
        self.saving.take_if(|saving| *saving == job);
    }

    /// The inspection ended: nothing of it follows.
    pub(super) fn ended(&mut self) {
        self.exporting = None;
    }

    /// Adds a series of one topic, as it is asked for in the value of a message.
    pub(super) fn add_path(&mut self, topic: &str, path: String) {
        if let Ok(filter) = topic.parse() {
            self.add(SeriesSpec { filter, path });
        }
    }

    fn add(&mut self, spec: SeriesSpec) {
        self.mistake = None;
        if self.series.contains(&spec) {
            return;
        }
        if self.series.len() >= MOST_SERIES {
            let problem = Problem::new(
                "telemetry.plot_full",
                format!("There are {MOST_SERIES} series already"),
                "More than that can't be distinguished",
                "Remove one first",
            );
            self.mistake = Some((problem, None));
            return;
        }
        self.series.push(spec);
    }

    fn add_typed(&mut self) {
        match self.filter.trim().parse() {
            Ok(filter) => {
                let path = self.path.trim().to_owned();
                self.add(SeriesSpec { filter, path });
                if self.mistake.is_none() {
                    self.path.clear();
                }
            }
            Err(error) => {
                let error: crate::model::mqtt::topic::FilterError = error;
                self.mistake = Some((error.explain(), Some(self.filter.clone())));
            }
        }
    }

    fn remove(&mut self, index: usize) {
        if index >= self.series.len() {
            return;
        }
        let spec = self.series.remove(index);
        for place in &mut self.curves {
            place.take_if(|curve| curve.spec == spec);
        }
        // The page tells series by their numbers, which have just changed.
        self.page = None;
    }

    fn move_to(&mut self, from: f64, to: f64) {
        let is_sane = from.is_finite() && to.is_finite() && (LEAST_SPAN..=MOST_SPAN).contains(&(to - from));
        if is_sane {
            self.view = View::Fixed(from, to);
        }
    }

    fn zoom(&mut self, factor: f64) {
        let Some((from, to)) = self.range() else { return };
        let width = ((to - from) * factor).clamp(LEAST_SPAN, MOST_SPAN);
        match self.view {
            View::Last(_) => self.view = View::Last(width),
            View::Everything | View::Fixed(..) => {
                let middle = f64::midpoint(from, to);
                self.move_to(middle - width / 2.0, middle + width / 2.0);
            }
        }
    }

    /// Gives new curves the first free place, and with it a colour.
    fn give_places(&mut self) {
        let Some(page) = self.page.clone() else { return };
        for series in &page.series {
            let Some(spec) = self.series.get(series.spec) else { continue };
            let is_known = |curve: &Curve| curve.spec == *spec && curve.topic == series.topic;
            if self.curves.iter().flatten().any(is_known) {
                continue;
            }
            let curve =
                Some(Curve { spec: spec.clone(), topic: series.topic.clone(), is_hidden: false, is_right: false });
            match self.curves.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = curve,
                None => self.curves.push(curve),
            }
        }
    }

    fn offer(&mut self, detail: &MessageDetail) {
        let topic = detail.row.topic.clone();
        let fields = match &detail.decoded.body {
            Body::Tree(value) => numeric_paths(value),
            Body::Text(text) if text.trim().parse::<f64>().is_ok() => vec![String::new()],
            Body::Text(_) | Body::Bytes(_) | Body::Image { .. } => Vec::new(),
        };
        if self.fields.front().is_some_and(|(known, known_fields)| *known == topic && *known_fields == fields) {
            return;
        }
        self.fields.retain(|(known, _)| *known != topic);
        if !fields.is_empty() {
            self.fields.push_front((topic, fields));
            self.fields.truncate(MOST_OFFERED);
        }
    }

    fn export_csv(&mut self, path: PathBuf, seat: &Seat<'_, '_>) -> Vec<Command> {
        if self.is_exporting() || self.series.is_empty() || seat.inspection.is_none() {
            return Vec::new();
        }
        let span = if self.view == View::Everything { None } else { self.range() };
        let spec = Box::new(PlotSpec { series: self.series.clone(), span, columns: 0 });
        self.exporting = Some(path.clone());
        seat.ask(TelemetryCommand::ExportPlot { destination: path.into(), spec })
    }

    fn save(&mut self, picture: Picture, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        let Some(path) = self.picture.take() else { return Vec::new() };
        let job = seat.desk.jobs.start(JobKind::SavePicture, "Saving a picture of the plot", seat.desk.now);
        self.saving = Some(job);
        let Picture { width, height, rgba } = picture;
        vec![Command::SavePicture { job, destination: path.into(), width, height, rgba }]
    }
}

fn no_picture() -> Problem {
    Problem::new(
        "telemetry.no_picture",
        "The picture was not taken",
        "The window did not hand it out, or the plot was out of sight",
        "Show the whole plot and try again",
    )
}

/// A span that holds the wanted one with room at its ends, the same for small moves.
fn widened(from: f64, to: f64) -> (f64, f64) {
    let step = ((to - from) / 4.0).max(LEAST_SPAN).log2().ceil().exp2();
    (((from / step).floor() - 1.0) * step, ((to / step).ceil() + 1.0) * step)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few thousand points"
)]
fn scaled(columns: usize, by: f64) -> usize {
    (columns as f64 * by.clamp(1.0, 4.0)).ceil() as usize
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
fn seconds(unix_micros: i64) -> f64 {
    unix_micros as f64 / 1e6
}

/// The paths of all numbers in a value, as they stand in it.
pub fn numeric_paths(value: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(value, "", 0, &mut paths);
    paths
}

fn collect(value: &Value, path: &str, depth: usize, paths: &mut Vec<String>) {
    if paths.len() >= MOST_FIELDS || depth > 12 {
        return;
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Map(members) => members.iter().for_each(|(name, value)| collect(value, &below(name), depth + 1, paths)),
        Value::List(items) => {
            let items = items.iter().take(16).enumerate();
            items.for_each(|(place, value)| collect(value, &below(&place.to_string()), depth + 1, paths));
        }
        number if number.as_number().is_some() => paths.push(path.to_owned()),
        _ => {}
    }
}

/// The number of a curve at its point nearest to a time, within one of its runs.
fn value_at(series: &Series, at: f64) -> Option<f64> {
    let run = series.runs.iter().find(|run| match (run.first(), run.last()) {
        (Some(first), Some(last)) => (first[0]..=last[0]).contains(&at),
        _ => false,
    })?;
    let after = run.partition_point(|point| point[0] < at);
    let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|place| run.get(place));
    near.min_by(|one, other| (one[0] - at).abs().total_cmp(&(other[0] - at).abs())).map(|point| point[1])
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::profile::Catalog;
    use crate::telemetry::recording::LeftOut;
    use crate::telemetry::view::Query;

    fn act(plot: &mut Plot, inspection: Option<JobId>, action: PlotAction) -> Vec<Command> {
        let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
        let (mut settings, query) = (SettingsView::default(), Query::default());
        let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() };
        plot.act(action, &mut Seat { inspection, query: &query, settings: &mut settings, desk: &mut desk })
    }

    fn series(filter: &str, path: &str) -> SeriesSpec {
        SeriesSpec { filter: filter.parse().unwrap(), path: path.into() }
    }

    fn snapshot(at_secs: i64, curves: &[(usize, &str)]) -> Snapshot {
        let of = |(spec, topic): &(usize, &str)| Series {
            spec: *spec,
            topic: (*topic).into(),
            runs: vec![vec![[100.0, 1.0], [200.0, 2.0]]],
            points: 2,
            without: 0,
            last: Some(2.0),
            min: Some(1.0),
            max: Some(2.0),
            statistics: None,
        };
        let page = PlotPage { series: curves.iter().map(of).collect(), problems: Vec::new() };
        Snapshot { at_unix_micros: at_secs * 1_000_000, plot: Some(Arc::new(page)), ..Snapshot::default() }
    }

    #[test]
    fn small_moves_ask_for_nothing_new() {
        let mut plot = Plot::default();
        act(&mut plot, None, PlotAction::Added(series("a", "")));
        act(&mut plot, None, PlotAction::Moved(1000.0, 1100.0));
        let before = plot.spec();
        let (from, to) = before.as_ref().unwrap().span.unwrap();
        assert!(from <= 1000.0 && to >= 1100.0 && to - from < 400.0, "{from} {to}");
        act(&mut plot, None, PlotAction::Moved(1001.0, 1101.0));
        assert_eq!(plot.spec(), before);
        act(&mut plot, None, PlotAction::Moved(1200.0, 1300.0));
        assert_ne!(plot.spec(), before);
    }

    #[test]
    fn following_moves_on_with_the_time_and_a_move_ends_it() {
        let mut plot = Plot::default();
        act(&mut plot, None, PlotAction::Added(series("a", "")));
        act(&mut plot, None, PlotAction::Viewed(View::Last(60.0)));
        plot.saw(&snapshot(1000, &[(0, "a")]));
        assert_eq!(plot.range(), Some((940.0, 1000.0)));
        plot.saw(&snapshot(1030, &[(0, "a")]));
        assert_eq!(plot.range(), Some((970.0, 1030.0)));
        act(&mut plot, None, PlotAction::Stepped(-0.5));
        assert_eq!((plot.range(), plot.view().is_following()), (Some((940.0, 1000.0)), false));
        plot.saw(&snapshot(2000, &[(0, "a")]));
        assert_eq!(plot.range(), Some((940.0, 1000.0)));
        act(&mut plot, None, PlotAction::Zoomed(0.5));
        assert_eq!(plot.range(), Some((955.0, 985.0)));
    }

    #[test]
    fn a_nonsensical_span_is_not_taken() {
        let mut plot = Plot::default();
        for (from, to) in [(2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (5.0, 5.0)] {
            act(&mut plot, None, PlotAction::Moved(from, to));
            assert_eq!(plot.view(), View::Everything);
        }
    }

    #[test]
    fn a_curve_keeps_its_colour_and_a_free_one_is_used_again() {
        let mut plot = Plot::default();
        act(&mut plot, None, PlotAction::Added(series("a/#", "x")));
        act(&mut plot, None, PlotAction::Added(series("b", "")));
        plot.saw(&snapshot(1, &[(0, "a/1"), (0, "a/2"), (1, "b")]));
        let places = |plot: &Plot| plot.curves().map(|(place, curve, _)| (place, curve.name())).collect::<Vec<_>>();
        assert_eq!(places(&plot), [(0, "a/1 · x".into()), (1, "a/2 · x".into()), (2, "b".into())]);
        act(&mut plot, None, PlotAction::Removed(0));
        act(&mut plot, None, PlotAction::Added(series("c", "")));
        plot.saw(&snapshot(2, &[(0, "b"), (1, "c")]));
        assert_eq!(places(&plot), [(0, "c".into()), (2, "b".into())]);
        act(&mut plot, None, PlotAction::ToggledCurve(2));
        assert!(plot.curves().any(|(place, curve, points)| place == 2 && curve.is_hidden && points.is_some()));
    }

    #[test]
    fn what_is_typed_is_checked_and_too_many_are_refused() {
        let mut plot = Plot { filter: "a/#/b".into(), ..Plot::default() };
        act(&mut plot, None, PlotAction::Typed);
        assert_eq!(plot.mistake().map(|problem| problem.code), Some("mqtt.filter"));
        for number in 0..=MOST_SERIES {
            plot.filter = format!("t/{number}");
            act(&mut plot, None, PlotAction::Typed);
        }
        assert_eq!(plot.mistake().map(|problem| problem.code), Some("telemetry.plot_full"));
        assert_eq!(plot.series().len(), MOST_SERIES);
    }

    #[test]
    fn numbers_are_offered_by_their_paths() {
        let value = Value::Map(vec![
            ("temp".into(), Value::Number(21.5)),
            ("name".into(), Value::Text("x".into())),
            ("list".into(), Value::List(vec![Value::Bool(true), Value::Map(vec![("n".into(), Value::Integer(1))])])),
        ]);
        assert_eq!(numeric_paths(&value), ["temp", "list.0", "list.1.n"]);
        assert_eq!(numeric_paths(&Value::Integer(1)), [""]);
    }

    #[test]
    fn points_are_exported_for_what_is_in_sight() {
        let (mut plot, export) = (Plot::default(), || PlotAction::ExportedCsv("/tmp/a.csv".into()));
        act(&mut plot, None, PlotAction::Added(series("a", "")));
        assert!(act(&mut plot, None, export()).is_empty(), "no inspection is open");
        act(&mut plot, None, PlotAction::Moved(10.0, 20.0));
        let commands = act(&mut plot, Some(JobId(3)), export());
        let [Command::Telemetry { job: JobId(3), command: TelemetryCommand::ExportPlot { destination, spec } }] =
            &commands[..]
        else {
            panic!("no export")
        };
        assert_eq!((destination.path().to_str(), spec.span), (Some("/tmp/a.csv"), Some((10.0, 20.0))));
        assert!(plot.is_exporting());
        plot.told(&TelemetryEvent::Exported {
            path: "/tmp/other.csv".into(),
            result: Ok(1),
            left_out: LeftOut::default(),
        });
        assert!(plot.is_exporting(), "that was another export");
        plot.told(&TelemetryEvent::Exported {
            path: "/tmp/a.csv".into(),
            result: Ok(12),
            left_out: LeftOut::default(),
        });
        assert!(!plot.is_exporting());
    }

    #[test]
    fn a_picture_is_saved_once_and_only_if_wanted() {
        let mut plot = Plot::default();
        let picture = Picture { width: 1, height: 1, rgba: vec![0; 4] };
        assert!(act(&mut plot, None, PlotAction::TookPicture(picture.clone())).is_empty());
        act(&mut plot, None, PlotAction::ExportedPicture("/tmp/a.png".into()));
        assert!(plot.is_picture_wanted());
        let commands = act(&mut plot, None, PlotAction::TookPicture(picture));
        assert!(matches!(commands[..], [Command::SavePicture { width: 1, .. }]));
        assert!(!plot.is_picture_wanted() && plot.is_exporting());
        let Command::SavePicture { job, .. } = commands[0] else { unreachable!() };
        plot.picture_saved(job);
        assert!(!plot.is_exporting());
    }

    #[test]
    fn the_value_under_the_pointer_is_that_of_the_nearest_point_and_none_in_a_gap() {
        let series = Series {
            spec: 0,
            topic: "a".into(),
            runs: vec![vec![[10.0, 1.0], [20.0, 2.0]], vec![[50.0, 5.0], [60.0, 6.0]]],
            points: 4,
            without: 0,
            last: None,
            min: None,
            max: None,
            statistics: None,
        };
        for (at, value) in [(10.0, Some(1.0)), (14.9, Some(1.0)), (15.1, Some(2.0)), (30.0, None), (60.0, Some(6.0))] {
            assert_eq!(value_at(&series, at), value, "{at}");
        }
    }
}
