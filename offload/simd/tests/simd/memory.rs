//! What the library does with memory: how deep it goes into the stack, whether it reads or writes past
//! the ends of what it is given, and what it leaves behind.

use crate::fixture::{lanes, random, source, unit};
use crate::rsa_key::made;
use corosensei::on_stack;
use corosensei::stack::{DefaultStack, Stack};
use interlude_simd::{LANES, RsaLane, STACK_NEEDED, Unit, X25519KeygenLane, X25519Lane};
use std::ptr;

const PAINT: u8 = 0xa5;

/// How many bytes of its stack a call has touched, and the stack.
fn depth(call: impl FnOnce()) -> usize {
    let mut stack = DefaultStack::new(1 << 20).unwrap();
    let (base, limit) = (stack.base().get(), stack.limit().get());
    // A page above the guard page, in case the limit counts that in.
    let bottom = limit + (16 << 10);
    let bytes = base - bottom;
    // SAFETY: nobody else uses the stack, and it is mapped between these addresses.
    unsafe { ptr::write_bytes(bottom as *mut u8, PAINT, bytes) };
    on_stack(&mut stack, call);
    // SAFETY: as above; whatever ran on it is over.
    let stack = unsafe { std::slice::from_raw_parts(bottom as *const u8, bytes) };
    bytes - stack.iter().take_while(|byte| **byte == PAINT).count()
}

#[test]
fn the_stack_that_is_asked_for_is_enough() {
    let Some(mut unit) = unit() else { return };
    let mut deepest = 0;
    let mut note = |what: &str, depth: usize| {
        println!("{what}: {depth} bytes of stack");
        deepest = deepest.max(depth);
    };
    for (bits, e) in [(2048, 65537), (2048, 3), (3072, 65537), (4096, 65537), (4096, 3)] {
        let numbers = made(bits, e, 0);
        let (key, block) = (numbers.key(), numbers.block(&random::<500>()));
        let mut outputs = vec![vec![0; numbers.bytes()]; LANES];
        let mut filled =
            lanes(0xff, &mut outputs, |output| RsaLane { key: &key, input: &block, output });
        note(
            &format!("RSA-{bits}, e = {e}"),
            depth(|| {
                let _ = unit.rsa_private(&mut filled);
            }),
        );
    }
    note("X25519 derive", depth(|| derive(&mut unit)));
    note("X25519 keygen", depth(|| keygen(&mut unit)));
    assert!(deepest > 1000 && deepest <= STACK_NEEDED, "{deepest}");
}

fn derive(unit: &mut Unit) {
    let mut secrets = [[0; 32]; LANES];
    let mut filled = lanes(0xff, &mut secrets, |shared| X25519Lane {
        private: &[3; 32],
        peer: &[9; 32],
        shared,
    });
    let _ = unit.x25519_derive(&mut filled);
}

fn keygen(unit: &mut Unit) {
    let mut pairs = [([0; 32], [0; 32]); LANES];
    let mut filled =
        lanes(0xff, &mut pairs, |(private, public)| X25519KeygenLane { private, public });
    let _ = unit.x25519_keygen(&mut filled, &mut source);
}
