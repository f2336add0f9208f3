//! `linesman device identify` and `linesman device reprovision`: one act of a session that sends no credentials.

use serde_json::json;

use super::args::DeviceLink;
use super::commission::{stopped, wait_for_start, write_transcript};
use super::output::{Exit, Output};
use super::session::{Act, Ended, Session, Todos};
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::model::access::Access;
use crate::model::ids::DriverId;
use crate::model::problem::Problem;
use crate::model::wifi::WifiRules;
use crate::msg::{Command, JobEnd, Known, Request, Step};
use crate::profile::DriverBinding;

/// Does it and prints what came of it. `confirmed` is the gateway's name where the act changes something.
pub(super) fn act(
    handle: &mut Handle,
    link: &DeviceLink,
    request: Request,
    confirmed: Option<&str>,
    out: &mut Output,
) -> Exit {
    match open(handle, link, request, confirmed, out) {
        Ok(session) => {
            let job = session.job;
            let ended = session.run(handle, out);
            write_transcript(handle, job, link.transcript.as_ref(), out);
            conclude(ended, out)
        }
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open(
    handle: &mut Handle,
    link: &DeviceLink,
    request: Request,
    confirmed: Option<&str>,
    out: &mut Output,
) -> Result<Session, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = link.profile.as_ref().map(|id| catalog.find(id)).transpose().map_err(usage)?;
    let fits =
        |binding: &&DriverBinding| binding.link == link.via.kind() && binding.driver.is_available_over(binding.link);
    let of_profile = profile.and_then(|profile| profile.drivers.iter().find(fits).map(|binding| binding.driver));
    let driver = link.driver.or(of_profile).unwrap_or_else(|| DriverId::usual_over(link.via.kind()));
    let secret = link.password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose().map_err(usage)?;
    let access = Access { username: link.username.clone(), secret, allows_unprotected: false };
    let (job, profile) = (next_job(), profile.map(|profile| profile.id.clone()));
    handle
        .try_send(Command::OpenSession {
            job,
            link: link.via.clone(),
            profile,
            driver,
            access,
            known: Known::default(),
        })
        .map_err(could_not_run)?;
    out.text(format!("Connecting to {} with {driver} …", link.via));
    let session = Session::new(job, WifiRules::standard(), Todos::default()).at(link.via.place());
    Ok(session.acting(request, confirmed.map(str::to_owned)))
}

/// What to do after an act whose end nobody saw.
const LOOK_AT_IT: &str = "Look at the gateway's state, then run the command again if nothing happened";

fn conclude(ended: Ended, out: &mut Output) -> Exit {
    let (problem, exit) = match (ended.act, ended.failed, ended.refusal, ended.end) {
        (Some(Act { step, note, is_done: true }), ..) => {
            out.json(&json!({ "kind": "act", "act": step.as_str(), "note": note }));
            out.text(format!("\nDONE: {note}"));
            return Exit::Good;
        }
        (_, Some((_, problem)), ..) => (problem, Exit::Findings),
        (_, None, Some(problem), _) => (problem, Exit::Usage),
        (_, None, None, JobEnd::Failed(problem)) => (problem, Exit::CouldNotRun),
        (Some(Act { step, note, .. }), None, None, _) => (skipped(step, &note), Exit::Findings),
        (None, None, None, JobEnd::Cancelled | JobEnd::Done { .. }) => (stopped(LOOK_AT_IT), Exit::Unknown),
    };
    out.problem(&problem);
    exit
}

fn skipped(step: Step, reason: &str) -> Problem {
    Problem::new(
        "device.not_offered",
        format!("{}: this gateway does not offer it", step.label()),
        reason,
        "Continue without it, choose another driver, or use the vendor's own tool",
    )
}
