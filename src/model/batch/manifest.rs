//! Checks the table of a manifest, all of it, before anything is sent: every mistake is named with row and column.
//!
//! Pure: what profiles say and what files hold is asked of [`Surroundings`]. A passphrase never stands in a manifest, and
//! a cell that should refer to one is never repeated in a text, because it might be one by mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::mistake::{Finding, Mistake};
use super::reading::{Cells, Column, Columns, Findings, Places, shown_name};
use super::{Match, RowPlan, notes};
use crate::model::access::Access;
use crate::model::credentials::{self, WifiDraft};
use crate::model::ids::{DriverId, LinkKind, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::secret_text::{self, NoSecret};
use crate::model::wifi::WifiRules;

/// Most gateways in a manifest.
pub const MAX_ROWS: usize = 2000;
/// Most columns.
pub const MAX_COLUMNS: usize = 64;
/// Most characters of a cell.
pub const MAX_CELL_CHARS: usize = 1000;

/// The word for a network without protection.
const OPEN: &str = "open";
/// Columns that every manifest has.
const NEEDED: [&str; 3] = ["name", "match", "profile"];
/// Columns that name the network; needed unless there is a credential to send.
const NETWORK: [&str; 2] = ["ssid", "password_file"];
const OTHER: [&str; 5] = ["driver", "hidden", "username", "pop_file", "allow_unprotected"];
/// Columns of the same list when it is read to remove the gateways.
const OF_A_REMOVAL: [&str; 4] = ["serial", "serial_number", "attest", "without"];

/// A table as it was read: texts, with the row numbers a person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows below it that are not blank and not hidden, each with its number.
    pub rows: Vec<(u32, Vec<String>)>,
    /// Cells of which it is not known what the sheet shows, by row and by column counted from 0.
    pub doubts: BTreeMap<(u32, usize), Doubt>,
    /// Rows that hold something and are hidden, by hand or by a filter: they are not among the rows.
    pub hidden_rows: Vec<u32>,
    /// Columns that are hidden, counted from 0; they are read all the same.
    pub hidden_columns: Vec<usize>,
    /// The sheet that was read, where there are others.
    pub sheet: Option<String>,
    /// How many other sheets there are.
    pub other_sheets: usize,
}

/// Why the text of a cell may be another than the sheet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is true or false, which each language writes in its own way.
    Truth,
    /// It is a date or a time.
    Date,
    /// It is a number that is shown shortened, rounded or in another form.
    Number,
    /// It is part of merged cells and not their first.
    Merged,
}

/// What a profile says that a manifest is held against.
#[derive(Clone, Debug)]
pub struct ProfileFacts {
    /// What it says about Wi-Fi.
    pub rules: WifiRules,
    /// Its drivers by link, in order of preference.
    pub drivers: Vec<(LinkKind, DriverId)>,
    /// Its credentials, each with the drivers that can push it.
    pub credentials: Vec<(String, Vec<DriverId>)>,
}

/// What the check asks of the world.
pub trait Surroundings {
    /// What the profile of that id says.
    fn profile(&self, id: &str) -> Option<ProfileFacts>;
    /// What a file holds, its path counted from the manifest's folder; or why not, in words that do not repeat the path.
    fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String>;
    /// The secret that was given once under that name.
    fn secret(&self, name: &str) -> Option<Secret<String>>;
    /// The one path of a port that has several, where the system tells: `/dev/serial/by-id/…` leads to `/dev/ttyUSB0`.
    fn real_port(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// What the check brought.
#[derive(Default)]
pub struct Checked {
    /// The orders, complete exactly when there is no finding.
    pub plans: Vec<RowPlan>,
    /// All mistakes.
    pub findings: Vec<Finding>,
    /// Names of secrets that are referred to and were not given: the rows that do so stand among the plans without them.
    pub wanted: BTreeSet<String>,
    /// Where they are referred to: mistakes as soon as the batch is to begin.
    pub lacking: Vec<Finding>,
    /// What a person should know that is no mistake: what was left out, what may be meant otherwise.
    pub notes: Vec<String>,
}

/// Checks a table.
pub fn check(table: &Table, world: &mut dyn Surroundings) -> Checked {
    let mut run = Run {
        world,
        checked: Checked { notes: notes::of(table), ..Checked::default() },
        findings: Findings::default(),
        names: BTreeMap::new(),
        places: Places::default(),
    };
    if let Some(columns) = Columns::find(table, column, needed, &mut run.findings) {
        for (row, cells) in &table.rows {
            run.row(*row, cells, &columns, table);
        }
    }
    Checked { findings: run.findings.done(), ..run.checked }
}

fn column(name: &str) -> Column {
    let is_known = NEEDED.contains(&name)
        || NETWORK.contains(&name)
        || OTHER.contains(&name)
        || name.strip_prefix("credential:").is_some_and(|id| !id.is_empty());
    if is_known {
        return Column::Read(name.to_owned());
    }
    if OF_A_REMOVAL.contains(&name) { Column::LeftAlone } else { Column::Unknown }
}

fn needed(columns: &Columns) -> Vec<&'static str> {
    let is_network_named = NETWORK.iter().any(|name| columns.has(name));
    let network = NETWORK.iter().filter(|_| !has_credentials(columns) || is_network_named);
    NEEDED.iter().chain(network).copied().collect()
}

fn has_credentials(columns: &Columns) -> bool {
    columns.names().any(|name| name.starts_with("credential:"))
}

struct Run<'a> {
    world: &'a mut dyn Surroundings,
    checked: Checked,
    findings: Findings,
    names: BTreeMap<String, u32>,
    places: Places,
}

