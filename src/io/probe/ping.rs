//! Three echo requests, as far as the system lets an ordinary account send them.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use ping_async::{IcmpEchoRequestor, IcmpEchoStatus};
use tokio::time::{Instant, timeout_at};

use super::{micros, not_run, sockets};
use crate::check::question::From;
use crate::check::seen::{NotRun, Ping, Seen};
use crate::model::endpoint::ProbeKind;

/// How many requests are sent.
const REQUESTS: u32 = 3;

/// Sends them one after the other.
pub(super) async fn ping(from: &From, to: IpAddr, limit: Duration) -> Seen {
    let source = match from {
        From::Address(own) => Some(*own),
        From::Anywhere => None,
        // Echo requests can be given an address to leave with, not an interface.
        From::Interface(name) => match sockets::own_address(name, to) {
            Some(own) => Some(own),
            None => return not_run(ProbeKind::Icmp, NotRun::NothingToAsk, &no_address(name)),
        },
    };
    let echoes = match IcmpEchoRequestor::new(to, source, None, Some(limit / REQUESTS)) {
        Ok(echoes) => echoes,
        Err(error) => {
            let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
            let why = if is_forbidden { NotRun::NoPermission } else { NotRun::NotOffered };
            return not_run(ProbeKind::Icmp, why, &error.to_string());
        }
    };
    let until = Instant::now() + limit;
    let mut seen = Ping { to, sent: 0, replies_micros: Vec::new() };
    for _ in 0..REQUESTS {
        seen.sent += 1;
        match timeout_at(until, echoes.send()).await {
            Ok(Ok(reply)) if reply.status() == IcmpEchoStatus::Success => {
                seen.replies_micros.push(micros(reply.round_trip_time()));
            }
            // An error is told as silence: it is no reply.
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Seen::Ping(seen)
}

fn no_address(name: &str) -> String {
    format!("the interface {name} has no address of that kind to send an echo request from")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interface_without_an_address_is_not_left_aside() {
        let from = From::Interface("no-such-interface".into());
        let seen = ping(&from, IpAddr::from([127, 0, 0, 1]), Duration::from_secs(1)).await;
        let Seen::NotRun { what: Some(ProbeKind::Icmp), why: NotRun::NothingToAsk, detail } = seen else {
            panic!("{seen:?}")
        };
        assert!(detail.contains("no-such-interface"), "{detail}");
    }
}
