//! The client's end of a TCP connection: ordinary, slow, or cut at a chosen byte.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// Most bytes that a slow client takes at once.
const SIP: usize = 8 * 1024;
/// How long it rests after each sip: 1.6 MB a second.
const REST: Duration = Duration::from_millis(5);
/// Its receive buffer, in bytes: small, so that the server has to wait for it.
const BUFFER: libc::c_int = 16 * 1024;

/// How a client treats its connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manners {
    /// It goes away after so many bytes, sent and received together, of whatever protocol: in the
    /// handshake, the request or the answer. Every later call on the connection fails.
    pub cut_after: Option<usize>,
    /// It reads slowly, with a small buffer.
    pub slow: bool,
}

/// A connection, with manners.
#[derive(Debug)]
pub(super) struct Wire {
    tcp: TcpStream,
    /// Bytes that are left until the cut.
    left: usize,
    slow: bool,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, manners: Manners) -> io::Result<Self> {
        if manners.slow {
            set(&tcp, libc::SO_RCVBUF, &BUFFER)?;
        }
        let left = manners.cut_after.unwrap_or(usize::MAX);
        Ok(Self { tcp, left, slow: manners.slow })
    }

    pub(super) fn reset_at_close(&self) -> io::Result<()> {
        reset_at_close(&self.tcp)
    }

    /// So many of `wanted` bytes may pass now.
    fn allowed(&self, wanted: usize) -> io::Result<usize> {
        match wanted.min(self.left) {
            0 if wanted > 0 => Err(io::Error::other("cut")),
            allowed => Ok(allowed),
        }
    }

    fn passed(&mut self, count: usize) -> usize {
        if self.left != usize::MAX {
            self.left -= count;
        }
        count
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut allowed = self.allowed(buffer.len())?;
        if self.slow {
            allowed = allowed.min(SIP);
            thread::sleep(REST);
        }
        // In bounds: `allowed` is at most the buffer's length.
        let got = self.tcp.read(&mut buffer[..allowed])?;
        Ok(self.passed(got))
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let allowed = self.allowed(bytes.len())?;
        let sent = self.tcp.write(&bytes[..allowed])?;
        Ok(self.passed(sent))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Lets the close of a connection, when it comes, be a reset (SO_LINGER of 0, socket(7)).
///
/// # Errors
/// As setsockopt(2).
pub fn reset_at_close(tcp: &TcpStream) -> io::Result<()> {
    set(tcp, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 })
}

fn set<T>(tcp: &TcpStream, option: libc::c_int, value: &T) -> io::Result<()> {
    // The values are a few bytes long.
    let size = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and the size are those of `value`, which outlives the call.
    let result = unsafe {
        let value = std::ptr::from_ref(value).cast();
        libc::setsockopt(tcp.as_raw_fd(), libc::SOL_SOCKET, option, value, size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn a_cut_comes_at_its_byte() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let manners = Manners { cut_after: Some(5), slow: true };
        let mut wire = Wire::new(tcp, manners).unwrap();
        wire.write_all(b"abc").unwrap();
        other.write_all(b"defg").unwrap();
        let mut got = [0; 8];
        assert_eq!(wire.read(&mut got).unwrap(), 2);
        assert!(wire.read(&mut got).is_err() && wire.write(b"x").is_err());
        wire.reset_at_close().unwrap();
        drop(wire);
        let mut got = Vec::new();
        assert_eq!(other.read_to_end(&mut got).unwrap_err().raw_os_error(), Some(libc::ECONNRESET));
        assert_eq!(got, b"abc");
    }
}
