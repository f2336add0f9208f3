//! [`guess`]: which product opens TLS on the way, by what stands in its certificates. A guess, never a proof.

use crate::check::seen::Certificate;

/// Words in issuers and subjects, in lower case, and whose they are, as of November 2026.
const KNOWN: [(&str, &str); 32] = [
    ("fortinet", "Fortinet FortiGate"),
    ("fortigate", "Fortinet FortiGate"),
    ("palo alto", "Palo Alto Networks"),
    ("zscaler", "Zscaler"),
    ("sophos", "Sophos"),
    ("astaro", "Sophos"),
    ("check point", "Check Point"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("cisco", "Cisco"),
    ("aruba", "Aruba"),
    ("huawei", "Huawei"),
    ("ubiquiti", "Ubiquiti"),
    ("unifi", "Ubiquiti"),
    ("watchguard", "WatchGuard"),
    ("sonicwall", "SonicWall"),
    ("barracuda", "Barracuda"),
    ("netskope", "Netskope"),
    ("forcepoint", "Forcepoint"),
    ("blue coat", "Broadcom ProxySG"),
    ("symantec web", "Broadcom ProxySG"),
    ("skyhigh", "Skyhigh Security"),
    ("mcafee web", "Skyhigh Security"),
    ("squid", "Squid"),
    ("pfsense", "pfSense"),
    ("opnsense", "OPNsense"),
    ("untangle", "Untangle"),
    ("cato networks", "Cato Networks"),
    ("iboss", "iboss"),
    ("mitmproxy", "mitmproxy"),
    ("kaspersky", "Kaspersky on this computer"),
    ("avast", "Avast on this computer"),
    ("eset ssl", "ESET on this computer"),
];

/// The product whose name stands in a chain.
pub fn guess(chain: &[Certificate]) -> Option<&'static str> {
    chain.iter().find_map(|certificate| guess_by(&certificate.issuer).or_else(|| guess_by(&certificate.subject)))
}

/// The product whose name stands in an issuer.
pub fn guess_by(issuer: &str) -> Option<&'static str> {
    let issuer = issuer.to_lowercase();
    KNOWN.iter().find(|(word, _)| issuer.contains(word)).map(|(_, product)| *product)
}
