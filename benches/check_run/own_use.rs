//! What this process uses: sockets and memory, as Linux tells. Elsewhere both read zero.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most that was used.
pub(crate) struct Used {
    pub(crate) sockets: usize,
    pub(crate) before_mib: u64,
    pub(crate) peak_mib: u64,
}

/// Looks every other millisecond.
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    sockets: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
    before_mib: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let (is_over, sockets) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ends, most) = (Arc::clone(&is_over), Arc::clone(&sockets));
        let watch = move || {
            while !ends.load(Ordering::Relaxed) {
                most.fetch_max(open_sockets(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        let thread = std::thread::Builder::new().name("watch".into()).spawn(watch).expect("a thread");
        // From here the system counts the peak anew.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self { is_over, sockets, thread, before_mib: memory_mib("VmRSS:") }
    }

    pub(crate) fn end(self) -> Used {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watch ends");
        let sockets = self.sockets.load(Ordering::Relaxed);
        Used { sockets, before_mib: self.before_mib, peak_mib: memory_mib("VmHWM:") }
    }
}

fn open_sockets() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|to| to.to_string_lossy().starts_with("socket:")).count()
}

fn memory_mib(what: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}
