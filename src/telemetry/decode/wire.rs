//! The wire format of Protocol Buffers, field by field, without a schema. Places count from the beginning of the payload, so
//! that whatever is wrong can be shown.

use crate::telemetry::value::DecodeFailure;

/// A part of a payload that holds fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    /// The bytes, and where they begin in the payload.
    bytes: &'a [u8],
    base: usize,
    at: usize,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u32,
    /// Where it begins.
    pub(super) offset: usize,
    /// What it holds.
    pub(super) content: Content<'a>,
}

/// What a field holds, as far as the wire tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    /// Bytes, a text, a message, or packed numbers.
    Bytes(Fields<'a>),
    Fixed32(u32),
    /// The beginning of a group: fields of a message until its end.
    GroupStart,
    GroupEnd,
}

impl<'a> Fields<'a> {
    /// The fields of a whole payload.
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { bytes: payload, base: 0, at: 0 }
    }

    /// All of the bytes.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the bytes begin in the payload.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Where the next field begins in the payload.
    pub(super) fn offset(&self) -> usize {
        self.base + self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn fail<T>(&self, at: usize, what: impl Into<String>) -> Result<T, DecodeFailure> {
        Err(DecodeFailure { offset: self.base + at, what: what.into() })
    }

    /// A number of up to ten bytes.
    pub(super) fn varint(&mut self) -> Result<u64, DecodeFailure> {
        let start = self.at;
        let mut number = 0_u64;
        for place in 0..10 {
            let Some(byte) = self.bytes.get(self.at) else { return self.fail(start, "it ends inside a number") };
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                break;
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        self.fail(start, "a number is longer than 64 bits")
    }

    pub(super) fn fixed32(&mut self) -> Result<u32, DecodeFailure> {
        let start = self.at;
        let Some(bytes) = self.bytes[self.at..].first_chunk() else {
            return self.fail(start, "it ends inside a number");
        };
        self.at += 4;
        Ok(u32::from_le_bytes(*bytes))
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, DecodeFailure> {
        let start = self.at;
        let Some(bytes) = self.bytes[self.at..].first_chunk() else {
            return self.fail(start, "it ends inside a number");
        };
        self.at += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn part(&mut self) -> Result<Self, DecodeFailure> {
        let length = self.varint()?;
        let start = self.at;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let Some(bytes) = end.and_then(|end| self.bytes.get(start..end)) else {
            let there = self.bytes.len() - start;
            return self.fail(start, format!("{length} bytes should follow, and {there} do"));
        };
        self.at += bytes.len();
        Ok(Self { bytes, base: self.base + start, at: 0 })
    }

    /// The next field; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, DecodeFailure> {
        if self.is_at_end() {
            return Ok(None);
        }
        let start = self.at;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).unwrap_or(0);
        if number == 0 || number >= 1 << 29 {
            return self.fail(start, "there is no field of that number");
        }
        let content = match key & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed64(self.fixed64()?),
            2 => Content::Bytes(self.part()?),
            3 => Content::GroupStart,
            4 => Content::GroupEnd,
            5 => Content::Fixed32(self.fixed32()?),
            _ => return self.fail(start, "there is no kind of field like that"),
        };
        Ok(Some(Field { number, offset: self.base + start, content }))
    }

    /// Skips the group that has begun.
    pub(super) fn skip_group(&mut self) -> Result<(), DecodeFailure> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Some(Field { content: Content::GroupStart, .. }) => depth += 1,
                Some(Field { content: Content::GroupEnd, .. }) => depth -= 1,
                Some(_) => {}
                None => return self.fail(self.at, "it ends inside a group"),
            }
        }
        Ok(())
    }
}
