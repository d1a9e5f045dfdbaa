//! Any text is an expression or refused, an expression prints as itself and can be evaluated for anybody, and no text takes long.
#![no_main]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use rustix::time::{ClockId, clock_gettime};
use usher_fuzz::clock::SeededRandom;
use usher_fuzz::expression::{Environment, Expression, ExpressionError, SourceObject};

static RANDOM: LazyLock<SeededRandom> = LazyLock::new(|| SeededRandom::new(7));

/// Surroundings in which every function has what it needs.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::at(Timestamp::UNIX_EPOCH, &*RANDOM);
    environment.default_domain = Some("contoso.com".to_owned());
    environment.take("ana");
    environment
});

/// An object with `text` in its attributes.
fn object(text: &str) -> SourceObject {
    let mut object = SourceObject::new();
    object.set("a", text);
    object.set_list("m", text.split(',').map(str::to_owned).collect());
    object.set("d", "2024-02-29T23:59:59-05:00");
    object
}

/// CPU time that reading, checking and evaluating a text may take, although the fuzzer's counters and assertions make it slower.
const LIMIT: Duration = Duration::from_millis(10);

/// The slowest text so far, in microseconds.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// CPU time of this thread: what else the machine does is not counted.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("a time since the start")
}

/// Does `work`, which must not take longer than the limit in all of five attempts: one may have met a cold cache.
fn timed<T>(mut work: impl FnMut() -> T) -> T {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let start = cpu_time();
        let done = work();
        least = least.min(cpu_time() - start);
        if least <= LIMIT {
            let took = u64::try_from(least.as_micros()).unwrap_or(u64::MAX);
            if SLOWEST.fetch_max(took, Ordering::Relaxed) < took {
                eprintln!("slowest: {took} microseconds");
            }
            return done;
        }
    }
    panic!("took {least:?} of CPU time; at most {LIMIT:?}");
}

fuzz_target!(|text: &str| {
    // Behind a zero byte is the value of attributes.
    let (source, value) = text.split_once('\u{0}').unwrap_or((text, text));
    let object = object(value);
    let parsed = timed(|| {
        let expression = Expression::parse(source)?;
        let _ = expression.faults();
        let _ = expression.evaluate(&object, &ENVIRONMENT);
        Ok::<_, ExpressionError>(expression)
    });
    let Ok(expression) = parsed else {
        return;
    };
    let printed = expression.to_string();
    // Escapes may make it longer than what is read.
    if printed.len() <= 10_000 {
        let again = Expression::parse(&printed).expect("canonical text is read");
        assert_eq!(again.to_string(), printed);
    }
});
