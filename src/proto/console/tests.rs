//! The state machine against scripted consoles: what it sends, when, and what it concludes.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::prompt::Wording;
use super::quote::Script;
use super::session::{Answer, Event, Failure, Login, MAX_OUTPUT, Output, Run, Session, Timeouts};
use crate::model::secret::Secret;

/// A console that answers what is sent with what a function says.
struct Stage<F> {
    session: Session,
    now: Instant,
    console: F,
    sent: Vec<String>,
    log: Vec<String>,
}

const SEED: u32 = 7;
/// What the shell calculates when asked for proof.
const PROOF: &str = "lm00000007-42\r\n";

impl<F: FnMut(&str) -> String> Stage<F> {
    fn new(console: F) -> Self {
        let session = Session::new(Timeouts::default(), Wording::default(), SEED);
        Self { session, now: Instant::now(), console, sent: Vec::new(), log: Vec::new() }
    }

    fn log_in(&mut self, password: Option<&str>) -> Result<Answer, Failure> {
        let password = password.map(|password| Secret::new(password.to_owned()));
        self.session.log_in(Login { username: Some("kim".into()), password }, self.now);
        self.go_on()
    }

    fn run(&mut self, command: &str, answer: Option<&str>) -> Result<Output, Failure> {
        let mut run = Run::new("test", Script::line(command).unwrap());
        run.answer = answer.map(|answer| Secret::new(answer.to_owned()));
        self.session.run(run, self.now);
        match self.go_on()? {
            Answer::Ran(output) => Ok(output),
            other => panic!("{other:?}"),
        }
    }

    fn go_on(&mut self) -> Result<Answer, Failure> {
        for _ in 0..10_000 {
            while let Some(transmit) = self.session.poll_transmit(self.now) {
                let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                let answer = (self.console)(&text);
                self.sent.push(text);
                self.session.handle_bytes(answer.as_bytes(), self.now);
            }
            while let Some(event) = self.session.poll_event() {
                match event {
                    Event::Finished(outcome) => return outcome,
                    Event::Log(line) => self.log.push(String::from_utf8_lossy(&line).into_owned()),
                    Event::Starting => self.log.push("(starting)".into()),
                }
            }
            let Some(due) = self.session.poll_timeout() else { panic!("nothing is due and nothing ended") };
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
        }
        panic!("it goes on for ever");
    }
}

/// agetty, login and a shell that echoes.
fn gateway(password: &'static str) -> impl FnMut(&str) -> String {
    let mut state = 0;
    move |sent: &str| {
        let echo = sent.replace('\r', "\r\n");
        match state {
            0 if sent == "\r" => "\r\nDebian GNU/Linux 12 gw ttyS0\r\n\r\ngw login: ".into(),
            0 => {
                state = 1;
                format!("{echo}Password: ")
            }
            1 if sent == format!("{password}\r") => {
                state = 2;
                "\r\nLinux gw 6.1.0\r\nLast login: today\r\n\x1b[?2004hkim@gw:~$ ".into()
            }
            1 => {
                state = 0;
                "\r\n\r\nLogin incorrect\r\ngw login: ".into()
            }
            _ => shell(sent),
        }
    }
}

/// What a shell with an echo answers.
fn shell(sent: &str) -> String {
    let echo = sent.replace('\r', "\r\n");
    if sent.contains("exit") {
        return format!("{echo}logout\r\n\r\ngw login: ");
    }
    if let Some(nonce) = sent.strip_suffix("-$((40+2))\r").and_then(|text| text.rsplit(' ').next()) {
        return format!("{echo}\x1b[?2004l{nonce}-42\r\n\x1b[?2004h");
    }
    let nonce = sent.split_once(' ').and_then(|(_, rest)| rest.split_once("-$((")).map_or("", |(nonce, _)| nonce);
    format!("{echo}{nonce}-42\r\nhello\r\nworld{nonce}:7\r\n")
}

#[test]
fn it_logs_in_runs_and_logs_out() {
    let mut stage = Stage::new(gateway("s3cret"));
    assert_eq!(stage.log_in(Some("s3cret")), Ok(Answer::LoggedIn { was_open: false }));
    assert!(stage.session.is_in());
    let output = stage.run("true", None).unwrap();
    assert_eq!((output.text.as_slice(), output.code), (&b"hello\nworld"[..], Some(7)));
    stage.session.log_out(stage.now);
    assert_eq!(stage.go_on(), Ok(Answer::LoggedOut { is_confirmed: true }));
    assert!(!stage.session.is_in());
    assert_eq!(stage.sent[..3], ["\r", "kim\r", "s3cret\r"]);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut stage = Stage::new(gateway("s3cret"));
    assert_eq!(stage.log_in(Some("wrong")), Err(Failure::Refused));
    assert_eq!(stage.sent, ["\r", "kim\r", "wrong\r"]);
    assert!(!stage.session.is_in());
}

