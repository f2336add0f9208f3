//! All problems on one page, as people read them: codes are unique, no text ends with a full stop, each has a next step.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use linesman::app::telemetry::connect::FormError;
use linesman::check::evidence::EvidenceError;
use linesman::flow::console::ConsoleError;
use linesman::flow::inspect::InspectError;
use linesman::flow::port::{AdapterOff, BleError, HttpError, LinkError, RecordsError};
use linesman::flow::{DeviceError as ManagementError, EspError, Heard, ImprovBleError, SessionError, SmpError};
use linesman::io::bench_broker::BenchError;
use linesman::io::files::FilesError;
use linesman::io::manifest::ManifestError;
use linesman::io::mqtt::{CertificateFault, MqttError, Stalled};
use linesman::io::picture::PictureError;
use linesman::io::qr_image::QrImageError;
use linesman::io::records::TransferError;
use linesman::io::records::sync::SyncError;
use linesman::ledger::bundle::BundleError;
use linesman::model::batch::Mistake;
use linesman::model::ids::{DriverId, LinkKind};
use linesman::model::mqtt::Dialect;
use linesman::model::mqtt::header::HeaderError;
use linesman::model::mqtt::message::OutgoingError;
use linesman::model::mqtt::payload::PayloadError;
use linesman::model::mqtt::stage::Expiry;
use linesman::model::mqtt::topic::TopicMistake;
use linesman::model::mqtt::url::Scheme;
use linesman::model::problem::{Explain, Problem};
use linesman::model::sync::AddressError;
use linesman::model::wipe::LastWill;
use linesman::msg::Step;
use linesman::profile::{Fault, FileError, FileKind};
use linesman::proto::console::quote::NotSendable as Unwritable;
use linesman::proto::console::system::Rights;
use linesman::proto::esp::security::HandshakeError;
use linesman::proto::esp::token::BadToken;
use linesman::proto::improv::DeviceError;
use linesman::proto::improv::serial::NotSendable;
use linesman::proto::key_file::KeyFileError;
use linesman::proto::mqtt::guard::{Fight, GuardedIdentity, Kicking};
use linesman::proto::mqtt::sas::SasError;
use linesman::proto::mqtt::session::{Refusal as NotLetIn, SessionError as Conversation};
use linesman::proto::smp::refusal::Refusal;
use linesman::proto::smp::session::NotSendable::TooLong;
use linesman::proto::tls_hello::Mismatch;
use linesman::proto::wifi_qr::QrError;
use linesman::sim::SimError;
use linesman::sim::telemetry::TelemetryError;
use linesman::telemetry::decode::SchemaError;
use linesman::telemetry::plot::PlotError;
use linesman::telemetry::query::QueryError;
use linesman::telemetry::recording::{LeftOut, RecordingError, Repairs, Skip};
use uuid::Uuid;

fn text(text: &str) -> String {
    text.to_owned()
}

fn links() -> Vec<LinkError> {
    let port = || text("/dev/ttyUSB0");
    let detail = || text("what the system said");
    vec![
        LinkError::Busy { port: port() },
        LinkError::NoPermission { port: port(), group: Some(text("dialout")) },
        LinkError::NoPermission { port: port(), group: None },
        LinkError::NotFound { port: port() },
        LinkError::NotASerialPort { port: port() },
        LinkError::Vanished { port: port() },
        LinkError::NotListed { detail: detail() },
        LinkError::Unreachable { host: text("gw.example:1337"), detail: detail() },
        LinkError::Io { port: port(), detail: detail() },
    ]
}

fn radio() -> Vec<BleError> {
    let device = || text("C4:4F:33:00:12:AF");
    let detail = || text("what the system said");
    vec![
        BleError::NoAdapter,
        BleError::PoweredOff { off: AdapterOff::Switched },
        BleError::PoweredOff { off: AdapterOff::Blocked },
        BleError::PoweredOff { off: AdapterOff::BlockedByHardware },
        BleError::NoPermission { detail: detail() },
        BleError::NoService { detail: detail() },
        BleError::NotHeard { device: device() },
        BleError::NotConnected { device: device() },
        BleError::NoServices { device: device() },
        BleError::Disconnected { device: device() },
        BleError::NoAnswer { device: device() },
        BleError::LostToPairing { device: device() },
        BleError::NotPaired { device: device() },
        BleError::TooLong { device: device(), octets: 300 },
        BleError::NoCharacteristic { device: device(), characteristic: Uuid::from_u128(0x2a) },
        BleError::Failed { detail: detail() },
    ]
}

