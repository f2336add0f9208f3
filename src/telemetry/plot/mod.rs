//! Curves: [`Plotter`] takes numbers out of messages as they are held and as they come, keeps them when the messages have to
//! make room, and thins them out for what is looked at.

mod curve;
mod table;
mod tally;

use rustc_hash::FxHashMap;

use self::curve::Curve;
pub use self::table::Table;
use crate::model::problem::{Explain, Problem};
use crate::model::text::{visible, visible_octets};
use crate::telemetry::decode::Decoders;
use crate::telemetry::query::{Budget, Expression, Source};
use crate::telemetry::value::Value;
use crate::telemetry::view::{MessageId, PlotPage, PlotSpec, Series, SeriesSpec, TopicId};

/// The most points a curve keeps; the oldest make room.
const MAX_POINTS: usize = 1_000_000;
/// The most points all curves keep together.
const MAX_ALL_POINTS: usize = 4_000_000;
/// The most topics that a filter makes curves of.
const MAX_CURVES: usize = 256;
/// The most columns a page has.
const MAX_COLUMNS: usize = 16_384;
/// For how many topics it is remembered which curves they have.
const MAX_ROUTES: usize = 500_000;
/// How much of a topic is shown.
const MAX_SHOWN: usize = 200;

/// Why a curve is not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlotError {
    /// The filter means more topics than there may be curves.
    #[error("{filter} has more than {MAX_CURVES} topics with numbers")]
    TooManyTopics {
        /// The filter.
        filter: String,
    },
}

impl Explain for PlotError {
    fn explain(&self) -> Problem {
        match self {
            Self::TooManyTopics { filter } => Problem::new(
                "telemetry.plot_topics",
                format!("“{filter}” matches too many topics to plot"),
                format!("Each topic is a curve, and at most {MAX_CURVES} are plotted"),
                "Choose a narrower topic filter",
            ),
        }
    }
}

/// Numbers out of messages, by curve.
#[derive(Debug, Default)]
pub struct Plotter {
    groups: Vec<Group>,
    /// Which groups a topic belongs to.
    routes: FxHashMap<TopicId, Box<[usize]>>,
}

/// What one [`SeriesSpec`] means: a curve for each topic.
#[derive(Debug)]
struct Group {
    spec: SeriesSpec,
    place: Place,
    /// The next message to look at.
    next: MessageId,
    curves: Vec<Curve>,
    by_topic: FxHashMap<TopicId, usize>,
    is_overfull: bool,
}

/// Where the number is.
#[derive(Debug)]
enum Place {
    /// The payload is it.
    Payload,
    /// Names with dots between them.
    Path(String),
    /// Computed.
    Expression(Box<Expression>),
    /// Nowhere: the expression is none.
    Nowhere(Box<Problem>),
}

impl Place {
    fn of(path: &str) -> Self {
        let path = path.trim();
        if path.is_empty() {
            return Self::Payload;
        }
        let name = path.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_call = name.starts_with('(') && path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_call && !path.starts_with(['.', '[', '(']) {
            return Self::Path(path.into());
        }
        match Expression::compile(path) {
            Ok(expression) => Self::Expression(Box::new(expression)),
            Err(problem) => Self::Nowhere(Box::new(problem)),
        }
    }

    /// The number; not a number where a `null` stands, which interrupts a curve.
    fn number(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Payload => number(value),
            Self::Path(path) => number(value.at(path)?),
            Self::Expression(expression) => number(&expression.run(value).ok()??),
            Self::Nowhere(_) => None,
        }
    }
}

/// The number a value is, or is written in.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(f64::NAN),
        Value::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        value => value.as_number().filter(|number| !number.is_infinite()),
    }
}

