//! Consoles that mislead: what nmcli says against what the radio does, and what else is written between question and answer.
//!
//! Each stands for reports about tools of the kind: exit code 0 on another network, a device that stays at "connecting", a
//! profile of another visit that a clean-up takes along, kernel messages behind a prompt.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::commission::{Setup, run};
use linesman::flow::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent, Links};
use linesman::flow::report::Report;
use linesman::flow::transcript::SharedTranscript;
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::outcome::{Outcome, Verdict};
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wifi::{Ssid, WifiRules};
use linesman::msg::{JobEnd, Progress, Request, Step};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::support::MemoryRecords;

const SSID: &str = "Site-Office";
const PASSPHRASE: &str = "correct horse battery";
const NAME: &str = "linesman Site-Office";
/// The connection that a join makes.
const MADE: &str = "0a0a-1";

/// Where the radio stands: number of the state, SSID of the access point in use, name and id of the connection in use.
#[derive(Clone, Debug)]
struct Radio {
    state: &'static str,
    ssid: &'static str,
    name: &'static str,
    uuid: &'static str,
}

const APART: Radio = Radio { state: "30 (disconnected)", ssid: "", name: "", uuid: "" };
const ON_OURS: Radio = Radio { state: "100 (connected)", ssid: SSID, name: NAME, uuid: MADE };
const ON_GUEST: Radio = Radio { state: "100 (connected)", ssid: "Guest", name: "Guest", uuid: "77-7" };

/// How the gateway behaves.
#[derive(Clone, Debug)]
struct Plan {
    /// Stored connections before the join: name and id.
    stored: Vec<(&'static str, &'static str)>,
    /// The radio before the join.
    before: Radio,
    /// The radio after it, look by look; the last one stays.
    after: Vec<Radio>,
    /// How nmcli ends: exit code and last line; `None` never.
    end: Option<(u8, &'static str)>,
    /// What is written right behind nmcli's question, and how much later.
    behind_question: &'static str,
    /// Whether access points in use are marked.
    marks_in_use: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            stored: Vec::new(),
            before: APART,
            after: vec![ON_OURS],
            end: Some((0, "Device 'wlan0' successfully activated with '0a0a-1'.")),
            behind_question: "",
            marks_in_use: true,
        }
    }
}

