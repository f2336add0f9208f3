//! The messages of Espressif's unified provisioning, written by hand from its published protobuf files (proto3).
//!
//! Field numbers are theirs, the same in `wifi_provisioning` and `network_provisioning`. What is a `oneof` there stands here as
//! optional fields: on the wire that is the same, and a device that fills two of them can be told from one that fills one.
//! Messages that may carry a secret have no `Debug`. Enumerations stay numbers: an unknown one is shown as such.

#![expect(missing_docs, reason = "names and meaning are those of the published files")]

use std::fmt;

use prost::Message;

/// Longest message that is read: what the device's own server takes at most.
pub const MAX_MESSAGE: usize = 4096;

/// Statuses of every answer.
pub mod status {
    pub const SUCCESS: i32 = 0;
    pub const INVALID_SECURITY: i32 = 1;
    pub const INVALID_PROTO: i32 = 2;
    pub const TOO_MANY_SESSIONS: i32 = 3;
    pub const INVALID_ARGUMENT: i32 = 4;
    pub const INTERNAL_ERROR: i32 = 5;
    pub const CRYPTO_ERROR: i32 = 6;
    pub const INVALID_SESSION: i32 = 7;

    /// The status in words.
    pub fn label(status: i32) -> String {
        match status {
            SUCCESS => "success",
            INVALID_SECURITY => "invalid security scheme",
            INVALID_PROTO => "invalid message",
            TOO_MANY_SESSIONS => "too many sessions",
            INVALID_ARGUMENT => "invalid argument",
            INTERNAL_ERROR => "internal error",
            CRYPTO_ERROR => "crypto error",
            INVALID_SESSION => "invalid session",
            other => return format!("unknown status {other}"),
        }
        .into()
    }
}

/// Bytes that are no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes aren't such a message")]
pub struct Unreadable;

/// Reads a message of bounded size.
pub fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, Unreadable> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Unreadable);
    }
    M::decode(bytes).map_err(|_| Unreadable)
}

/// The octets of a message.
pub fn write<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

/// A message without fields.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Empty {}

/// An answer that has a status and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct StatusOnly {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

// Session establishment: `prov-session`.

