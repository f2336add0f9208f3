//! How a gateway is given a network by nmcli: what was there before, the join, looks until it settles, and what is taken back.
//!
//! Only a connection that this session made is ever deleted, by its id; one of an earlier visit is neither used, changed nor
//! deleted: nmcli would do all of that under its name, so each push has a name of its own. What the looks mean is decided in
//! [`crate::model::verdict`].

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{CONNECTIVITY, ConsoleError, JOIN_LIMIT, LinuxConsole, now};
use crate::flow::driver::Followed;
use crate::flow::error::SessionError;
use crate::flow::port::LinkError;
use crate::model::credentials::{WifiCredentials, WifiKey};
use crate::model::gateway::ProvisioningState;
use crate::model::secret::Secret;
use crate::model::verdict::{Before, Connection, Look, Named, Observation, Refusal, RefusalKind, Seen, Station};
use crate::model::wifi::shown_name;
use crate::msg::Step;
use crate::proto::console::nmcli::{self, Exit, Id};
use crate::proto::console::session::{Answer, Failure, Output, Run};

/// Between two looks at a radio that is on its way.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// How long deleting a connection may take, and where the session is being stopped.
const DELETING: Duration = Duration::from_secs(25);
const DELETING_AT_THE_END: Duration = Duration::from_secs(4);

/// A push on its way.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// The network asked for.
    ssid: Vec<u8>,
    /// Name of the connection that nmcli makes; none had it before.
    name: String,
    /// Ids of the connections from before; `None` where they could not be listed.
    stored: Option<Vec<String>>,
    /// Id of the connection that this push made, once it is known.
    made: Option<String>,
    /// When it must have settled.
    until: Instant,
    /// Whether it was followed to its end; what was broken off in the middle is taken back.
    is_settled: bool,
    is_open_network: bool,
}

impl LinuxConsole {
    /// Looks where the radio stands, and tells it.
    pub(super) async fn look_before(&mut self) -> Result<Before, SessionError> {
        if !self.has_wifi {
            return Ok(Before::NotKnown);
        }
        let standing = self.look(Step::Push).await?;
        Ok(match (standing.station(), self.named(&standing).await) {
            (Station::Connected, Named::Network { ssid, connection }) => Before::On { ssid, connection },
            (Station::Connected | Station::Busy, _) => Before::SomeNetwork { addresses: Vec::new() },
            (Station::Apart, _) => Before::NoNetwork,
            (Station::Unclear, _) => Before::NotKnown,
        })
    }

    /// Lists what the gateway keeps, then lets nmcli join under a name that is free.
    pub(super) async fn begin_join(&mut self, credentials: &WifiCredentials) -> Result<(), SessionError> {
        if !self.has_wifi {
            return Err(self.no_radio().into());
        }
        self.console.transcript.learn(credentials);
        self.console.redactor = self.console.transcript.redactor();
        self.console.answered_at = None;
        let stored = self.wifi_connections(Step::Push).await.ok();
        self.tell_stored(stored.as_deref()).await;
        let wanted = format!("linesman {}", credentials.ssid.shown());
        let name = nmcli::free_name(&wanted, stored.as_deref().unwrap_or_default());
        let script = nmcli::join(&credentials.ssid, &self.interface, &name, credentials.is_hidden, self.prefix())
            .map_err(ConsoleError::from)?;
        let is_open_network = matches!(credentials.key, WifiKey::Open);
        let mut run = Run::new("join", script).within(JOIN_LIMIT);
        run.answer = (!is_open_network).then(|| Secret::new(credentials.password().to_owned()));
        self.attempt = Some(Attempt {
            ssid: credentials.ssid.octets().to_vec(),
            name,
            stored: stored.map(|stored| stored.into_iter().map(|connection| connection.uuid).collect()),
            made: None,
            until: Instant::now() + JOIN_LIMIT,
            is_settled: false,
            is_open_network,
        });
        self.console.session.run(run, now());
        self.console.transmit().await.map_err(SessionError::from)
    }

