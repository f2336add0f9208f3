//! A team's records on Debian's PostgreSQL: each test has a cluster of its own, on this computer alone.

use std::io::Write as _;
use std::path::Path;

use linesman::flow::port::Records as _;
use linesman::io::files::DataDir;
use linesman::io::records::{RecordStore, audit};
use linesman::model::record::{JobIntent, Phase, StepEntry};
use serde_json::{Value, json};

use self::between::Between;
use self::cluster::{Cluster, Cutter};
use crate::program::{Place, Ran};

mod between;
mod cluster;

/// The password of each role.
const PASSWORD: &str = "hunter2 and a blank";

/// A computer with its records.
struct Laptop {
    place: Place,
    role: &'static str,
}

impl Laptop {
    fn new(cluster: &Cluster, role: &'static str) -> Self {
        cluster.role(role, "linesman_writer");
        Self { place: Place::new(), role }
    }

    /// So many jobs, of three entries each, all at the same time.
    fn work(&self, jobs: usize) {
        let store = RecordStore::open(&self.data_dir()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let job = async |at: usize| {
            let job = store.begin(intent(&format!("{} {at}", self.role))).await.unwrap();
            let step =
                StepEntry { step: "push".into(), phase: Phase::Intent, outcome: String::new(), detail: json!({}) };
            store.step(job, step).await.unwrap();
            store.end(job, "joined", String::new(), "It joined".into()).await.unwrap();
        };
        runtime.block_on(futures_util::future::join_all((0..jobs).map(job)));
    }

    fn data_dir(&self) -> DataDir {
        DataDir::open(Some(&self.place.data())).unwrap()
    }

    fn key(&self) -> String {
        audit(&self.data_dir(), None).unwrap().root_key.unwrap().to_string()
    }

    /// Its chain, as SQL names it.
    fn chain(&self) -> String {
        format!("chain = '\\x{}'", audit(&self.data_dir(), None).unwrap().chain.unwrap())
    }

    /// Lets this computer know others.
    fn knows(&self, others: &[&Self]) {
        let lines: Vec<String> =
            others.iter().map(|other| format!("{} {}'s laptop\n", other.key(), other.role)).collect();
        std::fs::write(self.place.data().join("known-keys.txt"), lines.concat()).unwrap();
    }

    fn sync(&self, url: &str) -> Ran {
        let password = self.place.write("password.txt", PASSWORD);
        let ran = self.place.run_json(&["records", "sync", "--server", url, "--password-file", &password]);
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{ran:#?}");
        ran
    }

    /// Syncs and gives the line of what was brought.
    fn synced(&self, cluster: &Cluster, code: i32) -> Value {
        let lines = self.sync(&cluster.url(self.role)).expect(code).lines();
        lines.into_iter().find(|line| line["kind"] == "synced").unwrap()
    }

    /// How many entries there are of its own, and how many of others; all of them intact.
    fn entries(&self) -> (u64, u64) {
        let audit = audit(&self.data_dir(), None).unwrap();
        assert!(audit.is_intact(), "{audit:#?}");
        (audit.entries, audit.imported.iter().map(|imported| imported.entries).sum())
    }
}

fn intent(gateway: &str) -> JobIntent {
    JobIntent {
        action: "commission".into(),
        gateway: gateway.into(),
        link: "serial:/dev/ttyUSB0".into(),
        profile: None,
        driver: Some("improv".into()),
        operator: "Kim".into(),
        is_simulated: true,
    }
}

fn words(synced: &Value) -> Vec<&str> {
    synced["findings"].as_array().unwrap().iter().map(|finding| finding["words"].as_str().unwrap()).collect()
}

#[test]
fn two_laptops_have_each_others_records_and_syncing_again_changes_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let (kim, jana) = (Laptop::new(&cluster, "kim"), Laptop::new(&cluster, "jana"));
    kim.work(2);
    jana.work(1);
    kim.knows(&[&jana]);
    jana.knows(&[&kim]);
    let synced = kim.synced(&cluster, 0);
    assert_eq!((&synced["sent"], &synced["waiting"], &synced["head"]["entry"]), (&json!(6), &json!(0), &json!(6)));
    let synced = jana.synced(&cluster, 0);
    assert_eq!((&synced["received"], &synced["chains"][0]["name"]), (&json!(6), &json!("kim's laptop")));
    assert_eq!(jana.entries(), (6, 6), "the import is a job of three entries");
    // Both sync until nothing is new any more: they don't answer each other without end.
    for laptop in [&kim, &jana, &kim, &jana, &kim] {
        laptop.synced(&cluster, 0);
    }
    let (before, on_server) = ((kim.entries(), jana.entries()), cluster.count("entries"));
    for laptop in [&kim, &jana, &kim] {
        let synced = laptop.synced(&cluster, 0);
        assert_eq!((&synced["sent"], &synced["received"]), (&json!(0), &json!(0)), "{synced:#}");
    }
    assert_eq!(((kim.entries(), jana.entries()), cluster.count("entries")), (before, on_server));
    assert_eq!(kim.entries(), (jana.entries().1, jana.entries().0), "each has all of the other");
    let listed = kim.place.run(&["records", "sync", "--server", &cluster.url("kim")]).expect(3);
    assert!(listed.out.contains("asks for the password of kim"), "{}", listed.out);
}

#[test]
fn records_of_a_computer_that_is_not_known_are_not_taken_in() {
    let Some(cluster) = Cluster::start() else { return };
    let (kim, jana) = (Laptop::new(&cluster, "kim"), Laptop::new(&cluster, "jana"));
    kim.work(1);
    jana.work(1);
    kim.synced(&cluster, 0);
    let synced = jana.synced(&cluster, 1);
    assert_eq!(synced["chains"][0]["state"], "unknown-key", "{synced:#}");
    assert_eq!(synced["chains"][0]["root_key"], kim.key());
    assert_eq!(jana.entries(), (3, 0));
    jana.knows(&[&kim]);
    assert_eq!(jana.synced(&cluster, 0)["received"], 3);
}

#[test]
fn an_interrupted_sync_goes_on_where_it_was_cut() {
    let Some(cluster) = Cluster::start() else { return };
    let (kim, jana) = (Laptop::new(&cluster, "kim"), Laptop::new(&cluster, "jana"));
    kim.work(1000);
    jana.work(1);
    jana.knows(&[&kim]);
    kim.knows(&[&jana]);
    let mut cuts = 0;
    let mut before = 0;
    for bytes in [2_000, 200_000, 500_000, 900_000, u64::MAX] {
        let cutter = Cutter::start(cluster.port(), bytes);
        let ran = kim.sync(&format!("postgres://kim@127.0.0.1:{}/linesman", cutter.port()));
        let there = cluster.count("entries");
        assert!(there >= before, "nothing that was sent is lost");
        if ran.code == Some(0) {
            break;
        }
        ran.expect_problem(3, "sync.cut");
        cuts += 1;
        before = there;
        // What no head covers yet doesn't count.
        assert_eq!(jana.synced(&cluster, 0)["received"], 0);
    }
    assert!(cuts >= 2 && before > 0, "{cuts} cuts, {before} entries before the last");
    assert_eq!(cluster.count("entries WHERE line LIKE '%kim %'"), 1000);
    assert_eq!(jana.synced(&cluster, 0)["received"], 3000);
    assert_eq!(jana.entries().1, 3000);
}

#[test]
fn without_the_server_entries_wait_and_are_sent_once_it_is_back() {
    let Some(mut cluster) = Cluster::start() else { return };
    let kim = Laptop::new(&cluster, "kim");
    kim.work(1);
    kim.synced(&cluster, 0);
    cluster.stop();
    kim.work(2);
    let ran = kim.sync(&cluster.url("kim")).expect_problem(3, "sync.offline");
    assert_eq!(ran.lines().len(), 1, "{ran:#?}");
    let password = kim.place.write("password.txt", PASSWORD);
    let arguments = ["records", "sync", "--server", &cluster.url("kim"), "--password-file", &password];
    let said = kim.place.run(&arguments).expect(3).out;
    assert!(said.contains("6 entries wait on this computer, last synced 20"), "{said}");
    cluster.start_again();
    assert_eq!(kim.synced(&cluster, 0)["sent"], 6);
    assert_eq!(cluster.count("entries"), 9);
}

#[test]
fn what_the_server_refuses_is_said_with_its_reason() {
    let Some(cluster) = Cluster::start() else { return };
    let (kim, jana) = (Laptop::new(&cluster, "kim"), Laptop::new(&cluster, "jana"));
    kim.work(1);
    jana.work(1);
    jana.knows(&[&kim]);
    kim.synced(&cluster, 0);
    let wrong = kim.place.write("wrong.txt", "swordfish");
    let url = cluster.url("kim");
    let sync = |password: &str, url: &str| {
        kim.place.run_json(&["records", "sync", "--server", url, "--password-file", password])
    };
    sync(&wrong, &url).expect_problem(3, "sync.login");
    let right = kim.place.write("password.txt", PASSWORD);
    sync(&right, &url.replace("/linesman", "/postgres")).expect_problem(3, "sync.not_prepared");
    sync(&right, &url.replace("/linesman", "/nowhere")).expect_problem(3, "sync.no_database");
    sync(&right, "postgres://kim:hunter2@db.example/x").expect_problem(2, "sync.password_in_address");
    sync(&right, "postgres://kim@db.example/x?sslmode=require").expect_problem(2, "sync.unverified");
    // A role that only reads takes in what is there, and says that nothing was sent.
    cluster.role("auditor", "linesman_reader");
    let ran = jana.sync(&cluster.url("auditor")).expect_problem(3, "sync.no_permission");
    let synced = &ran.lines()[0];
    assert_eq!((&synced["sent"], &synced["received"]), (&json!(0), &json!(3)), "{synced:#}");
    // Nor does one add to the chain that another began.
    kim.work(1);
    let ran = kim.sync(&cluster.url("jana")).expect_problem(3, "sync.no_permission");
    assert_eq!(ran.lines()[0]["sent"], 0);
    // The whole server is read-only.
    cluster.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    cluster.sql("SELECT pg_reload_conf()");
    cluster.until("SHOW default_transaction_read_only", "on");
    kim.sync(&url).expect_problem(3, "sync.read_only");
    cluster.sql("ALTER SYSTEM RESET default_transaction_read_only");
    cluster.sql("SELECT pg_reload_conf()");
    cluster.until("SHOW default_transaction_read_only", "off");
    kim.synced(&cluster, 0);
    let logs: String = std::fs::read_dir(kim.place.data().join("logs"))
        .unwrap()
        .map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap())
        .collect();
    assert!(!logs.contains("hunter2") && !logs.contains("swordfish"), "no password in the log");
}

