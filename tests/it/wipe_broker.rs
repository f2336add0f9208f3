//! The look at a broker after a removal, against mosquitto: with a list of revoked certificates, with one that has run out, and
//! with names taken from certificates. A refusal counts only beside a good credential that the same broker accepts.

use std::process::{Child, Stdio};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};

use crate::mosquitto::{Clients, Mosquitto};
use crate::program::{Place, Ran, Running, Sim, text_of};

const SERIAL: &str = "GW-0417";

/// An authority, and the files of what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes certificate and key of a name, with that serial number.
    fn issue(&self, place: &Place, name: &str, number: u64, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        params.serial_number = Some(SerialNumber::from(number));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |end: &str, pem: String| place.write(&format!("{name}.{end}"), pem);
        (write("pem", certificate.pem()), write("key", key.serialize_pem()))
    }

    /// A list of revoked certificates that is good until then.
    fn revoked(&self, numbers: &[u64], until_year: i32) -> String {
        let revoked = numbers.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until_year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

struct Bench {
    place: Place,
    sim: Sim,
    broker: Mosquitto,
    old: (String, String),
    good: (String, String),
    ca: String,
}

impl Bench {
    /// A gateway that holds a network, and a broker that asks for certificates; nothing where mosquitto is missing.
    fn new(revoked: &[u64], until_year: i32, more: &str) -> Option<Self> {
        let (place, authority) = (Place::new(), Authority::new());
        let server = authority.issue(&place, "server", 1, ExtendedKeyUsagePurpose::ServerAuth);
        let old = authority.issue(&place, "gateway", 7, ExtendedKeyUsagePurpose::ClientAuth);
        let good = authority.issue(&place, "known-good", 8, ExtendedKeyUsagePurpose::ClientAuth);
        let ca = place.write("ca.pem", &authority.pem);
        let list = place.write("revoked.pem", authority.revoked(revoked, until_year));
        let lines = format!(
            "cafile {ca}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\ncrlfile {list}",
            server.0, server.1
        );
        let general = format!("allow_anonymous false\n{more}");
        let broker = Mosquitto::start(tempfile::tempdir().unwrap(), &[&lines], &general)?;
        let card = text_of(&place.path("card"));
        std::fs::create_dir_all(&card).unwrap();
        let mut held = linesman::sim::Card::at(place.path("card").as_path()).unwrap();
        held.store(b"Site-Office", "correct horse battery").unwrap();
        let sim = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--serial-number", SERIAL];
        let sim = Sim::start(&mut place.linesman(&[&sim[..], &["--state-dir", &card, "--join-millis", "50"]].concat()));
        Some(Self { place, sim, broker, old, good, ca })
    }

    fn wipe(&self, has_control: bool, more: &[&str]) -> Ran {
        self.begin(has_control, more).finish()
    }

    fn begin(&self, has_control: bool, more: &[&str]) -> Running {
        let login = self.place.write("login", self.sim.text("pop"));
        let url = format!("mqtts://localhost:{}", self.broker.port());
        let gateway = ["wipe", "--via", &self.sim.link, "--profile", "generic-linux", "--confirm", SERIAL];
        let access = ["--username", self.sim.text("username"), "--password-file", &login];
        let look = ["--look-mqtt", &url, "--look-ca", &self.ca, "--old-cert", &self.old.0, "--old-key", &self.old.1];
        let control = ["--control-cert", &self.good.0, "--control-key", &self.good.1];
        let control = if has_control { &control[..] } else { &[] };
        self.place.start(&[&gateway[..], &access, &look, control, more].concat())
    }
}

impl Bench {
    fn url(&self) -> String {
        format!("mqtts://localhost:{}", self.broker.port())
    }

    fn good(&self) -> [&str; 6] {
        ["--ca", &self.ca, "--cert", &self.good.0, "--key", &self.good.1]
    }

    /// Has the broker retain a message.
    fn retain(&self, topic: &str) {
        let url = self.url();
        let publish = ["publish", "--broker", &url, "--topic", topic, "--payload", "hello", "--retain"];
        self.place.run_json(&[&publish[..], &self.good()].concat()).expect(0);
    }

    /// How many messages the broker retains.
    fn retained(&self) -> u64 {
        let url = self.url();
        let list = ["retained", "list", "--broker", &url, "--topic", "site/#"];
        self.place.run_json(&[&list[..], &self.good()].concat()).expect(0).result()["retained"].as_u64().unwrap()
    }

    /// A client of somebody else's that left a last will, as a gateway does.
    fn client_with_will(&self, clients: &Clients) -> Child {
        let mut command = clients.command("mosquitto_sub").into_std();
        let port = self.broker.port().to_string();
        command.args([
            "-h",
            "localhost",
            "-p",
            &port,
            "--cafile",
            &self.ca,
            "--cert",
            &self.good.0,
            "--key",
            &self.good.1,
        ]);
        command.args(["-i", "gw-0417", "-t", "nothing"]);
        command.args(["--will-topic", "site/gw-0417/status", "--will-payload", "offline", "--will-retain"]);
        let client = command.stdout(Stdio::null()).spawn().unwrap();
        self.broker.until(0, "Sending SUBACK to gw-0417");
        client
    }
}

fn broker_line(ran: &Ran) -> Value {
    let line = ran.lines().into_iter().find(|line| line["kind"] == "wipe-broker");
    line.unwrap_or_else(|| panic!("no look at the broker: {ran:#?}"))
}

#[test]
fn a_revoked_certificate_is_proved_useless_only_beside_one_that_is_accepted() {
    let Some(bench) = Bench::new(&[7], 2090, "") else { return };
    let proved = bench.wipe(true, &[]).expect(0);
    assert_eq!(broker_line(&proved)["proof"], "proved", "{proved:#?}");
    assert_eq!(proved.result()["claims"]["useless"], "observed", "{proved:#?}");
    let alone = bench.wipe(false, &[]).expect(0);
    assert_eq!(broker_line(&alone)["proof"], "refused-not-proved", "{alone:#?}");
    assert_ne!(alone.result()["claims"]["useless"], "observed");
}

#[test]
fn a_broker_whose_list_has_run_out_refuses_everybody_and_proves_nothing() {
    let Some(bench) = Bench::new(&[], 2021, "") else { return };
    let ran = bench.wipe(true, &[]).expect(0);
    let line = broker_line(&ran);
    assert_eq!(line["proof"], "refused-not-proved", "{ran:#?}");
    assert_ne!(ran.result()["claims"]["useless"], "observed");
}

#[test]
fn a_credential_that_is_still_accepted_makes_the_removal_incomplete() {
    let Some(bench) = Bench::new(&[], 2090, "") else { return };
    let ran = bench.wipe(true, &[]).expect(1);
    let result = ran.result();
    assert_eq!(broker_line(&ran)["proof"], "still-accepted", "{ran:#?}");
    assert_eq!((&result["outcome"], &result["claims"]["useless"]), (&json!("incomplete"), &json!("no")));
    assert!(result["summary"].as_str().unwrap().contains("still accepts the old credential"), "{result:#}");
}

#[test]
fn what_the_broker_retains_of_it_is_open_until_it_was_listed_and_cleared_and_looked_for_again() {
    let Some(bench) = Bench::new(&[7], 2090, "") else { return };
    bench.retain("site/gw-0417/last");
    let topic = ["--look-topic", "site/gw-0417/#"];
    let ran = bench.wipe(true, &topic).expect(1);
    let line = broker_line(&ran);
    let left = json!([{ "topic": "site/gw-0417/last", "bytes": 5, "state": "left" }]);
    assert_eq!((&line["retained"], &line["live"]), (&left, &json!([])), "{ran:#?}");
    assert!(ran.result()["remedies"].to_string().contains("--clear-retained=1"), "{ran:#?}");
    assert_eq!(bench.retained(), 1, "nothing is cleared unasked");

    let ran = bench.wipe(true, &[&topic[..], &["--clear-retained=2"]].concat()).expect(1);
    assert!(broker_line(&ran)["retained_open"].as_str().unwrap().contains("1 retained messages were found, and 2"));
    assert_eq!(bench.retained(), 1, "another number is no consent");

    bench.retain("site/another/last");
    let ran = bench.wipe(true, &[&topic[..], &["--clear-retained"]].concat()).expect(0);
    let kinds: Vec<Value> = ran.lines().into_iter().map(|line| line["kind"].clone()).collect();
    let at = |kind: &str| kinds.iter().position(|known| known == kind).unwrap_or_else(|| panic!("no {kind}: {ran:#?}"));
    assert!(at("wipe-clearing") < at("wipe-broker"), "each is named before: {kinds:?}");
    assert_eq!(broker_line(&ran)["retained"][0]["state"], "cleared", "{ran:#?}");
    assert_eq!(bench.retained(), 1, "another gateway's is left alone");
}

#[test]
fn a_message_that_comes_back_after_it_was_cleared_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let list = text_of(&folder.path().join("acl"));
    std::fs::write(&list, "pattern readwrite site/#\n").unwrap();
    let Some(bench) = Bench::new(&[7], 2090, &format!("acl_file {list}")) else { return };
    bench.retain("site/gw-0417/last");
    std::fs::write(&list, "pattern read site/#\n").unwrap();
    bench.broker.reload();
    let ran = bench.wipe(true, &["--look-topic", "site/gw-0417/#", "--clear-retained"]).expect(1);
    assert_eq!(broker_line(&ran)["retained"][0]["state"], "still-there", "the broker acknowledges and does nothing");
    assert_eq!(ran.result()["outcome"], "incomplete", "{ran:#?}");
}

