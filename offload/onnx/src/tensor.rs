//! A tensor's content, in memory of our own.

use std::ffi::c_void;

use ort_sys::ONNXTensorElementDataType as Kind;

use crate::buffer::Buffer;
use crate::{Api, Status, Value};

/// What a tensor's elements are: of a size that is known, and no objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element(Kind);

/// Those that are known, and their sizes in bytes.
const ELEMENTS: [(Kind, usize); 14] = [
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, 1),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, 2),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, 2),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 1),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, 2),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, 4),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, 8),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, 2),
    (Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64, 8),
];

impl Element {
    /// 32-bit floats.
    pub const FLOAT: Self = Self(Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
    /// 64-bit integers.
    pub const INT64: Self = Self(Kind::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);

    /// By the number that the API has for it.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let known = ELEMENTS.into_iter().find(|(kind, _)| *kind as i32 == number);
        known.map(|(kind, _)| Self(kind))
    }

    /// In bytes.
    #[must_use]
    pub fn size(self) -> usize {
        ELEMENTS.iter().find(|(kind, _)| *kind == self.0).map_or(1, |(_, size)| *size)
    }

    pub(crate) fn raw(self) -> Kind {
        self.0
    }
}

/// A tensor whose elements lie with its owner.
pub struct View<'a> {
    element: Element,
    shape: Vec<i64>,
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// What a value is; `None` for what is no tensor in the CPU's memory, or one whose elements are objects
    /// (strings) or not known.
    ///
    /// # Errors
    /// As the runtime says.
    ///
    /// # Safety
    /// An `OrtValue` that its owner keeps, and nobody writes to, while this is in use.
    pub unsafe fn of(api: Api, value: *const c_void) -> Result<Option<Self>, Status> {
        // SAFETY: the caller's contract.
        let Some((element, shape, data)) = (unsafe { api.look(value.cast()) })? else {
            return Ok(None);
        };
        let Some(len) = elements(&shape).and_then(|all| all.checked_mul(element.size())) else {
            return Ok(None);
        };
        // SAFETY: the runtime's own word: so many elements lie there. Of none, nothing is read.
        let bytes = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, len) } };
        Ok(Some(Self { element, shape, bytes }))
    }

    /// What its elements are.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Its elements.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// A copy, in memory of its own.
    #[must_use]
    pub fn to_tensor(&self) -> Tensor {
        Tensor { element: self.element, shape: self.shape.clone(), data: Buffer::of(self.bytes) }
    }

    /// Are both tensors' elements the same? Floats may differ by `tolerance` times the largest of them.
    #[must_use]
    pub fn is_close(&self, other: &View<'_>, tolerance: f32) -> bool {
        if (self.element, &self.shape) != (other.element, &other.shape) {
            return false;
        }
        if self.element != Element::FLOAT {
            return self.bytes == other.bytes;
        }
        let pairs = || floats(self.bytes).zip(floats(other.bytes));
        let sizes = pairs().map(|(a, b)| a.abs().max(b.abs())).filter(|size| size.is_finite());
        let most = tolerance * sizes.fold(0.0, f32::max);
        pairs().all(|(a, b)| a == b || (a - b).abs() <= most || (a.is_nan() && b.is_nan()))
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four))
}

/// A tensor.
pub struct Tensor {
    pub(crate) element: Element,
    pub(crate) shape: Vec<i64>,
    pub(crate) data: Buffer,
}

/// How many elements a shape has; `None` if that is no number.
fn elements(shape: &[i64]) -> Option<usize> {
    shape.iter().try_fold(1usize, |all, size| all.checked_mul(usize::try_from(*size).ok()?))
}

impl Tensor {
    /// Where a value's elements lie, and how many bytes they are; `None` as for [`View::of`].
    ///
    /// # Errors
    /// As the runtime says.
    ///
    /// # Safety
    /// An `OrtValue` that its owner keeps.
    pub unsafe fn region(
        api: Api,
        value: *const c_void,
    ) -> Result<Option<(*mut u8, usize)>, Status> {
        // SAFETY: the caller's contract.
        let found = unsafe { api.look(value.cast()) }?;
        Ok(found.and_then(|(element, shape, data)| {
            let len = elements(&shape)?.checked_mul(element.size())?;
            Some((data.cast_mut(), len))
        }))
    }

    /// Its elements.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.bytes()
    }

    /// As a value of the runtime's, over this memory.
    ///
    /// # Safety
    /// This is neither dropped nor changed before the value is.
    pub(crate) unsafe fn value(&self, api: Api) -> Result<Value, Status> {
        // SAFETY: the caller's contract.
        unsafe { api.over(self.bytes(), &self.shape, self.element) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(element: Element, bytes: &'a [u8]) -> View<'a> {
        View { element, shape: vec![1, (bytes.len() / element.size()) as i64], bytes }
    }

    fn bytes(numbers: &[f32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn floats_may_differ_by_a_share_of_the_largest() {
        let one = bytes(&[0.0, 100.0, f32::NAN, f32::INFINITY]);
        let is_close = |numbers: &[f32]| {
            let other = bytes(numbers);
            view(Element::FLOAT, &one).is_close(&view(Element::FLOAT, &other), 1e-3)
        };
        assert!(is_close(&[0.05, 99.95, f32::NAN, f32::INFINITY]));
        assert!(!is_close(&[0.2, 100.0, f32::NAN, f32::INFINITY]));
        assert!(!is_close(&[0.0, 100.0, 0.0, f32::INFINITY]));
        assert!(!is_close(&[0.0, 100.0, f32::NAN, f32::NEG_INFINITY]));
        assert!(!is_close(&[0.0, 100.0, f32::NAN]));
    }

    #[test]
    fn integers_are_the_same_or_not() {
        let (seven, eight) = (7i64.to_le_bytes(), 8i64.to_le_bytes());
        let is_close =
            |other: &[u8]| view(Element::INT64, &seven).is_close(&view(Element::INT64, other), 1.0);
        assert!(is_close(&seven) && !is_close(&eight));
    }

    #[test]
    fn elements_without_a_size_are_not_known() {
        // Strings, 4-bit integers, and a kind that has yet to be thought of.
        assert_eq!([8, 22, 99].map(Element::of), [None; 3]);
        assert_eq!(Element::of(1), Some(Element::FLOAT));
        assert_eq!((Element::INT64.size(), Element::FLOAT.size()), (8, 4));
    }
}
