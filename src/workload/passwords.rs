//! Passwords as they are typed, and the hashes that are kept of them: Argon2id (RFC 9106), off the async threads, never more at once
//! than there is memory for.

mod hashing;
mod obvious;
mod rules;
mod threads;

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{Semaphore, oneshot};

use crate::clock::Random;
use crate::store::passwords::PasswordHash;
use hashing::Hashing;
pub(crate) use obvious::About;
pub(crate) use rules::{NotAPassword, Password};
use threads::{Answer, Hashers};

/// KiB of memory and passes over it of one hash: 19 MiB and 2 are the least that OWASP recommends. With these one core of 2020 makes about
/// 15 a second.
const MEMORY: u32 = 32 * 1024;
const PASSES: u32 = 3;

/// Hashes that are made at once at most, one for each core: 128 MiB of the 256 that a pod may have.
const AT_ONCE: usize = 4;

/// Bytes of a salt (RFC 9106, section 3.1).
const SALT: usize = 16;

/// How long somebody waits for a permit, and how many wait: one core alone serves all of them in about that time.
const PATIENCE: Duration = Duration::from_secs(20);
const WAITING: usize = 256;

/// Makes and verifies hashes.
pub(crate) struct Passwords {
    hashing: Arc<Hashing>,
    hashers: Hashers,
    /// At most so many times the memory of one hash is taken.
    permits: Arc<Semaphore>,
    places: Arc<Semaphore>,
    random: Arc<dyn Random>,
    /// What is verified where there is no hash, which takes as long: nobody can tell who has a password.
    nobodys: PasswordHash,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unhashed {
    #[error("too many passwords are verified at once")]
    Busy,
    #[error("a password could not be hashed")]
    Failed,
}

/// What came of a password that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    Wrong,
    Right {
        /// The hash of it at the present cost, where that is another.
        rehashed: Option<PasswordHash>,
    },
}

impl Passwords {
    pub(crate) fn new(random: Arc<dyn Random>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::at_cost(random, (MEMORY, PASSES), cores.min(AT_ONCE))
    }

    fn at_cost(random: Arc<dyn Random>, (memory, passes): (u32, u32), permits: usize) -> Self {
        let params = Params::new(memory, passes, 1, None).unwrap_or_default();
        // An output of zeros, which no password has.
        let nobodys = format!(
            "$argon2id$v=19$m={},t={},p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            params.m_cost(),
            params.t_cost()
        );
        Self {
            hashing: Arc::new(Hashing::new(Argon2::new(
                Algorithm::Argon2id,
                Version::V0x13,
                params,
            ))),
            hashers: Hashers::new(permits),
            permits: Arc::new(Semaphore::new(permits)),
            places: Arc::new(Semaphore::new(WAITING)),
            random,
            nobodys: PasswordHash::new(nobodys),
        }
    }

