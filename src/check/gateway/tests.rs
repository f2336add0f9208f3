//! Commands and how their outputs are read. The outputs are those of the real programs: curl 7.88, OpenSSL 3.0, bash 5.2,
//! busybox 1.35, glibc 2.36; and of ntpdate, sntp, busybox ntpd, chronyd, dig and bind's nslookup as their makers document them.

use std::time::Duration;

use super::*;
use crate::check::question::{Asked, Carrier, Lookup, Purpose, Say, Shape, Talk};
use crate::check::seen::{Answer, ConnectEnd, HttpEnd, MqttEnd, SocketError, TimeEnd, TlsEnd};

const MARK: &str = "lm0a1b2c3d4e5f";
const NONCE: u64 = 0x0102_0304_0506_0708;
const LIMIT: Duration = Duration::from_secs(5);
/// A clock in November 2026, microseconds.
const NOW: i64 = 1_795_867_200_000_000;

const ALL: &str = "has=curl /usr/bin/curl\nhas=openssl /usr/bin/openssl\nhas=bash /usr/bin/bash\nhas=od /usr/bin/od\n\
    has=getent /usr/bin/getent\nhas=timeout /usr/bin/timeout\ncurl=curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1\n\
    openssl=OpenSSL 3.0.19 27 Jan 2026\nlimit=timeout\n";
const BUSYBOX: &str = "has=nc /bin/busybox\nhas=nslookup /bin/busybox\nhas=timeout /bin/busybox\nhas=busybox /bin/busybox\n\
    has=ping /bin/busybox\napplet=nc\napplet=ntpd\nlimit=timeout\nruns=nc\n";

fn gateway(tools: &str) -> Gateway {
    Gateway { tools: Tools::read(tools.as_bytes()), mark: MARK.into(), nonce: NONCE, ahead_micros: Some(0) }
}

/// Tools of a curl of that version alone.
fn curl_alone(version: &str) -> String {
    format!("has=curl /usr/bin/curl\ncurl=curl {version} (arm)\nlimit=timeout\n")
}

fn talk(host: &str, steps: Vec<Say>) -> Question {
    let to = "127.0.0.1:4433".parse().unwrap();
    Question::Talk(Talk { to, host: host.into(), steps, shape: Shape::Plain, limit: LIMIT })
}

fn tls() -> Say {
    Say::Tls { alpn: Vec::new(), expected: vec!["ab".into()] }
}

fn page() -> Say {
    Say::Http { path: "/".into() }
}

fn output(err: &str, code: u8, out: &str) -> Vec<u8> {
    format!("{err}<{MARK}={code}>\r\n<{MARK}+>{out}\r\n").into_bytes()
}

/// Runs an inquiry over these outputs and gives back the commands and what was found.
fn run(question: &Question, gateway: &Gateway, outputs: &[Option<Vec<u8>>]) -> (Vec<String>, Vec<Found>) {
    let mut inquiry = Inquiry::new(question, gateway);
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    let mut outputs = outputs.iter();
    while let Some(command) = inquiry.next_command() {
        lines.push(command.line);
        let output = outputs.next().unwrap_or_else(|| panic!("one command too many: {}", lines.last().unwrap()));
        all.extend(inquiry.take(output.as_deref(), NOW, NOW));
    }
    all.extend(inquiry.rest().into_iter().map(Found::Seen));
    (lines, all)
}

/// What was found, in short.
fn short(found: &[Found]) -> Vec<String> {
    let one = |found: &Found| match found {
        Found::Chain { tls, chain, .. } => format!("{} chain of {}", end(&tls.end), chain.len()),
        Found::Seen(seen) => match seen {
            Seen::Connect(connect) => match &connect.end {
                ConnectEnd::Connected => "connected".into(),
                ConnectEnd::TimedOut => "no connection in time".into(),
                ConnectEnd::Failed { error, .. } => format!("no connection: {error}"),
            },
            Seen::Tls(tls) => end(&tls.end),
            Seen::Http(http) => http_end("page", &http.end),
            Seen::WebSocket(http) => http_end("upgrade", &http.end),
            Seen::Mqtt(mqtt) => format!("mqtt {:?}", mqtt.end),
            Seen::SystemTrust(trust) => format!("trusts {:?}: {}", trust.trusts, trust.detail),
            Seen::NotRun { what, why, .. } => {
                format!("not run: {} {why}", what.map_or_else(|| "-".into(), |what| what.to_string()))
            }
            other => format!("{other:?}"),
        },
    };
    found.iter().map(one).collect()
}

