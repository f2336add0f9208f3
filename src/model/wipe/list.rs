//! The list of gateways that are taken out of service in one go, read from the table of a manifest. Each row names its gateway's
//! serial number, which is its guard as for one. All mistakes are told before anything is sent.
//!
//! The columns are those of a batch: what a row would send is left alone, so that the manifest that set a site up takes it down
//! again, with a column `serial`.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::model::access::Access;
use crate::model::batch::{Finding, MAX_ROWS, Match, Mistake, Table};
use crate::model::ids::{DriverId, LinkAddress, LinkKind, ProfileId};
use crate::model::secret::Secret;
use crate::model::secret_text;

/// Columns that are read.
const COLUMNS: [&str; 10] =
    ["name", "match", "profile", "serial", "driver", "username", "pop_file", "allow_unprotected", "attest", "without"];
/// Columns that are needed.
const NEEDED: [&str; 3] = ["match", "profile", "serial"];
/// Columns of a batch that say what is sent to a gateway.
const OF_A_BATCH: [&str; 3] = ["ssid", "password_file", "hidden"];

/// One gateway of a list. Holds a secret and is not printable.
#[derive(Clone)]
pub struct Listed {
    /// The row as a person sees it.
    pub row: u32,
    /// What the operator calls it, else its serial number.
    pub name: String,
    /// Its link.
    pub link: LinkAddress,
    /// The profile whose plan is carried out.
    pub profile: ProfileId,
    /// The driver to speak.
    pub driver: DriverId,
    /// Its serial number, or its name where it tells none: as typed to confirm one.
    pub serial: String,
    /// What lets us in.
    pub access: Access,
    /// Steps that a person carried out, and what was seen.
    pub attested: Vec<(String, String)>,
    /// Steps that are left out knowingly.
    pub without: Vec<String>,
}

/// What the list asks of the world.
pub trait World {
    /// Whether there is such a profile.
    fn has_profile(&self, id: &str) -> bool;
    /// The driver and the plan of a profile over a link, with the driver that was named.
    fn plan(&self, profile: &str, link: LinkKind, driver: Option<DriverId>) -> Option<(DriverId, Plan)>;
    /// What a file holds, its path counted from the manifest's folder; or why not, without the path.
    fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String>;
    /// The secret that was given once under that name.
    fn secret(&self, name: &str) -> Option<Secret<String>>;
    /// The one path of a port that has several.
    fn real_port(&self, path: &str) -> String;
}

/// Reads a list: its gateways, complete exactly when there is no mistake, and all mistakes.
pub fn read(table: &Table, world: &mut dyn World) -> (Vec<Listed>, Vec<Finding>) {
    let mut reading = Reading { world, findings: Vec::new(), serials: BTreeMap::new(), places: BTreeMap::new() };
    let Some(columns) = reading.columns(table) else { return (Vec::new(), reading.findings) };
    let rows = table.rows.iter().filter_map(|(row, cells)| reading.row(*row, cells, &columns)).collect();
    (rows, reading.findings)
}

struct Reading<'a> {
    world: &'a mut dyn World,
    findings: Vec<Finding>,
    serials: BTreeMap<String, u32>,
    places: BTreeMap<String, u32>,
}

/// The cells of a row.
struct Cells<'a> {
    row: u32,
    texts: &'a [String],
    columns: &'a BTreeMap<String, usize>,
}

impl<'a> Cells<'a> {
    fn get(&self, column: &str) -> &'a str {
        self.columns.get(column).and_then(|place| self.texts.get(*place)).map_or("", |cell| cell.trim())
    }
}

