//! Syncs the records with a team's server: what is sealed here goes there, and the chains of known computers come in.
//!
//! The log in SQLite stays the one that counts. Without the server nothing is lost and nothing waits but the sending; the
//! way to the server is built with the feature `postgres` only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{RecordStore, now};
use crate::flow::port::RecordsError;
use crate::io::files::{self, DataDir, FilesError};
use crate::io::secret_file;
use crate::ledger::bundle::BundleError;
use crate::model::audit::{Digest, Head};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::secret_text::SecretKind;
use crate::model::sync::{AddressError, OnServer, SyncNews, SyncReport};
use crate::model::text::visible;

/// Where the password may stand.
pub const PASSWORD_VARIABLE: &str = "LINESMAN_RECORDS_PASSWORD";
/// Largest file read that says how far it was sent.
const MAX_NOTED_BYTES: u64 = 64 * 1024;

/// What a sync is made with.
#[derive(Default)]
pub struct SyncPlan {
    /// The address of the server, as typed.
    pub server: String,
    /// The list of known keys; else `known-keys.txt` in the data folder.
    pub known_keys: Option<PathBuf>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The password, where it is known already.
    pub password: Option<Secret<String>>,
    /// Who is named in the records.
    pub operator: String,
}

/// Why the records were not synced, or not all of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// This build cannot.
    #[error("this build has no way to a server")]
    NotBuilt,
    /// No server is named.
    #[error("no server is set")]
    NoServer,
    /// The address can't be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The password could not be read.
    #[error("the password could not be read")]
    Password(Box<Problem>),
    /// The name of the host isn't known.
    #[error("{host} isn't known: {detail}")]
    NotResolved {
        /// The host.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// Nobody answers there.
    #[error("no connection to {place}: {detail}")]
    Unreachable {
        /// The host and port, or the socket.
        place: String,
        /// What the system said.
        detail: String,
    },
    /// It didn't answer in time.
    #[error("{place} didn't answer within {secs} s")]
    Silent {
        /// The server.
        place: String,
        /// How long it was waited for.
        secs: u64,
    },
    /// It is elsewhere than the address says.
    #[error("{host} isn't this computer: {address}")]
    NotHere {
        /// The host.
        host: String,
        /// Where it is.
        address: String,
    },
    /// It offers no encryption.
    #[error("{place} offers no TLS")]
    NoTls {
        /// The server.
        place: String,
    },
    /// Its certificate is refused.
    #[error("the certificate of {host} {why}")]
    Certificate {
        /// The host.
        host: String,
        /// Why, in words that follow "it".
        why: String,
        /// What to do about it.
        next: &'static str,
    },
    /// The certificates to trust can't be used.
    #[error("the certificates to trust can't be used: {detail}")]
    Trust {
        /// Why.
        detail: String,
    },
    /// The encryption failed.
    #[error("the encryption failed: {detail}")]
    Handshake {
        /// What was said.
        detail: String,
    },
    /// The login can't be bound to the encryption, as the address asks for.
    #[error("no channel binding: {detail}")]
    NotBound {
        /// Why not.
        detail: String,
    },
    /// The server says that it stands behind another encryption than this one.
    #[error("the login was bound to another encryption: {detail}")]
    BoundElsewhere {
        /// What it said.
        detail: String,
    },
    /// It asks for a password and none was given.
    #[error("the server asks for a password")]
    NoPassword {
        /// Who logs in.
        user: String,
    },
    /// It refused the login.
    #[error("the login as {user} was refused: {detail}")]
    Login {
        /// Who logged in.
        user: String,
        /// What it said.
        detail: String,
    },
    /// There is no such database.
    #[error("there is no such database: {detail}")]
    NoDatabase {
        /// What it said.
        detail: String,
    },
    /// The tables are missing.
    #[error("the database isn't prepared: {detail}")]
    NotPrepared {
        /// What it said.
        detail: String,
    },
    /// The role may read and not write.
    #[error("the role {user} may not write: {detail}")]
    NoPermission {
        /// The role.
        user: String,
        /// What it said.
        detail: String,
    },
    /// The whole server takes nothing in at the moment.
    #[error("the server is read-only: {detail}")]
    ReadOnly {
        /// What it said.
        detail: String,
    },
    /// The server has no room.
    #[error("the server is full: {detail}")]
    Full {
        /// What it said.
        detail: String,
    },
    /// The connection was cut.
    #[error("the connection was cut: {detail}")]
    Cut {
        /// What was said.
        detail: String,
    },
    /// The server ended the question: it took longer than the server allows.
    #[error("the server ended the question: {detail}")]
    Cancelled {
        /// What it said.
        detail: String,
    },
    /// The server reported something else.
    #[error("the server reported {code}: {detail}")]
    Server {
        /// Its code.
        code: String,
        /// What it said.
        detail: String,
    },
    /// It sent what can't be records.
    #[error("the server sent something unexpected: {detail}")]
    Unexpected {
        /// What it was.
        detail: String,
    },
    /// The records here don't pass their audit.
    #[error("the records are damaged: {finding}")]
    Damaged {
        /// The first finding.
        finding: String,
    },
    /// The records here could not be used.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A file could not be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The list of known keys can't be read.
    #[error(transparent)]
    Keys(#[from] BundleError),
}

impl SyncError {
    /// Whether the connection is gone, so that there is no use in going on.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only the way to a server asks"))]
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Silent { .. } | Self::Damaged { .. } | Self::Records(_))
    }
}