fn end(end: &TlsEnd) -> String {
    match end {
        TlsEnd::Done { version, cipher, asked_certificate, .. } => {
            format!("{version} {cipher}{}", if *asked_certificate { " asks" } else { "" })
        }
        TlsEnd::Alert { alert, .. } => format!("alert {alert}"),
        TlsEnd::Broken(broke) => format!("tls {broke:?}"),
        TlsEnd::Failed { detail } => format!("no tls: {detail}"),
    }
}

fn http_end(what: &str, end: &HttpEnd) -> String {
    match end {
        HttpEnd::Status { status, is_upgraded, .. } => {
            format!("{what} {status}{}", if *is_upgraded { " upgraded" } else { "" })
        }
        HttpEnd::Broken(broke) => format!("{what} {broke:?}"),
    }
}

const CONNECTED: &str = "*   Trying 127.0.0.1:4433...\n* Connected to (nil) (127.0.0.1) port 4433 (#0)\n";
const SHAKEN: &str = "* TLSv1.3 (IN), TLS handshake, Server hello (2):\n\
    * SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n*  subject: CN=api.test\n";
const PEM: &str = "Subject:CN = api.test\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

fn figures(connect: &str, appconnect: &str) -> String {
    format!("\n<{MARK}w>{connect}|{appconnect}|127.0.0.1|55836|\n")
}

#[test]
fn curl_shows_connection_chain_and_page_in_one_command() {
    let err = format!(
        "{CONNECTED}{SHAKEN}> GET / HTTP/1.1\n< HTTP/1.1 404 Not Found\n< Server: stand-in\n< Date: Sun, 29 Nov 2026 02:00:00 GMT\n{}{PEM}",
        figures("0.000564", "0.005545")
    );
    let (lines, found) =
        run(&talk("api.test", vec![tls(), page()]), &gateway(ALL), &[Some(output(&err, 0, "<html>none"))]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("--resolve 'api.test:4433:127.0.0.1'") && lines[0].len() < 900, "{}", lines[0]);
    assert_eq!(short(&found), ["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384 chain of 1", "page 404"]);
    let Found::Seen(Seen::Connect(connect)) = &found[0] else { panic!("{found:?}") };
    assert_eq!(connect.from, Some("127.0.0.1:55836".parse().unwrap()));
    let Found::Seen(Seen::Http(http)) = &found[2] else { panic!("{found:?}") };
    assert!(
        matches!(&http.end, HttpEnd::Status { begins, date: Some(1_795_917_600), server: Some(server), .. } if begins == "<html>none" && server == "stand-in"),
        "{http:?}"
    );
}

#[test]
fn exit_codes_of_curl_prove_the_step_they_belong_to_and_no_other() {
    let refused = "* connect to 127.0.0.1 port 1 failed: Connection refused\n\
        curl: (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server\n";
    let unreachable = "* Immediate connect fail for 198.51.100.1: Network is unreachable\n\
        curl: (7) Failed to connect to 198.51.100.1 port 80 after 0 ms: Couldn't connect to server\n";
    let reset = "curl: (35) Recv failure: Connection reset by peer\n";
    let alert = "curl: (35) error:0A000410:SSL routines::sslv3 alert handshake failure\n";
    let mtls = "curl: (56) OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0\n";
    let (none, half, whole) = (figures("0.000000", "0.000000"), figures("0.01", "0.000000"), figures("0.01", "0.02"));
    let cases: &[(u8, String, &[&str])] = &[
        (7, format!("{refused}{none}"), &["no connection: refused"]),
        (7, format!("{unreachable}{none}"), &["no connection: network-unreachable"]),
        (28, format!("curl: (28) Failed to connect: Connection timed out\n{none}"), &["no connection in time"]),
        (6, format!("curl: (6) Could not resolve host: api.test\n{none}"), &["not run: tcp not-offered"]),
        (28, format!("{CONNECTED}curl: (28) SSL connection timeout\n{half}"), &["connected", "tls Silent"]),
        (35, format!("{CONNECTED}{reset}{half}"), &["connected", "tls Reset"]),
        (35, format!("{CONNECTED}{alert}{half}"), &["connected", "alert handshake failure"]),
        (
            77,
            format!("{CONNECTED}curl: (77) error setting certificate file\n{half}"),
            &["connected", "not run: tls not-offered"],
        ),
        (56, format!("{CONNECTED}{SHAKEN}{mtls}{whole}"), &["connected", "alert certificate required"]),
        (
            28,
            format!("{CONNECTED}{SHAKEN}curl: (28) Operation timed out after 10001 milliseconds\n{whole}{PEM}"),
            &["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384 chain of 1", "page Silent"],
        ),
        (
            52,
            format!("{CONNECTED}{SHAKEN}curl: (52) Empty reply from server\n{whole}{PEM}"),
            &["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384 chain of 1", "page Closed"],
        ),
    ];
    for (code, err, expected) in cases {
        let (_, found) = run(&talk("api.test", vec![tls(), page()]), &gateway(ALL), &[Some(output(err, *code, ""))]);
        assert_eq!(short(&found), *expected, "curl {code}: {err}");
    }
}