#[test]
fn a_gateway_that_restarts_after_the_password_has_not_refused_it() {
    let mut inner = gateway("s3cret");
    let restarts = move |sent: &str| {
        if sent == "s3cret\r" { "\r\nRestarting system\r\n\r\ngw login: ".to_owned() } else { inner(sent) }
    };
    let mut stage = Stage::new(restarts);
    assert_eq!(stage.log_in(Some("s3cret")), Err(Failure::StartedOver));
    assert_eq!(stage.sent, ["\r", "kim\r", "s3cret\r"], "nothing is sent twice");
    assert!(!stage.session.is_in());
}

#[test]
fn what_is_missing_is_said() {
    assert_eq!(Stage::new(gateway("s3cret")).log_in(None), Err(Failure::NeedsPassword));
    let mut stage = Stage::new(gateway("s3cret"));
    stage.session.log_in(Login::default(), stage.now);
    assert_eq!(stage.go_on(), Err(Failure::NeedsAccount));
}

#[test]
fn a_silent_console_is_asked_four_times_and_no_more() {
    let mut stage = Stage::new(|_: &str| String::new());
    let start = stage.now;
    assert_eq!(stage.log_in(Some("s3cret")), Err(Failure::Silent));
    assert_eq!(stage.sent[..3], ["\r", "\r", "\r"]);
    assert!(stage.sent[3].starts_with("PS1= "), "a shell made quiet in an earlier visit would answer this");
    assert_eq!(stage.sent.len(), 4);
    assert!(stage.now - start < Duration::from_secs(20));
}

#[test]
fn a_shell_left_quiet_by_an_earlier_visit_is_found() {
    let mut stage = Stage::new(|sent: &str| if sent.starts_with("PS1=") { PROOF.into() } else { String::new() });
    assert_eq!(stage.log_in(None), Ok(Answer::LoggedIn { was_open: true }));
}

#[test]
fn an_echo_cannot_fake_a_shell() {
    let mut stage = Stage::new(|sent: &str| format!("{}$ ", sent.replace('\r', "\r\n")));
    assert!(matches!(stage.log_in(Some("s3cret")), Err(Failure::NotALogin { .. })));
    assert!(!stage.sent.is_empty() && stage.sent.iter().all(|sent| !sent.contains("s3cret")), "{:?}", stage.sent);
}

#[test]
fn a_greeting_that_looks_like_a_shell_costs_one_question_and_no_password() {
    let mut asked = 0;
    let mut inner = gateway("s3cret");
    let mut stage = Stage::new(move |sent: &str| {
        asked += 1;
        match asked {
            1 => "\r\nWelcome, type commands after root@gw:~# ".into(),
            // The question was taken for a name.
            2 => "\r\nPassword: ".into(),
            3 => "\r\nLogin incorrect\r\ngw login: ".into(),
            _ => inner(sent),
        }
    });
    assert_eq!(stage.log_in(Some("s3cret")), Ok(Answer::LoggedIn { was_open: false }));
    assert_eq!(stage.sent[2], "\r", "an empty password");
    assert_eq!(stage.sent[3..5], ["kim\r", "s3cret\r"]);
}

#[test]
fn a_greeting_with_the_prompt_in_it_gets_nothing() {
    let mut stage = Stage::new(gateway("s3cret"));
    stage.session.log_in(Login { username: Some("kim".into()), password: None }, stage.now);
    stage.session.handle_bytes(b"\r\nTo get in, wait for gw login: and Password: and # \r\n", stage.now);
    assert_eq!(stage.go_on(), Err(Failure::NeedsPassword));
    assert_eq!(stage.sent, ["\r", "kim\r"]);
}

#[test]
fn bootloaders_are_reported_and_never_written_to() {
    let mut stage = Stage::new(|_: &str| "\r\n=> ".into());
    assert_eq!(stage.log_in(Some("s3cret")), Err(Failure::Bootloader { prompt: "=>".into() }));
    assert_eq!(stage.sent, ["\r"]);

    let mut stage = Stage::new(|_: &str| String::new());
    stage.session.log_in(Login::default(), stage.now);
    stage.session.handle_bytes(b"U-Boot 2023.01\r\nHit any key to stop autoboot:  0\r\nBOARD # ", stage.now);
    assert_eq!(stage.go_on(), Err(Failure::Bootloader { prompt: "BOARD #".into() }));
    assert!(stage.sent.is_empty());
}

