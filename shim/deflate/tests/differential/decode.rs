//! What zlib's `inflate` makes of a stream.

use std::ffi::{c_int, c_uint};

use interlude_deflate::ZStream;

use crate::common::zlib::version;
use crate::library::{inflate, inflateEnd, inflateInit2_, inflateSetDictionary};

/// What came out, and whether the stream's end was reached with all of its bytes.
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: bool,
}

/// Decodes `stream` (`window`: as for `deflateInit2`), whose dictionaries were set at these offsets of it.
pub(crate) fn decode(
    stream: &[u8],
    window: i32,
    dictionaries: &[(usize, Vec<u8>)],
) -> Result<Decoded, String> {
    let mut z = Box::new(ZStream::zeroed());
    let size = size_of::<ZStream>() as c_int;
    let version = version();
    // SAFETY: a zeroed stream.
    let code = unsafe { inflateInit2_(&raw mut *z, window, version, size) };
    assert_eq!(code, 0);
    let result = feed(&mut z, stream, window, dictionaries);
    // SAFETY: initialised above.
    unsafe { inflateEnd(&raw mut *z) };
    result
}

fn feed(
    z: &mut ZStream,
    stream: &[u8],
    window: i32,
    dictionaries: &[(usize, Vec<u8>)],
) -> Result<Decoded, String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    let mut buffer = vec![0u8; 65_536];
    let mut pending = dictionaries.iter();
    let mut next = pending.next();
    loop {
        let until = match next {
            Some((offset, dictionary)) if window < 0 && *offset == at => {
                // SAFETY: so many bytes; a raw stream.
                let code = unsafe {
                    inflateSetDictionary(z, dictionary.as_ptr(), dictionary.len() as c_uint)
                };
                if code != 0 {
                    return Err(format!("dictionary at {at} refused: {code}"));
                }
                next = pending.next();
                continue;
            }
            Some((offset, _)) if window < 0 => *offset,
            _ => stream.len(),
        };
        z.next_in = stream[at..].as_ptr();
        z.avail_in = (until - at) as c_uint;
        z.next_out = buffer.as_mut_ptr();
        z.avail_out = buffer.len() as c_uint;
        // SAFETY: both buffers are there.
        let code = unsafe { inflate(z, 2) };
        let read = until - at - z.avail_in as usize;
        let written = buffer.len() - z.avail_out as usize;
        at += read;
        bytes.extend_from_slice(&buffer[..written]);
        match code {
            1 if at == stream.len() => return Ok(Decoded { bytes, ended: true }),
            1 => return Err(format!("{} bytes behind the end", stream.len() - at)),
            2 => {
                let (_, dictionary) = next.ok_or("a dictionary that nobody set")?;
                // SAFETY: so many bytes.
                let code = unsafe {
                    inflateSetDictionary(z, dictionary.as_ptr(), dictionary.len() as c_uint)
                };
                if code != 0 {
                    return Err(format!("dictionary refused: {code}"));
                }
                next = pending.next();
            }
            0 | -5 if z.avail_out == 0 => {}
            0 | -5 if at == until && until < stream.len() => {}
            0 | -5 if at == stream.len() => {
                if next.is_none_or(|(offset, _)| *offset > at || window > 0) {
                    return Ok(Decoded { bytes, ended: false });
                }
            }
            code => return Err(format!("inflate: {code} at {at} of {}", stream.len())),
        }
    }
}