    async fn tell_stored(&self, stored: Option<&[nmcli::Connection]>) {
        let text = match stored {
            None => "The gateway's earlier connections couldn't be read: none will be deleted".into(),
            Some([]) => return,
            Some(stored) => {
                let names: Vec<_> = stored.iter().map(|connection| format!("“{}”", connection.name)).collect();
                format!("Wi-Fi connections from before, which stay as they are: {}", names.join(", "))
            }
        };
        self.say(&text).await;
    }

    /// Waits for nmcli's end, then looks until the radio has settled.
    pub(super) async fn follow_join(&mut self) -> Followed {
        let followed = self.watch_join().await;
        if let Some(attempt) = &mut self.attempt {
            attempt.is_settled = true;
        }
        followed
    }

    async fn watch_join(&mut self) -> Followed {
        let outcome = self.console.wait().await;
        let output = match outcome {
            Err(error) => return self.broken(error),
            Ok(Ok(Answer::Ran(output))) => output,
            Ok(Err(Failure::ThrownOut)) => {
                let last_word = Some("ended the session midway".into());
                return self.followed(vec![Observation::TimeOver], last_word);
            }
            Ok(_) => return self.followed(vec![Observation::TimeOver], self.last_word()),
        };
        let word = self.word_of(&output);
        let is_settled = matches!(word, Observation::Refused(_));
        self.find_made(&output).await;
        let mut observations = vec![word];
        match self.look_until_settled(is_settled).await {
            Ok(look) => observations.push(look),
            Err(SessionError::Link(error)) => {
                observations.push(Observation::LinkLost);
                return Followed { broken: Some(error), ..self.followed(observations, self.last_word()) };
            }
            Err(_) => {}
        }
        if is_settled && !self.is_ours_in_use(&observations) {
            self.take_back(DELETING).await;
        }
        let is_over = matches!(observations.last(), Some(Observation::Look(look)) if look.station == Station::Busy);
        if is_over {
            observations.insert(1, Observation::TimeOver);
        }
        self.followed(observations, self.last_word())
    }

    /// What nmcli's end says by itself. Exit code 0 is its answer to the push and says nothing of the network.
    fn word_of(&self, output: &Output) -> Observation {
        match output.code.map(Exit::from_code) {
            // Some versions end with 0 after this error.
            Some(Exit::Success) if says_wrong_key(&output.text) => Observation::Refused(self.refusal(output)),
            Some(Exit::Success) => Observation::Done,
            Some(Exit::TimedOut) => Observation::TimeOver,
            code => {
                let refusal = self.refusal(output);
                let is_cut_short = code.is_none() && refusal.kind != RefusalKind::WrongKey;
                if is_cut_short { Observation::TimeOver } else { Observation::Refused(refusal) }
            }
        }
    }

    fn followed(&self, observations: Vec<Observation>, last_word: Option<String>) -> Followed {
        let attempt = self.attempt.as_ref();
        let is_open = attempt.is_some_and(|attempt| attempt.is_open_network);
        let began = (self.console.answered_at.is_some() || is_open).then_some(Observation::Began);
        Followed {
            observations: began.into_iter().chain(observations).collect(),
            // Without an id nothing can be the connection that was made.
            connection: Some(attempt.and_then(|attempt| attempt.made.clone()).unwrap_or_default()),
            last_word,
            broken: None,
        }
    }

    fn broken(&self, error: LinkError) -> Followed {
        Followed { broken: Some(error), ..self.followed(vec![Observation::LinkLost], self.last_word()) }
    }

    fn last_word(&self) -> Option<String> {
        self.console.answered_at.map(|_| ProvisioningState::Provisioning.label().to_owned())
    }

