//! What an evaluation takes from outside: time, randomness, and what is known of tenant and target.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;

use crate::clock::Random;

use super::letters;

/// The surroundings of an evaluation.
#[derive(Clone)]
pub struct Environment<'e> {
    /// What `Now()` says.
    pub now: Timestamp,
    /// What `Guid()` and `RandomString()` draw from.
    pub random: &'e dyn Random,
    /// What `DefaultDomain()` says; without it, an error.
    pub default_domain: Option<String>,
    /// Evaluates both branches of IIF, so that a failing one fails it although it is not taken. Reports on Entra differ;
    /// by default only the branch that is taken is evaluated.
    pub eager_iif: bool,
    /// Takes an empty source attribute for one that is missing, as some of Microsoft's examples of Coalesce expect.
    pub drop_empty_attributes: bool,
    taken: HashSet<String>,
}

impl<'e> Environment<'e> {
    /// Surroundings at `now`, with nothing known of tenant and target.
    pub fn at(now: Timestamp, random: &'e dyn Random) -> Self {
        Self {
            now,
            random,
            default_domain: None,
            eager_iif: false,
            drop_empty_attributes: false,
            taken: HashSet::new(),
        }
    }

    /// Makes `value` one that the target has already, for `SelectUniqueValue`.
    pub fn take(&mut self, value: &str) {
        self.taken.insert(folded(value));
    }

    /// Whether the target has `value`, in any case: equality in Active Directory ignores it.
    pub(super) fn is_taken(&self, value: &str) -> bool {
        !self.taken.is_empty() && self.taken.contains(&folded(value))
    }
}

fn folded(value: &str) -> String {
    letters::upper(value, letters::Culture::Invariant).into_owned()
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}
