//! Security 0, 1 and 2 of Espressif's unified provisioning, the client's side: handshake and cipher.
//!
//! Security 1 is X25519 with AES-256-CTR, one key stream for both directions; Security 2 is SRP-6a (3072 bits, SHA-512) with
//! AES-256-GCM. Random octets are arguments. What a device proves is compared in constant time, and keys are cleared when
//! dropped. [`device`] is the other side, for simulators.

pub mod device;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use prost::Message as _;
use sha2::{Digest as _, Sha256, Sha512};
use srp::ClientG3072;
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::messages::{
    self, Empty, Sec0Payload, Sec1Command0, Sec1Command1, Sec1Payload, Sec2Command0, Sec2Command1, Sec2Payload,
    SessionData, read, status,
};
use super::version::Scheme;
use crate::model::secret::Secret;

/// Octets of the group of Security 2.
pub const GROUP_OCTETS: usize = 384;
/// Octets of an initial counter block.
const BLOCK: usize = 16;
/// Octets of a nonce of Security 2.
const NONCE: usize = 12;
/// Longest salt that is taken.
const MAX_SALT: usize = 256;
/// Numbers of the four messages of a handshake.
const COMMAND_0: i32 = 0;
const RESPONSE_0: i32 = 1;
const COMMAND_1: i32 = 2;
const RESPONSE_1: i32 = 3;

type KeyStream = ctr::Ctr128BE<aes::Aes256>;

/// Why a handshake did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The answer is no message of a handshake, or lacks a part.
    #[error("the answer to the handshake cannot be read")]
    Unreadable,
    /// The device answered in another security level than it told.
    #[error("the device answers in security level {level}")]
    OtherLevel {
        /// That level.
        level: i32,
    },
    /// The device named a status.
    #[error("the device reports status {status} in the handshake")]
    Status {
        /// The status.
        status: i32,
    },
    /// A public key, salt or nonce of the device is none.
    #[error("the device sent an invalid key")]
    BadKey,
    /// The device could not prove that it knows the secret.
    #[error("the device did not prove that it has the secret")]
    NotProven,
}

/// Why a message could not be sealed or opened. The session is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The message is not what was sealed: changed on the way, or sealed with another nonce.
    #[error("the message cannot be decrypted")]
    Forged,
    /// The message is sealed by the other nonce scheme: device and version disagree.
    #[error("the message is sealed by the other nonce scheme")]
    OtherNonceScheme,
    /// All nonces are used up.
    #[error("the session has no nonces left")]
    UsedUp,
}

/// The random octets do not do: draw others. One draw in 256 is like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random bytes give a public key with a zero in front")]
pub struct DrawAgain;

/// What seals and opens the messages of a session.
pub enum Cipher {
    /// Security 0: nothing.
    Clear,
    /// Security 1: one key stream, used up in order by both sides.
    Stream(Box<KeyStream>),
    /// Security 2.
    Sealed(Box<Sealed>),
}

/// The state of Security 2 after the handshake.
pub struct Sealed {
    cipher: Aes256Gcm,
    first_nonce: [u8; NONCE],
    /// Messages sealed and opened so far; `None` once the counter is used up.
    counter: Option<u32>,
    has_counter: bool,
}

impl Cipher {
    /// Seals a message.
    pub fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        match self {
            Self::Clear => Ok(plain.to_vec()),
            Self::Stream(stream) => apply(stream, plain),
            Self::Sealed(sealed) => sealed.seal(plain),
        }
    }

    /// Opens a message. What comes out may hold a secret the device was given.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        match self {
            Self::Clear => Ok(sealed.to_vec()),
            Self::Stream(stream) => apply(stream, sealed),
            Self::Sealed(state) => state.open(sealed),
        }
        .map(Zeroizing::new)
    }

    /// Whether a changed message is noticed.
    pub const fn is_authenticated(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }
}

fn apply(stream: &mut KeyStream, bytes: &[u8]) -> Result<Vec<u8>, CipherError> {
    let mut bytes = bytes.to_vec();
    stream.try_apply_keystream(&mut bytes).map_err(|_| CipherError::UsedUp)?;
    Ok(bytes)
}

