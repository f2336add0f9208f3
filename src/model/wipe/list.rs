//! The list of gateways that are taken out of service in one go, read from the table of a manifest. Each row names its gateway's
//! serial number, which is its guard as for one. All mistakes are told before anything is sent.
//!
//! The columns are those of a batch: what a row would send is left alone, so that the manifest that set a site up takes it down
//! again, with a column `serial`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Plan;
use crate::model::access::Access;
use crate::model::batch::reading::{Cells, Column, Columns, Findings, Places, shown_name};
use crate::model::batch::{Finding, Match, Mistake, Table, notes};
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
    /// The name of its secret, where that was not given yet.
    pub wants: Option<String>,
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

/// What reading a list brought.
#[derive(Default)]
pub struct Read {
    /// The gateways, complete exactly when there is no mistake.
    pub gateways: Vec<Listed>,
    /// All mistakes.
    pub findings: Vec<Finding>,
    /// The rows that refer to a secret that was not given, and its name. No mistake before a removal is to begin.
    pub wanted: Vec<(u32, String)>,
    /// What a person should know that is no mistake: what was left out, what may be meant otherwise.
    pub notes: Vec<String>,
    /// The files that cells name, and the list itself.
    pub files: Vec<PathBuf>,
}

impl Read {
    /// What it amounts to where removals begin at once: a secret that was not given is a mistake of its row.
    #[must_use]
    pub fn complete(mut self) -> Self {
        for (row, name) in std::mem::take(&mut self.wanted) {
            let finding = Mistake::SecretMissing { name: shown_name(&name).into() }.at(Some(row), Some("pop_file"));
            let place = self.findings.iter().position(|other| other.row.is_some_and(|other| other > row));
            self.findings.insert(place.unwrap_or(self.findings.len()), finding);
        }
        self.gateways.retain(|listed| listed.wants.is_none());
        self
    }
}

/// Reads a list.
pub fn read(table: &Table, world: &mut dyn World) -> Read {
    let (findings, wanted) = (Findings::default(), Vec::new());
    let mut reading = Reading { world, findings, wanted, serials: BTreeMap::new(), places: Places::default() };
    let columns = Columns::find(table, column, |_| NEEDED.to_vec(), &mut reading.findings);
    let gateways = match columns.filter(|_| reading.findings.has_all_columns()) {
        Some(columns) => {
            table.rows.iter().filter_map(|(row, cells)| reading.row(*row, cells, &columns, table)).collect()
        }
        None => Vec::new(),
    };
    let (findings, wanted) = (reading.findings.done(), reading.wanted);
    Read { gateways, findings, wanted, notes: notes::of(table), files: Vec::new() }
}

fn column(name: &str) -> Column {
    let name = if name == "serial_number" { "serial" } else { name };
    if COLUMNS.contains(&name) {
        return Column::Read(name.to_owned());
    }
    let is_of_a_batch = OF_A_BATCH.contains(&name) || name.starts_with("credential:");
    if is_of_a_batch { Column::LeftAlone } else { Column::Unknown }
}

struct Reading<'a> {
    world: &'a mut dyn World,
    findings: Findings,
    wanted: Vec<(u32, String)>,
    serials: BTreeMap<String, u32>,
    places: Places,
}

