//! Proxies that this computer's programs use, as far as they are written down; and a way through one, to explain a failure.

use std::io::{Error, ErrorKind};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, lookup_host};
use tokio::time::timeout;

use super::{Began, Teller, sockets};
use crate::check::question::{From, Shape, Talk};
use crate::check::seen::{Connect, ConnectEnd, Proxy, Seen, SocketError};
use crate::io::stream::Stream;
use crate::model::text::{visible, without_login};

/// Longest text of a setting.
const SETTING_CHARS: usize = 200;
/// Most hosts that are reached without a proxy.
const MAX_EXCEPT: usize = 64;
/// The most of a proxy's answer, bytes.
const MAX_ANSWER: usize = 8 * 1024;
/// The variables of the environment, as programs read them.
const VARIABLES: [(&str, &str); 3] = [("https_proxy", "https"), ("http_proxy", "http"), ("all_proxy", "socks")];

/// Those of the environment.
pub(super) fn of_environment() -> Vec<Proxy> {
    let variable = |name: &str| {
        let found = std::env::var(name).or_else(|_| std::env::var(name.to_uppercase()));
        found.ok().filter(|value| !value.trim().is_empty())
    };
    let except = variable("no_proxy").map(|list| split_list(&list, ',')).unwrap_or_default();
    let named = VARIABLES.iter().filter_map(|(name, scheme)| {
        let value = variable(name)?;
        let scheme = if value.starts_with("socks") {
            "socks"
        } else if *scheme == "socks" {
            "https"
        } else {
            scheme
        };
        Some(proxy(&format!("environment: {name}"), scheme, &value, &except))
    });
    named.collect()
}

/// A setting as it is told, without its login.
pub(super) fn proxy(source: &str, scheme: &str, address: &str, except: &[String]) -> Proxy {
    Proxy {
        source: source.into(),
        scheme: scheme.into(),
        address: visible(&without_login(address.trim()), SETTING_CHARS),
        except: except.to_vec(),
    }
}

/// The parts of a list.
pub(super) fn split_list(list: &str, at: char) -> Vec<String> {
    let parts = list.split(at).map(str::trim).filter(|part| !part.is_empty());
    parts.take(MAX_EXCEPT).map(|part| visible(part, SETTING_CHARS)).collect()
}

/// A way to the far end through the proxy of the environment: by CONNECT, or by SOCKS 5. No login is sent.
pub(super) async fn tunnel(from: &From, talk: &Talk, teller: &Teller) -> Result<Box<dyn Stream>, String> {
    let proxies = of_environment();
    let proxy = proxies.first().ok_or("there is no proxy in the settings")?;
    let authority = host_and_port(&proxy.address).ok_or("the address of the proxy cannot be read")?;
    let began = Began::now();
    let opened = timeout(talk.limit, async {
        let to = lookup_host(&authority).await?.next().ok_or(ErrorKind::NotFound)?;
        let mut stream = TcpSocket::from_std_stream(sockets::tcp(from, to)?.into()).connect(to).await?;
        match proxy.scheme.as_str() {
            "socks" => socks(&mut stream, talk).await?,
            _ => connect(&mut stream, talk).await?,
        }
        Ok::<_, Error>(stream)
    })
    .await
    .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
    let end = match &opened {
        Ok(_) => ConnectEnd::Connected,
        Err(error) if error.kind() == ErrorKind::TimedOut => ConnectEnd::TimedOut,
        Err(error) => ConnectEnd::Failed { error: SocketError::Other, number: error.raw_os_error(), icmp: None },
    };
    let own = opened.as_ref().ok().and_then(|stream| stream.local_addr().ok());
    let seen = Connect { to: talk.to, from: own, shape: Shape::ThroughProxy, attempt: 1, end };
    teller.tell(began, Seen::Connect(seen)).await;
    opened.map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(|error| error.to_string())
}

