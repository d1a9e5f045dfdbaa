//! How often somebody may present a wrong password, or a wrong code of a second factor. A stranger who guesses must not lock out whose password it is: a browser in which the
//! person signed in before is limited apart, and so is each source.

use std::net::IpAddr;

use jiff::Timestamp;

use super::attempts::{Attempts, network};

/// How many may be wrong in a window.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Seconds of a window.
    window: i64,
    /// Of all accounts from one source, which may be an office.
    of_source: u32,
    /// Of one account from one source, and from one browser that is known.
    of_one: u32,
    /// Of one account from all sources together, which slows down who has many.
    of_account: u32,
}

/// Of passwords.
pub(crate) const PASSWORDS: Limits = Limits {
    window: 600,
    of_source: 100,
    of_one: 10,
    of_account: 30,
};

/// Of codes, of which three in a million are right at a time: who knows the password and guesses all day for a year comes to one in four.
pub(crate) const CODES: Limits = Limits {
    window: 3600,
    of_source: 100,
    of_one: 10,
    of_account: 10,
};

/// Counts what was wrong, in as much memory however many there are.
pub(crate) struct Guesses {
    sources: Attempts,
    ones: Attempts,
    accounts: Attempts,
    known: Attempts,
}

/// A password or a code that is presented.
#[derive(Clone, Copy)]
pub(crate) struct Guess<'g> {
    /// Where it comes from.
    pub(crate) from: IpAddr,
    /// Whose it should be.
    pub(crate) account: &'g str,
    /// Whether the person signed in with this browser before.
    pub(crate) is_known: bool,
}

impl Guesses {
    pub(crate) fn new(key: [u8; 16], limits: Limits) -> Self {
        let attempts = |at_most| Attempts::new(key, at_most).every(limits.window);
        Self {
            sources: attempts(limits.of_source),
            ones: attempts(limits.of_one),
            accounts: attempts(limits.of_account),
            known: attempts(limits.of_one),
        }
    }

    /// Whether there were too many from one source; then the seconds after which the next one is looked at. A browser that is known is
    /// no matter of its source.
    pub(crate) fn are_too_many(&self, from: IpAddr, now: Timestamp) -> Option<u32> {
        self.sources.are_spent(&network(from), now)
    }

    /// Counts one as if it were wrong; when there were too many, the seconds after which the next one is looked at. What one limit
    /// stops counts towards none that comes after it.
    pub(crate) fn count(&self, guess: Guess<'_>, now: Timestamp) -> Option<u32> {
        let counters = self.counters(guess);
        let mut limited = counters.iter().map(|(it, who)| it.count_of(who, now));
        limited.find_map(|it| it)
    }

    /// Takes back one that was right.
    pub(crate) fn forgive(&self, guess: Guess<'_>, now: Timestamp) {
        for (counter, who) in self.counters(guess) {
            counter.take_back(&who, now);
        }
    }

    fn counters(&self, guess: Guess<'_>) -> Vec<(&Attempts, Vec<u8>)> {
        let account = guess.account.as_bytes();
        if guess.is_known {
            return vec![(&self.known, account.to_vec())];
        }
        let source = network(guess.from);
        let both = [&source, b" ".as_slice(), account].concat();
        // The source first: whoever floods with names fills the counters of nobody else.
        vec![
            (&self.sources, source),
            (&self.ones, both),
            (&self.accounts, account.to_vec()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn guess<'g>(from: &str, account: &'g str, is_known: bool) -> Guess<'g> {
        let from = from.parse().unwrap();
        Guess {
            from,
            account,
            is_known,
        }
    }

    /// How many of so many guesses are looked at.
    fn seen(guesses: &Guesses, guess: Guess<'_>, count: usize, second: i64) -> usize {
        let seen = (0..count).filter(|_| guesses.count(guess, at(second)).is_none());
        seen.count()
    }

    #[test]
    fn a17_a_source_has_ten_guesses_at_an_account_and_a_hundred_at_all() {
        let guesses = Guesses::new([1; 16], PASSWORDS);
        let accounts = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
        ];
        assert_eq!(seen(&guesses, guess("192.0.2.1", "a", false), 50, 0), 10);
        assert_eq!(seen(&guesses, guess("192.0.2.2", "a", false), 50, 0), 10);
        let spray = accounts
            .iter()
            .map(|it| seen(&guesses, guess("192.0.2.3", it, false), 10, 0));
        assert_eq!(spray.sum::<usize>(), 100);
        assert_eq!(seen(&guesses, guess("192.0.2.1", "a", false), 50, 599), 0);
        assert_eq!(seen(&guesses, guess("192.0.2.1", "a", false), 50, 600), 10);
    }

    #[test]
    fn a17_many_sources_are_slowed_down_and_lock_out_nobody_who_is_known() {
        let guesses = Guesses::new([1; 16], PASSWORDS);
        let sources = (0..200).map(|it| format!("198.51.100.{it}"));
        let all = sources.map(|it| seen(&guesses, guess(&it, "a", false), 10, 0));
        assert_eq!(all.sum::<usize>(), 30);

        assert_eq!(seen(&guesses, guess("192.0.2.1", "a", false), 1, 0), 0);
        let own = guess("192.0.2.1", "a", true);
        assert_eq!(seen(&guesses, own, 1, 0), 1);
        guesses.forgive(own, at(0));
        assert_eq!(seen(&guesses, own, 50, 0), 10);
        assert_eq!(seen(&guesses, guess("192.0.2.1", "b", false), 1, 0), 1);
    }

    #[test]
    fn a17_a_flood_of_names_from_one_source_locks_out_nobody() {
        let guesses = Guesses::new([1; 16], PASSWORDS);
        for number in 0..100_000 {
            let name = format!("name {number}");
            guesses.count(guess("192.0.2.1", &name, false), at(0));
        }

        let flooding = "192.0.2.1".parse().unwrap();
        assert_eq!(guesses.are_too_many(flooding, at(1)), Some(599));
        assert_eq!(guesses.are_too_many(flooding, at(600)), None);
        let elsewhere = "192.0.2.2".parse().unwrap();
        assert_eq!(guesses.are_too_many(elsewhere, at(1)), None);
        for account in ["a", "b", "c", "d", "e"] {
            assert_eq!(seen(&guesses, guess("192.0.2.1", account, true), 1, 1), 1);
            assert_eq!(seen(&guesses, guess("192.0.2.2", account, false), 1, 1), 1);
        }
    }

    #[test]
    fn right_passwords_count_for_nothing() {
        let guesses = Guesses::new([1; 16], PASSWORDS);
        let one = guess("192.0.2.1", "a", false);
        for _ in 0..1000 {
            assert_eq!(guesses.count(one, at(0)), None);
            guesses.forgive(one, at(0));
        }
    }
}
