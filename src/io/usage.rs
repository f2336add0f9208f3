//! What this program has used so far: processor time and memory.

use std::time::Duration;

/// Processor time of all threads, and the most memory that was resident at once, in bytes; 0 where the system does not tell.
pub fn usage() -> (Duration, u64) {
    (processor_time(), peak_memory().unwrap_or_default())
}

#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
}

/// From `VmHWM` of proc(5), in units of 1024 bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_has_used_something() {
        let (cpu, memory) = usage();
        assert!(cpu > Duration::ZERO && memory > 1 << 20, "{cpu:?} {memory}");
    }
}
