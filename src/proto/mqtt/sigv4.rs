//! AWS Signature Version 4 in the address of a WebSocket, as AWS IoT Core takes it. Follows "Signing AWS API requests",
//! authentication by query parameters, and for the token of a temporary key "MQTT over the WebSocket protocol".

use sha2::{Digest as _, Sha256};

use super::{escaped, sign};
use crate::model::secret::Secret;
use crate::model::text::hex;

/// The name under which AWS IoT Core signs.
const SERVICE: &str = "iotdevicegateway";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// For how long a signed address can be used. It has to be opened in that time; the connection lasts longer.
pub const LIFETIME_SECS: u32 = 300;

/// A key of AWS.
pub struct SigningKey<'a> {
    /// The region, such as `eu-central-1`.
    pub region: &'a str,
    /// The key's id.
    pub access_key_id: &'a str,
    /// The key.
    pub secret_key: &'a Secret<String>,
    /// The token of a temporary key.
    pub session_token: Option<&'a Secret<String>>,
}

/// The path and query to ask for, with the signature in it.
///
/// `host` is the Host header as it will be sent: with the port where it is not 443.
pub fn sign_url(host: &str, path: &str, key: &SigningKey<'_>, now_unix_secs: i64) -> Secret<String> {
    let stamp = timestamp(now_unix_secs);
    let day = &stamp[..8];
    let scope = format!("{day}/{}/{SERVICE}/aws4_request", key.region);
    let credential = escaped(&format!("{}/{scope}", key.access_key_id));
    let query = format!(
        "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={stamp}&X-Amz-Expires={LIFETIME_SECS}&X-Amz-SignedHeaders=host"
    );
    let path = path.split('?').next().filter(|path| !path.is_empty()).unwrap_or("/mqtt");
    let nothing = hex(&Sha256::digest(b""));
    let request = format!("GET\n{path}\n{query}\nhost:{}\n\nhost\n{nothing}", host.to_ascii_lowercase());
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let signature = hex(&sign(signing_key(key, day).expose(), to_sign.as_bytes()));
    // The token is no part of what is signed: this service wants it so, others do not.
    let token = key.session_token.map(|token| format!("&X-Amz-Security-Token={}", escaped(token.expose())));
    Secret::new(format!("{path}?{query}&X-Amz-Signature={signature}{}", token.unwrap_or_default()))
}

/// The key of one day, region and service.
fn signing_key(key: &SigningKey<'_>, day: &str) -> Secret<Vec<u8>> {
    let start = Secret::new(format!("AWS4{}", key.secret_key.expose()).into_bytes());
    [day, key.region, SERVICE, "aws4_request"]
        .into_iter()
        .fold(start, |key, part| Secret::new(sign(key.expose(), part.as_bytes()).to_vec()))
}

/// `20260921T141320Z`.
fn timestamp(unix_secs: i64) -> String {
    let (day, second) = (unix_secs.div_euclid(86_400), unix_secs.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second % 3600 / 60, second % 60)
}

/// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-09-21 14:13:20 UTC.
    const NOW: i64 = 1_790_000_000;

    fn signed(host: &str, session_token: Option<&str>) -> String {
        let token = session_token.map(|token| Secret::new(token.to_owned()));
        let key = SigningKey {
            region: "eu-central-1",
            access_key_id: "AKIDEXAMPLE",
            secret_key: &Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into()),
            session_token: token.as_ref(),
        };
        sign_url(host, "/mqtt", &key, NOW).expose().clone()
    }

    const QUERY: &str = "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260921%2Feu-central-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20260921T141320Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=";

    /// Computed with botocore 1.43.11 (`SigV4QueryAuth`).
    #[test]
    fn addresses_are_signed_as_by_the_vendors_own_library() {
        let host = "abc123-ats.iot.eu-central-1.amazonaws.com";
        let expected = format!("{QUERY}6ade2e4ac810f854496d15658180f2bab16739ef4f1d527c1952de5ef6968704");
        assert_eq!(signed(host, None), expected);
        let expected = format!("{QUERY}a152c0ba78e5b704da97a70b6190c7a4b998e42d2c9771b6e5de2813ccb1b9bb");
        assert_eq!(signed("localhost:8443", None), expected);
    }

    #[test]
    fn a_temporary_key_adds_its_token_behind_the_signature() {
        let host = "abc123-ats.iot.eu-central-1.amazonaws.com";
        assert_eq!(signed(host, Some("a+b/c=")), format!("{}&X-Amz-Security-Token=a%2Bb%2Fc%3D", signed(host, None)));
    }

    #[test]
    fn times_are_written_without_signs() {
        assert_eq!(timestamp(NOW), "20260921T141320Z");
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(951_782_399), "20000228T235959Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000Z");
        assert_eq!(timestamp(4_107_542_399), "21000228T235959Z");
        assert_eq!(timestamp(4_107_542_400), "21000301T000000Z");
    }
}
