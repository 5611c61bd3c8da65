//! The layout of the statistics page: what the shim publishes and `interlude stats` reads.
//!
//! One page per process, a shared memfd mapping named [`NAME`]. It describes itself, so that a
//! reader of another build still understands it:
//!
//! ```text
//! offset 0   magic, version, pid, text_offset, text_len, counters_offset, counters_len, shards
//!            (u64, LE)
//!            text: "#key=value" lines (facts), then one counter name a line, in counter order
//!            shards: each `stride` bytes long, each a u64 (LE) for every counter
//! ```
//!
//! A thread counts in a shard of its own, without locked instructions; the last shard is shared
//! by the threads that found none free. The value of a counter is the sum over the shards.
//!
//! ```text
//! stride = counters_len * 8, rounded up to 64
//! ```

/// Name of the memfd; `/proc/PID/maps` shows it as `/memfd:interlude-stats`.
pub const NAME: &str = "interlude-stats";
/// Size of the mapping, in bytes.
pub const BYTES: usize = 128 * 1024;
/// Shards of the counters; the last one is shared.
pub const SHARDS: usize = 16;
/// First word of the page.
pub const MAGIC: u64 = u64::from_le_bytes(*b"INTRLUDE");
/// Version of the header.
pub const VERSION: u64 = 2;
/// Words of the header.
pub const HEADER_WORDS: usize = 8;

/// Where things lie in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Offset of the text, in bytes.
    pub text_offset: usize,
    /// Length of the text, in bytes.
    pub text_len: usize,
    /// Offset of the first counter, in bytes; a multiple of 8.
    pub counters_offset: usize,
    /// Number of counters.
    pub counters_len: usize,
}

impl Layout {
    /// Lays out a page, or `None` where it would not fit.
    #[must_use]
    pub fn new(text_len: usize, counters_len: usize) -> Option<Self> {
        let text_offset = HEADER_WORDS * 8;
        let counters_offset = (text_offset + text_len).next_multiple_of(64);
        (counters_offset + stride(counters_len) * SHARDS <= BYTES).then_some(Self {
            text_offset,
            text_len,
            counters_offset,
            counters_len,
        })
    }

    /// The header's words, for process `pid`.
    #[must_use]
    pub fn header(&self, pid: u32) -> [u64; HEADER_WORDS] {
        [
            MAGIC,
            VERSION,
            u64::from(pid),
            self.text_offset as u64,
            self.text_len as u64,
            self.counters_offset as u64,
            self.counters_len as u64,
            SHARDS as u64,
        ]
    }

    /// Distance between two shards, in bytes.
    #[must_use]
    pub fn stride(&self) -> usize {
        stride(self.counters_len)
    }
}

fn stride(counters_len: usize) -> usize {
    (counters_len * 8).next_multiple_of(64)
}

/// A page as read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The process it belongs to.
    pub pid: u32,
    /// `#key=value` lines: mode, engine, program.
    pub facts: Vec<(String, String)>,
    /// Counters by name, in the page's order.
    pub counters: Vec<(String, u64)>,
}

impl Snapshot {
    /// Reads a page. `None` where it is not one, or not of this version.
    #[must_use]
    pub fn parse(page: &[u8]) -> Option<Self> {
        let word = |offset: usize| -> Option<u64> {
            Some(u64::from_le_bytes(page.get(offset..offset + 8)?.try_into().ok()?))
        };
        let size = |index: usize| usize::try_from(word(index * 8)?).ok();
        if word(0)? != MAGIC || word(8)? != VERSION {
            return None;
        }
        let (text_offset, counters_offset, shards) = (size(3)?, size(5)?, size(7)?);
        if shards > SHARDS {
            return None;
        }
        let text = page.get(text_offset..text_offset.checked_add(size(4)?)?)?;
        let text = std::str::from_utf8(text).ok()?;
        let (facts, names): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.starts_with('#'));
        if names.len() != size(6)? {
            return None;
        }
        let facts = facts
            .iter()
            .filter_map(|line| line[1..].split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let counters = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let sum = (0..shards).try_fold(0u64, |sum, shard| {
                    let offset = counters_offset + shard * stride(names.len()) + i * 8;
                    Some(sum.wrapping_add(word(offset)?))
                })?;
                Some(((*name).to_owned(), sum))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { pid: u32::try_from(word(16)?).ok()?, facts, counters })
    }

    /// The counter of that name, or 0.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.iter().find(|(n, _)| n == name).map_or(0, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Vec<u8> {
        let text = "#mode=coroutine\nevent.delivered\njob.sign.submitted\n";
        let layout = Layout::new(text.len(), 2).unwrap();
        let mut page = vec![0; BYTES];
        for (i, word) in layout.header(42).iter().enumerate() {
            page[i * 8..i * 8 + 8].copy_from_slice(&word.to_le_bytes());
        }
        page[layout.text_offset..layout.text_offset + text.len()].copy_from_slice(text.as_bytes());
        let second = layout.counters_offset + 8;
        page[second..second + 8].copy_from_slice(&7u64.to_le_bytes());
        let other_shard = second + layout.stride();
        page[other_shard..other_shard + 8].copy_from_slice(&5u64.to_le_bytes());
        page
    }

    #[test]
    fn a_page_reads_back_as_it_was_written() {
        let snapshot = Snapshot::parse(&page()).unwrap();
        assert_eq!(snapshot.pid, 42);
        assert_eq!(snapshot.facts, [("mode".to_owned(), "coroutine".to_owned())]);
        assert_eq!(snapshot.counter("job.sign.submitted"), 12);
        assert_eq!(snapshot.counter("event.delivered"), 0);
    }

    #[test]
    fn a_cut_or_foreign_page_is_refused() {
        let page = page();
        assert_eq!(Snapshot::parse(&page[..100]), None);
        assert_eq!(Snapshot::parse(&[0; 4096]), None);
        let mut other = page;
        other[8] = 9;
        assert_eq!(Snapshot::parse(&other), None);
    }

    #[test]
    fn a_layout_that_does_not_fit_is_refused() {
        assert_eq!(Layout::new(BYTES, 1), None);
        assert_eq!(Layout::new(0, BYTES), None);
    }
}
