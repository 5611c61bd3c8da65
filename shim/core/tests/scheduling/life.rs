//! The life of a coroutine: it begins with events, runs, parks, goes on, and ends.

use interlude_core::claims::Want;
use interlude_core::ready::Delivered;
use interlude_core::{CoroutineId, Fd};

use crate::hooks::Stop;
use crate::machine::{Answer, Machine, Parked, Waiting};
use crate::server::{Action, Coroutine, Step};
use crate::violation::Violation;

impl Machine {
    /// A new coroutine takes these events; none, after a timeout.
    pub(crate) fn begin(&mut self, events: Vec<Delivered>) -> Result<(), Violation> {
        let id = self.numbering.take();
        self.claims.begin(events.iter().map(|event| event.fd));
        let mut coroutine = Coroutine::new(id, events);
        for event in &coroutine.events {
            let event = self.files.opening(event.fd.0).map(|opening| (event.fd.0, opening));
            coroutine.owns.extend(event);
            let actions = if self.polite { vec![Action::Finish] } else { self.tape.take() };
            coroutine.steps.extend(actions.into_iter().map(|action| Step { action, event }));
        }
        if coroutine.events.is_empty() && !self.polite {
            let actions = self.tape.take().into_iter();
            coroutine.steps.extend(actions.map(|action| Step { action, event: None }));
        }
        let beside = self.is_fenced();
        self.timers.begin(beside);
        self.run(coroutine)
    }

    /// A parked coroutine goes on.
    pub(crate) fn resume(&mut self, id: CoroutineId, answer: Answer) -> Result<(), Violation> {
        let Some(Parked { mut coroutine, .. }) = self.parked.remove(&id) else {
            return Err(Violation::Muddled(format!("coroutine {} is not parked", id.0)));
        };
        self.claims.resume(id);
        self.timers.resumes();
        coroutine.has_parked = true;
        coroutine.forced = answer == Answer::Forced;
        self.run(coroutine)
    }

    fn run(&mut self, mut coroutine: Coroutine) -> Result<(), Violation> {
        while let Some(step) = coroutine.steps.pop_front() {
            match self.act(&mut coroutine, &step) {
                Ok(()) => coroutine.forced = false,
                Err(Stop::Job) => return self.park(coroutine, Waiting::Job),
                Err(Stop::Want(want)) => {
                    coroutine.steps.push_front(step);
                    return self.park(coroutine, Waiting::Want(want));
                }
                Err(Stop::Wrong(violation)) => return Err(violation),
            }
        }
        self.end(coroutine)
    }

    fn park(&mut self, coroutine: Coroutine, waiting: Waiting) -> Result<(), Violation> {
        if waiting == Waiting::Job {
            coroutine.events.iter().for_each(|event| self.habits.parked(event.fd));
        }
        let id = coroutine.id;
        let mine = coroutine.owns.iter().filter(|(fd, o)| self.files.opening(*fd) == Some(*o));
        let mine: Vec<Fd> = mine.map(|(fd, _)| Fd(*fd)).collect();
        let published = self.claims.park(id);
        self.timers.parked(self.parked.is_empty());
        if published.iter().filter(|fd| fd.0 >= 0).ne(&mine) {
            return Err(Violation::Muddled(format!("{mine:?} published as {published:?}")));
        }
        let linked = |fd| self.claims.is_busy(Fd(fd)) && !self.claims.is_owned(Fd(fd));
        if self.files.numbers().any(linked) {
            self.ledger.saw("linked");
        }
        self.ledger.saw(match &waiting {
            Waiting::Job => "job",
            Waiting::Want(Want::Lock(..)) => "wait for a lock",
            Waiting::Want(Want::Object(_)) => "wait for an object",
            Waiting::Want(Want::Region(_)) => "wait for a region",
            Waiting::Want(Want::Fd(_)) => "wait for an fd",
            Waiting::Want(Want::Alone) => "wait to be alone",
            Waiting::Nothing => "wait for nothing",
        });
        self.parked.insert(id, Parked { coroutine, waiting });
        Ok(())
    }

    fn holds_end(&mut self) {
        let free = self.stock.keys().filter(|key| !self.is_held_back(*key));
        let free: Vec<_> = free.filter_map(|key| self.stock.registration(key)).collect();
        for registration in free {
            self.ledger.hold_ends(registration.serial);
        }
    }

    /// Held fds that are busy no more are asked for again.
    pub(crate) fn release_held(&mut self) -> Result<(), Violation> {
        self.look_at_clock();
        for operation in self.ready.release(&mut self.interest, &self.claims) {
            self.ledger.saw("released");
            self.apply(operation)?;
        }
        self.holds_end();
        Ok(())
    }

    /// The coroutine is back at its loop, and has given back what it held.
    fn end(&mut self, coroutine: Coroutine) -> Result<(), Violation> {
        for (lock, _) in &coroutine.locks {
            if self.claims.unlocked(*lock) {
                return Err(Violation::Muddled(format!("lock {lock} was another's")));
            }
        }
        coroutine.objects.iter().for_each(|object| self.claims.left(*object));
        self.claims.begin([]);
        if self.timers.end(self.parked.len())? > 0 {
            self.ledger.saw("timer");
        }
        if coroutine.has_parked || self.ready.held_len() > 0 {
            self.release_held()?;
        }
        if !coroutine.has_parked {
            coroutine.events.iter().for_each(|event| self.habits.quiet(event.fd));
        }
        self.holds_end();
        Ok(())
    }
}