#[test]
fn a_certificate_that_proves_nothing_is_refused_with_the_reason() {
    let Some(mut cluster) = Cluster::start() else { return };
    let kim = Laptop::new(&cluster, "kim");
    kim.work(1);
    let own = |cluster: &Cluster, more: &str| format!("{}?sslmode={more}", cluster.url_at("kim", "localhost"));
    kim.sync(&own(&cluster, "verify-full")).expect_problem(3, "sync.no_tls");
    let certificate = cluster.with_tls("localhost");
    let ran = kim.sync(&own(&cluster, "verify-full")).expect_problem(3, "sync.certificate");
    assert!(ran.result()["what"].as_str().unwrap().contains("it is self-signed"), "{ran:#?}");
    let trusted = kim.place.write("server.pem", certificate);
    let lines = kim.sync(&own(&cluster, &format!("verify-full&sslrootcert={trusted}"))).expect(0).lines();
    assert_eq!(lines[0]["sent"], 3);
    let encrypted = cluster.sql("SELECT count(*) FROM pg_stat_ssl WHERE ssl");
    assert_eq!(encrypted.trim(), "0", "the connection has ended");
    // Another name, and a file of another certificate.
    let other = cluster.with_tls("db.example");
    let ran = kim.sync(&own(&cluster, &format!("verify-full&sslrootcert={trusted}")));
    ran.expect_problem(3, "sync.certificate");
    let trusted = kim.place.write("other.pem", other);
    let ran = kim.sync(&own(&cluster, &format!("verify-full&sslrootcert={trusted}")));
    let ran = ran.expect_problem(3, "sync.certificate");
    assert!(ran.result()["what"].as_str().unwrap().contains("it is for db.example"), "{ran:#?}");
    kim.sync(&own(&cluster, &format!("verify-ca&sslrootcert={trusted}"))).expect(0);
    let none = kim.place.write("none.pem", "no certificate");
    kim.sync(&own(&cluster, &format!("verify-full&sslrootcert={none}"))).expect_problem(3, "sync.trust");
}

