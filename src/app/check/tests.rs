//! Tables of what the user does on Network check and what the check reports, against commands and state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::run::{Phase, Run, Standing};
use super::*;
use crate::app::{Action, App, Place, ToastText};
use crate::check::evidence::Evidence;
use crate::check::judge;
use crate::check::plan::Outlook;
use crate::check::question::{Purpose, Shape};
use crate::check::seen::{
    Answer, Certificate, Connect, ConnectEnd, Http, HttpEnd, Lookup, Observation, Seen, SocketError, Tls, TlsEnd, Trust,
};
use crate::check::verdict::{Judged, RowState};
use crate::model::destination::{EXISTS, Existing};
use crate::msg::Event;

/// An app on Network check, at a time that only the test moves.
struct Bench {
    app: App,
    now: Instant,
    numbers: u32,
}

impl Bench {
    fn new() -> Self {
        let mut app = App::new();
        app.catalog = Arc::new(crate::profile::Catalog::built_in());
        Self { app, now: Instant::now(), numbers: 0 }
    }

    fn chosen() -> Self {
        let mut bench = Self::new();
        bench.act(Action::WentTo(Place::Check));
        bench.act(CheckAction::ChoseProfile(ProfileId::new("casambi-cloud-gateway")));
        bench
    }

    fn act(&mut self, action: impl Into<Action>) -> Vec<Command> {
        self.app.act(action.into(), self.now)
    }

    fn apply(&mut self, event: Event) -> Vec<Command> {
        let mut commands = self.app.apply(event, self.now);
        commands.extend(self.app.tick(self.now));
        commands
    }

    fn tell(&mut self, job: JobId, event: CheckEvent) -> Vec<Command> {
        self.apply(Event::CheckProgressed { job, event })
    }

    fn run(&self) -> &Run {
        self.app.check.run().unwrap()
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(self.run().plan().unwrap())
    }

    /// Starts a check and has its plan made.
    fn start(&mut self) -> JobId {
        let commands = self.act(CheckAction::Started);
        let Some(Command::Check { job, command: CheckCommand::Start(start) }) = commands.into_iter().next_back() else {
            panic!("a check is started")
        };
        let profile = self.app.catalog.get(start.about.profile.as_ref().unwrap()).unwrap();
        let plan = Arc::new(Plan::new(profile, start.about));
        self.tell(job, CheckEvent::Planned(plan));
        job
    }

    fn begin_round(&mut self, job: JobId, round: u32) {
        let rows = self.plan().to_run().map(|row| row.id.clone()).collect();
        let at_unix_micros = i64::from(round) * 30_000_000;
        self.tell(job, CheckEvent::RoundBegan { round, at_unix_micros, rows });
    }

    /// Has something seen of a row.
    fn see(&mut self, job: JobId, row: &str, seen: Seen) {
        let observation = Observation {
            number: self.numbers,
            row: Some(row.parse().unwrap()),
            host: Some("api.casambi.com".into()),
            at_unix_micros: 1,
            took_micros: 12_000,
            seen,
        };
        self.numbers += 1;
        self.tell(job, CheckEvent::Observed(Box::new(observation)));
    }

    fn judged(&self) -> Arc<Judged> {
        Arc::new(judge(&self.plan(), self.run().observations()))
    }

    fn end_round(&mut self, job: JobId, round: u32) {
        let judged = self.judged();
        let evidence = Arc::new(Evidence {
            evidence: 1,
            program: "test".into(),
            about: self.plan().about.clone(),
            observations: self.run().observations().to_vec(),
            beside: None,
        });
        self.tell(job, CheckEvent::RoundEnded { round, evidence, judged, is_final: true });
    }

    /// A round in which CAS-03 finds its port refused, or open.
    fn round(&mut self, job: JobId, round: u32, is_refused: bool) {
        self.begin_round(job, round);
        self.see(job, "CAS-03", resolved());
        self.see(job, "CAS-03", connect(is_refused));
        if !is_refused {
            self.see(job, "CAS-03", secured());
            self.see(job, "CAS-03", answered());
        }
        self.end_round(job, round);
    }

