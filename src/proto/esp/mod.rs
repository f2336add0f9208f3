//! Espressif's unified provisioning: messages, security and the conversation, apart from what carries them.
//!
//! Source: the published protobuf files of `network_provisioning` and the documents of ESP-IDF (protocomm). A transport takes an
//! [`Exchange`] to an endpoint and brings its answer; it adds nothing of its own.

pub mod console;
pub mod messages;
pub mod security;
pub mod session;
pub mod token;
pub mod version;
