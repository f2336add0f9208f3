//! [`Form`]: one way to write a secret, as a row of units of which each has several spellings.
//!
//! A unit is an octet, a character or a base64 digit. Spellings may mix within one occurrence (`%41B%43`), so a form is
//! matched like a small regular expression, by the set of places it may have come to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Secrets shorter than this are looked for as text only: their dumps would be found everywhere.
const MIN_DUMPED: usize = 3;
/// What may stand between the octets of a dump.
const HEX_SEPARATORS: [&str; 9] = ["", " ", ":", "-", ",", ", ", "\\x", ", 0x", ",0x"];
/// What may stand between the numbers of a list.
const LIST_SEPARATORS: [&str; 3] = [", ", ",", " "];
/// Signs that HTML and XML write by name.
const ENTITIES: [(char, &str); 5] = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];

/// One place in a form: any of these spellings.
type Unit = Vec<Vec<u8>>;

/// How far a form matches.
#[derive(Default)]
pub(super) struct Reach {
    /// Length of the longest occurrence; 0 if there is none.
    pub(super) longest: usize,
    /// Whether the bytes end within what may become an occurrence.
    pub(super) is_open: bool,
}

/// One way to write a secret.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Form {
    units: Vec<Unit>,
    /// Which octets a spelling of the first unit begins with: most places are ruled out by one look.
    can_begin: Vec<bool>,
}

impl Form {
    fn new(units: Vec<Unit>) -> Self {
        let mut can_begin = vec![false; 256];
        for octet in units.iter().take(1).flatten().filter_map(|spelling| spelling.first()) {
            can_begin[usize::from(*octet)] = true;
        }
        Self { units, can_begin }
    }

    /// Matches the form at the front of the bytes.
    pub(super) fn reach(&self, bytes: &[u8]) -> Reach {
        match bytes.first() {
            Some(first) if self.can_begin[usize::from(*first)] => self.walk(bytes),
            _ => Reach::default(),
        }
    }

    fn walk(&self, bytes: &[u8]) -> Reach {
        let mut places = vec![0];
        let mut is_open = false;
        for unit in &self.units {
            places = step(unit, bytes, &places, &mut is_open);
            if places.is_empty() {
                return Reach { longest: 0, is_open };
            }
        }
        Reach { longest: places.into_iter().max().unwrap_or_default(), is_open }
    }

    /// Whether an occurrence could be read in the mark, or across one of its edges.
    pub(super) fn is_readable_around(&self, mark: &[u8]) -> bool {
        let begins_in_mark = (0..mark.len()).any(|start| {
            let reach = self.reach(&mark[start..]);
            reach.is_open || reach.longest > 0
        });
        begins_in_mark || self.ends_in(mark) || self.contains(mark)
    }

    /// Whether an occurrence could end with the first octets of the mark. Looks at the last unit's spellings.
    fn ends_in(&self, mark: &[u8]) -> bool {
        let mut tails: Vec<Vec<u8>> = vec![Vec::new()];
        for unit in self.units.iter().rev() {
            tails = tails
                .iter()
                .flat_map(|tail| unit.iter().map(move |spelling| [spelling.as_slice(), tail.as_slice()].concat()))
                .collect();
            let is_hit = tails.iter().any(|tail| (1..=mark.len()).any(|end| tail.ends_with(&mark[..end])));
            tails.retain(|tail| tail.len() < mark.len() && mark_has_tail(mark, tail));
            if is_hit {
                tails.zeroize();
                return true;
            }
            if tails.is_empty() {
                return false;
            }
        }
        false
    }

    /// Whether the mark could stand within an occurrence. Only the plain spellings are looked at.
    fn contains(&self, mark: &[u8]) -> bool {
        let plain: Zeroizing<Vec<u8>> =
            Zeroizing::new(self.units.iter().filter_map(|unit| unit.first()).flatten().copied().collect());
        plain.windows(mark.len()).any(|window| window == mark)
    }
}

/// Whether the tail can grow, to the left, into something that ends with a beginning of the mark.
fn mark_has_tail(mark: &[u8], tail: &[u8]) -> bool {
    mark.windows(tail.len().max(1)).any(|window| tail.is_empty() || window == tail)
}

/// The places after a unit, from the places before it.
fn step(unit: &Unit, bytes: &[u8], places: &[usize], is_open: &mut bool) -> Vec<usize> {
    let mut next = Vec::new();
    for &place in places {
        let rest = &bytes[place..];
        for spelling in unit {
            if rest.starts_with(spelling) {
                let after = place + spelling.len();
                if !next.contains(&after) {
                    next.push(after);
                }
            } else if spelling.starts_with(rest) {
                *is_open = true;
            }
        }
    }
    next
}

/// All forms of a secret, which is not empty.
pub(super) fn forms_of(secret: &[u8]) -> Vec<Form> {
    let text = std::str::from_utf8(secret).ok();
    let mut forms = vec![Form::new(text.map_or_else(|| octet_units(secret), text_units))];
    if secret.len() < MIN_DUMPED {
        return forms;
    }
    if let Some(text) = text {
        forms.push(Form::new(text.encode_utf16().map(|unit| vec![unit.to_le_bytes().to_vec()]).collect()));
        forms.push(Form::new(text.encode_utf16().map(|unit| vec![unit.to_be_bytes().to_vec()]).collect()));
    }
    forms.push(Form::new(joined(secret, &HEX_SEPARATORS, hex_spellings)));
    forms.push(Form::new(joined(secret, &LIST_SEPARATORS, |octet| vec![octet.to_string().into_bytes()])));
    forms.extend((0..3).map(|alignment| Form::new(base64_units(secret, alignment))));
    forms
}

