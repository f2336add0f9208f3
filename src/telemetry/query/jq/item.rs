//! [`Item`]: a value as jq computes with it. Whatever it does costs steps, and memory before it is taken.

mod arithmetic;

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Exn, ValR, ValX};
use rustc_hash::FxHashMap;

use super::gauge;
use crate::telemetry::decode::json;
use crate::telemetry::decode::limit::MAX_DEPTH;
use crate::telemetry::value::Value;

pub(super) type Error = jaq_core::Error<Item>;

/// What a value costs in a list, in bytes.
const ITEM_BYTES: usize = size_of::<Item>();
/// Up to here names are compared one after the other.
const SCANNED: usize = 16;

#[derive(Clone, Debug)]
pub(super) enum Item {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// A number as written, until something is computed with it.
    Digits(Arc<str>),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Rc<List>),
    Map(Rc<Map>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) items: Vec<Item>,
    depth: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    members: Vec<(Arc<str>, Item)>,
    /// Where the names are, once there are many.
    places: FxHashMap<Arc<str>, usize>,
    depth: usize,
}

impl Map {
    fn place(&self, name: &str) -> Option<usize> {
        if self.places.is_empty() {
            self.members.iter().position(|(other, _)| &**other == name)
        } else {
            self.places.get(name).copied()
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Item> {
        self.place(name).map(|place| &self.members[place].1)
    }

    fn insert(&mut self, name: Arc<str>, item: Item) {
        self.depth = self.depth.max(deeper(&item));
        if let Some(place) = self.place(&name) {
            self.members[place].1 = item;
            return;
        }
        gauge::bytes(ITEM_BYTES + 2 * size_of::<Arc<str>>());
        if !self.places.is_empty() {
            self.places.insert(Arc::clone(&name), self.members.len());
        }
        self.members.push((name, item));
        if self.places.is_empty() && self.members.len() > SCANNED {
            self.index();
        }
    }

    fn index(&mut self) {
        let places = self.members.iter().enumerate();
        self.places = places.map(|(place, (name, _))| (Arc::clone(name), place)).collect();
    }

    fn remove(&mut self, place: usize) {
        gauge::steps(self.members.len() / 8);
        self.members.remove(place);
        if !self.places.is_empty() {
            self.index();
        }
    }

    /// The members by name, as jq compares and lists them.
    fn sorted(&self) -> Vec<(&Arc<str>, &Item)> {
        gauge::bytes(self.members.len() * 2 * size_of::<usize>());
        let mut members: Vec<_> = self.members.iter().map(|(name, item)| (name, item)).collect();
        members.sort_by_key(|(name, _)| *name);
        members
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// The depth of what holds the item.
fn deeper(item: &Item) -> usize {
    let depth = 1 + match item {
        Item::List(list) => list.depth,
        Item::Map(map) => map.depth,
        _ => 0,
    };
    if depth > 2 * MAX_DEPTH {
        gauge::stop("Its results are nested too deep");
    }
    depth
}

/// The content, alone or copied.
fn owned<T: Clone>(shared: Rc<T>, bytes: usize) -> T {
    Rc::try_unwrap(shared).unwrap_or_else(|shared| {
        gauge::bytes(bytes);
        (*shared).clone()
    })
}

fn own_list(list: Rc<List>) -> List {
    let bytes = list.items.len() * ITEM_BYTES;
    owned(list, bytes)
}

fn own_map(map: Rc<Map>) -> Map {
    let bytes = map.members.len() * (ITEM_BYTES + 2 * size_of::<Arc<str>>());
    owned(map, bytes)
}

/// As [`Rc::make_mut`], counted.
fn list_mut(list: &mut Rc<List>) -> &mut List {
    if Rc::strong_count(list) > 1 {
        gauge::bytes(list.items.len() * ITEM_BYTES);
    }
    Rc::make_mut(list)
}

fn map_mut(map: &mut Rc<Map>) -> &mut Map {
    if Rc::strong_count(map) > 1 {
        gauge::bytes(map.members.len() * (ITEM_BYTES + 2 * size_of::<Arc<str>>()));
    }
    Rc::make_mut(map)
}

impl Item {
    pub(super) fn list(items: Vec<Self>) -> Self {
        let depth = items.iter().map(deeper).max().unwrap_or(1);
        Self::List(Rc::new(List { items, depth }))
    }

    pub(super) fn text(text: &str) -> Self {
        gauge::bytes(text.len());
        Self::Text(text.into())
    }

    pub(super) fn map(members: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        let mut map = Map::default();
        for (name, item) in members {
            map.insert(name, item);
        }
        Self::Map(Rc::new(map))
    }

    /// A payload's value. Times become seconds since 1970, as jq has them.
    #[expect(clippy::cast_precision_loss, reason = "a date and time has no more digits than that")]
    pub(super) fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(number) => Self::Int(*number),
            Value::Number(number) => Self::Float(*number),
            Value::Digits(digits) => Self::Digits(Arc::clone(digits)),
            Value::Text(text) => Self::Text(Arc::clone(text)),
            Value::Bytes(bytes) => Self::Bytes(Arc::clone(bytes)),
            Value::Time(micros) if micros % 1_000_000 == 0 => Self::Int(i128::from(micros / 1_000_000)),
            Value::Time(micros) => Self::Float(*micros as f64 / 1e6),
            Value::List(items) => Self::list(items.iter().map(Self::from_value).collect()),
            Value::Map(members) => {
                Self::map(members.iter().map(|(name, value)| (Arc::clone(name), Self::from_value(value))))
            }
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(number) => Value::Integer(number),
            Self::Float(number) => Value::Number(number),
            Self::Digits(digits) => Value::Digits(digits),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::List(list) => Value::List(own_list(list).items.into_iter().map(Self::into_value).collect()),
            Self::Map(map) => {
                let members = own_map(map).members;
                Value::Map(members.into_iter().map(|(name, item)| (name, item.into_value())).collect())
            }
        }
    }

    /// The item as JSON.
    pub(super) fn json(&self) -> String {
        let text = json::to_json_within(&self.clone().into_value(), super::MAX_JSON_BYTES);
        if text.len() > super::MAX_JSON_BYTES {
            gauge::stop("Its results take too much memory");
        }
        gauge::bytes(text.len());
        text
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Int(number) => Some(Number::Int(*number)),
            Self::Float(number) => Some(Number::Float(*number)),
            Self::Digits(digits) => Some(Number::Float(digits.parse().unwrap_or(f64::NAN))),
            _ => None,
        }
    }

    /// A place in something of that length: whole numbers from the end if negative, fractions cut.
    #[expect(clippy::cast_possible_truncation, reason = "a place beyond all lengths stays beyond them")]
    fn place(&self, length: usize) -> Option<i128> {
        let place = match self.number()? {
            Number::Int(place) => place,
            Number::Float(place) if place.is_nan() => return None,
            Number::Float(place) => place.floor() as i128,
        };
        Some(if place < 0 { place.saturating_add(length as i128) } else { place })
    }

    /// From where to where, of something of that length.
    fn bounds(range: &Range<&Self>, length: usize) -> Result<std::ops::Range<usize>, Error> {
        let bound = |bound: Option<&Self>, default: usize| match bound {
            None | Some(Self::Null) => Ok(default),
            Some(item) => item
                .place(length)
                .map(|place| usize::try_from(place.clamp(0, length as i128)).unwrap_or(length))
                .ok_or_else(|| Error::typ(item.clone(), "integer")),
        };
        let (start, end) = (bound(range.start, 0)?, bound(range.end, length)?);
        Ok(start..end.max(start))
    }

    /// `{"start": 1, "end": 2}`, as paths have it.
    fn range_of(map: &Map) -> Range<&Self> {
        map.get("start")..map.get("end")
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) | Self::Digits(_) => 2,
            Self::Text(_) | Self::Bytes(_) => 3,
            Self::List(_) => 4,
            Self::Map(_) => 5,
        }
    }

    /// The order of jq. What is not a number comes before all numbers; before itself too if `is_strange`, as jq has it.
    fn order(&self, other: &Self, is_strange: bool) -> Ordering {
        gauge::step();
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Text(_) | Self::Bytes(_), Self::Text(_) | Self::Bytes(_)) => self.octets().cmp(other.octets()),
            (Self::List(left), Self::List(right)) => {
                let pairs = left.items.iter().zip(&right.items);
                let first = pairs.map(|(left, right)| left.order(right, is_strange)).find(|order| order.is_ne());
                first.unwrap_or_else(|| left.items.len().cmp(&right.items.len()))
            }
            (Self::Map(left), Self::Map(right)) => {
                let (left, right) = (left.sorted(), right.sorted());
                left.iter().map(|(name, _)| name).cmp(right.iter().map(|(name, _)| name)).then_with(|| {
                    let pairs = left.iter().zip(&right);
                    let orders = pairs.map(|((_, left), (_, right))| left.order(right, is_strange));
                    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
                })
            }
            _ => match (self.number(), other.number()) {
                (Some(left), Some(right)) => left.order(right, is_strange),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }
}

