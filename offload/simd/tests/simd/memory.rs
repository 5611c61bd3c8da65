//! What the library does with memory: how deep it goes into the stack, what is left there, and
//! whether it reads or writes past the ends of what it is given.

use crate::fixture::{all_well, lanes, random, source, unit};
use crate::rsa_key::made;
use corosensei::on_stack;
use corosensei::stack::{DefaultStack, Stack};
use interlude_simd::{
    Curve, EcKey, EcKeygenLane, EcdhLane, EcdsaLane, Ed25519Key, Ed25519Lane, LANES, RsaLane,
    STACK_NEEDED, Unit, X25519KeygenLane, X25519Lane,
};
use std::ptr;

const PAINT: u8 = 0xa5;

/// What a call did to its stack.
#[derive(Debug)]
struct Used {
    /// Bytes between its beginning and the last that was written.
    depth: usize,
    /// Bytes that are neither as before nor zero, but for the frames of the test itself.
    left: usize,
}

/// Frames of the test, and what the library's caller has in its own.
const FRAMES: usize = 3 << 10;

fn used(call: impl FnOnce()) -> Used {
    let mut stack = DefaultStack::new(1 << 20).unwrap();
    // Above the guard page.
    let bottom = stack.limit().get() + (16 << 10);
    let bytes = stack.base().get() - bottom;
    // SAFETY: nobody else uses the stack, and it is mapped between these addresses.
    unsafe { ptr::write_bytes(bottom as *mut u8, PAINT, bytes) };
    on_stack(&mut stack, call);
    // SAFETY: as above; whatever ran on it is over.
    let stack = unsafe { std::slice::from_raw_parts(bottom as *const u8, bytes) };
    let below = &stack[..bytes - FRAMES];
    Used {
        depth: bytes - stack.iter().take_while(|byte| **byte == PAINT).count(),
        left: below.iter().filter(|byte| ![0, PAINT].contains(*byte)).count(),
    }
}

#[test]
fn the_stack_that_is_asked_for_is_enough_and_is_wiped() {
    let Some(mut unit) = unit() else { return };
    let unit = &mut unit;
    let mut deepest = 0;
    let mut note = |what: &str, call: &mut dyn FnMut()| {
        // Once before, so that whatever is done only once is done.
        call();
        let used = used(call);
        println!("{what}: {used:?}");
        deepest = deepest.max(used.depth);
        // Without wiping it is 10 KB and more. Pointers to lanes stay.
        assert!(used.left < 1024, "{what}: {} bytes are left", used.left);
    };
    for (bits, e) in [(2048, 65537), (2048, 3), (3072, 65537), (4096, 65537)] {
        note(&format!("RSA-{bits}, e = {e}"), &mut || rsa(unit, bits, e));
    }
    for curve in [Curve::P256, Curve::P384] {
        let peer = crate::curve::public(curve, &[9]);
        note(&format!("ECDSA {curve:?}"), &mut || ecdsa(unit, curve));
        note(&format!("ECDH {curve:?}"), &mut || ecdh(unit, curve, &peer));
        note(&format!("keygen {curve:?}"), &mut || ec_keygen(unit, curve));
    }
    note("X25519 derive", &mut || derive(unit));
    note("X25519 keygen", &mut || keygen(unit));
    note("Ed25519 key and sign", &mut || ed25519(unit));
    assert!(deepest > 1000 && deepest <= STACK_NEEDED, "{deepest}");
}

/// Memory of which the last byte is followed by none.
struct Edge {
    map: *mut libc::c_void,
    length: usize,
}

const PAGE: usize = 4096;

