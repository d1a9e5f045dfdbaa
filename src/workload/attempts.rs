//! What may be done so and so often in a window of time: present unknown credentials, begin to sign in, guess passwords.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Unknown credentials that a source may present in one window.
pub(crate) const UNKNOWN_CREDENTIALS: u32 = 20;

/// Sign-ins that a source may begin in one window: an office behind one address in the morning.
pub(crate) const BEGUN_SIGN_INS: u32 = 600;

/// Names that a source may have looked up in one window: each of those sign-ins has one.
pub(crate) const NAMES_LOOKED_UP: u32 = BEGUN_SIGN_INS;

/// Seconds of a window, unless it is declared longer.
const WINDOW: i64 = 60;

/// Counters; a power of two. Whoever falls on the same one is limited together.
const COUNTERS: usize = 4096;

/// Counts by who it is, a source as a rule, in as much memory however many there are: nothing has to be forgotten under a flood.
pub(crate) struct Attempts {
    /// Random, so that nobody can choose an address or a name that shares a counter.
    key: [u8; 16],
    at_most: u32,
    /// Seconds of a window.
    window: i64,
    /// Number of the window in the upper half, attempts in the lower.
    counters: Vec<AtomicU64>,
}

impl Attempts {
    /// Lets `at_most` pass in one window.
    pub(crate) fn new(key: [u8; 16], at_most: u32) -> Self {
        Self {
            key,
            at_most,
            window: WINDOW,
            counters: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// In windows of so many seconds.
    pub(crate) fn every(self, window: i64) -> Self {
        Self { window, ..self }
    }

    /// Counts one from `source`; when there were too many, the seconds after which the next one is looked at.
    pub(crate) fn count(&self, source: IpAddr, now: Timestamp) -> Option<u32> {
        self.count_of(&network(source), now)
    }

    /// Counts one of `who`, as [`Self::count`] does.
    pub(crate) fn count_of(&self, who: &[u8], now: Timestamp) -> Option<u32> {
        let (window, rest) = self.window(now);
        let counted = |before: u64| {
            let attempts = if before >> 32 == window {
                (before & u64::from(u32::MAX)).saturating_add(1)
            } else {
                1
            };
            (window << 32) | attempts.min(u64::from(u32::MAX))
        };
        let before = self
            .counter(who)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(counted(it)));
        let (Ok(before) | Err(before)) = before;
        let attempts = counted(before) & u64::from(u32::MAX);
        (attempts > u64::from(self.at_most)).then_some(rest)
    }

    /// Whether `who` has no more in this window; then the seconds that are left of it. Counts nothing.
    pub(crate) fn are_spent(&self, who: &[u8], now: Timestamp) -> Option<u32> {
        let (window, rest) = self.window(now);
        let counted = self.counter(who).load(Ordering::Relaxed);
        let attempts = counted & u64::from(u32::MAX);
        (counted >> 32 == window && attempts >= u64::from(self.at_most)).then_some(rest)
    }

    /// Takes back one that was counted of `who` in this window.
    pub(crate) fn take_back(&self, who: &[u8], now: Timestamp) {
        let (window, _) = self.window(now);
        let fewer = |it: u64| {
            let counts = it >> 32 == window && it & u64::from(u32::MAX) > 0;
            counts.then(|| it - 1)
        };
        let counter = self.counter(who);
        // Nothing to take back is nothing to do.
        counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .ok();
    }

    /// The number of the present window, and the seconds that are left of it.
    fn window(&self, now: Timestamp) -> (u64, u32) {
        let second = now.as_second();
        let number = u32::try_from(second.div_euclid(self.window)).unwrap_or_default();
        let rest = u32::try_from(self.window - second.rem_euclid(self.window)).unwrap_or(1);
        (number.into(), rest)
    }

    fn counter(&self, who: &[u8]) -> &AtomicU64 {
        let hash = Sha256::new_with_prefix(self.key).chain_update(who);
        let hash = hash.finalize();
        let index = usize::from(u16::from_be_bytes([hash[0], hash[1]])) % COUNTERS;
        &self.counters[index]
    }
}

/// Whoever has one address of a network of IPv6 has all 2^64 of it.
pub(crate) fn network(source: IpAddr) -> Vec<u8> {
    match source.to_canonical() {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// How many of 30 attempts from `sources`, in turn, were limited.
    fn limited(attempts: &Attempts, sources: &[&str], second: i64) -> usize {
        let source = |index: usize| sources[index % sources.len()].parse().unwrap();
        (0..30)
            .filter(|index| attempts.count(source(*index), at(second)).is_some())
            .count()
    }

    #[test]
    fn a_source_has_twenty_attempts_a_minute() {
        let attempts = Attempts::new([1; 16], UNKNOWN_CREDENTIALS);

        assert_eq!(limited(&attempts, &["192.0.2.1"], 30), 10);
        assert_eq!(limited(&attempts, &["192.0.2.2"], 30), 10);
        assert_eq!(limited(&attempts, &["192.0.2.1"], 59), 30);
        assert_eq!(limited(&attempts, &["192.0.2.1"], 60), 10);
        assert_eq!(
            attempts.count("192.0.2.1".parse().unwrap(), at(61)),
            Some(59)
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_so_are_both_forms_of_ipv4() {
        let attempts = Attempts::new([1; 16], UNKNOWN_CREDENTIALS);

        let one = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2"];
        assert_eq!(limited(&attempts, &one, 0), 10);
        assert_eq!(limited(&attempts, &["2001:db8:1:3::1"], 0), 10);
        assert_eq!(
            limited(&attempts, &["192.0.2.1", "::ffff:192.0.2.1"], 0),
            10
        );
    }

    #[test]
    fn a_flood_of_sources_takes_no_memory() {
        let attempts = Attempts::new([1; 16], UNKNOWN_CREDENTIALS);

        for number in 0..100_000_u32 {
            attempts.count(IpAddr::V4(number.into()), at(0));
        }

        assert_eq!(attempts.counters.len(), COUNTERS);
    }
}
