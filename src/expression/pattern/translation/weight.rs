//! How large the automaton of a pattern becomes, and how far a match of it may reach: building takes time in proportion to the one, matching
//! to the other, and ten characters can ask for a thousand copies.

use std::ops::AddAssign;

/// Bytes that one of Unicode's categories takes.
const CATEGORY: usize = 1 << 14;

/// For each mention of a category: all of a class are put together before it is known that they are alike.
const MENTION: usize = 1 << 10;

/// Bytes of another class: the complement of a few characters has many.
const CLASS: usize = 1 << 11;

/// Bytes of a group: where it begins and ends is kept for each way in which a match may go on.
const GROUP: usize = 1 << 12;

/// Bytes of a character.
const CHARACTER: usize = 1 << 6;

/// Bytes for each character of a range that is gone through to find it in upper and lower case.
const IN_OTHER_CASE: usize = 3;

/// What a part of a pattern comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// About so many bytes of an automaton.
    pub(super) bytes: usize,
    /// Characters and groups, each as often as it is repeated at least.
    pub(super) steps: usize,
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.steps = self.steps.saturating_add(other.steps);
    }
}

/// Counted while a pattern is read.
pub(super) struct Weight {
    /// Of each group that is open, what is in it so far; the whole pattern is the first.
    groups: Vec<Size>,
    /// What a quantifier would repeat.
    last: Size,
    /// What the ranges of a class add to it.
    ranges: usize,
    ignores_case: bool,
    /// Whether something may be of any length.
    pub(super) is_endless: bool,
}

impl Weight {
    pub(super) fn new() -> Self {
        Self {
            groups: vec![Size::default()],
            last: Size::default(),
            ranges: 0,
            ignores_case: false,
            is_endless: false,
        }
    }

    /// From here on upper and lower case are alike, perhaps.
    pub(super) fn ignore_case(&mut self) {
        self.ignores_case = true;
    }

    /// Something may be of any length.
    pub(super) fn lengthen(&mut self) {
        self.is_endless = true;
    }

    /// A range in the class that is read.
    pub(super) fn range(&mut self, from: char, to: char) {
        if self.ignores_case {
            let length = u32::from(to) - u32::from(from);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            self.ranges = self.ranges.saturating_add(length * IN_OTHER_CASE);
        }
    }

    pub(super) fn atom(&mut self, written: &str) {
        let mentions = written.matches(r"\p").count() + written.matches(r"\P").count();
        let classes = written.matches("[^").count();
        let class = if mentions > 0 {
            let other_case = usize::from(self.ignores_case) * CATEGORY / 2;
            CATEGORY + other_case + mentions * MENTION + classes * CLASS
        } else if written.starts_with('[') || written == "." {
            CLASS.max(classes * CLASS)
        } else {
            0
        };
        let ranges = std::mem::take(&mut self.ranges);
        self.add(Size {
            bytes: class + ranges + written.len() * CHARACTER,
            steps: 1,
        });
    }

    pub(super) fn open(&mut self, is_capturing: bool) {
        let captures = usize::from(is_capturing);
        self.groups.push(Size {
            bytes: captures * GROUP,
            steps: captures,
        });
    }

    /// Ends the innermost group; an engine refuses a parenthesis that closes none.
    pub(super) fn close(&mut self) {
        if self.groups.len() > 1 {
            let group = self.groups.pop().unwrap_or_default();
            self.add(group);
        }
    }

    /// What came last is there so often.
    pub(super) fn repeat(&mut self, times: usize) {
        let more = times.saturating_sub(1);
        self.add(Size {
            bytes: self.last.bytes.saturating_mul(more),
            steps: self.last.steps.saturating_mul(more),
        });
    }

    pub(super) fn total(&self) -> Size {
        let mut total = Size {
            bytes: CLASS,
            steps: 0,
        };
        for group in &self.groups {
            total += *group;
        }
        total
    }

    fn add(&mut self, size: Size) {
        self.last = size;
        if let Some(group) = self.groups.last_mut() {
            *group += size;
        }
    }
}
