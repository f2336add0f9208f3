//! The verdict as a table, and as a promise over everything that can be observed.

use proptest::prelude::*;

use super::*;

const OURS: &str = "uuid-ours";

fn site() -> Ssid {
    Ssid::from_octets(*b"Site").unwrap()
}

fn unnamed(station: Station, seen: Seen) -> Observation {
    Observation::Look(Look::unnamed(station, seen))
}

fn on(ssid: &str, connection: Option<&str>, station: Station) -> Observation {
    let named = Named::Network { ssid: ssid.into(), connection: connection.map(keeps) };
    Observation::Look(Look { station, named, seen: Seen::Question, addresses: Vec::new() })
}

/// A connection by its id; each has the same name, since names prove nothing.
fn keeps(id: &str) -> Connection {
    Connection { id: id.into(), name: "linesman Site".into() }
}

fn refused() -> Observation {
    Observation::Refused(Refusal { kind: RefusalKind::CouldNotJoin, code: "x.could_not_join", words: "no".into() })
}

/// A protocol that names no network.
#[track_caller]
fn check_unnamed(before: &Before, observations: &[Observation], expected: Verdict) {
    let ground = rule(Asked { ssid: &site(), connection: None }, before, observations);
    assert_eq!(ground.verdict(), expected, "{before:?} {observations:?}: {ground:?}");
}

/// A gateway that keeps networks under names.
#[track_caller]
fn check_named(observations: &[Observation], expected: &Ground) {
    let ground = rule(Asked { ssid: &site(), connection: Some(OURS) }, &Before::NotKnown, observations);
    assert_eq!(&ground, expected, "{observations:?}");
}

#[test]
fn a_gateway_without_a_network_that_has_one_afterwards_joined() {
    use Observation::{Began, Done, LinkLost};
    let has_one = unnamed(Station::Connected, Seen::Answer);
    check_unnamed(&Before::NoNetwork, &[Began, has_one.clone()], Verdict::Joined);
    check_unnamed(&Before::NoNetwork, &[Done, has_one.clone()], Verdict::Joined);
    check_unnamed(&Before::NoNetwork, &[Began, LinkLost, has_one], Verdict::Joined);
    check_unnamed(&Before::NoNetwork, &[unnamed(Station::Connected, Seen::Unasked)], Verdict::Joined);
}

#[test]
fn a_gateway_that_had_a_network_and_names_none_joined_only_by_its_answer_to_this_push() {
    use Observation::{Began, Done, TimeOver};
    let has_one = unnamed(Station::Connected, Seen::Answer);
    for before in [Before::SomeNetwork { addresses: Vec::new() }, Before::NotKnown] {
        check_unnamed(&before, &[Began, Done, has_one.clone()], Verdict::Joined);
        // It says "provisioned" at once.
        check_unnamed(&before, std::slice::from_ref(&has_one), Verdict::Unknown);
        check_unnamed(&before, &[Done, has_one.clone()], Verdict::Unknown);
        // It tried, and has a network again: perhaps the old one.
        check_unnamed(&before, &[Began, has_one.clone()], Verdict::Unknown);
        // Later than expected.
        let late = [Began, TimeOver, unnamed(Station::Connected, Seen::Unasked)];
        check_unnamed(&before, &late, Verdict::Unknown);
    }
}

#[test]
fn an_address_from_before_speaks_for_the_old_network() {
    let before = Before::SomeNetwork { addresses: vec!["http://10.0.0.7/".into()] };
    let at = |address: &str, seen| {
        let look = Look::unnamed(Station::Connected, seen);
        Observation::Look(Look { addresses: vec![address.into()], ..look })
    };
    let told = |address| [Observation::Began, Observation::Done, at(address, Seen::Answer)];
    check_unnamed(&before, &told("http://10.0.0.7/"), Verdict::Unknown);
    check_unnamed(&before, &told("http://10.0.0.8/"), Verdict::Joined);
    // What it tells when asked again counts as well, and so does what it told first.
    let [began, done, other] = told("http://10.0.0.8/");
    check_unnamed(&before, &[began, done, other, at("http://10.0.0.7/", Seen::Question)], Verdict::Unknown);
}

