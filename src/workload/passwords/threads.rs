//! The threads that passwords are hashed on: they let everybody else go first, and go from one hash to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread::Builder;
use std::time::Duration;

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Who goes before such a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Everybody: whoever is woken goes on at once. Where all cores are busy it is hardly ever the turn of such a thread.
    Last,
    /// Whoever waits, but for a tenth of a busy core.
    Back,
}

/// How far a thread stands back that is to have a tenth of a busy core (setpriority(2)).
const NICE: i32 = 10;

/// How long work waits for a thread that goes last. Where it is not its turn by then, all cores are busy.
const SOON: Duration = Duration::from_millis(50);

/// What a thread does, which gives what follows when the thread can be had again.
pub(super) type Work = Box<dyn FnOnce() -> Answer + Send>;
pub(super) type Answer = Box<dyn FnOnce()>;

/// Threads for as much work at once as there are permits.
pub(super) struct Hashers {
    last: Threads,
    back: Threads,
}

impl Hashers {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            last: Threads::new(Standing::Last, permits),
            back: Threads::new(Standing::Back, permits),
        }
    }

    /// Does `work`, which answers to `working`; none if there is no thread for it, or if it fails.
    pub(super) async fn run<T>(&self, work: Work, mut working: oneshot::Receiver<T>) -> Option<T> {
        let offered = Arc::new(Mutex::new(Some(work)));
        let offer = Arc::clone(&offered);
        let taken = move || {
            let work = lock(&offer).take();
            // Whoever comes too late finds nothing.
            work.map_or_else(|| Box::new(|| ()) as Answer, |it| it())
        };
        if self.last.run(Box::new(taken)).is_ok()
            && let Ok(done) = timeout(SOON, &mut working).await
        {
            return done.ok();
        }
        let left = lock(&offered).take();
        if let Some(work) = left {
            self.back.run(work).ok()?;
        }
        working.await.ok()
    }
}

type Idle = Mutex<Vec<mpsc::Sender<Work>>>;

/// As many threads as ever worked at once. Whoever is woken while a thread begins waits for some milliseconds, however far that stands
/// back then, so that none begins for each hash.
struct Threads {
    standing: Standing,
    idle: Arc<Idle>,
    /// Held by each thread.
    begun: Arc<()>,
    most: usize,
}

impl Threads {
    fn new(standing: Standing, most: usize) -> Self {
        Self {
            standing,
            idle: Arc::default(),
            begun: Arc::default(),
            most,
        }
    }

    /// Does `work` on a thread that has nothing to do, or else on a new one; gives it back if there are too many.
    fn run(&self, mut work: Work) -> Result<(), Work> {
        while let Some(thread) = self.idle_one() {
            match thread.send(work) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(unsent)) => work = unsent,
            }
        }
        if Arc::strong_count(&self.begun) > self.most {
            return Err(work);
        }
        let (sender, receiver) = mpsc::channel();
        let (standing, idle) = (self.standing, Arc::downgrade(&self.idle));
        let begun = Arc::clone(&self.begun);
        let thread = Builder::new().name("password".to_owned());
        let thread = thread.spawn(move || {
            step_back(standing);
            serve(receiver, &idle);
            drop(begun);
        });
        if let Err(error) = thread {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "no thread for a password");
            return Err(work);
        }
        sender.send(work).map_err(|mpsc::SendError(unsent)| unsent)
    }

    fn idle_one(&self) -> Option<mpsc::Sender<Work>> {
        lock(&self.idle).pop()
    }
}

/// Works until nobody can bring work any more.
fn serve(mut work: mpsc::Receiver<Work>, idle: &Weak<Idle>) {
    while let Ok(next) = work.recv() {
        let answer = next();
        let (sender, receiver) = mpsc::channel();
        if let Some(idle) = idle.upgrade() {
            lock(&idle).push(sender);
        }
        answer();
        work = receiver;
    }
}

/// Lets other threads go before this one; where it may not go last it stands back.
fn step_back(standing: Standing) {
    if standing == Standing::Last {
        let last = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        match set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, last) {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "the thread of a password does not go last"),
        }
    }
    let this = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(this), NICE) {
        tracing::debug!(%error, "the thread of a password does not stand back");
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    fn thread_of_one(threads: &Threads) -> ThreadId {
        let (sender, receiver) = mpsc::channel();
        let answer = move || sender.send(thread::current().id()).unwrap();
        assert!(threads.run(Box::new(|| Box::new(answer))).is_ok());
        receiver.recv().unwrap()
    }

    #[test]
    fn one_thread_does_one_piece_of_work_after_the_other() {
        let threads = Threads::new(Standing::Last, 1);
        let first = thread_of_one(&threads);
        for _ in 0..20 {
            assert_eq!(thread_of_one(&threads), first);
        }
        assert_ne!(first, thread::current().id());
    }

    #[test]
    fn a_thread_that_panics_is_replaced() {
        let threads = Threads::new(Standing::Last, 1);
        assert!(threads.run(Box::new(|| panic!("of a test"))).is_ok());
        while Arc::strong_count(&threads.begun) > 1 {
            thread::yield_now();
        }
        thread_of_one(&threads);
    }

    #[test]
    fn threads_end_with_who_has_them() {
        let threads = Threads::new(Standing::Last, 1);
        thread_of_one(&threads);
        let idle = Arc::downgrade(&threads.idle);
        drop(threads);
        assert!(idle.upgrade().is_none());
    }

    #[tokio::test]
    async fn work_is_not_left_to_threads_whose_turn_it_is_not() {
        let hashers = Hashers::new(1);
        let (never, _unread) = mpsc::channel();
        lock(&hashers.last.idle).push(never);
        // The next finds no thread that goes last at all.
        let _begun = Arc::clone(&hashers.last.begun);
        for expected in 0..2 {
            let (done, working) = oneshot::channel();
            let answer = move || assert!(done.send(expected).is_ok());
            let work: Work = Box::new(|| Box::new(answer));
            assert_eq!(hashers.run(work, working).await, Some(expected));
        }
    }
}
