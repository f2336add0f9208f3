//! The vendors' papers against the profiles, by a reading of the papers of its own.
//!
//! The papers are not here. This table holds what stands below each of their headings: names, ports, figures and terms, no
//! sentences. A rule that cites a heading may name only what is listed below it; what it says beside that, it marks as
//! assumed. The other way round, each host of a paper is in its profile.

use std::collections::BTreeSet;

use linesman::model::basis::Basis;
use linesman::model::endpoint::{Endpoint, HostPattern, Transport};
use linesman::model::ids::ProfileId;
use linesman::profile::{Catalog, Profile};
use serde_json::Value;

/// What stands below one heading.
struct Place {
    heading: &'static str,
    hosts: &'static [&'static str],
    ports: &'static [u16],
    /// Figures, and terms that only this paper could have given: names of products, formats, methods.
    terms: &'static [&'static str],
}

/// A paper and the profile that rests on it.
struct Paper {
    profile: &'static str,
    title: &'static str,
    /// Whether the paper prints the name that the profile gives as the vendor.
    names_vendor: bool,
    places: &'static [Place],
}

const fn place(
    heading: &'static str,
    hosts: &'static [&'static str],
    ports: &'static [u16],
    terms: &'static [&'static str],
) -> Place {
    Place { heading, hosts, ports, terms }
}

