//! The driver `linux-console` against the real thing: agetty, login, bash, dash and busybox ash on a pseudo-terminal, and
//! nmcli on a NetworkManager that python-dbusmock plays.
//!
//! The test account exists in a private mount namespace only, where copies of passwd and shadow lie over the originals.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use linesman::flow::SessionError;
use linesman::flow::console::{ConsoleError, ConsoleShell};
use linesman::flow::port::Links as _;
use linesman::flow::transcript::SharedTranscript;
use linesman::io::serial::SerialLinks;
use linesman::model::access::Access;
use linesman::model::ids::LinkAddress;
use linesman::model::secret::Secret;
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::gateway::terminal;
use crate::peers;

/// The account and its password.
const ACCOUNT: &str = "kim";
const PASSWORD: &str = "s3cret-Login!";
/// Its hash, made with crypt(3).
const HASH: &str =
    "$6$linesmantest$srhWyEOCzr1WdwnQ7nbO5q57a6gdpRsJDxRLU84dWf6CmIHIDbu/1zMwYyIdZn7s0M/NNvmeKrZISFBEWiK12.";
/// An account number that nobody has.
const UID: u32 = 48_273;

/// A console on which agetty waits.
struct RealConsole {
    link: String,
    home: PathBuf,
    wire: Arc<Mutex<Vec<u8>>>,
    process: Child,
    _folder: tempfile::TempDir,
    /// The sides of the two terminals that keep them alive.
    _kept: [File; 2],
}

impl RealConsole {
    /// Starts one; `None` where this machine cannot. The greeting stands before each login, the profile is read after it.
    fn start(shell: &str, greeting: &str, profile: &str) -> Option<Self> {
        if !has_what_it_takes() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
        let home = place.join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join(".profile"), format!("{profile}\nexport HISTFILE={}\n", home.join("history").display()))
            .unwrap();
        fs::write(place.join("issue"), greeting).unwrap();
        let shell = shell_at(place, shell);
        let entry = format!("{ACCOUNT}:x:{UID}:{UID}::{}:{}\n", home.display(), shell.display());
        fs::write(place.join("passwd"), fs::read_to_string("/etc/passwd").unwrap() + &entry).unwrap();
        fs::write(
            place.join("shadow"),
            fs::read_to_string("/etc/shadow").unwrap() + &format!("{ACCOUNT}:{HASH}:19000:0:99999:7:::\n"),
        )
        .unwrap();
        fs::set_permissions(place.join("shadow"), fs::Permissions::from_mode(0o600)).unwrap();
        for path in [&home, &home.join(".profile")] {
            std::os::unix::fs::chown(path, Some(UID), Some(UID)).unwrap();
        }

        let (near, near_path) = terminal();
        let (far, far_path) = terminal();
        let kept = [open_raw(&near_path, true), open_raw(&far_path, false)];
        let wire = Arc::new(Mutex::new(Vec::new()));
        bridge(near.try_clone().unwrap(), far.try_clone().unwrap(), None);
        bridge(far, near, Some(Arc::clone(&wire)));
        let tty = far_path.strip_prefix("/dev/").unwrap();
        let script = format!(
            "mount --make-rprivate / && mount --bind {0}/passwd /etc/passwd && mount --bind {0}/shadow /etc/shadow && \
             while :; do setsid --wait agetty --local-line --issue-file {0}/issue 115200 {tty} linux || exit; done",
            place.display()
        );
        let process = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { link: near_path, home, wire, process, _folder: folder, _kept: kept })
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
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_what_it_takes() -> bool {
    let why = "the driver linux-console is proven against it (Debian: util-linux, login)";
    let tools = ["agetty", "login", "unshare", "setsid"];
    if !tools.iter().all(|tool| peers::require(tool, has_system_program(tool), why)) {
        return false;
    }
    let tried = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "mount", "--make-rprivate", "/"])
        .stderr(Stdio::null())
        .status();
    peers::require(
        "a mount namespace",
        tried.is_ok_and(|status| status.success()),
        "a test account is made in one, as root",
    )
}

/// Administrators' programs lie in folders that are not on everyone's path.
fn has_system_program(name: &str) -> bool {
    peers::has_program(name) || ["/usr/sbin", "/sbin"].iter().any(|folder| Path::new(folder).join(name).is_file())
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

fn has_shell(shell: &str) -> bool {
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