    /// The hash of a password that is set.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, Unhashed> {
        let salt = self.salt();
        self.with_permit(move |hashing| hashing.hash(&password, &salt))
            .await?
    }

    /// Whether `password` is the one that `kept` is of; it is not when nothing is kept, and that takes as long.
    pub(crate) async fn verify(
        &self,
        password: Password,
        kept: Option<&PasswordHash>,
    ) -> Result<Verified, Unhashed> {
        let kept = kept.unwrap_or(&self.nobodys).clone();
        let salt = self.salt();
        self.with_permit(move |hashing| {
            let Ok(kept) = phc::PasswordHash::new(kept.reveal()) else {
                return Err(Unhashed::Failed);
            };
            if !hashing.verifies(&password, &kept)? {
                return Ok(Verified::Wrong);
            }
            let rehashed = (!hashing.has_cost_of(&kept)).then(|| hashing.hash(&password, &salt));
            Ok(Verified::Right {
                rehashed: rehashed.transpose()?,
            })
        })
        .await?
    }

    /// Does the work on a thread that stands back, once there is a permit. A request that was given up keeps its permit until the work is
    /// done.
    async fn with_permit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hashing) -> T + Send + 'static,
    ) -> Result<T, Unhashed> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(Unhashed::Busy);
        };
        let permit = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(PATIENCE, permit).await else {
            return Err(Unhashed::Busy);
        };
        drop(place);
        let (places, hashing) = (Arc::clone(&self.places), Arc::clone(&self.hashing));
        let (done, working) = oneshot::channel();
        let work = move || -> Answer {
            let it = work(&hashing);
            if places.available_permits() == WAITING {
                hashing.free();
            }
            Box::new(move || {
                // Not given back here: whoever stands back must hold nothing that others wait for.
                if done.send((it, permit)).is_err() {
                    tracing::debug!("nobody waits for a password any more");
                }
            })
        };
        let done = self.hashers.run(Box::new(work), working).await;
        done.map(|(it, _permit)| it).ok_or(Unhashed::Failed)
    }

    fn salt(&self) -> [u8; SALT] {
        let mut salt = [0; SALT];
        self.random.fill(&mut salt);
        salt
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::SystemRandom;

    fn passwords(cost: (u32, u32), permits: usize) -> Passwords {
        Passwords::at_cost(Arc::new(SystemRandom), cost, permits)
    }

    fn typed(text: &str) -> Password {
        Password::presented(text).unwrap()
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_however_it_is_typed() {
        let passwords = passwords((64, 1), 1);
        let hash = passwords.hash(typed("caf\u{e9} de la gare")).await.unwrap();
        assert!(
            hash.reveal().starts_with("$argon2id$v=19$m=64,t=1,p=1$"),
            "{}",
            hash.reveal()
        );
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
        let again = passwords.hash(typed("caf\u{e9} de la gare")).await;
        assert_ne!(again.unwrap(), hash, "each has a salt of its own");

        let right = Verified::Right { rehashed: None };
        for (text, expected) in [
            ("caf\u{e9} de la gare", right.clone()),
            // A25: decomposed, and with another space.
            ("cafe\u{301} de\u{a0}la gare", right),
            ("cafe de la gare", Verified::Wrong),
            ("Caf\u{e9} de la gare", Verified::Wrong),
            ("x", Verified::Wrong),
        ] {
            let verified = passwords.verify(typed(text), Some(&hash)).await;
            assert_eq!(verified, Ok(expected), "{text}");
        }
        let nobody = passwords.verify(typed("caf\u{e9}"), None).await;
        assert_eq!(nobody, Ok(Verified::Wrong));
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_replaced() {
        let (old, new) = (passwords((64, 1), 1), passwords((128, 2), 1));
        let kept = old.hash(typed("some password")).await.unwrap();

        let wrong = new.verify(typed("another"), Some(&kept)).await;
        let right = new.verify(typed("some password"), Some(&kept)).await;

        assert_eq!(wrong, Ok(Verified::Wrong));
        let Ok(Verified::Right { rehashed: Some(it) }) = right else {
            panic!("{right:?}");
        };
        assert!(it.reveal().contains("m=128,t=2"), "{}", it.reveal());
        let again = new.verify(typed("some password"), Some(&it)).await;
        assert_eq!(again, Ok(Verified::Right { rehashed: None }));
    }

    /// A17: whether there is a hash does not show in the time. Processor time is not to be had here, so the quickest of some counts.
    #[tokio::test]
    async fn a17_a_person_without_a_password_takes_as_long() {
        let passwords = passwords((8 * 1024, 2), 1);
        let hash = passwords.hash(typed("some password")).await.unwrap();
        let mut quickest = [Duration::MAX; 2];
        for _ in 0..40 {
            for (kept, quickest) in [Some(&hash), None].into_iter().zip(&mut quickest) {
                let began = Instant::now();
                let verified = passwords.verify(typed("another"), kept).await;
                assert_eq!(verified, Ok(Verified::Wrong));
                *quickest = began.elapsed().min(*quickest);
            }
        }
        let [with, without] = quickest.map(|it| it.as_secs_f64());
        assert!((with / without - 1.0).abs() < 0.5, "{with} s, {without} s");
    }

    /// A18: more than there is room for are asked to come again; who waits is served.
    #[tokio::test(flavor = "multi_thread")]
    async fn a18_a_crowd_waits_in_a_bounded_place() {
        let passwords = passwords((1024, 1), 2);
        let many = (0..WAITING + 100).map(|_| passwords.verify(typed("another"), None));
        let done = futures::future::join_all(many).await;

        let served = done.iter().filter(|it| it.is_ok()).count();
        let busy = done.iter().filter(|it| **it == Err(Unhashed::Busy));
        let busy = busy.count();
        assert_eq!(served + busy, WAITING + 100);
        assert!(busy > 0);
        assert!(served >= WAITING, "{served}");
        assert_eq!(passwords.permits.available_permits(), 2);
        let later = passwords.verify(typed("another"), None).await;
        assert_eq!(later, Ok(Verified::Wrong));
    }

    #[test]
    fn the_cost_is_what_owasp_recommends_at_least() {
        let passwords = Passwords::new(Arc::new(SystemRandom));
        let params = passwords.hashing.params();
        assert!(params.m_cost() >= 19 * 1024 && params.t_cost() >= 2);
        assert!(passwords.nobodys.reveal().contains("m=32768,t=3,p=1$"));
    }
}
