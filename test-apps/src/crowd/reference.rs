//! What the stock server answers, page by page: the measure for every other answer.

use super::answer::decode;
use super::{Answer, Connection, Transport};
use crate::{HarnessError, Seeded, Site, SiteFile};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Headers that may differ between two right answers; `connection` is judged by who asked.
const MOMENTARY: [&str; 2] = ["connection", "date"];
/// The header that is another where a body is compressed otherwise. That it is right, the answer's reader knows.
const LENGTH: &str = "content-length";
/// How long the stock server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Larger files are compared once, and are no part of a load.
const LOAD: usize = 2 << 20;

/// One page: how it is asked for, and what the answer must be.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path, with the leading slash.
    pub path: String,
    /// The body, as on the wire.
    pub body: Vec<u8>,
    /// Bytes of the file behind it.
    pub size: usize,
    status: u16,
    headers: Vec<(String, String)>,
    gzip: bool,
    /// What the body stands for, where that is all that counts.
    content: Option<Vec<u8>>,
}

/// The pages of a site.
#[derive(Debug, Clone)]
pub struct Reference {
    pages: Vec<Page>,
    /// For each share of a load, the page that it goes to.
    shares: Vec<usize>,
}

impl Reference {
    /// Asks the server at `port` (plain HTTP), which must be a stock one, for each file of `site`,
    /// and checks that it answers with that file. With `gzip` the client accepts compression.
    ///
    /// # Errors
    /// When the stock server does not serve the site.
    pub fn take(port: u16, site: &Site, gzip: bool) -> Result<Self, HarnessError> {
        Self::take_below("", port, site, gzip)
    }

    /// As [`Self::take`], where the server has the site below a path such as `/proxied`.
    ///
    /// # Errors
    /// As there.
    pub fn take_below(
        path: &str,
        port: u16,
        site: &Site,
        gzip: bool,
    ) -> Result<Self, HarnessError> {
        let pages = site.files().iter().map(|file| Page::take(path, port, file, gzip));
        let pages = pages.collect::<Result<Vec<_>, _>>()?;
        let shares = site.files().iter().enumerate().flat_map(|(index, file)| {
            let share = match file.bytes.len() {
                ..=65_536 => 10,
                65_537..=300_000 => 3,
                300_001..LOAD => 1,
                _ => 0,
            };
            std::iter::repeat_n(index, share)
        });
        Ok(Self { shares: shares.collect(), pages })
    }

    /// A page for one request of a load: small ones often, large ones seldom.
    pub fn pick(&self, random: &mut Seeded) -> &Page {
        &self.pages[self.shares[random.below(self.shares.len())]]
    }

    /// The same, but the pages of files of `sizes` in bytes only, each as often as another.
    #[must_use]
    pub fn sized(&self, sizes: RangeInclusive<usize>) -> Self {
        let pages = self.pages.iter().enumerate();
        let shares =
            pages.filter(|(_, page)| sizes.contains(&page.size)).map(|(index, _)| index).collect();
        Self { pages: self.pages.clone(), shares }
    }

    /// Is none of the pages to be asked for?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// The same pages, whoever compresses them: of a compressed body only what it stands for has to be the same,
    /// and its length may be another.
    ///
    /// # Errors
    /// Where the stock server's cannot be decoded.
    pub fn whoever_compresses(mut self) -> Result<Self, HarnessError> {
        for page in &mut self.pages {
            let encoded = page.compressed();
            let content = decode(&page.body, encoded);
            page.content = Some(content.map_err(|e| HarnessError::new(&page.path, e))?);
            if encoded {
                page.headers.retain(|(name, _)| name != LENGTH);
            }
        }
        Ok(self)
    }

    /// All pages.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }
}

impl Page {
    fn take(below: &str, port: u16, file: &SiteFile, gzip: bool) -> Result<Self, HarnessError> {
        let mut page = Self {
            path: format!("{below}{}", file.path),
            size: file.bytes.len(),
            body: Vec::new(),
            content: None,
            status: 200,
            headers: Vec::new(),
            gzip,
        };
        let failed = |why: &dyn std::fmt::Display| HarnessError::new(&file.path, why);
        let answer = Connection::open(&Transport::Plain, port, PATIENCE)
            .and_then(|mut connection| {
                connection.send(&page.request(true))?;
                connection.receive()
            })
            .map_err(|e| failed(&e))?;
        let plain = answer.content().map_err(|e| failed(&e))?;
        if answer.status != 200 || plain != file.bytes {
            return Err(failed(&format!("stock answered {}, with other bytes", answer.status)));
        }
        page.status = answer.status;
        page.headers = lasting(&answer);
        page.body = answer.body;
        Ok(page)
    }

