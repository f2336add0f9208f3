//! Printing: text for people, one JSON object a line for programs. A reader that went away ends the program quietly.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::problem::Problem;

/// How the program ends, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done and good.
    Good = 0,
    /// Done with findings, or refused.
    Findings = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// Could not run.
    CouldNotRun = 3,
    /// Outcome unknown or incomplete.
    Unknown = 4,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Where results go.
pub struct Output {
    is_json: bool,
    out: Box<dyn Write>,
}

impl Output {
    /// Standard output.
    pub fn standard(is_json: bool) -> Self {
        Self { is_json, out: Box::new(io::stdout()) }
    }

    /// Standard error, for when a file goes to standard output.
    pub fn beside(is_json: bool) -> Self {
        Self { is_json, out: Box::new(io::stderr()) }
    }

    /// Whether JSON lines were asked for.
    pub const fn is_json(&self) -> bool {
        self.is_json
    }

    /// A line for people; nothing with `--json`.
    pub fn text(&mut self, line: impl AsRef<str>) {
        if !self.is_json {
            self.write(line.as_ref());
        }
    }

    /// An object for programs; nothing without `--json`.
    pub fn json(&mut self, object: &Value) {
        if self.is_json {
            self.write(&object.to_string());
        }
    }

    /// A line whatever was asked for.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.write(line.as_ref());
    }

    /// Lines that are complete, all at once: a flood is not flushed line by line.
    pub(super) fn lines(&mut self, lines: &[u8]) {
        // As below: what cannot be written any more is not missed.
        let _ = self.out.write_all(lines).and_then(|()| self.out.flush());
    }

    /// Octets of a device for people, as they are; nothing with `--json`.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        if !self.is_json {
            // As below: what cannot be written any more is not missed.
            let _ = self.out.write_all(octets).and_then(|()| self.out.flush());
        }
    }

    /// A problem: last line with `--json`, a paragraph for people.
    pub fn problem(&mut self, problem: &Problem) {
        self.json(&tagged("problem", problem));
        self.text(format!("Problem: {}", problem.what));
        self.text(format!("  likely cause  {}", problem.likely_cause));
        self.text(format!("  next step     {}", problem.next_step));
        self.text(format!("  code          {}", problem.code));
        if !problem.detail.is_empty() {
            self.text(format!("  detail        {}", problem.detail.replace('\n', "\n                ")));
        }
    }

    /// Something to know that stops nothing.
    pub(super) fn warning(&mut self, warning: &Problem) {
        self.json(&tagged("warning", warning));
        self.text(format!("Warning: {}. {}", warning.what, warning.next_step));
    }

    /// Something to know, in one sentence.
    pub(super) fn note(&mut self, note: &str) {
        self.json(&json!({ "kind": "note", "text": note }));
        self.text(format!("Note: {note}"));
    }

    fn write(&mut self, line: &str) {
        // `linesman records list | head` closes the pipe: what cannot be written any more is not missed.
        let _ = writeln!(self.out, "{}", line.trim_end_matches('\n')).and_then(|()| self.out.flush());
    }
}

/// An object with its kind in front.
pub(super) fn tagged(kind: &str, value: &impl Serialize) -> Value {
    let mut object = json!({ "kind": kind });
    if let (Value::Object(object), Ok(Value::Object(fields))) = (&mut object, serde_json::to_value(value)) {
        object.extend(fields);
    }
    object
}

/// Prints a problem that kept the program from starting and tells the exit code for it.
pub fn fail(is_json: bool, problem: &Problem, exit: Exit) -> Exit {
    Output::standard(is_json).problem(problem);
    exit
}
