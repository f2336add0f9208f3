//! The form of a connection: what is typed, what a profile fills in, what is kept without its secrets, and the plan made
//! of it. Files are named here and read by the workers.

use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use crate::app::Desk;
use crate::app::settings::SettingsView;
use crate::model::ids::ProfileId;
use crate::model::mqtt::connect::{
    ConnectPlan, Login, MAX_PACKET_BYTES, Proxy, TlsChecks, TlsFiles, TlsPlan, Trust, WhenFull,
};
use crate::model::mqtt::message::{Outgoing, Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::settings::SavedConnection;
use crate::model::text::visible;
use crate::model::word::{Word as _, words};
use crate::msg::telemetry::{InspectionSource, InspectionStart, STORE_BYTES, TelemetryCommand};
use crate::profile::{Catalog, broker};

/// Connections kept at most.
const MAX_SAVED: usize = 50;
/// The version of the hub's interface that a certificate login names.
const HUB_API: &str = "2021-04-12";
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
    /// Adds the typed filter; subscribes at once if there is a connection.
    AddedSubscription,
    /// Takes a filter away; unsubscribes at once if there is a connection.
    RemovedSubscription(usize),
    /// Asks for another quality of service.
    ChangedQos(usize, Qos),
    /// Keeps what the form says.
    Saved,
    /// Takes a kept connection into the form.
    Took(usize),
    /// Forgets a kept connection.
    Forgot(usize),
}

/// Why the form makes no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// There is no client id.
    NoClientId,
    /// The proxy is no host and port.
    BadProxy {
        /// What was typed.
        text: String,
    },
    /// A key is named and no certificate.
    KeyWithoutCertificate,
    /// Signing in as a device needs hub and device.
    NoDevice,
    /// Signing by an access key needs region, id and key.
    NoAccessKey,
    /// A signature stands in the address of a WebSocket, and this is none.
    SignatureWithoutWebSocket,
    /// Nothing is subscribed to.
    NoSubscription,
}

impl FormError {
    /// One of each, for the page of all problems.
    pub fn all() -> Vec<Self> {
        vec![
            Self::NoClientId,
            Self::BadProxy { text: "proxy:x".into() },
            Self::KeyWithoutCertificate,
            Self::NoDevice,
            Self::NoAccessKey,
            Self::SignatureWithoutWebSocket,
            Self::NoSubscription,
        ]
    }
}

