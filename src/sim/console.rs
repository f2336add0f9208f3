//! A simulated Linux gateway behind a login console: agetty, login, and as much of a shell and of nmcli as our driver uses.
//!
//! What it writes is what the real programs wrote when `tests/it/linux_console.rs` spoke with them.

mod programs;
mod wipe;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::programs::Programs;
use super::air::{Air, JoinResult, LEASED};
use super::card::Card;
use super::device::{Emission, SimulatedDevice};
use super::drivers::{Unit, card};
use super::network::NetworkTable;
use super::site::start_gateway;
use crate::model::clock;
use crate::model::fault::Fault;
use crate::model::gateway::DeviceInfo;
use crate::model::ids::{DriverId, LinkKind};
use crate::model::text::hex;
use crate::model::wifi::Security;

/// The driver's simulator.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::LinuxConsole,
    device: Some(|plan, _| {
        let device = ConsoleDevice::new(plan.info.clone(), plan.air.clone(), card(plan)?, &plan.faults);
        Ok(Box::new(device.with_serial(plan.facts.serial_number.clone()).in_network(Arc::clone(&plan.network))))
    }),
    links: &[(LinkKind::Serial, |plan| Box::pin(async move { start_gateway(plan) }))],
    radio: None,
    access: |plan| Some((ACCOUNT.into(), password(&card(plan).unwrap_or_default()))),
};

/// The account of the simulated gateway: made up and no secret.
pub const ACCOUNT: &str = "installer";
/// Its password.
pub const PASSWORD: &str = "simulated login";
/// A file in the folder of its card that holds another one, on its first line.
const PASSWORD_FILE: &str = "login-password";
/// How long after a command it restarts, and how long that takes.
const RESTARTS_AFTER: Duration = Duration::from_secs(1);
const STARTS_WITHIN: Duration = Duration::from_secs(2);
/// How long login thinks about a wrong password.
const REFUSAL: Duration = Duration::from_secs(3);

enum State {
    Login,
    Password,
    Shell,
    /// nmcli asks for the passphrase of a network.
    Asking {
        join: Join,
    },
    /// A file is being written.
    Writing {
        nonce: String,
        path: String,
        is_base64: bool,
        end: String,
        lines: Vec<u8>,
    },
}

enum Due {
    Bytes(Vec<u8>),
    DropLink,
    Restart,
    /// It has its old network again.
    ComesBack,
    JoinEnds {
        join: Join,
        password: String,
        result: JoinResult,
    },
}

/// A join that was begun.
struct Join {
    ssid: Vec<u8>,
    /// Name of the connection it makes.
    name: String,
    nonce: String,
}

/// A stored connection.
struct Stored {
    name: String,
    uuid: String,
    ssid: Vec<u8>,
}

impl Stored {
    /// One that the card holds at the start.
    fn before(ssid: &[u8]) -> Self {
        Self { name: "stored before".into(), uuid: "00000000-0".into(), ssid: ssid.to_vec() }
    }
}

/// The simulated gateway.
pub struct ConsoleDevice {
    info: DeviceInfo,
    air: Air,
    card: Card,
    faults: HashSet<Fault>,
    state: State,
    has_echo: bool,
    line: Vec<u8>,
    connections: Vec<Stored>,
    /// Id of the connection in use.
    active: Option<String>,
    /// Connections made so far.
    made: usize,
    /// What its account is logged in by.
    password: String,
    /// Its serial number.
    serial: Option<String>,
    /// What the network it joins lets it reach.
    network: Arc<NetworkTable>,
    /// What the clock was set to.
    clock: Option<String>,
    /// How often it has started.
    starts: u32,
    /// Files it says that it deleted, and has not.
    hidden: HashSet<String>,
    /// Whether it fell silent for good.
    is_gone: bool,
    schedule: VecDeque<(Instant, Due)>,
}

/// The password of the account of a gateway with that card.
fn password(card: &Card) -> String {
    let own = card.kept(PASSWORD_FILE).map(|content| String::from_utf8_lossy(&content).into_owned());
    let line = own.as_deref().and_then(|text| text.lines().next()).filter(|line| !line.is_empty());
    line.unwrap_or(PASSWORD).to_owned()
}

