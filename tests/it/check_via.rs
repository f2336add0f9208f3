//! `linesman check --via`: a gateway looks itself, by a real bash with curl and by a real busybox that has nothing else,
//! against stand-ins on loopback. Every name is mapped: nothing leaves this computer.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use linesman::check::gateway::{Gateway, Inquiry, Tools};
use linesman::check::question::{Question, Say, Shape, Talk};
use linesman::sim::{CONSOLE_ACCOUNT, CONSOLE_PASSWORD};

use crate::check_cli::{HOST, ROW, Web, overrides, row};
use crate::linux_console::{ACCOUNT, PASSWORD, RealConsole, has_shell};
use crate::peers;
use crate::program::{Place, Ran, Running, Sim, folder_for_all_accounts, text_of};

fn check(place: &Place, console: &RealConsole, overrides: &str, more: &[&str]) -> Ran {
    let login = place.write("login.txt", PASSWORD);
    let link = format!("serial:{}", console.link);
    let common = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", overrides];
    let via = ["--via", &link, "--username", ACCOUNT, "--password-file", &login, "--observations"];
    place.run_json(&[&common[..], &via, more].concat())
}

fn has_curl() -> bool {
    peers::require("curl", peers::has_program("curl"), "checks from the gateway are proven with it")
}

/// The probes that were observed, in their order.
fn probes(ran: &Ran) -> Vec<String> {
    let lines = ran.lines();
    let observed = lines.iter().filter(|line| line["kind"] == "observation");
    observed.filter_map(|line| line["seen"]["probe"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_row_passes_from_a_gateway_with_bash_and_curl() {
    if !has_shell("bash") || !has_curl() {
        return;
    }
    let Some(console) = RealConsole::start("bash", "", "") else { return };
    let (place, web) = (Place::new(), Web::start(HOST));
    let report = text_of(&place.path("run.json"));
    let ran = check(&place, &console, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &report]);
    let row = row(&ran);
    assert!(row["state"] == "pass" || row["state"] == "pass-with-note", "{row} {ran:?}");
    assert_eq!(row["step"], "http");
    let probes = probes(&ran);
    for probe in ["gateway-clock", "connect", "tls", "http"] {
        assert!(probes.iter().any(|seen| seen == probe), "no {probe}: {probes:?}");
    }
    ran.expect(0);
    let saved = std::fs::read_to_string(report).unwrap();
    assert!(saved.contains("\"vantage\": \"gateway\"") || saved.contains("\"vantage\":\"gateway\""), "{saved}");
    assert!(saved.contains("curl ") && saved.contains(&console.link), "{saved}");
    assert!(!saved.contains(PASSWORD));
}

#[test]
fn mqtt_inside_a_websocket_is_spoken_from_a_gateway_with_openssl() {
    let has_all =
        ["openssl", "od"].iter().all(|program| peers::require(program, peers::has_program(program), "it carries MQTT"));
    if !has_shell("bash") || !has_curl() || !has_all {
        return;
    }
    let Some(console) = RealConsole::start("bash", "", "") else { return };
    let place = Place::new();
    let profile = "casambi-cloud-gateway";
    let mut sim = Running::start(place.linesman(&["sim", "--network", "--profile", profile]).arg("--json"));
    let ready = sim.until(|line| line["kind"] == "sim-network");
    let (login, link) = (place.write("login.txt", PASSWORD), format!("serial:{}", console.link));
    let check = ["check", "--profile", profile, "--rows", "CAS-05", "--site", ready["site"].as_str().unwrap()];
    let via = ["--via", &link, "--username", ACCOUNT, "--password-file", &login, "--observations"];
    let ran = place.run_json(&[&check[..], &via].concat());
    let lines = ran.lines();
    let mqtt = lines.iter().find(|line| line["seen"]["probe"] == "mqtt").unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!((&mqtt["seen"]["inside"], &mqtt["seen"]["end"]["code"]), (&"websocket".into(), &5.into()), "{mqtt}");
}

#[test]
fn a_peer_with_an_unknown_certificate_does_not_pass_from_the_gateway_either() {
    if !has_shell("bash") || !has_curl() {
        return;
    }
    let Some(console) = RealConsole::start("bash", "", "") else { return };
    let (place, web) = (Place::new(), Web::start(HOST));
    let ran = check(&place, &console, &overrides(&place, web.address, None), &[]);
    assert_eq!((row(&ran)["state"].clone(), row(&ran)["step"].clone()), ("fail".into(), "tls".into()), "{ran:?}");
    ran.expect(1);
}

/// A folder with busybox and its applets, and nothing else.
fn only_busybox() -> tempfile::TempDir {
    let folder = folder_for_all_accounts();
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    let installed = Command::new(busybox).args(["--install", "-s"]).arg(folder.path()).status();
    assert!(installed.unwrap().success());
    folder
}

#[test]
fn a_gateway_with_nothing_but_busybox_tells_what_it_could_not_ask() {
    if !has_shell("ash") {
        return;
    }
    let programs = only_busybox();
    let Some(console) = RealConsole::start("ash", "", &format!("export PATH='{}'", programs.path().display())) else {
        return;
    };
    let (place, web) = (Place::new(), Web::start(HOST));
    let ran = check(&place, &console, &overrides(&place, web.address, Some(&web.ca_pem)), &[]);
    let stands = row(&ran);
    assert_eq!(
        (stands["state"].as_str(), stands["reason"].as_str()),
        (Some("not-testable"), Some("no-program")),
        "{ran:?}"
    );
    assert!(probes(&ran).iter().any(|probe| probe == "connect"), "a connection was made: {ran:?}");
    // Nothing failed, and nothing was found out.
    ran.expect(4);
}

#[test]
fn a_port_that_is_closed_for_a_gateway_with_busybox_fails_there() {
    if !has_shell("ash") {
        return;
    }
    let programs = only_busybox();
    let Some(console) = RealConsole::start("ash", "", &format!("export PATH='{}'", programs.path().display())) else {
        return;
    };
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = check(&place, &console, &overrides(&place, free, None), &[]);
    let row = row(&ran);
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), (Some("fail"), Some("tcp-refused")), "{ran:?}");
    ran.expect(1);
}

