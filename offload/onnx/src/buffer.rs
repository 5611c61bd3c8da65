//! Memory of a tensor: aligned for any vector unit, zeroed once, and used again.

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// So many bytes.
#[derive(Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.resize(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }

    /// Has as many bytes as these from here on; what is in them is not said.
    pub(crate) fn resize(&mut self, len: usize) {
        let lines = len.div_ceil(64);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line { _bytes: [0; 64] });
        }
        self.len = len;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let (_, bytes, _) = self.parts();
        bytes.get(..self.len).unwrap_or(bytes)
    }

    fn parts(&self) -> (&[Line], &[u8], &[Line]) {
        // SAFETY: a line is 64 bytes of any value.
        unsafe { self.lines.align_to() }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        // SAFETY: a line is 64 bytes of any value.
        let (_, bytes, _) = unsafe { self.lines.align_to_mut() };
        let len = len.min(bytes.len());
        bytes.split_at_mut(len).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_the_bytes_that_it_was_made_of() {
        let bytes: Vec<u8> = (0..=255).chain(0..44).collect();
        let mut buffer = Buffer::of(&bytes);
        assert_eq!(buffer.bytes(), bytes);
        assert_eq!(buffer.bytes().as_ptr().addr() % 64, 0);
        buffer.resize(3);
        assert_eq!((buffer.bytes().len(), buffer.bytes_mut().len()), (3, 3));
        assert_eq!(Buffer::of(&[]).bytes(), []);
    }
}
