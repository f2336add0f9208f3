//! Whom a chain leads to: the roots the profile expects, those of an override file, and the Mozilla set; held apart.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as TlsError, RootCertStore};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;
use x509_parser::certificate::X509Certificate;

use crate::check::seen::{Seen, SystemTrust, Trust};
use crate::io::certificate;
use crate::model::text::{hex, visible};

/// Roots that devices still carry, and that are no longer in the Mozilla set.
const LEFT_THE_SET: [&[u8]; 2] = [
    include_bytes!("../../../assets/roots/digicert-global-root-ca.der"),
    include_bytes!("../../../assets/roots/baltimore-cybertrust-root.der"),
];
/// How many moments are tried to find one at which all of a chain holds.
const MAX_MOMENTS: usize = 24;
/// The longest way from a certificate to its root.
const MAX_PATH: usize = 16;

/// A root certificate.
struct Root {
    der: CertificateDer<'static>,
    subject: Vec<u8>,
    name: String,
    sha256: String,
}

impl Root {
    fn read(der: CertificateDer<'static>) -> Option<Self> {
        let sha256 = hex(&Sha256::digest(&der));
        let (subject, name) = {
            let read = certificate::read(&der)?;
            let common =
                read.subject().iter_common_name().next().and_then(|name| name.as_str().ok().map(ToOwned::to_owned));
            let name = common.unwrap_or_else(|| read.subject().to_string());
            (read.subject().as_raw().to_vec(), visible(&name, certificate::NAME_CHARS))
        };
        Some(Self { der, subject, name, sha256 })
    }
}

/// The Mozilla set, read when first needed.
static MOZILLA: LazyLock<Vec<Root>> =
    LazyLock::new(|| TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| Root::read(der.clone())).collect());
/// Those that left it.
static LEFT: LazyLock<Vec<Root>> =
    LazyLock::new(|| LEFT_THE_SET.iter().filter_map(|der| Root::read(CertificateDer::from(*der))).collect());
/// What the system trusts, read when first needed.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
});

/// The roots a run knows.
pub(super) struct Roots {
    extra: Vec<Root>,
}

impl Roots {
    /// With roots that an override file adds, DER.
    pub(super) fn new(extra: Vec<Vec<u8>>) -> Self {
        Self { extra: extra.into_iter().filter_map(|der| Root::read(der.into())).collect() }
    }

    /// What a chain amounts to, dates left aside. `expected` are roots by the SHA-256 of their certificate.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        expected: &[String],
    ) -> Option<Trust> {
        let (own, others) = chain.split_first()?;
        let path = path(chain);
        let (not_before, not_after) = window(&path);
        let mut trust = Trust {
            name_matches: false,
            expected: (!expected.is_empty()).then_some(false),
            mozilla: false,
            from_override: false,
            root: None,
            not_before,
            not_after,
            fault: String::new(),
        };
        let parsed = match ParsedCertificate::try_from(own) {
            Ok(parsed) => parsed,
            Err(error) => {
                trust.fault = fault(&error);
                return Some(trust);
            }
        };
        trust.name_matches = verify_server_name(&parsed, name).is_ok();
        let moments = moments(&path, chain);
        let leads_to = |root: &Root| leads_to(&parsed, others, &root.der, &moments);
        let is_near = |root: &&Root| is_near(chain, root);
        let is_expected = |root: &&Root| expected.contains(&root.sha256);
        let known = || MOZILLA.iter().chain(LEFT.iter());
        let by_expected = known().filter(is_expected).filter(is_near).find(|root| leads_to(root).is_ok());
        let by_override = self.extra.iter().filter(is_near).find(|root| leads_to(root).is_ok());
        let by_mozilla = MOZILLA.iter().filter(is_near).find(|root| leads_to(root).is_ok());
        if trust.expected.is_some() || by_override.is_some() {
            trust.expected = Some(by_expected.or(by_override).is_some());
        }
        trust.from_override = by_expected.is_none() && by_override.is_some();
        trust.mozilla = by_mozilla.is_some();
        let by_any = || LEFT.iter().filter(is_near).find(|root| leads_to(root).is_ok());
        let root = by_expected.or(by_override).or(by_mozilla).or_else(by_any);
        trust.root = root.map(|root| root.name.clone());
        if root.is_none() {
            trust.fault = self.why_none(&parsed, chain, &moments);
        }
        Some(trust)
    }

    /// What is wrong with a chain that leads to no known root, where it is more than that.
    fn why_none(&self, parsed: &ParsedCertificate<'_>, chain: &[CertificateDer<'_>], moments: &[UnixTime]) -> String {
        let near = MOZILLA.iter().chain(LEFT.iter()).chain(&self.extra).find(|root| is_near(chain, root));
        let others = chain.get(1..).unwrap_or_default();
        match near {
            Some(root) => {
                leads_to(parsed, others, &root.der, moments).err().map(|error| fault(&error)).unwrap_or_default()
            }
            // Judged against its own last certificate, it shows what is wrong with itself.
            None => chain
                .last()
                .and_then(|last| leads_to(parsed, others, last, moments).err())
                .map(|error| fault(&error))
                .unwrap_or_default(),
        }
    }
}

