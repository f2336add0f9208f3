//! Messages as lines: which of them are printed, how many, and how.

use std::io::{IsTerminal as _, Write as _};

use super::args::SieveArgs;
use super::decoding;
use super::format::Format;
use super::lines::counted;
use super::output::Output;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::text::{visible, visible_octets};
use crate::model::word::Word as _;
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::decode::{Decoders, hex, json};
use crate::telemetry::export::jsonl;
use crate::telemetry::query::CompiledQuery;
use crate::telemetry::value::{Body, DecodeFailure, Decoded};
use crate::telemetry::view::Query;

/// Longest payload on a line for people.
const MAX_PREVIEW: usize = 400;
/// Longest topic on a line for people.
const MAX_TOPIC: usize = 400;

/// Prints messages.
pub(super) struct Printer {
    sieve: Sieve,
    decoders: Decoders,
    form: Form,
    /// How many are printed at most.
    most: u64,
    /// How many were.
    pub(super) printed: u64,
    /// Whether it was told that some could not be asked.
    is_stop_told: bool,
    /// Whether a person looks at the output as it comes.
    is_terminal: bool,
}

/// How a message is printed.
enum Form {
    /// As JSON, for programs.
    Json,
    /// On one line, shortened.
    Line,
    /// With its value in full.
    Full,
    /// As a person wants it.
    Own(Format),
}

/// Which messages are printed.
struct Sieve {
    topics: Vec<TopicFilter>,
    left_out: Vec<TopicFilter>,
    retained: Option<bool>,
    query: Option<CompiledQuery>,
}

impl Printer {
    /// Prints those that fit, on topics of these filters (all if there is none), and no more than `count`.
    pub(super) fn new(
        args: &SieveArgs,
        topics: &[TopicFilter],
        count: Option<u64>,
        format: Option<&Format>,
        out: &Output,
    ) -> Result<Self, Problem> {
        let form = match format {
            Some(_) if out.is_json() => return Err(two_forms()),
            Some(format) => Form::Own(format.clone()),
            None if out.is_json() => Form::Json,
            None if args.full => Form::Full,
            None => Form::Line,
        };
        let sieve = Sieve::new(args, topics)?;
        let most = count.unwrap_or(u64::MAX);
        let (decoders, is_terminal) = (decoding::decoders(args)?, std::io::stdout().is_terminal());
        Ok(Self { sieve, decoders, form, most, printed: 0, is_stop_told: false, is_terminal })
    }

    /// The decoders, as the arguments want them.
    pub(super) const fn decoders(&self) -> &Decoders {
        &self.decoders
    }

    /// Prints what fits of a batch. True once enough are printed.
    pub(super) fn print(&mut self, batch: &Batch, out: &mut Output) -> bool {
        let mut lines = Vec::new();
        for arrival in batch.iter() {
            if self.is_enough() {
                break;
            }
            self.decoders.observe(arrival.topic, arrival.payload, arrival.mono_micros);
            if self.sieve.lets_through(&arrival, &self.decoders) {
                self.printed += 1;
                self.line(&arrival, &mut lines);
            }
        }
        if !lines.is_empty() {
            out.lines(&lines);
        }
        self.tell_stop(out);
        self.is_enough()
    }

    const fn is_enough(&self) -> bool {
        self.printed >= self.most
    }

    /// How many messages could not be asked by the jq expression.
    pub(super) fn unasked(&self) -> u64 {
        self.sieve.query.as_ref().map_or(0, CompiledQuery::unasked)
    }

    /// Tells once that the expression met a limit: what it could not be asked for is not printed.
    fn tell_stop(&mut self, out: &mut Output) {
        let problem = self.sieve.query.as_ref().and_then(CompiledQuery::problem);
        if let Some(problem) = problem.filter(|_| !std::mem::replace(&mut self.is_stop_told, true)) {
            out.aside(&problem);
        }
    }

