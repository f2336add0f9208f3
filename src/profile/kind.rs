//! Which of the files that people write a text is. All of them end in `.toml`; the keys at the top tell them apart.

use toml::de::DeTable;

use super::error::FileKind;
use super::read::MAX_BYTES;
use super::{overrides, schema, site};

/// The kind of file most of whose keys stand at the top of the text. A text with none of them is none of the kinds.
///
/// A mistake changes nothing: whoever wrote the file is told of it by what reads that kind.
pub fn kind_of(text: &str) -> Option<FileKind> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let (top, _) = DeTable::parse_recoverable(text);
    let count =
        |shape: &schema::Shape| top.get_ref().keys().filter(|key| shape.keys.contains(&key.get_ref().as_ref())).count();
    // Of several with as many keys the last counts: a profile has keys of a site as well, and an id beside them.
    let kinds = [
        (FileKind::Overrides, count(&overrides::TOP)),
        (FileKind::Profile, count(&schema::TOP)),
        (FileKind::Site, count(&site::schema::TOP)),
    ];
    kinds.into_iter().filter(|(_, keys)| *keys > 0).max_by_key(|(_, keys)| *keys).map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::catalog::BUILT_IN;

    #[test]
    fn every_profile_is_told_from_sites_and_override_files() {
        for (file, text) in BUILT_IN {
            assert_eq!(kind_of(text), Some(FileKind::Profile), "{file}");
        }
        let site = "schema = 1\nname = \"Harbour\"\n[network]\nssid = \"hall\"\n";
        assert_eq!(kind_of(site), Some(FileKind::Site));
        assert_eq!(kind_of("[[map]]\nhost = \"a.example\"\nto = \"127.0.0.1\"\n"), Some(FileKind::Overrides));
    }

    #[test]
    fn a_mistake_hides_nothing_and_another_program_s_file_is_none() {
        assert_eq!(kind_of("schema = 1\nid = \"x\"\nname = \"x\nvendor = \"y\"\n"), Some(FileKind::Profile));
        assert_eq!(kind_of("[package]\nversion = \"1\"\n"), None);
        assert_eq!(kind_of(""), None);
        assert_eq!(kind_of("\u{0}\u{1}"), None);
    }
}