    fn standing(&self, row: &str) -> Standing {
        let run = self.run();
        run.standing(run.place(&row.parse().unwrap()).unwrap())
    }
}

fn resolved() -> Seen {
    Seen::Lookup(Lookup {
        name: "api.casambi.com".into(),
        purpose: Purpose::Row,
        server: None,
        by: None,
        sent: 1,
        lost: 0,
        answer: Answer::Message {
            rcode: Some(0),
            addresses: vec!["192.0.2.7".parse().unwrap()],
            aliases: Vec::new(),
            ttl_secs: Some(60),
            extended: Vec::new(),
        },
    })
}

fn connect(is_refused: bool) -> Seen {
    let end = if is_refused {
        ConnectEnd::Failed { error: SocketError::Refused, number: Some(111), icmp: None }
    } else {
        ConnectEnd::Connected
    };
    Seen::Connect(Connect {
        to: "192.0.2.7:443".parse().unwrap(),
        from: None,
        shape: Shape::default(),
        attempt: 1,
        end,
    })
}

fn secured() -> Seen {
    let (not_before, not_after) = (0, i64::MAX / 2_000_000);
    let certificate = Certificate {
        sha256: "00".repeat(32),
        key_sha256: "11".repeat(32),
        subject: "CN=api.casambi.com".into(),
        issuer: "CN=Root".into(),
        names: vec!["api.casambi.com".into()],
        not_before,
        not_after,
        urls: Vec::new(),
    };
    let trust = Trust {
        name_matches: true,
        expected: Some(true),
        mozilla: true,
        from_override: false,
        root: Some("Root".into()),
        not_before,
        not_after,
        fault: String::new(),
    };
    Seen::Tls(Tls {
        to: "192.0.2.7:443".parse().unwrap(),
        name: "api.casambi.com".into(),
        shape: Shape::default(),
        end: TlsEnd::Done {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_128_GCM_SHA256".into(),
            alpn: None,
            asked_certificate: false,
        },
        chain: vec![certificate],
        trust: Some(trust),
    })
}

fn answered() -> Seen {
    let end = HttpEnd::Status {
        status: 404,
        server: None,
        location: None,
        date: None,
        begins: String::new(),
        is_upgraded: false,
    };
    let to = "192.0.2.7:443".parse().unwrap();
    Seen::Http(Http { to, url: "https://api.casambi.com/".into(), shape: Shape::default(), end })
}

fn ids(rows: &[&str]) -> Vec<RowId> {
    rows.iter().map(|row| row.parse().unwrap()).collect()
}

#[test]
fn nothing_is_sent_before_start_and_the_rows_stand_there_already() {
    let mut bench = Bench::new();
    assert!(bench.act(Action::WentTo(Place::Check)).is_empty());
    assert!(!bench.app.check.is_ready());
    assert!(bench.act(CheckAction::Started).is_empty(), "without a profile there is nothing to check");
    assert!(bench.act(CheckAction::ChoseProfile(ProfileId::new("casambi-cloud-gateway"))).is_empty());
    let (plan, sheet) = bench.app.check.preview().unwrap();
    assert!(plan.rows.len() >= 14);
    let titles: Vec<&str> = sheet.groups.iter().map(|group| group.title.as_str()).collect();
    assert!(titles.contains(&"TCP 443 out") && titles.contains(&"UDP 123 out"), "{titles:?}");
    assert_eq!(titles.last(), Some(&"Local network"), "what no firewall decides comes last");
    let rows = sheet.groups.iter().map(|group| group.rows.len()).sum::<usize>();
    assert_eq!(rows, plan.rows.len(), "no row is left out");
    assert!(bench.app.check.is_ready());
}

