//! DER, as far as sessions have it: a sequence of whole numbers and strings of bytes, some of them within a
//! tag of the sequence's own.
//!
//! ```text
//! 30 len   02 len number   04 len bytes   a4 len 04 len bytes   ...
//! ```
//!
//! Must not: use unsafe code, allocate.
//!
//! Followed: ITU-T X.690, sections 8.1, 8.3, 8.7 and 10.1.

const SEQUENCE: u8 = 0x30;
const NUMBER: u8 = 0x02;
const OCTETS: u8 = 0x04;
/// Of the sequence's own tags, around another element.
const EXPLICIT: u8 = 0xa0;

/// One field of the sequence.
pub(super) struct Element<'a> {
    /// Its tag, below 31, if it has one.
    pub(super) tag: Option<u8>,
    pub(super) content: Content<'a>,
}

pub(super) enum Content<'a> {
    Number(Number),
    Octets(&'a [u8]),
}

/// A number in as few bytes as it takes: the last ones of these, from `begin` on.
pub(super) struct Number {
    bytes: [u8; 16],
    begin: usize,
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        let signs = if value < 0 { value.leading_ones() } else { value.leading_zeros() };
        // One of them is needed.
        Self { bytes: value.to_be_bytes(), begin: (signs.max(1) - 1) as usize / 8 }
    }
}

impl Element<'_> {
    fn content(&self) -> (u8, &[u8]) {
        match &self.content {
            Content::Number(number) => {
                (NUMBER, number.bytes.get(number.begin..).unwrap_or_default())
            }
            Content::Octets(bytes) => (OCTETS, bytes),
        }
    }

    /// Without its own tag.
    fn bare_len(&self) -> usize {
        with_header(self.content().1.len())
    }

    fn len(&self) -> usize {
        if self.tag.is_some() { with_header(self.bare_len()) } else { self.bare_len() }
    }

    fn write(&self, into: &mut &mut [u8]) -> Option<()> {
        if let Some(tag) = self.tag {
            put_header(EXPLICIT | tag, self.bare_len(), into)?;
        }
        let (kind, bytes) = self.content();
        put_header(kind, bytes.len(), into)?;
        put(bytes, into)
    }
}

/// How long the sequence is.
pub(super) fn sequence_len(elements: &[Option<Element<'_>>]) -> usize {
    with_header(elements_len(elements))
}

/// Writes the sequence, which is as long as there is room. `None`: it is longer.
pub(super) fn write_sequence(elements: &[Option<Element<'_>>], mut into: &mut [u8]) -> Option<()> {
    put_header(SEQUENCE, elements_len(elements), &mut into)?;
    elements.iter().flatten().try_for_each(|element| element.write(&mut into))
}

fn elements_len(elements: &[Option<Element<'_>>]) -> usize {
    elements.iter().flatten().map(Element::len).sum()
}

/// So many bytes, and what stands before them.
fn with_header(len: usize) -> usize {
    1 + if len < 0x80 { 1 } else { 1 + len_bytes(len) } + len
}

/// In how many bytes a length is written, if it is no less than 128.
fn len_bytes(len: usize) -> usize {
    size_of::<usize>() - len.leading_zeros() as usize / 8
}

fn put_header(kind: u8, len: usize, into: &mut &mut [u8]) -> Option<()> {
    put(&[kind], into)?;
    let bytes = len.to_be_bytes();
    if len < 0x80 {
        return put(bytes.last_chunk::<1>()?, into);
    }
    let count = len_bytes(len);
    put(&[0x80 | u8::try_from(count).ok()?], into)?;
    put(bytes.get(bytes.len() - count..)?, into)
}

fn put(bytes: &[u8], into: &mut &mut [u8]) -> Option<()> {
    let (place, rest) = std::mem::take(into).split_at_mut_checked(bytes.len())?;
    place.copy_from_slice(bytes);
    *into = rest;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(tag: Option<u8>, content: Content<'_>) -> Vec<u8> {
        let elements = [None, Some(Element { tag, content })];
        let mut bytes = vec![0; sequence_len(&elements)];
        assert!(write_sequence(&elements, &mut bytes).is_some());
        bytes
    }

    /// X.690, section 8.3: as few bytes as it takes, the highest bit of which is the sign.
    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        let cases: [(i128, &[u8]); 12] = [
            (0, &[0]),
            (1, &[1]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (255, &[0, 0xff]),
            (256, &[1, 0]),
            (-1, &[0xff]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            (i128::from(i32::MIN), &[0x80, 0, 0, 0]),
            (i128::from(i64::MIN), &[0x80, 0, 0, 0, 0, 0, 0, 0]),
            (i128::from(u64::MAX), &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (value, expected) in cases {
            let bytes = encoded(None, Content::Number(value.into()));
            let len = u8::try_from(expected.len()).unwrap_or(u8::MAX - 2);
            assert_eq!(bytes, [&[0x30, len + 2, 2, len], expected].concat(), "{value}");
        }
    }

    /// X.690, section 8.1.3: one byte up to 127, from there on as few as it takes, and their number.
    #[test]
    fn lengths_take_as_few_bytes_as_they_need() {
        let cases: [(usize, &[u8]); 8] = [
            (0, &[0]),
            (1, &[1]),
            (127, &[127]),
            (128, &[0x81, 128]),
            (255, &[0x81, 255]),
            (256, &[0x82, 1, 0]),
            (65535, &[0x82, 0xff, 0xff]),
            (65536, &[0x83, 1, 0, 0]),
        ];
        for (len, expected) in cases {
            let text = vec![7; len];
            let bytes = encoded(Some(4), Content::Octets(&text));
            let end = [&[4], expected, &text].concat();
            assert!(bytes.ends_with(&end), "{len}");
            assert_eq!(bytes.len(), with_header(with_header(end.len())), "{len}");
            assert_eq!(bytes.get(bytes.len() - with_header(end.len())), Some(&0xa4), "{len}");
        }
    }

    #[test]
    fn what_has_no_room_is_not_written() {
        let elements = [Some(Element { tag: None, content: Content::Octets(b"12") })];
        assert!(write_sequence(&elements, &mut [0; 5]).is_none());
        assert!(write_sequence(&elements, &mut [0; 6]).is_some());
    }
}
