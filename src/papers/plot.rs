//! Curves as small pictures: SVG, drawn here, with every text escaped.
//!
//! One curve a picture, so that no two units share an axis. More points than the picture is wide become the lowest and highest
//! of each column, so that no peak is lost.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::commissioning::local;
use crate::model::text::visible;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;
/// Columns of the picture in which points are gathered.
const COLUMNS: usize = 600;
/// Lines across, at most.
const LINES: f64 = 4.0;
/// Characters of a name.
const NAME: usize = 120;

/// Values over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curve {
    /// What is plotted: a topic, and the field of its payload.
    pub name: String,
    /// Where the values come from: the name of a recording.
    pub source: String,
    /// Microseconds since 1970 UTC, and the value; in order.
    #[serde(skip)]
    pub points: Vec<(i64, f64)>,
}

impl Curve {
    /// The points that can be drawn, in order of time.
    fn drawn(&self) -> Vec<(i64, f64)> {
        let mut points: Vec<(i64, f64)> = self.points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
        points.sort_by_key(|(at, _)| *at);
        points
    }

    /// What the picture shows, in words.
    pub fn says(&self) -> String {
        let points = self.drawn();
        let Some((low, high)) = span(&points) else { return format!("{}: no values", visible(&self.name, NAME)) };
        let last = points.last().map_or(0.0, |(_, value)| *value);
        format!(
            "{}: {} {}, {} to {}, last {}, from {}",
            visible(&self.name, NAME),
            points.len(),
            if points.len() == 1 { "value" } else { "values" },
            number(low),
            number(high),
            number(last),
            visible(&self.source, NAME),
        )
    }
}

fn span(points: &[(i64, f64)]) -> Option<(f64, f64)> {
    let values = || points.iter().map(|(_, value)| *value);
    (!points.is_empty()).then(|| (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)))
}

/// The picture of a curve; `None` where it has no values.
pub fn svg(curve: &Curve, zone: &TimeZone) -> Option<String> {
    let points = curve.drawn();
    let (low, high) = span(&points)?;
    let (first, last) = (points.first()?.0, points.last()?.0);
    let ticks = ticks(low, high);
    let (bottom, top) = (low.min(*ticks.first()?), high.max(*ticks.last()?));
    let room = (top - bottom).max(f64::MIN_POSITIVE);
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value - bottom) / room);
    let x = |at: i64| LEFT + (WIDTH - LEFT - RIGHT) * share(at - first, last - first);

    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}" font-family="Inter, system-ui, sans-serif" font-size="11" fill="currentColor">"#,
        escaped(&curve.says())
    );
    for tick in &ticks {
        let at = y(*tick);
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}" stroke="currentColor" stroke-opacity="0.18"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            escaped(&number(*tick)),
        );
    }
    let line: Vec<String> =
        thinned(&points, first, last).iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
    if let [only] = line.as_slice() {
        let (x, y) = only.split_once(',').unwrap_or(("0", "0"));
        let _ = write!(svg, r##"<circle cx="{x}" cy="{y}" r="3" fill="#2f6fd0"/>"##);
    }
    let _ = write!(
        svg,
        r##"<polyline fill="none" stroke="#2f6fd0" stroke-width="1.5" stroke-linejoin="round" points="{}"/>"##,
        line.join(" ")
    );
    for (at, x, anchor) in [(first, LEFT, "start"), (last, WIDTH - RIGHT, "end")] {
        let _ = write!(
            svg,
            r#"<text x="{x}" y="{}" text-anchor="{anchor}">{}</text>"#,
            HEIGHT - 8.0,
            escaped(&clock(at, zone))
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn share(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.5;
    }
    #[expect(clippy::cast_precision_loss, reason = "a place on a picture")]
    let share = part as f64 / whole as f64;
    share
}

fn clock(at_unix_micros: i64, zone: &TimeZone) -> String {
    jiff::Timestamp::from_microsecond(at_unix_micros)
        .map_or_else(|_| String::new(), |time| local(&time.to_string(), zone))
}

/// The first, lowest, highest and last point of each column.
fn thinned(points: &[(i64, f64)], first: i64, last: i64) -> Vec<(i64, f64)> {
    if points.len() <= COLUMNS * 2 {
        return points.to_vec();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a column of a picture"
    )]
    let column = |at: i64| (share(at - first, last - first) * COLUMNS as f64) as usize;
    let same = points.chunk_by(|one, other| column(one.0) == column(other.0));
    let mut kept = Vec::new();
    for column in same {
        let of = |wanted: fn(&f64, &f64) -> std::cmp::Ordering| {
            (0..column.len()).max_by(|one, other| wanted(&column[*one].1, &column[*other].1))
        };
        let mut places: Vec<usize> =
            [Some(0), of(|one, other| other.total_cmp(one)), of(f64::total_cmp), column.len().checked_sub(1)]
                .into_iter()
                .flatten()
                .collect();
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|at| column[at]));
    }
    kept
}

