//! What a coroutine has to wait for: locks, objects, regions, after `shim/src/api/{locks,objects}`.
//!
//! Who really has what is known from the coroutines themselves; the core has to come to the same.

use interlude_core::claims::{Access, Region, Want};

use crate::hooks::{Done, Stop};
use crate::machine::Machine;
use crate::server::{Coroutine, Rank};
use crate::violation::Violation;

/// Regions start at multiples of this.
pub(crate) const BLOCK: usize = 10;

/// Two coroutines have it.
fn shared(want: &Want) -> Violation {
    let text = format!("{want:?}");
    match want {
        Want::Lock(..) => Violation::SharedLock(text),
        Want::Object(_) => Violation::SharedObject(text),
        Want::Region(_) => Violation::SharedRegion(text),
        Want::Fd(_) => Violation::SharedFd(text),
        Want::Alone => Violation::Muddled(text),
    }
}

impl Machine {
    /// `wait_for`: does a parked coroutine have it, and is there a way to wait?
    pub(crate) fn must_wait(&self, co: &Coroutine, want: Want) -> Done {
        let (is_taken, conflicts) = (self.is_taken(&want), self.claims.conflicts(&want));
        if conflicts && !is_taken {
            return Err(Violation::Muddled(format!("{want:?} is free, and not given")).into());
        }
        if co.forced {
            return Ok(());
        }
        match (self.claims.parked_len() > 0 && conflicts, is_taken) {
            (true, _) => Err(Stop::Want(want)),
            (false, true) => Err(shared(&want).into()),
            (false, false) => Ok(()),
        }
    }

    /// Does a parked coroutine have it?
    fn is_taken(&self, want: &Want) -> bool {
        let mut others = self.parked.values().map(|parked| &parked.coroutine);
        match want {
            Want::Lock(lock, access) => others.any(|other| {
                let both_read = (other.holds(*lock), *access);
                other.holds(*lock).is_some() && both_read != (Some(Access::Shared), Access::Shared)
            }),
            Want::Object(object) => others.any(|other| other.objects.contains(object)),
            Want::Region(region) => others.any(|other| {
                other.regions.iter().any(|theirs| {
                    (theirs.written || region.written)
                        && region.range.clone().any(|address| theirs.range.contains(&address))
                })
            }),
            Want::Fd(fd) => self.parked_owner(fd.0).is_some(),
            Want::Alone => others.next().is_some(),
        }
    }

    /// A call on an object begins.
    pub(crate) fn enter(&mut self, co: &mut Coroutine, object: usize) -> Done {
        if self.is_out_of_order(co, Rank::Object(object)) {
            return Ok(());
        }
        self.must_wait(co, Want::Object(object))?;
        self.claims.entered(object);
        co.objects.push(object);
        Ok(())
    }

    /// It ends.
    pub(crate) fn leave(&mut self, co: &mut Coroutine, object: usize) -> Done {
        if let Some(position) = co.objects.iter().position(|inside| *inside == object) {
            co.objects.swap_remove(position);
            self.claims.left(object);
        }
        Ok(())
    }

    /// A call uses memory until the coroutine ends.
    pub(crate) fn use_region(&mut self, co: &mut Coroutine, region: &Region) -> Done {
        let start = region.range.start;
        if self.is_out_of_order(co, Rank::Region(start)) {
            return Ok(());
        }
        // To have an order, regions must not overlap halfway.
        let end = if self.setting.orderly { start + BLOCK } else { region.range.end };
        let region = Region { range: start..end, ..region.clone() };
        self.must_wait(co, Want::Region(region.clone()))?;
        self.claims.uses(region.clone());
        co.regions.push(region);
        Ok(())
    }

    /// Takes a lock, or tries to.
    pub(crate) fn lock(
        &mut self,
        co: &mut Coroutine,
        lock: usize,
        access: Access,
        only_try: bool,
    ) -> Done {
        // One that has it already may have it again, in the same way; another way would be a
        // deadlock with itself. In a circle that was broken by force, the original has nothing to
        // give: it is a deadlock, or an error.
        let held = co.holds(lock);
        let is_upgrade = held.is_some_and(|held| held != access);
        let is_early = held.is_none() && self.is_out_of_order(co, Rank::Lock(lock));
        let want = Want::Lock(lock, access);
        if is_upgrade || is_early || (co.forced && self.claims.conflicts(&want)) {
            return Ok(());
        }
        match self.must_wait(co, want) {
            Err(Stop::Want(_)) if only_try => {
                self.ledger.saw("busy");
                return Ok(());
            }
            answer => answer?,
        }
        self.claims.locked(lock, access);
        co.locks.push((lock, access));
        Ok(())
    }

    /// Gives a lock back, once.
    pub(crate) fn unlock(&mut self, co: &mut Coroutine, lock: usize) -> Done {
        let Some(position) = co.locks.iter().rposition(|(held, _)| *held == lock) else {
            return Ok(());
        };
        co.locks.swap_remove(position);
        if self.claims.unlocked(lock) {
            return Err(Violation::Muddled(format!("lock {lock} was another's")).into());
        }
        Ok(())
    }

    /// A call that may block the thread.
    pub(crate) fn alone(&mut self, co: &Coroutine) -> Done {
        if self.setting.orderly { Ok(()) } else { self.must_wait(co, Want::Alone) }
    }
}
