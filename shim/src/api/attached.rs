//! What is ours and hangs on an object of libcrypto's, as it has it for applications' data (`ex_data`):
//! it goes with the object, and a copy of the object has none.
//!
//! Followed: `CRYPTO_get_ex_new_index(3)`.
//!
//! Kinds of objects are known by a number only, and another library of the same names (LibreSSL) has
//! other numbers: there, nothing would be freed, or something of another type's. So before anything is
//! hung on an object of a kind, one is made and freed to see whether that is noticed.
//!
//! Must not: be used for an object that another thread may free meanwhile.

use std::ffi::{c_int, c_long, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use crate::api::lanes::libcrypto;
use crate::original::Original;

type NewIndex = unsafe extern "C" fn(
    c_int,
    c_long,
    *const c_void,
    Option<unsafe extern "C" fn()>,
    Option<Duplicate>,
    Option<Free>,
) -> c_int;
type Duplicate = unsafe extern "C" fn(
    *mut c_void,
    *const c_void,
    *mut *mut c_void,
    c_int,
    c_long,
    *mut c_void,
) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, c_int, c_long, *mut c_void);
type NewObject = unsafe extern "C" fn() -> *mut c_void;
type FreeObject = unsafe extern "C" fn(*mut c_void);
type GetData = unsafe extern "C" fn(*const c_void, c_int) -> *mut c_void;
type SetData = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int;

libcrypto! {
    NEW_INDEX: NewIndex = c"CRYPTO_get_ex_new_index";
    NEW_RSA: NewObject = c"RSA_new";
    FREE_RSA: FreeObject = c"RSA_free";
    GET_RSA: GetData = c"RSA_get_ex_data";
    SET_RSA: SetData = c"RSA_set_ex_data";
    NEW_KEY: NewObject = c"EVP_PKEY_new";
    FREE_KEY: FreeObject = c"EVP_PKEY_free";
    GET_KEY: GetData = c"EVP_PKEY_get_ex_data";
    SET_KEY: SetData = c"EVP_PKEY_set_ex_data";
}

/// A kind of objects on which something can hang.
pub(crate) struct Class {
    /// Its number in OpenSSL 3.
    number: c_int,
    new: &'static Original<NewObject>,
    free: &'static Original<FreeObject>,
    get: &'static Original<GetData>,
    set: &'static Original<SetData>,
}

/// `RSA`.
pub(crate) const RSA: Class =
    Class { number: 9, new: &NEW_RSA, free: &FREE_RSA, get: &GET_RSA, set: &SET_RSA };
/// `EVP_PKEY`.
pub(crate) const KEY: Class =
    Class { number: 17, new: &NEW_KEY, free: &FREE_KEY, get: &GET_KEY, set: &SET_KEY };

/// An object may be used by several threads, and its list of data has no lock, whatever hangs there. Each object has
/// one of these.
static ALONE: [Mutex<()>; 16] = [const { Mutex::new(()) }; 16];

