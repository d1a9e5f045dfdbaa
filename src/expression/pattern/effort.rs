//! What matching takes, counted in bytes so that it comes out of the same budget as texts.
//!
//! What an automaton reads takes time in proportion to the text. The rest is tried: the engine goes on until it can go no further, and
//! then takes the next way; it gives up after [`MAX_BACKTRACKING`] of them. What it does between two of them is counted here.

use std::array;
use std::ops::AddAssign;

use crate::expression::bounds::{MAX_BACKTRACKING, PATTERN_WORK};

/// What is counted is smaller than a byte.
const BYTE: usize = 16;

/// A step of what is tried.
const STEP: usize = 24;

/// What is handed to an automaton, be it nothing.
const HANDED_ON: usize = 4 * STEP;

/// A character that an automaton reads.
const READ: usize = 6;

/// From so many repeated steps on an automaton does not remember all of its states, and makes them anew for each character.
const MANY_REPEATED: usize = 64;

/// Something that takes so much for each power of the length of a text.
type Powers = [usize; 5];

/// What matching a part of a pattern takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effort {
    /// Characters and groups, each as often as its quantifier says in numbers.
    steps: usize,
    /// Those of them that a quantifier is about.
    repeated: usize,
    /// Whether something may be of any length.
    is_endless: bool,
    /// Whether it looks around or refers back, so that it is tried.
    is_tried: bool,
    /// Whether it remembers what a group has matched, for which an automaton reads once more.
    has_groups: bool,
    /// Where a match may go on in several ways, with something behind that is tried in each of them.
    choices: u32,
    /// Where it may, with nothing behind that is tried: an automaton reads the rest.
    open_choices: u32,
    /// What is done once between two ways.
    once: usize,
    /// For each character that is read between two ways.
    read: usize,
    /// What is looked around for between two ways.
    around: Powers,
    /// What each turn of a repetition takes. A way back is kept for each turn, so that it only counts where these are forgotten.
    turn: Powers,
}

impl AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        if other.is_tried {
            self.settle();
        }
        self.steps = self.steps.saturating_add(other.steps);
        self.repeated = self.repeated.saturating_add(other.repeated);
        self.is_endless |= other.is_endless;
        self.is_tried |= other.is_tried;
        self.has_groups |= other.has_groups;
        self.choices = self.choices.saturating_add(other.choices);
        self.open_choices = self.open_choices.saturating_add(other.open_choices);
        self.once = self.once.saturating_add(other.once);
        self.read = self.read.saturating_add(other.read);
        self.around = sum(self.around, other.around);
        self.turn = sum(self.turn, other.turn);
    }
}

impl Effort {
    /// Of a character.
    pub(super) fn of_step() -> Self {
        Self {
            steps: 1,
            once: STEP,
            ..Self::default()
        }
    }

    /// Of the beginning of a group that remembers what it has matched.
    pub(super) fn of_group() -> Self {
        Self {
            has_groups: true,
            ..Self::of_step()
        }
    }

    /// Of what a group has matched, which may be of any length.
    pub(super) fn of_reference() -> Self {
        Self {
            is_endless: true,
            is_tried: true,
            read: READ,
            ..Self::of_step()
        }
    }

    /// Of `$`, which looks around for a line feed if the text ends with one.
    pub(super) fn of_end(is_tried: bool) -> Self {
        Self {
            is_tried,
            once: if is_tried { HANDED_ON } else { STEP },
            ..Self::default()
        }
    }

    /// Of what separates alternatives.
    pub(super) fn of_alternative() -> Self {
        Self {
            open_choices: 1,
            ..Self::default()
        }
    }

    /// Something that is tried comes behind it.
    fn settle(&mut self) {
        self.choices = self.choices.saturating_add(self.open_choices);
        self.open_choices = 0;
    }

    /// Of a group.
    pub(super) fn grouped(mut self) -> Self {
        if self.is_tried {
            self.settle();
        }
        self
    }

    /// Of the same so often at most, or any number of times.
    pub(super) fn repeated(mut self, times: usize, is_endless: bool) -> Self {
        self.open_choices += 1;
        self = self.grouped();
        let turn = sum(self.around, [self.once, 0, 0, 0, 0]);
        self.steps = self.steps.saturating_mul(times);
        self.repeated = self.steps;
        self.once = self.once.saturating_mul(times);
        self.read = self.read.saturating_mul(times);
        self.around = self.around.map(|it| it.saturating_mul(times));
        self.turn = self.turn.map(|it| it.saturating_mul(times));
        if is_endless {
            self.is_endless = true;
            self.read = self.read.saturating_add(READ);
            if self.is_tried {
                self.turn = sum(self.turn, turn);
            }
        }
        self
    }

    /// Of an atomic group: the ways in which it may go on are forgotten.
    pub(super) fn atomic(self) -> Self {
        let content = self.grouped();
        Self {
            is_tried: true,
            around: sum(content.around, times_length(content.turn)),
            turn: Powers::default(),
            open_choices: 0,
            ..content
        }
    }

    /// Of a group that looks around.
    pub(super) fn looked_around(self, is_back: bool) -> Self {
        let content = self.atomic();
        let times = 1 + 2 * usize::from(self.has_groups);
        let read = content.read_by_automata().saturating_mul(times);
        let once = [content.once, read, 0, 0, 0];
        let mut around = sum(content.around, once);
        if is_back && self.is_tried {
            // It is tried from each character that comes into question.
            around = times_length(around);
        }
        Self {
            once: HANDED_ON,
            read: 0,
            around,
            ..content
        }
    }

    /// Steps that an automaton makes anew for each character.
    fn anew(&self) -> usize {
        if self.repeated > MANY_REPEATED {
            self.repeated
        } else {
            0
        }
    }

    /// What is read for each character.
    fn read_by_automata(&self) -> usize {
        let anew = self.anew().saturating_mul(BYTE / 2);
        self.read.saturating_add(anew)
    }

    /// What a search in `length` bytes may cost.
    pub(super) fn of_search(&self, length: usize) -> usize {
        if !self.is_tried {
            let times = 2 + 2 * usize::from(self.has_groups);
            let steps = self.steps.saturating_mul(times);
            let each = steps.saturating_add(self.anew().saturating_mul(2));
            return 16 + length / 4 + length.saturating_mul(each);
        }
        let reach = if self.is_endless {
            length
        } else {
            self.steps.min(length).max(1)
        };
        let choices = reach.max(2).saturating_pow(self.choices);
        let ways = length.saturating_mul(choices).min(MAX_BACKTRACKING);
        let each = sum(self.around, [self.once, self.read_by_automata(), 0, 0, 0]);
        let tried = ways.saturating_mul(value(each, reach));
        // The turns of the way that leads to a match.
        let turns = value(times_length(self.turn), reach);
        PATTERN_WORK.saturating_add(tried.saturating_add(turns) / BYTE)
    }
}

fn sum(one: Powers, other: Powers) -> Powers {
    array::from_fn(|power| one[power].saturating_add(other[power]))
}

/// For each character; what is beyond the highest power is beyond any budget.
fn times_length(each: Powers) -> Powers {
    array::from_fn(|power| match power {
        0 => 0,
        4 if each[4] > 0 => usize::MAX,
        _ => each[power - 1],
    })
}

fn value(powers: Powers, length: usize) -> usize {
    let higher = powers.iter().rev();
    higher.fold(0, |sum, it| sum.saturating_mul(length).saturating_add(*it))
}
