//! A path that is asked for, and the body that has to come back.
//!
//! Every body is checked, as it arrives and without a copy. Only until the right one is known are
//! bodies gathered: the first whose hash is right (or the first at all, where nothing is expected)
//! becomes the one that all others are compared with.
//!
//! Must not: know of connections or of HTTP's framing.

use sha2::{Digest, Sha256};

/// A path, its requests, and what is known of its body.
#[derive(Debug)]
pub(crate) struct Page {
    keep: Vec<u8>,
    last: Vec<u8>,
    expected: Expected,
}

/// What the body of a page has to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Expected {
    /// Whatever the first one is.
    Same,
    /// A body with this SHA-256.
    Hash([u8; 32]),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Page {
    /// `headers` are whole lines without their line ends.
    pub(crate) fn new(path: &str, host: &str, headers: &[String], expected: Expected) -> Self {
        let request = |connection: &str| {
            let mut text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
            for line in headers {
                text.push_str(line);
                text.push_str("\r\n");
            }
            text.push_str(connection);
            text.push_str("\r\n");
            text.into_bytes()
        };
        Self { keep: request(""), last: request("Connection: close\r\n"), expected }
    }

    /// The request to send; `last` asks the server to close the connection after its response.
    pub(crate) fn request(&self, last: bool) -> &[u8] {
        if last { &self.last } else { &self.keep }
    }

    /// Decides on a body that has come to its end, and may learn from it.
    fn accept(&mut self, body: &Body) -> bool {
        match &self.expected {
            Expected::Bytes(bytes) if body.gathered.is_empty() => {
                body.same && body.length == bytes.len()
            }
            Expected::Bytes(bytes) => *bytes == body.gathered,
            Expected::Hash(hash) if Sha256::digest(&body.gathered)[..] != hash[..] => false,
            Expected::Hash(_) | Expected::Same => {
                self.expected = Expected::Bytes(body.gathered.clone());
                true
            }
        }
    }
}

/// One body as it arrives.
#[derive(Debug)]
pub(crate) struct Body {
    length: usize,
    same: bool,
    gathered: Vec<u8>,
}

impl Default for Body {
    fn default() -> Self {
        Self { length: 0, same: true, gathered: Vec::new() }
    }
}

impl Body {
    /// Takes the next bytes of the body of `page`.
    pub(crate) fn take(&mut self, chunk: &[u8], page: &Page) {
        match &page.expected {
            // Gathering began before the right body was known: it goes on to the end.
            Expected::Bytes(bytes) if self.gathered.is_empty() => {
                let here = bytes.get(self.length..).and_then(|rest| rest.get(..chunk.len()));
                self.same &= here == Some(chunk);
            }
            _ => self.gathered.extend_from_slice(chunk),
        }
        self.length += chunk.len();
    }

    /// Whether the body, now at its end, is the one that `page` has to have.
    pub(crate) fn is_expected(&self, page: &mut Page) -> bool {
        page.accept(self)
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(page: &mut Page, chunks: &[&[u8]]) -> bool {
        let mut body = Body::default();
        for chunk in chunks {
            body.take(chunk, page);
        }
        body.is_expected(page)
    }

    fn page(expected: Expected) -> Page {
        Page::new("/x", "localhost", &[], expected)
    }

    #[test]
    fn the_requests_differ_in_nothing_but_the_wish_to_close() {
        let page = Page::new("/x", "h", &["A: b".to_owned()], Expected::Same);
        assert_eq!(page.request(false), b"GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
        let last = b"GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\nConnection: close\r\n\r\n";
        assert_eq!(page.request(true), last);
    }

    #[test]
    fn expected_bytes_are_compared_in_whatever_pieces_they_come() {
        let mut page = page(Expected::Bytes(b"abcdef".to_vec()));
        assert!(judge(&mut page, &[b"abcdef"]));
        assert!(judge(&mut page, &[b"ab", b"", b"cdef"]));
        for wrong in [&[b"abcdeX".as_slice()][..], &[b"ab", b"cde"], &[b"abcdef", b"g"], &[]] {
            assert!(!judge(&mut page, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_hash_admits_its_body_only_and_is_then_replaced_by_it() {
        let mut page = page(Expected::Hash(Sha256::digest(b"right").into()));
        assert!(!judge(&mut page, &[b"wrong"]));
        assert!(judge(&mut page, &[b"ri", b"ght"]));
        assert_eq!(page.expected, Expected::Bytes(b"right".to_vec()));
        assert!(!judge(&mut page, &[b"wrong"]));
    }

    #[test]
    fn without_an_expectation_all_have_to_be_as_the_first() {
        let mut page = page(Expected::Same);
        assert!(judge(&mut page, &[b"one"]));
        assert!(!judge(&mut page, &[b"two"]));
        assert!(judge(&mut page, &[b"one"]));
    }

    #[test]
    fn bodies_begun_before_the_first_was_whole_are_checked_too() {
        let mut page = page(Expected::Same);
        let (mut early, mut wrong) = (Body::default(), Body::default());
        early.take(b"on", &page);
        wrong.take(b"tw", &page);
        assert!(judge(&mut page, &[b"one"]));
        early.take(b"e", &page);
        wrong.take(b"o", &page);
        assert!(early.is_expected(&mut page));
        assert!(!wrong.is_expected(&mut page));
    }

    #[test]
    fn an_empty_body_can_be_the_right_one() {
        let mut page = page(Expected::Same);
        assert!(judge(&mut page, &[]));
        assert!(judge(&mut page, &[]));
        assert!(!judge(&mut page, &[b"x"]));
    }
}
