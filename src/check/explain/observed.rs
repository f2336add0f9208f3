//! [`observed`]: one observation as a line of a timeline.

use core::net::IpAddr;

use super::texts;
use crate::check::question::Shape;
use crate::check::seen::{
    Answer, Broke, Connect, ConnectEnd, Http, HttpEnd, Icmp, Lookup, MqttEnd, Observation, Seen, Time, TimeEnd, Tls,
    TlsEnd,
};
use crate::check::verdict::Reason;
use crate::model::text::visible;

/// The time of an observation in UTC with milliseconds, as logs of firewalls have it.
pub fn moment(unix_micros: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_micros)
        .map_or_else(|_| "time out of range".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string())
}

/// An observation in words, without its time.
pub fn observed(observation: &Observation) -> String {
    let text = match &observation.seen {
        Seen::System { name } => format!("Operating system: {name}"),
        Seen::Interface(interface) => {
            let state = if interface.is_up { "up" } else { "down" };
            format!("Interface {} {state}: {}", interface.name, interface.addresses.join(", "))
        }
        Seen::NameServer(server) if !server.ignored.is_empty() => {
            format!("Name server {} ignored: {}", server.entry, server.ignored)
        }
        Seen::NameServer(server) => format!("Name server {}", server.entry),
        Seen::Proxy(proxy) => format!("Proxy ({}): {} {}", proxy.source, proxy.scheme, proxy.address),
        Seen::Lease(lease) => {
            let by = match lease.by_dhcp {
                Some(true) => "by DHCP",
                Some(false) => "set by hand",
                None => "not known how",
            };
            format!("Address of {}: {} ({by})", lease.interface, lease.address.as_deref().unwrap_or("none"))
        }
        Seen::Route(route) => {
            format!("Route to {}: {}", route.to, route.interface.as_deref().unwrap_or("none"))
        }
        Seen::Wifi(wifi) => format!("Wi-Fi {}: {}, {}", wifi.ssid, wifi.band, wifi.security),
        Seen::Lookup(lookup) => of_lookup(lookup),
        Seen::Connect(connect) => of_connect(connect),
        Seen::Tls(tls) => of_tls(tls),
        Seen::SystemTrust(store) => {
            let says = match store.trusts {
                Some(true) => "trusts the chain",
                Some(false) => "doesn't trust the chain",
                None => "couldn't judge the chain",
            };
            format!("Trust store of this system {says}")
        }
        Seen::Http(http) => of_http("HTTP", http),
        Seen::WebSocket(http) => of_http("WebSocket", http),
        Seen::Mqtt(mqtt) => match &mqtt.end {
            MqttEnd::Connack { code } => format!("MQTT: CONNACK {code}"),
            MqttEnd::Alert { alert } => format!("MQTT: TLS alert {alert}"),
            MqttEnd::Broken(broke) => format!("MQTT: {}", of_broke(broke)),
        },
        Seen::Idle(idle) => match &idle.cut {
            Some((broke, secs)) => format!("Idle: {} after {secs} s", of_broke(broke)),
            None => format!("Idle: still open after {} s", idle.secs),
        },
        Seen::Time(time) => of_time(time),
        Seen::Ping(ping) => format!("Ping {}: {} of {} replies", ping.to, ping.replies_micros.len(), ping.sent),
        Seen::Trace(trace) => {
            let last = trace.hops.iter().rev().find_map(|hop| Some((hop.ttl, hop.icmp?.from)));
            match last {
                Some((ttl, from)) => format!("Trace to {}: last answer from {from}, hop {ttl}", trace.to),
                None => format!("Trace to {}: no answer", trace.to),
            }
        }
        Seen::Fetch(fetch) => {
            let content = if fetch.content.is_empty() { "not revocation data" } else { &fetch.content };
            format!("{}: {}, {content}", visible(&fetch.url, 120), of_end(&fetch.end))
        }
        Seen::GatewayClock { unix_micros } => format!("Clock of the gateway: {}", moment(*unix_micros)),
        Seen::NotRun { what, why, .. } => {
            let what = what.map_or("Probe", |kind| kind.as_str());
            format!("{what} not run: {}", texts::of(why.reason()).what)
        }
    };
    visible(&text, 300)
}

fn of_icmp(icmp: Option<Icmp>) -> String {
    icmp.map_or_else(String::new, |icmp| {
        let version = if icmp.from.is_ipv4() { "ICMP" } else { "ICMPv6" };
        format!(", {version} {}/{} from {}", icmp.kind, icmp.code, icmp.from)
    })
}

