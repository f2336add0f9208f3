//! The broker mosquitto on ports of its own, with a configuration made for one test. It comes from the system, else out of
//! the Debian package, which is unpacked and not installed, so that no broker starts on the machine that runs the tests.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{linux_console, peers};

/// A running broker; it ends with the value.
pub(crate) struct Mosquitto {
    program: PathBuf,
    config: PathBuf,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// The port of each listener, in their order.
    pub(crate) ports: Vec<u16>,
    /// Its own folder: configuration, certificates, what it stores.
    pub(crate) folder: tempfile::TempDir,
}

/// Where a program of the package is; `None` when it is missing and may be.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    for folder in ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin"] {
        let path = Path::new(folder).join(name);
        if path.is_file() {
            return Some(path);
        }
    }
    let root = linux_console::unpacked("mosquitto")?;
    let path = ["usr/sbin", "usr/bin"].iter().map(|folder| root.join(folder).join(name)).find(|path| path.is_file())?;
    let starts = Command::new(&path).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
    // Asked for its help, mosquitto ends with 3; what cannot be loaded ends with 127.
    let is_there = starts.is_ok_and(|status| status.code().is_some_and(|code| code < 100));
    peers::require(name, is_there, "the client is proven against it (Debian: libdlt2, libwrap0, libcjson1)")
        .then_some(path)
}

/// mosquitto's own clients, out of the Debian package unless the system has them.
pub(crate) struct Clients {
    folder: PathBuf,
    libraries: Option<std::ffi::OsString>,
}

impl Clients {
    /// `None` when they are missing and may be.
    pub(crate) fn find() -> Option<Self> {
        let installed = Path::new("/usr/bin");
        if installed.join("mosquitto_pub").is_file() {
            return Some(Self { folder: installed.to_owned(), libraries: None });
        }
        let folder = linux_console::unpacked("mosquitto-clients")?.join("usr/bin");
        let mut libraries = Vec::new();
        for package in ["libmosquitto1", "libcjson1"] {
            // One folder, named after the machine.
            let folders = fs::read_dir(linux_console::unpacked(package)?.join("usr/lib")).unwrap();
            libraries.extend(folders.map(|entry| entry.unwrap().path()));
        }
        let clients = Self { folder, libraries: Some(std::env::join_paths(libraries).unwrap()) };
        // Asked for its help, it ends with 1; what cannot be loaded ends with 127.
        let mut help = clients.command("mosquitto_sub").into_std();
        let status = help.arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let is_there = status.is_ok_and(|status| status.code().is_some_and(|code| code < 100));
        peers::require(
            "mosquitto-clients",
            is_there,
            "the bench broker is proven with them (Debian: apt install mosquitto-clients)",
        )
        .then_some(clients)
    }

    /// One of them, to be run.
    pub(crate) fn command(&self, name: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.folder.join(name));
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

impl Mosquitto {
    /// A broker with one plain listener that lets everyone in.
    pub(crate) fn plain() -> Option<Self> {
        Self::start(tempfile::tempdir().unwrap(), &[""], "allow_anonymous true")
    }

    /// A broker with a listener for each entry, which holds the lines below `listener`; and general lines.
    pub(crate) fn start(folder: tempfile::TempDir, listeners: &[&str], general: &str) -> Option<Self> {
        let program = program("mosquitto")?;
        let config = folder.path().join("mosquitto.conf");
        for _ in 0..5 {
            // All are held until all are known, so that they differ.
            let held: Vec<TcpListener> = listeners.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
            let ports: Vec<u16> = held.iter().map(|held| held.local_addr().unwrap().port()).collect();
            drop(held);
            let mut text = format!("user root\nlog_dest stderr\nlog_type all\nset_tcp_nodelay true\n{general}\n");
            for (port, lines) in ports.iter().zip(listeners) {
                write!(text, "listener {port} 127.0.0.1\n{lines}\n").unwrap();
            }
            fs::write(&config, text).unwrap();
            if let Some((child, log)) = run(&program, &config) {
                return Some(Self { program, config, child, log, ports, folder });
            }
        }
        panic!("mosquitto does not start: {}", fs::read_to_string(&config).unwrap());
    }

    /// The port of the first listener.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Has it read its files again.
    pub(crate) fn reload(&self) {
        let before = self.log().len();
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::HUP)
            .unwrap();
        self.until(before, "Reloading config");
    }

    /// Waits until it wrote that, after so many lines.
    #[track_caller]
    pub(crate) fn until(&self, skipped: usize, text: &str) {
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while !self.log().iter().skip(skipped).any(|line| line.contains(text)) {
            assert!(std::time::Instant::now() < until, "mosquitto never wrote {text}: {:#?}", self.log());
            std::thread::yield_now();
        }
    }

    /// Ends it; what it is told to keep is written.
    pub(crate) fn stop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew with the same ports and folder.
    pub(crate) fn start_again(&mut self) {
        let (child, log) = run(&self.program, &self.config).expect("it started before");
        (self.child, self.log) = (child, log);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it and waits until it says that it runs; `None` when it ends instead.
fn run(program: &Path, config: &Path) -> Option<(Child, Arc<Mutex<Vec<String>>>)> {
    let mut child = Command::new(program).arg("-c").arg(config).stderr(Stdio::piped()).spawn().unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (runs, running): (_, Receiver<()>) = sync_channel(1);
    let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
    let read = move || {
        for line in lines.map_while(Result::ok) {
            let is_running = line.ends_with(" running");
            kept.lock().unwrap().push(line);
            if is_running {
                let _ = runs.try_send(());
            }
        }
    };
    std::thread::Builder::new().name("mosquitto log".into()).spawn(read).unwrap();
    if running.recv_timeout(Duration::from_secs(20)).is_ok() {
        return Some((child, log));
    }
    let _ = child.kill();
    let _ = child.wait();
    eprintln!("mosquitto: {:?}", log.lock().unwrap());
    None
}
