//! Foreign devices: Zephyr's own SMP servers, prebuilt for Linux, out of the source archive of `smpclient`.
//!
//! They are 32-bit programs (Debian: libc6-i386 lib32gcc-s1) that open a pseudo-terminal or a UDP port. The archive comes
//! through pip, is held against its hash, and lies below `target/` from then on.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use linesman::flow::port::{Link, LinkCommand, LinkEvent, Links as _};
use linesman::io::serial::SerialLinks;
use linesman::model::ids::LinkAddress;
use linesman::model::text::hex;
use linesman::proto::smp::answer::Answer;
use linesman::proto::smp::console::{Decoder, OVERHEAD, encode};
use linesman::proto::smp::request::Request;
use linesman::proto::smp::session::{Failure, Session};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::peers;

const ARCHIVE: &str = "smpclient-7.3.0.tar.gz";
const ARCHIVE_SHA256: &str = "86aa4bc1c621805d97f449793a4077f049aa88a98a1e916bf59423d072bd2a3b";
const SERVERS: &str = "smpclient-7.3.0/tests/fixtures/smp-server";
const PREFIX: &str = "zephyr_4.4.0_smp_server_0eae053d_native_sim_";
/// How long a server may take to come up, and to answer in a test of ours.
const LIMIT: Duration = Duration::from_secs(20);

/// Servers on a console with the buffer each tells, if it does.
const CONSOLES: [(&str, Option<u64>); 10] = [
    ("serial", Some(384)),
    ("serial_bigrx", Some(384)),
    ("serial_buf96", Some(96)),
    ("serial_buf256", Some(256)),
    ("serial_buf400", Some(400)),
    ("serial_buf512", Some(512)),
    ("serial_buf1024", Some(1024)),
    ("serial_buf2048", Some(2048)),
    ("serial_line512", Some(2048)),
    ("serial_noparams", None),
];

#[test]
fn every_buffer_size_is_learnt_and_filled_to_the_brim() {
    let Some(servers) = servers() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, buffer) in CONSOLES {
        let server = Server::start(&servers, name);
        runtime.block_on(async {
            let mut peer = Peer::open(&server.place).await;
            match peer.ask(Request::Parameters).await {
                Ok(Answer::Parameters { buffer_octets, .. }) => {
                    assert_eq!(Some(buffer_octets), buffer, "{name}");
                    peer.session.limit(buffer_octets, OVERHEAD);
                }
                Err(Failure::Refused(refusal)) => assert_eq!((buffer, refusal.code), (None, 8), "{name}"),
                other => panic!("{name}: {}", shown(&other)),
            }
            // The answer's map has an end mark, one octet more than the question's: it has to fit, too.
            let text = "x".repeat(peer.session.room() - 8 - 3 - 3 - 1);
            let echo = peer.ask(Request::Echo(text.clone())).await;
            assert!(matches!(&echo, Ok(Answer::Text(back)) if *back == text), "{name}: {}", shown(&echo));
        });
    }
}

#[test]
fn each_server_is_managed_by_the_command_line() {
    let Some(servers) = servers() else { return };
    for (name, _) in CONSOLES {
        let server = Server::start(&servers, name);
        let info = server.device(&["info"]);
        let facts = info.last["facts"].as_array().unwrap_or_else(|| panic!("{name}: {info:?}")).clone();
        let fact = |wanted: &str| facts.iter().find(|fact| fact["name"] == wanted).map(|fact| fact["value"].clone());
        assert_eq!((info.code, fact("Version")), (0, Some(json!("4.4.0"))), "{name}");
        assert_eq!(fact("Hardware"), Some(json!("native_sim/native")), "{name}");
        let stats = server.device(&["stats"]);
        let tables = stats.last["tables"].as_array().unwrap_or_else(|| panic!("{name}: {stats:?}"));
        assert!(tables.iter().any(|table| table["name"] == "smp_svr_stats"), "{name}: {tables:?}");
    }
}

#[test]
fn files_are_written_in_pieces_and_read_back() {
    let Some(servers) = servers() else { return };
    for name in ["serial", "serial_fs"] {
        let server = Server::start(&servers, name);
        let folder = tempfile::tempdir().unwrap();
        let (sent, back) = (folder.path().join("sent"), folder.path().join("back"));
        let content: Vec<u8> = (0..4000_u32).map(|number| u8::try_from(number * 7 % 251).unwrap()).collect();
        fs::write(&sent, &content).unwrap();
        let put = server.change(&["files", "put", "/lfs1/token.bin", sent.to_str().unwrap()]);
        assert_eq!((put.code, &put.last["evidence"]["kind"]), (0, &json!("observed")), "{name}: {put:?}");
        let get = server.device(&["files", "get", "/lfs1/token.bin", "--out", back.to_str().unwrap()]);
        assert_eq!(get.code, 0, "{name}: {get:?}");
        assert!(fs::read(&back).unwrap() == content, "{name}: the file came back different");
        let status = server.device(&["files", "status", "/lfs1/token.bin"]);
        assert_eq!(
            (&status.last["octets"], &status.last["sha256"]),
            (&json!(4000), &json!(hex(&Sha256::digest(&content))))
        );
        let missing = server.device(&["files", "status", "/lfs1/nothing"]);
        assert_eq!((missing.code, &missing.last["code"]), (1, &json!("smp.not_found")), "{name}");
    }
}

