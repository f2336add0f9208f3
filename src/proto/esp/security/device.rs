//! The device's side of Security 0, 1 and 2, for simulators. Foreign clients prove it.

use prost::Message as _;
use sha2::Sha512;
use srp::{ClientG3072, ServerG3072};
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};

use super::{
    BLOCK, COMMAND_0, COMMAND_1, Cipher, GROUP_OCTETS, KeyStream, NONCE, RESPONSE_0, RESPONSE_1, Sealed, apply,
    stream_key,
};
use crate::proto::esp::messages::{
    Sec0Payload, Sec1Payload, Sec1Response0, Sec1Response1, Sec2Command0, Sec2Payload, Sec2Response0, Sec2Response1,
    SessionData, StatusOnly, read,
};
use crate::proto::esp::version::Scheme;

/// What a device is built with. Nothing here is a secret: it is made up for the simulation.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Its scheme.
    pub scheme: Scheme,
    /// The user name of Security 2.
    pub username: String,
    /// Its proof of possession or password.
    pub secret: String,
}

/// The device fails the request: an error of the transport, as real ones do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// One session on the device.
pub struct DeviceSession {
    lock: Lock,
    state: State,
}

enum State {
    New,
    Security1 { public: [u8; 32], client: [u8; 32], stream: Box<KeyStream> },
    Security2 { verifier: Box<srp::ServerVerifier<Sha512>>, nonce: [u8; NONCE] },
    Open(Box<Cipher>),
}

impl DeviceSession {
    /// A session that nobody has opened.
    pub const fn new(lock: Lock) -> Self {
        Self { lock, state: State::New }
    }

    /// The cipher, once the session stands.
    pub fn cipher(&mut self) -> Option<&mut Cipher> {
        match &mut self.state {
            State::Open(cipher) => Some(cipher),
            State::New | State::Security1 { .. } | State::Security2 { .. } => None,
        }
    }

    /// Answers a request to `prov-session`. `random` is drawn anew for each call.
    pub fn handle(&mut self, bytes: &[u8], random: &[u8; 64]) -> Result<Vec<u8>, Refused> {
        let data: SessionData = read(bytes).map_err(|_| Refused)?;
        match (self.lock.scheme, data.sec_ver) {
            (Scheme::Security0, 0) => self.handle0(&data),
            (Scheme::Security1 { .. }, 1) => self.handle1(data, random),
            (Scheme::Security2 { has_counter }, 2) => self.handle2(data, random, has_counter),
            _ => Err(Refused),
        }
    }

    fn handle0(&mut self, data: &SessionData) -> Result<Vec<u8>, Refused> {
        data.sec0.as_ref().and_then(|payload| payload.command).ok_or(Refused)?;
        self.state = State::Open(Box::new(Cipher::Clear));
        let payload = Sec0Payload { msg: 1, response: Some(StatusOnly::default()), ..Sec0Payload::default() };
        Ok(SessionData { sec0: Some(payload), ..SessionData::default() }.encode_to_vec())
    }

    fn handle1(&mut self, data: SessionData, random: &[u8; 64]) -> Result<Vec<u8>, Refused> {
        let payload = data.sec1.ok_or(Refused)?;
        let payload = match (payload.msg, payload.command0, payload.command1) {
            (COMMAND_0, Some(command), _) => self.key1(command.client_pubkey, random)?,
            (COMMAND_1, _, Some(command)) => self.prove1(&command.client_verify_data)?,
            _ => return Err(Refused),
        };
        Ok(SessionData { sec_ver: 1, sec1: Some(payload), ..SessionData::default() }.encode_to_vec())
    }