impl Sealed {
    fn new(key: &[u8], nonce: &[u8], has_counter: bool) -> Option<Self> {
        let first_nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        let counter = u32::from_be_bytes([first_nonce[8], first_nonce[9], first_nonce[10], first_nonce[11]]);
        let cipher = Aes256Gcm::new_from_slice(key.get(..32)?).ok()?;
        Some(Self { cipher, first_nonce, counter: Some(counter), has_counter })
    }

    fn nonce_at(&self, counter: u32) -> [u8; NONCE] {
        let mut nonce = self.first_nonce;
        nonce[8..].copy_from_slice(&counter.to_be_bytes());
        nonce
    }

    fn nonce(&self) -> Result<[u8; NONCE], CipherError> {
        if self.has_counter { self.counter.map(|counter| self.nonce_at(counter)) } else { Some(self.first_nonce) }
            .ok_or(CipherError::UsedUp)
    }

    fn advance(&mut self) {
        self.counter = self.counter.and_then(|counter| counter.checked_add(1));
    }

    fn seal(&mut self, plain: &[u8]) -> Result<Vec<u8>, CipherError> {
        let nonce = self.nonce()?;
        let sealed = self.cipher.encrypt(&nonce.into(), plain).map_err(|_| CipherError::UsedUp)?;
        self.advance();
        Ok(sealed)
    }

    fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
        let nonce = self.nonce()?;
        let Ok(plain) = self.cipher.decrypt(&nonce.into(), sealed) else {
            return Err(self.why_not(sealed));
        };
        self.advance();
        Ok(plain)
    }

    /// Whether the other nonce scheme opens it, which says what is wrong.
    fn why_not(&self, sealed: &[u8]) -> CipherError {
        let other = if self.has_counter { Some(self.first_nonce) } else { self.counter.map(|at| self.nonce_at(at)) };
        match other.map(|nonce| self.cipher.decrypt(&nonce.into(), sealed)) {
            Some(Ok(_)) => CipherError::OtherNonceScheme,
            _ => CipherError::Forged,
        }
    }
}

/// A handshake that runs: what was sent last, and what the answer is held against.
pub struct Handshake(State);

enum State {
    Security0,
    Security1Key(Security1),
    Security1Proof { public: [u8; 32], stream: Box<KeyStream> },
    Security2Key(Security2),
    Security2Proof { verifier: Box<srp::ClientVerifier<Sha512>>, has_counter: bool },
}

struct Security1 {
    private: StaticSecret,
    proof: Option<Secret<Vec<u8>>>,
}

struct Security2 {
    /// A 3072-bit private key is drawn from 32 octets, as the device's own tools do.
    private: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
    username: Vec<u8>,
    password: Secret<Vec<u8>>,
    has_counter: bool,
}

/// What comes after an answer.
pub enum Turn {
    /// Send this, and feed the answer to the handshake.
    Send(Handshake, Vec<u8>),
    /// The session stands.
    Done(Cipher),
}

/// What lets us in. Cleared when dropped.
#[derive(Default)]
pub struct Proof {
    /// User name of Security 2.
    pub username: Vec<u8>,
    /// Proof of possession of Security 1, password of Security 2.
    pub secret: Secret<Vec<u8>>,
}

impl Handshake {
    /// Begins. `private` are 32 random octets. Returns what to send first.
    pub fn start(scheme: Scheme, private: [u8; 32], proof: &Proof) -> Result<(Self, Vec<u8>), DrawAgain> {
        match scheme {
            Scheme::Security0 => Ok(Self::security0()),
            Scheme::Security1 { is_without_proof } => {
                let secret = (!is_without_proof && !proof.secret.expose().is_empty()).then(|| proof.secret.clone());
                Ok(Self::security1(private, secret))
            }
            Scheme::Security2 { has_counter } => Self::security2(private, proof, has_counter),
        }
    }

    fn security0() -> (Self, Vec<u8>) {
        let payload = Sec0Payload { command: Some(Empty {}), ..Sec0Payload::default() };
        let data = SessionData { sec0: Some(payload), ..SessionData::default() };
        (Self(State::Security0), data.encode_to_vec())
    }

