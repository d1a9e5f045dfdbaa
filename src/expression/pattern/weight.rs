//! How large the automaton of a pattern becomes, and how far a match of it may reach: building takes time in proportion to the one, matching
//! to the other, and ten characters can ask for a thousand copies.

use std::ops::AddAssign;

use super::effort::Effort;

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    /// About so many bytes of an automaton.
    pub(super) bytes: usize,
    pub(super) effort: Effort,
    /// The same for texts that end with a line feed.
    pub(super) at_line_feed: Effort,
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.effort += other.effort;
        self.at_line_feed += other.at_line_feed;
    }
}

impl Size {
    fn of(bytes: usize, effort: Effort) -> Self {
        Self {
            bytes,
            effort,
            at_line_feed: effort,
        }
    }

    fn with_efforts(self, change: impl Fn(Effort) -> Effort) -> Self {
        Self {
            effort: change(self.effort),
            at_line_feed: change(self.at_line_feed),
            ..self
        }
    }
}

/// What a parenthesis begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parenthesis {
    Plain,
    Capturing,
    Atomic,
    LookAhead,
    LookBehind,
}

/// Counted while a pattern is read.
pub(super) struct Weight {
    /// Each group that is open, with what is in it so far but for what came last; the whole pattern is the first.
    groups: Vec<(Parenthesis, Size)>,
    /// What a quantifier would repeat.
    last: Size,
    /// What the ranges of a class add to it.
    ranges: usize,
    ignores_case: bool,
    looks_around: bool,
    /// References in what looks back, which are built as the groups that they refer to.
    referred_back: usize,
    /// References in capturing groups, which are built where these are referred to.
    referred_in_groups: u32,
    /// Bytes of the largest capturing group.
    largest: usize,
}

impl Weight {
    pub(super) fn new() -> Self {
        Self {
            groups: vec![(Parenthesis::Plain, Size::default())],
            last: Size::default(),
            ranges: 0,
            ignores_case: false,
            looks_around: false,
            referred_back: 0,
            referred_in_groups: 0,
            largest: 0,
        }
    }

    /// From here on upper and lower case are alike, perhaps.
    pub(super) fn ignore_case(&mut self) {
        self.ignores_case = true;
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
        let bytes = class + ranges + written.len() * CHARACTER;
        self.add(&Size::of(bytes, Effort::of_step()));
    }

    /// What a group has matched.
    pub(super) fn reference(&mut self) {
        self.looks_around = true;
        let copies = match self.looking_back() {
            0 => 0,
            levels => doubled(levels - 1),
        };
        self.referred_back = self.referred_back.saturating_add(copies);
        let is_in_group = self.within(Parenthesis::Capturing) > 0;
        self.referred_in_groups += u32::from(is_in_group);
        self.add(&Size::of(0, Effort::of_reference()));
    }

    /// The end of the text, or before the line feed there.
    pub(super) fn end(&mut self) {
        self.add(&Size {
            at_line_feed: Effort::of_end(true),
            ..Size::of(0, Effort::of_end(false))
        });
    }

    /// What follows is matched instead of what came before.
    pub(super) fn alternative(&mut self) {
        self.add(&Size::of(0, Effort::of_alternative()));
    }

    pub(super) fn open(&mut self, parenthesis: Parenthesis) {
        self.add(&Size::default());
        let size = if parenthesis == Parenthesis::Capturing {
            Size::of(GROUP, Effort::of_group())
        } else {
            Size::default()
        };
        self.groups.push((parenthesis, size));
    }

    /// Ends the innermost group; an engine refuses a parenthesis that closes none.
    pub(super) fn close(&mut self) {
        if self.groups.len() < 2 {
            return;
        }
        self.add(&Size::default());
        let Some((parenthesis, mut size)) = self.groups.pop() else {
            return;
        };
        size = size.with_efforts(|it| match parenthesis {
            Parenthesis::Plain | Parenthesis::Capturing => it.grouped(),
            Parenthesis::Atomic => it.atomic(),
            Parenthesis::LookAhead => it.looked_around(false),
            Parenthesis::LookBehind => it.looked_around(true),
        });
        match parenthesis {
            Parenthesis::Capturing => self.largest = self.largest.max(size.bytes),
            // What looks back around it is built with it once more.
            Parenthesis::LookBehind if self.looking_back() > 0 => {
                size.bytes = size.bytes.saturating_mul(2);
            }
            _ => {}
        }
        self.looks_around |= !matches!(parenthesis, Parenthesis::Plain | Parenthesis::Capturing);
        self.last = size;
    }

    /// How many of the groups that are open look back.
    pub(super) fn looking_back(&self) -> u32 {
        self.within(Parenthesis::LookBehind)
    }

    fn within(&self, parenthesis: Parenthesis) -> u32 {
        let open = self.groups.iter().filter(|it| it.0 == parenthesis);
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    /// What came last is there so often at most, or any number of times.
    pub(super) fn repeat(&mut self, times: usize, is_endless: bool) {
        self.last.bytes = self.last.bytes.saturating_mul(times);
        self.last = self.last.with_efforts(|it| it.repeated(times, is_endless));
    }

    /// What it all comes to.
    pub(super) fn total(mut self) -> Size {
        self.add(&Size::default());
        let mut total = Size::of(CLASS, Effort::default());
        for (_, size) in self.groups {
            total += size;
        }
        let referred = self.referred_back.saturating_mul(self.largest);
        let referred = referred.saturating_mul(doubled(self.referred_in_groups));
        total.bytes = total.bytes.saturating_add(referred);
        // A part that looks back is built in both directions, and once more for its groups.
        let copies = 1 + usize::from(self.looks_around);
        total.bytes = total.bytes.saturating_mul(copies);
        total
    }

    /// Comes last from here on.
    fn add(&mut self, size: &Size) {
        let before = std::mem::replace(&mut self.last, *size);
        if let Some((_, group)) = self.groups.last_mut() {
            *group += before;
        }
    }
}

fn doubled(times: u32) -> usize {
    1_usize.checked_shl(times).unwrap_or(usize::MAX)
}
