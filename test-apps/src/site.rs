//! A document root with known content: the same bytes in every run, with the hash of each file.

use crate::HarnessError;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

mod records;
mod text;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// HTML: tags, attributes and words; compresses to about a third.
    Html,
    /// Script-like text: short identifiers, much punctuation; compresses to about a third.
    Script,
    /// Random bytes, which no server compresses (`application/octet-stream`).
    Random,
    /// An array of objects with the same keys, as an interface answers it.
    Json,
    /// Rules with selectors and declarations.
    Style,
    /// Lines of a log, which the configurations here do not compress.
    Log,
}

impl Content {
    /// The file extension, by which servers choose the media type.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Script => "js",
            Self::Random => "bin",
            Self::Json => "json",
            Self::Style => "css",
            Self::Log => "log",
        }
    }

    /// So many bytes of it, the same at every call.
    #[must_use]
    pub fn bytes(self, size: usize) -> Vec<u8> {
        text::fill(self, size)
    }

    /// Whether the configurations here compress it.
    #[must_use]
    pub fn compressible(self) -> bool {
        !matches!(self, Self::Random | Self::Log)
    }
}

/// One file of a site.
#[derive(Debug, Clone)]
pub struct SiteFile {
    /// Its path in URLs, with the leading slash.
    pub path: String,
    /// What it holds.
    pub content: Content,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A document root in a temporary directory, removed when dropped.
#[derive(Debug)]
pub struct Site {
    dir: TempDir,
    files: Vec<SiteFile>,
}

/// What [`Site::standard`] holds.
const STANDARD: [(Content, usize); 8] = [
    (Content::Html, 1 << 10),
    (Content::Html, 32 << 10),
    (Content::Html, 1 << 20),
    (Content::Script, 8 << 10),
    (Content::Script, 200_000),
    (Content::Random, 1 << 10),
    (Content::Random, 32 << 10),
    (Content::Random, 5 << 20),
];

impl Site {
    /// A site of files of every kind, from 1 KiB to 5 MiB.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn standard() -> Result<Self, HarnessError> {
        Self::new(&STANDARD)
    }

    /// A site of one file for each pair of content and size in bytes. Names tell both:
    /// `/html-32768.html`.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new(wanted: &[(Content, usize)]) -> Result<Self, HarnessError> {
        let failed = |e: std::io::Error| HarnessError::new("making the site", e);
        let dir = tempfile::Builder::new().prefix("interlude-site-").tempdir().map_err(failed)?;
        open_to_all(dir.path()).map_err(failed)?;
        let mut files = Vec::new();
        for &(content, size) in wanted {
            let bytes = content.bytes(size);
            let name = content.extension();
            let kind = if content == Content::Script { "script" } else { name };
            let path = format!("/{kind}-{size}.{name}");
            fs::write(dir.path().join(&path[1..]), &bytes).map_err(failed)?;
            files.push(SiteFile { path, content, sha256: sha256(&bytes), bytes });
        }
        Ok(Self { dir, files })
    }

    /// The document root.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// All files, in the order asked for.
    #[must_use]
    pub fn files(&self) -> &[SiteFile] {
        &self.files
    }

    /// The file of that content and size, if the site has it.
    #[must_use]
    pub fn file(&self, content: Content, size: usize) -> Option<&SiteFile> {
        self.files.iter().find(|f| f.content == content && f.bytes.len() == size)
    }

    /// Where a file lies on disk.
    #[must_use]
    pub fn on_disk(&self, file: &SiteFile) -> PathBuf {
        self.dir.path().join(&file.path[1..])
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that drops its privileges must still reach the files.
pub(crate) fn open_to_all(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sites_hold_the_same_bytes() {
        let wanted = [(Content::Html, 5000), (Content::Random, 3), (Content::Script, 5000)];
        let (one, two) = (Site::new(&wanted).unwrap(), Site::new(&wanted).unwrap());
        for (a, b) in one.files().iter().zip(two.files()) {
            assert_eq!((&a.path, &a.sha256), (&b.path, &b.sha256));
            assert_eq!(sha256(&fs::read(one.on_disk(a)).unwrap()), a.sha256);
        }
        let lengths: Vec<usize> = one.files().iter().map(|f| f.bytes.len()).collect();
        assert_eq!(lengths, [5000, 3, 5000]);
    }

    #[test]
    fn what_was_made_up_stays_as_it_is() {
        // Measurements and tables of compressors refer to these very bytes.
        let all = [
            Content::Html,
            Content::Script,
            Content::Random,
            Content::Json,
            Content::Style,
            Content::Log,
        ];
        let sums = all.map(|content| sha256(&content.bytes(20_000))[..16].to_owned());
        let known = [
            "aabe4807ca0e870c",
            "8e74c6199945c31d",
            "4ea73186a5dc9a6d",
            "7e77f7f1fa021cdd",
            "82544da333ecb0d6",
            "03d949f6e6378699",
        ];
        assert_eq!(sums, known);
    }
}