fn bundles() -> Vec<TransferError> {
    let refused = [
        BundleError::NotABundle { line: 7 },
        BundleError::Incomplete { line: 7 },
        BundleError::TooNew { found: 9 },
        BundleError::Damaged { finding: text("Entry 7 changed after it was written") },
        BundleError::UnknownKey { key: "0f".repeat(32) },
        BundleError::Contradicts { entry: 7 },
        BundleError::Own,
        BundleError::BadKeyLine { line: 3 },
    ];
    let damaged = TransferError::Damaged { finding: text("Entry 7 changed after it was written") };
    refused.into_iter().map(TransferError::Bundle).chain([damaged]).collect()
}

fn syncs() -> Vec<SyncError> {
    let detail = || text("what the server said");
    let (host, place, user) = (|| text("db.example"), || text("db.example:5432"), || text("kim"));
    vec![
        SyncError::NotBuilt,
        SyncError::NoServer,
        SyncError::Address(AddressError::NoUser),
        SyncError::Address(AddressError::Password),
        SyncError::Address(AddressError::Unverified { mode: text("require"), host: host() }),
        SyncError::Address(AddressError::BindingWithoutTls),
        SyncError::NotBound { detail: detail() },
        SyncError::BoundElsewhere { detail: detail() },
        SyncError::NotResolved { host: host(), detail: detail() },
        SyncError::Unreachable { place: place(), detail: detail() },
        SyncError::Silent { place: place(), secs: 60 },
        SyncError::NotHere { host: text("localhost"), address: text("192.0.2.1") },
        SyncError::Cut { detail: detail() },
        SyncError::NoTls { place: place() },
        SyncError::Certificate { host: host(), why: text("is self-signed"), next: "Compare it" },
        SyncError::Trust { detail: detail() },
        SyncError::Handshake { detail: detail() },
        SyncError::NoPassword { user: user() },
        SyncError::Login { user: user(), detail: detail() },
        SyncError::NoDatabase { detail: detail() },
        SyncError::NotPrepared { detail: detail() },
        SyncError::NoPermission { user: user(), detail: detail() },
        SyncError::ReadOnly { detail: detail() },
        SyncError::Full { detail: detail() },
        SyncError::Server { code: text("XX000"), detail: detail() },
        SyncError::Cancelled { detail: detail() },
        SyncError::Unexpected { detail: detail() },
        SyncError::Damaged { finding: text("Entry 7 changed after it was written") },
    ]
}

fn records() -> Vec<RecordsError> {
    let path = || text("/data/records.sqlite");
    let detail = || text("what the database said");
    vec![
        RecordsError::NotOpened { path: path(), detail: detail() },
        RecordsError::Damaged { path: path(), detail: detail() },
        RecordsError::BadKey { path: path(), detail: detail() },
        RecordsError::TooNew { path: path(), found: 9, known: 1 },
        RecordsError::DiskFull { path: path() },
        RecordsError::NotFound { id: 7 },
        RecordsError::Failed { path: path(), detail: detail() },
    ]
}

const fn of_text() -> Heard {
    Heard { bytes: 4711, odd: 3, messages: 0 }
}

const fn of_noise() -> Heard {
    Heard { bytes: 4711, odd: 3000, messages: 0 }
}

const fn of_rejections() -> Heard {
    Heard { bytes: 120, odd: 40, messages: 12 }
}

fn sessions() -> Vec<SessionError> {
    let step = Step::Describe;
    let mut errors = vec![
        SessionError::NoReply { step: Step::Connect, heard: Heard::default() },
        SessionError::NoReply { step: Step::Connect, heard: of_text() },
        SessionError::NoReply { step: Step::Connect, heard: of_noise() },
        SessionError::NoReply { step: Step::Connect, heard: of_rejections() },
        SessionError::NoReply { step: Step::ScanNetworks, heard: Heard::default() },
        SessionError::TooSlow { step: Step::ScanNetworks, limit: Duration::from_mins(1), is_over: false },
        SessionError::Malformed { step },
        SessionError::NotSendable { reason: NotSendable::NoSuchCommand },
        SessionError::NotSendable { reason: NotSendable::TooLong { octets: 300 } },
        SessionError::DriverMissing { driver: DriverId::EspProv, link: LinkKind::Serial },
        SessionError::NoManagement { driver: DriverId::EspProv, link: LinkKind::Http },
    ];
    let device = [
        DeviceError::InvalidPacket,
        DeviceError::UnknownCommand,
        DeviceError::UnableToConnect,
        DeviceError::NotAuthorized,
        DeviceError::BadHostname,
        DeviceError::Unspecified,
        DeviceError::Other(0x42),
    ];
    errors.extend(device.map(|error| SessionError::Device { step, error }));
    errors.extend(consoles().into_iter().map(SessionError::Console));
    errors.extend(rest_of_sessions(step));
    errors
}