impl Reading<'_> {
    fn say(&mut self, mistake: Mistake, row: Option<u32>, column: &str) {
        self.findings.push(mistake.at(row, Some(column).filter(|column| !column.is_empty())));
    }

    fn columns(&mut self, table: &Table) -> Option<BTreeMap<String, usize>> {
        if table.rows.is_empty() {
            self.say(Mistake::Empty, None, "");
            return None;
        }
        if table.rows.len() > MAX_ROWS {
            self.say(Mistake::TooManyRows, None, "");
            return None;
        }
        let mut places = BTreeMap::new();
        for (place, written) in table.header.iter().enumerate() {
            let name = written.trim().to_lowercase().replace([' ', '-'], "_");
            let name = if name == "serial_number" { "serial".to_owned() } else { name };
            if COLUMNS.contains(&name.as_str()) {
                if places.insert(name, place).is_some() {
                    self.say(Mistake::ColumnTwice { column: written.trim().into() }, None, written);
                }
            } else if !OF_A_BATCH.contains(&name.as_str()) && !name.starts_with("credential:") && !name.is_empty() {
                let column = written.trim().to_owned();
                let is_secret = secret_text::names_secret(&name);
                let mistake =
                    if is_secret { Mistake::ColumnOfSecrets { column } } else { Mistake::ColumnUnknown { column } };
                self.say(mistake, None, written);
            }
        }
        let missing: Vec<&'static str> = NEEDED.into_iter().filter(|name| !places.contains_key(*name)).collect();
        for column in &missing {
            self.say(Mistake::ColumnMissing { column }, None, "");
        }
        missing.is_empty().then_some(places)
    }

    fn row(&mut self, row: u32, texts: &[String], columns: &BTreeMap<String, usize>) -> Option<Listed> {
        let before = self.findings.len();
        let cells = Cells { row, texts, columns };
        let serial = self.serial(&cells);
        let link = self.link(&cells);
        let found = link.as_ref().and_then(|link| self.plan(&cells, link.kind()));
        let access = self.access(&cells);
        let (attested, without) = (pairs(cells.get("attest")), words(cells.get("without")));
        if attested.is_none() {
            self.say(Mistake::BadAttest, Some(row), "attest");
        }
        let attested = attested.unwrap_or_default();
        let (driver, plan) = found?;
        for (column, id) in
            attested.iter().map(|(id, _)| ("attest", id)).chain(without.iter().map(|id| ("without", id)))
        {
            if plan.position(id).is_none() {
                self.say(Mistake::StepUnknown { step: id.clone() }, Some(row), column);
            }
        }
        let (link, profile) = (link?, ProfileId::new(cells.get("profile")));
        let name = Some(cells.get("name")).filter(|name| !name.is_empty()).unwrap_or(&serial).to_owned();
        let is_good = self.findings.len() == before;
        is_good.then_some(Listed { row, name, link, profile, driver, serial, access, attested, without })
    }

    fn serial(&mut self, cells: &Cells<'_>) -> String {
        let serial = cells.get("serial");
        if serial.is_empty() {
            self.say(Mistake::CellEmpty, Some(cells.row), "serial");
        } else if let Some(&first_row) = self.serials.get(serial) {
            self.say(Mistake::SerialTwice { serial: serial.into(), first_row }, Some(cells.row), "serial");
        } else {
            self.serials.insert(serial.to_owned(), cells.row);
        }
        serial.to_owned()
    }

    fn link(&mut self, cells: &Cells<'_>) -> Option<LinkAddress> {
        let Ok(Match::Link(link)) = cells.get("match").parse::<Match>() else {
            let reason = "A gateway is removed over a link that is named".to_owned();
            self.say(Mistake::BadMatch { reason }, Some(cells.row), "match");
            return None;
        };
        let key = match &link {
            LinkAddress::Serial(path) => format!("serial:{}", self.world.real_port(path)),
            other => other.to_string(),
        };
        if let Some(&first_row) = self.places.get(&key) {
            self.say(Mistake::MatchTwice { place: key, first_row }, Some(cells.row), "match");
        } else {
            self.places.insert(key, cells.row);
        }
        Some(link)
    }

    fn plan(&mut self, cells: &Cells<'_>, link: LinkKind) -> Option<(DriverId, Plan)> {
        let (profile, driver) = (cells.get("profile"), cells.get("driver"));
        if !self.world.has_profile(profile) {
            self.say(Mistake::ProfileUnknown { id: profile.into() }, Some(cells.row), "profile");
            return None;
        }
        let named = match driver.parse() {
            Ok(named) => Some(named),
            Err(_) if driver.is_empty() => None,
            Err(_) => {
                self.say(Mistake::DriverUnknown { name: driver.into() }, Some(cells.row), "driver");
                return None;
            }
        };
        let Some((driver, plan)) = self.world.plan(profile, link, named) else {
            self.say(Mistake::NoPlan { profile: profile.into() }, Some(cells.row), "profile");
            return None;
        };
        if !driver.is_available_over(link) {
            let mistake = Mistake::DriverNotOverLink { driver: driver.to_string(), link: link.to_string() };
            self.say(mistake, Some(cells.row), "driver");
            return None;
        }
        Some((driver, plan))
    }

    fn access(&mut self, cells: &Cells<'_>) -> Access {
        let username = Some(cells.get("username")).filter(|name| !name.is_empty()).map(str::to_owned);
        let allows_unprotected = matches!(cells.get("allow_unprotected").to_lowercase().as_str(), "yes" | "true" | "1");
        Access { username, secret: self.secret(cells), allows_unprotected }
    }

    /// The secret that a row refers to: given once as `@NAME`, or the first line of a file.
    fn secret(&mut self, cells: &Cells<'_>) -> Option<Secret<String>> {
        let reference = cells.get("pop_file");
        let found = match reference.strip_prefix('@') {
            _ if reference.is_empty() => return None,
            Some(name) => {
                let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
                // What is no word may be a passphrase that begins with the sign.
                let shown = if is_word { name } else { "…" };
                self.world.secret(name).ok_or_else(|| Mistake::SecretMissing { name: shown.into() })
            }
            None => match self.world.file(reference) {
                Ok(content) => secret_text::line(content.expose()).map_err(|_| Mistake::FileNotText),
                Err(reason) => Err(Mistake::FileUnreadable { reason }),
            },
        };
        found.map_err(|mistake| self.say(mistake, Some(cells.row), "pop_file")).ok()
    }
}