#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "beyond 53 bits jq's numbers are not exact either")]
    fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    fn order(self, other: Self, is_strange: bool) -> Ordering {
        if let (Self::Int(left), Self::Int(right)) = (self, other) {
            return left.cmp(&right);
        }
        let (left, right) = (self.float(), other.float());
        match (left.is_nan(), right.is_nan()) {
            (true, true) if is_strange => Ordering::Less,
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        }
    }

    /// Whole numbers stay whole for as long as they fit.
    fn compute(self, other: Self, whole: fn(i128, i128) -> Option<i128>, float: fn(f64, f64) -> f64) -> Item {
        if let (Self::Int(left), Self::Int(right)) = (self, other)
            && let Some(number) = whole(left, right)
        {
            return Item::Int(number);
        }
        Item::Float(float(self.float(), other.float()))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        let is_nan = |item: &Self| item.number().is_some_and(|number| number.float().is_nan());
        !is_nan(self) && self.order(other, false).is_eq()
    }
}

impl Eq for Item {}

#[expect(clippy::non_canonical_partial_ord_impl, reason = "jq wants `nan < nan`, and sorting an order without such")]
impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.order(other, true))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other, false)
    }
}

/// For messages about errors: shortened.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        match self {
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("an object"),
            Self::Bytes(_) => f.write_str("bytes"),
            Self::Text(text) if text.chars().count() > MOST => {
                write!(f, "\"{}…\"", text.chars().take(MOST).collect::<String>())
            }
            item => f.write_str(&json::to_json(&item.clone().into_value())),
        }
    }
}

