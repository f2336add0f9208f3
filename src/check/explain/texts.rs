//! The texts of a check, all in one place: for each reason what happened, what may be behind it, and what to do.
//!
//! Blanks are filled in by [`super::fill`]: `{host}`, `{port}`, `{address}`, `{about}`, `{server}`, `{date}`. Whoever translates needs
//! this file and the few phrases of its neighbours. Voice: `what` says what happened, a cause is possible and never certain,
//! `next` is one thing a person on site can do, below 120 characters; empty where there is nothing to do.

use crate::check::verdict::{Reason, RowState};
use crate::model::endpoint::{ProbeKind, RowId};

/// The texts of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    /// What it is, as a title.
    pub title: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What may be behind it.
    pub causes: &'static [&'static str],
    /// What to do.
    pub next: &'static str,
}

const fn texts(title: &'static str, what: &'static str, causes: &'static [&'static str], next: &'static str) -> Texts {
    Texts { title, what, causes, next }
}

/// The word for a state.
pub const fn state(state: RowState) -> &'static str {
    match state {
        RowState::Pending => "Not looked at",
        RowState::Pass => "Passed",
        RowState::PassWithNote => "Passed with a note",
        RowState::Fail => "Failed",
        RowState::Sampled => "Sampled",
        RowState::NotTestable => "Not testable",
        RowState::NotApplicable => "Not applicable",
        RowState::NotNeeded => "Not needed",
        RowState::Skipped => "Skipped",
        RowState::Advice => "Advice",
    }
}