#[test]
fn shell_settings_restart_and_erase_are_confirmed_by_name() {
    let Some(servers) = servers() else { return };
    let server = Server::start(&servers, "serial");
    let shell = server.change(&["shell", "kernel", "version"]);
    assert_eq!((shell.code, &shell.last["status"]), (0, &json!(0)), "{shell:?}");
    assert!(shell.last["lines"].to_string().contains("Zephyr version 4.4.0"), "{shell:?}");
    let wrong = server.run(&["shell", "kernel", "version", "--confirm", "another"]);
    assert_eq!((wrong.code, &wrong.last["code"]), (2, &json!("device.not_confirmed")));
    let setting = server.device(&["settings", "get", "bridge/broker"]);
    assert_eq!((setting.code, &setting.last["found"]), (1, &json!(false)), "{setting:?}");
    let set = server.change(&["settings", "set", "bridge/broker", "--value", "x"]);
    assert_eq!((set.code, &set.last["code"]), (1, &json!("smp.not_found")), "{set:?}");
    let time = server.device(&["time"]);
    assert_eq!((time.code, &time.last["code"]), (1, &json!("smp.not_offered")));
    let images = server.device(&["images"]);
    assert_eq!((images.code, &images.last["code"]), (1, &json!("smp.not_offered")));
    let erase = server.change(&["erase"]);
    assert_eq!((erase.code, &erase.last["evidence"]["kind"]), (0, &json!("acknowledged")), "{erase:?}");
    let reset = server.change(&["reset"]);
    assert_eq!((reset.code, &reset.last["change"]), (0, &json!("reset")), "{reset:?}");
}

/// The profile of any Zephyr gateway, with a token in a file.
fn profile_with_token() -> String {
    let profile =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/generic-zephyr.toml")).unwrap();
    let token = "[[credential]]\nid = \"token\"\nkind = \"access-token\"\npurpose = \"Signs in\"\npushed = \"driver\"\n\
                 kept = \"In a file\"\nat_rest = \"clear\"\nrevoked = \"In the portal\"\nbasis = \"assumed\"\n\
                 reason = \"a test\"\n\n[[credential.push]]\ndriver = \"smp\"\nfile = \"/lfs1/token.bin\"\n\
                 basis = \"assumed\"\nreason = \"a test\"\n\n[wipe]";
    profile
        .replace("id = \"generic-zephyr\"", "id = \"my-zephyr\"")
        .replace("removes = [\"wifi\"]", "removes = [\"wifi\", \"token\"]")
        .replacen("[wipe]", token, 1)
}

/// Takes a server that holds a token out of service; it is started again whenever it restarts, with the flash it had.
fn removed(servers: &Path, name: &str) -> (i32, Vec<Value>) {
    let mut server = Server::start(servers, name);
    let folder = tempfile::tempdir().unwrap();
    let (sent, link) = (folder.path().join("sent"), folder.path().join("port"));
    fs::write(&sent, "tok-5f2c-canary").unwrap();
    let put = server.change(&["files", "put", "/lfs1/token.bin", sent.to_str().unwrap()]);
    assert_eq!(put.code, 0, "{put:?}");
    fs::create_dir_all(server.data.path().join("profiles")).unwrap();
    fs::write(server.data.path().join("profiles/my-zephyr.toml"), profile_with_token()).unwrap();
    std::os::unix::fs::symlink(&server.place, &link).unwrap();
    let via = format!("serial:{}", link.display());
    let mut wipe = Command::new(env!("CARGO_BIN_EXE_linesman"))
        .args(["--json", "--data-dir"])
        .arg(server.data.path())
        .args(["wipe", "--via", &via, "--profile", "my-zephyr", "--driver", "smp", "--look-for", "bridge/broker"])
        .arg("--confirm")
        .arg(&link)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(wipe.stdout.take().unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        lines.push(line);
        // Its restart ends the process: whoever plays the power supply starts it again at the same port.
        let is_done = |line: &&Value| line["kind"] == "wipe-evidence" && line["state"] != "requested";
        if lines.iter().filter(is_done).count() == 1 && lines.last().as_ref().is_some_and(is_done) {
            server.start_again_once_it_ends(servers, name, &link);
        }
    }
    (wipe.wait().unwrap().code().unwrap(), lines)
}