#[test]
fn what_was_typed_goes_into_the_start() {
    let mut bench = Bench::chosen();
    let form = &mut bench.app.check.form;
    (form.from, form.site_path) = (" wlan0 ".into(), "/home/me/site.toml".into());
    (form.has_consent, form.is_survey, form.is_watching) = (true, true, true);
    form.hosts.iter_mut().for_each(|host| host.value = "A.Example, b.example".into());
    let commands = bench.act(CheckAction::Started);
    let [Command::Check { command: CheckCommand::Start(start), .. }] = commands.as_slice() else { panic!() };
    assert_eq!((start.about.from.as_str(), start.watch), ("wlan0", Some(Duration::from_secs(30))));
    assert!(start.about.has_consent && start.about.is_survey);
    assert_eq!(start.site.as_deref(), Some("/home/me/site.toml".as_ref()));
    assert_eq!(start.overrides, None);
    let hosts: Vec<&str> = start.about.hosts.values().flatten().map(String::as_str).collect();
    assert_eq!(hosts.first_chunk(), Some(&["a.example", "b.example"]));
    assert_eq!(bench.app.check.view(), View::Rows);
}

#[test]
fn the_hosts_of_a_site_are_shown_before_start_and_only_while_its_file_is_typed() {
    let mut bench = Bench::new();
    bench.act(CheckAction::ChoseProfile(ProfileId::new("biot")));
    let targets = |bench: &Bench| {
        let (plan, _) = bench.app.check.preview().unwrap();
        plan.rows.iter().flat_map(|row| &row.targets).map(|target| target.host.clone()).collect::<Vec<_>>()
    };
    assert!(targets(&bench).is_empty());
    bench.app.check.form.site_path = " hall-3 ".into();
    let asked = bench.act(CheckAction::FormChanged);
    assert!(matches!(&asked[..], [Command::ReadSite { path }] if path.as_os_str() == "hall-3"));
    assert!(bench.act(CheckAction::FormChanged).is_empty(), "it is read once");
    let text = "schema = 1\nname = 'Hall 3'\n[[host]]\nfor = 'broker'\nnames = ['broker.example']\n";
    let site = || Ok(Box::new(crate::profile::site::parse_site("s", text).unwrap()));
    bench.apply(Event::SiteRead { path: "another".into(), site: site() });
    assert!(bench.app.check.site().is_none() && targets(&bench).is_empty());
    bench.apply(Event::SiteRead { path: "hall-3".into(), site: site() });
    assert_eq!(targets(&bench), ["broker.example"]);
    bench.app.check.form.site_path.clear();
    bench.act(CheckAction::FormChanged);
    assert!(bench.app.check.site().is_none() && targets(&bench).is_empty());
}

#[test]
fn an_interval_out_of_bounds_starts_nothing() {
    let mut bench = Bench::chosen();
    bench.app.check.form.is_watching = true;
    for (typed, is_good) in [("4", false), ("", false), ("a", false), ("5", true), (" 86400 ", true), ("86401", false)]
    {
        bench.app.check.form.interval = typed.into();
        assert_eq!(bench.app.check.is_ready(), is_good, "{typed}");
    }
}

#[test]
fn rows_fill_in_as_they_are_seen_and_one_that_never_ran_shows_no_verdict() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    assert_eq!(bench.run().phase, Phase::Starting);
    bench.begin_round(job, 1);
    assert_eq!(bench.standing("CAS-03"), Standing::Planned(Outlook::Run));
    bench.tell(job, CheckEvent::Looking(ids(&["CAS-03"])));
    assert_eq!(bench.standing("CAS-03"), Standing::Looking);
    bench.see(job, "CAS-03", resolved());
    bench.see(job, "CAS-03", connect(true));
    let place = bench.run().place(&"CAS-03".parse().unwrap()).unwrap();
    let figures = &bench.run().row(place).unwrap().figures;
    assert_eq!(
        (figures.dns.text(), figures.tcp.text(), figures.tls.text()),
        ("12 ms".into(), "refused".into(), "–".into())
    );
    let judged = bench.judged();
    bench.tell(job, CheckEvent::Judged(judged));
    assert_eq!(bench.standing("CAS-03"), Standing::Judged(RowState::Fail));
    assert_eq!(bench.standing("CAS-04"), Standing::Planned(Outlook::Run));
    assert_eq!(bench.run().counts.failed, 1);
    bench.end_round(job, 1);
    assert_eq!(bench.run().phase, Phase::Waiting);
    assert!(bench.app.busy_jobs().next().is_none(), "between rounds nothing runs");
    assert!(!bench.app.is_ticking());
}

