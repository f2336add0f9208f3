//! Site and override files: whatever a person or a program wrote, it is read or every mistake has a place in the text.

use linesman::model::problem::Explain as _;
use linesman::profile::FileError;
use linesman::profile::overrides::parse_overrides;
use linesman::profile::site::{Found, compare, parse_site};

/// A whole file of each kind.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"[[map]]\nhost = 'broker.example'\nport = 8883\nto = '127.0.0.1:18883'\n[dns]\nservers = ['127.0.0.1:5353']\n[ntp]\nport = 1123\n[trust]\nroots = ['ca.pem']\n",
    b"schema = 1\nname = 'S'\n[network]\nssid = 'hex:00ff'\nsubnet = '192.0.2.0/24'\n[[gateway]]\nname = 'A'\nmatch = 'serial-number:X'\nserial_number = 'X'\nfirmware = '1'\n[[host]]\nfor = '*.a.example'\nnames = ['b.a.example:1']\n",
];

/// Holds one input against the rule above.
pub(crate) fn check(_: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse_overrides("f.toml", &text) {
        Ok(file) => assert!(!file.lines().is_empty() || file.map.is_empty()),
        Err(errors) => assert_placed(&text, &errors),
    }
    match parse_site("f.toml", &text) {
        Ok(site) => {
            let found = Found { serial_number: Some("X".into()), is_gateway: true, ..Found::default() };
            let compared = compare(&site, std::slice::from_ref(&found));
            assert!((site.gateways.len()..=site.gateways.len() + 1).contains(&compared.lines.len()));
        }
        Err(errors) => assert_placed(&text, &errors),
    }
}

/// Each mistake stands in a line of the text, and can be told.
fn assert_placed(text: &str, errors: &[FileError]) {
    assert!(!errors.is_empty());
    let lines = text.split('\n').count();
    for error in errors {
        assert!((1..=lines).contains(&error.line) && error.column > 0, "{error}");
        assert!(!error.explain().what.contains(char::is_control), "{error}");
    }
}