#[test]
fn a_removal_empties_a_file_and_looks_again_after_the_restart() {
    let Some(servers) = servers() else { return };
    let (code, lines) = removed(&servers, "serial");
    let result = lines.last().unwrap();
    assert_eq!((code, &result["outcome"], &result["restarts"]), (1, &json!("incomplete"), &json!(1)), "{lines:#?}");
    let token = |when: Value| {
        let is_it = |line: &&Value| {
            line["kind"] == "wipe-look" && line["credential"] == "token" && line["after_restarts"] == when
        };
        lines.iter().find(is_it).unwrap_or_else(|| panic!("no look: {lines:#?}"))["state"].clone()
    };
    assert_eq!((token(Value::Null), token(json!(1))), (json!("still-there"), json!("seen-empty")), "{lines:#?}");
    let erased = |state: &str| lines.iter().any(|line| line["kind"] == "wipe-evidence" && line["state"] == state);
    assert!(erased("requested") && erased("acknowledged"), "{lines:#?}");
    // No setting was there before that could be seen to be gone: nothing is claimed of them.
    assert_eq!(result["claims"]["removed"], "partly", "{result:#}");
}

#[test]
fn a_firmware_without_a_command_to_erase_is_never_said_to_be_erased() {
    let Some(servers) = servers() else { return };
    let (code, lines) = removed(&servers, "serial_fs");
    let result = lines.last().unwrap();
    assert_eq!((code, &result["outcome"]), (1, &json!("incomplete")), "{lines:#?}");
    let step = result["steps"].as_array().unwrap().iter().find(|step| step["step"] == "erase-storage").unwrap();
    assert_eq!(step["state"], "cannot", "{step:#}");
    assert!(step.to_string().contains("has no command that erases its storage"), "{step:#}");
    assert_ne!(result["claims"]["removed"], "observed", "{result:#}");
}

#[test]
fn a_console_that_is_shared_with_a_shell_works_too() {
    let Some(servers) = servers() else { return };
    let server = Server::start(&servers, "shell");
    let info = server.device(&["info"]);
    assert_eq!(info.code, 0, "{info:?}");
    assert!(info.last["facts"].to_string().contains("4.4.0"), "{info:?}");
}

#[test]
fn datagrams_carry_the_same() {
    let Some(servers) = servers() else { return };
    // The servers have a port of their own: only one runs at a time, and none where somebody else has the port.
    let lock = File::create(servers.join("udp.lock")).unwrap();
    lock.lock().unwrap();
    if !peers::require("UDP port 1337", UdpSocket::bind("127.0.0.1:1337").is_ok(), "the server binds it") {
        return;
    }
    let server = Server::start(&servers, "udp");
    let info = server.device(&["info"]);
    assert_eq!(info.code, 0, "{info:?}");
    assert!(info.last["facts"].to_string().contains("2 of 2048 bytes"), "{info:?}");
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent");
    fs::write(&sent, vec![0x5a; 5000]).unwrap();
    let put = server.change(&["files", "put", "/lfs1/token.bin", sent.to_str().unwrap()]);
    assert_eq!((put.code, &put.last["evidence"]["kind"]), (0, &json!("observed")), "{put:?}");
}

/// What a call of the command line printed last, and its exit code.
#[derive(Debug)]
struct Ran {
    code: i32,
    last: Value,
}

/// A server that ends with the test.
struct Server {
    process: Child,
    /// Path of its terminal, or host and port.
    place: String,
    link: String,
    data: tempfile::TempDir,
}

impl Server {
    fn start(servers: &Path, name: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let (process, place) = run(servers, name, data.path());
        let kind = if name.starts_with("udp") { "udp" } else { "serial" };
        Self { process, link: format!("{kind}:{place}"), place, data }
    }

    /// Starts it again with its flash and under the same link, once it has ended.
    fn start_again_once_it_ends(&mut self, servers: &Path, name: &str, link: &Path) {
        self.process.wait().unwrap();
        let folder = self.data.path().to_owned();
        let (process, place) = run(servers, name, &folder);
        (self.process, self.place) = (process, place);
        let new = link.with_extension("new");
        std::os::unix::fs::symlink(&self.place, &new).unwrap();
        fs::rename(new, link).unwrap();
    }

    fn device(&self, arguments: &[&str]) -> Ran {
        self.run(arguments)
    }

