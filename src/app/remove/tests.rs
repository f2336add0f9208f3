use std::time::{Duration, Instant};

use super::*;
use crate::app::jobs::Jobs;
use crate::app::toasts::Toasts;
use crate::model::wipe::{Consent, LeftoverState, Look, Mark, Outcome, StepState, StoreState, When};
use crate::profile::Catalog;

const PROFILE: &str = "generic-linux";

fn target() -> Target {
    Target {
        link: LinkAddress::Serial("/dev/ttyUSB0".into()),
        profile: Some(ProfileId::new(PROFILE)),
        driver: DriverId::LinuxConsole,
        access: Access::default(),
    }
}

/// Does something, and gives back what is asked of the workers.
fn act(remove: &mut Remove, jobs: &mut Jobs, action: RemoveAction) -> Vec<Command> {
    let (catalog, mut toasts) = (Catalog::built_in(), Toasts::default());
    let mut desk = Desk { catalog: &catalog, jobs, toasts: &mut toasts, now: Instant::now() };
    remove.act(action, Some(target()), &mut desk)
}

fn started() -> (Remove, Jobs, JobId) {
    let (mut remove, mut jobs) = (Remove { confirmed: " GW-7 ".into(), ..Remove::default() }, Jobs::default());
    remove.attested.insert("sanitise-storage".into(), "  overwritten ".into());
    let commands = act(&mut remove, &mut jobs, RemoveAction::Started);
    let [Command::Wipe { job, start }] = &commands[..] else { panic!("one command") };
    assert_eq!((start.confirmed.as_str(), start.profile.as_str()), ("GW-7", PROFILE));
    assert_eq!(start.attested, [("sanitise-storage".to_owned(), "overwritten".to_owned())]);
    (remove, jobs, *job)
}

#[test]
fn nothing_begins_without_the_serial_number_and_nothing_twice() {
    let (mut remove, mut jobs) = (Remove::default(), Jobs::default());
    assert!(act(&mut remove, &mut jobs, RemoveAction::Started).is_empty());
    let (mut remove, mut jobs, job) = started();
    remove.confirmed = "GW-7".into();
    assert!(act(&mut remove, &mut jobs, RemoveAction::Started).is_empty(), "it runs already");
    let stopped = act(&mut remove, &mut jobs, RemoveAction::Stopped);
    assert!(matches!(stopped[..], [Command::Cancel { job: told }] if told == job));
    remove.finished(job, JobEnd::Cancelled);
    assert_eq!(act(&mut remove, &mut jobs, RemoveAction::Started).len(), 1);
}

#[test]
fn what_was_typed_stays_after_a_failure_and_has_to_be_typed_again_after_an_end() {
    let (mut remove, _, job) = started();
    assert!(remove.confirmed.is_empty(), "nothing is begun twice by one typing");
    let problem = Problem::new("console.login", "The console refused the login", "It may be wrong", "Type it again");
    remove.finished(job, JobEnd::Failed(problem));
    assert_eq!(remove.confirmed.trim(), "GW-7");
    let (mut remove, _, job) = started();
    remove.finished(job, JobEnd::Done { note: String::new() });
    assert!(remove.confirmed.is_empty());
}

#[test]
fn what_is_shown_while_it_runs_is_never_more_than_was_seen() {
    let (mut remove, _, job) = started();
    let mark = |state| Mark { state, text: "said".into(), at: Duration::ZERO };
    remove.progressed(job, WipeEvent::Step { step: 0, mark: mark(StepState::Requested) });
    remove.progressed(job, WipeEvent::Step { step: 0, mark: mark(StepState::Acknowledged) });
    let look = |when| Look { store: 0, state: StoreState::SeenEmpty, text: String::new(), when };
    remove.progressed(job, WipeEvent::Looked(look(When::After(0))));
    let shown = remove.run().unwrap().assessment();
    assert_ne!(shown.outcome, Outcome::Complete);
    assert_eq!((shown.steps[0].state, shown.stores[0].state), (StepState::Acknowledged, StoreState::NotLooked));
    remove.progressed(JobId(99), WipeEvent::Restarted(1));
    assert_eq!(remove.run().unwrap().assessment(), shown, "another job says nothing of this one");
}

