//! Asks on a gateway: each question becomes commands in its shell, and what those print becomes observations.
//!
//! A console is one line: one command at a time. Whoever drops a question leaves its command running; the shell ends it before
//! the next.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

use crate::check::evidence;
use crate::check::gateway::tools::{Tools, questions};
use crate::check::gateway::{Command, Found, Gateway, Inquiry};
use crate::check::question::Question;
use crate::check::seen::Seen;
use crate::flow::device::DeviceError;
use crate::flow::driver::CLOSE_LIMIT;
use crate::flow::drivers::{self, Opening};
use crate::flow::error::SessionError;
use crate::flow::port::{Boxed, Chains, Links, Probes, Witnessed};
use crate::flow::report::Report;
use crate::flow::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::visible;
use crate::msg::Step;
use crate::profile::DriverSettings;
use crate::proto::console::quote::Script;

/// How long finding out which programs there are may take, each question.
const TOOLS_LIMIT: Duration = Duration::from_secs(20);
/// Longest name of a gateway.
const NAME_CHARS: usize = 80;

/// A shell on a gateway, for commands that only look.
pub(in crate::flow) trait Shell: Send {
    /// What the gateway calls itself, safe to show.
    fn name(&self) -> Option<String>;

    /// Runs a line and gives back what it wrote, without secrets; nothing where it had to be interrupted. One that was dropped
    /// on its way is ended first.
    fn run<'a>(&'a mut self, line: &'a Script, limit: Duration) -> Boxed<'a, Result<Option<Vec<u8>>, DeviceError>>;

    /// Ends the conversation in an orderly way.
    fn close(&mut self) -> Boxed<'_, ()>;
}

/// What reaching a gateway takes.
pub struct Way {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The driver to speak, where one is named.
    pub driver: Option<DriverId>,
    /// What lets us in.
    pub access: Access,
    /// How the profile sets the driver up.
    pub settings: Option<DriverSettings>,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Reads the chains that programs print.
    pub chains: Arc<dyn Chains>,
    /// Where bytes are noted.
    pub transcript: SharedTranscript,
    /// The time, in microseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// A number that nobody can guess.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Asks on a gateway. [`GatewayProbes::close`] ends it.
pub struct GatewayProbes {
    way: Way,
    /// Nothing between rounds: whoever sets the gateway up needs its link then.
    shell: Mutex<Option<Box<dyn Shell>>>,
    gateway: Gateway,
    /// How far its clock is ahead, once that was read.
    ahead_micros: std::sync::Mutex<Option<i64>>,
}

impl GatewayProbes {
    /// Opens the way, asks which programs there are, and says what was found.
    pub async fn open(way: Way) -> Result<(Self, evidence::Via), DeviceError> {
        let mut shell = open(&way).await?;
        let tools = match ask_tools(shell.as_mut()).await {
            Ok(tools) => tools,
            Err(error) => {
                close(shell.as_mut()).await;
                return Err(error);
            }
        };
        let via = evidence::Via {
            link: way.link.to_string(),
            name: visible(&shell.name().unwrap_or_default(), NAME_CHARS),
            tools: tools.names(),
        };
        let mark = format!("lm{:012x}", (way.random)() & 0xffff_ffff_ffff);
        let gateway = Gateway { tools, mark, ..Gateway::default() };
        let (shell, ahead_micros) = (Mutex::new(Some(shell)), std::sync::Mutex::default());
        Ok((Self { way, shell, gateway, ahead_micros }, via))
    }

    /// Logs out, and gives the link back.
    pub async fn close(&self) {
        if let Some(mut shell) = self.shell.lock().await.take() {
            close(shell.as_mut()).await;
        }
    }

    async fn open_again(&self) -> Result<(), DeviceError> {
        let mut shell = self.shell.lock().await;
        if shell.is_none() {
            *shell = Some(open(&self.way).await?);
        }
        Ok(())
    }

