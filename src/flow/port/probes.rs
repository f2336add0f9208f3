//! [`Probes`]: the way to ask the network. Implemented in `io::probe` for this computer, and by whoever asks on a gateway.

use tokio::sync::mpsc;

use super::Boxed;
use crate::check::question::Question;
use crate::check::seen::{Certificate, Seen, Trust};
use crate::model::problem::Problem;

/// Something that was seen, with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// When it was begun, in microseconds since 1970 UTC by this computer's clock.
    pub at_unix_micros: i64,
    /// How long it took.
    pub took_micros: u64,
    /// What was seen.
    pub seen: Seen,
}

/// A way to ask the network.
pub trait Probes: Send + Sync {
    /// Asks one question. What is seen is sent as it comes; it returns by the question's limit at the latest. Dropping it stops
    /// everything that belongs to the question.
    fn ask(&self, question: Question, seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()>;

    /// Gets what asking takes, such as the link of a gateway, unless it is there; before each round.
    fn wake(&self) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    /// Gives back what others may need meanwhile; after a round that none follows by itself.
    fn rest(&self) -> Boxed<'_, ()> {
        Box::pin(async {})
    }
}

/// A way to read chains of certificates that somebody else has seen, such as a program on a gateway.
pub trait Chains: Send + Sync {
    /// What the certificates say of themselves and what the chain amounts to, dates left aside. They come as DER, leaf first;
    /// `expected` are roots of the profile by the SHA-256 of their certificate.
    fn read(&self, host: &str, chain: &[Vec<u8>], expected: &[String]) -> (Vec<Certificate>, Option<Trust>);
}
