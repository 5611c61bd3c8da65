//! The layout of the statistics page: what the shim publishes and `interlude stats` reads.
//!
//! One page per process, a shared memfd mapping named [`NAME`]. It describes itself, so that a
//! reader of another build still understands it:
//!
//! ```text
//! offset 0   magic, version, pid, text_offset, text_len, counters_offset, counters_len  (u64, LE)
//!            text: "#key=value" lines (facts), then one counter name a line, in counter order
//!            counters: u64, LE, each written with relaxed atomics
//! ```

/// Name of the memfd; `/proc/PID/maps` shows it as `/memfd:interlude-stats`.
pub const NAME: &str = "interlude-stats";
/// Size of the mapping, in bytes.
pub const BYTES: usize = 64 * 1024;
/// First word of the page.
pub const MAGIC: u64 = u64::from_le_bytes(*b"INTRLUDE");
/// Version of the header.
pub const VERSION: u64 = 1;
/// Words of the header.
pub const HEADER_WORDS: usize = 7;

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
        (counters_offset + counters_len * 8 <= BYTES).then_some(Self {
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
        ]
    }
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
        let (text_offset, counters_offset) = (size(3)?, size(5)?);
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
            .map(|(i, name)| Some(((*name).to_owned(), word(counters_offset + i * 8)?)))
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
        page
    }

    #[test]
    fn a_page_reads_back_as_it_was_written() {
        let snapshot = Snapshot::parse(&page()).unwrap();
        assert_eq!(snapshot.pid, 42);
        assert_eq!(snapshot.facts, [("mode".to_owned(), "coroutine".to_owned())]);
        assert_eq!(snapshot.counter("job.sign.submitted"), 7);
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