#[test]
fn a_login_is_bound_to_the_encryption_so_that_nobody_in_between_can_pass_it_on() {
    let Some(mut cluster) = Cluster::start() else { return };
    let kim = Laptop::new(&cluster, "kim");
    kim.work(1);
    let plain = format!("{}?channel_binding=require", cluster.url_at("kim", "localhost"));
    kim.sync(&plain).expect_problem(2, "sync.binding_without_tls");
    let trusted = kim.place.write("server.pem", cluster.with_tls("localhost"));
    let own = |port: u16, trusted: &str, binding: &str| {
        format!("postgres://kim@localhost:{port}/linesman?sslrootcert={trusted}&channel_binding={binding}")
    };
    for binding in ["require", "prefer", "disable"] {
        kim.sync(&own(cluster.port(), &trusted, binding)).expect(0);
    }
    kim.sync(&own(cluster.port(), &trusted, "yes")).expect_problem(2, "sync.address");

    let between = Between::start(cluster.port());
    let fooled = kim.place.write("between.pem", &between.certificate);
    for binding in ["require", "prefer"] {
        let ran = kim.sync(&own(between.port, &fooled, binding));
        ran.expect_problem(3, "sync.bound_elsewhere");
    }
    kim.sync(&own(between.port, &fooled, "disable")).expect(0);

    // A password by another method is nothing that can be bound.
    cluster.without_scram();
    kim.sync(&own(cluster.port(), &trusted, "require")).expect_problem(3, "sync.not_bound");
    kim.sync(&own(cluster.port(), &trusted, "prefer")).expect(0);

    // A certificate whose signature has no hash of its own.
    let edwards = kim.place.write("edwards.pem", cluster.with_tls_signed_by_edwards("localhost"));
    kim.sync(&own(cluster.port(), &edwards, "require")).expect_problem(3, "sync.not_bound");
    kim.sync(&own(cluster.port(), &edwards, "prefer")).expect(0);
}