    fn security1(private: [u8; 32], proof: Option<Secret<Vec<u8>>>) -> (Self, Vec<u8>) {
        let private = StaticSecret::from(private);
        let client_pubkey = PublicKey::from(&private).to_bytes().to_vec();
        let payload = Sec1Payload { command0: Some(Sec1Command0 { client_pubkey }), ..Sec1Payload::default() };
        let data = SessionData { sec_ver: 1, sec1: Some(payload), ..SessionData::default() };
        (Self(State::Security1Key(Security1 { private, proof })), data.encode_to_vec())
    }

    fn security2(private: [u8; 32], proof: &Proof, has_counter: bool) -> Result<(Self, Vec<u8>), DrawAgain> {
        let private = Zeroizing::new(private);
        let public = ClientG3072::<Sha512>::new().compute_public_ephemeral(&*private);
        // The device hashes the octets as they come: with a zero in front the two sides would hash different ones.
        if public.len() != GROUP_OCTETS {
            return Err(DrawAgain);
        }
        let command = Sec2Command0 { client_username: proof.username.clone(), client_pubkey: public.clone() };
        let payload = Sec2Payload { command0: Some(command), ..Sec2Payload::default() };
        let data = SessionData { sec_ver: 2, sec2: Some(payload), ..SessionData::default() };
        let (username, password) = (proof.username.clone(), proof.secret.clone());
        let state = Security2 { private, public, username, password, has_counter };
        Ok((Self(State::Security2Key(state)), data.encode_to_vec()))
    }

    /// Whether the next answer decides over the proof of possession: a device that does not like it refuses there.
    pub const fn is_proving(&self) -> bool {
        matches!(self.0, State::Security1Proof { .. } | State::Security2Proof { .. })
    }

    /// Takes in the device's answer.
    pub fn handle_answer(self, bytes: &[u8]) -> Result<Turn, HandshakeError> {
        let data: SessionData = read(bytes).map_err(|messages::Unreadable| HandshakeError::Unreadable)?;
        let expected = match self.0 {
            State::Security0 => 0,
            State::Security1Key(_) | State::Security1Proof { .. } => 1,
            State::Security2Key(_) | State::Security2Proof { .. } => 2,
        };
        if data.sec_ver != expected {
            return Err(HandshakeError::OtherLevel { level: data.sec_ver });
        }
        match self.0 {
            State::Security0 => finish0(data),
            State::Security1Key(state) => state.handle_key(data),
            State::Security1Proof { public, stream } => finish1(data, public, stream),
            State::Security2Key(state) => state.handle_key(data),
            State::Security2Proof { verifier, has_counter } => finish2(data, &verifier, has_counter),
        }
    }
}

fn finish0(data: SessionData) -> Result<Turn, HandshakeError> {
    let payload = data.sec0.ok_or(HandshakeError::Unreadable)?;
    let response = payload.response.filter(|_| payload.msg == 1).ok_or(HandshakeError::Unreadable)?;
    check_status(response.status)?;
    Ok(Turn::Done(Cipher::Clear))
}

fn check_status(told: i32) -> Result<(), HandshakeError> {
    if told == status::SUCCESS { Ok(()) } else { Err(HandshakeError::Status { status: told }) }
}

impl Security1 {
    fn handle_key(self, data: SessionData) -> Result<Turn, HandshakeError> {
        let payload = data.sec1.ok_or(HandshakeError::Unreadable)?;
        let response = payload.response0.filter(|_| payload.msg == RESPONSE_0).ok_or(HandshakeError::Unreadable)?;
        check_status(response.status)?;
        let device_public = <[u8; 32]>::try_from(response.device_pubkey).map_err(|_| HandshakeError::BadKey)?;
        let random = <[u8; BLOCK]>::try_from(response.device_random).map_err(|_| HandshakeError::BadKey)?;
        let key = stream_key(&self.private, device_public, self.proof.as_ref().map(|proof| proof.expose().as_slice()))
            .ok_or(HandshakeError::BadKey)?;
        let mut stream = Box::new(KeyStream::new((&*key).into(), (&random).into()));
        let client_verify_data = apply(&mut stream, &device_public).map_err(|_| HandshakeError::BadKey)?;
        let command1 = Some(Sec1Command1 { client_verify_data });
        let payload = Sec1Payload { msg: COMMAND_1, command1, ..Sec1Payload::default() };
        let data = SessionData { sec_ver: 1, sec1: Some(payload), ..SessionData::default() };
        let public = PublicKey::from(&self.private).to_bytes();
        Ok(Turn::Send(Handshake(State::Security1Proof { public, stream }), data.encode_to_vec()))
    }
}