#[test]
fn a_countdown_is_left_alone() {
    let mut stage = Stage::new(|_: &str| String::new());
    stage.session.log_in(Login::default(), stage.now);
    stage.session.handle_bytes(b"Hit any key to stop autoboot:  3 ", stage.now);
    assert!(matches!(stage.go_on(), Err(Failure::Starting { .. })));
    assert!(stage.sent.is_empty());
}

#[test]
fn a_gateway_that_starts_is_waited_for() {
    let mut stage = Stage::new(gateway("s3cret"));
    let login = Login { username: Some("kim".into()), password: Some(Secret::new("s3cret".into())) };
    stage.session.log_in(login, stage.now);
    for second in 0..60 {
        stage.now += Duration::from_millis(900);
        stage.session.handle_bytes(format!("[  {second}.000000] still starting\r\n").as_bytes(), stage.now);
        stage.session.handle_timeout(stage.now);
        assert!(stage.session.poll_transmit(stage.now).is_none(), "nothing is sent while it writes");
    }
    assert_eq!(stage.go_on(), Ok(Answer::LoggedIn { was_open: false }));
    assert_eq!(stage.log[0], "(starting)");
}

#[test]
fn an_expired_password_is_handed_over() {
    let mut inner = gateway("s3cret");
    let mut stage = Stage::new(move |sent: &str| {
        if sent == "s3cret\r" {
            return "\r\nYou are required to change your password immediately (administrator enforced).\r\n\
                    Changing password for kim.\r\nCurrent password: "
                .into();
        }
        inner(sent)
    });
    assert_eq!(stage.log_in(Some("s3cret")), Err(Failure::Expired));
}

#[test]
fn a_question_is_answered_once_and_asked_again_it_is_broken_off() {
    let nonce = "lm00000007x1";
    let mut asked = 0;
    let mut stage = Stage::new(move |sent: &str| {
        asked += 1;
        match asked {
            1 => format!("{nonce}-42\r\nPassword: "),
            2 => {
                assert_eq!(sent, "passphrase\r");
                "\u{2022}\u{2022}\r\nPassword (802-11-wireless-security.psk): ".into()
            }
            _ => {
                assert_eq!(sent, "\u{3}");
                String::new()
            }
        }
    });
    let output = stage.run("nmcli --ask", Some("passphrase")).unwrap();
    assert!(output.has_asked_again);
    assert_eq!(output.code, None);
}

#[test]
fn a_command_that_does_not_end_is_interrupted() {
    let mut stage =
        Stage::new(|sent: &str| if sent == "\u{3}" { "^C\r\n".into() } else { "lm00000007x1-42\r\n..".into() });
    assert!(matches!(stage.run("cat", None), Err(Failure::NoAnswer { .. })));
    assert_eq!(stage.sent.last().unwrap(), "\u{3}");
    let mut stage = Stage::new(|_: &str| "reboot\r\n\r\ngw login: ".into());
    assert_eq!(stage.run("true", None), Err(Failure::ThrownOut));
}

#[test]
fn messages_of_the_kernel_are_no_output_even_within_a_line() {
    let nonce = "lm00000007x1";
    let mut stage = Stage::new(move |_: &str| {
        format!(
            "[    1.000000] a\r\n{nonce}-42\r\nhel[   12.345678] usb 1-1: new\r\nlo\r\n[   13.000000] b\r\n{nonce}:0\r\n"
        )
    });
    assert_eq!(stage.run("echo hello", None).unwrap().text, b"hello\n");
    assert_eq!(stage.log, ["[    1.000000] a", "[   12.345678] usb 1-1: new", "[   13.000000] b"]);
}

const KERNEL: &[u8] = b"[   12.345678] usb 1-1: new device\r\n";

fn kim() -> Login {
    Login { username: Some("kim".into()), password: Some(Secret::new("s3cret".into())) }
}

#[test]
fn a_message_right_behind_the_prompt_does_not_hide_it() {
    let mut stage = Stage::new(gateway("s3cret"));
    stage.session.log_in(kim(), stage.now);
    stage.session.handle_bytes(b"\r\ngw login: ", stage.now);
    stage.now += Duration::from_millis(20);
    stage.session.handle_bytes(KERNEL, stage.now);
    assert_eq!(stage.go_on(), Ok(Answer::LoggedIn { was_open: false }));
    assert_eq!(stage.sent[..2], ["kim\r", "s3cret\r"], "the prompt was found, not asked for again");
}