fn consoles() -> Vec<ConsoleError> {
    let (step, path, last) = (Step::ScanNetworks, || text("/etc/token"), || text("Gateway menu>"));
    let mut errors = vec![
        ConsoleError::Silent,
        ConsoleError::NotALogin { last: last() },
        ConsoleError::NeedsAccount,
        ConsoleError::NeedsPassword,
        ConsoleError::Refused,
        ConsoleError::StartedOver,
        ConsoleError::Expired,
        ConsoleError::Bootloader { prompt: text("=>") },
        ConsoleError::Starting { last: text("") },
        ConsoleError::NoShell { last: last() },
        ConsoleError::NoAnswer { step, heard_octets: 12 },
        ConsoleError::ThrownOut { step },
        ConsoleError::NoRadio { has_network_manager: true },
        ConsoleError::NoRadio { has_network_manager: false },
        ConsoleError::Failed { step, code: Some(8), words: text("Error: NetworkManager is not running.") },
        ConsoleError::Failed { step, code: None, words: text("") },
        ConsoleError::NoBase64 { path: path() },
        ConsoleError::FileDiffers { path: path() },
    ];
    for rights in [Rights::None, Rights::Root] {
        errors.push(ConsoleError::FileRefused { path: path(), words: text("sh: can't create"), rights });
        errors.push(ConsoleError::NotForgotten { left: 2, rights });
    }
    let reasons = [
        Unwritable::ControlCharacter,
        Unwritable::TooLong { octets: 1200 },
        Unwritable::TooLarge { octets: 300_000 },
        Unwritable::BadPath,
    ];
    errors.extend(reasons.map(|reason| ConsoleError::NotSendable { reason }));
    errors
}

fn rest_of_sessions(step: Step) -> Vec<SessionError> {
    let mut errors = Vec::new();
    let over_ble = [
        ImprovBleError::Stopped,
        ImprovBleError::UnknownState { number: 9 },
        ImprovBleError::Occupied,
        ImprovBleError::NotPressed,
        ImprovBleError::NoReply { step },
    ];
    errors.extend(over_ble.map(SessionError::ImprovBle));
    errors
}

fn management() -> Vec<ManagementError> {
    let silent = |is_repeatable, heard| SmpError::NoReply { label: "echo", tries: 3, is_repeatable, heard };
    let refused = |group, code| {
        let refusal = Refusal { group, code, reason: None };
        SmpError::Refused { label: "write a setting", refusal }
    };
    let smp = [
        silent(true, Heard::default()),
        silent(true, of_text()),
        silent(true, of_rejections()),
        silent(false, Heard::default()),
        // One of each kind: no such key, no such command, protected, busy, too large, invalid, version, fault.
        refused(Some(3), 3),
        refused(None, 8),
        refused(Some(3), 6),
        refused(None, 10),
        refused(None, 7),
        refused(None, 3),
        refused(None, 12),
        SmpError::Refused {
            label: "shell",
            refusal: Refusal { group: Some(64), code: 7, reason: Some(text("its own \u{202E}words")) },
        },
        SmpError::Malformed { label: "images" },
        SmpError::TooLong { label: "write a setting", reason: TooLong { octets: 400, room: 92 } },
        SmpError::NotKept { place: text("the setting bridge/token") },
    ];
    let mut errors: Vec<ManagementError> = smp.into_iter().map(ManagementError::from).collect();
    errors.extend([
        ManagementError::NotConfirmed { name: text("gw-7") },
        ManagementError::NotOffered { what: "shell" },
        ManagementError::TooSlow {
            what: text("Write the file /lfs/key.pem"),
            limit: Duration::from_mins(2),
            is_over: false,
        },
        ManagementError::NotErased { key: text("bridge/token") },
        ManagementError::ClockNotSet { wanted: text("2026-01-31T12:00:00"), reads: text("1970-01-01T00:12:34Z") },
    ]);
    errors
}

fn http() -> Vec<HttpError> {
    let host = || text("192.168.4.1");
    let detail = || text("what the system said");
    vec![
        HttpError::NotReached { host: host(), detail: detail() },
        HttpError::Status { host: host(), status: 500 },
        HttpError::Broken { host: host(), detail: detail() },
    ]
}

