//! One client's connection: TCP, or TLS of a given version on it.
//!
//! Certificates are not verified (they are self-signed), but every handshake's signature is: a
//! wrong one would be the shim's.

use super::{Answer, Manners, wire::Wire};
use crate::Server;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// What requests travel on.
#[derive(Clone)]
pub enum Transport {
    /// TCP.
    Plain,
    /// TLS, and how.
    Tls(Arc<ClientConfig>),
}

impl Transport {
    /// TLS 1.2, a full handshake for every connection.
    #[must_use]
    pub fn tls12() -> Self {
        Self::tls(&rustls::version::TLS12, false)
    }

    /// TLS 1.3, a full handshake for every connection.
    #[must_use]
    pub fn tls13() -> Self {
        Self::tls(&rustls::version::TLS13, false)
    }

    /// TLS of that version; with `resume`, connections after the first resume its session.
    ///
    /// # Panics
    /// Never: the provider has cipher suites of both versions.
    #[must_use]
    pub fn tls(version: &'static rustls::SupportedProtocolVersion, resume: bool) -> Self {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("the provider has suites of every version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(SignatureOnly(provider)))
            .with_no_client_auth();
        if !resume {
            config.resumption = rustls::client::Resumption::disabled();
        }
        Self::Tls(Arc::new(config))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Plain) { "Plain" } else { "Tls" })
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
}

#[derive(Debug)]
enum Stream {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

impl Connection {
    /// Connects to `port` of 127.0.0.1. A read that takes longer than `patience` is an error.
    ///
    /// # Errors
    /// When the server does not accept, or the handshake fails.
    pub fn open(transport: &Transport, port: u16, patience: Duration) -> io::Result<Self> {
        Self::open_with(transport, port, patience, Manners::default())
    }

    /// As [`Self::open`], by a client with such manners.
    ///
    /// # Errors
    /// As there; also when the connection is cut in its handshake. It was reset then.
    pub fn open_with(
        transport: &Transport,
        port: u16,
        patience: Duration,
        manners: Manners,
    ) -> io::Result<Self> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        tcp.set_read_timeout(Some(patience))?;
        tcp.set_write_timeout(Some(patience))?;
        tcp.set_nodelay(true)?;
        let mut wire = Wire::new(tcp, manners)?;
        if manners.cut_after.is_some() {
            wire.reset_at_close()?;
        }
        let stream = match transport {
            Transport::Plain => Stream::Plain(wire),
            Transport::Tls(config) => {
                let mut tls = client(config)?;
                while tls.is_handshaking() {
                    tls.complete_io(&mut wire)?;
                }
                Stream::Tls(Box::new(StreamOwned::new(tls, wire)))
            }
        };
        Ok(Self { stream: BufReader::with_capacity(16 * 1024, stream) })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// As write(2).
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(request)?;
        stream.flush()
    }

    /// Waits for the first bytes of an answer, and leaves them where they are.
    ///
    /// # Errors
    /// `ConnectionAborted` when the other end closed instead.
    pub fn begin(&mut self) -> io::Result<()> {
        match self.stream.fill_buf()?.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed")),
            false => Ok(()),
        }
    }

    /// Receives one answer.
    ///
    /// # Errors
    /// `ConnectionAborted` when the other end closed before its first byte; anything else that is
    /// not a whole answer.
    pub fn receive(&mut self) -> io::Result<Answer> {
        self.begin()?;
        Answer::read(&mut self.stream)
    }

    /// Receives about `count` bytes of an answer, whatever they are.
    ///
    /// # Errors
    /// As read(2).
    pub fn read_some(&mut self, count: usize) -> io::Result<()> {
        io::copy(&mut self.stream.by_ref().take(count as u64), &mut io::sink()).map(|_| ())
    }

    /// Closes it with a reset rather than in order.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub fn reset(self) -> io::Result<()> {
        match self.stream.get_ref() {
            Stream::Plain(wire) => wire.reset_at_close(),
            Stream::Tls(tls) => tls.sock.reset_at_close(),
        }
    }
}

/// The first bytes of a handshake, to be sent by those who will not go on with it.
#[derive(Debug)]
pub struct Hello(Vec<u8>);

impl Hello {
    /// What a client of that transport says first.
    ///
    /// # Errors
    /// When it says nothing: it speaks no TLS.
    pub fn of(transport: &Transport) -> io::Result<Self> {
        let Transport::Tls(config) = transport else {
            return Err(io::Error::other("no TLS, no hello"));
        };
        let mut bytes = Vec::new();
        client(config)?.write_tls(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// So many clients, all of whose first bytes are there when the server's worker comes to accept them.
    ///
    /// # Errors
    /// When one cannot connect, or send.
    pub fn burst(&self, server: &Server, clients: usize) -> io::Result<Vec<TcpStream>> {
        server.signal_worker(libc::SIGSTOP);
        let come = |_| {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, server.ports().tls))?;
            client.write_all(self.bytes())?;
            Ok(client)
        };
        let clients = (0..clients).map(come).collect();
        server.signal_worker(libc::SIGCONT);
        clients
    }
}

fn client(config: &Arc<ClientConfig>) -> io::Result<ClientConnection> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    ClientConnection::new(config.clone(), name).map_err(io::Error::other)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Tls(tls) => match tls.read(buffer) {
                // Closed without a close_notify: an end like another, for HTTP's framing tells
                // whether the answer was whole.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                other => other,
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// Accepts any certificate, but no wrong signature.
#[derive(Debug)]
struct SignatureOnly(Arc<CryptoProvider>);

impl ServerCertVerifier for SignatureOnly {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
