//! The shape of a site file. A test holds `docs/site.md` against it.

use crate::profile::schema::{Shape, shapes};

/// The version of the format this program reads.
pub const VERSION: i64 = 1;

shapes! {
    TOP = "the top of the file" [
        "schema" "name" "customer" "overrides" "notes" "network" "gateway" "host"
    ]
    NETWORK = "[network]" ["ssid" "subnet"]
    GATEWAY = "[[gateway]]" [
        "name" "match" "profile" "driver" "ssid" "serial_number" "firmware" "address" "note"
    ]
    HOST = "[[host]]" ["for" "profile" "names"]
}

/// Every table of the format.
pub fn all() -> impl Iterator<Item = &'static Shape> {
    TABLES.iter().copied()
}
