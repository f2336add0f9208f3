//! The plan of a connection, made of what the form says. What is missing or wrong is collected, all of it at once.

use std::path::PathBuf;
use std::time::Duration;

use super::{ConnectForm, FormError, LoginKind};
use crate::model::mqtt::connect::{ConnectPlan, Login, MAX_PACKET_BYTES, Proxy, TlsFiles, TlsPlan, Trust, WhenFull};
use crate::model::mqtt::message::Outgoing;
use crate::model::mqtt::url::{BrokerUrl, Scheme, UrlError};
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::Explain;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::profile::broker;

/// The version of the hub's interface that a certificate login names.
const HUB_API: &str = "2021-04-12";

impl ConnectForm {
    /// The plan that the form describes; what is wrong with it otherwise is told on the form.
    pub(in crate::app::telemetry) fn plan(&mut self) -> Option<ConnectPlan> {
        self.problems.clear();
        let url = match self.url.parse::<BrokerUrl>() {
            Ok(url) if url.lacks_value() => {
                self.problems.push(UrlError::LacksValue { text: url.to_string() }.explain());
                return None;
            }
            Ok(url) => url,
            Err(error) => {
                self.problems.push(error.explain());
                return None;
            }
        };
        let mut errors = Vec::new();
        let client_id = match self.login {
            LoginKind::Hub => self.device.trim().to_owned(),
            _ => self.client_id.trim().to_owned(),
        };
        if client_id.is_empty() && self.login != LoginKind::Hub {
            errors.push(FormError::NoClientId);
        }
        let proxy = self.proxy(&mut errors);
        let login = self.login_plan(&url, &mut errors);
        if self.certificate_path.trim().is_empty() && !self.key_path.trim().is_empty() {
            errors.push(FormError::KeyWithoutCertificate);
        }
        if self.subscriptions.is_empty() {
            errors.push(FormError::NoSubscription);
        }
        let will = self.will();
        self.problems = errors.iter().map(Explain::explain).collect();
        self.problems.extend(will.iter().filter_map(|will| will.check().err()).map(|error| error.explain()));
        if !self.problems.is_empty() {
            return None;
        }
        let is_tls = url.scheme.is_tls();
        let mut plan = ConnectPlan::new(url, client_id);
        // Whose rules the form does not name, the host may: nobody meets a cloud by the rules of a plain broker unawares.
        let chosen = Some(self.dialect).filter(|dialect| *dialect != Dialect::Plain);
        plan.dialect = broker::dialect(chosen, &plan.url.host, None);
        plan.version = self.version;
        plan.is_clean = self.is_clean;
        let keeps_session = !self.is_clean && self.version == MqttVersion::V5;
        plan.session_expiry_secs = keeps_session.then_some(self.session_expiry_secs);
        plan.will = will;
        if plan.url.scheme.is_websocket() {
            plan.headers = self.headers_given();
            if let Err(error) = plan.check_headers() {
                self.problems.push(error.explain());
                return None;
            }
        }
        plan.keep_alive = Duration::from_secs(u64::from(self.keep_alive_secs));
        if is_tls {
            plan.tls = self.tls();
            plan.key_log = path(&self.key_log);
        }
        plan.login = login;
        plan.proxy = proxy;
        plan.max_packet_bytes = MAX_PACKET_BYTES;
        plan.subscriptions.clone_from(&self.subscriptions);
        plan.when_full = WhenFull::Wait;
        Some(plan)
    }

    /// What the broker publishes when the connection is lost.
    fn will(&self) -> Option<Outgoing> {
        let topic = self.will_topic.trim().to_owned();
        (!topic.is_empty()).then(|| Outgoing {
            topic,
            payload: self.will_payload.clone().into_bytes(),
            qos: self.will_qos,
            is_retained: self.is_will_retained,
            ..Outgoing::default()
        })
    }

    /// The headers, without rows that are still empty.
    fn headers_given(&self) -> Vec<(String, Secret<String>)> {
        let given = self.headers.iter().filter(|(name, value)| !(name.trim().is_empty() && value.expose().is_empty()));
        given.map(|(name, value)| (name.trim().to_owned(), value.clone())).collect()
    }

    fn tls(&self) -> TlsPlan {
        let files = TlsFiles {
            authorities: path(&self.ca_path),
            certificates: path(&self.certificate_path),
            key: path(&self.key_path),
        };
        let trust = match files.authorities {
            // The workers put the file in the place of nothing.
            Some(_) if self.trusts_system_too => Trust::SystemAnd(Vec::new()),
            Some(_) => Trust::Only(Vec::new()),
            None => Trust::System,
        };
        let alpn = self.alpn.split(',').map(str::trim).filter(|name| !name.is_empty());
        TlsPlan {
            trust,
            identity: None,
            alpn: alpn.map(str::to_owned).collect(),
            server_name: Some(self.server_name.trim().to_owned()).filter(|name| !name.is_empty()),
            checks: self.checks,
            key_password: Some(self.key_password.clone()).filter(|password| !password.expose().is_empty()),
            files,
        }
    }

    fn login_plan(&self, url: &BrokerUrl, errors: &mut Vec<FormError>) -> Login {
        let given = |secret: &Secret<String>| Some(secret.clone()).filter(|secret| !secret.expose().is_empty());
        match self.login {
            LoginKind::None => Login::None,
            LoginKind::Password => {
                Login::Password { username: self.username.trim().to_owned(), password: given(&self.password) }
            }
            LoginKind::Hub => {
                let hub = if self.hub.trim().is_empty() { url.host.clone() } else { self.hub.trim().to_owned() };
                let device = self.device.trim().to_owned();
                if device.is_empty() {
                    errors.push(FormError::NoDevice);
                }
                match given(&self.hub_key) {
                    Some(key) => Login::SharedAccess {
                        hub,
                        device,
                        key,
                        policy: Some(self.policy.trim().to_owned()).filter(|policy| !policy.is_empty()),
                        lifetime: Duration::from_hours(1),
                    },
                    // The certificate says who it is; the hub wants the name all the same.
                    None => {
                        Login::Password { username: format!("{hub}/{device}/?api-version={HUB_API}"), password: None }
                    }
                }
            }
            LoginKind::Signature => {
                let (region, access_key_id) = (self.region.trim().to_owned(), self.access_key_id.trim().to_owned());
                if url.scheme != Scheme::Wss {
                    errors.push(FormError::SignatureWithoutWebSocket);
                }
                if region.is_empty() || access_key_id.is_empty() || self.access_key.expose().is_empty() {
                    errors.push(FormError::NoAccessKey);
                }
                Login::SignatureV4 {
                    region,
                    access_key_id,
                    secret_key: self.access_key.clone(),
                    session_token: given(&self.session_token),
                }
            }
        }
    }

    fn proxy(&self, errors: &mut Vec<FormError>) -> Option<Proxy> {
        let text = self.proxy.trim();
        if text.is_empty() {
            return None;
        }
        let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let parts = bare.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parts.filter(|(host, port)| !host.is_empty() && *port != 0) else {
            errors.push(FormError::BadProxy { text: visible(text, 200) });
            return None;
        };
        let username = self.proxy_username.trim();
        let login = (!username.is_empty()).then(|| (username.to_owned(), self.proxy_password.clone()));
        Some(Proxy { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port, login })
    }
}

fn path(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    (!text.is_empty()).then(|| PathBuf::from(text))
}