/// The texts of a reason.
pub const fn of(reason: Reason) -> Texts {
    use Reason as R;
    match reason {
        R::Answered => texts("Answered", "The far end answers in the row's own protocol", &[], ""),
        R::NotRunYet => texts("Not looked at", "Nothing was observed yet", &[], "Run the check"),
        R::Stopped => texts("Stopped", "The run was stopped before this row", &[], "Run the row again"),
        R::TimeUp => texts(
            "Out of time",
            "The time for this row ran out before the last step",
            &["A slow or lossy connection"],
            "Run the row again",
        ),
        R::NoPermission => texts(
            "No permission",
            "The operating system doesn't allow this probe for this account",
            &[],
            "Run the check with an account that may send it",
        ),
        R::NotOffered => texts(
            "Not offered",
            "This operating system doesn't offer the probe",
            &[],
            "Run the check on another computer, or on the gateway",
        ),
        R::NotTold => texts(
            "Not reported",
            "This operating system doesn't report what the row is about",
            &[],
            "Look it up in the network settings, or run the check on another computer",
        ),
        R::NoProgram => texts(
            "Program missing",
            "The gateway doesn't have the program for this probe",
            &[],
            "Run the check from a laptop on the same network",
        ),
        R::NoConsent => texts(
            "Not agreed to",
            "The probe asks third parties, and nobody agreed to that",
            &[],
            "Agree to third-party probes and run the row again",
        ),
        R::NothingToAsk => texts("Nothing to query", "There was nothing to run the probe on", &[], ""),
        R::HostUnknown => texts(
            "Host unknown",
            "The vendor names no host, and none was filled in",
            &[],
            "Ask the vendor for the host name and enter it",
        ),
        R::PortUnknown => texts(
            "Port unknown",
            "The vendor names no port, and none was filled in",
            &[],
            "Ask the vendor for the port and enter it with the host",
        ),
        R::NetworkNameUnknown => texts(
            "Network unknown",
            "The name of the Wi-Fi network is missing",
            &[],
            "Enter the network (SSID) the gateway joins",
        ),
        R::GatewayAddressUnknown => texts(
            "Address unknown",
            "The address of the gateway on this network is missing",
            &[],
            "Enter the address of the gateway",
        ),
        R::NothingToSend => texts("Advice", "There is nothing to send for this row", &[], ""),
        R::OnlyFromSimNetwork => texts(
            "Not applicable here",
            "The row holds only in the private network of the SIM",
            &[],
            "Run the check on the gateway, or behind its SIM",
        ),
        R::OnlyInsideVpn => texts(
            "Not applicable here",
            "The row holds only inside the vendor's VPN",
            &[],
            "Run the check on the gateway, or with the VPN connected",
        ),
        R::OnlyFromOperator => texts(
            "Not applicable here",
            "The row concerns the computer of the operator, not the gateway",
            &[],
            "Run the check on the operator's computer",
        ),
        R::OnlyUpstream => texts("Not applicable here", "The row concerns the vendor's servers", &[], ""),
        R::OneIsEnough => texts("Not needed", "Another row of the same group holds, and one is enough", &[], ""),
        R::NoNetwork => texts(
            "No network",
            "This computer has no network connection",
            &["Cable unplugged or Wi-Fi off", "No address by DHCP"],
            "Connect this computer to the site's network and run the check again",
        ),
        R::VpnOwnsRoute => texts(
            "VPN in the way",
            "The VPN {about} on this computer carries the traffic",
            &["A VPN client takes over the default route"],
            "Disconnect the VPN or choose the site's network interface, then run the check again",
        ),
        R::SourceUnusable => texts(
            "Source not usable",
            "The chosen source address doesn't exist on this computer",
            &["The cable was unplugged", "The address has changed"],
            "Choose another network interface",
        ),
        R::DnsSilent => texts(
            "DNS silent",
            "No name server answers the query for {host}",
            &["The firewall blocks port 53", "The name server handed out by DHCP is wrong or down"],
            "Allow DNS (UDP and TCP port 53) to the site's name server",
        ),
        R::DnsNoSuchName => texts(
            "No such name",
            "The name server {about} says that {host} doesn't exist",
            &["A DNS filter hides the name", "The name has changed; see the vendor documentation"],
            "Ask the admin whether a DNS filter blocks {host}",
        ),
        R::DnsRefused => texts(
            "DNS refused",
            "The DNS query for {host} was refused by {about}",
            &["The name server serves other networks only", "The firewall rejects port 53"],
            "Ask the admin to let this network use the name server",
        ),
        R::DnsFailed => texts(
            "DNS failed",
            "The name server {about} reports a failure for {host}",
            &["The name server can't reach the internet", "Its DNSSEC check fails"],
            "Run the row again; if it fails again, ask the admin to check the name server",
        ),
        R::DnsFiltered => texts(
            "DNS filtered",
            "A name server says that it blocks {host}: {about}",
            &["A DNS filter blocks the name or its category"],
            "Ask the admin to allow {host} in the DNS filter",
        ),
        R::DnsSinkhole => texts(
            "DNS sinkhole",
            "{host} resolves to {about}, which leads nowhere",
            &["A DNS filter answers with a dead address", "A local proxy makes addresses up"],
            "Ask the admin to allow {host} in the DNS filter",
        ),
        R::DnsRewritten => texts(
            "DNS rewritten",
            "Names that can't exist are answered with {about}",
            &["A captive portal or provider rewrites DNS answers"],
            "Ask the admin to stop DNS rewriting for this network",
        ),
        R::DnsIntercepted => texts(
            "DNS intercepted",
            "Something answers DNS queries for every address, even one that can't exist",
            &["The router redirects port 53 to itself"],
            "Ask the admin which name server really answers",
        ),
        R::DnsEmpty => texts(
            "No address",
            "{host} has no address, by {about}",
            &["A DNS filter removes the address"],
            "Ask the admin to resolve {host} at the site's name server",
        ),
        R::DnsTruncated => texts(
            "DNS needs TCP",
            "The answer of {about} for {host} doesn't fit into one UDP packet, and TCP brings none",
            &["The firewall allows DNS over UDP only", "The name server answers over UDP only"],
            "Ask the admin to allow TCP port 53 to the site's name server, beside UDP",
        ),
        R::DnsLoop => texts(
            "Alias loop",
            "The aliases of {host} lead in a circle, by {about}",
            &["A wrong CNAME record at the site's name server", "A wrong CNAME record at the vendor"],
            "Ask the admin to resolve {host} at the site's name server",
        ),
        R::DnsUnclear => texts(
            "Not resolved",
            "{host} couldn't be resolved: no usable answer from {about}",
            &["No name server answers, or one is busy", "A DNS filter drops the answer"],
            "Run the row again; otherwise ask the admin to resolve {host}",
        ),
        R::DnsPrivate => texts(
            "Private address",
            "{host} resolves to the private address {about}",
            &["A private endpoint of the cloud provider", "Split DNS or a proxy inside the site"],
            "Ask the admin whether this address is meant",
        ),
        R::DnsLost => texts(
            "DNS queries lost",
            "{about} DNS queries for {host} had no answer",
            &["A busy name server or a lossy link"],
            "",
        ),
        R::DnsDisagree => texts(
            "DNS differs",
            "The name server {about} answers differently for {host}",
            &["A DNS filter on one of the servers", "The local stub hides what its upstream says"],
            "Ask the admin which name server the gateway gets",
        ),
        R::DnsOneTransport => texts(
            "DNS over one transport",
            "Name servers answer over {about} only",
            &["The firewall allows one of UDP and TCP port 53"],
            "",
        ),
        R::NameServerIgnored => texts(
            "Name server not usable",
            "An entry of the name server list was ignored ({about})",
            &["A wrong entry in the DHCP or manual settings"],
            "Ask the admin to correct the name servers",
        ),
        R::SentElsewhere => texts(
            "Sent elsewhere",
            "Over plain HTTP, {host} answers by sending to {about}; who answers isn't verified",
            &["The service has moved", "A sign-in page of the network answers for it"],
            "Open http://{host} on this network to see who answers",
        ),
        R::OnlyConnected => texts(
            "Only connected",
            "{host} takes a connection on port {port}; nothing is said over it, so who takes it isn't known",
            &[],
            "Try the service itself on the gateway",
        ),
        R::OnlyResolved => texts(
            "Only resolved",
            "{host} resolves; whether it answers can't be seen from here",
            &[],
            "Check the service from the gateway",
        ),
        R::Nat64 => texts(
            "NAT64",
            "The network turns IPv4 into IPv6 addresses (NAT64)",
            &["An IPv6-only network"],
            "Use a network with IPv4 if the gateway needs it",
        ),
        R::TcpSilent => texts(
            "No answer",
            "{host} doesn't answer on port {port}; a filter and an outage look alike",
            &["The firewall drops the connection", "The host is down"],
            "Ask the admin to allow TCP to {host} port {port}",
        ),
        R::TcpRefused => texts(
            "Refused",
            "The connection to {host} port {port} was refused",
            &["The firewall rejects it with a reset", "Nothing listens on the port"],
            "Ask the admin to allow TCP to {host} port {port}",
        ),
        R::TcpRejected => texts(
            "Rejected",
            "{about} rejected the connection to {host} port {port}",
            &["A rule of the firewall at that address"],
            "Ask the admin of that address to allow TCP to {host} port {port}",
        ),
        R::TcpFailed => texts(
            "Connection failed",
            "The connection to {host} port {port} failed with a system error",
            &[],
            "Run the row again; if it fails again, look at the details",
        ),
        R::TcpLost => texts(
            "Connection repeated",
            "The connection to {host} worked only on a later attempt",
            &["A lossy link"],
            "",
        ),
        R::Unreachable => texts(
            "Unreachable",
            "No route leads to {host} ({address})",
            &["No default gateway", "A routing fault or the host is down"],
            "Check cable, default gateway and VLAN, then run the row again",
        ),
        R::BlockedHere => texts(
            "Blocked on this computer",
            "The firewall of this computer blocks the connection to {host}",
            &["A local firewall or security program"],
            "Allow Linesman in this computer's firewall, then run the row again",
        ),
        R::MacosLocalNetwork => texts(
            "Local network access",
            "macOS may be blocking this program from devices on the local network",
            &["Linesman lacks the Local Network permission"],
            "Open System Settings, Privacy & Security, Local Network and allow Linesman",
        ),
        R::SomeAddressesFail => texts(
            "Some addresses fail",
            "Some addresses of {host} fail ({about})",
            &["The firewall resolves the name to other addresses", "A rule by address lists only some"],
            "Ask the admin for a rule by name, with the same name server as the gateway",
        ),
        R::Ipv6Fails => texts(
            "IPv6 fails",
            "{host} works over IPv4 and not over IPv6",
            &["The firewall has no rules for IPv6"],
            "Allow the same destinations over IPv6, or switch IPv6 off",
        ),
        R::Ipv6Only => texts(
            "IPv6 only",
            "{host} works over IPv6 and not over IPv4",
            &["The network has no IPv4 to the internet"],
            "Ask the vendor whether the gateway can use IPv6",
        ),
        R::OnlyThisHost => {
            texts("Only this host", "Other hosts answer on port {about}, so the block concerns this host", &[], "")
        }
        R::OnlyThisPort => texts(
            "Only this port",
            "The same host answers on another port, so the block concerns port {about}",
            &[],
            "",
        ),
        R::PortBlocked => texts(
            "Port blocked",
            "No host answers on port {about}, while other ports work",
            &["The firewall allows only common ports such as 443"],
            "Ask the admin to allow TCP port {about} to the listed hosts",
        ),
        R::NothingLeaves => texts(
            "No way out",
            "No connection to the internet works, on any port",
            &["The network has no internet access", "Devices need a permission of the firewall first"],
            "Ask the admin whether this network may reach the internet",
        ),
        R::EverythingAccepts => texts(
            "Everything accepts",
            "Something accepts connections for every address",
            &["A transparent proxy or firewall answers in place of the host"],
            "Ask the admin for a direct rule without a transparent proxy",
        ),
        R::TlsSilent => texts(
            "TLS silent",
            "{host} accepts the connection and TLS gets no answer",
            &["A filter drops the connection after the TLS hello", "Large packets are lost"],
            "Ask the admin to look for dropped TLS sessions to {host}",
        ),
        R::TlsReset => texts(
            "TLS reset",
            "The connection to {host} is reset during the TLS handshake",
            &["A filter resets it after reading the name", "The host doesn't serve this name"],
            "Ask the admin to allow TLS to {host}",
        ),
        R::TlsClosed => texts(
            "TLS closed",
            "The connection to {host} is closed during the TLS handshake",
            &["A filter closes it after reading the name", "The service is overloaded"],
            "Ask the admin to allow TLS to {host}",
        ),
        R::CutAfterIdentification => texts(
            "Cut after identification",
            "The connection to {host} is cut {about}; another name on the same address passes",
            &["An application filter recognises the name or the protocol"],
            "Ask the admin to allow {host} and its application class",
        ),
        R::LargePacketsLost => texts(
            "Large packets lost",
            "Large packets to {host} are lost; small ones arrive",
            &["A tunnel with a smaller MTU", "A firewall drops ICMP \"fragmentation needed\""],
            "Ask the admin to allow ICMP type 3 code 4, or to clamp the TCP MSS",
        ),
        R::LargeHelloLost => texts(
            "Large hello lost",
            "A TLS hello of 1,500 bytes to {host} is lost",
            &["A firewall accepts the hello in one segment only; newer devices send larger ones"],
            "Ask the admin to update or relax TLS inspection",
        ),
        R::SplitHelloLost => texts(
            "Split hello lost",
            "A TLS hello in two segments to {host} is lost",
            &["A firewall accepts the hello in one segment only"],
            "Ask the admin to update or relax TLS inspection",
        ),
        R::NotTls => texts(
            "Not TLS",
            "Something else than TLS answers for {host}: {about}",
            &["A block page", "A captive portal"],
            "Open a web page on this network to see who answers, then ask the admin",
        ),
        R::TlsAlert => texts(
            "TLS alert",
            "{host} ends the handshake with the alert {about}",
            &["A proxy that doesn't know the name", "The server needs another TLS version"],
            "Ask the admin whether TLS to {host} passes a proxy",
        ),
        R::TlsTooOld => texts(
            "TLS too old",
            "{host} offers only {about}",
            &["A proxy with an old TLS opens the connection"],
            "Ask the admin whether TLS to {host} passes a proxy",
        ),
        R::WantsClientCertificate => {
            texts("Client certificate", "{host} asks for a client certificate, which only the gateway has", &[], "")
        }
        R::PeerNotVerified => texts(
            "Not verified",
            "{host} answers, and its certificate couldn't be checked",
            &[],
            "Run the check from a laptop on the same network",
        ),
        R::TrustedByGateway => texts(
            "Accepted by the gateway",
            "The gateway's own list of issuers accepts the certificate; its programs couldn't show the chain",
            &[],
            "",
        ),
        R::RefusedByGateway => texts(
            "Refused by the gateway",
            "The gateway's own list of issuers refuses the certificate of {host}: {about}",
            &[
                "TLS inspection or a captive portal",
                "The gateway's list of issuers is old",
                "The gateway's clock is wrong",
            ],
            "Run the check from a laptop on the same network to see the chain",
        ),
        R::NameNotVerified => texts(
            "Name not verified",
            "The chain is right; an address has no name to compare",
            &[],
            "Ask the vendor for the host name",
        ),
        R::Intercepted => texts(
            "TLS intercepted",
            "The certificate for {host} comes from \"{about}\", as on TLS that is opened on the way",
            &["TLS inspection by the firewall or a proxy", "A security program on this computer"],
            "Ask the admin to exempt {host} from TLS inspection",
        ),
        R::UntrustedIssuer => texts(
            "Unknown issuer",
            "The certificate for {host} comes from \"{about}\", which no public list contains",
            &[
                "TLS inspection or a captive portal",
                "Another server answers for the name",
                "The server doesn't send its intermediate certificate",
            ],
            "Ask the admin whether this issuer is theirs, and exempt {host}",
        ),
        R::OtherPublicRoot => texts(
            "Other public root",
            "The chain of {host} ends in another public root ({about})",
            &["The vendor changed its certificate authority"],
            "Check that the gateway trusts this root",
        ),
        R::WrongRoot => texts(
            "Wrong root",
            "The chain ends in \"{about}\", not in the root the device must hold",
            &["The vendor changed its certificate authority"],
            "Ask the vendor which root the device needs",
        ),
        R::BadCertificate => texts(
            "Bad certificate",
            "The certificate for {host} has a fault: {about}",
            &["A misconfigured proxy or server"],
            "Ask the admin whether a proxy answers for {host}",
        ),
        R::WrongName => texts(
            "Wrong name",
            "The certificate is for {about}, not for {host}",
            &["A block page or captive portal", "Another server answers for the name"],
            "Ask the admin who answers for {host}",
        ),
        R::Expired => texts(
            "Certificate expired",
            "The certificate of {host}, or one it rests on, expired on {about}",
            &["The clock of this computer is wrong", "The server was not renewed"],
            "Check the date of this computer, then run the row again",
        ),
        R::NotYetValid => texts(
            "Certificate not valid yet",
            "The certificate of {host}, or one it rests on, is valid from {about}",
            &["The clock of this computer is wrong"],
            "Check the date of this computer, then run the row again",
        ),
        R::ClockWrong => texts(
            "Clock wrong",
            "The clock of this computer is wrong: {about}",
            &["This computer doesn't follow a time server", "An empty clock battery"],
            "Set the clock, then run the check again",
        ),
        R::ClockDiffers => texts(
            "Clocks differ",
            "By the time server this computer's clock is {about}; nothing tells which of the two is wrong",
            &["The clock of this computer is wrong", "The time server is wrong, or another one answers in its place"],
            "Compare the clock with another one, then run the check again",
        ),
        R::GatewayClockWrong => texts(
            "Clock of the gateway wrong",
            "By the gateway's clock ({about}) certificates aren't valid",
            &["The gateway hasn't reached a time server since it started"],
            "Allow NTP (UDP port 123) for the gateway and restart it",
        ),
        R::Unfinished => texts(
            "Answer unfinished",
            "{host} began to answer and didn't finish in time ({about})",
            &["A slow or lossy connection", "A box on the way holds packets back", "The service hangs"],
            "Run the row again; if it fails again, ask the admin for the filter's log at the time shown",
        ),
        R::TlsFailed => texts(
            "TLS failed",
            "{host} speaks TLS and the handshake fails: {about}",
            &["A box on the way changes what is sent", "The server offers nothing this program speaks"],
            "Ask the admin whether TLS to {host} is inspected",
        ),
        R::HttpSilent => texts(
            "HTTP silent",
            "{host} accepts the connection and doesn't answer the request",
            &["A filter drops the first bytes of the application", "The service hangs"],
            "Ask the admin for the filter's log at the time shown",
        ),
        R::HttpCut => texts(
            "HTTP cut",
            "The connection to {host} is cut before the answer",
            &["A filter cuts it once it sees the application", "The service is overloaded"],
            "Ask the admin for the filter's log at the time shown",
        ),
        R::NotHttp => texts(
            "Not HTTP",
            "{host} answers with something else than HTTP: {about}",
            &["Another service on that port"],
            "Ask the admin who answers for {host}",
        ),
        R::ServerError => texts(
            "Server error",
            "{host} was reached and reports an error of its own (status {about})",
            &["A fault of the service"],
            "Run the row again later; the network is fine",
        ),
        R::ServiceRefuses => texts(
            "Service refuses",
            "{host} was reached and refuses the request (status {about}); the network doesn't",
            &["No login was sent", "The service is closed for this country"],
            "",
        ),
        R::UnexpectedStatus => texts(
            "Unexpected status",
            "{host} answers with status {about}, which the vendor doesn't expect",
            &["The service has changed"],
            "",
        ),
        R::ProxyLogin => texts(
            "Proxy login",
            "A proxy asks for a login before {host}",
            &["The proxy allows known users only"],
            "Ask the admin for direct access for the gateway, without a proxy login",
        ),
        R::ProxyConfigured => {
            texts("Proxy configured", "This computer uses the proxy {about}; the rows were tried without it", &[], "")
        }
        R::ProxyScript => {
            texts("Proxy script", "A proxy script is configured at {about} and was not evaluated", &[], "")
        }
        R::OnlyThroughProxy => texts(
            "Only through a proxy",
            "Hosts answer only through the proxy {about}; the gateway can't use one",
            &["The firewall allows the proxy alone"],
            "Ask the admin for direct access for the gateway, without the proxy",
        ),
        R::NothingReached => texts(
            "Nothing reached",
            "No row got through, so this row can't be judged",
            &[],
            "Solve the failed rows first",
        ),
        R::CaptivePortal => texts(
            "Captive portal",
            "A sign-in page stands before the internet: {about}",
            &["A guest network with a captive portal"],
            "Ask the admin to exempt the gateway's MAC address, or use another SSID",
        ),
        R::WebSocketRefused => texts(
            "WebSocket refused",
            "The upgrade to a WebSocket was answered with status {about}",
            &["A proxy strips or answers WebSocket upgrades", "Something else than the broker answers"],
            "Ask the admin to allow WebSockets to {host}",
        ),
        R::MqttSilent => texts(
            "MQTT silent",
            "{host} accepts the connection and doesn't answer MQTT",
            &["A filter drops MQTT", "Another service on that port"],
            "Ask the admin to allow MQTT to {host} port {port}",
        ),
        R::MqttCut => texts(
            "MQTT cut",
            "The connection to {host} is cut before the broker answers",
            &["A filter cuts MQTT once it sees it", "The broker closes connections without a login"],
            "Ask the admin to allow MQTT to {host} port {port}",
        ),
        R::MqttUnavailable => texts(
            "Broker unavailable",
            "The broker {host} was reached and reports that it is unavailable",
            &["A fault of the service"],
            "Run the row again later; the network is fine",
        ),
        R::ClosedWithoutLogin => texts(
            "Closed without login",
            "{host} closes the connection without an answer; no login was sent, and brokers that want one do so",
            &[],
            "",
        ),
        R::NotMqtt => texts(
            "Not MQTT",
            "{host} answers with something else than MQTT: {about}",
            &["A block page or proxy", "Another service on that port"],
            "Ask the admin who answers for {host} port {port}",
        ),
        R::IdleCut => texts(
            "Idle session cut",
            "The session with {host} was cut after {about} of silence",
            &["A short session time-out on the firewall"],
            "Ask the admin for a longer TCP session time-out",
        ),
        R::NtpSilent => texts(
            "NTP silent",
            "No time server answers on UDP port 123",
            &["The firewall blocks UDP port 123", "The servers limit how often they answer"],
            "Ask the admin to allow UDP port 123, or to name a time server inside the site",
        ),
        R::NtpRejected => texts(
            "NTP rejected",
            "{about} rejected the time request",
            &["A rule of the firewall at that address"],
            "Ask the admin to allow UDP port 123, or to name a time server inside the site",
        ),
        R::NtpKiss => texts(
            "NTP rate limit",
            "The time server was reached and asks to be left alone ({about})",
            &["Too many requests from this network"],
            "",
        ),
        R::NtpUnsynchronised => texts(
            "NTP not synchronised",
            "The time server {about} isn't synchronised itself",
            &["A time server inside the site without a source"],
            "Ask the admin to check the time server",
        ),
        R::NtpWrong => texts(
            "Time server wrong",
            "The time server {about}, against servers that were verified",
            &["A time server inside the site without a source", "A firewall redirects the port"],
            "Ask the admin to check the time server: gateways set their clocks by it",
        ),
        R::NtpOdd => texts(
            "Not a time server",
            "What answers on UDP port 123 isn't a time server ({about})",
            &["A firewall redirects the port"],
            "Ask the admin who answers on UDP port 123",
        ),
        R::NtpOtherSource => texts(
            "Other source",
            "The answer came from {about}, not from the server queried",
            &["A firewall redirects NTP to its own server"],
            "",
        ),
        R::PingSilent => texts(
            "No echo reply",
            "The device doesn't answer pings; that proves nothing",
            &["Its firewall, or the network, drops ICMP"],
            "",
        ),
        R::StaticAddress => texts(
            "Address set manually",
            "This computer's address was set manually, so DHCP wasn't seen",
            &[],
            "Set this computer to DHCP and run the row again",
        ),
        R::LeaseUnknown => texts(
            "Lease unknown",
            "This system doesn't report how the address was assigned",
            &[],
            "Look at the network settings of this computer",
        ),
        R::LeaseIncomplete => texts(
            "Lease incomplete",
            "The DHCP server doesn't hand out: {about}",
            &["DHCP options are missing on the server"],
            "Ask the admin to complete the DHCP settings",
        ),
        R::WifiNotSeen => texts(
            "Network not in range",
            "The Wi-Fi network isn't in range of this computer",
            &["Out of range", "A hidden network"],
            "Go closer to the access point and run the row again",
        ),
        R::WifiBand => texts(
            "Wrong band",
            "The Wi-Fi network is on {about} only, which the device can't receive",
            &["The other bands are switched off"],
            "Switch on a band the device can receive, such as 2.4 GHz",
        ),
        R::WifiSecurity => texts(
            "Wrong Wi-Fi security",
            "The Wi-Fi network uses {about}, which the device can't join",
            &["WPA3 only, enterprise or an old cipher"],
            "Offer a protection the device can join, such as WPA2-PSK with CCMP",
        ),
        R::OnlyLaptopPasses => texts(
            "Laptop passes, gateway doesn't",
            "The site lets the laptop through and not the gateway",
            &[
                "The rules hold for the laptop's address or VLAN alone",
                "The firewall knows the laptop as a device or a user",
            ],
            "Ask the admin to let the gateway's address and VLAN through as it does the laptop's",
        ),
        R::OnlyGatewayPasses => texts(
            "Gateway passes, laptop doesn't",
            "The site lets the gateway through and not the laptop",
            &["The rules hold for the gateway's address or VLAN alone", "A VPN, a proxy or a firewall of the laptop"],
            "Go by what the gateway sees; connect the laptop to its network to check from there",
        ),
        R::RevocationSilent => texts(
            "Revocation data silent",
            "Revocation data couldn't be fetched from {about}",
            &["The firewall blocks port 80"],
            "Ask the admin to allow TCP port 80 to these hosts",
        ),
        R::RevocationOdd => texts(
            "Not revocation data",
            "Something else than revocation data came from {about}",
            &["A block page or captive portal", "A proxy rewrites HTTP"],
            "Ask the admin to allow plain HTTP to these hosts",
        ),
    }
}

