//! A handshake's key agreement: `EVP_PKEY_derive` and `EVP_PKEY_keygen` as lanes.
//!
//! In an event, only within a call of libssl's, which asks for no cofactor and no key derivation on top.
//! A callback of the server's is within one, too, and may have a key of X25519 that it uses for ever:
//! so such a key gets a lane only where it was made within libssl, and only once.
//!
//! Followed: `EVP_PKEY_derive(3)`, `EVP_PKEY_fromdata(3)`, `EVP_PKEY-X25519(7)`, `EVP_PKEY-EC(7)`.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};
use std::sync::Mutex;

use interlude_offload::{Curve, EcKey, JobKind, Operation, Secret};

use crate::api::attached::{self, Attached};
use crate::api::lanes::{self, libcrypto};
use crate::api::methods;
use crate::api::objects;
use crate::api::parameter::{OCTET_STRING, Parameter};
use crate::errors::Errors;
use crate::original::Original;

type GetKey = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
pub(crate) type Raw = unsafe extern "C" fn(*const c_void, *mut c_uchar, *mut usize) -> c_int;
type Octets =
    unsafe extern "C" fn(*const c_void, *const c_char, *mut c_uchar, usize, *mut usize) -> c_int;
type Text =
    unsafe extern "C" fn(*const c_void, *const c_char, *mut c_char, usize, *mut usize) -> c_int;
type GetNumber = unsafe extern "C" fn(*const c_void, *const c_char, *mut *mut c_void) -> c_int;
type FreeNumber = unsafe extern "C" fn(*mut c_void);
type Library = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type NewContext = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
type FreeContext = unsafe extern "C" fn(*mut c_void);
type Begin = unsafe extern "C" fn(*mut c_void) -> c_int;
type FromData = unsafe extern "C" fn(*mut c_void, *mut *mut c_void, c_int, *mut Parameter) -> c_int;

libcrypto! {
    KEY: GetKey = c"EVP_PKEY_CTX_get0_pkey";
    PEER: GetKey = c"EVP_PKEY_CTX_get0_peerkey";
    OCTETS: Octets = c"EVP_PKEY_get_octet_string_param";
    TEXT: Text = c"EVP_PKEY_get_utf8_string_param";
    NUMBER: GetNumber = c"EVP_PKEY_get_bn_param";
    FREE_NUMBER: FreeNumber = c"BN_clear_free";
    LIBRARY: Library = c"EVP_PKEY_CTX_get0_libctx";
    NEW_CONTEXT: NewContext = c"EVP_PKEY_CTX_new_from_name";
    FREE_CONTEXT: FreeContext = c"EVP_PKEY_CTX_free";
    BEGIN: Begin = c"EVP_PKEY_fromdata_init";
    FROM_DATA: FromData = c"EVP_PKEY_fromdata";
}

// SAFETY: libcrypto's function of that name has this type.
pub(crate) static RAW_PRIVATE: Original<Raw> =
    unsafe { Original::new(c"EVP_PKEY_get_raw_private_key") };
// SAFETY: as above.
pub(crate) static RAW_PUBLIC: Original<Raw> =
    unsafe { Original::new(c"EVP_PKEY_get_raw_public_key") };

/// `EVP_PKEY_KEYPAIR`.
const KEY_PAIR: c_int = 0x87;

