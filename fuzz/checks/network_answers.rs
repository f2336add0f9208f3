//! What servers answer to a network check: names, time, certificates, revocation data. Nothing may panic; what is kept stays
//! bounded; no text holds what would change how the rest of a line reads.

use linesman::check::seen::Answer;
use linesman::io::probe::{content_kind, read_dns_answer, show_certificate};
use linesman::proto::ntp;

/// An answer for a name with an alias and an extended error, one for the time, a certificate, an OCSP answer.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\0\x07\x81\x80\0\x01\0\x02\0\0\0\x01\x03api\x02ex\0\0\x01\0\x01\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x09\x04edge\x02ex\0\
      \x04edge\x02ex\0\0\x01\0\x01\0\0\0\x1E\0\x04\xC0\0\x02\x07\0\0\x29\x04\xD0\0\0\0\0\0\x0B\0\x0F\0\x07\0\x11by us",
    b"\x24\x02\x06\xE8\0\0\0\x10\0\0\0\x20\x0A\0\0\x01\xEE\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\
      \xEE\0\0\0\0\0\0\0\xEE\0\0\0\0\0\0\0",
    include_bytes!("../../assets/roots/digicert-global-root-ca.der"),
    b"\x30\x07\x0A\x01\0\xA0\x02\x30\0",
];

/// The most that is kept of an answer for a name: addresses of two families, names, extended errors.
const MAX_KEPT: usize = 64;

/// Holds one input against the rules above.
pub(crate) fn check(_: u8, octets: &[u8]) {
    if let Some(Answer::Message { addresses, aliases, extended, .. }) = read_dns_answer(octets) {
        assert!(addresses.len() <= MAX_KEPT && aliases.len() <= MAX_KEPT && extended.len() <= MAX_KEPT);
        aliases.iter().chain(extended.iter().map(|(_, text)| text)).for_each(|text| assert_shown(text, 300));
    }
    let nonce = octets.get(24..32).and_then(|part| part.try_into().ok()).unwrap_or_default();
    if let Ok(reply) = ntp::read(octets, nonce, 1_795_867_200_000_000, 1_795_867_200_040_000) {
        assert_shown(&reply.reference, 15);
    }
    let certificate = show_certificate(octets);
    assert!(certificate.names.len() <= 100 && certificate.urls.len() <= 8);
    let texts = [&certificate.subject, &certificate.issuer].into_iter();
    texts.chain(&certificate.names).chain(&certificate.urls).for_each(|text| assert_shown(text, 300));
    assert!(["", "crl", "certificate", "ocsp"].contains(&content_kind(octets)));
}

fn assert_shown(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "{text:?}");
    assert!(!text.contains(|c: char| c.is_control() || ('\u{202A}'..='\u{202E}').contains(&c)), "{text:?}");
}