impl Explain for SyncError {
    fn explain(&self) -> Problem {
        match self {
            Self::Address(error) => error.explain(),
            Self::Password(problem) => (**problem).clone(),
            Self::Records(error) => error.explain(),
            Self::Files(error) => error.explain(),
            Self::Keys(error) => error.explain(),
            Self::NotBuilt | Self::NoServer | Self::Damaged { .. } => here(self),
            Self::NotResolved { .. }
            | Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::NotHere { .. }
            | Self::Cut { .. } => on_the_way(self),
            Self::NoTls { .. } | Self::Certificate { .. } | Self::Trust { .. } | Self::Handshake { .. } => {
                encryption(self)
            }
            Self::NotBound { .. } | Self::BoundElsewhere { .. } => binding(self),
            Self::NoPassword { .. } | Self::Login { .. } | Self::NoDatabase { .. } | Self::NotPrepared { .. } => {
                login(self)
            }
            Self::NoPermission { .. }
            | Self::ReadOnly { .. }
            | Self::Full { .. }
            | Self::Cancelled { .. }
            | Self::Server { .. }
            | Self::Unexpected { .. } => server(self),
        }
    }
}

fn here(error: &SyncError) -> Problem {
    match error {
        SyncError::NotBuilt => Problem::new(
            "sync.not_built",
            "This build of Linesman can't sync with a server",
            "It was built without the feature postgres",
            "Install the package, or build it with cargo build --release --features postgres",
        ),
        SyncError::NoServer => Problem::new(
            "sync.no_server",
            "No server is set for the records",
            "None was given, and the settings name none",
            "Name the server in Settings",
        ),
        SyncError::Damaged { finding } => Problem::new(
            "sync.damaged",
            "The records of this computer don't pass their check; nothing was sent",
            finding.clone(),
            "Verify the records to see where, and keep a copy of the data folder",
        ),
        other => server(other),
    }
}

fn on_the_way(error: &SyncError) -> Problem {
    let (what, cause, next) = match error {
        SyncError::NotResolved { host, .. } => (
            format!("The server {} wasn't found", visible(host, 80)),
            "This computer is offline, or the name is mistyped",
            "Entries wait here; sync again when the network is back, or check the address",
        ),
        SyncError::Unreachable { place, .. } => (
            format!("No connection to the server {}", visible(place, 80)),
            "This computer is offline, the server isn't running, or a firewall blocks the port",
            "Entries wait here; sync again when the server can be reached",
        ),
        SyncError::Silent { place, secs } => (
            format!("The server {} didn't answer within {secs} s", visible(place, 80)),
            "It's overloaded, or something in between drops the connection",
            "Sync again; what was sent stays there and isn't sent twice",
        ),
        SyncError::NotHere { host, .. } => (
            format!("The name {} leads to another computer", visible(host, 80)),
            "Its entry in the hosts file or in the name server is changed; the address asks for no encryption",
            "Add sslmode=verify-full to the address",
        ),
        _ => (
            "The connection to the server was cut".to_owned(),
            "The network was lost, or the server was stopped",
            "Sync again; what was sent stays there and isn't sent twice",
        ),
    };
    Problem::new(
        match error {
            SyncError::NotResolved { .. } => "sync.not_found",
            SyncError::Unreachable { .. } => "sync.offline",
            SyncError::Silent { .. } => "sync.silent",
            SyncError::NotHere { .. } => "sync.not_here",
            _ => "sync.cut",
        },
        what,
        cause,
        next,
    )
    .with_detail(visible(&error.to_string(), 300))
}

