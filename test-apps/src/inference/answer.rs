//! An answer of the inference server's, and whether it is the one that is due.

use std::io;

/// What `POST /infer` answers, where raw numbers are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Requests of this connection that were answered, with this one.
    pub sequence: u64,
    /// Of all their bodies, in order.
    pub digest: u64,
    /// Of their first scores, the latest weighing a tenth.
    pub average: f32,
    /// The scores.
    pub scores: Vec<f32>,
}

impl Scores {
    /// From the body of an answer.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(body: &[u8]) -> io::Result<Self> {
        let wrong = || io::Error::other(format!("an answer of {} bytes", body.len()));
        let (sequence, rest) = body.split_first_chunk().ok_or_else(wrong)?;
        let (digest, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (average, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (count, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (scores, odd) = rest.as_chunks();
        if !odd.is_empty() || scores.len() != u32::from_le_bytes(*count) as usize {
            return Err(wrong());
        }
        Ok(Self {
            sequence: u64::from_le_bytes(*sequence),
            digest: u64::from_le_bytes(*digest),
            average: f32::from_le_bytes(*average),
            scores: scores.iter().map(|score| f32::from_le_bytes(*score)).collect(),
        })
    }

    /// By how much scores differ at most, as a share of the largest; infinite where their number does.
    #[must_use]
    pub fn difference(&self, other: &Self) -> f32 {
        if self.scores.len() != other.scores.len() {
            return f32::INFINITY;
        }
        let pairs = || self.scores.iter().zip(&other.scores);
        let largest = pairs().map(|(a, b)| a.abs().max(b.abs())).fold(0.0, f32::max);
        let most = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if most == 0.0 { 0.0 } else { most / largest }
    }
}

/// A connection's requests, as a client that knows their order keeps count of them.
#[derive(Debug, Clone, Default)]
pub struct Thread {
    sequence: u64,
    digest: u64,
    average: f32,
}

impl Thread {
    /// The request for a body.
    #[must_use]
    pub fn request(body: &[u8]) -> Vec<u8> {
        let mut request = format!(
            "POST /infer HTTP/1.1\r\nHost: localhost\r\nAccept: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// The next answer, to a request with this body. False: it is not what the connection's requests come to
    /// in their order.
    pub fn is_next(&mut self, body: &[u8], answer: &Scores) -> bool {
        self.sequence += 1;
        self.digest = fnv(self.digest, body);
        let first = answer.scores.first().copied().unwrap_or_default();
        self.average = match self.sequence {
            1 => first,
            _ => 0.9 * self.average + 0.1 * first,
        };
        let is_close = (self.average - answer.average).abs() <= 1e-4 * (1.0 + self.average.abs());
        (answer.sequence, answer.digest) == (self.sequence, self.digest) && is_close
    }
}

/// FNV-1a, as the server reckons it.
fn fnv(digest: u64, bytes: &[u8]) -> u64 {
    let start = if digest == 0 { 14_695_981_039_346_656_037 } else { digest };
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sequence: u64, digest: u64, scores: &[f32]) -> Scores {
        Scores { sequence, digest, average: scores[0], scores: scores.to_vec() }
    }

    #[test]
    fn an_answer_out_of_order_is_seen() {
        let digest = fnv(fnv(0, b"one"), b"two");
        let mut thread = Thread::default();
        assert!(thread.is_next(b"one", &answer(1, fnv(0, b"one"), &[0.5])));
        assert!(thread.clone().is_next(b"two", &answer(2, digest, &[0.5])));
        assert!(!thread.clone().is_next(b"three", &answer(2, digest, &[0.5])));
        assert!(!thread.is_next(b"two", &answer(3, digest, &[0.5])));
    }

    #[test]
    fn scores_differ_by_a_share_of_the_largest() {
        let of = |scores: &[f32]| answer(1, 0, scores);
        assert_eq!(of(&[4.0, 1.0]).difference(&of(&[4.0, 2.0])), 0.25);
        assert_eq!(of(&[0.0]).difference(&of(&[0.0])), 0.0);
        assert_eq!(of(&[0.0]).difference(&of(&[0.0, 1.0])), f32::INFINITY);
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(Scores::parse(&[0; 20]).is_err());
        assert!(Scores::parse(&[0; 25]).is_err());
        assert!(Scores::parse(&[0; 24]).unwrap().scores.is_empty());
    }
}