    // Writing to memory cannot fail: that is what the results below are dropped for.
    fn line(&self, arrival: &Arrival<'_>, lines: &mut Vec<u8>) {
        let decoded = || self.decoders.decode_at(arrival.topic, arrival.payload, None, arrival.mono_micros);
        match &self.form {
            Form::Json => drop(jsonl::write_decoded(lines, arrival, Some(&decoded()))),
            Form::Own(format) => {
                format.write(arrival, format.needs_value().then(decoded).as_ref(), self.is_terminal, lines);
            }
            Form::Full => full(arrival, &decoded(), lines),
            Form::Line => {
                let topic = visible_octets(arrival.topic, MAX_TOPIC);
                let payload = self.decoders.one_line(arrival.topic, arrival.payload, arrival.mono_micros, MAX_PREVIEW);
                let _ = writeln!(lines, "{} {topic} {payload}", local_time(arrival.unix_micros));
            }
        }
    }
}

impl Sieve {
    fn new(args: &SieveArgs, topics: &[TopicFilter]) -> Result<Self, Problem> {
        let query = Query {
            filter: None,
            text: args.text.clone().unwrap_or_default(),
            is_regex: args.regex,
            jq: args.filter_jq.clone().unwrap_or_default(),
        };
        let query = (!query.is_empty()).then(|| CompiledQuery::compile(&query)).transpose()?;
        let retained = args.retained_only.then_some(true).or_else(|| args.no_retained.then_some(false));
        Ok(Self { topics: topics.to_vec(), left_out: args.filter_out.clone(), retained, query })
    }

    fn lets_through(&self, arrival: &Arrival<'_>, decoders: &Decoders) -> bool {
        let Arrival { topic, payload, mono_micros, is_retained, .. } = *arrival;
        let is_of = |filters: &[TopicFilter]| filters.iter().any(|filter| filter.matches_bytes(topic));
        (self.topics.is_empty() || is_of(&self.topics))
            && !is_of(&self.left_out)
            && self.retained.is_none_or(|wanted| wanted == is_retained)
            && self.query.as_ref().is_none_or(|query| query.matches(topic, payload, mono_micros, decoders))
    }
}

fn two_forms() -> Problem {
    Problem::new(
        "inspect.two_forms",
        "--format and --json can't be used together",
        "Each says how messages are printed",
        "Leave one of them out; %j in a format is the JSON line",
    )
}

/// A message with its value in full: a line that says what it is, then the value, safe to show.
fn full(arrival: &Arrival<'_>, decoded: &Decoded, lines: &mut Vec<u8>) {
    let topic = visible_octets(arrival.topic, MAX_TOPIC);
    let packed = decoded.packed_in.iter().fold(String::new(), |packed, packing| packed + " in " + packing.word());
    let retained = if arrival.is_retained { ", retained" } else { "" };
    let _ = writeln!(
        lines,
        "{} {topic} ({}{packed}, {}, QoS {}{retained})",
        local_time(arrival.unix_micros),
        decoded.kind,
        counted(arrival.payload.len() as u64, "byte"),
        arrival.qos.number(),
    );
    for (name, value) in &decoded.notes {
        let _ = writeln!(lines, "  {name}: {}", visible(value, MAX_PREVIEW));
    }
    if let Some(DecodeFailure { offset, what }) = &decoded.failure {
        let _ = writeln!(lines, "  not read to its end: at byte {offset}, {}", visible(what, MAX_PREVIEW));
    }
    match &decoded.body {
        Body::Tree(value) => safe_lines(&json::to_pretty_json(value), lines),
        Body::Text(text) => safe_lines(text, lines),
        Body::Bytes(bytes) => {
            for line in hex::lines(bytes, 0..hex::line_count(bytes)) {
                let _ = writeln!(lines, "  {line}");
            }
        }
        Body::Image { width, height, .. } => drop(writeln!(lines, "  a picture of {width}x{height}")),
    }
}

fn safe_lines(text: &str, lines: &mut Vec<u8>) {
    for line in text.lines() {
        let _ = writeln!(lines, "  {}", visible(&line.replace('\t', "    "), usize::MAX));
    }
}

/// The time of day here, with milliseconds.
pub(super) fn local_time(unix_micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(unix_micros) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => "--:--:--.---".into(),
    }
}