fn espressif() -> Vec<EspError> {
    let label = "Wi-Fi settings";
    let status = |status| EspError::Status { label, status };
    let token = |reason| EspError::Token { reason };
    vec![
        EspError::NoReply { label, heard: Heard::default() },
        EspError::NoReply { label, heard: of_text() },
        EspError::NoReply { label, heard: of_noise() },
        EspError::NoVersion,
        EspError::UnknownLevel { level: 3 },
        EspError::NewerPatch { patch: 2 },
        EspError::BelowMinimum { offered: 1, wanted: 2 },
        EspError::Unprotected,
        EspError::TooLongForConsole,
        EspError::ProofMissing { level: 1 },
        EspError::UsernameMissing,
        EspError::ProofRefused { level: 1 },
        EspError::ProofRefused { level: 2 },
        EspError::NotProven,
        EspError::Handshake { reason: HandshakeError::BadKey },
        EspError::OutOfStep { label },
        EspError::OtherNonceScheme,
        EspError::Nonsense { label },
        EspError::Failed { label },
        status(4),
        status(5),
        status(3),
        status(77),
        EspError::TooSlow { label },
        EspError::NoEndpoint { name: text("custom-data") },
        EspError::NeedsReset,
        EspError::LineTooLong { label },
        EspError::KeyNotCarried,
        token(BadToken::NotText),
        token(BadToken::BadTemplate),
        token(BadToken::BadPath),
        token(BadToken::TooLong { octets: 9000 }),
        EspError::Over,
        EspError::NoRandom,
    ]
}

fn files() -> Vec<FilesError> {
    let path = || text("/data/file");
    let detail = || text("what the system said");
    vec![
        FilesError::NoDataFolder,
        FilesError::NotCreated { path: path(), detail: detail() },
        FilesError::NotFound { path: path() },
        FilesError::NoPermission { path: path() },
        FilesError::NotAFile { path: path() },
        FilesError::TooLarge { path: path(), limit_bytes: 65536 },
        FilesError::NotText { path: path() },
        FilesError::DiskFull { path: path() },
        FilesError::InUse { path: path() },
        FilesError::OwnFile { path: path() },
        FilesError::NotRead { path: path(), detail: detail() },
        FilesError::NotWritten { path: path(), detail: detail() },
    ]
}

fn pictures() -> Vec<QrImageError> {
    let path = || text("code.png");
    let detail = || text("what the library said");
    vec![
        QrImageError::NotRead { path: path(), detail: detail() },
        QrImageError::NotAFile { path: path() },
        QrImageError::TooLarge,
        QrImageError::NotAnImage { detail: detail() },
        QrImageError::NoCode,
        QrImageError::Unreadable,
        QrImageError::Several { count: 3 },
        QrImageError::NoClipboardImage,
        QrImageError::NoClipboard { detail: detail() },
    ]
}

fn written_pictures() -> Vec<PictureError> {
    vec![
        PictureError::WrongSize { width: 0, height: 3, bytes: 0 },
        PictureError::NotEncoded { detail: text("what the library said") },
    ]
}

fn payloads() -> Vec<PayloadError> {
    vec![
        PayloadError::Json { line: 2, column: 11, what: text("expected `,` or `}`") },
        PayloadError::Hex { line: 1, column: 3, found: 'g' },
        PayloadError::OddHex { digits: 3 },
        PayloadError::Base64 { line: 1, column: 3 },
    ]
}

fn codes() -> Vec<QrError> {
    vec![
        QrError::Empty,
        QrError::TooLong { octets: 9000 },
        QrError::EspTooLong { octets: 2000 },
        QrError::NotWifi { scheme: None },
        QrError::NotWifi { scheme: Some(text("https")) },
        QrError::BadField { number: 2 },
        QrError::Duplicate { field: text("P") },
        QrError::NoSsid,
        QrError::Enterprise,
        QrError::UnknownSecurity { name: text("XYZ") },
        QrError::BadJson { line: 1, column: 7 },
        QrError::NoDeviceName,
        QrError::OtherNetwork { name: text("thread") },
    ]
}

fn simulators() -> Vec<SimError> {
    let source = || std::io::Error::other("what the system said");
    vec![
        SimError::Card { folder: PathBuf::from("/card"), source: source() },
        SimError::NoSocket { source: source() },
        SimError::NoTerminal { source: source() },
    ]
}

fn profiles() -> Vec<FileError> {
    let key = || text("bands");
    let nearest = || Some(text("bands"));
    let list = || vec![text("bands"), text("security")];
    let faults = vec![
        Fault::TooLarge { bytes: 2_000_000, limit: 1_048_576 },
        Fault::Syntax { message: text("expected `=`") },
        Fault::Schema { found: 9, known: 1 },
        Fault::UnknownKey { table: text("[wifi]"), key: text("band"), allowed: list(), nearest: nearest() },
        Fault::UnknownKey { table: text("[wifi]"), key: text("colour"), allowed: list(), nearest: None },
        Fault::Secret { key: text("password"), kind: FileKind::Site },
        Fault::MissingKey { table: text("[wifi]"), key: key(), expected: text("a list of bands") },
        Fault::WrongType { key: key(), expected: text("a list"), found: text("a number") },
        Fault::UnknownWord { key: key(), value: text("2.5GHz"), allowed: list(), nearest: nearest() },
        Fault::UnknownWord { key: key(), value: text("red"), allowed: list(), nearest: None },
        Fault::BadValue { key: text("port"), value: text("0"), reason: text("a port is 1 to 65535") },
        Fault::Duplicate { key: text("id"), value: text("ABC-01"), first_line: 3 },
        Fault::Inconsistent { reason: text("the row names a document that is not there") },
        Fault::Cut { more: 12 },
    ];
    let at = |fault| FileError { kind: FileKind::Profile, file: text("my.toml"), line: 3, column: 7, fault };
    faults.into_iter().map(at).collect()
}