#[test]
fn a_login_that_is_refused_is_told_and_nothing_is_looked_at() {
    let Some(console) = RealConsole::start("bash", "", "") else { return };
    let place = Place::new();
    let login = place.write("login.txt", "wrong");
    let link = format!("serial:{}", console.link);
    let ran = place.run_json(&[
        "check",
        "--profile",
        "casambi-cloud-gateway",
        "--rows",
        ROW,
        "--override",
        &overrides(&place, "127.0.0.1:9".parse().unwrap(), None),
        "--via",
        &link,
        "--username",
        ACCOUNT,
        "--password-file",
        &login,
    ]);
    assert_eq!(ran.result()["kind"], "problem", "{ran:?}");
    assert!(!ran.out.contains("\"kind\":\"planned\""));
}

#[test]
fn a_simulated_gateway_carries_the_check_out_and_passes_once_it_has_joined() {
    let place = Place::new();
    let arguments = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--join-millis", "50"];
    let sim = Sim::start(&mut place.linesman(&arguments));
    let (login, wifi) = (place.write("login.txt", CONSOLE_PASSWORD), place.write("wifi.txt", &sim.password));
    let file = overrides(&place, "127.0.0.1:443".parse().unwrap(), None);
    let account = ["--via", &sim.link, "--username", CONSOLE_ACCOUNT];
    let check = || {
        let common = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", &file];
        place.run_json(&[&common[..], &account, &["--password-file", &login]].concat())
    };
    let ran = check();
    assert_eq!((row(&ran)["state"].as_str(), row(&ran)["step"].as_str()), (Some("fail"), Some("tcp")), "{ran:?}");

    let join = ["commission", "--driver", "linux-console", "--pop-file", &login, "--ssid", &sim.ssid];
    place.run_json(&[&join[..], &account, &["--password-file", &wifi]].concat()).expect(0);
    let ran = check();
    let row = row(&ran);
    assert_eq!(row["state"], "pass-with-note", "{ran:?}");
    assert!(row["notes"].to_string().contains("trusted-by-gateway"), "{row}");
    ran.expect(0);
}

#[test]
fn a_simulated_gateway_meets_the_troubles_that_a_laptop_meets_at_the_simulated_site() {
    let place = Place::new();
    let profile = "casambi-cloud-gateway";
    let sim = Sim::start(&mut place.linesman(&[
        "sim",
        "--profile",
        profile,
        "--driver",
        "linux-console",
        "--join-millis",
        "50",
    ]));
    let (login, wifi) = (place.write("login.txt", CONSOLE_PASSWORD), place.write("wifi.txt", &sim.password));
    let account = ["--via", &sim.link, "--username", CONSOLE_ACCOUNT];
    let join = ["commission", "--driver", "linux-console", "--pop-file", &login, "--ssid", &sim.ssid];
    place.run_json(&[&join[..], &account, &["--password-file", &wifi]].concat()).expect(0);
    // A test site: what it maps is not asked for, and the gateway opens no sockets.
    let file = place.write("unused.toml", "[[map]]\nhost = \"unused.example\"\nto = \"127.0.0.1:9\"\n");
    let check = ["check", "--profile", profile, "--rows", "CAS-05,CAS-06,CAS-08,CAS-10", "--override", &file];
    let ran = place.run_json(&[&check[..], &account, &["--password-file", &login]].concat());
    let rows = ran.lines().into_iter().filter(|line| line["kind"] == "row");
    let told: Vec<_> = rows.map(|row| ["id", "state", "reason", "step"].map(|key| row[key].clone())).collect();
    let expected = [
        // Nothing it has speaks MQTT inside a WebSocket; what comes before passed.
        ["CAS-05", "not-testable", "no-program", "mqtt"],
        ["CAS-06", "not-testable", "refused-by-gateway", "tls"],
        ["CAS-08", "fail", "tcp-refused", "tcp"],
        ["CAS-10", "fail", "tls-reset", "tls"],
    ];
    assert_eq!(serde_json::json!(told), serde_json::json!(expected));
}

