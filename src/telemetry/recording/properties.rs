//! MQTT 5's properties of a message, as a block holds them.

use super::wire::{Cursor, put, put_bytes};
use crate::model::mqtt::message::Properties;

const TEXT: u8 = 1;
const CONTENT_TYPE: u8 = 2;
const RESPONSE_TOPIC: u8 = 4;
const CORRELATION: u8 = 8;
const EXPIRY: u8 = 16;
const SUBSCRIPTIONS: u8 = 32;
const USER: u8 = 64;

/// Appends them: one octet that says what follows, then that.
pub(super) fn put_properties(out: &mut Vec<u8>, properties: &Properties) {
    let Properties { is_text, content_type, response_topic, correlation_data, expiry_secs, subscription_ids, user } =
        properties;
    let there = [
        (TEXT, *is_text),
        (CONTENT_TYPE, content_type.is_some()),
        (RESPONSE_TOPIC, response_topic.is_some()),
        (CORRELATION, !correlation_data.is_empty()),
        (EXPIRY, expiry_secs.is_some()),
        (SUBSCRIPTIONS, !subscription_ids.is_empty()),
        (USER, !user.is_empty()),
    ];
    out.push(there.iter().filter(|(_, is_there)| *is_there).fold(0, |bits, (bit, _)| bits | bit));
    for text in [content_type, response_topic].into_iter().flatten() {
        put_bytes(out, text.as_bytes());
    }
    if !correlation_data.is_empty() {
        put_bytes(out, correlation_data);
    }
    if let Some(secs) = expiry_secs {
        put(out, u64::from(*secs));
    }
    if !subscription_ids.is_empty() {
        put(out, subscription_ids.len() as u64);
        for id in subscription_ids {
            put(out, u64::from(*id));
        }
    }
    if !user.is_empty() {
        put(out, user.len() as u64);
        for (name, value) in user {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value.as_bytes());
        }
    }
}

/// Reads them back.
pub(super) fn take_properties(cursor: &mut Cursor<'_>) -> Option<Properties> {
    let bits = cursor.octet()?;
    if bits >= 128 {
        return None;
    }
    let has = |bit: u8| bits & bit != 0;
    let mut properties = Properties { is_text: has(TEXT), ..Properties::default() };
    if has(CONTENT_TYPE) {
        properties.content_type = Some(cursor.text()?);
    }
    if has(RESPONSE_TOPIC) {
        properties.response_topic = Some(cursor.text()?);
    }
    if has(CORRELATION) {
        properties.correlation_data = cursor.bytes()?.to_vec();
    }
    if has(EXPIRY) {
        properties.expiry_secs = Some(u32::try_from(cursor.number()?).ok()?);
    }
    if has(SUBSCRIPTIONS) {
        for _ in 0..cursor.count()? {
            properties.subscription_ids.push(u32::try_from(cursor.number()?).ok()?);
        }
    }
    if has(USER) {
        for _ in 0..cursor.count()? {
            properties.user.push((cursor.text()?, cursor.text()?));
        }
    }
    Some(properties)
}
