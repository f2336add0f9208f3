//! A list of removals: the manifest whose gateways are removed, as on the command line by `wipe --manifest`.

use std::path::{Path, PathBuf};

use super::{Removals, Row, SECRET_ROOM};
use crate::app::batch::{Marked, SecretField};
use crate::model::access::Access;
use crate::model::batch::Finding;
use crate::model::ids::DriverId;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wipe::list::{Listed, Read};
use crate::msg::Command;
use crate::msg::wipe::WipeStart;

/// The manifest that gateways were read from.
#[derive(Default)]
pub struct List {
    /// Its path.
    pub path: String,
    /// Secrets that it refers to by name; edited in place.
    pub secrets: Vec<SecretField>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// What a person should know of it that is no mistake.
    pub notes: Vec<String>,
    /// Whether it is being read.
    pub is_reading: bool,
    /// Why it can't be read.
    pub problem: Option<Problem>,
}

impl List {
    /// Why nothing can begin by it; nothing where it can.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        if self.is_reading {
            Some("The manifest is being read")
        } else if self.problem.is_some() || !self.findings.is_empty() {
            Some("Fix the manifest first")
        } else if self.secrets.iter().any(|secret| secret.value.expose().is_empty()) {
            Some("Type the secrets first")
        } else {
            None
        }
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        self.secrets.iter().find(|secret| secret.name == name).map(|secret| secret.value.clone())
    }
}

/// What a row of a list says of its gateway beside link, profile and serial number.
pub(super) struct Orders {
    /// The row as a person sees it.
    pub(super) row: u32,
    driver: Option<DriverId>,
    access: Access,
    wants: Option<String>,
    attested: Vec<(String, String)>,
    without: Vec<String>,
}

impl Orders {
    /// What the list says lets us in.
    pub(super) fn access(&self, list: Option<&List>) -> Access {
        let given = self.wants.as_deref().and_then(|name| list?.secret(name));
        Access { secret: self.access.secret.clone().or(given), ..self.access.clone() }
    }

    /// Its steps and its driver belonged to another profile.
    pub(super) fn leave_steps(&mut self) {
        (self.driver, self.attested, self.without) = (None, Vec::new(), Vec::new());
    }

    pub(super) fn give(&self, start: &mut WipeStart) {
        start.driver = self.driver.unwrap_or(start.driver);
        start.attested.clone_from(&self.attested);
        start.without.clone_from(&self.without);
    }

    pub(super) fn words(&self) -> String {
        let in_file = self.access.secret.as_ref().map(|_| "the password in its file".to_owned());
        let secret = self.wants.as_ref().map(|name| format!("@{name}")).or(in_file);
        let login = self.access.username.iter().cloned().chain(secret).collect();
        let attested = self.attested.iter().map(|(step, text)| format!("{step} ({text})")).collect();
        let all: [(&str, Vec<String>); 3] =
            [("Login", login), ("Done by hand", attested), ("Left out", self.without.clone())];
        let said = all.iter().filter(|(_, of_it)| !of_it.is_empty());
        said.map(|(what, of_it)| format!("{what}: {}", of_it.join(", "))).collect::<Vec<_>>().join(" · ")
    }
}

impl Row {
    fn of(listed: Listed) -> Self {
        let Listed { row, name, link, profile, driver, serial, access, wants, attested, without } = listed;
        let marked = Marked { link, name, profile: Some(profile), driver };
        let orders = Orders { row, driver: Some(driver), access, wants, attested, without };
        Self { serial, orders: Some(Box::new(orders)), ..Self::new(marked) }
    }
}

impl Removals {
    /// Reads the manifest at that path, and shows what it says. What was typed for all of its gateways stays.
    pub(super) fn read(&mut self, path: String) -> Vec<Command> {
        let command = Command::ReadRemovals { path: PathBuf::from(&path) };
        let before = std::mem::take(self);
        let list = Some(List { path, is_reading: true, ..List::default() });
        let Self { username, secret, certificates, .. } = before;
        *self = Self { is_open: true, list, username, secret, certificates, ..Self::default() };
        self.secret.expose_mut().reserve(SECRET_ROOM);
        vec![command]
    }