impl ConsoleDevice {
    /// A gateway with that identity, under that air.
    pub fn new(info: DeviceInfo, mut air: Air, card: Card, faults: &[Fault]) -> Self {
        for &fault in faults {
            air.apply(fault);
        }
        let connections: Vec<_> = card.ssid().map(Stored::before).into_iter().collect();
        Self {
            active: connections.first().map(|stored| stored.uuid.clone()),
            made: 0,
            password: password(&card),
            serial: None,
            network: Arc::default(),
            clock: None,
            starts: 1,
            hidden: HashSet::new(),
            info,
            air,
            card,
            faults: faults.iter().copied().collect(),
            state: State::Login,
            has_echo: true,
            line: Vec::new(),
            connections,
            is_gone: false,
            schedule: VecDeque::new(),
        }
    }

    /// With that serial number on its board.
    #[must_use]
    pub fn with_serial(mut self, serial: Option<String>) -> Self {
        self.serial = serial;
        self
    }

    /// In a network that does this to what it reaches for.
    #[must_use]
    pub fn in_network(mut self, network: Arc<NetworkTable>) -> Self {
        self.network = network;
        self
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn say(&mut self, at: Instant, bytes: &[u8]) {
        let at = if self.has(Fault::Late) { at + Duration::from_secs(2) } else { at };
        self.plan(at, Due::Bytes(bytes.to_vec()));
    }

    fn plan(&mut self, at: Instant, due: Due) {
        let position = self.schedule.partition_point(|(earlier, _)| *earlier <= at);
        self.schedule.insert(position, (at, due));
    }

    fn ask_login(&mut self, at: Instant) {
        self.state = State::Login;
        self.has_echo = true;
        let greeting = format!("\r\n{} login: ", self.hostname());
        self.say(at, greeting.as_bytes());
    }

    fn hostname(&self) -> String {
        self.info.hostname.clone().unwrap_or_else(|| "sim-gateway".into())
    }

    fn handle_line(&mut self, line: &[u8], now: Instant) {
        let text = String::from_utf8_lossy(line).into_owned();
        match std::mem::replace(&mut self.state, State::Shell) {
            State::Login if text.is_empty() => self.ask_login(now),
            State::Login => {
                self.state = State::Password;
                self.say(now, b"Password: ");
            }
            State::Password if text == self.password => {
                self.say(
                    now,
                    b"\r\nLinux sim 6.1.0\r\nLast login: Mon Jan  1 00:00:00\r\n\x1b[?2004hinstaller@sim:~$ ",
                );
            }
            State::Password => {
                let at = now + REFUSAL;
                self.say(at, b"\r\n\r\nLogin incorrect");
                self.ask_login(at);
            }
            State::Asking { join } => self.join(join, text, now),
            State::Writing { nonce, path, is_base64, end, mut lines } => {
                if text == end {
                    let content = if is_base64 { STANDARD.decode(&lines).unwrap_or_default() } else { lines };
                    // A card that cannot be written is seen when the file is read back.
                    let _ = self.card.keep(&path, &content);
                    self.say(now, format!("{nonce}-42\r\n").as_bytes());
                    return;
                }
                lines.extend_from_slice(line);
                if !is_base64 {
                    lines.push(b'\n');
                }
                self.state = State::Writing { nonce, path, is_base64, end, lines };
            }
            State::Shell => self.handle_command(&text, now),
        }
    }

    fn handle_command(&mut self, line: &str, now: Instant) {
        self.unpair_if_asked();
        if line.contains("stty -echo") {
            self.has_echo = false;
        }
        if line.ends_with("exit") {
            self.say(now, b"logout\r\n");
            return self.ask_login(now + Duration::from_millis(200));
        }
        if let Some(nonce) = line.strip_suffix("-$((40+2))").and_then(|line| line.rsplit(' ').next()) {
            return self.say(now, format!("{nonce}-42\r\n").as_bytes());
        }
        if let Some(nonce) =
            line.strip_prefix("echo ").and_then(|rest| rest.strip_suffix(":$?")).filter(|n| !n.contains(' '))
        {
            // The end of a here-document that was written.
            return self.say(now, format!("{nonce}:0\r\n").as_bytes());
        }
        let Some((nonce, body)) = line.strip_prefix("echo ").and_then(|rest| rest.split_once("-$((40+2)); ")) else {
            return self.say(now, format!("-bash: {line}: command not found\r\n").as_bytes());
        };
        let nonce = nonce.to_owned();
        if let Some((command, end)) = body.rsplit_once(" <<'") {
            let command = unquoted(command.split_once("sh -c ").map_or("", |(_, quoted)| quoted));
            let path = command.rsplit_once("mv -f ").map_or("", |(_, words)| words).rsplit_once("' '");
            let path = path.map_or("", |(_, path)| path).trim_end_matches('\'').to_owned();
            let is_base64 = command.contains("base64 -d");
            let end = end.trim_end_matches('\'').to_owned();
            self.state = State::Writing { nonce, path, is_base64, end, lines: Vec::new() };
            return;
        }
        let body = body.rsplit_once("; echo ").map_or(body, |(body, _)| body).to_owned();
        self.say(now, format!("{nonce}-42\r\n").as_bytes());
        if self.has(Fault::Noise) {
            self.say(now, b"[   12.345678] usb 1-1: reset high-speed USB device\r\n");
        }
        if let Some((_, rest)) = body.split_once("device wifi connect ") {
            return self.begin_join(rest, nonce, now);
        }
        let restarts = body.contains("sleep 1; reboot");
        let (output, code) = if restarts { (String::new(), 0) } else { self.answer(&body) };
        self.say(now, format!("{}{nonce}:{code}\r\n", output.replace('\n', "\r\n")).as_bytes());
        if restarts {
            self.plan(now + RESTARTS_AFTER, Due::Restart);
        }
    }

    /// What a command writes, and its exit code.
    fn answer(&mut self, body: &str) -> (String, u8) {
        let active = self.connections.iter().find(|stored| Some(&stored.uuid) == self.active.as_ref());
        let is_connected = active.is_some();
        let state = if is_connected { "connected" } else { "disconnected" };
        let programs = Programs::of(self.info.os.as_deref().unwrap_or_default());
        if let Some(printed) = programs.answer(body, is_connected.then_some(&*self.network)) {
            return (printed, 0);
        }
        if body.contains("PRETTY_NAME") {
            let os = self.info.os.clone().unwrap_or_else(|| "Simulated Linux 12".into());
            let (host, board) = (self.hostname(), &self.info.hardware);
            let programs = "has=nmcli\nhas=base64\nhas=sha256sum\nhas=cksum\n";
            let text = format!(
                "os=\"{os}\"\nhost={host}\nkernel=Linux 6.1.0\nmachine=armv7l\nboard={board}\nuid=0\n{programs}"
            );
            (text, 1)
        } else if body.contains("DEVICE,TYPE") {
            let connection = active.map_or("", |stored| &stored.name);
            (format!("eth0:ethernet:unavailable:\nwlan0:wifi:{state}:{}\n", escaped(connection)), 0)
        } else if body.contains("device show") {
            (active.map_or_else(|| "GENERAL.STATE:30 (disconnected)\nGENERAL.CONNECTION:\n".into(), standing), 0)
        } else if body.contains("wifi list") {
            (self.list(), 0)
        } else if body.contains("connectivity check") {
            let word = if !is_connected {
                "none\n"
            } else if self.has(Fault::Offline) {
                "limited\n"
            } else {
                "full\n"
            };
            (word.into(), 0)
        } else if body.contains("connection show") {
            let line = |stored: &Stored| format!("{}:{}:802-11-wireless\n", escaped(&stored.name), stored.uuid);
            (self.connections.iter().map(line).collect(), 0)
        } else if body.contains("connection delete") {
            self.delete(body)
        } else if let Some(answered) = self.answer_wipe(body) {
            answered
        } else if body.contains("date -u ") {
            self.date(body)
        } else if body.contains("ls -ldn") {
            self.file_facts(body)
        } else {
            ("sh: command not found\n".into(), 127)
        }
    }

    /// The clock: this computer's, unless it is off or was set.
    fn date(&mut self, body: &str) -> (String, u8) {
        if let Some((time, _)) = body.split_once("date -u -s '").and_then(|(_, rest)| rest.split_once('\'')) {
            self.clock = Some(time.replace(' ', "T"));
        }
        let off = self.has(Fault::ClockOff).then(|| "1970-01-01T00:00:12".to_owned());
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            clock::written(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        };
        (format!("{}Z\n", self.clock.clone().or(off).unwrap_or_else(now)), 0)
    }

    fn file_facts(&self, body: &str) -> (String, u8) {
        let path =
            body.split_once("ls -ldn ").and_then(|(_, rest)| rest.split_once("; echo size=")).map(|(word, _)| word);
        let path = path.map(|word| unquoted(&word.replace(r"'\''", "'")));
        let found = path.and_then(|path| Some((self.card.kept(&path)?, path)));
        let Some((content, path)) = found else { return ("ls: cannot access\nsize=\n".into(), 2) };
        let (size, sum) = (content.len(), hex(&Sha256::digest(&content)));
        (format!("-rw------- 1 0 0 {size} Jan  1 00:00 {path}\nsize={size}\n{sum}  {path}\n"), 0)
    }

    /// Deletes a connection by its id.
    fn delete(&mut self, body: &str) -> (String, u8) {
        let uuid = body.split_once(" uuid ").map_or_else(String::new, |(_, word)| unquoted(word));
        let Some(at) = self.connections.iter().position(|stored| stored.uuid == uuid) else {
            return ("Error: unknown connection.\n".into(), 10);
        };
        let gone = self.connections.remove(at);
        if self.card.ssid() == Some(&gone.ssid) && !self.has(Fault::WipeLie) && !self.has(Fault::Regenerates) {
            // A card that cannot be written shows the network again after a restart.
            let _ = self.card.forget();
        }
        if self.active.as_ref() == Some(&uuid) {
            self.active = None;
            self.air.uplink.restart(false);
        }
        self.is_gone = self.has(Fault::GoneInWipe);
        (String::new(), 0)
    }

    fn list(&self) -> String {
        let line = |point: &super::AccessPoint| {
            let signal = (i32::from(point.rssi_dbm) + 100) * 5 / 3;
            let security = if point.security == Security::Open { "" } else { "WPA2" };
            format!(" :{}:2437 MHz:{}:{security}\n", hex(&point.ssid).to_uppercase(), signal.clamp(0, 100))
        };
        self.air.heard().map(line).collect()
    }

    fn begin_join(&mut self, rest: &str, nonce: String, now: Instant) {
        let ssid = value_of(rest);
        let name = rest
            .split_once(" name ")
            .map_or(&b""[..], |(_, rest)| rest.split("; r=").next().unwrap_or_default().as_bytes());
        let name = String::from_utf8_lossy(name).trim_end_matches(" hidden yes").to_owned();
        let name = String::from_utf8_lossy(&value_of(&name)).into_owned();
        let Some(point) = self.air.heard().find(|point| point.ssid == ssid) else {
            let name = String::from_utf8_lossy(&ssid).into_owned();
            let text = format!("Error: No network with SSID '{name}' found.\r\n{nonce}:10\r\n");
            return self.say(now, text.as_bytes());
        };
        let is_open = point.security == Security::Open;
        let join = Join { ssid, name, nonce };
        if is_open {
            return self.join(join, String::new(), now);
        }
        self.state = State::Asking { join };
        self.say(now, b"\x1b[?2004hPassword: ");
    }

    fn join(&mut self, join: Join, password: String, now: Instant) {
        let bullets = "\u{2022}".repeat(password.chars().count());
        self.say(now, format!("{bullets}\r\n\x1b[?2004l").as_bytes());
        if self.has(Fault::DropLink) {
            self.plan(now + Duration::from_millis(800), Due::DropLink);
        }
        if self.has(Fault::SilentJoin) {
            return;
        }
        let (result, after) = self.air.join(&join.ssid, &password);
        self.plan(now + after, Due::JoinEnds { join, password, result });
    }

    fn end_join(&mut self, join: Join, password: &str, result: &JoinResult, at: Instant) {
        let Join { ssid, name, nonce } = join;
        let text = match result {
            JoinResult::Joined => {
                // A card that cannot be written is no matter of the network.
                let _ = self.card.store(&ssid, password);
                self.air.uplink.up();
                self.made += 1;
                let uuid = format!("00000000-{}", self.made);
                self.active = Some(uuid.clone());
                let text = format!("\x1b[2KDevice 'wlan0' successfully activated with '{uuid}'.\r\n{nonce}:0\r\n");
                self.connections.push(Stored { name, uuid, ssid });
                text
            }
            JoinResult::Failed => {
                let is_right =
                    self.air.access_points.iter().any(|point| point.ssid == ssid && point.passphrase == password);
                let why = if is_right {
                    "IP configuration could not be reserved (no available address, timeout, etc.)."
                } else {
                    "Secrets were required, but not provided."
                };
                format!("Error: Connection activation failed: {why}\r\n{nonce}:4\r\n")
            }
        };
        self.say(at, text.as_bytes());
    }
}

impl SimulatedDevice for ConsoleDevice {
    fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        for &octet in bytes {
            match octet {
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    if self.has_echo && !matches!(self.state, State::Password | State::Asking { .. }) {
                        self.say(now, &[line.as_slice(), b"\r\n"].concat());
                    }
                    self.handle_line(&line, now);
                }
                3 => {
                    self.line.clear();
                    if !matches!(self.state, State::Login | State::Password) {
                        self.state = State::Shell;
                        self.say(now, b"^C\r\n");
                    }
                }
                octet if self.line.len() < 4096 => self.line.push(octet),
                _ => {}
            }
        }
    }

    fn handle_reset(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.front().map(|(due, _)| *due)
    }

    fn poll_emission(&mut self, now: Instant) -> Option<Emission> {
        while self.schedule.front().is_some_and(|(due, _)| *due <= now) {
            let (at, due) = self.schedule.pop_front()?;
            match due {
                _ if self.has(Fault::Silent) || self.is_gone => {}
                Due::Bytes(bytes) => return Some(Emission::Bytes(bytes)),
                Due::DropLink => return Some(Emission::DropLink),
                Due::Restart => self.restart(at),
                Due::ComesBack => self.connections.push(Stored::before(b"old network")),
                Due::JoinEnds { join, password, result } => self.end_join(join, &password, &result, at),
            }
        }
        None
    }
}

