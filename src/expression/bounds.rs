//! Every limit, each with its reason.

/// Entra takes at most 10,000 characters for an expression.
pub(super) const MAX_EXPRESSION_CHARS: usize = 10_000;

/// Calls and comparisons inside each other. Parsing, evaluating and dropping are recursive; published expressions nest
/// eight deep.
pub(super) const MAX_DEPTH: usize = 100;

/// Bytes that one evaluation may read and make, all functions together. It bounds time and memory: an expression of
/// 10,000 characters could otherwise double a text hundreds of times.
pub(super) const MAX_WORK: usize = 1 << 18;

/// Characters of a regular expression; published ones have about a hundred.
pub(super) const MAX_PATTERN_CHARS: usize = 1_000;

/// Characters of a date format; the longest standard one of .NET has 31.
pub(super) const MAX_DATE_FORMAT_CHARS: usize = 1_000;

/// Regular expressions in one expression: each takes time to be built, also by the operator, which reads them all.
pub(super) const MAX_PATTERNS: usize = 64;

/// Bytes of the automata of the regular expressions that stand in one expression: building so many takes about three milliseconds.
pub(super) const MAX_PATTERN_SIZE: usize = 1 << 18;

/// Instructions of a regular expression that looks around or refers back.
pub(super) const MAX_PATTERN_STEPS: usize = 1 << 12;

/// Steps back that one match may take, for patterns that need look-around or back-references. .NET bounds time instead.
pub(super) const MAX_BACKTRACKING: usize = 1 << 11;

/// What a call with a regular expression costs besides the text, in bytes: it is slower than other functions.
pub(super) const PATTERN_WORK: usize = 1 << 9;

/// The same for a regular expression that is not a constant and must be built for each object.
pub(super) const PATTERN_BUILD_WORK: usize = 1 << 14;

/// Entra: a random text has at most 256 characters.
pub(super) const MAX_RANDOM_CHARS: i64 = 256;
