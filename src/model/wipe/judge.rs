//! [`judge`]: the one function that says what may be claimed. Total: every plan and every trail has an answer.
//!
//! The rules: an attested step is never observed. A store counts as empty only by a look after the last restart, and after
//! as many restarts as the plan wants. One look that finds something outweighs any number that found nothing. No software
//! sanitises a medium. Offline, a step that works online only removed nothing, whatever somebody says.

use super::{
    Actor, Answer, Assessment, BrokerSeen, CLEAR_RETAINED, Claim, Claimed, Guard, LIST_RETAINED, Look, NetworkState,
    Outcome, Plan, PlanStep, Proof, Remedy, StepState, StepVerdict, Store, StoreState, StoreVerdict, Trail, WIFI, When,
    WillState,
};

/// Says what may be claimed.
pub fn judge(plan: &Plan, trail: &Trail) -> Assessment {
    let stores: Vec<StoreVerdict> =
        plan.stores.iter().enumerate().map(|(at, store)| store_verdict(plan, trail, at, store)).collect();
    let steps: Vec<StepVerdict> =
        plan.steps.iter().enumerate().map(|(at, step)| step_verdict(plan, trail, at, step, &stores)).collect();
    let claims =
        [useless(plan, trail, &steps), removed(plan, trail, &steps, &stores), sanitised(plan, &steps, &stores)];
    let outcome = outcome(plan, trail, &claims, &steps);
    let remedies = remedies(plan, trail, outcome, &claims, &steps);
    let summary = summary(trail, outcome, &claims, &stores);
    Assessment { outcome, summary, claims, steps, stores, remedies }
}

fn store_verdict(plan: &Plan, trail: &Trail, at: usize, store: &Store) -> StoreVerdict {
    let its = || trail.looks.iter().filter(|look| look.store == at);
    // The worst of the latest looks counts.
    let worst_at =
        |when: Option<When>| its().filter(|look| Some(look.when) == when).max_by_key(|look| weight(look.state));
    // What was there stays there until somebody sees that it is gone.
    let told = worst_at(its().filter(|look| tells(look.state)).map(|look| look.when).max());
    let is_there = |look: &&Look| look.state == StoreState::StillThere;
    let found = told.filter(is_there).or_else(|| worst_at(its().map(|look| look.when).max()));
    let was_removed_since = |look: &&Look| look.when == When::Before && is_acted_on(plan, trail, store);
    let (state, says) = match found {
        Some(look) if is_there(&look) && was_removed_since(&look) => {
            (StoreState::NotLooked, NOT_LOOKED_SINCE.to_owned())
        }
        None if store.is_reachable => (StoreState::NotLooked, String::new()),
        None => (StoreState::NotReachable, String::new()),
        Some(look) => counted(plan, trail, store, look),
    };
    StoreVerdict { store: store.clone(), state, says }
}

const NOT_LOOKED_SINCE: &str = "Seen there before it was to be removed, and not looked at since";

/// Whether a step that removes what lies there was sent, or somebody says that it was done.
fn is_acted_on(plan: &Plan, trail: &Trail, store: &Store) -> bool {
    let removes = |step: &PlanStep| step.claim == Claim::Removed && step.removes.contains(&store.credential);
    let is_done = |at: usize| {
        let marks = trail.steps.get(at).map_or(&[][..], |marks| marks.as_slice());
        let has_failed = marks.iter().any(|mark| matches!(mark.state, StepState::Failed | StepState::Cannot));
        !has_failed && marks.iter().any(|mark| mark.state != StepState::NotChecked)
    };
    plan.steps.iter().enumerate().any(|(at, step)| removes(step) && is_done(at))
}

/// What a look counts for.
fn counted(plan: &Plan, trail: &Trail, store: &Store, look: &Look) -> (StoreState, String) {
    if look.state != StoreState::SeenEmpty {
        return (look.state, look.text.clone());
    }
    let lacks = match look.when {
        When::Before => Some("Seen empty before anything was removed, and not looked at since"),
        When::After(restarts) if restarts < trail.restarts => {
            Some("Seen empty, and not looked at since the last restart")
        }
        When::After(restarts) if restarts < plan.restarts => Some(too_few(plan.restarts)),
        When::After(_) if store.is_assumed && !was_there(plan, trail, &store.credential) => {
            Some("Nothing is there, but the place is a guess and nothing was seen there before")
        }
        When::After(_) => None,
    };
    match lacks {
        Some(lacks) => (StoreState::NotLooked, lacks.to_owned()),
        None => (StoreState::SeenEmpty, look.text.clone()),
    }
}

