//! The TLS client configuration that all connections of a run share.
//!
//! Must not: be cheaper for the server than a real client would be. What is left out is work of
//! the client only: the multiplication (see `share`) and most signature checks (see `verifier`).
//! AES-128-GCM comes first because it costs the client least.

use crate::plan::{Group, Plan, Version};
use crate::session::Session;
use crate::share;
use crate::static_rsa::StaticRsa;
use crate::tickets::Tickets;
use crate::verifier::SampledVerifier;
use openssl::error::ErrorStack;
use rustls::client::Resumption;
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384,
};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, Error, SupportedProtocolVersion};
use std::sync::Arc;

/// What new TLS sessions are made from.
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
    verifier: Arc<SampledVerifier>,
    static_rsa: Option<StaticRsa>,
}

impl TlsClient {
    /// Sets everything up for TLS of `version`.
    pub(crate) fn new(plan: &Plan, version: Version) -> Result<Self, Error> {
        let provider = provider(plan.group);
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(SampledVerifier::new(algorithms, plan.verify_share));
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions(version))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        config.resumption = if plan.resume {
            // A full handshake yields two tickets, and every connection may bring some at once.
            Resumption::store(Arc::new(Tickets::new(4 * plan.connections)))
        } else {
            Resumption::disabled()
        };
        let static_rsa = plan.static_rsa.then(StaticRsa::new).transpose().map_err(general)?;
        Ok(Self { config: Arc::new(config), server: plan.server.clone(), verifier, static_rsa })
    }

    /// A session of which nothing has been sent yet.
    pub(crate) fn connect(&self) -> Result<Session, Error> {
        if let Some(static_rsa) = &self.static_rsa {
            let session = static_rsa.connect(&self.server.to_str()).map_err(general)?;
            return Ok(Session::static_rsa(session));
        }
        Ok(Session::tls(ClientConnection::new(self.config.clone(), self.server.clone())?))
    }

    /// How many signatures were verified and found right.
    pub(crate) fn verified(&self) -> u64 {
        self.verifier.verified()
    }
}

fn general(error: ErrorStack) -> Error {
    Error::General(error.to_string())
}

/// Only the one: what is measured is what was asked for.
fn versions(version: Version) -> &'static [&'static SupportedProtocolVersion] {
    const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
    const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];
    match version {
        Version::Tls12 => ONLY_TLS12,
        Version::Tls13 => ONLY_TLS13,
    }
}

fn provider(group: Group) -> CryptoProvider {
    let kx_groups: Vec<&'static dyn SupportedKxGroup> = match group {
        // By TLS 1.2, the curve of a certificate has to be offered, too.
        Group::X25519 => vec![&share::X25519, &share::P256, &share::P384],
        Group::P256 => vec![&share::P256],
    };
    let cipher_suites = vec![
        TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384,
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    CryptoProvider { cipher_suites, kx_groups, ..default_provider() }
}