#[test]
fn clearing_everything_on_a_broker_takes_the_number_that_was_listed() {
    let place = Place::new();
    let look = ["--look-mqtt", "mqtt://localhost:1", "--look-topic", "#", "--clear-retained"];
    let gateway = ["wipe", "--via", "serial:/dev/nothing-here", "--profile", "generic-linux", "--confirm", SERIAL];
    place.run_json(&[&gateway[..], &look].concat()).expect_problem(2, "wipe.clears_too_much");
}

#[test]
fn the_last_will_of_a_gateway_that_vanishes_is_seen_and_stands_as_a_leftover() {
    let (Some(bench), Some(clients)) = (Bench::new(&[7], 2090, ""), Clients::find()) else { return };
    let look = ["--will-topic", "site/gw-0417/status", "--will-payload", "offline", "--look-topic", "site/gw-0417/#"];
    let mut gateway = bench.client_with_will(&clients);
    let mut running = bench.begin(true, &look);
    running.until(|line| line["kind"] == "wipe-evidence");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    let ran = running.finish().expect(1);
    let line = broker_line(&ran);
    assert_eq!((&line["will"]["state"], &line["live"]), (&json!("seen"), &json!([])), "{ran:#?}");
    assert_eq!(line["retained"][0]["topic"], "site/gw-0417/status", "{ran:#?}");

    // Another time it stood there before, and that shows nothing; cleared, nothing of it is left.
    let ran = bench.wipe(true, &[&look[..], &["--clear-retained=1"]].concat()).expect(0);
    assert_eq!(broker_line(&ran)["will"]["state"], "stood-there", "{ran:#?}");
    let ran = bench.wipe(true, &look).expect(0);
    assert_eq!(broker_line(&ran)["will"]["state"], "not-seen", "{ran:#?}");
    assert!(ran.result()["remedies"].to_string().contains("last will wasn't seen"), "{ran:#?}");
}