/// The far end of the cable.
struct Far {
    plan: Plan,
    events: mpsc::Sender<LinkEvent>,
    stored: Vec<(String, String)>,
    after: VecDeque<Radio>,
    has_joined: bool,
    asking: Option<String>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Far {
    async fn say(&self, text: &str) {
        // The session may be over.
        let _ = self.events.send(LinkEvent::Bytes(text.as_bytes().to_vec())).await;
    }

    fn radio(&mut self) -> Radio {
        if !self.has_joined {
            return self.plan.before.clone();
        }
        let next = self.after.pop_front().unwrap_or(APART);
        if self.after.is_empty() {
            self.after.push_back(next.clone());
        }
        next
    }

    async fn hear(&mut self, line: &str) {
        self.heard.lock().unwrap().push(line.to_owned());
        if let Some(nonce) = self.asking.take() {
            return self.end_join(line, &nonce).await;
        }
        if let Some(nonce) = line.strip_suffix("-$((40+2))").and_then(|rest| rest.rsplit(' ').next()) {
            return self.say(&format!("{nonce}-42\r\n")).await;
        }
        if line.ends_with("exit") {
            return self.say("logout\r\n\r\ngw login: ").await;
        }
        let Some((nonce, body)) = line.strip_prefix("echo ").and_then(|rest| rest.split_once("-$((40+2)); ")) else {
            return self.say("# ").await;
        };
        self.say(&format!("{nonce}-42\r\n")).await;
        if body.contains("device wifi connect") {
            self.asking = Some(nonce.to_owned());
            let name = body.split_once(" name '").and_then(|(_, rest)| rest.split('\'').next()).unwrap_or(NAME);
            self.stored.push((name.to_owned(), MADE.to_owned()));
            self.say("Password: ").await;
            if !self.plan.behind_question.is_empty() {
                sleep(Duration::from_millis(20)).await;
                self.say(self.plan.behind_question).await;
            }
            return;
        }
        let (text, code) = self.answer(body);
        self.say(&format!("{}{nonce}:{code}\r\n", text.replace('\n', "\r\n"))).await;
    }

    async fn end_join(&mut self, line: &str, nonce: &str) {
        if line == "\u{3}" {
            return self.say("^C\r\n").await;
        }
        assert_eq!(line, PASSPHRASE, "nothing else is an answer to the question");
        self.has_joined = true;
        match self.plan.end {
            Some((code, word)) => {
                sleep(Duration::from_secs(3)).await;
                self.say(&format!("\r\n{word}\r\n{nonce}:{code}\r\n")).await;
            }
            None => self.asking = Some(nonce.to_owned()),
        }
    }

    fn answer(&mut self, body: &str) -> (String, u8) {
        if body.contains("PRETTY_NAME") {
            ("host=gw\nuid=0\nhas=nmcli\n".into(), 0)
        } else if body.contains("DEVICE,TYPE") {
            ("wlan0:wifi:verbunden:\n".into(), 0)
        } else if body.contains("device show") {
            let Radio { state, ssid, name, uuid } = self.radio();
            let mut text = format!("GENERAL.STATE:{state}\nGENERAL.CONNECTION:{name}\nGENERAL.CON-UUID:{uuid}\n");
            if !ssid.is_empty() && self.plan.marks_in_use {
                let hex = linesman::model::text::hex(ssid.as_bytes()).to_uppercase();
                text.push_str(&[" :4E\n*:", &hex, "\n"].concat());
            }
            (text, 0)
        } else if body.contains("802-11-wireless.ssid") {
            let radio = self.after.front().unwrap_or(&APART);
            (format!("{}\n", radio.ssid), 0)
        } else if body.contains("connection show") {
            let lines = self.stored.iter().map(|(name, uuid)| format!("{name}:{uuid}:802-11-wireless\n"));
            (lines.collect(), 0)
        } else if body.contains("connection delete") {
            let count = self.stored.len();
            self.stored.retain(|(_, uuid)| !body.contains(&format!("'{uuid}'")));
            if self.stored.len() < count { (String::new(), 0) } else { ("Error: unknown connection\n".into(), 10) }
        } else {
            ("none\n".into(), 0)
        }
    }
}

/// Hands out the one console.
struct OneConsole(Mutex<Option<Link>>);

impl Links for OneConsole {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn open<'a>(&'a self, _: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        let link = self.0.lock().unwrap().take().ok_or(LinkError::Vanished { port: "one".into() });
        Box::pin(std::future::ready(link))
    }
}

struct Visit {
    outcome: Option<Outcome>,
    end: JobEnd,
    /// Ids of the connections that the gateway keeps at the end.
    kept: Vec<String>,
    heard: Vec<String>,
    log: Vec<String>,
    took: Duration,
}

