//! What the kind of broker does not take, and whose identity is used: asked before anything is sent.

use std::time::Duration;

use crate::flow::port::ConnectionEnd;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, Subscription};
use crate::model::problem::Problem;

/// Why connecting so would disturb a live gateway.
pub(super) fn identity_question(plan: &ConnectPlan, known: Option<&str>, _certificate_names: &[String]) -> Option<Problem> {
    (known == Some(plan.client_id.as_str())).then(|| {
        Problem::new("mqtt.own_identity", "This would connect under the gateway's own client id", "", "Take another")
    })
}

/// What is worth a warning about a plan; or why it is not even tried.
pub(super) fn check_plan(_plan: &ConnectPlan) -> Result<Vec<Problem>, Problem> {
    Ok(Vec::new())
}

/// As [`check_plan`], for subscriptions.
pub(super) fn check_subscriptions(_plan: &ConnectPlan, _subscriptions: &[Subscription]) -> Result<Vec<Problem>, Problem> {
    Ok(Vec::new())
}

/// As [`check_plan`], for a message.
pub(super) fn check_message(_plan: &ConnectPlan, _message: &Outgoing) -> Result<Vec<Problem>, Problem> {
    Ok(Vec::new())
}

/// Recognises two clients of one name that kick each other in turn.
#[derive(Default)]
pub(super) struct Kicks {
    count: usize,
}

impl Kicks {
    /// Takes the end of a connection in; the problem once it has become a fight.
    pub(super) fn ended(
        &mut self,
        _at: Duration,
        lasted: Option<Duration>,
        end: &ConnectionEnd,
        plan: &ConnectPlan,
    ) -> Option<Problem> {
        if end.is_takeover && lasted.is_some() {
            self.count += 1;
        }
        (self.count >= 3).then(|| {
            self.count = 0;
            Problem::new("mqtt.kicking", format!("Two clients named {} kick each other", plan.client_id), "", "")
        })
    }
}
