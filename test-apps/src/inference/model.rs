//! Small models that are built here, as files in ONNX's format (`onnx.proto`): no model has to be fetched
//! for tests, and each shows one thing.

use crate::Seeded;

/// A model with one input `x` of floats and one output `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TinyModel {
    /// Two layers, any number of rows: `x` is `[batch, 64]`, `y` `[batch, 16]`.
    Rows,
    /// The same for one row only: `x` is `[1, 64]`.
    OneRow,
    /// The same, and the mean over all rows is taken off: what a row gives depends on the others, though
    /// nothing in the declaration says so.
    Mixing,
    /// The same, and each row is compared with every row, of which nothing comes: a row's result is as it is alone,
    /// but takes the longer the more rows there are.
    Pairs,
}

/// Numbers of a row, before, in between and after.
const INPUT: usize = 64;
const HIDDEN: usize = 1024;
const OUTPUT: usize = 16;
/// How often rows are compared: a row alone takes several times what it takes otherwise.
const COMPARED: usize = 16;

/// `AttributeProto.AttributeType`.
const INT: u64 = 2;
const INTS: u64 = 7;
/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const INT64: u64 = 7;

impl TinyModel {
    /// Numbers of a request.
    pub const SIZE: usize = INPUT;

    /// The file's bytes.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let mut graph = Message::default();
        let last = if matches!(self, Self::Mixing | Self::Pairs) { "h3" } else { "y" };
        graph.message(1, &node("MatMul", &["x", "w1"], "h1", &[]));
        graph.message(1, &node("Relu", &["h1"], "h2", &[]));
        graph.message(1, &node("MatMul", &["h2", "w2"], last, &[]));
        if self == Self::Mixing {
            let over_rows = [ints("axes", &[0]), int("keepdims", 1)];
            graph.message(1, &node("ReduceMean", &["h3"], "m", &over_rows));
            graph.message(1, &node("Sub", &["h3", "m"], "y", &[]));
        }
        if self == Self::Pairs {
            let over_all = [ints("axes", &[0, 1, 2, 3]), int("keepdims", 0)];
            graph.message(1, &node("Unsqueeze", &["h2", "first"], "each", &[]));
            graph.message(1, &node("Unsqueeze", &["h2", "second"], "other", &[]));
            graph.message(1, &node("Sub", &["each", "other"], "d1", &[]));
            graph.message(1, &node("Mul", &["d1", "scales"], "d2", &[]));
            graph.message(1, &node("Cos", &["d2"], "d3", &[]));
            graph.message(1, &node("Cos", &["d3"], "d4", &[]));
            graph.message(1, &node("ReduceMean", &["d4"], "mean", &over_all));
            graph.message(1, &node("Mul", &["mean", "nothing"], "d5", &[]));
            graph.message(1, &node("Add", &["h3", "d5"], "y", &[]));
            graph.message(5, &axis("first", 0));
            graph.message(5, &axis("second", 1));
            graph.message(5, &weights("scales", &[COMPARED, 1, 1, 1], 3));
            graph.message(5, &floats("nothing", &[1], &[0.0]));
        }
        graph.text(2, "tiny");
        graph.message(5, &weights("w1", &[INPUT, HIDDEN], 1));
        graph.message(5, &weights("w2", &[HIDDEN, OUTPUT], 2));
        graph.message(11, &self.value("x", INPUT));
        graph.message(12, &self.value("y", OUTPUT));

        let mut operators = Message::default();
        operators.number(2, 13);
        let mut model = Message::default();
        model.number(1, 8);
        model.message(8, &operators);
        model.message(7, &graph);
        model.0
    }

    /// `ValueInfoProto`: `[batch, size]`, or `[1, size]`.
    fn value(self, name: &str, size: usize) -> Message {
        let mut rows = Message::default();
        match self {
            Self::OneRow => rows.number(1, 1),
            Self::Rows | Self::Mixing | Self::Pairs => rows.text(2, "batch"),
        }
        let mut columns = Message::default();
        columns.number(1, size as u64);
        let mut shape = Message::default();
        shape.message(1, &rows);
        shape.message(1, &columns);
        let mut tensor = Message::default();
        tensor.number(1, FLOAT);
        tensor.message(2, &shape);
        let mut kind = Message::default();
        kind.message(1, &tensor);
        let mut value = Message::default();
        value.text(1, name);
        value.message(2, &kind);
        value
    }
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let mut node = Message::default();
    inputs.iter().for_each(|input| node.text(1, input));
    node.text(2, output);
    node.text(4, operator);
    attributes.iter().for_each(|attribute| node.message(5, attribute));
    node
}

fn int(name: &str, value: u64) -> Message {
    let mut attribute = Message::default();
    attribute.text(1, name);
    attribute.number(3, value);
    attribute.number(20, INT);
    attribute
}

fn ints(name: &str, values: &[u64]) -> Message {
    let mut attribute = Message::default();
    attribute.text(1, name);
    values.iter().for_each(|value| attribute.number(8, *value));
    attribute.number(20, INTS);
    attribute
}

/// `TensorProto`, of small numbers.
fn weights(name: &str, shape: &[usize], seed: u64) -> Message {
    let mut seeded = Seeded::new(seed);
    let numbers: Vec<f32> =
        (0..shape.iter().product()).map(|_| seeded.below(2001) as f32 / 1e4 - 0.1).collect();
    floats(name, shape, &numbers)
}

fn floats(name: &str, shape: &[usize], numbers: &[f32]) -> Message {
    let bytes: Vec<u8> = numbers.iter().copied().flat_map(f32::to_le_bytes).collect();
    tensor(name, FLOAT, shape, &bytes)
}

fn axis(name: &str, axis: i64) -> Message {
    tensor(name, INT64, &[1], &axis.to_le_bytes())
}

fn tensor(name: &str, kind: u64, shape: &[usize], bytes: &[u8]) -> Message {
    let mut tensor = Message::default();
    shape.iter().for_each(|size| tensor.number(1, *size as u64));
    tensor.number(2, kind);
    tensor.text(8, name);
    tensor.bytes(9, bytes);
    tensor
}

/// A message of Protocol Buffers: fields by their numbers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `protobuf.dev`, "Encoding".
    #[test]
    fn messages_are_encoded_as_the_format_says() {
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        assert_eq!(message.0, b"\x08\x96\x01\x12\x07testing");
    }
}