fn manifests() -> Vec<ManifestError> {
    let detail = || text("what the library said");
    vec![
        ManifestError::NotUtf8 { line: 7 },
        ManifestError::OldOrLocked,
        ManifestError::BadCsv { row: 7, detail: detail() },
        ManifestError::BadSheet { detail: detail() },
        ManifestError::TooMuch,
    ]
}

fn mistakes() -> Vec<Mistake> {
    let column = || text("ssid");
    vec![
        Mistake::Empty,
        Mistake::TooManyRows,
        Mistake::TooManyColumns,
        Mistake::ColumnMissing { column: "ssid" },
        Mistake::ColumnUnknown { column: text("colour") },
        Mistake::ColumnTwice { column: column() },
        Mistake::ColumnOfSecrets { column: text("psk") },
        Mistake::ColumnUnnamed { number: 6 },
        Mistake::CellEmpty,
        Mistake::CellTooLong { chars: 4000 },
        Mistake::CellControl,
        Mistake::CellError,
        Mistake::NameTwice { name: text("Hall 1"), first_row: 2 },
        Mistake::MatchTwice { place: text("serial:x"), first_row: 2 },
        Mistake::BadMatch { reason: text("The kind of match comes before a colon") },
        Mistake::ProfileUnknown { id: text("nobody") },
        Mistake::DriverUnknown { name: text("improve") },
        Mistake::DriverNotOverLink { driver: text("improv"), link: text("http") },
        Mistake::CredentialUnknown { id: text("token"), profile: text("p") },
        Mistake::CredentialNoWay { id: text("token"), driver: text("improv") },
        Mistake::FileUnreadable { reason: text("There is no such file") },
        Mistake::FileNotText,
        Mistake::SecretMissing { name: text("site") },
        Mistake::NothingToSend,
        Mistake::HalfANetwork { is_name_there: true },
        Mistake::HalfANetwork { is_name_there: false },
        Mistake::NotYesOrNo,
        Mistake::SerialTwice { serial: text("GW-7"), first_row: 2 },
        Mistake::NoPlan { profile: text("acme") },
        Mistake::StepUnknown { step: text("unpair") },
        Mistake::BadAttest,
        Mistake::Cut { more: 12 },
    ]
}

fn mismatches() -> [Mismatch; 6] {
    [
        Mismatch::Version { version: "TLS 1.1" },
        Mismatch::RsaKeyExchange,
        Mismatch::FiniteField,
        Mismatch::Curve { curve: text("P-521") },
        Mismatch::Cipher,
        Mismatch::Signature { signature: text("ECDSA on P-521") },
    ]
}

