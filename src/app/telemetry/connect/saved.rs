//! What is saved of a form, without anything secret, and a form filled in from it.

use super::{ConnectForm, LoginKind};
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::url::BrokerUrl;
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::settings::SavedConnection;
use crate::model::word::Word as _;

/// Connections kept at most.
const MAX_SAVED: usize = 50;

impl ConnectForm {
    /// Keeps what the form says, in place of one of the same name.
    pub(super) fn save(&self, saved: &mut Vec<SavedConnection>) {
        let typed = self.url.trim();
        if typed.is_empty() {
            return;
        }
        // What may be secret in the address is typed again.
        let url = typed.parse::<BrokerUrl>().ok().filter(|url| url.secrets().next().is_some());
        let name = url.map_or_else(|| typed.to_owned(), |url| url.to_string());
        let (place, identity) = match self.login {
            LoginKind::Signature => (self.region.clone(), self.access_key_id.clone()),
            _ => (self.hub.clone(), self.device.clone()),
        };
        let one = SavedConnection {
            url: name.clone(),
            dialect: self.dialect.to_string(),
            version: self.version.to_string(),
            client_id: if self.is_id_proposed() { String::new() } else { self.client_id.clone() },
            login: self.login.to_string(),
            username: self.username.clone(),
            ca_path: self.ca_path.clone(),
            certificate_path: self.certificate_path.clone(),
            key_path: self.key_path.clone(),
            alpn: self.alpn.clone(),
            server_name: self.server_name.clone(),
            proxy: self.proxy.clone(),
            place,
            identity,
            policy: self.policy.clone(),
            profile: self.profile.clone(),
            subscriptions: self.subscriptions.iter().map(|one| (one.filter.to_string(), one.qos.number())).collect(),
            name,
        };
        saved.retain(|known| known.name != one.name);
        saved.insert(0, one);
        saved.truncate(MAX_SAVED);
    }

    /// Takes a saved connection into the form; its secrets are typed again.
    pub(in crate::app) fn take(&mut self, saved: &SavedConnection) {
        let dialect = Dialect::from_word(&saved.dialect).unwrap_or(Dialect::Plain);
        let login = LoginKind::from_word(&saved.login).unwrap_or_default();
        let subscription = |(filter, qos): &(String, u8)| {
            Some(Subscription { filter: filter.parse().ok()?, qos: Qos::from_number(*qos)? })
        };
        let mut form = Self {
            url: saved.url.clone(),
            version: MqttVersion::from_word(&saved.version).unwrap_or(MqttVersion::V311),
            username: saved.username.clone(),
            ca_path: saved.ca_path.clone(),
            certificate_path: saved.certificate_path.clone(),
            key_path: saved.key_path.clone(),
            alpn: saved.alpn.clone(),
            server_name: saved.server_name.clone(),
            proxy: saved.proxy.clone(),
            policy: saved.policy.clone(),
            profile: saved.profile.clone(),
            subscriptions: saved.subscriptions.iter().filter_map(subscription).collect(),
            is_all_shown: self.is_all_shown,
            ..Self::default()
        };
        form.dialect = dialect;
        form.login = login;
        if !saved.client_id.is_empty() {
            form.client_id.clone_from(&saved.client_id);
        }
        if login == LoginKind::Signature {
            (form.region, form.access_key_id) = (saved.place.clone(), saved.identity.clone());
        } else {
            (form.hub, form.device) = (saved.place.clone(), saved.identity.clone());
        }
        *self = form;
    }

    /// Whether the chosen login has a secret that isn't typed yet. A hub's key may be replaced by a certificate.
    pub(in crate::app) fn lacks_secret(&self) -> bool {
        let lacks_value = self.url.trim().parse::<BrokerUrl>().is_ok_and(|url| url.lacks_value());
        lacks_value
            || match self.login {
                LoginKind::None => false,
                LoginKind::Password => self.password.expose().is_empty(),
                LoginKind::Hub => self.hub_key.expose().is_empty() && self.certificate_path.is_empty(),
                LoginKind::Signature => self.access_key.expose().is_empty(),
            }
    }
}