/// Host and port of a proxy's address.
fn host_and_port(address: &str) -> Option<String> {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let bare = bare.rsplit_once('@').map_or(bare, |(_, rest)| rest).split('/').next()?;
    let has_port = bare.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    (!bare.is_empty()).then(|| if has_port { bare.to_owned() } else { format!("{bare}:1080") })
}

async fn connect(stream: &mut (impl Stream + ?Sized), talk: &Talk) -> Result<(), Error> {
    let to = format!("{}:{}", talk.host, talk.to.port());
    stream.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // One byte at a time: what follows belongs to the far end.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            return Err(ErrorKind::InvalidData.into());
        }
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|byte| *byte == b' ').nth(1);
    if status.is_some_and(|status| status.starts_with(b"2")) {
        Ok(())
    } else {
        Err(ErrorKind::ConnectionRefused.into())
    }
}

async fn socks(stream: &mut (impl Stream + ?Sized), talk: &Talk) -> Result<(), Error> {
    stream.write_all(&[5, 1, 0]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, 0] {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    let length = u8::try_from(talk.host.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let mut request = vec![5, 1, 0, 3, length];
    request.extend_from_slice(talk.host.as_bytes());
    request.extend_from_slice(&talk.to.port().to_be_bytes());
    stream.write_all(&request).await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let rest = match head[3] {
        1 => 6,
        4 => 18,
        3 => usize::from(stream.read_u8().await?) + 2,
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    stream.read_exact(&mut vec![0; rest]).await?;
    if head[1] == 0 { Ok(()) } else { Err(ErrorKind::ConnectionRefused.into()) }
}

/// The setting `ProxyServer` of Windows with `ProxyOverride`: one address for everything, or a list with a key for each scheme.
/// An address behind the key `socks` is a SOCKS proxy, and no HTTP proxy.
pub(super) fn of_windows(server: &str, except: &str) -> Vec<Proxy> {
    const SOURCE: &str = "Windows settings";
    let except = split_list(except, ';');
    let entries = server.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    let read = entries.filter_map(|entry| match entry.split_once('=') {
        None => Some(proxy(SOURCE, if entry.starts_with("socks") { "socks" } else { "https" }, entry, &except)),
        Some((key @ ("http" | "https" | "socks"), address)) if !address.trim().is_empty() => {
            Some(proxy(SOURCE, key, address, &except))
        }
        Some(_) => None,
    });
    read.take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_windows_are_read_by_their_keys() {
        let read = |server: &str| -> Vec<(String, String)> {
            of_windows(server, "").into_iter().map(|proxy| (proxy.scheme, proxy.address)).collect()
        };
        let pair = |scheme: &str, address: &str| (scheme.to_owned(), address.to_owned());
        assert_eq!(read("proxy.example:8080"), [pair("https", "proxy.example:8080")]);
        assert_eq!(read("socks=proxy.example:1080"), [pair("socks", "proxy.example:1080")]);
        assert_eq!(
            read("http=a.example:80;https=b.example:443; socks=c.example:1080 ;ftp=d.example:21"),
            [pair("http", "a.example:80"), pair("https", "b.example:443"), pair("socks", "c.example:1080")]
        );
        assert_eq!(read("http://me:secret@proxy.example:8080"), [pair("https", "http://…@proxy.example:8080")]);
        assert_eq!(read(""), []);
        assert_eq!(read(";;=;https="), []);
        assert_eq!(of_windows("p:1", "*.local;<local>")[0].except, ["*.local", "<local>"]);
    }

    #[test]
    fn the_address_of_a_proxy_is_found_in_its_setting() {
        for (setting, expected) in [
            ("http://proxy.example:8080/", "proxy.example:8080"),
            ("proxy.example", "proxy.example:1080"),
            ("socks5://user:pass@10.0.0.1:1081", "10.0.0.1:1081"),
            ("http://[2001:db8::1]:3128", "[2001:db8::1]:3128"),
        ] {
            assert_eq!(host_and_port(setting).as_deref(), Some(expected), "{setting}");
        }
        assert_eq!(host_and_port("http://"), None);
    }
}
