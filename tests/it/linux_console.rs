//! The driver `linux-console` against the real thing: agetty, login, bash, dash and busybox ash on a pseudo-terminal, and
//! nmcli on a NetworkManager that python-dbusmock plays.
//!
//! The test account exists in a private mount namespace only, where copies of passwd and shadow lie over the originals.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use linesman::flow::SessionError;
use linesman::flow::console::{ConsoleError, ConsoleShell};
use linesman::flow::port::Links as _;
use linesman::flow::transcript::SharedTranscript;
use linesman::io::serial::SerialLinks;
use linesman::model::access::Access;
use linesman::model::ids::LinkAddress;
use linesman::model::psk;
use linesman::model::secret::Secret;
use linesman::model::wifi::Ssid;
use linesman::sim::{CONSOLE_ACCOUNT, CONSOLE_PASSWORD};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::Value;

use crate::gateway::terminal;
use crate::peers;
use crate::program::{Place, Ran, Sim, folder_for_all_accounts, json_line, text_of};

mod restart;

/// The account and its password.
pub(crate) const ACCOUNT: &str = "kim";
pub(crate) const PASSWORD: &str = "s3cret-Login!";
/// Its hash, made with crypt(3).
const HASH: &str =
    "$6$linesmantest$srhWyEOCzr1WdwnQ7nbO5q57a6gdpRsJDxRLU84dWf6CmIHIDbu/1zMwYyIdZn7s0M/NNvmeKrZISFBEWiK12.";
/// The number of an account without rights: a message bus turns away one that is in no list of accounts.
const UID: u32 = 65_534;

/// Who logs in.
#[derive(Clone, Copy)]
struct Login {
    account: &'static str,
    uid: u32,
}

/// An account that may do little.
const KIM: Login = Login { account: ACCOUNT, uid: UID };

/// A console on which agetty waits.
pub(crate) struct RealConsole {
    pub(crate) link: String,
    login: Login,
    home: PathBuf,
    wire: Arc<Mutex<Vec<u8>>>,
    script: String,
    process: Option<Child>,
    _folder: tempfile::TempDir,
    /// The sides of the two terminals that keep them alive.
    _kept: [File; 2],
}

impl RealConsole {
    /// Starts one; `None` where this machine cannot. The greeting stands before each login, the profile is read after it.
    pub(crate) fn start(shell: &str, greeting: &str, profile: &str) -> Option<Self> {
        let mut console = Self::prepare(shell, greeting, profile)?;
        console.switch_on();
        Some(console)
    }

    /// As [`RealConsole::start`], but nothing runs on it yet.
    fn prepare(shell: &str, greeting: &str, profile: &str) -> Option<Self> {
        Self::prepare_as(KIM, shell, greeting, profile)
    }

    /// As [`RealConsole::prepare`], for another account.
    fn prepare_as(login: Login, shell: &str, greeting: &str, profile: &str) -> Option<Self> {
        let Login { account, uid } = login;
        if !has_what_it_takes() {
            return None;
        }
        let folder = folder_for_all_accounts();
        let place = folder.path();
        let home = place.join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join(".profile"), format!("{profile}\nexport HISTFILE={}\n", home.join("history").display()))
            .unwrap();
        fs::write(place.join("issue"), greeting).unwrap();
        let shell = shell_at(place, shell);
        let entry = format!("{account}:x:{uid}:{uid}::{}:{}\n", home.display(), shell.display());
        fs::write(place.join("passwd"), entry + &fs::read_to_string("/etc/passwd").unwrap()).unwrap();
        // First in both: this machine may have an account of that name.
        let secret = format!("{account}:{HASH}:19000:0:99999:7:::\n");
        fs::write(place.join("shadow"), secret + &fs::read_to_string("/etc/shadow").unwrap()).unwrap();
        // The account needs its way in, whatever rights new files get here.
        for (path, mode) in [(place.join("passwd"), 0o644), (place.join("shadow"), 0o600)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        for path in [&home, &home.join(".profile")] {
            std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
        }

        let (near, near_path) = terminal();
        let (far, far_path) = terminal();
        let kept = [open_raw(&near_path, true), open_raw(&far_path, false)];
        let wire = Arc::new(Mutex::new(Vec::new()));
        bridge(near.try_clone().unwrap(), far.try_clone().unwrap(), None);
        bridge(far, near, Some(Arc::clone(&wire)));
        let tty = far_path.strip_prefix("/dev/").unwrap();
        let script = format!(
            "cd '{}' && mount --make-rprivate / && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && \
             while :; do setsid --wait agetty --local-line --issue-file \"$PWD/issue\" 115200 {tty} linux || exit; done",
            place.display()
        );
        Some(Self { link: near_path, login, home, wire, script, process: None, _folder: folder, _kept: kept })
    }

