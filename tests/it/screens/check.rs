//! Network check in its states, and what the keyboard and the buttons do there.

use std::sync::Arc;

use egui::{Key, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::check::{CheckAction, View};
use linesman::app::commission::CommissionAction;
use linesman::app::gateways::Tab;
use linesman::app::{Action, Place};
use linesman::check::Plan;
use linesman::check::evidence::{About, Evidence};
use linesman::check::judge;
use linesman::check::question::{Purpose, Shape};
use linesman::check::seen::{
    Answer, Broke, Certificate, Connect, ConnectEnd, Http, HttpEnd, Interface, Lookup, Observation, Seen, SocketError,
    Tls, TlsEnd, Trust,
};
use linesman::model::ids::{JobId, ProfileId};
use linesman::model::outcome::Verdict;
use linesman::model::problem::Problem;
use linesman::msg::check::{CheckCommand, CheckEvent, ReportForm};
use linesman::msg::{Command, Event, JobEnd};
use linesman::profile::Catalog;

use super::open;
use super::states::{Stage, State};

/// When the first round begins: 2026-03-02 09:14 UTC.
const BEGAN: i64 = 1_772_442_840_000_000;
const PROFILE: &str = "casambi-cloud-gateway";

/// The states of the place.
pub(crate) const STATES: &[State] = &[
    State { name: "check_empty", plant: |stage| stage.act(Action::WentTo(Place::Check)) },
    State { name: "check_planned", plant: Stage::check_planned },
    State {
        name: "check_starting",
        plant: |stage| {
            stage.check_started();
        },
    },
    State { name: "check_running", plant: Stage::check_running },
    State {
        name: "check_done",
        plant: |stage| {
            stage.check_ended(About::default());
        },
    },
    State { name: "check_row_failed", plant: Stage::check_row_failed },
    State { name: "check_row_not_run", plant: Stage::check_row_not_run },
    State { name: "check_overridden", plant: Stage::check_overridden },
    State { name: "check_watching", plant: Stage::check_watching },
    State { name: "check_stopped", plant: Stage::check_stopped },
    State { name: "check_not_begun", plant: Stage::check_not_begun },
    State { name: "check_report", plant: Stage::check_report },
    State { name: "check_report_failed", plant: Stage::check_report_failed },
    State { name: "check_compare_choose", plant: Stage::check_compare_choose },
    State { name: "check_compared", plant: Stage::check_compared },
    State { name: "check_saved_evidence", plant: Stage::check_saved_evidence },
    State { name: "check_after_joined", plant: Stage::check_after_joined },
    State { name: "check_tab_not_checked", plant: Stage::check_tab },
    State { name: "check_tab_of_laptop", plant: Stage::check_tab_of_laptop },
];

impl Stage {
    fn check_planned(&mut self) {
        self.act(Action::WentTo(Place::Check));
        self.act(CheckAction::ChoseProfile(ProfileId::new(PROFILE)));
    }

    /// Starts a check and returns its job.
    fn check_started(&mut self) -> JobId {
        self.check_planned();
        self.act(CheckAction::Started);
        self.check_job()
    }

    fn check_job(&mut self) -> JobId {
        let Some(Command::Check { job, command: CheckCommand::Start(_) }) = self.sent.pop() else {
            panic!("a check is started")
        };
        job
    }

    fn check_tell(&mut self, job: JobId, event: CheckEvent) {
        self.apply(Event::CheckProgressed { job, event });
    }

    /// Has the plan made and a round begun.
    fn check_round(&mut self, job: JobId, round: u32, about: About) -> Arc<Plan> {
        let catalog = Catalog::built_in();
        let profile = catalog.get(&ProfileId::new(PROFILE)).expect("it is built in");
        let plan = Arc::new(Plan::new(profile, About { profile: Some(profile.id.clone()), ..about }));
        if round == 1 {
            self.check_tell(job, CheckEvent::Planned(Arc::clone(&plan)));
        }
        let rows = plan.to_run().map(|row| row.id.clone()).collect();
        let at_unix_micros = BEGAN + i64::from(round - 1) * 30_000_000;
        self.check_tell(job, CheckEvent::RoundBegan { round, at_unix_micros, rows });
        for observation in observations(is_blocked(round)) {
            self.check_tell(job, CheckEvent::Observed(Box::new(observation)));
        }
        plan
    }

    fn check_round_ends(&mut self, job: JobId, round: u32, plan: &Plan) {
        let observations = observations(is_blocked(round));
        let judged = Arc::new(judge(plan, &observations));
        let about = About { began_unix_micros: BEGAN, ..plan.about.clone() };
        let evidence =
            Arc::new(Evidence { evidence: 1, program: "linesman test".into(), about, observations, beside: None });
        self.check_tell(job, CheckEvent::RoundEnded { round, evidence, judged, is_final: true });
    }

    fn check_running(&mut self) {
        let job = self.check_started();
        let plan = self.check_round(job, 1, About::default());
        let judged = Arc::new(judge(&plan, &observations(true)));
        self.check_tell(job, CheckEvent::Judged(judged));
        self.check_tell(job, CheckEvent::Looking(vec!["CAS-05".parse().expect("a row")]));
    }

    /// A check of which the first round is over.
    fn check_ended(&mut self, about: About) -> JobId {
        let job = self.check_started();
        let plan = self.check_round(job, 1, about);
        self.check_round_ends(job, 1, &plan);
        job
    }

    fn check_row_failed(&mut self) {
        self.check_ended(About::default());
        self.act(CheckAction::Selected("CAS-05".parse().expect("a row")));
    }

    fn check_row_not_run(&mut self) {
        self.check_ended(About::default());
        self.act(CheckAction::Selected("CAS-07".parse().expect("a row")));
    }

    fn check_overridden(&mut self) {
        let overrides = vec!["api.casambi.com leads to 127.0.0.1:4443".to_owned(), "NTP on port 1123".to_owned()];
        self.check_ended(About { overrides, ..About::default() });
    }

    fn check_watching(&mut self) {
        let job = self.check_ended(About::default());
        self.act(CheckAction::Watched(true));
        for round in 2..=4 {
            let plan = self.check_round(job, round, About::default());
            self.check_round_ends(job, round, &plan);
        }
        self.act(CheckAction::Selected("CAS-05".parse().expect("a row")));
    }

    fn check_stopped(&mut self) {
        let job = self.check_started();
        let plan = self.check_round(job, 1, About::default());
        self.act(CheckAction::Stopped);
        self.check_round_ends(job, 1, &plan);
        self.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    }

    fn check_not_begun(&mut self) {
        let job = self.check_started();
        self.apply(Event::JobFinished { job, end: JobEnd::Failed(unreadable()) });
    }

    fn check_report(&mut self) {
        let job = self.check_ended(About::default());
        self.act(CheckAction::WentTo(View::Report));
        self.act(CheckAction::ChoseForm(ReportForm::Json));
        self.act(CheckAction::Saved("/home/me/harbour.html".into()));
        self.check_tell(job, CheckEvent::Saved { path: "/home/me/harbour.json".into() });
    }

    fn check_report_failed(&mut self) {
        let job = self.check_ended(About::default());
        self.act(CheckAction::WentTo(View::Report));
        self.act(CheckAction::Saved("/home/me/harbour.html".into()));
        self.check_tell(job, CheckEvent::Trouble(Box::new(unreadable())));
    }

    fn check_compare_choose(&mut self) {
        self.check_ended(About::default());
        self.act(CheckAction::WentTo(View::Compare));
    }

    fn check_compared(&mut self) {
        let job = self.check_ended(About::default());
        self.act(CheckAction::KeptAsBefore);
        let plan = self.check_round(job, 2, About::default());
        self.check_round_ends(job, 2, &plan);
        self.act(CheckAction::WentTo(View::Compare));
    }

    fn check_saved_evidence(&mut self) {
        self.act(Action::WentTo(Place::Check));
        self.app.check.evidence_path = "/home/me/harbour.json".into();
        self.act(CheckAction::OpenedEvidence);
        let job = self.check_job();
        let plan = self.check_round(job, 1, About::default());
        self.check_round_ends(job, 1, &plan);
    }

    /// The tab of a gateway whose profile names servers.
    fn check_tab(&mut self) {
        self.choose();
        self.act(CommissionAction::ChoseProfile(Some(ProfileId::new(PROFILE))));
        self.act(Action::OpenedTab(Tab::Check));
    }

    fn check_tab_of_laptop(&mut self) {
        self.check_ended(About { profile: Some(ProfileId::new(PROFILE)), ..About::default() });
        self.check_tab();
    }

    fn check_after_joined(&mut self) {
        self.outcome(Verdict::Joined);
        self.act(Action::TookToCheck);
    }
}

/// In the first round and from the fourth on something resets CAS-05.
const fn is_blocked(round: u32) -> bool {
    round == 1 || round > 3
}

fn unreadable() -> Problem {
    Problem::new(
        "files.not_readable",
        "/home/me/site.toml could not be read",
        "The file was moved, or this account may not read it",
        "Check the path and its permissions",
    )
}

/// What is seen of two rows and of the surroundings.
fn observations(is_blocked: bool) -> Vec<Observation> {
    let interface = Interface {
        name: "wlp2s0".into(),
        addresses: vec!["10.40.8.52/24".into()],
        routers: vec!["10.40.8.1".parse().expect("an address")],
        is_up: true,
        is_wifi: true,
        is_default: true,
        ..Interface::default()
    };
    let mut seen = vec![(None, "", Seen::Interface(interface))];
    let api = "api.casambi.com";
    let hub = "iot-gateway-prod-westeuropa.azure-devices.net";
    seen.extend([
        (Some("CAS-03"), api, resolved(api)),
        (Some("CAS-03"), api, connected()),
        (
            Some("CAS-03"),
            api,
            secured(
                api,
                TlsEnd::Done {
                    version: "TLSv1.3".into(),
                    cipher: "TLS13_AES_128_GCM_SHA256".into(),
                    alpn: None,
                    asked_certificate: false,
                },
            ),
        ),
        (
            Some("CAS-03"),
            api,
            Seen::Http(Http {
                to: "192.0.2.7:443".parse().expect("an address"),
                url: format!("https://{api}/"),
                shape: Shape::default(),
                end: HttpEnd::Status {
                    status: 404,
                    server: None,
                    location: None,
                    date: None,
                    begins: String::new(),
                    is_upgraded: false,
                },
            }),
        ),
        (Some("CAS-05"), hub, resolved(hub)),
        (Some("CAS-05"), hub, connected()),
        (
            Some("CAS-05"),
            hub,
            if is_blocked {
                secured(hub, TlsEnd::Broken(Broke::Reset))
            } else {
                secured(
                    hub,
                    TlsEnd::Done {
                        version: "TLSv1.2".into(),
                        cipher: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into(),
                        alpn: None,
                        asked_certificate: true,
                    },
                )
            },
        ),
        (
            Some("CAS-10"),
            "c271964d.r2.cloudflarestorage.com",
            Seen::Connect(Connect {
                to: "192.0.2.9:443".parse().expect("an address"),
                from: None,
                shape: Shape::default(),
                attempt: 1,
                end: ConnectEnd::Failed { error: SocketError::Refused, number: Some(111), icmp: None },
            }),
        ),
    ]);
    let observation = |(number, (row, host, seen)): (usize, (Option<&str>, &str, Seen))| Observation {
        number: u32::try_from(number).unwrap_or_default(),
        row: row.map(|row: &str| row.parse().expect("a row")),
        host: Some(host.to_owned()).filter(|host| !host.is_empty()),
        at_unix_micros: BEGAN + 12_000 * i64::try_from(number).unwrap_or_default(),
        took_micros: 11_000 + 1_000 * u64::try_from(number).unwrap_or_default(),
        seen,
    };
    seen.into_iter().enumerate().map(observation).collect()
}

fn resolved(name: &str) -> Seen {
    Seen::Lookup(Lookup {
        name: name.to_owned(),
        purpose: Purpose::Row,
        server: None,
        by: None,
        sent: 1,
        lost: 0,
        answer: Answer::Message {
            rcode: Some(0),
            addresses: vec!["192.0.2.7".parse().expect("an address")],
            aliases: Vec::new(),
            ttl_secs: Some(300),
            extended: Vec::new(),
        },
    })
}

fn connected() -> Seen {
    Seen::Connect(Connect {
        to: "192.0.2.7:443".parse().expect("an address"),
        from: Some("10.40.8.52:49812".parse().expect("an address")),
        shape: Shape::default(),
        attempt: 1,
        end: ConnectEnd::Connected,
    })
}

fn secured(name: &str, end: TlsEnd) -> Seen {
    let is_done = matches!(end, TlsEnd::Done { .. });
    let certificate = Certificate {
        sha256: "00".repeat(32),
        key_sha256: "11".repeat(32),
        subject: format!("CN={name}"),
        issuer: "CN=DigiCert Global Root G2".into(),
        names: vec![name.to_owned()],
        not_before: 1_700_000_000,
        not_after: 1_900_000_000,
        urls: Vec::new(),
    };
    let trust = Trust {
        name_matches: true,
        expected: Some(true),
        mozilla: true,
        from_override: false,
        root: Some("DigiCert Global Root G2".into()),
        not_before: 1_700_000_000,
        not_after: 1_900_000_000,
        fault: String::new(),
    };
    Seen::Tls(Tls {
        to: "192.0.2.7:443".parse().expect("an address"),
        name: name.to_owned(),
        shape: Shape::default(),
        end,
        chain: if is_done { vec![certificate] } else { Vec::new() },
        trust: is_done.then_some(trust),
    })
}

#[test]
fn a_check_is_set_up_and_started_by_keyboard_and_nothing_is_sent_before() {
    let mut opened = open(super::LARGE, Theme::Light, Stage::check_planned);
    assert!(opened.commands.try_recv().is_err(), "choosing a profile sends nothing");
    opened.harness.get_by_label("Start check").focus();
    opened.harness.run();
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let sent = opened.commands.try_recv();
    assert!(matches!(sent, Ok(Command::Check { command: CheckCommand::Start(_), .. })));
    assert_eq!(opened.harness.state().app.check.view(), View::Rows);
}

#[test]
fn arrows_walk_the_rows_and_escape_closes_the_opened_one() {
    let mut opened = open(super::LARGE, Theme::Light, |stage| {
        stage.check_ended(About::default());
    });
    opened.harness.get_by_label_contains("Rows of the check, ").focus();
    opened.harness.run();
    let selected = |opened: &super::Opened| opened.harness.state().app.check.selected().map(ToString::to_string);
    opened.harness.key_press(Key::ArrowDown);
    opened.harness.run();
    let first = selected(&opened).expect("the first row is open");
    opened.harness.key_press(Key::ArrowDown);
    opened.harness.run();
    assert_ne!(selected(&opened), Some(first.clone()));
    opened.harness.key_press(Key::Home);
    opened.harness.run();
    assert_eq!(selected(&opened), Some(first));
    opened.harness.key_press(Key::End);
    opened.harness.run();
    assert!(selected(&opened).is_some());
    opened.harness.key_press(Key::Escape);
    opened.harness.run();
    assert_eq!(selected(&opened), None);
}

#[test]
fn a_gateway_that_joined_opens_the_place_with_its_profile_and_starts_nothing() {
    let mut opened = open(super::LARGE, Theme::Light, |stage| stage.outcome(Verdict::Joined));
    let profile = opened.harness.state().app.commission.session().expect("a session").target.profile.clone();
    opened.harness.get_by_label("Check the network").click();
    opened.harness.run();
    let app = &opened.harness.state().app;
    assert_eq!(app.place(), Place::Check);
    assert_eq!(app.check.form.profile(), profile.as_ref());
    assert!(app.check.run().is_none() && opened.commands.try_recv().is_err());
}
