//! Sockets that leave from where the person chose.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::errors;
use crate::check::question::From;

/// A TCP socket to connect to there.
pub(super) fn tcp(from: &From, to: SocketAddr) -> Result<Socket, Error> {
    let socket = bound(from, to.ip(), Type::STREAM, Protocol::TCP)?;
    // Small packets are answered at once; that it cannot be set does no harm.
    let _ = socket.set_tcp_nodelay(true);
    Ok(socket)
}

/// A UDP socket to send there, not connected: an answer may come from elsewhere.
pub(super) fn udp(from: &From, to: IpAddr) -> Result<tokio::net::UdpSocket, Error> {
    let socket = bound(from, to, Type::DGRAM, Protocol::UDP)?;
    if socket.local_addr()?.as_socket().is_none_or(|own| own.port() == 0) {
        let any: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        socket.bind(&SockAddr::from(SocketAddr::new(any, 0)))?;
    }
    tokio::net::UdpSocket::from_std(socket.into())
}

fn bound(from: &From, to: IpAddr, kind: Type, protocol: Protocol) -> Result<Socket, Error> {
    let domain = if to.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    errors::listen(&socket, to.is_ipv6());
    match from {
        From::Anywhere => {}
        From::Address(own) if own.is_ipv6() == to.is_ipv6() => {
            socket.bind(&SockAddr::from(SocketAddr::new(*own, 0)))?;
        }
        From::Address(_) => return Err(ErrorKind::AddrNotAvailable.into()),
        From::Interface(name) => to_interface(&socket, name, to)?,
    }
    Ok(socket)
}

/// An address of an interface to reach that one from.
pub(super) fn own_address(name: &str, to: IpAddr) -> Option<IpAddr> {
    let is_it =
        |interface: &netdev::Interface| interface.name == name || interface.friendly_name.as_deref() == Some(name);
    let found = netdev::get_interfaces().into_iter().find(is_it)?;
    found.ip_addrs().into_iter().find(|own| own.is_ipv6() == to.is_ipv6())
}

#[cfg(target_os = "linux")]
fn to_interface(socket: &Socket, name: &str, _to: IpAddr) -> Result<(), Error> {
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(target_os = "macos")]
fn to_interface(socket: &Socket, name: &str, to: IpAddr) -> Result<(), Error> {
    let found = netdev::get_interfaces().into_iter().find(|interface| interface.name == name);
    let index = found.and_then(|found| std::num::NonZeroU32::new(found.index)).ok_or(ErrorKind::AddrNotAvailable)?;
    if to.is_ipv6() { socket.bind_device_by_index_v6(Some(index)) } else { socket.bind_device_by_index_v4(Some(index)) }
}

/// Elsewhere the address of the interface is what can be chosen.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn to_interface(socket: &Socket, name: &str, to: IpAddr) -> Result<(), Error> {
    let own = own_address(name, to).ok_or(ErrorKind::AddrNotAvailable)?;
    socket.bind(&SockAddr::from(SocketAddr::new(own, 0)))
}
