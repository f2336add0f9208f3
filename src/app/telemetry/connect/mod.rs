//! The form of a connection: what is typed, and what a profile fills in. The plan made of it stands in `plan`, what is saved
//! without its secrets in `saved`, and why a form makes no plan in `error`. Files are named here and read by the workers.

mod error;
mod plan;
mod saved;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hasher as _};

pub use self::error::FormError;
use crate::app::Desk;
use crate::app::settings::SettingsView;
use crate::model::ids::ProfileId;
use crate::model::mqtt::connect::TlsChecks;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::BrokerUrl;
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::word::words;
use crate::msg::telemetry::{InspectionSource, InspectionStart, STORE_BYTES, TelemetryCommand};
use crate::profile::{Catalog, broker};

/// For how long a broker keeps a session unless it is said: a day.
const SESSION_SECS: u32 = 24 * 60 * 60;
/// How the made-up client ids begin.
const OBSERVER: &str = "linesman-observer-";

words! {
    /// How a person signs in, beside a certificate.
    LoginKind {
        /// Not at all.
        None = "none",
        /// By user and password.
        Password = "password",
        /// As a device of an IoT Hub: by its key, or by the certificate alone.
        Hub = "hub",
        /// By a signature made from an access key of AWS.
        Signature = "signature",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro that declares the words has no place for a default")]
impl Default for LoginKind {
    fn default() -> Self {
        Self::None
    }
}

/// What the user did on the form.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectAction {
    /// Chose a profile, or none.
    ChoseProfile(Option<ProfileId>),
    /// Chose whose rules the broker follows.
    ChoseDialect(Dialect),
    /// Chose how to sign in.
    ChoseLogin(LoginKind),
    /// Wants another made-up client id.
    ProposedId,
    /// Subscribes to what the broker says of itself.
    WatchedBroker,
    /// Adds the typed filter; subscribes at once if there is a connection.
    AddedSubscription,
    /// Takes a filter away; unsubscribes at once if there is a connection.
    RemovedSubscription(usize),
    /// Asks for another quality of service.
    ChangedQos(usize, Qos),
    /// Keeps what the form says.
    Saved,
    /// Forgets a kept connection.
    Forgot(usize),
}

/// The fields of a connection.
pub struct ConnectForm {
    /// The address; edited in place, as all text here.
    pub url: String,
    /// Which version is spoken.
    pub version: MqttVersion,
    /// The client id.
    pub client_id: String,
    /// The client id that the gateway itself uses, to be guarded.
    pub gateway_client_id: String,
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
    /// The secret of the login has to have the keyboard in the next frame.
    pub wants_secret_focus: bool,
    /// Whether secrets are shown.
    pub is_secret_shown: bool,
    /// The file of certificates that are trusted.
    pub ca_path: String,
    /// Whether whom this computer trusts is trusted as well.
    pub trusts_system_too: bool,
    /// The file of the client's certificate.
    pub certificate_path: String,
    /// The file of its key.
    pub key_path: String,
    /// What that file is protected with.
    pub key_password: Secret<String>,
    /// Protocols offered in the handshake, with commas.
    pub alpn: String,
    /// The name expected in the certificate.
    pub server_name: String,
    /// What is checked of the certificate.
    pub checks: TlsChecks,
    /// The proxy, as host and port.
    pub proxy: String,
    /// Its user.
    pub proxy_username: String,
    /// Its password.
    pub proxy_password: Secret<String>,
    /// Host name of the hub.
    pub hub: String,
    /// Id of the device.
    pub device: String,
    /// The device's or the policy's key.
    pub hub_key: Secret<String>,
    /// The policy.
    pub policy: String,
    /// The region.
    pub region: String,
    /// Id of the access key.
    pub access_key_id: String,
    /// The access key.
    pub access_key: Secret<String>,
    /// The token of a temporary key.
    pub session_token: Secret<String>,
    /// Whether the broker forgets what an earlier session of that name had.
    pub is_clean: bool,
    /// For how many seconds the broker keeps a session that is not clean, with MQTT 5.
    pub session_expiry_secs: u32,
    /// What the broker publishes when the connection is lost: its topic; none if that is empty.
    pub will_topic: String,
    /// Its payload.
    pub will_payload: String,
    /// Its quality of service.
    pub will_qos: Qos,
    /// Whether the broker keeps it.
    pub is_will_retained: bool,
    /// Headers for the WebSocket, by name and value.
    pub headers: Vec<(String, Secret<String>)>,
    /// Seconds between signs of life.
    pub keep_alive_secs: u16,
    /// Where the keys of the encryption are written.
    pub key_log: String,
    /// The filter being typed.
    pub new_filter: String,
    /// Its quality of service.
    pub new_qos: Qos,
    /// Whether the rarer fields are shown.
    pub is_all_shown: bool,
    dialect: Dialect,
    login: LoginKind,
    profile: Option<ProfileId>,
    subscriptions: Vec<Subscription>,
    problems: Vec<Problem>,
}

impl Default for ConnectForm {
    fn default() -> Self {
        Self {
            url: String::new(),
            version: MqttVersion::V311,
            client_id: proposed_id(),
            gateway_client_id: String::new(),
            username: String::new(),
            password: Secret::default(),
            wants_secret_focus: false,
            is_secret_shown: false,
            ca_path: String::new(),
            trusts_system_too: false,
            certificate_path: String::new(),
            key_path: String::new(),
            key_password: Secret::default(),
            alpn: String::new(),
            server_name: String::new(),
            checks: TlsChecks::All,
            proxy: String::new(),
            proxy_username: String::new(),
            proxy_password: Secret::default(),
            hub: String::new(),
            device: String::new(),
            hub_key: Secret::default(),
            policy: String::new(),
            region: String::new(),
            access_key_id: String::new(),
            access_key: Secret::default(),
            session_token: Secret::default(),
            is_clean: true,
            session_expiry_secs: SESSION_SECS,
            will_topic: String::new(),
            will_payload: String::new(),
            will_qos: Qos::AtMostOnce,
            is_will_retained: false,
            headers: Vec::new(),
            keep_alive_secs: 30,
            key_log: String::new(),
            new_filter: String::new(),
            new_qos: Qos::AtMostOnce,
            is_all_shown: false,
            dialect: Dialect::Plain,
            login: LoginKind::None,
            profile: None,
            subscriptions: vec![Subscription { filter: TopicFilter::everything(), qos: Qos::AtMostOnce }],
            problems: Vec::new(),
        }
    }
}

impl ConnectForm {
    /// Whose rules the broker follows.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How a person signs in.
    pub const fn login(&self) -> LoginKind {
        self.login
    }

    /// The ways to sign in that the dialect has.
    pub const fn logins(&self) -> &'static [LoginKind] {
        match self.dialect {
            Dialect::AzureIotHub => &[LoginKind::Hub, LoginKind::Password, LoginKind::None],
            Dialect::AwsIotCore => &[LoginKind::None, LoginKind::Signature, LoginKind::Password],
            Dialect::Plain | Dialect::Proxy => &[LoginKind::None, LoginKind::Password],
        }
    }

    /// The profile chosen.
    pub const fn profile(&self) -> Option<&ProfileId> {
        self.profile.as_ref()
    }

    /// What is subscribed to.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// What keeps the form from being used.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether the address, as far as it is typed, is that of an encrypted connection.
    pub fn is_tls(&self) -> bool {
        self.url.parse::<BrokerUrl>().is_ok_and(|url| url.scheme.is_tls())
    }

    /// Whether it is that of a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.url.parse::<BrokerUrl>().is_ok_and(|url| url.scheme.is_websocket())
    }

    /// Whether the client id was made up here.
    pub fn is_id_proposed(&self) -> bool {
        self.client_id.starts_with(OBSERVER)
    }

    pub(super) fn act(
        &mut self,
        action: ConnectAction,
        settings: &mut SettingsView,
        desk: &Desk<'_>,
    ) -> Vec<TelemetryCommand> {
        match action {
            ConnectAction::ChoseProfile(profile) => self.choose_profile(profile, desk.catalog),
            ConnectAction::ChoseDialect(dialect) => self.choose_dialect(dialect),
            ConnectAction::ChoseLogin(login) => self.login = login,
            ConnectAction::ProposedId => self.client_id = proposed_id(),
            ConnectAction::WatchedBroker => {
                self.new_filter = "$SYS/#".into();
                return self.subscribe();
            }
            ConnectAction::AddedSubscription => return self.subscribe(),
            ConnectAction::RemovedSubscription(place) => {
                if place < self.subscriptions.len() {
                    let gone = self.subscriptions.remove(place);
                    return vec![TelemetryCommand::Unsubscribe(vec![gone.filter])];
                }
            }
            ConnectAction::ChangedQos(place, qos) => {
                if let Some(subscription) = self.subscriptions.get_mut(place) {
                    subscription.qos = qos;
                    return vec![TelemetryCommand::Subscribe(vec![subscription.clone()])];
                }
            }
            ConnectAction::Saved => {
                self.save(&mut settings.values.connections);
                settings.touch(desk.now);
            }
            ConnectAction::Forgot(place) => {
                if place < settings.values.connections.len() {
                    settings.values.connections.remove(place);
                    settings.touch(desk.now);
                }
            }
        }
        Vec::new()
    }

    /// The broker of a simulated site, or one on this computer: one click connects.
    pub(in crate::app) fn take_demo(&mut self, url: &str) {
        url.clone_into(&mut self.url);
        self.choose_dialect(broker::dialect(None, &self.host(), None));
    }

    /// The broker of a gateway's profile: its address takes the place of the one before.
    pub(super) fn take_profile(&mut self, profile: Option<ProfileId>, catalog: &Catalog) {
        if let Some(url) = profile.as_ref().and_then(|id| catalog.get(id)).and_then(broker::address) {
            self.url = url.whole();
        }
        self.choose_profile(profile, catalog);
    }

    fn host(&self) -> String {
        self.url.parse::<BrokerUrl>().map(|url| url.host).unwrap_or_default()
    }

    /// The subscriptions as the inspection has them.
    pub(super) fn subscribed(&mut self, subscriptions: &[Subscription]) {
        self.subscriptions = subscriptions.to_vec();
    }

    /// Takes over what a profile says of its broker.
    pub(super) fn choose_profile(&mut self, profile: Option<ProfileId>, catalog: &Catalog) {
        self.profile = profile;
        let Some(profile) = self.profile.as_ref().and_then(|id| catalog.get(id)) else { return };
        let Some(rules) = &profile.mqtt else { return };
        self.choose_dialect(rules.dialect);
        let filters: Vec<TopicFilter> = rules.topics.iter().filter_map(|topic| topic.parse().ok()).collect();
        // A hub shows a device only its own: what is worth watching elsewhere is refused there.
        if !filters.is_empty() && rules.dialect != Dialect::AzureIotHub {
            let qos = Qos::AtMostOnce;
            self.subscriptions = filters.into_iter().map(|filter| Subscription { filter, qos }).collect();
        }
        if let Some(url) = broker::address(profile).filter(|_| self.url.trim().is_empty()) {
            self.url = url.whole();
        }
    }

    fn choose_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        if !self.logins().contains(&self.login) {
            self.login = self.logins()[0];
        }
        if dialect == Dialect::AzureIotHub {
            self.login = LoginKind::Hub;
            self.version = MqttVersion::V311;
        }
    }

    fn subscribe(&mut self) -> Vec<TelemetryCommand> {
        self.problems.retain(|problem| problem.code != "mqtt.filter");
        match self.new_filter.trim().parse::<TopicFilter>() {
            Ok(filter) => {
                let subscription = Subscription { filter, qos: self.new_qos };
                self.subscriptions.retain(|known| known.filter != subscription.filter);
                self.subscriptions.push(subscription.clone());
                self.new_filter.clear();
                vec![TelemetryCommand::Subscribe(vec![subscription])]
            }
            Err(error) => {
                self.problems.push(error.explain());
                Vec::new()
            }
        }
    }

    /// Whether the address typed is that of an inspection of that name.
    pub fn is_of(&self, name: &str) -> bool {
        self.url.trim().parse::<BrokerUrl>().is_ok_and(|url| url.to_string() == name)
    }

    /// How an inspection with this form begins.
    pub(super) fn start(&self, source: InspectionSource) -> InspectionStart {
        let guarded = self.gateway_client_id.trim();
        InspectionStart {
            source,
            budget_bytes: STORE_BYTES,
            profile: self.profile.clone(),
            gateway: None,
            pushed_before: None,
            is_identity_confirmed: false,
            guarded_client_id: (!guarded.is_empty()).then(|| guarded.to_owned()),
            ring: None,
            record: None,
            most: None,
            wants_messages: false,
            is_reconnecting: true,
        }
    }
}

/// A client id that nobody else has: made from the seed that the standard library draws for its maps.
fn proposed_id() -> String {
    drawn_id(OBSERVER)
}

/// A client id of our own that nobody else has, beginning so.
pub(in crate::app) fn drawn_id(beginning: &str) -> String {
    let drawn = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{beginning}{:08x}", drawn & 0xffff_ffff)
}
