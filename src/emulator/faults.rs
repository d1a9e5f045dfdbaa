//! Faults that a test or a demonstration asks for.

use serde::{Deserialize, Serialize};

/// What goes wrong, or slowly, at Entra's side. Without a word nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Each request waits for as long as so many a second leave between two; 0 is no bound.
    pub requests_per_second: u32,
    /// Another secret is sent than was pasted.
    pub expired_secret: bool,
    /// The answer of each request with a multiple of this number is lost on its way, after the server has done what it was asked; 0 is none.
    pub lose_answer_of_each: u64,
}

impl Faults {
    pub(super) fn loses(&self, number: u64) -> bool {
        self.lose_answer_of_each > 0 && number.is_multiple_of(self.lose_answer_of_each)
    }
}
