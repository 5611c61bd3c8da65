//! Sessions of OpenSSL's, for what rustls does not do: TLS 1.2 without an ephemeral key, where the client
//! encrypts its secret to the server's RSA key. Nothing is signed; that the server could decrypt it is told
//! by its Finished, which OpenSSL always checks.
//!
//! Must not: know a socket. What comes and goes lies in a [`Pipe`].

use crate::failure::{Failure, Kind};
use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, ShutdownState, Ssl, SslContext, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use rustls::HandshakeKind;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// The suites that are offered (`openssl-ciphers(1)`).
const SUITES: &str = "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA";

/// What new sessions are made from.
pub(crate) struct StaticRsa(SslContext);

impl StaticRsa {
    pub(crate) fn new() -> Result<Self, ErrorStack> {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        // Names, dates and chains are not looked at, as elsewhere here.
        context.set_verify(SslVerifyMode::NONE);
        context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        context.set_max_proto_version(Some(SslVersion::TLS1_2))?;
        context.set_cipher_list(SUITES)?;
        Ok(Self(context.build()))
    }

    /// A session of which nothing has been sent yet.
    pub(crate) fn connect(&self, server: &str) -> Result<StaticRsaSession, ErrorStack> {
        let mut ssl = Ssl::new(&self.0)?;
        ssl.set_connect_state();
        ssl.set_hostname(server)?;
        let stream = SslStream::new(ssl, Pipe::default())?;
        let mut session = StaticRsaSession { stream, waiting: Vec::new(), peer_closed: false };
        // Cannot fail: it writes the first message, and then waits.
        let _ = session.stream.do_handshake();
        Ok(session)
    }
}

/// Bytes that have come, and bytes that are to go.
#[derive(Default)]
struct Pipe {
    come: VecDeque<u8>,
    to_go: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.come.read(into) {
            Ok(0) if !into.is_empty() => Err(ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_go.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One connection's session.
pub(crate) struct StaticRsaSession {
    stream: SslStream<Pipe>,
    /// Content that waits for the handshake.
    waiting: Vec<u8>,
    peer_closed: bool,
}

impl StaticRsaSession {
    /// How the handshake went, once it is done.
    pub(crate) fn established(&self) -> Option<HandshakeKind> {
        self.stream.ssl().is_init_finished().then_some(HandshakeKind::Full)
    }

    /// Whether the server has sent its close alert.
    pub(crate) fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Queues content to be sent.
    pub(crate) fn queue(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.waiting.extend_from_slice(content);
        self.advance()
    }

    /// What is to be sent.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.stream.get_mut().to_go
    }

    /// Takes bytes of the connection and hands the content in them to `sink`.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.stream.get_mut().come.extend(bytes);
        self.advance()?;
        let mut content = [0; 4096];
        while self.stream.ssl().is_init_finished() && !self.peer_closed {
            match self.stream.ssl_read(&mut content) {
                Ok(len) => sink(content.get(..len).unwrap_or_default())?,
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => self.peer_closed = true,
                Err(error) => return waits(&error),
            }
        }
        Ok(())
    }

    /// A close alert is to be sent.
    pub(crate) fn close(&mut self) {
        if !self.stream.get_shutdown().contains(ShutdownState::SENT) {
            // It is written; whether the other side has answered is of no interest.
            let _ = self.stream.shutdown();
        }
    }

    fn advance(&mut self) -> Result<(), Failure> {
        if !self.stream.ssl().is_init_finished()
            && let Err(error) = self.stream.do_handshake()
        {
            return waits(&error);
        }
        if !self.waiting.is_empty() {
            let written = self.stream.ssl_write(&self.waiting);
            let written = written.map_err(|error| Failure::new(Kind::Tls, error.to_string()))?;
            self.waiting.drain(..written);
        }
        Ok(())
    }
}

/// It goes on when more has come; else it is an error.
fn waits(error: &openssl::ssl::Error) -> Result<(), Failure> {
    match error.code() {
        ErrorCode::WANT_READ => Ok(()),
        _ => Err(Failure::new(Kind::Tls, error.to_string())),
    }
}
