//! A plan to connect, subscriptions and messages held against what a dialect allows.

use super::{Limits, PlanFault, is_iot_hub_filter, is_iot_hub_topic, limits, usual};
use crate::model::mqtt::Dialect;
use crate::model::mqtt::connect::{ConnectPlan, Login};
use crate::model::mqtt::message::{Outgoing, Subscription};
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::model::problem::{Explain as _, Problem};

/// Something found in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whether going on makes no sense.
    pub is_refusal: bool,
    /// What it is.
    pub problem: Problem,
}

impl From<PlanFault> for Finding {
    fn from(fault: PlanFault) -> Self {
        Self { is_refusal: fault.is_refusal(), problem: fault.explain() }
    }
}

/// What a dialect will not take of a plan, the refusals first.
pub fn check_plan(plan: &ConnectPlan) -> Vec<Finding> {
    let mut faults = Vec::new();
    let limits = limits(plan.dialect);
    check_way(plan, limits, &mut faults);
    check_login(plan, &mut faults);
    check_subscriptions(plan, limits, &mut faults);
    let dialect = plan.dialect;
    if let Some(limit) = limits.max_client_id_bytes.filter(|limit| plan.client_id.len() > *limit) {
        faults.push(PlanFault::LongClientId { dialect, bytes: plan.client_id.len(), limit });
    }
    if let Some(limit) = limits.max_keep_alive.filter(|limit| plan.keep_alive > *limit) {
        faults.push(PlanFault::LongKeepAlive { dialect, asked: plan.keep_alive, limit });
    }
    if let Some(will) = &plan.will {
        faults.extend(message_faults(dialect, &plan.client_id, will));
    }
    let mut findings: Vec<Finding> = faults.into_iter().map(Finding::from).collect();
    findings.sort_by_key(|finding| !finding.is_refusal);
    findings
}

fn check_way(plan: &ConnectPlan, limits: &Limits, faults: &mut Vec<PlanFault>) {
    let (dialect, BrokerUrl { scheme, port, path, .. }) = (plan.dialect, &plan.url);
    if !limits.versions.contains(&plan.version) {
        faults.push(PlanFault::Version { dialect });
    }
    if !limits.schemes.contains(scheme) {
        faults.push(PlanFault::Scheme { dialect, scheme: *scheme });
    }
    let wanted = match dialect {
        Dialect::AzureIotHub => "/$iothub/websocket",
        Dialect::AwsIotCore => "/mqtt",
        Dialect::Plain | Dialect::Proxy => return,
    };
    if *scheme == Scheme::Wss && path.split('?').next() != Some(wanted) {
        faults.push(PlanFault::WebSocketPath { dialect, path: path.clone(), wanted });
    }
    let needed = usual(dialect).alpn_on_443.filter(|_| *scheme == Scheme::Mqtts && *port == 443);
    if let Some(wanted) = needed.filter(|_| plan.tls.alpn.is_empty()) {
        faults.push(PlanFault::NoAlpn { wanted });
    }
}

fn check_login(plan: &ConnectPlan, faults: &mut Vec<PlanFault>) {
    let dialect = plan.dialect;
    match &plan.login {
        Login::SharedAccess { device, .. } if *device != plan.client_id => {
            faults.push(PlanFault::ClientIdIsNotDevice { device: device.clone(), client_id: plan.client_id.clone() });
        }
        Login::SignatureV4 { .. } if plan.url.scheme != Scheme::Wss => {
            faults.push(PlanFault::SignatureWithoutWebSocket);
        }
        // An IoT Hub wants the user name even with a certificate.
        Login::None if plan.tls.identity.is_none() && matches!(dialect, Dialect::AzureIotHub | Dialect::AwsIotCore) => {
            faults.push(PlanFault::NoLogin { dialect });
        }
        _ => {}
    }
}

fn check_subscriptions(plan: &ConnectPlan, limits: &Limits, faults: &mut Vec<PlanFault>) {
    if !limits.can_watch_others {
        faults.push(PlanFault::CannotWatch);
    }
    faults.extend(subscription_faults(plan.dialect, &plan.client_id, &plan.subscriptions));
}

