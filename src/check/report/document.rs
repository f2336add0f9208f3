//! [`Document`]: what a person reads in a report, whatever form it takes. All texts are safe to show and masked already.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reproduce::{Recipe, recipes};
use super::rules::{self, Rule, merged};
use super::{Fact, Input, Instead, Mask, Tone, told};
use crate::check::evidence::Via;
use crate::check::explain;
use crate::check::plan::{Outlook, PlannedRow, Subject, Vantage};
use crate::check::seen::{Connect, ConnectEnd, Observation, Seen, Tls, TlsEnd};
use crate::check::verdict::{Reason, RowState, RowVerdict};
use crate::model::endpoint::{Level, RowId};
use crate::model::text::visible;

/// The longest text that is shown: names of issuers and banners are strangers' texts.
const LONGEST: usize = 400;

/// The most observations of a row that are listed.
const MOST_SIGHTS: usize = 60;

/// The most names seen on the way that are listed for a rule.
const MOST_ALIASES: usize = 20;

/// What concerns several rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What it is.
    pub what: String,
    /// What to do.
    pub next_step: String,
    /// The rows it explains.
    pub rows: String,
}

/// Rules of one protocol and port, and the rows behind them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// `TCP 443`.
    pub title: String,
    /// The rules.
    pub rules: Vec<RuleLine>,
    /// The rows that need a word.
    pub rows: Vec<RowPart>,
}

/// One rule as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// Who is called.
    pub destination: String,
    /// Names seen on the way.
    pub aliases: String,
    /// Who calls.
    pub source: String,
    /// Outbound with replies, and whether inspection is to be left off.
    pub how: String,
    /// What it is for.
    pub purpose: String,
    /// The rows.
    pub rows: String,
    /// The documents.
    pub documents: String,
    /// How it stands.
    pub state: &'static str,
    /// How good that is.
    pub tone: Tone,
}

/// A row in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowPart {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// How it stands.
    pub state: &'static str,
    /// How good that is.
    pub tone: Tone,
    /// The stable code of the reason.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub next_step: String,
    /// What ought to be known beside.
    pub notes: Vec<String>,
    /// What was seen.
    pub sights: Vec<Sight>,
    /// How many observations are left out.
    pub more_sights: usize,
    /// What was ruled out.
    pub ruled_out: Vec<String>,
    /// How to see the same.
    pub recipes: Vec<Recipe>,
    /// What the vendor's words leave open.
    pub ambiguity: String,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// When, in UTC with milliseconds.
    pub at: String,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// What was seen.
    pub text: String,
    /// How long it took, in milliseconds.
    pub took: String,
}

/// A row as the laptop and the gateway see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// How it stands for the laptop, and why.
    pub laptop: String,
    /// How good that is.
    pub laptop_tone: Tone,
    /// How it stands for the gateway, and why.
    pub gateway: String,
    /// How good that is.
    pub gateway_tone: Tone,
}

/// A row that was not tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Untested {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// How it stands.
    pub state: &'static str,
    /// Why.
    pub why: String,
}

/// A whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What it is.
    pub title: String,
    /// How the whole stands.
    pub verdict: String,
    /// How good that is.
    pub tone: Tone,
    /// What must be known before anything else.
    pub banners: Vec<String>,
    /// What an override file changed.
    pub overrides: Vec<String>,
    /// From where, when and by what it was seen.
    pub facts: Vec<Fact>,
    /// What concerns several rows.
    pub troubles: Vec<Trouble>,
    /// Laptop and gateway side by side, where both looked.
    pub sides: Vec<Side>,
    /// The rules, by protocol and port.
    pub groups: Vec<Group>,
    /// Rows that are no opening of a firewall.
    pub others: Vec<RowPart>,
    /// What was not tested.
    pub untested: Vec<Untested>,
    /// What not to open.
    pub never: Vec<String>,
    /// Who wrote it.
    pub program: String,
}

impl Document {
    /// The report of a run.
    pub fn new(input: &Input<'_>) -> Self {
        let instead = if input.is_masked { Instead::Label } else { Instead::Nothing };
        Builder { input, mask: Mask::new(input.evidence, instead) }.document()
    }
}

