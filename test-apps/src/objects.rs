//! `objects` (in `c/objects.c`): starting it, asking it, and what it should answer.
//!
//! The corpora are made here once more, so that what comes back decompressed is compared with what this side
//! knows, not with what the server says it was.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use openssl::symm::{Cipher, decrypt_aead};

use crate::app_server::AppServer;
use crate::{HarnessError, Preload};

/// Bytes of a corpus, and of the largest object.
const CORPUS: usize = 512 * 1024;
const LARGEST: usize = 64 * 1024;
/// Bytes of a page of the web service.
const PAGE: u32 = 8192;
const KEY: &[u8; 16] = b"sixteen bytes :)";
const TAG: usize = 16;

/// Bytes of an answer, without the result.
pub const ANSWER: usize = 16;

/// What an object is cut out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Tags and words.
    Html = 0,
    /// Decimal numbers.
    Numeric = 1,
    /// Random bytes.
    Random = 2,
    /// One character.
    Repeated = 3,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// An object of a corpus, compressed.
    Compress {
        /// Of which corpus.
        kind: Kind,
        /// Which of the objects there.
        which: u32,
        /// Its bytes, 1 to 65536.
        size: u32,
    },
    /// A page of 8 KB, compressed and encrypted.
    Page(u32),
}

/// What the server says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Bytes of the result.
    pub length: u32,
    /// CRC-32 of the result.
    pub checksum: u32,
    /// How long the request took in the server, by its clock.
    pub nanoseconds: u32,
    /// Which object it is.
    pub which: u32,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Html, Self::Numeric, Self::Random, Self::Repeated];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Numeric => "numeric",
            Self::Random => "random",
            Self::Repeated => "repeated",
        }
    }
}

impl Request {
    /// As it is sent. `whole`: the result itself follows its answer.
    #[must_use]
    pub fn bytes(self, whole: bool) -> [u8; 12] {
        let (what, kind, which, size) = match self {
            Self::Compress { kind, which, size } => (b'c', kind as u8, which, size),
            Self::Page(which) => (b'o', 0, which, 0),
        };
        let what = if whole { what.to_ascii_uppercase() } else { what };
        let mut bytes = [what, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[4..8].copy_from_slice(&which.to_le_bytes());
        bytes[8..].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    /// Asks for the object, and waits for it.
    ///
    /// # Errors
    /// Where it does not come.
    pub fn ask(self, stream: &mut TcpStream) -> io::Result<(Answer, Vec<u8>)> {
        stream.write_all(&self.bytes(true))?;
        let mut head = [0; ANSWER];
        stream.read_exact(&mut head)?;
        let answer = Answer::parse(&head).ok_or(ErrorKind::InvalidData)?;
        let mut result = vec![0; answer.length as usize];
        stream.read_exact(&mut result)?;
        Ok((answer, result))
    }

    /// Which object it asks for.
    #[must_use]
    pub fn which(self) -> u32 {
        match self {
            Self::Compress { which, .. } | Self::Page(which) => which,
        }
    }

    /// Bytes that are compressed.
    #[must_use]
    pub fn size(self) -> u32 {
        match self {
            Self::Compress { size, .. } => size,
            Self::Page(_) => PAGE,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Compress { kind, .. } => kind,
            Self::Page(_) => Kind::Html,
        }
    }
}

impl Answer {
    /// The first answer in `bytes`, if it is there.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self { length: word(0)?, checksum: word(4)?, nanoseconds: word(8)?, which: word(12)? })
    }
}

/// What objects are cut out of.
#[derive(Debug)]
pub struct Corpora(Vec<Vec<u8>>);

impl Default for Corpora {
    fn default() -> Self {
        Self(Kind::ALL.iter().map(|kind| corpus(*kind)).collect())
    }
}

impl Corpora {
    /// What is compressed for a request.
    #[must_use]
    pub fn plain(&self, request: Request) -> &[u8] {
        let start = request.which().wrapping_mul(4093) as usize % (CORPUS - LARGEST);
        &self.0[request.kind() as usize][start..start + request.size() as usize]
    }