fn of_lookup(lookup: &Lookup) -> String {
    let by = lookup.server.map_or_else(|| "the operating system".to_owned(), |server| server.ip().to_string());
    let by = lookup.by.map_or_else(|| by.clone(), |carrier| format!("{by} over {}", carrier.as_str().to_uppercase()));
    let answer = match &lookup.answer {
        Answer::Message { addresses, aliases, extended, .. } if !addresses.is_empty() => {
            let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            let aliases = if aliases.is_empty() { String::new() } else { format!(" via {}", aliases.join(", ")) };
            format!("{}{aliases}{}", addresses.join(", "), of_extended(extended))
        }
        Answer::Message { rcode: Some(3), extended, .. } => format!("no such name{}", of_extended(extended)),
        Answer::Message { rcode: Some(2), extended, .. } => format!("server failure{}", of_extended(extended)),
        Answer::Message { rcode: Some(5), extended, .. } => format!("refused{}", of_extended(extended)),
        Answer::Message { extended, .. } => format!("no address{}", of_extended(extended)),
        Answer::Overridden { addresses } => {
            let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            format!("{} by the override file", addresses.join(", "))
        }
        Answer::TimedOut => "no answer".to_owned(),
        Answer::Refused { icmp } => format!("refused{}", of_icmp(*icmp)),
        Answer::Failed { detail } => format!("failed ({detail})"),
    };
    format!("{} by {by}: {answer}", lookup.name)
}

fn of_extended(extended: &[(u16, String)]) -> String {
    let shown: Vec<String> = extended.iter().map(|(code, text)| format!(", extended error {code} {text}")).collect();
    shown.concat()
}

fn of_shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "",
        Shape::SmallSegments => " with small segments",
        Shape::SplitHello => " with a split hello",
        Shape::PaddedHello => " with a padded hello",
        Shape::NeutralName => " with a neutral name",
        Shape::ThroughProxy => " through the proxy",
    }
}

fn of_connect(connect: &Connect) -> String {
    let end = match &connect.end {
        ConnectEnd::Connected => "connected".to_owned(),
        ConnectEnd::TimedOut => "no answer".to_owned(),
        ConnectEnd::Failed { error, icmp, .. } => format!("{}{}", error.as_str().replace('-', " "), of_icmp(*icmp)),
    };
    format!("TCP {}{}: {end}", connect.to, of_shape(connect.shape))
}

fn of_tls(tls: &Tls) -> String {
    let end = match &tls.end {
        TlsEnd::Done { version, .. } => format!("{version} completed"),
        TlsEnd::Alert { alert, .. } => format!("alert {alert}"),
        TlsEnd::Broken(broke) => of_broke(broke),
        TlsEnd::Failed { detail } => format!("not TLS ({detail})"),
    };
    let issuer = tls.chain.first().map_or_else(String::new, |leaf| format!(", certificate issued by {}", leaf.issuer));
    format!("TLS {} as {}{}: {end}{issuer}", tls.to, tls.name, of_shape(tls.shape))
}

fn of_broke(broke: &Broke) -> String {
    match broke {
        Broke::Silent => "no answer".to_owned(),
        Broke::Reset => "reset".to_owned(),
        Broke::Closed => "closed".to_owned(),
        Broke::Other { begins } => format!("something else came: {}", visible(begins, 60)),
        Broke::TooLong { bytes } => format!("too much came ({bytes} bytes)"),
    }
}

fn of_end(end: &HttpEnd) -> String {
    match end {
        HttpEnd::Status { status, .. } => format!("status {status}"),
        HttpEnd::Broken(broke) => of_broke(broke),
    }
}

fn of_http(protocol: &str, http: &Http) -> String {
    format!("{protocol} {}{}: {}", visible(&http.url, 120), of_shape(http.shape), of_end(&http.end))
}

fn of_time(time: &Time) -> String {
    let end = match &time.end {
        TimeEnd::Reply { stratum: 0, reference, .. } => format!("{} ({reference})", texts::of(Reason::NtpKiss).title),
        TimeEnd::Reply { from, stratum, offset_micros, .. } => {
            let other = if from == &time.server { String::new() } else { format!(" from {from}") };
            format!("answer{other}, stratum {stratum}, offset {} ms", offset_micros / 1_000)
        }
        TimeEnd::Odd { why, .. } => format!("not a time server's answer ({why})"),
        TimeEnd::Refused { icmp, .. } => format!("refused{}", of_icmp(*icmp)),
        TimeEnd::Silent => "no answer".to_owned(),
    };
    format!("NTP {}: {end}", time.server)
}
