//! The probes of a network check in a lab of three network namespaces: a laptop, its router with nftables, and a server beyond
//! it. What each way of being refused looks like from the laptop is held here; and the probes against real servers.
//!
//! `tests/check/netns.sh` builds the lab. A test runs itself again inside of it; nothing can leave it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use linesman::check::question::{Asked, Carrier, From, Lookup, Purpose, Question, Say, Shape, Talk};
use linesman::check::seen::{
    Answer, Broke, Connect, ConnectEnd, Hop, Http, HttpEnd, Icmp, Route, Seen, SocketError, Time, TimeEnd, Tls, TlsEnd,
    Trace,
};
use linesman::io::probe::NetProbes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::check_probes::{Authority, WELCOME, answer, ask_with, reply_head, serve_tls, time_answer, tls_with};
use crate::{linux_console, peers};

mod look;
mod real;

/// Set for the test that runs inside the lab, to the folder of nft.
const INSIDE: &str = "LINESMAN_LAB_NFT";
/// Long enough for a lab on one machine.
const LIMIT: Duration = Duration::from_secs(4);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(600);

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 1, 2));
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 1, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 2, 2));
const ROUTER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFD00, 9, 1, 0, 0, 0, 0, 1));
const SERVER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFD00, 9, 2, 0, 0, 0, 0, 2));

/// The name the server's certificate holds for, and one that a box on the way minds.
const NAME: &str = "gateway.example";

/// Where nft is; `None` where it is missing and may be.
fn nft() -> Option<PathBuf> {
    if Path::new("/usr/sbin/nft").is_file() {
        return Some("/usr/sbin".into());
    }
    let root = linux_console::unpacked("nftables")?;
    for package in ["libnftables1", "libnftnl11"] {
        linux_console::unpacked(package)?;
    }
    Some(root.join("usr/sbin"))
}

/// Where the libraries of packages are that are unpacked and not installed.
fn libraries(packages: &[&str]) -> std::ffi::OsString {
    let mut folders = Vec::new();
    for package in packages {
        let library = linux_console::unpacked(package).map(|root| root.join("usr/lib"));
        let found = library.and_then(|library| std::fs::read_dir(library).ok());
        folders.extend(found.into_iter().flatten().map(|entry| entry.unwrap().path()));
    }
    std::env::join_paths(folders).unwrap()
}

/// Runs a test of this module inside the lab; inside of it, what it is for.
fn in_lab(test: &str, inside: impl AsyncFnOnce(Lab)) {
    in_lab_with(test, &[], inside);
}

