//! What the shim's hooks do around each call of the server, after `shim/src/api`.
//!
//! The same order as there: what a coroutine wants is asked for first, the core is told, and the
//! original (the modelled kernel, a lock) comes last.

use interlude_core::Fd;
use interlude_core::claims::Want;

use crate::files::{ERR, HUP, IN, OUT, RDHUP};
use crate::kernel::Control;
use crate::machine::Machine;
use crate::server::{Action, Coroutine, Rank, Step, Target};
use crate::violation::Violation;

/// The server's listening socket: it is never closed.
pub(crate) const LISTENER: i32 = 3;
/// Bytes that a new connection has room for.
pub(crate) const ROOM: u32 = 2;

/// A step that did not come to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is a job, and goes on with the next step.
    Job,
    /// It wants this first.
    Want(Want),
    /// Something is wrong.
    Wrong(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Wrong(violation)
    }
}

/// What a step comes to.
pub(crate) type Done = Result<(), Stop>;

impl Machine {
    /// Carries a step out.
    pub(crate) fn act(&mut self, co: &mut Coroutine, step: &Step) -> Done {
        // A handler whose connection was closed meanwhile does nothing, as nginx's do.
        if step.event.is_some_and(|(fd, opening)| self.files.opening(fd) != Some(opening)) {
            return Ok(());
        }
        self.truth.handler = step.event;
        let data = self.tick();
        let fd = |target: &Target| match target {
            Target::Event => step.event.map(|(fd, _)| fd),
            Target::Any(index) => self.files.nth((*index).into()),
        };
        match &step.action {
            Action::Read(target, most) => self.read(co, fd(target), *most),
            Action::Write(target, most) => self.write(co, fd(target), *most),
            Action::Accept(mask) => self.accept(co, step.event.map(|(fd, _)| fd), *mask),
            Action::Connect(mask) => self.connect(co, *mask),
            Action::Add(target, mask) => {
                self.control(fd(target).map(|fd| Control::Add(fd, *mask, data)))
            }
            Action::Modify(target, mask) => {
                self.control(fd(target).map(|fd| Control::Modify(fd, *mask, data)))
            }
            Action::Delete(target) => self.control(fd(target).map(Control::Delete)),
            Action::Close(target) => self.close(co, fd(target)),
            Action::Dup(target) => self.dup(co, fd(target)),
            Action::Dup2(from, to) => self.dup2(co, fd(from), fd(to)),
            Action::Job => self.job(false),
            Action::Compress => self.job(true),
            Action::Enter(object) => self.enter(co, *object),
            Action::Leave(object) => self.leave(co, *object),
            Action::Use(region) => self.use_region(co, region),
            Action::Lock(lock, access) => self.lock(co, *lock, *access, false),
            Action::TryLock(lock, access) => self.lock(co, *lock, *access, true),
            Action::Unlock(lock) => self.unlock(co, *lock),
            Action::Alone => self.alone(co),
            Action::Wait(max) => self.wait_inside(co, *max),
            Action::Timer(millis) => {
                self.timers.set(*millis);
                Ok(())
            }
            Action::Pass(micros) => {
                self.timers.pass(*micros);
                Ok(())
            }
            Action::Look => {
                let beside = self.is_fenced();
                self.timers.look(beside);
                Ok(())
            }
            Action::More => {
                self.timers.has_more();
                Ok(())
            }
            Action::World(index, change) => {
                self.change(*index, *change);
                Ok(())
            }
            Action::Finish => self.finish_event(co, step.event.map(|(fd, _)| fd)),
        }
    }

    /// Does an orderly server leave this alone, because it has something later already?
    pub(crate) fn is_out_of_order(&self, co: &Coroutine, rank: Rank) -> bool {
        self.setting.orderly && !co.is_in_order(rank)
    }

    /// An offloaded call, unless whom it works for is not known.
    fn job(&mut self, compresses: bool) -> Done {
        if self.claims.has_stray() {
            self.ledger.saw("stray job");
            return Ok(());
        }
        if compresses && (self.claims.is_anonymous() || self.timers.may_run()) {
            return Ok(());
        }
        if compresses {
            self.claims.expose();
        }
        Err(Stop::Job)
    }

    fn touch(&mut self, co: &mut Coroutine, fd: i32) -> Done {
        self.timers.acts();
        let is_connection = self.claims.links().is_connection(Fd(fd));
        if self.claims.is_owned(Fd(fd)) && is_connection {
            self.must_wait(co, Want::Fd(Fd(fd)))?;
        }
        self.claims.touch(Fd(fd));
        let Some(opening) = self.files.opening(fd) else { return Ok(()) };
        if is_connection && let Some((owned, other)) = self.parked_owner(fd) {
            if co.forced {
                self.ledger.excuse(owned);
            } else if !self.ledger.is_excused(owned) {
                let text = format!("fd {fd} is used beside coroutine {}", other.0);
                return Err(Violation::SharedFd(text).into());
            }
        }
        self.truth.used((fd, opening));
        co.owns.insert((fd, opening));
        Ok(())
    }

    /// May the server use `fd` at all? `None` if not; it is touched then.
    fn usable(&mut self, co: &mut Coroutine, fd: Option<i32>) -> Result<Option<i32>, Stop> {
        let Some(fd) = fd else { return Ok(None) };
        let is_mine = self.files.opening(fd).is_some_and(|o| co.owns.contains(&(fd, o)));
        if !is_mine && self.is_out_of_order(co, Rank::Fd(fd)) {
            return Ok(None);
        }
        self.touch(co, fd)?;
        Ok(Some(fd))
    }

