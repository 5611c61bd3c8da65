//! The scheduler as the shim drives the core, turn by turn, over the modelled kernel.
//!
//! It follows `shim/src/scheduler/{turn,parked}.rs`: grant, resume, deliver, fetch; only that a
//! turn ends after a fetch, so that a job may be done between an event's fetch and its delivery.
//! Every decision is the core's; what is checked is checked against the stock model.

use std::collections::{BTreeMap, VecDeque};

use interlude_core::claims::{Claims, Rules, Want};
use interlude_core::habit::Habits;
use interlude_core::interest::{EDGE, InterestList, Operation, Token};
use interlude_core::ready::{Delivered, Numbering, Pick, Ready};
use interlude_core::{CoroutineId, Fd};

use crate::files::{Change, Files};
use crate::kernel::{Control, Epoll, Key, Reported};
use crate::ledger::Ledger;
use crate::server::{Coroutine, Tape};
use crate::stock::Stock;
use crate::timers::Timers;
use crate::truth::Truth;
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
pub(crate) enum Answer {
    /// It has what it waited for, or may look again.
    Go,
    /// Everybody waits for somebody.
    Forced,
}

/// A parked coroutine.
#[derive(Debug)]
pub(crate) struct Parked {
    /// What is left of it.
    pub(crate) coroutine: Coroutine,
    /// What it waits for.
    pub(crate) waiting: Waiting,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A coroutine ran, or there is something to look at in the next turn.
    Busy,
    /// There was nothing to do but to sleep.
    Slept,
}

