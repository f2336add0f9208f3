//! [`RowVerdict`] and [`Judged`]: what follows from the observations, with a stable reason and the facts it rests on.

use serde::{Deserialize, Serialize};

use crate::model::endpoint::{ProbeKind, RowId};
use crate::model::word::words;

words! {
    /// How a row stands.
    RowState {
        /// Not looked at yet, or under way.
        Pending = "pending",
        /// An answer in the row's own protocol came from a verified peer.
        Pass = "pass",
        /// The same, and something beside it ought to be known.
        PassWithNote = "pass-with-note",
        /// It does not hold from here.
        Fail = "fail",
        /// A wildcard: what was tried of it holds; never proof for all names.
        Sampled = "sampled",
        /// It could not be tried.
        NotTestable = "not-testable",
        /// It does not concern this place.
        NotApplicable = "not-applicable",
        /// Another row of its group holds, and one is enough.
        NotNeeded = "not-needed",
        /// Another row failed first, and this one hangs on it.
        Skipped = "skipped",
        /// Advice: nothing to pass or fail.
        Advice = "advice",
    }
}

impl RowState {
    /// Whether it is good, or at least nothing that a person must act on.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Pass | Self::PassWithNote | Self::Sampled | Self::NotNeeded)
    }
}

words! {
    /// How sure a verdict is.
    Confidence {
        /// The observations leave no other reading.
        High = "high",
        /// Another reading is unlikely.
        Medium = "medium",
        /// One reading of several.
        Low = "low",
    }
}

words! {
    /// Why a row stands as it does, and what a note is about. Short and stable, for support, tests and programs.
    Reason {
        /// The row's own protocol answered.
        Answered = "answered",
        /// Nothing was observed yet.
        NotRunYet = "not-run-yet",
        /// The run was stopped before it.
        Stopped = "stopped",
        /// The vendor names no host, and nobody filled one in.
        HostUnknown = "host-unknown",
        /// Nobody named the port.
        PortUnknown = "port-unknown",
        /// Nobody named the network.
        NetworkNameUnknown = "network-name-unknown",
        /// The gateway's address on the site is not known.
        GatewayAddressUnknown = "gateway-address-unknown",
        /// The row names nothing that can be sent.
        NothingToSend = "nothing-to-send",
        /// It holds only in the private network of the SIM.
        OnlyFromSimNetwork = "only-from-sim-network",
        /// It holds only inside the vendor's VPN.
        OnlyInsideVpn = "only-inside-vpn",
        /// It concerns the operator's computer.
        OnlyFromOperator = "only-from-operator",
        /// It concerns the vendor's servers.
        OnlyUpstream = "only-upstream",
        /// No name server answers.
        DnsSilent = "dns-silent",
        /// A name server says that there is no such name.
        DnsNoSuchName = "dns-no-such-name",
        /// A name server refuses or fails.
        DnsRefused = "dns-refused",
        /// The address is one that leads nowhere by policy.
        DnsSinkhole = "dns-sinkhole",
        /// Names that cannot exist are answered too.
        DnsRewritten = "dns-rewritten",
        /// The name has no address.
        DnsEmpty = "dns-empty",
        /// Nothing came from the port.
        TcpSilent = "tcp-silent",
        /// The port was refused.
        TcpRefused = "tcp-refused",
        /// A box on the way rejected the connection.
        TcpRejected = "tcp-rejected",
        /// There is no way to the address.
        Unreachable = "unreachable",
        /// This computer's own firewall.
        BlockedHere = "blocked-here",
        /// The connection stands, and TLS gets no answer.
        TlsSilent = "tls-silent",
        /// The connection is reset in the handshake.
        TlsReset = "tls-reset",
        /// What answers does not speak TLS.
        NotTls = "not-tls",
        /// The server ends the handshake by an alert.
        TlsAlert = "tls-alert",
        /// Somebody else's certificate: TLS is opened on the way.
        Intercepted = "intercepted",
        /// The certificate is for another name.
        WrongName = "wrong-name",
        /// The certificate's time is over.
        Expired = "expired",
        /// The certificate's time has not come.
        NotYetValid = "not-yet-valid",
        /// This computer's clock, not the certificate.
        ClockWrong = "clock-wrong",
        /// HTTP got no answer.
        HttpSilent = "http-silent",
        /// A proxy asks for a login.
        ProxyLogin = "proxy-login",
        /// A captive portal answers.
        CaptivePortal = "captive-portal",
        /// The upgrade was stripped or refused.
        WebSocketRefused = "websocket-refused",
        /// The broker did not answer.
        MqttSilent = "mqtt-silent",
        /// Something else than MQTT answered.
        NotMqtt = "not-mqtt",
        /// The connection was cut while idle.
        IdleCut = "idle-cut",
        /// No time server answered.
        NtpSilent = "ntp-silent",
        /// The time server asks to be left alone.
        NtpKiss = "ntp-kiss",
    }
}

/// Something beside a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub reason: Reason,
    /// The observations it rests on.
    pub facts: Vec<u32>,
    /// What a text names: an address, an issuer, a number. Made safe to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// What follows for a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowVerdict {
    /// The row.
    pub row: RowId,
    /// How it stands.
    pub state: RowState,
    /// Why.
    pub reason: Reason,
    /// The step that was reached: the one that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<ProbeKind>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The row it hangs on, where it was skipped or is not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<RowId>,
    /// Of a wildcard: how many names hold, and how many were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<(u32, u32)>,
    /// What a text names: an address, an issuer. Made safe to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The observations it rests on.
    pub facts: Vec<u32>,
    /// What ought to be known beside.
    pub notes: Vec<Note>,
}

/// What concerns more than one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub reason: Reason,
    /// How sure it is.
    pub confidence: Confidence,
    /// The rows it explains.
    pub rows: Vec<RowId>,
    /// What a text names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The observations it rests on.
    pub facts: Vec<u32>,
}

/// The whole judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// A verdict for each row of the plan, in its order.
    pub rows: Vec<RowVerdict>,
    /// What concerns several rows, what weighs most first.
    pub findings: Vec<Finding>,
}

impl Judged {
    /// The verdict of a row.
    pub fn row(&self, id: &RowId) -> Option<&RowVerdict> {
        self.rows.iter().find(|verdict| verdict.row == *id)
    }
}