impl Run<'_> {
    fn say(&mut self, mistake: Mistake, row: Option<u32>, column: Option<&str>) {
        self.findings.say(mistake, row, column);
    }

    fn row(&mut self, row: u32, cells: &[String], columns: &Columns, table: &Table) {
        let before = self.findings.count();
        let Some(cells) = Cells::read(row, cells, columns, table, &mut self.findings) else { return };
        let name = self.name(&cells);
        let place = self.place(&cells);
        let facts = self.profile(&cells);
        let driver = self.driver(&cells, place.as_ref(), facts.as_ref());
        let rules = facts.as_ref().map_or_else(WifiRules::standard, |facts| facts.rules.clone());
        let network = self.network(&cells, &rules);
        let credentials = self.credentials(&cells, facts.as_ref(), driver);
        let access = self.access(&cells);
        let is_good = self.findings.count() == before;
        let (Some(place), Some(driver), true) = (place, driver, is_good) else { return };
        if network.is_none() && credentials.is_empty() && self.findings.has_all_columns() {
            return self.say(Mistake::NothingToSend, Some(row), None);
        }
        let content = content(&cells);
        let profile = Some(ProfileId::new(cells.get("profile")));
        let plan = RowPlan { row, name, place, profile, driver, network, access, credentials, content };
        self.checked.plans.push(plan);
    }

    fn name(&mut self, cells: &Cells<'_>) -> String {
        let name = cells.get("name");
        if name.is_empty() {
            self.say(Mistake::CellEmpty, Some(cells.row), Some("name"));
        } else if let Some(&first_row) = self.names.get(&name.to_lowercase()) {
            self.say(Mistake::NameTwice { name: name.into(), first_row }, Some(cells.row), Some("name"));
        } else {
            self.names.insert(name.to_lowercase(), cells.row);
        }
        name.to_owned()
    }

    fn place(&mut self, cells: &Cells<'_>) -> Option<Match> {
        let text = cells.get("match");
        if text.is_empty() {
            self.say(Mistake::CellEmpty, Some(cells.row), Some("match"));
            return None;
        }
        match text.parse::<Match>() {
            Ok(place) => {
                let real_port = |path: &str| self.world.real_port(path);
                self.places.take(&place, cells.row, real_port, &mut self.findings);
                Some(place)
            }
            Err(error) => {
                let mut reason = error.reason.to_owned();
                if let Some(first) = reason.get(..1).map(str::to_uppercase) {
                    reason.replace_range(..1, &first);
                }
                self.say(Mistake::BadMatch { reason }, Some(cells.row), Some("match"));
                None
            }
        }
    }

    fn profile(&mut self, cells: &Cells<'_>) -> Option<ProfileFacts> {
        let id = cells.get("profile");
        if id.is_empty() {
            self.say(Mistake::CellEmpty, Some(cells.row), Some("profile"));
            return None;
        }
        let facts = self.world.profile(id);
        if facts.is_none() {
            self.say(Mistake::ProfileUnknown { id: id.into() }, Some(cells.row), Some("profile"));
        }
        facts
    }

    fn driver(&mut self, cells: &Cells<'_>, place: Option<&Match>, facts: Option<&ProfileFacts>) -> Option<DriverId> {
        let link = place?.link_kind();
        let name = cells.get("driver");
        let driver = if name.is_empty() {
            let fits = |(kind, driver): &&(LinkKind, DriverId)| *kind == link && driver.is_available_over(link);
            facts
                .and_then(|facts| facts.drivers.iter().find(fits))
                .map_or_else(|| DriverId::usual_over(link), |(_, driver)| *driver)
        } else if let Ok(driver) = name.parse() {
            driver
        } else {
            self.say(Mistake::DriverUnknown { name: name.into() }, Some(cells.row), Some("driver"));
            return None;
        };
        if driver.is_available_over(link) {
            return Some(driver);
        }
        let mistake = Mistake::DriverNotOverLink { driver: driver.to_string(), link: link.to_string() };
        let column = if name.is_empty() { "match" } else { "driver" };
        self.say(mistake, Some(cells.row), Some(column));
        None
    }

    fn network(&mut self, cells: &Cells<'_>, rules: &WifiRules) -> Option<WifiDraft> {
        let (ssid, reference) = (cells.verbatim("ssid"), cells.get("password_file"));
        let is_hidden = cells.yes("hidden", &mut self.findings);
        match (ssid.trim().is_empty(), reference.is_empty()) {
            (true, true) if has_credentials(cells.columns) => return None,
            (true, true) => {
                for column in NETWORK {
                    self.say(Mistake::CellEmpty, Some(cells.row), Some(column));
                }
                return None;
            }
            (true, false) => {
                self.say(Mistake::HalfANetwork { is_name_there: false }, Some(cells.row), Some("ssid"));
                return None;
            }
            (false, true) => {
                self.say(Mistake::HalfANetwork { is_name_there: true }, Some(cells.row), Some("password_file"));
                return None;
            }
            (false, false) => {}
        }
        let mut draft = WifiDraft { ssid: ssid.to_owned(), is_hidden, ..WifiDraft::default() };
        if reference == OPEN {
            draft.is_open = true;
        } else {
            let before = self.checked.lacking.len();
            draft.passphrase = self.secret(cells, "password_file", reference)?;
            if self.checked.lacking.len() > before {
                return Some(draft);
            }
        }
        let (_, found) = credentials::check(&draft, rules, None, None);
        self.note_network(cells.row, ssid, &found.warnings);
        for problem in found.errors {
            let column = if problem.code.starts_with("wifi.ssid") { "ssid" } else { "password_file" };
            self.findings.add(Finding { row: Some(cells.row), column: Some(column.into()), problem });
        }
        Some(draft)
    }

    /// What may be meant otherwise in the name of a network. Blanks and quotes are part of it, and stay.
    fn note_network(&mut self, row: u32, ssid: &str, warnings: &[Problem]) {
        let said = notes::of_ssid(ssid).map(str::to_owned);
        let warned = warnings.iter().filter(|warning| warning.code.starts_with("wifi.ssid")).map(|w| w.what.clone());
        for text in warned.chain(said) {
            self.checked.notes.push(format!("Row {row}: {text}"));
        }
    }

    fn credentials(
        &mut self,
        cells: &Cells<'_>,
        facts: Option<&ProfileFacts>,
        driver: Option<DriverId>,
    ) -> Vec<(String, Secret<Vec<u8>>)> {
        let mut found = Vec::new();
        for column in cells.columns.in_order() {
            let Some(id) = column.strip_prefix("credential:") else { continue };
            let path = cells.get(column);
            if path.is_empty() {
                continue;
            }
            let known = facts.and_then(|facts| facts.credentials.iter().find(|(known, _)| known == id));
            let mistake = match (facts, known, driver) {
                (Some(_), None, _) => {
                    Some(Mistake::CredentialUnknown { id: id.into(), profile: cells.get("profile").into() })
                }
                (_, Some((_, drivers)), Some(driver)) if !drivers.contains(&driver) => {
                    Some(Mistake::CredentialNoWay { id: id.into(), driver: driver.to_string() })
                }
                _ => None,
            };
            if let Some(mistake) = mistake {
                self.say(mistake, Some(cells.row), Some(column));
            }
            match self.world.file(path) {
                Ok(content) => found.push((id.to_owned(), content)),
                Err(reason) => self.say(Mistake::FileUnreadable { reason }, Some(cells.row), Some(column)),
            }
        }
        found
    }

    fn access(&mut self, cells: &Cells<'_>) -> Access {
        let username = Some(cells.get("username")).filter(|name| !name.is_empty()).map(str::to_owned);
        let reference = cells.get("pop_file");
        let secret = if reference.is_empty() { None } else { self.secret(cells, "pop_file", reference) };
        Access { username, secret, allows_unprotected: cells.yes("allow_unprotected", &mut self.findings) }
    }

    /// The secret that a cell refers to: given once as `@NAME`, or the first line of a file.
    fn secret(&mut self, cells: &Cells<'_>, column: &str, reference: &str) -> Option<Secret<String>> {
        if let Some(name) = reference.strip_prefix('@') {
            let secret = self.world.secret(name);
            if secret.is_none() {
                let name = shown_name(name);
                self.checked.wanted.insert(name.to_owned());
                let finding = Mistake::SecretMissing { name: name.into() }.at(Some(cells.row), Some(column));
                self.checked.lacking.push(finding);
            }
            return secret.or_else(|| Some(Secret::default()));
        }
        let content = self.world.file(reference).map_err(|reason| Mistake::FileUnreadable { reason });
        let read = content.and_then(|content| first_line(&content));
        read.map_err(|mistake| self.say(mistake, Some(cells.row), Some(column))).ok()
    }
}

/// The first line without its end; blanks stay. Empty where there is none.
fn first_line(content: &Secret<Vec<u8>>) -> Result<Secret<String>, Mistake> {
    match secret_text::line(content.expose()) {
        Ok(line) => Ok(line),
        // What is missing is told where the rest of the row is checked.
        Err(NoSecret::Empty) => Ok(Secret::default()),
        Err(NoSecret::NotText | NoSecret::TooLong) => Err(Mistake::FileNotText),
    }
}

/// What the row says, column by column; references, never secrets.
fn content(cells: &Cells<'_>) -> String {
    let filled: BTreeMap<&str, &str> = cells
        .columns
        .names()
        .filter(|column| *column != "name")
        .map(|column| (column, cells.verbatim(column)))
        .filter(|(_, cell)| !cell.trim().is_empty())
        .collect();
    // A map of texts always becomes JSON.
    serde_json::to_string(&filled).unwrap_or_default()
}