/// (One that was lost in a fork is never free again.)
fn alone(object: *mut c_void) -> Option<MutexGuard<'static, ()>> {
    match ALONE.get((object.addr() >> 6) % ALONE.len())?.try_lock() {
        Ok(alone) => Some(alone),
        Err(TryLockError::Poisoned(alone)) => Some(alone.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A `T` that may hang on each object of a class.
pub(crate) struct Attached<T: 'static> {
    class: Class,
    /// Under which it hangs there; the same for the life of the process.
    index: OnceLock<Option<c_int>>,
    /// Was the end of the object noticed that was made to see?
    is_noticed: AtomicBool,
    content: PhantomData<fn(T) -> T>,
}

impl<T: Send + 'static> Attached<T> {
    pub(crate) const fn new(class: Class) -> Self {
        Self {
            class,
            index: OnceLock::new(),
            is_noticed: AtomicBool::new(false),
            content: PhantomData,
        }
    }

    /// What `body` makes of what hangs on an object of the class; if that is nothing, it is made first.
    /// `None` if nothing can hang there, or another thread is looking.
    pub(crate) fn with<R>(
        &'static self,
        object: *mut c_void,
        make: impl FnOnce() -> T,
        body: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        let index = self.index()?;
        let (get, set) = (self.class.get.function()?, self.class.set.function()?);
        let _alone = alone(object)?;
        // SAFETY: the caller's object, and an index of its class.
        let found = unsafe { get(object, index) }.cast::<T>();
        // SAFETY: null, or made below and freed with the object only, or by `take`, under the lock.
        if let Some(content) = unsafe { found.as_ref() } {
            return Some(body(content));
        }
        let content = Box::new(make());
        let result = body(&content);
        hang(set, object, index, content);
        Some(result)
    }

    /// Hangs something on an object. False if there is something already, or nothing can hang there.
    pub(crate) fn put(&'static self, object: *mut c_void, content: T) -> bool {
        let mut is_new = false;
        let make = || {
            is_new = true;
            content
        };
        self.with(object, make, |_| ()).is_some() && is_new
    }

    /// Takes off what hangs on an object.
    pub(crate) fn take(&'static self, object: *mut c_void) -> Option<Box<T>> {
        let index = self.index()?;
        let (get, set) = (self.class.get.function()?, self.class.set.function()?);
        let _alone = alone(object)?;
        // SAFETY: the caller's object, and an index of its class.
        let found = unsafe { get(object, index) }.cast::<T>();
        // SAFETY: as above.
        if found.is_null() || unsafe { set(object, index, std::ptr::null_mut()) } != 1 {
            return None;
        }
        // SAFETY: made in `with`, and nobody else has it now.
        Some(unsafe { Box::from_raw(found) })
    }

    fn index(&'static self) -> Option<c_int> {
        *self.index.get_or_init(|| {
            let noticed = std::ptr::from_ref(&self.is_noticed).cast();
            let (number, new) = (self.class.number, NEW_INDEX.function()?);
            // SAFETY: functions of this library, which is never unloaded, as is what they are told of.
            let index =
                unsafe { new(number, 0, noticed, None, Some(duplicated), Some(freed::<T>)) };
            (index >= 0 && self.is_of_this_class(index)?).then_some(index)
        })
    }

    /// Is an index one of this class, after all?
    fn is_of_this_class(&'static self, index: c_int) -> Option<bool> {
        let Class { new, free, set, .. } = &self.class;
        let (new, free, set) = (new.function()?, free.function()?, set.function()?);
        // SAFETY: no preconditions.
        let object = unsafe { new() };
        if object.is_null() {
            return None;
        }
        let probe = std::ptr::from_ref(&self.is_noticed).cast_mut().cast();
        // SAFETY: an object of our own. `freed` knows the probe.
        let is_hung = unsafe { set(object, index, probe) } == 1;
        // SAFETY: made above, and nobody else has it.
        unsafe { free(object) };
        Some(is_hung && self.is_noticed.load(Ordering::Acquire))
    }
}

fn hang<T>(set: SetData, object: *mut c_void, index: c_int, content: Box<T>) {
    let content = Box::into_raw(content);
    // SAFETY: the caller's object, and an index of its class; the data is the object's from here on.
    if unsafe { set(object, index, content.cast()) } != 1 {
        // SAFETY: made from a box above, and nobody else has it.
        drop(unsafe { Box::from_raw(content) });
    }
}

/// A copy has nothing.
unsafe extern "C" fn duplicated(
    _: *mut c_void,
    _: *const c_void,
    data: *mut *mut c_void,
    _: c_int,
    _: c_long,
    _: *mut c_void,
) -> c_int {
    // SAFETY: libcrypto's place for what the copy gets.
    unsafe { *data = std::ptr::null_mut() };
    1
}

/// An object is freed.
unsafe extern "C" fn freed<T>(
    _: *mut c_void,
    data: *mut c_void,
    _: *mut c_void,
    _: c_int,
    _: c_long,
    noticed: *mut c_void,
) {
    if data.is_null() {
        return;
    }
    if data == noticed {
        // SAFETY: the probe is a flag of an `Attached`, which is static.
        unsafe { &*noticed.cast::<AtomicBool>() }.store(true, Ordering::Release);
        return;
    }
    // SAFETY: made by `Attached::with`, and libcrypto gives it up here, once.
    drop(unsafe { Box::from_raw(data.cast::<T>()) });
}
