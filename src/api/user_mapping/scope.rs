//! Scoping filters: who is provisioned, by Entra's own attributes.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A scoping filter: fulfilled by who fulfils every clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopingFilter {
    /// Its title in Entra's portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub name: Option<String>,
    /// What must hold, all of it.
    #[schemars(length(min = 1, max = 16))]
    pub clauses: Vec<ScopingClause>,
}

/// What must hold of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.value) != (self.operator in ['IS TRUE', 'IS FALSE', 'IS NULL', 'IS NOT NULL'])")
        .message("IS TRUE, IS FALSE, IS NULL and IS NOT NULL take no value; every other operator needs one")
)]
pub struct ScopingClause {
    /// Entra attribute, such as `department`. It has one value at most; `manager`, `members`, `appRoleAssignments` and `userType` cannot
    /// be asked for.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z][A-Za-z0-9_.]*$")
    )]
    pub attribute: String,
    /// How the attribute is held against the value, in the words of Entra's portal.
    pub operator: ScopeOperator,
    /// What it is held against; upper and lower case differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub value: Option<String>,
}

/// An operator of scoping filters. Who has no value fulfils `IS NULL` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScopeOperator {
    /// The attribute is the value.
    #[serde(rename = "EQUALS")]
    Equals,
    /// The attribute is something else.
    #[serde(rename = "NOT EQUALS")]
    NotEquals,
    /// The attribute is True.
    #[serde(rename = "IS TRUE")]
    IsTrue,
    /// The attribute is False.
    #[serde(rename = "IS FALSE")]
    IsFalse,
    /// The attribute has no value, or an empty one.
    #[serde(rename = "IS NULL")]
    IsNull,
    /// The attribute has a value.
    #[serde(rename = "IS NOT NULL")]
    IsNotNull,
    /// A regular expression of .NET is found in the attribute.
    #[serde(rename = "REGEX MATCH")]
    RegexMatch,
    /// A regular expression of .NET is not found in the attribute.
    #[serde(rename = "NOT REGEX MATCH")]
    NotRegexMatch,
    /// The attribute is a greater whole number.
    #[serde(rename = "Greater_Than")]
    GreaterThan,
    /// The attribute is a whole number, this one or a greater.
    #[serde(rename = "Greater_Than_OR_EQUALS")]
    GreaterThanOrEquals,
    /// The attribute contains the value.
    #[serde(rename = "Includes")]
    Includes,
    /// The attribute ends with the value.
    #[serde(rename = "ENDS_WITH")]
    EndsWith,
    /// The attribute is found in the value.
    #[serde(rename = "&")]
    In,
    /// The attribute is not found in the value.
    #[serde(rename = "!&")]
    NotIn,
}

impl ScopeOperator {
    /// Every operator.
    pub const ALL: [Self; 14] = [
        Self::Equals,
        Self::NotEquals,
        Self::IsTrue,
        Self::IsFalse,
        Self::IsNull,
        Self::IsNotNull,
        Self::RegexMatch,
        Self::NotRegexMatch,
        Self::GreaterThan,
        Self::GreaterThanOrEquals,
        Self::Includes,
        Self::EndsWith,
        Self::In,
        Self::NotIn,
    ];

    /// The word of Entra's portal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::NotEquals => "NOT EQUALS",
            Self::IsTrue => "IS TRUE",
            Self::IsFalse => "IS FALSE",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
            Self::RegexMatch => "REGEX MATCH",
            Self::NotRegexMatch => "NOT REGEX MATCH",
            Self::GreaterThan => "Greater_Than",
            Self::GreaterThanOrEquals => "Greater_Than_OR_EQUALS",
            Self::Includes => "Includes",
            Self::EndsWith => "ENDS_WITH",
            Self::In => "&",
            Self::NotIn => "!&",
        }
    }

    /// The operator of this word, in any case, with `_` or a space between its parts.
    pub fn named(word: &str) -> Option<Self> {
        let plain = |word: &str| word.to_ascii_lowercase().replace('_', " ");
        let wanted = plain(word);
        Self::ALL
            .into_iter()
            .find(|it| plain(it.as_str()) == wanted)
    }

    /// Whether the operator is held against a value.
    pub const fn takes_value(self) -> bool {
        !matches!(
            self,
            Self::IsTrue | Self::IsFalse | Self::IsNull | Self::IsNotNull
        )
    }

    /// Whether the operator is held against a regular expression.
    pub const fn takes_pattern(self) -> bool {
        matches!(self, Self::RegexMatch | Self::NotRegexMatch)
    }

    /// Whether an attribute fulfils the operator: one text or several, of which one is enough. `is_found` says whether a text has the
    /// regular expression, or nothing if that cannot be told; then neither can this be.
    ///
    /// Microsoft: "Scoping filters will return false if the value is null / empty."
    pub fn holds(
        self,
        attribute: &serde_json::Value,
        wanted: &str,
        is_found: impl Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let texts = attribute.as_array().map_or_else(
            || std::slice::from_ref(attribute),
            |several| several.as_slice(),
        );
        let texts = texts.iter().filter_map(serde_json::Value::as_str);
        let mut filled = texts.filter(|it| !it.is_empty()).peekable();
        if filled.peek().is_none() {
            return Some(self == Self::IsNull);
        }
        let mut told = Some(false);
        for text in filled {
            match self.holds_of(text, wanted, &is_found) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => told = None,
            }
        }
        told
    }

    fn holds_of(
        self,
        text: &str,
        wanted: &str,
        is_found: impl Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let number = |text: &str| text.trim().parse::<i64>().ok();
        let numbers = || number(text).zip(number(wanted));
        Some(match self {
            Self::Equals => text == wanted,
            Self::NotEquals => text != wanted,
            Self::IsTrue => text.eq_ignore_ascii_case("true"),
            Self::IsFalse => text.eq_ignore_ascii_case("false"),
            Self::IsNull => false,
            Self::IsNotNull => true,
            Self::RegexMatch => is_found(text)?,
            Self::NotRegexMatch => !is_found(text)?,
            Self::GreaterThan => numbers().is_some_and(|(has, than)| has > than),
            Self::GreaterThanOrEquals => numbers().is_some_and(|(has, than)| has >= than),
            Self::Includes => text.contains(wanted),
            Self::EndsWith => text.ends_with(wanted),
            Self::In => wanted.contains(text),
            Self::NotIn => !wanted.contains(text),
        })
    }
}

impl fmt::Display for ScopeOperator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for ScopingClause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.attribute, self.operator)?;
        match &self.value {
            Some(value) => write!(formatter, " {value}"),
            None => Ok(()),
        }
    }
}
