//! Handshakes of every sort with stock nginx, by OpenSSL's own client, which offers one suite and one
//! group: all are accepted, and what each takes was computed in lanes.

use crate::client::Client;
use crate::{LOAD, is_missing, passes, place, rested};
use interlude_test_apps::matrix::Workplace;
use interlude_test_apps::{Certificates, KeyKind, Preload, Server, Shim, WebOptions, WebServer};

/// Stock nginx over the engine.
pub(crate) fn nginx(key: KeyKind, place: &Workplace, certificates: &Certificates) -> Server {
    nginx_over(Shim::find().unwrap(), key, place, certificates)
}

pub(crate) fn nginx_over(
    shim: Shim,
    key: KeyKind,
    place: &Workplace,
    certificates: &Certificates,
) -> Server {
    let options = WebOptions { key, gzip: None, ..WebOptions::default() };
    let shim = shim.mode("coroutine").with("INTERLUDE_ENGINE", "simd");
    WebServer::Nginx.start(&options, &place.site, certificates, &Preload::Shim(shim)).unwrap()
}

/// Has all of the load's handshakes made, in as many threads as there are clients.
pub(crate) fn loaded(server: &Server, place: &Workplace, client: Client) {
    let file = place.site.files().iter().find(|file| (1..5000).contains(&file.bytes.len()));
    let file = file.unwrap();
    let (clients, handshakes) = LOAD;
    client.run(server.ports().tls, (clients, handshakes / clients), &file.path, &file.bytes);
}

/// Makes the handshakes, and sees that these kinds of lanes were in use, and these were not.
fn all_right(key: KeyKind, client: Client, kinds: &[&str], others: &[&str]) -> Option<Server> {
    if is_missing() {
        return None;
    }
    let place = place();
    let server = nginx(key, &place, &place.certificates);
    loaded(&server, &place, client);
    rested(&server);
    assert_eq!(server.counter("bypass.foreign"), 0, "{client:?}");
    for kind in kinds {
        assert!(passes(&server, kind) > 0, "no pass of {kind}: {client:?}");
    }
    for kind in others {
        assert_eq!(passes(&server, kind), 0, "a pass of {kind}: {client:?}");
    }
    Some(server)
}

#[test]
fn by_ephemeral_keys_and_rsa() {
    let client = Client::tls12("ECDHE-RSA-AES128-GCM-SHA256", "X25519");
    all_right(KeyKind::Rsa2048, client, &["rsa2048", "x25519", "x25519_keygen"], &[]);
    let client = Client::tls12("ECDHE-RSA-AES128-GCM-SHA256", "P-256");
    all_right(KeyKind::Rsa2048, client, &["rsa2048", "ecdh_p256"], &["x25519"]);
}

/// The client encrypts its secret to the server's key: nothing is signed.
#[test]
fn by_static_rsa() {
    let client = Client::tls12("AES128-SHA256", "X25519");
    let others = ["x25519", "x25519_keygen"];
    let Some(server) = all_right(KeyKind::Rsa2048, client, &["rsa2048"], &others) else { return };
    assert!(server.counter("job.decrypt.completed") > 0);
    assert_eq!(server.counter("job.sign.submitted"), 0);
    assert!(server.counter("hook.RSA_private_decrypt.handled") >= LOAD.1 as u64);
    all_right(KeyKind::Rsa4096, Client::tls12("AES256-SHA", "X25519"), &["rsa4096"], &others);
}

#[test]
fn by_ephemeral_keys_and_a_curve() {
    // A certificate's curve has to be offered, too.
    let client = Client::tls12("ECDHE-ECDSA-AES128-GCM-SHA256", "X25519:P-256");
    all_right(KeyKind::EcdsaP256, client, &["ecdsa_p256", "x25519", "x25519_keygen"], &[]);
    let client = Client::tls12("ECDHE-ECDSA-AES128-GCM-SHA256", "P-384");
    all_right(KeyKind::EcdsaP384, client, &["ecdsa_p384", "ecdh_p384", "keygen_p384"], &[]);
}

#[test]
fn on_the_curves() {
    let client = Client::tls13("P-256");
    all_right(KeyKind::EcdsaP256, client, &["ecdsa_p256", "ecdh_p256"], &["x25519"]);
    let client = Client::tls13("P-384");
    let kinds = ["ecdsa_p384", "ecdh_p384", "keygen_p384"];
    let Some(server) = all_right(KeyKind::EcdsaP384, client, &kinds, &["x25519"]) else { return };
    assert!(server.counter("hook.EC_KEY_generate_key.handled") >= LOAD.1 as u64);
}

#[test]
fn by_ed25519() {
    let kinds = ["ed25519", "x25519", "x25519_keygen"];
    all_right(KeyKind::Ed25519, Client::tls13("X25519"), &kinds, &[]);
    let client = Client::tls12("ECDHE-ECDSA-AES128-GCM-SHA256", "X25519");
    all_right(KeyKind::Ed25519, client, &kinds, &[]);
}

/// A session that is resumed takes no signature; by TLS 1.3, it takes an agreement all the same. By
/// TLS 1.2 only a client's first handshake takes either, and nothing makes two of these meet in a pass.
#[test]
fn of_sessions_that_are_resumed() {
    let (clients, handshakes) = (LOAD.0 as u64, LOAD.1 as u64);
    let client = Client::tls12("ECDHE-RSA-AES128-GCM-SHA256", "X25519").resuming();
    let Some(server) = all_right(KeyKind::Rsa2048, client, &[], &[]) else { return };
    assert_eq!(server.counter("hook.EVP_DigestSign.handled"), clients);
    // libssl asks for the size first.
    assert_eq!(server.counter("hook.EVP_PKEY_derive.handled"), 2 * clients);
    let client = Client::tls12("AES128-SHA256", "X25519").resuming();
    let Some(server) = all_right(KeyKind::Rsa2048, client, &[], &["x25519"]) else { return };
    assert_eq!(server.counter("hook.RSA_private_decrypt.handled"), clients);
    let client = Client::tls13("X25519").resuming();
    let Some(server) = all_right(KeyKind::EcdsaP256, client, &["x25519"], &[]) else { return };
    assert_eq!(server.counter("hook.EVP_DigestSign.handled"), clients);
    assert_eq!(server.counter("hook.EVP_PKEY_derive.handled"), 2 * handshakes);
    all_right(KeyKind::Ed25519, Client::tls13("P-384").resuming(), &["ecdh_p384"], &["x25519"]);
}
