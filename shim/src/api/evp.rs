//! libcrypto's private-key operations: the heavy part of a handshake.
//!
//! Followed: `EVP_DigestSign(3)`, `EVP_PKEY_derive(3)`, `EVP_PKEY_keygen(3)`,
//! `EVP_PKEY_decrypt(3)`. A call with no output only asks for a length. Each is parked at its door,
//! before the library has begun: inside, it has state of its own thread (RSA blinding).
//!
//! Contexts and keys are on the heap and belong to one connection; what may be on the stack (data
//! to be signed, lengths, the place for a key) is copied into the job and back.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

use interlude_offload::{Call as Offloaded, JobKind};
use interlude_settings::Check;

use crate::api::signature::Signer;
use crate::api::{agreement, ed25519, lanes, objects};
use crate::bypass::Bypass;
use crate::errors::{self, Errors};
use crate::fail;
use crate::hook::{self, Call, Outcome};
use crate::offload::{self, Load, Plan, Watch};
use crate::original::Original;
use crate::thread::Thread;

/// An OpenSSL object that the job uses while its owner is parked.
#[derive(Clone, Copy)]
struct Object(*mut c_void);

// SAFETY: the submitting coroutine is parked until the job is done, and keeps others off (C4); so
// the object is used by one thread at a time, which is what OpenSSL asks for.
unsafe impl Send for Object {}

/// `EVP_DigestSign` and `EVP_PKEY_decrypt`: `(ctx, out, &len, in, in_len)`.
type WithInput = unsafe extern "C-unwind" fn(
    *mut c_void,
    *mut c_uchar,
    *mut usize,
    *const c_uchar,
    usize,
) -> c_int;
/// `EVP_PKEY_derive`: `(ctx, out, &len)`.
type WithoutInput = unsafe extern "C-unwind" fn(*mut c_void, *mut c_uchar, *mut usize) -> c_int;
/// `EVP_PKEY_keygen`: `(ctx, &key)`.
type MakesKey = unsafe extern "C-unwind" fn(*mut c_void, *mut *mut c_void) -> c_int;

/// The original that an [`Operation`] runs.
#[derive(Clone, Copy)]
enum Function {
    WithInput(WithInput),
    WithoutInput(WithoutInput),
}

/// A call that fills a buffer.
struct Operation {
    function: Function,
    ctx: Object,
    input: Vec<u8>,
    output: Vec<u8>,
    len: usize,
    result: Option<c_int>,
    errors: Errors,
    /// Of a signature that is to be checked: its context as it was before.
    before: Option<Signer>,
    /// Which signatures are to be checked.
    check: Check,
}

impl Offloaded for Operation {
    fn run(&mut self) {
        // SAFETY: the context is ours for now (see `Object`); a signature's is one of digests.
        self.before = unsafe { Signer::copy(self.ctx.0, self.check) };
        let (ctx, out) = (self.ctx.0, self.output.as_mut_ptr());
        let (input, len) = (&self.input, &raw mut self.len);
        let (result, errors) = Errors::of(|| match self.function {
            // SAFETY: the context is ours for now (see `Object`); the buffers are the job's.
            Function::WithInput(f) => unsafe { f(ctx, out, len, input.as_ptr(), input.len()) },
            // SAFETY: as above.
            Function::WithoutInput(f) => unsafe { f(ctx, out, len) },
        });
        self.result = Some(result);
        self.errors = errors;
    }

