//! What lets us into the gateway, as it is typed or read from a QR code. Nothing of it is ever filled in by itself.

use crate::model::access::Access;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::secret::Secret;
use crate::model::text::visible;

/// Room for a secret from the start: a field that grows would leave copies behind in memory.
const SECRET_ROOM: usize = 256;
/// Longest user name taken over from a code, in characters.
const MAX_USERNAME: usize = 64;

/// The fields.
pub struct AccessForm {
    /// User name; edited in place.
    pub username: String,
    /// The secret; edited in place.
    pub secret: Secret<String>,
    /// Whether the secret is shown.
    pub is_revealed: bool,
    /// Whether a session that nothing protects is allowed; edited in place.
    pub allows_unprotected: bool,
    /// Whether the keyboard is to go to the secret, once.
    pub wants_focus: bool,
    /// The device whose QR code filled the secret in, and the gateway that was chosen then.
    from_code: Option<(String, Option<LinkAddress>)>,
    was_refused: bool,
}

impl Default for AccessForm {
    fn default() -> Self {
        Self {
            username: String::new(),
            secret: Secret::new(String::with_capacity(SECRET_ROOM)),
            is_revealed: false,
            allows_unprotected: false,
            wants_focus: false,
            from_code: None,
            was_refused: false,
        }
    }
}

impl AccessForm {
    /// Whether anything is filled in.
    pub fn is_filled(&self) -> bool {
        !self.username.is_empty() || !self.secret.expose().is_empty()
    }

    /// Whether the gateway refused what is filled in. Sent again as it is, it may lock the account.
    pub const fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Something was typed.
    pub const fn edited(&mut self) {
        self.was_refused = false;
    }

    /// The gateway refused what is filled in.
    pub(super) const fn refused(&mut self) {
        self.was_refused = true;
    }

    /// The device whose QR code filled the secret in.
    pub fn from_code(&self) -> Option<&str> {
        self.from_code.as_ref().map(|(name, _)| name.as_str())
    }

    /// What goes with a session in that driver; a driver that wants nothing gets nothing.
    pub(in crate::app) fn given(&self, driver: DriverId) -> Access {
        let Some(wanted) = driver.facts().wanted else { return Access::default() };
        let username = self.username.trim();
        Access {
            username: (!username.is_empty()).then(|| username.to_owned()),
            secret: (!self.secret.expose().is_empty()).then(|| self.secret.clone()),
            allows_unprotected: wanted.may_be_unprotected && self.allows_unprotected,
        }
    }

    /// Takes the secret of a QR code over, and the user name if it has one that can be shown as it is.
    pub(super) fn take_over(
        &mut self,
        device: String,
        username: Option<&str>,
        secret: &Secret<String>,
        gateway: Option<LinkAddress>,
    ) {
        if let Some(username) = username.filter(|name| visible(name, MAX_USERNAME) == **name) {
            username.clone_into(&mut self.username);
        }
        self.secret.expose_mut().clear();
        self.secret.expose_mut().push_str(secret.expose());
        (self.is_revealed, self.was_refused) = (false, false);
        self.from_code = Some((device, gateway));
    }

    /// Another gateway was chosen: a login, a proof and leave to go without protection belong to one gateway. A code that
    /// was read before any gateway was chosen, or for this one, stays.
    pub(super) fn gateway_changed(&mut self, to: Option<&LinkAddress>) {
        let is_for = |link: &Option<LinkAddress>| link.as_ref().is_none_or(|link| Some(link) == to);
        match &mut self.from_code {
            Some((_, link)) if is_for(link) => {
                *link = to.cloned();
                (self.is_revealed, self.allows_unprotected) = (false, false);
            }
            _ => self.forget(),
        }
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_that_was_not_typed_and_nothing_to_a_driver_that_wants_nothing() {
        let mut form = AccessForm::default();
        let access = form.given(DriverId::EspProv);
        assert!(access.username.is_none() && access.secret.is_none() && !access.allows_unprotected);
        form.username = " admin ".into();
        form.secret = Secret::new("abcd1234".into());
        form.allows_unprotected = true;
        let access = form.given(DriverId::EspProv);
        assert_eq!(access.username.as_deref(), Some("admin"));
        assert!(access.secret.is_some() && access.allows_unprotected);
        assert!(!form.given(DriverId::LinuxConsole).allows_unprotected);
        let access = form.given(DriverId::Improv);
        assert!(access.username.is_none() && access.secret.is_none());
    }

    #[test]
    fn the_code_of_one_device_is_not_kept_for_the_next() {
        let link = |place: &str| LinkAddress::Ble(place.into());
        let mut form = AccessForm::default();
        form.take_over("PROV_1".into(), Some("wifiprov"), &Secret::new("abcd1234".into()), Some(link("A")));
        form.gateway_changed(Some(&link("A")));
        assert_eq!((form.from_code(), form.username.as_str()), (Some("PROV_1"), "wifiprov"));
        form.gateway_changed(Some(&link("B")));
        assert!(form.secret.expose().is_empty() && form.from_code().is_none() && form.username.is_empty());
        form.take_over("PROV_2".into(), None, &Secret::new("x".into()), None);
        form.gateway_changed(Some(&link("A")));
        assert!(form.is_filled(), "a code that was read first is for the gateway chosen next");
        form.gateway_changed(Some(&link("B")));
        assert!(!form.is_filled());
        form.username = "typed".into();
        form.take_over("PROV_2".into(), Some("a\u{202E}b"), &Secret::new("x".into()), None);
        assert_eq!(form.username, "typed", "what cannot be shown is not taken over");
    }

    #[test]
    fn a_login_typed_for_one_gateway_is_not_in_the_form_of_the_next() {
        let mut form =
            AccessForm { username: "root".into(), secret: Secret::new("typed".into()), ..AccessForm::default() };
        form.allows_unprotected = true;
        form.gateway_changed(Some(&LinkAddress::Serial("/dev/ttyUSB1".into())));
        assert!(!form.is_filled() && !form.allows_unprotected);
    }
}
