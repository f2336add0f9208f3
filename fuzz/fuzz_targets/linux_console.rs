//! Feeds arbitrary bytes to a visit to a console: it must never panic, never keep more than its bound, and how the bytes
//! were cut must make no difference to a command's output.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use linesman::proto::console::prompt::Wording;
use linesman::proto::console::quote::Script;
use linesman::proto::console::session::{Answer, Event, Login, MAX_OUTPUT, Output, Run, Session, Timeouts};
use linesman::proto::console::{nmcli, system};

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let size = usize::from(piece).max(1);

    let whole = output(bytes, bytes.len().max(1));
    assert!(whole == output(bytes, size), "the cut makes a difference");
    if let Some(output) = whole {
        assert!(output.text.len() <= MAX_OUTPUT);
        nmcli::parse_scan(&output.text);
        nmcli::parse_address(&output.text);
        nmcli::parse_devices(&output.text);
        nmcli::parse_connections(&output.text);
        system::parse_facts(&output.text);
        system::parse_file(&output.text);
    }

    let mut session = session();
    let mut now = Instant::now();
    session.log_in(Login { username: Some("kim".into()), password: None }, now);
    for piece in bytes.chunks(size) {
        session.handle_bytes(piece, now);
        while session.poll_transmit(now).is_some() {}
        while session.poll_event().is_some() {}
        now += Duration::from_millis(200);
        session.handle_timeout(now);
    }
    session.log_out(now);
});

fn session() -> Session {
    Session::new(Timeouts::default(), Wording::default(), 7)
}

/// What a command brought, if it ended within these bytes.
fn output(bytes: &[u8], size: usize) -> Option<Output> {
    let (mut session, now) = (session(), Instant::now());
    let script = Script::line("true").ok()?;
    session.run(Run::new("fuzz", script), now);
    for piece in bytes.chunks(size) {
        session.handle_bytes(piece, now);
    }
    while let Some(event) = session.poll_event() {
        if let Event::Finished(Ok(Answer::Ran(output))) = event {
            return Some(output);
        }
    }
    None
}
