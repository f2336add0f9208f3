//! The Wi-Fi form: what is typed, what the check says about it, and taking it over from a QR code.
//!
//! The passphrase lives here and nowhere else in the view models. It is cleared when the form is.

use crate::model::credentials::{Findings, WifiCredentials, WifiDraft, check};
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::{NearbyNetwork, Network, Security, WifiRules};
use crate::msg::QrContent;

/// Room for a passphrase from the start: a field that grows would leave copies behind in memory.
const PASSPHRASE_ROOM: usize = 256;

/// The Wi-Fi form.
pub struct WifiForm {
    /// What is typed; edited in place.
    pub draft: WifiDraft,
    /// Whether the passphrase is shown.
    pub is_revealed: bool,
    /// Whether the passphrase is offered for the next gateway; edited in place.
    pub is_offered: bool,
    /// Set when the passphrase field should take the keyboard; the screen clears it.
    pub wants_passphrase_focus: bool,
    /// Reading a QR code.
    pub qr: QrForm,
    findings: Findings,
    is_touched: bool,
}

impl Default for WifiForm {
    fn default() -> Self {
        Self {
            draft: empty_draft(),
            is_revealed: false,
            is_offered: false,
            wants_passphrase_focus: false,
            qr: QrForm::default(),
            findings: Findings::default(),
            is_touched: false,
        }
    }
}

impl WifiForm {
    /// Reasons not to send; none before anything was typed.
    pub fn errors(&self) -> &[Problem] {
        if self.is_touched { &self.findings.errors } else { &[] }
    }

    /// Things to know before sending.
    pub fn warnings(&self) -> &[Problem] {
        if self.is_touched { &self.findings.warnings } else { &[] }
    }

    /// Octets of the network name, of 32.
    pub fn ssid_octets(&self) -> usize {
        let hex = self.draft.ssid.strip_prefix("hex:").and_then(crate::model::text::from_hex);
        hex.map_or(self.draft.ssid.len(), |octets| octets.len())
    }

    /// Whether a network is filled in, so that it can be sent to the next gateway.
    pub fn has_network(&self) -> bool {
        !self.draft.ssid.is_empty()
    }

    /// Whether only the passphrase is left to type.
    pub fn lacks_passphrase(&self) -> bool {
        self.has_network() && !self.draft.is_open && self.draft.passphrase.expose().is_empty()
    }

    /// Fills in the network that is kept from the gateway before.
    pub(super) fn take_kept(&mut self, kept: &WifiDraft) {
        if kept.ssid.is_empty() {
            return;
        }
        self.is_offered = !kept.passphrase.expose().is_empty();
        self.take_over(kept);
        self.draft.is_psk_derived = kept.is_psk_derived;
        self.is_touched = false;
    }

    /// Looks at the form again, after anything about it or the gateway's scan changed.
    pub(super) fn recheck(&mut self, rules: &WifiRules, seen: Option<&[Network]>, laptop: Option<&[NearbyNetwork]>) {
        self.findings = check(&self.draft, rules, seen, laptop).1;
    }

    /// The credentials to send, or `None` with the errors shown.
    pub(super) fn credentials(
        &mut self,
        rules: &WifiRules,
        seen: Option<&[Network]>,
        laptop: Option<&[NearbyNetwork]>,
    ) -> Option<WifiCredentials> {
        self.is_touched = true;
        let (credentials, findings) = check(&self.draft, rules, seen, laptop);
        self.findings = findings;
        credentials.filter(|_| self.findings.errors.is_empty())
    }

    pub(super) fn touch(&mut self) {
        self.is_touched = true;
    }

    /// Fills in a network the gateway sees. Only a network the gateway calls open is taken as open.
    pub(super) fn pick(&mut self, network: &Network) {
        self.draft.ssid = network
            .ssid
            .as_text()
            .filter(|text| !text.starts_with("hex:"))
            .map_or_else(|| format!("hex:{}", crate::model::text::hex(network.ssid.octets())), ToOwned::to_owned);
        self.draft.is_hidden = false;
        self.draft.is_open = network.security == Security::Open;
        self.wants_passphrase_focus = !self.draft.is_open;
        self.is_touched = !self.draft.passphrase.expose().is_empty() || self.draft.is_open;
    }

