use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn mark(state: StepState) -> Mark {
    Mark { state, text: state.to_string(), at: Duration::ZERO }
}

fn step(id: &str, actor: Actor, claim: Claim, removes: &[&str], needs_online: bool) -> PlanStep {
    PlanStep {
        id: id.into(),
        does: format!("Do {id}"),
        actor,
        claim,
        removes: removes.iter().map(|&id| id.to_owned()).collect(),
        needs_online,
        evidence: vec!["It is gone".into()],
        otherwise: format!("Instead of {id}"),
        warning: None,
    }
}

fn store(credential: &str, is_assumed: bool) -> Store {
    Store { credential: credential.into(), key: "k".into(), place: "/k".into(), is_reachable: true, is_assumed }
}

/// A card that is not encrypted, unpaired by the vendor's tool while online.
pub(super) fn card() -> Plan {
    Plan {
        steps: vec![
            step("unpair", Actor::VendorTool, Claim::Removed, &["wifi", "token"], true),
            step("void", Actor::VendorTool, Claim::Useless, &["token"], false),
            step("destroy", Actor::Person, Claim::Sanitised, &["wifi", "token"], false),
        ],
        stores: vec![store("wifi", false), store("token", true)],
        medium: "The SD card".into(),
        restarts: 1,
        guidance: "Destroy the card".into(),
        ..Plan::default()
    }
}

fn look(store: usize, state: StoreState, when: When) -> Look {
    Look { store, state, text: String::new(), when }
}

fn good_trail(plan: &Plan) -> Trail {
    let mut trail = Trail { guard: Guard::Passed, online: Some(true), restarts: 1, ..plan.trail() };
    trail.steps[0].push(mark(StepState::Attested));
    trail.steps[1].push(mark(StepState::Attested));
    trail.looks.push(look(1, StoreState::StillThere, When::Before));
    trail.looks.extend([0, 1].map(|store| look(store, StoreState::SeenEmpty, When::After(1))));
    trail
}

#[test]
fn what_was_there_before_a_removal_that_nobody_looked_after_is_not_called_still_there() {
    let plan = card();
    let mut trail = Trail { guard: Guard::Passed, online: Some(true), ..plan.trail() };
    trail.looks.push(look(1, StoreState::StillThere, When::Before));
    let token = |trail: &Trail| judge(&plan, trail).stores[1].state;
    assert_eq!(token(&trail), StoreState::StillThere, "nothing was sent yet");
    trail.steps[0].push(mark(StepState::Acknowledged));
    assert_eq!(token(&trail), StoreState::NotLooked);
    assert!(!judge(&plan, &trail).summary.contains("still holds"));
    trail.steps[0].push(mark(StepState::Failed));
    assert_eq!(token(&trail), StoreState::StillThere, "the gateway reports that it didn't remove it");
}

#[test]
fn unpaired_online_and_seen_empty_after_a_restart_is_complete_and_the_card_stays_a_card() {
    let plan = card();
    let found = judge(&plan, &good_trail(&plan));
    assert_eq!(found.outcome, Outcome::Complete, "{found:?}");
    assert_eq!(
        found.claims.each_ref().map(|claimed| claimed.answer),
        [Answer::Attested, Answer::Observed, Answer::NotBySoftware]
    );
    assert!(found.summary.contains("isn't encrypted"), "{}", found.summary);
    assert_eq!(found.steps[0].state, StepState::Attested, "what a person says is never observed");
}

#[test]
fn unpaired_offline_removes_nothing_whatever_is_attested_and_whatever_an_empty_guess_shows() {
    let plan = card();
    let trail = Trail { online: Some(false), ..good_trail(&plan) };
    let found = judge(&plan, &trail);
    assert_eq!((found.outcome, found.claims[1].answer), (Outcome::Incomplete, Answer::No));
    assert_eq!(found.steps[0].state, StepState::Failed);
    assert_eq!(found.remedies[0].text, "Instead of unpair");
}

#[test]
fn an_empty_place_that_is_a_guess_says_nothing_unless_something_was_there_before() {
    let plan = card();
    let mut trail = good_trail(&plan);
    trail.looks.retain(|look| look.when != When::Before);
    let found = judge(&plan, &trail);
    assert_eq!((found.outcome, found.claims[1].answer), (Outcome::Incomplete, Answer::Partly));
    assert_eq!(found.stores[1].state, StoreState::NotLooked);
}

