//! The threads that passwords are hashed on: they let everybody else go first, and go from one hash to the next.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread::Builder;

/// How far such a thread stands back: a busy core gives it a tenth, and nobody else waits for who signs in.
const NICE: i32 = 10;

/// What a thread does, which gives what follows when the thread can be had again.
pub(super) type Work = Box<dyn FnOnce() -> Answer + Send>;
pub(super) type Answer = Box<dyn FnOnce()>;

type Idle = Mutex<Vec<mpsc::Sender<Work>>>;

/// As many threads as ever worked at once. Whoever is woken while a thread begins waits for some milliseconds, however far that stands
/// back then, so that none begins for each hash.
#[derive(Default)]
pub(super) struct Threads {
    idle: Arc<Idle>,
}

impl Threads {
    /// Does `work` on a thread that has nothing to do, or else on a new one.
    pub(super) fn run(&self, mut work: Work) -> io::Result<()> {
        while let Some(thread) = self.idle_one() {
            match thread.send(work) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(unsent)) => work = unsent,
            }
        }
        let idle = Arc::downgrade(&self.idle);
        let thread = Builder::new().name("password".to_owned());
        thread.spawn(move || serve(work, &idle)).map(drop)
    }

    fn idle_one(&self) -> Option<mpsc::Sender<Work>> {
        lock(&self.idle).pop()
    }
}

/// Works until nobody can bring work any more.
fn serve(mut work: Work, idle: &Weak<Idle>) {
    step_back();
    loop {
        let answer = work();
        let (sender, receiver) = mpsc::channel();
        if let Some(idle) = idle.upgrade() {
            lock(&idle).push(sender);
        }
        answer();
        let Ok(next) = receiver.recv() else { return };
        work = next;
    }
}

/// Lets other threads go before this one.
fn step_back() {
    let this = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(this), NICE) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "the thread of a password goes before others"
        );
    }
}

fn lock(idle: &Idle) -> MutexGuard<'_, Vec<mpsc::Sender<Work>>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    fn thread_of_one(threads: &Threads) -> ThreadId {
        let (sender, receiver) = mpsc::channel();
        let answer = move || sender.send(thread::current().id()).unwrap();
        threads.run(Box::new(|| Box::new(answer))).unwrap();
        receiver.recv().unwrap()
    }

    #[test]
    fn one_thread_does_one_piece_of_work_after_the_other() {
        let threads = Threads::default();
        let first = thread_of_one(&threads);
        for _ in 0..20 {
            assert_eq!(thread_of_one(&threads), first);
        }
        assert_ne!(first, thread::current().id());
    }

    #[test]
    fn a_thread_that_panics_is_replaced() {
        let threads = Threads::default();
        threads.run(Box::new(|| panic!("of a test"))).unwrap();
        thread_of_one(&threads);
    }

    #[test]
    fn threads_end_with_who_has_them() {
        let threads = Threads::default();
        thread_of_one(&threads);
        let idle = Arc::downgrade(&threads.idle);
        drop(threads);
        assert!(idle.upgrade().is_none());
    }
}
