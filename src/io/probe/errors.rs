//! What the system says went wrong, in one word for all systems; and on Linux the ICMP error behind it, which names the box
//! that refused.

use std::io::{Error, ErrorKind};

use rustls::Error as TlsError;

use crate::check::seen::{Broke, Icmp, SocketError};
use crate::io::stream::Glimpse;
use crate::model::text::{visible, visible_octets};

/// How much of what came instead is shown.
const BEGINS_CHARS: usize = 64;

/// The word for an error of a socket.
pub(super) fn word(error: &Error) -> SocketError {
    match error.kind() {
        ErrorKind::ConnectionRefused => SocketError::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => SocketError::Reset,
        ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => SocketError::NetworkUnreachable,
        ErrorKind::HostUnreachable => SocketError::HostUnreachable,
        ErrorKind::PermissionDenied => SocketError::NotPermitted,
        ErrorKind::AddrNotAvailable => SocketError::NoSuchAddress,
        _ => by_number(error.raw_os_error()),
    }
}

fn by_number(number: Option<i32>) -> SocketError {
    match number {
        // ENOPROTOOPT and EPROTONOSUPPORT of Linux; WSAENOPROTOOPT of Windows.
        Some(92 | 93) if cfg!(target_os = "linux") => SocketError::NoProtocol,
        Some(42 | 43) if cfg!(target_os = "macos") => SocketError::NoProtocol,
        Some(10_042 | 10_043) if cfg!(windows) => SocketError::NoProtocol,
        // ENONET, which a source host that is isolated gets.
        Some(64) if cfg!(target_os = "linux") => SocketError::HostUnreachable,
        // ENODEV: the interface that was chosen is gone.
        Some(19) if cfg!(target_os = "linux") => SocketError::NoSuchAddress,
        _ => SocketError::Other,
    }
}

/// How a conversation broke off by that error.
pub(super) fn broke(error: &Error, glimpse: &Glimpse) -> Broke {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Broke::Reset,
        ErrorKind::FileTooLarge => Broke::TooLong { bytes: glimpse.bytes() },
        ErrorKind::TimedOut => late(glimpse),
        // It came inside of something that is not as it must be, and never got as far as a byte.
        ErrorKind::InvalidData if glimpse.bytes() == 0 => {
            Broke::Other { begins: visible(&error.to_string(), BEGINS_CHARS) }
        }
        kind if glimpse.bytes() == 0 || kind == ErrorKind::UnexpectedEof => Broke::Closed,
        _ => other(glimpse),
    }
}

/// Time is up: nothing came, or no end of it.
pub(super) fn late(glimpse: &Glimpse) -> Broke {
    match glimpse.bytes() {
        0 => Broke::Silent,
        bytes => Broke::Unfinished { bytes },
    }
}

/// Something else came than was expected.
pub(super) fn other(glimpse: &Glimpse) -> Broke {
    Broke::Other { begins: visible_octets(&glimpse.first(), BEGINS_CHARS) }
}

/// The name of the TLS alert in an error, if there is one.
pub(super) fn alert(error: &Error) -> Option<String> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::AlertReceived(alert)) => Some(format!("{alert:?}")),
        _ => None,
    }
}

/// Asks for ICMP errors of a socket, where the system tells them.
#[cfg(target_os = "linux")]
pub(super) fn listen(socket: &socket2::Socket, is_ipv6: bool) {
    use nix::sys::socket::{setsockopt, sockopt};
    // Where it is refused the error is told without its sender.
    let _ = if is_ipv6 {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)
    } else {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)
    };
}

/// Asks for ICMP errors of a socket: this system does not tell them.
#[cfg(not(target_os = "linux"))]
pub(super) fn listen(_socket: &socket2::Socket, _is_ipv6: bool) {}

/// The last ICMP error that a socket got, and all before it are forgotten.
#[cfg(target_os = "linux")]
pub(super) fn icmp(socket: &impl std::os::fd::AsRawFd) -> Option<Icmp> {
    std::iter::from_fn(|| queued(socket.as_raw_fd())).take(MAX_QUEUED).flatten().last()
}

/// The most errors that are taken from a queue at once.
#[cfg(target_os = "linux")]
const MAX_QUEUED: usize = 32;

/// One entry of the error queue; the inner `None` for one that is no ICMP error with a sender.
#[cfg(target_os = "linux")]
#[expect(clippy::option_option, reason = "the outer one says that the queue is empty")]
fn queued(socket: std::os::fd::RawFd) -> Option<Option<Icmp>> {
    use std::io::IoSliceMut;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use nix::libc::{sock_extended_err, sockaddr_in, sockaddr_in6};
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

    /// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6`.
    const OF_ICMP: [u8; 2] = [2, 3];
    let mut payload = [0; 512];
    let mut space = nix::cmsg_space!(sock_extended_err, sockaddr_in6, [u8; 64]);
    let mut pieces = [IoSliceMut::new(&mut payload)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket, &mut pieces, Some(&mut space), flags).ok()?;
    let told = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, Some(sockaddr_in { sin_addr, .. })) => {
            Some((error, IpAddr::from(Ipv4Addr::from(u32::from_be(sin_addr.s_addr)))))
        }
        ControlMessageOwned::Ipv6RecvErr(error, Some(from)) => {
            Some((error, IpAddr::from(Ipv6Addr::from(from.sin6_addr.s6_addr)).to_canonical()))
        }
        _ => None,
    });
    let of_icmp = told.filter(|(error, _)| OF_ICMP.contains(&error.ee_origin));
    Some(of_icmp.map(|(error, from)| Icmp { kind: error.ee_type, code: error.ee_code, from }))
}

/// The last ICMP error that a socket got: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn icmp<T>(_socket: &T) -> Option<Icmp> {
    None
}