#[test]
fn an_opened_row_shows_what_was_seen_what_it_means_and_what_to_ask_for() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    bench.round(job, 1, true);
    bench.act(CheckAction::Selected("CAS-03".parse().unwrap()));
    let detail = bench.app.check.detail().unwrap();
    assert_eq!(detail.moments.len(), 2);
    let text = detail.text.as_ref().unwrap();
    assert_eq!(text.state, "Failed");
    assert!(!text.next.is_empty() && !text.causes.is_empty());
    let request = detail.request.as_ref().unwrap().text();
    assert!(request.starts_with("Allow TCP port 443") && request.contains("casambi.com"), "{request}");
    bench.act(CheckAction::Deselected);
    assert!(bench.app.check.detail().is_none());
}

#[test]
fn rows_are_looked_at_again_one_all_or_those_that_failed() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    assert!(bench.act(CheckAction::Again(Again::All)).is_empty(), "not while it starts");
    bench.round(job, 1, true);
    let failed = bench.run().failed();
    assert!(failed.contains(&"CAS-03".parse().unwrap()));
    let table =
        [(Again::All, Vec::new()), (Again::Failed, failed), (Again::Row("CAS-05".parse().unwrap()), ids(&["CAS-05"]))];
    for (which, expected) in table {
        let commands = bench.act(CheckAction::Again(which));
        let [Command::Check { job: asked, command: CheckCommand::Again { rows } }] = commands.as_slice() else {
            panic!()
        };
        assert_eq!((*asked, rows), (job, &expected));
    }
    bench.round(job, 2, false);
    let failed = bench.run().failed().is_empty();
    assert_eq!(bench.act(CheckAction::Again(Again::Failed)).is_empty(), failed, "none named would mean all");
}

#[test]
fn rounds_are_remembered_with_the_time_of_the_last_change() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    for round in 1..=40 {
        bench.round(job, round, round > 38);
    }
    let place = bench.run().place(&"CAS-03".parse().unwrap()).unwrap();
    let row = bench.run().row(place).unwrap();
    assert_eq!(row.history.len(), run::REMEMBERED);
    assert_eq!(row.changed_unix_micros, Some(39 * 30_000_000));
    assert_eq!(row.history.back().unwrap().state, RowState::Fail);
}

#[test]
fn watching_is_switched_on_and_off_while_the_check_stays_open() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    bench.round(job, 1, false);
    for (is_watching, expected) in [(true, Some(Duration::from_secs(30))), (false, None)] {
        let commands = bench.act(CheckAction::Watched(is_watching));
        let [Command::Check { command: CheckCommand::Watch { every }, .. }] = commands.as_slice() else { panic!() };
        assert_eq!(*every, expected);
        assert_eq!(bench.run().next_at(), expected.map(|every| bench.now + every));
        assert_eq!(bench.app.busy_jobs().next().is_some(), is_watching);
    }
}

#[test]
fn stopping_cancels_and_keeps_what_was_seen() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    bench.begin_round(job, 1);
    bench.see(job, "CAS-03", resolved());
    let commands = bench.act(CheckAction::Stopped);
    assert!(matches!(commands.as_slice(), [Command::Cancel { job: stopped }] if *stopped == job));
    bench.end_round(job, 1);
    bench.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    assert_eq!(bench.run().phase, Phase::Ended(JobEnd::Cancelled));
    assert_eq!(bench.run().observations().len(), 1);
    assert_eq!(bench.act(CheckAction::Saved("/home/me/a.html".into())).len(), 1, "what was seen can be saved");
    assert!(bench.run().why_not_again().is_some());
    assert!(bench.app.check.is_ready(), "another check may start");
}

