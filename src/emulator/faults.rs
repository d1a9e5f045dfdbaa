//! Faults that a test or a demonstration asks for.

use serde::{Deserialize, Serialize};

/// What goes wrong, or slowly, at Entra's side. Without a word nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Faults {
    /// Each request waits for as long as so many a second leave between two; 0 is no bound.
    pub requests_per_second: u32,
    /// Another secret is sent than was pasted.
    pub expired_secret: bool,
    /// The answer of each request with a multiple of this number is lost on its way, after the server has done what it was asked; 0 is none.
    pub lose_answer_of_each: u64,
    /// Each request with a multiple of this number is answered 429 on its way, and the server never sees it; 0 is none.
    pub throttle_each: u64,
    /// For so many seconds of its clock provisioning does not see a change of the tenant.
    pub lag_seconds: u32,
    /// Jobs are in quarantine, and no cycle brings them out.
    pub quarantine: bool,
    /// Tokens are signed by another key than the one that is published under its name.
    pub wrong_keys: bool,
    /// The client secrets of all applications have expired.
    pub expired_client_secret: bool,
    /// The token endpoint answers 429.
    pub throttle_tokens: bool,
}

impl Faults {
    pub(super) fn loses(&self, number: u64) -> bool {
        is_one_of(number, self.lose_answer_of_each)
    }

    pub(super) fn throttles(&self, number: u64) -> bool {
        is_one_of(number, self.throttle_each)
    }
}

fn is_one_of(number: u64, each: u64) -> bool {
    each > 0 && number.is_multiple_of(each)
}