fn connections() -> Vec<MqttError> {
    let (detail, host) = (|| text("what the library said"), || text("broker.example"));
    let (address, url) = (|| text("192.168.1.10:8883"), || text("wss://broker.example:443/mqtt"));
    let (proxy, words) = (|| text("10.0.0.1:3128"), || text("what the broker said"));
    let mut errors = vec![
        MqttError::NotStarted { detail: detail() },
        MqttError::NotResolved { host: host(), detail: detail() },
        MqttError::ResolveSilent { host: host(), secs: 15 },
        MqttError::Refused { address: address(), detail: detail() },
        MqttError::Silent { address: address(), secs: 15, detail: detail() },
        MqttError::Silent { address: address(), secs: 0, detail: detail() },
        MqttError::Stalled { what: Stalled::Proxy, address: proxy(), secs: 15 },
        MqttError::Stalled { what: Stalled::Tls { has_bytes: true }, address: address(), secs: 15 },
        MqttError::Stalled { what: Stalled::Tls { has_bytes: false }, address: address(), secs: 15 },
        MqttError::Stalled { what: Stalled::WebSocket, address: address(), secs: 15 },
        MqttError::Unreachable { address: address(), detail: detail() },
        MqttError::ProxyLogin { proxy: proxy(), has_login: false, offers: text("Basic") },
        MqttError::ProxyLogin { proxy: proxy(), has_login: true, offers: text("NTLM") },
        MqttError::ProxyRefused { proxy: proxy(), target: address(), status: text("HTTP/1.1 403 Forbidden") },
        MqttError::NotAProxy { proxy: proxy(), detail: detail() },
        MqttError::TrustUnreadable { detail: detail() },
        MqttError::TrustEmpty { detail: detail() },
        MqttError::IdentityUnreadable { detail: detail() },
        MqttError::KeyEncrypted,
        MqttError::KeyMismatch,
        MqttError::BadServerName { name: text("no name") },
        MqttError::KeyLog { path: text("/tmp/keys.log"), detail: detail() },
        MqttError::NotTls { address: address(), looks_like: text("a web server without encryption") },
        MqttError::NotTls { address: address(), looks_like: text("") },
        MqttError::Handshake { detail: detail() },
        MqttError::CutInHandshake { has_identity: true },
        MqttError::CutInHandshake { has_identity: false },
    ];
    for (has_identity, was_asked) in [(false, true), (true, true), (false, false)] {
        errors.push(MqttError::Alert { alert: text("HandshakeFailure"), has_identity, was_asked });
    }
    errors.extend(mismatches().map(MqttError::Mismatch));
    let faults = [
        CertificateFault::Expired { days_ago: 4 },
        CertificateFault::Expired { days_ago: 0 },
        CertificateFault::NotYet { in_days: 3 },
        CertificateFault::NotYet { in_days: 0 },
        CertificateFault::UnknownIssuer { issuer: text("CN=Site CA"), is_alone: true },
        CertificateFault::UnknownIssuer { issuer: text("CN=Site CA"), is_alone: false },
        CertificateFault::Version { version: 1 },
        CertificateFault::SelfSigned,
        CertificateFault::Intercepted { by: text("CN=Zscaler Root CA") },
        CertificateFault::WrongName { asked: host(), names: vec![text("a.example"), text("b.example")] },
        CertificateFault::WrongName { asked: host(), names: Vec::new() },
        CertificateFault::Authority,
        CertificateFault::Revoked,
        CertificateFault::WrongPurpose,
        CertificateFault::Other { detail: detail() },
    ];
    errors.extend(faults.map(|why| MqttError::Certificate { host: host(), why }));
    let statuses = [200, 302, 400, 401, 403, 404, 407, 418, 429, 502];
    errors.extend(statuses.map(|status| MqttError::HttpStatus { url: url(), status, says: detail() }));
    let refusals = [
        (0x86, NotLetIn::Login),
        (0x85, NotLetIn::ClientId),
        (0x84, NotLetIn::Version),
        (0x88, NotLetIn::Busy),
        (0x9D, NotLetIn::Elsewhere),
        (0x80, NotLetIn::Other),
    ];
    errors.extend(refusals.map(|(code, meaning)| {
        let says = text("what the code means");
        MqttError::Session(Conversation::NotLetIn { code, says, meaning, words: words() })
    }));
    errors.extend([
        MqttError::NotAWebSocket { url: url(), detail: detail() },
        MqttError::NoSubProtocol { url: url() },
        MqttError::LoginTooLong,
        MqttError::ClosedOnConnect { detail: detail() },
        MqttError::NoConnAck { secs: 15 },
        MqttError::Session(Conversation::NotMqtt { detail: detail() }),
        MqttError::Session(Conversation::TooEarly { kind: "PUBLISH" }),
        MqttError::NoSubAck { secs: 15 },
        MqttError::ClosedOnSubscribe { detail: detail() },
        MqttError::Closed { detail: detail() },
        MqttError::Session(Conversation::Ended { code: 0x8E, says: text("another client"), words: words() }),
        MqttError::Session(Conversation::Ended { code: 0x8B, says: text("the broker shuts down"), words: words() }),
        MqttError::Session(Conversation::Ended { code: 0x9D, says: text("use another broker"), words: text("") }),
        MqttError::Broken { detail: detail(), is_reset: true },
        MqttError::Session(Conversation::NoPingResp { secs: 15 }),
        MqttError::Session(Conversation::Malformed { detail: detail() }),
        MqttError::Session(Conversation::NotSent { secs: 15 }),
        MqttError::Left,
        MqttError::Session(Conversation::BadTopic { mistake: TopicMistake::Empty }),
        MqttError::Session(Conversation::TooLarge { bytes: 300_000, most: 262_144 }),
        MqttError::Session(Conversation::QosTooHigh { asked: 2, most: 1 }),
        MqttError::Session(Conversation::NoRetain),
        MqttError::Session(Conversation::PublishRefused { code: 0x87, says: text("not allowed"), words: words() }),
        MqttError::SubscriptionsRefused { refused: 1, asked: 3, says: text("a/#: not allowed") },
        MqttError::SubscriptionsRefused { refused: 3, asked: 3, says: text("a/#: not allowed") },
        MqttError::SubscriptionsOpen { open: 1, asked: 3 },
        MqttError::EndsSoon { whose: "the broker", end: Expiry::Ends { in_days: 9 } },
        MqttError::Unchecked { why: text("The certificate of broker.example ended 4 days ago") },
    ]);
    errors
}