fn encryption(error: &SyncError) -> Problem {
    match error {
        SyncError::NoTls { place } => Problem::new(
            "sync.no_tls",
            format!("The server {} offers no encryption", visible(place, 80)),
            "TLS is off in its configuration (ssl = off), or something in between answers",
            "Have its administrator switch TLS on; the records aren't sent without",
        ),
        SyncError::Certificate { host, why, next } => Problem::new(
            "sync.certificate",
            format!("The certificate of {} is refused: it {}", visible(host, 60), visible(why, 200)),
            "The server uses its own certificate, the name differs, or something in between answers",
            *next,
        ),
        SyncError::Trust { detail } => Problem::new(
            "sync.trust",
            "The certificates to trust can't be used",
            "The file of sslrootcert isn't PEM, or this computer has no list of authorities",
            "Name a PEM file that begins with -----BEGIN CERTIFICATE-----",
        )
        .with_detail(visible(detail, 300)),
        other => Problem::new(
            "sync.handshake",
            "The encryption with the server failed",
            "It offers old protocols only, or something in between answers",
            "Have its administrator allow TLS 1.2 or 1.3",
        )
        .with_detail(visible(&other.to_string(), 300)),
    }
}

fn binding(error: &SyncError) -> Problem {
    let problem = match error {
        SyncError::BoundElsewhere { .. } => Problem::new(
            "sync.bound_elsewhere",
            "The server refused the login: another TLS connection reached it",
            "Something in between ends the encryption: a proxy, or somebody who listens, with a certificate trusted here",
            "Ask the administrator what stands in between. If it's meant to, add channel_binding=disable to the address",
        ),
        _ => Problem::new(
            "sync.not_bound",
            "The login can't be bound to the encryption, as the address asks for",
            "The role doesn't log in by scram-sha-256, or a login can't be bound to the server's certificate (Ed25519); see the detail",
            "Have its administrator set scram-sha-256 and the password again, or leave channel_binding=require out",
        ),
    };
    problem.with_detail(visible(&error.to_string(), 300))
}

fn login(error: &SyncError) -> Problem {
    let problem = match error {
        SyncError::NoPassword { user } => Problem::new(
            "sync.no_password",
            format!("The server asks for the password of {}", visible(user, 60)),
            "None was given",
            "Name the file with the password in Settings",
        ),
        SyncError::Login { user, .. } => Problem::new(
            "sync.login",
            format!("The server refused the login of {}", visible(user, 60)),
            "The password is wrong, or the server doesn't let this role into this database from here; see the detail",
            "Check user, password and database; entries wait here meanwhile",
        ),
        SyncError::NoDatabase { .. } => Problem::new(
            "sync.no_database",
            "The server has no such database, or the role may not use it",
            "The name behind the host is mistyped, or the database isn't made yet",
            "Check the address with the server's administrator",
        ),
        _ => Problem::new(
            "sync.not_prepared",
            "The database isn't prepared for records",
            "Its tables were never made, or the role may not see them",
            "Have its administrator run the SQL that linesman records sync --setup prints",
        ),
    };
    problem.with_detail(visible(&error.to_string(), 300))
}

fn server(error: &SyncError) -> Problem {
    let problem = match error {
        SyncError::NoPermission { user, .. } => Problem::new(
            "sync.no_permission",
            format!("The role {} may not add to the records on the server", visible(user, 60)),
            "It may only read, or another role began the records of this computer there",
            "Have the administrator grant linesman_writer; log in as the role that began",
        ),
        SyncError::ReadOnly { .. } => Problem::new(
            "sync.read_only",
            "The server takes nothing in: it's read-only",
            "It's a standby, or was set read-only for maintenance",
            "Entries wait here; sync again later, or use the address of the primary",
        ),
        SyncError::Full { .. } => Problem::new(
            "sync.full",
            "The server has no room for more records",
            "Its disk, its quota or its connections are used up",
            "Have the administrator make room; entries wait here and none is lost",
        ),
        SyncError::Cancelled { .. } => Problem::new(
            "sync.cancelled",
            "The server ended the sync: it took longer than the server allows",
            "Its limit (statement_timeout) is short, or somebody else holds the tables",
            "Sync again later; what was sent stays there. If it happens again, have the administrator raise the limit",
        ),
        SyncError::Unexpected { .. } => Problem::new(
            "sync.unexpected",
            "The server sent something that isn't records",
            "Another program wrote into its tables, or it was prepared by a newer version",
            "Show the detail to the administrator; nothing of it was taken in",
        ),
        _ => Problem::new(
            "sync.server",
            "The server reported an error",
            "See the detail",
            "Show the detail to the administrator; entries wait here meanwhile",
        ),
    };
    problem.with_detail(visible(&error.to_string(), 300))
}