#[test]
fn a_curl_that_prints_no_chain_says_whether_the_gateway_trusts_it() {
    let question = talk("api.test", vec![tls(), page()]);
    let old = gateway(&curl_alone("7.68.0"));
    let refused = format!(
        "{CONNECTED}curl: (60) SSL certificate problem: self signed certificate in certificate chain\nMore details here\n{}",
        figures("0.01", "0.000000")
    );
    let (lines, found) = run(&question, &old, &[Some(output(&refused, 60, ""))]);
    assert!(lines[0].contains("-gsSv --http1.1") && !lines[0].contains("certs"), "{}", lines[0]);
    let words = "trusts Some(false): SSL certificate problem: self signed certificate in certificate chain";
    assert_eq!(short(&found), ["connected", words]);

    let taken = format!("{CONNECTED}{SHAKEN}< HTTP/1.1 200 OK\n{}", figures("0.01", "0.02"));
    let (_, found) = run(&question, &old, &[Some(output(&taken, 0, ""))]);
    assert_eq!(short(&found), ["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384", "trusts Some(true): ", "page 200"]);

    // A new one that was built on a library without this gift is asked a second time.
    let (lines, found) =
        run(&question, &gateway(&curl_alone("8.5.0")), &[Some(output(&taken, 0, "")), Some(output(&refused, 60, ""))]);
    assert!(lines[0].contains("-gsSvk") && lines[1].contains("-gsSv --"), "{lines:?}");
    assert_eq!(short(&found), ["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384 chain of 0", "page 200", words]);
}