#[test]
fn what_comes_back_after_the_restart_is_incomplete_and_the_step_that_said_otherwise_failed() {
    let mut plan = card();
    plan.steps = vec![step("forget", Actor::Driver, Claim::Removed, &["wifi"], false)];
    plan.stores.truncate(1);
    let mut trail = Trail { guard: Guard::Passed, restarts: 1, ..plan.trail() };
    trail.steps[0].push(mark(StepState::Acknowledged));
    trail.looks.push(look(0, StoreState::SeenEmpty, When::After(0)));
    let before = judge(&plan, &Trail { restarts: 0, ..trail.clone() });
    assert_eq!((before.outcome, before.claims[1].answer), (Outcome::Incomplete, Answer::NotChecked));
    trail.looks.push(look(0, StoreState::StillThere, When::After(1)));
    let found = judge(&plan, &trail);
    assert_eq!((found.outcome, found.steps[0].state), (Outcome::Incomplete, StepState::Failed));
    trail.looks.pop();
    trail.looks.push(look(0, StoreState::SeenEmpty, When::After(1)));
    let found = judge(&plan, &trail);
    assert_eq!((found.outcome, found.steps[0].state), (Outcome::Complete, StepState::Observed));
}

#[test]
fn what_was_sent_and_never_looked_after_is_unknown() {
    let mut plan = card();
    plan.steps = vec![step("forget", Actor::Driver, Claim::Removed, &["wifi"], false)];
    let mut trail = Trail { guard: Guard::Passed, is_cut: true, ..plan.trail() };
    assert_eq!(judge(&plan, &trail).outcome, Outcome::Incomplete);
    trail.steps[0].push(mark(StepState::Requested));
    assert_eq!(judge(&plan, &trail).outcome, Outcome::Unknown);
}

#[test]
fn the_cloud_comes_before_the_device() {
    let mut plan = card();
    plan.steps = vec![
        step("block", Actor::VendorTool, Claim::Useless, &["token"], false),
        step("forget", Actor::Driver, Claim::Removed, &["wifi"], false),
        step("later", Actor::VendorTool, Claim::Useless, &["token"], false),
    ];
    let open: Vec<&str> = plan.cloud_first(|_| false).map(|step| step.id.as_str()).collect();
    assert_eq!(open, ["block"]);
    assert_eq!(plan.cloud_first(|id| id == "block").count(), 0);
    assert_eq!(card().cloud_first(|_| false).count(), 0, "no step of the driver: nothing to wait for");
}

fn state<T: crate::model::word::Word + std::fmt::Debug>() -> impl Strategy<Value = T> {
    (0..T::ALL.len()).prop_map(|at| T::ALL[at])
}

fn steps() -> impl Strategy<Value = Vec<PlanStep>> {
    let one =
        (state::<Actor>(), state::<Claim>(), any::<bool>(), 0_usize..4).prop_map(|(actor, claim, online, removes)| {
            let removes: &[&str] = match removes {
                0 => &[],
                1 => &["wifi"],
                2 => &["token"],
                _ => &["wifi", "token"],
            };
            step("s", actor, claim, removes, online)
        });
    prop::collection::vec(one, 0..4)
}

fn plans() -> impl Strategy<Value = Plan> {
    let stores = prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..4);
    (steps(), stores, 0_u32..3, any::<bool>()).prop_map(|(steps, stores, restarts, is_medium_encrypted)| Plan {
        steps,
        stores: stores
            .into_iter()
            .map(|(is_wifi, is_assumed, is_reachable)| Store {
                is_reachable,
                ..store(if is_wifi { "wifi" } else { "token" }, is_assumed)
            })
            .collect(),
        medium: "The SD card".into(),
        is_medium_encrypted,
        restarts,
        guidance: "g".into(),
    })
}

fn guards() -> impl Strategy<Value = Guard> {
    prop_oneof![
        1 => Just(Guard::NotCompared),
        8 => Just(Guard::Passed),
        1 => Just(Guard::Refused("w".into())),
        1 => Just(Guard::Swapped("w".into())),
    ]
}

fn looks(stores: usize) -> impl Strategy<Value = Look> {
    let when = prop_oneof![Just(When::Before), (0_u32..4).prop_map(When::After)];
    (0..stores.max(1), state::<StoreState>(), when).prop_map(|(store, state, when)| look(store, state, when))
}

/// What a broker retains, and what was seen of a last will.
#[derive(Clone, Debug)]
struct AtBroker(Vec<LeftoverState>, Option<WillState>, bool);

