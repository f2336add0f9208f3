//! Why a TLS handshake finds no common ground: a ClientHello that offers whatever servers of any age want (RFC 8446, RFC 5246,
//! section 7.4.1), and what the server's choice tells. Nothing is encrypted with it: the answer is read, and that is all.

use crate::model::problem::{Explain, Problem};

/// What a server chose that this program does not speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A version of the last century.
    #[error("{version} at most")]
    Version {
        /// Its name.
        version: &'static str,
    },
    /// The key is exchanged by RSA: whoever gets the broker's key later reads what was recorded.
    #[error("RSA key exchange only")]
    RsaKeyExchange,
    /// The key is exchanged in a finite field.
    #[error("DHE key exchange only")]
    FiniteField,
    /// A curve that is not spoken here.
    #[error("the curve {curve} only")]
    Curve {
        /// Its name.
        curve: String,
    },
    /// A cipher that is not spoken here.
    #[error("ciphers in CBC mode only")]
    Cipher,
    /// It signs in a way that is not spoken here.
    #[error("signatures by {signature}")]
    Signature {
        /// Its name.
        signature: String,
    },
}

impl Explain for Mismatch {
    fn explain(&self) -> Problem {
        match self {
            Self::Version { version } => Problem::new(
                "mqtt.tls_version",
                format!("The broker speaks {version} at most"),
                "Linesman supports TLS 1.2 and 1.3; older versions are insecure",
                "Update the broker, or allow TLS 1.2 in its settings",
            ),
            Self::RsaKeyExchange => Problem::new(
                "mqtt.tls_key_exchange",
                "The broker exchanges keys by RSA only",
                "Its ciphers lack ECDHE, so traffic recorded today can be read by anyone who gets its key later",
                "Add ciphers with ECDHE to its settings, such as ECDHE-RSA-AES128-GCM-SHA256",
            ),
            Self::FiniteField => Problem::new(
                "mqtt.tls_finite_field",
                "The broker exchanges keys by DHE only",
                "Its ciphers lack ECDHE, the key exchange on curves",
                "Add ciphers with ECDHE to its settings, such as ECDHE-RSA-AES128-GCM-SHA256",
            ),
            Self::Curve { curve } => Problem::new(
                "mqtt.tls_curve",
                format!("The broker exchanges keys on the curve {curve} only"),
                "Linesman supports X25519, P-256 and P-384",
                "Allow X25519 or P-256 in the broker's settings (curves or groups)",
            ),
            Self::Cipher => Problem::new(
                "mqtt.tls_cipher",
                "The broker offers ciphers in CBC mode only",
                "Linesman supports AES-GCM and ChaCha20; CBC mode has known attacks",
                "Add ciphers with GCM to its settings, such as ECDHE-RSA-AES128-GCM-SHA256",
            ),
            Self::Signature { signature } => Problem::new(
                "mqtt.tls_signature",
                format!("The broker signs by {signature}"),
                "RSA from 2048 bits, ECDSA on P-256 and P-384, and Ed25519 are supported",
                "Issue the broker a certificate with such a key",
            ),
        }
    }
}

/// What a server answered, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    version: u16,
    cipher: u16,
    group: Option<u16>,
    signature: Option<u16>,
    /// The server's certificate has a key on P-521. TLS 1.2 ties no curve to a signature, so the signature does not tell.
    has_p521_key: bool,
}

const TLS_1_2: u16 = 0x0303;

