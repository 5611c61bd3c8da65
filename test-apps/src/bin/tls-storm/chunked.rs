//! Takes HTTP/1.1's chunked coding off a body (RFC 9112, section 7.1).
//!
//! Must not: hold back or copy content; only the lines between chunks are gathered.

/// Longest line between chunks, in bytes.
const LINE_LIMIT: usize = 1024;

/// Where in the coding the bytes so far have led.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Size,
    Content(u64),
    ContentEnd,
    Trailer,
    Done,
}

/// What the next bytes are.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Piece<'a> {
    /// Content of the body.
    Content(&'a [u8]),
    /// Nothing more: the bytes have been used up.
    Hungry,
    /// The body is at its end; what is left stands after it.
    End,
}

impl Chunked {
    /// Takes the next piece off `bytes`. Gives a reason where they are no chunked body.
    pub(crate) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Piece<'a>, &'static str> {
        loop {
            match self.state {
                State::Done => return Ok(Piece::End),
                State::Content(0) => self.state = State::ContentEnd,
                State::Content(left) => {
                    let (now, rest) = bytes.split_at(bytes.len().min(clamp(left)));
                    if now.is_empty() {
                        return Ok(Piece::Hungry);
                    }
                    *bytes = rest;
                    self.state = State::Content(left - now.len() as u64);
                    return Ok(Piece::Content(now));
                }
                State::Size | State::ContentEnd | State::Trailer => {
                    if !self.line_complete(bytes)? {
                        return Ok(Piece::Hungry);
                    }
                    self.state = self.after_line()?;
                    self.line.clear();
                }
            }
        }
    }

    /// Gathers a line without its end; true once it is whole.
    fn line_complete(&mut self, bytes: &mut &[u8]) -> Result<bool, &'static str> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (now, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
        *bytes = rest;
        self.line.extend_from_slice(now);
        if self.line.len() > LINE_LIMIT {
            return Err("a line between chunks is too long");
        }
        Ok(end.is_some())
    }

    fn after_line(&self) -> Result<State, &'static str> {
        let line =
            self.line.strip_suffix(b"\r\n").ok_or("a line between chunks ends in bare LF")?;
        match self.state {
            State::Size => match chunk_size(line).ok_or("a chunk's size is no number")? {
                0 => Ok(State::Trailer),
                size => Ok(State::Content(size)),
            },
            State::ContentEnd if line.is_empty() => Ok(State::Size),
            State::ContentEnd => Err("a chunk is longer than its size"),
            _ if line.is_empty() => Ok(State::Done),
            _ => Ok(State::Trailer),
        }
    }
}

fn clamp(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// The number before any extension. `from_str_radix` alone would take a sign.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `coded` in pieces of `step` bytes; gives the content and what stood behind the end.
    fn decode(coded: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), &'static str> {
        let mut chunked = Chunked::default();
        let mut content = Vec::new();
        let mut fed = 0;
        for part in coded.chunks(step) {
            let mut rest = part;
            fed += part.len();
            loop {
                match chunked.next(&mut rest)? {
                    Piece::Content(bytes) => content.extend_from_slice(bytes),
                    Piece::Hungry => break,
                    Piece::End => return Ok((content, Some(coded.len() - fed + rest.len()))),
                }
            }
        }
        Ok((content, None))
    }

    #[test]
    fn content_is_the_same_in_whatever_pieces_it_comes() {
        let coded = b"4\r\nWiki\r\nA;name=value\r\npedia in c\r\n0\r\nTrailer: x\r\n\r\n";
        for step in 1..=coded.len() {
            assert_eq!(decode(coded, step), Ok((b"Wikipedia in c".to_vec(), Some(0))), "{step}");
        }
    }

    #[test]
    fn the_end_is_seen_and_what_follows_it_is_left() {
        assert_eq!(decode(b"1\r\na\r\n0\r\n\r\nHTTP", 64), Ok((b"a".to_vec(), Some(4))));
        assert_eq!(decode(b"1\r\na\r\n0\r\n", 64), Ok((b"a".to_vec(), None)));
    }

    #[test]
    fn what_is_not_the_coding_is_refused() {
        let long = [b'1'; 2000];
        for wrong in [&b"x\r\n"[..], b"\r\n", b"+1\r\na", b"1\r\nab\r\n", b"1\na", &long] {
            assert!(decode(wrong, 64).is_err(), "{wrong:?}");
        }
    }
}
