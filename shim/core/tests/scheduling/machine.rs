//! The scheduler as the shim drives the core, turn by turn, over the modelled kernel.
//!
//! It follows `shim/src/scheduler/{turn,parked}.rs`: grant, resume, deliver, fetch; only that a
//! turn ends after a fetch, so that a job may be done between an event's fetch and its delivery.
//! Every decision is the core's; what is checked is checked against the stock model.

use std::collections::{BTreeMap, VecDeque};

use interlude_core::claims::{Claims, Rules, Want};
use interlude_core::habit::Habits;
use interlude_core::interest::{InterestList, Operation, Token};
use interlude_core::ready::{Numbering, Pick, Ready};
use interlude_core::{CoroutineId, Fd};

use crate::files::{Change, Files};
use crate::hooks::Stop;
use crate::kernel::{Control, Epoll};
use crate::ledger::Ledger;
use crate::server::{Action, Coroutine, Step, Tape};
use crate::stock::Stock;
use crate::violation::Violation;

/// What a parked coroutine waits for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Its job.
    Job,
    /// Something that another has.
    Want(Want),
    /// Nothing any more.
    Nothing,
}

/// Why a coroutine goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Go,
    Forced,
}

#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) coroutine: Coroutine,
    waiting: Waiting,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A coroutine ran, or there is something to look at in the next turn.
    Busy,
    /// There was nothing to do but to sleep.
    Slept,
}

/// The settings of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The rules in force.
    pub(crate) rules: Rules,
    /// Does the server take things in an order, so that nobody ever waits in a circle?
    pub(crate) orderly: bool,
    /// The server's `maxevents`.
    pub(crate) max: usize,
}

/// A server on the core, on the modelled kernel.
pub(crate) struct Machine {
    pub(crate) setting: Setting,
    pub(crate) files: Files,
    pub(crate) kernel: Epoll,
    pub(crate) stock: Stock,
    pub(crate) ledger: Ledger,
    pub(crate) interest: InterestList,
    pub(crate) claims: Claims,
    pub(crate) habits: Habits,
    pub(crate) parked: BTreeMap<CoroutineId, Parked>,
    /// From now on, every event is dealt with to its end.
    pub(crate) polite: bool,
    ready: Ready,
    pick: Pick,
    numbering: Numbering,
    go: VecDeque<(CoroutineId, Answer)>,
    tape: Tape,
    now: u64,
}

impl Machine {
    pub(crate) fn new(setting: Setting, tape: Tape) -> Self {
        Self {
            setting,
            files: Files::default(),
            kernel: Epoll::default(),
            stock: Stock::default(),
            ledger: Ledger::default(),
            interest: InterestList::default(),
            claims: Claims::new(setting.rules),
            habits: Habits::default(),
            parked: BTreeMap::new(),
            polite: false,
            ready: Ready::default(),
            pick: Pick::default(),
            numbering: Numbering::default(),
            go: VecDeque::new(),
            tape,
            now: 0,
        }
    }

    /// The time: each call is later than the one before.
    pub(crate) fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Something happens to the file of the `index`th fd.
    pub(crate) fn change(&mut self, index: u8, change: Change) {
        let file = self.files.nth(index.into()).and_then(|fd| self.files.file(fd));
        let Some(file) = file else { return };
        let Some(key) = self.files.change(file, change) else { return };
        self.kernel.wake(file, key);
        let now = self.tick();
        for serial in self.stock.wake(file, key, now) {
            self.ledger.woken(serial);
        }
    }

    /// Registrations that have outlived their numbers end, by whoever had the file open.
    pub(crate) fn forget_left_behind(&mut self) {
        for key in self.stock.take_left_behind() {
            self.ledger.saw("left behind");
            self.kernel.forget(key);
        }
    }

    /// The `index`th job in flight is done.
    pub(crate) fn complete(&mut self, index: usize) {
        let jobs = self.in_flight();
        let mut waiting = self.parked.iter_mut().filter(|(_, p)| p.waiting == Waiting::Job);
        if let Some((id, parked)) = waiting.nth(index % jobs.max(1)) {
            parked.waiting = Waiting::Nothing;
            self.go.push_back((*id, Answer::Go));
        }
    }

