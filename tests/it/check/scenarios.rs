//! Scenarios as files: what was seen, and what follows. `tests/data/check/NAME.toml`; the form stands in its README.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use linesman::check::evidence::{self, About, Evidence, Via};
use linesman::check::plan::Vantage;
use linesman::check::{Judged, Plan, explain, judge};
use linesman::model::endpoint::RowId;
use linesman::model::word::Word;
use serde::Deserialize;

use super::{notation, plan};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    about: String,
    profile: String,
    #[serde(default)]
    rows: Vec<RowId>,
    #[serde(default)]
    vantage: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    ssid: String,
    #[serde(default)]
    gateway: String,
    #[serde(default)]
    hosts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    overrides: Vec<String>,
    seen: String,
    /// A row, and `state reason` with a note behind each plus.
    expect: BTreeMap<String, String>,
    /// The findings, in their order.
    #[serde(default)]
    findings: Vec<String>,
    /// Parts of the sentence for the admin of the first failing row, or of the finding.
    #[serde(default)]
    admin: Vec<String>,
}

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/check");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files
}

#[test]
fn there_are_enough_scenarios() {
    assert!(files().len() >= 80, "{}", files().len());
}

#[test]
fn every_scenario_is_judged_as_its_file_says() {
    let wrong: Vec<String> = files()
        .iter()
        .flat_map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let scenario: Scenario =
                toml::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
            check(&scenario).into_iter().map(move |line| format!("{name}: {line}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn check(scenario: &Scenario) -> Vec<String> {
    assert!(!scenario.about.is_empty());
    let vantage = scenario.vantage.as_deref().map_or(Vantage::SiteNetwork, |word| Vantage::from_word(word).unwrap());
    let about = About {
        rows: scenario.rows.clone(),
        hosts: scenario.hosts.clone(),
        vantage,
        via: (vantage == Vantage::Gateway).then(|| Via { link: "serial:/dev/ttyUSB0".into(), ..Via::default() }),
        from: scenario.from.clone(),
        ssid: scenario.ssid.clone(),
        gateway: scenario.gateway.clone(),
        overrides: scenario.overrides.clone(),
        subnet: "192.168.1.0/24".into(),
        ..About::default()
    };
    let plan = plan(&scenario.profile, about);
    let seen = notation::read(&plan, &scenario.seen);
    let judged = judge(&plan, &seen);
    let mut wrong = Vec::new();
    for (row, expected) in &scenario.expect {
        let verdict = judged.rows.iter().find(|verdict| verdict.row.as_str() == row).expect("the row is in the plan");
        let mut found = format!("{} {}", verdict.state, verdict.reason);
        for note in &verdict.notes {
            write!(found, " +{}", note.reason).unwrap();
        }
        if let Some((good, tried)) = verdict.sampled {
            write!(found, " {good}/{tried}").unwrap();
        }
        if let Some(because) = &verdict.because {
            write!(found, " ({because})").unwrap();
        }
        if found != *expected {
            wrong.push(format!("{row}\n    expected {expected}\n    found    {found}"));
        }
    }
    let findings: Vec<String> = judged.findings.iter().map(|finding| finding.reason.to_string()).collect();
    if findings != scenario.findings {
        wrong.push(format!("findings\n    expected {:?}\n    found    {findings:?}", scenario.findings));
    }
    let said = said(&plan, &judged, &seen);
    for part in scenario.admin.iter().filter(|part| !said.contains(part.as_str())) {
        wrong.push(format!("admin\n    expected {part}\n    found    {said}"));
    }
    wrong
}

/// What is said to the admin.
fn said(plan: &Plan, judged: &Judged, seen: &[linesman::check::Observation]) -> String {
    let evidence = Evidence {
        evidence: evidence::VERSION,
        program: "linesman".into(),
        about: plan.about.clone(),
        observations: seen.to_vec(),
        beside: None,
    };
    let rules = explain::missing(plan, &evidence, judged);
    let rules = rules.iter().map(explain::sentence);
    let findings = judged.findings.iter().map(|finding| explain::finding(plan, judged, seen, finding).what);
    rules.chain(findings).collect::<Vec<_>>().join("\n")
}