#[test]
fn messages_without_a_pause_do_not_hide_a_prompt() {
    let mut stage = Stage::new(gateway("s3cret"));
    stage.session.log_in(kim(), stage.now);
    stage.session.handle_bytes(b"\r\ngw login: ", stage.now);
    for _ in 0..5 {
        stage.now += Duration::from_millis(100);
        stage.session.handle_bytes(&KERNEL[..10], stage.now);
        stage.session.handle_bytes(&KERNEL[10..], stage.now);
        stage.session.handle_timeout(stage.now);
    }
    let sent = stage.session.poll_transmit(stage.now).map(|transmit| transmit.bytes);
    assert_eq!(sent.as_deref(), Some(&b"kim\r"[..]));
}

#[test]
fn a_message_in_the_middle_of_a_prompt_does_not_hide_it() {
    let mut inner = gateway("s3cret");
    let mut stage = Stage::new(move |sent: &str| {
        inner(sent).replace("Password: ", "Pass[   12.345678] usb 1-1: new device\r\nword: ")
    });
    assert_eq!(stage.log_in(Some("s3cret")), Ok(Answer::LoggedIn { was_open: false }));
    assert_eq!(stage.sent[..3], ["\r", "kim\r", "s3cret\r"]);
}

#[test]
fn a_prompt_that_a_service_wrote_behind_is_asked_for_again() {
    let (mut inner, mut hidden) = (gateway("s3cret"), 0);
    let mut stage = Stage::new(move |sent: &str| {
        let answer = inner(sent);
        hidden += usize::from(answer.ends_with("Password: "));
        if hidden == 1 { answer.replace("Password: ", "Password: [  OK  ] Started a service.\r\n") } else { answer }
    });
    assert_eq!(stage.log_in(Some("s3cret")), Ok(Answer::LoggedIn { was_open: false }));
    assert_eq!(stage.sent[..5], ["\r", "kim\r", "\r", "kim\r", "s3cret\r"]);
}

#[test]
fn prompts_in_another_language_are_answered_and_the_session_speaks_none() {
    let mut inner = gateway("s3cret");
    let mut stage = Stage::new(move |sent: &str| {
        inner(sent).replace("gw login: ", "gw-Anmeldung: ").replace("Password: ", "Passwort: ")
    });
    assert_eq!(stage.log_in(Some("s3cret")), Ok(Answer::LoggedIn { was_open: false }));
    for name in ["LANGUAGE=C", "LC_ALL=C.UTF-8", "LC_MESSAGES=C", "LANG=C.UTF-8"] {
        assert!(stage.sent[3].contains(name), "{}", stage.sent[3]);
    }
}

#[test]
fn a_slow_line_has_the_time_it_takes() {
    let content = "a line of text that is sent\n".repeat(250);
    let script = super::quote::write_file("/tmp/f", content.as_bytes(), "").unwrap();
    let mut session = Session::new(Timeouts::default(), Wording::default(), SEED).at(9600);
    let (mut now, mut octets) = (Instant::now(), 0);
    let start = now;
    session.run(Run::new("file", script).within(Duration::from_secs(2)), now);
    while octets < content.len() {
        while let Some(transmit) = session.poll_transmit(now) {
            assert_ne!(transmit.bytes, [3], "it was given up after {:?} and {octets} bytes", now - start);
            octets += transmit.bytes.len();
        }
        now = session.poll_timeout().unwrap().max(now);
        session.handle_timeout(now);
    }
    assert!(now - start > Duration::from_secs(7));
}

#[test]
fn ten_megabytes_without_a_line_end_stay_bounded() {
    let nonce = "lm00000007x1";
    let mut session = Session::new(Timeouts::default(), Wording::default(), SEED);
    let now = Instant::now();
    session.run(Run::new("test", Script::line("flood").unwrap()), now);
    session.handle_bytes(format!("{nonce}-42\r\n").as_bytes(), now);
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..160 {
        session.handle_bytes(&chunk, now);
    }
    session.handle_bytes(format!("{nonce}:0\r\n").as_bytes(), now);
    let Some(Event::Finished(Ok(Answer::Ran(output)))) = session.poll_event() else { panic!("no end") };
    assert_eq!(output.text.len(), MAX_OUTPUT);
    assert_eq!(output.text.len() as u64 + output.dropped_octets, 160 * 64 * 1024);
    assert_eq!(output.code, Some(0));
}

