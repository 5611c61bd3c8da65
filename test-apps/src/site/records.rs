//! Content that repeats a form: objects of an interface, rules of a style sheet, lines of a log.

use super::text::word;
use crate::seeded::Seeded;

/// One of a list, its first ones much more often than its last.
fn often<'a>(random: &mut Seeded, of: &[&'a str]) -> &'a str {
    let (one, other) = (random.below(of.len()), random.below(of.len()));
    of[one.min(other)]
}

/// An object of an array.
pub(super) fn object(bytes: &mut Vec<u8>, random: &mut Seeded) {
    const STATES: [&str; 4] = ["active", "pending", "archived", "deleted"];
    let (id, day) = (random.below(10_000_000), random.below(28) + 1);
    let (first, last) = (word(random), word(random));
    let text = format!(
        "{{\"id\":{id},\"name\":\"{first} {last}\",\"email\":\"{first}.{last}{}@example.org\",\
         \"state\":\"{}\",\"created\":\"2026-{:02}-{day:02}T{:02}:{:02}:{:02}Z\",\
         \"tags\":[\"{}\",\"{}\"],\"score\":{}.{:02},\"parent\":{}}},",
        random.below(100),
        often(random, &STATES),
        random.below(12) + 1,
        random.below(24),
        random.below(60),
        random.below(60),
        word(random),
        word(random),
        random.below(100),
        random.below(100),
        if random.below(3) == 0 { "null".to_owned() } else { random.below(100_000).to_string() },
    );
    bytes.extend_from_slice(text.as_bytes());
}

/// A rule with its declarations.
pub(super) fn rule(bytes: &mut Vec<u8>, random: &mut Seeded) {
    const UNITS: [&str; 4] = ["px", "em", "%", "rem"];
    const KEYWORDS: [&str; 6] = ["none", "auto", "inherit", "block", "center", "hidden"];
    const PROPERTIES: [&str; 16] = [
        "margin",
        "padding",
        "color",
        "background-color",
        "display",
        "width",
        "height",
        "font-size",
        "line-height",
        "border-color",
        "text-align",
        "position",
        "overflow",
        "border-radius",
        "transition",
        "z-index",
    ];
    let selector = format!(".{}-{}", word(random), word(random));
    let state = often(random, &["", ":hover", ":focus", "::before"]);
    bytes.extend_from_slice(format!("{selector}{state} {{\n").as_bytes());
    for _ in 0..2 + random.below(6) {
        let property = often(random, &PROPERTIES);
        let value = match random.below(4) {
            0 => format!("#{:06x}", random.below(1 << 24)),
            1 => often(random, &KEYWORDS).to_owned(),
            _ => format!("{}{}", random.below(40), often(random, &UNITS)),
        };
        bytes.extend_from_slice(format!("  {property}: {value};\n").as_bytes());
    }
    bytes.extend_from_slice(b"}\n");
}

/// A request in the combined form.
pub(super) fn line(bytes: &mut Vec<u8>, random: &mut Seeded) {
    const METHODS: [&str; 3] = ["GET", "POST", "HEAD"];
    const CODES: [&str; 5] = ["200", "304", "404", "301", "500"];
    const AGENTS: [&str; 5] = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
        "curl/7.88.1",
        "Wget/1.21.3",
    ];
    // Lines follow one another within a day.
    let second = bytes.len() / 40 % 86_400;
    let text = format!(
        "10.{}.{}.{} - - [27/Nov/2026:{:02}:{:02}:{:02} +0000] \"{} /{}/{}?id={} HTTP/1.1\" {} {} \
         \"https://example.org/{}\" \"{}\"\n",
        random.below(4),
        random.below(256),
        random.below(256),
        second / 3600,
        second / 60 % 60,
        second % 60,
        often(random, &METHODS),
        word(random),
        word(random),
        random.below(100_000),
        often(random, &CODES),
        random.below(60_000),
        word(random),
        often(random, &AGENTS),
    );
    bytes.extend_from_slice(text.as_bytes());
}