    /// An act, confirmed with the name: these servers have none of their own, so it is where they are reached.
    fn change(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &["--confirm", &self.place]].concat())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let (mut before, mut words) = (arguments.to_vec(), Vec::new());
        // The words of a shell command come last, after what is for us.
        if arguments[0] == "shell" {
            let end = arguments.iter().position(|word| word.starts_with("--")).unwrap_or(arguments.len());
            words = arguments[1..end].to_vec();
            before = [&["shell"], &arguments[end..]].concat();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_linesman"))
            .args(["--json", "--data-dir"])
            .arg(self.data.path())
            .arg("device")
            .args(before)
            .args(["--via", &self.link])
            .args(if words.is_empty() { &[][..] } else { &["--"] })
            .args(words)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let last = printed.lines().last().map(|line| serde_json::from_str(line).unwrap()).unwrap_or_default();
        Ran { code: output.status.code().unwrap(), last }
    }
}

/// Starts a server in a folder, which holds its flash, and tells where it is reached.
fn run(servers: &Path, name: &str, folder: &Path) -> (Child, String) {
    let mut process = Command::new(servers.join(format!("{PREFIX}{name}.exe")))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let (tell, told) = sync_channel(1);
    let is_udp = name.starts_with("udp");
    // It goes on reading: a server whose output nobody takes stops.
    let read = move || {
        for line in output.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let terminal = line.split_once("connected to pseudotty: ").map(|(_, path)| path.trim().to_owned());
            let is_bound = is_udp && line.contains("smp_udp: Started");
            if let Some(place) = terminal.filter(|_| !is_udp).or(is_bound.then(|| "127.0.0.1:1337".to_owned())) {
                let _ = tell.try_send(place);
            }
        }
    };
    std::thread::Builder::new().name("zephyr output".into()).spawn(read).unwrap();
    let place = told.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{name} did not come up"));
    (process, place)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A conversation below the flows, to send what they would not.
struct Peer {
    link: Link,
    decoder: Decoder,
    session: Session,
}

impl Peer {
    async fn open(path: &str) -> Self {
        let link = SerialLinks::default().open(&LinkAddress::Serial(path.into())).await.unwrap();
        Self { link, decoder: Decoder::default(), session: Session::default() }
    }

    async fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        self.session.start(request, Instant::now()).unwrap();
        let frame = self.session.poll_transmit().unwrap();
        for line in encode(&frame).unwrap() {
            self.link.outgoing.send(LinkCommand::Write(line)).await.unwrap();
            // The server's UART takes one line at a time.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        loop {
            if let Some(finished) = self.session.poll_finished() {
                return finished;
            }
            let event = tokio::time::timeout(LIMIT, self.link.incoming.recv()).await.expect("an answer in time");
            let Some(LinkEvent::Bytes(bytes)) = event else { panic!("the link ended") };
            for frame in self.decoder.push(&bytes) {
                self.session.handle_frame(&frame, Instant::now());
            }
        }
    }
}

fn shown(result: &Result<Answer, Failure>) -> String {
    match result {
        Ok(_) => "another answer".to_owned(),
        Err(failure) => format!("{failure:?}"),
    }
}

/// The folder with the servers; `None` when this machine cannot run or get them.
fn servers() -> Option<PathBuf> {
    let has_loader = cfg!(target_os = "linux") && Path::new("/lib/ld-linux.so.2").exists();
    let why = "the servers are 32-bit programs (Debian: apt install libc6-i386 lib32gcc-s1)";
    let why_python = "pip fetches the archive (Debian: apt install python3 python3-pip)";
    if !peers::require("the 32-bit loader", has_loader, why)
        || !peers::require("python3", peers::has_program("python3"), why_python)
    {
        return None;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zephyr");
    fs::create_dir_all(&target).unwrap();
    // Tests run side by side, in several processes under nextest: the first one fetches.
    let lock = File::create(target.join("fetch.lock")).unwrap();
    lock.lock().unwrap();
    let (folder, done) = (target.join(SERVERS), target.join("unpacked.txt"));
    if fs::read_to_string(&done).is_ok_and(|last| last == ARCHIVE_SHA256) {
        return Some(folder);
    }
    let fetched = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-binary",
            "smpclient",
        ])
        .args(["smpclient==7.3.0", "--dest"])
        .arg(&target)
        .output()
        .unwrap();
    let why = format!("pip download failed: {}", String::from_utf8_lossy(&fetched.stderr).trim());
    if !peers::require("the archive of smpclient", fetched.status.success(), &why) {
        return None;
    }
    let mut archive = Vec::new();
    File::open(target.join(ARCHIVE)).unwrap().read_to_end(&mut archive).unwrap();
    assert_eq!(hex(&Sha256::digest(&archive)), ARCHIVE_SHA256, "the archive is not the one that was pinned");
    let unpacked = Command::new("tar").arg("-xzf").arg(target.join(ARCHIVE)).arg("-C").arg(&target).status().unwrap();
    assert!(unpacked.success());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "exe") {
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    fs::write(done, ARCHIVE_SHA256).unwrap();
    Some(folder)
}