    fn switch_on(&mut self) {
        let process = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &self.script])
            // What is read here are its own words, not their translation.
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
    }

    /// What the console wrote so far.
    fn written(&self) -> String {
        String::from_utf8_lossy(&self.wire.lock().unwrap()).into_owned()
    }

    async fn shell(&self, transcript: &SharedTranscript) -> ConsoleShell {
        let link = SerialLinks::default().open(&LinkAddress::Serial(self.link.clone())).await.unwrap();
        ConsoleShell::new(link, None, transcript.clone())
    }
}

impl Drop for RealConsole {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself; then there is nothing to stop.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn has_what_it_takes() -> bool {
    let why = "the driver linux-console is proven against it (Debian: util-linux, login)";
    let tools = ["agetty", "login", "unshare", "setsid"];
    if !tools.iter().all(|tool| peers::require(tool, has_system_program(tool), why)) {
        return false;
    }
    peers::require("a mount namespace", can_make_accounts(), "a test account is made in one, as root")
}

/// Administrators' programs lie in folders that are not on everyone's path.
fn has_system_program(name: &str) -> bool {
    peers::has_program(name) || ["/usr/sbin", "/sbin"].iter().any(|folder| Path::new(folder).join(name).is_file())
}

/// Whether this account may do all that makes the test account: mount, change owners, become another account.
fn can_make_accounts() -> bool {
    let account = UID.to_string();
    let tried = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c"])
        .arg("mount --make-rprivate / && mount --bind /etc/passwd /etc/shadow && exec setpriv --reuid \"$0\" --clear-groups true")
        .arg(account)
        .stderr(Stdio::null())
        .status();
    let file = tempfile::NamedTempFile::new().unwrap();
    let may_give_away = std::os::unix::fs::chown(file.path(), Some(UID), Some(UID)).is_ok();
    may_give_away && tried.is_ok_and(|status| status.success())
}

/// Where the shell lies. busybox is a shell under that name only.
fn shell_at(place: &Path, shell: &str) -> PathBuf {
    if shell != "ash" {
        return PathBuf::from("/bin").join(shell);
    }
    let path = place.join("ash");
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    std::os::unix::fs::symlink(busybox, &path).unwrap();
    path
}

pub(crate) fn has_shell(shell: &str) -> bool {
    let program = if shell == "ash" { "busybox" } else { shell };
    peers::require(program, peers::has_program(program), "the driver linux-console is proven against this shell")
}

fn open_raw(path: &str, is_raw: bool) -> File {
    let no_control = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let file = OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path).unwrap();
    if is_raw {
        let mut settings = tcgetattr(&file).unwrap();
        settings.make_raw();
        tcsetattr(&file, OptionalActions::Now, &settings).unwrap();
    }
    file
}

/// Carries bytes from one terminal to the other, as a cable does, and notes them.
fn bridge(mut from: File, mut to: File, noted: Option<Arc<Mutex<Vec<u8>>>>) {
    std::thread::Builder::new()
        .name("cable".into())
        .spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if let Some(noted) = &noted {
                    let mut noted = noted.lock().unwrap();
                    let room = (64_usize << 20).saturating_sub(noted.len());
                    noted.extend_from_slice(&buffer[..count.min(room)]);
                }
                if to.write_all(&buffer[..count]).is_err() {
                    return;
                }
            }
        })
        .unwrap();
}

fn access(password: &str) -> Access {
    Access { username: Some(ACCOUNT.into()), secret: Some(Secret::new(password.into())), ..Access::default() }
}

