//! The test CA: made on the spot and kept in the data folder, so that a gateway that was given it yesterday still trusts this
//! computer today. It may vouch for private networks and the names a person gave, and for nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use super::BenchError;
use crate::io::files::{make_private_folder, read_text, write_atomically};
use crate::model::secret::Secret;

const DAY_SECS: i64 = 86_400;
/// How long the CA is good.
const LIFE_SECS: i64 = 30 * DAY_SECS;
/// A CA with less than this left is replaced.
const RENEW_SECS: i64 = 3 * DAY_SECS;
/// Gateways' clocks may be behind.
const BACKDATED_SECS: i64 = 2 * DAY_SECS;
/// Files of ours are short.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Networks for which the CA may always vouch: private, loopback and link-local ones (RFC 1918, 4193, 3927, 6598).
const NETWORKS_V4: [([u8; 4], [u8; 4]); 6] = [
    ([10, 0, 0, 0], [255, 0, 0, 0]),
    ([127, 0, 0, 0], [255, 0, 0, 0]),
    ([172, 16, 0, 0], [255, 240, 0, 0]),
    ([192, 168, 0, 0], [255, 255, 0, 0]),
    ([169, 254, 0, 0], [255, 255, 0, 0]),
    ([100, 64, 0, 0], [255, 192, 0, 0]),
];
/// First octets and number of bits that count.
const NETWORKS_V6: [([u8; 2], u8); 2] = [([0xfc, 0x00], 7), ([0xfe, 0x80], 10)];
/// Names for which it may always vouch, with all below them.
const DOMAINS: [&str; 6] = ["localhost", "local", "lan", "internal", "home.arpa", "test"];

/// The test CA.
pub(super) struct TestCa {
    /// Where its certificate is.
    pub(super) path: PathBuf,
    /// Certificate and key of a client.
    pub(super) client_paths: (PathBuf, PathBuf),
    /// Its certificate.
    pub(super) certificate: CertificateDer<'static>,
    /// Whether it was made just now, and why.
    pub(super) made_because: Option<&'static str>,
    issuer: Issuer<'static, KeyPair>,
    not_after: i64,
}

/// A server's certificate and key.
pub(super) struct ServerIdentity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl TestCa {
    /// Opens the CA of a folder, or makes it: when there is none, when it ends soon, when it may not vouch for one of the names.
    pub(super) fn open(folder: &Path, names: &[String], now_unix_secs: i64) -> Result<Self, BenchError> {
        make_private_folder(folder).map_err(BenchError::Folder)?;
        let kept = Kept::read(folder);
        let made_because = match &kept {
            None => Some("there was none"),
            Some(kept) if kept.not_after - now_unix_secs < RENEW_SECS => Some("the old one had come to its end"),
            Some(kept) if kept.not_before > now_unix_secs => {
                Some("the old one is not good yet by this computer's clock")
            }
            Some(kept) if !names.iter().all(|name| kept.scope.covers(name)) => {
                Some("the old one can't issue for one of the names")
            }
            Some(_) => None,
        };
        let kept = match (kept, made_because) {
            (Some(kept), None) => kept,
            (kept, _) => {
                let known = kept.map(|kept| kept.scope.extra_names()).unwrap_or_default();
                make(folder, &Scope::new(known.iter().chain(names)), now_unix_secs)?;
                Kept::read(folder).ok_or_else(|| BenchError::ca("the files just written cannot be read"))?
            }
        };
        let issuer = Issuer::from_ca_cert_der(&kept.certificate, kept.key).map_err(BenchError::ca)?;
        let ca = Self {
            path: folder.join(CA_FILE),
            client_paths: (folder.join(CLIENT_FILE), folder.join(CLIENT_KEY_FILE)),
            certificate: kept.certificate,
            made_because,
            issuer,
            not_after: kept.not_after,
        };
        if made_because.is_some() || !ca.client_paths.0.exists() || !ca.client_paths.1.exists() {
            ca.make_client(now_unix_secs)?;
        }
        Ok(ca)
    }

