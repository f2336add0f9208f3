//! [`RowVerdict`] and [`Judged`]: what follows from the observations, with a stable reason and the facts it rests on.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::model::endpoint::{Level, ProbeKind, RowId};
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
        /// The time of the row in total was over.
        TimeUp = "time-up",
        /// The system forbids the probe to this account.
        NoPermission = "no-permission",
        /// The operating system does not offer the probe.
        NotOffered = "not-offered",
        /// The operating system says nothing of what the row is about.
        NotTold = "not-told",
        /// The program it needs is missing on the gateway.
        NoProgram = "no-program",
        /// It asks third parties, and nobody agreed to that.
        NoConsent = "no-consent",
        /// There is nothing to run it on.
        NothingToAsk = "nothing-to-ask",
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
        /// Another row of its group holds.
        OneIsEnough = "one-is-enough",
        /// This computer has no network.
        NoNetwork = "no-network",
        /// A VPN on this computer carries the traffic, so it says nothing of the site.
        VpnOwnsRoute = "vpn-owns-route",
        /// The chosen source address does not exist on this computer.
        SourceUnusable = "source-unusable",
        /// No name server answers.
        DnsSilent = "dns-silent",
        /// A name server says that there is no such name.
        DnsNoSuchName = "dns-no-such-name",
        /// A name server, or a box on the way, refuses.
        DnsRefused = "dns-refused",
        /// A name server reports a failure of its own.
        DnsFailed = "dns-failed",
        /// A name server says that it blocks the name.
        DnsFiltered = "dns-filtered",
        /// The address is one that leads nowhere by policy.
        DnsSinkhole = "dns-sinkhole",
        /// Names that cannot exist are answered too.
        DnsRewritten = "dns-rewritten",
        /// Something answers for every name server, even one that cannot exist.
        DnsIntercepted = "dns-intercepted",
        /// The name has no address.
        DnsEmpty = "dns-empty",
        /// The answer needs TCP, and TCP brings none.
        DnsTruncated = "dns-truncated",
        /// The names on the way lead in a circle.
        DnsLoop = "dns-loop",
        /// Nobody gave an answer that says anything of the name.
        DnsUnclear = "dns-unclear",
        /// The name leads to a private address.
        DnsPrivate = "dns-private",
        /// Some queries had no answer.
        DnsLost = "dns-lost",
        /// Name servers give different answers.
        DnsDisagree = "dns-disagree",
        /// Name servers answer over one of UDP and TCP only.
        DnsOneTransport = "dns-one-transport",
        /// An entry of the list of name servers cannot be used.
        NameServerIgnored = "name-server-ignored",
        /// The name resolves; nothing more can be tried.
        OnlyResolved = "only-resolved",
        /// Over plain HTTP the row is answered by being sent to another host: so do sign-in pages.
        SentElsewhere = "sent-elsewhere",
        /// A connection was taken, and nothing can be said over it: by whom is not known.
        OnlyConnected = "only-connected",
        /// The network turns IPv4 into IPv6 addresses.
        Nat64 = "nat64",
        /// Nothing came from the port.
        TcpSilent = "tcp-silent",
        /// The port was refused.
        TcpRefused = "tcp-refused",
        /// A box on the way rejected the connection.
        TcpRejected = "tcp-rejected",
        /// The connection failed for another reason.
        TcpFailed = "tcp-failed",
        /// The connection stood after a repetition only.
        TcpLost = "tcp-lost",
        /// There is no way to the address.
        Unreachable = "unreachable",
        /// This computer's own firewall.
        BlockedHere = "blocked-here",
        /// macOS may keep this program from devices on the local network.
        MacosLocalNetwork = "macos-local-network",
        /// Some addresses of the name work and some do not.
        SomeAddressesFail = "some-addresses-fail",
        /// It works over IPv4 and not over IPv6.
        Ipv6Fails = "ipv6-fails",
        /// It works over IPv6 and not over IPv4.
        Ipv6Only = "ipv6-only",
        /// Other hosts answer on the same port.
        OnlyThisHost = "only-this-host",
        /// The same host answers on another port.
        OnlyThisPort = "only-this-port",
        /// No host answers on that port, while others do elsewhere.
        PortBlocked = "port-blocked",
        /// No connection to the internet stands, on no port.
        NothingLeaves = "nothing-leaves",
        /// Something accepts connections to every address.
        EverythingAccepts = "everything-accepts",
        /// The connection stands, and TLS gets no answer.
        TlsSilent = "tls-silent",
        /// The connection is reset in the handshake.
        TlsReset = "tls-reset",
        /// The connection is closed in the handshake.
        TlsClosed = "tls-closed",
        /// The connection is cut once its name or its content is recognised.
        CutAfterIdentification = "cut-after-identification",
        /// Large packets are lost on the way.
        LargePacketsLost = "large-packets-lost",
        /// A large TLS hello, as newer devices send, is lost.
        LargeHelloLost = "large-hello-lost",
        /// A TLS hello in two segments is lost.
        SplitHelloLost = "split-hello-lost",
        /// The far end began to answer and did not finish in time.
        Unfinished = "unfinished",
        /// What answers speaks TLS, and the handshake fails all the same.
        TlsFailed = "tls-failed",
        /// What answers does not speak TLS.
        NotTls = "not-tls",
        /// The server ends the handshake by an alert.
        TlsAlert = "tls-alert",
        /// The server offers only a TLS that is too old.
        TlsTooOld = "tls-too-old",
        /// The server asks for a client certificate.
        WantsClientCertificate = "wants-client-certificate",
        /// The certificate could not be looked at.
        PeerNotVerified = "peer-not-verified",
        /// The chain could not be looked at; the gateway's own list of issuers accepts it.
        TrustedByGateway = "trusted-by-gateway",
        /// The chain could not be looked at; the gateway's own list of issuers refuses it.
        RefusedByGateway = "refused-by-gateway",
        /// The chain is right; the name could not be compared.
        NameNotVerified = "name-not-verified",
        /// Somebody else's certificate: TLS is opened on the way.
        Intercepted = "intercepted",
        /// The certificate comes from nobody known.
        UntrustedIssuer = "untrusted-issuer",
        /// The chain ends in another public root than expected.
        OtherPublicRoot = "other-public-root",
        /// The chain does not end in the root the device must hold.
        WrongRoot = "wrong-root",
        /// The certificate has another fault.
        BadCertificate = "bad-certificate",
        /// The certificate is for another name.
        WrongName = "wrong-name",
        /// The certificate's time is over.
        Expired = "expired",
        /// The certificate's time has not come.
        NotYetValid = "not-yet-valid",
        /// This computer's clock, not the certificate.
        ClockWrong = "clock-wrong",
        /// This computer's clock and one time server differ, and nothing tells which of them is wrong.
        ClockDiffers = "clock-differs",
        /// By the gateway's clock the certificate does not hold.
        GatewayClockWrong = "gateway-clock-wrong",
        /// HTTP got no answer.
        HttpSilent = "http-silent",
        /// The connection was cut before HTTP got an answer.
        HttpCut = "http-cut",
        /// What answers does not speak HTTP.
        NotHttp = "not-http",
        /// The server reports an error of its own.
        ServerError = "server-error",
        /// The service refuses; the network does not.
        ServiceRefuses = "service-refuses",
        /// The status is not one the vendor expects.
        UnexpectedStatus = "unexpected-status",
        /// A proxy asks for a login.
        ProxyLogin = "proxy-login",
        /// This computer uses a proxy.
        ProxyConfigured = "proxy-configured",
        /// A proxy script is configured and was not evaluated.
        ProxyScript = "proxy-script",
        /// It works only through a proxy.
        OnlyThroughProxy = "only-through-proxy",
        /// No row got through, so the row cannot be told.
        NothingReached = "nothing-reached",
        /// A captive portal answers.
        CaptivePortal = "captive-portal",
        /// The upgrade was stripped or refused.
        WebSocketRefused = "websocket-refused",
        /// The broker did not answer.
        MqttSilent = "mqtt-silent",
        /// The connection was cut before the broker answered.
        MqttCut = "mqtt-cut",
        /// The broker says that it is unavailable.
        MqttUnavailable = "mqtt-unavailable",
        /// The broker closes the connection, since no login was sent.
        ClosedWithoutLogin = "closed-without-login",
        /// Something else than MQTT answered.
        NotMqtt = "not-mqtt",
        /// The connection was cut while idle.
        IdleCut = "idle-cut",
        /// No time server answered.
        NtpSilent = "ntp-silent",
        /// A box rejected the time request.
        NtpRejected = "ntp-rejected",
        /// The time server asks to be left alone.
        NtpKiss = "ntp-kiss",
        /// The time server has no time itself.
        NtpUnsynchronised = "ntp-unsynchronised",
        /// The time server tells another time than verified servers.
        NtpWrong = "ntp-wrong",
        /// What answered is no time server.
        NtpOdd = "ntp-odd",
        /// The answer came from another address or port than was asked.
        NtpOtherSource = "ntp-other-source",
        /// No echo reply; that is no evidence.
        PingSilent = "ping-silent",
        /// The address was set by hand, so DHCP was not seen.
        StaticAddress = "static-address",
        /// The system does not tell how the address came.
        LeaseUnknown = "lease-unknown",
        /// The lease lacks something.
        LeaseIncomplete = "lease-incomplete",
        /// The network was not in the air.
        WifiNotSeen = "wifi-not-seen",
        /// The network is on bands the device does not hear.
        WifiBand = "wifi-band",
        /// The network's protection is one the device does not speak.
        WifiSecurity = "wifi-security",
        /// The site lets the laptop through and not the gateway.
        OnlyLaptopPasses = "only-laptop-passes",
        /// The site lets the gateway through and not the laptop.
        OnlyGatewayPasses = "only-gateway-passes",
        /// Revocation data could not be fetched.
        RevocationSilent = "revocation-silent",
        /// Something else came than revocation data.
        RevocationOdd = "revocation-odd",
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

/// How the rows stand that the vendor requires: they alone decide how a check ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required<'a> {
    /// How many are good.
    pub good: usize,
    /// Those that failed.
    pub failed: Vec<&'a RowId>,
}

impl Required<'_> {
    /// Whether nothing can be said: none is good, and none failed.
    pub const fn is_open(&self) -> bool {
        self.good == 0 && self.failed.is_empty()
    }
}

impl Judged {
    /// The verdict of a row.
    pub fn row(&self, id: &RowId) -> Option<&RowVerdict> {
        self.rows.iter().find(|verdict| verdict.row == *id)
    }

    /// How the rows stand that the vendor requires. Advised ones never count.
    pub fn required(&self, plan: &Plan) -> Required<'_> {
        let is_required = |id: &RowId| plan.row(id).is_some_and(|row| row.subject.level() == Level::Required);
        let mut required = Required::default();
        for row in self.rows.iter().filter(|row| is_required(&row.row)) {
            required.good += usize::from(row.state.is_good());
            if row.state == RowState::Fail {
                required.failed.push(&row.row);
            }
        }
        required
    }
}