/// How far the records of this computer were sent, as it was last noted here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    /// The server.
    pub(super) server: String,
    /// The chain.
    pub(super) chain: String,
    /// The last entry that is there.
    pub(super) entry: i64,
    /// When.
    pub(super) at: String,
    /// How far it had the chains of other computers, by their ids.
    #[serde(default)]
    pub(super) others: BTreeMap<String, OnServer>,
}

impl Noted {
    /// What is noted of that server. What can't be read is as if it weren't there: it is only needed to tell how things stand.
    fn load(data: &DataDir) -> Option<Self> {
        let text = files::read_text(&data.records_sync(), MAX_NOTED_BYTES).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn store(&self, data: &DataDir) -> Result<(), FilesError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        files::write_atomically(&data.records_sync(), text.as_bytes())
    }
}

/// Syncs, and says how things stand. A password of the settings is read before.
pub async fn sync(records: &RecordStore, data: &DataDir, mut plan: SyncPlan) -> SyncNews {
    let noted = Noted::load(data);
    let mut report = None;
    let synced = attempt(records, data, &mut plan, noted.as_ref(), &mut report).await;
    let mut problem = synced.err().map(|error| error.explain());
    let at = now();
    let here = records.head().await.ok();
    let mut noted = noted.filter(|noted| report.as_ref().is_none_or(|report| report.server == noted.server));
    if let Some(stands) = report.as_ref().and_then(|report| stands(report, noted.as_ref(), records.chain(), &at)) {
        // The server knows it all the same; only what is shown here would be older.
        if let Err(error) = stands.store(data) {
            problem.get_or_insert_with(|| error.explain());
        }
        noted = Some(stands);
    }
    let waiting = here.map(|here| waiting(here, records.chain(), noted.as_ref()));
    if let (Some(report), Some(waiting)) = (&mut report, waiting) {
        report.waiting = waiting;
    }
    SyncNews { at, report, problem, waiting, last_at: noted.map(|noted| noted.at) }
}

/// What is noted after a sync: what it told, and of the rest what was noted before. Nothing where it told nothing.
fn stands(report: &SyncReport, before: Option<&Noted>, chain: Digest, at: &str) -> Option<Noted> {
    if report.head.is_none() && report.others.is_none() {
        return None;
    }
    let chain = chain.to_string();
    let sent = before.filter(|before| before.chain == chain).map_or(0, |before| before.entry);
    let others = report.others.clone().or_else(|| Some(before?.others.clone())).unwrap_or_default();
    let entry = report.head.map_or(sent, |head| head.entry);
    Some(Noted { server: report.server.clone(), chain, entry, at: at.to_owned(), others })
}

/// How many entries wait.
fn waiting(here: Head, chain: Digest, noted: Option<&Noted>) -> u64 {
    let sent = noted.filter(|noted| noted.chain == chain.to_string()).map_or(0, |noted| noted.entry);
    u64::try_from(here.entry - sent).unwrap_or(0)
}

async fn attempt(
    records: &RecordStore,
    data: &DataDir,
    plan: &mut SyncPlan,
    noted: Option<&Noted>,
    report: &mut Option<SyncReport>,
) -> Result<(), SyncError> {
    if plan.server.trim().is_empty() {
        return Err(SyncError::NoServer);
    }
    let address = plan.server.parse()?;
    way::sync(records, data, plan, &address, noted, report).await
}

/// The password: as given, else of the variable, else of the file.
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only the way to a server asks"))]
pub(super) fn password(plan: &mut SyncPlan) -> Result<Option<Secret<String>>, SyncError> {
    if let Some(given) = plan.password.take() {
        return Ok(Some(given));
    }
    if let Some(set) = std::env::var(PASSWORD_VARIABLE).ok().filter(|set| !set.is_empty()) {
        return Ok(Some(Secret::new(set)));
    }
    let Some(path) = &plan.password_file else { return Ok(None) };
    let line = secret_file::read(path, SecretKind::Line)
        .map_err(|error| SyncError::Password(Box::new(error.explain(path))))?;
    Ok(Some(Secret::new(String::from_utf8_lossy(line.expose()).into_owned())))
}

#[cfg(feature = "postgres")]
use super::server as way;

/// No way to a server is built in.
#[cfg(not(feature = "postgres"))]
mod way {
    use super::{DataDir, Noted, RecordStore, SyncError, SyncPlan, SyncReport};
    use crate::model::sync::ServerAddress;

    /// Says so.
    pub(super) fn sync(
        _records: &RecordStore,
        _data: &DataDir,
        _plan: &mut SyncPlan,
        _address: &ServerAddress,
        _noted: Option<&Noted>,
        _report: &mut Option<SyncReport>,
    ) -> std::future::Ready<Result<(), SyncError>> {
        std::future::ready(Err(SyncError::NotBuilt))
    }
}