const fn too_few(restarts: u32) -> &'static str {
    if restarts > 1 {
        "Seen empty, but not after two restarts: what is in flash may come back"
    } else {
        "Seen empty, but not after a restart: what is on the medium may come back"
    }
}

/// Whether a credential was seen in one of its places before: then that is how this gateway keeps it.
fn was_there(plan: &Plan, trail: &Trail, credential: &str) -> bool {
    let is_its = |look: &Look| plan.stores.get(look.store).is_some_and(|store| store.credential == credential);
    let is_there = |look: &&Look| look.when == When::Before && look.state == StoreState::StillThere;
    trail.proven.iter().any(|proven| proven == credential) || trail.looks.iter().filter(is_there).any(is_its)
}

/// Whether a look brought something.
const fn tells(state: StoreState) -> bool {
    matches!(state, StoreState::SeenEmpty | StoreState::StillThere)
}

const fn weight(state: StoreState) -> u8 {
    match state {
        StoreState::SeenEmpty => 0,
        StoreState::NotLooked => 1,
        StoreState::NotReachable => 2,
        StoreState::StillThere => 3,
    }
}

fn step_verdict(plan: &Plan, trail: &Trail, at: usize, step: &PlanStep, stores: &[StoreVerdict]) -> StepVerdict {
    let marks = trail.steps.get(at).cloned().unwrap_or_default();
    let has = |state| marks.iter().any(|mark| mark.state == state);
    let effect = effect(step, stores);
    let said = [
        StepState::Failed,
        StepState::Cannot,
        StepState::Attested,
        StepState::Observed,
        StepState::Acknowledged,
        StepState::Requested,
    ];
    let said = said.into_iter().find(|state| has(*state)).unwrap_or(StepState::NotChecked);
    let was_offline = step.needs_online && trail.online == Some(false);
    let state = match (said, effect) {
        (StepState::NotChecked | StepState::Failed | StepState::Cannot, _) => said,
        _ if was_offline => StepState::Failed,
        (_, Some(StoreState::StillThere)) if step.claim == Claim::Removed => StepState::Failed,
        // The gateway said so, and the look bears it out.
        (StepState::Acknowledged | StepState::Requested, Some(StoreState::SeenEmpty))
            if step.claim == Claim::Removed && step.actor == Actor::Driver && plan.restarts <= trail.restarts =>
        {
            StepState::Observed
        }
        _ => said,
    };
    StepVerdict {
        step: step.id.clone(),
        does: step.does.clone(),
        by: step.actor,
        claim: step.claim,
        state,
        evidence: marks,
        effect,
    }
}

/// The worst that was seen of what a step removes.
fn effect(step: &PlanStep, stores: &[StoreVerdict]) -> Option<StoreState> {
    if step.claim == Claim::Useless {
        return None;
    }
    let its = stores.iter().filter(|store| step.removes.contains(&store.store.credential));
    its.map(|store| store.state).max_by_key(|state| weight(*state))
}

/// Whether a step was carried out, as far as anybody says.
const fn is_done(state: StepState) -> bool {
    matches!(state, StepState::Acknowledged | StepState::Attested | StepState::Observed)
}

/// Whether the credential opens anything, by the steps and by what was seen at a broker.
fn useless(plan: &Plan, trail: &Trail, steps: &[StepVerdict]) -> Claimed {
    let by_steps = useless_by_steps(plan, steps);
    let Some(seen) = &trail.broker else { return by_steps };
    let says = seen.words().swap_remove(0);
    match (seen.proof(), by_steps.answer) {
        (Proof::StillAccepted, _) => Claimed { answer: Answer::No, says, ..by_steps },
        (Proof::Proved, Answer::NotPlanned | Answer::Attested | Answer::Acknowledged | Answer::Observed) => {
            Claimed { answer: Answer::Observed, says, ..by_steps }
        }
        _ => Claimed { says: format!("{}. {says}", by_steps.says), ..by_steps },
    }
}