impl Edge {
    fn new(length: usize) -> Self {
        assert!(length <= PAGE);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping.
        let map = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE, protection, flags, -1, 0) };
        assert_ne!(map, libc::MAP_FAILED);
        let second = map.wrapping_byte_add(PAGE);
        // SAFETY: the second page of the mapping, which nobody uses.
        assert_eq!(unsafe { libc::mprotect(second, PAGE, libc::PROT_NONE) }, 0);
        Self { map, length }
    }

    fn of(bytes: &[u8]) -> Self {
        let mut edge = Self::new(bytes.len());
        edge.bytes().copy_from_slice(bytes);
        edge
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: within the first page.
        let first = unsafe { self.map.byte_add(PAGE - self.length) };
        // SAFETY: as many bytes as there are to the page's end, borrowed from here.
        unsafe { std::slice::from_raw_parts_mut(first.cast(), self.length) }
    }

    fn array<const N: usize>(&mut self) -> &mut [u8; N] {
        self.bytes().try_into().unwrap()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`.
        unsafe { libc::munmap(self.map, 2 * PAGE) };
    }
}

fn edges<const N: usize>(length: usize) -> [Edge; N] {
    std::array::from_fn(|_| Edge::of(&random::<PAGE>()[..length]))
}

/// A read or write past the end of a caller's buffer would end the process.
#[test]
fn buffers_may_end_at_the_end_of_memory() {
    let Some(mut unit) = unit() else { return };
    for bits in [2048, 3072, 4096] {
        let numbers = made(bits, 65537, 0);
        let key = numbers.key();
        let mut input = Edge::of(&numbers.block(&random::<512>()));
        let input = &*input.bytes();
        let mut outputs: [Edge; LANES] = edges(input.len());
        let mut filled = lanes(0xff, &mut outputs, |output| RsaLane {
            key: &key,
            input,
            output: output.bytes(),
        });
        all_well(0xff, &unit.rsa_private(&mut filled));
    }
    let mut triples: [[Edge; 3]; LANES] = std::array::from_fn(|_| edges(32));
    let mut filled = lanes(0xff, &mut triples, |[private, peer, shared]| X25519Lane {
        private: private.array(),
        peer: peer.array(),
        shared: shared.array(),
    });
    all_well(0xff, &unit.x25519_derive(&mut filled));
    let mut filled = lanes(0xff, &mut triples, |[private, public, _]| X25519KeygenLane {
        private: private.array(),
        public: public.array(),
    });
    all_well(0xff, &unit.x25519_keygen(&mut filled, &mut source));
    for length in [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200] {
        let key = Ed25519Key::new(&mut unit, &[5; 32]).unwrap();
        let mut pairs: [[Edge; 2]; LANES] =
            std::array::from_fn(|_| [Edge::new(length), Edge::new(64)]);
        let mut filled = lanes(0xff, &mut pairs, |[message, signature]| Ed25519Lane {
            key: &key,
            message: message.bytes(),
            signature: signature.array(),
        });
        all_well(0xff, &unit.ed25519_sign(&mut filled));
    }
    for curve in [Curve::P256, Curve::P384] {
        let key = EcKey::new(curve, &[7; 32]).unwrap();
        let mut pairs: [[Edge; 2]; LANES] = std::array::from_fn(|_| edges(curve.bytes()));
        let mut filled = lanes(0xff, &mut pairs, |[r, s]| EcdsaLane {
            key: &key,
            digest: &[1; 32],
            r: r.bytes(),
            s: s.bytes(),
        });
        all_well(0xff, &unit.ecdsa_sign(curve, &mut filled, &mut source));
        let peer = crate::curve::public(curve, &[9]);
        let mut filled = lanes(0xff, &mut pairs, |[shared, _]| EcdhLane {
            key: &key,
            peer: &peer,
            shared: shared.bytes(),
        });
        all_well(0xff, &unit.ecdh_derive(curve, &mut filled));
    }
}

fn rsa(unit: &mut Unit, bits: u32, e: u32) {
    let numbers = made(bits, e, 0);
    let (key, input) = (numbers.key(), vec![1; numbers.bytes()]);
    let mut outputs = vec![vec![0; numbers.bytes()]; LANES];
    let mut filled =
        lanes(0xff, &mut outputs, |output| RsaLane { key: &key, input: &input, output });
    all_well(0xff, &unit.rsa_private(&mut filled));
}

fn ecdsa(unit: &mut Unit, curve: Curve) {
    let key = EcKey::new(curve, &[7]).unwrap();
    let mut pairs = vec![(vec![0; curve.bytes()], vec![0; curve.bytes()]); LANES];
    let mut filled =
        lanes(0xff, &mut pairs, |(r, s)| EcdsaLane { key: &key, digest: &[1; 32], r, s });
    all_well(0xff, &unit.ecdsa_sign(curve, &mut filled, &mut fives));
}

fn ecdh(unit: &mut Unit, curve: Curve, peer: &[u8]) {
    let key = EcKey::new(curve, &[7]).unwrap();
    let mut secrets = vec![vec![0; curve.bytes()]; LANES];
    let mut filled = lanes(0xff, &mut secrets, |shared| EcdhLane { key: &key, peer, shared });
    all_well(0xff, &unit.ecdh_derive(curve, &mut filled));
}

fn ec_keygen(unit: &mut Unit, curve: Curve) {
    let mut pairs = vec![(vec![0; curve.bytes()], vec![0; curve.point_bytes()]); LANES];
    let mut filled = lanes(0xff, &mut pairs, |(private, public)| EcKeygenLane { private, public });
    all_well(0xff, &unit.ec_keygen(curve, &mut filled, &mut fives));
}

fn derive(unit: &mut Unit) {
    let (private, peer, mut secrets) = ([3; 32], [9; 32], [[0; 32]; LANES]);
    let mut filled =
        lanes(0xff, &mut secrets, |shared| X25519Lane { private: &private, peer: &peer, shared });
    all_well(0xff, &unit.x25519_derive(&mut filled));
}

fn keygen(unit: &mut Unit) {
    let mut pairs = [([0; 32], [0; 32]); LANES];
    let mut filled =
        lanes(0xff, &mut pairs, |(private, public)| X25519KeygenLane { private, public });
    all_well(0xff, &unit.x25519_keygen(&mut filled, &mut fives));
}

fn ed25519(unit: &mut Unit) {
    let key = Ed25519Key::new(unit, &[5; 32]).unwrap();
    let mut signatures = [[0; 64]; LANES];
    let mut filled = lanes(0xff, &mut signatures, |signature| Ed25519Lane {
        key: &key,
        message: &[1; 300],
        signature,
    });
    all_well(0xff, &unit.ed25519_sign(&mut filled));
}

/// Randomness that takes no stack: OpenSSL's is not this crate's business.
fn fives(into: &mut [u8]) -> bool {
    into.fill(5);
    true
}
