//! Saved runs of network checks: whatever the file holds, it is refused with a reason, or judged and explained.

use linesman::check::evidence::{self, About};
use linesman::check::{Plan, explain, judge};
use linesman::model::problem::Explain as _;
use linesman::profile::Catalog;

/// A whole run, with one observation of many kinds.
pub(crate) const SEEDS: &[&[u8]] = &[
    br#"{"evidence":1,"program":"linesman 0.1.0","about":{"profile":"casambi-cloud-gateway"},"observations":[
{"number":0,"at_unix_micros":1795867200000000,"took_micros":1,"seen":{"probe":"interface","name":"eth0","addresses":["192.168.1.20/24"],"routers":["192.168.1.1"],"is_up":true,"is_tunnel":false,"is_wifi":false,"is_default":true}},
{"number":1,"row":"CAS-03","host":"api.casambi.com","at_unix_micros":1795867200010000,"took_micros":9,"seen":{"probe":"lookup","name":"api.casambi.com","purpose":"row","server":"192.168.1.1:53","by":"udp","sent":1,"lost":0,"answer":{"answer":"message","rcode":0,"addresses":["20.50.1.1"],"aliases":[],"ttl_secs":60,"extended":[[17,"filtered"]]}}},
{"number":2,"row":"CAS-03","host":"api.casambi.com","at_unix_micros":1795867200020000,"took_micros":9,"seen":{"probe":"connect","to":"20.50.1.1:443","from":"192.168.1.20:50000","shape":"plain","attempt":1,"end":{"end":"connected"}}},
{"number":3,"row":"CAS-03","host":"api.casambi.com","at_unix_micros":1795867200030000,"took_micros":9,"seen":{"probe":"tls","to":"20.50.1.1:443","name":"api.casambi.com","shape":"plain","end":{"end":"done","version":"TLSv1.3","cipher":"x","alpn":null,"asked_certificate":false},"chain":[{"sha256":"ab","key_sha256":"cd","subject":"CN=api.casambi.com","issuer":"CN=CA","names":["api.casambi.com"],"not_before":1790000000,"not_after":1800000000,"urls":[]}],"trust":{"name_matches":true,"expected":null,"mozilla":true,"from_override":false,"root":null,"not_before":1790000000,"not_after":1800000000,"fault":""}}},
{"number":4,"row":"CAS-03","host":"api.casambi.com","at_unix_micros":1795867200040000,"took_micros":9,"seen":{"probe":"http","to":"20.50.1.1:443","url":"https://api.casambi.com/","end":{"end":"status","status":200,"server":null,"location":null,"date":1795867200,"begins":"","is_upgraded":false}}},
{"number":5,"row":"CAS-01","host":"0.debian.pool.ntp.org","at_unix_micros":1795867200050000,"took_micros":9,"seen":{"probe":"time","server":"20.50.1.2:123","end":{"end":"refused","error":"refused","icmp":{"kind":3,"code":13,"from":"192.168.1.1"}}}}]}"#,
];

/// Holds one input against the rule above.
pub(crate) fn check(_: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let run = match evidence::read(&text) {
        Ok(saved) => saved.evidence,
        Err(error) => {
            let problem = error.explain();
            assert!(!problem.next_step.is_empty() && !problem.detail.contains(char::is_control), "{error}");
            return;
        }
    };
    let catalog = Catalog::built_in();
    let Some(profile) = run.about.profile.as_ref().and_then(|id| catalog.get(id)) else { return };
    let plan = Plan::new(profile, About { rows: Vec::new(), ..run.about.clone() });
    let judged = judge(&plan, &run.observations);
    assert_eq!(judged.rows.len(), plan.rows.len());
    for verdict in &judged.rows {
        let said = explain::row(&plan, &judged, &run.observations, verdict);
        assert!(!said.what.contains(char::is_control), "{said:?}");
    }
    for rule in explain::missing(&plan, &run, &judged) {
        assert!(!explain::sentence(&rule).is_empty());
    }
}