#[test]
fn what_is_forged_on_the_server_is_found_named_and_taken_in_by_nobody() {
    let Some(cluster) = Cluster::start() else { return };
    let (kim, jana, ada) = (Laptop::new(&cluster, "kim"), Laptop::new(&cluster, "jana"), Laptop::new(&cluster, "ada"));
    kim.work(3);
    jana.work(1);
    ada.work(1);
    kim.knows(&[&jana, &ada]);
    jana.knows(&[&kim, &ada]);
    ada.knows(&[&kim, &jana]);
    kim.synced(&cluster, 0);
    assert_eq!(jana.synced(&cluster, 0)["received"], 9);
    // The owner of the tables has to work around his own triggers.
    let refused = cluster.psql("UPDATE linesman.entries SET line = 'x'");
    assert!(!refused.0 && refused.1.contains("append-only"), "{refused:?}");
    let chain = kim.chain();
    cluster.forge(&format!(
        "UPDATE linesman.entries SET line = replace(line, 'push', 'pull') WHERE number = 5 AND {chain}"
    ));
    assert_eq!(cluster.count(&format!("entries WHERE line LIKE '%pull%' AND {chain}")), 1);
    let synced = kim.synced(&cluster, 1);
    assert_eq!(
        words(&synced),
        ["Entry 5 is another one on the server than here; what is here was written by this computer"]
    );
    assert_eq!(synced["findings"][0]["name"], "this computer");
    let synced = jana.synced(&cluster, 1);
    assert_eq!(words(&synced), ["Entry 5 was changed on the server after it was taken in here"]);
    assert_eq!((&synced["findings"][0]["name"], &synced["findings"][0]["number"]), (&json!("kim's laptop"), &json!(5)));
    let synced = ada.synced(&cluster, 1);
    assert_eq!(words(&synced), ["On the server: Entry 5 changed after it was written"]);
    assert_eq!(state_of(&synced, "kim's laptop"), "damaged");
    assert_eq!(state_of(&synced, "jana's laptop"), "received", "the others go on");
    let of_kim = |laptop: &Laptop| {
        let audit = audit(&laptop.data_dir(), None).unwrap();
        audit.imported.iter().find(|imported| imported.name == "kim's laptop").map(|imported| imported.entries)
    };
    assert_eq!(of_kim(&ada), None, "nothing of it was taken in");
    // What was deleted is sent again by its own computer, and said. What was edited can't be put right from here.
    cluster.forge(&format!("DELETE FROM linesman.entries WHERE number = 5 AND {chain}"));
    assert_eq!(words(&kim.synced(&cluster, 1)), ["Entry 5 was gone from the server; it was sent again"]);
    assert_eq!(kim.synced(&cluster, 0)["faults"], 0);
    assert_eq!(state_of(&ada.synced(&cluster, 0), "kim's laptop"), "received");
    assert!(of_kim(&ada) >= Some(9), "whole again");
    // A server that went back to an earlier state.
    cluster.forge(&format!(
        "DELETE FROM linesman.heads WHERE {chain}; DELETE FROM linesman.entries WHERE number > 7 AND {chain}"
    ));
    let synced = kim.synced(&cluster, 1);
    assert!(words(&synced)[0].contains("were gone from the server; they were sent again"), "{synced:#}");
    assert_eq!(kim.synced(&cluster, 0)["faults"], 0);
    assert_eq!(ada.synced(&cluster, 0)["faults"], 0);
    // A head of another computer, and then all of it, is gone.
    cluster.forge(&format!("DELETE FROM linesman.heads WHERE {chain}"));
    assert!(
        words(&ada.synced(&cluster, 1))[0].contains("has a head for the records of kim's laptop up to entry 0 only")
    );
    kim.synced(&cluster, 0);
    ada.synced(&cluster, 0);
    for table in ["heads", "segments", "entries", "chains"] {
        cluster.forge(&format!("DELETE FROM linesman.{table} WHERE {chain}"));
    }
    let synced = ada.synced(&cluster, 1);
    assert!(words(&synced)[0].starts_with("The records of kim's laptop are gone from the server"), "{synced:#}");
    assert_eq!(synced["findings"][0]["fault"], "missing");
}