/// A state with its reason, where there is more to it than that it holds.
fn stands_for(state: RowState, reason: Reason) -> String {
    if reason == Reason::Answered { state.to_string() } else { format!("{state}: {reason}") }
}

struct Builder<'a> {
    input: &'a Input<'a>,
    mask: Mask,
}

impl Builder<'_> {
    fn document(&self) -> Document {
        let Input { plan, evidence, judged, words, .. } = *self.input;
        let apart = self.input.beside.map(|beside| beside.findings(plan, judged)).unwrap_or_default();
        let troubles = apart
            .iter()
            .chain(judged.findings.iter().filter(|it| !explain::is_said_by_its_row(judged, it)))
            .map(|finding| {
                let said = words.finding(finding);
                let rows: Vec<&str> = finding.rows.iter().map(RowId::as_str).collect();
                Trouble { what: self.safe(&said.what), next_step: self.safe(&said.next_step), rows: rows.join(", ") }
            });
        let (verdict, tone) = self.verdict();
        let all = rules::rules(plan, evidence, judged);
        Document {
            title: self.safe(&format!("Network check for {}", plan.name)),
            verdict,
            tone,
            banners: self.banners(),
            overrides: self.overrides().iter().map(|line| self.safe(line)).collect(),
            facts: self.facts(),
            troubles: troubles.collect(),
            sides: self.sides(),
            groups: self.groups(&merged(&all)),
            others: self.others(&all),
            untested: self.untested(),
            never: self.never(&all),
            program: self.safe(&evidence.program),
        }
    }

    /// A text of anybody, as it may be shown.
    fn safe(&self, text: &str) -> String {
        self.mask.text(&visible(text, LONGEST))
    }

    /// What was looked for elsewhere than at the vendor's, by this run or by the laptop's beside it.
    fn overrides(&self) -> &[String] {
        let own = &self.input.evidence.about.overrides;
        if own.is_empty() { self.overrides_beside() } else { own }
    }

    fn overrides_beside(&self) -> &[String] {
        self.input.beside.map_or(&[], |beside| &beside.evidence.about.overrides)
    }

    fn sides(&self) -> Vec<Side> {
        let Some(beside) = self.input.beside else { return Vec::new() };
        let side = |stands: Option<(RowState, Reason)>| match stands {
            Some((state, reason)) => (stands_for(state, reason), tone(state)),
            None => ("-".to_owned(), Tone::Open),
        };
        let rows = beside.rows(self.input.judged).into_iter().map(|row| {
            let planned = self.input.plan.row(&row.row).or_else(|| beside.plan.row(&row.row));
            let ((laptop, laptop_tone), (gateway, gateway_tone)) = (side(row.before), side(row.after));
            let purpose = self.safe(&planned.map(|row| purpose(&row.subject)).unwrap_or_default());
            Side { id: row.row.to_string(), purpose, laptop, laptop_tone, gateway, gateway_tone }
        });
        rows.collect()
    }

    fn verdict(&self) -> (String, Tone) {
        let count = |wanted: fn(&RowState) -> bool| {
            let required = self.input.plan.rows.iter().filter(|row| row.subject.level() == Level::Required);
            let states = required.filter_map(|row| self.input.judged.row(&row.id));
            states.filter(|verdict| wanted(&verdict.state)).count()
        };
        let (failed, good) = (count(|state| *state == RowState::Fail), count(|state| state.is_good()));
        let open = count(|state| !state.is_good() && *state != RowState::Fail && *state != RowState::NotApplicable);
        let rows =
            |count: usize| if count == 1 { "1 required row".to_owned() } else { format!("{count} required rows") };
        match (failed, open) {
            (0, 0) => (format!("All {} hold from here", rows(good)), Tone::Good),
            (0, open) => (format!("{} hold from here, {open} not tested", rows(good)), Tone::Open),
            (failed, _) => (format!("{} fail from here, {good} hold", rows(failed)), Tone::Bad),
        }
    }

    fn banners(&self) -> Vec<String> {
        let about = &self.input.evidence.about;
        let mut banners = Vec::new();
        if !about.overrides.is_empty() {
            banners.push("An override file was used: packets went to other places than the vendor names. This doesn't count as evidence for a site".to_owned());
        }
        if about.overrides.is_empty() && !self.overrides_beside().is_empty() {
            banners.push("An override file was used on the laptop's side: its packets went to other places than the vendor names. That side doesn't count as evidence for a site".to_owned());
        }
        if self.mask.is_masking() || about.is_masked {
            banners.push("Addresses inside the site are masked".to_owned());
        }
        if about.is_survey {
            banners.push("Survey: the gateway isn't here yet".to_owned());
        }
        if let Some(via) = &about.via {
            banners.push(from_gateway(via));
        }
        match about.vantage {
            Vantage::Elsewhere => banners.push("Seen from another place than the gateway's network: weak evidence for the site".to_owned()),
            Vantage::SiteNetwork => banners.push(
                "Seen from a computer on the site's network. Rules for single devices (by MAC address, 802.1X or policy) are out of its reach".to_owned(),
            ),
            Vantage::Gateway | Vantage::SimNetwork | Vantage::Vpn => {}
        }
        banners
    }

    fn facts(&self) -> Vec<Fact> {
        let about = &self.input.evidence.about;
        let mut facts = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                facts.push(Fact { name: name.to_owned(), value: self.safe(value) });
            }
        };
        add("Site", &about.site);
        add("Profile", self.input.plan.profile.as_str());
        add("Began", &utc(about.began_unix_micros));
        add("Seen from", about.vantage.as_str());
        if let Some(via) = &about.via {
            add("Gateway that looked", &via.name);
            add("Reached over", &via.link);
            add("Programs it had", &via.tools.join(", "));
        }
        add(
            "Interface or address chosen",
            if about.from.is_empty() { "none: as the system routes" } else { &about.from },
        );
        add("Network name", &about.ssid);
        add("Network of the gateways", &about.subnet);
        add("Gateway", &about.gateway);
        for (word, names) in &about.hosts {
            add(&self.safe(&format!("Named for {word}")), &names.join(", "));
        }
        let of_all = self.input.evidence.observations.iter().filter(|observation| observation.row.is_none());
        let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut has_proxy = false;
        for observation in of_all {
            let name = match &observation.seen {
                Seen::System { .. } => "0 Computer",
                Seen::Interface(_) => "1 Interfaces",
                Seen::Lease(_) => "2 Lease",
                Seen::NameServer(_) => "3 Name servers",
                Seen::Proxy(_) => "4 Proxies",
                _ => continue,
            };
            has_proxy |= matches!(observation.seen, Seen::Proxy(_));
            seen.entry(name).or_default().push(told(&observation.seen).text);
        }
        if !has_proxy {
            seen.insert("4 Proxies", vec!["None set on this computer".to_owned()]);
        }
        for (name, lines) in seen {
            for line in &lines {
                add(&name[2..], line);
            }
        }
        if let Some(head) = self.input.records {
            add("Head of the records", &format!("{} (entry {})", head.hash, head.entry));
        }
        facts
    }

    fn groups(&self, rules: &[Rule]) -> Vec<Group> {
        let mut groups: Vec<(String, Vec<&Rule>)> = Vec::new();
        for rule in rules {
            let title = format!("{} {}", rule.protocol, if rule.port == "none" { "" } else { &rule.port });
            match groups.iter_mut().find(|(own, _)| *own == title) {
                Some((_, rules)) => rules.push(rule),
                None => groups.push((title, vec![rule])),
            }
        }
        let mut told: Vec<&str> = Vec::new();
        let group = |(title, rules): (String, Vec<&'_ Rule>)| Group {
            title: title.trim_end().to_owned(),
            rules: rules.iter().map(|rule| self.rule(rule)).collect(),
            rows: self.rows_of(&rules),
        };
        let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
        // A row that has hosts in two groups is told in the first.
        for group in &mut groups {
            group.rows.retain(|row| !told.contains(&row.id.as_str()));
            told.extend(
                self.input
                    .plan
                    .rows
                    .iter()
                    .map(|row| row.id.as_str())
                    .filter(|id| group.rows.iter().any(|row| row.id == *id)),
            );
        }
        groups
    }

    fn rule(&self, rule: &Rule) -> RuleLine {
        let state = rule.state();
        let mut aliases: Vec<&str> = rule.aliases.iter().take(MOST_ALIASES).map(String::as_str).collect();
        if rule.aliases.len() > MOST_ALIASES {
            aliases.push("…");
        }
        let inspection = if rule.is_inspection_exempt { ", without TLS inspection" } else { "" };
        RuleLine {
            destination: self.safe(&rule.destination),
            aliases: self.safe(&aliases.join(", ")),
            source: self.safe(&rule.source),
            how: format!("{}, {}{inspection}", rule.direction, rules::STATEFUL),
            purpose: self.safe(&rule.purpose.join("; ")),
            rows: rule.rows.join(", "),
            documents: self.safe(&rule.documents.join("; ")),
            state: state.as_str(),
            tone: tone(state),
        }
    }

    /// The rows behind rules that are not simply good.
    fn rows_of(&self, rules: &[&Rule]) -> Vec<RowPart> {
        let is_behind = |row: &&PlannedRow| rules.iter().any(|rule| rule.rows.iter().any(|id| id == row.id.as_str()));
        self.input.plan.rows.iter().filter(is_behind).filter_map(|row| self.noteworthy(row)).collect()
    }

    /// Rows that are told and stand behind no rule: about the network itself, its radio, or who calls in.
    fn others(&self, rules: &[Rule]) -> Vec<RowPart> {
        let outbound = merged(rules);
        let is_told = |row: &PlannedRow| outbound.iter().any(|rule| rule.rows.iter().any(|id| id == row.id.as_str()));
        self.input.plan.rows.iter().filter(|row| !is_told(row)).filter_map(|row| self.noteworthy(row)).collect()
    }

    fn noteworthy(&self, row: &PlannedRow) -> Option<RowPart> {
        let verdict = self.input.judged.row(&row.id)?;
        let is_told =
            matches!(verdict.state, RowState::Fail | RowState::PassWithNote | RowState::Sampled | RowState::Skipped);
        is_told.then(|| self.row(row, verdict))
    }

    fn row(&self, row: &PlannedRow, verdict: &RowVerdict) -> RowPart {
        let said = self.input.words.row(self.input.plan, row, verdict);
        let observations = self.observations(row);
        let failed = verdict.state == RowState::Fail;
        let recipes = row.subject.endpoint().filter(|_| failed).and_then(|endpoint| {
            let target = row.targets.iter().find(|target| !self.holds(&target.host)).or(row.targets.first())?;
            Some(recipes(endpoint, target))
        });
        let masked = |mut recipe: Recipe| {
            recipe.commands.iter_mut().for_each(|command| command.command = self.safe(&command.command));
            recipe
        };
        let ambiguity = row.subject.endpoint().and_then(|endpoint| endpoint.ambiguity.as_deref());
        RowPart {
            id: row.id.to_string(),
            purpose: self.safe(&purpose(&row.subject)),
            state: verdict.state.as_str(),
            tone: tone(verdict.state),
            code: verdict.reason.as_str(),
            what: self.safe(&said.what),
            next_step: self.safe(&said.next_step),
            notes: verdict.notes.iter().map(|note| self.safe(&self.input.words.note(verdict, note))).collect(),
            more_sights: observations.len().saturating_sub(MOST_SIGHTS),
            ruled_out: said.ruled_out.iter().map(|line| self.safe(line)).collect(),
            sights: self.sights(&observations),
            recipes: recipes.unwrap_or_default().into_iter().map(masked).collect(),
            ambiguity: self.safe(ambiguity.unwrap_or_default()),
        }
    }

    /// What was observed for a row, and for its hosts.
    fn observations(&self, row: &PlannedRow) -> Vec<&Observation> {
        let concerns = |seen: &&Observation| {
            seen.row.as_ref() == Some(&row.id)
                || (seen.row.is_none() && row.targets.iter().any(|target| seen.host.as_ref() == Some(&target.host)))
        };
        self.input.evidence.observations.iter().filter(concerns).collect()
    }

    fn sights(&self, observations: &[&Observation]) -> Vec<Sight> {
        // What is said on a connection comes from where the connection came.
        let mut sources: BTreeMap<String, String> = BTreeMap::new();
        let sight = |observation: &&Observation| {
            let told = told(&observation.seen);
            if !told.from.is_empty() {
                sources.insert(told.to.clone(), told.from.clone());
            }
            let from = sources.get(&told.to).cloned().unwrap_or_default();
            Sight {
                at: utc(observation.at_unix_micros),
                from: self.safe(&from),
                to: self.safe(&told.to),
                text: self.safe(&told.text),
                took: format!("{} ms", observation.took_micros / 1000),
            }
        };
        observations.iter().take(MOST_SIGHTS).map(sight).collect()
    }

    /// Whether something of a host got as far as it should.
    fn holds(&self, host: &str) -> bool {
        let of_host = self.input.evidence.observations.iter().filter(|seen| seen.host.as_deref() == Some(host));
        of_host.clone().any(|seen| matches!(seen.seen, Seen::Connect(Connect { end: ConnectEnd::Connected, .. })))
            && !of_host.clone().any(|seen| is_bad_tls(&seen.seen))
    }

    /// What must stay closed. Wildcards of shared clouds are named: they open more than the vendor's own hosts.
    fn never(&self, rules: &[Rule]) -> Vec<String> {
        let mut lines = never();
        for rule in merged(rules).iter().filter(|rule| rule.destination.starts_with("*.")) {
            let wildcard = self.safe(&rule.destination);
            let line =
                format!("{wildcard} also covers hosts of other customers: allow single names where they are known");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn untested(&self) -> Vec<Untested> {
        let one = |row: &PlannedRow| {
            let verdict = self.input.judged.row(&row.id)?;
            let is_untested = matches!(
                verdict.state,
                RowState::Pending
                    | RowState::NotTestable
                    | RowState::NotApplicable
                    | RowState::Skipped
                    | RowState::NotNeeded
            );
            let is_looked_at = !matches!(row.outlook, Outlook::Advice) && verdict.reason != Reason::NothingToSend;
            (is_untested && is_looked_at).then(|| Untested {
                id: row.id.to_string(),
                purpose: self.safe(&purpose(&row.subject)),
                state: verdict.state.as_str(),
                why: self.safe(&self.input.words.row(self.input.plan, row, verdict).what),
            })
        };
        self.input.plan.rows.iter().filter_map(one).collect()
    }
}

const fn tone(state: RowState) -> Tone {
    match state {
        RowState::Fail => Tone::Bad,
        RowState::Pass | RowState::PassWithNote | RowState::NotNeeded => Tone::Good,
        _ => Tone::Open,
    }
}

fn is_good_tls(tls: &Tls) -> bool {
    let is_trusted = |trust: &crate::check::seen::Trust| {
        trust.name_matches && trust.expected.unwrap_or(trust.mozilla) && trust.fault.is_empty()
    };
    matches!(tls.end, TlsEnd::Done { .. }) && tls.shape.is_plain() && tls.trust.as_ref().is_some_and(is_trusted)
}

fn is_bad_tls(seen: &Seen) -> bool {
    matches!(seen, Seen::Tls(tls) if !is_good_tls(tls))
}

/// What a row is about, in words.
fn purpose(subject: &Subject) -> String {
    match subject {
        Subject::Endpoint(endpoint) => endpoint.purpose.clone(),
        Subject::Network(rule) => rule.says.clone(),
        Subject::Wifi(_) => "The Wi-Fi network the gateway joins".to_owned(),
    }
}

fn never() -> Vec<String> {
    [
        "No rule that lets connections in from the internet: the gateway calls out, and a stateful firewall lets the replies in",
        "No rule from any to any: the names and ports above are all that is needed",
        "No TLS inspection for these destinations: the gateway trusts the vendor's issuers and not the firewall's",
    ]
    .map(str::to_owned)
    .into()
}

/// A time in UTC with milliseconds.
pub(super) fn utc(unix_micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(unix_micros).ok();
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).unwrap_or_default()
}

/// Who looked, where it was a gateway, and by what.
fn from_gateway(via: &Via) -> String {
    let programs = if via.tools.is_empty() { "none".to_owned() } else { via.tools.join(", ") };
    format!(
        "Seen from the gateway, over {}. Programs it had: {programs}. What none of them can do wasn't tested",
        via.link
    )
}
