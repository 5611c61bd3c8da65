//! What a session is made of, as libssl describes it to libcrypto: a sequence of fields, each at its place in
//! a structure of libssl's.
//!
//! The description has the public form of `<openssl/asn1t.h>`; it is read once, and is libssl's constant. One
//! that has anything else in it than what is known here is left to libcrypto.
//!
//! Followed: `struct ASN1_ITEM_st` and `struct ASN1_TEMPLATE_st`, `struct asn1_string_st` in
//! `<openssl/asn1.h>`, crypto/asn1/x_int64.c.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_ulong, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::der::{Content, Element};
use crate::api::lanes::libcrypto;
use crate::api::origin::Known;
use crate::errors;
use crate::original::Original;
use crate::table::originals;

/// `struct ASN1_ITEM_st`.
#[repr(C)]
struct Item {
    kind: c_char,
    underlying: c_long,
    templates: *const Template,
    count: c_long,
    functions: *const c_void,
    size: c_long,
    name: *const c_char,
}

/// `struct ASN1_TEMPLATE_st`.
#[repr(C)]
struct Template {
    flags: c_ulong,
    tag: c_long,
    offset: c_ulong,
    name: *const c_char,
    item: Option<ItemOf>,
}

/// `struct asn1_string_st`.
#[repr(C)]
struct Octets {
    length: c_int,
    kind: c_int,
    data: *const c_uchar,
    flags: c_long,
}

/// `ASN1_ITEM_EXP`: gives an item.
type ItemOf = unsafe extern "C" fn() -> *const c_void;

libcrypto! {
    OCTET_STRING: ItemOf = c"ASN1_OCTET_STRING_it";
    INT32: ItemOf = c"INT32_it";
    UINT32: ItemOf = c"UINT32_it";
    ZINT32: ItemOf = c"ZINT32_it";
    ZUINT32: ItemOf = c"ZUINT32_it";
    ZINT64: ItemOf = c"ZINT64_it";
    ZUINT64: ItemOf = c"ZUINT64_it";
}

/// `ASN1_ITYPE_SEQUENCE`.
const SEQUENCE: c_char = 1;
/// `ASN1_TFLG_OPTIONAL`.
const OPTIONAL: c_ulong = 1;
/// `ASN1_TFLG_IMPLICIT`.
const IMPLICIT: c_ulong = 0x08 | 0x80;
/// `ASN1_TFLG_EXPLICIT`.
const EXPLICIT: c_ulong = 0x10 | 0x80;
/// `ASN1_TFLG_EMBED`.
const EMBEDDED: c_ulong = 0x1000;

/// Most fields that a session may have; it has 25.
const MOST: usize = 32;

/// Room for what a session has.
pub(super) type Elements<'a> = [Option<Element<'a>>; MOST];

/// How sessions are encoded.
pub(super) struct Layout(Vec<Field>);

struct Field {
    /// From the structure's beginning.
    offset: usize,
    tag: Option<u8>,
    is_optional: bool,
    content: FieldContent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldContent {
    /// A number within the structure.
    Number(Integer),
    /// A pointer to a string.
    Octets,
    /// A pointer to what is not encoded here.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Integer {
    is_long: bool,
    is_signed: bool,
    /// A zero is left out.
    leaves_zero_out: bool,
}

/// The layout of what `item` describes, if that is a session.
pub(super) fn of(item: *const c_void) -> Option<&'static Layout> {
    static ITEM: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    static LAYOUT: OnceLock<Option<Layout>> = OnceLock::new();
    let known = ITEM.load(Ordering::Acquire);
    if known.is_null() {
        if !is_session(item) {
            return None;
        }
        // SAFETY: libssl's own description of a session.
        LAYOUT.get_or_init(|| unsafe { read(item.cast()) });
        ITEM.store(item.cast_mut(), Ordering::Release);
    } else if !std::ptr::eq(known, item) {
        return None;
    }
    LAYOUT.get()?.as_ref()
}

/// Is it libssl's, by that name?
#[cold]
fn is_session(item: *const c_void) -> bool {
    static LIBSSLS: Known<1> = Known::new();
    // Others' items have another form.
    if item.is_null() || !errors::is_openssl_3() {
        return false;
    }
    // SAFETY: the API's contract: an item, of the form that OpenSSL 3 gives it.
    let name = unsafe { (*item.cast::<Item>()).name };
    // SAFETY: null, or the item's own terminated name.
    let is_named = !name.is_null() && unsafe { CStr::from_ptr(name) } == c"SSL_SESSION_ASN1";
    let handshake = originals::SSL_do_handshake::ORIGINAL.function();
    is_named && LIBSSLS.has(item, handshake.map(|function| function as *const c_void))
}

