//! Sizes on the command line: bytes, or KiB and MiB with a letter.

/// Most bytes of a file to be served.
const LARGEST: usize = 64 << 20;

/// `32k` is 32768.
pub(crate) fn parse(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    let size = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
    size.filter(|size| (1..=LARGEST).contains(size))
        .ok_or_else(|| "must be a number of bytes, or one with k or m behind it, up to 64m".into())
}

/// `32768` is 32k.
pub(crate) fn text(size: usize) -> String {
    match size {
        _ if size.is_multiple_of(1 << 20) => format!("{}m", size >> 20),
        _ if size.is_multiple_of(1 << 10) => format!("{}k", size >> 10),
        _ => size.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn letters_are_binary_units() {
        let cases = [("100", Some(100)), ("32k", Some(32768)), ("1M", Some(1 << 20))];
        let wrong = ["", "k", "-1", "0", "65m", "1g"].map(|text| (text, None));
        for (text, expected) in cases.into_iter().chain(wrong) {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for written in ["1", "1000", "1k", "33k", "1m", "64m"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
    }
}