    /// Is this result the request's: does it become the object when it is decrypted and decompressed?
    #[must_use]
    pub fn is_right(&self, request: Request, result: &[u8]) -> bool {
        let opened = match request {
            Request::Compress { .. } => Some(result.to_vec()),
            Request::Page(which) => decrypt(which, result),
        };
        let Some(packed) = opened else { return false };
        let mut back = Vec::new();
        let read = flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut back);
        read.is_ok() && back == self.plain(request)
    }
}

fn decrypt(which: u32, sealed: &[u8]) -> Option<Vec<u8>> {
    let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&which.to_le_bytes());
    decrypt_aead(Cipher::aes_128_gcm(), KEY, Some(&nonce), &[], text, tag).ok()
}

/// Starts the server on the CPUs `cpus` (empty: all) with `library` (zlib or libdeflate) at `level`, and waits for
/// its port.
///
/// # Errors
/// Where it cannot be started.
pub fn start(
    library: &str,
    level: u32,
    preload: &Preload,
    cpus: &[usize],
) -> Result<AppServer, HarnessError> {
    start_on(&[], library, level, preload, cpus)
}

/// As [`start`], on these ports of 127.0.0.1 (none: any).
///
/// # Errors
/// As there.
pub fn start_on(
    ports: &[u16],
    library: &str,
    level: u32,
    preload: &Preload,
    cpus: &[usize],
) -> Result<AppServer, HarnessError> {
    run(&[], ports, library, level, preload, cpus)
}

/// As [`start_on`], with a process for each port. Of the others than the first it is not waited for that they listen.
///
/// # Errors
/// As there.
pub fn start_apart(
    ports: &[u16],
    library: &str,
    level: u32,
    preload: &Preload,
) -> Result<AppServer, HarnessError> {
    run(&["apart"], ports, library, level, preload, &[])
}

fn run(
    how: &[&str],
    ports: &[u16],
    library: &str,
    level: u32,
    preload: &Preload,
    cpus: &[usize],
) -> Result<AppServer, HarnessError> {
    let mut command = Command::new(env!("APP_OBJECTS"));
    command.arg(library).arg(level.to_string()).args(how);
    command.args(ports.iter().map(u16::to_string));
    AppServer::start("objects", command, preload, cpus)
}

struct Draw(u32);

impl Draw {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}

const PIECES: [&str; 32] = [
    "<div class=\"item\">",
    "</div>\n",
    "<p>",
    "</p>\n",
    "<a href=\"/article/",
    "\">",
    "</a>",
    "<span class=\"date\">",
    "</span>",
    "<li>",
    "</li>\n",
    "the ",
    "of ",
    "and ",
    "to ",
    "in ",
    "server ",
    "request ",
    "latency ",
    "accelerator ",
    "queue ",
    "a ",
    "is ",
    "that ",
    "for ",
    "with ",
    "packet ",
    "memory ",
    "thread ",
    "event ",
    "which ",
    "when ",
];

fn corpus(kind: Kind) -> Vec<u8> {
    let mut draw = Draw(kind as u32 + 1);
    let mut bytes = Vec::with_capacity(CORPUS + 64);
    while bytes.len() < CORPUS {
        match kind {
            Kind::Html => {
                let drawn = draw.next();
                bytes.extend_from_slice(PIECES[(drawn & 31) as usize].as_bytes());
                if drawn >> 5 & 3 == 0 {
                    bytes.extend_from_slice(format!("{} ", drawn >> 7 & 0xffff).as_bytes());
                }
            }
            Kind::Numeric => {
                let (whole, part) = (draw.next() % 100_000, draw.next() % 1000);
                let end = if part.is_multiple_of(8) { '\n' } else { ',' };
                bytes.extend_from_slice(format!("{whole}.{part:03}{end}").as_bytes());
            }
            Kind::Random => bytes.push(draw.next().to_le_bytes()[0]),
            Kind::Repeated => bytes.push(b'a'),
        }
    }
    bytes.truncate(CORPUS);
    bytes
}
