//! `linesman wipe scan`: searches a card or an image for secrets.

use serde_json::json;

use super::lines::counted;
use super::output::{Exit, Output, tagged};
use super::session::workers_gone;
use super::wipe_args::ScanArgs;
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::model::card_scan::{NONE_FOUND, Scanned, UNSEEN};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::parse_ssid;
use crate::msg::wipe::{CardScan, ScanEvent};
use crate::msg::{Command, Event, JobEnd};

/// Searches a medium and tells every place.
pub(super) fn scan(handle: &mut Handle, args: &ScanArgs, out: &mut Output) -> Exit {
    let scan = match prepare(args) {
        Ok(scan) => scan,
        Err(problem) => {
            out.problem(&problem);
            return Exit::of_input(&problem);
        }
    };
    let job = next_job();
    if let Err(problem) = handle.try_send(Command::ScanCard { job, scan: Box::new(scan) }) {
        out.problem(&problem);
        return Exit::CouldNotRun;
    }
    let mut scanned = None;
    loop {
        match handle.recv_blocking() {
            Some(Event::CardScanned { job: of, event }) if of == job => match event {
                ScanEvent::At { bytes, total } => progress(bytes, total, out),
                ScanEvent::Ended(ended) => scanned = Some(ended),
            },
            Some(Event::JobFinished { job: of, end }) if of == job => return conclude(scanned, end, out),
            Some(Event::Trouble(problem)) => out.warning(&problem),
            Some(_) => {}
            None => return conclude(None, JobEnd::Failed(workers_gone()), out),
        }
    }
}

fn prepare(args: &ScanArgs) -> Result<CardScan, Problem> {
    let read = |path: &std::path::PathBuf| {
        let content = secret_input::read_file(path)?;
        let text = content.expose();
        // The end of its last line does not belong to a passphrase.
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let name = path.file_name().map_or_else(|| "the secret".into(), |name| name.to_string_lossy().into_owned());
        Ok((visible(&name, 60), Secret::new(text.to_vec())))
    };
    let ssid = args.ssid.as_deref().map(parse_ssid).transpose().map_err(|error| bad_ssid(&error.to_string()))?;
    let secrets = args.secrets.iter().map(read).collect::<Result<_, Problem>>()?;
    Ok(CardScan { path: args.medium.clone(), secrets, ssid })
}

fn bad_ssid(why: &str) -> Problem {
    Problem::new(
        "scan.bad_ssid",
        "The name of the network can't be one",
        why.to_owned(),
        "Write it as the access point does, or as hex: and its bytes",
    )
}

fn progress(bytes: u64, total: Option<u64>, out: &mut Output) {
    out.json(&json!({ "kind": "scan-progress", "bytes": bytes, "total_bytes": total }));
    let read = bytes / 1_000_000;
    out.aside_text(match total.and_then(|total| Some((total, (bytes * 100).checked_div(total)?))) {
        Some((total, percent)) => format!("{percent:>3} %  {read} of {} MB", total / 1_000_000),
        None => format!("{read} MB read; the medium tells no size"),
    });
}

fn conclude(scanned: Option<Box<Scanned>>, end: JobEnd, out: &mut Output) -> Exit {
    let (scanned, failed) = match (scanned, end) {
        (Some(scanned), JobEnd::Done { .. }) => (scanned, None),
        (Some(scanned), JobEnd::Failed(problem)) => (scanned, Some(problem)),
        (None, JobEnd::Failed(problem)) => {
            out.problem(&problem);
            return Exit::of(&problem);
        }
        (_, JobEnd::Cancelled | JobEnd::Done { .. }) => {
            out.problem(&stopped());
            return Exit::Unknown;
        }
    };
    for hit in &scanned.hits {
        out.json(&tagged("copy", hit));
        let setting = hit.setting.as_ref().map(|setting| format!(", {setting}")).unwrap_or_default();
        let (offset, held) = (hit.offset, hit.held.label());
        out.text(format!("{offset:>14}  {} as {}{setting}, {held}", hit.secret, hit.form));
    }
    let listed = scanned.hits.len() as u64;
    if scanned.total > listed {
        out.text(format!("{:>14}  {} more", "", scanned.total - listed));
    }
    out.json(&json!({
        "kind": "scanned", "bytes": scanned.bytes, "copies": scanned.total, "asked": scanned.asked,
        "left_out": scanned.left_out,
    }));
    let read = match scanned.bytes {
        0..1_000_000 => counted(scanned.bytes, "byte"),
        bytes => format!("{} MB", bytes / 1_000_000),
    };
    out.text(match scanned.total {
        0 if scanned.left_out.is_empty() => format!("{NONE_FOUND}: {read} read"),
        0 => format!("{NONE_FOUND} of what was searched for: {read} read"),
        1 => format!("1 copy found in {read}"),
        total => format!("{total} copies found in {read}"),
    });
    if let Some(text) = scanned.not_searched() {
        out.text(text);
    }
    if scanned.total == 0 {
        out.text(UNSEEN);
    }
    match failed {
        Some(problem) => {
            out.warning(&problem);
            Exit::CouldNotRun
        }
        None if scanned.total == 0 && !scanned.left_out.is_empty() => Exit::Unknown,
        None if scanned.total == 0 => Exit::Good,
        None => Exit::Findings,
    }
}

fn stopped() -> Problem {
    Problem::new(
        "scan.stopped",
        "The search was stopped before its end",
        "Somebody interrupted it",
        "Start it again: a part of the medium proves nothing",
    )
}
