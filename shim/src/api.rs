//! The handlers, one file for each family of calls. A handler is short: it converts at the door,
//! asks `interlude-core`, and says what is to become of the call.

pub(crate) mod agreement;
mod attached;
pub(crate) mod clocks;
pub(crate) mod compressors;
pub(crate) mod descriptors;
pub(crate) mod ec_keygen;
pub(crate) mod ecdsa;
mod ed25519;
pub(crate) mod epoll;
pub(crate) mod evp;
pub(crate) mod io;
pub(crate) mod key_digests;
pub(crate) mod key_names;
pub(crate) mod key_schedule;
pub(crate) mod lanes;
pub(crate) mod libdeflate;
pub(crate) mod locks;
pub(crate) mod methods;
pub(crate) mod objects;
pub(crate) mod onnx;
pub(crate) mod openssl;
mod origin;
pub(crate) mod parameter;
pub(crate) mod process;
pub(crate) mod rsa;
pub(crate) mod session_encoding;
mod signature;
pub(crate) mod whole;
pub(crate) mod zlib;