#[test]
fn a_websocket_counts_only_with_the_answer_to_our_key() {
    let steps = || {
        vec![
            tls(),
            Say::WebSocket { path: "/mqtt".into(), protocol: "mqtt".into() },
            Say::Mqtt { client_id: "x".into() },
        ]
    };
    let said = |accept: &str| {
        format!(
            "{CONNECTED}{SHAKEN}< HTTP/1.1 101 Switching Protocols\n< Sec-WebSocket-Accept: {accept}\n< Sec-WebSocket-Protocol: mqtt\n{}{PEM}",
            figures("0.01", "0.02")
        )
    };
    // `HTTP/1.1 101`, the end of its head, and a frame with CONNACK.
    let inside = output("", 0, " 48 54 54 50 2f 31 2e 31 20 31 30 31\n 0d 0a 0d 0a 82 04 20 02 00 05");
    let ask = |accept| {
        run(&talk("api.test", steps()), &gateway(ALL), &[Some(output(&said(accept), 28, "")), Some(inside.clone())])
    };
    let (lines, found) = ask("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(lines.iter().all(|line| line.len() < 1000), "a terminal takes it: {}", lines[1].len());
    assert_eq!(short(&found)[2..], ["upgrade 101 upgraded", "mqtt Connack { code: 5 }"]);
    // Nothing is said inside of what was not granted.
    assert_eq!(short(&ask("c29tZXRoaW5nIGVsc2U=").1)[2..], ["upgrade 101"]);
}

/// What `openssl s_client -showcerts` wrote.
const S_CLIENT: &str = "CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN = api.test\n   i:CN = Test CA\n\
    -----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n---\nNo client certificate CA names sent\n---\n\
    New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\nNo ALPN negotiated\nDONE";

#[test]
fn openssl_shows_the_chain_and_who_wants_a_certificate() {
    let tools = gateway("has=openssl /usr/bin/openssl\nhas=od /usr/bin/od\nlimit=timeout\n");
    let question = || talk("broker.test", vec![tls()]);
    let ask = |err: &str, code: u8, out: &str| short(&run(&question(), &tools, &[Some(output(err, code, out))]).1);
    assert_eq!(ask("depth=0 CN = api.test\n", 0, S_CLIENT), ["connected", "TLSv1.3 TLS_AES_256_GCM_SHA384 chain of 1"]);
    let asks = S_CLIENT.replace("No client certificate CA names sent", "Requested Signature Algorithms: ECDSA+SHA256");
    assert_eq!(ask("", 0, &asks)[1], "TLSv1.3 TLS_AES_256_GCM_SHA384 asks chain of 1");
    let required = "40:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../ssl/record/rec_layer_s3.c:1586:SSL alert number 116\n";
    assert_eq!(ask(required, 1, S_CLIENT)[1], "alert certificate required chain of 1");
    let refused = "40573D3BE47F0000:error:8000006F:system library:BIO_connect:Connection refused:../crypto/bio/bio_sock2.c:117:calling connect()\nconnect:errno=111\n";
    assert_eq!(ask(refused, 1, ""), ["no connection: refused"]);
    assert_eq!(ask("", 124, ""), ["no connection in time"]);
    let none = "CONNECTED(00000003)\n---\nno peer certificate available\n---\nNew, (NONE), Cipher is (NONE)\n";
    assert_eq!(ask("write:errno=104\n", 1, none)[1], "tls Reset");
    assert_eq!(
        ask("40:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl\n", 1, none)[1],
        "no tls: what came is no TLS"
    );
    assert_eq!(ask("", 124, "CONNECTED(00000003)\n"), ["connected", "tls Silent"]);
}

#[test]
fn mqtt_is_spoken_through_openssl_and_bare_through_bash_or_nc() {
    let steps = |mut first: Vec<Say>| {
        first.push(Say::Mqtt { client_id: "linesman-check-1".into() });
        talk("broker.test", first)
    };
    let tools = gateway("has=openssl /usr/bin/openssl\nhas=od /usr/bin/od\nlimit=timeout\n");
    let (lines, found) = run(
        &steps(vec![tls()]),
        &tools,
        &[Some(output("", 0, S_CLIENT)), Some(output("depth=0\n", 0, " 20 02 00 05"))],
    );
    assert!(lines[1].contains("printf '\\020\\034\\000\\004\\115\\121\\124\\124\\004\\002\\000\\074"), "{}", lines[1]);
    assert!(matches!(found.last(), Some(Found::Seen(Seen::Mqtt(mqtt))) if mqtt.end == (MqttEnd::Connack { code: 5 })));
    let (_, found) = run(&steps(Vec::new()), &gateway(ALL), &[Some(output("", 0, "")), Some(output("", 0, ""))]);
    assert_eq!(short(&found), ["connected", "mqtt Broken(Silent)"]);
    // The program says by its end whether the broker hung up, although its answer goes through a pipe.
    for (code, expected) in [(0, "mqtt Broken(Closed)"), (124, "mqtt Broken(Silent)"), (143, "mqtt Broken(Silent)")] {
        let ended = output(&format!("<{MARK}e={code}>\n"), 0, "");
        let (lines, found) = run(&steps(Vec::new()), &gateway(ALL), &[Some(output("", 0, "")), Some(ended)]);
        assert_eq!(short(&found), ["connected", expected], "{}", lines[1]);
    }
    let (lines, found) = run(&steps(Vec::new()), &gateway(BUSYBOX), &[Some(output("", 0, ""))]);
    assert!(lines[0].contains("nc -w 5 127.0.0.1 4433 -e true"), "{}", lines[0]);
    assert_eq!(short(&found), ["connected", "not run: mqtt no-program"], "without od its answer cannot be read");
}

#[test]
fn a_connection_is_tried_by_bash_or_nc_and_their_words_are_told_apart() {
    let bare = talk("api.test", Vec::new());
    let refused = "bash: connect: Connection refused\nbash: line 1: /dev/tcp/127.0.0.1/1: Connection refused\n";
    let cases = [
        (ALL, "", 0, "connected"),
        (ALL, refused, 1, "no connection: refused"),
        (ALL, "", 124, "no connection in time"),
        (BUSYBOX, "nc: can't connect to remote host (127.0.0.1): Connection refused\n", 1, "no connection: refused"),
        (
            BUSYBOX,
            "nc: can't connect to remote host (198.51.100.1): Network is unreachable\n",
            1,
            "no connection: network-unreachable",
        ),
        (BUSYBOX, "nc: timed out\n", 1, "no connection in time"),
        (BUSYBOX, "nc: bad address\n", 1, "not run: tcp not-offered"),
    ];
    for (tools, err, code, expected) in cases {
        // A curl would be asked first where something is said.
        let (_, found) = run(&bare, &gateway(tools), &[Some(output(err, code, ""))]);
        assert_eq!(short(&found), [expected], "{err}");
    }
    let (_, found) = run(&bare, &gateway(BUSYBOX), &[None]);
    assert_eq!(short(&found), ["no connection in time"], "one that had to be interrupted");
}

#[test]
fn a_gateway_without_programs_runs_nothing_and_fails_nothing() {
    let none = gateway("limit=timeout\n");
    let questions = [
        (talk("api.test", vec![tls(), page()]), "not run: tcp no-program"),
        (Question::Time { server: "192.0.2.1:123".parse().unwrap(), limit: LIMIT }, "not run: ntp no-program"),
        (Question::Ping { to: "192.0.2.1".parse().unwrap(), limit: LIMIT }, "not run: icmp no-program"),
        (lookup("api.test", Asked::System), "not run: dns no-program"),
        (Question::Wifi { ssid: None }, "not run: - no-program"),
    ];
    for (question, expected) in questions {
        let (lines, found) = run(&question, &none, &[]);
        assert!(lines.is_empty());
        assert_eq!(short(&found), [expected]);
    }
    let (lines, found) = run(&talk("api.test", vec![tls(), page()]), &gateway(BUSYBOX), &[Some(output("", 0, ""))]);
    assert_eq!((lines.len(), short(&found)), (1, vec!["connected".to_owned(), "not run: tls no-program".to_owned()]));
}

#[test]
fn no_text_of_a_profile_or_site_becomes_a_command() {
    let bad = [
        "$(reboot)",
        "a;reboot",
        "a'b",
        "`x`",
        "-oProxyCommand=x",
        "a b",
        "a\nb",
        "a&b",
        "a|b",
        "a>b",
        "\"",
        "ä.example",
        "",
    ];
    for host in bad {
        for tools in [ALL, BUSYBOX] {
            for question in [talk(host, vec![tls(), page()]), lookup(host, Asked::System)] {
                let (lines, found) = run(&question, &gateway(tools), &[]);
                assert!(lines.is_empty(), "{host:?}: {lines:?}");
                assert!(short(&found)[0].ends_with("nothing-to-ask"), "{host:?}");
            }
        }
    }
    // A path may hold anything that a profile's loader lets through: it stays one word, and curl takes no pattern from it.
    let question = talk("api.test", vec![tls(), Say::Http { path: "/'; reboot #[1-9]{a,b}".into() }]);
    let mut inquiry = Inquiry::new(&question, &gateway(ALL));
    let line = inquiry.next_command().unwrap().line;
    assert!(line.contains(r"4433/'\''; reboot #[1-9]{a,b}'") && line.contains(" -gsSvk "), "{line}");
    let question = talk("api.test", vec![page(), Say::Http { path: "/\n".into() }]);
    assert!(
        Inquiry::new(&question, &gateway(BUSYBOX)).next_command().is_some_and(|command| !command.line.contains('\n'))
    );
}

fn lookup(name: &str, asked: Asked) -> Question {
    Question::Lookup(Lookup { name: name.into(), asked, purpose: Purpose::Row, limit: LIMIT })
}

fn answer(question: &Question, tools: &str, err: &str, code: u8, out: &str) -> (Option<String>, Answer) {
    let (_, found) = run(question, &gateway(tools), &[Some(output(err, code, out))]);
    match found.as_slice() {
        [Found::Seen(Seen::Lookup(lookup))] => (lookup.server.map(|server| server.to_string()), lookup.answer.clone()),
        other => panic!("{other:?}"),
    }
}

fn message(rcode: Option<u16>, addresses: &[&str], aliases: &[&str], ttl_secs: Option<u32>) -> Answer {
    Answer::Message {
        rcode,
        addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        aliases: aliases.iter().map(|name| (*name).to_owned()).collect(),
        ttl_secs,
        extended: Vec::new(),
    }
}

#[test]
fn names_are_read_from_each_program_that_looks_them_up() {
    let system = lookup("api.test", Asked::System);
    let of_getent =
        "192.0.2.1       STREAM api.test\n192.0.2.1       DGRAM\n192.0.2.1       RAW\n2001:db8::1     STREAM";
    assert_eq!(answer(&system, ALL, "", 0, of_getent), (None, message(None, &["192.0.2.1", "2001:db8::1"], &[], None)));
    assert_eq!(answer(&system, ALL, "", 2, ""), (None, message(None, &[], &[], None)));
    assert_eq!(answer(&system, ALL, "", 124, ""), (None, Answer::TimedOut));

    let busybox = "Server:\t\t192.168.1.1\nAddress:\t192.168.1.1:53\n\nNon-authoritative answer:\n\
        api.test\tcanonical name = edge.test\nName:\tedge.test\nAddress: 192.0.2.1\n";
    let here = Some("192.168.1.1:53".to_owned());
    assert_eq!(
        answer(&system, BUSYBOX, "", 0, busybox),
        (here.clone(), message(Some(0), &["192.0.2.1"], &["edge.test"], None))
    );
    let small = "Server:    192.168.1.1\nAddress 1: 192.168.1.1 router.lan\n\nName:      api.test\nAddress 1: 192.0.2.1 api.test";
    assert_eq!(answer(&system, BUSYBOX, "", 0, small), (here.clone(), message(Some(0), &["192.0.2.1"], &[], None)));
    let nobody = "nslookup: can't resolve 'api.test'\n";
    assert!(matches!(answer(&system, BUSYBOX, nobody, 1, "").1, Answer::Failed { .. }));
    let none = "Server:\t\t192.168.1.1\nAddress:\t192.168.1.1:53\n\n** server can't find api.test: NXDOMAIN\n";
    assert_eq!(answer(&system, BUSYBOX, "", 1, none), (here, message(Some(3), &[], &[], None)));

    let server = lookup("api.test", Asked::Server { address: "192.0.2.53:5353".parse().unwrap(), by: Carrier::Udp });
    let asked = Some("192.0.2.53:5353".to_owned());
    assert_eq!(
        answer(&server, BUSYBOX, "", 1, ";; connection timed out; no servers could be reached"),
        (asked.clone(), Answer::TimedOut)
    );
    let refused = "nslookup: write to '127.0.0.1:5999': Connection refused\n";
    let words = ";; connection timed out; no servers could be reached";
    assert_eq!(answer(&server, BUSYBOX, refused, 1, words), (asked.clone(), Answer::Refused { icmp: None }));

    let dig = ";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\n;; ANSWER SECTION:\n\
        api.test.\t300\tIN\tCNAME\tedge.test.\nedge.test.\t60\tIN\tA\t192.0.2.1\n";
    let with_dig = "has=dig /usr/bin/dig\nlimit=timeout\n";
    assert_eq!(
        answer(&server, with_dig, "", 0, dig),
        (asked.clone(), message(Some(0), &["192.0.2.1"], &["edge.test"], Some(60)))
    );
    let filtered = ";; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1\n; EDE: 15 (Blocked): (by policy)\n";
    let (_, told) = answer(&server, with_dig, "", 0, filtered);
    assert!(matches!(&told, Answer::Message { rcode: Some(3), extended, .. } if extended[0].0 == 15), "{told:?}");
    assert_eq!(answer(&server, with_dig, "", 9, ";; no servers could be reached"), (asked, Answer::TimedOut));
}

fn time(tools: &str, ahead_micros: i64, err: &str, code: u8, out: &str) -> TimeEnd {
    let question = Question::Time { server: "192.0.2.1:123".parse().unwrap(), limit: Duration::from_secs(3) };
    let gateway = Gateway { ahead_micros: Some(ahead_micros), ..gateway(tools) };
    let (_, found) = run(&question, &gateway, &[Some(output(err, code, out))]);
    match found.as_slice() {
        [Found::Seen(Seen::Time(time))] => time.end.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_time_is_told_by_this_computers_clock_whichever_program_asked() {
    let offset = |end: &TimeEnd| match end {
        TimeEnd::Told { offset_micros, stratum, .. } => Some((*offset_micros, *stratum)),
        _ => None,
    };
    let year = 31_536_000_000_000;
    let old =
        "server 192.0.2.1, stratum 2, offset 31536000.5, delay 0.02563\n29 Nov 02:00:00 ntpdate[1]: step time server\n";
    // The gateway is a year behind, and so is what its program says of it: this computer is half a second behind.
    assert_eq!(offset(&time("has=ntpdate /x\nlimit=timeout\n", -year, "", 0, old)), Some((500_000, Some(2))));
    let none =
        "server 192.0.2.1, stratum 0, offset 0.000000, delay 0.00000\nno server suitable for synchronization found\n";
    assert_eq!(time("has=ntpdate /x\nlimit=timeout\n", 0, "", 1, none), TimeEnd::Silent);
    let sntp = "2026-11-29 02:00:00.123456 (+0000) +0.250000 +/- 0.012345 192.0.2.1 s2 no-leap\n";
    assert_eq!(offset(&time("has=sntp /x\nlimit=timeout\n", 0, "", 0, sntp)), Some((250_000, Some(2))));
    let ntpd = "ntpd: sending query to 192.0.2.1\nntpd: reply from 192.0.2.1: offset:-0.250000 delay:0.000345 status:0x24 strat:3 refid:0x4e545000 rootdelay:0.000000 reach:0x01\n";
    assert_eq!(offset(&time(BUSYBOX, 0, ntpd, 143, "")), Some((-250_000, Some(3))));
    let chronyd = "2026-11-29T02:00:00Z chronyd version 4.3 starting\n2026-11-29T02:00:02Z System clock wrong by 0.250000 seconds (ignored)\n";
    assert_eq!(offset(&time("has=chronyd /usr/sbin/chronyd\n", 0, chronyd, 0, "")), Some((250_000, None)));
    assert_eq!(
        time("has=chronyd /usr/sbin/chronyd\n", 0, "2026-11-29T02:00:05Z Timeout reached\n", 1, ""),
        TimeEnd::Silent
    );
}

#[test]
fn a_packet_of_ours_comes_back_with_the_servers_time() {
    let mut packet = vec![0x24, 2];
    packet.extend([0; 22]);
    packet.extend(NONCE.to_be_bytes());
    let seconds = u32::try_from((NOW / 1_000_000 + 2_208_988_800) & 0xffff_ffff).unwrap();
    for _ in 0..2 {
        packet.extend((seconds + 3).to_be_bytes());
        packet.extend([0; 4]);
    }
    let digits = |octets: &[u8]| octets.iter().map(|octet| format!(" {octet:02x}")).collect::<Vec<_>>().concat();
    let end = time(ALL, 7_000_000, "0+1 records in\n", 0, &digits(&packet));
    assert!(matches!(end, TimeEnd::Reply { offset_micros: 3_000_000, stratum: 2, leap: 0, mode: 4, .. }), "{end:?}");
    packet[24] ^= 1;
    assert!(matches!(time(ALL, 0, "", 0, &digits(&packet)), TimeEnd::Odd { .. }));
    assert_eq!(time(ALL, 0, "", 124, ""), TimeEnd::Silent);
    let refused = "dd: error reading 'standard input': Connection refused\n";
    assert!(matches!(time(ALL, 0, refused, 0, ""), TimeEnd::Refused { error: SocketError::Refused, .. }));
}

#[test]
fn the_gateway_tells_its_clock_its_name_servers_and_its_interfaces() {
    let tools = gateway("has=ip /sbin/ip\n");
    let settings =
        "clock=1795867200\n# made by hand\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver x\noptions edns0";
    let places = "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 192.168.1.20/24 brd 192.168.1.255 scope global eth0\n\
        2: eth0    inet6 fe80::2/64 scope link\ndefault via 192.168.1.1 dev eth0 proto dhcp metric 100";
    let (_, found) =
        run(&Question::Surroundings, &tools, &[Some(output("", 0, settings)), Some(output("", 0, places))]);
    let found: Vec<Seen> =
        found.into_iter().filter_map(|found| if let Found::Seen(seen) = found { Some(seen) } else { None }).collect();
    assert!(found.contains(&Seen::GatewayClock { unix_micros: NOW + 500_000 }), "{found:?}");
    let servers: Vec<_> =
        found.iter().filter_map(|seen| if let Seen::NameServer(server) = seen { Some(server) } else { None }).collect();
    assert_eq!(servers.len(), 3);
    assert!(servers[0].is_stub && servers[1].address.is_some() && !servers[2].ignored.is_empty());
    let wired = found.iter().find_map(|seen| {
        if let Seen::Interface(one) = seen { Some(one).filter(|one| one.name == "eth0") } else { None }
    });
    let wired = wired.unwrap();
    assert!(wired.is_default && wired.addresses.len() == 2 && wired.routers.len() == 1, "{wired:?}");
}

#[test]
fn echo_replies_are_counted() {
    let ping = Question::Ping { to: "127.0.0.1".parse().unwrap(), limit: LIMIT };
    let out = "PING 127.0.0.1 (127.0.0.1): 56 data bytes\n64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.103 ms\n\
        64 bytes from 127.0.0.1: seq=1 ttl=64 time=0.073 ms\n";
    let (_, found) = run(&ping, &gateway(BUSYBOX), &[Some(output("", 0, out))]);
    assert!(matches!(&found[0], Found::Seen(Seen::Ping(ping)) if ping.replies_micros == [103, 73]), "{found:?}");
    let (_, found) = run(&ping, &gateway(BUSYBOX), &[Some(output("ping: permission denied (are you root?)\n", 1, ""))]);
    assert_eq!(short(&found), ["not run: icmp no-permission"]);
}

#[test]
fn what_a_server_says_cannot_pass_for_a_mark_or_for_words_of_curl() {
    let err = format!("{CONNECTED}< HTTP/1.1 200 OK\n< x: <lm000000000000=0>\n{}", figures("0.01", "0.000000"));
    let body = "* Connected to\ncurl: (60) no\n<lm000000000000=7>";
    let (_, found) = run(&talk("api.test", vec![page()]), &gateway(ALL), &[Some(output(&err, 0, body))]);
    assert_eq!(short(&found), ["connected", "page 200"]);
}

#[test]
fn programs_are_told_with_their_versions() {
    assert_eq!(Tools::read(ALL.as_bytes()).names(), ["curl 7.88.1", "OpenSSL 3.0.19", "bash", "getent"]);
    let names = Tools::read(BUSYBOX.as_bytes()).names();
    assert_eq!(names, ["nc of busybox", "nslookup of busybox", "ping of busybox", "ntpd of busybox"]);
    assert!(Tools::read(b"\xff\xfe=\nhas=\n\0").names().len() <= 1);
}

proptest::proptest! {
    #[test]
    fn whatever_a_gateway_prints_is_read_without_panic_and_bounded(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
        code in proptest::prelude::any::<u8>(),
        which in 0..7_usize,
    ) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let questions = [
            talk("api.test", vec![tls(), page()]),
            talk("broker.test", vec![tls(), Say::Mqtt { client_id: "x".into() }]),
            talk("api.test", vec![page()]),
            lookup("api.test", Asked::System),
            Question::Time { server: "192.0.2.1:123".parse().unwrap(), limit: LIMIT },
            Question::Ping { to: "192.0.2.1".parse().unwrap(), limit: LIMIT },
            Question::Surroundings,
        ];
        for tools in [ALL, BUSYBOX, &curl_alone("7.68.0"), "has=openssl /x\nhas=od /x\nhas=dig /x\nhas=ntpdate /x\nhas=ip /x\n"] {
            for output in [bytes.clone(), output(&text, code, &text)] {
                let mut inquiry = Inquiry::new(&questions[which], &gateway(tools));
                let mut commands = 0;
                while let Some(command) = inquiry.next_command() {
                    commands += 1;
                    proptest::prop_assert!(command.line.len() < 1000 && commands < 8);
                    proptest::prop_assert!(inquiry.take(Some(&output), NOW, NOW).len() < 64);
                }
            }
        }
        let _ = Tools::read(&bytes).names();
    }
}

#[test]
fn the_system_is_what_it_calls_itself() {
    let system = |tools: &str| {
        let (_, found) = run(&Question::Surroundings, &gateway(tools), &[Some(output("", 0, "clock=1"))]);
        found.into_iter().find_map(|found| match found {
            Found::Seen(Seen::System { name }) => Some(name),
            _ => None,
        })
    };
    assert_eq!(system("system=FreeBSD\n").as_deref(), Some("freebsd"));
    assert_eq!(system("system=\n"), None);
}