impl Reading<'_> {
    fn say(&mut self, mistake: Mistake, row: u32, column: &str) {
        self.findings.say(mistake, Some(row), Some(column));
    }

    fn row(&mut self, row: u32, texts: &[String], columns: &Columns, table: &Table) -> Option<Listed> {
        let before = self.findings.count();
        let cells = Cells::read(row, texts, columns, table, &mut self.findings)?;
        let serial = self.serial(&cells);
        let link = self.link(&cells);
        let found = link.as_ref().and_then(|link| self.plan(&cells, link.kind()));
        let (access, wants) = self.access(&cells);
        let (attested, without) = (pairs(cells.get("attest")), words(cells.get("without")));
        if attested.is_none() {
            self.say(Mistake::BadAttest, row, "attest");
        }
        let attested = attested.unwrap_or_default();
        let (driver, plan) = found?;
        for (column, id) in
            attested.iter().map(|(id, _)| ("attest", id)).chain(without.iter().map(|id| ("without", id)))
        {
            if plan.position(id).is_none() {
                self.say(Mistake::StepUnknown { step: id.clone() }, row, column);
            }
        }
        let (link, profile) = (link?, ProfileId::new(cells.get("profile")));
        let name = Some(cells.get("name")).filter(|name| !name.is_empty()).unwrap_or(&serial).to_owned();
        let is_good = self.findings.count() == before;
        is_good.then_some(Listed { row, name, link, profile, driver, serial, access, wants, attested, without })
    }

    fn serial(&mut self, cells: &Cells<'_>) -> String {
        let serial = cells.get("serial");
        if serial.is_empty() {
            self.say(Mistake::CellEmpty, cells.row, "serial");
        } else if let Some(&first_row) = self.serials.get(&serial.to_lowercase()) {
            self.say(Mistake::SerialTwice { serial: serial.into(), first_row }, cells.row, "serial");
        } else {
            self.serials.insert(serial.to_lowercase(), cells.row);
        }
        serial.to_owned()
    }

    fn link(&mut self, cells: &Cells<'_>) -> Option<LinkAddress> {
        let Ok(Match::Link(link)) = cells.get("match").parse::<Match>() else {
            let reason = "A gateway is removed over a link that is named".to_owned();
            self.say(Mistake::BadMatch { reason }, cells.row, "match");
            return None;
        };
        let real_port = |path: &str| self.world.real_port(path);
        self.places.take(&Match::Link(link.clone()), cells.row, real_port, &mut self.findings);
        Some(link)
    }

    fn plan(&mut self, cells: &Cells<'_>, link: LinkKind) -> Option<(DriverId, Plan)> {
        let (profile, driver) = (cells.get("profile"), cells.get("driver"));
        if !self.world.has_profile(profile) {
            self.say(Mistake::ProfileUnknown { id: profile.into() }, cells.row, "profile");
            return None;
        }
        let named = match driver.parse() {
            Ok(named) => Some(named),
            Err(_) if driver.is_empty() => None,
            Err(_) => {
                self.say(Mistake::DriverUnknown { name: driver.into() }, cells.row, "driver");
                return None;
            }
        };
        let Some((driver, plan)) = self.world.plan(profile, link, named) else {
            self.say(Mistake::NoPlan { profile: profile.into() }, cells.row, "profile");
            return None;
        };
        if !driver.is_available_over(link) {
            let mistake = Mistake::DriverNotOverLink { driver: driver.to_string(), link: link.to_string() };
            self.say(mistake, cells.row, "driver");
            return None;
        }
        Some((driver, plan))
    }

    /// What lets us in, and the name of a secret for it that was not given yet.
    fn access(&mut self, cells: &Cells<'_>) -> (Access, Option<String>) {
        let username = Some(cells.get("username")).filter(|name| !name.is_empty()).map(str::to_owned);
        let allows_unprotected = cells.yes("allow_unprotected", &mut self.findings);
        let (secret, wants) = self.secret(cells);
        (Access { username, secret, allows_unprotected }, wants)
    }

    /// The secret that a row refers to, given once as `@NAME` or the first line of a file; or the name of one that is missing.
    fn secret(&mut self, cells: &Cells<'_>) -> (Option<Secret<String>>, Option<String>) {
        let reference = cells.get("pop_file");
        if reference.is_empty() {
            return (None, None);
        }
        if let Some(name) = reference.strip_prefix('@') {
            let secret = self.world.secret(name);
            let wants = secret.is_none().then(|| name.to_owned());
            self.wanted.extend(wants.clone().map(|name| (cells.row, name)));
            return (secret, wants);
        }
        let found = match self.world.file(reference) {
            Ok(content) => secret_text::line(content.expose()).map_err(|_| Mistake::FileNotText),
            Err(reason) => Err(Mistake::FileUnreadable { reason }),
        };
        (found.map_err(|mistake| self.say(mistake, cells.row, "pop_file")).ok(), None)
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
    use crate::model::batch::Doubt;

    struct Made;

    impl World for Made {
        fn has_profile(&self, id: &str) -> bool {
            id != "other"
        }

        fn plan(&self, profile: &str, _: LinkKind, driver: Option<DriverId>) -> Option<(DriverId, Plan)> {
            (profile == "card").then(|| (driver.unwrap_or(DriverId::LinuxConsole), card()))
        }

        fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String> {
            match path {
                "login" => Ok(Secret::new(b"hunter2\n".to_vec())),
                "empty" => Ok(Secret::new(b"\n".to_vec())),
                _ => Err("There is no such file".into()),
            }
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
        let Read { gateways: rows, findings, .. } =
            read(&table(&[row, ",serial:/dev/ttyUSB1,card,GW-8,Site,,,"]), &mut Made);
        assert!(findings.is_empty(), "{findings:?}");
        let [one, two] = &rows[..] else { panic!("two rows") };
        assert_eq!((one.name.as_str(), one.serial.as_str(), two.name.as_str()), ("hall", "GW-7", "GW-8"));
        assert_eq!(one.attested[1], ("void".to_owned(), "changed".to_owned()));
        assert_eq!(one.without, ["destroy"]);
        assert!(one.access.secret.as_ref().is_some_and(|secret| secret.expose() == "hunter2"));
    }

    #[test]
    fn a_secret_that_is_given_later_is_a_mistake_only_where_removals_begin_at_once() {
        let rows = ["a,serial:/dev/a,card,GW-1,,@site,,", "b,serial:/dev/b,card,GW-2,,,,"];
        let found = read(&table(&rows), &mut Made);
        assert!(found.findings.is_empty());
        assert_eq!(found.wanted, [(2, "site".to_owned())]);
        let wants: Vec<_> = found.gateways.iter().map(|listed| listed.wants.as_deref()).collect();
        assert_eq!(wants, [Some("site"), None]);
        let complete = found.complete();
        assert_eq!((complete.gateways.len(), complete.findings[0].problem.code), (1, "manifest.secret_missing"));
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
            "j,serial:/dev/j,card,gw-8,,,,",
            "k,serial:/dev/k,card,GW-9,,,,,one too many",
            "l\nm,serial:/dev/l,card,GW-10,,,,",
            "n,serial:/dev/n,card,GW-11,,empty,,",
        ];
        let Read { gateways: rows, findings, .. } = read(&table(&bad), &mut Made).complete();
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
            "manifest.more_cells",
            "manifest.cell_control",
            "manifest.file_not_text",
        ];
        assert_eq!(codes, expected.into_iter().zip(2..).map(|(code, row)| (Some(row), code)).collect::<Vec<_>>());
        assert!(rows.is_empty());
    }

    #[test]
    fn what_a_sheet_shows_otherwise_or_hides_is_not_removed_unseen() {
        let mut table = table(&["hall,serial:/dev/ttyUSB0,card,7000000000,,,,"]);
        table.doubts.insert((2, 3), Doubt::Number);
        table.hidden_rows.push(3);
        let found = read(&table, &mut Made);
        assert!(found.gateways.is_empty() && found.findings[0].problem.code == "manifest.cell_not_text");
        assert!(found.notes[0].starts_with("Row 3 is hidden and skipped"), "{:?}", found.notes);
    }
}