    fn read(&mut self, co: &mut Coroutine, fd: Option<i32>, most: u32) -> Done {
        if let Some(fd) = self.usable(co, fd)? {
            self.files.read(fd, most);
        }
        Ok(())
    }

    fn write(&mut self, co: &mut Coroutine, fd: Option<i32>, most: u32) -> Done {
        if let Some(fd) = self.usable(co, fd)? {
            self.files.write(fd, most);
        }
        Ok(())
    }

    fn accept(&mut self, co: &mut Coroutine, listener: Option<i32>, mask: Option<u32>) -> Done {
        let Some(listener) = listener.filter(|fd| *fd == LISTENER) else { return Ok(()) };
        self.touch(co, listener)?;
        if self.files.read(listener, 1) == 0 {
            return Ok(());
        }
        let Some(fd) = self.files.open(ROOM) else { return Ok(()) };
        self.claims.closed(Fd(fd));
        self.claims.accepted(Fd(listener), Fd(fd));
        self.habits.accepted(Fd(listener), Fd(fd));
        self.truth.accepted((fd, self.files.opening(fd).unwrap_or_default()));
        self.watch(fd, mask)
    }

    fn connect(&mut self, co: &mut Coroutine, mask: Option<u32>) -> Done {
        let Some(fd) = self.files.open(ROOM) else { return Ok(()) };
        // As nginx does it: registered first, then connected.
        self.touch(co, fd)?;
        self.watch(fd, mask)?;
        self.claims.connected(Fd(fd));
        self.truth.connected((fd, self.files.opening(fd).unwrap_or_default()));
        self.touch(co, fd)
    }

    fn watch(&mut self, fd: i32, mask: Option<u32>) -> Done {
        let data = self.tick();
        self.control(mask.map(|mask| Control::Add(fd, mask, data)))
    }

    /// `epoll_ctl`: the server must get the answer that the kernel alone would give.
    pub(crate) fn control(&mut self, control: Option<Control>) -> Done {
        let Some(control) = control else { return Ok(()) };
        self.timers.acts();
        let fd = control.fd();
        let key = self.files.file(fd).map(|file| (file, fd));
        if let Some(registration) = key.and_then(|key| self.stock.registration(key)) {
            self.ledger.hold_ends(registration.serial);
            if registration.closed.is_some() {
                self.ledger.saw("number came back");
            }
        }
        let answer = match control {
            Control::Add(_, mask, data) => self.add(fd, mask, data)?,
            Control::Modify(_, mask, data) => self.modify(fd, mask, data)?,
            Control::Delete(_) => self.delete(fd)?,
        };
        let now = self.tick();
        let expected = self.stock.control(&self.files, control, now);
        if answer != expected {
            let text = format!("{control:?}: {answer:?}, and {expected:?} by the kernel alone");
            return Err(Violation::Answer(text).into());
        }
        if let Err(errno) = answer {
            self.ledger.saw(errno.name());
        }
        Ok(())
    }

    fn close(&mut self, co: &mut Coroutine, fd: Option<i32>) -> Done {
        let fd = self.usable(co, fd.filter(|fd| *fd != LISTENER))?;
        let Some(fd) = fd else { return Ok(()) };
        if self.polite {
            self.control(Some(Control::Delete(fd)))?;
        }
        self.forget(fd)?;
        if let Some(file) = self.files.close(fd) {
            self.kernel.file_ended(file);
            self.stock.file_ended(file);
        }
        Ok(())
    }

    /// The number ends, and its registration is an orphan if another keeps the file open.
    fn forget(&mut self, fd: i32) -> Done {
        if let Some(operation) = self.interest.closed(Fd(fd)) {
            self.ledger.saw("held orphan");
            self.apply(operation)?;
        }
        self.claims.closed(Fd(fd));
        self.habits.closed(Fd(fd));
        let now = self.tick();
        let Some(key) = self.files.file(fd).map(|file| (file, fd)) else { return Ok(()) };
        let Some(registration) = self.stock.registration(key) else { return Ok(()) };
        let fetched = self.ledger.last_fetched(registration.serial);
        self.stock.closed(key, fetched, now);
        Ok(())
    }

    fn dup(&mut self, co: &mut Coroutine, fd: Option<i32>) -> Done {
        if let Some(fd) = self.usable(co, fd)? {
            self.files.dup(fd);
        }
        Ok(())
    }

    fn dup2(&mut self, co: &mut Coroutine, from: Option<i32>, to: Option<i32>) -> Done {
        let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
        if from == to || to == LISTENER {
            return Ok(());
        }
        let Some(to) = self.usable(co, Some(to))? else { return Ok(()) };
        self.forget(to)?;
        if let Some(file) = self.files.dup2(from, to) {
            self.kernel.file_ended(file);
            self.stock.file_ended(file);
        }
        Ok(())
    }

    /// Deals with an event so that it does not come again.
    fn finish_event(&mut self, co: &mut Coroutine, fd: Option<i32>) -> Done {
        let Some(fd) = fd else { return Ok(()) };
        self.touch(co, fd)?;
        self.files.read(fd, u32::MAX);
        self.files.write(fd, u32::MAX);
        let poll = self.files.file(fd).map_or(0, |file| self.files.poll(file));
        if poll & (IN | OUT | RDHUP | HUP | ERR) == 0 {
            return Ok(());
        }
        if fd == LISTENER {
            self.control(Some(Control::Delete(fd)))
        } else {
            self.close(co, Some(fd))
        }
    }
}