/// How many chains are kept, and how many certificates of each.
const MAX_CHAINS: usize = 64;
const MAX_KEPT: usize = 16;

/// The chains that were seen last, so that the system can be asked about one later.
#[derive(Default)]
pub(super) struct Chains(Mutex<VecDeque<Vec<CertificateDer<'static>>>>);

impl Chains {
    /// Keeps one; the oldest makes room.
    pub(super) fn keep(&self, mut chain: Vec<CertificateDer<'static>>) {
        if chain.is_empty() {
            return;
        }
        chain.truncate(MAX_KEPT);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.first() != chain.first());
        kept.push_back(chain);
        if kept.len() > MAX_CHAINS {
            kept.pop_front();
        }
    }

    /// The chain whose first certificate has that SHA-256.
    fn of(&self, leaf_sha256: &str) -> Option<Vec<CertificateDer<'static>>> {
        let is_it = |leaf: &CertificateDer<'_>| hex(&Sha256::digest(leaf)) == leaf_sha256;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|chain| chain.first().is_some_and(is_it)).cloned()
    }
}

/// What the system's trust store says of a chain that was seen. It may stall, and never decides.
pub(super) async fn ask_system(chains: &Chains, host: &str, leaf_sha256: &str, limit: Duration) -> Seen {
    let unknown = |detail: &str| Seen::SystemTrust(SystemTrust { trusts: None, detail: detail.into() });
    let Some(chain) = chains.of(leaf_sha256) else { return unknown("the chain is no longer known") };
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return unknown("the host is neither a name nor an address");
    };
    match timeout(limit, tokio::task::spawn_blocking(move || system(&chain, &name))).await {
        Ok(Ok(judged)) => Seen::SystemTrust(judged),
        Ok(Err(_)) => unknown("it failed"),
        Err(_) => unknown("it did not answer in time"),
    }
}

