//! `linesman sim`: one simulated gateway, or the simulated network around it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::args::SimArgs;
use super::output::Output;
use crate::model::fault::Fault;
use crate::model::ids::ProfileId;
use crate::msg::{SimEsp, SimNetworkReady, SimPlan, SimReady};

/// The plan that the arguments describe. `data` is the folder for the card if none is named.
pub fn plan(args: &SimArgs, data: &Path) -> SimPlan {
    let state_dir = args.state_dir.clone().unwrap_or_else(|| data.join("sim").join(&args.serial_number));
    let mut plan = SimPlan::new(ProfileId::new(args.profile.clone()), args.driver, state_dir);
    plan.link = args.via;
    plan.esp = SimEsp {
        security: args.security,
        has_legacy_nonce: args.legacy_nonce,
        is_without_proof: args.without_proof,
        is_without_control: args.without_control,
        attempts: args.attempts,
    };
    plan.faults.clone_from(&args.faults);
    plan.faults.extend(args.offline.then_some(Fault::Offline));
    plan.serial_number.clone_from(&args.serial_number);
    plan.broker.clone_from(&args.broker);
    plan.join_after = Duration::from_millis(args.join_millis);
    if let Some(ssid) = &args.ssid {
        plan.ssid.clone_from(ssid);
    }
    plan
}

/// Prints where the simulator is, as one JSON line whatever was asked for: scripts read it.
pub fn announce(ready: &SimReady, plan: &SimPlan, out: &mut Output) {
    let mut line = json!({
        "kind": "sim",
        "port": ready.port,
        "link": ready.link,
        "pid": ready.pid,
        "state_dir": ready.state_dir,
        "ssid": ready.ssid,
        "password": ready.password,
        "try": attempt(ready, plan),
    });
    if let Some(access) = &ready.access {
        line["username"] = json!(access.username);
        line["pop"] = json!(access.secret);
    }
    out.line(line.to_string());
}

/// A command that tries it.
fn attempt(ready: &SimReady, plan: &SimPlan) -> String {
    let SimPlan { profile, driver, .. } = plan;
    if !driver.facts().offers.wifi {
        return format!("linesman device info --via {}", ready.link);
    }
    let user = ready.access.as_ref().filter(|access| !access.username.is_empty());
    let user = user.map(|access| format!(" --username {}", access.username)).unwrap_or_default();
    format!(
        "linesman commission --via {} --profile {profile} --driver {driver}{user} --ssid {}",
        ready.link, ready.ssid
    )
}

/// Where the files of a simulated network go.
pub fn network_folder(args: &SimArgs, data: &Path) -> PathBuf {
    args.state_dir.clone().unwrap_or_else(|| data.join("sim").join("network").join(&args.profile))
}

/// Prints where the simulated network is, as [`announce`] does.
pub fn announce_network(ready: &SimNetworkReady, out: &mut Output) {
    let does = ready.does.iter().map(|(row, does, reason)| json!({ "id": row, "does": does, "reason": reason }));
    let line = json!({
        "kind": "sim-network",
        "profile": ready.profile,
        "pid": ready.pid,
        "site": ready.site,
        "override": ready.overrides,
        "rows": does.collect::<Vec<_>>(),
        "try": format!("linesman check --profile {} --site {}", ready.profile, ready.site.display()),
    });
    out.line(line.to_string());
}