/// As [`in_lab`], with Debian packages that are fetched before: inside nothing can be.
fn in_lab_with(test: &str, packages: &[&str], inside: impl AsyncFnOnce(Lab)) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(inside(Lab::new()));
        return;
    }
    let Some(nft) = nft() else { return };
    if packages.iter().any(|package| linux_console::unpacked(package).is_none()) {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/netns.sh");
    let tried = Command::new("bash").args([script, "--lab", "true"]).output();
    let why = match &tried {
        Ok(output) if output.status.success() => String::new(),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    if !peers::require("a lab of network namespaces", why.is_empty(), &why) {
        return;
    }
    let mut command = Command::new("bash");
    command.args([script, "--lab"]).arg(std::env::current_exe().unwrap());
    command.args([&format!("check_lab::{test}"), "--exact", "--nocapture", "--test-threads=1"]);
    let libraries = libraries(&["libnftables1", "libnftnl11"]);
    let status = command.env(INSIDE, nft).env("LD_LIBRARY_PATH", libraries).status().unwrap();
    assert!(status.success(), "inside the lab: {status}");
}

/// The lab from inside: the test is the laptop.
struct Lab {
    router: String,
    server: String,
    nft: PathBuf,
    children: Vec<Child>,
}

impl Lab {
    fn new() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap();
        Self {
            router: variable("LAB_ROUTER"),
            server: variable("LAB_SERVER"),
            nft: PathBuf::from(variable(INSIDE)).join("nft"),
            children: Vec::new(),
        }
    }

    /// Replaces the rules of the router's chain `forward`; and what else is written.
    fn router(&self, rules: &str) {
        let inside = format!("table inet lab {{ chain forward {{ type filter hook forward priority 0; {rules}\n}}\n}}");
        self.rules(Some(&self.router), &inside);
    }

    /// Replaces all rules of the laptop's own firewall.
    fn laptop(&self, rules: &str) {
        self.rules(
            None,
            &format!("table inet own {{ chain output {{ type filter hook output priority 0; {rules}\n}}\n}}"),
        );
    }

    fn rules(&self, space: Option<&str>, text: &str) {
        let mut command = match space {
            Some(space) => within(space, &self.nft),
            None => Command::new(&self.nft),
        };
        let mut child = command.args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        write!(child.stdin.take().unwrap(), "flush ruleset\n{text}\n").unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
    }

    /// What the router counted at the rule with that comment.
    fn counted(&self, comment: &str) -> u64 {
        let output = within(&self.router, &self.nft).args(["list", "ruleset"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains(comment)).unwrap_or_else(|| panic!("{text}"));
        line.split("packets ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    }

    /// Starts our stand-ins where that process is: TLS on 443, MQTT's port 8883 that only accepts, names on 53, time on 123.
    fn stand_in(&mut self, space: &str, kind: &str) {
        let mut command = within(space, &std::env::current_exe().unwrap());
        command.args(["check_lab::stand_in", "--exact", "--nocapture", "--test-threads=1"]);
        let mut child = command.env(STAND_IN, kind).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.contains(READY));
        assert!(ready, "the stand-in ended");
        self.children.push(child);
    }

    fn server_stand_in(&mut self) {
        let server = self.server.clone();
        self.stand_in(&server, "server");
    }
}

/// Runs `ip` as the laptop.
fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "{arguments:?}");
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program in the network namespace of a process.
fn within(space: &str, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", space, "--net"]).arg(program);
    command
}

async fn ask(question: Question) -> Vec<Seen> {
    ask_with(&NetProbes::new(From::Anywhere, None, Vec::new()), question).await
}

/// What came of the last attempt to connect.
async fn connect(address: IpAddr, port: u16, limit: Duration) -> ConnectEnd {
    let to = SocketAddr::new(address, port);
    let talk = Talk { to, host: NAME.into(), steps: Vec::new(), shape: Shape::Plain, limit };
    match ask(Question::Talk(talk)).await.pop() {
        Some(Seen::Connect(Connect { end, .. })) => end,
        other => panic!("{other:?}"),
    }
}

/// An error, and the ICMP error behind it.
#[track_caller]
fn holds(end: &ConnectEnd, error: SocketError, icmp: Option<(u8, u8, IpAddr)>, what: &str) {
    let icmp = icmp.map(|(kind, code, from)| Icmp { kind, code, from });
    let ConnectEnd::Failed { error: told, icmp: named, .. } = end else { panic!("{what}: {end:?}") };
    assert_eq!((*told, *named), (error, icmp), "{what}");
}

#[test]
fn each_way_to_be_refused_is_told_with_the_box_that_did_it() {
    in_lab("each_way_to_be_refused_is_told_with_the_box_that_did_it", async |mut lab| {
        lab.server_stand_in();
        let port = 8883;
        assert_eq!(connect(SERVER, port, LIMIT).await, ConnectEnd::Connected);
        assert_eq!(connect(SERVER_V6, port, LIMIT).await, ConnectEnd::Connected);
        holds(&connect(SERVER, 9, LIMIT).await, SocketError::Refused, None, "a closed port");
        for (reject, error, icmp) in [
            ("reject with tcp reset", SocketError::Refused, None),
            ("reject", SocketError::Refused, Some((3, 3))),
            ("reject with icmp type net-unreachable", SocketError::NetworkUnreachable, Some((3, 0))),
            ("reject with icmp type host-unreachable", SocketError::HostUnreachable, Some((3, 1))),
            ("reject with icmp type prot-unreachable", SocketError::NoProtocol, Some((3, 2))),
            ("reject with icmp type net-prohibited", SocketError::NetworkUnreachable, Some((3, 9))),
            ("reject with icmp type host-prohibited", SocketError::HostUnreachable, Some((3, 10))),
            ("reject with icmp type admin-prohibited", SocketError::HostUnreachable, Some((3, 13))),
        ] {
            lab.router(&format!("ip daddr 10.9.2.2 tcp dport 8883 {reject}"));
            let end = connect(SERVER, port, LIMIT).await;
            holds(&end, error, icmp.map(|(kind, code)| (kind, code, ROUTER)), reject);
        }
        for (reject, error, code) in
            [("admin-prohibited", SocketError::NotPermitted, 1), ("port-unreachable", SocketError::Refused, 4)]
        {
            lab.router(&format!("ip6 daddr fd00:9:2::2 tcp dport 8883 reject with icmpv6 type {reject}"));
            let end = connect(SERVER_V6, port, LIMIT).await;
            holds(&end, error, Some((1, code, ROUTER_V6)), reject);
        }
        lab.router("tcp dport 8883 drop");
        assert_eq!(connect(SERVER, port, SHORT).await, ConnectEnd::TimedOut, "dropped");
        lab.router("");
        lab.laptop("tcp dport 8883 drop");
        assert_eq!(connect(SERVER, port, SHORT).await, ConnectEnd::TimedOut, "dropped by the laptop itself");
        lab.laptop("tcp dport 8883 reject");
        holds(&connect(SERVER, port, LIMIT).await, SocketError::Refused, Some((3, 3, CLIENT)), "the laptop itself");
    });
}

#[test]
fn hosts_and_routes_that_are_not_there_are_told_with_who_says_so() {
    in_lab("hosts_and_routes_that_are_not_there_are_told_with_who_says_so", async |_lab| {
        let long = Duration::from_secs(9);
        let (beyond, near, nowhere) = tokio::join!(
            connect("10.9.2.99".parse().unwrap(), 443, long),
            connect("10.9.1.99".parse().unwrap(), 443, long),
            connect("10.77.0.1".parse().unwrap(), 443, long),
        );
        holds(&beyond, SocketError::HostUnreachable, Some((3, 1, ROUTER)), "absent behind the router");
        holds(&near, SocketError::HostUnreachable, Some((3, 1, CLIENT)), "absent on the own link");
        holds(&nowhere, SocketError::NetworkUnreachable, Some((3, 0, ROUTER)), "the router knows no way");
        ip(&["route", "del", "default"]);
        holds(&connect(SERVER, 443, LIMIT).await, SocketError::NetworkUnreachable, None, "no default route");
    });
}

#[test]
fn the_last_box_that_answers_bounds_the_one_that_drops() {
    in_lab("the_last_box_that_answers_bounds_the_one_that_drops", async |mut lab| {
        lab.server_stand_in();
        let expired = |ttl| Hop { ttl, icmp: Some(Icmp { kind: 11, code: 0, from: ROUTER }), is_reached: false };
        let trace = async |port, transport| {
            let to = SocketAddr::new(SERVER, port);
            let limit = Duration::from_secs(8);
            match ask(Question::Trace { to, transport, limit }).await.pop() {
                Some(Seen::Trace(Trace { hops, .. })) => hops,
                other => panic!("{other:?}"),
            }
        };
        let reached = Hop { ttl: 2, icmp: None, is_reached: true };
        assert_eq!(trace(8883, Carrier::Tcp).await, [expired(1), reached.clone()]);
        assert_eq!(trace(123, Carrier::Udp).await, [expired(1), reached.clone()]);
        // A box that drops the port still tells that packets died before it.
        lab.router("tcp dport 8883 drop; udp dport 123 drop");
        for (port, transport) in [(8883, Carrier::Tcp), (123, Carrier::Udp)] {
            let hops = trace(port, transport).await;
            assert_eq!(hops[0], expired(1));
            assert!(hops[1..].iter().all(|hop| hop.icmp.is_none() && !hop.is_reached), "{hops:?}");
        }
        lab.router("tcp dport 8883 reject with icmp type admin-prohibited");
        let hops = trace(8883, Carrier::Tcp).await;
        assert_eq!(hops.last().unwrap().icmp, Some(Icmp { kind: 3, code: 13, from: ROUTER }), "{hops:?}");
    });
}

async fn handshake(shape: Shape, host: &str) -> TlsEnd {
    let to = SocketAddr::new(SERVER, 443);
    let talk = Talk { to, host: host.into(), steps: vec![tls_with(Vec::new())], shape, limit: SHORT };
    match ask(Question::Talk(talk)).await.pop() {
        Some(Seen::Tls(Tls { end, .. })) => end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn large_packets_that_are_lost_show_by_small_segments() {
    in_lab("large_packets_that_are_lost_show_by_small_segments", async |mut lab| {
        lab.server_stand_in();
        let is_done = |end: &TlsEnd| matches!(end, TlsEnd::Done { .. });
        assert!(is_done(&handshake(Shape::Plain, NAME).await));
        lab.router("ip length > 1000 drop");
        assert_eq!(handshake(Shape::Plain, NAME).await, TlsEnd::Broken(Broke::Silent));
        let small = handshake(Shape::SmallSegments, NAME).await;
        assert!(is_done(&small), "{small:?}");
    });
}

#[test]
fn a_box_that_cuts_by_name_lets_another_name_through() {
    in_lab("a_box_that_cuts_by_name_lets_another_name_through", async |mut lab| {
        lab.server_stand_in();
        let router = lab.router.clone();
        lab.stand_in(&router, "box");
        lab.rules(
            Some(&router),
            "table ip lab { chain to { type nat hook prerouting priority -100; ip daddr 10.9.2.2 tcp dport 443 redirect to :4443\n}\n}",
        );
        assert_eq!(handshake(Shape::Plain, NAME).await, TlsEnd::Broken(Broke::Silent));
        let neutral = handshake(Shape::NeutralName, "other.example").await;
        assert!(matches!(neutral, TlsEnd::Done { .. }), "{neutral:?}");
    });
}

async fn addresses(server: SocketAddr, name: &str) -> Answer {
    let asked = Asked::Server { address: server, by: Carrier::Udp };
    let lookup = Lookup { name: name.into(), asked, purpose: Purpose::Control, limit: SHORT };
    match ask(Question::Lookup(lookup)).await.pop() {
        Some(Seen::Lookup(lookup)) => lookup.answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_are_redirected_dropped_and_rejected_are_told_apart() {
    in_lab("names_that_are_redirected_dropped_and_rejected_are_told_apart", async |mut lab| {
        lab.server_stand_in();
        let server = SocketAddr::new(SERVER, 53);
        let honest = addresses(server, "made-up.invalid").await;
        assert!(
            matches!(&honest, Answer::Message { rcode: Some(3), addresses, .. } if addresses.is_empty()),
            "{honest:?}"
        );
        lab.router("udp dport 53 drop");
        assert_eq!(addresses(server, "made-up.invalid").await, Answer::TimedOut);
        lab.router("udp dport 53 reject with icmp type admin-prohibited");
        let icmp = Some(Icmp { kind: 3, code: 13, from: ROUTER });
        assert_eq!(addresses(server, "made-up.invalid").await, Answer::Refused { icmp });
        // A router that answers for everybody.
        let router = lab.router.clone();
        lab.stand_in(&router, "liar");
        lab.rules(
            Some(&router),
            "table ip lab { chain to { type nat hook prerouting priority -100; udp dport 53 redirect to :53\n}\n}",
        );
        let lie = addresses(server, "made-up.invalid").await;
        assert!(matches!(&lie, Answer::Message { rcode: Some(0), addresses, .. } if *addresses == [ROUTER]), "{lie:?}");
    });
}

#[test]
fn a_name_server_on_the_link_is_asked_through_its_interface() {
    in_lab("a_name_server_on_the_link_is_asked_through_its_interface", async |mut lab| {
        let router = lab.router.clone();
        lab.stand_in(&router, "liar");
        // /sys shows the interfaces of the machine, not those of the lab.
        let output = Command::new("ip").args(["-o", "link", "show", "dev", "eth0"]).output().unwrap();
        let index: u32 = String::from_utf8(output.stdout).unwrap().split(':').next().unwrap().parse().unwrap();
        let output = within(&router, Path::new("ip"))
            .args(["-6", "-o", "address", "show", "dev", "lan", "scope", "link"])
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let address =
            text.split_whitespace().find_map(|word| word.split('/').next()?.parse::<Ipv6Addr>().ok()).unwrap();
        let server = std::net::SocketAddrV6::new(address, 53, 0, index);
        let answer = addresses(server.into(), "api.example").await;
        assert!(matches!(answer, Answer::Message { rcode: Some(0), .. }), "{answer:?}");
    });
}

#[test]
fn a_time_request_that_is_rejected_is_repeated_once_and_names_the_box() {
    in_lab("a_time_request_that_is_rejected_is_repeated_once_and_names_the_box", async |mut lab| {
        lab.server_stand_in();
        let time =
            async || match ask(Question::Time { server: SocketAddr::new(SERVER, 123), limit: 2 * SHORT }).await.pop() {
                Some(Seen::Time(Time { end, .. })) => end,
                other => panic!("{other:?}"),
            };
        assert!(matches!(time().await, TimeEnd::Reply { .. }));
        lab.router("udp dport 123 counter reject with icmp type admin-prohibited comment \"time\"");
        let icmp = Some(Icmp { kind: 3, code: 13, from: ROUTER });
        assert_eq!(time().await, TimeEnd::Refused { error: SocketError::HostUnreachable, icmp });
        assert_eq!(lab.counted("time"), 2);
        lab.router("udp dport 123 counter drop comment \"time\"");
        assert_eq!(time().await, TimeEnd::Silent);
        assert_eq!(lab.counted("time"), 1, "silence is no reason to ask again");
    });
}

#[test]
fn a_tunnel_that_owns_the_way_is_told_and_can_be_left_aside() {
    in_lab("a_tunnel_that_owns_the_way_is_told_and_can_be_left_aside", async |mut lab| {
        lab.server_stand_in();
        ip(&["link", "add", "tun0", "type", "veth", "peer", "name", "far0"]);
        ip(&["address", "add", "10.66.0.2/24", "dev", "tun0"]);
        for name in ["tun0", "far0"] {
            ip(&["link", "set", name, "up"]);
        }
        ip(&["route", "replace", "default", "via", "10.66.0.1", "dev", "tun0"]);
        ip(&["route", "add", "default", "via", "10.9.1.1", "dev", "eth0", "metric", "500"]);
        let route =
            async |from: From| match ask_with(&NetProbes::new(from, None, Vec::new()), Question::Route { to: SERVER })
                .await
                .pop()
            {
                Some(Seen::Route(Route { interface, is_tunnel, .. })) => (interface.unwrap(), is_tunnel),
                other => panic!("{other:?}"),
            };
        assert_eq!(route(From::Anywhere).await, ("tun0".to_owned(), true));
        let physical = From::Interface("eth0".into());
        assert_eq!(route(physical.clone()).await, ("eth0".to_owned(), false));
        let talk = Talk {
            to: SocketAddr::new(SERVER, 8883),
            host: NAME.into(),
            steps: Vec::new(),
            shape: Shape::Plain,
            limit: SHORT,
        };
        let end = |seen: Vec<Seen>| match seen.into_iter().next_back() {
            Some(Seen::Connect(Connect { end, .. })) => end,
            other => panic!("{other:?}"),
        };
        assert_ne!(end(ask(Question::Talk(talk.clone())).await), ConnectEnd::Connected, "by the tunnel");
        let probes = NetProbes::new(physical, None, Vec::new());
        assert_eq!(end(ask_with(&probes, Question::Talk(talk)).await), ConnectEnd::Connected, "by the interface");
        let seen = ask_with(&probes, Question::Surroundings).await;
        let tunnels: Vec<&str> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Interface(one) if one.is_tunnel => Some(one.name.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(tunnels, ["tun0"]);
    });
}

// What stands in the lab.

const STAND_IN: &str = "LINESMAN_LAB_STAND_IN";
const READY: &str = "the stand-in is ready";

/// No test of its own: the lab runs it in another namespace.
#[test]
fn stand_in() {
    let Ok(kind) = std::env::var(STAND_IN) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match kind.as_str() {
            "server" => server().await,
            "box" => name_filter().await,
            _ => names(true).await,
        }
        writeln!(std::io::stdout(), "{READY}").unwrap();
        std::future::pending::<()>().await;
    });
}

async fn server() {
    let config = Authority::new().server_with_names(NAME, 60);
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    each((Ipv6Addr::UNSPECIFIED, 443).into(), move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, WELCOME).await;
            }
        }
    })
    .await;
    each((Ipv6Addr::UNSPECIFIED, 8883).into(), |mut stream| async move {
        let _ = stream.read(&mut [0; 100]).await;
    })
    .await;
    names(false).await;
    let time = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 123)).await.unwrap();
    tokio::spawn(async move {
        let mut request = [0; 100];
        while let Ok((length, from)) = time.recv_from(&mut request).await {
            let _ = time.send_to(&time_answer(&request[..length]), from).await;
        }
    });
}