/// What the system's trust store says of a chain at this moment.
fn system(chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> SystemTrust {
    if SYSTEM.is_empty() {
        return SystemTrust { trusts: None, detail: "the system's trust store is empty".into() };
    }
    let Some((own, others)) = chain.split_first() else {
        return SystemTrust { trusts: None, detail: "there is no chain".into() };
    };
    let judged = ParsedCertificate::try_from(own).and_then(|parsed| {
        verify_server_cert_signed_by_trust_anchor(&parsed, &SYSTEM, others, UnixTime::now(), algorithms().all)?;
        verify_server_name(&parsed, name)
    });
    match judged {
        Ok(()) => SystemTrust { trusts: Some(true), detail: String::new() },
        Err(error) => SystemTrust { trusts: Some(false), detail: visible(&error.to_string(), super::DETAIL_CHARS) },
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Whether some certificate of a chain names that root, as its issuer or as itself.
fn is_near(chain: &[CertificateDer<'_>], root: &Root) -> bool {
    let names = chain.iter().filter_map(|der| certificate::read(der));
    names.into_iter().any(|read| read.issuer().as_raw() == root.subject || read.subject().as_raw() == root.subject)
}

/// Whether a chain leads to a root, at some moment at which it can.
fn leads_to(
    own: &ParsedCertificate<'_>,
    others: &[CertificateDer<'_>],
    root: &CertificateDer<'_>,
    moments: &[UnixTime],
) -> Result<(), TlsError> {
    let mut store = RootCertStore::empty();
    store.add(root.clone().into_owned())?;
    let mut last = Err(CertificateError::UnknownIssuer.into());
    for moment in moments {
        last = verify_server_cert_signed_by_trust_anchor(own, &store, others, *moment, algorithms().all);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// The certificates from the server's own up to the last that was sent, by the names of their issuers.
fn path<'a>(chain: &'a [CertificateDer<'a>]) -> Vec<X509Certificate<'a>> {
    let read: Vec<X509Certificate<'a>> = chain.iter().filter_map(|der| certificate::read(der)).collect();
    let mut path: Vec<X509Certificate<'a>> = read.first().cloned().into_iter().collect();
    while let Some(last) = path.last().filter(|last| last.subject() != last.issuer() && path.len() < MAX_PATH) {
        let issuers = read.iter().skip(1).filter(|one| one.subject().as_raw() == last.issuer().as_raw());
        // Of copies of the same issuer the one that holds longest.
        match issuers.max_by_key(|one| one.validity().not_after.timestamp()).cloned() {
            Some(issuer) if !path.contains(&issuer) => path.push(issuer),
            _ => break,
        }
    }
    path
}

/// From when until when all of a path holds. A root's own dates count for nobody.
fn window(path: &[X509Certificate<'_>]) -> (i64, i64) {
    let counts = |one: &&X509Certificate<'_>| path.len() == 1 || one.subject() != one.issuer();
    let dates = path
        .iter()
        .filter(counts)
        .map(|one| (one.validity().not_before.timestamp(), one.validity().not_after.timestamp()));
    dates.reduce(|(begin, end), (next, until)| (begin.max(next), end.min(until))).unwrap_or_default()
}

/// Moments at which to look: within the window of the path first, then wherever some certificate begins or ends.
fn moments(path: &[X509Certificate<'_>], chain: &[CertificateDer<'_>]) -> Vec<UnixTime> {
    let (begin, end) = window(path);
    let mut seconds = Vec::new();
    if begin <= end {
        seconds.push(begin + (end - begin) / 2);
    }
    for read in chain.iter().filter_map(|der| certificate::read(der)).take(MAX_MOMENTS) {
        seconds.push(read.validity().not_before.timestamp());
        seconds.push(read.validity().not_after.timestamp());
    }
    seconds.dedup();
    seconds.truncate(MAX_MOMENTS);
    let moments = seconds.into_iter().filter_map(|secs| u64::try_from(secs).ok());
    moments.map(|secs| UnixTime::since_unix_epoch(Duration::from_secs(secs))).collect()
}

/// What is wrong with a chain, in a word where it has one. That it leads nowhere we know is no fault of its own.
fn fault(error: &TlsError) -> String {
    let TlsError::InvalidCertificate(error) = error else { return visible(&error.to_string(), super::DETAIL_CHARS) };
    match error {
        CertificateError::UnknownIssuer => String::new(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "wrong purpose".into(),
        CertificateError::BadEncoding => "cannot be read".into(),
        CertificateError::BadSignature => "wrongly signed".into(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "never valid all at once".into(),
        other => visible(&format!("{other:?}"), super::DETAIL_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::roots::TrustAnchor;

    #[test]
    fn every_root_that_a_profile_may_expect_is_shipped() {
        for id in TrustAnchor::known_ids() {
            let wanted = TrustAnchor::known(id).unwrap();
            let found = MOZILLA.iter().chain(LEFT.iter()).find(|root| root.sha256 == wanted.sha256);
            assert_eq!(found.map(|root| root.name.as_str()), Some(wanted.name.as_str()), "{id}");
        }
    }

    #[test]
    fn a_root_that_is_shipped_beside_the_mozilla_set_is_not_in_it() {
        for left in LEFT.iter() {
            assert!(MOZILLA.iter().all(|root| root.sha256 != left.sha256), "{} came back: drop its file", left.name);
        }
    }
}
