//! What lies between a connection's bytes and its content: TLS, or nothing.
//!
//! Must not: know of HTTP, or keep time.

use crate::failure::{Failure, Kind};
use crate::static_rsa::StaticRsaSession;
use mio::net::TcpStream;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use std::io::{self, BufRead, ErrorKind, Write};
use std::net::Shutdown;

/// One connection's session.
pub(crate) enum Session {
    /// Content goes as it is; what could not be written yet waits here.
    Plain(Vec<u8>),
    /// Content goes through TLS.
    Tls(Box<TlsSession>),
    /// The same, by OpenSSL.
    StaticRsa(Box<StaticRsaSession>),
}

/// A TLS session, and whether the server has closed its side of it.
pub(crate) struct TlsSession {
    tls: ClientConnection,
    peer_closed: bool,
}

impl Session {
    pub(crate) fn plain() -> Self {
        Self::Plain(Vec::new())
    }

    pub(crate) fn tls(tls: ClientConnection) -> Self {
        Self::Tls(Box::new(TlsSession { tls, peer_closed: false }))
    }

    pub(crate) fn static_rsa(session: StaticRsaSession) -> Self {
        Self::StaticRsa(Box::new(session))
    }

    /// How the handshake went, once it is done.
    pub(crate) fn established(&self) -> Option<HandshakeKind> {
        match self {
            Self::Tls(session) if !session.tls.is_handshaking() => session.tls.handshake_kind(),
            Self::StaticRsa(session) => session.established(),
            _ => None,
        }
    }

    /// Whether the server has shown that it too takes the handshake for done. A TLS 1.3 client is
    /// done before the server has checked its Finished; a ticket or a close alert comes after.
    pub(crate) fn is_confirmed(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            // Of TLS 1.2.
            Self::StaticRsa(session) => session.established().is_some(),
            Self::Tls(session) => {
                session.peer_closed
                    || session.tls.tls13_tickets_received() > 0
                    || session.tls.protocol_version() == Some(ProtocolVersion::TLSv1_2)
            }
        }
    }

    /// Whether the server has sent its close alert.
    pub(crate) fn has_close_alert(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(session) => session.peer_closed,
            Self::StaticRsa(session) => session.peer_closed(),
        }
    }

    /// Whether an end of the stream here was not meant by the server: TLS ends with an alert.
    pub(crate) fn is_cut(&self) -> bool {
        !matches!(self, Self::Plain(_)) && !self.has_close_alert()
    }

    /// Queues content to be sent.
    pub(crate) fn queue(&mut self, content: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Plain(waiting) => waiting.extend_from_slice(content),
            Self::StaticRsa(session) => session.queue(content)?,
            Self::Tls(session) => session
                .tls
                .writer()
                .write_all(content)
                .map_err(|error| Failure::new(Kind::Tls, format!("queueing: {error}")))?,
        }
        Ok(())
    }

    /// Sends what is queued, as far as the socket takes it; true when nothing is left.
    pub(crate) fn flush(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        while self.has_queued() {
            let mut write = |bytes: &mut Vec<u8>| {
                stream.write(bytes).inspect(|done| drop(bytes.drain(..*done)))
            };
            let written = match self {
                Self::Plain(waiting) => write(waiting),
                Self::StaticRsa(session) => write(session.outgoing()),
                Self::Tls(session) => session.tls.write_tls(stream),
            };
            match written {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes bytes of the connection and hands the content in them to `sink`.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let session = match self {
            Self::Plain(_) => return sink(bytes),
            Self::StaticRsa(session) => return session.receive(bytes, sink),
            Self::Tls(session) => session,
        };
        // rustls takes 4 KiB at a time, and nothing after a close alert.
        while !bytes.is_empty() && !session.peer_closed {
            session
                .tls
                .read_tls(&mut bytes)
                .map_err(|error| Failure::new(Kind::Tls, error.to_string()))?;
            session.process(&mut sink)?;
        }
        Ok(())
    }

    /// Ends our side: a close alert for TLS, which leaves the TCP connection for the server to
    /// close; the end of the stream for plain HTTP.
    pub(crate) fn close(&mut self, stream: &TcpStream) -> io::Result<()> {
        match self {
            Self::Plain(_) => stream.shutdown(Shutdown::Write),
            Self::StaticRsa(session) => {
                session.close();
                Ok(())
            }
            Self::Tls(session) => {
                session.tls.send_close_notify();
                Ok(())
            }
        }
    }

    fn has_queued(&mut self) -> bool {
        match self {
            Self::Plain(waiting) => !waiting.is_empty(),
            Self::StaticRsa(session) => !session.outgoing().is_empty(),
            Self::Tls(session) => session.tls.wants_write(),
        }
    }
}

impl TlsSession {
    fn process(
        &mut self,
        sink: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let state = self.tls.process_new_packets().map_err(|error| Failure::tls(&error))?;
        self.peer_closed = state.peer_has_closed();
        let mut left = state.plaintext_bytes_to_read();
        let mut reader = self.tls.reader();
        while left > 0 {
            let content =
                reader.fill_buf().map_err(|error| Failure::new(Kind::Tls, error.to_string()))?;
            let length = content.len();
            sink(content)?;
            reader.consume(length);
            left = left.saturating_sub(length.max(1));
        }
        Ok(())
    }
}