#[test]
fn a_gateway_without_a_network_that_tries_again_by_itself_joined() {
    use Observation::Began;
    let has_one = unnamed(Station::Connected, Seen::Unasked);
    check_unnamed(&Before::NoNetwork, &[Began, refused(), has_one.clone()], Verdict::Joined);
    check_unnamed(&Before::NoNetwork, &[Began, has_one.clone(), refused()], Verdict::Refused);
    // One that had a network may be back on it.
    let before = Before::SomeNetwork { addresses: Vec::new() };
    check_unnamed(&before, &[Began, refused(), has_one], Verdict::Refused);
}

#[test]
fn a_late_word_is_told_as_late() {
    let late = [Observation::Began, Observation::TimeOver, unnamed(Station::Connected, Seen::Unasked)];
    let ground = rule(Asked { ssid: &site(), connection: None }, &Before::NoNetwork, &late);
    assert_eq!(ground, Ground::Joined { is_named: false, is_late: true });
}

#[test]
fn a_named_network_is_compared_with_its_connection() {
    let joined = Ground::Joined { is_named: true, is_late: false };
    check_named(&[on("Site", Some(OURS), Station::Connected)], &joined);
    let other = Ground::OtherNetwork { name: "Guest".into(), was_there_before: false };
    check_named(&[Observation::Done, on("Guest", Some("Guest"), Station::Connected)], &other);
    check_named(&[Observation::Done, on("Guest", Some(OURS), Station::Connected)], &other);
    check_named(
        &[on("site", Some(OURS), Station::Connected)],
        &Ground::OtherNetwork { name: "site".into(), was_there_before: false },
    );
    let by_another = Ground::OtherConnection { name: "linesman Site".into() };
    check_named(&[Observation::Done, on("Site", Some("factory"), Station::Connected)], &by_another);
    check_named(&[Observation::Done, on("Site", None, Station::Connected)], &Ground::NotNamed);
}

#[test]
fn a_network_from_before_is_told_as_such() {
    let before = Before::On { ssid: b"Guest".to_vec(), connection: None };
    let seen = [Observation::Done, on("Guest", None, Station::Connected)];
    let ground = rule(Asked { ssid: &site(), connection: None }, &before, &seen);
    assert_eq!(ground, Ground::OtherNetwork { name: "Guest".into(), was_there_before: true });
}

#[test]
fn what_is_neither_joined_nor_refused_is_unknown() {
    check_named(&[Observation::Done, on("Site", Some(OURS), Station::Busy)], &Ground::StillJoining);
    check_named(&[Observation::Done, on("Site", Some(OURS), Station::Unclear)], &Ground::NoWord);
    check_named(&[Observation::Began, Observation::TimeOver], &Ground::NoWord);
    check_named(&[Observation::Began, Observation::LinkLost], &Ground::LinkLost);
    check_named(&[], &Ground::NoWord);
    check_unnamed(&Before::NoNetwork, &[unnamed(Station::Apart, Seen::Question)], Verdict::Unknown);
}

#[test]
fn the_last_look_counts() {
    let (there, gone) = (on("Site", Some(OURS), Station::Connected), on("", None, Station::Apart));
    check_named(&[Observation::Done, there.clone(), gone], &Ground::FellBack);
    // It broke off after it was seen there: that was seen all the same.
    let joined = Ground::Joined { is_named: true, is_late: false };
    check_named(&[there.clone(), Observation::LinkLost], &joined);
    // It went on trying after it had given up.
    check_named(&[refused(), there.clone()], &joined);
    let Observation::Refused(refusal) = refused() else { unreachable!("it is one") };
    check_named(&[there, refused()], &Ground::Refused(refusal.clone()));
    check_named(&[refused(), on("Guest", Some("Guest"), Station::Connected)], &Ground::Refused(refusal));
}

