//! A runtime with what a run needs, for one kind of model: an input `x` of rows of two floats, and an output `y`,
//! which is twice that. It notes how many rows each run had, and stands still before one while it is told to.

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, dangling_mut};
use std::sync::{Condvar, Mutex, OnceLock};

use interlude_onnx::Api;
use ort_sys::{
    ONNXTensorElementDataType as Element, OrtAllocator, OrtAllocatorType, OrtApi, OrtMemType,
    OrtMemoryInfo, OrtMemoryInfoDeviceType, OrtRunOptions, OrtSession, OrtStatusPtr,
    OrtTensorTypeAndShapeInfo, OrtTypeInfo, OrtValue,
};

/// What a session is.
#[derive(Default)]
pub(crate) struct Model {
    /// The rows of each run.
    pub(crate) runs: Mutex<Vec<usize>>,
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Model {
    /// One that stays: its runs may outlast a test that has failed.
    pub(crate) fn lasting() -> &'static Self {
        // Where a leak checker finds them.
        static ALL: Mutex<Vec<&'static Model>> = Mutex::new(Vec::new());
        let model: &'static Self = Box::leak(Box::default());
        ALL.lock().unwrap().push(model);
        model
    }

    /// Runs that come stand still, until it is opened.
    pub(crate) fn close(&self) {
        *self.is_closed.lock().unwrap() = true;
    }

    pub(crate) fn open(&self) {
        *self.is_closed.lock().unwrap() = false;
        self.opened.notify_all();
    }
}

struct Tensor {
    shape: Vec<i64>,
    data: *mut f32,
    _own: Vec<f32>,
}

impl Tensor {
    fn elements(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }

    fn into_raw(self) -> *mut OrtValue {
        Box::into_raw(Box::new(self)).cast()
    }
}

/// The functions.
pub(crate) fn api() -> Api {
    static TABLE: OnceLock<usize> = OnceLock::new();
    let table = *TABLE.get_or_init(|| {
        let table = Box::into_raw(Box::new(MaybeUninit::<OrtApi>::zeroed())).cast::<OrtApi>();
        macro_rules! place {
            ($($name:ident: $function:ident;)*) => {
                // SAFETY: a place in the table, which nobody else has yet.
                $(unsafe { (&raw mut (*table).$name).write($function) };)*
            };
        }
        place! {
            CreateCpuMemoryInfo: memory;
            GetAllocatorWithDefaultOptions: allocator;
            AllocatorFree: free;
            SessionGetInputCount: input_count;
            SessionGetInputName: input_name;
            SessionGetInputTypeInfo: input_type;
            CastTypeInfoToTensorInfo: cast;
            ReleaseTypeInfo: release_type;
            GetDimensionsCount: rank;
            GetDimensions: dimensions;
            GetSymbolicDimensions: symbols;
            IsTensor: is_tensor;
            GetTensorMemoryInfo: memory_of;
            MemoryInfoGetDeviceType: device;
            GetTensorTypeAndShape: shape_of;
            ReleaseTensorTypeAndShapeInfo: release_shape;
            GetTensorElementType: element;
            GetTensorMutableData: data;
            CreateTensorWithDataAsOrtValue: over;
            CreateTensorAsOrtValue: tensor;
            ReleaseValue: release_value;
            Run: run;
        }
        table.expose_provenance()
    });
    // SAFETY: a table with the functions that are used, which stays.
    unsafe { Api::new(ptr::with_exposed_provenance::<c_void>(table)) }.unwrap()
}

/// A tensor over rows that stay where they are.
pub(crate) fn value(rows: &[[f32; 2]]) -> *mut c_void {
    let (shape, data) = (vec![rows.len() as i64, 2], rows.as_ptr().cast_mut().cast());
    Tensor { shape, data, _own: Vec::new() }.into_raw().cast()
}

/// # Safety
/// Of [`value`], once.
pub(crate) unsafe fn release(value: *mut c_void) {
    // SAFETY: the caller's contract.
    unsafe { release_value(value.cast()) };
}

/// Puts a result where the caller wants it.
///
/// # Safety
/// There is a place for it.
unsafe fn put<T>(to: *mut T, value: T) -> OrtStatusPtr {
    // SAFETY: the caller's contract.
    unsafe { to.write(value) };
    OrtStatusPtr(ptr::null_mut())
}

/// # Safety
/// A value of this runtime's.
unsafe fn known<'a>(value: *const OrtValue) -> &'a Tensor {
    // SAFETY: the caller's contract.
    unsafe { &*value.cast::<Tensor>() }
}

/// # Safety
/// An information of this runtime's: a shape.
unsafe fn sizes<'a>(info: *const OrtTensorTypeAndShapeInfo) -> &'a Vec<i64> {
    // SAFETY: the caller's contract.
    unsafe { &*info.cast::<Vec<i64>>() }
}

macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) $body:block)*) => {
        $(#[allow(unused_unsafe)] // some do nothing
        unsafe extern "system" fn $name($($argument: $type),*) -> OrtStatusPtr {
            // SAFETY: the contract of the function of that name in `onnxruntime_c_api.h`.
            unsafe { $body }
        })*
    };
}

functions! {
    memory(_k: OrtAllocatorType, _t: OrtMemType, to: *mut *mut OrtMemoryInfo) { put(to, dangling_mut()) }
    allocator(to: *mut *mut OrtAllocator) { put(to, dangling_mut()) }
    // The only thing that is freed is the input's name, which is static.
    free(_a: *mut OrtAllocator, _p: *mut c_void) { OrtStatusPtr(ptr::null_mut()) }
    input_count(_s: *const OrtSession, to: *mut usize) { put(to, 1) }
    input_name(_s: *const OrtSession, _i: usize, _a: *mut OrtAllocator, to: *mut *mut c_char) {
        put(to, c"x".as_ptr().cast_mut())
    }
    input_type(_s: *const OrtSession, _i: usize, to: *mut *mut OrtTypeInfo) {
        put(to, Box::into_raw(Box::new(vec![-1i64, 2])).cast())
    }
    cast(info: *const OrtTypeInfo, to: *mut *const OrtTensorTypeAndShapeInfo) { put(to, info.cast()) }
    rank(info: *const OrtTensorTypeAndShapeInfo, to: *mut usize) { put(to, sizes(info).len()) }
    dimensions(info: *const OrtTensorTypeAndShapeInfo, to: *mut i64, count: usize) {
        to.copy_from(sizes(info).as_ptr(), count);
        OrtStatusPtr(ptr::null_mut())
    }
    symbols(_i: *const OrtTensorTypeAndShapeInfo, to: *mut *const c_char, _n: usize) {
        put(to, c"batch".as_ptr())
    }
    is_tensor(_v: *const OrtValue, to: *mut c_int) { put(to, 1) }
    memory_of(_v: *const OrtValue, to: *mut *const OrtMemoryInfo) { put(to, dangling_mut::<OrtMemoryInfo>()) }
    shape_of(of: *const OrtValue, to: *mut *mut OrtTensorTypeAndShapeInfo) {
        put(to, Box::into_raw(Box::new(known(of).shape.clone())).cast())
    }
    element(_i: *const OrtTensorTypeAndShapeInfo, to: *mut Element) {
        put(to, Element::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
    }
    data(of: *mut OrtValue, to: *mut *mut c_void) { put(to, known(of).data.cast()) }
    over(_m: *const OrtMemoryInfo, at: *mut c_void, _n: usize, shape: *const i64, rank: usize, _k: Element, to: *mut *mut OrtValue) {
        let shape = std::slice::from_raw_parts(shape, rank).to_vec();
        put(to, Tensor { shape, data: at.cast(), _own: Vec::new() }.into_raw())
    }
    tensor(_a: *mut OrtAllocator, shape: *const i64, rank: usize, _k: Element, to: *mut *mut OrtValue) {
        let shape = std::slice::from_raw_parts(shape, rank).to_vec();
        put(to, owned(shape).into_raw())
    }
    run(session: *mut OrtSession, _o: *const OrtRunOptions, _in: *const *const c_char, inputs: *const *const OrtValue, _n: usize, _out: *const *const c_char, _m: usize, outputs: *mut *mut OrtValue) {
        let model = &*session.cast::<Model>();
        let input = known(*inputs);
        let is_closed = |is_closed: &mut bool| *is_closed;
        drop(model.opened.wait_while(model.is_closed.lock().unwrap(), is_closed));
        model.runs.lock().unwrap().push(input.shape[0] as usize);
        let output = owned(input.shape.clone());
        for index in 0..input.elements() {
            output.data.add(index).write(2.0 * *input.data.add(index));
        }
        put(outputs, output.into_raw())
    }
}

fn owned(shape: Vec<i64>) -> Tensor {
    let mut own = vec![0.0; shape.iter().product::<i64>() as usize];
    Tensor { shape, data: own.as_mut_ptr(), _own: own }
}

unsafe extern "system" fn release_type(info: *mut OrtTypeInfo) {
    // SAFETY: made by `input_type`, and released once.
    drop(unsafe { Box::from_raw(info.cast::<Vec<i64>>()) });
}

unsafe extern "system" fn release_shape(info: *mut OrtTensorTypeAndShapeInfo) {
    // SAFETY: made by `shape_of`, and released once.
    drop(unsafe { Box::from_raw(info.cast::<Vec<i64>>()) });
}

unsafe extern "system" fn release_value(value: *mut OrtValue) {
    // SAFETY: made by this runtime, and released once.
    drop(unsafe { Box::from_raw(value.cast::<Tensor>()) });
}

unsafe extern "system" fn device(_m: *const OrtMemoryInfo, to: *mut OrtMemoryInfoDeviceType) {
    // SAFETY: a place for the result.
    unsafe { to.write(OrtMemoryInfoDeviceType::OrtMemoryInfoDeviceType_CPU) };
}
