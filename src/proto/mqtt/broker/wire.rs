//! MQTT's data types, read and written, and the frame around a packet (MQTT 5.0 and 3.1.1, sections 1.5 and 2.1). Reading
//! takes nothing on trust: every length is held against what is there.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::reason;

/// The longest fixed header: the first byte and four digits of the length.
const MAX_HEADER: usize = 5;

/// What a client did against the standard: the code it gets for it, and the sentence a person gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: u8,
    pub(super) why: &'static str,
}

/// A packet that cannot be read.
pub(super) const fn malformed(why: &'static str) -> Fault {
    Fault { code: reason::MALFORMED, why }
}

/// A packet that can be read, and must not be sent so.
pub(super) const fn against_protocol(why: &'static str) -> Fault {
    Fault { code: reason::PROTOCOL_ERROR, why }
}

const CUT: Fault = malformed("it sent a packet that is shorter than its fields");

/// What is left to be read of a packet.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1).map(|taken| taken[0])
    }

    pub(super) fn two_bytes(&mut self) -> Result<u16, Fault> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }

    pub(super) fn four_bytes(&mut self) -> Result<u32, Fault> {
        self.take(4).map(|taken| u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    /// A number of one to four digits of seven bits (section 1.5.5).
    pub(super) fn variable(&mut self) -> Result<u32, Fault> {
        let mut number = 0;
        for place in 0..4 {
            let digit = self.byte()?;
            number |= u32::from(digit & 0x7f) << (7 * place);
            if digit & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(malformed("it sent a length of more than four bytes"))
    }

    pub(super) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.two_bytes()?;
        self.take(length.into())
    }

    /// Text as the standard wants it: UTF-8, without NUL (section 1.5.4).
    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.binary()?).map_err(|_| malformed("it sent a text that is not UTF-8"))?;
        if text.contains('\0') { Err(malformed("it sent a text with a NUL character")) } else { Ok(text) }
    }

    pub(super) fn packet_id(&mut self) -> Result<u16, Fault> {
        match self.two_bytes()? {
            0 => Err(malformed("it sent the packet identifier 0")),
            id => Ok(id),
        }
    }
}

/// The next whole packet of what came: its first byte and its body.
pub(super) fn next_packet(buffer: &mut BytesMut, most: usize) -> Result<Option<(u8, Bytes)>, Fault> {
    let header = &buffer[..buffer.len().min(MAX_HEADER)];
    let Some((&first, digits)) = header.split_first() else { return Ok(None) };
    let mut rest = Reader(digits);
    let length = match rest.variable() {
        Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Err(_) if header.len() < MAX_HEADER => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let header_bytes = header.len() - rest.0.len();
    if header_bytes.saturating_add(length) > most {
        return Err(Fault { code: reason::TOO_LARGE, why: "it sent a packet larger than the broker accepts" });
    }
    if buffer.len() < header_bytes + length {
        return Ok(None);
    }
    let _header = buffer.split_to(header_bytes);
    Ok(Some((first, buffer.split_to(length).freeze())))
}

/// How many bytes a number takes.
pub(super) const fn variable_bytes(number: usize) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

pub(super) fn put_variable(out: &mut Vec<u8>, mut number: usize) {
    loop {
        let digit = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return out.push(digit);
        }
        out.push(digit | 0x80);
    }
}

/// Text or bytes behind their length. What is longer than a length can say is cut.
pub(super) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.extend_from_slice(&bytes[..length.into()]);
}

/// A packet of its first byte and its body.
pub(super) fn framed(first: u8, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + MAX_HEADER);
    out.push(first);
    put_variable(&mut out, body.len());
    out.extend_from_slice(body);
    out.into()
}
