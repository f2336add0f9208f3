//! The probes of a network check against peers that do what public bug reports of tools for the same purpose tell: each ends in
//! its limit, and nothing reads as more than was seen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use linesman::check::question::{Carrier, Lookup, Question, Say};
use linesman::check::seen::{Answer, Broke, Http, HttpEnd, MqttEnd, Seen, TimeEnd, TlsEnd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::check_probes::{
    ask, looked_up, lookup, name_server, page, reply_head, serve, talk, time_answer, time_of, time_server, tls_with,
};

/// For what never comes to its end.
const SHORT: Duration = Duration::from_millis(400);

/// What the last step of a conversation came to, within its limit.
async fn last(to: SocketAddr, steps: Vec<Say>) -> Seen {
    let mut question = talk(to, steps);
    question.limit = SHORT;
    let began = Instant::now();
    let seen = ask(Question::Talk(question)).await.pop().expect("something is seen");
    // Each step, and the repetition by GET, has the limit for itself.
    assert!(began.elapsed() < 12 * SHORT, "{:?}", began.elapsed());
    seen
}

fn mqtt() -> Vec<Say> {
    vec![Say::Mqtt { client_id: "fresh-1".into() }]
}

/// Answers CONNECT with these pieces, each a moment after the other, and hangs up or stays.
async fn broker(pieces: &'static [&'static [u8]], hangs_up: bool) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.read(&mut [0; 200]).await;
        for piece in pieces {
            let _ = stream.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        if !hangs_up {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

async fn mqtt_end(pieces: &'static [&'static [u8]], hangs_up: bool) -> MqttEnd {
    match last(broker(pieces, hangs_up).await, mqtt()).await {
        Seen::Mqtt(mqtt) => mqtt.end,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connack_counts_in_pieces_and_with_more_behind_it_and_half_of_one_does_not() {
    let refused = MqttEnd::Connack { code: 5 };
    assert_eq!(mqtt_end(&[b"\x20", b"\x02", b"\x00", b"\x05"], false).await, refused);
    assert_eq!(mqtt_end(&[b"\x20\x02\x00\x05HTTP/1.1 400 Bad"], false).await, refused);
    // Its length may be written longer than it has to be.
    assert_eq!(mqtt_end(&[b"\x20\x82\x00\x00\x05"], false).await, refused);
    assert_eq!(mqtt_end(&[b"\x20\x02\x00"], false).await, MqttEnd::Broken(Broke::Unfinished { bytes: 3 }));
    assert!(matches!(mqtt_end(&[b"\x20\x02"], true).await, MqttEnd::Broken(Broke::Other { .. })));
    assert_eq!(mqtt_end(&[], true).await, MqttEnd::Broken(Broke::Closed));
}

#[tokio::test]
async fn a_handshake_that_drips_has_begun_and_is_not_silent() {
    let drips = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2000]).await;
        let _ = stream.write_all(b"\x16\x03\x03\x40\x00\x02\x02").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let Seen::Tls(tls) = last(drips, vec![tls_with(Vec::new())]).await else { panic!() };
    assert_eq!(tls.end, TlsEnd::Broken(Broke::Unfinished { bytes: 7 }));
}

#[tokio::test]
async fn a_certificate_that_is_too_large_to_be_taken_is_tls_all_the_same() {
    // 5,000 names make a message of some 130,000 bytes.
    let large = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2000]).await;
        let _ = stream.write_all(b"\x16\x03\x03\x00\x08\x0b\x02\x00\x00\x01\xff\xfd\x01").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let Seen::Tls(tls) = last(large, vec![tls_with(Vec::new())]).await else { panic!() };
    assert!(matches!(&tls.end, TlsEnd::Failed { detail } if detail.contains("64 KiB")), "{:?}", tls.end);
}

async fn http_end(to: SocketAddr) -> HttpEnd {
    match last(to, vec![page()]).await {
        Seen::Http(http) => http.end,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_cut_or_given_up() {
    let fast =
        serve(|mut stream| async move { while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {} })
            .await;
    assert!(matches!(http_end(fast).await, HttpEnd::Broken(Broke::TooLong { .. } | Broke::Unfinished { .. })));
    let slow = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2000]).await;
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert_eq!(http_end(slow).await, HttpEnd::Broken(Broke::Unfinished { bytes: 25 }));
}

#[tokio::test]
async fn a_page_that_never_ends_has_its_status_and_a_login_of_a_proxy_that_hangs_is_told() {
    let endless = serve(|mut stream| async move {
        let mut request = [0; 2000];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\naaaa").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert!(matches!(http_end(endless).await, HttpEnd::Status { status: 200, .. }));
    let hangs = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 2000]).await;
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9999\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    assert!(matches!(http_end(hangs).await, HttpEnd::Status { status: 407, .. }));
}

