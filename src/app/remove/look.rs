//! The look at a broker within a removal: what a person names of it, and the wish made of that.
//!
//! The credential of the connection in Telemetry is one that is known to be good: it can stand beside the gateway's old one.

use std::path::PathBuf;

use crate::app::telemetry::connect::{ConnectForm, LoginKind, drawn_id};
use crate::model::mqtt::connect::Login;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::{BrokerUrl, UrlError};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::wipe::{Consent, LastWill};
use crate::msg::wipe::{BrokerWish, LookCredential};

/// Room for a password from the start: a field that grows would leave copies behind in memory.
const SECRET_ROOM: usize = 256;

/// The fields of the look; all of them are edited in place.
#[derive(Default)]
pub struct BrokerLook {
    /// The broker's address; empty for no look.
    pub url: String,
    /// The file of certificates that are trusted.
    pub ca_path: String,
    /// The gateway's topics, with blanks between.
    pub topics: String,
    /// The topic of the gateway's last will; empty where nobody knows it.
    pub will_topic: String,
    /// A text in its payload.
    pub will_text: String,
    /// The credential that the gateway had.
    pub old: Credential,
    /// One that is known to be good.
    pub control: Credential,
}

/// A credential of a broker.
pub struct Credential {
    /// The client id; empty for one of our own.
    pub client_id: String,
    /// The user name.
    pub username: String,
    /// Its password.
    pub password: Secret<String>,
    /// The file of the certificate.
    pub certificate_path: String,
    /// The file of its key.
    pub key_path: String,
}

impl Default for Credential {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            username: String::new(),
            password: Secret::new(String::with_capacity(SECRET_ROOM)),
            certificate_path: String::new(),
            key_path: String::new(),
        }
    }
}

/// A file of the look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookFile {
    /// Whom to trust.
    Authorities,
    /// The certificate of the old credential.
    OldCertificate,
    /// Its key.
    OldKey,
    /// The certificate of the good one.
    ControlCertificate,
    /// Its key.
    ControlKey,
}

impl BrokerLook {
    /// The path of that file.
    pub const fn path_mut(&mut self, file: LookFile) -> &mut String {
        match file {
            LookFile::Authorities => &mut self.ca_path,
            LookFile::OldCertificate => &mut self.old.certificate_path,
            LookFile::OldKey => &mut self.old.key_path,
            LookFile::ControlCertificate => &mut self.control.certificate_path,
            LookFile::ControlKey => &mut self.control.key_path,
        }
    }

    /// Takes what a connection in Telemetry knows: the broker, and a credential that it accepts.
    pub(super) fn take(&mut self, form: &ConnectForm) {
        self.url.clone_from(&form.url);
        self.ca_path.clone_from(&form.ca_path);
        self.control = Credential {
            certificate_path: form.certificate_path.clone(),
            key_path: form.key_path.clone(),
            ..Credential::default()
        };
        if form.login() == LoginKind::Password {
            self.control.username.clone_from(&form.username);
            self.control.password = form.password.clone();
        }
        if self.topics.trim().is_empty() {
            let filters = form.subscriptions().iter().map(|subscription| subscription.filter.to_string());
            self.topics =
                filters.filter(|filter| !["#", "$SYS/#"].contains(&filter.as_str())).collect::<Vec<_>>().join(" ");
        }
    }

    /// What is to be looked at, or why that can't be done; nothing where no broker is named.
    pub(super) fn wish(&self) -> Result<Option<Box<BrokerWish>>, Problem> {
        if self.url.trim().is_empty() {
            return Ok(None);
        }
        let url: BrokerUrl = self.url.trim().parse().map_err(|error: UrlError| error.explain())?;
        let old = self.old.named("old")?;
        let control = if self.control.is_empty() { None } else { Some(self.control.named("control")?) };
        let topics = self.topics.split_whitespace().map(str::parse::<TopicFilter>);
        let topics = topics.collect::<Result<Vec<_>, _>>().map_err(|error| error.explain())?;
        let will = LastWill::named(self.will_topic.trim(), self.will_text.trim())?;
        let wish = BrokerWish::new(&url, path(&self.ca_path).as_ref(), old, control, topics);
        Ok(Some(Box::new(BrokerWish { will, consent: Some(Consent::Asked), ..wish })))
    }
}

impl Credential {
    fn is_empty(&self) -> bool {
        self.username.trim().is_empty() && self.certificate_path.trim().is_empty()
    }

    fn login(&self) -> Result<Login, Problem> {
        let username = self.username.trim();
        match (username.is_empty(), self.password.expose().is_empty()) {
            (true, true) => Ok(Login::None),
            (true, false) => {
                Err(incomplete("a password has no user name", "Type the user name, or clear the password"))
            }
            (false, is_bare) => {
                let password = (!is_bare).then(|| self.password.clone());
                Ok(Login::Password { username: username.to_owned(), password })
            }
        }
    }

    fn named(&self, what: &str) -> Result<LookCredential, Problem> {
        let (certificates, key) = (path(&self.certificate_path), path(&self.key_path));
        if certificates.is_none() && key.is_some() {
            return Err(incomplete("a key has no certificate", "Choose the certificate, or clear the key"));
        }
        let id = self.client_id.trim();
        // A name of our own: the gateway's would end a session that still runs, and hide that it does.
        let client_id = if id.is_empty() { drawn_id(&format!("linesman-{what}-")) } else { id.to_owned() };
        Ok(LookCredential { client_id, login: self.login()?, certificates, key })
    }
}

fn incomplete(why: &str, next: &str) -> Problem {
    Problem::new("wipe.look", "The broker can't be looked at", format!("Of its credentials, {why}"), next)
}

fn path(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    (!text.is_empty()).then(|| PathBuf::from(text))
}
