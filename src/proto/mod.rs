//! Wire protocols without I/O and without a clock: bytes and times come in as arguments, bytes and events go out.

pub mod console;
pub mod esp;
pub mod improv;
pub mod key_file;
pub mod laptop_scan;
pub mod mqtt;
pub mod ntp;
pub mod pem;
pub mod smp;
pub mod tls_hello;
pub mod wifi_qr;