const PAPERS: &[Paper] = &[
    Paper {
        profile: "casambi-cloud-gateway",
        title: "Cloud Gateway security & networking brief",
        names_vendor: true,
        places: &[
            place("Storage", &[], &[], &["SD", "Wi-Fi", "Casambi"]),
            place("Internet connection", &[], &[], &["DHCP", "DNS", "IP", "NTP", "UDP"]),
            place(
                "Internet connection > NTP Debian timeservers (UDP)",
                &["*.debian.pool.ntp.org"],
                &[123],
                &["Debian", "NTP", "UDP"],
            ),
            place(
                "Internet connection > HTTPS traffic from port 443 to the following URLs",
                &[
                    "api.casambi.com",
                    "bridge.casambi.com",
                    "iot-gateway-prod-westeuropa.azure-devices.net",
                    "hosted.mender.io",
                    "*.hosted.mender.io",
                    "hosted-mender-artifacts.s3.amazonaws.com",
                    "s3.amazonaws.com/hosted-mender-artifacts",
                    "c271964d41749feb10da762816c952ee.r2.cloudflarestorage.com",
                ],
                &[443],
                &["HTTPS"],
            ),
        ],
    },
    Paper {
        profile: "kis-me",
        title: "KIS.ME Integration Guide",
        names_vendor: false,
        places: &[
            place(
                "1 Netzwerk Infrastruktur",
                &[],
                &[],
                &["2.4", "802.11", "WPA", "WPA2", "PSK", "CCMP", "KIS.MANAGER", "VLAN", "DMZ", "KIS.BOX", "KIS.LIGHT"],
            ),
            place("2.1 KIS.ME Geräte Anforderungen > ICMP", &["<device>"], &[], &["ICMP"]),
            place(
                "2.1 KIS.ME Geräte Anforderungen > DNS: Port 53 (UDP oder TCP, mindestens eines davon)",
                &["<resolver>"],
                &[53],
                &["DNS", "UDP", "TCP"],
            ),
            place(
                "2.1 KIS.ME Geräte Anforderungen > DHCP: Port 67 und 68",
                &[],
                &[67, 68],
                &["DHCP", "UDP", "67", "68"],
            ),
            place(
                "2.1 KIS.ME Geräte Anforderungen > NTP: Port 123",
                &["0.europe.pool.ntp.org", "1.europe.pool.ntp.org", "2.europe.pool.ntp.org", "3.europe.pool.ntp.org"],
                &[123],
                &["NTP", "UDP"],
            ),
            place(
                "2.1 KIS.ME Geräte Anforderungen > HTTPS: Port 443 (Cloud-API + Firmware Update)",
                &[
                    "iotrafi.centersightcloud.com",
                    "bootstrap.centersightcloud.com",
                    "connect.centersightcloud.com",
                    "*.blob.core.windows.net",
                ],
                &[443],
                &["HTTPS", "MQTT", "TLS"],
            ),
            place(
                "2.1 KIS.ME Geräte Anforderungen > MQTT over TLS: Port 8883",
                &["iotrafi-prod-iot-hub.azure-devices.net"],
                &[8883],
                &["MQTT", "TLS", "IoT", "Hub", "Azure"],
            ),
            place(
                "2.2 KIS.MANAGER Anforderungen > Table 2: Domain Übersicht",
                &[
                    "kismanager.kisme.com",
                    "kismanager.rafi.de",
                    "fonts.googleapis.com",
                    "api.locize.io",
                    "*.sectigo.com",
                    "*.comodoca.com",
                ],
                &[],
                &["KIS.MANAGER", "Google", "Locize"],
            ),
            place("2.3 FAQs", &[], &[], &["MQTT", "TLS", "Azure"]),
        ],
    },
    Paper {
        profile: "cloud-connector",
        title: "Cloud Connector Overview",
        names_vendor: false,
        places: &[
            place("Capabilities > Cloud Account Manager", &[], &[], &["SIM", "IoT"]),
            place("Capabilities > IoT Proxy", &[], &[], &["SIM", "MQTT", "AWS", "IoT", "Azure", "Hub", "Core"]),
            place(
                "Resources > Cloud Connector Endpoint",
                &["<aws-iot-endpoint>", "<azure-iot-hub>", "<mqtt-broker>"],
                &[],
                &["AWS", "Azure", "IoT", "Core", "Hub", "MQTT"],
            ),
            place("Resources > Cloud Connector Groups", &[], &[], &["AWS", "Azure", "1"]),
            place("Resources > Cloud Connector Vault", &[], &[], &[]),
            place("Configuration and Limits", &[], &[], &["1"]),
            place(
                "How it Works > Cloud Account Manager",
                &[],
                &[],
                &["IAM", "AWS", "Azure", "IoT", "Core", "X.509", "RSA", "2048", "15", "SIM"],
            ),
            place("How it Works > IoT Proxy", &["198.18.8.3"], &[], &["SIM"]),
            place(
                "How it Works > Plain vs MQTT over TLS",
                &["198.18.8.3"],
                &[1883, 8883],
                &["MQTT", "TLS", "DigiCert", "Global", "Root", "CA"],
            ),
            place("Security > Best Practices", &[], &[], &["IAM"]),
            place("Security > Other Security Considerations", &[], &[], &["TLS", "1.2", "X.509", "AWS"]),
            place("What’s Next?", &["<management-api>"], &[], &[]),
        ],
    },
    Paper {
        profile: "biot",
        title: "Device – Cloud Security",
        names_vendor: true,
        places: &[
            place("Device Authentication", &[], &[], &["X.509", "ID"]),
            place("Secure Connectivity", &["<broker>"], &[], &["TLS", "IoT", "MQTT"]),
            place("Secure Push Communication", &[], &[], &["MQTT", "TCP", "BioT"]),
            place("Protecting from protocol vulnerabilities and device side attacks", &[], &[], &["MQTT"]),
            place("Auditing", &[], &[], &["AWS", "Lambda", "RDS"]),
        ],
    },
    Paper {
        profile: "calms",
        title: "Security",
        names_vendor: true,
        places: &[
            place("Access to edge device", &[], &[], &["SSH", "VPN"]),
            place(
                "Edge device to CALMS cloud communication",
                &["<broker>"],
                &[],
                &["GSM", "MQTT", "RSA", "2048", "VPN", "TLS"],
            ),
            place("Passwords and authentication", &[], &[], &["OAuth2", "JWT"]),
            place(
                "Encrypted connections",
                &["<vpn-gateway>", "<cloud>"],
                &[],
                &["HTTPS", "TLS", "1.2", "MQTT", "VPN", "AES-256-CBC", "SHA512"],
            ),
            place("Backups", &[], &[], &[]),
            place("API services", &[], &[], &["API", "VPN"]),
            place("MQTT broker services", &[], &[], &["MQTT", "AWS"]),
        ],
    },
];

fn profile(paper: &Paper) -> Profile {
    Catalog::built_in().get(&ProfileId::new(paper.profile)).expect("a built-in profile").clone()
}

/// The places that a rule cites, or `None` for an assumption. A heading that the paper has not fails.
fn cited<'p>(paper: &'p Paper, profile: &Profile, basis: &Basis, rule: &str) -> Option<Vec<&'p Place>> {
    let Basis::Documented { source, .. } = basis else { return None };
    let document = &profile.documents[0];
    let section = source.strip_prefix(&document.citation("")).unwrap_or_else(|| panic!("{rule}: {source}"));
    let find = |heading: &str| {
        let found = paper.places.iter().find(|place| place.heading == heading);
        found.unwrap_or_else(|| panic!("{}: {rule} cites a heading that is not in the paper: {heading}", paper.profile))
    };
    Some(section.split("; ").map(find).collect())
}