#[derive(Clone, PartialEq, Message)]
pub struct SessionData {
    #[prost(int32, tag = "2")]
    pub sec_ver: i32,
    #[prost(message, optional, tag = "10")]
    pub sec0: Option<Sec0Payload>,
    #[prost(message, optional, tag = "11")]
    pub sec1: Option<Sec1Payload>,
    #[prost(message, optional, tag = "12")]
    pub sec2: Option<Sec2Payload>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sec0Payload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(message, optional, tag = "20")]
    pub command: Option<Empty>,
    #[prost(message, optional, tag = "21")]
    pub response: Option<StatusOnly>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sec1Payload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(message, optional, tag = "20")]
    pub command0: Option<Sec1Command0>,
    #[prost(message, optional, tag = "21")]
    pub response0: Option<Sec1Response0>,
    #[prost(message, optional, tag = "22")]
    pub command1: Option<Sec1Command1>,
    #[prost(message, optional, tag = "23")]
    pub response1: Option<Sec1Response1>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec1Command0 {
    #[prost(bytes = "vec", tag = "1")]
    pub client_pubkey: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec1Response0 {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub device_pubkey: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub device_random: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec1Command1 {
    #[prost(bytes = "vec", tag = "2")]
    pub client_verify_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec1Response1 {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub device_verify_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Sec2Payload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(message, optional, tag = "20")]
    pub command0: Option<Sec2Command0>,
    #[prost(message, optional, tag = "21")]
    pub response0: Option<Sec2Response0>,
    #[prost(message, optional, tag = "22")]
    pub command1: Option<Sec2Command1>,
    #[prost(message, optional, tag = "23")]
    pub response1: Option<Sec2Response1>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec2Command0 {
    #[prost(bytes = "vec", tag = "1")]
    pub client_username: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub client_pubkey: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec2Response0 {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub device_pubkey: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub device_salt: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec2Command1 {
    #[prost(bytes = "vec", tag = "1")]
    pub client_proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sec2Response1 {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub device_proof: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub device_nonce: Vec<u8>,
}

// Credentials, apply, status: `prov-config`.

/// Numbers of the messages of `prov-config`.
pub mod config {
    pub const GET_STATUS: i32 = 0;
    pub const STATUS: i32 = 1;
    pub const SET: i32 = 2;
    pub const SET_DONE: i32 = 3;
    pub const APPLY: i32 = 4;
    pub const APPLY_DONE: i32 = 5;
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct ConfigPayload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(message, optional, tag = "10")]
    pub get_status: Option<Empty>,
    #[prost(message, optional, tag = "11")]
    pub status: Option<StationStatus>,
    #[prost(message, optional, tag = "12")]
    pub set: Option<SetConfig>,
    #[prost(message, optional, tag = "13")]
    pub set_done: Option<StatusOnly>,
    #[prost(message, optional, tag = "14")]
    pub apply: Option<Empty>,
    #[prost(message, optional, tag = "15")]
    pub apply_done: Option<StatusOnly>,
}

/// States of the station.
pub mod station {
    pub const CONNECTED: i32 = 0;
    pub const CONNECTING: i32 = 1;
    pub const DISCONNECTED: i32 = 2;
    pub const FAILED: i32 = 3;
    /// Reason of a failure: authentication.
    pub const AUTHENTICATION: i32 = 0;
    /// Reason of a failure: the network was not found.
    pub const NOT_FOUND: i32 = 1;
}

#[derive(Clone, PartialEq, Message)]
pub struct StationStatus {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(int32, tag = "2")]
    pub sta_state: i32,
    #[prost(int32, optional, tag = "10")]
    pub fail_reason: Option<i32>,
    #[prost(message, optional, tag = "11")]
    pub connected: Option<Connected>,
    #[prost(message, optional, tag = "12")]
    pub attempt_failed: Option<AttemptFailed>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Connected {
    // A string in the published files. Octets are taken, so that one that is no UTF-8 does not cost the verdict.
    #[prost(bytes = "vec", tag = "1")]
    pub ip4_addr: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub auth_mode: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub ssid: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub bssid: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub channel: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AttemptFailed {
    #[prost(uint32, tag = "1")]
    pub attempts_remaining: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct SetConfig {
    #[prost(bytes = "vec", tag = "1")]
    pub ssid: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub passphrase: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub bssid: Vec<u8>,
    #[prost(int32, tag = "4")]
    pub channel: i32,
}

impl fmt::Debug for SetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetConfig(…)")
    }
}

impl fmt::Debug for ConfigPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigPayload({})", self.msg)
    }
}

// Scanning: `prov-scan`.

/// Numbers of the messages of `prov-scan`.
pub mod scan {
    pub const START: i32 = 0;
    pub const STARTED: i32 = 1;
    pub const GET_STATUS: i32 = 2;
    pub const STATUS: i32 = 3;
    pub const GET_RESULT: i32 = 4;
    pub const RESULT: i32 = 5;
}

#[derive(Clone, PartialEq, Message)]
pub struct ScanPayload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(int32, tag = "2")]
    pub status: i32,
    #[prost(message, optional, tag = "10")]
    pub start: Option<ScanStart>,
    #[prost(message, optional, tag = "11")]
    pub started: Option<Empty>,
    #[prost(message, optional, tag = "12")]
    pub get_status: Option<Empty>,
    #[prost(message, optional, tag = "13")]
    pub progress: Option<ScanStatus>,
    #[prost(message, optional, tag = "14")]
    pub get_result: Option<GetScanResult>,
    #[prost(message, optional, tag = "15")]
    pub result: Option<ScanResult>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ScanStart {
    #[prost(bool, tag = "1")]
    pub blocking: bool,
    #[prost(bool, tag = "2")]
    pub passive: bool,
    #[prost(uint32, tag = "3")]
    pub group_channels: u32,
    #[prost(uint32, tag = "4")]
    pub period_ms: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ScanStatus {
    #[prost(bool, tag = "1")]
    pub scan_finished: bool,
    #[prost(uint32, tag = "2")]
    pub result_count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct GetScanResult {
    #[prost(uint32, tag = "1")]
    pub start_index: u32,
    #[prost(uint32, tag = "2")]
    pub count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScanResult {
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<ScanEntry>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct ScanEntry {
    #[prost(bytes = "vec", tag = "1")]
    pub ssid: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub channel: u32,
    #[prost(int32, tag = "3")]
    pub rssi: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub bssid: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub auth: i32,
}

// Control: `prov-ctrl`.

/// Numbers of the messages of `prov-ctrl`.
pub mod control {
    pub const RESET: i32 = 1;
    pub const RESET_DONE: i32 = 2;
    pub const REPROVISION: i32 = 3;
    pub const REPROVISION_DONE: i32 = 4;
}

#[derive(Clone, PartialEq, Message)]
pub struct ControlPayload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(int32, tag = "2")]
    pub status: i32,
    #[prost(message, optional, tag = "11")]
    pub reset: Option<Empty>,
    #[prost(message, optional, tag = "12")]
    pub reset_done: Option<Empty>,
    #[prost(message, optional, tag = "13")]
    pub reprovision: Option<Empty>,
    #[prost(message, optional, tag = "14")]
    pub reprovision_done: Option<Empty>,
}

// Access token: a message that several products share for their own endpoint.

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct TokenPayload {
    #[prost(int32, tag = "1")]
    pub msg: i32,
    #[prost(message, optional, tag = "10")]
    pub command: Option<TokenCommand>,
    #[prost(message, optional, tag = "11")]
    pub response: Option<TokenResponse>,
}

#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct TokenCommand {
    #[prost(bytes = "vec", tag = "1")]
    pub user_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub secret_key: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct TokenResponse {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub device_secret: Vec<u8>,
}

#[cfg(test)]
mod tests;
