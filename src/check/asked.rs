//! What a person asks a run for, held against the profile: words, hosts and rows that mean nothing are refused before
//! anything is sent.

use super::evidence::About;
use crate::model::endpoint::{HostPattern, NamedHost, RowId};
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::profile::rules::Profile;

/// How much of what was typed is shown.
const SHOWN_CHARS: usize = 60;

/// The first thing that cannot be meant. What a site file names is not looked at: it may serve several profiles.
pub fn refuse(about: &About, profile: &Profile) -> Result<(), Problem> {
    let is_unknown = |id: &&RowId| !profile.row_ids().any(|own| own == *id);
    let unknown: Vec<String> = about.rows.iter().filter(is_unknown).map(ToString::to_string).collect();
    if !unknown.is_empty() {
        return Err(unknown_rows(&unknown, profile.id.as_str()));
    }
    for (word, hosts) in &about.hosts {
        let pattern = open_pattern(profile, word).ok_or_else(|| unknown_word(word, profile))?;
        hosts.iter().try_for_each(|host| refuse_host(word, pattern, host))?;
    }
    if about.gateway.is_empty() || about.gateway.parse::<NamedHost>().is_ok_and(|named| named.port.is_none()) {
        return Ok(());
    }
    Err(bad_gateway(&about.gateway))
}

/// What the vendor leaves open under that word.
fn open_pattern<'p>(profile: &'p Profile, word: &str) -> Option<&'p HostPattern> {
    profile.endpoints.iter().flat_map(|endpoint| &endpoint.hosts).find(|pattern| match pattern {
        HostPattern::Asked(own) => own == word,
        HostPattern::Wildcard { .. } => pattern.to_string() == word,
        _ => false,
    })
}

fn refuse_host(word: &str, pattern: &HostPattern, host: &str) -> Result<(), Problem> {
    let bad = |why: String| {
        Problem::new(
            "check.bad_host",
            format!("The host for {} can't be used: {}", visible(word, SHOWN_CHARS), visible(host, SHOWN_CHARS)),
            why,
            "Correct the host; a port may follow a colon, as in broker.example:8883",
        )
    };
    let named: NamedHost =
        host.parse().map_err(|error: crate::model::endpoint::BadNamedHost| bad(error.to_string()))?;
    let is_covered = !matches!(pattern, HostPattern::Wildcard { .. }) || pattern.covers(&named.host);
    if is_covered { Ok(()) } else { Err(bad(format!("The wildcard {pattern} doesn't cover this name"))) }
}

fn unknown_rows(ids: &[String], profile: &str) -> Problem {
    Problem::new(
        "check.unknown_rows",
        format!("The profile {profile} has no row {}", ids.join(", ")),
        "The row belongs to another profile, or its number is misspelt",
        "Use rows of this profile",
    )
}

fn unknown_word(word: &str, profile: &Profile) -> Problem {
    let mut open: Vec<String> = Vec::new();
    for pattern in profile.endpoints.iter().flat_map(|endpoint| &endpoint.hosts) {
        let word = match pattern {
            HostPattern::Asked(word) => word.clone(),
            HostPattern::Wildcard { .. } => pattern.to_string(),
            _ => continue,
        };
        if !open.contains(&word) {
            open.push(word);
        }
    }
    let next = match open.as_slice() {
        [] => "Leave the host out: the vendor names every host of this profile".to_owned(),
        open => format!("Name a host for one of: {}", open.join(", ")),
    };
    Problem::new(
        "check.unknown_host_word",
        format!("The profile {} leaves no host open called {}", profile.id, visible(word, SHOWN_CHARS)),
        "The word is misspelt, or belongs to another profile",
        next,
    )
}

fn bad_gateway(typed: &str) -> Problem {
    Problem::new(
        "check.bad_host",
        format!("The gateway's address can't be used: {}", visible(typed, SHOWN_CHARS)),
        "It's an IP address or a host name, without a port",
        "Enter the address the site's router shows for the gateway",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::profile::Catalog;

    fn code(profile: &str, about: &About) -> &'static str {
        let catalog = Catalog::built_in();
        let profile = catalog.get(&crate::model::ids::ProfileId::new(profile)).unwrap();
        refuse(about, profile).err().map_or("", |problem| problem.code)
    }

    fn with_host(word: &str, host: &str) -> About {
        About { hosts: BTreeMap::from([(word.to_owned(), vec![host.to_owned()])]), ..About::default() }
    }

    #[test]
    fn hosts_that_cannot_exist_are_refused() {
        for host in
            ["a b", "a b:70000", "broker.example:0", "broker.example:70000", "http://broker.example", "-x.example", ""]
        {
            assert_eq!(code("biot", &with_host("broker", host)), "check.bad_host", "{host}");
        }
        for host in ["broker.example", "broker.example:8883", "192.0.2.7", "[2001:db8::1]:8883", "broker"] {
            assert_eq!(code("biot", &with_host("broker", host)), "", "{host}");
        }
    }

    #[test]
    fn a_word_the_profile_does_not_ask_for_is_refused() {
        assert_eq!(code("biot", &with_host("brokr", "broker.example")), "check.unknown_host_word");
    }

    #[test]
    fn a_name_outside_its_wildcard_is_refused() {
        let word = "*.hosted.mender.io";
        assert_eq!(code("casambi-cloud-gateway", &with_host(word, "eu.hosted.mender.io")), "");
        assert_eq!(code("casambi-cloud-gateway", &with_host(word, "mender.example")), "check.bad_host");
    }

    #[test]
    fn the_gateways_address_is_a_host_without_a_port() {
        let about = |gateway: &str| About { gateway: gateway.into(), ..About::default() };
        assert_eq!(code("biot", &about("192.168.1.7")), "");
        assert_eq!(code("biot", &about("192.168.1.7:80")), "check.bad_host");
        assert_eq!(code("biot", &about("not an address")), "check.bad_host");
    }
}
