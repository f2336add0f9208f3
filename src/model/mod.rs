//! Plain data and pure rules: what a gateway, a network, a credential and an outcome are.
//!
//! Nothing here does I/O, reads a clock or knows a window. Every other module may use it.

pub mod access;
pub mod act;
pub mod agenda;
pub mod audit;
pub mod basis;
pub mod batch;
pub mod card_scan;
pub mod clock;
pub mod credentials;
pub mod destination;
pub mod drivers;
pub mod endpoint;
pub mod fault;
pub mod gateway;
pub mod ids;
pub mod layout;
pub mod lineage;
pub mod mac;
pub mod mark;
pub mod mqtt;
pub mod order;
pub mod outcome;
pub mod problem;
pub mod proof;
pub mod psk;
pub mod qr;
pub mod record;
pub mod record_filter;
pub mod redact;
pub mod roots;
pub mod same;
pub mod secret;
pub mod secret_text;
pub mod settings;
pub mod standing;
pub mod sync;
pub mod text;
pub mod timeline;
pub mod verdict;
pub mod wifi;
pub mod wipe;
pub mod without_password;
pub mod word;