impl Plotter {
    /// No curves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is drawn. Curves that were drawn before keep their points.
    pub fn set(&mut self, specs: &[SeriesSpec]) {
        if self.groups.iter().map(|group| &group.spec).eq(specs) {
            return;
        }
        let mut before = std::mem::take(&mut self.groups);
        self.groups = specs
            .iter()
            .map(|spec| match before.iter().position(|group| group.spec == *spec) {
                Some(place) => before.swap_remove(place),
                None => Group {
                    place: Place::of(&spec.path),
                    spec: spec.clone(),
                    next: MessageId(0),
                    curves: Vec::new(),
                    by_topic: FxHashMap::default(),
                    is_overfull: false,
                },
            })
            .collect();
        self.routes.clear();
    }

    /// Forgets all points, and begins anew with what is held.
    pub fn clear(&mut self) {
        self.routes.clear();
        for group in &mut self.groups {
            group.curves.clear();
            group.by_topic.clear();
            group.is_overfull = false;
            group.next = MessageId(0);
        }
    }

    /// Takes in messages for as long as the budget lasts. True once nothing is left to take in.
    pub fn advance(&mut self, source: &dyn Source, decoders: &Decoders, mut budget: Budget) -> bool {
        let (Some(start), Some(newest)) = (self.groups.iter().map(|group| group.next).min(), source.newest()) else {
            return true;
        };
        if start > newest {
            return true;
        }
        let (groups, routes) = (&mut self.groups, &mut self.routes);
        let mut next = start;
        source.visit(start, &mut |held| {
            next = MessageId(held.id.0 + 1);
            if routes.len() > MAX_ROUTES {
                routes.clear();
            }
            let route = routes.entry(held.topic_id).or_insert_with(|| {
                let fits = |group: &Group| group.spec.filter.matches_bytes(held.topic);
                (0..groups.len()).filter(|place| fits(&groups[*place])).collect()
            });
            let mut value = None;
            for place in route.iter() {
                let group = &mut groups[*place];
                if group.next > held.id {
                    continue;
                }
                let value = value.get_or_insert_with(|| decoders.value(held.topic, held.payload, held.mono_micros));
                let number = group.place.number(value);
                #[expect(clippy::cast_precision_loss, reason = "a microsecond of today's dates fits")]
                group.add(held.topic_id, held.topic, held.unix_micros as f64 / 1e6, number);
            }
            let (cost, bytes) = if value.is_some() { (8, held.payload.len()) } else { (1, 0) };
            budget.take(cost, bytes)
        });
        for group in groups.iter_mut() {
            group.next = group.next.max(next);
        }
        self.make_room();
        next > newest
    }

    fn make_room(&mut self) {
        let count = |groups: &[Group]| groups.iter().flat_map(|group| &group.curves).map(Curve::len).sum::<usize>();
        while count(&self.groups) > MAX_ALL_POINTS {
            let curves = self.groups.iter_mut().flat_map(|group| &mut group.curves);
            let Some(longest) = curves.max_by_key(|curve| curve.len()) else { return };
            longest.forget(longest.len() / 8 + 1);
        }
    }

    /// The curves as they are looked at.
    pub fn page(&self, spec: &PlotSpec) -> PlotPage {
        let (from, to) = spec.span.unwrap_or_else(|| self.whole_span());
        let columns = spec.columns.clamp(1, MAX_COLUMNS);
        let mut page = PlotPage::default();
        for (place, wanted) in spec.series.iter().enumerate() {
            let Some(group) = self.groups.iter().find(|group| group.spec == *wanted) else { continue };
            page.problems.extend(group.problems());
            for curve in group.curves.iter().filter(|curve| curve.last().is_some()) {
                let seen = curve.seen(from, to, columns);
                page.series.push(Series {
                    spec: place,
                    topic: curve.topic.clone(),
                    runs: seen.runs,
                    points: seen.points,
                    without: curve.without,
                    last: curve.last(),
                    min: seen.min,
                    max: seen.max,
                    statistics: seen.tally.statistics(),
                });
            }
        }
        page
    }

    fn whole_span(&self) -> (f64, f64) {
        let spans = self.groups.iter().flat_map(|group| &group.curves).filter_map(Curve::span);
        let all = spans.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)));
        all.unwrap_or((0.0, 0.0))
    }

    /// All points of curves as a table, none thinned out, to be written a slice at a time.
    pub fn table(&self, spec: &PlotSpec) -> std::io::Result<Table> {
        Table::of(self, spec)
    }
}

