//! Checks the table of a manifest, all of it, before anything is sent: every mistake is named with row and column.
//!
//! Pure: what profiles say and what files hold is asked of [`Surroundings`]. A passphrase never stands in a manifest, and
//! a cell that should refer to one is never repeated in a text, because it might be one by mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::mistake::{Finding, Mistake};
use super::{Match, RowPlan, notes};
use crate::model::access::Access;
use crate::model::credentials::{self, WifiDraft};
use crate::model::ids::{DriverId, LinkAddress, LinkKind, ProfileId};
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
/// Mistakes that are listed; further ones are counted.
const MAX_FINDINGS: usize = 200;

/// The word for a network without protection.
const OPEN: &str = "open";
/// Columns that every manifest has.
const NEEDED: [&str; 3] = ["name", "match", "profile"];
/// Columns that name the network; needed unless there is a credential to send.
const NETWORK: [&str; 2] = ["ssid", "password_file"];
const OTHER: [&str; 5] = ["driver", "hidden", "username", "pop_file", "allow_unprotected"];
/// Columns that take yes or no.
const YES_OR_NO: [&str; 2] = ["hidden", "allow_unprotected"];
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
        checked: Checked::default(),
        more: 0,
        missing: Vec::new(),
        names: BTreeMap::new(),
        places: BTreeMap::new(),
    };
    run.checked.notes = notes::of(table);
    let columns = run.columns(table);
    if let Some(columns) = columns {
        for (row, cells) in &table.rows {
            run.row(*row, cells, &columns, table);
        }
    }
    if run.more > 0 {
        let cut = Mistake::Cut { more: run.more }.at(None, None);
        run.checked.findings.push(cut);
    }
    run.checked
}

/// Where the known columns are.
struct Columns {
    /// By name as in the reference.
    places: BTreeMap<String, usize>,
    has_credentials: bool,
}

struct Run<'a> {
    world: &'a mut dyn Surroundings,
    checked: Checked,
    more: usize,
    /// Columns that are missing: told once, not in every row.
    missing: Vec<&'static str>,
    names: BTreeMap<String, u32>,
    places: BTreeMap<String, u32>,
}

/// The cells of one row by the names of their columns.
struct Cells<'a> {
    row: u32,
    texts: &'a [String],
    columns: &'a Columns,
}

impl<'a> Cells<'a> {
    fn get(&self, column: &str) -> &'a str {
        self.columns.places.get(column).and_then(|place| self.texts.get(*place)).map_or("", |cell| cell.trim())
    }

    /// A cell in which blanks may count: the name of a network.
    fn verbatim(&self, column: &str) -> &'a str {
        self.columns.places.get(column).and_then(|place| self.texts.get(*place)).map_or("", String::as_str)
    }
}