/// Text, each character plain or escaped.
fn text_units(text: &str) -> Vec<Unit> {
    text.chars().map(char_unit).collect()
}

/// The spellings of a character, the plain one first.
fn char_unit(c: char) -> Unit {
    let mut buffer = [0; 4];
    let octets = c.encode_utf8(&mut buffer).as_bytes();
    let mut unit: Unit = vec![octets.to_vec()];
    unit.extend(escapes(c));
    for is_upper in [false, true] {
        unit.push(octets.iter().flat_map(|octet| percent(*octet, is_upper)).collect());
    }
    unit
}

fn escapes(c: char) -> Vec<Vec<u8>> {
    let mut found: Vec<String> = Vec::new();
    let code = u32::from(c);
    let mut buffer = [0; 2];
    let utf16 = c.encode_utf16(&mut buffer);
    found.push(utf16.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat());
    found.push(utf16.iter().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat());
    found.extend([format!("\\u{{{code:x}}}"), format!("\\u{{{code:X}}}"), format!("&#{code};")]);
    found.extend([format!("&#x{code:x};"), format!("&#x{code:X};")]);
    if c.is_ascii() {
        found.extend([format!("\\x{code:02x}"), format!("\\x{code:02X}")]);
    }
    if c.is_ascii_punctuation() || c == ' ' {
        found.push(format!("\\{c}"));
    }
    match c {
        ' ' => found.push("+".into()),
        '\n' => found.push("\\n".into()),
        '\r' => found.push("\\r".into()),
        '\t' => found.push("\\t".into()),
        '\u{8}' => found.push("\\b".into()),
        '\u{c}' => found.push("\\f".into()),
        _ => {}
    }
    found.extend(ENTITIES.iter().filter(|(sign, _)| *sign == c).map(|(_, name)| (*name).to_owned()));
    found.into_iter().map(String::into_bytes).collect()
}

/// Octets that are no text: plain, percent-escaped or with `\x`.
fn octet_units(octets: &[u8]) -> Vec<Unit> {
    octets
        .iter()
        .map(|octet| {
            let mut unit = vec![vec![*octet], percent(*octet, false), percent(*octet, true)];
            unit.extend([format!("\\x{octet:02x}").into_bytes(), format!("\\x{octet:02X}").into_bytes()]);
            unit
        })
        .collect()
}

fn percent(octet: u8, is_upper: bool) -> Vec<u8> {
    if is_upper { format!("%{octet:02X}") } else { format!("%{octet:02x}") }.into_bytes()
}

fn hex_spellings(octet: u8) -> Unit {
    let mut unit = vec![format!("{octet:02x}").into_bytes(), format!("{octet:02X}").into_bytes()];
    unit.dedup();
    unit
}

/// The octets of a dump with separators between them.
fn joined(octets: &[u8], separators: &[&str], spellings: impl Fn(u8) -> Unit) -> Vec<Unit> {
    let mut units = Vec::with_capacity(octets.len() * 2);
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 {
            units.push(separators.iter().map(|separator| separator.as_bytes().to_vec()).collect());
        }
        units.push(spellings(*octet));
    }
    units
}

/// The base64 digits of the secret when it begins `alignment` octets into a group of three.
///
/// The first and last digit may hold bits of a neighbour: then they are units with all spellings these bits allow.
fn base64_units(secret: &[u8], alignment: usize) -> Vec<Unit> {
    let digits_of = |filler: u8| {
        let mut padded = Zeroizing::new(vec![filler; alignment]);
        padded.extend_from_slice(secret);
        let length = padded.len().next_multiple_of(3);
        padded.resize(length, filler);
        Zeroizing::new(STANDARD.encode(padded.as_slice()).into_bytes())
    };
    let (low, high) = (digits_of(0), digits_of(0xFF));
    let (first_bit, end_bit) = (alignment * 8, (alignment + secret.len()) * 8);
    let digits = first_bit / 6..end_bit.div_ceil(6);
    let mut units: Vec<Unit> = digits.map(|index| digit_unit(low[index], high[index])).collect();
    match end_bit % 24 {
        8 => units.push(vec![Vec::new(), b"=".to_vec(), b"==".to_vec(), b"%3D%3D".to_vec(), b"%3d%3d".to_vec()]),
        16 => units.push(vec![Vec::new(), b"=".to_vec(), b"%3D".to_vec(), b"%3d".to_vec()]),
        _ => {}
    }
    units
}

/// A digit that is fixed, or all digits that share the bits in which the two given ones agree.
fn digit_unit(low: u8, high: u8) -> Unit {
    let (low, high) = (digit_value(low), digit_value(high));
    let free = low ^ high;
    (0..64).filter(|value| value & !free == low & !free).flat_map(digit_spellings).collect()
}

fn digit_value(digit: u8) -> u8 {
    match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

/// A digit in the standard and the URL alphabet.
fn digit_spellings(value: u8) -> Unit {
    match value {
        0..26 => vec![vec![b'A' + value]],
        26..52 => vec![vec![b'a' + value - 26]],
        52..62 => vec![vec![b'0' + value - 52]],
        62 => vec![b"+".to_vec(), b"-".to_vec(), b"%2B".to_vec(), b"%2b".to_vec()],
        _ => vec![b"/".to_vec(), b"_".to_vec(), b"%2F".to_vec(), b"%2f".to_vec(), b"\\/".to_vec()],
    }
}