impl From<bool> for Item {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<isize> for Item {
    fn from(number: isize) -> Self {
        Self::Int(number as i128)
    }
}

impl From<usize> for Item {
    fn from(number: usize) -> Self {
        Self::Int(number as i128)
    }
}

impl From<f64> for Item {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl From<Range<Self>> for Item {
    fn from(range: Range<Self>) -> Self {
        let bounds = [("start", range.start), ("end", range.end)];
        Self::map(bounds.into_iter().filter_map(|(name, bound)| Some((Arc::from(name), bound?))))
    }
}

impl FromIterator<Self> for Item {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        Self::list(items.into_iter().inspect(|_| gauge::bytes(ITEM_BYTES)).collect())
    }
}

impl jaq_core::ValT for Item {
    fn from_num(number: &str) -> ValR<Self> {
        let whole = number.parse().map(Self::Int);
        Ok(whole.unwrap_or_else(|_| Self::Float(number.parse().unwrap_or(f64::NAN))))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR<Self> {
        let mut map = Map::default();
        for (name, item) in members {
            match name {
                Self::Text(name) => map.insert(name, item),
                name => return Err(Error::typ(name, "name of a member")),
            }
        }
        Ok(Self::Map(Rc::new(map)))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        gauge::step();
        match self {
            Self::List(list) => {
                let items = own_list(list).items.into_iter().enumerate();
                Box::new(items.map(|(place, item)| {
                    gauge::step();
                    Ok((Self::from(place), item))
                }))
            }
            Self::Map(map) => Box::new(own_map(map).members.into_iter().map(|(name, item)| {
                gauge::step();
                Ok((Self::Text(name), item))
            })),
            item => box_once(Err(Error::typ(item, "list or object"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        gauge::step();
        match self {
            Self::List(list) => Box::new(own_list(list).items.into_iter().map(|item| {
                gauge::step();
                Ok(item)
            })),
            Self::Map(map) => Box::new(own_map(map).members.into_iter().map(|(_, item)| {
                gauge::step();
                Ok(item)
            })),
            item => Box::new(std::iter::once(Err(Error::typ(item, "list or object")))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        gauge::step();
        match (&self, index) {
            (Self::Map(map), Self::Text(name)) => Ok(map.get(name).cloned().unwrap_or(Self::Null)),
            (Self::List(list), Self::Int(_) | Self::Float(_) | Self::Digits(_)) => {
                let place = index.place(list.items.len()).and_then(|place| usize::try_from(place).ok());
                Ok(place.and_then(|place| list.items.get(place)).cloned().unwrap_or(Self::Null))
            }
            (Self::Null, Self::Text(_) | Self::Int(_) | Self::Float(_) | Self::Null) => Ok(Self::Null),
            (Self::List(_) | Self::Text(_) | Self::Bytes(_) | Self::Null, Self::Map(map)) => {
                self.clone().range(Self::range_of(map))
            }
            (Self::List(_), Self::List(_)) => super::natives::indices(&self, index),
            _ => Err(Error::index(self, index.clone())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        gauge::step();
        match &self {
            Self::Null => Ok(Self::Null),
            Self::List(list) => {
                let bounds = Self::bounds(&range, list.items.len())?;
                gauge::bytes(bounds.len() * ITEM_BYTES);
                Ok(Self::list(list.items[bounds].to_vec()))
            }
            Self::Text(text) => {
                gauge::steps(text.len() / 64);
                let bounds = Self::bounds(&range, text.chars().count())?;
                let part: String = text.chars().skip(bounds.start).take(bounds.len()).collect();
                Ok(Self::text(&part))
            }
            Self::Bytes(bytes) => {
                let bounds = Self::bounds(&range, bytes.len())?;
                gauge::bytes(bounds.len());
                Ok(Self::Bytes(bytes[bounds].into()))
            }
            _ => Err(Error::typ(self, "list or text")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a, Self> {
        gauge::step();
        match self {
            Self::List(list) => {
                let items: Result<Vec<_>, _> = own_list(list).items.into_iter().flat_map(f).collect();
                Ok(Self::list(items?))
            }
            Self::Map(map) => {
                let mut changed = Map::default();
                for (name, item) in own_map(map).members {
                    if let Some(item) = f(item).next() {
                        changed.insert(name, item?);
                    }
                }
                Ok(Self::Map(Rc::new(changed)))
            }
            item => opt.fail(item, |item| Exn::from(Error::typ(item, "list or object"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        gauge::step();
        match (self, index) {
            (item @ (Self::List(_) | Self::Text(_) | Self::Bytes(_)), Self::Map(map)) => {
                item.map_range(Self::range_of(map), opt, f)
            }
            (Self::Null, Self::Text(_)) => Self::Map(Rc::default()).map_index(index, opt, f),
            (Self::Null, Self::Int(_)) => Self::List(Rc::default()).map_index(index, opt, f),
            (Self::Map(mut shared), Self::Text(name)) => {
                let map = map_mut(&mut shared);
                let place = map.place(name);
                let before = place.map_or(Self::Null, |place| std::mem::replace(&mut map.members[place].1, Self::Null));
                match (f(before).next().transpose()?, place) {
                    (Some(item), _) => map.insert(Arc::clone(name), item),
                    (None, Some(place)) => map.remove(place),
                    (None, None) => {}
                }
                Ok(Self::Map(shared))
            }
            (Self::List(mut shared), Self::Int(_) | Self::Float(_)) => {
                let list = list_mut(&mut shared);
                let Some(place) = index.place(list.items.len()).and_then(|place| usize::try_from(place).ok()) else {
                    let fail = |_| Exn::from(Error::str("the place is before the beginning of the list"));
                    return opt.fail(Self::List(shared), fail);
                };
                if place >= list.items.len() {
                    let Some(item) = f(Self::Null).next().transpose()? else { return Ok(Self::List(shared)) };
                    gauge::bytes((place - list.items.len()).saturating_add(1).saturating_mul(ITEM_BYTES));
                    list.items.resize(place, Self::Null);
                    list.depth = list.depth.max(deeper(&item));
                    list.items.push(item);
                    return Ok(Self::List(shared));
                }
                let before = std::mem::replace(&mut list.items[place], Self::Null);
                if let Some(item) = f(before).next().transpose()? {
                    list.depth = list.depth.max(deeper(&item));
                    list.items[place] = item;
                } else {
                    gauge::steps(list.items.len() / 8);
                    list.items.remove(place);
                }
                Ok(Self::List(shared))
            }
            (item, _) => opt.fail(item, |item| Exn::from(Error::index(item, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        gauge::step();
        let Self::List(mut shared) = self else {
            return opt.fail(self, |item| Exn::from(Error::typ(item, "list")));
        };
        let bounds = match Self::bounds(&range, shared.items.len()) {
            Ok(bounds) => bounds,
            Err(error) => return opt.fail(Self::List(shared), |_| Exn::from(error)),
        };
        gauge::bytes(bounds.len() * ITEM_BYTES);
        let part = Self::list(shared.items[bounds.clone()].to_vec());
        let changed = match f(part).next().transpose()? {
            None => List::default(),
            Some(Self::List(changed)) => own_list(changed),
            Some(item) => return Err(Exn::from(Error::typ(item, "list"))),
        };
        let list = list_mut(&mut shared);
        list.depth = list.depth.max(changed.depth);
        list.items.splice(bounds, changed.items);
        Ok(Self::List(shared))
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    fn into_string(self) -> Self {
        match self {
            Self::Text(_) => self,
            Self::Bytes(bytes) => Self::text(&String::from_utf8_lossy(&bytes)),
            item => Self::Text(item.json().into()),
        }
    }
}

impl jaq_std::ValT for Item {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::List(list) => {
                gauge::steps(list.items.len());
                Ok(own_list(list).items.into_iter().collect())
            }
            item => Err(item),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Int(_))
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Int(number) => isize::try_from(*number).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        self.number().map(Number::float)
    }

    fn is_utf8_str(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        // Whoever asks goes through them.
        let octets = match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            _ => return None,
        };
        gauge::bytes(octets.len());
        Some(octets)
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        match self {
            Self::Bytes(_) => Self::Bytes(sub.into()),
            _ => Self::text(&String::from_utf8_lossy(sub)),
        }
    }

    /// A text; bytes where it is none, so that nothing of them is lost.
    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes.as_ref()) {
            Self::text(text)
        } else {
            gauge::bytes(bytes.as_ref().len());
            Self::Bytes(bytes.as_ref().into())
        }
    }
}
