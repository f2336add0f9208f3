//! Serial ports: the list with what the system knows of each, and links that do not reset the device behind them.
//!
//! One named thread a port moves bytes; nothing else happens here. Opening releases RTS first and DTR second: in the
//! usual two-transistor circuit of ESP boards the other order passes through "RTS alone", which resets the board.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serialport::SerialPort;
use tokio::sync::{mpsc, oneshot};

use self::list::Lister;
use crate::flow::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent, Links};
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;
use crate::model::text::visible;
use crate::proto::improv::serial::BAUD;

mod list;

/// How long one read waits, and so how long a write may wait for its turn.
const READ_WAIT: Duration = Duration::from_millis(5);
/// The same on a line that has been quiet for a while: a session that waits for a person must not cost CPU time.
const QUIET_WAIT: Duration = Duration::from_millis(40);
/// After how long without a byte a line is quiet.
const QUIET_AFTER: Duration = Duration::from_secs(1);
/// Rest after the lines were released, before the first byte.
const SETTLE: Duration = Duration::from_millis(100);
/// Length of a reset pulse.
const RESET_PULSE: Duration = Duration::from_millis(100);
/// How long a port may take no more octets before that counts as a failure.
const WRITE_LIMIT: Duration = Duration::from_secs(3);
/// Octets handed over in one call: more than almost every packet has. A terminal that reports room for some octets makes
/// the caller wait until all of them are taken, for as long as that takes; its room comes in steps of this size.
const WRITE_CHUNK: usize = 256;
/// How often a busy port is tried: a link of our own that was just dropped closes within a few reads.
const BUSY_TRIES: u32 = 10;
/// Room in the channels of one link.
const CHANNEL: usize = 64;

/// The serial ports of this computer.
#[derive(Debug, Default)]
pub struct SerialLinks {
    lister: Arc<Mutex<Lister>>,
}

impl Links for SerialLinks {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        let lister = Arc::clone(&self.lister);
        Box::pin(async move {
            // A list that crashed left at worst an old one behind. While nothing changes no other thread is woken for it.
            let unchanged = lister.lock().unwrap_or_else(PoisonError::into_inner).unchanged();
            if let Some(ports) = unchanged {
                return Ok(ports);
            }
            tokio::task::spawn_blocking(move || lister.lock().unwrap_or_else(PoisonError::into_inner).read())
                .await
                .unwrap_or_else(|error| Err(LinkError::NotListed { detail: error.to_string() }))
        })
    }

    fn look<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<(), LinkError>> {
        let path = address.place().to_owned();
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(move || check_path(&path)).await;
            looked.unwrap_or_else(|error| Err(LinkError::NotListed { detail: error.to_string() }))
        })
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        self.open_at(address, BAUD)
    }

    fn open_at<'a>(&'a self, address: &'a LinkAddress, baud: u32) -> Boxed<'a, Result<Link, LinkError>> {
        let LinkAddress::Serial(path) = address else {
            return Box::pin(std::future::ready(Err(LinkError::NotOffered { link: address.kind() })));
        };
        Box::pin(open(path.clone(), baud))
    }
}

/// Opens a port on a thread of its own and hands back the link once it is ready.
async fn open(path: String, baud: u32) -> Result<Link, LinkError> {
    let (outgoing, commands) = mpsc::channel(CHANNEL);
    let (events, incoming) = mpsc::channel(CHANNEL);
    let (ready, is_ready) = oneshot::channel();
    // A typed path may hold anything, the name of a thread no zero.
    let name = visible(path.rsplit('/').next().unwrap_or_default(), 40);
    let port = path.clone();
    std::thread::Builder::new()
        .name(format!("serial {name}"))
        .spawn(move || run(&path, baud, ready, commands, &events))
        .map_err(|error| LinkError::Io { port: port.clone(), detail: error.to_string() })?;
    is_ready.await.unwrap_or(Err(LinkError::Vanished { port }))?;
    Ok(Link { outgoing, incoming })
}

