//! A TLS server whose handshake signatures are wrong in one bit, and nothing else is.

use crate::certificates;
use interlude_test_apps::KeyKind;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, ServerConfig, ServerConnection, SignatureAlgorithm, SignatureScheme};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// The server, in a thread of its own.
pub(crate) struct Forger {
    /// Where it listens.
    pub(crate) address: String,
    thread: JoinHandle<()>,
}

impl Forger {
    /// Serves so many connections, one after the other, with a key of `kind`.
    pub(crate) fn serve(kind: KeyKind, connections: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let config = Arc::new(config(kind));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().take(connections) {
                answer(&config, stream.unwrap());
            }
        });
        Self { address, thread }
    }

    /// Waits until all connections have been served.
    pub(crate) fn join(self) {
        self.thread.join().unwrap();
    }
}

fn config(kind: KeyKind) -> ServerConfig {
    let files = certificates().get(kind).unwrap();
    let certificate = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let key = any_supported_type(&PrivateKeyDer::from_pem_file(&files.key).unwrap()).unwrap();
    let pair = Arc::new(CertifiedKey::new(vec![certificate], Arc::new(ForgedKey(key))));
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(pair)))
}

/// One request, one response. Clients that notice go away in the midst: that is no error here.
fn answer(config: &Arc<ServerConfig>, mut stream: TcpStream) {
    let mut session = ServerConnection::new(config.clone()).unwrap();
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    let mut request = [0; 1024];
    if matches!(tls.read(&mut request), Ok(1..)) {
        let response = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        tls.write_all(response.as_bytes()).unwrap();
        tls.conn.send_close_notify();
        tls.flush().unwrap();
    }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[derive(Debug)]
struct ForgedKey(Arc<dyn SigningKey>);

impl SigningKey for ForgedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(ForgedSigner(self.0.choose_scheme(offered)?)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[derive(Debug)]
struct ForgedSigner(Box<dyn Signer>);

impl Signer for ForgedSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = self.0.sign(message)?;
        // The last byte: of an ECDSA signature that leaves the encoding as it should be.
        if let Some(byte) = signature.last_mut() {
            *byte ^= 1;
        }
        Ok(signature)
    }

    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }
}
