//! The reason codes that the broker gives or looks at (MQTT 5.0, section 2.4).

pub(super) const SUCCESS: u8 = 0x00;
pub(super) const WITH_WILL: u8 = 0x04;
pub(super) const NO_SUBSCRIBERS: u8 = 0x10;
pub(super) const NO_SUBSCRIPTION: u8 = 0x11;
pub(super) const UNSPECIFIED: u8 = 0x80;
pub(super) const MALFORMED: u8 = 0x81;
pub(super) const PROTOCOL_ERROR: u8 = 0x82;
pub(super) const UNSUPPORTED_VERSION: u8 = 0x84;
pub(super) const CLIENT_ID: u8 = 0x85;
pub(super) const NOT_AUTHORISED: u8 = 0x87;
pub(super) const SHUTTING_DOWN: u8 = 0x8b;
pub(super) const BAD_AUTHENTICATION: u8 = 0x8c;
pub(super) const KEEP_ALIVE: u8 = 0x8d;
pub(super) const TAKEN_OVER: u8 = 0x8e;
pub(super) const FILTER_INVALID: u8 = 0x8f;
pub(super) const TOPIC_INVALID: u8 = 0x90;
pub(super) const PACKET_ID_UNKNOWN: u8 = 0x92;
pub(super) const RECEIVE_MAXIMUM: u8 = 0x93;
pub(super) const ALIAS_INVALID: u8 = 0x94;
pub(super) const TOO_LARGE: u8 = 0x95;
pub(super) const QUOTA: u8 = 0x97;
/// From here on a code means a failure.
pub(super) const FIRST_FAILURE: u8 = 0x80;