    /// Looks; again and again while the radio is on its way, within the limit of the join.
    async fn look_until_settled(&mut self, is_once: bool) -> Result<Observation, SessionError> {
        let until = self.attempt.as_ref().map_or_else(Instant::now, |attempt| attempt.until);
        loop {
            let standing = self.look(Step::Follow).await?;
            let next = Instant::now() + BETWEEN_LOOKS;
            if standing.station() != Station::Busy || is_once || next >= until {
                return Ok(self.observed(&standing).await);
            }
            while Instant::now() < next {
                tokio::select! {
                    stepped = self.console.step() => drop(stepped?),
                    () = sleep_until(next) => {}
                }
            }
        }
    }

    /// A look as the verdict takes it.
    async fn observed(&mut self, standing: &nmcli::Standing) -> Observation {
        let named = match standing.station() {
            Station::Connected => self.named(standing).await,
            Station::Busy | Station::Apart | Station::Unclear => Named::NotSaid,
        };
        let (station, addresses) = (standing.station(), standing.addresses.clone());
        Observation::Look(Look { station, named, seen: Seen::Question, addresses })
    }

    /// The network and the connection in use. Where no access point is marked as in use, its connection tells the network.
    async fn named(&mut self, standing: &nmcli::Standing) -> Named {
        let ssid = match (&standing.ssid, &standing.uuid) {
            (Some(ssid), _) => Some(ssid.clone()),
            (None, Some(uuid)) => self.network_of(uuid).await,
            (None, None) => None,
        };
        let connection = standing
            .uuid
            .clone()
            .map(|id| Connection { name: standing.connection.clone().unwrap_or_else(|| id.clone()), id });
        ssid.map_or(Named::Unreadable, |ssid| Named::Network { ssid, connection })
    }

    /// The network of a connection, where its name passes through every terminal as it is.
    async fn network_of(&mut self, uuid: &str) -> Option<Vec<u8>> {
        let output = self.console.ask("network of the connection", nmcli::network_of(uuid), Step::Follow).await.ok()?;
        let ssid = output.text.strip_suffix(b"\n").unwrap_or(&output.text);
        let is_plain = |octets: &[u8]| octets.iter().all(|octet| (b' '..=b'~').contains(octet) && *octet != b'\\');
        let asked = self.attempt.as_ref().map_or(&b""[..], |attempt| &attempt.ssid);
        (output.code == Some(0) && !ssid.is_empty() && is_plain(ssid) && is_plain(asked)).then(|| ssid.to_vec())
    }

    /// Finds out which connection this push made: one that was not there before.
    async fn find_made(&mut self, output: &Output) {
        let told = nmcli::parse_activated(&output.text);
        let listed = self.wifi_connections(Step::Follow).await.unwrap_or_default();
        let Some(attempt) = &mut self.attempt else { return };
        let Some(stored) = &attempt.stored else { return attempt.made = told };
        let is_new = |uuid: &String| !stored.contains(uuid);
        let named = listed.into_iter().find(|listed| listed.name == attempt.name && is_new(&listed.uuid));
        attempt.made = named.map(|listed| listed.uuid).or(told.filter(is_new));
    }

    fn is_ours_in_use(&self, observations: &[Observation]) -> bool {
        let made = self.attempt.as_ref().and_then(|attempt| attempt.made.as_deref());
        observations.iter().any(|seen| match seen {
            Observation::Look(Look {
                station: Station::Connected, named: Named::Network { connection, .. }, ..
            }) => connection.as_ref().is_some_and(|connection| Some(connection.id.as_str()) == made),
            _ => false,
        })
    }

    /// Deletes the connection that this push made and that did not work.
    async fn take_back(&mut self, within: Duration) {
        let Some(attempt) = &mut self.attempt else { return };
        let could_list = attempt.stored.is_some();
        let Some(uuid) = attempt.made.take() else {
            let word = if could_list {
                "Nothing of the failed attempt is left on the gateway"
            } else {
                "Whether the failed connection is still on the gateway is unknown; check with: nmcli connection"
            };
            return self.say(word).await;
        };
        let Ok(script) = nmcli::forget(Id::Uuid(&uuid), self.prefix()) else { return };
        let run = Run::new("delete the connection that failed", script).within(within);
        let word = match self.console.run(run, Step::Follow).await.map(|output| output.code) {
            Ok(Some(0)) => "The connection that failed was deleted on the gateway",
            // NetworkManager had not kept it.
            Ok(Some(10)) => "Nothing of the failed attempt is left on the gateway",
            _ => "Whether the failed connection is still on the gateway is unknown; check with: nmcli connection",
        };
        self.say(word).await;
    }