impl Choice {
    /// The version chosen, as `TLSv1.3`.
    pub const fn version(&self) -> &'static str {
        match self.version {
            0x0304 => "TLSv1.3",
            TLS_1_2 => "TLSv1.2",
            0x0302 => "TLSv1.1",
            0x0301 => "TLSv1.0",
            _ => "SSL",
        }
    }

    /// The number of the suite chosen, as `0x1301`.
    pub fn cipher(&self) -> String {
        format!("0x{:04X}", self.cipher)
    }

    /// What of it is not spoken here; nothing where all of it is.
    pub fn mismatch(&self) -> Option<Mismatch> {
        if self.version < TLS_1_2 {
            return Some(Mismatch::Version { version: version_name(self.version) });
        }
        if RSA.contains(&self.cipher) {
            return Some(Mismatch::RsaKeyExchange);
        }
        if DHE.contains(&self.cipher) {
            return Some(Mismatch::FiniteField);
        }
        if let Some(group) = self.group.filter(|group| !matches!(group, 0x001D | 0x0017 | 0x0018)) {
            return Some(Mismatch::Curve { curve: group_name(group) });
        }
        if CBC.contains(&self.cipher) {
            return Some(Mismatch::Cipher);
        }
        if self.has_p521_key {
            return Some(Mismatch::Signature { signature: signature_name(ECDSA_P521) });
        }
        let is_foreign = |scheme: &u16| matches!(*scheme, ECDSA_P521 | 0x0201 | 0x0203 | 0x0808);
        self.signature.filter(is_foreign).map(|scheme| Mismatch::Signature { signature: signature_name(scheme) })
    }
}

const fn version_name(version: u16) -> &'static str {
    match version {
        0x0302 => "TLS 1.1",
        0x0301 => "TLS 1.0",
        _ => "SSL 3.0",
    }
}

fn group_name(group: u16) -> String {
    match group {
        0x0019 => "P-521".into(),
        0x001E => "X448".into(),
        0x0016 => "secp256k1".into(),
        0x001A => "brainpoolP256r1".into(),
        0x001B => "brainpoolP384r1".into(),
        0x001C => "brainpoolP512r1".into(),
        0x0100..=0x0104 => "of a finite field".into(),
        other => format!("0x{other:04X}"),
    }
}

fn signature_name(scheme: u16) -> String {
    match scheme {
        ECDSA_P521 => "ECDSA on P-521".into(),
        0x0201 | 0x0203 => "SHA-1".into(),
        0x0808 => "Ed448".into(),
        other => format!("0x{other:04X}"),
    }
}

const ECDSA_P521: u16 = 0x0603;
/// The curve P-521 as a certificate names it: 1.3.132.0.35 (RFC 5480, section 2.1.1.1).
const P521: [u8; 7] = [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23];

/// What is spoken here, the best first.
const OURS: [u16; 9] = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8];
const CBC: [u16; 8] = [0xC023, 0xC027, 0xC024, 0xC028, 0xC009, 0xC013, 0xC00A, 0xC014];
const DHE: [u16; 7] = [0x009E, 0x009F, 0xCCAA, 0x0067, 0x006B, 0x0033, 0x0039];
const RSA: [u16; 7] = [0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0x000A];
/// Says that renegotiation is safe; some servers want it.
const SAFE_RENEGOTIATION: u16 = 0x00FF;
const GROUPS: [u16; 10] = [0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x0016, 0x001A, 0x001B, 0x001C, 0x0100];
const SIGNATURES: [u16; 14] =
    [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0809];
const VERSIONS: [u16; 4] = [0x0304, 0x0303, 0x0302, 0x0301];

/// A ClientHello in its record.
pub fn client_hello(server_name: Option<&str>, alpn: &[String], random: [u8; 32]) -> Vec<u8> {
    padded_client_hello(server_name, alpn, random, 0)
}

/// A ClientHello in its record, filled up to that many bytes (RFC 7685).
pub fn padded_client_hello(server_name: Option<&str>, alpn: &[String], random: [u8; 32], bytes: usize) -> Vec<u8> {
    let mut body = TLS_1_2.to_be_bytes().to_vec();
    body.extend_from_slice(&random);
    body.push(0);
    let ciphers = OURS.iter().chain(&CBC).chain(&DHE).chain(&RSA).chain([&SAFE_RENEGOTIATION]);
    with_length(&mut body, 2, &pairs(ciphers));
    body.extend_from_slice(&[1, 0]);
    let mut extensions = Vec::new();
    if let Some(name) = server_name {
        let mut entry = vec![0];
        with_length(&mut entry, 2, name.as_bytes());
        extension(&mut extensions, 0, |out| with_length(out, 2, &entry));
    }
    extension(&mut extensions, 10, |out| with_length(out, 2, &pairs(&GROUPS)));
    extension(&mut extensions, 11, |out| out.extend_from_slice(&[1, 0]));
    extension(&mut extensions, 13, |out| with_length(out, 2, &pairs(&SIGNATURES)));
    if !alpn.is_empty() {
        let mut names = Vec::new();
        for name in alpn {
            with_length(&mut names, 1, name.as_bytes());
        }
        extension(&mut extensions, 16, |out| with_length(out, 2, &names));
    }
    extension(&mut extensions, 43, |out| with_length(out, 1, &pairs(&VERSIONS)));
    extension(&mut extensions, 45, |out| out.extend_from_slice(&[1, 1]));
    // No share: a server of TLS 1.3 says then which group it wants.
    extension(&mut extensions, 51, |out| out.extend_from_slice(&[0, 0]));
    // Headers of record and message, the length of the extensions, and the header of this one.
    let around = 5 + 4 + body.len() + 2 + extensions.len() + 4;
    if bytes > around {
        extension(&mut extensions, 21, |out| out.resize(bytes - around, 0));
    }
    with_length(&mut body, 2, &extensions);
    let mut handshake = vec![1];
    with_length(&mut handshake, 3, &body);
    let mut record = vec![22, 3, 1];
    with_length(&mut record, 2, &handshake);
    record
}

