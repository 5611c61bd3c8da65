//! A configuration that an operator can copy, with some of its values replaced for one run.
//!
//! Each replacement must match exactly once: a template that was edited fails loudly, rather than
//! letting a test run something else than it says.

use crate::HarnessError;

/// A configuration text in the making.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    name: &'static str,
    text: String,
}

impl Template {
    /// Starts from `text`; `name` is for error lines.
    #[must_use]
    pub(crate) fn new(name: &'static str, text: &str) -> Self {
        Self { name, text: text.to_owned() }
    }

    /// Replaces `from`, which must stand there exactly once, comments included.
    ///
    /// # Errors
    /// When it stands there never or more than once.
    pub(crate) fn replace(&mut self, from: &str, to: &str) -> Result<&mut Self, HarnessError> {
        match self.text.matches(from).count() {
            1 => {
                self.text = self.text.replacen(from, to, 1);
                Ok(self)
            }
            n => Err(HarnessError::new(self.name, format!("{from:?} stands there {n} times"))),
        }
    }

    /// The finished text.
    #[must_use]
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_that_does_not_match_once_is_an_error() {
        let mut template = Template::new("x.conf", "a 1;\nb 1;\n");
        assert!(template.replace("c", "d").is_err());
        assert!(template.replace("1", "2").is_err());
        template.replace("a 1", "a 2").unwrap();
        assert_eq!(template.into_text(), "a 2;\nb 1;\n");
    }
}
