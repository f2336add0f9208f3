//! Proxies in the settings of the system, as its own tools list them. A script that chooses is said to be there, not evaluated.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::proxies::{of_windows, proxy, split_list};
use crate::check::seen::Proxy;
use crate::io::tool::{self, Ran};

/// How long a tool may take.
const LIMIT: Duration = Duration::from_secs(2);
/// Longest line that is read.
const LINE_CHARS: usize = 1000;

/// The proxies that the system's settings name.
pub(super) fn read() -> Vec<Proxy> {
    let tool = |program: &str, arguments: &[&str]| match tool::run(Path::new(program), arguments, LIMIT) {
        Ran::Ended { text, code: Some(0) } => text,
        _ => String::new(),
    };
    if cfg!(windows) {
        const KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings";
        of_registry(&tool("reg", &["query", KEY]))
    } else if cfg!(target_os = "macos") {
        of_scutil(&tool("scutil", &["--proxy"]))
    } else {
        let mut found = of_gnome(&tool("gsettings", &["list-recursively", "org.gnome.system.proxy"]));
        let home = std::env::var_os("HOME").map(std::path::PathBuf::from).unwrap_or_default();
        let kde = std::fs::read_to_string(home.join(".config/kioslaverc")).unwrap_or_default();
        found.extend(of_kde(&kde));
        found
    }
}

/// What `reg query` prints of the internet settings: `    ProxyServer    REG_SZ    proxy.example:8080`.
fn of_registry(text: &str) -> Vec<Proxy> {
    let value = |name: &str| {
        lines(text).find_map(|line| {
            let rest = line.trim_start().strip_prefix(name)?.strip_prefix("    REG_")?;
            rest.split_once("    ").map(|(_, value)| value.trim())
        })
    };
    let mut found = Vec::new();
    if value("ProxyEnable") == Some("0x1") {
        found = of_windows(value("ProxyServer").unwrap_or_default(), value("ProxyOverride").unwrap_or_default());
    }
    let script = value("AutoConfigURL").filter(|url| !url.is_empty());
    found.extend(script.map(|url| proxy("Windows settings", "script", url, &[])));
    found
}

/// What `scutil --proxy` prints: `  HTTPSProxy : proxy.example`.
fn of_scutil(text: &str) -> Vec<Proxy> {
    const SOURCE: &str = "macOS settings";
    let values: BTreeMap<&str, &str> =
        lines(text).filter_map(|line| line.split_once(" : ")).map(|(key, value)| (key.trim(), value.trim())).collect();
    let is_on = |key: &str| values.get(key) == Some(&"1");
    let mut found = Vec::new();
    for (key, scheme) in [("HTTPS", "https"), ("HTTP", "http"), ("SOCKS", "socks")] {
        let (host, port) = (values.get(&*format!("{key}Proxy")), values.get(&*format!("{key}Port")));
        if let (true, Some(host)) = (is_on(&format!("{key}Enable")), host) {
            let address = port.map_or((*host).to_owned(), |port| format!("{host}:{port}"));
            found.push(proxy(SOURCE, scheme, &address, &[]));
        }
    }
    if is_on("ProxyAutoConfigEnable") {
        found.extend(values.get("ProxyAutoConfigURLString").map(|url| proxy(SOURCE, "script", url, &[])));
    }
    found
}

/// What `gsettings list-recursively` prints: `org.gnome.system.proxy.https host 'proxy.example'`.
fn of_gnome(text: &str) -> Vec<Proxy> {
    const SOURCE: &str = "GNOME settings";
    let value = |schema: &str, key: &str| {
        let prefix = format!("org.gnome.system.proxy{schema} {key} ");
        lines(text).find_map(|line| Some(line.strip_prefix(&prefix)?.trim().trim_matches('\'')))
    };
    match value("", "mode") {
        Some("auto") => {
            let url = value("", "autoconfig-url").unwrap_or_default();
            vec![proxy(SOURCE, "script", if url.is_empty() { "found by the network" } else { url }, &[])]
        }
        Some("manual") => {
            let except = value("", "ignore-hosts").unwrap_or_default().trim_matches(['[', ']']).replace('\'', "");
            let except = split_list(&except, ',');
            let named = [("https", "https"), ("http", "http"), ("socks", "socks")].into_iter().filter_map(
                |(schema, scheme)| {
                    let host = value(&format!(".{schema}"), "host").filter(|host| !host.is_empty())?;
                    let port = value(&format!(".{schema}"), "port").unwrap_or_default();
                    Some(proxy(SOURCE, scheme, &format!("{host}:{port}"), &except))
                },
            );
            named.collect()
        }
        _ => Vec::new(),
    }
}

