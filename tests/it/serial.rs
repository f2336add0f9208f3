//! Real serial links against pseudo-terminals: opening, moving bytes, a port that is busy, forbidden, strange or vanishes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};
use std::time::Duration;

use linesman::flow::port::{Link, LinkCommand, LinkError, LinkEvent, Links as _};
use linesman::io::serial::SerialLinks;
use linesman::model::ids::LinkAddress;
use linesman::model::problem::Explain as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::timeout;

use crate::gateway::terminal;
use crate::peers;
use crate::program::{Place, Ran, Running, Sim, text_of};

/// An account without rights, where tests run as root.
const NOBODY: u32 = 65534;

async fn open(path: &str) -> Result<Link, LinkError> {
    SerialLinks::default().open(&LinkAddress::Serial(path.to_owned())).await
}

async fn write(link: &Link, bytes: &[u8]) {
    link.outgoing.send(LinkCommand::Write(bytes.to_vec())).await.unwrap();
}

/// Reads from the far end; the link moves its bytes on a thread of its own.
fn read(master: &mut File, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    master.read_exact(&mut bytes).unwrap();
    bytes
}

async fn receive(link: &mut Link, count: usize) -> Vec<u8> {
    let mut received = Vec::new();
    while received.len() < count {
        match link.incoming.recv().await {
            Some(LinkEvent::Bytes(bytes)) => received.extend(bytes),
            other => panic!("{other:?} after {} octets", received.len()),
        }
    }
    received
}

#[tokio::test]
async fn bytes_go_both_ways_unchanged() {
    let (mut master, path) = terminal();
    let mut link = open(&path).await.unwrap();
    let all: Vec<u8> = (0..=255).collect();
    write(&link, &all).await;
    assert_eq!(read(&mut master, 256), all);
    master.write_all(&all).unwrap();
    assert_eq!(receive(&mut link, 256).await, all);
}

#[tokio::test]
async fn a_port_is_busy_while_it_is_held_and_free_at_once_when_dropped() {
    let (_master, path) = terminal();
    for _ in 0..5 {
        let link = open(&path).await.unwrap();
        let error = open(&path).await.unwrap_err();
        assert_eq!((error.explain().code, &error), ("serial.busy", &LinkError::Busy { port: path.clone() }));
        drop(link);
    }
}

#[tokio::test]
async fn a_port_that_vanishes_is_told_within_a_second() {
    let (master, path) = terminal();
    let mut link = open(&path).await.unwrap();
    drop(master);
    let event = timeout(Duration::from_secs(1), link.incoming.recv()).await.expect("within a second");
    let Some(LinkEvent::Closed(error)) = event else { panic!("{event:?}") };
    assert_eq!((error.explain().code, &error), ("serial.vanished", &LinkError::Vanished { port: path.clone() }));
    assert!(timeout(Duration::from_secs(1), link.incoming.recv()).await.unwrap().is_none(), "nothing follows");
    assert!(matches!(open(&path).await, Err(LinkError::NotFound { .. })));
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let (mut master, path) = terminal();
    let link = open(&path).await.unwrap();
    let all: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    write(&link, &all).await;
    assert!(read(&mut master, all.len()) == all, "octets were lost or changed");
}

#[tokio::test]
async fn a_port_that_takes_nothing_more_is_told() {
    let (_master, path) = terminal();
    let mut link = open(&path).await.unwrap();
    write(&link, &vec![0x55; 100_000]).await;
    let event = timeout(Duration::from_secs(10), link.incoming.recv()).await.unwrap();
    let Some(LinkEvent::Closed(error)) = event else { panic!("{event:?}") };
    assert_eq!(error.explain().code, "serial.io");
}

#[tokio::test]
async fn what_is_no_port_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (path, code) in [
        (file.to_str().unwrap(), "serial.not_a_port"),
        (folder.path().to_str().unwrap(), "serial.not_a_port"),
        ("/dev/null", "serial.not_a_port"),
        ("/dev/linesman-none", "serial.not_found"),
        ("", "serial.not_found"),
        ("a\0b", "serial.io"),
    ] {
        assert_eq!(open(path).await.unwrap_err().explain().code, code, "{path:?}");
    }
}

/// The kernel tells whatever is opened in /dev meanwhile, by anyone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_list_of_ports_opens_none() {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    add_watch(&watch, "/dev", WatchFlags::OPEN).unwrap();
    match SerialLinks::default().ports().await {
        // What is there depends on the machine; the list comes, or says why not.
        Ok(ports) => {
            assert!(ports.iter().all(|(link, facts)| !link.place().is_empty() && !facts.is_simulated), "{ports:?}");
        }
        Err(error) => assert_eq!(error.explain().code, "serial.not_listed"),
    }
    let seen = opened(&watch);
    let is_port =
        |name: &String| ["ttyS", "ttyUSB", "ttyACM", "ttyAMA", "rfcomm"].iter().any(|kind| name.starts_with(kind));
    assert_eq!(seen.into_iter().find(is_port), None, "a port was opened for the list");
    File::open("/dev/zero").unwrap();
    assert!(opened(&watch).contains(&"zero".to_owned()), "what is opened is seen");
}

