//! MQTT in a WebSocket, plain and encrypted, and the way through a proxy.

use linesman::flow::port::Retry;
use linesman::model::mqtt::connect::{Login, Proxy, Trust};
use linesman::model::mqtt::message::{PublishEnd, Qos};
use linesman::model::mqtt::stage::{Stage, StageState};
use linesman::model::problem::Problem;
use linesman::model::secret::Secret;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{attempt, connect, fact, message, plan, refused, stage};
use crate::mosquitto::Mosquitto;
use crate::mqtt_client::tls::{Authority, listener};

#[tokio::test]
async fn a_websocket_carries_mqtt_plain_and_encrypted() {
    let authority = Authority::new("Site CA");
    let folder = tempfile::tempdir().unwrap();
    let encrypted = listener(folder.path(), &authority.server(), "protocol websockets");
    // With no other listener than WebSockets this version does not start.
    let listeners = ["", "protocol websockets", &encrypted];
    let Some(broker) = Mosquitto::start(folder, &listeners, "allow_anonymous true") else { return };
    for (scheme, port) in [("ws", broker.ports[1]), ("wss", broker.ports[2])] {
        let mut plan = plan(&format!("{scheme}://localhost:{port}"), &[("a/#", Qos::ExactlyOnce)]);
        plan.tls.trust = Trust::Only(authority.pem.clone().into_bytes());
        let (outcome, reports) = attempt(&plan).await;
        let mut client = super::Client::new(outcome.unwrap_or_else(|end| panic!("{end:?}")));
        assert_eq!(fact(stage(&reports, Stage::WebSocket), "Address"), format!("{scheme}://localhost:{port}/mqtt"));
        // This server writes 4 KB at a time, ten times a second.
        let big = vec![3; 60_000];
        let end = client.published(1, message("a/big", big.clone(), Qos::AtLeastOnce)).await;
        assert_eq!(end, PublishEnd::Acknowledged, "{:?} {:?}", client.kinds(), broker.log());
        for number in 0..100_u64 {
            client.publish(number + 2, message("a/small", number.to_string(), Qos::AtMostOnce)).await;
        }
        client.messages(101).await;
        assert_eq!(client.messages[0].payload, big);
        let numbers: Vec<Vec<u8>> = (0..100).map(|number| number.to_string().into_bytes()).collect();
        assert!(client.messages[1..].iter().map(|message| &message.payload).eq(&numbers));
    }
}

/// Answers every request with these bytes.
async fn serve_http(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).await.unwrap_or(0) > 0 {}
    head
}

#[tokio::test]
async fn answers_of_http_are_explained() {
    for (answer, code, says) in [
        (
            "HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: ForbiddenException\r\nContent-Length: 0\r\n\r\n",
            "mqtt.http_status",
            "ForbiddenException",
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
            "mqtt.http_status",
            "401",
        ),
        ("HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n", "mqtt.http_status", "404"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login.hotel/?secret=1\r\nContent-Length: 0\r\n\r\n",
            "mqtt.http_status",
            "http://login.hotel/",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 37\r\n\r\n<html><title>Hotel Wi-Fi</title></html",
            "mqtt.http_status",
            "Hotel Wi-Fi",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
            "mqtt.not_a_websocket",
            "",
        ),
        ("\x20\x02\0\x01", "mqtt.not_a_websocket", ""),
        ("", "mqtt.not_a_websocket", ""),
    ] {
        let port = serve_http(answer).await;
        let (found, at, end, _) = refused(&plan(&format!("ws://127.0.0.1:{port}"), &[])).await;
        assert_eq!((found, at), (code, Stage::WebSocket), "{answer:?} {end:?}");
        assert!(end.problem.detail.contains(says), "{says} in {:?}", end.problem);
        assert!(!end.problem.detail.contains("secret"), "{:?}", end.problem);
    }
}

#[tokio::test]
async fn a_signature_stands_in_the_address_and_nowhere_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heads, mut seen) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        heads.send(read_head(&mut stream).await).await.unwrap();
        let answer = "HTTP/1.1 403 Forbidden\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let mut plan = plan(&format!("ws://127.0.0.1:{port}/mqtt"), &[]);
    plan.dialect = linesman::model::mqtt::Dialect::AwsIotCore;
    plan.login = Login::SignatureV4 {
        region: "eu-central-1".into(),
        access_key_id: "AKIDEXAMPLE".into(),
        secret_key: Secret::new("wJalrXUtnFEMI".into()),
        session_token: Some(Secret::new("session-token".into())),
    };
    let (code, at, end, reports) = refused(&plan).await;
    // The server's date says that our clock is off by years.
    assert_eq!((code, at), ("mqtt.clock_wrong", Stage::WebSocket));
    let head = seen.recv().await.unwrap();
    assert!(head.starts_with("GET /mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&"), "{head}");
    assert!(head.contains("X-Amz-Signature=") && head.contains("Security-Token=session-token"), "{head}");
    let shown = format!("{end:?} {reports:?}");
    assert!(["wJalr", "session-token", "X-Amz", "AKIDEXAMPLE"].iter().all(|secret| !shown.contains(secret)), "{shown}");
}

