//! What can go wrong on one connection, by kind.
//!
//! Must not: decide what happens next. A failure ends its connection and is counted; the run goes
//! on.

use rustls::Error;
use serde::Serialize;
use std::fmt;

/// The kinds under which failures are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// No TCP connection came about.
    Connect,
    /// The TLS session was refused, broken or ended too early.
    Tls,
    /// The server's handshake signature was verified and is wrong.
    Signature,
    /// The response was not a whole HTTP response with status 200.
    Http,
    /// The response was whole, but its body is not the expected one.
    Body,
    /// Nothing more came within the time limit.
    Timeout,
}

/// One failed connection.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    /// Under which kind it is counted.
    pub(crate) kind: Kind,
    /// One line that says what happened.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn http(message: impl Into<String>) -> Self {
        Self::new(Kind::Http, message)
    }

    /// Sorts an error of rustls. Whatever is wrong with a certificate comes from our own verifier,
    /// which looks at nothing but the signature.
    pub(crate) fn tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(_) => {
                Self::new(Kind::Signature, format!("handshake signature: {error}"))
            }
            _ => Self::new(Kind::Tls, error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.kind, self.message)
    }
}

/// Failures by kind.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Failures {
    connect: u64,
    tls: u64,
    signature: u64,
    http: u64,
    body: u64,
    timeout: u64,
}

impl Failures {
    pub(crate) fn add(&mut self, kind: Kind) {
        *match kind {
            Kind::Connect => &mut self.connect,
            Kind::Tls => &mut self.tls,
            Kind::Signature => &mut self.signature,
            Kind::Http => &mut self.http,
            Kind::Body => &mut self.body,
            Kind::Timeout => &mut self.timeout,
        } += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.connect + self.tls + self.signature + self.http + self.body + self.timeout
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} connect, {} tls, {} signature, {} http, {} body, {} timeout",
            self.connect, self.tls, self.signature, self.http, self.body, self.timeout
        )
    }
}
