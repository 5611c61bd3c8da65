//! The runtime's table of functions, as far as it is used here.
//!
//! Followed: `onnxruntime_c_api.h`. A function that fails answers with a status, which belongs to whoever
//! called it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use ort_sys::{
    OrtAllocator, OrtAllocatorType, OrtApi, OrtMemType, OrtMemoryInfo, OrtMemoryInfoDeviceType,
    OrtStatus, OrtStatusPtr, OrtTensorTypeAndShapeInfo, OrtTypeInfo, OrtValue,
};

use crate::session::SessionPtr;
use crate::{Element, Value};

/// A function of the table's. (A runtime's table may be shorter than the type: only places are read.)
macro_rules! function {
    ($api:expr, $name:ident) => {
        // SAFETY: the contract of `Api::new`: the table has this function, and stays.
        unsafe { (*$api.table()).$name }
    };
}
pub(crate) use function;

/// The runtime.
#[derive(Clone, Copy)]
pub struct Api {
    table: *const OrtApi,
    /// Describes memory of the CPU.
    memory: *const OrtMemoryInfo,
    allocator: *mut OrtAllocator,
}

// SAFETY: the table and both objects are the runtime's for the life of the process, and may be used by
// any thread.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// A tensor's elements, its shape, and where they lie.
type Looks = (Element, Vec<i64>, *const u8);

/// A failure of the runtime's. Its owner frees it.
pub struct Status {
    pub(crate) api: Api,
    raw: *mut OrtStatus,
}

// SAFETY: an object on the heap that nobody else has.
unsafe impl Send for Status {}

impl Status {
    /// For the caller of the API, who frees it. Never null.
    #[must_use]
    pub fn into_raw(self) -> *mut c_void {
        let raw = self.raw;
        std::mem::forget(self);
        raw.cast()
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        let of = function!(self.api, ReleaseStatus);
        // SAFETY: made by the runtime, and freed once.
        unsafe { of(self.raw) };
    }
}

impl Api {
    /// The version of the API that is used here: 1.14's.
    pub const VERSION: u32 = 14;

    /// From a table of [`Self::VERSION`] or later. `None` where the runtime does not have its defaults.
    ///
    /// # Safety
    /// The runtime's own table, from a library that stays.
    #[must_use]
    pub unsafe fn new(table: *const c_void) -> Option<Self> {
        let (memory, allocator) = (ptr::null(), ptr::null_mut());
        let api = Self { table: table.cast(), memory, allocator };
        if table.is_null() {
            return None;
        }
        let (mut memory, mut allocator) = (ptr::null_mut(), ptr::null_mut());
        let (kind, place) = (OrtAllocatorType::OrtDeviceAllocator, OrtMemType::OrtMemTypeDefault);
        let of = function!(api, CreateCpuMemoryInfo);
        // SAFETY: a place for the result, which is kept for ever.
        api.check(unsafe { of(kind, place, &raw mut memory) }).ok()?;
        let of = function!(api, GetAllocatorWithDefaultOptions);
        // SAFETY: a place for the result, which is the runtime's.
        api.check(unsafe { of(&raw mut allocator) }).ok()?;
        Some(Self { memory, allocator, ..api })
    }

    pub(crate) fn table(&self) -> *const OrtApi {
        self.table
    }

    /// Success, or whose failure it is.
    pub(crate) fn check(self, status: OrtStatusPtr) -> Result<(), Status> {
        if status.0.is_null() { Ok(()) } else { Err(Status { api: self, raw: status.0 }) }
    }

    /// How many inputs a session has.
    pub(crate) fn input_count(self, session: SessionPtr) -> Result<usize, Status> {
        let mut count = 0;
        let of = function!(self, SessionGetInputCount);
        // SAFETY: a session that its owner keeps, and a place for the result.
        self.check(unsafe { of(session.raw(), &raw mut count) })?;
        Ok(count)
    }

    /// An input's name.
    pub(crate) fn input_name(self, session: SessionPtr, index: usize) -> Result<CString, Status> {
        let mut name: *mut c_char = ptr::null_mut();
        let of = function!(self, SessionGetInputName);
        // SAFETY: as above; the name is the caller's.
        self.check(unsafe { of(session.raw(), index, self.allocator, &raw mut name) })?;
        // SAFETY: a terminated string, as the runtime made it.
        let copy = unsafe { CStr::from_ptr(name) }.to_owned();
        let of = function!(self, AllocatorFree);
        // SAFETY: made by this allocator, and freed once.
        let freed = unsafe { of(self.allocator, name.cast()) };
        self.check(freed)?;
        Ok(copy)
    }

    /// An input's dimensions as the model declares them: -1 where any size will do, and each one's name
    /// (empty where it has none). `None` for an input that is no tensor.
    pub(crate) fn declared(
        self,
        session: SessionPtr,
        index: usize,
    ) -> Result<Option<Vec<(i64, CString)>>, Status> {
        let mut info: *mut OrtTypeInfo = ptr::null_mut();
        let of = function!(self, SessionGetInputTypeInfo);
        // SAFETY: as above.
        self.check(unsafe { of(session.raw(), index, &raw mut info) })?;
        let dimensions = self.dimensions_of(info);
        let of = function!(self, ReleaseTypeInfo);
        // SAFETY: made above, and freed once.
        unsafe { of(info) };
        dimensions
    }

