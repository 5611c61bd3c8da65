//! A client of OpenSSL's: one cipher suite, one group, its sessions resumed or not.

use openssl::ssl::{Ssl, SslContext, SslMethod, SslSession, SslStream, SslVerifyMode, SslVersion};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What its clients ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) version: SslVersion,
    /// The only suites of TLS 1.2 that are offered; OpenSSL's default where empty.
    pub(crate) ciphers: &'static str,
    /// The groups that are offered, the first being the one that is used.
    pub(crate) group: &'static str,
    /// Does each connection but a client's first resume the session before?
    pub(crate) resumes: bool,
}

impl Client {
    pub(crate) const fn tls13(group: &'static str) -> Self {
        Self { version: SslVersion::TLS1_3, ciphers: "", group, resumes: false }
    }

    pub(crate) const fn tls12(ciphers: &'static str, group: &'static str) -> Self {
        Self { version: SslVersion::TLS1_2, ciphers, group, resumes: false }
    }

    pub(crate) const fn resuming(self) -> Self {
        Self { resumes: true, ..self }
    }

    /// As many clients at a time, each of as many connections, each of which asks for `path` once.
    /// Returns how many sessions were resumed. Every signature, every record and every body is checked.
    pub(crate) fn run(self, port: u16, load: (usize, usize), path: &str, body: &[u8]) -> usize {
        let (clients, connections) = load;
        let resumed = thread::scope(|scope| {
            let one = || {
                let (context, mut session) = (self.context(), None);
                let ask = |_| self.ask(&context, &mut session, port, path, body);
                (0..connections).map(ask).filter(|resumed| *resumed).count()
            };
            let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        });
        let expected = if self.resumes { clients * (connections - 1) } else { 0 };
        assert_eq!(resumed, expected, "{self:?}: resumed");
        resumed
    }

    /// As many clients at a time, each of one handshake, after which the server says something.
    pub(crate) fn answered(self, port: u16, clients: usize) {
        let context = self.context();
        let one = || {
            let mut stream = self.connect(&context, None, port);
            assert_eq!(stream.read(&mut [0; 16]).unwrap(), 1, "{self:?}");
        };
        thread::scope(|scope| {
            let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
            clients.into_iter().for_each(|client| client.join().unwrap());
        });
    }

    fn context(self) -> SslContext {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        // The certificates are self-signed. What is signed with their keys is checked all the same.
        context.set_verify(SslVerifyMode::NONE);
        context.set_min_proto_version(Some(self.version)).unwrap();
        context.set_max_proto_version(Some(self.version)).unwrap();
        context.set_groups_list(self.group).unwrap();
        if !self.ciphers.is_empty() {
            context.set_cipher_list(self.ciphers).unwrap();
        }
        context.build()
    }

    fn connect(
        self,
        context: &SslContext,
        session: Option<&SslSession>,
        port: u16,
    ) -> SslStream<TcpStream> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut ssl = Ssl::new(context).unwrap();
        if let Some(session) = session.filter(|_| self.resumes) {
            // SAFETY: a session of the same context.
            unsafe { ssl.set_session(session) }.unwrap();
        }
        ssl.connect(tcp).unwrap()
    }

    /// One connection and one answer. Was the session resumed?
    fn ask(
        self,
        context: &SslContext,
        session: &mut Option<SslSession>,
        port: u16,
        path: &str,
        body: &[u8],
    ) -> bool {
        let mut stream = self.connect(context, session.as_ref(), port);
        let close = "Connection: close";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(body), "{self:?}");
        // A session that is not ended in order is not to be resumed.
        stream.shutdown().unwrap();
        *session = stream.ssl().session().map(ToOwned::to_owned);
        stream.ssl().session_reused()
    }
}
