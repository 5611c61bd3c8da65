//! Plain bytes of several kinds, by seeds.

/// Some plain bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Data {
    Text {
        seed: u32,
        len: usize,
    },
    /// Text with stray characters, so that there are codes of many lengths.
    Noisy {
        seed: u32,
        len: usize,
    },
    Random {
        seed: u32,
        len: usize,
    },
    Same {
        byte: u8,
        len: usize,
    },
    /// Repetitions from anywhere behind, with noise.
    Binary {
        seed: u32,
        len: usize,
    },
    /// The same, of distances that are near, farther and far as often.
    Matches {
        seed: u32,
        len: usize,
    },
}

/// xorshift.
pub(crate) struct Rng(u32);

impl Rng {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 >> 3
    }

    pub(crate) fn bytes(seed: u32, len: usize) -> Vec<u8> {
        let mut rng = Self::new(seed);
        (0..len).map(|_| rng.next() as u8).collect()
    }
}

impl Data {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Same { byte, len } => vec![byte; len],
            Self::Random { seed, len } => Rng::bytes(seed, len),
            Self::Binary { seed, len } => repeated(seed, len, &[40_000]),
            Self::Matches { seed, len } => repeated(seed, len, &[8, 300, 40_000]),
            Self::Text { seed, len } => text(seed, len, false),
            Self::Noisy { seed, len } => text(seed, len, true),
        }
    }
}

fn text(seed: u32, len: usize, is_noisy: bool) -> Vec<u8> {
    const WORDS: [&str; 24] = [
        "<div class=\"item\">",
        "</div>\n",
        "<a href=\"/",
        "\">",
        "the ",
        "of ",
        "server ",
        "connection ",
        "<li>",
        "</li>\n",
        "0",
        "42",
        "function(",
        "){return ",
        ";}\n",
        "var ",
        "true",
        "null,",
        "\"id\":",
        "{\"name\":\"",
        "\"},",
        "  ",
        "compress",
        "Interlude ",
    ];
    let mut rng = Rng::new(seed);
    let mut out = Vec::with_capacity(len + 32);
    while out.len() < len {
        if is_noisy && rng.next().is_multiple_of(4) {
            out.push(32 + rng.next() as u8 % 90);
        }
        out.extend_from_slice(WORDS[rng.next() as usize % WORDS.len()].as_bytes());
    }
    out.truncate(len);
    out
}

/// Noise, and repetitions from less than one of these distances behind.
fn repeated(seed: u32, len: usize, distances: &[usize]) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::with_capacity(len + 300);
    while out.len() < len {
        let drawn = rng.next() as usize;
        let far = match distances {
            [one] => *one,
            several => several[rng.next() as usize % several.len()],
        };
        let back = 1 + drawn % far;
        if rng.next().is_multiple_of(3) || out.len() < back {
            out.push(rng.next() as u8);
        } else {
            let n = 3 + rng.next() as usize % 270;
            let start = out.len() - back;
            for i in 0..n {
                out.push(out[start + i]);
            }
        }
    }
    out.truncate(len);
    out
}