fn useless_by_steps(plan: &Plan, steps: &[StepVerdict]) -> Claimed {
    let answer_of = |state| match state {
        StepState::Failed | StepState::Cannot => Answer::No,
        StepState::NotChecked | StepState::Requested => Answer::NotChecked,
        StepState::Attested => Answer::Attested,
        StepState::Acknowledged => Answer::Acknowledged,
        StepState::Observed => Answer::Observed,
    };
    let worst = steps.iter().filter(|step| step.claim == Claim::Useless).min_by_key(|step| answer_of(step.state));
    let claim = Claim::Useless;
    let Some(worst) = worst else {
        let has_wifi = plan.stores.iter().any(|store| store.credential == WIFI);
        let says = if has_wifi {
            "The Wi-Fi passphrase stays valid until it is changed at the access point"
        } else {
            "The profile knows no step that makes a credential useless"
        };
        return Claimed { claim, answer: Answer::NotPlanned, says: says.into() };
    };
    let answer = answer_of(worst.state);
    let says = match answer {
        Answer::No => format!("Not done: {}", worst.does),
        Answer::NotChecked => format!("Open: {}", worst.does),
        Answer::Attested => "A person says that each step was done; nobody tried the old credential".into(),
        Answer::Acknowledged => "Each step was answered; nobody tried the old credential".into(),
        _ => "The old credential was tried and refused".into(),
    };
    Claimed { claim, answer, says }
}

fn removed(plan: &Plan, trail: &Trail, steps: &[StepVerdict], stores: &[StoreVerdict]) -> Claimed {
    let claim = Claim::Removed;
    let is = |state| move |store: &&StoreVerdict| store.state == state;
    let there: Vec<&str> = named(stores.iter().filter(is(StoreState::StillThere)));
    let open: Vec<&str> = named(stores.iter().filter(|store| store.state != StoreState::SeenEmpty));
    let has_seen_any = stores.iter().any(|store| store.state == StoreState::SeenEmpty);
    // Where somebody saw a place empty once, and could not look again, a person's word doesn't stand for it.
    let nobody_saw = trail.looks.iter().all(|look| look.state != StoreState::SeenEmpty);
    let of_removal = || steps.iter().filter(|step| step.claim == Claim::Removed);
    let was_offline = plan.needs_online() && trail.online == Some(false);
    let (answer, says) = if !there.is_empty() {
        (Answer::No, format!("Still there: {}", there.join(", ")))
    } else if was_offline {
        (Answer::No, "The gateway was offline: nothing is removed then".into())
    } else if stores.is_empty() && of_removal().next().is_none() {
        (Answer::NotPlanned, "The profile names no data on the device".into())
    } else if of_removal().any(|step| matches!(step.state, StepState::Failed | StepState::Cannot)) && !has_seen_any {
        (Answer::No, "A step that removes failed, and nothing was seen empty".into())
    } else if plan.needs_online() && trail.online.is_none() {
        (Answer::NotChecked, "Whether the gateway was online, as removing needs, is not known".into())
    } else if !stores.is_empty() && open.is_empty() {
        (Answer::Observed, counted_empty(stores.len(), trail))
    } else if has_seen_any {
        (Answer::Partly, format!("Not seen: {}", open.join(", ")))
    } else if nobody_saw && of_removal().next().is_some() && of_removal().all(|step| step.state == StepState::Attested)
    {
        (Answer::Attested, "A person says so; nobody could look".into())
    } else {
        let why = stores.iter().map(|store| store.says.as_str()).find(|says| !says.is_empty());
        (Answer::NotChecked, why.unwrap_or("Not looked at after a restart").into())
    };
    Claimed { claim, answer, says }
}

fn counted_empty(stores: usize, trail: &Trail) -> String {
    let places = if stores == 1 { "The one place was".to_owned() } else { format!("All {stores} places were") };
    let word = if trail.is_restart_told { ", as far as the gateway reports its restart" } else { "" };
    match trail.restarts {
        0 => format!("{places} seen empty"),
        1 => format!("{places} seen empty after a restart{word}"),
        restarts => format!("{places} seen empty after {restarts} restarts{word}"),
    }
}