/// # Safety
/// `item` is an item of OpenSSL 3's.
unsafe fn read(item: *const Item) -> Option<Layout> {
    // SAFETY: as above; it is a constant.
    let item = unsafe { &*item };
    let count = usize::try_from(item.count).ok().filter(|count| (1..=MOST).contains(count))?;
    // What has functions of its own is more than its fields.
    if item.kind != SEQUENCE || !item.functions.is_null() || item.templates.is_null() {
        return None;
    }
    // SAFETY: the item's own templates.
    let templates = unsafe { std::slice::from_raw_parts(item.templates, count) };
    templates.iter().map(field).collect::<Option<_>>().map(Layout)
}

fn field(template: &Template) -> Option<Field> {
    let is_optional = template.flags & OPTIONAL != 0;
    let is_embedded = template.flags & EMBEDDED != 0;
    let tagging = template.flags & !(OPTIONAL | EMBEDDED);
    let tag = u8::try_from(template.tag).ok().filter(|tag| *tag < 31);
    // SAFETY: the template's own function, which gives a constant.
    let item = unsafe { template.item?() };
    let content = match integer(item) {
        Some(integer) if is_embedded => FieldContent::Number(integer),
        None if !is_embedded && is(item, &OCTET_STRING) => FieldContent::Octets,
        None if !is_embedded => FieldContent::Other,
        _ => return None,
    };
    let (tag, content) = match tagging {
        0 => (None, content),
        EXPLICIT => (Some(tag?), content),
        IMPLICIT if !is_embedded => (None, FieldContent::Other),
        _ => return None,
    };
    let offset = usize::try_from(template.offset).ok()?;
    Some(Field { offset, tag, is_optional, content })
}

fn integer(item: *const c_void) -> Option<Integer> {
    let kinds: [(&Original<ItemOf>, [bool; 3]); 6] = [
        (&INT32, [false, true, false]),
        (&UINT32, [false, false, false]),
        (&ZINT32, [false, true, true]),
        (&ZUINT32, [false, false, true]),
        (&ZINT64, [true, true, true]),
        (&ZUINT64, [true, false, true]),
    ];
    let (_, [is_long, is_signed, leaves_zero_out]) =
        kinds.into_iter().find(|(kind, _)| is(item, kind))?;
    Some(Integer { is_long, is_signed, leaves_zero_out })
}

fn is(item: *const c_void, kind: &Original<ItemOf>) -> bool {
    // SAFETY: no preconditions.
    kind.function().is_some_and(|kind| unsafe { kind() } == item)
}

impl Layout {
    /// Puts what there is to be encoded of a session into `elements`, which are those that are returned. `None`:
    /// more than is known here.
    ///
    /// # Safety
    /// `session` is what the layout is of, with what it points to, for as long as the elements are used.
    pub(super) unsafe fn elements<'a, 'e>(
        &self,
        session: *const c_void,
        elements: &'e mut Elements<'a>,
    ) -> Option<&'e [Option<Element<'a>>]> {
        let elements = elements.get_mut(..self.0.len())?;
        for (place, field) in elements.iter_mut().zip(&self.0) {
            let at = session.wrapping_byte_add(field.offset);
            let content = match field.content {
                // SAFETY: by the layout, such a number is there.
                FieldContent::Number(integer) => unsafe { integer.content(at) },
                FieldContent::Octets => {
                    // SAFETY: by the layout, a pointer is there: null, or to a string of libcrypto's form.
                    let string = unsafe { *at.cast::<*const Octets>() };
                    // SAFETY: as above.
                    match unsafe { string.as_ref() } {
                        // SAFETY: the caller's contract.
                        Some(string) => Some(Content::Octets(unsafe { string.bytes() }?)),
                        None => None,
                    }
                }
                // SAFETY: by the layout, a pointer is there.
                FieldContent::Other => match unsafe { *at.cast::<*const c_void>() } {
                    other if other.is_null() => None,
                    _ => return None,
                },
            };
            if content.is_none() && !field.is_optional {
                return None;
            }
            *place = content.map(|content| Element { tag: field.tag, content });
        }
        Some(elements)
    }
}

impl Integer {
    /// # Safety
    /// Such a number lies at `at`.
    unsafe fn content<'a>(self, at: *const c_void) -> Option<Content<'a>> {
        let value = match (self.is_long, self.is_signed) {
            // SAFETY: such a number lies there.
            (false, false) => i128::from(unsafe { *at.cast::<u32>() }),
            // SAFETY: as above.
            (false, true) => i128::from(unsafe { *at.cast::<i32>() }),
            // SAFETY: as above.
            (true, false) => i128::from(unsafe { *at.cast::<u64>() }),
            // SAFETY: as above.
            (true, true) => i128::from(unsafe { *at.cast::<i64>() }),
        };
        (value != 0 || !self.leaves_zero_out).then(|| Content::Number(value.into()))
    }
}

impl Octets {
    /// # Safety
    /// Its data are there for as long as the bytes are used.
    unsafe fn bytes<'a>(&self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.length).ok()?;
        if len == 0 {
            return Some(&[]);
        }
        // SAFETY: a string's length and data belong together.
        (!self.data.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.data, len) })
    }
}
