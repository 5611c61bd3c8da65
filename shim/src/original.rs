//! The functions behind the hooks: found once, called through a typed pointer.
//!
//! `RTLD_NEXT` finds what was loaded after the shim into the global scope. A library that was
//! opened with `RTLD_LOCAL` is not there: for those, a no-load `dlopen` by name.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where the originals of a family may live, besides the global scope.
const LIBRARIES: &[&CStr] = &[
    c"libc.so.6",
    c"libssl.so.3",
    c"libcrypto.so.3",
    c"libz.so.1",
    c"libdeflate.so.0",
    c"libonnxruntime.so.1",
];

/// The original of one hook; `F` is its function pointer type.
pub(crate) struct Original<F> {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Original<F> {
    /// # Safety
    /// `F` is the type of the function called `name`.
    pub(crate) const unsafe fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicPtr::new(std::ptr::null_mut()), function: PhantomData }
    }

    /// The original, or `None` if no library that is loaded has it.
    #[inline]
    pub(crate) fn function(&self) -> Option<F> {
        self.known().or_else(|| {
            let address = find(self.name);
            self.address.store(address, Ordering::Release);
            self.known()
        })
    }

    /// The original is this one: found elsewhere than by its name, or one that itself calls what is behind the shim.
    ///
    /// # Safety
    /// `address` is a function of type `F`, in a library that stays.
    pub(crate) unsafe fn set(&self, address: *mut c_void) {
        self.address.store(address, Ordering::Release);
    }

    /// The original, if it has been looked up.
    #[inline]
    pub(crate) fn known(&self) -> Option<F> {
        let address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            return None;
        }
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: a function pointer is as large as a data pointer (asserted), and the contract
        // of `new` makes this one a function of that type.
        Some(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
    }
}

/// Looks a symbol up behind the shim; null if nothing has it.
#[cold]
pub(crate) fn find(name: &CStr) -> *mut c_void {
    // SAFETY: a terminated name.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if !address.is_null() {
        pin(address);
        return address;
    }
    for library in LIBRARIES {
        // SAFETY: a terminated name; nothing is loaded, so no constructor runs.
        let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        if handle.is_null() {
            continue;
        }
        // SAFETY: a valid handle and a terminated name. The handle is kept: so is the library.
        let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
        if !address.is_null() {
            pin(address);
            return address;
        }
    }
    std::ptr::null_mut()
}

/// Keeps the library that an original lies in: a server may unload its modules, and their
/// libraries with them (lighttpd does at its end), while a helper is inside a call, and an address
/// that is remembered must stay good.
pub(crate) fn pin(address: *mut c_void) {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; the place is valid.
    if unsafe { libc::dladdr(address, info.as_mut_ptr()) } == 0 {
        return;
    }
    // SAFETY: zeroed is a valid value, and `dladdr` has filled it.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return;
    }
    // SAFETY: the loader's own, terminated name.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    // The C library is never unloaded; and its functions are looked for at moments when nothing may
    // be allocated (an allocator that starts up takes a mutex), as `dlopen` does.
    // Nor is the kernel's, which has no path.
    if name.to_bytes().contains(&b'/') && !name.to_bytes().ends_with(b"/libc.so.6") {
        let flags = libc::RTLD_NOLOAD | libc::RTLD_NODELETE | libc::RTLD_LAZY;
        // SAFETY: the loader's own name of a library that is loaded; nothing is loaded anew.
        unsafe { libc::dlopen(info.dli_fname, flags) };
    }
}

/// Is a library loaded whose file has one of these names?
pub(crate) fn is_any_loaded(names: &[String]) -> bool {
    struct Search<'a> {
        names: &'a [String],
        found: bool,
    }
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        search: *mut c_void,
    ) -> libc::c_int {
        // SAFETY: the loader's own description of a library.
        let name = unsafe { (*info).dlpi_name };
        // SAFETY: the `Search` below, which this call has for itself.
        let search = unsafe { &mut *search.cast::<Search<'_>>() };
        if name.is_null() {
            return 0;
        }
        // SAFETY: the loader's own, terminated name.
        let path = unsafe { CStr::from_ptr(name) }.to_bytes();
        let file = path.rsplit(|byte| *byte == b'/').next();
        search.found |= search.names.iter().any(|name| Some(name.as_bytes()) == file);
        libc::c_int::from(search.found)
    }
    let mut search = Search { names, found: false };
    // SAFETY: `visit` gets the search, and keeps nothing.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

/// What a hook returns when its original does not exist: the API's own failure.
pub(crate) trait Failure {
    /// The value.
    fn failure() -> Self;
}

impl Failure for i32 {
    fn failure() -> Self {
        -1
    }
}

impl Failure for i64 {
    fn failure() -> Self {
        -1
    }
}

impl Failure for isize {
    fn failure() -> Self {
        -1
    }
}

impl Failure for usize {
    fn failure() -> Self {
        0
    }
}

impl Failure for u64 {
    fn failure() -> Self {
        0
    }
}

impl Failure for *mut c_void {
    fn failure() -> Self {
        std::ptr::null_mut()
    }
}

impl Failure for () {
    fn failure() -> Self {}
}

/// Looks a symbol up anywhere in the process, without the libraries of [`LIBRARIES`].
pub(crate) fn find_if_loaded(name: &CStr) -> *mut c_void {
    // SAFETY: a terminated name.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}