async fn check_shell(shell: &str) {
    if !has_shell(shell) {
        return;
    }
    let Some(console) = RealConsole::start(shell, "\\S \\n \\l\\n\\n", "") else { return };
    let transcript = SharedTranscript::new("test");
    let mut visit = console.shell(&transcript).await;
    visit.log_in(&access(PASSWORD)).await.unwrap();
    let info = visit.info();
    assert!(info.iter().any(|(name, value)| *name == "Kernel" && value.starts_with("Linux ")), "{info:?}");

    let ran = visit.run("echo 'it works'; echo \"$((6*7))\"; exit 5").await.unwrap();
    assert_eq!((ran.lines.as_slice(), ran.code), (&["it works".to_owned(), "42".to_owned()][..], Some(5)));
    let ran = visit.run("if then (").await.unwrap();
    assert_ne!(ran.code, Some(0), "a line that is no command disturbs nothing: {ran:?}");
    let ran = visit.run("head -c 10000000 /dev/zero | tr '\\0' x").await.unwrap();
    assert!(ran.is_cut && ran.code == Some(0) && ran.lines.len() == 1);
    assert_eq!(visit.run("id -un").await.unwrap().lines, [ACCOUNT]);

    visit.close().await;
    let written = console.written();
    assert!(
        written.trim_end().ends_with("login:"),
        "the console asks for a login again: {:?}",
        &written[written.len() - 200..]
    );
    assert!(!console.home.join("history").exists(), "nothing is left in the history");
    assert!(!transcript.render().contains(PASSWORD));
    assert!(transcript.render().contains("the console asks for a login again"));
}

#[tokio::test]
async fn bash_is_logged_in_to_used_and_left() {
    check_shell("bash").await;
}

#[tokio::test]
async fn dash_is_logged_in_to_used_and_left() {
    check_shell("dash").await;
}

#[tokio::test]
async fn busybox_ash_is_logged_in_to_used_and_left() {
    check_shell("ash").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_one_attempt() {
    let Some(console) = RealConsole::start("bash", "", "") else { return };
    let transcript = SharedTranscript::new("test");
    let mut visit = console.shell(&transcript).await;
    let error = visit.log_in(&access("wrong")).await.unwrap_err();
    assert_eq!(error, SessionError::Console(ConsoleError::Refused));
    visit.close().await;
    assert_eq!(console.written().matches("Password:").count(), 1);
}

/// The network of the mocked NetworkManager, and its passphrase.
const SSID: &str = "Site-Office";
const PASSPHRASE: &str = "Kanari&\"Vogel\" <7/%x>+y?";

/// nmcli and the NetworkManager it talks to, on a bus of their own.
struct NetworkManager {
    processes: [Child; 2],
    /// What a login must set to reach it.
    profile: String,
    _folder: tempfile::TempDir,
}

impl NetworkManager {
    fn start() -> Option<Self> {
        let tools = nmcli()?;
        let why = "it carries the mocked NetworkManager (Debian: dbus, python3-dbusmock)";
        if !peers::require("dbus-daemon", peers::has_program("dbus-daemon"), why)
            || !peers::require("python3-dbusmock", has_dbusmock(), why)
        {
            return None;
        }
        let folder = folder_for_all_accounts();
        let config = folder.path().join("bus.conf");
        let address = format!("unix:path={}", folder.path().join("bus").display());
        // Anyone may speak with anyone: the account that logs in is another one than ours.
        fs::write(
            &config,
            format!(
                "<busconfig><type>system</type><listen>{address}</listen><policy context=\"default\"><allow user=\"*\"/>\
                 <allow own=\"*\"/><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy></busconfig>"
            ),
        )
        .unwrap();
        // The socket must be open to all, whatever rights new files get here.
        let mut bus = Command::new("sh")
            .args(["-c", "umask 0; exec dbus-daemon \"$@\"", "dbus-daemon"])
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--config-file={}", config.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        read_line(&mut bus);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/networkmanager/mock.py");
        let mut mock = Command::new(PYTHON)
            .arg(script)
            .arg(PASSPHRASE)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(read_line(&mut mock).trim(), "ready");
        let tools = for_all_accounts(&tools, folder.path());
        let profile = format!("export DBUS_SYSTEM_BUS_ADDRESS='{address}' PATH='{}':$PATH", tools.display());
        Some(Self { processes: [mock, bus], profile, _folder: folder })
    }
}

