//! Logins of gateways that differ from the one for all of them, as they are typed.

use std::collections::BTreeMap;

use super::SECRET_ROOM;
use crate::model::access::Access;
use crate::model::ids::LinkAddress;
use crate::model::secret::Secret;

/// Logins by the link of their gateway: another gateway has another one.
#[derive(Default)]
pub struct Logins(BTreeMap<LinkAddress, OwnLogin>);

/// The login of one gateway; what is left empty is as for all of them.
#[derive(Default)]
pub struct OwnLogin {
    /// The user name; edited in place.
    pub username: String,
    /// The password or proof; edited in place.
    pub secret: Secret<String>,
}

impl Logins {
    /// Whether a gateway has a login of its own.
    pub fn has(&self, link: &LinkAddress) -> bool {
        self.0.contains_key(link)
    }

    /// Its own login, to be typed.
    pub fn of(&mut self, link: &LinkAddress) -> Option<&mut OwnLogin> {
        self.0.get_mut(link)
    }

    /// Gives a gateway a login of its own, or takes it away with what was typed.
    pub(super) fn toggle(&mut self, link: LinkAddress) {
        if self.0.remove(&link).is_none() {
            let mut own = OwnLogin::default();
            own.secret.expose_mut().reserve(SECRET_ROOM);
            self.0.insert(link, own);
        }
    }

    /// Forgets what was typed for a gateway.
    pub(super) fn forget(&mut self, link: &LinkAddress) {
        self.0.remove(link);
    }

    /// What lets a gateway be logged in to.
    pub(super) fn access(&self, link: &LinkAddress, shared: &Access) -> Access {
        let own = self.0.get(link).map(|own| access(&own.username, &own.secret));
        own.unwrap_or_default().or_shared(shared)
    }
}

/// A login as it was typed.
pub(super) fn access(username: &str, secret: &Secret<String>) -> Access {
    Access {
        username: Some(username.trim().to_owned()).filter(|name| !name.is_empty()),
        secret: Some(secret.clone()).filter(|secret| !secret.expose().is_empty()),
        allows_unprotected: false,
    }
}
