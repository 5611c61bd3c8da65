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
        Ok(self.register(fd, mask, data, |token| Control::Add(fd, mask, token)))
    }

    pub(crate) fn modify(&mut self, fd: i32, mask: u32, data: u64) -> Result<Answer, Violation> {
        self.restore(fd)?;
        let control = |token| Control::Modify(fd, mask, token);
        let Some(token) = self.interest.token(Fd(fd)) else {
            let answer = self.register(fd, mask, data, control);
            if answer.is_ok() {
                self.interest.taken_up(Fd(fd));
            }
            return Ok(answer);
        };
        let answer = self.kernel.control(&self.files, control(token.0));
        if answer.is_ok() {
            self.interest.modified(Fd(fd), mask, data);
        }
        Ok(answer)
    }

    /// Makes a registration, if the kernel accepts it.
    fn register(
        &mut self,
        fd: i32,
        mask: u32,
        data: u64,
        control: impl Fn(u64) -> Control,
    ) -> Answer {
        let added = self.interest.add(Fd(fd), mask, data).ok_or(Errno::BadFd)?;
        let answer = self.kernel.control(&self.files, control(added.token.0));
        if answer.is_err() {
            self.interest.undo_add(Fd(fd), added.before);
        }
        answer
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