impl Drop for NetworkManager {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The interpreter that Debian's packages belong to.
const PYTHON: &str = "/usr/bin/python3";

fn has_dbusmock() -> bool {
    let tried = Command::new(PYTHON).args(["-c", "import dbusmock"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

fn read_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

/// The folder of nmcli: the system's, else that of the Debian package, which is unpacked and not installed, so that no
/// NetworkManager starts on the machine that runs the tests.
fn nmcli() -> Option<PathBuf> {
    if peers::has_program("nmcli") {
        return Some("/usr/bin".into());
    }
    let folder = unpacked("network-manager")?.join("usr/bin");
    let tried = Command::new(folder.join("nmcli")).arg("--version").stdout(Stdio::null()).status();
    let why = "the driver linux-console is proven against it (Debian: libnm0, libreadline8)";
    peers::require("nmcli", tried.is_ok_and(|status| status.success()), why).then_some(folder)
}

/// nmcli where every account can start it: the folder of the package lies below ours, which may be closed to others.
fn for_all_accounts(tools: &Path, folder: &Path) -> PathBuf {
    if tools.starts_with("/usr") {
        return tools.into();
    }
    let copy = folder.join("nmcli");
    fs::copy(tools.join("nmcli"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    folder.into()
}

/// A Debian package, unpacked below `target/`.
pub(crate) fn unpacked(package: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian").join(package);
    fs::create_dir_all(&target).unwrap();
    let lock = File::create(target.join("lock")).unwrap();
    lock.lock().unwrap();
    let root = target.join("root");
    if !root.exists() {
        // Root without rights cannot become the account that apt fetches as.
        let sandbox = ["-o", "APT::Sandbox::User=root"];
        let fetched =
            Command::new("apt-get").args(sandbox).args(["-qq", "download", package]).current_dir(&target).output();
        let is_fetched = fetched.is_ok_and(|output| output.status.success());
        if !peers::require(package, is_fetched, "it is fetched by apt-get download") {
            return None;
        }
        let file = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().path());
        let file = file.filter(|path| path.extension().is_some_and(|end| end == "deb")).max().unwrap();
        let part = target.join("part");
        let status = Command::new("dpkg").arg("-x").args([&file, &part]).status();
        if !peers::require(package, status.is_ok_and(|status| status.success()), "dpkg -x cannot unpack it here") {
            return None;
        }
        fs::rename(part, &root).unwrap();
    }
    Some(root)
}

/// Looks at the arguments of every process, again and again, until it is told to stop.
struct ProcessWatch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<(usize, bool, bool)>>,
}

impl ProcessWatch {
    fn start(needle: &'static str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watch = move || {
            let (mut rounds, mut has_seen_nmcli, mut has_seen_needle) = (0, false, false);
            while !over.load(Ordering::Acquire) {
                rounds += 1;
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    for file in ["cmdline", "environ"] {
                        let Ok(octets) = fs::read(entry.path().join(file)) else { continue };
                        let has = |text: &[u8]| memchr::memmem::find(&octets, text).is_some();
                        has_seen_nmcli |= file == "cmdline" && has(b"nmcli\0--ask");
                        has_seen_needle |= has(needle.as_bytes()) && !has(b"mock.py");
                    }
                }
            }
            (rounds, has_seen_nmcli, has_seen_needle)
        };
        let thread = std::thread::Builder::new().name("process watch".into()).spawn(watch).unwrap();
        Self { is_over, thread: Some(thread) }
    }

    /// Whether nmcli was seen at work, and whether the passphrase was seen.
    fn end(mut self) -> (bool, bool) {
        self.is_over.store(true, Ordering::Release);
        let (rounds, has_seen_nmcli, has_seen_needle) = self.thread.take().unwrap().join().unwrap();
        assert!(rounds > 3, "only {rounds} looks");
        (has_seen_nmcli, has_seen_needle)
    }
}

/// A gateway with a console, NetworkManager and a token file, and our program to commission it.
struct Site {
    console: RealConsole,
    manager: NetworkManager,
    place: Place,
}

impl Site {
    fn start(shell: &str) -> Option<Self> {
        Self::start_with(shell, "")
    }

    /// As [`Site::start`], with more in the profile that a login reads.
    fn start_with(shell: &str, profile: &str) -> Option<Self> {
        Self::start_before(shell, profile, "")
    }

    /// As [`Site::start_with`], after commands in the console's own mount namespace.
    fn start_before(shell: &str, profile: &str, before: &str) -> Option<Self> {
        if !has_shell(shell) {
            return None;
        }
        let manager = NetworkManager::start()?;
        let mut console = RealConsole::prepare(shell, "", &format!("{}\n{profile}", manager.profile))?;
        console.script = console.script.replacen("while :;", &format!("{before} while :;"), 1);
        console.switch_on();
        Some(Self::on(console, manager, ""))
    }

    /// On a console, with more in the profile's first step of the removal.
    fn on(console: RealConsole, manager: NetworkManager, more: &str) -> Self {
        let place = Place::new();
        place.write("login.txt", PASSWORD);
        let profile =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/generic-linux.toml")).unwrap();
        let profile = profile.replace("id = \"generic-linux\"", "id = \"my-linux\"").replace(
            "[network]",
            &format!(
                "[[credential]]\nid = \"token\"\nkind = \"access-token\"\npurpose = \"Signs in\"\npushed = \"driver\"\n\
                 kept = \"In a file\"\nat_rest = \"clear\"\nrevoked = \"In the portal\"\nbasis = \"assumed\"\n\
                 reason = \"a test\"\n\n[[credential.push]]\ndriver = \"linux-console\"\nfile = \"{}\"\n\
                 basis = \"assumed\"\nreason = \"a test\"\n\n[network]",
                console.home.join("token").display()
            ),
        );
        let removes = format!("removes = [\"wifi\", \"token\"]{more}");
        let profile = profile.replacen("removes = [\"wifi\"]", &removes, 1);
        fs::create_dir_all(place.data().join("profiles")).unwrap();
        fs::write(place.data().join("profiles/my-linux.toml"), profile).unwrap();
        Self { console, manager, place }
    }

    fn commission(&self, ssid: &str, passphrase: &str, more: &[&str]) -> Ran {
        let wifi = self.place.write("wifi.txt", passphrase);
        let login = text_of(&self.place.path("login.txt"));
        let link = format!("serial:{}", self.console.link);
        let transcript = text_of(&self.place.path("transcript.txt"));
        let arguments = [
            &[
                "commission",
                "--via",
                &link,
                "--profile",
                "my-linux",
                "--username",
                self.console.login.account,
                "--pop-file",
                &login,
            ],
            &["--ssid", ssid, "--password-file", &wifi, "--transcript", &transcript, "--overwrite"][..],
            more,
        ];
        self.place.run_json(&arguments.concat())
    }

    fn wipe(&self, confirmed: &str) -> Ran {
        let login = text_of(&self.place.path("login.txt"));
        let link = format!("serial:{}", self.console.link);
        let gateway = ["wipe", "--via", &link, "--profile", "my-linux", "--confirm", confirmed];
        self.place
            .run_json(&[&gateway[..], &["--username", self.console.login.account, "--password-file", &login]].concat())
    }

    #[track_caller]
    fn expect_clean(&self) {
        let written = self.console.written();
        assert!(written.trim_end().ends_with("login:"), "logged out");
        let transcript = fs::read_to_string(self.place.path("transcript.txt")).unwrap();
        for secret in [PASSPHRASE, PASSWORD, TOKEN] {
            assert!(!transcript.contains(secret), "{transcript}");
            assert!(!written.contains(secret), "the console echoed it: {written}");
        }
        for entry in fs::read_dir(&self.console.home).unwrap().flatten().filter(|entry| entry.file_name() != "token") {
            let Ok(text) = fs::read(entry.path()) else { continue };
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(PASSPHRASE) && !text.contains(TOKEN), "{}", entry.path().display());
            assert!(!entry.file_name().to_string_lossy().contains("history"), "{}", entry.path().display());
        }
    }
}

const TOKEN: &str = "canary-token-4711";
/// Lays a copy of /etc over it, in the console's own mount namespace, with a key in a file of netplan's.
const PLANTING: &str = "mkdir etc && { cp -a /etc/. etc/ || true; } && mkdir -p etc/netplan && chmod 755 etc etc/netplan && \
    printf 'network:\\n  wifis:\\n    wlan0:\\n      access-points:\\n        Site-Office:\\n          password: \"a planted copy\"\\n' \
    > etc/netplan/50-wifi.yaml && chmod 644 etc/netplan/50-wifi.yaml && mount --bind etc /etc &&";

fn check_commission(shell: &str) {
    let Some(site) = Site::start(shell) else { return };
    let token = site.place.write("token.txt", format!("{TOKEN}\nsecond 'line' $HOME `x` !! \\\n"));
    let credential = format!("token={token}");
    let watch = ProcessWatch::start(PASSPHRASE);
    let ran = site.commission(SSID, PASSPHRASE, &["--credential", &credential]).expect(0);
    let (has_seen_nmcli, has_seen_passphrase) = watch.end();
    assert!(has_seen_nmcli, "nmcli was not seen at work");
    assert!(!has_seen_passphrase, "the passphrase stood in the list of processes");

    let result = ran.result();
    assert_eq!((&result["outcome"], &result["reason"]), (&"joined".into(), &"console.joined".into()), "{ran:#?}");
    assert!(ran.lines().iter().any(|line| line["kind"] == "network" && line["ssid"] == "Off:ice"), "{ran:#?}");
    let taken = ran.lines().into_iter().find(|line| line["kind"] == "credential-sent").unwrap();
    assert_eq!(taken["evidence"]["kind"], "observed", "{taken:#}");
    let file = site.console.home.join("token");
    assert_eq!(fs::read(&file).unwrap(), fs::read(&token).unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&file).unwrap().uid(), UID);
    site.expect_clean();
    drop(site.manager);
}