#[test]
fn another_check_closes_the_one_before_and_can_be_compared_with_it() {
    let mut bench = Bench::chosen();
    let first = bench.start();
    bench.round(first, 1, true);
    let commands = bench.act(CheckAction::Started);
    let [
        Command::Check { job: closed, command: CheckCommand::Close },
        Command::Check { job, command: CheckCommand::Start(start) },
    ] = commands.as_slice()
    else {
        panic!()
    };
    assert_eq!(*closed, first);
    let (job, about) = (*job, start.about.clone());
    let profile = bench.app.catalog.get(about.profile.as_ref().unwrap()).unwrap();
    let plan = Arc::new(Plan::new(profile, about));
    bench.tell(job, CheckEvent::Planned(plan));
    bench.tell(first, CheckEvent::Trouble(Box::new(silent())));
    assert!(bench.run().troubles.is_empty(), "the one before tells nothing any more");
    bench.round(job, 1, false);
    let compared = bench.app.check.compared().unwrap();
    let row = compared.changes.iter().find(|change| change.row.as_str() == "CAS-03").unwrap();
    assert_eq!(row.before.unwrap().0, RowState::Fail);
    assert_ne!(row.after.unwrap().0, RowState::Fail);
}

#[test]
fn a_report_is_saved_and_a_file_that_is_there_is_asked_about() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    let saved = || CheckAction::Saved("/home/me/check.csv".into());
    assert!(bench.act(saved()).is_empty(), "nothing is there to save yet");
    bench.round(job, 1, true);
    bench.act(CheckAction::ChoseForm(ReportForm::Csv));
    bench.app.check.save.is_masked = true;
    let commands = bench.act(saved());
    let is_meant = |existing| {
        move |command: &Command| match command {
            Command::Check { command: CheckCommand::Save { destination, form, is_masked }, .. } => {
                *is_masked && *form == ReportForm::Csv && destination.existing == existing
            }
            _ => false,
        }
    };
    assert!(commands.iter().all(is_meant(Existing::Refuse)) && commands.len() == 1);
    bench.tell(job, CheckEvent::Trouble(Box::new(Problem::new(EXISTS, "It is there", "", ""))));
    assert_eq!(bench.app.file_there(), Some("/home/me/check.csv".as_ref()));
    let again = bench.act(Action::ReplacedFile);
    assert!(again.iter().all(is_meant(Existing::Replace)) && again.len() == 1);
    bench.tell(job, CheckEvent::Saved { path: "/home/me/check.csv".into() });
    assert!(!bench.app.check.save.is_running());
    assert!(matches!(bench.app.toasts().iter().last().map(|toast| &toast.text), Some(ToastText::Saved(..))));
}

#[test]
fn saved_evidence_is_judged_again_and_cannot_be_looked_at_again() {
    let mut bench = Bench::new();
    bench.app.check.evidence_path = "/home/me/before.json".into();
    let commands = bench.act(CheckAction::OpenedEvidence);
    let [Command::Check { job, command: CheckCommand::Start(start) }] = commands.as_slice() else { panic!() };
    assert_eq!(start.evidence.as_deref(), Some("/home/me/before.json".as_ref()));
    let job = *job;
    let profile = bench.app.catalog.get(&ProfileId::new("casambi-cloud-gateway")).unwrap();
    let plan = Plan::new(profile, About::default());
    bench.tell(job, CheckEvent::Planned(Arc::new(plan)));
    bench.see(job, "CAS-03", resolved());
    bench.see(job, "CAS-03", connect(true));
    bench.end_round(job, 1);
    assert_eq!(bench.run().vantage(), words::FROM_SAVED);
    assert!(bench.run().why_not_again().is_some());
    assert_eq!(bench.standing("CAS-03"), Standing::Judged(RowState::Fail));
}