/// Round numbers between two values, for the lines across.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let room = high - low;
    if room <= 0.0 || !room.is_finite() {
        return vec![low];
    }
    let raw = room / LINES;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(raw);
    let mut ticks = Vec::new();
    let mut at = (low / step).floor() * step;
    while at < high + step * 0.999 && ticks.len() < 12 {
        ticks.push(at);
        at += step;
    }
    ticks
}

/// A number as people read it: four digits that count, no tail of zeros.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if size >= 1000.0 {
        1
    } else if size >= 1.0 {
        3
    } else {
        5
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "\u{2212}") }
}

/// A text that is nothing but text in XML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What XML 1.0 has no place for would make the whole picture unreadable.
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => safe.push('\u{FFFD}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: Vec<(i64, f64)>) -> Curve {
        Curve { name: "hall/temperature".into(), source: "hall.lrec".into(), points }
    }

    #[test]
    fn a_curve_is_drawn_with_round_numbers_beside_it() {
        let picture = svg(
            &curve((0..60).map(|at| (i64::from(at) * 1_000_000, 20.0 + f64::from(at) / 10.0)).collect()),
            &TimeZone::UTC,
        )
        .unwrap();
        for said in [">20<", ">22<", ">26<", "1970-01-01 00:00:59"] {
            assert!(picture.contains(said), "{said}: {picture}");
        }
        assert_eq!(picture.matches("<polyline").count(), 1);
    }

    #[test]
    fn no_peak_is_lost_among_many_points() {
        let mut points: Vec<(i64, f64)> = (0..200_000).map(|at| (at, 1.0)).collect();
        points[77_777].1 = 99.0;
        let kept = thinned(&points, 0, 199_999);
        assert!(kept.len() <= COLUMNS * 4 + 4 && kept.contains(&(77_777, 99.0)), "{}", kept.len());
    }

    #[test]
    fn values_that_are_no_numbers_single_ones_and_hostile_names_break_no_picture() {
        assert_eq!(svg(&curve(vec![(0, f64::NAN), (1, f64::INFINITY)]), &TimeZone::UTC), None);
        assert!(svg(&curve(vec![(5, 7.0)]), &TimeZone::UTC).unwrap().contains("<circle"));
        assert!(svg(&curve(vec![(0, f64::MAX), (1, f64::MIN)]), &TimeZone::UTC).is_some());
        let hostile = Curve { name: "</svg><script>\"'&\u{202E}\u{0}".into(), ..curve(vec![(0, 1.0), (9, 2.0)]) };
        let picture = svg(&hostile, &TimeZone::UTC).unwrap();
        assert!(
            !picture.contains("<script") && !picture.contains('\u{202E}') && !picture.contains('\u{0}'),
            "{picture}"
        );
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (21.5, "21.5"),
            (-3.0, "\u{2212}3"),
            (1234.56, "1234.6"),
            (0.00012, "0.00012"),
            (1e9, "1.000e9"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