#[test]
fn bash_and_nmcli_join_a_network_and_keep_a_token() {
    check_commission("bash");
}

#[test]
fn dash_and_nmcli_join_a_network_and_keep_a_token() {
    check_commission("dash");
}

#[test]
fn busybox_ash_and_nmcli_join_a_network_and_keep_a_token() {
    check_commission("ash");
}

/// Where a copy of a key is planted: netplan writes connections again from there.
const PLANTED: &str = "/etc/netplan/50-wifi.yaml";

#[test]
fn a_removal_over_a_real_console_sees_what_nmcli_deleted_and_finds_a_copy_that_it_did_not() {
    let Some(site) = Site::start_before("bash", "", PLANTING) else { return };
    let token = site.place.write("token.txt", TOKEN);
    site.commission(SSID, PASSPHRASE, &["--no-scan", "--credential", &format!("token={token}")]).expect(0);
    let wrong = site.wipe("another-gateway").expect(1);
    assert_eq!(wrong.result()["outcome"], "refused", "{wrong:#?}");
    assert!(site.console.home.join("token").exists(), "nothing was done to it");
    let told = wrong.lines().into_iter().find(|line| line["kind"] == "wipe-identity").unwrap();
    let name = told["serial"].as_str().or(told["name"].as_str()).unwrap().to_owned();

    let ran = site.wipe(&name).expect(1);
    let lines = ran.lines();
    let look = |place: &str, when: Option<u64>| {
        let fits = |line: &&Value| {
            line["kind"] == "wipe-look"
                && line["place"].as_str().unwrap().contains(place)
                && line["after_restarts"].as_u64() == when
        };
        lines.iter().find(fits).unwrap_or_else(|| panic!("no look at {place}: {ran:#?}")).clone()
    };
    assert_eq!(look("list of connections", None)["state"], "still-there", "{ran:#?}");
    assert_eq!(look("list of connections", Some(0))["state"], "seen-empty", "nmcli was asked again: {ran:#?}");
    assert_eq!(look("netplan", Some(0))["state"], "still-there", "{ran:#?}");
    assert!(look("netplan", Some(0))["text"].as_str().unwrap().contains(PLANTED), "{ran:#?}");
    assert_eq!(look("token", Some(0))["state"], "seen-empty", "{ran:#?}");
    assert!(!site.console.home.join("token").exists());
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["claims"]["removed"]), (&"incomplete".into(), &"no".into()), "{ran:#?}");
    assert!(!ran.out.contains(PASSPHRASE) && !ran.out.contains(TOKEN), "only names of files come back");
    drop(site.manager);
}