fn queries() -> Vec<QueryError> {
    vec![
        QueryError::BadRegex { detail: text("what the library said") },
        QueryError::LargeRegex,
        QueryError::TooLong { bytes: 9000 },
        QueryError::BadExpression { expression: text(".a |"), at: 5, found: text("something is missing here") },
        QueryError::DeepExpression,
        QueryError::NotOffered { name: text("input"), at: 1 },
        QueryError::Recursive { name: text("f") },
        QueryError::Stopped { expression: text("[range(1e9)]"), limit: text("It takes too many steps, or never ends") },
    ]
}

fn plots() -> Vec<PlotError> {
    vec![PlotError::TooManyTopics { filter: text("site/#") }]
}

fn schemas() -> Vec<SchemaError> {
    vec![
        SchemaError::Bad { detail: text("a.proto:3:7: type name 'strin' was not found") },
        SchemaError::TooLarge { files: 900, bytes: 5_000_000 },
        SchemaError::Empty,
    ]
}

fn recordings() -> Vec<Problem> {
    let path = || text("/data/site.lmrec");
    let detail = || text("what the system said");
    let errors = [
        RecordingError::NotARecording { path: path() },
        RecordingError::TooNew { path: path(), found: 9, known: 1 },
        RecordingError::NotFound { path: path() },
        RecordingError::NoPermission { path: path() },
        RecordingError::DiskFull { path: path() },
        RecordingError::NotWritten { path: path(), detail: detail() },
        RecordingError::Replaced { path: path() },
        RecordingError::NothingCame { path: path() },
        RecordingError::NotRead { path: path(), detail: detail() },
        RecordingError::NothingKept { secs: 600 },
        RecordingError::NotARing,
        RecordingError::Ended { path: path() },
        RecordingError::NoParquet,
    ];
    let skip = Skip { offset: 4711, bytes: 300_000, messages: Some(4500) };
    let repairs = Repairs {
        is_header_damaged: true,
        is_unfinished: true,
        cut_bytes: 1200,
        skips: vec![skip, Skip { messages: None, ..skip }],
        skip_count: 2,
        gaps: 1,
        out_of_order: 1,
        is_joined: false,
        left_out: LeftOut { messages: 9000, is_more: true },
    };
    errors.iter().map(Explain::explain).chain(repairs.explain()).collect()
}

/// The problems of each kind of error.
fn identities() -> Vec<Problem> {
    let (name, dialect) = (|| text("gw-07"), Dialect::AwsIotCore);
    let guarded = [
        GuardedIdentity::HubDevice { device: name() },
        GuardedIdentity::ClientId { dialect, client_id: name() },
        GuardedIdentity::Certificate { dialect, name: name() },
        GuardedIdentity::ThingName { client_id: name() },
    ];
    let tokens = [SasError::KeyNotBase64, SasError::NoKey, SasError::BadDevice, SasError::NoToken];
    let mut problems: Vec<Problem> = guarded.iter().map(Explain::explain).collect();
    for is_said in [true, false] {
        problems.push(Kicking { dialect, client_id: name(), fight: Fight { times: 3, is_said } }.explain());
    }
    problems.extend(tokens.iter().map(Explain::explain));
    problems.push(TelemetryError::Scheme { scheme: Scheme::Wss }.explain());
    problems
}

fn last_wills() -> Vec<Problem> {
    let named = [("site/gw-07/status", ""), ("", "offline"), ("site/+/status", "offline")];
    named.iter().filter_map(|(topic, payload)| LastWill::named(topic, payload).err()).collect()
}

fn outgoing() -> Vec<OutgoingError> {
    let topic = || text("site/+");
    vec![
        OutgoingError::BadTopic { topic: topic() },
        OutgoingError::BadResponseTopic { topic: topic() },
        OutgoingError::TooLong { bytes: 268_435_453 },
    ]
}

fn evidence() -> Vec<EvidenceError> {
    vec![
        EvidenceError::TooLarge { bytes: 50_000_000 },
        EvidenceError::Form { line: 3, column: 17, reason: text("unknown field `prog`") },
        EvidenceError::Version { found: 2 },
        EvidenceError::Order { at: 4, number: 2, before: 3 },
        EvidenceError::Content { place: text("observations[3].host"), reason: "is longer than any text of a run" },
    ]
}