impl Explain for FormError {
    fn explain(&self) -> Problem {
        match self {
            Self::NoClientId => Problem::new(
                "mqtt.no_client_id",
                "The client id is empty",
                "A broker identifies clients by their ID, and disconnects the first of two with the same",
                "Use the proposed one, or enter one that no gateway uses",
            ),
            Self::BadProxy { text } => Problem::new(
                "mqtt.proxy_address",
                format!("“{text}” isn't a proxy address"),
                "Host and port are needed",
                "Write it like proxy.example:3128",
            ),
            Self::KeyWithoutCertificate => Problem::new(
                "mqtt.key_without_certificate",
                "A key without a certificate",
                "A client needs both",
                "Choose the certificate's file, or empty the field of the key",
            ),
            Self::NoDevice => Problem::new(
                "mqtt.no_device",
                "The hub or the device is missing",
                "An IoT Hub accepts only its own devices",
                "Type the hub's host name, such as example.azure-devices.net, and the id of the device",
            ),
            Self::NoAccessKey => Problem::new(
                "mqtt.no_access_key",
                "The region or the access key is missing",
                "The signature is made from them",
                "Type the region, such as eu-central-1, the id of the access key and the key",
            ),
            Self::SignatureWithoutWebSocket => Problem::new(
                "mqtt.signature_without_websocket",
                "A signature needs a secure WebSocket",
                "It's part of the WebSocket's address",
                "Use an address with wss, or log in with a certificate",
            ),
            Self::NoSubscription => Problem::new(
                "mqtt.no_subscription",
                "No subscription",
                "A broker sends only subscribed topics",
                "Add a topic filter, such as site/#",
            ),
        }
    }
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
            ConnectAction::Took(place) => {
                if let Some(saved) = settings.values.connections.get(place) {
                    self.take(saved);
                }
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
            self.url = url.to_string();
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
            self.url = url.to_string();
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

    /// The plan that the form describes; what is wrong with it otherwise is told on the form.
    pub(super) fn plan(&mut self) -> Option<ConnectPlan> {
        self.problems.clear();
        let url = match self.url.parse::<BrokerUrl>() {
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
            wants_messages: false,
            is_reconnecting: true,
        }
    }

    /// Keeps what the form says, in place of one of the same name.
    fn save(&self, saved: &mut Vec<SavedConnection>) {
        let name = self.url.trim().to_owned();
        if name.is_empty() {
            return;
        }
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

    fn take(&mut self, saved: &SavedConnection) {
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
}

fn path(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// A client id that nobody else has: made from the seed that the standard library draws for its maps.
fn proposed_id() -> String {
    let drawn = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{OBSERVER}{:08x}", drawn & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(url: &str) -> ConnectForm {
        ConnectForm { url: url.into(), client_id: "me".into(), ..ConnectForm::default() }
    }

    #[track_caller]
    fn refuses(mut form: ConnectForm, code: &str) {
        assert!(form.plan().is_none());
        let codes: Vec<_> = form.problems().iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code]);
    }

    #[test]
    fn a_form_that_makes_no_plan_says_why() {
        refuses(form(""), "mqtt.address");
        refuses(form("http://broker"), "mqtt.address");
        refuses(form("mqtt://me:secret@broker"), "mqtt.address_with_login");
        refuses(ConnectForm { client_id: " ".into(), ..form("mqtt://broker") }, "mqtt.no_client_id");
        refuses(ConnectForm { proxy: "proxy".into(), ..form("mqtt://broker") }, "mqtt.proxy_address");
        refuses(ConnectForm { proxy: ":3128".into(), ..form("mqtt://broker") }, "mqtt.proxy_address");
        refuses(ConnectForm { key_path: "/k".into(), ..form("mqtts://broker") }, "mqtt.key_without_certificate");
        refuses(ConnectForm { subscriptions: Vec::new(), ..form("mqtt://broker") }, "mqtt.no_subscription");
        let hub = ConnectForm { login: LoginKind::Hub, ..form("mqtts://hub.example") };
        refuses(hub, "mqtt.no_device");
        let signature = || ConnectForm { login: LoginKind::Signature, region: "r".into(), ..form("wss://broker") };
        refuses(signature(), "mqtt.no_access_key");
        let key = Secret::new("k".into());
        let plain = ConnectForm { access_key_id: "id".into(), access_key: key, ..signature() };
        refuses(ConnectForm { url: "mqtts://broker".into(), ..plain }, "mqtt.signature_without_websocket");
    }

    #[test]
    fn files_are_named_and_not_read() {
        let mut form = form("mqtts://broker");
        form.ca_path = " /ca.pem ".into();
        form.certificate_path = "/c.pem".into();
        form.alpn = "a, ,b".into();
        let plan = form.plan().unwrap();
        assert_eq!(plan.tls.files.authorities.as_deref(), Some(std::path::Path::new("/ca.pem")));
        assert!(matches!(&plan.tls.trust, Trust::Only(pem) if pem.is_empty()));
        assert_eq!(plan.tls.alpn, ["a", "b"]);
        form.trusts_system_too = true;
        assert!(matches!(form.plan().unwrap().tls.trust, Trust::SystemAnd(_)));
        form.url = "mqtt://broker".into();
        assert!(form.plan().unwrap().tls.files.is_empty(), "in clear text no file is touched");
    }

    #[test]
    fn will_session_headers_and_key_password_reach_the_plan() {
        let mut form = form("wss://broker/mqtt");
        form.version = MqttVersion::V5;
        form.is_clean = false;
        form.session_expiry_secs = 600;
        form.will_topic = " site/gw/state ".into();
        form.will_payload = "lost".into();
        form.is_will_retained = true;
        form.certificate_path = "/c.pem".into();
        form.key_password = Secret::new("open it".into());
        let value = |text: &str| Secret::new(text.to_owned());
        form.headers = vec![("Authorization".into(), value("Bearer x")), (String::new(), value(""))];
        let plan = form.plan().unwrap();
        assert_eq!((plan.is_clean, plan.session_expiry_secs), (false, Some(600)));
        let will = plan.will.clone().unwrap();
        assert_eq!(
            (will.topic.as_str(), will.payload.as_slice(), will.is_retained),
            ("site/gw/state", &b"lost"[..], true)
        );
        assert_eq!((plan.headers.len(), plan.headers[0].0.as_str()), (1, "Authorization"));
        assert!(plan.secrets().contains(&&b"Bearer x"[..]) && plan.secrets().contains(&&b"open it"[..]));

        form.will_topic = "a/+".into();
        refuses(form, "mqtt.topic");
        let host = ConnectForm { headers: vec![("Host".into(), value("x"))], ..self::form("ws://broker") };
        refuses(host, "mqtt.header_reserved");
    }

    #[test]
    fn a_device_of_a_hub_signs_in_by_key_or_by_certificate() {
        let mut form = form("mqtts://example.azure-devices.net");
        form.choose_dialect(Dialect::AzureIotHub);
        form.device = "gw-7".into();
        let plan = form.plan().unwrap();
        assert_eq!(plan.client_id, "gw-7");
        let Login::Password { username, password: None } = &plan.login else { panic!("by its certificate") };
        assert_eq!(username, "example.azure-devices.net/gw-7/?api-version=2021-04-12");
        form.hub_key = Secret::new("a2V5".into());
        assert!(matches!(&form.plan().unwrap().login, Login::SharedAccess { device, .. } if device == "gw-7"));
    }

    #[test]
    fn the_host_of_a_cloud_brings_its_rules() {
        let mut form = form("mqtts://example.azure-devices.net");
        assert_eq!(form.plan().unwrap().dialect, Dialect::AzureIotHub);
        form.url = "mqtt://192.168.1.10".into();
        assert_eq!(form.plan().unwrap().dialect, Dialect::Plain);
    }

    #[test]
    fn what_is_kept_holds_no_secret_and_comes_back() {
        let mut form = form("mqtts://broker");
        form.login = LoginKind::Password;
        form.username = "user".into();
        form.password = Secret::new("canary-secret".into());
        form.proxy_password = Secret::new("canary-secret".into());
        form.new_filter = "site/+/t".into();
        form.new_qos = Qos::AtLeastOnce;
        form.subscribe();
        let mut saved = Vec::new();
        form.save(&mut saved);
        form.save(&mut saved);
        assert_eq!(saved.len(), 1);
        assert!(!format!("{saved:?}").contains("canary-secret"));
        let mut other = ConnectForm::default();
        other.take(&saved[0]);
        assert_eq!((other.url.as_str(), other.username.as_str()), ("mqtts://broker", "user"));
        assert_eq!((other.login, other.client_id.as_str()), (LoginKind::Password, "me"));
        assert_eq!(other.subscriptions, form.subscriptions);
        assert!(other.password.expose().is_empty());
    }

    #[test]
    fn a_profile_brings_its_rules_and_a_hub_its_own_login() {
        let catalog = Catalog::built_in();
        for profile in catalog.iter().filter(|profile| profile.mqtt.is_some()) {
            let rules = profile.mqtt.as_ref().unwrap();
            let mut form = ConnectForm::default();
            form.choose_profile(Some(profile.id.clone()), &catalog);
            assert_eq!(form.dialect(), rules.dialect, "{}", profile.id);
            assert!(form.logins().contains(&form.login()), "{}", profile.id);
            let is_hub = rules.dialect == Dialect::AzureIotHub;
            if !is_hub && !rules.topics.is_empty() {
                assert_eq!(form.subscriptions().len(), rules.topics.len(), "{}", profile.id);
            }
        }
    }

    #[test]
    fn a_made_up_client_id_is_short_and_never_the_same() {
        let (one, other) = (proposed_id(), proposed_id());
        assert!(one != other && one.len() <= 32 && one.starts_with(OBSERVER));
    }
}