impl AtBroker {
    fn on(self, seen: BrokerSeen) -> BrokerSeen {
        let leftover = |state| Leftover { topic: "site/gw".into(), bytes: 1, state };
        let will = self.1.map(|state| WillSeen { topic: "site/gw/status".into(), state, because: None });
        let retained_open = self.2.then(|| "why".to_owned());
        BrokerSeen { will, retained: self.0.into_iter().map(leftover).collect(), retained_open, ..seen }
    }
}

fn left_at_broker() -> impl Strategy<Value = AtBroker> {
    let retained = prop::collection::vec(state::<LeftoverState>(), 0..3);
    (retained, prop::option::of(state::<WillState>()), any::<bool>())
        .prop_map(|(retained, will, is_open)| AtBroker(retained, will, is_open))
}

prop_compose! {
    fn cases()(plan in plans())(
        steps in prop::collection::vec(
            prop::collection::vec(state::<StepState>(), 0..3), plan.steps.len()..=plan.steps.len()),
        looks in prop::collection::vec(looks(plan.stores.len()), 0..8),
        guard in guards(),
        online in prop::option::of(any::<bool>()),
        restarts in 0_u32..4,
        is_restart_told in any::<bool>(),
        is_cut in any::<bool>(),
        finding in prop::option::of((any::<bool>(), state::<NetworkState>())),
        login in prop::option::of((state::<LoginState>(), any::<bool>(), left_at_broker())),
        proven in prop::collection::vec(prop_oneof![Just("wifi".to_owned()), Just("token".to_owned())], 0..2),
        plan in Just(plan),
    ) -> (Plan, Trail) {
        let steps = steps.into_iter().map(|marks| marks.into_iter().map(mark).collect()).collect();
        let broker = login.map(|(old, is_alive, left)| left.on(broker_seen(old, None, is_alive)));
        let watched = finding.map(|(is_back, network)| Watched {
            seconds: 60,
            answers: 1,
            finding: is_back.then(|| "f".into()),
            old_network: OldNetwork { state: network, says: "s".into() },
            ..Watched::default()
        });
        (plan, Trail { guard, online, steps, looks, proven, restarts, is_restart_told, is_cut, watched, broker })
    }
}

fn broker_seen(old: LoginState, control: Option<LoginState>, is_alive: bool) -> BrokerSeen {
    let login = |state| LoginSeen { state, says: "the broker's word".into() };
    BrokerSeen {
        endpoint: "mqtts://broker".into(),
        old: login(old),
        control: control.map(login),
        apart: Duration::from_secs(1),
        will: None,
        retained: Vec::new(),
        retained_open: None,
        live: if is_alive { vec![LiveTopic { topic: "site/gw".into(), messages: 1 }] } else { Vec::new() },
        listened_seconds: 10,
    }
}

#[test]
fn only_a_broker_that_refuses_the_old_and_accepts_another_one_shows_that_a_credential_is_useless() {
    use LoginState::{Accepted, Refused};
    let plan = card();
    let found = |old, control, is_alive| {
        let broker = Some(broker_seen(old, control, is_alive));
        judge(&plan, &Trail { broker, ..good_trail(&plan) })
    };
    let proved = found(Refused, Some(Accepted), false);
    assert_eq!((proved.outcome, proved.claims[0].answer), (Outcome::Complete, Answer::Observed));
    let alone = found(Refused, None, false);
    assert_eq!((alone.outcome, alone.claims[0].answer), (Outcome::Complete, Answer::Attested));
    assert!(alone.claims[0].says.contains("not proved"), "{}", alone.claims[0].says);
    let open = found(Accepted, Some(Accepted), false);
    assert_eq!((open.outcome, open.claims[0].answer), (Outcome::Incomplete, Answer::No));
    assert_eq!(found(Refused, Some(Accepted), true).outcome, Outcome::Incomplete, "its client isn't gone");
}