/// The shared secret of the keys in an `EVP_PKEY_CTX`, if a lane can give it and `capacity` bytes hold it.
/// `None`: the original is to be called.
pub(crate) fn derive(ctx: *mut c_void, capacity: usize) -> Option<Shared> {
    if !lanes::are_open() {
        return None;
    }
    let (key, peer) = keys(ctx)?;
    if lanes::is_key_a(key, c"X25519") {
        UNUSED.take(key.cast_mut())?;
        let operation = || {
            let mut private = Box::new(Secret::zeros());
            let mut public = [0; 32];
            let both =
                raw(&RAW_PRIVATE, key, &mut private[..]) && raw(&RAW_PUBLIC, peer, &mut public);
            let shared = Box::new(Secret::zeros());
            (both && capacity >= 32).then_some(Operation::X25519 { private, peer: public, shared })
        };
        return match lanes::computed(JobKind::Derive, 32, operation)? {
            Operation::X25519 { shared, .. } => Some(Shared::X25519(shared)),
            _ => None,
        };
    }
    let curve = lanes::is_key_a(key, c"EC").then(|| curve(key))??;
    let operation = || {
        let key = ec_key(key, curve)?;
        let mut public = vec![0; curve.point_bytes()];
        let is_whole = octets(peer, c"encoded-pub-key", &mut public);
        let shared = Box::new(Secret::zeros());
        let fits = is_whole && capacity >= curve.bytes();
        fits.then_some(Operation::Ecdh { key, peer: public, shared })
    };
    match lanes::computed(JobKind::Derive, curve.bytes(), operation)? {
        Operation::Ecdh { shared, .. } => Some(Shared::Ec(curve, shared)),
        _ => None,
    }
}

/// Hangs on a key of X25519 from when it is made until it is used.
static UNUSED: Attached<()> = Attached::new(attached::KEY);

/// A key has just been made for an `EVP_PKEY_CTX`, in a lane or not.
pub(crate) fn was_made(ctx: *mut c_void, key: *mut c_void) {
    let is_within = lanes::are_there() && objects::is_inside();
    if is_within && !key.is_null() && lanes::is_context_a(ctx, c"X25519") {
        Errors::of(|| UNUSED.put(key, ()));
    }
}

/// A shared secret.
pub(crate) enum Shared {
    X25519(Box<Secret<32>>),
    Ec(Curve, Box<Secret<48>>),
}

impl Shared {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::X25519(secret) => &secret[..],
            Self::Ec(curve, secret) => secret.get(..curve.bytes()).unwrap_or(&[]),
        }
    }
}

fn keys(ctx: *mut c_void) -> Option<(*const c_void, *const c_void)> {
    // SAFETY: the caller's context.
    let key = unsafe { KEY.function()?(ctx) }.cast_const();
    // SAFETY: as above.
    let peer = unsafe { PEER.function()?(ctx) }.cast_const();
    (lanes::is_own(key) && lanes::is_own(peer)).then_some((key, peer))
}

/// One half of a raw key, which has that length. False if it is not there, or another.
pub(crate) fn raw(function: &Original<Raw>, key: *const c_void, into: &mut [u8]) -> bool {
    let mut len = into.len();
    let mut read = |get: Raw| {
        // SAFETY: a key, and a buffer of that length.
        unsafe { get(key, into.as_mut_ptr(), &raw mut len) }
    };
    function.function().is_some_and(|get| read(get) == 1) && len == into.len()
}

fn octets(key: *const c_void, name: &CStr, into: &mut [u8]) -> bool {
    let (mut len, size) = (0, into.len());
    let mut read = |get: Octets| {
        // SAFETY: a key, a terminated name, and a buffer of that length.
        unsafe { get(key, name.as_ptr(), into.as_mut_ptr(), size, &raw mut len) }
    };
    OCTETS.function().is_some_and(|get| read(get) == 1) && len == size
}

fn curve(key: *const c_void) -> Option<Curve> {
    let mut name = [0u8; 32];
    let (to, size, len) = (name.as_mut_ptr().cast(), name.len(), std::ptr::null_mut());
    // SAFETY: a key, a terminated name, and a buffer of that length.
    if unsafe { TEXT.function()?(key, c"group".as_ptr(), to, size, len) } != 1 {
        return None;
    }
    match CStr::from_bytes_until_nul(&name).ok()?.to_bytes() {
        b"prime256v1" | b"P-256" => Some(Curve::P256),
        b"secp384r1" | b"P-384" => Some(Curve::P384),
        _ => None,
    }
}

