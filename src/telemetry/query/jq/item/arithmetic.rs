//! What jq's operators do with values: `+` puts together, `-` takes out, `*` merges and repeats, `/` splits.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;
use std::sync::Arc;

use jaq_core::ValR;
use jaq_core::ops::Math;

use super::{Error, ITEM_BYTES, Item, Map, Number, list_mut, map_mut, own_list};
use crate::telemetry::query::jq::gauge;

impl Add for Item {
    type Output = ValR<Self>;

    fn add(self, other: Self) -> ValR<Self> {
        gauge::step();
        match (self, other) {
            (Self::Null, item) | (item, Self::Null) => Ok(item),
            (Self::Text(left), Self::Text(right)) => {
                gauge::bytes(left.len() + right.len());
                Ok(Self::Text(format!("{left}{right}").into()))
            }
            (Self::Bytes(left), Self::Bytes(right)) => {
                gauge::bytes(left.len() + right.len());
                Ok(Self::Bytes([&*left, &*right].concat().into()))
            }
            (Self::List(mut left), Self::List(right)) => {
                gauge::bytes(right.items.len() * ITEM_BYTES);
                let list = list_mut(&mut left);
                list.depth = list.depth.max(right.depth);
                list.items.extend(right.items.iter().cloned());
                Ok(Self::List(left))
            }
            (Self::Map(mut left), Self::Map(right)) => {
                let map = map_mut(&mut left);
                for (name, item) in &right.members {
                    map.insert(Arc::clone(name), item.clone());
                }
                Ok(Self::Map(left))
            }
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.compute(right, i128::checked_add, |left, right| left + right)),
                _ => Err(Error::math(left, Math::Add, right)),
            },
        }
    }
}

impl Sub for Item {
    type Output = ValR<Self>;

    #[expect(clippy::suspicious_arithmetic_impl, reason = "the product is the memory it takes")]
    fn sub(self, other: Self) -> ValR<Self> {
        gauge::step();
        match (self, other) {
            (Self::List(left), Self::List(right)) => {
                gauge::bytes(right.items.len() * ITEM_BYTES);
                let out: std::collections::BTreeSet<_> = right.items.iter().collect();
                Ok(Self::list(own_list(left).items.into_iter().filter(|item| !out.contains(item)).collect()))
            }
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.compute(right, i128::checked_sub, |left, right| left - right)),
                _ => Err(Error::math(left, Math::Sub, right)),
            },
        }
    }
}

/// Puts the members of one object into another, and those of objects below them.
fn merge(left: &mut Rc<Map>, right: &Map) {
    gauge::step();
    let map = map_mut(left);
    for (name, item) in &right.members {
        let place = map.place(name);
        match (place.map(|place| &mut map.members[place].1), item) {
            (Some(Item::Map(below)), Item::Map(item)) => {
                merge(below, item);
                map.depth = map.depth.max(1 + item.depth);
            }
            _ => map.insert(Arc::clone(name), item.clone()),
        }
    }
}

impl Mul for Item {
    type Output = ValR<Self>;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too much is refused before")]
    fn mul(self, other: Self) -> ValR<Self> {
        gauge::step();
        match (self, other) {
            (Self::Map(mut left), Self::Map(right)) => {
                merge(&mut left, &right);
                Ok(Self::Map(left))
            }
            (Self::Text(text), times) | (times, Self::Text(text)) => match times.number().map(Number::float) {
                Some(times) if times > 0.0 => {
                    let times = times.max(1.0) as usize;
                    gauge::bytes(text.len().saturating_mul(times));
                    Ok(Self::Text(text.repeat(times).into()))
                }
                Some(_) => Ok(Self::Null),
                None => Err(Error::math(Self::Text(text), Math::Mul, times)),
            },
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => Ok(left.compute(right, i128::checked_mul, |left, right| left * right)),
                _ => Err(Error::math(left, Math::Mul, right)),
            },
        }
    }
}

impl Div for Item {
    type Output = ValR<Self>;

    fn div(self, other: Self) -> ValR<Self> {
        gauge::step();
        match (self, other) {
            (Self::Text(text), Self::Text(by)) => Ok(split(&text, &by)),
            (left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => {
                    let whole = |left: i128, right: i128| {
                        if left.checked_rem(right) == Some(0) { left.checked_div(right) } else { None }
                    };
                    Ok(left.compute(right, whole, |left, right| left / right))
                }
                _ => Err(Error::math(left, Math::Div, right)),
            },
        }
    }
}

pub(super) fn split(text: &str, by: &str) -> Item {
    let piece = |piece: &str| {
        gauge::bytes(ITEM_BYTES);
        Item::text(piece)
    };
    gauge::steps(text.len() / 64);
    if text.is_empty() {
        return Item::list(Vec::new());
    }
    if by.is_empty() {
        return Item::list(text.chars().map(|c| piece(c.encode_utf8(&mut [0; 4]))).collect());
    }
    Item::list(text.split(by).map(piece).collect())
}

impl Rem for Item {
    type Output = ValR<Self>;

    fn rem(self, other: Self) -> ValR<Self> {
        gauge::step();
        match (self.number(), other.number()) {
            (Some(Number::Int(_)), Some(Number::Int(0))) => Err(Error::math(self, Math::Rem, other)),
            (Some(left), Some(right)) => Ok(left.compute(right, i128::checked_rem, |left, right| left % right)),
            _ => Err(Error::math(self, Math::Rem, other)),
        }
    }
}

impl Neg for Item {
    type Output = ValR<Self>;

    fn neg(self) -> ValR<Self> {
        match self.number() {
            Some(Number::Int(number)) if number != i128::MIN => Ok(Self::Int(-number)),
            Some(number) => Ok(Self::Float(-number.float())),
            None => Err(Error::typ(self, "number")),
        }
    }
}
