//! Verifies the handshake signature of a sampled share of the servers' handshakes.
//!
//! Must not: look at names, dates or chains. What is under test is whether the server signs
//! rightly with the key of the certificate that it shows, and nothing else.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::sync::atomic::{AtomicU64, Ordering};

/// Takes a share of the signatures, evenly spread, and the very first if it takes any.
#[derive(Debug)]
pub(crate) struct SampledVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    share: f64,
    seen: AtomicU64,
    verified: AtomicU64,
}

impl SampledVerifier {
    /// `share` is between 0 (none) and 1 (all).
    pub(crate) fn new(algorithms: WebPkiSupportedAlgorithms, share: f64) -> Self {
        Self { algorithms, share, seen: AtomicU64::new(0), verified: AtomicU64::new(0) }
    }

    /// How many signatures were verified and found right.
    pub(crate) fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    fn is_sampled(&self) -> bool {
        let before = self.seen.fetch_add(1, Ordering::Relaxed) as f64;
        ((before + 1.0) * self.share).ceil() > (before * self.share).ceil()
    }

    fn sample(
        &self,
        verify: impl FnOnce(&WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.is_sampled() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let valid = verify(&self.algorithms)?;
        self.verified.fetch_add(1, Ordering::Relaxed);
        Ok(valid)
    }
}

impl ServerCertVerifier for SampledVerifier {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sample(|algorithms| verify_tls12_signature(message, cert, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sample(|algorithms| verify_tls13_signature(message, cert, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring::default_provider;

    fn taken(share: f64, of: usize) -> Vec<usize> {
        let algorithms = default_provider().signature_verification_algorithms;
        let verifier = SampledVerifier::new(algorithms, share);
        (0..of).filter(|_| verifier.is_sampled()).collect()
    }

    #[test]
    fn the_share_is_evenly_spread_and_begins_with_the_first() {
        assert_eq!(taken(0.25, 9), [0, 4, 8]);
        assert_eq!(taken(1.0, 4), [0, 1, 2, 3]);
        assert_eq!(taken(0.0, 1000), [0; 0]);
        assert_eq!(taken(0.01, 1000).len(), 10);
    }
}