fn stations() -> impl Strategy<Value = Station> {
    prop::sample::select(vec![Station::Connected, Station::Busy, Station::Apart, Station::Unclear])
}

fn looks() -> impl Strategy<Value = Look> {
    let names = prop::sample::select(vec!["Site", "site", "Site ", "Guest", ""]);
    let connections = prop::sample::select(vec![None, Some(OURS), Some("factory")]);
    let named = prop_oneof![
        Just(Named::NotSaid),
        Just(Named::Unreadable),
        (names, connections)
            .prop_map(|(ssid, connection)| Named::Network { ssid: ssid.into(), connection: connection.map(keeps) }),
    ];
    let seen = prop::sample::select(vec![Seen::Answer, Seen::Question, Seen::Unasked]);
    (stations(), named, seen).prop_map(|(station, named, seen)| Look { station, named, seen, addresses: Vec::new() })
}

fn observations() -> impl Strategy<Value = Observation> {
    prop_oneof![
        1 => Just(Observation::Began),
        1 => Just(Observation::Done),
        1 => Just(refused()),
        1 => Just(Observation::TimeOver),
        1 => Just(Observation::LinkLost),
        4 => looks().prop_map(Observation::Look),
    ]
}

fn befores() -> impl Strategy<Value = Before> {
    prop_oneof![
        Just(Before::NotKnown),
        Just(Before::NoNetwork),
        Just(Before::SomeNetwork { addresses: Vec::new() }),
        Just(Before::On { ssid: b"Site".to_vec(), connection: Some(keeps("factory")) }),
        Just(Before::On { ssid: b"Guest".to_vec(), connection: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_joined_without_evidence_for_that_network(
        seen in prop::collection::vec(observations(), 0..6),
        before in befores(),
        has_connection: bool,
    ) {
        let ssid = site();
        let asked = Asked { ssid: &ssid, connection: has_connection.then_some(OURS) };
        let ground = rule(asked, &before, &seen);
        if ground.verdict() != Verdict::Joined {
            return Ok(());
        }
        let last = seen.iter().rev().find_map(|seen| if let Observation::Look(look) = seen { Some(look) } else { None });
        let last = last.expect("joined is something that was looked at");
        prop_assert_eq!(last.station, Station::Connected);
        match &last.named {
            Named::Network { ssid, connection } => {
                prop_assert_eq!(ssid.as_slice(), b"Site");
                prop_assert!(!has_connection || connection.as_ref().is_some_and(|connection| connection.id == OURS));
            }
            Named::NotSaid => {
                let is_answered = seen.contains(&Observation::Began) && seen.contains(&Observation::Done);
                prop_assert!(before == Before::NoNetwork || is_answered, "{:?}", seen);
                prop_assert!(before == Before::NoNetwork || !seen.contains(&refused()));
            }
            Named::Unreadable => prop_assert!(false, "nothing could be read"),
        }
    }

    #[test]
    fn nothing_but_looking_makes_joined(seen in prop::collection::vec(observations(), 0..6), before in befores()) {
        let seen: Vec<_> = seen.into_iter().filter(|seen| !matches!(seen, Observation::Look(_))).collect();
        let ssid = site();
        let ground = rule(Asked { ssid: &ssid, connection: None }, &before, &seen);
        prop_assert_ne!(ground.verdict(), Verdict::Joined);
    }
}

#[test]
fn a_gateway_that_restarted_on_the_way_and_is_on_no_network_gave_no_verdict() {
    use Observation::{Began, Restarted};
    let apart = unnamed(Station::Apart, Seen::Unasked);
    let joined = unnamed(Station::Connected, Seen::Unasked);
    check_unnamed(&Before::NoNetwork, &[Began, apart.clone()], Verdict::Refused);
    check_unnamed(&Before::NoNetwork, &[Began, apart.clone(), Restarted], Verdict::Unknown);
    check_unnamed(&Before::NoNetwork, &[Began, Restarted, apart.clone()], Verdict::Unknown);
    check_unnamed(&Before::NoNetwork, &[Began, apart, Restarted, joined], Verdict::Joined);
}