    /// Whether the stock server compressed it.
    #[must_use]
    pub fn compressed(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "content-encoding")
    }

    /// The request for it.
    #[must_use]
    pub fn request(&self, keep_alive: bool) -> Vec<u8> {
        let accept = if self.gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let close = if keep_alive { "" } else { "Connection: close\r\n" };
        format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{accept}{close}\r\n", self.path).into_bytes()
    }

    /// Whether `answer` is the same: status, headers, body.
    ///
    /// # Errors
    /// What differs first.
    pub fn compare(&self, answer: &Answer) -> Result<(), String> {
        if answer.status != self.status {
            return Err(format!("status {}, stock {}", answer.status, self.status));
        }
        let mut got = lasting(answer);
        if self.content.is_some() && self.compressed() {
            got.retain(|(name, _)| name != LENGTH);
        }
        let differs = |(a, b): &(_, _)| a != b;
        if let Some((got, want)) = got.iter().zip(&self.headers).find(differs) {
            return Err(format!("header {got:?}, stock {want:?}"));
        }
        if got.len() != self.headers.len() {
            return Err(format!("{} headers, stock {}", got.len(), self.headers.len()));
        }
        self.compare_body(&answer.body)
    }

    /// Whether `body` is the same.
    ///
    /// # Errors
    /// Where it differs.
    pub fn compare_body(&self, body: &[u8]) -> Result<(), String> {
        if let Some(content) = &self.content {
            let got = decode(body, self.compressed());
            return match got {
                Ok(got) if got == *content => Ok(()),
                Ok(got) => Err(format!("{} bytes of content, stock {}", got.len(), content.len())),
                Err(error) => Err(error.to_string()),
            };
        }
        if body != self.body {
            let same = body.iter().zip(&self.body).take_while(|(a, b)| a == b).count();
            let (got, want) = (body.len(), self.body.len());
            return Err(format!("body of {got} bytes, stock {want}, first difference at {same}"));
        }
        Ok(())
    }
}

fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let lasting = answer.headers.iter().filter(|(name, _)| !MOMENTARY.contains(&name.as_str()));
    lasting.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn packed(content: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(body: Vec<u8>, coding: &str) -> Answer {
        let length = ("content-length".to_owned(), body.len().to_string());
        let headers = vec![length, ("content-encoding".to_owned(), coding.to_owned())];
        Answer { status: 200, headers, body }
    }

    fn reference(of: &Answer) -> Reference {
        let page = Page {
            path: "/page".to_owned(),
            body: of.body.clone(),
            size: 0,
            status: 200,
            headers: of.headers.clone(),
            gzip: true,
            content: None,
        };
        Reference { pages: vec![page], shares: vec![0] }
    }

    #[test]
    fn whoever_compresses_only_what_a_body_stands_for_has_to_be_the_same() {
        let text = b"some text, some text, some text, and other text ".repeat(20);
        let stock = answer(packed(&text, 1), "gzip");
        let (ours, other) = (packed(&text, 9), packed(&text[1..], 9));
        assert_ne!(stock.body.len(), ours.len());
        let exact = reference(&stock);
        assert!(exact.pages()[0].compare(&stock).is_ok());
        assert!(exact.pages()[0].compare(&answer(ours.clone(), "gzip")).is_err());
        let whoever = exact.whoever_compresses().unwrap();
        let page = &whoever.pages()[0];
        assert_eq!(page.compare(&answer(ours.clone(), "gzip")), Ok(()));
        assert!(page.compare(&answer(other, "gzip")).is_err());
        assert!(page.compare(&answer(ours[..ours.len() - 1].to_vec(), "gzip")).is_err());
        assert!(page.compare(&answer(ours, "deflate")).is_err());
    }
}
