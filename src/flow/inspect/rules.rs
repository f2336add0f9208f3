//! What the kind of broker does not take, and whose identity is used: asked before anything is sent.

use std::time::Duration;

use crate::flow::port::ConnectionEnd;
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, Subscription};
use crate::model::problem::{Explain as _, Problem};
use crate::proto::mqtt::dialect::{self, Finding};
use crate::proto::mqtt::guard::{self, Fight, KickWatch, KickedEnd, Kicking};

/// Why connecting so would disturb a live gateway.
pub(super) fn identity_question(
    plan: &ConnectPlan,
    known: Option<&str>,
    certificate_names: &[String],
) -> Option<Problem> {
    let known: Vec<&str> = known.into_iter().collect();
    let names: Vec<&str> = certificate_names.iter().map(String::as_str).collect();
    guard::judge(plan, &known, &names).map(|identity| identity.explain())
}

/// What is worth a warning about a plan; or why it is not even tried.
pub(super) fn check_plan(plan: &ConnectPlan) -> Result<Vec<Problem>, Problem> {
    sort(dialect::check_plan(plan))
}

/// As [`check_plan`], for all subscriptions together.
pub(super) fn check_subscriptions(plan: &ConnectPlan, subscriptions: &[Subscription]) -> Result<Vec<Problem>, Problem> {
    sort(dialect::check_subscriptions_of(plan.dialect, &plan.client_id, subscriptions))
}

/// As [`check_plan`], for a message.
pub(super) fn check_message(plan: &ConnectPlan, message: &Outgoing) -> Result<Vec<Problem>, Problem> {
    sort(dialect::check_message(plan.dialect, &plan.client_id, message))
}

fn sort(findings: Vec<Finding>) -> Result<Vec<Problem>, Problem> {
    match findings.iter().find(|finding| finding.is_refusal) {
        Some(refusal) => Err(refusal.problem.clone()),
        None => Ok(findings.into_iter().map(|finding| finding.problem).collect()),
    }
}

/// Recognises two clients of one name that kick each other in turn.
#[derive(Default)]
pub(super) struct Kicks(KickWatch);

impl Kicks {
    /// Takes the end of a connection in; the problem once it has become a fight.
    pub(super) fn ended(
        &mut self,
        at: Duration,
        lasted: Option<Duration>,
        end: &ConnectionEnd,
        plan: &ConnectPlan,
    ) -> Option<(Fight, Problem)> {
        let ConnectPlan { dialect, client_id, version, .. } = plan;
        let is_said = end.problem.code == TAKEN_OVER;
        // In version 5 a broker has to say so (MQTT-3.1.4-3): what it does not say is something else.
        let is_takeover = is_said || end.is_takeover && *version == MqttVersion::V311;
        let kicked = KickedEnd { at, lasted, is_takeover, is_said };
        let fight = self.0.ended(kicked)?;
        Some((fight, Kicking { dialect: *dialect, client_id: client_id.clone(), fight }.explain()))
    }
}

/// The code of an end of which the broker itself says that another client took over.
const TAKEN_OVER: &str = "mqtt.taken_over";