    /// One turn of the scheduler. With `timer`, a sleep ends by the server's timeout.
    pub(crate) fn turn(&mut self, timer: bool) -> Result<Turn, Violation> {
        self.grant();
        if let Some((id, answer)) = self.go.pop_front() {
            self.resume(id, answer)?;
            return Ok(Turn::Busy);
        }
        if self.deliver()? {
            return Ok(Turn::Busy);
        }
        if self.in_flight() == 0 && !self.parked.is_empty() {
            self.unlock_cycle()?;
            return Ok(Turn::Busy);
        }
        let (live, stale) = self.fetch()?;
        if live > 0 || stale >= self.setting.max {
            return Ok(Turn::Busy);
        }
        self.check_idle()?;
        if timer {
            self.begin(Vec::new())?;
        }
        Ok(Turn::Slept)
    }

    fn in_flight(&self) -> usize {
        self.parked.values().filter(|parked| parked.waiting == Waiting::Job).count()
    }

    fn grant(&mut self) {
        for (id, parked) in &mut self.parked {
            if let Waiting::Want(want) = &parked.waiting
                && !self.claims.conflicts_for(*id, want)
            {
                parked.waiting = Waiting::Nothing;
                self.go.push_back((*id, Answer::Go));
            }
        }
    }

    fn unlock_cycle(&mut self) -> Result<(), Violation> {
        if self.setting.orderly {
            let waiting: Vec<_> = self.parked.iter().map(|(id, p)| (id.0, &p.waiting)).collect();
            return Err(Violation::Endless(format!("nobody can go on: {waiting:?}")));
        }
        if let Some((id, parked)) = self.parked.iter_mut().next() {
            parked.waiting = Waiting::Nothing;
            self.go.push_back((*id, Answer::Forced));
            self.ledger.saw("forced");
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<bool, Violation> {
        if self.ready.is_empty() {
            return Ok(false);
        }
        let mut pick = std::mem::take(&mut self.pick);
        let (interest, claims) = (&mut self.interest, &self.claims);
        self.ready.pick(interest, claims, &self.habits, self.setting.max, &mut pick);
        for operation in pick.operations.drain(..) {
            self.apply(operation)?;
        }
        for _ in 0..pick.stale {
            self.ledger.saw("stale");
        }
        for event in &pick.events {
            let fetched = self.ledger.delivered(*event, &self.stock)?;
            self.stock.delivered(event.fd.0, fetched)?;
            self.check_unowned(event.fd)?;
        }
        let events = std::mem::take(&mut pick.events);
        self.pick = pick;
        if events.is_empty() {
            return Ok(false);
        }
        self.ledger.saw(if events.len() > 1 { "batch" } else { "alone" });
        self.begin(events)?;
        Ok(true)
    }

    /// C1: no event for an fd that a parked coroutine owns.
    fn check_unowned(&self, fd: Fd) -> Result<(), Violation> {
        match self.parked_owner(fd.0) {
            Some((owned, other)) if !self.ledger.is_excused(owned) => Err(Violation::SharedFd(
                format!("an event of fd {} beside coroutine {}", fd.0, other.0),
            )),
            _ => Ok(()),
        }
    }

    /// A parked coroutine that owns `fd` as it is open now.
    pub(crate) fn parked_owner(&self, fd: i32) -> Option<((i32, u64), CoroutineId)> {
        let owned = (fd, self.files.opening(fd)?);
        let owner = self.parked.iter().find(|(_, p)| p.coroutine.owns.contains(&owned));
        owner.map(|(id, _)| (owned, *id))
    }

    /// Asks the kernel. Returns how many events are of registrations that are there, and how many
    /// are not.
    fn fetch(&mut self) -> Result<(usize, usize), Violation> {
        // Nothing waits to be given out, so what was fetched was given, held or dropped.
        self.ledger.drained();
        let at = self.tick();
        let (mut live, mut stale) = (0, 0);
        for reported in self.kernel.wait(&self.files, self.setting.max) {
            let (file, fd) = reported.key;
            let is_live = self.files.file(fd) == Some(file);
            let serial = self.stock.registration(fd).filter(|_| is_live).map(|r| r.serial);
            if let Some(serial) = serial {
                live += 1;
                let owed = self.stock.owes(&self.files, fd);
                if owed != reported.flags {
                    return Err(Violation::Doubled(format!(
                        "fd {fd}: the kernel was made to report {:#x}, owed is {owed:#x}",
                        reported.flags
                    )));
                }
                if self.claims.is_owned(Fd(fd)) {
                    self.ledger.fetched_while_owned(fd, serial)?;
                }
            } else {
                stale += 1;
            }
            self.ledger.fetched(fd, serial, reported.flags, at);
            self.ready.push(Token(reported.data), reported.flags);
        }
        Ok((live, stale))
    }

    /// The kernel has nothing: nothing may be owed, but for what is held; and the core's idea of
    /// who owns what must be right.
    fn check_idle(&self) -> Result<(), Violation> {
        for fd in self.files.numbers() {
            let owner = self.parked_owner(fd);
            let is_owned = owner.is_some() && self.setting.rules.own_fd;
            if is_owned != self.claims.is_owned(Fd(fd)) {
                return Err(Violation::Muddled(format!("fd {fd}: owned by {owner:?}")));
            }
            let owed = self.stock.owes(&self.files, fd);
            if owed != 0 && !is_owned {
                return Err(Violation::Lost(format!("fd {fd}: {owed:#x} is owed")));
            }
        }
        Ok(())
    }

    /// Tells the kernel. In this model every close is seen, so nothing can be refused.
    pub(crate) fn apply(&mut self, operation: Operation) -> Result<(), Violation> {
        let control = match operation {
            Operation::Add(fd, mask, token) => Control::Add(fd.0, mask, token.0),
            Operation::Modify(fd, mask, token) => Control::Modify(fd.0, mask, token.0),
            Operation::Delete(fd) => Control::Delete(fd.0),
        };
        self.kernel
            .control(&self.files, control)
            .map_err(|errno| Violation::Muddled(format!("{operation:?}: {errno:?}")))
    }

    /// A new coroutine takes these events; none, after a timeout.
    pub(crate) fn begin(
        &mut self,
        events: Vec<interlude_core::ready::Delivered>,
    ) -> Result<(), Violation> {
        let id = self.numbering.take();
        self.claims.begin(events.iter().map(|event| event.fd));
        let mut coroutine = Coroutine::new(id, events);
        for event in &coroutine.events {
            let Some(opening) = self.files.opening(event.fd.0) else { continue };
            let event = Some((event.fd.0, opening));
            coroutine.owns.extend(event);
            let actions = if self.polite { vec![Action::Finish] } else { self.tape.take() };
            coroutine.steps.extend(actions.into_iter().map(|action| Step { action, event }));
        }
        if coroutine.events.is_empty() && !self.polite {
            let actions = self.tape.take().into_iter();
            coroutine.steps.extend(actions.map(|action| Step { action, event: None }));
        }
        self.run(coroutine)
    }

    fn resume(&mut self, id: CoroutineId, answer: Answer) -> Result<(), Violation> {
        let Some(Parked { mut coroutine, .. }) = self.parked.remove(&id) else {
            return Err(Violation::Muddled(format!("coroutine {} is not parked", id.0)));
        };
        self.claims.resume(id);
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
        if published != mine {
            return Err(Violation::Muddled(format!("{mine:?} published as {published:?}")));
        }
        self.ledger.saw(match &waiting {
            Waiting::Job => "job",
            Waiting::Want(Want::Lock(..)) => "wait for a lock",
            Waiting::Want(Want::Object(_)) => "wait for an object",
            Waiting::Want(Want::Region(_)) => "wait for a region",
            Waiting::Want(Want::Fd(_)) => "wait for an fd",
            Waiting::Want(Want::Alone) => "wait to be alone",
            Waiting::Nothing => "nothing",
        });
        self.parked.insert(id, Parked { coroutine, waiting });
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
        if coroutine.has_parked || self.ready.held_len() > 0 {
            for operation in self.ready.release(&mut self.interest, &self.claims) {
                self.ledger.saw("released");
                self.apply(operation)?;
            }
        }
        if !coroutine.has_parked {
            coroutine.events.iter().for_each(|event| self.habits.quiet(event.fd));
        }
        let free = self.stock.numbers().filter(|fd| !self.claims.is_owned(Fd(*fd)));
        for registration in free.filter_map(|fd| self.stock.registration(fd)) {
            self.ledger.hold_ends(registration.serial);
        }
        Ok(())
    }
}
