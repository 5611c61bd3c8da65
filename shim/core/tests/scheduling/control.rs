//! The server's `epoll_ctl`, after `shim/src/api/epoll.rs`: the core is told, the kernel gets a
//! token for the server's data, and what the kernel refused is taken back.

use interlude_core::Fd;

use crate::kernel::{Control, Errno};
use crate::machine::Machine;
use crate::violation::Violation;

type Answer = Result<(), Errno>;

impl Machine {
    pub(crate) fn add(&mut self, fd: i32, mask: u32, data: u64) -> Result<Answer, Violation> {
        self.restore(fd)?;
        let Some(added) = self.interest.add(Fd(fd), mask, data) else {
            return Ok(Err(Errno::BadFd));
        };
        let answer = self.kernel.control(&self.files, Control::Add(fd, mask, added.token.0));
        if answer.is_err() {
            self.interest.undo_add(Fd(fd), added.before);
        }
        Ok(answer)
    }

    pub(crate) fn modify(&mut self, fd: i32, mask: u32, data: u64) -> Result<Answer, Violation> {
        self.restore(fd)?;
        let token = self.interest.token(Fd(fd)).map_or(data, |token| token.0);
        let answer = self.kernel.control(&self.files, Control::Modify(fd, mask, token));
        if answer.is_ok() {
            self.interest.modified(Fd(fd), mask, data);
        }
        Ok(answer)
    }

    pub(crate) fn delete(&mut self, fd: i32) -> Result<Answer, Violation> {
        self.restore(fd)?;
        let answer = self.kernel.control(&self.files, Control::Delete(fd));
        if answer.is_ok() {
            self.interest.remove(Fd(fd));
        }
        Ok(answer)
    }

    fn restore(&mut self, fd: i32) -> Result<(), Violation> {
        match self.interest.restore(Fd(fd)) {
            Some(operation) => self.apply(operation),
            None => Ok(()),
        }
    }
}
