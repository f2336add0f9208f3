//! The login of a gateway that differs from the one for all of them, as it is typed. It belongs to its row, whatever link that is
//! reached by.

use super::SECRET_ROOM;
use crate::model::access::Access;
use crate::model::secret::Secret;

/// The login of one gateway; what is left empty is as for all of them.
pub struct OwnLogin {
    /// The user name; edited in place.
    pub username: String,
    /// The password or proof; edited in place.
    pub secret: Secret<String>,
}

impl OwnLogin {
    /// One in which nothing is typed yet.
    pub(super) fn empty() -> Self {
        let mut secret = Secret::<String>::default();
        secret.expose_mut().reserve(SECRET_ROOM);
        Self { username: String::new(), secret }
    }
}

/// What a gateway is logged in to with: its own login first, and for all of them what that leaves empty.
pub(super) fn access_of(own: Option<&OwnLogin>, shared: &Access) -> Access {
    own.map(|own| Access::typed(&own.username, &own.secret)).unwrap_or_default().or_shared(shared)
}