/// A host as the papers' table writes it: with the path, where the paper gives one.
fn written(row: &Endpoint, host: &HostPattern) -> String {
    format!("{host}{}", row.path.as_deref().unwrap_or_default())
}

#[test]
fn each_host_and_port_of_a_row_stands_under_the_heading_it_cites() {
    for paper in PAPERS {
        let profile = profile(paper);
        for row in &profile.endpoints {
            let places = cited(paper, &profile, &row.basis, row.id.as_str()).expect("rows of the papers are cited");
            for host in &row.hosts {
                let host = written(row, host);
                assert!(places.iter().any(|p| p.hosts.contains(&host.as_str())), "{}: {host}", row.id);
            }
            let Some(port) = row.port.filter(|_| row.is_port_stated) else { continue };
            assert!(places.iter().any(|place| place.ports.contains(&port)), "{}: port {port}", row.id);
        }
    }
}

#[test]
fn each_host_of_a_paper_is_in_its_profile() {
    for paper in PAPERS {
        let profile = profile(paper);
        let in_rows = profile.endpoints.iter().flat_map(|row| row.hosts.iter().map(|host| written(row, host)));
        let in_rows: BTreeSet<String> = in_rows.collect();
        let in_paper: BTreeSet<String> =
            paper.places.iter().flat_map(|place| place.hosts).map(ToString::to_string).collect();
        assert_eq!(in_rows, in_paper, "{}", paper.profile);
        let ports: BTreeSet<u16> =
            profile.endpoints.iter().filter(|row| row.is_port_stated).filter_map(|row| row.port).collect();
        let stated: BTreeSet<u16> = paper.places.iter().flat_map(|place| place.ports).copied().collect();
        let beside_endpoints = BTreeSet::from([67, 68]);
        assert_eq!(ports, &stated - &beside_endpoints, "{}", paper.profile);
    }
}

#[test]
fn titles_stand_as_printed_and_a_vendor_no_paper_prints_has_its_reason() {
    for paper in PAPERS {
        let profile = profile(paper);
        assert_eq!(profile.documents[0].title, paper.title);
        assert_eq!(profile.documents.len(), 1, "{}: one paper each", paper.profile);
        assert_eq!(profile.vendor_reason.is_none(), paper.names_vendor, "{}", paper.profile);
    }
}

/// The keys whose words are this program's own, whatever the rule rests on: the reference page says so.
const OWN: &[&str] = &[
    "id",
    "need",
    "probes",
    "samples",
    "expect_status",
    "unblock",
    "idle_secs",
    "evidence",
    "otherwise",
    "guidance",
    "ambiguity",
    "roots",
    "roots_from",
    "one_of",
    "source",
    "basis",
    "reason",
    "assumed",
    "push",
    "hosts",
    "path",
    "settings",
    "port",
];

/// Whether a word is a figure or a term of art: what has a digit, or a capital behind its first letter.
fn is_term(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) || word.chars().skip(1).any(char::is_uppercase)
}

/// The figures and terms of a value, without the key that leads to it.
fn terms(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let words = text.split(|c: char| c.is_whitespace() || "(),;:/+\"".contains(c));
            found.extend(
                words.map(|word| word.trim_matches(['.', '\''])).filter(|word| is_term(word)).map(str::to_owned),
            );
        }
        Value::Number(number) => {
            found.insert(number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| terms(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| terms(item, found)),
        Value::Bool(_) | Value::Null => {}
    }
}

/// Checks the words of one rule: figures and terms of a cited statement stand under its heading.
fn check_terms(paper: &Paper, profile: &Profile, rule: &str, basis: &Basis, body: &Value) {
    let Some(places) = cited(paper, profile, basis, rule) else { return };
    let entries = body.as_object().expect("a rule is a table");
    for (key, value) in entries.iter().filter(|(key, _)| !OWN.contains(&key.as_str()) && !basis.assumes(key)) {
        let mut found = BTreeSet::new();
        terms(value, &mut found);
        for term in &found {
            let known = |place: &&&Place| {
                place.terms.contains(&term.as_str())
                    || place.hosts.contains(&term.as_str())
                    || term.parse().is_ok_and(|port| place.ports.contains(&port))
            };
            let of_words = ["2.4GHz", "wpa2", "wpa-wpa2", "gateway", "KIS.MANAGER's"];
            assert!(
                places.iter().any(|place| known(&place)) || of_words.contains(&term.as_str()),
                "{}: {rule}: `{key}` names {term}, which is not under {:?}",
                paper.profile,
                places.iter().map(|place| place.heading).collect::<Vec<_>>(),
            );
        }
    }
}