    /// What a manifest says, or why it can't be read; of another one than the one that is waited for it says nothing.
    pub(in crate::app) fn listed(&mut self, path: &Path, answer: Result<Box<Read>, Problem>) {
        let Some(list) = self.list.as_mut().filter(|list| list.is_reading && Path::new(&list.path) == path) else {
            return;
        };
        list.is_reading = false;
        let Read { gateways, findings, wanted, notes, .. } = match answer {
            Ok(read) => *read,
            Err(problem) => return list.problem = Some(problem),
        };
        let mut names: Vec<String> = wanted.into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        names.dedup();
        let room = || Secret::new(String::with_capacity(SECRET_ROOM));
        list.secrets = names.into_iter().map(|name| SecretField { name, value: room() }).collect();
        (list.findings, list.notes) = (findings, notes);
        self.rows = gateways.into_iter().map(Row::of).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::jobs::Jobs;
    use crate::app::removals::RemovalsAction;
    use crate::app::removals::tests::with;
    use crate::model::ids::{LinkAddress, ProfileId};

    fn listed(row: u32, serial: &str) -> Listed {
        Listed {
            row,
            name: format!("hall {row}"),
            link: LinkAddress::Serial(format!("/dev/{row}")),
            profile: ProfileId::new("generic-linux"),
            driver: DriverId::LinuxConsole,
            serial: serial.to_owned(),
            access: Access { username: Some("kim".into()), ..Access::default() },
            wants: Some("site".into()),
            attested: vec![("unpair".into(), "gone from the app".into())],
            without: Vec::new(),
        }
    }

    #[test]
    fn a_manifest_is_removed_as_it_says_once_its_secrets_and_their_number_are_typed() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let mut act = |removals: &mut Removals, action| with(&mut jobs, |desk| removals.act(action, &[], desk));
        let asked = act(&mut removals, RemovalsAction::Listed("/site.csv".into()));
        assert!(matches!(&asked[..], [Command::ReadRemovals { path }] if path == Path::new("/site.csv")));
        assert_eq!(removals.lacks(), Some("The manifest is being read"));
        let read = Read {
            gateways: vec![listed(2, "GW-1"), listed(5, "GW-2")],
            wanted: vec![(2, "site".into()), (5, "site".into())],
            ..Read::default()
        };
        removals.listed(Path::new("/another.csv"), Ok(Box::default()));
        removals.listed(Path::new("/site.csv"), Ok(Box::new(read)));
        assert_eq!(removals.rows[1].orders(), "Login: kim, @site · Done by hand: unpair (gone from the app)");
        // What is selected meanwhile doesn't take their place.
        removals.take(&[]);
        removals.typed = "2".into();
        assert_eq!(removals.lacks(), Some("Type the secrets first"));
        removals.list.as_mut().unwrap().secrets[0].value = Secret::new("hunter2".into());
        removals.certificates = "/papers".into();
        let asked = act(&mut removals, RemovalsAction::Started);
        let [Command::PrepareCertificates { rows, .. }] = &asked[..] else { panic!("the certificates come first") };
        assert_eq!(rows[..], [(2, "GW-1".to_owned()), (5, "GW-2".to_owned())]);
        let begun = with(&mut jobs, |desk| removals.prepared(Ok(Vec::new()), desk));
        let [Command::Wipe { start, .. }, Command::Wipe { .. }] = &begun[..] else { panic!("both begin") };
        assert_eq!(start.access.username.as_deref(), Some("kim"));
        assert!(start.access.secret.as_ref().is_some_and(|secret| secret.expose() == "hunter2"));
        assert_eq!(start.attested[0].0, "unpair");
    }

    #[test]
    fn nothing_begins_by_a_manifest_with_mistakes_or_none_that_can_be_read() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let mut act = |removals: &mut Removals, action| with(&mut jobs, |desk| removals.act(action, &[], desk));
        act(&mut removals, RemovalsAction::Listed("/site.csv".into()));
        let problem = Problem::new("manifest.unreadable", "It can't be read", "b", "c");
        removals.listed(Path::new("/site.csv"), Err(problem));
        assert_eq!(removals.lacks(), Some("Fix the manifest first"));
        removals.certificates = "/papers".into();
        act(&mut removals, RemovalsAction::Listed("/site.csv".into()));
        assert_eq!(removals.certificates, "/papers", "reading it again takes nothing that was typed for all");
        let mut one = listed(2, "GW-1");
        one.wants = None;
        removals.listed(Path::new("/site.csv"), Ok(Box::new(Read { gateways: vec![one], ..Read::default() })));
        removals.typed = "1".into();
        assert_eq!(removals.lacks(), None);
        act(&mut removals, RemovalsAction::ChoseProfile(0, ProfileId::new("generic-esp")));
        assert_eq!(removals.rows[0].orders(), "Login: kim", "the steps were those of the other profile");
        act(&mut removals, RemovalsAction::TookOut(0));
        removals.typed = "0".into();
        assert_eq!(removals.lacks(), Some("No gateway is listed"));
    }
}
