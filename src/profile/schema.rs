//! The shape of a profile file: its tables and the keys each of them takes.
//!
//! The loader reads the spanned TOML tree against these shapes instead of deriving the reading with serde: serde stops at
//! the first mistake and forgets where a value stood, while an author wants all mistakes at once, each with its place.
//! A test holds `docs/profiles.md` against this list.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::model::drivers::DriverId;

/// The version of the format this program reads.
pub const VERSION: i64 = 1;

/// The largest file taken for a profile, in bytes.
pub const MAX_BYTES: usize = super::read::MAX_BYTES;

/// The settings of each driver, as its facts name them.
static SETTINGS: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |driver: &DriverId| Shape {
        name: format!("the settings of {driver}").into(),
        keys: driver.facts().settings.iter().map(|rule| rule.key).collect(),
    };
    DriverId::ALL.iter().map(shape).collect()
});

/// The shape of a driver's settings.
pub(super) fn settings_of(driver: DriverId) -> &'static Shape {
    // The list has the order of the drivers.
    &SETTINGS[driver as usize]
}

/// Every table of the format.
pub fn all() -> impl Iterator<Item = &'static Shape> {
    TABLES.iter().copied().chain(SETTINGS.iter())
}

/// A table and its keys.
#[derive(Debug)]
pub struct Shape {
    /// How the table is written: `[[endpoint]]`.
    pub name: Cow<'static, str>,
    /// Its keys, in the order of the reference page.
    pub keys: Cow<'static, [&'static str]>,
}

/// Declares the tables of a file and the list of all of them.
macro_rules! shapes {
    ($($id:ident = $name:literal [$($key:literal)+])+) => {
        $(pub(in crate::profile) static $id: $crate::profile::schema::Shape = $crate::profile::schema::Shape {
            name: std::borrow::Cow::Borrowed($name),
            keys: std::borrow::Cow::Borrowed(&[$($key,)+]),
        };)+

        static TABLES: &[&$crate::profile::schema::Shape] = &[$(&$id,)+];
    };
}

pub(super) use shapes;

shapes! {
    TOP = "the top of the file" [
        "schema" "id" "name" "vendor" "vendor_reason" "summary" "document" "discovery" "driver" "wifi" "credential" "network"
        "root" "endpoint" "mqtt" "limit" "expect" "wipe"
    ]
    DOCUMENT = "[[document]]" ["id" "title" "version" "date"]
    DISCOVERY = "[discovery]" ["usb" "ble" "banner"]
    USB = "[[discovery.usb]]" ["vid" "pid" "product" "manufacturer" "means" "says" "basis" "source" "assumed" "reason"]
    BLE = "[[discovery.ble]]" ["service" "company" "name" "says" "basis" "source" "assumed" "reason"]
    BANNER = "[[discovery.banner]]" ["line" "says" "basis" "source" "assumed" "reason"]
    DRIVER = "[[driver]]" ["driver" "link" "settings" "basis" "source" "assumed" "reason" "ambiguity"]
    WIFI = "[wifi]" [
        "id" "bands" "security" "ciphers" "passphrase_min" "passphrase_max" "raw_psk" "basis" "source" "assumed" "reason" "ambiguity"
    ]
    CREDENTIAL = "[[credential]]" [
        "id" "kind" "form" "purpose" "pushed" "push" "kept" "at_rest" "revoked" "basis" "source" "assumed" "reason" "ambiguity"
    ]
    PUSH = "[[credential.push]]" [
        "driver" "endpoint" "template" "json" "field" "setting" "file" "basis" "source" "assumed" "reason"
    ]
    NETWORK = "[network]" ["vantage" "rule"]
    NETWORK_RULE = "[[network.rule]]" ["id" "fact" "says" "level" "basis" "source" "assumed" "reason" "ambiguity"]
    ROOT = "[[root]]" ["id" "name" "sha256" "not_after"]
    ENDPOINT = "[[endpoint]]" [
        "id" "hosts" "need" "one_of" "port" "port_stated" "path" "transport" "tls_min" "direction" "purpose" "level" "vantage" "roots"
        "roots_from" "probes" "samples" "expect_status" "unblock" "idle_secs" "basis" "source" "assumed" "reason" "ambiguity"
    ]
    MQTT = "[mqtt]" [
        "dialect" "ports" "carrier" "tls" "authentication" "topics" "identity" "basis" "source" "assumed" "reason" "ambiguity"
    ]
    LIMIT = "[[limit]]" ["id" "at_most" "of" "basis" "source" "assumed" "reason" "ambiguity"]
    EXPECT = "[[expect]]" ["id" "topic" "within_secs" "field" "basis" "source" "assumed" "reason"]
    FIELD = "[[expect.field]]" ["name" "type" "min" "max"]
    WIPE = "[wipe]" ["preconditions" "guidance" "medium" "at_rest" "step"]
    WIPE_STEP = "[[wipe.step]]" [
        "id" "does" "by" "claim" "needs" "removes" "evidence" "otherwise" "warning" "files" "commands" "basis" "source"
        "assumed" "reason"
    ]
}