    fn spoil(&mut self, random: u64) {
        let bits = self.results().len() as u64 * 8;
        let Some(bit) = random.checked_rem(bits) else { return };
        if let Some(byte) = self.output.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

impl Operation {
    fn new(function: Function, ctx: *mut c_void, input: Vec<u8>, capacity: usize) -> Self {
        let output = vec![0; capacity];
        let len = capacity;
        let (result, errors) = (None, Errors::default());
        let (before, check) = (None, Check::None);
        Self { function, ctx: Object(ctx), input, output, len, result, errors, before, check }
    }

    /// What it has put out; nothing if it has failed.
    fn results(&self) -> &[u8] {
        let produced = if self.result.is_some_and(|result| result > 0) { self.len } else { 0 };
        self.output.get(..produced).unwrap_or(&self.output)
    }

    /// The same operation once more, here and now.
    fn again(&self, ctx: *mut c_void) -> Self {
        let mut again = Self::new(self.function, ctx, self.input.clone(), self.output.len());
        again.run();
        again
    }

    /// A second run, where the first one was wrong.
    fn right_one(&self, kind: JobKind, check: Check) -> Option<Self> {
        if kind != JobKind::Sign {
            let again = (check == Check::All).then(|| self.again(self.ctx.0))?;
            let is_same = (again.result, again.results()) == (self.result, self.results());
            return (!is_same).then_some(again);
        }
        let signer = self.before.as_ref().filter(|_| !self.results().is_empty())?;
        let is_right = signer.verifies(self.results(), &self.input);
        (!is_right).then(|| self.again(signer.ctx()))
    }

    /// The results that the server gets: those that there are, if looking at them panics.
    fn checked(self, thread: &'static Thread, kind: JobKind) -> Self {
        let right = hook::guarded(|| {
            fail::point("evp.checking");
            self.right_one(kind, offload::check(thread))
        });
        match right.flatten() {
            Some(right) => {
                offload::was_wrong(thread, kind);
                offload::redone();
                right
            }
            None => {
                offload::was_right(thread, kind);
                self
            }
        }
    }
}

/// `EVP_DigestSign`.
pub(crate) fn digest_sign(
    call: &Call<WithInput>,
    ctx: *mut c_void,
    signature: *mut c_uchar,
    len: *mut usize,
    data: *const c_uchar,
    data_len: usize,
) -> Outcome<c_int> {
    with_input(call, JobKind::Sign, ctx, signature, len, data, data_len)
}

/// `EVP_PKEY_decrypt`.
pub(crate) fn decrypt(
    call: &Call<WithInput>,
    ctx: *mut c_void,
    out: *mut c_uchar,
    len: *mut usize,
    data: *const c_uchar,
    data_len: usize,
) -> Outcome<c_int> {
    with_input(call, JobKind::Decrypt, ctx, out, len, data, data_len)
}

fn with_input(
    call: &Call<WithInput>,
    kind: JobKind,
    ctx: *mut c_void,
    out: *mut c_uchar,
    len: *mut usize,
    data: *const c_uchar,
    data_len: usize,
) -> Outcome<c_int> {
    let in_place = || {
        // SAFETY: the caller's own arguments.
        Outcome::Handled(call.made(unsafe { (call.original)(ctx, out, len, data, data_len) }))
    };
    if ctx.is_null() || out.is_null() || len.is_null() || (data.is_null() && data_len > 0) {
        return in_place();
    }
    errors::in_use();
    // SAFETY: the API's contract: `len` says how large `out` is.
    let capacity = unsafe { *len };
    if lanes::are_there() {
        let takes = kind == JobKind::Sign && lanes::are_open() && capacity >= ed25519::LENGTH;
        let Some(key) = takes.then(|| ed25519::key(ctx)).flatten() else {
            // What it comes to has hooks of its own.
            return Outcome::PassThrough(Bypass::Further);
        };
        // SAFETY: the API's contract: `data_len` bytes at `data`.
        let message = unsafe { bytes(data, data_len) };
        let Some(signature) = ed25519::sign(key, message) else { return in_place() };
        // SAFETY: the caller's buffer has room for it.
        unsafe { std::ptr::copy_nonoverlapping(signature.as_ptr(), out, signature.len()) };
        // SAFETY: the caller's length, not null.
        unsafe { *len = signature.len() };
        return Outcome::Handled(call.made(1));
    }
    if capacity > MOST_OUTPUT {
        return in_place();
    }
    let load = Load::of_key(kind, capacity, data_len);
    let (thread, load) = match offload::plan(load) {
        Plan::InPlace(watch) => return watch.over(in_place),
        Plan::Job(thread, load) => (thread, load),
    };
    objects::enter(ctx.addr());
    // SAFETY: the API's contract: `data_len` bytes at `data`.
    let input = unsafe { bytes(data, data_len) };
    let mut operation = Operation::new(Function::WithInput(call.original), ctx, input, capacity);
    if kind == JobKind::Sign {
        operation.check = offload::check(thread);
    }
    let done = offload::carry_out(thread, load, operation);
    let outcome = match done {
        Some(done) => Outcome::Handled(finish(call, done.checked(thread, kind), out, len)),
        None => Watch::of(thread, load).over(in_place),
    };
    objects::leave(ctx.addr());
    outcome
}

/// `EVP_PKEY_derive`.
pub(crate) fn derive(
    call: &Call<WithoutInput>,
    ctx: *mut c_void,
    secret: *mut c_uchar,
    len: *mut usize,
) -> Outcome<c_int> {
    let in_place = || {
        // SAFETY: the caller's own arguments.
        Outcome::Handled(call.made(unsafe { (call.original)(ctx, secret, len) }))
    };
    if ctx.is_null() || secret.is_null() || len.is_null() {
        return in_place();
    }
    errors::in_use();
    // SAFETY: the API's contract: `len` says how large `secret` is.
    let capacity = unsafe { *len };
    if lanes::are_there() {
        let Some(shared) = agreement::derive(ctx, capacity) else { return in_place() };
        let shared = shared.bytes();
        // SAFETY: the caller's buffer has room for it (`agreement::derive`).
        unsafe { std::ptr::copy_nonoverlapping(shared.as_ptr(), secret, shared.len()) };
        // SAFETY: the caller's length, not null.
        unsafe { *len = shared.len() };
        return Outcome::Handled(call.made(1));
    }
    if capacity > MOST_OUTPUT {
        return in_place();
    }
    let load = Load::of_key(JobKind::Derive, capacity, 0);
    let (thread, load) = match offload::plan(load) {
        Plan::InPlace(watch) => return watch.over(in_place),
        Plan::Job(thread, load) => (thread, load),
    };
    objects::enter(ctx.addr());
    let function = Function::WithoutInput(call.original);
    let operation = Operation::new(function, ctx, Vec::new(), capacity);
    let done = offload::carry_out(thread, load, operation);
    let outcome = match done {
        Some(done) => Outcome::Handled(finish(call, done.checked(thread, load.kind), secret, len)),
        None => Watch::of(thread, load).over(in_place),
    };
    objects::leave(ctx.addr());
    outcome
}

/// Room for the output of one job, at most, in bytes. The largest result of a key is an RSA-16384 one;
/// some derivations make as much as there is room for (`EVP_PKEY-SCRYPT(7)`), and some callers claim
/// more than they have.
const MOST_OUTPUT: usize = 64 * 1024;

/// Copies results to where the caller wants them.
fn finish<F>(call: &Call<F>, done: Operation, out: *mut c_uchar, len: *mut usize) -> c_int {
    let result = done.result.unwrap_or(-1);
    let results = done.results();
    // SAFETY: the caller's buffer holds what it said, which is no less than the job's.
    unsafe { std::ptr::copy_nonoverlapping(results.as_ptr(), out, results.len()) };
    // SAFETY: the caller's length, checked for null at the door.
    unsafe { *len = done.len };
    call.made(result);
    done.errors.raise();
    result
}

/// `EVP_PKEY_keygen`.
pub(crate) fn keygen(
    call: &Call<MakesKey>,
    ctx: *mut c_void,
    key: *mut *mut c_void,
) -> Outcome<c_int> {
    let in_place = || {
        // SAFETY: the caller's own arguments.
        Outcome::Handled(call.made(unsafe { (call.original)(ctx, key) }))
    };
    if ctx.is_null() || key.is_null() {
        return in_place();
    }
    if has_callback(ctx) {
        // Outside of the shim: it may throw.
        return Outcome::PassThrough(Bypass::Callback);
    }
    errors::in_use();
    if lanes::are_there() {
        if lanes::is_context_a(ctx, c"EC") {
            // What it comes to has a hook of its own.
            return Outcome::PassThrough(Bypass::Further);
        }
        // SAFETY: the API's contract: a place for a key.
        let is_new = unsafe { *key }.is_null();
        let made = is_new.then(|| agreement::keygen(ctx)).flatten();
        let outcome = match made {
            Some(made) => {
                // SAFETY: as above.
                unsafe { *key = made };
                Outcome::Handled(call.made(1))
            }
            None => in_place(),
        };
        if is_new && matches!(outcome, Outcome::Handled(1)) {
            // SAFETY: as above.
            agreement::was_made(ctx, unsafe { *key });
        }
        return outcome;
    }
    let load = Load::of_key(JobKind::Keygen, key_size(ctx), 0);
    let (thread, load) = match offload::plan(load) {
        Plan::InPlace(watch) => return watch.over(in_place),
        Plan::Job(thread, load) => (thread, load),
    };
    objects::enter(ctx.addr());
    // SAFETY: the API's contract: a place for a key, null or a key to be filled.
    let given = Object(unsafe { *key });
    let errors = Errors::default();
    let job =
        Keygen { function: call.original, ctx: Object(ctx), key: given, result: None, errors };
    let done = offload::carry_out(thread, load, job);
    let outcome = match done.and_then(|done| done.result.map(|result| (done, result))) {
        Some((done, result)) => {
            // A key that is wrong would be a key: there is nothing to check it by.
            // SAFETY: as above.
            unsafe { *key = done.key.0 };
            call.made(result);
            offload::was_right(thread, load.kind);
            done.errors.raise();
            Outcome::Handled(result)
        }
        None => Watch::of(thread, load).over(in_place),
    };
    objects::leave(ctx.addr());
    outcome
}

/// Is a progress callback set (`EVP_PKEY_CTX_set_cb(3)`)? It is the server's own function.
fn has_callback(ctx: *mut c_void) -> bool {
    type GetCallback = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    // SAFETY: libcrypto's function of that name has this type.
    static GET: Original<GetCallback> = unsafe { Original::new(c"EVP_PKEY_CTX_get_cb") };
    // Without the function nothing is known, so nothing is assumed.
    // SAFETY: a context that is not null, checked by the caller.
    GET.function().is_none_or(|get| !unsafe { get(ctx) }.is_null())
}

/// Keys that take a search for primes are one size, those that take one multiplication another.
fn key_size(ctx: *mut c_void) -> usize {
    type IsA = unsafe extern "C" fn(*const c_void, *const c_char) -> c_int;
    // SAFETY: libcrypto's function of that name has this type.
    static IS_A: Original<IsA> = unsafe { Original::new(c"EVP_PKEY_CTX_is_a") };
    let is_a = |name: &CStr| {
        // SAFETY: a context that is not null, checked by the caller, and a terminated name.
        IS_A.function().is_some_and(|is_a| unsafe { is_a(ctx, name.as_ptr()) } == 1)
    };
    let searches = [c"RSA", c"RSA-PSS", c"DH", c"DHX", c"DSA"].into_iter().any(is_a);
    if searches { 4096 } else { 32 }
}

struct Keygen {
    function: MakesKey,
    ctx: Object,
    key: Object,
    result: Option<c_int>,
    errors: Errors,
}

impl Offloaded for Keygen {
    fn run(&mut self) {
        let key = &raw mut self.key.0;
        // SAFETY: the context is ours for now (see `Object`); the place is the job's.
        let (result, errors) = Errors::of(|| unsafe { (self.function)(self.ctx.0, key) });
        self.result = Some(result);
        self.errors = errors;
    }
}

/// # Safety
/// `len` bytes are readable at `data`.
unsafe fn bytes(data: *const c_uchar, len: usize) -> Vec<u8> {
    if len == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's contract.
    unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
}
