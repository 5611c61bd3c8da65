//! `OSSL_PARAM(3)`: what is handed to OpenSSL's providers, and what callers hand to them.

use std::ffi::{c_char, c_uint, c_void};

/// `struct ossl_param_st`.
#[repr(C)]
pub(crate) struct Parameter {
    pub(crate) key: *const c_char,
    pub(crate) kind: c_uint,
    pub(crate) data: *mut c_void,
    pub(crate) size: usize,
    pub(crate) returned: usize,
}

/// `OSSL_PARAM_INTEGER`.
pub(crate) const INTEGER: c_uint = 1;
/// `OSSL_PARAM_UTF8_STRING`.
pub(crate) const TEXT: c_uint = 4;
/// `OSSL_PARAM_OCTET_STRING`.
pub(crate) const OCTET_STRING: c_uint = 5;
