//! All points of curves as a CSV table, written a slice at a time: a million points take longer than anything may wait.

use super::{Plotter, cell};
use crate::telemetry::decode::json;
use crate::telemetry::view::PlotSpec;

/// Points that are written in one slice: a millisecond or two.
const SLICE: usize = 2_000;

/// A table on its way.
pub struct Table {
    curves: Vec<Points>,
    curve: usize,
    point: usize,
    out: csv::Writer<Vec<u8>>,
    written: u64,
}

/// The points of one curve, as they were when the table was begun.
struct Points {
    topic: String,
    path: String,
    pairs: Vec<[f64; 2]>,
}

impl Table {
    /// Takes a copy of the points that are wanted.
    pub(super) fn of(plotter: &Plotter, spec: &PlotSpec) -> std::io::Result<Self> {
        let (from, to) = spec.span.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let mut curves = Vec::new();
        for wanted in &spec.series {
            let groups = plotter.groups.iter().filter(|group| group.spec == *wanted);
            for curve in groups.flat_map(|group| &group.curves) {
                let points = curve.points().filter(|[at, number]| (from..=to).contains(at) && !number.is_nan());
                let (topic, path) = (cell(&curve.topic), cell(&wanted.path));
                curves.push(Points { topic, path, pairs: points.collect() });
            }
        }
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(["time", "unix_seconds", "topic", "path", "value"])?;
        Ok(Self { curves, curve: 0, point: 0, out, written: 0 })
    }

    /// Writes the next points. True once there are no more.
    pub(in crate::telemetry) fn go_on(&mut self) -> std::io::Result<bool> {
        let Some(Points { topic, path, pairs }) = self.curves.get(self.curve) else { return Ok(true) };
        let end = (self.point + SLICE).min(pairs.len());
        for [at, number] in &pairs[self.point..end] {
            #[expect(clippy::cast_possible_truncation, reason = "it was made of whole microseconds")]
            let micros = (at * 1e6).round() as i64;
            let (time, value) = (json::time(micros), number.to_string());
            self.out.write_record([time.as_str(), &format!("{at:.6}"), topic, path, &value])?;
            self.written += 1;
        }
        if end == pairs.len() {
            (self.curve, self.point) = (self.curve + 1, 0);
        } else {
            self.point = end;
        }
        Ok(self.curve == self.curves.len())
    }

    /// What was written, and how many points there are.
    pub(in crate::telemetry) fn finish(self) -> std::io::Result<(Vec<u8>, u64)> {
        let table = self.out.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok((table, self.written))
    }
}