/// The thread of one port: opens it, moves bytes until the link is dropped or the port goes away.
fn run(
    path: &str,
    baud: u32,
    ready: oneshot::Sender<Result<(), LinkError>>,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: &mpsc::Sender<LinkEvent>,
) {
    let mut port = match open_patiently(path, baud) {
        Ok(port) => port,
        Err(error) => {
            // Whoever asked may have gone; then nobody needs to know.
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    if let Err(error) = move_bytes(path, port.as_mut(), &mut commands, events) {
        tracing::info!(port = path, %error, "link ended");
        let _ = events.blocking_send(LinkEvent::Closed(error));
    }
}

fn move_bytes(
    path: &str,
    port: &mut dyn SerialPort,
    commands: &mut mpsc::Receiver<LinkCommand>,
    events: &mpsc::Sender<LinkEvent>,
) -> Result<(), LinkError> {
    let gone = || LinkError::Vanished { port: path.to_owned() };
    let mut buffer = [0; 4096];
    let mut last_traffic = Instant::now();
    loop {
        loop {
            match commands.try_recv() {
                Ok(LinkCommand::Write(bytes)) => write_all(path, port, &bytes)?,
                Ok(LinkCommand::PulseReset) => pulse_reset(path, port)?,
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(()),
            }
            last_traffic = Instant::now();
        }
        let wait = if last_traffic.elapsed() < QUIET_AFTER { READ_WAIT } else { QUIET_WAIT };
        if port.timeout() != wait {
            port.set_timeout(wait).map_err(|_| gone())?;
        }
        match port.read(&mut buffer) {
            Ok(0) => return Err(gone()),
            Ok(count) => {
                last_traffic = Instant::now();
                if events.blocking_send(LinkEvent::Bytes(buffer[..count].to_vec())).is_err() {
                    return Ok(());
                }
            }
            Err(error) if is_wait(error.kind()) => {}
            Err(_) => return Err(gone()),
        }
    }
}

/// Writes all of it, waiting while the other side is slow: what is given up is a line that takes nothing for long.
fn write_all(path: &str, port: &mut dyn SerialPort, bytes: &[u8]) -> Result<(), LinkError> {
    write_patiently(path, bytes, |piece| port.write(piece), Instant::now)
}

fn write_patiently(
    path: &str,
    mut bytes: &[u8],
    mut write: impl FnMut(&[u8]) -> std::io::Result<usize>,
    mut now: impl FnMut() -> Instant,
) -> Result<(), LinkError> {
    let port_name = || path.to_owned();
    let mut give_up = now() + WRITE_LIMIT;
    while !bytes.is_empty() {
        match write(&bytes[..bytes.len().min(WRITE_CHUNK)]) {
            Ok(count @ 1..) => {
                bytes = &bytes[count..];
                give_up = now() + WRITE_LIMIT;
            }
            Err(error) if is_wait(error.kind()) && now() < give_up => {}
            Err(error) if is_wait(error.kind()) => {
                return Err(LinkError::Io { port: port_name(), detail: "it accepts no more data".into() });
            }
            Ok(0) | Err(_) => return Err(LinkError::Vanished { port: port_name() }),
        }
    }
    Ok(())
}

const fn is_wait(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

fn open_patiently(path: &str, baud: u32) -> Result<Box<dyn SerialPort>, LinkError> {
    for _ in 1..BUSY_TRIES {
        match open_port(path, baud) {
            Err(LinkError::Busy { .. }) => rest(2 * READ_WAIT),
            opened => return opened,
        }
    }
    open_port(path, baud)
}

fn open_port(path: &str, baud: u32) -> Result<Box<dyn SerialPort>, LinkError> {
    check_path(path)?;
    let beside = open_beside(path);
    let mut port = serialport::new(path, baud).timeout(READ_WAIT).open().map_err(|error| explain_open(path, &error))?;
    if let Some(beside) = beside {
        take_mark_off(&beside);
    }
    // RTS first, then DTR. A pseudo-terminal has neither line; then there is nothing to settle.
    let has_lines = port.write_request_to_send(false).is_ok() && port.write_data_terminal_ready(false).is_ok();
    if has_lines {
        rest(SETTLE);
    }
    Ok(port)
}

/// Opens a pseudo-terminal a second time, before the library marks it as taken.
#[cfg(unix)]
fn open_beside(path: &str) -> Option<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).ok()?;
    let is_pseudo = path.starts_with("/dev/pts/");
    // Whatever stands in the way, the library meets it as well and tells it.
    is_pseudo.then(|| std::fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).ok())?
}

/// Takes the mark of exclusive use off again. Real ports lose it with their last client; a pseudo-terminal keeps it when
/// its client is killed, and then nobody but root can open it again. The lock beside it ends with the process.
#[cfg(unix)]
fn take_mark_off(beside: &std::fs::File) {
    // A system that has no such mark needs it not taken off.
    let _ = rustix::termios::ioctl_tiocnxcl(beside);
}

#[cfg(not(unix))]
fn open_beside(_path: &str) -> Option<std::fs::File> {
    None
}

#[cfg(not(unix))]
fn take_mark_off(_beside: &std::fs::File) {}