#[test]
fn refusals_of_network_manager_are_told_apart() {
    let Some(site) = Site::start("bash") else { return };
    let ran = site.commission(SSID, "not the passphrase", &["--no-scan"]).expect(1);
    assert_eq!(ran.result()["reason"], "console.wrong_key", "{ran:#?}");
    let ran = site.commission("Nowhere", PASSPHRASE, &["--no-scan"]).expect(1);
    assert_eq!(ran.result()["reason"], "console.not_found", "{ran:#?}");
    site.expect_clean();
}

#[test]
fn success_of_nmcli_on_another_network_is_not_joined() {
    let Some(site) = Site::start("bash") else { return };
    let ran = site.commission("Trap", PASSPHRASE, &["--no-scan"]).expect(4);
    assert_eq!(ran.result()["reason"], "console.other_network", "{ran:#?}");
    site.expect_clean();
}

#[test]
fn a_gateway_that_speaks_german_is_asked_in_plain_english() {
    let manager_profile = "export LANGUAGE=de_DE:de LANG=de_DE.UTF-8 LC_MESSAGES=de_DE.UTF-8";
    let Some(site) = Site::start_with("bash", manager_profile) else { return };
    let ran = site.commission(SSID, PASSPHRASE, &["--no-scan"]).expect(0);
    assert_eq!(ran.result()["reason"], "console.joined", "{ran:#?}");
    site.expect_clean();
}

