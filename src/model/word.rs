//! [`Word`]: enums whose values are single words in profile files, reports and JSON lines.
//!
//! One declaration gives the enum, its words and the list of all of them, so that an error text can name what is allowed.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

use super::ids::{DriverId, LinkKind};
use super::text::visible;
use super::wifi::{Band, Security};

/// A closed set of words.
pub trait Word: Copy + PartialEq + 'static {
    /// Every value a file may name.
    const ALL: &'static [Self];

    /// The word as written.
    fn word(self) -> &'static str;

    /// The value of that word.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.word() == word)
    }
}

/// Declares an enum together with the word of each value.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// The word as written in profiles, reports and JSON lines.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl $crate::model::word::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::model::word::read(deserializer)
            }
        }
    };
}

/// Reads a word of a closed set; another one is an error that names those there are.
pub(crate) fn read<'de, T: Word, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    T::from_word(&word).ok_or_else(|| {
        let known: Vec<&str> = T::ALL.iter().map(|value| value.word()).collect();
        D::Error::custom(format!("\"{}\" isn't one of {}", visible(&word, 60), known.join(", ")))
    })
}

pub(crate) use words;

impl Word for DriverId {
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for LinkKind {
    const ALL: &'static [Self] = &[Self::Serial, Self::Ble, Self::Http, Self::Udp];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Band {
    const ALL: &'static [Self] = &[Self::Ghz2_4, Self::Ghz5, Self::Ghz6];

    fn word(self) -> &'static str {
        match self {
            Self::Ghz2_4 => "2.4GHz",
            Self::Ghz5 => "5GHz",
            Self::Ghz6 => "6GHz",
        }
    }
}

impl Word for Security {
    /// What a profile may name: `protected` and unknown numbers are observations, not abilities.
    const ALL: &'static [Self] =
        &[Self::Open, Self::Wep, Self::Wpa, Self::Wpa2, Self::WpaWpa2, Self::Wpa2Wpa3, Self::Wpa3, Self::Enterprise];

    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Wep => "wep",
            Self::Wpa => "wpa",
            Self::Wpa2 => "wpa2",
            Self::WpaWpa2 => "wpa-wpa2",
            Self::Wpa2Wpa3 => "wpa2-wpa3",
            Self::Wpa3 => "wpa3",
            Self::Enterprise => "enterprise",
            Self::Protected => "protected",
            Self::Other(_) => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Word + std::fmt::Debug>() {
        for value in T::ALL {
            assert_eq!(T::from_word(value.word()), Some(*value));
        }
        assert_eq!(T::from_word("no such word"), None);
    }

    #[test]
    fn every_word_reads_back() {
        check::<DriverId>();
        check::<LinkKind>();
        check::<Band>();
        check::<Security>();
    }
}