#[test]
fn what_the_broker_retains_of_it_is_open_until_it_was_cleared_and_looked_for_again() {
    let plan = card();
    let found = |retained: &[LeftoverState], will| {
        let seen = broker_seen(LoginState::Refused, Some(LoginState::Accepted), false);
        let broker = Some(AtBroker(retained.to_vec(), Some(will), false).on(seen));
        judge(&plan, &Trail { broker, ..good_trail(&plan) })
    };
    let left = found(&[LeftoverState::Left, LeftoverState::Cleared], WillState::Seen);
    assert_eq!(
        (left.outcome, left.summary.as_str()),
        (Outcome::Incomplete, "The broker still retains 1 message of it")
    );
    assert!(left.remedies.iter().any(|remedy| remedy.text == CLEAR_RETAINED), "{left:?}");
    assert_eq!(found(&[LeftoverState::Cleared], WillState::Seen).outcome, Outcome::Complete);
    let unseen = found(&[], WillState::NotSeen);
    assert_eq!(unseen.outcome, Outcome::Complete, "a gateway that says goodbye leaves no last will");
    assert!(unseen.remedies.iter().any(|remedy| remedy.text.contains("its last will wasn't seen")), "{unseen:?}");
}

/// How good an outcome is.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Complete => 2,
        Outcome::Incomplete | Outcome::Unknown => 1,
        Outcome::Refused => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_is_complete_or_removed_without_a_look_after_the_last_restart((plan, trail) in cases()) {
        let found = judge(&plan, &trail);
        let is_seen = |at: usize| trail.looks.iter().any(|look| {
            look.store == at && look.state == StoreState::SeenEmpty
                && look.when >= When::After(trail.restarts.max(plan.restarts))
        });
        if found.outcome == Outcome::Complete || found.claim(Claim::Removed).answer == Answer::Observed {
            prop_assert!(!plan.stores.is_empty());
            prop_assert!((0..plan.stores.len()).all(is_seen), "{found:?}");
            prop_assert!(!(plan.needs_online() && trail.online != Some(true)));
        }
        if found.outcome == Outcome::Complete {
            prop_assert_eq!(&trail.guard, &Guard::Passed);
            prop_assert!(found.stores.iter().all(|store| store.state == StoreState::SeenEmpty));
            prop_assert_eq!(found.claim(Claim::Removed).answer, Answer::Observed);
            prop_assert!(trail.broker.as_ref().is_none_or(|seen| seen.proof() != Proof::StillAccepted && seen.is_clear()));
            let may_be_back = |watched: &Watched| watched.old_network.state == NetworkState::Answers;
            prop_assert!(trail.watched.as_ref().is_none_or(|watched| watched.finding.is_none() && !may_be_back(watched)));
        }
    }

    #[test]
    fn an_attested_step_is_never_observed((plan, trail) in cases()) {
        let found = judge(&plan, &trail);
        for step in &found.steps {
            if step.evidence.iter().any(|mark| mark.state == StepState::Attested) {
                prop_assert_ne!(step.state, StepState::Observed);
            }
        }
    }

    #[test]
    fn no_medium_is_sanitised_by_software((plan, trail) in cases()) {
        let answer = judge(&plan, &trail).claim(Claim::Sanitised).answer;
        prop_assert!(matches!(answer, Answer::No | Answer::NotBySoftware | Answer::Attested));
        if answer == Answer::Attested {
            let says = |(step, marks): (&PlanStep, &Vec<Mark>)| {
                step.claim == Claim::Sanitised && marks.iter().any(|mark| mark.state == StepState::Attested)
            };
            prop_assert!(plan.steps.iter().zip(&trail.steps).any(says));
        }
    }

    #[test]
    fn a_failing_observation_never_improves_a_claim(
        (plan, trail) in cases(), at in 0_usize..4, epoch in 0_u32..4, what in 0_usize..4
    ) {
        let before = judge(&plan, &trail);
        let mut worse = trail;
        match what {
            0 if !plan.stores.is_empty() => {
                let store = at % plan.stores.len();
                // A look of an earlier time adds nothing but that something was there then.
                let when = When::After(epoch.max(worse.restarts));
                worse.looks.push(look(store, StoreState::StillThere, when));
            }
            1 if !plan.stores.is_empty() => {
                let store = at % plan.stores.len();
                worse.looks.push(look(store, StoreState::NotReachable, When::After(epoch.max(worse.restarts))));
            }
            2 if !plan.steps.is_empty() => worse.steps[at % plan.steps.len()].push(mark(StepState::Failed)),
            _ => worse.is_cut = true,
        }
        let after = judge(&plan, &worse);
        prop_assert!(rank(after.outcome) <= rank(before.outcome), "{before:?} became {after:?}");
        for (after, before) in after.claims.iter().zip(&before.claims) {
            prop_assert!(after.answer <= before.answer, "{before:?} became {after:?}");
        }
    }
}