#[test]
fn evidence_to_compare_with_is_read_beside_the_run_and_closed() {
    let mut bench = Bench::chosen();
    let job = bench.start();
    bench.round(job, 1, false);
    bench.app.check.before_path = "/home/me/before.json".into();
    let commands = bench.act(CheckAction::OpenedBefore);
    let [Command::Check { job: reading, command: CheckCommand::Start(_) }] = commands.as_slice() else { panic!() };
    let reading = *reading;
    let evidence = Arc::new(Evidence {
        evidence: 1,
        program: String::new(),
        about: About::default(),
        observations: Vec::new(),
        beside: None,
    });
    let judged = bench.judged();
    let commands = bench.tell(reading, CheckEvent::RoundEnded { round: 1, evidence, judged, is_final: true });
    assert!(matches!(commands.as_slice(), [Command::Check { command: CheckCommand::Close, .. }]));
    bench.apply(Event::JobFinished { job: reading, end: JobEnd::Done { note: String::new() } });
    assert!(bench.app.check.compared().is_some() && !bench.app.check.is_reading_before());
    assert_eq!(bench.run().job, job, "the run stays");
}

#[test]
fn a_check_that_cannot_begin_says_why_in_the_set_up() {
    let mut bench = Bench::chosen();
    let commands = bench.act(CheckAction::Started);
    let [Command::Check { job, .. }] = commands.as_slice() else { panic!() };
    let job = *job;
    bench.apply(Event::JobFinished { job, end: JobEnd::Failed(silent()) });
    assert_eq!(bench.app.check.problem(), Some(&silent()));
    assert_eq!(bench.app.check.view(), View::SetUp);
    assert!(bench.app.check.is_ready());
}

#[test]
fn an_answer_shows_as_a_word_and_the_quickest_attempt_counts() {
    let mut figures = figures::Figures::default();
    let observe =
        |took_micros, seen| Observation { number: 0, row: None, host: None, at_unix_micros: 0, took_micros, seen };
    for observation in [
        observe(9_000, connect(true)),
        observe(31_000, connect(false)),
        observe(28_000, connect(false)),
        observe(1, answered()),
    ] {
        figures.take(&observation);
    }
    assert_eq!((figures.tcp.text(), figures.answer.as_str()), ("28 ms".to_owned(), "HTTP 404"));
}

fn silent() -> Problem {
    Problem::new("check.test", "The check could not begin", "A test says so", "Do something else")
}

#[test]
fn a_check_from_the_gateway_takes_its_login_along_and_stands_beside_that_of_the_laptop() {
    let mut bench = Bench::chosen();
    let first = bench.start();
    bench.round(first, 1, false);
    let link: LinkAddress = "serial:/dev/ttyUSB0".parse().unwrap();
    bench.act(CheckAction::ChoseVia(Some(link.clone())));
    assert_eq!(bench.app.check.preview().unwrap().0.about.vantage, crate::check::plan::Vantage::Gateway);
    let both = bench.act(CheckAction::Started);
    let Some(Command::Check { job, command: CheckCommand::Start(laptop) }) = both.into_iter().next_back() else {
        panic!("the laptop looks first")
    };
    assert_eq!(
        (laptop.via.is_none(), laptop.about.vantage),
        (true, crate::check::plan::Vantage::default()),
        "as from the site"
    );
    bench.act(CheckAction::Stopped);
    bench.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    bench.app.check.form.is_both = false;
    bench.app.check.username = "root".into();
    bench.app.check.password = Secret::new("made up".into());

    let commands = bench.act(CheckAction::Started);
    let Some(Command::Check { job, command: CheckCommand::Start(start) }) = commands.into_iter().next_back() else {
        panic!("a check is started")
    };
    let via = start.via.unwrap();
    assert_eq!((via.link, via.access.username.as_deref()), (link, Some("root")));
    assert_eq!(via.access.secret.unwrap().expose(), "made up");

    // The workers say which programs there were.
    let seen = crate::check::evidence::Via { link: "serial:/dev/ttyUSB0".into(), ..Default::default() };
    let profile = bench.app.catalog.get(start.about.profile.as_ref().unwrap()).unwrap();
    let plan = Plan::new(profile, About { via: Some(seen), ..start.about });
    bench.tell(job, CheckEvent::Planned(Arc::new(plan)));
    bench.round(job, 1, true);
    let compared = bench.app.check.compared().unwrap();
    assert_eq!(compared.sides, Some(("laptop", "gateway")));
    let row = compared.changes.iter().find(|row| row.row.as_str() == "CAS-03").unwrap();
    let told = words::became(compared.sides, &compared::stood(row.before), &compared::stood(row.after));
    assert!(told.starts_with("laptop: Passed") && told.contains(" · gateway: Failed"), "{told}");
}

