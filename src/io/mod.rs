//! The real ports: what touches files, databases, devices and the clipboard.

pub mod bench_broker;
pub mod ble;
mod certificate;
pub mod diagnostics;
pub mod files;
pub mod http;
pub mod inspection_files;
pub mod laptop_wifi;
pub mod links;
pub mod logs;
pub mod manifest;
pub mod mqtt;
pub mod neighbourhood;
pub mod picture;
pub mod probe;
pub mod qr_image;
pub mod recordings;
pub mod records;
pub mod results;
pub mod root_files;
pub mod save;
pub mod secret_file;
pub mod serial;
mod stream;
mod tool;
mod udp;
pub mod usage;