fn pairs<'a>(numbers: impl IntoIterator<Item = &'a u16>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn extension(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    out.extend_from_slice(&kind.to_be_bytes());
    with_length(out, 2, &body);
}

/// Writes what follows with its length before it, in so many bytes.
fn with_length(out: &mut Vec<u8>, length_bytes: usize, content: &[u8]) {
    let length = content.len().to_be_bytes();
    out.extend_from_slice(&length[length.len() - length_bytes..]);
    out.extend_from_slice(content);
}

/// Reads what a server sent so far. `Ok(None)` while more is needed to tell; `Err` when it refused, or is no TLS.
pub fn read_answer(bytes: &[u8]) -> Result<Option<Choice>, Refused> {
    let mut messages = Vec::new();
    let mut rest = Fields(bytes);
    let mut alert = None;
    while let Some((kind, content)) = rest.record() {
        match kind {
            22 => messages.extend_from_slice(content),
            21 => alert = Some(content.get(1).copied().unwrap_or_default()),
            // What follows a change of cipher is encrypted.
            20 | 23 => break,
            _ => return Err(Refused { alert: None }),
        }
    }
    let mut choice = None;
    let mut rest = Fields(&messages);
    while let Some((kind, content)) = rest.message() {
        match (kind, &mut choice) {
            (2, None) => choice = Fields(content).server_hello(),
            (11, Some(choice)) => choice.has_p521_key = Fields(content).has_p521_key(),
            (12, Some(choice)) => {
                Fields(content).key_exchange(choice);
                return Ok(Some(choice.clone()));
            }
            (14, Some(_)) => return Ok(choice),
            _ => {}
        }
    }
    match (choice, alert) {
        // What follows is encrypted.
        (Some(choice), _) if choice.version > TLS_1_2 => Ok(Some(choice)),
        (Some(choice), Some(_)) => Ok(Some(choice)),
        (None, Some(alert)) => Err(Refused { alert: Some(alert) }),
        (_, None) => Ok(None),
    }
}

/// A server that refuses even this, or speaks something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The alert, if it was one.
    pub alert: Option<u8>,
}

