//! Revocation data and issuers' certificates, by plain HTTP as the chain names them. Whether what comes is what was asked for
//! is looked at; what it says is not.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout_at};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::errors::broke;
use super::{http, sockets};
use crate::check::question::From;
use crate::check::seen::{Broke, Fetch, HttpEnd, Seen};
use crate::io::certificate;
use crate::io::stream::{Glimpse, Stream, Watched};
use crate::model::text::visible;

/// The largest content: lists of revoked certificates grow large.
const MAX_CONTENT: usize = 4 * 1024 * 1024;
/// Longest text of an address.
const URL_CHARS: usize = 300;

/// Fetches what a URL names from that address.
pub(super) async fn fetch(from: &From, url: &str, to: SocketAddr, limit: Duration) -> Seen {
    let until = Instant::now() + limit;
    let (end, content) = match split(url) {
        None => (HttpEnd::Broken(Broke::Other { begins: "this isn't an address of plain HTTP".into() }), Vec::new()),
        Some((host, path)) => match timeout_at(until, get(from, host, path, to)).await {
            Ok(answered) => answered,
            Err(_) => (HttpEnd::Broken(Broke::Silent), Vec::new()),
        },
    };
    let is_ok = matches!(end, HttpEnd::Status { status: 200, .. });
    Seen::Fetch(Fetch {
        url: visible(url, URL_CHARS),
        end,
        content: if is_ok { kind(&content).into() } else { String::new() },
        bytes: u64::try_from(content.len()).unwrap_or(u64::MAX),
    })
}

/// Host (with its port) and path of a URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    (!host.is_empty() && !host.contains('@')).then_some((host, path))
}

async fn get(from: &From, host: &str, path: &str, to: SocketAddr) -> (HttpEnd, Vec<u8>) {
    let connected = async { TcpSocket::from_std_stream(sockets::tcp(from, to)?.into()).connect(to).await };
    let stream: Box<dyn Stream> = match connected.await {
        Ok(stream) => Box::new(stream),
        Err(error) => return (HttpEnd::Broken(broke(&error, &Glimpse::default())), Vec::new()),
    };
    let most = u64::try_from(2 * MAX_CONTENT).unwrap_or(u64::MAX);
    let (watched, glimpse) = Watched::new(stream, most);
    http::get(Box::new(watched), &glimpse, host, path, MAX_CONTENT).await
}

/// What a content is, as far as its form tells.
pub fn kind(content: &[u8]) -> &'static str {
    if is_whole(CertificateRevocationList::from_der(content).ok().map(|(rest, _)| rest)) {
        return "crl";
    }
    if certificate::read(content).is_some() {
        return "certificate";
    }
    if is_ocsp(content) { "ocsp" } else { "" }
}

fn is_whole(rest: Option<&[u8]>) -> bool {
    rest.is_some_and(<[u8]>::is_empty)
}

/// The shape of an OCSP answer (RFC 6960): a sequence that begins with a status of one byte, 0 to 6, and where that is 0 goes on
/// with the answer in brackets.
fn is_ocsp(content: &[u8]) -> bool {
    let Some((0x30, body, [])) = element(content) else { return false };
    match element(body) {
        Some((0x0A, [0], rest)) => matches!(element(rest), Some((0xA0, _, []))),
        Some((0x0A, [1..=6], [])) => true,
        _ => false,
    }
}

/// The first element of DER: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (number, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (number.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_host_and_path() {
        assert_eq!(split("http://crl.example/a.crl"), Some(("crl.example", "/a.crl")));
        assert_eq!(split("http://ocsp.example:8080"), Some(("ocsp.example:8080", "/")));
        for bad in ["https://crl.example/", "ldap://x", "http://me:secret@crl.example/", "http:///a", ""] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn contents_are_told_by_their_form() {
        let root = include_bytes!("../../../assets/roots/digicert-global-root-ca.der");
        assert_eq!(kind(root), "certificate");
        assert_eq!(kind(&[0x30, 3, 0x0A, 1, 6]), "ocsp");
        assert_eq!(kind(&[0x30, 7, 0x0A, 1, 0, 0xA0, 2, 0x30, 0]), "ocsp");
        for other in [&b"<html>"[..], b"", &[0x30, 3, 0x0A, 1, 9], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]] {
            assert_eq!(kind(other), "", "{other:?}");
        }
    }
}
