//! How large the automaton of a pattern becomes: building it takes time in proportion, and ten characters can ask for a thousand copies.

/// Bytes that one of Unicode's categories takes.
const CATEGORY: usize = 1 << 14;

/// Bytes of another class: the complement of a few characters has many.
const CLASS: usize = 1 << 11;

/// Bytes of a character.
const CHARACTER: usize = 1 << 6;

/// Bytes for each character of a range that is gone through to find it in upper and lower case.
const IN_OTHER_CASE: usize = 3;

/// About so many bytes, counted while a pattern is read.
pub(super) struct Weight {
    /// Of each group that is open, what is in it so far; the whole pattern is the first.
    groups: Vec<usize>,
    /// What a quantifier would repeat.
    last: usize,
    /// What the ranges of a class add to it.
    ranges: usize,
    ignores_case: bool,
}

impl Weight {
    pub(super) fn new() -> Self {
        Self {
            groups: vec![0],
            last: 0,
            ranges: 0,
            ignores_case: false,
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
        let class = if written.contains(r"\p") || written.contains(r"\P") {
            CATEGORY
        } else if written.starts_with('[') || written == "." {
            CLASS
        } else {
            0
        };
        let ranges = std::mem::take(&mut self.ranges);
        self.add(class + ranges + written.len() * CHARACTER);
    }

    pub(super) fn open(&mut self) {
        self.groups.push(0);
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
        let more = self.last.saturating_mul(times.saturating_sub(1));
        self.add(more);
    }

    pub(super) fn total(&self) -> usize {
        let groups = self.groups.iter();
        groups.fold(CLASS, |sum, it| sum.saturating_add(*it))
    }

    fn add(&mut self, bytes: usize) {
        self.last = bytes;
        if let Some(group) = self.groups.last_mut() {
            *group = group.saturating_add(bytes);
        }
    }
}
