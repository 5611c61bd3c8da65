//! One line on stderr, without allocation, through the original `write`.

use std::fmt::{Arguments, Write};

struct Line {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes().map(|b| if b == b'\n' { b' ' } else { b }) {
            // The last byte is kept for the line's end.
            if self.len + 1 < self.bytes.len()
                && let Some(slot) = self.bytes.get_mut(self.len)
            {
                *slot = byte;
                self.len += 1;
            }
        }
        Ok(())
    }
}

/// Writes `interlude: MESSAGE` and the line's end.
pub(crate) fn line(message: Arguments<'_>) {
    let mut line = Line { bytes: [0; 512], len: 0 };
    // Writing into a buffer that cuts off cannot fail.
    let _ = write!(line, "interlude: {message}");
    if let Some(end) = line.bytes.get_mut(line.len) {
        *end = b'\n';
        line.len += 1;
    }
    // SAFETY: the buffer holds `len` bytes. A system call, since `write` is ours.
    unsafe { libc::syscall(libc::SYS_write, 2, line.bytes.as_ptr(), line.len) };
}