fn all() -> Vec<(&'static str, Vec<Problem>)> {
    fn explain(errors: &[impl Explain]) -> Vec<Problem> {
        errors.iter().map(Explain::explain).collect()
    }
    vec![
        ("Links", explain(&links())),
        ("Bluetooth", explain(&radio())),
        ("Records", explain(&records())),
        ("Bundles of records", explain(&bundles())),
        ("A team's server", explain(&syncs())),
        ("Sessions", explain(&sessions())),
        ("Management", explain(&management())),
        ("HTTP", explain(&http())),
        ("Espressif provisioning", explain(&espressif())),
        ("Files", explain(&files())),
        ("Recordings", recordings()),
        ("Inspections", explain(&InspectError::all())),
        ("Pictures", explain(&pictures())),
        ("Pictures that are written", explain(&written_pictures())),
        ("Keys of clients", explain(&[KeyFileError::WrongPassword, KeyFileError::OldForm, KeyFileError::Damaged])),
        ("Headers", explain(&HeaderError::all())),
        ("Messages to publish", explain(&outgoing())),
        ("Typed payloads", explain(&payloads())),
        ("Connections to brokers as typed", explain(&FormError::all())),
        ("What brokers take", explain(&linesman::proto::mqtt::dialect::all_faults())),
        ("Ends without a word", explain(&linesman::proto::mqtt::silent::all_causes())),
        ("Identities", identities()),
        ("A last will", last_wills()),
        ("The bench broker", explain(&BenchError::all())),
        ("Codes", explain(&codes())),
        ("Simulators", explain(&simulators())),
        ("Profiles", explain(&profiles())),
        ("Manifests", explain(&manifests())),
        ("Mistakes", explain(&mistakes())),
        ("MQTT connections", explain(&connections())),
        ("Queries", explain(&queries())),
        ("Plots", explain(&plots())),
        ("Schemas", explain(&schemas())),
        ("Saved runs of network checks", explain(&evidence())),
    ]
}

#[test]
fn the_texts_of_all_problems() {
    let mut page = String::new();
    for (kind, problems) in all() {
        writeln!(page, "{kind}\n{}", "=".repeat(kind.len())).unwrap();
        for problem in problems {
            let Problem { code, what, likely_cause, next_step, detail } = problem;
            write!(page, "{code}\n  what    {what}\n  cause   {likely_cause}\n  next    {next_step}\n").unwrap();
            if !detail.is_empty() {
                writeln!(page, "  detail  {detail}").unwrap();
            }
        }
        page.push('\n');
    }
    insta::assert_snapshot!(page);
}

#[test]
fn texts_are_sentences_without_a_full_stop() {
    for problem in all().into_iter().flat_map(|(_, problems)| problems) {
        for text in [&problem.what, &problem.likely_cause, &problem.next_step] {
            assert!(!text.is_empty() && !text.ends_with(['.', ' ', '!']), "{problem:#?}");
            assert!(!text.contains("  ") && text.lines().count() == 1, "{problem:#?}");
            // A path, a number or a quoted word may begin a sentence as it is.
            assert!(
                !text.starts_with(|c: char| c.is_lowercase())
                    || text.starts_with("my.toml")
                    || text.starts_with("code.png"),
                "{problem:#?}"
            );
        }
        assert_ne!(problem.what, problem.likely_cause, "{problem:#?}");
    }
}

#[test]
fn a_code_belongs_to_one_kind_of_error() {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (kind, problems) in all() {
        for problem in problems {
            let is_code = problem.code.split_once('.').is_some_and(|(area, name)| {
                let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                is_word(area) && is_word(name)
            });
            assert!(is_code, "{}", problem.code);
            assert_eq!(*owners.entry(problem.code).or_insert(kind), kind, "{} is used twice", problem.code);
        }
    }
}

/// Holds that a code means one thing: variants of one error that share a code share the beginning of the text.
#[test]
fn a_code_means_one_thing() {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    // These are one failure told in more detail, or the same failure in another step.
    let shared = [
        "improv.no_reply",
        "improv.device_error",
        "serial.no_permission",
        "mqtt.silent",
        "mqtt.proxy_login",
        "mqtt.certificate_expired",
        "mqtt.certificate_not_yet",
        "mqtt.http_status",
        "mqtt.subscription_refused",
        "mqtt.ended",
        "mqtt.elsewhere",
        // One failure, told of one broker or another, or of one way in which an identity shows.
        "mqtt.dialect_scheme",
        "mqtt.dialect_no_login",
        "mqtt.login_refused",
        "mqtt.subscribe_closed",
        "mqtt.subscribe_foreign",
        "mqtt.publish_closed",
        "mqtt.closed_on_connect",
        "mqtt.own_identity",
    ];
    for problem in all().into_iter().flat_map(|(_, problems)| problems) {
        if shared.contains(&problem.code) || problem.code.starts_with("profile.") {
            continue;
        }
        if let Some(what) = seen.insert(problem.code, problem.what.clone()) {
            assert_eq!(what, problem.what, "{}", problem.code);
        }
    }
}
