//! `linesman bench-broker`: a broker on this computer to point gateways at, and who comes and goes.

use serde_json::json;

use super::args::BenchArgs;
use super::commission::wait_for_start;
use super::lines::utc;
use super::next_job;
use super::output::{Exit, Output};
use super::session::workers_gone;
use super::sieve::local_time;
use crate::backend::Handle;
use crate::model::ids::JobId;
use crate::model::mqtt::bench::{BenchFacts, BenchPlan, Sighting, SightingKind};
use crate::model::problem::Problem;
use crate::msg::telemetry::{BenchCommand, BenchEvent};
use crate::msg::{Command, Event, JobEnd};

/// Runs the bench broker until Ctrl+C.
pub fn bench_broker(handle: &mut Handle, args: &BenchArgs, out: &mut Output) -> Exit {
    let job = next_job();
    if let Err(problem) = start(handle, args, job) {
        out.problem(&problem);
        return Exit::of(&problem);
    }
    let mut seen = Seen::default();
    let end = loop {
        match handle.recv_blocking() {
            Some(Event::BenchProgressed { job: of, event }) if of == job => match event {
                BenchEvent::Running(facts) => announce(&facts, out),
                BenchEvent::Seen { unix_micros, sighting } => seen.print(unix_micros, &sighting, out),
            },
            Some(Event::JobFinished { job: of, end }) if of == job => break end,
            Some(Event::Trouble(problem)) => out.warning(&problem),
            Some(_) => {}
            None => break JobEnd::Failed(workers_gone()),
        }
    };
    match end {
        JobEnd::Done { .. } | JobEnd::Cancelled => {
            seen.conclude(out);
            Exit::Good
        }
        JobEnd::Failed(problem) => {
            out.problem(&problem);
            Exit::of(&problem)
        }
    }
}

fn start(handle: &mut Handle, args: &BenchArgs, job: JobId) -> Result<(), Problem> {
    wait_for_start(handle)?;
    handle.try_send(Command::Bench { job, command: BenchCommand::Start(plan(args)) })
}

fn plan(args: &BenchArgs) -> BenchPlan {
    let mut names = vec!["localhost".to_owned()];
    names.extend(args.names.iter().cloned());
    BenchPlan {
        address: args.address.clone(),
        names,
        plain: args.plain.0,
        tls: args.tls.0,
        mutual_tls: args.mutual_tls.0,
        websocket: args.websocket.0,
        most_keep_alive_secs: args.max_keep_alive,
        refused: args.refuse.clone(),
    }
}

fn announce(facts: &BenchFacts, out: &mut Output) {
    let client = facts.client_paths.as_ref();
    out.json(&json!({
        "kind": "bench-broker",
        "urls": facts.urls,
        "ca": facts.ca_path,
        "ca_sha256": facts.ca_sha256,
        "client_certificate": client.map(|(certificate, _)| certificate),
        "client_key": client.map(|(_, key)| key),
        "addresses": facts.interfaces,
    }));
    out.text("The bench broker runs. Ctrl+C ends it");
    for url in &facts.urls {
        out.text(format!("  address             {url}"));
    }
    out.text(format!("  test CA             {}", facts.ca_path.display()));
    if let Some((certificate, key)) = client {
        out.text(format!("  client certificate  {}", certificate.display()));
        out.text(format!("  client key          {}", key.display()));
    }
    if !facts.interfaces.is_empty() {
        out.text(format!("  --address may be    {}", facts.interfaces.join(", ")));
    }
    out.text("");
}

/// How much of each kind was seen.
#[derive(Default)]
struct Seen {
    came: u64,
    went: u64,
    refused: u64,
}

impl Seen {
    fn print(&mut self, unix_micros: i64, sighting: &Sighting, out: &mut Output) {
        match sighting.kind {
            SightingKind::Came => self.came += 1,
            SightingKind::Went => self.went += 1,
            SightingKind::Refused => self.refused += 1,
            SightingKind::LeftOut | SightingKind::Note => {}
        }
        out.json(&json!({
            "kind": "bench-seen",
            "time": utc(unix_micros),
            "event": sighting.kind.as_str(),
            "address": sighting.address,
            "client_id": sighting.client_id,
            "text": sighting.text,
        }));
        out.text(format!("{} {}", local_time(unix_micros), sighting.text));
    }

    fn conclude(&self, out: &mut Output) {
        let Self { came, went, refused } = self;
        out.json(&json!({ "kind": "bench-ended", "came": came, "went": went, "refused": refused }));
        out.text(format!("Bench broker stopped: {came} logged in, {refused} refused"));
    }
}