    /// A server's certificate for these names and addresses. Made anew at each start: only the CA is what gateways know.
    pub(super) fn server(&self, names: &[String], now_unix_secs: i64) -> Result<ServerIdentity, BenchError> {
        let mut params = self.leaf(names.first().map_or("localhost", String::as_str), now_unix_secs);
        params.subject_alt_names = names.iter().filter_map(|name| alternative_name(name)).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(BenchError::ca)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(BenchError::ca)?;
        Ok(ServerIdentity {
            // With the CA behind it: a gateway's log then shows whom it did not trust.
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }

    fn make_client(&self, now_unix_secs: i64) -> Result<(), BenchError> {
        let mut params = self.leaf("linesman-bench-client", now_unix_secs);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(BenchError::ca)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(BenchError::ca)?;
        let pem = Secret::new(key.serialize_pem());
        write_atomically(&self.client_paths.0, certificate.pem().as_bytes()).map_err(BenchError::Folder)?;
        write_atomically(&self.client_paths.1, pem.expose().as_bytes()).map_err(BenchError::Folder)
    }

    fn leaf(&self, name: &str, now_unix_secs: i64) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(name);
        set_life(&mut params, now_unix_secs - BACKDATED_SECS, self.not_after);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params
    }
}

const CA_FILE: &str = "test-ca.pem";
const CA_KEY_FILE: &str = "test-ca-key.pem";
const CLIENT_FILE: &str = "client.pem";
const CLIENT_KEY_FILE: &str = "client-key.pem";

/// A CA as it lies in the folder.
struct Kept {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    not_before: i64,
    not_after: i64,
    scope: Scope,
}

impl Kept {
    /// `None` where there is none that can be used: a new one is made then.
    fn read(folder: &Path) -> Option<Self> {
        let pem = read_text(&folder.join(CA_FILE), MAX_FILE_BYTES).ok()?;
        let key = Secret::new(read_text(&folder.join(CA_KEY_FILE), MAX_FILE_BYTES).ok()?);
        let key = KeyPair::from_pem(key.expose()).ok()?;
        let certificate = super::tls::certificates(pem.as_bytes()).into_iter().next()?;
        let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
        // A key that belongs to another certificate would make one that nobody trusts.
        let is_pair = parsed.public_key().subject_public_key.data.as_ref() == key.public_key_raw();
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let scope = Scope::read(&parsed);
        is_pair.then_some(Self { certificate, key, not_before, not_after, scope })
    }
}

/// For which names beyond the usual ones a CA may vouch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scope {
    domains: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Scope {
    fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        let mut scope = Self::default();
        for name in names.filter(|name| !is_usual(name)) {
            match name.parse() {
                Ok(address) => drop(scope.addresses.insert(address)),
                Err(_) => drop(scope.domains.insert(name.to_ascii_lowercase())),
            }
        }
        scope
    }

    fn covers(&self, name: &str) -> bool {
        is_usual(name)
            || match name.parse() {
                Ok(address) => self.addresses.contains(&address),
                Err(_) => self.domains.iter().any(|domain| is_below(name, domain)),
            }
    }

    fn extra_names(&self) -> Vec<String> {
        self.addresses.iter().map(ToString::to_string).chain(self.domains.iter().cloned()).collect()
    }

    fn read(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Vec::new();
        for extension in certificate.extensions() {
            let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() else { continue };
            for subtree in constraints.permitted_subtrees.iter().flatten() {
                match &subtree.base {
                    GeneralName::DNSName(name) => names.push((*name).to_owned()),
                    GeneralName::IPAddress(octets) => names.extend(single_address(octets).map(|a| a.to_string())),
                    _ => {}
                }
            }
        }
        Self::new(names.iter())
    }

    /// NameConstraints (RFC 5280, section 4.2.1.10). Not critical: there are gateways whose TLS library refuses a critical
    /// extension that it does not know, and they are whom this CA is for. Those that know it keep to it all the same.
    fn extension(&self) -> CustomExtension {
        let mut subtrees = Vec::new();
        for domain in DOMAINS.iter().copied().chain(self.domains.iter().map(String::as_str)) {
            subtrees.extend(der(0x30, &der(0x82, domain.as_bytes())));
        }
        let mut network = |octets: &[u8]| subtrees.extend(der(0x30, &der(0x87, octets)));
        for (address, mask) in NETWORKS_V4 {
            network(&[address, mask].concat());
        }
        for (start, bits) in NETWORKS_V6 {
            let mask = (!0_u128 << (128 - u32::from(bits))).to_be_bytes();
            network(&[start.as_slice(), &[0; 14], &mask].concat());
        }
        network(&[std::net::Ipv6Addr::LOCALHOST.octets(), [0xff; 16]].concat());
        for address in &self.addresses {
            match address {
                IpAddr::V4(address) => network(&[address.octets(), [0xff; 4]].concat()),
                IpAddr::V6(address) => network(&[address.octets(), [0xff; 16]].concat()),
            }
        }
        CustomExtension::from_oid_content(&[2, 5, 29, 30], der(0x30, &der(0xa0, &subtrees)))
    }
}

/// The address of a network of one.
fn single_address(octets: &[u8]) -> Option<IpAddr> {
    let (address, mask) = octets.split_at(octets.len() / 2);
    if mask.iter().any(|octet| *octet != 0xff) {
        return None;
    }
    <[u8; 4]>::try_from(address).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from)).ok()
}

