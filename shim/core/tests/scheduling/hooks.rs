//! What the shim's hooks do around each call of the server, after `shim/src/api`.
//!
//! The same order as there: what a coroutine wants is asked for first, the core is told, and the
//! original (the modelled kernel, a lock) comes last.

use interlude_core::Fd;
use interlude_core::claims::{Access, Region, Want};
use interlude_core::interest::EDGE;

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

type Done = Result<(), Stop>;

impl Machine {
    /// Carries a step out.
    pub(crate) fn act(&mut self, co: &mut Coroutine, step: &Step) -> Done {
        // A handler whose connection was closed meanwhile does nothing, as nginx's do.
        if step.event.is_some_and(|(fd, opening)| self.files.opening(fd) != Some(opening)) {
            return Ok(());
        }
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
            Action::Job => Err(Stop::Job),
            Action::Enter(object) => self.enter(co, *object),
            Action::Leave(object) => self.leave(co, *object),
            Action::Use(region) => self.use_region(co, region),
            Action::Lock(lock, access) => self.lock(co, *lock, *access, false),
            Action::TryLock(lock, access) => self.lock(co, *lock, *access, true),
            Action::Unlock(lock) => self.unlock(co, *lock),
            Action::Alone => self.alone(co),
            Action::World(index, change) => {
                self.change(*index, *change);
                Ok(())
            }
            Action::Finish => self.finish_event(co, step.event.map(|(fd, _)| fd)),
        }
    }

    /// `wait_for`: is there something to wait for, and a way to?
    fn must_wait(&self, co: &Coroutine, want: Want) -> Done {
        if self.claims.parked_len() > 0 && self.claims.conflicts(&want) && !co.forced {
            return Err(Stop::Want(want));
        }
        Ok(())
    }

    /// Does an orderly server leave this alone, because it has something later already?
    fn is_out_of_order(&self, co: &Coroutine, rank: Rank) -> bool {
        self.setting.orderly && !co.is_in_order(rank)
    }

    fn touch(&mut self, co: &mut Coroutine, fd: i32) -> Done {
        let is_connection = self.habits.is_connection(Fd(fd));
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
        self.habits.accepted(Fd(listener), Fd(fd));
        self.register(fd, mask)
    }

    fn connect(&mut self, co: &mut Coroutine, mask: Option<u32>) -> Done {
        let Some(fd) = self.files.open(ROOM) else { return Ok(()) };
        self.habits.connected(Fd(fd));
        self.touch(co, fd)?;
        self.register(fd, mask)
    }

    fn register(&mut self, fd: i32, mask: Option<u32>) -> Done {
        let data = self.tick();
        self.control(mask.map(|mask| Control::Add(fd, mask, data)))
    }

    /// `epoll_ctl`: the server must get the answer that the kernel alone would give.
    pub(crate) fn control(&mut self, control: Option<Control>) -> Done {
        let Some(control) = control else { return Ok(()) };
        let fd = control.fd();
        let key = self.files.file(fd).map(|file| (file, fd));
        if let Some(registration) = key.and_then(|key| self.stock.registration(key)) {
            if registration.closed.is_some() {
                // `dup2` has given an orphan its number back. Nobody does that; the shim does not
                // follow it.
                return Ok(());
            }
            self.ledger.hold_ends(registration.serial);
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
        self.forget(fd);
        if let Some(file) = self.files.close(fd) {
            self.kernel.file_ended(file);
            self.stock.file_ended(file);
        }
        Ok(())
    }

    /// The number ends, and its registration is an orphan if another keeps the file open.
    fn forget(&mut self, fd: i32) {
        self.interest.closed(Fd(fd));
        self.claims.closed(Fd(fd));
        self.habits.closed(Fd(fd));
        let now = self.tick();
        let Some(key) = self.files.file(fd).map(|file| (file, fd)) else { return };
        let Some(registration) = self.stock.registration(key) else { return };
        let fetched = self.ledger.last_fetched(registration.serial);
        let is_edge = registration.is_edge();
        let is_quieted = self.kernel.mask(key).is_none_or(|mask| (mask & EDGE != 0) != is_edge);
        self.stock.closed(key, fetched, now);
        if is_quieted {
            // A known gap: it was held, and nobody can ask for it any more.
            self.ledger.saw("quieted orphan");
            self.stock.end(key);
            self.kernel.forget(key);
        }
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
        self.forget(to);
        if let Some(file) = self.files.dup2(from, to) {
            self.kernel.file_ended(file);
            self.stock.file_ended(file);
        }
        Ok(())
    }

    fn enter(&mut self, co: &mut Coroutine, object: usize) -> Done {
        if self.is_out_of_order(co, Rank::Object(object)) {
            return Ok(());
        }
        self.must_wait(co, Want::Object(object))?;
        let busy = self.parked.values().any(|p| p.coroutine.objects.contains(&object));
        if busy && !co.forced {
            return Err(Violation::Shared(format!("object {object}")).into());
        }
        self.claims.entered(object);
        co.objects.push(object);
        Ok(())
    }

    fn leave(&mut self, co: &mut Coroutine, object: usize) -> Done {
        if let Some(position) = co.objects.iter().position(|inside| *inside == object) {
            co.objects.swap_remove(position);
            self.claims.left(object);
        }
        Ok(())
    }

    fn use_region(&mut self, co: &mut Coroutine, region: &Region) -> Done {
        if self.is_out_of_order(co, Rank::Region(region.range.start)) {
            return Ok(());
        }
        self.must_wait(co, Want::Region(region.clone()))?;
        let overlaps = |other: &Region| {
            (other.written || region.written)
                && region.range.clone().any(|address| other.range.contains(&address))
        };
        let busy = self.parked.values().any(|p| p.coroutine.regions.iter().any(overlaps));
        if busy && !co.forced {
            return Err(Violation::Shared(format!("region {region:?}")).into());
        }
        self.claims.uses(region.clone());
        co.regions.push(region.clone());
        Ok(())
    }

    fn lock(&mut self, co: &mut Coroutine, lock: usize, access: Access, only_try: bool) -> Done {
        // One that has it already may have it again, in the same way; another way would be a
        // deadlock with itself. In a circle that was broken by force, the original has nothing to
        // give: it is a deadlock, or an error.
        let is_again = co.holds(lock).is_some();
        let is_upgrade = co.holds(lock).is_some_and(|held| held != access);
        let want = Want::Lock(lock, access);
        let is_early = !is_again && self.is_out_of_order(co, Rank::Lock(lock));
        if is_upgrade || is_early || (co.forced && self.claims.conflicts(&want)) {
            return Ok(());
        }
        if only_try && self.claims.conflicts(&want) {
            self.ledger.saw("busy");
            return Ok(());
        }
        self.must_wait(co, want)?;
        let keeps_out = |(held, how): &(usize, Access)| {
            *held == lock && (*how, access) != (Access::Shared, Access::Shared)
        };
        if self.parked.values().any(|p| p.coroutine.locks.iter().any(keeps_out)) {
            return Err(Violation::Shared(format!("lock {lock}, {access:?}")).into());
        }
        self.claims.locked(lock, access);
        co.locks.push((lock, access));
        Ok(())
    }

    fn unlock(&mut self, co: &mut Coroutine, lock: usize) -> Done {
        let Some(position) = co.locks.iter().rposition(|(held, _)| *held == lock) else {
            return Ok(());
        };
        co.locks.swap_remove(position);
        if self.claims.unlocked(lock) {
            return Err(Violation::Muddled(format!("lock {lock} was another's")).into());
        }
        Ok(())
    }

    fn alone(&mut self, co: &Coroutine) -> Done {
        if self.setting.orderly { Ok(()) } else { self.must_wait(co, Want::Alone) }
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