/// KDE's file: `httpsProxy=http://proxy.example 3128`, with `ProxyType` 1 for these, 2 and 3 for scripts.
fn of_kde(text: &str) -> Vec<Proxy> {
    const SOURCE: &str = "KDE settings";
    let value = |key: &str| {
        lines(text)
            .find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim()))
            .filter(|value| !value.is_empty())
    };
    let kind = value("ProxyType");
    match kind {
        Some("1") => {
            let except = split_list(value("NoProxyFor").unwrap_or_default(), ',');
            let named = [("httpsProxy", "https"), ("httpProxy", "http"), ("socksProxy", "socks")].into_iter();
            named
                .filter_map(|(key, scheme)| Some(proxy(SOURCE, scheme, &value(key)?.replace(' ', ":"), &except)))
                .collect()
        }
        Some("2") => value("Proxy Config Script").map(|url| proxy(SOURCE, "script", url, &[])).into_iter().collect(),
        Some("3") => vec![proxy(SOURCE, "script", "found by the network", &[])],
        _ => Vec::new(),
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.len() <= LINE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Vec<Proxy>) -> Vec<(String, String)> {
        found.into_iter().map(|proxy| (proxy.scheme, proxy.address)).collect()
    }

    fn pair(scheme: &str, address: &str) -> (String, String) {
        (scheme.to_owned(), address.to_owned())
    }

    #[test]
    fn the_registry_names_a_proxy_only_where_it_is_switched_on() {
        let text = |on: &str| {
            format!(
                "\r\nHKEY_CURRENT_USER\\Software\r\n    ProxyEnable    REG_DWORD    {on}\r\n    ProxyServer    REG_SZ    \
                 socks=p.example:1080\r\n    ProxyOverride    REG_SZ    *.local;<local>\r\n    AutoConfigURL    REG_SZ    \
                 http://wpad.example/p.pac\r\n"
            )
        };
        let script = pair("script", "http://wpad.example/p.pac");
        assert_eq!(told(of_registry(&text("0x1"))), [pair("socks", "p.example:1080"), script.clone()]);
        assert_eq!(told(of_registry(&text("0x0"))), [script]);
        assert_eq!(told(of_registry("ERROR: not found")), []);
    }

    #[test]
    fn the_settings_of_macos_are_read() {
        let text = "<dictionary> {\n  HTTPSEnable : 1\n  HTTPSPort : 3128\n  HTTPSProxy : p.example\n  HTTPEnable : 0\n  \
                    HTTPProxy : off.example\n  ProxyAutoConfigEnable : 1\n  ProxyAutoConfigURLString : http://w.example/p.pac\n}";
        assert_eq!(told(of_scutil(text)), [pair("https", "p.example:3128"), pair("script", "http://w.example/p.pac")]);
    }

    #[test]
    fn the_settings_of_gnome_are_read_by_their_mode() {
        let text = |mode: &str| {
            format!(
                "org.gnome.system.proxy mode '{mode}'\norg.gnome.system.proxy autoconfig-url 'http://w.example/p.pac'\n\
                 org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8']\n\
                 org.gnome.system.proxy.https host 'p.example'\norg.gnome.system.proxy.https port 3128\n\
                 org.gnome.system.proxy.http host ''\norg.gnome.system.proxy.http port 8080\n"
            )
        };
        let manual = of_gnome(&text("manual"));
        assert_eq!(manual[0].except, ["localhost", "127.0.0.0/8"]);
        assert_eq!(told(manual), [pair("https", "p.example:3128")]);
        assert_eq!(told(of_gnome(&text("auto"))), [pair("script", "http://w.example/p.pac")]);
        assert_eq!(told(of_gnome(&text("none"))), []);
    }

    #[test]
    fn the_file_of_kde_is_read_by_its_type() {
        let text = |kind: u8| {
            format!(
                "[Proxy Settings]\nNoProxyFor=localhost\nProxy Config Script=http://w.example/p.pac\nProxyType={kind}\n\
                 httpsProxy=http://p.example 3128\nsocksProxy=\n"
            )
        };
        assert_eq!(told(of_kde(&text(1))), [pair("https", "http://p.example:3128")]);
        assert_eq!(told(of_kde(&text(2))), [pair("script", "http://w.example/p.pac")]);
        assert_eq!(told(of_kde(&text(3))), [pair("script", "found by the network")]);
        assert_eq!(told(of_kde(&text(0))), []);
    }
}