/// The credentials of some stores, each once.
fn named<'a>(stores: impl Iterator<Item = &'a StoreVerdict>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for store in stores {
        let name = shown(&store.store.credential);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn shown(credential: &str) -> &str {
    if credential == WIFI { "Wi-Fi passphrase" } else { credential }
}

fn sanitised(plan: &Plan, steps: &[StepVerdict], stores: &[StoreVerdict]) -> Claimed {
    let claim = Claim::Sanitised;
    let is_attested = |step: &StepVerdict| step.state == StepState::Attested && step.claim == Claim::Sanitised;
    let medium = if plan.medium.is_empty() { "The storage" } else { plan.medium.as_str() };
    let has_failed = steps.iter().any(|step| step.claim == Claim::Sanitised && step.state == StepState::Failed);
    if steps.iter().any(is_attested) && !has_failed {
        let says = format!("A person says that {} was overwritten or destroyed", lower(medium));
        return Claimed { claim, answer: Answer::Attested, says };
    }
    if has_failed || stores.iter().any(|store| store.state == StoreState::StillThere) {
        return Claimed { claim, answer: Answer::No, says: format!("{medium} still holds data") };
    }
    let says = if plan.is_medium_encrypted {
        format!("{medium} is encrypted; whether its key is gone can't be seen from here")
    } else {
        format!("{medium} isn't encrypted: what was deleted can be read back from it")
    };
    Claimed { claim, answer: Answer::NotBySoftware, says }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + chars.as_str())
}

fn outcome(plan: &Plan, trail: &Trail, claims: &[Claimed; 3], steps: &[StepVerdict]) -> Outcome {
    match trail.guard {
        Guard::Refused(_) | Guard::NotCompared => return Outcome::Refused,
        Guard::Swapped(_) => return Outcome::Unknown,
        Guard::Passed => {}
    }
    let [useless, removed, _] = claims;
    let counts = |step: &&StepVerdict| step.claim != Claim::Sanitised;
    let is_all_done = steps.iter().filter(counts).all(|step| is_done(step.state));
    let is_useless = !matches!(useless.answer, Answer::No | Answer::NotChecked);
    if removed.answer == Answer::Observed
        && is_useless
        && is_all_done
        && !trail.is_cut
        && came_back(trail).is_none()
        && !answers_unknown(trail)
        && trail.broker.as_ref().is_none_or(BrokerSeen::is_clear)
        && trail.restarts >= plan.restarts
    {
        return Outcome::Complete;
    }
    // Something was sent, and no look after it says anything of it.
    let was_sent = steps
        .iter()
        .any(|step| step.by == Actor::Driver && step.evidence.iter().any(|mark| mark.state == StepState::Requested));
    let has_looked = trail.looks.iter().any(|look| look.when > When::Before && tells(look.state));
    if trail.is_cut && was_sent && !has_looked { Outcome::Unknown } else { Outcome::Incomplete }
}