async fn each<F: Future<Output = ()> + Send + 'static>(at: SocketAddr, with: impl Fn(TcpStream) -> F + Send + 'static) {
    let listener = TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
}

/// A name server that knows no name, or one that has the router's address for all.
async fn names(is_liar: bool) {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 53)).await.unwrap();
    tokio::spawn(async move {
        let mut query = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let query = &query[..length];
            let is_a = query[12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 2] == 1;
            let mut answer = reply_head(query, if is_liar { 0 } else { 3 }, u16::from(is_liar && is_a), 0);
            if is_liar && is_a {
                answer.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x1E\0\x04\x0A\x09\x01\x01");
            }
            let _ = socket.send_to(&answer, from).await;
        }
    });
}

/// A box that accepts for the server, reads the hello, and keeps quiet where it holds the name.
async fn name_filter() {
    each((Ipv4Addr::UNSPECIFIED, 4443).into(), |mut stream| async move {
        let mut hello = vec![0; 4096];
        let Ok(length) = stream.read(&mut hello).await else { return };
        if hello[..length].windows(NAME.len()).any(|part| part == NAME.as_bytes()) {
            let _ = stream.read(&mut [0; 100]).await;
            return;
        }
        let Ok(mut onward) = TcpStream::connect((SERVER, 443)).await else { return };
        let _ = onward.write_all(&hello[..length]).await;
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
    })
    .await;
}
