//! What goes into a run, and when, over a made-up runtime. Times are told to the trial, not measured: a row alone
//! takes for ever, or next to nothing.

mod helpers;
mod runtime;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use interlude_onnx::{Names, Request, Session, SessionPtr, View};

use super::*;
use crate::{JobKind, Ticket};
use runtime::Model;

const CONFIG: OnnxConfig = OnnxConfig { batch: 4, tolerance: 0.0, on_stack: |body| body() };

struct Bench {
    engine: Onnx,
    model: &'static Model,
    profile: Arc<Profile>,
    works: Vec<Arc<Work<Inference>>>,
}

impl Bench {
    fn over(engine: Onnx) -> Self {
        let model = Model::lasting();
        let session = Session::read(runtime::api(), pointer(model)).ok().unwrap();
        let (names, rows) = (names(), [[0.0; 2]]);
        let (_, profile) = with_view(&rows, |view| {
            session.profile(&names, std::slice::from_ref(view)).map(|(profile, _)| profile)
        });
        Self { engine, model, profile: profile.unwrap(), works: Vec::new() }
    }

    /// One row with these numbers.
    fn request(&self, number: f32) -> Arc<Request> {
        let rows = [[number, -number]];
        let (tensor, _) = with_view(&rows, |_| ());
        let session = (runtime::api(), pointer(self.model));
        // SAFETY: no options, and the model stays.
        Arc::new(unsafe { Request::new(session, std::ptr::null(), names(), vec![tensor]) })
    }

    fn submit(&mut self) {
        let request = self.request(self.works.len() as f32);
        let shares = Some((Arc::clone(&self.profile), 1));
        assert!(self.give(Inference::new(request, shares)));
    }

    /// One that is to be run by itself.
    fn submit_alone(&mut self) -> bool {
        let request = self.request(self.works.len() as f32);
        self.give(Inference::alone(request, Some((Arc::clone(&self.profile), 1))))
    }

    fn give(&mut self, inference: Inference) -> bool {
        let work = Arc::new(Work::new(inference));
        let ticket = Ticket(self.works.len() as u64);
        let job = Job { ticket, kind: JobKind::Infer, bytes: 8, task: work.clone() };
        self.works.push(work);
        self.engine.submit(job).is_ok()
    }

    /// Tickets, and whether they were declined, in their order.
    fn poll(&mut self) -> Vec<(u64, bool)> {
        let mut done = Vec::new();
        self.engine.poll(usize::MAX, &mut done);
        let mut done: Vec<_> =
            done.into_iter().map(|done| (done.ticket.0, done.is_declined())).collect();
        done.sort_unstable();
        done
    }

    fn runs(&mut self) -> Vec<(Way, usize)> {
        let mut runs = Vec::new();
        self.engine.take_runs(&mut runs);
        runs.into_iter().map(|run| (run.way, run.requests)).collect()
    }

    /// The rows of each run of the model, since this was last asked.
    fn rows(&self) -> Vec<usize> {
        std::mem::take(&mut self.model.runs.lock().unwrap())
    }

    /// Was it answered with what it asked for?
    fn is_right(&self, index: usize) -> bool {
        let Some(mut done) = self.works[index].take() else { return false };
        let Some(Ok(values)) = done.call.take_results() else { return false };
        let expected = [2.0 * index as f32, -2.0 * index as f32].map(f32::to_le_bytes).concat();
        values[0].view().ok().unwrap().unwrap().bytes() == expected
    }

    /// Together is proved by now, and a row alone takes long.
    fn gains(mut self) -> Self {
        for _ in 0..3 {
            (0..2).for_each(|_| self.submit());
            self.engine.flush();
            while self.poll().is_empty() {
                self.engine.sleep(None);
            }
        }
        assert_eq!(self.runs(), [(Way::Prove, 2); 3]);
        assert_eq!(self.rows(), [1, 1, 2].repeat(3));
        assert!((0..6).all(|index| self.is_right(index)));
        let slowly =
            |_| self.profile.with(|trial| trial.ran_alone(1, Duration::from_secs(1 << 10)));
        (0..1000).for_each(slowly);
        self.works.clear();
        self
    }

    /// Of that, together takes longer.
    fn loses(self) -> Self {
        let bench = self.gains();
        let slow = |rows| {
            let run = |_| {
                bench.profile.with(|trial| trial.ran_together(rows, Duration::from_secs(1 << 20)));
            };
            (0..1000).for_each(run);
        };
        (2..=4).for_each(slow);
        // So many runs would be proved again.
        bench.profile.with(|trial| trial.proved(0, true));
        bench
    }
}

fn pointer(model: &'static Model) -> SessionPtr {
    // SAFETY: what the made-up runtime takes for a session; it stays.
    unsafe { SessionPtr::new(std::ptr::from_ref(model).cast_mut().cast()) }
}

fn names() -> Names {
    Names::new([c"x"], [c"y"])
}

fn with_view<T>(
    rows: &[[f32; 2]],
    body: impl FnOnce(&View<'_>) -> T,
) -> (interlude_onnx::Tensor, T) {
    let value = runtime::value(rows);
    // SAFETY: a value of the made-up runtime's, over rows that stay during this.
    let view = unsafe { View::of(runtime::api(), value) }.ok().unwrap().unwrap();
    let both = (view.to_tensor(), body(&view));
    // SAFETY: made above, and used no more.
    unsafe { runtime::release(value) };
    both
}

fn here() -> Bench {
    Bench::over(Onnx::new(CONFIG))
}

#[test]
fn what_waits_is_run_together_when_there_is_nothing_else_to_do() {
    let mut bench = here().gains();
    (0..3).for_each(|_| bench.submit());
    assert_eq!(bench.poll(), []);
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, false), (1, false), (2, false)]);
    assert_eq!((bench.runs(), bench.rows()), (vec![(Way::Together, 3)], vec![3]));
    assert!((0..3).all(|index| bench.is_right(index)));
}

#[test]
fn as_many_as_may_be_in_a_run_are_run_at_once_and_one_more_waits() {
    let mut bench = here().gains();
    (0..5).for_each(|_| bench.submit());
    assert_eq!(bench.poll(), (0..4).map(|ticket| (ticket, false)).collect::<Vec<_>>());
    assert_eq!((bench.runs(), bench.rows()), (vec![(Way::Together, 4)], vec![4]));
    bench.engine.flush();
    assert_eq!((bench.poll(), bench.rows()), (vec![(4, false)], vec![1]));
}

#[test]
fn what_is_better_run_apart_goes_back_and_the_next_ones_are_not_asked_about() {
    let mut bench = here().loses();
    (0..3).for_each(|_| bench.submit());
    bench.engine.flush();
    assert_eq!(bench.poll(), [(0, true), (1, true), (2, true)]);
    assert_eq!((bench.runs(), bench.rows()), (vec![(Way::Apart, 3)], vec![]));
    assert!(bench.profile.rests());
}

#[test]
fn without_helpers_one_that_is_to_be_alone_is_refused() {
    let mut bench = here();
    assert!(!bench.submit_alone());
}

#[test]
fn a_run_that_panics_answers_all_of_its_jobs() {
    let panics = OnnxConfig { on_stack: |_| panic!("no stack"), ..CONFIG };
    let mut bench = Bench::over(Onnx::new(panics));
    (0..3).for_each(|_| bench.submit());
    assert!(catch_unwind(AssertUnwindSafe(|| bench.engine.flush())).is_err());
    assert_eq!(bench.poll(), [(0, false), (1, false), (2, false)]);
    assert!(bench.works[0].take().is_none());
}