/// Commissions a gateway that behaves so; `stops` stops the session once nmcli was answered.
async fn visit(plan: Plan, stops: bool) -> Visit {
    let (outgoing, mut commands) = mpsc::channel(64);
    let (events, incoming) = mpsc::channel(64);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let stored = plan.stored.iter().map(|(name, uuid)| ((*name).to_owned(), (*uuid).to_owned())).collect();
    let after = plan.after.clone().into();
    let mut far = Far { plan, events, stored, after, has_joined: false, asking: None, heard: Arc::clone(&heard) };
    let far = tokio::spawn(async move {
        let mut line = Vec::new();
        while let Some(command) = commands.recv().await {
            let LinkCommand::Write(bytes) = command else { continue };
            for octet in bytes {
                match octet {
                    b'\r' => far.hear(&String::from_utf8(std::mem::take(&mut line)).unwrap()).await,
                    3 => {
                        line.clear();
                        far.asking = None;
                        far.say("^C\r\n").await;
                    }
                    other => line.push(other),
                }
            }
        }
        far.stored.into_iter().map(|(_, uuid)| uuid).collect::<Vec<_>>()
    });
    let (requests, request_rx) = mpsc::channel(4);
    let (progress_tx, mut progress) = mpsc::channel(256);
    let (stop, stop_rx) = watch::channel(false);
    let setup = Setup {
        link: LinkAddress::Serial("one".into()),
        driver: DriverId::LinuxConsole,
        access: Access::default(),
        settings: None,
        credentials: Vec::new(),
        rules: WifiRules::standard(),
        intent: JobIntent {
            action: "commission".into(),
            gateway: "gw".into(),
            link: "serial:one".into(),
            profile: None,
            driver: None,
            operator: "tester".into(),
            is_simulated: true,
        },
        links: Arc::new(OneConsole(Mutex::new(Some(Link { outgoing, incoming })))),
        records: Arc::new(MemoryRecords::default()),
        report: Report::new(progress_tx),
        transcript: SharedTranscript::new("test"),
    };
    let started = Instant::now();
    let job = tokio::spawn(run(setup, request_rx, stop_rx));
    let (mut outcome, mut log) = (None, Vec::new());
    let mut is_sent = false;
    while let Some((_, seen)) = progress.recv().await {
        match seen {
            Progress::Ready if !is_sent => {
                is_sent = true;
                let credentials = WifiCredentials::new(
                    Ssid::from_octets(SSID).unwrap(),
                    WifiKey::Passphrase(Secret::new(PASSPHRASE.into())),
                    false,
                );
                requests.send(Request::Push(credentials)).await.ok().unwrap();
            }
            // It may have ended by itself.
            Progress::Ready => drop(requests.send(Request::Close).await),
            Progress::StepStarted { step: Step::Follow, .. } if stops => {
                sleep(Duration::from_secs(1)).await;
                stop.send(true).unwrap();
            }
            Progress::Pushed(pushed) => outcome = Some(*pushed),
            Progress::DeviceLog(lines) => log.extend(lines),
            _ => {}
        }
    }
    let end = job.await.unwrap();
    let took = started.elapsed();
    let kept = far.await.unwrap();
    let heard = heard.lock().unwrap().clone();
    Visit { outcome, end, kept, heard, log, took }
}

async fn check(plan: Plan, verdict: Verdict, code: &str) -> Visit {
    let about = format!("{plan:?}");
    let visit = visit(plan, false).await;
    let outcome = visit.outcome.as_ref().unwrap_or_else(|| panic!("{about}: {:?} {:?}", visit.end, visit.heard));
    assert_eq!((outcome.verdict, outcome.code), (verdict, code), "{about}: {outcome:#?}");
    visit
}

#[tokio::test(start_paused = true)]
async fn a_join_is_the_network_that_was_asked_for() {
    let visit = check(Plan::default(), Verdict::Joined, "console.joined").await;
    assert_eq!(visit.kept, [MADE]);
}

#[tokio::test(start_paused = true)]
async fn exit_code_0_on_another_network_is_not_joined() {
    let before = Plan { before: ON_GUEST, after: vec![ON_GUEST], ..Plan::default() };
    let visit = check(before, Verdict::Unknown, "console.other_network").await;
    let outcome = visit.outcome.unwrap();
    assert!(outcome.summary.contains("still on “Guest”"), "{outcome:#?}");
    assert!(outcome.evidence.iter().any(|seen| seen.text.contains("Before the push the gateway was on “Guest”")));
    assert!(outcome.addresses.is_empty());
    let unmarked = Plan { after: vec![ON_GUEST], marks_in_use: false, ..Plan::default() };
    check(unmarked, Verdict::Unknown, "console.other_network").await;
}

