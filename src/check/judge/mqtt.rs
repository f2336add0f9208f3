//! What an MQTT CONNECT without a login amounts to: any answer of the broker will do.

use super::path::{Fault, Spot, Step, Walk};
use super::tls;
use crate::check::seen::{Broke, MqttEnd, Observation, Seen};
use crate::check::verdict::{Confidence, Reason};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;

/// CONNACK: the server is unavailable (MQTT 3.1.1, table 3.1).
const UNAVAILABLE: u8 = 3;
/// The last code of CONNACK there is.
const LAST_CODE: u8 = 5;

/// Judges the CONNECT.
pub(super) fn step(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let exchanges = spot.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Mqtt(mqtt) if mqtt.shape.is_plain() => Some((*observation, mqtt)),
        _ => None,
    });
    let mut last = None;
    for (observation, mqtt) in exchanges {
        last = Some((observation, mqtt));
        if matches!(mqtt.end, MqttEnd::Connack { .. }) {
            break;
        }
    }
    let Some((observation, mqtt)) = last else { return Step::Unseen };
    walk.facts.push(observation.number);
    let is_verified = spot.case.endpoint.probes.contains(&ProbeKind::Tls);
    match &mqtt.end {
        MqttEnd::Connack { code } if *code <= LAST_CODE => {
            if *code == UNAVAILABLE {
                walk.note(Reason::MqttUnavailable, observation.number, "");
            }
            Step::Good
        }
        MqttEnd::Connack { code } => Step::Bad(fault(Reason::NotMqtt, observation).about(format!("CONNACK {code}"))),
        // After the peer was verified, a refusal of the handshake's last part is its answer.
        MqttEnd::Alert { alert } if is_verified => {
            walk.note(Reason::WantsClientCertificate, observation.number, visible(alert, 40));
            Step::Good
        }
        MqttEnd::Alert { alert } => Step::Bad(fault(Reason::NotMqtt, observation).about(visible(alert, 40))),
        MqttEnd::Broken(Broke::Closed) if is_verified => {
            walk.note(Reason::ClosedWithoutLogin, observation.number, "");
            Step::Good
        }
        MqttEnd::Broken(broke) => Step::Bad(broken(spot, observation, broke)),
    }
}

fn fault(reason: Reason, observation: &Observation) -> Fault {
    Fault::new(reason, ProbeKind::Mqtt, Confidence::Medium, observation.number)
}

fn broken(spot: &Spot<'_, '_>, observation: &Observation, broke: &Broke) -> Fault {
    let fault = match broke {
        Broke::Silent => fault(Reason::MqttSilent, observation),
        Broke::Unfinished { bytes } => fault(Reason::Unfinished, observation).about(tls::came(*bytes)),
        Broke::Reset | Broke::Closed => fault(Reason::MqttCut, observation),
        Broke::Other { begins } => fault(Reason::NotMqtt, observation).about(visible(begins, 80)),
        Broke::TooLong { bytes } => {
            fault(Reason::NotMqtt, observation).about(format!("{} and no end", tls::came(*bytes)))
        }
    };
    tls::cut_by_name(spot, fault, "after the first bytes of the application")
}