fn ec_key(key: *const c_void, curve: Curve) -> Option<EcKey> {
    let free = FREE_NUMBER.function()?;
    let mut number = std::ptr::null_mut();
    // SAFETY: a key, a terminated name, and a place for a number of ours.
    if unsafe { NUMBER.function()?(key, c"priv".as_ptr(), &raw mut number) } != 1 {
        return None;
    }
    let mut scalar = [0; 48];
    let bytes = scalar.get_mut(..curve.bytes())?;
    let key = lanes::write_number(number, bytes).then(|| EcKey::new(curve, bytes).ok());
    interlude_offload::wipe_bytes(&mut scalar);
    // SAFETY: made above, and nobody else has it.
    unsafe { free(number) };
    key.flatten()
}

/// A new key pair for an `EVP_PKEY_CTX`, if a lane can give it. `None`: the original is to be called.
pub(crate) fn keygen(ctx: *mut c_void) -> Option<*mut c_void> {
    let is_known = || lanes::is_context_a(ctx, c"X25519") && lanes::is_own_context(ctx);
    if !lanes::are_open() || !is_known() {
        return None;
    }
    let operation = || {
        let private = Box::new(Secret::zeros());
        Some(Operation::X25519Keygen { private, public: [0; 32] })
    };
    match lanes::computed(JobKind::Keygen, 32, operation)? {
        Operation::X25519Keygen { mut private, mut public } => {
            let mut parameters = [
                parameter(c"priv", &mut private[..]),
                parameter(c"pub", &mut public),
                Parameter {
                    key: std::ptr::null(),
                    kind: 0,
                    data: std::ptr::null_mut(),
                    size: 0,
                    returned: 0,
                },
            ];
            Errors::of(|| from_data(ctx, &mut parameters)).0
        }
        _ => None,
    }
}

fn parameter(name: &'static CStr, bytes: &mut [u8]) -> Parameter {
    let (data, size) = (bytes.as_mut_ptr().cast(), bytes.len());
    Parameter { key: name.as_ptr(), kind: OCTET_STRING, data, size, returned: 0 }
}

/// An `EVP_PKEY` of X25519 with both halves, so that nothing is computed again.
fn from_data(ctx: *mut c_void, parameters: &mut [Parameter]) -> Option<*mut c_void> {
    // SAFETY: the caller's context.
    let library = unsafe { LIBRARY.function()?(ctx) };
    if methods::is_global_default(library)
        && let Ok(mut kept) = KEPT.try_lock()
    {
        let changes = methods::changes();
        kept.take_if(|kept| kept.changes != changes);
        if kept.is_none() {
            *kept = Some(Kept { context: Context::new(library)?, changes });
        }
        return kept.as_ref().and_then(|kept| kept.context.fill(parameters));
    }
    Context::new(library)?.fill(parameters)
}

/// By which the keys of the default library context are made: making one anew for each key takes
/// as long as all the rest of it.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

struct Kept {
    context: Context,
    /// [`methods::changes`], when it was made.
    changes: u32,
}

/// A context of our own, by which keys of X25519 are made of their numbers.
struct Context(*mut c_void);

// SAFETY: a context belongs to no thread.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(free) = FREE_CONTEXT.function() {
            // SAFETY: made in `new`, and nobody else has it.
            unsafe { free(self.0) };
        }
    }
}

impl Context {
    fn new(library: *mut c_void) -> Option<Self> {
        let (new, begin) = (NEW_CONTEXT.function()?, BEGIN.function()?);
        FREE_CONTEXT.function()?;
        let (name, properties) = (c"X25519", c"provider=default");
        // SAFETY: a library context, or null for the default one, and two terminated texts.
        let made = unsafe { new(library, name.as_ptr(), properties.as_ptr()) };
        let made = (!made.is_null()).then_some(Self(made))?;
        // SAFETY: as made above.
        (unsafe { begin(made.0) } == 1).then_some(made)
    }

    fn fill(&self, parameters: &mut [Parameter]) -> Option<*mut c_void> {
        let from = FROM_DATA.function()?;
        let mut key = std::ptr::null_mut();
        // SAFETY: a context that has begun, a place for a key, and parameters with an end.
        let result = unsafe { from(self.0, &raw mut key, KEY_PAIR, parameters.as_mut_ptr()) };
        (result == 1 && !key.is_null()).then_some(key)
    }
}