/// The shared secret, mixed with the digest of the proof of possession. `None` for a public key that forces the secret.
fn stream_key(private: &StaticSecret, public: [u8; 32], proof: Option<&[u8]>) -> Option<Zeroizing<[u8; 32]>> {
    let shared = private.diffie_hellman(&PublicKey::from(public));
    if !shared.was_contributory() {
        return None;
    }
    let mut key = Zeroizing::new(shared.to_bytes());
    if let Some(proof) = proof {
        let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(proof)));
        key.iter_mut().zip(digest.iter()).for_each(|(octet, mask)| *octet ^= mask);
    }
    Some(key)
}

fn finish1(data: SessionData, public: [u8; 32], mut stream: Box<KeyStream>) -> Result<Turn, HandshakeError> {
    let payload = data.sec1.ok_or(HandshakeError::Unreadable)?;
    let response = payload.response1.filter(|_| payload.msg == RESPONSE_1).ok_or(HandshakeError::Unreadable)?;
    check_status(response.status)?;
    let told = apply(&mut stream, &response.device_verify_data).map_err(|_| HandshakeError::NotProven)?;
    if bool::from(told.as_slice().ct_eq(&public)) {
        Ok(Turn::Done(Cipher::Stream(stream)))
    } else {
        Err(HandshakeError::NotProven)
    }
}

impl Security2 {
    fn handle_key(self, data: SessionData) -> Result<Turn, HandshakeError> {
        let payload = data.sec2.ok_or(HandshakeError::Unreadable)?;
        let response = payload.response0.filter(|_| payload.msg == RESPONSE_0).ok_or(HandshakeError::Unreadable)?;
        check_status(response.status)?;
        let (device_public, salt) = (response.device_pubkey, response.device_salt);
        let is_sized = (1..=GROUP_OCTETS).contains(&device_public.len()) && (1..=MAX_SALT).contains(&salt.len());
        if !is_sized || is_scrambler_zero(&self.public, &device_public) {
            return Err(HandshakeError::BadKey);
        }
        let verifier = ClientG3072::<Sha512>::new()
            .process_reply(&*self.private, &self.username, self.password.expose(), &salt, &device_public)
            .map_err(|_| HandshakeError::BadKey)?;
        let command1 = Some(Sec2Command1 { client_proof: verifier.proof().to_vec() });
        let payload = Sec2Payload { msg: COMMAND_1, command1, ..Sec2Payload::default() };
        let data = SessionData { sec_ver: 2, sec2: Some(payload), ..SessionData::default() };
        let state = State::Security2Proof { verifier: Box::new(verifier), has_counter: self.has_counter };
        Ok(Turn::Send(Handshake(state), data.encode_to_vec()))
    }
}

/// Whether `u = H(PAD(A) | PAD(B))` is zero, with which anybody could pass for the device.
fn is_scrambler_zero(public: &[u8], device_public: &[u8]) -> bool {
    let zeros = [0; GROUP_OCTETS];
    let scrambler = Sha512::new()
        .chain_update(public)
        .chain_update(&zeros[device_public.len().min(GROUP_OCTETS)..])
        .chain_update(device_public)
        .finalize();
    scrambler.iter().all(|octet| *octet == 0)
}

fn finish2(
    data: SessionData,
    verifier: &srp::ClientVerifier<Sha512>,
    has_counter: bool,
) -> Result<Turn, HandshakeError> {
    let payload = data.sec2.ok_or(HandshakeError::Unreadable)?;
    let response = payload.response1.filter(|_| payload.msg == RESPONSE_1).ok_or(HandshakeError::Unreadable)?;
    check_status(response.status)?;
    // The library compares in constant time.
    let key = verifier.verify_server(&response.device_proof).map_err(|_| HandshakeError::NotProven)?;
    let sealed = Sealed::new(key, &response.device_nonce, has_counter).ok_or(HandshakeError::BadKey)?;
    Ok(Turn::Done(Cipher::Sealed(Box::new(sealed))))
}

#[cfg(test)]
mod tests;
