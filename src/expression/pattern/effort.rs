//! What matching takes, counted in bytes so that it comes out of the same budget as texts.

use crate::expression::bounds::{PATTERN_WORK, TRIED_BACK};

/// What the effort of a match depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Characters and groups of the pattern, each as often as it is repeated at least.
    pub(super) steps: usize,
    /// Whether it looks around or refers back, so that matching may go back and forth.
    pub(super) looks_around: bool,
    /// Whether something may be of any length.
    pub(super) is_endless: bool,
    /// How often something that must be tried stands where the pattern looks back, which is then tried from each character.
    pub(super) tried_back: u32,
}

impl Effort {
    /// What a search in `length` bytes may cost: at each of them it follows all ways in which the pattern may go on, and reads as far as
    /// the pattern reaches if it looks around.
    pub(super) fn of_search(self, length: usize) -> usize {
        if !self.looks_around {
            return 16 + length / 4 + length * self.steps / 2;
        }
        let reach = if self.is_endless {
            length
        } else {
            self.steps.min(length)
        };
        let tried = reach.saturating_mul(TRIED_BACK);
        let tried = tried.saturating_pow(self.tried_back);
        let each = reach.saturating_mul(tried).saturating_add(2 * self.steps);
        PATTERN_WORK.saturating_add(length.saturating_mul(each))
    }
}
