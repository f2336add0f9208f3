//! Puts facts about this program and its last jobs together as one text for support.
//!
//! The text leaves the computer: secrets go through the [`Redactor`], the home folder becomes `~`, the operator's name is
//! left out, and whatever a gateway said is made safe to show. Nothing is sent anywhere.

use std::fmt::Write as _;
use std::path::Path;

use super::files::{self, DataDir};
use super::logs;
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{EntryRecord, JobHistory, JobRecord};
use crate::model::redact::Redactor;
use crate::model::settings::Settings;
use crate::model::text::visible;

/// How many of the newest jobs to gather with [`super::records::RecordStore::recent`].
pub const JOBS: usize = 20;
/// Most of the log taken.
const LOG_BYTES: usize = 64 * 1024;
/// Characters of a line.
const LINE_CHARS: usize = 2000;

/// What the text is made of. What could not be gathered comes as the problem met.
pub struct Facts<'a> {
    /// The data folder.
    pub data_dir: &'a DataDir,
    /// The settings in use.
    pub settings: &'a Settings,
    /// Problems at the start: profiles, settings, log.
    pub start_problems: &'a [Problem],
    /// The newest jobs, oldest first.
    pub jobs: Result<&'a [JobHistory], &'a Problem>,
    /// The ports there are.
    pub ports: Result<&'a [(LinkAddress, PortFacts)], &'a Problem>,
}

/// Writes the text. Reads the log, so it blocks.
pub fn collect(facts: &Facts<'_>, redactor: &Redactor) -> String {
    let mut page = Page { text: String::new(), redactor };
    program(&mut page, facts);
    problems(&mut page, facts.start_problems);
    ports(&mut page, facts);
    jobs(&mut page, facts);
    log(&mut page, facts.data_dir);
    without_own_home(&page.text)
}

/// This program and the system it runs on.
pub(super) fn program_facts() -> Vec<(String, String)> {
    let system = format!("{} {}, {}", std::env::consts::OS, std::env::consts::ARCH, system_name());
    vec![("Linesman".into(), env!("CARGO_PKG_VERSION").into()), ("System".into(), system)]
}

/// The text with `~` for this account's home folder.
pub(super) fn without_own_home(text: &str) -> String {
    match directories::BaseDirs::new() {
        Some(folders) => without_home(text, folders.home_dir()),
        None => text.to_owned(),
    }
}

/// The text as it grows.
struct Page<'a> {
    text: String,
    redactor: &'a Redactor,
}

impl Page<'_> {
    /// Adds a line. Secrets go first: cut or made safe, they would no longer be recognised.
    fn line(&mut self, content: &str) {
        self.text.push_str(&visible(&self.redactor.redact_text(content), LINE_CHARS));
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "\n{title}\n{}\n", "-".repeat(title.len()));
    }

    fn problem(&mut self, problem: &Problem) {
        self.line(&format!("{}: {}", problem.code, problem.what));
        if !problem.detail.is_empty() {
            self.line(&format!("    {}", problem.detail));
        }
    }
}

fn program(page: &mut Page<'_>, facts: &Facts<'_>) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    page.line(&format!("Linesman {} diagnostics, {now}", env!("CARGO_PKG_VERSION")));
    page.line(&format!("System: {} {}, {}", std::env::consts::OS, std::env::consts::ARCH, system_name()));
    page.line(&format!("Data folder: {}", facts.data_dir.root().display()));
    let settings = facts.settings;
    let profile = settings.last_profile.as_ref().map_or("none", |profile| profile.as_str());
    let operator = if settings.operator.is_empty() { "not set" } else { "set" };
    page.line(&format!(
        "Settings: theme {:?}, scale {}, last profile {profile}, operator {operator}",
        settings.theme, settings.scale
    ));
}

/// The name of the Linux distribution and the kind of desktop session, where the system tells.
fn system_name() -> String {
    let release = files::read_text(Path::new("/etc/os-release"), 16 * 1024).unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("no further name");
    let session = std::env::var("XDG_SESSION_TYPE").unwrap_or_else(|_| "unknown".into());
    format!("{}, session {session}", name.trim_matches('"'))
}

fn problems(page: &mut Page<'_>, found: &[Problem]) {
    page.heading("Problems at the start");
    if found.is_empty() {
        page.line("none");
    }
    for each in found {
        page.problem(each);
    }
}

fn ports(page: &mut Page<'_>, facts: &Facts<'_>) {
    page.heading("Ports");
    match facts.ports {
        Err(each) => page.problem(each),
        Ok([]) => page.line("none"),
        Ok(list) => list.iter().for_each(|(link, facts)| page.line(&port_line(link, facts))),
    }
}

fn port_line(link: &LinkAddress, facts: &PortFacts) -> String {
    let mut content = link.to_string();
    if let (Some(vid), Some(pid)) = (facts.vid, facts.pid) {
        let _ = write!(content, " usb {vid:04x}:{pid:04x}");
    }
    for said in [&facts.manufacturer, &facts.product].into_iter().flatten() {
        let _ = write!(content, ", {said}");
    }
    if facts.is_simulated {
        content.push_str(", simulated");
    }
    content
}