/// How a server is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The rules in force.
    pub(crate) rules: Rules,
    /// Are its timers kept from running beside parked coroutines (C5)?
    pub(crate) timers: bool,
    /// Does the server take things in an order, so that nobody ever waits in a circle?
    pub(crate) orderly: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self { rules: Rules::default(), timers: true, orderly: false }
    }
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
    pub(crate) ready: Ready,
    pub(crate) numbering: Numbering,
    pub(crate) parked: BTreeMap<CoroutineId, Parked>,
    pub(crate) tape: Tape,
    pub(crate) truth: Truth,
    pub(crate) timers: Timers,
    /// From now on, every event is dealt with to its end.
    pub(crate) polite: bool,
    pick: Pick,
    go: VecDeque<(CoroutineId, Answer)>,
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
            ready: Ready::default(),
            numbering: Numbering::default(),
            parked: BTreeMap::new(),
            tape,
            truth: Truth::default(),
            timers: Timers::new(setting.timers),
            polite: false,
            pick: Pick::default(),
            go: VecDeque::new(),
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

    /// The registrations that have outlived their numbers end, by whoever had the files open.
    pub(crate) fn end_orphans(&mut self) {
        for key in self.stock.take_orphans() {
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

    /// One turn of the scheduler, for a wait that takes at most `max` events. With `timer`, a
    /// sleep ends by the server's timeout.
    pub(crate) fn turn(&mut self, max: usize, timer: bool) -> Result<Turn, Violation> {
        self.grant();
        if let Some((id, answer)) = self.go.pop_front() {
            self.resume(id, answer)?;
            return Ok(Turn::Busy);
        }
        if self.is_draining() || self.timer_is_due() {
            return self.drain();
        }
        self.timers.delivers();
        if self.deliver(max)? {
            return Ok(Turn::Busy);
        }
        if self.is_draining() {
            self.ledger.saw("calm");
            return Ok(Turn::Busy);
        }
        if self.in_flight() == 0 && !self.parked.is_empty() {
            self.unlock_cycle()?;
            return Ok(Turn::Busy);
        }
        // Nothing waits to be given out, so what was fetched was given, held or dropped.
        self.ledger.drained();
        if self.fetch(max)? > 0 {
            return Ok(Turn::Busy);
        }
        self.check_idle()?;
        // Beside parked coroutines its timers wait, and it for them, but where it does not sleep at all.
        let is_alone = self.parked.is_empty() || !self.setting.timers;
        if timer && (is_alone || self.timers.hurries()) {
            if !self.timers.hurries() {
                self.timers.sleep();
            }
            self.begin(Vec::new())?;
        }
        Ok(Turn::Slept)
    }

    fn timer_is_due(&self) -> bool {
        !self.parked.is_empty() && self.timers.are_due(!self.ready.is_empty())
    }

    /// Do the server's clocks stand, so that nobody is to be accepted?
    pub(crate) fn look_at_clock(&mut self) {
        let late = !self.parked.is_empty() && self.timers.are_late();
        if late {
            self.ledger.saw("late");
        }
        self.claims.set_late(late);
    }

    /// Does the clock show the server less than it would by itself?
    pub(crate) fn is_fenced(&self) -> bool {
        !self.parked.is_empty() || !self.ready.is_empty()
    }

    fn is_draining(&self) -> bool {
        !self.parked.is_empty() && (self.ready.wants_calm(&self.claims) || !self.claims.is_calm())
    }

    fn drain(&mut self) -> Result<Turn, Violation> {
        self.timers.drain();
        if self.timer_is_due() {
            self.ledger.saw("drained for a timer");
        }
        if self.in_flight() > 0 {
            return Ok(Turn::Slept);
        }
        self.unlock_cycle()?;
        Ok(Turn::Busy)
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

    /// Gives the server its next events. False if there are none for it.
    fn deliver(&mut self, max: usize) -> Result<bool, Violation> {
        if self.ready.is_empty() {
            return Ok(false);
        }
        self.look_at_clock();
        let (events, only_stale) = self.pick(max, false)?;
        if events.is_empty() && !only_stale {
            return Ok(false);
        }
        self.begin(events)?;
        Ok(true)
    }

    /// Picks events for the server, for a nested wait without regard to habits. Says, too, whether
    /// there were events, and all of them of registrations that are gone.
    pub(crate) fn pick(
        &mut self,
        max: usize,
        is_nested: bool,
    ) -> Result<(Vec<Delivered>, bool), Violation> {
        let mut pick = std::mem::take(&mut self.pick);
        let habits = (!is_nested).then_some(&self.habits);
        self.ready.pick(&mut self.interest, &self.claims, habits, max, &mut pick);
        self.saw_pick(&pick);
        for operation in pick.operations.drain(..) {
            self.apply(operation)?;
        }
        for event in &pick.events {
            let (key, fetched) = self.ledger.delivered(*event, &self.stock)?;
            // It may have been held when it was fetched: a listener's, while the clocks were late.
            if let Some(registration) = self.stock.registration(key) {
                self.ledger.hold_ends(registration.serial);
            }
            self.stock.delivered(key, fetched)?;
            self.check_unowned(event.fd)?;
            self.check_unlinked(event.fd)?;
        }
        let events = std::mem::take(&mut pick.events);
        let only_stale = pick.stale > 0 && pick.held == 0 && self.ready.is_empty();
        self.pick = pick;
        Ok((events, only_stale))
    }

    fn saw_pick(&mut self, pick: &Pick) {
        for operation in &pick.operations {
            self.ledger.saw(match operation {
                Operation::Modify(_, mask, _) if mask & EDGE != 0 => "quieted",
                Operation::Delete(_) => "taken out",
                _ => "unknown operation",
            });
        }
        for (what, count) in [
            ("only dropped", pick.held.saturating_sub(pick.operations.len())),
            ("stale", pick.stale),
            ("batch", usize::from(pick.events.len() > 1)),
            ("alone", usize::from(pick.events.len() == 1)),
            ("orphan", pick.events.iter().filter(|event| event.fd == Fd(-1)).count()),
        ] {
            (0..count).for_each(|_| self.ledger.saw(what));
        }
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

    /// C2: nor for one that works together with such an fd.
    fn check_unlinked(&self, fd: Fd) -> Result<(), Violation> {
        let Some(opening) = self.files.opening(fd.0) else { return Ok(()) };
        for (id, parked) in &self.parked {
            let owned = parked.coroutine.owns.iter().filter(|o| !self.ledger.is_excused(**o));
            let mut owned = owned.filter(|(fd, o)| self.files.opening(*fd) == Some(*o));
            if let Some(partner) = owned.find(|o| self.truth.are_linked(**o, (fd.0, opening))) {
                let text = format!("{fd:?} beside coroutine {}, which has {partner:?}", id.0);
                return Err(Violation::LinkedFds(text));
            }
        }
        Ok(())
    }

    /// A parked coroutine that owns `fd` as it is open now.
    pub(crate) fn parked_owner(&self, fd: i32) -> Option<((i32, u64), CoroutineId)> {
        let owned = (fd, self.files.opening(fd)?);
        let owner = self.parked.iter().find(|(_, p)| p.coroutine.owns.contains(&owned));
        owner.map(|(id, _)| (owned, *id))
    }

    /// Asks the kernel. Returns how many events it had.
    pub(crate) fn fetch(&mut self, max: usize) -> Result<usize, Violation> {
        let at = self.tick();
        let events = self.kernel.wait(&self.files, max);
        let fetch = self.interest.fetch();
        for reported in &events {
            self.check_fetched(reported, at)?;
            self.ready.push(Token(reported.data), reported.flags, fetch);
        }
        Ok(events.len())
    }

    /// The kernel may only be made to report what it would report by itself.
    fn check_fetched(&mut self, reported: &Reported, at: u64) -> Result<(), Violation> {
        let Reported { key, flags, .. } = *reported;
        let expected = self.stock.reports(&self.files, key);
        let Some(registration) = self.stock.registration(key) else {
            return Err(Violation::Muddled(format!("{key:?} is not registered")));
        };
        let whole = self.files.poll(key.0) & registration.wanted();
        let is_whole = self.ledger.has_rest(registration.serial) && flags == whole;
        if flags != expected && !is_whole {
            return Err(Violation::Doubled(format!("fd {}: {flags:#x}, not {expected:#x}", key.1)));
        }
        let (serial, is_open) = (registration.serial, registration.closed.is_none());
        self.ledger.fetched(serial, flags, at);
        if is_open && self.claims.is_busy(Fd(key.1)) {
            self.ledger.fetched_while_owned(key.1, serial)?;
        }
        Ok(())
    }

    /// The kernel has nothing: nothing may be owed, but for what is held; and the core's idea of
    /// who owns what must be right.
    pub(crate) fn check_idle(&self) -> Result<(), Violation> {
        for fd in self.files.numbers() {
            let is_owned = self.setting.rules.own_fd && self.parked_owner(fd).is_some();
            if is_owned != self.claims.is_owned(Fd(fd)) {
                return Err(Violation::Muddled(format!("fd {fd}: is it owned? {is_owned}")));
            }
        }
        for key in self.stock.keys() {
            let owed = self.stock.owes(&self.files, key);
            if owed != 0 && !self.is_held_back(key) {
                return Err(Violation::Lost(format!("fd {}: {owed:#x} is owed", key.1)));
            }
        }
        Ok(())
    }

    /// May the events of a registration wait for a parked coroutine?
    pub(crate) fn is_held_back(&self, key: Key) -> bool {
        // A listener that was held since the clocks were late is asked for when the next coroutine ends.
        let is_held = !self.parked.is_empty() && self.ready.held().any(|fd| fd.0 == key.1);
        self.files.file(key.1) == Some(key.0) && (is_held || self.claims.is_busy(Fd(key.1)))
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
}
