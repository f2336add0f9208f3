//! A short way to write down what was observed: one line an observation, the usual left out.
//!
//! `ROW word …` or `* word …` for what concerns no row. A host other than the row's first is written `@host`, a setting
//! `key=value`, text with blanks `key="…"`. `ROW good ADDRESS` stands for everything a good answer of that row consists of,
//! with `through=STEP` up to a step. `docs` is the code below: each word is a function.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use linesman::check::plan::{Plan, PlannedRow};
use linesman::check::question::{Carrier, Purpose, Shape};
use linesman::check::seen::{
    Answer, Broke, Certificate, Connect, ConnectEnd, Fetch, Http, HttpEnd, Icmp, Idle, Interface, Lease, Lookup, Mqtt,
    MqttEnd, NameServer, NotRun, Observation, Ping, Proxy, Route, Seen, SocketError, SystemTrust, Time, TimeEnd, Tls,
    TlsEnd, Trust, Wifi,
};
use linesman::model::endpoint::ProbeKind;
use linesman::model::word::Word;

/// 28 November 2026, noon.
const NOON: i64 = 1_795_867_200;
const YEAR: i64 = 31_536_000;

/// Reads all lines. Panics on a mistake, naming the line.
pub(crate) fn read(plan: &Plan, text: &str) -> Vec<Observation> {
    let mut seen = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = Line::new(plan, line);
        line.observe(&mut seen);
    }
    for (number, observation) in (0_u32..).zip(&mut seen) {
        observation.number = number;
        observation.at_unix_micros = NOON * 1_000_000 + i64::from(number) * 10_000;
    }
    seen
}

struct Line<'a> {
    text: &'a str,
    plan: &'a Plan,
    row: Option<&'a PlannedRow>,
    word: String,
    host: Option<String>,
    args: Vec<String>,
    keys: BTreeMap<String, String>,
}

impl<'a> Line<'a> {
    fn new(plan: &'a Plan, text: &'a str) -> Self {
        let mut parts = split(text).into_iter();
        let row = parts.next().expect("a line is not empty");
        let row = (row != "*").then(|| {
            plan.rows.iter().find(|planned| planned.id.as_str() == row).unwrap_or_else(|| panic!("no such row: {text}"))
        });
        let word = parts.next().unwrap_or_else(|| panic!("a word is missing: {text}"));
        let (mut host, mut args, mut keys) = (None, Vec::new(), BTreeMap::new());
        for part in parts {
            if let Some(name) = part.strip_prefix('@') {
                host = Some(name.to_owned());
            } else if let Some((key, value)) = part.split_once('=').filter(|(key, _)| !key.contains("://")) {
                keys.insert(key.to_owned(), value.to_owned());
            } else {
                args.push(part);
            }
        }
        let host = host.or_else(|| row.and_then(|row| row.targets.first()).map(|target| target.host.clone()));
        Self { text, plan, row, word, host, args, keys }
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{why}: {}", self.text)
    }

    fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or_else(|| self.fail("an argument is missing"), String::as_str)
    }

    fn has(&self, word: &str) -> bool {
        self.args.iter().any(|arg| arg == word)
    }

    fn key(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.key(key).map(|text| text.parse().unwrap_or_else(|_| self.fail("not a number")))
    }

    fn list<T: std::str::FromStr>(&self, key: &str) -> Vec<T> {
        let text = self.key(key).unwrap_or_default();
        let read = |item: &str| item.parse().unwrap_or_else(|_| self.fail("not readable"));
        text.split(',').filter(|item| !item.is_empty()).map(read).collect()
    }

    fn to(&self, at: usize) -> SocketAddr {
        let port = self.row.and_then(|row| row.targets.first()).map_or(0, |target| target.port);
        let text = self.arg(at);
        text.parse()
            .ok()
            .or_else(|| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, port)))
            .unwrap_or_else(|| self.fail("not an address"))
    }

    fn shape(&self) -> Shape {
        self.key("shape")
            .map_or(Shape::Plain, |word| Shape::from_word(word).unwrap_or_else(|| self.fail("no such shape")))
    }

    fn icmp(&self) -> Option<Icmp> {
        let text = self.key("icmp")?;
        let (numbers, from) = text.split_once('@').unwrap_or_else(|| self.fail("icmp=KIND/CODE@FROM"));
        let (kind, code) = numbers.split_once('/').unwrap_or_else(|| self.fail("icmp=KIND/CODE@FROM"));
        let number = |text: &str| text.parse().unwrap_or_else(|_| self.fail("not a number"));
        Some(Icmp {
            kind: number(kind),
            code: number(code),
            from: from.parse().unwrap_or_else(|_| self.fail("not an address")),
        })
    }

    fn broke(&self, word: &str) -> Option<Broke> {
        match word {
            "silent" => Some(Broke::Silent),
            "reset" => Some(Broke::Reset),
            "closed" => Some(Broke::Closed),
            "unfinished" => Some(Broke::Unfinished { bytes: 100 }),
            "long" => Some(Broke::TooLong { bytes: 65_536 }),
            _ => self.key("begins").map(|begins| Broke::Other { begins: begins.to_owned() }),
        }
    }

    fn push(&self, seen: &mut Vec<Observation>, what: Seen) {
        let took_micros = u64::try_from(self.number("took").unwrap_or(20)).unwrap_or_default() * 1_000;
        let row = self.row.map(|row| row.id.clone());
        seen.push(Observation { number: 0, row, host: self.host.clone(), at_unix_micros: 0, took_micros, seen: what });
    }

    fn observe(&self, seen: &mut Vec<Observation>) {
        match self.word.as_str() {
            "good" => self.good(seen),
            "system" => self.push(seen, Seen::System { name: self.arg(0).to_owned() }),
            "interface" => self.push(seen, Seen::Interface(self.interface())),
            "nameserver" => self.push(seen, Seen::NameServer(self.name_server())),
            "proxy" => self.push(seen, Seen::Proxy(self.proxy())),
            "lease" => self.push(seen, Seen::Lease(self.lease())),
            "route" => self.push(seen, Seen::Route(self.route())),
            "wifi" => self.push(seen, Seen::Wifi(self.wifi())),
            "lookup" => self.push(seen, Seen::Lookup(self.lookup())),
            "connect" => self.push(seen, Seen::Connect(self.connect())),
            "tls" => self.push(seen, Seen::Tls(self.tls())),
            "store" => self.push(seen, Seen::SystemTrust(self.store())),
            "http" => self.push(seen, Seen::Http(self.http())),
            "websocket" => self.push(seen, Seen::WebSocket(self.http())),
            "mqtt" => self.push(seen, Seen::Mqtt(self.mqtt())),
            "idle" => self.push(seen, Seen::Idle(self.idle())),
            "time" => self.push(seen, Seen::Time(self.time())),
            "ping" => self.push(seen, Seen::Ping(self.ping())),
            "fetch" => self.push(seen, Seen::Fetch(self.fetch())),
            "clock" => self.push(seen, Seen::GatewayClock { unix_micros: self.moment(self.arg(0)) * 1_000_000 }),
            "not-run" => self.push(seen, self.not_run()),
            _ => self.fail("no such word"),
        }
    }

    /// Everything that a good answer of the row consists of, to all its hosts.
    fn good(&self, seen: &mut Vec<Observation>) {
        let row = self.row.unwrap_or_else(|| self.fail("good needs a row"));
        let endpoint = row.subject.endpoint().unwrap_or_else(|| self.fail("good needs an endpoint"));
        let through =
            self.key("through").map(|word| ProbeKind::from_word(word).unwrap_or_else(|| self.fail("no such step")));
        let root = if endpoint.roots.is_empty() { "" } else { "expected" };
        let id = &row.id;
        let mut hosts: Vec<&str> = row.targets.iter().map(|target| target.host.as_str()).collect();
        if self.text.contains('@') {
            hosts.retain(|host| Some(*host) == self.host.as_deref());
        }
        if hosts.is_empty() {
            hosts.push("resolver.example");
        }
        for (host, address) in hosts.iter().zip(std::iter::repeat(self.arg(0))) {
            let to = SocketAddr::new(
                address.parse().unwrap_or_else(|_| self.fail("not an address")),
                row.targets.first().map_or(0, |t| t.port),
            );
            for step in endpoint.probes.iter().filter(|step| through.is_none_or(|last| **step <= last)) {
                let lines: Vec<String> = match step {
                    ProbeKind::Dns if row.targets.is_empty() => vec![
                        format!("{id} lookup api.example server=192.168.1.1 by=udp 20.50.1.1"),
                        format!("{id} lookup api.example server=192.168.1.1 by=tcp 20.50.1.1"),
                    ],
                    ProbeKind::Dns => vec![
                        format!("{id} lookup {host} {address}"),
                        format!("{id} lookup {host} server=192.168.1.1 {address} ttl=60"),
                    ],
                    ProbeKind::Tcp => vec![format!("{id} connect @{host} {to} ok from=192.168.1.20:50000")],
                    ProbeKind::Tls => vec![format!("{id} tls @{host} {to} ok {root}")],
                    ProbeKind::Http => {
                        vec![format!("{id} http @{host} {to} {}", endpoint.expect_status.first().unwrap_or(&200))]
                    }
                    ProbeKind::WebSocket => vec![format!("{id} websocket @{host} {to} 101")],
                    ProbeKind::Mqtt => vec![format!("{id} mqtt @{host} {to} connack=5")],
                    ProbeKind::Idle => vec![format!("{id} idle @{host} {to} ok")],
                    ProbeKind::Ntp => vec![format!("{id} time @{host} {address} ok")],
                    ProbeKind::Icmp => vec![format!("{id} ping {address} ok")],
                    ProbeKind::Revocation => vec![format!("{id} fetch @{host} http://{host}/list.crl crl")],
                };
                for line in lines {
                    Line::new(self.plan, &line).observe(seen);
                }
            }
        }
    }

    fn interface(&self) -> Interface {
        Interface {
            name: self.arg(0).to_owned(),
            addresses: self.args[1..].iter().filter(|arg| arg.contains('/')).cloned().collect(),
            routers: self.list("router"),
            is_up: !self.has("down"),
            is_tunnel: self.has("tunnel"),
            is_wifi: self.has("radio"),
            is_default: self.has("default"),
        }
    }

    fn name_server(&self) -> NameServer {
        let entry = self.arg(0).to_owned();
        let address = self.key("ignored").is_none().then(|| {
            self.key("address")
                .unwrap_or(&entry)
                .parse()
                .map_or_else(|_| self.fail("not an address"), |ip| SocketAddr::new(ip, 53))
        });
        NameServer {
            entry,
            address,
            from: "/etc/resolv.conf".into(),
            is_stub: self.has("stub"),
            ignored: self.key("ignored").unwrap_or_default().to_owned(),
        }
    }

    fn proxy(&self) -> Proxy {
        Proxy { source: "system".into(), scheme: self.arg(0).into(), address: self.arg(1).into(), except: Vec::new() }
    }

    fn lease(&self) -> Lease {
        Lease {
            interface: self.arg(0).to_owned(),
            by_dhcp: if self.has("unknown") { None } else { Some(!self.has("static")) },
            address: self.args.iter().find(|arg| arg.contains('.')).cloned(),
            server: None,
            routers: self.list("router"),
            name_servers: self.list("dns"),
            seconds: Some(86_400),
            portal: self.key("portal").map(str::to_owned),
            told_by: "NetworkManager".into(),
        }
    }

    fn route(&self) -> Route {
        Route {
            to: self.arg(0).parse().unwrap_or_else(|_| self.fail("not an address")),
            interface: self.args.get(1).cloned(),
            source: None,
            is_tunnel: self.has("tunnel"),
        }
    }

    fn wifi(&self) -> Wifi {
        Wifi {
            ssid: self.arg(0).into(),
            band: self.arg(1).into(),
            security: self.arg(2).into(),
            ciphers: self.list("cipher"),
        }
    }

    fn lookup(&self) -> Lookup {
        let server = self.key("server").map(|text| {
            text.parse()
                .ok()
                .or_else(|| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53)))
                .unwrap_or_else(|| self.fail("not an address"))
        });
        let lost = u32::try_from(self.number("lost").unwrap_or(0)).unwrap_or_default();
        let message = |rcode: Option<u16>| Answer::Message {
            rcode,
            addresses: self.args[1..].iter().filter_map(|arg| arg.parse().ok()).collect(),
            aliases: self.list("cname"),
            ttl_secs: self.number("ttl").and_then(|ttl| u32::try_from(ttl).ok()),
            extended: self
                .list::<u16>("ede")
                .into_iter()
                .map(|code| (code, self.key("text").unwrap_or_default().to_owned()))
                .collect(),
        };
        let answer = match self.args.get(1).map_or("empty", String::as_str) {
            "nxdomain" => message(Some(3)),
            "servfail" => message(Some(2)),
            "denied" => message(Some(5)),
            "empty" => message(server.map(|_| 0)),
            "silent" => Answer::TimedOut,
            "refused" => Answer::Refused { icmp: self.icmp() },
            "truncated" => Answer::Truncated,
            "failed" => Answer::Failed { detail: "it made no sense".into(), error: None },
            "unsent" => {
                Answer::Failed { detail: "Network is unreachable".into(), error: Some(SocketError::NetworkUnreachable) }
            }
            "overridden" => {
                Answer::Overridden { addresses: self.args[2..].iter().filter_map(|arg| arg.parse().ok()).collect() }
            }
            _ => message(server.map(|_| 0)),
        };
        let by = self
            .key("by")
            .map_or(Carrier::Udp, |word| Carrier::from_word(word).unwrap_or_else(|| self.fail("udp or tcp")));
        Lookup {
            name: self.arg(0).to_owned(),
            purpose: self
                .key("purpose")
                .map_or(Purpose::Row, |word| Purpose::from_word(word).unwrap_or_else(|| self.fail("no such purpose"))),
            server,
            by: server.map(|_| by),
            sent: 1 + lost,
            lost,
            answer,
        }
    }

    fn connect(&self) -> Connect {
        let failed = |error| ConnectEnd::Failed {
            error,
            number: self.number("number").and_then(|number| i32::try_from(number).ok()),
            icmp: self.icmp(),
        };
        let end = match self.arg(1) {
            "ok" => ConnectEnd::Connected,
            "silent" => ConnectEnd::TimedOut,
            word => failed(SocketError::from_word(word).unwrap_or_else(|| self.fail("no such error"))),
        };
        let from = self.key("from").map(|text| text.parse().unwrap_or_else(|_| self.fail("not an address")));
        let attempt = u32::try_from(self.number("attempt").unwrap_or(1)).unwrap_or(1);
        Connect { to: self.to(0), from, shape: self.shape(), attempt, end }
    }

    fn moment(&self, text: &str) -> i64 {
        let (number, unit) = text.split_at(text.len() - 1);
        let number: i64 = number.parse().unwrap_or_else(|_| self.fail("a time is a number and s, h, d or y"));
        let scale = match unit {
            "s" => 1,
            "h" => 3_600,
            "d" => 86_400,
            "y" => YEAR,
            _ => self.fail("a time is a number and s, h, d or y"),
        };
        NOON + number * scale
    }

    fn tls(&self) -> Tls {
        let name = self.key("sni").map(str::to_owned).or_else(|| self.host.clone()).unwrap_or_default();
        let asked_certificate = self.has("asks");
        let end = match self.arg(1) {
            "ok" => TlsEnd::Done {
                version: self.key("version").unwrap_or("TLSv1.3").into(),
                cipher: "TLS13_AES_128_GCM_SHA256".into(),
                alpn: None,
                asked_certificate,
            },
            "alert" => TlsEnd::Alert { alert: self.arg(2).into(), asked_certificate },
            "failed" => TlsEnd::Failed { detail: self.key("detail").unwrap_or("no TLS: corrupt message").into() },
            word => TlsEnd::Broken(self.broke(word).unwrap_or_else(|| self.fail("no such end"))),
        };
        let has_chain = matches!(end, TlsEnd::Done { .. }) || asked_certificate;
        let has_chain = has_chain && !self.has("unseen");
        let not_before = self.key("begins-at").map_or(NOON - YEAR / 4, |text| self.moment(text));
        let not_after = self.key("ends-at").map_or(NOON + YEAR / 4, |text| self.moment(text));
        let issuer = self.key("issuer").unwrap_or("CN=Public Issuing CA").to_owned();
        let leaf = Certificate {
            sha256: format!(
                "{:064x}",
                name.bytes().fold(0_u128, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
            ),
            key_sha256: "cd".repeat(32),
            subject: format!("CN={name}"),
            issuer,
            names: vec![self.key("names").unwrap_or(&name).to_owned()],
            not_before,
            not_after,
            urls: Vec::new(),
        };
        let trust = Trust {
            name_matches: self.key("names").is_none(),
            expected: self.has("expected").then_some(true).or(self.has("unexpected").then_some(false)),
            mozilla: !self.has("private"),
            from_override: self.has("test-root"),
            root: self.key("root").map(str::to_owned),
            not_before,
            not_after,
            fault: self.key("fault").unwrap_or_default().to_owned(),
        };
        Tls {
            to: self.to(0),
            name,
            shape: self.shape(),
            end,
            chain: if has_chain { vec![leaf] } else { Vec::new() },
            trust: has_chain.then_some(trust),
        }
    }

    fn store(&self) -> SystemTrust {
        let trusts = match self.arg(0) {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        SystemTrust { trusts, detail: self.key("detail").unwrap_or_default().to_owned() }
    }

    fn status(&self, word: &str) -> HttpEnd {
        match word.parse() {
            Ok(status) => HttpEnd::Status {
                status,
                server: self.key("server").map(str::to_owned),
                location: self.key("location").map(str::to_owned),
                date: self.key("date").map(|text| self.moment(text)),
                begins: self.key("page").unwrap_or_default().to_owned(),
                is_upgraded: status == 101 && !self.has("stripped"),
            },
            Err(_) => HttpEnd::Broken(self.broke(word).unwrap_or_else(|| self.fail("no such end"))),
        }
    }

    fn http(&self) -> Http {
        let url = self.key("url").map_or_else(
            || format!("https://{}/", self.host.clone().unwrap_or_default()),
            |rest| format!("http://{rest}"),
        );
        Http { to: self.to(0), url, shape: self.shape(), end: self.status(self.arg(1)) }
    }

    fn mqtt(&self) -> Mqtt {
        let end = if let Some(code) = self.number("connack") {
            MqttEnd::Connack { code: u8::try_from(code).unwrap_or(u8::MAX) }
        } else if self.arg(1) == "alert" {
            MqttEnd::Alert { alert: self.arg(2).into() }
        } else {
            MqttEnd::Broken(self.broke(self.arg(1)).unwrap_or_else(|| self.fail("no such end")))
        };
        Mqtt { to: self.to(0), inside: "tls".into(), shape: self.shape(), end }
    }

    fn idle(&self) -> Idle {
        let cut = self.number("cut").map(|secs| (Broke::Reset, u64::try_from(secs).unwrap_or_default()));
        Idle { to: self.to(0), secs: 60, cut }
    }

    fn time(&self) -> Time {
        let server = SocketAddr::new(self.to(0).ip(), 123);
        let from = self.key("from").map_or(server, |text| text.parse().unwrap_or_else(|_| self.fail("not an address")));
        let reply = |leap, stratum, reference: &str| TimeEnd::Reply {
            from,
            leap,
            version: 4,
            mode: u8::try_from(self.number("mode").unwrap_or(4)).unwrap_or(4),
            stratum,
            reference: reference.into(),
            offset_micros: self.number("offset").unwrap_or(0) * 1_000_000 + 1_200,
            delay_micros: 20_000,
        };
        let end = match self.arg(1) {
            "ok" => reply(0, 2, "192.53.103.108"),
            "kiss" => reply(0, 0, self.arg(2)),
            "alarm" => reply(3, 2, ""),
            "unsynchronised" => reply(0, 16, ""),
            "told" => TimeEnd::Told {
                program: self.arg(2).to_owned(),
                offset_micros: self.number("offset").unwrap_or(0) * 1_000_000,
                stratum: self.number("stratum").and_then(|stratum| u8::try_from(stratum).ok()),
            },
            "odd" => TimeEnd::Odd { from, why: "it does not carry our nonce".into() },
            "refused" => TimeEnd::Refused { error: SocketError::Refused, icmp: self.icmp() },
            "silent" => TimeEnd::Silent,
            _ => self.fail("no such end"),
        };
        Time { server, end }
    }

    fn ping(&self) -> Ping {
        let replies_micros = if self.arg(1) == "ok" { vec![900, 800, 950] } else { Vec::new() };
        Ping { to: self.to(0).ip(), sent: 3, replies_micros }
    }

    fn fetch(&self) -> Fetch {
        let (end, content) = match self.arg(1) {
            word @ ("crl" | "ocsp" | "certificate") => (self.status("200"), word),
            "html" => (self.status("200"), ""),
            word => (self.status(word), ""),
        };
        Fetch { url: self.arg(0).into(), end, content: content.into(), bytes: 900 }
    }

    fn not_run(&self) -> Seen {
        let what = ProbeKind::from_word(self.arg(0)).unwrap_or_else(|| self.fail("no such step"));
        let why = NotRun::from_word(self.arg(1)).unwrap_or_else(|| self.fail("no such reason"));
        Seen::NotRun { what: Some(what), why, detail: String::new() }
    }
}

/// Splits at blanks outside of quotes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => parts.push(String::new()),
            c => parts.last_mut().expect("there is always one").push(c),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}