    /// Forgets the network and its passphrase.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn qr_read(&mut self, content: Result<QrContent, Problem>) {
        self.qr.job = None;
        self.qr.text = Secret::default();
        match content {
            Ok(QrContent::Wifi { draft, notes }) => {
                self.take_over(&draft);
                self.qr = QrForm { notes, is_taken: true, ..QrForm::default() };
            }
            Ok(QrContent::EspProvisioning { name, transport, notes, .. }) => {
                let (name, transport) = (visible(&name, 64), visible(&transport, 16));
                let holds = format!("This code names the device {name} (over {transport}); it holds no network");
                self.qr.notes = std::iter::once(holds).chain(notes).collect();
            }
            Err(problem) => self.qr.problem = Some(problem),
        }
    }

    fn take_over(&mut self, scanned: &WifiDraft) {
        self.draft.ssid.clone_from(&scanned.ssid);
        self.draft.passphrase.expose_mut().clear();
        self.draft.passphrase.expose_mut().push_str(scanned.passphrase.expose());
        self.draft.is_open = scanned.is_open;
        self.draft.is_hidden = scanned.is_hidden;
        self.is_touched = true;
    }
}

/// Reading a QR code: from pasted text, a picture in a file, or a picture on the clipboard.
#[derive(Default)]
pub struct QrForm {
    /// Whether the form is unfolded.
    pub is_open: bool,
    /// The pasted text; it holds the passphrase.
    pub text: Secret<String>,
    /// Path of a picture; edited in place.
    pub path: String,
    /// What there is to know about the last code.
    pub notes: Vec<String>,
    /// Why the last code could not be read.
    pub problem: Option<Problem>,
    /// Whether the network in the form came from a code.
    pub is_taken: bool,
    pub(super) job: Option<JobId>,
}

impl QrForm {
    /// Whether a code is being read.
    pub const fn is_reading(&self) -> bool {
        self.job.is_some()
    }

    pub(super) fn begin(&mut self, job: JobId) {
        self.job = Some(job);
        self.problem = None;
        self.notes.clear();
        self.is_taken = false;
    }
}

fn empty_draft() -> WifiDraft {
    WifiDraft { passphrase: Secret::new(String::with_capacity(PASSPHRASE_ROOM)), ..WifiDraft::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wifi::Ssid;

    #[test]
    fn picking_an_open_network_says_so_and_a_protected_one_asks_for_the_passphrase() {
        let mut form = WifiForm::default();
        let network = |security| Network { ssid: Ssid::from_octets("Office").unwrap(), rssi_dbm: None, security };
        form.pick(&network(Security::Open));
        assert!(form.draft.is_open && !form.wants_passphrase_focus);
        form.pick(&network(Security::Wpa2));
        assert!(!form.draft.is_open && form.wants_passphrase_focus);
    }

    #[test]
    fn a_name_that_is_no_text_goes_into_the_form_as_octets() {
        let mut form = WifiForm::default();
        let ssid = Ssid::from_octets([0xff, 0x00]).unwrap();
        form.pick(&Network { ssid, rssi_dbm: None, security: Security::Wpa2 });
        assert_eq!((form.draft.ssid.as_str(), form.ssid_octets()), ("hex:ff00", 2));
    }

    #[test]
    fn a_qr_code_fills_the_form_and_its_text_is_forgotten() {
        let mut form = WifiForm::default();
        form.qr.text = Secret::new("WIFI:S:Office;;".into());
        let draft =
            WifiDraft { ssid: "Office".into(), passphrase: Secret::new("secret-12".into()), ..WifiDraft::default() };
        form.qr_read(Ok(QrContent::Wifi { draft, notes: vec!["no terminator".into()] }));
        assert_eq!(form.draft.ssid, "Office");
        assert_eq!(form.draft.passphrase.expose(), "secret-12");
        assert!(form.qr.text.expose().is_empty());
        assert_eq!(form.qr.notes, ["no terminator"]);
    }
}
