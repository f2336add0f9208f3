//! Printing: text for people, one JSON object a line for programs. A reader that went away ends quietly whatever only looks.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::advice::advised;
use crate::model::problem::Problem;
use crate::model::text::escaped_json;

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

impl Exit {
    /// What a problem means for scripts that kept something from being done: wrong input, or that it could not run. Here
    /// stands the one list of what is wrong input; see the codes of `docs/json-lines.md`.
    pub fn of(problem: &Problem) -> Self {
        const CANCELLED: [&str; 2] = ["secret.cancelled", "inspect.stopped"];
        const INPUT: [&str; 58] = [
            "bench.address",
            "bench.name",
            "bench.no_port",
            "bundle.bad_key_line",
            "check.bad_host",
            "check.evidence",
            "check.no_profile",
            "check.report_form",
            "check.unknown_host_word",
            "check.unknown_profile",
            "check.unknown_rows",
            "check.unknown_source",
            "driver.no_management",
            "driver.not_available",
            "files.exists",
            "files.in_use",
            "files.no_folder",
            "files.not_a_folder",
            "files.not_a_file",
            "files.not_found",
            "files.not_text",
            "files.records",
            "files.same_file",
            "files.too_large",
            "mqtt.address",
            "mqtt.bad_server_name",
            "mqtt.bad_topic",
            "mqtt.cannot_watch",
            "mqtt.client_id_is_not_device",
            "mqtt.filter",
            "mqtt.foreign_filter",
            "mqtt.foreign_topic",
            "mqtt.identity_unreadable",
            "mqtt.key_damaged",
            "mqtt.key_encrypted",
            "mqtt.key_mismatch",
            "mqtt.key_password",
            "mqtt.key_protection",
            "mqtt.login_too_long",
            "mqtt.needs_newer_version",
            "mqtt.no_alpn",
            "mqtt.own_identity",
            "mqtt.response_topic",
            "mqtt.signature_needs_websocket",
            "mqtt.tls_file",
            "mqtt.topic",
            "mqtt.trust_empty",
            "mqtt.trust_unreadable",
            "recording.not_a_recording",
            "recording.not_found",
            "retained.not_confirmed",
            "scan.bad_ssid",
            "scan.nothing_sought",
            "sync.address",
            "sync.binding_without_tls",
            "sync.no_server",
            "sync.password_in_address",
            "sync.unverified",
        ];
        const AREAS: [&str; 7] =
            ["decode.schema", "evidence.", "mqtt.dialect", "mqtt.header_", "overrides.", "site.", "telemetry.jq"];
        let code = problem.code;
        if CANCELLED.contains(&code) {
            Self::Unknown
        } else if INPUT.contains(&code) || AREAS.iter().any(|area| code.starts_with(area)) {
            Self::Usage
        } else {
            Self::CouldNotRun
        }
    }

    /// As [`Exit::of`] for input that was refused before anything was begun: wrong, unless somebody gave up at a prompt.
    pub(super) fn of_input(problem: &Problem) -> Self {
        if Self::of(problem) == Self::Unknown { Self::Unknown } else { Self::Usage }
    }
}

/// Where results go.
pub struct Output {
    is_json: bool,
    out: Box<dyn Write>,
    /// Why nothing can be written any more.
    failure: Option<io::Error>,
}

impl Output {
    /// Standard output.
    pub fn standard(is_json: bool) -> Self {
        Self { is_json, out: Box::new(io::stdout()), failure: None }
    }

    /// Whether nobody reads any more, or nothing can be written: what only looks ends then, as other tools do.
    pub(super) const fn is_over(&self) -> bool {
        self.failure.is_some()
    }

    /// The exit code once everything is printed: what could not be written is told, unless its reader only went away.
    pub fn end(&self, exit: Exit) -> Exit {
        match &self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                to_people(&format!(
                    "The output could not be written: {error}. Free some space, or choose another target"
                ));
                exit.max(Exit::CouldNotRun)
            }
            _ => exit,
        }
    }

    /// Standard error, for when a file goes to standard output.
    pub fn beside(is_json: bool) -> Self {
        Self { is_json, out: Box::new(io::stderr()), failure: None }
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
            self.write(&escaped_json(&object.to_string()));
        }
    }

    /// A line whatever was asked for.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.write(line.as_ref());
    }

    /// Lines that are complete, all at once: a flood is not flushed line by line.
    pub(super) fn lines(&mut self, lines: &[u8]) {
        self.put(lines);
    }

    /// Octets of a device for people, as they are; nothing with `--json`.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        if !self.is_json {
            self.put(octets);
        }
    }

    /// A problem: last line with `--json`, a paragraph for people.
    pub fn problem(&mut self, problem: &Problem) {
        let problem = &*advised(problem);
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
        let warning = &*advised(warning);
        self.json(&tagged("warning", warning));
        self.text(format!("Warning: {}. {}", warning.what, warning.next_step));
    }

    /// Something to know, in one sentence.
    pub(super) fn note(&mut self, note: &str) {
        self.json(&json!({ "kind": "note", "text": note }));
        self.text(format!("Note: {note}"));
    }

    /// Something to know beside a stream of messages, so on standard error; an object for programs with `--json`.
    pub(super) fn aside(&mut self, warning: &Problem) {
        let warning = &*advised(warning);
        self.json(&tagged("warning", warning));
        self.aside_text(format!("Warning: {}. {}", warning.what, warning.next_step));
    }

    /// A line for people on standard error; nothing with `--json`.
    pub(super) fn aside_text(&self, line: impl AsRef<str>) {
        if !self.is_json {
            to_people(line.as_ref());
        }
    }

    fn write(&mut self, line: &str) {
        let line = line.trim_end_matches('\n');
        self.put(format!("{line}\n").as_bytes());
    }

    /// After the first failure nothing is written any more: `linesman records list | head` closes the pipe.
    fn put(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.out.write_all(bytes).and_then(|()| self.out.flush()).err();
        }
    }
}

/// A line on standard error. Where that is closed there is nobody to tell.
fn to_people(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
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
