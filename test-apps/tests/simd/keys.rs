//! Keys that are not for lanes: libcrypto uses them, and nobody notices.

use crate::app::App;
use crate::client::Client;
use crate::handshakes::{loaded, nginx, nginx_over};
use crate::{LOAD, is_missing, passes, place, rested};
use interlude_test_apps::{Certificates, KeyKind, Preload, Shim};
use openssl::bn::BigNum;
use openssl::rsa::Rsa;
use std::fs;

/// One component of the key is wrong. libcrypto finds that with each signature, and does without; the
/// engine is not to be blamed for it, nor asked again.
#[test]
fn one_with_a_wrong_component_is_left_to_the_library() {
    if is_missing() {
        return;
    }
    let (place, dir) = (place(), tempfile::tempdir().unwrap());
    let certificates = Certificates::in_dir(dir.path()).unwrap();
    let files = certificates.get(KeyKind::Rsa2048).unwrap();
    let key = Rsa::private_key_from_pem(&fs::read(&files.key).unwrap()).unwrap();
    let number = |number: &openssl::bn::BigNumRef| number.to_owned().unwrap();
    let mut wrong = number(key.dmp1().unwrap());
    wrong.sub_word(2).unwrap();
    let [n, e, d] = [key.n(), key.e(), key.d()].map(number);
    let [p, q, dq, qinv]: [BigNum; 4] =
        [key.p(), key.q(), key.dmq1(), key.iqmp()].map(|part| number(part.unwrap()));
    let key = Rsa::from_private_components(n, e, d, p, q, wrong, dq, qinv).unwrap();
    fs::write(&files.key, key.private_key_to_pem().unwrap()).unwrap();

    let server = nginx(KeyKind::Rsa2048, &place, &certificates);
    loaded(&server, &place, Client::tls13("X25519"));
    // That includes: the engine was never wrong.
    rested(&server);
    assert_eq!(server.counter("engine.quarantined"), 0);
    assert!((1..=2).contains(&passes(&server, "rsa2048")), "{}", passes(&server, "rsa2048"));
    assert!(passes(&server, "x25519") > 0);
    assert!(server.counter("bypass.foreign") > LOAD.1 as u64 / 2);
}

/// What hangs on it would not be wiped with it.
#[test]
fn those_of_a_library_with_other_numbers_are_left_alone() {
    if is_missing() {
        return;
    }
    let place = place();
    let shim = Shim::find().unwrap().followed_by(env!("APP_OTHER_NUMBERS"));
    let server = nginx_over(shim, KeyKind::Rsa2048, &place, &place.certificates);
    loaded(&server, &place, Client::tls13("X25519"));
    rested(&server);
    assert_eq!(passes(&server, "rsa2048"), 0);
    assert!(server.counter("bypass.foreign") > LOAD.1 as u64 / 2);
    // Those of other kinds are as ever.
    assert!(passes(&server, "x25519") > 0);
}

/// What `libcrypto_mb` makes of it is right but where a peer has chosen its key with care, and then it
/// tells of bits of ours.
#[test]
fn one_of_x25519_that_is_used_twice_gets_no_lane() {
    if is_missing() {
        return;
    }
    let files = place().certificates.get(KeyKind::EcdsaP256).unwrap();
    let paths = [&files.certificate, &files.key].map(|path| path.to_str().unwrap());
    let shim = Shim::find().unwrap().mode("coroutine").with("INTERLUDE_ENGINE", "simd");
    let app = App::start(env!("APP_STATIC_KEY"), &paths, &Preload::Shim(shim));
    let clients = 24;
    for _ in 0..3 {
        Client::tls13("X25519").answered(app.port(), clients);
    }
    app.await_rest();
    let derived = app.counter("job.derive.submitted");
    assert!(derived > 0, "no job");
    assert!(derived <= 3 * clients as u64, "{derived}: more than libssl's own");
    app.stop();
}