    /// The session ends while a join is on its way: takes back what it made.
    pub(super) async fn take_back_unfinished(&mut self) {
        if !self.console.session.is_in() || self.attempt.as_ref().is_none_or(|attempt| attempt.is_settled) {
            return;
        }
        self.console.session.interrupt(now());
        // A link that is gone takes nothing back.
        if self.console.wait().await.is_err() {
            return;
        }
        self.find_made(&Output::default()).await;
        self.take_back(DELETING_AT_THE_END).await;
    }

    /// Asks again: whether there is internet, and where the radio stands.
    pub(super) async fn look_again(&mut self) -> Result<Observation, SessionError> {
        let script = nmcli::connectivity().map_err(ConsoleError::from)?;
        let run = Run::new("connectivity", script).within(CONNECTIVITY);
        // Without an answer nothing is known of the internet; where the radio stands is another question.
        if let Ok(output) = self.console.run(run, Step::ReadBack).await {
            let reach = nmcli::Connectivity::parse(&output.text).label();
            self.say(&format!("Asked whether it reaches the internet, the gateway reports: {reach}")).await;
        }
        let standing = self.look(Step::ReadBack).await?;
        let observation = self.observed(&standing).await;
        if let Observation::Look(Look { named: Named::Network { ssid, .. }, .. }) = &observation {
            let word = format!("The gateway names its network: “{}”", shown_name(ssid));
            self.console.transcript.note(self.console.elapsed(), &word);
        }
        if standing.station() == Station::Apart {
            self.take_back(DELETING).await;
        }
        Ok(observation)
    }

    /// Why nmcli gave up, as what the gateway says.
    fn refusal(&self, output: &Output) -> Refusal {
        let words = self.console.last_words(output);
        let text = String::from_utf8_lossy(&output.text);
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        let (kind, code) = match output.code.map(Exit::from_code) {
            _ if output.has_asked_again => (RefusalKind::WrongKey, "console.wrong_key"),
            _ if says_wrong_key(&output.text) => (RefusalKind::WrongKey, "console.wrong_key"),
            None if output.has_asked => (RefusalKind::WrongKey, "console.wrong_key"),
            Some(Exit::NotFound) => (RefusalKind::NotFound, "console.not_found"),
            _ if has(&["network could not be found", "No network with SSID"]) => {
                (RefusalKind::NotFound, "console.not_found")
            }
            _ if has(&["Not authorized", "not authorized", "Insufficient privileges"]) => {
                (RefusalKind::Other, "console.no_rights")
            }
            Some(Exit::ActivationFailed | Exit::TimedOut) => (RefusalKind::CouldNotJoin, "console.could_not_join"),
            Some(Exit::BadInput | Exit::NotRunning | Exit::NoProgram) => {
                (RefusalKind::NotOffered, "console.no_network_manager")
            }
            Some(Exit::Success | Exit::NotEnded | Exit::Other(_)) | None => (RefusalKind::Other, "console.failed"),
        };
        let exit = output.code.map_or_else(|| "no exit code".into(), |code| format!("exit code {code}"));
        let words = match words.as_str() {
            _ if output.has_asked_again => "that the passphrase was asked for a second time".into(),
            "" => exit,
            words => format!("“{words}” ({exit})"),
        };
        Refusal { kind, code, words }
    }
}

/// Whether nmcli says that the passphrase was not the network's.
fn says_wrong_key(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    ["Secrets were required", "802-11-wireless-security.psk"].iter().any(|part| text.contains(part))
}
