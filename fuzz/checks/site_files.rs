//! Override files: whatever a person or a program wrote, it is read or every mistake has a place in the text.

use linesman::model::problem::Explain as _;
use linesman::profile::FileError;
use linesman::profile::overrides::parse_overrides;

/// A whole file of each kind.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"[[map]]\nhost = 'broker.example'\nport = 8883\nto = '127.0.0.1:18883'\n[dns]\nservers = ['127.0.0.1:5353']\n[ntp]\nport = 1123\n[trust]\nroots = ['ca.pem']\n",
];

/// Holds one input against the rule above.
pub(crate) fn check(_: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse_overrides("f.toml", &text) {
        Ok(file) => assert!(!file.lines().is_empty() || file.map.is_empty()),
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