fn body(rule: &impl serde::Serialize) -> Value {
    serde_json::to_value(rule).expect("rules serialise")
}

#[test]
fn figures_and_terms_of_a_cited_rule_stand_under_its_heading() {
    for paper in PAPERS {
        let profile = profile(paper);
        let check = |rule: &str, basis: &Basis, body: &Value| check_terms(paper, &profile, rule, basis, body);
        profile.drivers.iter().for_each(|rule| check("driver", &rule.basis, &body(rule)));
        profile.credentials.iter().for_each(|rule| check(&rule.id, &rule.basis, &body(rule)));
        profile.network.rules.iter().for_each(|rule| check(rule.fact.as_str(), &rule.basis, &body(rule)));
        profile.endpoints.iter().for_each(|rule| check(rule.id.as_str(), &rule.basis, &body(rule)));
        profile.mqtt.iter().for_each(|rule| check("mqtt", &rule.basis, &body(rule)));
        profile.limits.iter().for_each(|rule| check(&rule.id, &rule.basis, &body(rule)));
        profile.expectations.iter().for_each(|rule| check(&rule.id, &rule.basis, &body(rule)));
        profile.wipe.iter().flat_map(|plan| &plan.steps).for_each(|rule| check(&rule.id, &rule.basis, &body(rule)));
        profile.wifi_statement.iter().for_each(|rule| check("wifi", &rule.basis, &body(rule)));
    }
}

/// What people would act on, fact by fact. `cite` is the heading, or `None` where the paper is silent.
#[test]
fn what_the_papers_say_of_secrets_and_limits_is_what_the_profiles_say() {
    let of = |id: &str| Catalog::built_in().get(&ProfileId::new(id)).unwrap().clone();
    let credential = |profile: &Profile, id: &str| {
        profile.credentials.iter().find(|rule| rule.id == id).unwrap_or_else(|| panic!("{id}")).clone()
    };
    let calms = of("calms");
    assert!(credential(&calms, "ssh-certificate").kept.contains("vendor's employees"));
    assert_eq!(credential(&calms, "terminal-password").pushed.as_str(), "not-stated");
    let biot = of("biot");
    assert!(credential(&biot, "association-token").basis.is_assumed());
    assert!(credential(&biot, "device-certificate").basis.assumes("revoked"));
    let connector = of("cloud-connector");
    let form = credential(&connector, "cloud-certificate").form.unwrap();
    assert!(["RSA 2048", "self-signed", "X.509"].iter().all(|part| form.contains(part)), "{form}");
    let limits: Vec<String> = connector.limits.iter().map(|limit| format!("{} {}", limit.at_most, limit.of)).collect();
    assert_eq!(limits, ["15 devices provisioned per second", "1 endpoint per group", "1 group per device at a time"]);
    let step =
        |profile: &Profile, id: &str| profile.wipe.clone().unwrap().steps.into_iter().find(|s| s.id == id).unwrap();
    assert!(step(&connector, "leave-group").removes.is_empty(), "leaving a group takes no SIM");
    assert_eq!(step(&connector, "delete-local-keys").removes, ["local-key-copy"]);
    let choice: Vec<&str> =
        connector.endpoints.iter().filter(|row| row.one_of.is_some()).map(|row| row.id.as_str()).collect();
    assert_eq!(choice, ["ASV-01", "ASV-02"], "a device uses one of the two");
    let tls = |profile: &Profile| -> Vec<String> {
        profile.endpoints.iter().filter(|row| row.tls_min.is_some()).map(|row| row.id.to_string()).collect()
    };
    assert_eq!((tls(&connector), tls(&calms)), (vec!["ASV-05".into(), "ASV-06".into()], vec!["CAL-03".into()]));
    let kis = of("kis-me");
    let icmp = kis.endpoints.iter().find(|row| row.transport == Transport::Icmp).unwrap();
    assert_eq!(icmp.direction.as_str(), "both");
    let softened: Vec<&str> =
        kis.endpoints.iter().filter(|row| row.level.as_str() == "advised").map(|row| row.id.as_str()).collect();
    assert_eq!(softened, ["KIS-01", "KIS-12", "KIS-13"]);
    assert!(kis.endpoints.iter().all(|row| row.level.as_str() == "required" || row.basis.assumes("level")));
    assert_eq!(kis.wifi.unwrap().ciphers.iter().map(|cipher| cipher.as_str()).collect::<Vec<_>>(), ["ccmp"]);
    let casambi = of("casambi-cloud-gateway");
    assert!(casambi.network.rules.iter().any(|rule| rule.fact.as_str() == "secure-place-advised"));
}
