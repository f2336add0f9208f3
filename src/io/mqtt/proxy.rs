//! The way through an HTTP proxy: CONNECT (RFC 9110, section 9.3.6), with the login “Basic” where it is asked for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::error::{MqttError, Stalled};
use super::tcp::Facts;
use crate::io::stream::Stream;
use crate::model::mqtt::connect::{ConnectPlan, Proxy};
use crate::model::text::visible_octets;

/// The longest head of an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Has the proxy pass us on to the broker.
pub(super) async fn pass(
    stream: &mut Box<dyn Stream>,
    proxy: &Proxy,
    plan: &ConnectPlan,
    limit: Duration,
    facts: &mut Facts,
) -> Result<(), MqttError> {
    let (name, target) = (format!("{}:{}", proxy.host, proxy.port), plan.url.authority());
    facts.push(("Proxy".into(), name.clone()));
    facts.push(("Asked to pass on to".into(), target.clone()));
    let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
    if let Some((user, password)) = &proxy.login {
        let login = Zeroizing::new(format!("{user}:{}", password.expose()));
        let encoded = Zeroizing::new(STANDARD.encode(login.as_bytes()));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&encoded);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        read_head(stream).await
    };
    let not_a_proxy = |detail: String| MqttError::NotAProxy { proxy: name.clone(), detail };
    let head = timeout(limit, exchange)
        .await
        .map_err(|_| MqttError::Stalled { what: Stalled::Proxy, address: name.clone(), secs: limit.as_secs() })?
        .map_err(|error| not_a_proxy(error.to_string()))?;
    let text = String::from_utf8_lossy(&head);
    let status_line = text.lines().next().unwrap_or_default();
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    let shown = visible_octets(status_line.as_bytes(), 200);
    facts.push(("It answers".into(), shown.clone()));
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => {
            let offers = header(&text, "proxy-authenticate").join(", ");
            Err(MqttError::ProxyLogin { proxy: name, has_login: proxy.login.is_some(), offers })
        }
        Some(_) => Err(MqttError::ProxyRefused { proxy: name, target, status: shown }),
        None => Err(not_a_proxy(format!("it answers “{shown}”"))),
    }
}

/// One octet at a time: what follows the head belongs to the broker.
async fn read_head(stream: &mut Box<dyn Stream>) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        let mut octet = [0];
        if stream.read(&mut octet).await? == 0 {
            break;
        }
        head.push(octet[0]);
        // Whoever does not speak HTTP need not be heard out.
        if head.len() == 5 && head != b"HTTP/" {
            break;
        }
    }
    Ok(head)
}

/// What the proxy offers as login, without what it says to each.
fn header(text: &str, name: &str) -> Vec<String> {
    let values = text.lines().filter_map(|line| {
        let (found, value) = line.split_once(':')?;
        let scheme = value.split_whitespace().next()?;
        found.eq_ignore_ascii_case(name).then(|| visible_octets(scheme.as_bytes(), 40))
    });
    values.take(8).collect()
}
