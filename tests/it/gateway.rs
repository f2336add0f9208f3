//! A gateway behind a pseudo-terminal that does what a test scripts: answers, falls silent, goes away, or tells secrets.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use linesman::model::gateway::ProvisioningState;
use linesman::proto::improv::serial::{Decoder, encode_message, parse_request};
use linesman::proto::improv::{Message, Request, State};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// One thing a gateway does.
pub(crate) enum Act {
    /// It sends a packet.
    Say(Message),
    /// It writes to its log.
    Log(Vec<u8>),
    /// Its port goes away once the test says so: what it wrote just before would be lost.
    Vanish,
}

/// A scripted gateway. It serves one client.
pub(crate) struct Gateway {
    /// Its port as a link.
    pub(crate) link: String,
    unplug: SyncSender<()>,
    /// Keeps the terminal alive while no client is there.
    _client_side: File,
}

impl Gateway {
    /// Starts a gateway that does for each request what the script says; nothing means that it does not answer.
    pub(crate) fn start(mut script: impl FnMut(&Request) -> Vec<Act> + Send + 'static) -> Self {
        let (mut master, path) = terminal();
        let client_side = open_without_control(&path);
        let (unplug, unplugged) = sync_channel(1);
        let serve = move || {
            let (mut decoder, mut buffer) = (Decoder::default(), [0; 1024]);
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                for packet in decoder.push(&buffer[..count], Instant::now()) {
                    let Ok(request) = parse_request(&packet) else { continue };
                    for act in script(&request) {
                        let octets = match act {
                            Act::Say(message) => encode_message(&message).unwrap(),
                            Act::Log(octets) => octets,
                            Act::Vanish => {
                                // A test that is over unplugs it as well.
                                let _ = unplugged.recv();
                                return;
                            }
                        };
                        master.write_all(&octets).unwrap();
                    }
                }
            }
        };
        std::thread::Builder::new().name("gateway".into()).spawn(serve).unwrap();
        Self { link: format!("serial:{path}"), unplug, _client_side: client_side }
    }

    /// Takes a port away whose script says that it vanishes.
    pub(crate) fn unplug(&self) {
        self.unplug.send(()).unwrap();
    }
}

/// A new pseudo-terminal: its master side and the path of the other.
pub(crate) fn terminal() -> (File, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (File::from(master), path)
}

fn open_without_control(path: &str) -> File {
    let no_control = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
    OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path).unwrap()
}

/// What an orderly gateway says to all but Wi-Fi settings, to which it says nothing.
pub(crate) fn answer(request: &Request) -> Vec<Act> {
    let result = |command, strings: &[&str]| {
        let strings = strings.iter().map(|text| text.as_bytes().to_vec()).collect();
        Act::Say(Message::Result { command, strings })
    };
    match request {
        Request::CurrentState => vec![state(ProvisioningState::Ready)],
        Request::DeviceInfo => vec![result(3, &["scripted", "1.0", "TEST-1", "Gateway 9"])],
        Request::ScanNetworks => vec![result(4, &["Site-Office", "-50", "YES"]), result(4, &[])],
        Request::DeviceName(Some(name)) => vec![result(6, &[name])],
        _ => Vec::new(),
    }
}

/// A gateway tells its state.
pub(crate) fn state(state: ProvisioningState) -> Act {
    Act::Say(Message::State(State::Known(state)))
}
