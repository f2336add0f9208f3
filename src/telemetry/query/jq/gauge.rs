//! The limits of one run of an expression: steps, memory and stack.
//!
//! jq can count to infinity, and the interpreter has no limit of its own. It does two things only, over and over: it looks
//! up the next term of the program, and it does something with values. Both are ours ([`super::Data`] and
//! [`super::item::Item`]) and count here. What met a limit is left by unwinding, which drops everything the run had in its
//! hands, says nothing to the hook for panics, and ends in [`measured`]; no build of ours aborts instead.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::super::RunError;

/// Steps for an expression, whatever it is asked about. A step takes a fraction of a microsecond.
const BASE_STEPS: u64 = 40_000;
/// Steps more for each value of the payload: to look at all of them a few times over.
const STEPS_PER_VALUE: u64 = 40;
/// The most steps there are.
const MAX_STEPS: u64 = 2_000_000;
/// The most memory all values made in a run take together, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most stack it may use, in bytes. Threads have two megabytes, and the smallest main thread one.
const MAX_STACK_BYTES: usize = 512 * 1024;

/// What is left.
#[derive(Clone, Copy)]
struct Left {
    steps: u64,
    bytes: u64,
    /// The lowest address the stack may reach.
    floor: usize,
}

thread_local! {
    /// Of the run that goes on in this thread. Values have no way to an argument.
    static LEFT: Cell<Left> = const { Cell::new(Left { steps: 0, bytes: 0, floor: 0 }) };
}

/// Thrown where a limit is met.
struct Stopped(&'static str);

/// Runs `work` within the limits, on a payload of that many values.
pub(super) fn measured<T>(values: usize, work: impl FnOnce() -> T) -> Result<T, RunError> {
    let steps = BASE_STEPS + STEPS_PER_VALUE.saturating_mul(values as u64);
    let left =
        Left { steps: steps.min(MAX_STEPS), bytes: MAX_BYTES, floor: stack_address().saturating_sub(MAX_STACK_BYTES) };
    let before = LEFT.replace(left);
    let result = catch_unwind(AssertUnwindSafe(work));
    LEFT.set(before);
    result.map_err(|thrown| match thrown.downcast::<Stopped>() {
        Ok(stopped) => RunError::Stopped(stopped.0),
        // A defect of the interpreter. It costs this result and not the program.
        Err(_) => RunError::Failed("the interpreter failed".into()),
    })
}

/// About where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(black_box(&here)).addr()
}

/// Counts one step.
pub(super) fn step() {
    steps(1);
}

/// Counts that many steps.
pub(super) fn steps(steps: usize) {
    let mut left = LEFT.get();
    match left.steps.checked_sub(steps as u64) {
        Some(rest) => left.steps = rest,
        None => stop("It takes too many steps, or never ends"),
    }
    LEFT.set(left);
    if stack_address() < left.floor {
        stop("It calls itself too deep");
    }
}

/// Counts memory that is about to be taken.
pub(super) fn bytes(bytes: usize) {
    let mut left = LEFT.get();
    match left.bytes.checked_sub(bytes as u64) {
        Some(rest) => left.bytes = rest,
        None => stop("Its results take too much memory"),
    }
    LEFT.set(left);
    steps(1 + bytes / 256);
}

/// Ends the run.
pub(super) fn stop(limit: &'static str) -> ! {
    resume_unwind(Box::new(Stopped(limit)))
}
