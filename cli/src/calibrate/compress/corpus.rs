//! What is compressed: made up by the project (MIT or Apache-2.0, as all of it), the same in every run.

use interlude_test_apps::Content;

/// Kinds of data, and what they are called.
pub(crate) const KINDS: [(&str, Content); 6] = [
    ("html", Content::Html),
    ("json", Content::Json),
    ("javascript", Content::Script),
    ("css", Content::Style),
    ("log", Content::Log),
    ("compressed", Content::Random),
];

/// Sizes of each, in bytes. What is 64000 or less may be a whole buffer.
pub(super) const SIZES: [usize; 7] =
    [1 << 10, 4 << 10, 16 << 10, 32 << 10, 64_000, 256 << 10, 1 << 20];

/// One input.
pub(super) struct Input {
    pub(super) kind: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// All of them, kind by kind.
pub(super) fn all() -> Vec<Input> {
    KINDS
        .iter()
        .flat_map(|(kind, content)| {
            SIZES.iter().map(|size| Input { kind, bytes: content.bytes(*size) })
        })
        .collect()
}