#[tokio::test(start_paused = true)]
async fn the_network_by_another_connection_is_not_what_was_sent() {
    // Even under the same name: ids count.
    for name in ["factory", NAME] {
        let by_another = Radio { name, uuid: "77-7", ..ON_OURS };
        let plan = Plan { stored: vec![(name, "77-7")], after: vec![by_another], ..Plan::default() };
        check(plan, Verdict::Unknown, "console.other_connection").await;
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_is_waited_for_and_then_unknown() {
    let connecting = Radio { state: "70 (connecting (getting IP configuration))", ..ON_OURS };
    let plan = Plan { after: vec![connecting.clone(), connecting.clone(), ON_OURS], ..Plan::default() };
    check(plan, Verdict::Joined, "console.joined").await;
    let visit =
        check(Plan { after: vec![connecting], ..Plan::default() }, Verdict::Unknown, "console.no_verdict").await;
    assert!(visit.outcome.is_some_and(|outcome| outcome.summary.contains("still joining")));
    assert!(visit.took < Duration::from_mins(2), "{:?}", visit.took);
    assert_eq!(visit.kept, [MADE], "it may get there yet");
}

#[tokio::test(start_paused = true)]
async fn only_what_this_session_made_is_deleted() {
    let earlier = vec![(NAME, "11-1"), ("factory", "22-2")];
    let refused = Some((4, "Error: Connection activation failed: Secrets were required, but not provided."));
    let plan = Plan { stored: earlier.clone(), after: vec![APART], end: refused, ..Plan::default() };
    let visit = check(plan, Verdict::Refused, "console.wrong_key").await;
    assert_eq!(visit.kept, ["11-1", "22-2"]);
    assert!(visit.log.iter().any(|line| line.contains(NAME) && line.contains("factory")), "{:?}", visit.log);
    assert!(
        visit.heard.iter().any(|line| line.contains(&format!("name '{NAME} 2'"))),
        "the name is free: {:?}",
        visit.heard
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_stopped_takes_back_what_it_made() {
    let plan = Plan { stored: vec![(NAME, "11-1")], end: None, ..Plan::default() };
    let visit = visit(plan, true).await;
    assert_eq!(visit.end, JobEnd::Cancelled);
    assert_eq!(visit.kept, ["11-1"]);
    assert!(visit.heard.last().is_some_and(|line| line.ends_with("exit")), "{:?}", visit.heard);
}

#[tokio::test(start_paused = true)]
async fn a_join_that_succeeds_after_nmcli_gave_up_is_seen() {
    let gave_up = Some((4, "Error: Connection activation failed: The Wi-Fi network could not be found."));
    let visit = check(Plan { end: gave_up, ..Plan::default() }, Verdict::Joined, "console.joined").await;
    assert_eq!(visit.kept, [MADE], "what works is not deleted");
    let over = Some((3, "Error: Timeout expired (60 seconds)"));
    check(Plan { end: over, ..Plan::default() }, Verdict::Joined, "console.joined").await;
}

#[tokio::test(start_paused = true)]
async fn exit_code_0_after_an_error_is_the_error() {
    let error = Some((0, "Error: Connection activation failed: (7) Secrets were required, but not provided."));
    let plan = Plan { after: vec![APART], end: error, ..Plan::default() };
    let visit = check(plan, Verdict::Refused, "console.wrong_key").await;
    assert!(visit.kept.is_empty(), "{:?}", visit.kept);
}

#[tokio::test(start_paused = true)]
async fn a_message_behind_the_question_hides_it_from_nobody() {
    for behind in
        ["[   12.345678] usb 1-1: new device\r\n", "usb 1-1: new device\r\n", "<6>[  1.000000] a\r\n[  1.000001] b\r\n"]
    {
        let plan = Plan { behind_question: behind, ..Plan::default() };
        check(plan, Verdict::Joined, "console.joined").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_radio_that_says_nothing_readable_is_unknown() {
    for state in ["", "connected", "100000", "20 (unavailable)", "10 (unmanaged)"] {
        let plan = Plan { after: vec![Radio { state, ..ON_OURS }], ..Plan::default() };
        check(plan, Verdict::Unknown, "console.no_verdict").await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_exit_code_and_no_state_makes_joined_without_the_network_in_use() {
    let radios = [
        ON_OURS,
        ON_GUEST,
        APART,
        Radio { uuid: "77-7", ..ON_OURS },
        Radio { ssid: "Guest", ..ON_OURS },
        Radio { ssid: "site-office", ..ON_OURS },
        Radio { uuid: "", ..ON_OURS },
        Radio { state: "70 (connecting)", ..ON_OURS },
        Radio { state: "120 (failed)", ..ON_OURS },
        Radio { state: "110 (deactivating)", ..ON_OURS },
    ];
    for (number, radio) in radios.iter().enumerate() {
        for code in [0, 1, 2, 3, 4, 8, 10, 65, 127, 255] {
            let plan = Plan { after: vec![radio.clone()], end: Some((code, "Error: something")), ..Plan::default() };
            let visit = visit(plan, false).await;
            let outcome = visit.outcome.unwrap_or_else(|| panic!("{code} {radio:?}: {:?}", visit.end));
            let is_there = number == 0;
            assert_eq!(outcome.verdict == Verdict::Joined, is_there, "{code} {radio:?}: {outcome:#?}");
        }
    }
}
