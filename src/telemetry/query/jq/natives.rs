//! What jq offers beyond its own definitions, for our values: lengths, membership, JSON, and regular expressions by a library
//! whose time and memory are bounded.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jaq_core::native::{Filter, bome, unary, v};
use jaq_core::{RunPtr, ValR, ValT as _};
use jaq_std::ValT as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use regex::{Regex, RegexBuilder};

use super::Jq;
use super::gauge;
use super::item::{Error, Item};
use crate::telemetry::decode::json;

/// What stays as it is in an address.
const URI: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The most memory a regular expression may become, in bytes.
const MAX_REGEX_BYTES: usize = 256 * 1024;
/// How many of them a thread keeps ready.
const MAX_REGEXES: usize = 16;
/// What making one ready costs.
const REGEX_STEPS: usize = 2_000;

/// All of them, by name and number of arguments.
pub(super) fn all() -> Vec<Filter<RunPtr<Jq>>> {
    vec![
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("tojson", v(0), |cv| bome(Ok(Item::from(cv.1.json())))),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("isbytes", v(0), |cv| bome(Ok(matches!(cv.1, Item::Bytes(_)).into()))),
        ("bytes_to_base64", v(0), |cv| bome(of_bytes(&cv.1, |bytes| STANDARD.encode(bytes)))),
        ("bytes_to_uri", v(0), |cv| bome(of_bytes(&cv.1, |bytes| percent_encode(bytes, &URI).to_string()))),
        ("tobytes", v(0), |cv| bome(to_bytes(cv.1))),
        ("has", v(1), |cv| unary(cv, |item, key| has(&item, &key))),
        ("contains", v(1), |cv| unary(cv, |item, part| Ok(contains(&item, &part).into()))),
        ("indices", v(1), |cv| unary(cv, |item, part| indices(&item, &part))),
        ("bsearch", v(1), |cv| unary(cv, |item, wanted| binary_search(item, &wanted))),
        ("matches", v(2), |mut cv| {
            let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
            bome(matches(&cv.1, &pattern, &flags, Parts { between: false, matches: true }))
        }),
        ("split_matches", v(2), |mut cv| {
            let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
            bome(matches(&cv.1, &pattern, &flags, Parts { between: true, matches: true }))
        }),
        ("split_", v(2), |mut cv| {
            let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
            bome(matches(&cv.1, &pattern, &flags, Parts { between: true, matches: false }))
        }),
    ]
}

fn length(item: &Item) -> ValR<Item> {
    Ok(match item {
        Item::Null => Item::Int(0),
        Item::Bool(_) => return Err(Error::str("true and false have no length")),
        Item::Int(number) => Item::Int(number.checked_abs().unwrap_or(i128::MAX)),
        Item::Float(_) | Item::Digits(_) => Item::Float(item.as_f64().unwrap_or(f64::NAN).abs()),
        Item::Text(text) => {
            gauge::steps(text.len() / 64);
            Item::from(text.chars().count())
        }
        Item::Bytes(bytes) => Item::from(bytes.len()),
        Item::List(list) => Item::from(list.items.len()),
        Item::Map(map) => Item::from(map.len()),
    })
}

fn from_json(item: &Item) -> ValR<Item> {
    let Item::Text(text) = item else { return Err(Error::typ(item.clone(), "text")) };
    // A text of numbers takes the most: three bytes become a value.
    gauge::bytes(text.len().saturating_mul(16));
    match json::parse(text.as_bytes()) {
        Ok(value) => Ok(Item::from_value(&value)),
        Err(failure) => Err(Error::str(format_args!("no JSON at byte {}: {}", failure.offset, failure.what))),
    }
}

/// A text made of bytes as they are.
fn of_bytes(item: &Item, text: fn(&[u8]) -> String) -> ValR<Item> {
    let Item::Bytes(bytes) = item else { return Err(Error::typ(item.clone(), "bytes")) };
    gauge::bytes(3 * bytes.len());
    Ok(Item::from(text(bytes)))
}

fn to_bytes(item: Item) -> ValR<Item> {
    match item {
        Item::Text(text) => {
            gauge::bytes(text.len());
            Ok(Item::Bytes(text.as_bytes().into()))
        }
        Item::Bytes(_) => Ok(item),
        item => Err(Error::typ(item, "text")),
    }
}

fn has(item: &Item, key: &Item) -> ValR<Item> {
    match (item, key) {
        (Item::Map(map), Item::Text(name)) => Ok(map.get(name).is_some().into()),
        (Item::List(list), Item::Int(place)) => {
            Ok(usize::try_from(*place).is_ok_and(|place| place < list.items.len()).into())
        }
        _ => Err(Error::index(item.clone(), key.clone())),
    }
}

fn contains(item: &Item, part: &Item) -> bool {
    gauge::step();
    match (item, part) {
        (Item::Text(text), Item::Text(part)) => {
            gauge::steps((text.len() + part.len()) / 64);
            text.contains(&**part)
        }
        (Item::List(list), Item::List(parts)) => {
            parts.items.iter().all(|part| list.items.iter().any(|item| contains(item, part)))
        }
        (Item::Map(map), Item::Map(_)) => part.clone().key_values().all(|member| match member {
            Ok((Item::Text(name), part)) => map.get(&name).is_some_and(|item| contains(item, &part)),
            _ => false,
        }),
        _ => item == part,
    }
}

