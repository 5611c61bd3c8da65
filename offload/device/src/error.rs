//! What is wrong with a description. One line.

use std::fmt;

/// A description that cannot be used. `Display` is one line that names the file, the place and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptionError {
    line: String,
}

impl DescriptionError {
    pub(crate) fn file(path: &str, why: &str) -> Self {
        Self { line: format!("{path}: {}", in_one_line(why)) }
    }

    /// By what the parser says of `text`.
    pub(crate) fn toml(path: &str, text: &str, error: &toml::de::Error) -> Self {
        let why = in_one_line(error.message());
        let before = error.span().and_then(|span| text.get(..span.start));
        Self {
            line: match before {
                Some(before) => {
                    let line = before.matches('\n').count() + 1;
                    format!("{path}: line {line}: {why}")
                }
                None => format!("{path}: {why}"),
            },
        }
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for DescriptionError {}