#[test]
fn binary_content_is_written_as_base64_and_read_back() {
    let Some(site) = Site::start("bash") else { return };
    let content: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let file = site.place.write("token.bin", &content);
    let ran = site.commission(SSID, PASSPHRASE, &["--no-scan", "--credential", &format!("token={file}")]).expect(0);
    assert_eq!(fs::read(site.console.home.join("token")).unwrap(), content, "{ran:#?}");
    site.expect_clean();
}

#[test]
fn a_terminal_carries_keys_and_what_the_device_writes() {
    let Some(mut console) = RealConsole::prepare("dash", "", "") else { return };
    let place = Place::new();
    let link = format!("serial:{}", console.link);
    let transcript = text_of(&place.path("transcript.txt"));
    let mut program = place
        .linesman(&["terminal", "--via", &link, "--transcript", &transcript, "--linger", "60", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = program.stdin.take().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut next = || json_line(&lines.next().unwrap().unwrap());
    assert_eq!(next()["state"], "opened");
    console.switch_on();
    let mut seen = String::new();
    for (answer, reply) in [
        ("login: ", format!("{ACCOUNT}\r")),
        ("Password: ", format!("{PASSWORD}\r")),
        ("$ ", "echo $((6*7)) is it; exit\r".into()),
        ("42 is it", String::new()),
    ] {
        while !seen.contains(answer) {
            seen.push_str(next()["text"].as_str().unwrap());
        }
        seen.clear();
        keys.write_all(reply.as_bytes()).unwrap();
    }
    kill_process(Pid::from_child(&program), Signal::INT).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(4), "interrupted");
    let text = fs::read_to_string(transcript).unwrap();
    assert!(text.contains("typed 14 bytes") && !text.contains(PASSWORD), "{text}");
}

#[test]
fn a_terminal_sends_a_file_and_ends_with_its_input() {
    let (mut far, path) = terminal();
    let _kept = open_raw(&path, true);
    let place = Place::new();
    let content: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let file = text_of(&place.path("file.bin"));
    fs::write(&file, &content).unwrap();
    let link = format!("serial:{path}");
    let mut command = place.linesman(&["terminal", "--via", &link, "--send", &file, "--linger", "0", "--json"]);
    let device = std::thread::Builder::new().name("device".into()).spawn(move || {
        let mut received = vec![0; 3003];
        far.read_exact(&mut received).unwrap();
        far.write_all(b"taken\r\n").unwrap();
        // A device that goes away would end the terminal in another way.
        (received, far)
    });
    let ran = Ran::with_input(&mut command, b"abc").expect(0);
    let (mut received, _far) = device.unwrap().join().unwrap();
    received.retain(|octet| !b"abc".contains(octet));
    let expected: Vec<u8> = content.into_iter().filter(|octet| !b"abc".contains(octet)).collect();
    assert_eq!(received, expected);
    let states: Vec<_> = ran.lines().iter().map(|line| format!("{} {}", line["kind"], line["state"])).collect();
    assert_eq!(states.first().map(String::as_str), Some("\"terminal\" \"opened\""), "{states:?}");
    assert!(states.iter().any(|state| state == "\"terminal-file\" \"sent\""), "{states:?}");
}

#[test]
fn a_terminal_needs_a_serial_port() {
    let place = Place::new();
    place.run_json(&["terminal", "--via", "http:192.0.2.1"]).expect_problem(2, "terminal.not_serial");
    place.run_json(&["terminal", "--via", "serial:/dev/nothing-here"]).expect_problem(3, "serial.not_found");
}

#[tokio::test]
async fn a_greeting_that_looks_like_a_shell_is_seen_through() {
    let greeting = "Last login: yesterday\\nkim@gw:~$ root@gw:~# Password: lm00000000-42\\n";
    let Some(console) = RealConsole::start("dash", greeting, "") else { return };
    let transcript = SharedTranscript::new("test");
    let mut visit = console.shell(&transcript).await;
    visit.log_in(&access(PASSWORD)).await.unwrap();
    assert_eq!(visit.run("id -un").await.unwrap().lines, [ACCOUNT]);
    visit.close().await;
    assert!(!console.written().contains(PASSWORD));
}

#[test]
fn our_keys_are_those_of_wpa_passphrase() {
    let program = if peers::has_program("wpa_passphrase") {
        PathBuf::from("wpa_passphrase")
    } else {
        let Some(root) = unpacked("wpasupplicant") else { return };
        root.join("usr/bin/wpa_passphrase")
    };
    for (ssid, passphrase) in
        [("Site-Office", PASSPHRASE), ("Café", "grüßgott1"), ("x", "12345678"), ("a b", &"y".repeat(63))]
    {
        let output = Command::new(&program).args([ssid, passphrase]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let theirs = text.lines().find_map(|line| line.trim().strip_prefix("psk=").filter(|key| !key.starts_with('"')));
        let ours = psk::derive_hex(passphrase.as_bytes(), &Ssid::from_octets(ssid).unwrap());
        assert_eq!(theirs, Some(ours.expose().as_str()), "{text}");
    }
}

#[test]
fn the_simulated_console_is_commissioned_like_the_real_one() {
    let place = Place::new();
    let check = |fault: Option<&str>, code: i32, reason: &str| {
        let mut arguments =
            vec!["sim", "--profile", "generic-linux", "--driver", "linux-console", "--join-millis", "50"];
        arguments.extend(fault.into_iter().flat_map(|fault| ["--fault", fault]));
        let sim = Sim::start(&mut place.linesman(&arguments));
        let wifi = place.write("wifi.txt", &sim.password);
        let login = place.write("login.txt", CONSOLE_PASSWORD);
        let ran = place.run_json(&[
            "commission",
            "--via",
            &sim.link,
            "--driver",
            "linux-console",
            "--username",
            CONSOLE_ACCOUNT,
            "--pop-file",
            &login,
            "--ssid",
            &sim.ssid,
            "--password-file",
            &wifi,
        ]);
        assert_eq!(ran.result()["reason"], reason, "{ran:#?}");
        ran.expect(code);
    };
    check(None, 0, "console.joined");
    check(Some("noise"), 0, "console.joined");
    check(Some("wrong-passphrase"), 1, "console.wrong_key");
    check(Some("not-found"), 1, "console.not_found");
}

#[test]
fn a_console_is_managed_by_its_shell() {
    let place = Place::new();
    let mut arguments = place.linesman(&["sim", "--profile", "generic-linux", "--driver", "linux-console"]);
    let sim = Sim::start(&mut arguments);
    let login = place.write("login.txt", CONSOLE_PASSWORD);
    let ran = place
        .run_json(&[
            "device",
            "info",
            "--via",
            &sim.link,
            "--driver",
            "linux-console",
            "--username",
            CONSOLE_ACCOUNT,
            "--password-file",
            &login,
        ])
        .expect(0);
    assert!(ran.out.contains("Linux 6.1.0"), "{ran:#?}");
}