#[test]
fn a_check_of_both_looks_from_the_laptop_first_then_from_the_gateway_and_tells_them_side_by_side() {
    let link: crate::model::ids::LinkAddress = "serial:/dev/ttyUSB0".parse().unwrap();
    let mut bench = Bench::chosen();
    bench.act(CheckAction::ChoseVia(Some(link.clone())));
    let laptop = bench.start();
    assert!(bench.plan().about.via.is_none());
    bench.begin_round(laptop, 1);
    bench.see(laptop, "CAS-03", resolved());
    bench.see(laptop, "CAS-03", connect(true));
    let judged = bench.judged();
    let evidence = Arc::new(Evidence {
        evidence: 1,
        program: "test".into(),
        about: bench.plan().about.clone(),
        observations: bench.run().observations().to_vec(),
        beside: None,
    });
    let commands = bench.tell(laptop, CheckEvent::RoundEnded { round: 1, evidence, judged, is_final: true });
    let [Command::Check { job: closed, command: CheckCommand::Close }, Command::Check { job, command }] =
        commands.as_slice()
    else {
        panic!("the laptop's half is closed, the gateway's begins")
    };
    let CheckCommand::Start(start) = command else { panic!("a check is started") };
    assert_eq!((*closed, start.via.as_ref().map(|via| &via.link)), (laptop, Some(&link)));
    assert!(start.beside.as_ref().is_some_and(|seen| !seen.observations.is_empty()));

    // The workers put into the plan which gateway looks.
    let job = *job;
    let mut about = start.about.clone();
    about.via = Some(crate::check::evidence::Via { link: link.to_string(), ..Default::default() });
    let profile = bench.app.catalog.get(about.profile.as_ref().unwrap()).unwrap();
    let plan = Arc::new(Plan::new(profile, about));
    bench.tell(job, CheckEvent::Planned(plan));
    bench.round(job, 1, false);
    let profile = ProfileId::new("casambi-cloud-gateway");
    let rows = bench.app.check.side_by_side(&profile, &link);
    let row = rows.iter().find(|row| row.row.as_str() == "CAS-03").unwrap();
    assert_eq!((row.laptop, row.gateway), (Some(RowState::Fail), Some(RowState::PassWithNote)));
    let other = "serial:/dev/ttyUSB9".parse().unwrap();
    let of_other = bench.app.check.side_by_side(&profile, &other);
    assert!(of_other.iter().all(|row| row.gateway.is_none()), "another gateway did not look");
}

#[test]
fn stopping_the_laptops_half_begins_no_second_one() {
    let mut bench = Bench::chosen();
    bench.act(CheckAction::ChoseVia(Some("serial:/dev/ttyUSB0".parse().unwrap())));
    let laptop = bench.start();
    bench.begin_round(laptop, 1);
    bench.act(CheckAction::Stopped);
    let judged = bench.judged();
    let evidence = Arc::new(Evidence {
        evidence: 1,
        program: "test".into(),
        about: bench.plan().about.clone(),
        observations: Vec::new(),
        beside: None,
    });
    assert!(bench.tell(laptop, CheckEvent::RoundEnded { round: 1, evidence, judged, is_final: true }).is_empty());
}