    fn dimensions_of(
        self,
        info: *const OrtTypeInfo,
    ) -> Result<Option<Vec<(i64, CString)>>, Status> {
        let mut tensor: *const OrtTensorTypeAndShapeInfo = ptr::null();
        let of = function!(self, CastTypeInfoToTensorInfo);
        // SAFETY: an information that the caller keeps; what is in it belongs to it.
        self.check(unsafe { of(info, &raw mut tensor) })?;
        if tensor.is_null() {
            return Ok(None);
        }
        let sizes = self.sizes(tensor)?;
        let mut names: Vec<*const c_char> = vec![ptr::null(); sizes.len()];
        let of = function!(self, GetSymbolicDimensions);
        // SAFETY: so many places.
        self.check(unsafe { of(tensor, names.as_mut_ptr(), names.len()) })?;
        let name = |name: *const c_char| {
            // SAFETY: null, or a terminated string of the information's.
            if name.is_null() { CString::default() } else { unsafe { CStr::from_ptr(name) }.into() }
        };
        Ok(Some(sizes.into_iter().zip(names.into_iter().map(name)).collect()))
    }

    fn sizes(self, info: *const OrtTensorTypeAndShapeInfo) -> Result<Vec<i64>, Status> {
        let mut rank = 0;
        let of = function!(self, GetDimensionsCount);
        // SAFETY: an information that the caller keeps, and a place for the result.
        self.check(unsafe { of(info, &raw mut rank) })?;
        let mut sizes = vec![0; rank];
        let of = function!(self, GetDimensions);
        // SAFETY: so many places.
        self.check(unsafe { of(info, sizes.as_mut_ptr(), rank) })?;
        Ok(sizes)
    }

    /// A tensor's elements, shape and data; `None` for what is no tensor in the CPU's memory, or one whose
    /// elements are objects or have no size in bytes.
    ///
    /// # Safety
    /// A value that its owner keeps.
    pub(crate) unsafe fn look(self, value: *const OrtValue) -> Result<Option<Looks>, Status> {
        let mut is_tensor: c_int = 0;
        let of = function!(self, IsTensor);
        // SAFETY: the caller's contract, and a place for the result.
        self.check(unsafe { of(value, &raw mut is_tensor) })?;
        // SAFETY: the caller's contract.
        if is_tensor == 0 || !unsafe { self.is_with_cpu(value) }? {
            return Ok(None);
        }
        let mut info: *mut OrtTensorTypeAndShapeInfo = ptr::null_mut();
        let of = function!(self, GetTensorTypeAndShape);
        // SAFETY: as above.
        self.check(unsafe { of(value, &raw mut info) })?;
        let (mut kind, of) = (0, function!(self, GetTensorElementType));
        // SAFETY: made above. The kind is an `int` in C, of values that may not be known here.
        let known = self.check(unsafe { of(info, (&raw mut kind).cast()) });
        let shape = self.sizes(info);
        let of = function!(self, ReleaseTensorTypeAndShapeInfo);
        // SAFETY: made above, and freed once.
        unsafe { of(info) };
        known?;
        let (shape, Some(element)) = (shape?, Element::of(kind)) else { return Ok(None) };
        let mut data: *mut c_void = ptr::null_mut();
        let of = function!(self, GetTensorMutableData);
        // SAFETY: a tensor; it is only read.
        self.check(unsafe { of(value.cast_mut(), &raw mut data) })?;
        Ok(Some((element, shape, data.cast_const().cast())))
    }

    /// # Safety
    /// A tensor that its owner keeps.
    unsafe fn is_with_cpu(self, value: *const OrtValue) -> Result<bool, Status> {
        let mut memory: *const OrtMemoryInfo = ptr::null();
        let of = function!(self, GetTensorMemoryInfo);
        // SAFETY: the caller's contract; what it is told of belongs to the value.
        self.check(unsafe { of(value, &raw mut memory) })?;
        let mut device = OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_GPU as c_int;
        let of = function!(self, MemoryInfoGetDeviceType);
        // SAFETY: as above. The kind of device is an `int` in C.
        unsafe { of(memory, (&raw mut device).cast()) };
        Ok(device == OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU as c_int)
    }

    /// A tensor over memory that stays the caller's.
    ///
    /// # Safety
    /// The memory stays where it is as long as the value.
    pub(crate) unsafe fn over(
        self,
        bytes: &[u8],
        shape: &[i64],
        element: Element,
    ) -> Result<Value, Status> {
        let mut value = ptr::null_mut();
        let of = function!(self, CreateTensorWithDataAsOrtValue);
        let (data, kind) = (bytes.as_ptr().cast_mut().cast(), element.raw());
        // SAFETY: the caller's contract; inputs of a run are only read.
        self.check(unsafe {
            of(self.memory, data, bytes.len(), shape.as_ptr(), shape.len(), kind, &raw mut value)
        })?;
        // SAFETY: made above, and nobody else has it.
        Ok(unsafe { Value::new(self, value) })
    }

    /// A new tensor with these elements, in memory of the runtime's.
    pub(crate) fn tensor(
        self,
        shape: &[i64],
        element: Element,
        fill: impl FnOnce(*mut u8),
    ) -> Result<Value, Status> {
        let mut value = ptr::null_mut();
        let (of, kind) = (function!(self, CreateTensorAsOrtValue), element.raw());
        // SAFETY: a shape of so many numbers, and a place for the result.
        self.check(unsafe {
            of(self.allocator, shape.as_ptr(), shape.len(), kind, &raw mut value)
        })?;
        // SAFETY: made above, and nobody else has it.
        let value = unsafe { Value::new(self, value) };
        let mut data: *mut c_void = ptr::null_mut();
        let of = function!(self, GetTensorMutableData);
        // SAFETY: a tensor of our own.
        self.check(unsafe { of(value.raw(), &raw mut data) })?;
        fill(data.cast());
        Ok(value)
    }
}
