//! `linesman check --via … --both`: a laptop's run and the gateway's own as one, against stand-ins on loopback and a simulated
//! gateway.

use std::net::{SocketAddr, TcpListener};

use linesman::sim::{CONSOLE_ACCOUNT, CONSOLE_PASSWORD};
use serde_json::Value;

use crate::check_cli::{HOST, ROW, Web, overrides};
use crate::program::{Place, Ran, Sim, text_of};

/// A gateway with a console that is on no network.
fn gateway(place: &Place) -> Sim {
    let arguments = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--join-millis", "50"];
    Sim::start(&mut place.linesman(&arguments))
}

fn arguments<'a>(file: &'a str, sim: &'a Sim, login: &'a str) -> Vec<&'a str> {
    let common = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", file];
    let via = ["--via", &sim.link, "--username", CONSOLE_ACCOUNT, "--password-file", login, "--both"];
    [&common[..], &via].concat()
}

fn of_kind(ran: &Ran, kind: &str) -> Vec<Value> {
    ran.lines().into_iter().filter(|line| line["kind"] == kind).collect()
}

/// The states of the row for laptop and gateway, and the reasons of all findings.
fn told(ran: &Ran) -> (String, String, Vec<String>) {
    let compared = of_kind(ran, "compared");
    assert_eq!(compared.len(), 1, "{ran:?}");
    assert_eq!(compared[0]["sides"], serde_json::json!(["laptop", "gateway"]));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = of_kind(ran, "finding").iter().map(|line| word(&line["reason"])).collect();
    (word(&compared[0]["before"]["state"]), word(&compared[0]["after"]["state"]), findings)
}

#[test]
fn a_site_that_lets_the_laptop_through_and_not_the_gateway_is_told_in_one_report() {
    let place = Place::new();
    let (sim, web) = (gateway(&place), Web::start(HOST));
    let (file, login) = (overrides(&place, web.address, Some(&web.ca_pem)), place.write("login.txt", CONSOLE_PASSWORD));
    let [json, html] = ["both.json", "both.html"].map(|name| text_of(&place.path(name)));
    let reports = ["--report", &json, "--report", &html];
    let ran = place.run_json(&[&arguments(&file, &sim, &login)[..], &reports].concat());
    let (laptop, gateway, findings) = told(&ran);
    assert!(laptop.starts_with("pass"), "{ran:?}");
    assert_eq!(gateway, "fail");
    assert!(findings.contains(&"only-laptop-passes".to_owned()), "{findings:?}");
    // Laptop first; its lines end where the gateway's begin, and the last line is the result of both.
    let kinds: Vec<String> = ran.lines().iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect();
    let gateways = kinds.iter().position(|kind| kind == "from-gateway").unwrap();
    assert!(kinds[..gateways].contains(&"row".to_owned()) && kinds[gateways..].contains(&"row".to_owned()));
    assert_eq!(
        (kinds.iter().filter(|kind| *kind == "summary").count(), ran.result()["kind"].as_str()),
        (1, Some("summary"))
    );
    ran.expect(1);
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("Laptop and gateway side by side"), "{page}");
    assert!(page.contains("The site lets the laptop through and not the gateway"));
    // The saved run holds both, and is judged again without either.
    let again = place.run_json(&["check", "--rejudge", &json]);
    assert_eq!(told(&again).2.first().map(String::as_str), Some("only-laptop-passes"), "{again:?}");
    again.expect(1);
    let text = place.run(&["check", "--rejudge", &json]).out;
    assert!(text.contains("Row      Laptop               Gateway"), "{text}");
    assert!(text.contains("Next: Ask the admin to let the gateway's address and VLAN through"), "{text}");
    let changed = std::fs::read_to_string(&json).unwrap().replacen("\"attempt\": 1", "\"attempt\": 3", 1);
    let changed = place.write("changed.json", changed);
    assert_eq!(place.run_json(&["check", "--rejudge", &changed]).result()["code"], "evidence.changed");
}

#[cfg(feature = "pdf")]
#[test]
fn both_columns_are_on_paper_as_well() {
    let place = Place::new();
    let (sim, web) = (gateway(&place), Web::start(HOST));
    let (file, login) = (overrides(&place, web.address, Some(&web.ca_pem)), place.write("login.txt", CONSOLE_PASSWORD));
    let pdf = text_of(&place.path("both.pdf"));
    place.run_json(&[&arguments(&file, &sim, &login)[..], &["--report", &pdf]].concat()).expect(1);
    assert!(std::fs::read(pdf).unwrap().starts_with(b"%PDF"));
}

/// A port on which nothing listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_site_that_lets_the_gateway_through_and_not_the_laptop_is_told_too() {
    let place = Place::new();
    let sim = gateway(&place);
    let (login, wifi) = (place.write("login.txt", CONSOLE_PASSWORD), place.write("wifi.txt", &sim.password));
    let account = ["--via", &sim.link, "--username", CONSOLE_ACCOUNT];
    let join = ["commission", "--driver", "linux-console", "--pop-file", &login, "--ssid", &sim.ssid];
    place.run_json(&[&join[..], &account, &["--password-file", &wifi]].concat()).expect(0);
    let file = overrides(&place, closed(), None);
    let ran = place.run_json(&arguments(&file, &sim, &login));
    let (laptop, gateway, findings) = told(&ran);
    assert_eq!(laptop, "fail");
    assert!(gateway.starts_with("pass"), "{ran:?}");
    assert_eq!(findings.first().map(String::as_str), Some("only-gateway-passes"));
}

#[test]
fn both_needs_a_gateway_and_is_not_watched() {
    let place = Place::new();
    let ran = place.run(&["check", "--profile", "casambi-cloud-gateway", "--both"]);
    assert!(ran.expect(2).err.contains("--via"));
    let watched =
        ["check", "--profile", "casambi-cloud-gateway", "--both", "--via", "serial:/dev/null", "--watch", "30"];
    place.run(&watched).expect(2);
}