/// The names of the files that were opened in a folder that is watched.
#[cfg(target_os = "linux")]
fn opened(watch: &std::os::fd::OwnedFd) -> Vec<String> {
    let mut buffer = [std::mem::MaybeUninit::uninit(); 16 * 1024];
    let mut reader = rustix::fs::inotify::Reader::new(watch, &mut buffer);
    let events = std::iter::from_fn(|| {
        reader.next().ok().map(|event| event.file_name().map(|name| name.to_string_lossy().into_owned()))
    });
    events.flatten().collect()
}

/// The program as an account that is not root; `None` when this machine has no way to do that.
fn as_nobody(place: &Place) -> Option<impl Fn(&[&str]) -> Command> {
    let data = place.data();
    std::fs::create_dir(&data).unwrap();
    let mut words = vec![env!("CARGO_BIN_EXE_linesman").to_owned()];
    if rustix::process::geteuid().is_root() {
        let why = "it runs the program as another account than root (util-linux; and root must be allowed to)";
        let given = give_to_nobody(place);
        if !peers::require("setpriv", given.is_some(), why) {
            return None;
        }
        words = given?;
    }
    Some(move |arguments: &[&str]| {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).arg("--data-dir").arg(&data);
        command.current_dir("/").stdin(Stdio::null());
        command
    })
}

/// Gives the data folder to an account without rights, and says how to start the program as that account: a copy of it,
/// since the folder it was built in may be closed to others. `None` where root may not do that.
fn give_to_nobody(place: &Place) -> Option<Vec<String>> {
    chown(place.data(), Some(NOBODY), Some(NOBODY)).ok()?;
    let program = place.path("linesman");
    std::fs::copy(env!("CARGO_BIN_EXE_linesman"), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let words = format!("setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups");
    let words: Vec<String> = words.split(' ').map(Into::into).chain([text_of(&program)]).collect();
    let tried = Command::new(&words[0]).args(&words[1..]).arg("--version").output();
    tried.is_ok_and(|output| output.status.success()).then_some(words)
}

#[test]
fn a_port_of_another_account_names_who_may() {
    let place = Place::for_all_accounts();
    let Some(linesman) = as_nobody(&place) else { return };
    let (_master, path) = terminal();
    // For everybody but root; as root the program runs as another account here.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    let arguments = ["commission", "--via", &path, "--ssid", "Site", "--open", "--json"];
    Ran::of(&mut linesman(&arguments)).expect_problem(3, "serial.no_permission");
}

/// The mark that a client has the port for itself must not outlive the client: root would not notice.
#[test]
fn an_account_without_rights_opens_a_simulated_port_again_and_again() {
    let place = Place::for_all_accounts();
    let Some(linesman) = as_nobody(&place) else { return };
    let sim = Sim::start(&mut linesman(&["sim", "--profile", "generic-improv", "--join-millis", "10"]));
    for _ in 0..3 {
        // A client that is killed cannot take its mark off.
        let file = place.write("wifi.txt", &sim.password);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let mut killed =
            linesman(&["commission", "--json", "--via", &sim.link, "--ssid", &sim.ssid, "--password-file", &file]);
        let mut killed = Running::start(&mut killed);
        killed.until_step("connect", "done");
        killed.kill();
        let mut command = linesman(&["commission", "--json", "--via", &sim.link, "--ssid", &sim.ssid]);
        let ran = Ran::with_input(command.args(["--password-file", "-"]), sim.password.as_bytes()).expect(0);
        assert_eq!(ran.result()["outcome"], "joined");
    }
}

/// Writes to the far end until it takes no more, and returns how many octets it took.
fn flood(master: &File) -> usize {
    let flags = rustix::fs::fcntl_getfl(master).unwrap();
    rustix::fs::fcntl_setfl(master, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let (noise, mut taken) = ([0x55; 4096], 0);
    let half_a_second = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
    while taken < 4_000_000 {
        let mut fds = [PollFd::new(master, PollFlags::OUT)];
        if poll(&mut fds, Some(&half_a_second)).unwrap() == 0 {
            break;
        }
        let mut writer = master;
        taken += writer.write(&noise).unwrap_or(0);
    }
    taken
}

#[tokio::test]
async fn noise_that_nobody_takes_in_is_held_back_and_not_kept() {
    let (master, path) = terminal();
    let mut link = open(&path).await.unwrap();
    let taken = flood(&master);
    assert!((1..1_000_000).contains(&taken), "{taken} octets were taken in");
    assert_eq!(receive(&mut link, taken).await.len(), taken, "and none is lost");
}