/// Whether a CA of ours may always vouch for it.
fn is_usual(name: &str) -> bool {
    match name.parse() {
        Ok(IpAddr::V4(address)) => {
            NETWORKS_V4.iter().any(|(network, mask)| (0..4).all(|i| address.octets()[i] & mask[i] == network[i]))
        }
        Ok(IpAddr::V6(address)) => {
            let first = u16::from_be_bytes([address.octets()[0], address.octets()[1]]);
            address.is_loopback()
                || NETWORKS_V6
                    .iter()
                    .any(|(start, bits)| first >> (16 - bits) == u16::from_be_bytes(*start) >> (16 - bits))
        }
        Err(_) => DOMAINS.iter().any(|domain| is_below(name, domain)),
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A value with its tag and length (X.690, section 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut out = vec![tag];
    match significant.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        // Eight octets at most.
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

fn make(folder: &Path, scope: &Scope, now_unix_secs: i64) -> Result<(), BenchError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject("Linesman test CA");
    set_life(&mut params, now_unix_secs - BACKDATED_SECS, now_unix_secs + LIFE_SECS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.custom_extensions = vec![scope.extension()];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(BenchError::ca)?;
    let certificate = params.self_signed(&key).map_err(BenchError::ca)?;
    let pem = Secret::new(key.serialize_pem());
    // The key first: a certificate without its key is not taken for a CA.
    write_atomically(&folder.join(CA_KEY_FILE), pem.expose().as_bytes()).map_err(BenchError::Folder)?;
    write_atomically(&folder.join(CA_FILE), certificate.pem().as_bytes()).map_err(BenchError::Folder)
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Linesman bench, for tests only");
    // 64 characters are the most that a common name may have (RFC 5280, appendix A.1).
    subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    subject
}

fn alternative_name(name: &str) -> Option<SanType> {
    match name.parse() {
        Ok(address) => Some(SanType::IpAddress(address)),
        Err(_) => name.to_ascii_lowercase().try_into().ok().map(SanType::DnsName),
    }
}

/// From and to when a certificate is good.
fn set_life(params: &mut CertificateParams, from_unix_secs: i64, to_unix_secs: i64) {
    let epoch = date_time_ymd(1970, 1, 1);
    let after = |secs: i64| Duration::from_secs(u64::try_from(secs).unwrap_or_default());
    params.not_before = epoch + after(from_unix_secs);
    params.not_after = epoch + after(to_unix_secs);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_ca_is_kept_until_it_nears_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let open = |wanted: &[&str], now| TestCa::open(folder.path(), &names(wanted), now).unwrap();
        let first = open(&["localhost", "192.168.1.5"], NOW);
        assert_eq!(first.made_because, Some("there was none"));
        let again = open(&["10.0.0.1", "laptop.local"], NOW + DAY_SECS);
        assert_eq!(again.made_because, None);
        assert_eq!(again.certificate, first.certificate);
        let renewed = open(&["localhost"], NOW + 28 * DAY_SECS);
        assert_eq!(renewed.made_because, Some("the old one had come to its end"));
        assert_ne!(renewed.certificate, first.certificate);
        let back = open(&["localhost"], NOW);
        assert_eq!(back.made_because, Some("the old one is not good yet by this computer's clock"));
    }

    #[test]
    fn a_name_outside_needs_a_ca_that_may_vouch_for_it_and_the_old_names_stay() {
        let folder = tempfile::tempdir().unwrap();
        let open = |wanted: &[&str]| TestCa::open(folder.path(), &names(wanted), NOW).unwrap();
        open(&["localhost"]);
        let wider = open(&["broker.vendor.example", "203.0.113.7"]);
        assert_eq!(wider.made_because, Some("the old one can't issue for one of the names"));
        assert_eq!(open(&["a.broker.vendor.example", "203.0.113.7"]).made_because, None);
        assert!(open(&["2001:db8::7"]).made_because.is_some());
        assert_eq!(open(&["BROKER.vendor.example", "203.0.113.7", "2001:db8::7"]).made_because, None);
        assert!(open(&["notbroker.vendor.example"]).made_because.is_some());
    }

    #[test]
    fn files_that_do_not_fit_together_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let open = || TestCa::open(folder.path(), &[], NOW).unwrap();
        let first = open();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        std::fs::write(folder.path().join(CA_KEY_FILE), key).unwrap();
        let second = open();
        assert_ne!(first.certificate, second.certificate);
        std::fs::write(folder.path().join(CA_FILE), "garbage").unwrap();
        assert!(open().made_because.is_some());
        std::fs::remove_file(folder.path().join(CLIENT_KEY_FILE)).unwrap();
        open();
        assert!(folder.path().join(CLIENT_KEY_FILE).exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("bench");
        TestCa::open(&own, &[], NOW).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&own), 0o700);
        for file in [CA_FILE, CA_KEY_FILE, CLIENT_FILE, CLIENT_KEY_FILE] {
            assert_eq!(mode(&own.join(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn usual_names_are_private_ones() {
        for name in
            ["127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "fe80::1", "fd00::1", "LOCALHOST", "gw.lan", "a.local"]
        {
            assert!(is_usual(name), "{name}");
        }
        for name in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "broker.example", "notlocalhost", "lan.example"] {
            assert!(!is_usual(name), "{name}");
        }
    }

    #[test]
    fn lengths_are_written_as_der_wants_them() {
        assert_eq!(der(4, &[]), [4, 0]);
        assert_eq!(der(4, &[7; 3]), [4, 3, 7, 7, 7]);
        assert_eq!(der(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(der(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