/// Grants an upgrade with that key, or the right one, and says that inside.
async fn granting(accept: Option<&'static str>, inside: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let mut request = vec![0; 4000];
        let length = stream.read(&mut request).await.unwrap_or_default();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let key = request.lines().find_map(|line| line.split_once("Sec-WebSocket-Key: ")).map_or("", |(_, key)| key);
        let accept = accept.map_or_else(|| derive_accept_key(key.trim().as_bytes()), str::to_owned);
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        let _ = stream.write_all(&[head.as_bytes(), inside].concat()).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

#[tokio::test]
async fn an_upgrade_with_the_answer_to_another_key_is_not_one_and_says_what_is_wrong() {
    let upgrade = Say::WebSocket { path: "/".into(), protocol: "mqtt".into() };
    let to = granting(Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), b"").await;
    let Seen::WebSocket(Http { end: HttpEnd::Status { status, is_upgraded, begins, .. }, .. }) =
        last(to, vec![upgrade]).await
    else {
        panic!()
    };
    assert_eq!((status, is_upgraded, begins.as_str()), (101, false, "the answer belongs to another key"));
}

#[tokio::test]
async fn a_frame_of_an_absurd_length_is_no_broker_that_hangs_up() {
    let steps = [vec![Say::WebSocket { path: "/".into(), protocol: "mqtt".into() }], mqtt()].concat();
    let to = granting(None, b"\x82\x7f\x40\0\0\0\0\0\0\0\x20\x02\0\0").await;
    let Seen::Mqtt(mqtt) = last(to, steps).await else { panic!() };
    assert!(matches!(&mqtt.end, MqttEnd::Broken(Broke::Other { .. })), "{:?}", mqtt.end);
}

/// An answer to a time request with these times.
fn times(request: &[u8], arrived: [u8; 8], left: [u8; 8]) -> Vec<u8> {
    let mut answer = time_answer(request);
    answer[32..40].copy_from_slice(&arrived);
    answer[40..48].copy_from_slice(&left);
    answer
}

#[tokio::test]
async fn an_answer_without_a_time_or_with_times_that_run_backwards_tells_none() {
    const NOW: [u8; 8] = [0xEE, 0, 0, 9, 0, 0, 0, 0];
    const BEFORE: [u8; 8] = [0xEE, 0, 0, 0, 0, 0, 0, 0];
    for make in [
        (|request| Some(times(request, NOW, [0; 8]))) as fn(&[u8]) -> Option<Vec<u8>>,
        |request| Some(times(request, [0; 8], [0; 8])),
        |request| Some(times(request, NOW, BEFORE)),
    ] {
        let end = time_of(time_server(false, make).await).await;
        assert!(matches!(end, TimeEnd::Odd { .. }), "{end:?}");
    }
    // Whoever asks to be left alone need not tell the time.
    let kiss = time_server(false, |request| {
        let mut answer = times(request, [0; 8], [0; 8]);
        answer[..2].copy_from_slice(&[0xE4, 0]);
        answer[12..16].copy_from_slice(b"DENY");
        Some(answer)
    })
    .await;
    assert!(matches!(time_of(kiss).await, TimeEnd::Reply { stratum: 0, .. }));
}

fn cut_short(query: &[u8]) -> Vec<u8> {
    let mut answer = reply_head(query, 0, 0, 0);
    answer[2] |= 0x02;
    answer
}

fn within(mut question: Question, limit: Duration) -> Question {
    if let Question::Lookup(Lookup { limit: own, .. }) = &mut question {
        *own = limit;
    }
    question
}

#[tokio::test]
async fn an_answer_that_is_cut_short_for_ever_is_told_as_that() {
    // TCP is closed.
    let server = name_server(0, cut_short).await;
    let question = within(lookup("api.example", server, Carrier::Udp), SHORT);
    assert_eq!(looked_up(question).await.answer, Answer::Truncated);
    // TCP is open, and what comes there is cut short as well.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let datagrams = UdpSocket::bind(to).await.unwrap();
    tokio::spawn(async move {
        let mut query = [0; 600];
        while let Ok((length, from)) = datagrams.recv_from(&mut query).await {
            let _ = datagrams.send_to(&cut_short(&query[..length]), from).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Ok(length) = stream.read_u16().await else { continue };
            let mut query = vec![0; usize::from(length)];
            let _ = stream.read_exact(&mut query).await;
            let answer = cut_short(&query);
            let _ = stream.write_u16(u16::try_from(answer.len()).unwrap()).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    let question = within(lookup("api.example", to, Carrier::Udp), 4 * SHORT);
    assert_eq!(looked_up(question).await.answer, Answer::Truncated);
}

#[tokio::test]
async fn nonsense_before_the_answer_does_not_hide_it() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 600];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let answer = reply_head(&query[..length], 3, 0, 0);
            for datagram in [&b"\xff\xff\xff"[..], &answer] {
                let _ = socket.send_to(datagram, from).await;
            }
        }
    });
    let seen = looked_up(lookup("api.example", server, Carrier::Udp)).await;
    assert!(matches!(seen.answer, Answer::Message { rcode: Some(3), .. }), "{seen:?}");
}
