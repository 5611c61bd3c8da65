//! One HTTP/1.1 answer, read from a stream (RFC 9112, sections 4, 6 and 7).

use flate2::read::GzDecoder;
use std::io::{self, BufRead, Read};

/// Most headers of an answer.
const HEADERS: usize = 64;
/// Most bytes of a head.
const HEAD: usize = 64 * 1024;

/// An answer, its transfer coding taken off; a content coding stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one answer to a GET or PUT.
    ///
    /// # Errors
    /// When the stream ends within it, or it is not HTTP.
    pub fn read(stream: &mut impl BufRead) -> io::Result<Self> {
        let head = read_head(stream)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&head).map_err(io::Error::other)?;
        let status = parsed.code.ok_or_else(|| broken("an answer without a status"))?;
        let headers = parsed
            .headers
            .iter()
            .map(|h| (h.name.to_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
            .collect();
        let mut answer = Self { status, headers, body: Vec::new() };
        answer.read_body(stream)?;
        Ok(answer)
    }

    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// What the body stands for: its content coding, which may be gzip, taken off.
    ///
    /// # Errors
    /// When it does not decode.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        decode(&self.body, self.header("content-encoding") == Some("gzip"))
    }

    /// Whether the server closes the connection after it.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    fn read_body(&mut self, stream: &mut impl BufRead) -> io::Result<()> {
        if self.header("transfer-encoding").is_some() {
            return self.read_chunks(stream);
        }
        match self.header("content-length").map(str::parse::<u64>) {
            Some(Ok(length)) => read_exactly(stream, length, &mut self.body),
            Some(Err(_)) => Err(broken("a content-length that is no number")),
            None if matches!(self.status, 204 | 304) => Ok(()),
            None => stream.read_to_end(&mut self.body).map(|_| ()),
        }
    }

    fn read_chunks(&mut self, stream: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = read_line(stream)?;
            let Ok(httparse::Status::Complete((_, size))) = httparse::parse_chunk_size(&line)
            else {
                return Err(broken("a chunk without a size"));
            };
            if size == 0 {
                break;
            }
            read_exactly(stream, size, &mut self.body)?;
            if read_line(stream)? != b"\r\n" {
                return Err(broken("a chunk longer than its size"));
            }
        }
        while read_line(stream)? != b"\r\n" {}
        Ok(())
    }
}

pub(super) fn decode(body: &[u8], gzip: bool) -> io::Result<Vec<u8>> {
    if !gzip {
        return Ok(body.to_vec());
    }
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain)?;
    Ok(plain)
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let line = read_line(stream)?;
        head.extend_from_slice(&line);
        if line == b"\r\n" {
            return Ok(head);
        }
        if head.len() > HEAD {
            return Err(broken("a head without an end"));
        }
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.by_ref().take(HEAD as u64).read_until(b'\n', &mut line)?;
    if line.ends_with(b"\r\n") { Ok(line) } else { Err(broken("cut within a line")) }
}

fn read_exactly(stream: &mut impl Read, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let got = stream.by_ref().take(length).read_to_end(body)? as u64;
    if got == length {
        return Ok(());
    }
    Err(io::Error::other(format!("body cut: {got} of {length} bytes")))
}

fn broken(why: &str) -> io::Error {
    io::Error::other(format!("not an HTTP answer: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_in_every_framing() {
        let cases: &[(&str, &str)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "abc"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ];
        for (text, body) in cases {
            let answer = Answer::read(&mut text.as_bytes()).unwrap();
            assert_eq!(answer.body, body.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_cut_is_an_error() {
        let cases = [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "hello\r\n\r\n",
        ];
        for text in cases {
            assert!(Answer::read(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
