//! Which programs hold a conversation, and in which order: one that takes several steps at once first.

use core::time::Duration;

use super::application::Application;
use super::curl::{Curl, Part};
use super::openssl::{Handshake, Over};
use super::socket::{Bare, Connect, is_host};
use super::{Gateway, Inquiry};
use crate::check::question::{Say, Shape, Talk};
use crate::check::seen::NotRun;
use crate::model::endpoint::ProbeKind;

/// What a conversation consists of.
#[derive(Default)]
struct Wanted<'a> {
    /// Protocols to offer and roots the profile expects, where there is to be a handshake.
    tls: Option<(&'a [String], &'a [String])>,
    application: Option<Application>,
    /// Steps after it, inside of it.
    later: Vec<ProbeKind>,
    /// MQTT inside the WebSocket.
    inside: Option<Application>,
}

impl<'a> Wanted<'a> {
    fn of(steps: &'a [Say]) -> Self {
        let mut wanted = Self::default();
        for say in steps {
            let application = match say {
                Say::Tls { alpn, expected } => {
                    wanted.tls = Some((alpn, expected));
                    continue;
                }
                Say::Idle { .. } => {
                    wanted.later.push(ProbeKind::Idle);
                    continue;
                }
                Say::Http { path } => Application::Page { path: path.clone() },
                Say::WebSocket { path, protocol } => {
                    Application::Upgrade { path: path.clone(), protocol: protocol.clone() }
                }
                Say::Mqtt { client_id } => Application::Mqtt { client_id: client_id.clone() },
            };
            match &wanted.application {
                Some(Application::Upgrade { path, protocol }) => {
                    let Application::Mqtt { client_id } = application else { continue };
                    let (path, protocol) = (path.clone(), protocol.clone());
                    wanted.inside = Some(Application::MqttInside { path, protocol, client_id });
                }
                Some(_) => wanted.later.push(application.step()),
                None => wanted.application = Some(application),
            }
        }
        wanted
    }
}

/// The commands of a conversation. Shapes that only explain a failure take a network stack of one's own, but for another name
/// in the hello.
pub(super) fn plan(talk: &Talk, gateway: &Gateway, inquiry: &mut Inquiry) {
    let wanted = Wanted::of(&talk.steps);
    let has_openssl = gateway.tools.has("openssl");
    match (talk.shape, wanted.tls) {
        (Shape::Plain, _) => {}
        (Shape::NeutralName, Some((alpn, expected))) if has_openssl => {
            return inquiry.ask(Handshake::new(talk, alpn, expected, gateway));
        }
        _ => return,
    }
    if !is_host(&talk.host) {
        let detail = "this is not the name of a host, so no command was made of it";
        return inquiry.cannot(ProbeKind::Tcp, NotRun::NothingToAsk, detail);
    }
    let missing = match wanted.tls {
        Some(tls) => encrypted(talk, tls, wanted.application, gateway, inquiry),
        None => bare(talk, wanted.application, gateway, inquiry),
    };
    let tools = &gateway.tools;
    let inside = match wanted.inside {
        Some(inside) if missing.is_none() && wanted.tls.is_some() && has_openssl && tools.has("od") => {
            inquiry.ask(Over::new(talk, inside, gateway));
            None
        }
        inside => inside.map(|inside| inside.step()),
    };
    for step in missing.into_iter().chain(inside).chain(wanted.later) {
        inquiry.cannot(step, NotRun::NoProgram, &format!("no program for {step}"));
    }
}

/// A handshake and what comes after it; gives back the first step that no program can take.
fn encrypted(
    talk: &Talk,
    (alpn, expected): (&[String], &[String]),
    application: Option<Application>,
    gateway: &Gateway,
    inquiry: &mut Inquiry,
) -> Option<ProbeKind> {
    let tools = &gateway.tools;
    let by_curl =
        application.clone().filter(|application| tools.has("curl") && !matches!(application, Application::Mqtt { .. }));
    match by_curl {
        // It prints the chain.
        Some(application) if tools.curl_since(7, 88) => {
            inquiry.ask(Curl::new(talk, Some(expected), application, Part::Whole, gateway));
            return None;
        }
        Some(application) if !tools.has("openssl") => {
            inquiry.ask(Curl::new(talk, Some(expected), application, Part::Judged, gateway));
            return None;
        }
        _ => {}
    }
    if !tools.has("openssl") {
        return connect(talk, gateway, inquiry, ProbeKind::Tls);
    }
    inquiry.ask(Handshake::new(talk, alpn, expected, gateway));
    match (application?, tools.has("curl")) {
        (application @ (Application::Page { .. } | Application::Upgrade { .. }), true) => {
            inquiry.ask(Curl::new(talk, Some(expected), application, Part::Answer, gateway));
        }
        (application, _) if application.needs_od() && !tools.has("od") => return Some(application.step()),
        (application, _) => inquiry.ask(Over::new(talk, application, gateway)),
    }
    None
}

fn bare(talk: &Talk, application: Option<Application>, gateway: &Gateway, inquiry: &mut Inquiry) -> Option<ProbeKind> {
    let tools = &gateway.tools;
    let Some(application) = application else { return connect(talk, gateway, inquiry, ProbeKind::Tcp) };
    if tools.has("curl") && !matches!(application, Application::Mqtt { .. }) {
        inquiry.ask(Curl::new(talk, None, application, Part::Whole, gateway));
        return None;
    }
    let step = application.step();
    let Some(say) = Bare::new(talk, application, gateway) else { return connect(talk, gateway, inquiry, step) };
    connect(talk, gateway, inquiry, step);
    inquiry.ask(say);
    None
}

/// At least a connection; gives back the step that is missing all the same.
fn connect(talk: &Talk, gateway: &Gateway, inquiry: &mut Inquiry, missing: ProbeKind) -> Option<ProbeKind> {
    match Connect::new(talk, &gateway.tools) {
        Some(connect) => {
            inquiry.ask(connect);
            (missing > ProbeKind::Tcp).then_some(missing)
        }
        None => Some(ProbeKind::Tcp),
    }
}

/// Whole seconds, one at least, since programs take no less.
pub(super) fn secs(limit: Duration) -> u64 {
    limit.as_secs().max(1)
}