/// A text for a table: spreadsheets compute what begins like a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.into() }
}

impl Group {
    fn add(&mut self, topic: TopicId, name: &[u8], at: f64, number: Option<f64>) {
        let place = match self.by_topic.get(&topic) {
            Some(place) => *place,
            None if self.curves.len() >= MAX_CURVES => {
                self.is_overfull |= number.is_some_and(|number| !number.is_nan());
                return;
            }
            // A topic that never has a number takes no place.
            None if number.is_none_or(f64::is_nan) => return,
            None => {
                self.by_topic.insert(topic, self.curves.len());
                self.curves.push(Curve::new(visible_octets(name, MAX_SHOWN).into()));
                self.curves.len() - 1
            }
        };
        let curve = &mut self.curves[place];
        match number {
            Some(number) if !number.is_nan() => curve.push(at, number),
            Some(_) => {
                curve.without += 1;
                curve.interrupt(at);
            }
            None => curve.without += 1,
        }
        if curve.len() > MAX_POINTS {
            curve.forget(1);
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let of_place = match &self.place {
            Place::Nowhere(problem) => Some((**problem).clone()),
            Place::Expression(expression) => expression.problem(),
            Place::Payload | Place::Path(_) => None,
        };
        let of_number = self
            .is_overfull
            .then(|| PlotError::TooManyTopics { filter: visible(self.spec.filter.as_str(), 100) }.explain());
        of_place.into_iter().chain(of_number).collect()
    }
}

/// The paths of all numbers in a value, for a person to choose from: at most that many.
pub fn numbers(value: &Value, max_paths: usize) -> Vec<String> {
    let mut found = Vec::new();
    collect_numbers(value, &mut String::new(), &mut found, max_paths);
    found
}

fn collect_numbers(value: &Value, path: &mut String, found: &mut Vec<String>, max_paths: usize) {
    if found.len() >= max_paths {
        return;
    }
    let length = path.len();
    let mut below = |name: &str, value: &Value, path: &mut String| {
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        collect_numbers(value, path, found, max_paths);
        path.truncate(length);
    };
    match value {
        Value::Map(members) => members.iter().for_each(|(name, value)| below(name, value, path)),
        Value::List(items) => {
            items.iter().take(max_paths).enumerate().for_each(|(place, value)| below(&place.to_string(), value, path));
        }
        value if value.as_number().is_some() => found.push(path.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::decode::json;
    use crate::telemetry::query::tests_source::Messages;

    fn spec(filter: &str, path: &str) -> PlotSpec {
        let series = vec![SeriesSpec { filter: filter.parse().unwrap(), path: path.into() }];
        PlotSpec { series, span: None, columns: 100 }
    }

    fn plot(source: &Messages, spec: &PlotSpec) -> PlotPage {
        let mut plotter = Plotter::new();
        plotter.set(&spec.series);
        while !plotter.advance(source, &Decoders::new(), Budget { messages: 50, bytes: 10_000 }) {}
        plotter.page(spec)
    }

    #[track_caller]
    fn check(path: &str, payload: &str, expected: Option<f64>) {
        let mut source = Messages::default();
        source.push("t", payload.as_bytes(), 0);
        let page = plot(&source, &spec("t", path));
        assert_eq!(page.series.first().and_then(|series| series.last), expected, "{path} of {payload}");
    }

    #[test]
    fn numbers_are_found_wherever_they_are() {
        check("", "21.5", Some(21.5));
        check("", " 21.5\r\n", Some(21.5));
        check("", "+5", Some(5.0));
        check("", "warm", None);
        check("a.b", r#"{"a":{"b":3}}"#, Some(3.0));
        check("a.b", r#"{"a":{"b":"3.5"}}"#, Some(3.5));
        check("a.b", r#"{"a":{"b":true}}"#, Some(1.0));
        check("a.1", r#"{"a":[1,2]}"#, Some(2.0));
        check(".a | add", r#"{"a":[1,2]}"#, Some(3.0));
        check("length", r#"{"length":7}"#, Some(7.0));
        check("add(.a[])", r#"{"a":[1,2]}"#, Some(3.0));
        check("a.x", r#"{"a":[1,2]}"#, None);
    }

    #[test]
    fn each_topic_has_its_curve_and_new_points_are_added() {
        let mut source = Messages::default();
        for second in 0..10 {
            source.push("hall/a", format!("{{\"t\":{second}}}").as_bytes(), second * 1_000_000);
            source.push("hall/b", b"{\"t\":\"off\"}", second * 1_000_000);
            source.push("cellar", b"{\"t\":1}", second * 1_000_000);
        }
        source.push("hall/b", b"{\"t\":-4}", 9_500_000);
        let spec = spec("hall/+", "t");
        let mut plotter = Plotter::new();
        plotter.set(&spec.series);
        assert!(!plotter.advance(&source, &Decoders::new(), Budget { messages: 4, bytes: 1000 }));
        while !plotter.advance(&source, &Decoders::new(), Budget::default()) {}
        let page = plotter.page(&spec);
        assert_eq!(page.series.iter().map(|series| &*series.topic).collect::<Vec<_>>(), ["hall/a", "hall/b"]);
        assert_eq!((page.series[0].points, page.series[0].min, page.series[0].max), (10, Some(0.0), Some(9.0)));
        assert_eq!(page.series[1].runs, [[[9.5, -4.0]]]);

        source.gone = 31;
        source.push("hall/a", b"{\"t\":50}", 10_000_000);
        assert!(plotter.advance(&source, &Decoders::new(), Budget::default()));
        let page = plotter.page(&spec);
        assert_eq!((page.series[0].points, page.series[0].last), (11, Some(50.0)), "points outlive their messages");

        let mut table = plotter.table(&spec).unwrap();
        while !table.go_on().unwrap() {}
        let (table, points) = table.finish().unwrap();
        assert_eq!(points, 12);
        let table = String::from_utf8(table).unwrap();
        assert!(table.starts_with("time,unix_seconds,topic,path,value\n1970-01-01T00:00:00Z,0.000000,hall/a,t,0\n"));
        assert!(table.ends_with("1970-01-01T00:00:09.5Z,9.500000,hall/b,t,-4\n"), "{table}");
    }

    #[test]
    fn a_null_and_a_long_silence_interrupt_the_curve() {
        let mut source = Messages::default();
        for second in [0, 1, 2, 3, 4, 30, 31, 32] {
            source.push("t", b"{\"v\":1}", second * 1_000_000);
        }
        source.push("t", b"{\"v\":null}", 33_000_000);
        source.push("t", b"{\"v\":2}", 34_000_000);
        source.push("t", b"{\"w\":2}", 35_000_000);
        let page = plot(&source, &spec("t", "v"));
        let runs: Vec<usize> = page.series[0].runs.iter().map(Vec::len).collect();
        assert_eq!((runs, page.series[0].without), (vec![5, 3, 1], 2));
    }

    #[test]
    fn a_bad_expression_and_too_many_topics_are_told() {
        let mut source = Messages::default();
        for topic in 0..300 {
            source.push(&format!("t/{topic}"), b"1", 0);
        }
        let page = plot(&source, &spec("t/+", ""));
        assert_eq!((page.series.len(), page.problems[0].code), (256, "telemetry.plot_topics"));
        let page = plot(&source, &spec("t/+", ".["));
        assert_eq!((page.series.len(), page.problems[0].code), (0, "telemetry.jq"));
    }

    #[test]
    fn all_numbers_of_a_value_are_listed() {
        let value = json::parse(br#"{"a":{"b":1,"c":"x"},"d":[true,{"e":2.5}]}"#).unwrap();
        assert_eq!(numbers(&value, 10), ["a.b", "d.0", "d.1.e"]);
        assert_eq!(numbers(&value, 2), ["a.b", "d.0"]);
    }
}