/// Where the radio stands that is on a network, as nmcli tells it.
fn standing(active: &Stored) -> String {
    let Stored { name, uuid, ssid } = active;
    format!(
        "GENERAL.STATE:100 (connected)\nGENERAL.CONNECTION:{}\nGENERAL.CON-UUID:{uuid}\n\
         IP4.ADDRESS[1]:{LEASED}/24\n*:{}\n",
        escaped(name),
        hex(ssid).to_uppercase()
    )
}

/// A name as nmcli writes it in terse lines.
fn escaped(name: &str) -> String {
    name.replace('\\', r"\\").replace(':', r"\:")
}

/// Undoes single quotes.
fn unquoted(word: &str) -> String {
    let word = word.trim();
    let word = word.strip_prefix('\'').unwrap_or(word);
    word.strip_suffix('\'').unwrap_or(word).replace(r"'\''", "'")
}

/// The first word of a command's rest: in single quotes, or spelt out for printf.
fn value_of(rest: &str) -> Vec<u8> {
    if let Some(spelt) =
        rest.strip_prefix("\"$(printf '").and_then(|rest| rest.split_once("')\"")).map(|(spelt, _)| spelt)
    {
        let mut octets = spelt.bytes();
        let mut value = Vec::new();
        while let Some(octet) = octets.next() {
            match octet {
                b'\\' => {
                    let digits: String = octets.by_ref().take(3).map(char::from).collect();
                    value.push(u8::from_str_radix(&digits, 8).unwrap_or(b'?'));
                }
                b'%' => value.extend(octets.next()),
                other => value.push(other),
            }
        }
        return value;
    }
    let quoted = rest.split_once(" ifname ").map_or(rest, |(word, _)| word);
    unquoted(quoted).into_bytes()
}
