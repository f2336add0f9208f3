//! Network checks on a paused clock, against a network made of answers.

use core::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Setup, run};
use crate::check::controls::CANARIES;
use crate::check::evidence::{About, Overrides};
use crate::check::plan::Plan;
use crate::check::question::{Asked, Question, Say, Shape};
use crate::check::seen::{Answer, Connect, ConnectEnd, Http, HttpEnd, Lookup, Seen, SocketError};
use crate::check::verdict::{Judged, RowState};
use crate::flow::port::{Boxed, Probes, Witnessed};
use crate::model::endpoint::{ProbeKind, RowId};
use crate::msg::JobEnd;
use crate::msg::check::{CheckCommand, CheckEvent};
use crate::profile::{Profile, parse_profile};

/// How long each row waits from the beginning of its round, in milliseconds.
const DELAY: u64 = 59;
/// How long the far end takes to answer.
const ANSWER: Duration = Duration::from_millis(30);

/// How the far end of every port behaves.
#[derive(Clone, Copy)]
enum Far {
    Answers,
    Drops,
    Refuses,
    /// Nothing is seen at all, not even a failure.
    Mute,
}

struct Net {
    far: Far,
    asked: Mutex<Vec<Question>>,
    at_once: AtomicUsize,
    most: AtomicUsize,
    woken: AtomicUsize,
    rested: AtomicUsize,
}

impl Net {
    fn new(far: Far) -> Arc<Self> {
        let none = AtomicUsize::default;
        Arc::new(Self { far, asked: Mutex::default(), at_once: none(), most: none(), woken: none(), rested: none() })
    }

    fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    async fn answer(&self, question: Question) -> Vec<Seen> {
        match question {
            _ if matches!(self.far, Far::Mute) => Vec::new(),
            Question::Lookup(lookup) => {
                let (server, by) = match lookup.asked {
                    Asked::System => (None, None),
                    Asked::Server { address, by } => (Some(address), Some(by)),
                };
                let answer = Answer::Message {
                    rcode: Some(0),
                    addresses: vec!["192.0.2.7".parse().unwrap()],
                    aliases: Vec::new(),
                    ttl_secs: Some(60),
                    extended: Vec::new(),
                };
                let (name, purpose) = (lookup.name, lookup.purpose);
                vec![Seen::Lookup(Lookup { name, purpose, server, by, sent: 1, lost: 0, answer })]
            }
            Question::Talk(talk) => self.talk(talk).await,
            _ => Vec::new(),
        }
    }

    async fn talk(&self, talk: crate::check::question::Talk) -> Vec<Seen> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let (end, limit) = match self.far {
            Far::Answers => (ConnectEnd::Connected, ANSWER),
            Far::Drops => (ConnectEnd::TimedOut, talk.limit),
            Far::Mute => return Vec::new(),
            Far::Refuses => {
                let end = ConnectEnd::Failed { error: SocketError::Refused, number: Some(111), icmp: None };
                (end, Duration::ZERO)
            }
        };
        tokio::time::sleep(limit).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let is_connected = end == ConnectEnd::Connected;
        let mut seen = vec![Seen::Connect(Connect { to: talk.to, from: None, shape: talk.shape, attempt: 1, end })];
        let path = talk.steps.iter().find_map(|step| if let Say::Http { path } = step { Some(path) } else { None });
        if let Some(path) = path.filter(|_| is_connected) {
            let end = HttpEnd::Status {
                status: 404,
                server: None,
                location: None,
                date: None,
                begins: String::new(),
                is_upgraded: false,
            };
            seen.push(Seen::Http(Http {
                to: talk.to,
                url: format!("https://{}{path}", talk.host),
                shape: talk.shape,
                end,
            }));
        }
        seen
    }
}

impl Probes for Net {
    fn ask(&self, question: Question, seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(question.clone());
            for seen_now in self.answer(question).await {
                let witnessed = Witnessed { at_unix_micros: 1, took_micros: 1, seen: seen_now };
                let _ = seen.send(witnessed).await;
            }
        })
    }

    fn wake(&self) -> Boxed<'_, Result<(), crate::model::problem::Problem>> {
        self.woken.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }

    fn rest(&self) -> Boxed<'_, ()> {
        self.rested.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {})
    }
}

