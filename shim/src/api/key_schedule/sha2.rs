//! The hash functions of TLS 1.3's suites, as libcrypto's own low-level calls: those that its default
//! provider comes to (providers/implementations/digests/sha2_prov.c). No lock, no method, nothing on the
//! heap.
//!
//! Followed: `SHA256_Init(3)`.

use std::ffi::{CStr, c_int, c_uchar, c_void};

use interlude_key_schedule::{Block, Hash};

use crate::api::lanes::libcrypto;
use crate::original::Original;

type Begin = unsafe extern "C" fn(*mut State) -> c_int;
type Update = unsafe extern "C" fn(*mut State, *const c_void, usize) -> c_int;
type Finish = unsafe extern "C" fn(*mut c_uchar, *mut State) -> c_int;
libcrypto! {
    BEGIN_256: Begin = c"SHA256_Init";
    UPDATE_256: Update = c"SHA256_Update";
    FINISH_256: Finish = c"SHA256_Final";
    BEGIN_384: Begin = c"SHA384_Init";
    UPDATE_384: Update = c"SHA384_Update";
    FINISH_384: Finish = c"SHA384_Final";
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sha2 {
    Sha256,
    Sha384,
}

impl Sha2 {
    /// By a name that `EVP_MD_get0_name(3)` gives.
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            b"SHA2-256" | b"SHA256" => Some(Self::Sha256),
            b"SHA2-384" | b"SHA384" => Some(Self::Sha384),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Sha256 => c"SHA2-256",
            Self::Sha384 => c"SHA2-384",
        }
    }

    /// Bytes of a result.
    pub(super) fn result_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Its functions, if libcrypto has them.
    pub(super) fn functions(self) -> Option<Functions> {
        let (begin, update, finish) = match self {
            Self::Sha256 => (&BEGIN_256, &UPDATE_256, &FINISH_256),
            Self::Sha384 => (&BEGIN_384, &UPDATE_384, &FINISH_384),
        };
        let (result, block) = (self.result_bytes(), if self == Self::Sha256 { 64 } else { 128 });
        let (begin, update, finish) = (begin.function()?, update.function()?, finish.function()?);
        Some(Functions { begin, update, finish, result, block })
    }
}

/// `SHA256_CTX` or `SHA512_CTX`, the larger of the two.
#[repr(C, align(8))]
#[derive(Clone)]
pub(super) struct State([u8; 216]);

impl Default for State {
    fn default() -> Self {
        Self([0; 216])
    }
}

impl Drop for State {
    fn drop(&mut self) {
        interlude_offload::wipe_bytes(&mut self.0);
    }
}

/// A hash function of libcrypto's.
pub(super) struct Functions {
    begin: Begin,
    update: Update,
    finish: Finish,
    result: usize,
    block: usize,
}

impl Hash for Functions {
    type State = State;

    fn result_bytes(&self) -> usize {
        self.result
    }

    fn block_bytes(&self) -> usize {
        self.block
    }

    fn begin(&self, state: &mut State) {
        // SAFETY: room for a state.
        unsafe { (self.begin)(state) };
    }

    fn update(&self, state: &mut State, input: &[u8]) {
        // SAFETY: a state that has begun, and so many bytes.
        unsafe { (self.update)(state, input.as_ptr().cast(), input.len()) };
    }

    fn finish(&self, state: &mut State, result: &mut Block) {
        // SAFETY: a state that has begun, and room for any result.
        unsafe { (self.finish)(result.as_mut_ptr(), state) };
    }
}
