//! Wire protocols and payload formats: bytes and time come as arguments, nothing here does I/O.

pub mod wifi_qr;
