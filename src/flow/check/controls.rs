//! Controls beside the rows, on consent: whether pages that answer everybody alike do, and whether an address that is nobody's
//! takes a connection.

use core::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::Round;
use crate::check::controls::{CANARIES, CANARY_PORT, Canary, NOWHERE_PORT, nowhere};
use crate::check::question::{Question, Say, Shape, Talk};

/// How long each may take.
const LIMIT: Duration = Duration::from_secs(3);

impl Round {
    /// Asks them once a check, and never while it watches. On a test site only what the override file maps is asked.
    pub(super) async fn ask_controls(&self) {
        if !self.plan.about.has_consent || !self.is_thorough {
            return;
        }
        let mut pages: FuturesUnordered<_> = CANARIES.iter().map(|canary| self.ask_canary(canary)).collect();
        let all_pages = async { while pages.next().await.is_some() {} };
        tokio::join!(all_pages, self.try_nowhere());
    }

    async fn ask_canary(&self, canary: &Canary) {
        let mapped = self.overrides.target(canary.host, CANARY_PORT);
        let to = match mapped {
            Some(to) => Some(to),
            None if !self.overrides.is_empty() => None,
            None => self.addresses(canary.host).await.first().map(|address| SocketAddr::new(*address, CANARY_PORT)),
        };
        if let Some(to) = to {
            self.talk_beside(canary.host, to, vec![Say::Http { path: canary.path.into() }]).await;
        }
    }

    async fn try_nowhere(&self) {
        if self.overrides.is_empty() {
            let address = nowhere((self.random)());
            self.talk_beside(&address.to_string(), SocketAddr::new(address.into(), NOWHERE_PORT), Vec::new()).await;
        }
    }

    /// Talks for no row.
    async fn talk_beside(&self, host: &str, to: SocketAddr, steps: Vec<Say>) {
        let talk = Talk { to, host: host.to_owned(), steps, shape: Shape::Plain, limit: LIMIT };
        self.ask(None, Some(host), Question::Talk(talk)).await;
    }
}