impl Run<'_> {
    fn say(&mut self, mistake: Mistake, row: Option<u32>, column: Option<&str>) {
        if !(row.is_some() && column.is_some_and(|column| self.missing.contains(&column))) {
            self.add(mistake.at(row, column));
        }
    }

    fn add(&mut self, finding: Finding) {
        if self.checked.findings.len() < MAX_FINDINGS { self.checked.findings.push(finding) } else { self.more += 1 }
    }

    /// Finds the columns; `None` when this is no table whose rows are worth reading.
    fn columns(&mut self, table: &Table) -> Option<Columns> {
        if table.rows.is_empty() && table.header.iter().all(|name| name.trim().is_empty()) {
            self.say(Mistake::Empty, None, None);
            return None;
        }
        if table.header.len() > MAX_COLUMNS {
            self.say(Mistake::TooManyColumns, None, None);
            return None;
        }
        let mut places = BTreeMap::new();
        for (place, written) in table.header.iter().enumerate() {
            let name = normal(written);
            if name.is_empty() {
                if table.rows.iter().any(|(_, cells)| cells.get(place).is_some_and(|cell| !cell.trim().is_empty())) {
                    self.say(Mistake::ColumnUnnamed { number: place + 1 }, None, None);
                }
            } else if is_known(&name) {
                if places.insert(name, place).is_some() {
                    self.say(Mistake::ColumnTwice { column: written.trim().into() }, None, Some(written));
                }
            } else if secret_text::names_secret(&name) {
                self.say(Mistake::ColumnOfSecrets { column: written.trim().into() }, None, Some(written));
            } else {
                self.say(Mistake::ColumnUnknown { column: written.trim().into() }, None, Some(written));
            }
        }
        let has_credentials = places.keys().any(|name| name.starts_with("credential:"));
        let is_network_named = NETWORK.iter().any(|name| places.contains_key(*name));
        let network = NETWORK.iter().filter(|_| !has_credentials || is_network_named);
        let missing: Vec<&'static str> =
            NEEDED.iter().chain(network).copied().filter(|name| !places.contains_key(*name)).collect();
        for column in &missing {
            self.say(Mistake::ColumnMissing { column }, None, None);
        }
        self.missing = missing;
        if table.rows.is_empty() {
            self.say(Mistake::Empty, None, None);
        }
        if table.rows.len() > MAX_ROWS {
            self.say(Mistake::TooManyRows, None, None);
            return None;
        }
        Some(Columns { places, has_credentials })
    }

    fn row(&mut self, row: u32, cells: &[String], columns: &Columns, table: &Table) {
        let before = self.checked.findings.len() + self.more;
        let cells = Cells { row, texts: cells, columns };
        self.width(&cells, table);
        self.shape(&cells, &table.doubts);
        if self.checked.findings.len() + self.more > before {
            return;
        }
        let name = self.name(&cells);
        let place = self.place(&cells);
        let facts = self.profile(&cells);
        let driver = self.driver(&cells, place.as_ref(), facts.as_ref());
        let rules = facts.as_ref().map_or_else(WifiRules::standard, |facts| facts.rules.clone());
        let network = self.network(&cells, &rules);
        let credentials = self.credentials(&cells, facts.as_ref(), driver);
        let access = self.access(&cells);
        let is_good = self.checked.findings.len() + self.more == before;
        let (Some(place), Some(driver), true) = (place, driver, is_good) else { return };
        if network.is_none() && credentials.is_empty() && self.missing.is_empty() {
            return self.say(Mistake::NothingToSend, Some(row), None);
        }
        let content = content(&cells);
        let profile = Some(ProfileId::new(cells.get("profile")));
        let plan = RowPlan { row, name, place, profile, driver, network, access, credentials, content };
        self.checked.plans.push(plan);
    }

    /// A row with more cells than columns: a separator stands inside a cell, and what follows has slipped.
    fn width(&mut self, cells: &Cells<'_>, table: &Table) {
        let filled = cells.texts.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let columns = table.header.len();
        if filled > columns {
            self.say(Mistake::MoreCells { cells: filled, columns }, Some(cells.row), None);
        }
    }

    /// What every cell is held to.
    fn shape(&mut self, cells: &Cells<'_>, doubts: &BTreeMap<(u32, usize), Doubt>) {
        for (column, place) in &cells.columns.places {
            if let Some(doubt) = doubts.get(&(cells.row, *place))
                && !(*doubt == Doubt::Truth && YES_OR_NO.contains(&column.as_str()))
            {
                self.say(Mistake::CellNotText { doubt: *doubt }, Some(cells.row), Some(column));
                continue;
            }
            let Some(cell) = cells.texts.get(*place) else { continue };
            let chars = cell.chars().count();
            if chars > MAX_CELL_CHARS {
                self.say(Mistake::CellTooLong { chars }, Some(cells.row), Some(column));
            } else if cell.chars().any(char::is_control) {
                self.say(Mistake::CellControl, Some(cells.row), Some(column));
            } else if is_formula_error(cell) {
                self.say(Mistake::CellError, Some(cells.row), Some(column));
            }
        }
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
                let key = match &place {
                    Match::Link(LinkAddress::Serial(path)) => format!("serial:{}", self.world.real_port(path)),
                    other => other.to_string(),
                };
                if let Some(&first_row) = self.places.get(&key) {
                    self.say(Mistake::MatchTwice { place: key, first_row }, Some(cells.row), Some("match"));
                } else {
                    self.places.insert(key, cells.row);
                }
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
        let is_hidden = self.yes(cells, "hidden");
        match (ssid.trim().is_empty(), reference.is_empty()) {
            (true, true) if cells.columns.has_credentials => return None,
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
            self.add(Finding { row: Some(cells.row), column: Some(column.into()), problem });
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
        let mut columns: Vec<(&String, usize)> =
            cells.columns.places.iter().map(|(column, place)| (column, *place)).collect();
        columns.sort_by_key(|(_, place)| *place);
        for (column, _) in columns {
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
        Access { username, secret, allows_unprotected: self.yes(cells, "allow_unprotected") }
    }

    /// The secret that a cell refers to: given once as `@NAME`, or the first line of a file.
    fn secret(&mut self, cells: &Cells<'_>, column: &str, reference: &str) -> Option<Secret<String>> {
        if let Some(name) = reference.strip_prefix('@') {
            let secret = self.world.secret(name);
            if secret.is_none() {
                // What follows the sign may be a passphrase that begins with it; one that is no word is not repeated.
                let name = if is_word(name) { name } else { "…" };
                self.checked.wanted.insert(name.to_owned());
                let finding = Mistake::SecretMissing { name: name.into() }.at(Some(cells.row), Some(column));
                self.checked.lacking.push(finding);
            }
            return secret.or_else(|| Some(Secret::default()));
        }
        match self.world.file(reference) {
            Ok(content) => {
                let secret = first_line(&content);
                if secret.is_none() {
                    self.say(Mistake::FileNotText, Some(cells.row), Some(column));
                }
                secret
            }
            Err(reason) => {
                self.say(Mistake::FileUnreadable { reason }, Some(cells.row), Some(column));
                None
            }
        }
    }

    fn yes(&mut self, cells: &Cells<'_>, column: &str) -> bool {
        match cells.get(column).to_lowercase().as_str() {
            "yes" | "true" | "1" => true,
            "" | "no" | "false" | "0" => false,
            _ => {
                self.say(Mistake::NotYesOrNo, Some(cells.row), Some(column));
                false
            }
        }
    }
}

/// The name of a column as it is compared. The id of a credential keeps its case.
fn normal(written: &str) -> String {
    let written = written.trim();
    match written.split_once(':') {
        Some((kind, id)) if kind.trim().eq_ignore_ascii_case("credential") => format!("credential:{}", id.trim()),
        _ => written.to_lowercase().replace([' ', '-'], "_"),
    }
}

fn is_known(name: &str) -> bool {
    NEEDED.contains(&name)
        || NETWORK.contains(&name)
        || OTHER.contains(&name)
        || name.strip_prefix("credential:").is_some_and(|id| !id.is_empty())
}

fn is_formula_error(cell: &str) -> bool {
    matches!(cell, "#REF!" | "#N/A" | "#NAME?" | "#VALUE!" | "#DIV/0!" | "#NULL!" | "#NUM!")
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The first line without its end; blanks stay.
fn first_line(content: &Secret<Vec<u8>>) -> Option<Secret<String>> {
    match secret_text::line(content.expose()) {
        Ok(line) => Some(line),
        // What is missing is told where the rest of the row is checked.
        Err(NoSecret::Empty) => Some(Secret::default()),
        Err(NoSecret::NotText | NoSecret::TooLong) => None,
    }
}

/// What the row says, column by column; references, never secrets.
fn content(cells: &Cells<'_>) -> String {
    let filled: BTreeMap<&str, &str> = cells
        .columns
        .places
        .keys()
        .filter(|column| *column != "name")
        .map(|column| (column.as_str(), cells.verbatim(column)))
        .filter(|(_, cell)| !cell.trim().is_empty())
        .collect();
    // A map of texts always becomes JSON.
    serde_json::to_string(&filled).unwrap_or_default()
}
