//! [`Agenda`]: what a commissioning asks of a gateway, in its one order.
//!
//! Credentials first, then names, then the network: a gateway that joins may close its set-up, and one without its token
//! must not be sent into the network, because nobody could commission it a second time. Pure; each front end says what
//! stands for a credential and for the network.

use std::collections::VecDeque;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Todo<C, N> {
    /// Send a token, key or file.
    Credential(C),
    /// Give it a host name.
    Hostname(String),
    /// Give it a name.
    DeviceName(String),
    /// Let it scan for networks.
    Scan,
    /// Send the network.
    Network(N),
}

/// What is wanted of a gateway, in no order.
#[derive(Clone, Debug)]
pub struct Order<C, N> {
    /// Tokens, keys and files, in their order.
    pub credentials: Vec<C>,
    /// A host name.
    pub hostname: Option<String>,
    /// A name.
    pub device_name: Option<String>,
    /// Whether it scans for networks.
    pub is_scanning: bool,
    /// The network; of several each is sent in its turn.
    pub networks: Vec<N>,
}

impl<C, N> Default for Order<C, N> {
    fn default() -> Self {
        Self { credentials: Vec::new(), hostname: None, device_name: None, is_scanning: false, networks: Vec::new() }
    }
}

/// What is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agenda<C, N>(VecDeque<Todo<C, N>>);

impl<C, N> Default for Agenda<C, N> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<C, N> Agenda<C, N> {
    /// Puts an order into its order.
    pub fn of(order: Order<C, N>) -> Self {
        let credentials = order.credentials.into_iter().map(Todo::Credential);
        let names = order.hostname.map(Todo::Hostname).into_iter().chain(order.device_name.map(Todo::DeviceName));
        let scan = order.is_scanning.then_some(Todo::Scan);
        let networks = order.networks.into_iter().map(Todo::Network);
        Self(credentials.chain(names).chain(scan).chain(networks).collect())
    }

    /// What comes next.
    pub fn take_next(&mut self) -> Option<Todo<C, N>> {
        self.0.pop_front()
    }

    /// The network that is still to be sent.
    pub fn network(&self) -> Option<&N> {
        self.0.iter().find_map(|todo| match todo {
            Todo::Network(network) => Some(network),
            _ => None,
        })
    }

    /// Whether the network comes next.
    pub fn is_network_next(&self) -> bool {
        matches!(self.0.front(), Some(Todo::Network(_)))
    }

    /// A credential was not taken: nothing further is sent.
    pub fn credential_failed(&mut self) {
        self.0.clear();
    }

    /// Somebody stopped it.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agenda() -> Agenda<&'static str, &'static str> {
        Agenda::of(Order {
            networks: vec!["site"],
            credentials: vec!["token", "key"],
            hostname: Some("gw-1".into()),
            device_name: None,
            is_scanning: true,
        })
    }

    #[test]
    fn credentials_come_first_and_the_network_last() {
        let mut agenda = agenda();
        assert_eq!(agenda.network(), Some(&"site"));
        let order: Vec<_> = std::iter::from_fn(|| {
            let is_last = agenda.is_network_next();
            agenda.take_next().map(|todo| (todo, is_last))
        })
        .collect();
        let expected = [
            (Todo::Credential("token"), false),
            (Todo::Credential("key"), false),
            (Todo::Hostname("gw-1".into()), false),
            (Todo::Scan, false),
            (Todo::Network("site"), true),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn a_gateway_that_did_not_take_its_token_is_not_sent_into_the_network() {
        let mut agenda = agenda();
        agenda.take_next();
        agenda.credential_failed();
        assert_eq!(agenda.network(), None);
        assert_eq!(agenda.take_next(), None);
    }
}