/// `STEP=TEXT; STEP=TEXT`; nothing where one is written otherwise.
fn pairs(cell: &str) -> Option<Vec<(String, String)>> {
    let pair = |part: &str| {
        let (step, text) = part.split_once('=')?;
        let (step, text) = (step.trim(), text.trim());
        (!step.is_empty() && !text.is_empty()).then(|| (step.to_owned(), text.to_owned()))
    };
    cell.split(';').map(str::trim).filter(|part| !part.is_empty()).map(pair).collect()
}

fn words(cell: &str) -> Vec<String> {
    let words: BTreeSet<&str> = cell.split(';').map(str::trim).filter(|word| !word.is_empty()).collect();
    words.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    struct Made;

    impl World for Made {
        fn has_profile(&self, id: &str) -> bool {
            id != "other"
        }

        fn plan(&self, profile: &str, _: LinkKind, driver: Option<DriverId>) -> Option<(DriverId, Plan)> {
            (profile == "card").then(|| (driver.unwrap_or(DriverId::LinuxConsole), card()))
        }

        fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String> {
            if path == "login" { Ok(Secret::new(b"hunter2\n".to_vec())) } else { Err("There is no such file".into()) }
        }

        fn secret(&self, _: &str) -> Option<Secret<String>> {
            None
        }

        fn real_port(&self, path: &str) -> String {
            path.to_owned()
        }
    }

    fn table(rows: &[&str]) -> Table {
        let cells = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
        let rows = rows.iter().zip(2_u32..).map(|(row, number)| (number, cells(row))).collect();
        let header = cells("name,match,profile,Serial number,ssid,pop_file,attest,without");
        Table { header, rows, ..Table::default() }
    }

    #[test]
    fn a_manifest_that_set_a_site_up_takes_it_down_again() {
        let row = "hall,serial:/dev/ttyUSB0,card,GW-7,Site,login,unpair=gone from the app; void=changed,destroy";
        let (rows, findings) = read(&table(&[row, ",serial:/dev/ttyUSB1,card,GW-8,Site,,,"]), &mut Made);
        assert!(findings.is_empty(), "{findings:?}");
        let [one, two] = &rows[..] else { panic!("two rows") };
        assert_eq!((one.name.as_str(), one.serial.as_str(), two.name.as_str()), ("hall", "GW-7", "GW-8"));
        assert_eq!(one.attested[1], ("void".to_owned(), "changed".to_owned()));
        assert_eq!(one.without, ["destroy"]);
        assert!(one.access.secret.as_ref().is_some_and(|secret| secret.expose() == "hunter2"));
    }

    #[test]
    fn every_mistake_is_told_with_its_row_and_no_row_with_one_is_removed() {
        let bad = [
            "a,serial:/dev/a,card,,,,,",
            "b,name:hall,card,GW-1,,,,",
            "c,serial:/dev/c,other,GW-2,,,,",
            "d,serial:/dev/d,bare,GW-3,,,,",
            "e,serial:/dev/e,card,GW-4,,nowhere,,",
            "f,serial:/dev/f,card,GW-5,,@login,,",
            "g,serial:/dev/g,card,GW-6,,,unpair,",
            "h,serial:/dev/h,card,GW-7,,,nothing=seen,",
            "i,serial:/dev/h,card,GW-8,,,,",
            "j,serial:/dev/j,card,GW-8,,,,",
        ];
        let (rows, findings) = read(&table(&bad), &mut Made);
        let codes: Vec<(Option<u32>, &str)> =
            findings.iter().map(|finding| (finding.row, finding.problem.code)).collect();
        let expected = [
            "manifest.cell_empty",
            "manifest.bad_match",
            "manifest.profile_unknown",
            "manifest.no_plan",
            "manifest.file_unreadable",
            "manifest.secret_missing",
            "manifest.bad_attest",
            "manifest.step_unknown",
            "manifest.match_twice",
            "manifest.serial_twice",
        ];
        assert_eq!(codes, expected.into_iter().zip(2..).map(|(code, row)| (Some(row), code)).collect::<Vec<_>>());
        assert!(rows.is_empty());
    }
}