fn jobs(page: &mut Page<'_>, facts: &Facts<'_>) {
    page.heading("Last jobs");
    match facts.jobs {
        Err(each) => page.problem(each),
        Ok([]) => page.line("none"),
        Ok(list) => {
            for history in list {
                page.line(&job_line(&history.job));
                history.entries.iter().for_each(|entry| page.line(&entry_line(entry)));
            }
        }
    }
}

/// A job without its operator.
fn job_line(job: &JobRecord) -> String {
    let intent = &job.intent;
    format!(
        "{} {} {} of {} over {} (profile {}, driver {}{}): {} {}: {}",
        job.id.0,
        job.started_at,
        intent.action,
        intent.gateway,
        intent.link,
        intent.profile.as_deref().unwrap_or("none"),
        intent.driver.as_deref().unwrap_or("none"),
        if intent.is_simulated { ", simulated" } else { "" },
        job.outcome,
        job.reason,
        job.summary
    )
}

/// An entry; the first of a job repeats the intent, which names the operator.
fn entry_line(entry: &EntryRecord) -> String {
    let mut detail = entry.detail.clone();
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("operator");
    }
    format!("    {} {} {} {} {} {detail}", entry.sequence, entry.at, entry.step, entry.phase, entry.outcome)
}

fn log(page: &mut Page<'_>, data_dir: &DataDir) {
    page.heading("Log");
    match logs::recent(data_dir, LOG_BYTES) {
        Err(error) => page.problem(&error.explain()),
        Ok(lines) if lines.is_empty() => page.line("empty"),
        Ok(lines) => lines.lines().for_each(|each| page.line(each)),
    }
}

/// Replaces the home folder, also as it stands in JSON and in Rust's quoted texts.
fn without_home(text: &str, home: &Path) -> String {
    let home = home.to_string_lossy();
    let home = home.trim_end_matches(['/', '\\']);
    // The root as home, as in containers: there is nothing to hide.
    if home.len() < 2 {
        return text.to_owned();
    }
    text.replace(&home.replace('\\', "\\\\"), "~").replace(home, "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::record::{JobIntent, RecordId};

    fn history() -> JobHistory {
        let intent = JobIntent {
            action: "commission".into(),
            gateway: "gw\u{202E}\n1".into(),
            link: "serial:/dev/ttyUSB0".into(),
            profile: None,
            driver: Some("improv".into()),
            operator: "Kim Example".into(),
            is_simulated: false,
        };
        let detail = json!({ "operator": "Kim Example", "echo": "hunter2hunter2", "key": "aHVudGVyMmh1bnRlcjI=" });
        let entry = EntryRecord {
            sequence: 1,
            at: "2026-01-01T00:00:00.000Z".into(),
            step: "push".into(),
            phase: "outcome".into(),
            outcome: "done".into(),
            detail,
        };
        let job = JobRecord {
            id: RecordId(7),
            started_at: "2026-01-01T00:00:00.000Z".into(),
            ended_at: None,
            intent,
            outcome: "unknown".into(),
            reason: "records.cut_off".into(),
            summary: "The gateway logged hunter2hunter2".into(),
            row_name: None,
            origin: None,
            last_entry_at: None,
        };
        JobHistory { job, entries: vec![entry], returned: None }
    }

    #[test]
    fn the_text_tells_much_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(Some(folder.path())).unwrap();
        std::fs::create_dir(data_dir.logs()).unwrap();
        std::fs::write(
            data_dir.logs().join("linesman.2026-01-01.log"),
            format!("line \u{1b}[31m hunter2hunter2\n{}hunter2hunter2", "x".repeat(1990)),
        )
        .unwrap();
        let settings = Settings { operator: "Kim Example".into(), ..Settings::default() };
        let trouble = Problem::new("serial.not_listed", "Ports could not be listed", "x", "y").with_detail("why");
        let facts = Facts {
            data_dir: &data_dir,
            settings: &settings,
            start_problems: &[],
            jobs: Ok(&[history()]),
            ports: Err(&trouble),
        };
        let text = collect(&facts, &Redactor::new([b"hunter2hunter2".as_slice()]));
        for expected in
            ["Linesman 0.", "System: ", "records.cut_off", "gw\u{FFFD}\u{FFFD}1", "serial.not_listed", "why"]
        {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        for secret in ["hunter2", "aHVudGVy", "Kim", "\u{1b}", "\u{202E}"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(text.matches("[redacted]").count(), 5);
    }

    #[test]
    fn ports_are_described_as_far_as_known() {
        let link = LinkAddress::Serial("/dev/ttyUSB0".into());
        let facts =
            PortFacts { vid: Some(0x303a), pid: Some(0x1001), product: Some("JTAG".into()), ..Default::default() };
        assert_eq!(port_line(&link, &facts), "serial:/dev/ttyUSB0 usb 303a:1001, JTAG");
        assert_eq!(port_line(&link, &PortFacts::default()), "serial:/dev/ttyUSB0");
    }

    #[test]
    fn the_home_folder_is_not_told() {
        assert_eq!(without_home("at /home/kim/x and /home/kim", Path::new("/home/kim/")), "at ~/x and ~");
        let windows = r#"{"p":"C:\\Users\\kim\\x"} C:\Users\kim\y"#;
        assert_eq!(without_home(windows, Path::new(r"C:\Users\kim")), r#"{"p":"~\\x"} ~\y"#);
        assert_eq!(without_home("/a/b", Path::new("/")), "/a/b");
    }
}