    async fn answer(&self, question: &Question, seen: &mpsc::Sender<Witnessed>) {
        let ahead_micros = *self.ahead_micros.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inquiry =
            Inquiry::new(question, &Gateway { ahead_micros, nonce: (self.way.random)(), ..self.gateway.clone() });
        while let Some(command) = inquiry.next_command() {
            // One at a time; what is waited for the line is no time of the command.
            let mut shell = self.shell.lock().await;
            let (at_unix_micros, began) = ((self.way.clock)(), Instant::now());
            let output = match shell.as_mut() {
                Some(shell) => run(shell.as_mut(), &command).await,
                None => None,
            };
            drop(shell);
            let took_micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let ended = at_unix_micros.saturating_add_unsigned(took_micros);
            for found in inquiry.take(output.as_deref(), at_unix_micros, ended) {
                self.learn(&found, at_unix_micros);
                let witnessed = Witnessed { at_unix_micros, took_micros, seen: self.read(found) };
                // That nobody listens any more is no concern of ours: the question is dropped.
                let _ = seen.send(witnessed).await;
            }
        }
        for rest in inquiry.rest() {
            let _ = seen.send(Witnessed { at_unix_micros: (self.way.clock)(), took_micros: 0, seen: rest }).await;
        }
    }

    /// Programs on the gateway count from its clock.
    fn learn(&self, found: &Found, at_unix_micros: i64) {
        if let Found::Seen(Seen::GatewayClock { unix_micros }) = found {
            let ahead = unix_micros.saturating_sub(at_unix_micros);
            *self.ahead_micros.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
    }

    fn read(&self, found: Found) -> Seen {
        match found {
            Found::Seen(seen) => seen,
            Found::Chain { mut tls, chain, expected } => {
                (tls.chain, tls.trust) = self.way.chains.read(&tls.name, &chain, &expected);
                Seen::Tls(tls)
            }
        }
    }
}

impl Probes for GatewayProbes {
    fn ask(&self, question: Question, seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()> {
        Box::pin(async move { self.answer(&question, &seen).await })
    }

    fn wake(&self) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(async { self.open_again().await.map_err(|error| error.explain()) })
    }

    fn rest(&self) -> Boxed<'_, ()> {
        Box::pin(self.close())
    }
}

async fn open(way: &Way) -> Result<Box<dyn Shell>, DeviceError> {
    let kind = way.link.kind();
    let missing =
        || SessionError::DriverMissing { driver: way.driver.unwrap_or_else(|| DriverId::usual_over(kind)), link: kind };
    let unit = drivers::with_shell(way.driver, kind).ok_or_else(missing)?;
    let open = unit.shell.ok_or_else(missing)?;
    let limits = (unit.limits)(kind);
    let limit = limits.connect + limits.question;
    let opening = Opening {
        link: way.link.clone(),
        links: Arc::clone(&way.links),
        access: way.access.clone(),
        settings: way.settings.clone(),
        report: Report::to_nobody(),
        transcript: way.transcript.clone(),
    };
    let opened = timeout(limit, open(&opening)).await;
    opened.unwrap_or(Err(SessionError::TooSlow { step: Step::Connect, limit, is_over: true }.into()))
}

async fn ask_tools(shell: &mut dyn Shell) -> Result<Tools, DeviceError> {
    let mut answers = Vec::new();
    for question in questions().iter().flatten() {
        answers.extend(shell.run(question, TOOLS_LIMIT).await?.unwrap_or_default());
        answers.push(b'\n');
    }
    Ok(Tools::read(&answers))
}

/// What a command wrote. Where the shell is gone nothing comes of it, like of any that had to be interrupted.
async fn run(shell: &mut dyn Shell, command: &Command) -> Option<Vec<u8>> {
    let line = Script::line(command.line.as_str()).ok()?;
    shell.run(&line, command.limit).await.ok().flatten()
}

async fn close(shell: &mut dyn Shell) {
    // One that cannot end its conversation in time loses its link with the value.
    let _ = timeout(CLOSE_LIMIT, shell.close()).await;
}
