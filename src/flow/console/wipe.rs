//! Taking a Linux gateway out of service over its console: connections and files are deleted, every known place is
//! searched, and the gateway is restarted, so that what comes back is seen.

use std::time::Duration;

use super::{Console, ConsoleError};
use crate::flow::device::DeviceError;
use crate::flow::drivers::Opening;
use crate::flow::error::SessionError;
use crate::flow::port::Boxed;
use crate::flow::wipe::{Done, Place, Removal, Restart, Wiper};
use crate::model::gateway::Protection;
use crate::model::wipe::{StoreState, Told};
use crate::msg::Step;
use crate::profile::PushWay;
use crate::proto::console::nmcli::{self, Id};
use crate::proto::console::quote::{NotSendable, Script};
use crate::proto::console::session::{Output, Run};
use crate::proto::console::system::{Facts, Rights};
use crate::proto::console::wipe::{self, Places, Searched};

/// How long a search may take: logs may be large.
const SEARCH: Duration = Duration::from_mins(2);
/// How long deleting one thing may take.
const DELETE: Duration = Duration::from_secs(30);
/// How long a command of the profile may take.
const COMMAND: Duration = Duration::from_mins(2);
/// The key of NetworkManager's own list in the driver's facts.
const CONNECTIONS: &str = "connections";

/// A console whose gateway is taken out of service.
pub(super) struct ConsoleWiper {
    console: Console,
    facts: Facts,
}

impl ConsoleWiper {
    /// Opens a link and logs in; what was begun is ended in an orderly way where that fails.
    pub(super) async fn opened(opening: &Opening) -> Result<Self, SessionError> {
        let console = Console::new(opening.port().await?, opening.settings.as_ref(), None, opening.transcript.clone());
        let mut wiper = Self { console, facts: Facts::default() };
        match wiper.log_in(opening).await {
            Ok(()) => Ok(wiper),
            Err(error) => {
                wiper.console.log_out().await;
                Err(error)
            }
        }
    }

    async fn log_in(&mut self, opening: &Opening) -> Result<(), SessionError> {
        self.console.log_in(&opening.access).await?;
        self.facts = self.console.describe(Step::Connect).await?;
        Ok(())
    }

    fn prefix(&self) -> &'static str {
        self.facts.rights.prefix()
    }

    async fn ask(
        &mut self,
        label: &'static str,
        script: Result<Script, NotSendable>,
        limit: Duration,
    ) -> Result<Output, SessionError> {
        let run = Run::new(label, script.map_err(ConsoleError::from)?).within(limit);
        self.console.run(run, Step::Reprovision).await
    }

    async fn tell(&mut self) -> Result<Told, SessionError> {
        let marks = self.console.marks(self.facts.rights.prefix(), Step::Reprovision).await?;
        let Facts { hostname, hardware, os, kernel, .. } = self.facts.clone();
        Ok(Told {
            serial: marks.serial,
            name: hostname,
            hardware,
            firmware: os.or(kernel),
            machine: marks.machine,
            start: marks.boot,
            mac: marks.mac,
        })
    }

    async fn connectivity(&mut self) -> Result<Option<bool>, SessionError> {
        if !self.facts.has("nmcli") {
            return Ok(None);
        }
        let output = self.ask("whether it is online", nmcli::connectivity(), super::CONNECTIVITY).await?;
        let word = output.text.trim_ascii();
        Ok(match nmcli::Connectivity::parse(word) {
            nmcli::Connectivity::Full => Some(true),
            nmcli::Connectivity::Unknown => None,
            _ => Some(false),
        })
    }

    async fn connections(&mut self) -> Result<Vec<nmcli::Connection>, SessionError> {
        let output = self.ask("list of connections", nmcli::connections(), DELETE).await?;
        if output.code != Some(0) {
            return Err(self.failed(&output));
        }
        Ok(nmcli::parse_connections(&output.text).into_iter().filter(|connection| connection.is_wifi).collect())
    }

    fn failed(&self, output: &Output) -> SessionError {
        let words = self.console.last_words(output);
        ConsoleError::Failed { step: Step::Reprovision, code: output.code, words }.into()
    }

    /// Deletes every Wi-Fi connection. One that cannot be deleted does not keep the others.
    async fn forget(&mut self) -> Result<Done, SessionError> {
        if !self.facts.has("nmcli") {
            return Ok(Done::cannot("The gateway has no NetworkManager whose connections could be deleted"));
        }
        let (mut deleted, mut refused) = (0, None);
        for connection in self.connections().await? {
            let script = nmcli::forget(Id::Uuid(&connection.uuid), self.prefix());
            let output = self.ask("delete a connection", script, DELETE).await?;
            if output.code == Some(0) {
                deleted += 1;
            } else {
                refused = Some(output);
            }
        }
        match refused {
            Some(output) => Err(self.failed(&output)),
            None if deleted == 1 => Ok(Done::acknowledged("NetworkManager deleted 1 Wi-Fi connection")),
            None => Ok(Done::acknowledged(format!("NetworkManager deleted {deleted} Wi-Fi connections"))),
        }
    }

    async fn delete(&mut self, path: &str) -> Result<Done, SessionError> {
        let output = self.ask("delete a file", wipe::delete_file(path, self.prefix()), DELETE).await?;
        match output.code {
            Some(0) => Ok(Done::acknowledged(format!("{path} was overwritten and deleted"))),
            _ => Err(self.failed(&output)),
        }
    }

    async fn command(&mut self, command: &str) -> Result<Done, SessionError> {
        let output = self.ask("command of the profile", Script::typed(command), COMMAND).await?;
        match output.code {
            Some(0) => Ok(Done::acknowledged(format!("The command ended well: {command}"))),
            _ => Err(self.failed(&output)),
        }
    }

    async fn list_connections(&mut self) -> Result<(StoreState, String), SessionError> {
        if !self.facts.has("nmcli") {
            return Ok((StoreState::SeenEmpty, "There is no NetworkManager".into()));
        }
        let found = self.connections().await?;
        Ok(match found.as_slice() {
            [] => (StoreState::SeenEmpty, "No Wi-Fi connection is listed".into()),
            [one] => (StoreState::StillThere, format!("The Wi-Fi connection {} is listed", one.name)),
            many => (StoreState::StillThere, format!("{} Wi-Fi connections are listed", many.len())),
        })
    }

    async fn search(&mut self, script: Result<Script, NotSendable>) -> Result<(StoreState, String), SessionError> {
        let output = self.ask("search", script, SEARCH).await?;
        let text = self.console.transcript.redact_octets(&output.text);
        Ok(judged(&wipe::parse_search(&text), self.facts.rights))
    }
}