#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn two(&mut self) -> Option<u16> {
        self.number(2).and_then(|number| u16::try_from(number).ok())
    }

    fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let mut rest = *self;
        let kind = rest.take(1)?[0];
        rest.take(2)?;
        let length = rest.number(2)?;
        let content = rest.take(length)?;
        *self = rest;
        Some((kind, content))
    }

    fn message(&mut self) -> Option<(u8, &'a [u8])> {
        let mut rest = *self;
        let kind = rest.take(1)?[0];
        let length = rest.number(3)?;
        let content = rest.take(length)?;
        *self = rest;
        Some((kind, content))
    }

    fn server_hello(mut self) -> Option<Choice> {
        let version = self.two()?;
        self.take(32)?;
        let session = self.number(1)?;
        self.take(session)?;
        let cipher = self.two()?;
        self.take(1)?;
        let mut choice = Choice { version, cipher, ..Choice::default() };
        let length = self.two().unwrap_or_default();
        let mut extensions = Fields(self.take(usize::from(length)).unwrap_or_default());
        while let (Some(kind), Some(length)) = (extensions.two(), extensions.two()) {
            let mut content = Fields(extensions.take(usize::from(length))?);
            match kind {
                43 => choice.version = content.two()?,
                51 => choice.group = content.two(),
                _ => {}
            }
        }
        Some(choice)
    }

    /// Whether the first certificate of the list holds a key on P-521.
    fn has_p521_key(mut self) -> bool {
        self.number(3);
        let length = self.number(3).unwrap_or_default();
        self.take(length).is_some_and(|leaf| leaf.windows(P521.len()).any(|part| part == P521))
    }

    fn key_exchange(mut self, choice: &mut Choice) {
        let is_curve = self.number(1) == Some(3);
        if !is_curve {
            return;
        }
        choice.group = self.two();
        let point = self.number(1).unwrap_or_default();
        if self.take(point).is_some() && choice.version == TLS_1_2 {
            choice.signature = self.two();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello(version: u16, cipher: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend(cipher.to_be_bytes());
        body.push(0);
        with_length(&mut body, 2, extensions);
        let mut message = vec![2];
        with_length(&mut message, 3, &body);
        let mut record = vec![22, 3, 3];
        with_length(&mut record, 2, &message);
        record
    }

    const DONE: [u8; 9] = [22, 3, 3, 0, 4, 14, 0, 0, 0];

    #[test]
    fn the_choice_tells_what_is_missing() {
        let check = |bytes: Vec<u8>, expected: Option<&str>| {
            let choice = read_answer(&bytes).unwrap().unwrap();
            assert_eq!(choice.mismatch().map(|mismatch| mismatch.to_string()).as_deref(), expected);
        };
        check([hello(0x0302, 0xC013, &[]), DONE.to_vec()].concat(), Some("TLS 1.1 at most"));
        check([hello(0x0303, 0x009C, &[]), DONE.to_vec()].concat(), Some("RSA key exchange only"));
        check([hello(0x0303, 0x009E, &[]), DONE.to_vec()].concat(), Some("DHE key exchange only"));
        check([hello(0x0303, 0xC013, &[]), DONE.to_vec()].concat(), Some("ciphers in CBC mode only"));
        check([hello(0x0303, 0xC02F, &[]), DONE.to_vec()].concat(), None);
        // TLS 1.3 wants another group.
        let wants = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 0x1E];
        check(hello(0x0303, 0x1301, &wants), Some("the curve X448 only"));
        check([hello(0x0303, 0x1301, &wants), vec![20, 3, 3, 0, 1, 1]].concat(), Some("the curve X448 only"));
        let exchange = [22, 3, 3, 0, 11, 12, 0, 0, 7, 3, 0, 0x17, 1, 4, 6, 3];
        check([hello(0x0303, 0xC02B, &[]), exchange.to_vec()].concat(), Some("signatures by ECDSA on P-521"));
    }

    #[test]
    fn an_answer_that_is_not_whole_says_nothing_yet() {
        let whole = [hello(0x0303, 0xC02F, &[]), DONE.to_vec()].concat();
        for end in 0..whole.len() {
            assert_eq!(read_answer(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(read_answer(&[21, 3, 3, 0, 2, 2, 70]), Err(Refused { alert: Some(70) }));
        assert_eq!(read_answer(b"HTTP/1.1 400 Bad Request"), Ok(None));
    }

    #[test]
    fn a_hello_is_as_large_as_asked_for_and_whole() {
        let alpn = ["h2".to_owned()];
        let plain = client_hello(Some("gateway.example"), &alpn, [7; 32]);
        let padded = padded_client_hello(Some("gateway.example"), &alpn, [7; 32], 1500);
        assert_eq!(padded.len(), 1500);
        assert_eq!(padded.len() - 5, usize::from(u16::from_be_bytes([padded[3], padded[4]])));
        assert_eq!(padded_client_hello(Some("gateway.example"), &alpn, [7; 32], 20), plain);
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_answer(&bytes).map(|choice| choice.and_then(|choice| choice.mismatch()));
            let wrapped = [&[22, 3, 3, 0, u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
            let _ = read_answer(&wrapped);
        }
    }
}