#[test]
fn a_shell_over_smp_without_programs_is_asked_fails_nothing_and_says_so() {
    let place = Place::new();
    let sim = Sim::start(&mut place.linesman(&["sim", "--profile", "generic-zephyr", "--driver", "smp"]));
    let file = overrides(&place, "127.0.0.1:443".parse().unwrap(), None);
    let check = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", &file];
    let via = ["--via", &sim.link, "--driver", "smp", "--observations"];
    let ran = place.run_json(&[&check[..], &via].concat());
    let lines = ran.lines();
    let from = lines.iter().find(|line| line["kind"] == "from-gateway").unwrap();
    assert_eq!(from["tools"], serde_json::json!([]), "{from}");
    assert!(from["name"].as_str().is_some_and(|name| !name.is_empty()), "{from}");
    let row = row(&ran);
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), (Some("not-testable"), Some("no-program")), "{ran:?}");
    // What the system is nobody told, so nothing is said of it.
    assert!(!probes(&ran).iter().any(|probe| probe == "system" || probe == "connect"), "{ran:?}");
    ran.expect(4);
    let job = place.run_json(&["records", "list"]).expect(0).result();
    let told = |field: &str| job[field].as_str().unwrap_or_default().to_owned();
    assert_eq!((told("outcome"), told("gateway")), ("unknown".into(), from["name"].as_str().unwrap().into()), "{job}");
    assert!(told("summary").starts_with("From the gateway: 0 of 1 rows passed; none that"), "{job}");
}

#[test]
fn runs_from_laptop_and_gateway_are_compared_by_their_names() {
    let place = Place::new();
    let sim = Sim::start(&mut place.linesman(&["sim", "--profile", "generic-linux", "--driver", "linux-console"]));
    let web = Web::start(HOST);
    let file = overrides(&place, web.address, Some(&web.ca_pem));
    let login = place.write("login.txt", CONSOLE_PASSWORD);
    let [laptop, gateway] = ["laptop.json", "gateway.json"].map(|name| text_of(&place.path(name)));
    let common = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", &file];
    place.run_json(&[&common[..], &["--report", &laptop]].concat()).expect(0);
    let via = ["--via", &sim.link, "--username", CONSOLE_ACCOUNT, "--password-file", &login, "--report", &gateway];
    place.run_json(&[&common[..], &via].concat()).expect(1);
    let ran = place.run_json(&["check", "--compare", &laptop, &gateway]);
    let compared = ran.lines().into_iter().find(|line| line["kind"] == "compared").unwrap();
    assert_eq!(compared["sides"], serde_json::json!(["laptop", "gateway"]), "{compared}");
    assert_eq!(compared["change"], "worse");
    let ran = place.run(&["check", "--compare", &laptop, &gateway]);
    assert!(ran.out.contains("laptop") && ran.out.contains("gateway"), "{}", ran.out);
}

#[test]
fn no_path_of_a_profile_runs_anything_in_a_real_shell() {
    let folder = tempfile::tempdir().unwrap();
    let planted = folder.path().join("planted");
    let touch = format!("touch {}", planted.display());
    let paths =
        [format!("/'; {touch} #"), format!("/$({touch})"), format!("/`{touch}`"), format!("/\"; {touch}; \"|{touch}&")];
    let tools = [
        "has=curl /x\ncurl=curl 8.5.0\nlimit=timeout\n",
        "has=bash /x\nhas=od /x\nlimit=timeout\n",
        "has=nc /bin/busybox\nhas=busybox /x\nruns=nc\nlimit=timeout\n",
    ];
    for shell in [&["bash"][..], &["dash"], &["busybox", "ash"]].into_iter().filter(|shell| has_shell(shell[0])) {
        for (path, tools) in paths.iter().flat_map(|path| tools.iter().map(move |tools| (path, tools))) {
            let gateway =
                Gateway { tools: Tools::read(tools.as_bytes()), mark: "lm1".into(), nonce: 1, ahead_micros: None };
            let talk = Talk {
                to: "127.0.0.1:9".parse().unwrap(),
                host: "a.example".into(),
                steps: vec![Say::Http { path: path.clone() }],
                shape: Shape::Plain,
                limit: std::time::Duration::from_secs(1),
            };
            let mut inquiry = Inquiry::new(&Question::Talk(talk), &gateway);
            while let Some(command) = inquiry.next_command() {
                let ran = Command::new(shell[0]).args(&shell[1..]).args(["-c", &command.line]).output().unwrap();
                let text = String::from_utf8_lossy(&ran.stdout).into_owned();
                assert!(text.contains("<lm1="), "{shell:?} ran it: {text} {}", command.line);
                // As if it had gone well, so that what comes after it is tried as well.
                let _ = inquiry.take(Some(b"<lm1=0>\n<lm1+>\n"), 0, 0);
            }
            assert!(!planted.exists(), "{shell:?}, {path}: {tools}");
        }
    }
}