/// What a search says of a place.
fn judged(searched: &Searched, rights: Rights) -> (StoreState, String) {
    if !searched.held.is_empty() {
        let more = if searched.more > 0 { format!(" and {} more", searched.more) } else { String::new() };
        return (StoreState::StillThere, format!("In {}{more}", searched.held.join(", ")));
    }
    match searched.trouble {
        Some(false) => (StoreState::SeenEmpty, "Nothing found".into()),
        Some(true) if rights == Rights::None => (StoreState::NotReachable, "The account may not read all of it".into()),
        Some(true) => (StoreState::NotReachable, "A part of it could not be read".into()),
        None => (StoreState::NotReachable, "The search did not come to its end".into()),
    }
}

impl Wiper for ConsoleWiper {
    fn protection(&self) -> Protection {
        Protection::CableLogin
    }

    fn identity(&mut self) -> Boxed<'_, Result<Told, DeviceError>> {
        Box::pin(async { Ok(self.tell().await?) })
    }

    fn online(&mut self) -> Boxed<'_, Result<Option<bool>, DeviceError>> {
        Box::pin(async { Ok(self.connectivity().await?) })
    }

    fn remove<'a>(&'a mut self, what: &'a Removal) -> Boxed<'a, Result<Done, DeviceError>> {
        Box::pin(async move {
            Ok(match what {
                Removal::Networks => self.forget().await?,
                Removal::Credential { way: PushWay::File { path }, .. } | Removal::File(path) => {
                    self.delete(path).await?
                }
                Removal::Credential { .. } => Done::cannot("A console can't reach that place"),
                Removal::Command(command) => self.command(command).await?,
            })
        })
    }

    fn look<'a>(&'a mut self, place: &'a Place) -> Boxed<'a, Result<(StoreState, String), DeviceError>> {
        Box::pin(async move {
            let prefix = self.prefix();
            Ok(match place {
                Place::Networks { key, .. } if key == CONNECTIONS => self.list_connections().await?,
                Place::Networks { key, .. } => match Places::of(key) {
                    Some(places) => self.search(places.search(prefix)).await?,
                    None => (StoreState::NotReachable, "A console can't reach that place".into()),
                },
                Place::Credential(PushWay::File { path }) => self.search(wipe::look_for(path, prefix)).await?,
                Place::Credential(_) => (StoreState::NotReachable, "A console can't reach that place".into()),
            })
        })
    }

    fn restart(&mut self) -> Boxed<'_, Result<Restart, DeviceError>> {
        Box::pin(async {
            if self.facts.rights == Rights::None {
                return Ok(Restart::ByHand("The account may not restart the gateway".into()));
            }
            self.ask("restart", wipe::restart(self.prefix()), DELETE).await?;
            Ok(Restart::Asked)
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.console.log_out())
    }
}