/// What a dialect will not take of subscriptions.
pub fn check_subscriptions_of(dialect: Dialect, client_id: &str, subscriptions: &[Subscription]) -> Vec<Finding> {
    subscription_faults(dialect, client_id, subscriptions).into_iter().map(Finding::from).collect()
}

fn subscription_faults(dialect: Dialect, client_id: &str, subscriptions: &[Subscription]) -> Vec<PlanFault> {
    let limits = limits(dialect);
    let mut faults = Vec::new();
    let count = subscriptions.len();
    if let Some(limit) = limits.max_subscriptions.filter(|limit| count > *limit) {
        faults.push(PlanFault::TooManySubscriptions { dialect, count, limit });
    }
    for Subscription { filter, qos } in subscriptions {
        let text = filter.as_str();
        let shown = || text.to_owned();
        let is_foreign = dialect == Dialect::AzureIotHub && !is_iot_hub_filter(text, client_id);
        if is_foreign {
            faults.push(PlanFault::ForeignFilter { filter: shown() });
        } else if !limits.has_sys_topics && (text == "$SYS" || text.starts_with("$SYS/")) {
            faults.push(PlanFault::SysTopics { dialect, filter: shown() });
        }
        // An IoT Hub grants 1 where 2 is asked for: nothing is lost.
        if *qos > limits.max_qos && dialect == Dialect::AwsIotCore {
            faults.push(PlanFault::SubscribeQos { dialect, filter: shown() });
        }
        if let Some(limit) = limits.max_slashes.filter(|limit| slashes(text) > *limit) {
            faults.push(PlanFault::TooManySlashes { dialect, topic: shown(), limit });
        }
    }
    let wildcard = subscriptions.iter().find(|subscription| !subscription.filter.is_exact());
    if let Some(wildcard) = wildcard.filter(|_| limits.keeps_retained && !limits.wildcards_bring_retained) {
        faults.push(PlanFault::NoRetainedByWildcard { dialect, filter: wildcard.filter.as_str().to_owned() });
    }
    faults
}

/// What a dialect will not take of a message.
pub fn check_message(dialect: Dialect, client_id: &str, message: &Outgoing) -> Vec<Finding> {
    message_faults(dialect, client_id, message).into_iter().map(Finding::from).collect()
}

fn message_faults(dialect: Dialect, client_id: &str, message: &Outgoing) -> Vec<PlanFault> {
    let limits = limits(dialect);
    let mut faults = Vec::new();
    if dialect == Dialect::AzureIotHub && !is_iot_hub_topic(&message.topic, client_id) {
        faults.push(PlanFault::ForeignTopic { topic: message.topic.clone() });
    }
    if message.qos > limits.max_qos {
        faults.push(PlanFault::PublishQos { dialect });
    }
    if let Some(limit) = limits.max_payload_bytes.filter(|limit| message.payload.len() > *limit) {
        faults.push(PlanFault::LongPayload { dialect, bytes: message.payload.len(), limit });
    }
    if let Some(limit) = limits.max_slashes.filter(|limit| slashes(&message.topic) > *limit) {
        faults.push(PlanFault::TooManySlashes { dialect, topic: message.topic.clone(), limit });
    }
    if message.is_retained && !limits.keeps_retained {
        faults.push(PlanFault::NotRetained { dialect });
    }
    faults
}

/// Slashes that count: those of a reserved prefix (`$aws/rules/NAME/`, `$share/GROUP/`) do not.
fn slashes(topic: &str) -> usize {
    let count = topic.bytes().filter(|byte| *byte == b'/').count();
    let reserved = if topic.starts_with("$aws/rules/") {
        3
    } else if topic.starts_with("$share/") {
        2
    } else if topic.starts_with("$aws/") {
        // Reserved topics are longer than the rule and allowed all the same.
        count
    } else {
        0
    };
    count.saturating_sub(reserved)
}
