//! The SCIM vocabulary and the expressions, compiled by themselves, and the samples that the fuzz targets work on.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// The sources of the main crate, of which only these modules are built.
#[path = "../../src"]
#[allow(dead_code, unused_imports, reason = "other modules use the rest")]
mod usher {
    pub mod clock;
    pub mod expression;
    pub mod scim;
}

pub use usher::{clock, expression, scim};

use crate::clock::SeededRandom;
use crate::expression::Environment;
use crate::scim::resource::Resource;
use crate::scim::schema::Schemas;

/// Schemas with an extension of each sort, built once.
pub static SCHEMAS: LazyLock<Schemas> = LazyLock::new(schemas);

/// A user with a value of each sort.
pub static USER: LazyLock<Resource> = LazyLock::new(user);

static RANDOM: LazyLock<SeededRandom> = LazyLock::new(|| SeededRandom::new(7));

/// Surroundings in which every function has what it needs.
pub static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::at(Timestamp::UNIX_EPOCH, &*RANDOM);
    environment.default_domain = Some("contoso.com".to_owned());
    environment.take("ana");
    environment
});

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
///
/// # Panics
///
/// If it does.
pub fn timed<T>(mut work: impl FnMut() -> T) -> T {
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

fn schemas() -> Schemas {
    let rules = json!({
        "extensions": [
            {"urn": "urn:x:Lists", "attributes": [{"name": "folders", "multiValued": true}]},
            {"urn": "urn:x:Open", "open": true},
            {"urn": "urn:x:Typed", "attributes": [
                {"name": "level", "type": "integer"},
                {"name": "hired", "type": "dateTime"},
                {"name": "desk", "type": "complex"},
            ]},
        ],
    });
    let rules = serde_json::from_value(rules).expect("the rules are well-formed");
    Schemas::new(&rules).expect("the rules are sound")
}

fn user() -> Resource {
    let body = json!({
        "userName": "ana",
        "active": true,
        "name": {"givenName": "Ana"},
        "emails": [{"type": "work", "value": "w@x", "primary": true}],
        "roles": [{"value": "User"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "7"}},
        "urn:x:Lists": {"folders": ["a", "b"]},
        "urn:x:Open": {"Vessel": "Aurora"},
        "urn:x:Typed": {"level": 7, "hired": "2026-01-01T00:00:00Z"},
    });
    Resource::parse(&SCHEMAS.user, &body).expect("the user is sound")
}
