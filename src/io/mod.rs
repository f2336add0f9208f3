//! The real ports: what touches files, databases, devices and the clipboard.

pub mod qr_image;