fn state_of<'a>(synced: &'a Value, name: &str) -> &'a str {
    let chains = synced["chains"].as_array().unwrap();
    chains.iter().find(|chain| chain["name"] == name).unwrap()["state"].as_str().unwrap()
}

#[test]
fn a_laptop_that_went_back_to_an_earlier_state_contradicts_the_server() {
    let Some(cluster) = Cluster::start() else { return };
    let kim = Laptop::new(&cluster, "kim");
    kim.work(1);
    let copy = kim.place.path("backup");
    copy_folder(&kim.place.data(), &copy);
    kim.work(1);
    kim.synced(&cluster, 0);
    std::fs::remove_dir_all(kim.place.data()).unwrap();
    copy_folder(&copy, &kim.place.data());
    let synced = kim.synced(&cluster, 1);
    assert!(words(&synced)[0].starts_with("The server has entries up to 6 of this computer"), "{synced:#}");
    // It goes on and writes otherwise: never overwritten, and named.
    kim.work(2);
    let synced = kim.synced(&cluster, 1);
    assert_eq!(
        words(&synced)[0],
        "Entries 4 to 6 are others on the server than here; what is here was written by this computer"
    );
    assert_eq!(cluster.sql("SELECT max(entry) FROM linesman.heads").trim(), "6", "no head vouches for the mixture");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &to.join(file.file_name()));
        } else {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn two_programs_may_sync_one_chain_at_the_same_time() {
    let Some(cluster) = Cluster::start() else { return };
    let kim = Laptop::new(&cluster, "kim");
    kim.work(600);
    let password = kim.place.write("password.txt", PASSWORD);
    let url = cluster.url("kim");
    let arguments = ["records", "sync", "--server", &url, "--password-file", &password];
    let mut both: Vec<_> = (0..2)
        .map(|_| {
            let mut command = kim.place.linesman(&arguments);
            command.arg("--json").stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    kim.work(1);
    for program in both.drain(..) {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(kim.synced(&cluster, 0)["faults"], 0);
    assert_eq!(cluster.count("entries"), i64::try_from(kim.entries().0).unwrap());
}

#[test]
fn a_full_server_loses_nothing_and_is_told_apart() {
    let Some(cluster) = Cluster::start() else { return };
    if !cluster.with_small_disk() {
        return;
    }
    let kim = Laptop::new(&cluster, "kim");
    kim.work(2000);
    let ran = kim.sync(&cluster.url("kim")).expect_problem(3, "sync.full");
    let synced = &ran.lines()[0];
    assert!(synced["waiting"].as_i64() > Some(0), "{synced:#}");
    cluster.sql("ALTER TABLE linesman.entries SET TABLESPACE pg_default");
    let synced = kim.synced(&cluster, 0);
    assert_eq!((&synced["waiting"], &synced["head"]["entry"]), (&json!(0), &json!(6000)));
    assert_eq!(cluster.count("entries"), 6000);
}

#[test]
fn the_sql_of_the_command_is_the_one_of_the_page() {
    let place = Place::new();
    let printed = place.run(&["records", "sync", "--setup"]).expect(0).out;
    assert_eq!(printed, include_str!("../../docs/records-server.sql"));
    assert!(!place.data().join("records.sqlite").exists(), "nothing is opened for it");
}

#[test]
fn a_server_that_talks_nonsense_is_left() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    };
    std::thread::Builder::new().name("nonsense".into()).spawn(answering).unwrap();
    let place = Place::new();
    let url = format!("postgres://kim@127.0.0.1:{port}/linesman");
    let ran = place.run_json(&["records", "sync", "--server", &url]).expect(3);
    assert!(ran.result()["code"].as_str().unwrap().starts_with("sync."), "{ran:#?}");
    let ran = place.run_json(&["records", "sync", "--server", &format!("{url}?sslmode=verify-full")]);
    ran.expect_problem(3, "sync.no_tls");
}
