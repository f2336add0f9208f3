//! `linesman commission`: the same session as in the window, from arguments.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{CommissionArgs, CredentialFile};
use super::output::{Exit, Output};
use super::session::{Ended, Session, Todos, print_outcome, workers_gone};
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::model::access::Access;
use crate::model::agenda::{Agenda, Order};
use crate::model::credentials::{WifiDraft, check};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, JobId};
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::qr::QrContent;
use crate::model::secret::Secret;
use crate::model::wifi::WifiRules;
use crate::msg::{Command, Event, JobEnd, Known, QrSource, Startup, Step};
use crate::profile::DriverBinding;

/// Commissions one gateway and tells how it ended.
pub fn commission(handle: &mut Handle, args: &CommissionArgs, out: &mut Output) -> Exit {
    match prepare(handle, args, out) {
        Ok(session) => {
            let job = session.job;
            let ended = session.run(handle, out);
            write_transcript(handle, job, args.transcript.as_ref(), out);
            conclude(ended, out)
        }
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

/// Prints the result, last, and tells the exit code: good only if all that was asked for was done.
fn conclude(ended: Ended, out: &mut Output) -> Exit {
    if let Some(outcome) = ended.outcomes.last() {
        print_outcome(outcome, out);
        return match outcome.verdict {
            Verdict::Joined if ended.failed.is_some() => Exit::Findings,
            Verdict::Joined => Exit::Good,
            Verdict::Refused => Exit::Findings,
            Verdict::Unknown => Exit::Unknown,
        };
    }
    let (problem, exit) = match (ended.failed, ended.refusal, ended.end) {
        (Some((Step::Credential, problem)), ..) | (Some((_, problem)), None, JobEnd::Done { .. }) => {
            (problem, Exit::Findings)
        }
        (_, Some(problem), _) => (problem, Exit::Usage),
        (_, None, JobEnd::Failed(problem)) => {
            let exit = Exit::of(&problem);
            (problem, exit)
        }
        (None, None, JobEnd::Done { note }) if !ended.wants_network && !ended.taken.is_empty() => {
            if let Some((id, evidence)) = ended.taken.last() {
                out.json(&json!({ "kind": "done", "credential": id, "evidence": evidence, "note": note }));
            }
            out.text(format!("\nDONE: {note}"));
            return Exit::Good;
        }
        (_, None, JobEnd::Cancelled | JobEnd::Done { .. }) => {
            (stopped(if ended.has_sent { LOOK_FIRST } else { NOTHING_SENT }), Exit::Unknown)
        }
    };
    out.problem(&problem);
    exit
}

/// Code of a session that somebody interrupted.
pub(super) const STOPPED: &str = "session.stopped";
/// What to do after a session that was stopped while something was sent, or later.
const LOOK_FIRST: &str = "Credentials may have arrived: look on the gateway whether it joined before sending again";
/// The same before that.
pub(super) const NOTHING_SENT: &str = "Run the command again; no credentials were sent";

/// A session that ended before it came to anything, and what to do then.
pub(super) fn stopped(next_step: &str) -> Problem {
    Problem::new(STOPPED, "The session was stopped before a verdict", "Somebody interrupted it", next_step)
}

/// Writes the transcript of a session that has ended.
pub(super) fn write_transcript(
    handle: &mut Handle,
    session: JobId,
    destination: Option<&Destination>,
    out: &mut Output,
) {
    let Some(destination) = destination else { return };
    let job = next_job();
    let command = Command::ExportTranscript { job, session, destination: destination.clone() };
    if let Err(problem) = handle.try_send(command) {
        return out.problem(&problem);
    }
    while let Some(event) = handle.recv_blocking() {
        match event {
            Event::JobFinished { job: ended, end } if ended == job => {
                return match end {
                    JobEnd::Done { note } => {
                        out.json(&json!({ "kind": "transcript", "path": note }));
                        out.text(format!("The transcript is in {note}"));
                    }
                    JobEnd::Failed(problem) => out.warning(&problem),
                    JobEnd::Cancelled => out.note("The transcript was not written: somebody interrupted it"),
                };
            }
            _ => {}
        }
    }
}

/// Reads what the session needs before anything is opened: wrong input must not touch the gateway.
fn prepare(handle: &mut Handle, args: &CommissionArgs, out: &mut Output) -> Result<Session, (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = args.profile.as_ref().map(|id| catalog.find(id)).transpose().map_err(usage)?;
    let rules = profile.and_then(|profile| profile.wifi.clone()).unwrap_or_else(WifiRules::standard);
    let code = args.qr_file.as_deref().map(|path| read_code(handle, path, out)).transpose().map_err(|problem| {
        let exit = if problem.code == STOPPED { Exit::Unknown } else { Exit::Usage };
        (problem, exit)
    })?;
    check_code(args, code.as_ref()).map_err(usage)?;
    // The code is on the device itself.
    let mut let_in_by_code = DriverId::over(args.via.kind()).filter(|driver| driver.is_let_in_by_code());
    let of_code = matches!(code, Some(Code::Device(_))).then(|| let_in_by_code.next()).flatten();
    let of_profile = profile.and_then(|profile| {
        let fitting = |binding: &&DriverBinding| {
            binding.link == args.via.kind() && binding.driver.is_available_over(binding.link)
        };
        profile.drivers.iter().find(fitting).map(|binding| binding.driver)
    });
    let driver = args.driver.or(of_code).or(of_profile).unwrap_or_else(|| DriverId::usual_over(args.via.kind()));
    if let Some(profile) = profile
        && !profile.drivers.iter().any(|binding| binding.driver == driver && binding.link == args.via.kind())
    {
        out.note(&format!(
            "{} does not name {driver} over {}; it is tried all the same",
            profile.name,
            args.via.kind()
        ));
    }
    let read_from_stdin = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    if read_from_stdin(&args.password_file) && read_from_stdin(&args.pop_file) {
        return Err(usage(stdin_twice()));
    }
    let (network, of_code) = match code {
        Some(Code::Network(draft)) => (Some(*draft), Access::default()),
        // What lets into a device in one protocol is no business of another's.
        Some(Code::Device(access)) if driver.is_let_in_by_code() => (None, access),
        Some(Code::Device(_)) | None => (None, Access::default()),
    };
    let draft = draft(args, network).map_err(usage)?;
    // Once without the scan, so that a typing mistake is told before the gateway is touched.
    let mut early = None;
    if let Some(draft) = &draft {
        let (credentials, findings) = check(draft, &rules, None, None);
        if let Some(problem) = findings.errors.first() {
            return Err(usage(problem.clone()));
        }
        early = credentials;
    }
    let access = access(args, of_code).map_err(usage)?;
    let contents = contents(args).map_err(usage)?;
    let secrets = contents.iter().map(|(_, content)| content.clone()).collect();
    let known = Known { network: early.clone(), secrets };
    let todo = todo(args, draft, contents);
    let job = next_job();
    let profile = profile.map(|profile| profile.id.clone());
    handle
        .try_send(Command::OpenSession { job, link: args.via.clone(), profile, driver, access, known })
        .map_err(could_not_run)?;
    let session = Session::new(job, rules, todo).expecting(early);
    if args.no_scan {
        return Ok(session);
    }
    handle.try_send(Command::ScanFromLaptop).map_err(could_not_run)?;
    Ok(session.with_laptop_scan())
}

/// What a credential holds, by its id.
type Content = (String, Secret<Vec<u8>>);

/// The credentials to send.
fn contents(args: &CommissionArgs) -> Result<Vec<Content>, Problem> {
    let read = |CredentialFile { id, file }: &CredentialFile| Ok((id.clone(), secret_input::read_file(file)?));
    args.credentials.iter().map(read).collect()
}

/// What to ask of the gateway.
fn todo(args: &CommissionArgs, network: Option<WifiDraft>, credentials: Vec<Content>) -> Todos {
    Agenda::of(Order {
        credentials,
        hostname: args.hostname.clone(),
        device_name: args.device_name.clone(),
        is_scanning: network.is_some() && !args.no_scan,
        networks: network.into_iter().collect(),
    })
}

/// What lets us in: from the files named, and what they leave open from the device's code.
fn access(args: &CommissionArgs, of_code: Access) -> Result<Access, Problem> {
    let secret = args.pop_file.as_deref().map(|file| secret_input::read(Some(file))).transpose()?;
    let username = args.username.clone().or(of_code.username);
    Ok(Access { username, secret: secret.or(of_code.secret), allows_unprotected: args.allow_unprotected })
}

fn stdin_twice() -> Problem {
    Problem::new(
        "secret.stdin_twice",
        "Two secrets cannot both come from standard input",
        "--password-file and --pop-file both name it",
        "Give one of the two as a file",
    )
}

/// Waits until the workers are up.
pub(super) fn wait_for_start(handle: &mut Handle) -> Result<Box<Startup>, Problem> {
    loop {
        match handle.recv_blocking() {
            Some(Event::Started(startup)) => return Ok(startup),
            Some(Event::Trouble(problem)) => return Err(problem),
            Some(_) => {}
            None => return Err(workers_gone()),
        }
    }
}

/// What a QR code held.
enum Code {
    /// A network.
    Network(Box<WifiDraft>),
    /// What lets into the device it names.
    Device(Access),
}

/// Whether the network is named exactly once.
fn check_code(args: &CommissionArgs, code: Option<&Code>) -> Result<(), Problem> {
    match code {
        Some(Code::Network(_)) if args.ssid.is_some() || args.password_file.is_some() || args.open => {
            Err(Problem::new(
                "qr.network_twice",
                "The network is given twice",
                "The QR code holds a network, and --ssid, --password-file or --open names one too",
                "Leave out either --qr-file or those",
            ))
        }
        Some(Code::Device(_)) if args.ssid.is_none() && args.credentials.is_empty() => Err(Problem::new(
            "qr.no_network",
            "The QR code holds no network",
            "It is a provisioning code: it names a device and what lets into it",
            "Give the network too, with --ssid and --password-file, or use a WIFI: code",
        )),
        _ => Ok(()),
    }
}

fn draft(args: &CommissionArgs, of_code: Option<WifiDraft>) -> Result<Option<WifiDraft>, Problem> {
    let mut draft = match (of_code, &args.ssid) {
        (Some(draft), _) => draft,
        (None, None) => return Ok(None),
        (None, Some(ssid)) => {
            let mut draft = WifiDraft { ssid: ssid.clone(), is_open: args.open, ..WifiDraft::default() };
            if !args.open {
                draft.passphrase = secret_input::read(args.password_file.as_deref())?;
            }
            draft
        }
    };
    draft.is_hidden |= args.hidden;
    draft.is_psk_derived = args.derived_key;
    draft.is_utf8_allowed = args.utf8;
    Ok(Some(draft))
}

fn read_code(handle: &mut Handle, path: &Path, out: &mut Output) -> Result<Code, Problem> {
    let job = next_job();
    handle.try_send(Command::ReadQr { job, source: QrSource::File(path.to_owned()) })?;
    loop {
        match handle.recv_blocking() {
            Some(Event::QrRead { job: read, content }) if read == job => {
                return content.map(|content| take(content, out));
            }
            // Interrupted while the picture was read: no answer follows.
            Some(Event::JobFinished { job: ended, .. }) if ended == job => return Err(stopped(NOTHING_SENT)),
            Some(_) => {}
            None => return Err(workers_gone()),
        }
    }
}

/// Takes what the code holds, and tells what is to be known of it. The device itself tells which security it wants.
fn take(content: QrContent, out: &mut Output) -> Code {
    let (code, notes) = match content {
        QrContent::Wifi { draft, notes } => (Code::Network(Box::new(draft)), notes),
        QrContent::EspProvisioning { name, transport, username, proof_of_possession: secret, notes, .. } => {
            out.note(&format!("The code names the device {name} (over {transport})"));
            (Code::Device(Access { username, secret, allows_unprotected: false }), notes)
        }
    };
    for note in &notes {
        out.note(note);
    }
    code
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::gateway::Protection;
    use crate::model::outcome::{Evidence, EvidenceKind, Outcome};

    fn problem() -> Problem {
        Problem::new("test", "", "", "")
    }

    fn ended() -> Ended {
        let evidence = Evidence { kind: EvidenceKind::Acknowledged, text: String::new(), at: Duration::ZERO };
        Ended {
            outcomes: Vec::new(),
            taken: vec![("token".into(), evidence)],
            failed: None,
            wants_network: false,
            has_sent: false,
            seen: None,
            refusal: None,
            act: None,
            probed: Vec::new(),
            end: JobEnd::Done { note: String::new() },
        }
    }

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome {
            verdict,
            code: "test",
            summary: String::new(),
            evidence: Vec::new(),
            causes: Vec::new(),
            next_step: String::new(),
            addresses: Vec::new(),
            driver: DriverId::Improv,
            protection: Protection::Cable,
            took: Duration::ZERO,
        }
    }

    fn exit(ended: Ended) -> Exit {
        conclude(ended, &mut Output::standard(true))
    }

    #[test]
    fn a_token_that_was_taken_makes_no_failed_network_good() {
        assert_eq!(exit(ended()), Exit::Good, "only the token was to be sent");
        assert_eq!(exit(Ended { wants_network: true, refusal: Some(problem()), ..ended() }), Exit::Usage);
        let failed = Some((Step::Push, problem()));
        assert_eq!(exit(Ended { wants_network: true, failed, ..ended() }), Exit::Findings);
        let end = JobEnd::Failed(problem());
        assert_eq!(exit(Ended { wants_network: true, end, ..ended() }), Exit::CouldNotRun);
        assert_eq!(exit(Ended { wants_network: true, ..ended() }), Exit::Unknown, "no verdict came");
        let outcomes = vec![outcome(Verdict::Unknown)];
        assert_eq!(exit(Ended { wants_network: true, outcomes, ..ended() }), Exit::Unknown);
        assert_eq!(exit(Ended { end: JobEnd::Cancelled, ..ended() }), Exit::Unknown);
    }

    #[test]
    fn a_step_that_failed_is_not_good_whatever_came_after_it() {
        for (step, outcomes) in
            [(Step::Rename, Vec::new()), (Step::Rename, vec![outcome(Verdict::Joined)]), (Step::Credential, Vec::new())]
        {
            let failed = Some((step, problem()));
            assert_eq!(exit(Ended { outcomes, failed, ..ended() }), Exit::Findings, "{step:?}");
        }
        assert_eq!(exit(Ended { outcomes: vec![outcome(Verdict::Joined)], ..ended() }), Exit::Good);
    }
}
