//! What lets us into a gateway: a proof of possession, a user and password, or nothing at all.
//!
//! It comes from a prompt, a file or a QR code, and never from a default: values known from examples are no secret, and a
//! gateway that takes them must not be commissioned without anyone noticing.

use super::secret::Secret;

/// What the operator gave to be let in.
#[derive(Clone, Default)]
pub struct Access {
    /// The user name: of a login, or of Espressif's Security 2.
    pub username: Option<String>,
    /// The proof of possession, the password of Security 2, or that of the login.
    pub secret: Option<Secret<String>>,
    /// Whether the operator allows a session that nothing protects (Security 0).
    pub allows_unprotected: bool,
}

impl Access {
    /// One as it was typed: what is left empty is not there.
    pub fn typed(username: &str, secret: &Secret<String>) -> Self {
        Self {
            username: Some(username.trim().to_owned()).filter(|name| !name.is_empty()),
            secret: Some(secret.clone()).filter(|secret| !secret.expose().is_empty()),
            allows_unprotected: false,
        }
    }

    /// The login of one of several: what is its own counts, and what it leaves empty is as for all of them.
    #[must_use]
    pub fn or_shared(self, shared: &Self) -> Self {
        Self {
            username: self.username.or_else(|| shared.username.clone()),
            secret: self.secret.or_else(|| shared.secret.clone()),
            allows_unprotected: self.allows_unprotected || shared.allows_unprotected,
        }
    }
}