fn remedies(plan: &Plan, trail: &Trail, outcome: Outcome, claims: &[Claimed; 3], steps: &[StepVerdict]) -> Vec<Remedy> {
    if outcome == Outcome::Refused {
        return Vec::new();
    }
    let mut remedies = Vec::new();
    for (step, verdict) in plan.steps.iter().zip(steps) {
        let is_idle = step.claim == Claim::Sanitised && outcome == Outcome::Complete;
        if is_done(verdict.state) || is_idle {
            continue;
        }
        let can_not = matches!(verdict.state, StepState::Failed | StepState::Cannot)
            || (step.needs_online && trail.online == Some(false));
        let text = if can_not { step.otherwise.clone() } else { step.does.clone() };
        remedies.push(Remedy { step: Some(step.id.clone()), text, warning: step.warning.clone() });
    }
    if let Some(seen) = &trail.broker {
        if !seen.live.is_empty() {
            let text = "End its session at the broker: something is still published on its topics".into();
            remedies.push(Remedy { step: None, text, warning: None });
        }
        if seen.will.as_ref().is_some_and(|will| will.state == WillState::NotSeen) {
            let text = "Make sure at the broker that no session of it goes on: its last will wasn't seen".into();
            remedies.push(Remedy { step: None, text, warning: None });
        }
        if seen.left().next().is_some() {
            remedies.push(Remedy { step: None, text: CLEAR_RETAINED.into(), warning: None });
        } else if seen.retained_open.is_some() {
            remedies.push(Remedy { step: None, text: LIST_RETAINED.into(), warning: None });
        }
    }
    if came_back(trail).is_some() {
        let text =
            "Find out what set it up again, or keep it away from its old network, then repeat the removal".into();
        remedies.push(Remedy { step: None, text, warning: None });
    }
    if answers_unknown(trail) {
        let text = "Find out what answers at its old address: it may be the gateway".into();
        remedies.push(Remedy { step: None, text, warning: None });
    }
    if trail.is_cut {
        let text = "Connect it again and repeat the removal: what is gone stays gone, and what is left is seen".into();
        remedies.push(Remedy { step: None, text, warning: None });
    }
    let is_removed = claims[1].answer == Answer::Observed;
    if !is_removed && trail.restarts < plan.restarts {
        remedies.push(Remedy { step: None, text: restart_and_look(plan.restarts), warning: None });
    }
    // Advice for whoever gets no further is none for whoever did.
    let got_through = steps.iter().any(|step| step.by == Actor::Driver && is_done(step.state));
    if outcome != Outcome::Complete && !got_through && !plan.guidance.is_empty() {
        remedies.push(Remedy { step: None, text: plan.guidance.clone(), warning: None });
    }
    remedies
}

fn restart_and_look(restarts: u32) -> String {
    match restarts {
        1 => "Restart the gateway, then look again".into(),
        restarts => format!("Take the power away {restarts} times, then look again"),
    }
}

fn summary(trail: &Trail, outcome: Outcome, claims: &[Claimed; 3], stores: &[StoreVerdict]) -> String {
    match (&trail.guard, outcome) {
        (Guard::Refused(why), _) => format!("Nothing was done: {why}"),
        (Guard::Swapped(why), _) => format!("Stopped: {why}"),
        (Guard::NotCompared, _) => "Nothing was done: the gateway wasn't identified".into(),
        (Guard::Passed, Outcome::Complete) => format!("{}; {}", claims[1].says, lower(&claims[2].says)),
        (Guard::Passed, Outcome::Unknown) => {
            "The gateway was told to remove its data, and nobody could look after it".into()
        }
        (Guard::Passed, _) if let Some(finding) = came_back(trail) => format!("It came back: {finding}"),
        (Guard::Passed, _) if trail.is_cut => {
            let rest = claims_or_open(trail, claims, stores);
            format!("Ended early: the gateway stopped answering, or somebody stopped it. {rest}")
        }
        (Guard::Passed, _) => claims_or_open(trail, claims, stores),
    }
}

/// What a watch saw of a gateway that came back.
fn came_back(trail: &Trail) -> Option<&str> {
    trail.watched.as_ref()?.finding.as_deref()
}

/// Whether something answers at its old address of which nobody can tell what it is.
fn answers_unknown(trail: &Trail) -> bool {
    trail.watched.as_ref().is_some_and(|watched| watched.old_network.state == NetworkState::Answers)
}

/// What is there, or the first claim that doesn't hold.
fn claims_or_open(trail: &Trail, claims: &[Claimed; 3], stores: &[StoreVerdict]) -> String {
    let there = named(stores.iter().filter(|store| store.state == StoreState::StillThere));
    if !there.is_empty() {
        return format!("The gateway still holds: {}", there.join(", "));
    }
    let left_at_broker = trail.broker.as_ref().map_or(0, |seen| seen.left().count());
    let open =
        claims[..2].iter().find(|claimed| claimed.answer < Answer::Attested && claimed.answer != Answer::NotPlanned);
    open.map_or_else(
        || match left_at_broker {
            0 => "Steps are open: see what is left to be done".into(),
            1 => "The broker still retains 1 message of it".into(),
            count => format!("The broker still retains {count} messages of it"),
        },
        |claimed| format!("{}: {}. {}", claimed.claim.title(), claimed.answer.label().to_lowercase(), claimed.says),
    )
}
