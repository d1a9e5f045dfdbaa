//! Whether a resource, or one value of a list, fulfils a filter.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::scim::filter::Comparison;
use crate::scim::filter::Filter;
use crate::scim::filter::Literal;
use crate::scim::filter::Operator;
use crate::scim::fold_case;
use crate::scim::resource::Meta;
use crate::scim::resource::Resource;
use crate::scim::schema::AttributePath;
use crate::scim::value;

/// A resource with what lives beside it, as far as a filter may regard it.
#[derive(Debug, Clone)]
pub struct Candidate<'r> {
    id: Value,
    attributes: &'r Map<String, Value>,
    meta: Option<Value>,
    extra: Option<&'r Map<String, Value>>,
}

impl<'r> Candidate<'r> {
    /// A resource by itself.
    pub fn new(id: &str, resource: &'r Resource) -> Self {
        let id = Value::String(id.to_owned());
        Self {
            id,
            attributes: resource.attributes(),
            meta: None,
            extra: None,
        }
    }

    /// With its `meta`, for filters on `meta.created` and the like.
    #[must_use]
    pub fn with_meta(mut self, meta: &Meta) -> Self {
        self.meta = Some(json!(meta));
        self
    }

    /// With `members` or `groups`, as they are given to [`Resource::render`].
    #[must_use]
    pub fn with_extra(mut self, extra: &'r Map<String, Value>) -> Self {
        self.extra = Some(extra);
        self
    }

    /// A person of whom nobody said otherwise is active.
    pub(crate) fn attribute(&self, path: &AttributePath) -> Option<&Value> {
        if path.is_core("id") {
            return Some(&self.id);
        }
        if path.is_core("meta") {
            return self.meta.as_ref();
        }
        value::attribute(self.attributes, path)
            .or_else(|| self.extra.and_then(|extra| value::attribute(extra, path)))
            .or_else(|| {
                let is_person = self.attributes.contains_key("userName");
                (is_person && path.is_core("active")).then_some(&Value::Bool(true))
            })
    }
}

/// Where a filter looks for its attributes.
#[derive(Clone, Copy)]
enum Scope<'v> {
    Resource(&'v Candidate<'v>),
    Element(&'v Value),
}

impl<'v> Scope<'v> {
    fn values(self, path: &AttributePath) -> Vec<&'v Value> {
        let found = match self {
            Self::Resource(candidate) => candidate.attribute(path),
            Self::Element(Value::Object(members)) => value::find(members, &path.attribute),
            Self::Element(plain) => Some(plain),
        };
        let Some(found) = found else {
            return Vec::new();
        };
        let elements = match found {
            Value::Array(elements) => elements.as_slice(),
            one => std::slice::from_ref(one),
        };
        match &path.sub_attribute {
            None => elements.iter().collect(),
            Some(sub) => elements
                .iter()
                .filter_map(|it| value::find(it.as_object()?, sub))
                .collect(),
        }
    }
}

impl Filter {
    /// Whether `candidate` fulfils the filter.
    pub fn matches(&self, candidate: &Candidate<'_>) -> bool {
        self.holds(Scope::Resource(candidate))
    }

    /// Whether one value of a list fulfils a filter from within brackets.
    pub(crate) fn matches_element(&self, element: &Value) -> bool {
        self.holds(Scope::Element(element))
    }

    fn holds(&self, scope: Scope<'_>) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(scope)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(scope)),
            Self::Not(inner) => !inner.holds(scope),
            Self::Present(path) => scope.values(path).iter().any(|value| !value.is_null()),
            Self::Compare(comparison) => comparison.holds(&scope.values(&comparison.attribute)),
            Self::Element { attribute, filter } => scope
                .values(attribute)
                .iter()
                .any(|element| filter.holds(Scope::Element(element))),
        }
    }
}

impl Comparison {
    /// Whether an attribute with this one value fulfils the comparison.
    pub(crate) fn holds_for(&self, value: &Value) -> bool {
        self.holds(&[value])
    }

    /// Whether one of the values compares as wanted; `ne` holds when none is equal.
    fn holds(&self, values: &[&Value]) -> bool {
        if self.value == Literal::Null {
            return values.is_empty() == (self.operator == Operator::Equal);
        }
        if self.operator == Operator::NotEqual {
            return !values
                .iter()
                .any(|value| self.ordering(value) == Some(Ordering::Equal));
        }
        values.iter().any(|value| match self.operator {
            Operator::Equal => self.ordering(value) == Some(Ordering::Equal),
            Operator::NotEqual => false,
            Operator::Greater => self.ordering(value) == Some(Ordering::Greater),
            Operator::Less => self.ordering(value) == Some(Ordering::Less),
            Operator::GreaterOrEqual => self.ordering(value).is_some_and(Ordering::is_ge),
            Operator::LessOrEqual => self.ordering(value).is_some_and(Ordering::is_le),
            Operator::Contains => self.in_text(value, |text, part| text.contains(part)),
            Operator::StartsWith => self.in_text(value, |text, part| text.starts_with(part)),
            Operator::EndsWith => self.in_text(value, |text, part| text.ends_with(part)),
        })
    }

    /// How `value` stands to the literal; `None` when they cannot be compared.
    fn ordering(&self, value: &Value) -> Option<Ordering> {
        match (&self.value, value) {
            (Literal::Text(wanted), Value::String(text)) => {
                Some(self.cased(text).cmp(&self.cased(wanted)))
            }
            (Literal::Boolean(wanted), Value::Bool(flag)) => Some(flag.cmp(wanted)),
            (Literal::Number(wanted), Value::Number(number)) => {
                match (number.as_i64(), wanted.as_i64()) {
                    (Some(number), Some(wanted)) => Some(number.cmp(&wanted)),
                    _ => number.as_f64()?.partial_cmp(&wanted.as_f64()?),
                }
            }
            (Literal::Time(wanted), Value::String(text)) => {
                Some(text.parse::<Timestamp>().ok()?.cmp(wanted))
            }
            _ => None,
        }
    }

    fn in_text(&self, value: &Value, is_part: impl Fn(&str, &str) -> bool) -> bool {
        match (&self.value, value) {
            (Literal::Text(part), Value::String(text)) => {
                is_part(&self.cased(text), &self.cased(part))
            }
            _ => false,
        }
    }

    fn cased<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.case_exact {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(fold_case(text))
        }
    }
}
