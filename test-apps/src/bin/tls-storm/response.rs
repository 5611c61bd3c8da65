//! One HTTP/1.1 response as it arrives: its head, where its body ends, whether it may stand.
//!
//! Must not: keep content. Content goes straight to the [`Body`] that checks it.

use crate::chunked::{Chunked, Piece};
use crate::failure::{Failure, Kind};
use crate::page::{Body, Page};
use httparse::{EMPTY_HEADER, Header, Status};

/// Longest head, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// Most header lines.
const HEADER_LIMIT: usize = 64;

/// The response that a connection is waiting for.
#[derive(Debug, Default)]
pub(crate) struct Response {
    head: Vec<u8>,
    framing: Option<Framing>,
    closes: bool,
    body: Body,
}

/// How the end of the body is known (RFC 9112, section 6.3).
#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Response {
    /// Takes the next bytes; true when the response has come to its end with the last of them.
    pub(crate) fn take(&mut self, mut bytes: &[u8], page: &Page) -> Result<bool, Failure> {
        if self.framing.is_none() && !self.take_head(&mut bytes)? {
            return Ok(false);
        }
        let ended = self.take_content(&mut bytes, page)?;
        if bytes.is_empty() {
            return Ok(ended);
        }
        Err(Failure::http(format!("{} bytes after the end of the response", bytes.len())))
    }

    /// The connection has been closed: was that the response's proper end?
    pub(crate) fn ends_with_close(&self) -> bool {
        matches!(self.framing, Some(Framing::UntilClose))
    }

    /// Whether the server said that it closes the connection after this response.
    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// Checks the body of a response that has come to its end; gives its length in bytes.
    pub(crate) fn check(&self, page: &mut Page) -> Result<u64, Failure> {
        if self.body.is_expected(page) {
            return Ok(self.body.length() as u64);
        }
        let message = format!("a body of {} bytes is not the expected one", self.body.length());
        Err(Failure::new(Kind::Body, message))
    }

    /// How far the response has come, for messages.
    pub(crate) fn progress(&self) -> String {
        match self.framing {
            None => format!("{} bytes of its head", self.head.len()),
            Some(_) => format!("its head and {} bytes of its body", self.body.length()),
        }
    }

    /// Takes the head off `bytes`; true once it is whole. A head that comes in one piece, as nearly
    /// all do, is not copied.
    fn take_head(&mut self, bytes: &mut &[u8]) -> Result<bool, Failure> {
        if self.head.is_empty()
            && let Some(used) = self.parse_head(bytes)?
        {
            *bytes = &bytes[used..];
            return Ok(true);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        if self.head.len() > HEAD_LIMIT {
            return Err(Failure::http("the response's head is too long"));
        }
        let head = std::mem::take(&mut self.head);
        let used = self.parse_head(&head)?;
        self.head = head;
        *bytes = used.map_or(&[], |used| &bytes[used - before..]);
        Ok(used.is_some())
    }

    /// The head's length where it is whole.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let mut headers = [EMPTY_HEADER; HEADER_LIMIT];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(bytes) {
            Ok(Status::Partial) => Ok(None),
            Err(error) => Err(Failure::http(format!("not an HTTP response: {error}"))),
            Ok(Status::Complete(used)) => {
                let code = response.code.unwrap_or_default();
                if code != 200 {
                    return Err(Failure::http(format!("status {code}")));
                }
                let framing = framing(response.headers)?;
                self.closes = asks_to_close(response.headers, response.version)
                    || matches!(framing, Framing::UntilClose);
                self.framing = Some(framing);
                Ok(Some(used))
            }
        }
    }

    fn take_content(&mut self, bytes: &mut &[u8], page: &Page) -> Result<bool, Failure> {
        match &mut self.framing {
            Some(Framing::Length(left)) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let (now, rest) = bytes.split_at(bytes.len().min(most));
                *left -= now.len() as u64;
                *bytes = rest;
                self.body.take(now, page);
                Ok(*left == 0)
            }
            Some(Framing::Chunked(chunked)) => loop {
                match chunked.next(bytes).map_err(Failure::http)? {
                    Piece::Content(content) => self.body.take(content, page),
                    Piece::Hungry => return Ok(false),
                    Piece::End => return Ok(true),
                }
            },
            Some(Framing::UntilClose) | None => {
                self.body.take(std::mem::take(bytes), page);
                Ok(false)
            }
        }
    }
}

fn value<'a>(headers: &'a [Header<'_>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn asks_to_close(headers: &[Header<'_>], version: Option<u8>) -> bool {
    match value(headers, "connection") {
        Some(connection) => connection.eq_ignore_ascii_case(b"close"),
        None => version == Some(0),
    }
}

fn framing(headers: &[Header<'_>]) -> Result<Framing, Failure> {
    match (value(headers, "transfer-encoding"), value(headers, "content-length")) {
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked(Chunked::default()))
        }
        (Some(_), _) => Err(Failure::http("a transfer coding that is not chunked alone")),
        (None, Some(length)) => std::str::from_utf8(length)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .map(Framing::Length)
            .ok_or_else(|| Failure::http("Content-Length is no number")),
        (None, None) => Ok(Framing::UntilClose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Expected;

    fn page(body: &[u8]) -> Page {
        Page::new("/", "localhost", &[], Expected::Bytes(body.to_vec()))
    }

    /// Feeds `bytes` in pieces of `step`; gives the response and whether it ended.
    fn feed(bytes: &[u8], step: usize, page: &Page) -> Result<(Response, bool), Failure> {
        let mut response = Response::default();
        let mut ended = false;
        for part in bytes.chunks(step) {
            ended = response.take(part, page)?;
        }
        Ok((response, ended))
    }

    #[test]
    fn a_response_with_a_length_ends_there_in_whatever_pieces_it_comes() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let mut page = page(b"hello");
        for step in 1..=bytes.len() {
            let (response, ended) = feed(bytes, step, &page).unwrap();
            assert!(ended, "{step}");
            assert!(!response.closes());
            assert_eq!(response.check(&mut page), Ok(5), "{step}");
        }
    }

    #[test]
    fn a_chunked_response_is_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                      3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        let mut page = page(b"hello");
        for step in 1..=bytes.len() {
            let (response, ended) = feed(bytes, step, &page).unwrap();
            assert!(ended && response.closes(), "{step}");
            assert_eq!(response.check(&mut page), Ok(5), "{step}");
        }
    }

    #[test]
    fn a_response_without_a_length_ends_with_the_connection() {
        let mut page = page(b"hello");
        let (response, ended) = feed(b"HTTP/1.0 200 OK\r\n\r\nhello", 7, &page).unwrap();
        assert!(!ended && response.ends_with_close() && response.closes());
        assert_eq!(response.check(&mut page), Ok(5));
    }

    #[test]
    fn an_empty_response_ends_with_its_head() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        assert!(feed(bytes, 64, &page(b"")).unwrap().1);
    }

    #[test]
    fn another_status_and_bytes_beyond_the_end_are_http_failures() {
        for wrong in [
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP",
            b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n",
        ] {
            let failure = feed(wrong, 4096, &page(b"hello")).unwrap_err();
            assert_eq!(failure.kind, Kind::Http, "{failure}");
        }
    }

    #[test]
    fn a_wrong_body_is_a_failure_of_its_own_kind() {
        let mut page = page(b"hello");
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellO";
        let (response, ended) = feed(bytes, 64, &page).unwrap();
        assert!(ended);
        assert_eq!(response.check(&mut page).unwrap_err().kind, Kind::Body);
    }
}