/// Where a part begins: characters of a text, items of a list.
pub(super) fn indices(item: &Item, part: &Item) -> ValR<Item> {
    match (item, part) {
        (Item::Null, _) => Ok(Item::Null),
        (Item::Text(text), Item::Text(part)) => {
            gauge::steps(text.len().saturating_mul(1 + part.len() / 16) / 16);
            let begins = text.char_indices().enumerate().filter(|(_, (at, _))| text[*at..].starts_with(&**part));
            let begins = begins.filter(|_| !part.is_empty());
            Ok(begins.map(|(place, _)| Item::from(place)).collect())
        }
        (Item::List(list), Item::List(part)) if !part.items.is_empty() => {
            let windows = list.items.windows(part.items.len()).enumerate();
            Ok(windows.filter(|(_, window)| *window == part.items).map(|(place, _)| Item::from(place)).collect())
        }
        (Item::List(_), Item::List(_)) => Ok(Item::list(Vec::new())),
        (Item::List(list), part) => {
            let items = list.items.iter().enumerate();
            Ok(items.filter(|(_, item)| *item == part).map(|(place, _)| Item::from(place)).collect())
        }
        _ => Err(Error::index(item.clone(), part.clone())),
    }
}

fn binary_search(item: Item, wanted: &Item) -> ValR<Item> {
    let Item::List(list) = item else { return Err(Error::typ(item, "list")) };
    Ok(match list.items.binary_search(wanted) {
        Ok(place) => Item::from(place),
        Err(place) => Item::Int(-1 - place as i128),
    })
}

/// What is wanted of a text that was searched.
#[derive(Clone, Copy)]
struct Parts {
    between: bool,
    matches: bool,
}

thread_local! {
    /// Regular expressions that are ready, by flags and pattern, the oldest first.
    static REGEXES: RefCell<Vec<(String, Rc<Regex>)>> = const { RefCell::new(Vec::new()) };
}

fn regex(pattern: &str, flags: &str) -> Result<Rc<Regex>, Error> {
    let key = format!("{flags}/{pattern}");
    let ready =
        REGEXES.with_borrow(|ready| ready.iter().find(|(other, _)| *other == key).map(|(_, regex)| regex.clone()));
    if let Some(regex) = ready {
        return Ok(regex);
    }
    gauge::steps(REGEX_STEPS);
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(MAX_REGEX_BYTES).dfa_size_limit(MAX_REGEX_BYTES).nest_limit(50);
    for flag in flags.chars() {
        match flag {
            'g' | 'n' => &mut builder,
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'l' => builder.swap_greed(true),
            'x' => builder.ignore_whitespace(true),
            'p' => builder.multi_line(true).dot_matches_new_line(true),
            flag => return Err(Error::str(format_args!("there is no flag {flag} for regular expressions"))),
        };
    }
    let regex =
        Rc::new(builder.build().map_err(|_| Error::str("this isn't a regular expression, or grows too large"))?);
    REGEXES.with_borrow_mut(|ready| {
        if ready.len() >= MAX_REGEXES {
            ready.remove(0);
        }
        ready.push((key, Rc::clone(&regex)));
    });
    Ok(regex)
}

fn matches(item: &Item, pattern: &Item, flags: &Item, parts: Parts) -> ValR<Item> {
    let text_of = |item: &Item| match item {
        Item::Text(text) => Ok(Arc::clone(text)),
        item => Err(Error::typ(item.clone(), "text")),
    };
    let (text, pattern, flags) = (text_of(item)?, text_of(pattern)?, text_of(flags)?);
    let regex = regex(&pattern, &flags)?;
    gauge::bytes(text.len());
    let mut found = Vec::new();
    let (mut last, mut counted) = (0, (0, 0));
    for captures in regex.captures_iter(&text) {
        let Some(whole) = captures.get(0) else { continue };
        if flags.contains('n') && whole.is_empty() {
            continue;
        }
        if parts.between {
            found.push(Item::text(&text[last..whole.start()]));
            last = whole.end();
        }
        if parts.matches {
            let groups = captures.iter().zip(regex.capture_names());
            found.push(groups.filter_map(|(group, name)| Some(one_match(&text, group?, name, &mut counted))).collect());
        }
        if !flags.contains('g') {
            break;
        }
    }
    if parts.between {
        found.push(Item::text(&text[last..]));
    }
    Ok(found.into_iter().collect())
}

/// A match as jq tells it. Places count characters; `counted` is a place in bytes and in characters to count on from.
fn one_match(text: &str, group: regex::Match<'_>, name: Option<&str>, counted: &mut (usize, usize)) -> Item {
    if group.start() < counted.0 {
        *counted = (0, 0);
    }
    gauge::steps((group.start() - counted.0 + group.len()) / 64);
    let offset = counted.1 + text[counted.0..group.start()].chars().count();
    *counted = (group.start(), offset);
    let members = [
        ("offset", Item::from(offset)),
        ("length", Item::from(group.as_str().chars().count())),
        ("string", Item::text(group.as_str())),
    ];
    let name = name.map(|name| ("name", Item::text(name)));
    Item::map(members.into_iter().chain(name).map(|(name, item)| (Arc::from(name), item)))
}
