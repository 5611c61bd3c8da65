//! The content of the files: made up by a small generator with a fixed seed.

use super::{Content, records};
use crate::seeded::Seeded;

const WORDS: [&str; 48] = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "his",
    "but",
    "at",
    "are",
    "this",
    "have",
    "from",
    "server",
    "request",
    "answer",
    "connection",
    "handshake",
    "certificate",
    "measure",
    "coroutine",
    "interlude",
    "between",
    "another",
    "through",
    "because",
    "however",
    "thousand",
    "yesterday",
    "mountain",
    "river",
    "window",
    "morning",
    "garden",
    "letter",
    "history",
    "question",
];

/// `size` bytes of that content, the same at every call.
pub(super) fn fill(content: Content, size: usize) -> Vec<u8> {
    let mut random = Seeded::new(size as u64 ^ (content as u64) << 40);
    let mut bytes = Vec::with_capacity(size + 256);
    match content {
        Content::Html => bytes
            .extend_from_slice(b"<!DOCTYPE html>\n<html><head><title>Site</title></head><body>\n"),
        Content::Json => bytes.push(b'['),
        _ => {}
    }
    while bytes.len() < size {
        match content {
            Content::Html => paragraph(&mut bytes, &mut random),
            Content::Script => statement(&mut bytes, &mut random),
            Content::Random => bytes.extend_from_slice(&random.next().to_le_bytes()),
            Content::Json => records::object(&mut bytes, &mut random),
            Content::Style => records::rule(&mut bytes, &mut random),
            Content::Log => records::line(&mut bytes, &mut random),
        }
    }
    bytes.truncate(size);
    bytes
}

pub(super) fn word(random: &mut Seeded) -> &'static str {
    WORDS[random.below(WORDS.len())]
}

fn paragraph(bytes: &mut Vec<u8>, random: &mut Seeded) {
    let id = random.below(100_000);
    bytes.extend_from_slice(format!("<p class=\"c{}\" id=\"p{id}\">", id % 7).as_bytes());
    for _ in 0..10 + random.below(30) {
        bytes.extend_from_slice(word(random).as_bytes());
        bytes.push(b' ');
        if random.below(12) == 0 {
            bytes.extend_from_slice(format!("{} ", random.below(1_000_000)).as_bytes());
        }
    }
    bytes.extend_from_slice(b"</p>\n");
}

fn statement(bytes: &mut Vec<u8>, random: &mut Seeded) {
    let (a, b, n) = (word(random), word(random), random.below(100_000));
    let line = match random.below(3) {
        0 => format!("var {a}_{n}={b}({n}),{b}={{{a}:\"{}\",n:{n}}};\n", word(random)),
        1 => format!("if({a}.{b}({n})!=={}){{return {a}[{n}];}}\n", random.below(9999)),
        _ => format!("function {a}{n}({b}){{return {b}*{}+{b}.{a};}}\n", random.below(9999)),
    };
    bytes.extend_from_slice(line.as_bytes());
}