    fn key1(&mut self, client: Vec<u8>, random: &[u8; 64]) -> Result<Sec1Payload, Refused> {
        let client = <[u8; 32]>::try_from(client).map_err(|_| Refused)?;
        let (mut private, mut block) = ([0; 32], [0; BLOCK]);
        private.copy_from_slice(&random[..32]);
        block.copy_from_slice(&random[32..32 + BLOCK]);
        let private = StaticSecret::from(private);
        let public = PublicKey::from(&private).to_bytes();
        let has_proof = self.lock.scheme == Scheme::Security1 { is_without_proof: false };
        let proof = (has_proof && !self.lock.secret.is_empty()).then_some(self.lock.secret.as_bytes());
        let key = stream_key(&private, client, proof).ok_or(Refused)?;
        let stream = Box::new(<KeyStream as ctr::cipher::KeyIvInit>::new((&*key).into(), (&block).into()));
        self.state = State::Security1 { public, client, stream };
        let response = Sec1Response0 { status: 0, device_pubkey: public.to_vec(), device_random: block.to_vec() };
        Ok(Sec1Payload { msg: RESPONSE_0, response0: Some(response), ..Sec1Payload::default() })
    }

    fn prove1(&mut self, verify: &[u8]) -> Result<Sec1Payload, Refused> {
        let State::Security1 { public, client, mut stream } = std::mem::replace(&mut self.state, State::New) else {
            return Err(Refused);
        };
        let told = apply(&mut stream, verify).map_err(|_| Refused)?;
        if !bool::from(told.as_slice().ct_eq(&public)) {
            return Err(Refused);
        }
        let device_verify_data = apply(&mut stream, &client).map_err(|_| Refused)?;
        self.state = State::Open(Box::new(Cipher::Stream(stream)));
        let response = Sec1Response1 { status: 0, device_verify_data };
        Ok(Sec1Payload { msg: RESPONSE_1, response1: Some(response), ..Sec1Payload::default() })
    }

    fn handle2(&mut self, data: SessionData, random: &[u8; 64], has_counter: bool) -> Result<Vec<u8>, Refused> {
        let payload = data.sec2.ok_or(Refused)?;
        let payload = match (payload.msg, payload.command0, payload.command1) {
            (COMMAND_0, Some(command), _) => self.key2(&command, random, has_counter)?,
            (COMMAND_1, _, Some(command)) => self.prove2(&command.client_proof, has_counter)?,
            _ => return Err(Refused),
        };
        Ok(SessionData { sec_ver: 2, sec2: Some(payload), ..SessionData::default() }.encode_to_vec())
    }

    fn key2(&mut self, command: &Sec2Command0, random: &[u8; 64], has_counter: bool) -> Result<Sec2Payload, Refused> {
        let (username, client) = (command.client_username.as_slice(), command.client_pubkey.as_slice());
        // Some clients leave a zero in front out.
        if username.is_empty() || client.is_empty() || client.len() > GROUP_OCTETS {
            return Err(Refused);
        }
        let (private, salt) = (&random[..32], &random[32..48]);
        // Real devices hold salt and verifier in flash; the simulator makes them as it goes.
        let verifier = ClientG3072::<Sha512>::new().compute_verifier(
            self.lock.username.as_bytes(),
            self.lock.secret.as_bytes(),
            salt,
        );
        let server = ServerG3072::<Sha512>::new();
        let public = server.compute_public_ephemeral(private, &verifier);
        let verifier = server.process_reply(username, salt, private, &verifier, client).map_err(|_| Refused)?;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&random[48..48 + NONCE]);
        if has_counter {
            nonce[8..].copy_from_slice(&1_u32.to_be_bytes());
        }
        self.state = State::Security2 { verifier: Box::new(verifier), nonce };
        let response = Sec2Response0 { status: 0, device_pubkey: public, device_salt: salt.to_vec() };
        Ok(Sec2Payload { msg: RESPONSE_0, response0: Some(response), ..Sec2Payload::default() })
    }

    fn prove2(&mut self, proof: &[u8], has_counter: bool) -> Result<Sec2Payload, Refused> {
        let State::Security2 { verifier, nonce } = std::mem::replace(&mut self.state, State::New) else {
            return Err(Refused);
        };
        let key = verifier.verify_client(proof).map_err(|_| Refused)?;
        let sealed = Sealed::new(key, &nonce, has_counter).ok_or(Refused)?;
        let device_proof = verifier.proof().to_vec();
        self.state = State::Open(Box::new(Cipher::Sealed(Box::new(sealed))));
        let response = Sec2Response1 { status: 0, device_proof, device_nonce: nonce.to_vec() };
        Ok(Sec2Payload { msg: RESPONSE_1, response1: Some(response), ..Sec2Payload::default() })
    }
}