/// Beside several hosts.
pub const SEVERAL: &str = "several hosts";
/// The state of a finding.
pub const FOUND: &str = "Found";
/// Added to causes that are one reading of several.
pub const UNSURE: &str = "Other readings fit as well; run the check again before changing anything";

/// What happened where a row passes, by the step that answered.
pub const fn answered(step: Option<ProbeKind>, is_encrypted: bool) -> &'static str {
    match step {
        Some(ProbeKind::Tcp) if !is_encrypted => "{host} accepts the connection",
        Some(ProbeKind::Http | ProbeKind::Idle) if !is_encrypted => "{host} answers over HTTP",
        Some(ProbeKind::WebSocket) if !is_encrypted => "{host} answers the WebSocket upgrade",
        Some(ProbeKind::Dns) => "The name servers answer",
        Some(ProbeKind::Tcp | ProbeKind::Tls) => "{host} answers with a valid certificate",
        Some(ProbeKind::Http | ProbeKind::Idle) => "{host} answers over HTTPS with a valid certificate",
        Some(ProbeKind::WebSocket) => "{host} answers the WebSocket upgrade with a valid certificate",
        Some(ProbeKind::Mqtt) => "The broker {host} answers",
        Some(ProbeKind::Ntp) => "A time server answers",
        Some(ProbeKind::Icmp) => "The device answers pings",
        Some(ProbeKind::Revocation) => "Revocation data can be fetched",
        None => "The network offers what the row asks for",
    }
}

/// What the gateway itself saw.
pub fn from_gateway(what: &str) -> String {
    format!("From the gateway: {what}")
}

/// Of a wildcard.
pub fn sampled(good: u32, tried: u32) -> String {
    let names = if tried == 1 { "name" } else { "names" };
    format!("{good} of {tried} {names} tried answer; a wildcard can't be proved for all names")
}

/// Where another row failed first.
pub fn skipped(because: &str, title: &str) -> String {
    format!("Skipped because of {because}: {title}")
}

/// Where another row is enough.
pub fn not_needed(because: &str) -> String {
    format!("{because} holds, and one of the group is enough")
}

/// A guess at the product that opens TLS.
pub fn product(name: &str) -> String {
    format!("{name}, by the name in its certificate")
}

/// Which rows a finding explains.
pub fn concerns(rows: &[RowId]) -> String {
    let rows: Vec<&str> = rows.iter().map(RowId::as_str).collect();
    format!("Concerns {} rows: {}", rows.len(), rows.join(", "))
}
