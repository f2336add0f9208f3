//! The clock of steps: what a driver does gets one limit in total, told when it begins. No driver can renew it.
//!
//! Beside it each protocol has limits of its own for single answers. They end a step earlier and say more precisely why;
//! a gateway that keeps them busy without ever coming to an end meets this one.

use std::time::Duration;

use tokio::time::timeout;

use super::driver::Driver;
use super::error::SessionError;
use super::report::Report;
use crate::msg::Step;

/// Octets a second that the slowest gateway takes in, whatever its line could carry.
const SLOWEST: u64 = 100;
/// Octets of a line for one octet of a file, there and back: encodings, repeats and reading it again.
const LINE_PER_OCTET: u64 = 4;
/// Bits of a serial line for one octet.
const BITS_PER_OCTET: u64 = 10;

/// Lets a driver work on a step, for so long at most.
pub(super) async fn within<T>(
    report: &Report,
    step: Step,
    waits_for: &str,
    limit: Duration,
    act: impl Future<Output = Result<T, SessionError>>,
) -> Result<T, SessionError> {
    report.began(step, waits_for, limit).await;
    let acted = timeout(limit, act).await;
    report.ended();
    acted.unwrap_or(Err(SessionError::TooSlow { step, limit, is_over: true }))
}

/// After a limit the driver is given up, unless it can go on: what answers the step that was given up must not be taken for
/// an answer to the next.
pub(super) fn settle<T>(device: &mut dyn Driver, acted: Result<T, SessionError>) -> Result<T, SessionError> {
    match acted {
        Err(SessionError::TooSlow { step, limit, .. }) => {
            Err(SessionError::TooSlow { step, limit, is_over: !device.abandon() })
        }
        acted => acted,
    }
}

/// How long so many octets may take on a line of that speed, on top of what a question may take.
pub(super) fn transfer(question: Duration, octets: usize, baud: u32) -> Duration {
    let line = u64::from(baud) / BITS_PER_OCTET / LINE_PER_OCTET;
    question + Duration::from_secs(octets as u64 / line.clamp(1, SLOWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_on_a_slow_line_has_the_time_it_takes() {
        let question = Duration::from_secs(10);
        assert_eq!(transfer(question, 0, 9600), question);
        assert_eq!(transfer(question, 7_000, 115_200), Duration::from_secs(80));
        // At 300 baud some 30 octets a second pass.
        assert_eq!(transfer(question, 7_000, 300), Duration::from_secs(1010));
        assert!(transfer(question, 65_536, 0) > question, "a speed that makes no sense ends nothing");
    }
}
