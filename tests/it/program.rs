//! Drives the built program: runs it to its end, or follows its JSON lines while it runs.
//!
//! Every line it prints with `--json` is parsed, and must be what `docs/json-lines.md` says of its kind.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::json_types;

/// Reads a line that the program printed with `--json`, and holds its fields against docs/json-lines.md.
#[track_caller]
pub(crate) fn json_line(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    json_types::hold(&value);
    value
}

/// A data folder and files of a test; gone with it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One that other accounts may enter.
    pub(crate) fn for_all_accounts() -> Self {
        Self(folder_for_all_accounts())
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The data folder of the program.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file and returns its path as text.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        text_of(&path)
    }

    /// The program with these arguments, on this data folder, with nothing to read.
    pub(crate) fn linesman(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linesman"));
        command.args(arguments).arg("--data-dir").arg(self.data()).env_remove("LINESMAN_LOG").stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.linesman(arguments))
    }

    /// Runs the program with `--json`.
    pub(crate) fn run_json(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.linesman(arguments).arg("--json"))
    }

    /// Starts the program with `--json`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.linesman(arguments).arg("--json"))
    }

    /// Starts a simulated gateway that joins at once.
    pub(crate) fn sim(&self, arguments: &[&str]) -> Sim {
        let common = ["sim", "--profile", "generic-improv", "--join-millis", "50"];
        Sim::start(&mut self.linesman(&[&common, arguments].concat()))
    }
}

/// A folder that other accounts may enter, although `TMPDIR` may be closed to them and new folders, too.
pub(crate) fn folder_for_all_accounts() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// A path as an argument.
pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The program after its end.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    /// What it complained.
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs with this on standard input.
    pub(crate) fn with_input(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The JSON lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out.lines().map(json_line).collect()
    }

    /// The last JSON line: the result.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("nothing was printed: {self:?}"))
    }

    /// Holds the exit code, and that nothing crashed.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    /// Holds exit code and the code of the problem that is the result.
    #[track_caller]
    pub(crate) fn expect_problem(self, code: i32, problem: &str) -> Self {
        let ran = self.expect(code);
        let result = ran.result();
        assert_eq!((result["kind"].as_str(), result["code"].as_str()), (Some("problem"), Some(problem)), "{ran:#?}");
        for part in ["what", "likely_cause", "next_step"] {
            assert!(result[part].as_str().is_some_and(|text| !text.is_empty()), "no {part}: {ran:#?}");
        }
        ran
    }
}

/// The program while it runs with `--json`; killed with the test.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, seen: Vec::new() }
    }

    /// Reads lines until one fits.
    #[track_caller]
    pub(crate) fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Some(line) = self.lines.next() else { panic!("the program ended early: {:#?}", self.seen) };
            let line = line.unwrap();
            let value = json_line(&line);
            self.seen.push(line);
            if fits(&value) {
                return value;
            }
        }
    }

    /// Reads lines until a step is in that state.
    #[track_caller]
    pub(crate) fn until_step(&mut self, step: &str, state: &str) {
        self.until(|line| line["kind"] == "step" && line["step"] == step && line["state"] == state);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl+C.
    pub(crate) fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, whatever it prints.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Ran {
        let mut out = std::mem::take(&mut self.seen);
        out.extend(self.lines.by_ref().map(Result::unwrap));
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ran { code: self.child.wait().unwrap().code(), out: out.join("\n"), err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `linesman sim` that ends with the test.
pub(crate) struct Sim {
    running: Running,
    ready: Value,
    pub(crate) port: String,
    pub(crate) link: String,
    pub(crate) ssid: String,
    pub(crate) password: String,
}

impl Sim {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut running = Running::start(command);
        let ready = running.until(|_| true);
        assert_eq!(ready["kind"], "sim");
        let text = |name| ready_text(&ready, name).to_owned();
        let (port, link, ssid, password) = (text("port"), text("link"), text("ssid"), text("password"));
        Self { running, ready, port, link, ssid, password }
    }

    /// What it said of itself at its start.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        ready_text(&self.ready, name)
    }

    /// A file on its card.
    pub(crate) fn on_card(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(Path::new(self.text("state_dir")).join(name)).ok()
    }

    /// Pulls the plug.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn finish(self) -> Ran {
        self.running.finish()
    }
}

#[track_caller]
fn ready_text<'a>(ready: &'a Value, name: &str) -> &'a str {
    ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {ready}"))
}
