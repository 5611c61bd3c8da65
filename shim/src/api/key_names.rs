//! `EVP_KEYMGMT_names_do_all`, where libcrypto calls it itself: the names of a kind of keys, from a list
//! that is known.
//!
//! libcrypto goes through them with each new context and each new key, a dozen times in a handshake, to find
//! the number that the kind had in earlier versions. It picks them out of the names of all methods that there
//! are, several hundred, under a lock: 86,000 instructions a handshake on the side of the server.
//!
//! Known are the managers of keys of the default provider, as many as there is room for. A share is held in
//! each for the life of the process, so its address is never another's. The first time and every 256th, the
//! names are compared with libcrypto's. One difference, or a call that may change what libcrypto's methods
//! are ([`methods`]), and libcrypto does it all.
//!
//! Must not: call what is not libcrypto's own. A visitor of the server's may throw, or call what is hooked.
//!
//! Followed: `EVP_KEYMGMT(3)`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::api::lanes::{self, libcrypto};
use crate::api::methods;
use crate::api::origin::Known;
use crate::bypass::Bypass;
use crate::counters::{Counter, count};
use crate::hook::{Call, Outcome};
use crate::original::Original;
use crate::table::NameVisitor;
use crate::table::originals::EVP_KEYMGMT_names_do_all::Function as GoThrough;
use crate::{context, fail, log, start};

type Share = unsafe extern "C" fn(*mut c_void) -> c_int;
type Provider = unsafe extern "C" fn(*const c_void) -> *const c_void;
libcrypto! {
    SHARE: Share = c"EVP_KEYMGMT_up_ref";
    PROVIDER: Provider = c"EVP_KEYMGMT_get0_provider";
}

/// A handshake has to do with three kinds of keys.
const ROOM: usize = 16;
/// One call of so many, for each manager, is compared.
const LOOK: u32 = 256;

/// A manager of keys.
struct Manager {
    address: AtomicPtr<c_void>,
    names: OnceLock<Vec<CString>>,
    calls: AtomicU32,
}

static MANAGERS: [Manager; ROOM] = [const {
    Manager {
        address: AtomicPtr::new(std::ptr::null_mut()),
        names: OnceLock::new(),
        calls: AtomicU32::new(0),
    }
}; ROOM];
/// Held while another one is learnt.
static LEARNS: Mutex<()> = Mutex::new(());
/// [`methods::changes`], when the first was learnt.
static SINCE: OnceLock<u32> = OnceLock::new();
static DISTRUSTED: AtomicBool = AtomicBool::new(false);
/// What libcrypto visits names with.
static VISITORS: Known<8> = Known::new();

/// `EVP_KEYMGMT_names_do_all`.
pub(crate) fn go_through(
    call: &Call<GoThrough>,
    manager: *const c_void,
    visit: Option<NameVisitor>,
    data: *mut c_void,
) -> Outcome<c_int> {
    let Some(visit) = visit.filter(|visit| !manager.is_null() && is_on() && is_libcryptos(*visit))
    else {
        return Outcome::PassThrough(Bypass::Observed);
    };
    let known = || MANAGERS.iter().find(|known| is_it(known, manager));
    let known = known().or_else(|| {
        learn(call.original, manager);
        known()
    });
    let Some((known, names)) = known.and_then(|known| Some((known, known.names.get()?))) else {
        return Outcome::PassThrough(Bypass::Foreign);
    };
    let is_due = known.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK);
    if is_due && !is_still_so(call.original, manager, names) {
        return Outcome::PassThrough(Bypass::Foreign);
    }
    for name in names {
        // SAFETY: libcrypto's own visitor, its own data, and a name that is there for ever.
        unsafe { visit(name.as_ptr(), data) };
    }
    Outcome::Handled(call.made(1))
}

fn is_on() -> bool {
    !context::is_stopped()
        && start::settings().is_some_and(|settings| settings.openssl.key_names)
        && SINCE.get().is_none_or(|since| *since == methods::changes())
        && !DISTRUSTED.load(Ordering::Relaxed)
}

fn is_libcryptos(visit: NameVisitor) -> bool {
    let share = SHARE.function().map(|function| function as *const c_void);
    VISITORS.has(visit as *const c_void, share)
}

fn is_it(known: &Manager, manager: *const c_void) -> bool {
    std::ptr::eq(known.address.load(Ordering::Acquire), manager)
}

/// Makes a manager of the default provider's known, if there is room and nobody else is at it.
#[cold]
fn learn(original: GoThrough, manager: *const c_void) {
    let (Ok(_alone), Some(share)) = (LEARNS.try_lock(), SHARE.function()) else { return };
    let mut slots = MANAGERS.iter();
    let free = slots.find(|slot| slot.names.get().is_none());
    // Another thread may have learnt it meanwhile.
    let is_new = !MANAGERS.iter().any(|known| is_it(known, manager));
    let Some(slot) = free.filter(|_| is_new && lanes::is_with_own(&PROVIDER, manager)) else {
        return;
    };
    SINCE.get_or_init(methods::changes);
    let Some(mut names) = names_of(original, manager) else { return };
    if fail::spoils("key_names.learnt") {
        names.pop();
    }
    // SAFETY: the caller's manager.
    if unsafe { share(manager.cast_mut()) } == 1 && slot.names.set(names).is_ok() {
        slot.address.store(manager.cast_mut(), Ordering::Release);
    }
}

/// Are these the manager's names? (Their order is that of a table which may grow, and means nothing.) If not, that is the end of it.
#[cold]
fn is_still_so(original: GoThrough, manager: *const c_void, names: &[CString]) -> bool {
    count(Counter::KeyNamesCompared);
    let sorted = |mut names: Vec<CString>| {
        names.sort_unstable();
        names
    };
    if names_of(original, manager).map(sorted) == Some(sorted(names.to_vec())) {
        return true;
    }
    count(Counter::KeyNamesWrong);
    if !DISTRUSTED.swap(true, Ordering::Relaxed) {
        log::line(format_args!(
            "the names of a kind of keys have changed: libcrypto looks for them from now on"
        ));
    }
    false
}

fn names_of(original: GoThrough, manager: *const c_void) -> Option<Vec<CString>> {
    unsafe extern "C" fn add(name: *const c_char, names: *mut c_void) {
        // SAFETY: the list below, which nobody else uses meanwhile.
        let names = unsafe { &mut *names.cast::<Vec<CString>>() };
        // SAFETY: a terminated name of libcrypto's.
        names.push(unsafe { CStr::from_ptr(name) }.to_owned());
    }
    let mut names: Vec<CString> = Vec::new();
    // SAFETY: the caller's manager, and a visitor with its data.
    let result = unsafe { original(manager, Some(add), (&raw mut names).cast()) };
    (result == 1).then_some(names)
}