/// Says early what the library would report in words of its own.
#[cfg(unix)]
fn check_path(path: &str) -> Result<(), LinkError> {
    use std::os::unix::fs::FileTypeExt as _;

    match std::fs::metadata(path) {
        Ok(facts) if facts.file_type().is_char_device() => Ok(()),
        Ok(_) => Err(LinkError::NotASerialPort { port: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(LinkError::NotFound { port: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(no_permission(path)),
        Err(error) => Err(LinkError::Io { port: path.to_owned(), detail: error.to_string() }),
    }
}

#[cfg(not(unix))]
fn check_path(_path: &str) -> Result<(), LinkError> {
    Ok(())
}

fn explain_open(path: &str, error: &serialport::Error) -> LinkError {
    use serialport::ErrorKind as Kind;

    let port = path.to_owned();
    match error.kind() {
        Kind::Io(ErrorKind::PermissionDenied) if cfg!(windows) => LinkError::Busy { port },
        Kind::Io(ErrorKind::PermissionDenied) => no_permission(path),
        // On Unix the library reports a lock held by someone else as "no device".
        Kind::NoDevice if cfg!(unix) => LinkError::Busy { port },
        Kind::NoDevice | Kind::Io(ErrorKind::NotFound) => LinkError::NotFound { port },
        // Two wordings of ENOTTY: the system's and that of the library.
        _ if ["nappropriate ioctl", "Not a typewriter"].iter().any(|text| error.description.contains(text)) => {
            LinkError::NotASerialPort { port }
        }
        _ => LinkError::Io { port, detail: error.to_string() },
    }
}

fn no_permission(path: &str) -> LinkError {
    LinkError::NoPermission { port: path.to_owned(), group: group_of(path) }
}

/// The group that may use the port, from its owner and the system's list of groups.
#[cfg(unix)]
fn group_of(path: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let gid = std::fs::metadata(path).ok()?.gid();
    group_name(&std::fs::read_to_string("/etc/group").ok()?, gid)
}

/// The name of a group; none for root's, which nobody should join for the sake of a port.
#[cfg(unix)]
fn group_name(groups: &str, gid: u32) -> Option<String> {
    let gid = gid.to_string();
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == gid && name != "root").then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn group_of(_path: &str) -> Option<String> {
    None
}

/// DTR stays released; RTS asserted holds the board in reset, released lets it run.
fn pulse_reset(path: &str, port: &mut dyn SerialPort) -> Result<(), LinkError> {
    let failed = |error: serialport::Error| LinkError::Io { port: path.to_owned(), detail: error.to_string() };
    port.write_data_terminal_ready(false).map_err(failed)?;
    port.write_request_to_send(true).map_err(failed)?;
    rest(RESET_PULSE);
    port.write_request_to_send(false).map_err(failed)
}

/// Rests on the port's own thread.
fn rest(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::time::{Duration, Instant};

    use super::{ErrorKind, LinkError, WRITE_LIMIT, group_name, write_patiently};

    #[test]
    fn a_slow_line_is_waited_for_and_a_stuck_one_is_not() {
        let start = Instant::now();
        let time = Cell::new(start);
        let pass = |millis| time.set(time.get() + Duration::from_millis(millis));
        // 7 kB at 9600 bits a second: more than twice the limit, and something goes on all the time.
        let mut taken = 0;
        let slow = |piece: &[u8]| {
            let count = piece.len().min(64);
            pass(u64::try_from(count).unwrap() * 10_000 / 9600);
            taken += count;
            Ok(count)
        };
        assert_eq!(write_patiently("one", &[b'x'; 7000], slow, || time.get()), Ok(()));
        assert_eq!(taken, 7000);
        assert!(time.get() - start > 2 * WRITE_LIMIT);

        let stuck = |_: &[u8]| {
            pass(5);
            Err(io::Error::from(ErrorKind::TimedOut))
        };
        let begun = time.get();
        assert!(matches!(write_patiently("one", b"x", stuck, || time.get()), Err(LinkError::Io { .. })));
        assert!(time.get() - begun < WRITE_LIMIT + Duration::from_secs(1));
    }

    #[test]
    fn the_group_of_a_port_is_named_unless_it_is_root() {
        let groups = "root:x:0:\n# note\n\nbroken\ntty:x:5:kim\ndialout:x:20:kim,zoe\n";
        let check = |gid, expected: Option<&str>| assert_eq!(group_name(groups, gid).as_deref(), expected);
        check(20, Some("dialout"));
        check(5, Some("tty"));
        check(0, None);
        check(2, None);
    }
}