#[test]
fn a_stop_in_the_middle_leaves_no_shell_open() {
    let mut stage = Stage::new(gateway("s3cret"));
    stage.log_in(Some("s3cret")).unwrap();
    stage.session.run(Run::new("test", Script::line("sleep 100").unwrap()), stage.now);
    let _ = stage.session.poll_transmit(stage.now);
    stage.session.log_out(stage.now);
    assert_eq!(stage.go_on(), Ok(Answer::LoggedOut { is_confirmed: true }));
    assert_eq!(stage.sent[stage.sent.len() - 2..], ["\u{3}", "stty sane; exit\r"]);
}

#[test]
fn lines_of_a_file_are_spread_out_in_time() {
    let content = "a line of text that is sent\n".repeat(100);
    let script = super::quote::write_file("/tmp/f", content.as_bytes(), "").unwrap();
    let mut session = Session::new(Timeouts::default(), Wording::default(), SEED);
    let mut now = Instant::now();
    let start = now;
    session.run(Run::new("file", script), now);
    let mut lines = 0;
    while lines < 103 {
        while session.poll_transmit(now).is_some() {
            lines += 1;
        }
        now = session.poll_timeout().unwrap().max(now);
    }
    assert!(now - start >= Duration::from_micros(content.len() as u64 * 86));
}

/// Feeds arbitrary bytes in pieces to a session that logs in, runs and logs out. It must never panic or grow.
fn feed(pieces: &[Vec<u8>], kind: u8) {
    let mut session = Session::new(Timeouts::default(), Wording::default(), SEED);
    let mut now = Instant::now();
    match kind % 3 {
        0 => session.log_in(Login { username: Some("kim".into()), password: Some(Secret::new("p".into())) }, now),
        1 => session.run(Run::new("test", Script::line("true").unwrap()), now),
        _ => session.log_out(now),
    }
    for piece in pieces {
        session.handle_bytes(piece, now);
        while session.poll_transmit(now).is_some() {}
        while session.poll_event().is_some() {}
        now += Duration::from_millis(200);
        session.handle_timeout(now);
    }
    session.log_out(now);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20), kind: u8) {
        feed(&pieces, kind);
    }

    #[test]
    fn pieces_of_real_prompts_do_no_harm(words in prop::collection::vec(0_usize..14, 0..40), kind: u8) {
        let known = [
            "login: ", "Password: ", "\r\n", "$ ", "# ", "=> ", "Login incorrect", "lm00000007", "-42", "x1", ":0", "\u{1b}[",
            "New password: ", "[   12.345678] ",
        ];
        let pieces: Vec<_> = words.iter().map(|&word| known[word].as_bytes().to_vec()).collect();
        feed(&pieces, kind);
    }

    #[test]
    fn the_cut_makes_no_difference_to_the_output(body in "[a-z\r\n\u{1b}\\[0-9;m:-]{0,400}", cut in 1_usize..50) {
        let text = format!("lm00000007x1-42\r\n{body}lm00000007x1:0\r\n");
        let outcome = |size: usize| {
            let mut session = Session::new(Timeouts::default(), Wording::default(), SEED);
            let now = Instant::now();
            session.run(Run::new("test", Script::line("true").unwrap()), now);
            for piece in text.as_bytes().chunks(size) {
                session.handle_bytes(piece, now);
            }
            session.poll_event()
        };
        prop_assert_eq!(outcome(cut), outcome(text.len()));
    }

    #[test]
    fn a_quoted_word_reads_back(value in prop::collection::vec(0x20_u8..=0xff, 0..60)) {
        prop_assume!(!value.contains(&0x7f));
        let quoted = super::quote::word(&value).unwrap();
        prop_assert!(quoted.is_ascii() && !quoted.bytes().any(|octet| octet.is_ascii_control()));
    }

    #[test]
    fn terse_lines_of_any_kind_are_read(output in prop::collection::vec(any::<u8>(), 0..2000)) {
        super::nmcli::parse_scan(&output);
        super::nmcli::parse_devices(&output);
        super::nmcli::parse_standing(&output);
        super::nmcli::parse_activated(&output);
        super::nmcli::parse_connections(&output);
        super::nmcli::parse_general(&output);
        super::system::parse_facts(&output);
        super::system::parse_file(&output);
    }
}