/// A proxy that passes on to `broker` whoever has the login, and notes whom it was asked for.
async fn serve_proxy(broker: u16, login: Option<&'static str>, refusal: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(head.starts_with("CONNECT broker.invalid:1883 HTTP/1.1\r\n"), "{head}");
            let is_known = login.is_none_or(|login| head.contains(&format!("Proxy-Authorization: Basic {login}\r\n")));
            if !refusal.is_empty() && !is_known {
                stream.write_all(refusal.as_bytes()).await.unwrap();
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\n").await.unwrap();
            let mut behind = TcpStream::connect(("127.0.0.1", broker)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut behind).await });
        }
    });
    port
}

#[tokio::test]
async fn a_proxy_passes_on_once_it_knows_us() {
    let Some(broker) = Mosquitto::plain() else { return };
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"office\"\r\n\r\n";
    // user:pass word
    let port = serve_proxy(broker.port(), Some("dXNlcjpwYXNzIHdvcmQ="), refusal).await;
    // The name is never looked up here: the proxy does that.
    let mut plan = plan("mqtt://broker.invalid", &[("a", Qos::AtMostOnce)]);
    plan.proxy = Some(Proxy { host: "127.0.0.1".into(), port, login: None });
    let (code, at, end, _) = refused(&plan).await;
    assert_eq!((code, at), ("mqtt.proxy_login", Stage::Proxy));
    assert_eq!(end.problem.what, format!("The proxy 127.0.0.1:{port} asks for a login"));
    plan.proxy.as_mut().unwrap().login = Some(("user".into(), Secret::new("pass word".into())));
    let (outcome, reports) = attempt(&plan).await;
    assert!(outcome.is_ok());
    let proxy = stage(&reports, Stage::Proxy);
    assert_eq!((&proxy.state, fact(proxy, "Asked to pass on to")), (&StageState::Done, "broker.invalid:1883"));
    let shown = format!("{reports:?}");
    assert!(!shown.contains("pass word") && !shown.contains("dXNlcjp"), "{shown}");
    let mut client = connect(&plan).await;
    client.publish(1, message("a", "1", Qos::AtMostOnce)).await;
    client.messages(1).await;
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_from_one_that_is_none() {
    let login = Some("none");
    for (answer, code) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "mqtt.proxy_refused"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "mqtt.proxy_refused"),
        ("HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\n\r\n", "mqtt.proxy_login"),
        ("SSH-2.0-OpenSSH\r\n", "mqtt.not_a_proxy"),
    ] {
        let port = serve_proxy(1, login, answer).await;
        let mut plan = plan("mqtt://broker.invalid", &[]);
        plan.proxy = Some(Proxy { host: "127.0.0.1".into(), port, login: None });
        let (found, at, end, _) = refused(&plan).await;
        assert_eq!((found, at), (code, Stage::Proxy), "{answer}");
        assert!(code != "mqtt.proxy_login" || end.problem.likely_cause.contains("NTLM"), "{end:?}");
    }
}

#[tokio::test]
async fn a_stage_that_stalls_is_named_and_the_address_is_not_called_silent() {
    let (empty, server_hello): (&[u8], &[u8]) = (b"", b"\x16\x03\x03\x00\x7a\x02\x00");
    for (scheme, answer, code, at, cause) in [
        ("mqtts", empty, "mqtt.tls_stalled", Stage::Tls, "sends nothing"),
        ("mqtts", server_hello, "mqtt.tls_stalled", Stage::Tls, "stays incomplete"),
        ("ws", empty, "mqtt.websocket_stalled", Stage::WebSocket, "stays incomplete"),
        ("ws", b"HTTP/1.1 101 Switch", "mqtt.websocket_stalled", Stage::WebSocket, "stays incomplete"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut plan = plan(&format!("{scheme}://{}", listener.local_addr().unwrap()), &[]);
        plan.stage_limit = std::time::Duration::from_millis(500);
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream
        };
        let ((told, stage, end, _), _stream) = tokio::join!(refused(&plan), serve);
        assert_eq!((told, stage), (code, at), "{answer:?}");
        let Problem { likely_cause, .. } = &end.problem;
        assert!(likely_cause.starts_with("The address") && likely_cause.contains(cause), "{likely_cause}");
        assert_eq!(end.retry, Retry::Later);
    }
}