fn profile(rows: usize) -> Profile {
    let mut text = String::from(
        "schema = 1\nid = \"made-up\"\nname = \"Made up\"\nvendor = \"Nobody\"\nsummary = \"Made up.\"\n\
         [[document]]\nid = \"brief\"\ntitle = \"Brief\"\n[discovery]\n[network]\nvantage = \"gateway\"\n",
    );
    let row = |row: usize| {
        format!(
            "[[endpoint]]\nid = \"ROW-{row:03}\"\nhosts = [\"host{row}.example\"]\nport = 443\ntransport = \"tcp\"\n\
             purpose = \"Something\"\nlevel = \"required\"\nprobes = [\"dns\", \"tcp\", \"http\"]\nsource = \"brief: a\"\n",
        )
    };
    text.extend((1..=rows).map(row));
    parse_profile("made-up.toml", &text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A check that runs, and what it tells.
struct Desk {
    commands: mpsc::Sender<CheckCommand>,
    stop: watch::Sender<bool>,
    events: mpsc::Receiver<CheckEvent>,
    end: tokio::task::JoinHandle<(JobEnd, Judged)>,
}

impl Desk {
    fn open(net: &Arc<Net>, rows: usize, overrides: Overrides, watch_every: Option<Duration>) -> Self {
        Self::of(net, &profile(rows), overrides, watch_every)
    }

    fn of(net: &Arc<Net>, profile: &Profile, overrides: Overrides, watch_every: Option<Duration>) -> Self {
        Self::of_plan(net, Plan::new(profile, About::default()), overrides, watch_every)
    }

    fn of_plan(net: &Arc<Net>, plan: Plan, overrides: Overrides, watch_every: Option<Duration>) -> Self {
        let (commands, command_rx) = mpsc::channel(8);
        let (stop, stop_rx) = watch::channel(false);
        let (progress, events) = mpsc::channel(10_000);
        let setup = Setup {
            plan,
            overrides,
            saved: None,
            probes: Arc::clone(net) as Arc<dyn Probes>,
            watch: watch_every,
            progress,
            clock: Arc::new(|| 1),
            random: Arc::new(|| DELAY),
        };
        let end = tokio::spawn(run(setup, command_rx, stop_rx));
        Self { commands, stop, events, end }
    }

    /// Waits for the end of the next round.
    async fn round(&mut self) -> (u32, Arc<Judged>) {
        loop {
            let event = self.events.recv().await.expect("the check goes on");
            if let CheckEvent::RoundEnded { round, judged, .. } = event {
                return (round, judged);
            }
        }
    }
}

fn states(judged: &Judged) -> Vec<RowState> {
    judged.rows.iter().map(|row| row.state).collect()
}

#[tokio::test(start_paused = true)]
async fn the_plan_is_told_before_anything_is_asked() {
    let net = Net::new(Far::Answers);
    let mut desk = Desk::open(&net, 1, Overrides::default(), None);
    assert!(matches!(desk.events.recv().await, Some(CheckEvent::Planned(plan)) if plan.rows.len() == 1));
    let (_, judged) = desk.round().await;
    assert_eq!(judged.rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_rows_at_most_are_looked_at_side_by_side() {
    let net = Net::new(Far::Drops);
    let mut desk = Desk::open(&net, 40, Overrides::default(), None);
    desk.round().await;
    assert!((2..=8).contains(&net.most.load(Ordering::SeqCst)), "{}", net.most.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn rows_that_had_to_wait_for_others_wait_no_longer_than_that() {
    let net = Net::new(Far::Answers);
    let began = tokio::time::Instant::now();
    Desk::open(&net, 40, Overrides::default(), None).round().await;
    assert_eq!(began.elapsed(), Duration::from_millis(DELAY) + 5 * ANSWER, "five times eight rows");
}

#[tokio::test(start_paused = true)]
async fn the_row_that_takes_longest_begins_first() {
    let net = Net::new(Far::Answers);
    let mut made_up = profile(9);
    made_up.endpoints[8].probes.push(ProbeKind::Idle);
    made_up.endpoints[8].idle_secs = Some(60);
    Desk::of(&net, &made_up, Overrides::default(), None).round().await;
    let hosts: Vec<String> = net.asked().into_iter().filter_map(host_of).collect();
    assert!(hosts[..8].contains(&"host9.example".to_owned()), "{hosts:?}");
    assert_eq!(hosts.last().map(String::as_str), Some("host8.example"), "the others in their order");
}

fn host_of(question: Question) -> Option<String> {
    if let Question::Talk(talk) = question { Some(talk.host) } else { None }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_port_is_traced_and_never_passes() {
    let net = Net::new(Far::Drops);
    let mut desk = Desk::open(&net, 1, Overrides::default(), None);
    let (_, judged) = desk.round().await;
    assert!(states(&judged).iter().all(|state| !state.is_good()), "{judged:?}");
    assert!(net.asked().iter().any(|question| matches!(question, Question::Trace { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_refused_port_is_not_traced() {
    let net = Net::new(Far::Refuses);
    let mut desk = Desk::open(&net, 1, Overrides::default(), None);
    desk.round().await;
    assert!(!net.asked().iter().any(|question| matches!(question, Question::Trace { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_mapped_name_is_looked_up_nowhere_and_leads_where_the_file_says() {
    let net = Net::new(Far::Answers);
    let to: SocketAddr = "127.0.0.1:4433".parse().unwrap();
    let overrides = Overrides { map: vec![("host1.example".into(), None, to)], ..Overrides::default() };
    let mut desk = Desk::open(&net, 1, overrides, None);
    desk.round().await;
    let asked = net.asked();
    assert!(!asked.iter().any(|question| matches!(question, Question::Lookup(_))), "{asked:?}");
    assert!(asked.iter().all(|question| match question {
        Question::Talk(talk) => talk.to == to && talk.shape == Shape::Plain,
        _ => true,
    }));
}

#[tokio::test(start_paused = true)]
async fn name_servers_of_the_override_file_are_asked_and_never_the_system() {
    let net = Net::new(Far::Answers);
    let server: SocketAddr = "127.0.0.1:5353".parse().unwrap();
    let overrides = Overrides { name_servers: vec![server], ..Overrides::default() };
    let mut desk = Desk::open(&net, 2, overrides, None);
    desk.round().await;
    let mut lookups = 0;
    for question in net.asked() {
        if let Question::Lookup(lookup) = question {
            assert!(matches!(lookup.asked, Asked::Server { address, .. } if address == server), "{lookup:?}");
            lookups += 1;
        }
    }
    assert!(lookups >= 2);
}

#[tokio::test(start_paused = true)]
async fn watching_makes_no_names_up_after_the_first_round() {
    let net = Net::new(Far::Answers);
    let server: SocketAddr = "127.0.0.1:5353".parse().unwrap();
    let overrides = Overrides { name_servers: vec![server], ..Overrides::default() };
    let mut desk = Desk::open(&net, 3, overrides, Some(Duration::from_secs(30)));
    let made_up = || {
        let is_made_up = |question: &Question| matches!(question, Question::Lookup(lookup) if lookup.purpose != crate::check::question::Purpose::Row);
        net.asked().iter().filter(|question| is_made_up(question)).count()
    };
    assert_eq!(desk.round().await.0, 1);
    let first = made_up();
    assert!(first > 0);
    assert_eq!(desk.round().await.0, 2);
    assert_eq!(made_up(), first);
}

#[tokio::test(start_paused = true)]
async fn what_asking_takes_is_given_back_before_a_round_is_told_to_be_over() {
    let net = Net::new(Far::Answers);
    let mut desk = Desk::open(&net, 1, Overrides::default(), None);
    for round in 1..=2 {
        desk.round().await;
        assert_eq!((net.woken.load(Ordering::SeqCst), net.rested.load(Ordering::SeqCst)), (round, round));
        desk.commands.send(CheckCommand::Again { rows: Vec::new() }).await.unwrap();
    }
    // While it looks again by itself it keeps what it needs.
    let net = Net::new(Far::Answers);
    let mut desk = Desk::open(&net, 1, Overrides::default(), Some(Duration::from_mins(1)));
    desk.round().await;
    assert_eq!(net.rested.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_can_be_looked_at_again_and_the_others_keep_their_verdict() {
    let net = Net::new(Far::Answers);
    let mut desk = Desk::open(&net, 2, Overrides::default(), None);
    let (_, first) = desk.round().await;
    let row: RowId = "ROW-002".parse().unwrap();
    desk.commands.send(CheckCommand::Again { rows: vec![row] }).await.unwrap();
    let (number, second) = desk.round().await;
    assert_eq!(number, 2);
    assert_eq!(states(&first), states(&second));
    desk.commands.send(CheckCommand::Close).await.unwrap();
    assert!(matches!(desk.end.await.unwrap().0, JobEnd::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_check_ends_at_once_and_passes_nothing_it_did_not_see() {
    let net = Net::new(Far::Drops);
    let mut desk = Desk::open(&net, 20, Overrides::default(), None);
    assert!(desk.events.recv().await.is_some());
    desk.stop.send_replace(true);
    let (end, judged) = desk.end.await.unwrap();
    assert_eq!(end, JobEnd::Cancelled);
    assert_eq!(judged.rows.len(), 20);
    assert!(states(&judged).iter().all(|state| !state.is_good() && *state != RowState::Fail), "{judged:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_whole_round_no_row_is_left_open() {
    let net = Net::new(Far::Mute);
    let mut desk = Desk::open(&net, 2, Overrides::default(), None);
    let (_, judged) = desk.round().await;
    assert_eq!(states(&judged), [RowState::NotTestable; 2]);
}

/// What was said to nobody's addresses and to pages that are no row's.
fn controls_asked(net: &Net) -> (usize, usize) {
    let asked = net.asked();
    let talks =
        || asked.iter().filter_map(|question| if let Question::Talk(talk) = question { Some(talk) } else { None });
    let is_canary = |talk: &&crate::check::question::Talk| CANARIES.iter().any(|canary| canary.host == talk.host);
    // The answers of the made-up network are of the same kind, so nobody's address is told by its name.
    let is_nowhere = |talk: &&crate::check::question::Talk| talk.host.parse::<core::net::Ipv4Addr>().is_ok();
    (talks().filter(is_nowhere).count(), talks().filter(is_canary).count())
}

#[tokio::test(start_paused = true)]
async fn third_parties_are_asked_on_consent_once_and_never_while_watching() {
    let check = async |has_consent: bool, overrides: Overrides, watch_every: Option<Duration>| {
        let net = Net::new(Far::Answers);
        let about = About { has_consent, ..About::default() };
        let mut desk = Desk::of_plan(&net, Plan::new(&profile(1), about), overrides, watch_every);
        desk.round().await;
        desk.commands.send(CheckCommand::Again { rows: Vec::new() }).await.unwrap();
        desk.round().await;
        controls_asked(&net)
    };
    assert_eq!(check(true, Overrides::default(), None).await, (1, CANARIES.len()));
    assert_eq!(check(false, Overrides::default(), None).await, (0, 0));
    assert_eq!(check(true, Overrides::default(), Some(Duration::from_secs(30))).await, (0, 0));
    // On a test site only what is mapped is asked.
    let map = |host: &str| Overrides {
        map: vec![(host.to_owned(), None, "127.0.0.1:1".parse().unwrap())],
        ..Overrides::default()
    };
    assert_eq!(check(true, map("host1.example"), None).await, (0, 0));
    assert_eq!(check(true, map(CANARIES[0].host), None).await, (0, 1));
}
