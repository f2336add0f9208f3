//! What is asked beside the rows to learn whether answers can be believed. It asks third parties, or an address that is
//! nobody's: only on consent, once a check, and never while it watches.

use core::net::Ipv4Addr;

/// A page that answers everybody alike. Sending on from it, or another answer, is a sign-in page's doing; one alone is no
/// evidence, since caches answer for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Its host.
    pub host: &'static str,
    /// Its path.
    pub path: &'static str,
}

/// Pages of different operators. The first two answer with 204 and no page.
pub const CANARIES: [Canary; 3] = [
    Canary { host: "connectivitycheck.gstatic.com", path: "/generate_204" },
    Canary { host: "cp.cloudflare.com", path: "/generate_204" },
    Canary { host: "detectportal.firefox.com", path: "/success.txt" },
];
/// The port of the pages.
pub const CANARY_PORT: u16 = 80;
/// The port that an address of nobody is tried on.
pub const NOWHERE_PORT: u16 = 443;
/// The networks for examples in documents (RFC 5737): no packet to them may arrive.
const NOWHERE: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// An address that nobody has, another one each time.
pub fn nowhere(random: u64) -> Ipv4Addr {
    let [a, b, c] = NOWHERE[usize::try_from(random % 3).unwrap_or_default()];
    let last = u8::try_from(random / 3 % 254).unwrap_or_default() + 1;
    Ipv4Addr::new(a, b, c, last)
}

/// What is asked on consent, a line each.
pub fn lines() -> Vec<String> {
    let pages: Vec<&str> = CANARIES.iter().map(|canary| canary.host).collect();
    vec![
        "The revocation servers named in the certificates that are seen".to_owned(),
        format!("Once, and not while watching: {}, to notice a sign-in page", pages.join(", ")),
        format!(
            "Once, and not while watching: an unused address, port {NOWHERE_PORT}, to notice a device that accepts every connection"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_nobody_is_always_one_for_documents() {
        for random in (0..2000).chain([u64::MAX]) {
            let address = nowhere(random);
            assert!(address.is_documentation() && !matches!(address.octets()[3], 0 | 255), "{address}");
        }
    }

    #[test]
    fn all_that_is_asked_is_listed() {
        let text = lines().join("\n");
        assert!(CANARIES.iter().all(|canary| text.contains(canary.host)), "{text}");
    }
}