#[test]
fn the_number_that_was_shown_is_cleared_and_is_asked_once() {
    let leftovers = || {
        let one = |topic: &str| Leftover { topic: topic.into(), bytes: 5, state: LeftoverState::Left };
        WipeEvent::Leftovers { leftovers: vec![one("site/a"), one("site/b")], limit: Duration::from_mins(10) }
    };
    for (is_cleared, count) in [(true, Some(2)), (false, None)] {
        let (mut remove, mut jobs, job) = started();
        let answer = || RemoveAction::AnsweredLeftovers { is_cleared };
        assert!(act(&mut remove, &mut jobs, answer()).is_empty(), "nobody asked");
        remove.progressed(job, leftovers());
        assert_eq!(remove.run().unwrap().leftovers().map(<[_]>::len), Some(2));
        let told = act(&mut remove, &mut jobs, answer());
        assert!(matches!(told[..], [Command::ClearLeftovers { job: of, count: told }] if of == job && told == count));
        assert!(act(&mut remove, &mut jobs, answer()).is_empty(), "it was answered");
    }
    let (mut remove, _, job) = started();
    remove.progressed(job, leftovers());
    remove.finished(job, JobEnd::Cancelled);
    assert!(remove.run().unwrap().leftovers().is_none(), "nobody waits for it any more");
}

#[test]
fn a_look_names_the_last_will_and_is_asked_before_it_clears() {
    let (mut remove, mut jobs) = (Remove { confirmed: "GW-7".into(), ..Remove::default() }, Jobs::default());
    remove.look.url = "mqtts://broker.example".into();
    remove.look.topics = "site/gw-7/#".into();
    remove.look.will_topic = " site/gw-7/status ".into();
    assert!(act(&mut remove, &mut jobs, RemoveAction::Started).is_empty());
    assert_eq!(remove.mistake().map(|problem| problem.what.as_str()), Some("The last will is incomplete"));
    remove.look.will_text = "offline".into();
    let commands = act(&mut remove, &mut jobs, RemoveAction::Started);
    let [Command::Wipe { start, .. }] = &commands[..] else { panic!("one command") };
    let wish = start.broker.as_ref().unwrap();
    let will = wish.will.as_ref().map(|will| (will.topic.as_str(), will.payload.as_str()));
    assert_eq!((will, wish.consent), (Some(("site/gw-7/status", "offline")), Some(Consent::Asked)));
}

#[test]
fn a_certificate_needs_an_end_and_a_name_that_says_its_form() {
    let (mut remove, mut jobs, job) = started();
    let saved = |path: &str| RemoveAction::SavedCertificate(path.into());
    assert!(act(&mut remove, &mut jobs, saved("/tmp/paper.html")).is_empty(), "there is nothing to certify yet");
    let run = remove.run().unwrap();
    let report = WipeReport {
        record: crate::model::record::RecordId(1),
        link: "serial:x".into(),
        profile: "Generic".into(),
        vendor: "any".into(),
        driver: DriverId::LinuxConsole,
        told: Told { serial: Some("GW-7".into()), ..Told::default() },
        medium: "The storage".into(),
        operator: "Ada".into(),
        is_simulated: false,
        online: None,
        restarts: 0,
        watched: None,
        broker: None,
        assessment: run.assessment(),
    };
    remove.progressed(job, WipeEvent::Assessed(Box::new(report)));
    remove.finished(job, JobEnd::Done { note: String::new() });
    assert_eq!(remove.proposed_name(), "decommissioning-GW-7.html");
    assert!(act(&mut remove, &mut jobs, saved("/tmp/paper.doc")).is_empty(), "no paper has that form");
    assert_eq!(act(&mut remove, &mut jobs, saved("/tmp/paper.html")).len(), 1);
    assert!(act(&mut remove, &mut jobs, saved("/tmp/paper.html")).is_empty(), "it is being saved");
}
