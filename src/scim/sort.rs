//! `sortBy` and `sortOrder` (RFC 7644, section 3.4.2.3): by what a list is ordered.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::scim::error::{ScimError, quoted};
use crate::scim::filter::Candidate;
use crate::scim::fold_case;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::MEMBERS;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::Returned;
use crate::scim::value;

/// Bytes of a text that an order regards: of very many people at once it has to be held what they are sorted by.
const SORTED_BYTES: usize = 256;

/// By what a list is ordered, and which end comes first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sort {
    pub by: SortKey,
    pub descending: bool,
}

/// An attribute that a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SortKey {
    Id,
    ExternalId,
    /// Compared by [`crate::scim::fold_case`].
    UserName,
    /// Compared by [`crate::scim::fold_case`].
    DisplayName,
    Created,
    LastModified,
    /// One that no store has a column of: it is read of each resource.
    Other(SortAttribute),
}

/// An attribute of which a resource is sorted by one value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortAttribute {
    path: AttributePath,
    kind: ValueKind,
}

/// How values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ValueKind {
    Text { case_exact: bool },
    Boolean,
    Number,
    Time,
}

/// What a resource is sorted by. An order is ascending as this type is: who has no value comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// Milliseconds since 1970, or what orders as the numbers of the attribute do.
    Number(i64),
    /// A text, folded if it is compared so.
    Text(String),
    /// The resource has none, or the list is in the order of creation.
    Absent,
}

impl SortKey {
    const COLUMNS: [(Self, &'static str, Option<&'static str>); 6] = [
        (Self::Id, "id", None),
        (Self::ExternalId, "externalId", None),
        (Self::UserName, "userName", None),
        (Self::DisplayName, "displayName", None),
        (Self::Created, "meta", Some("created")),
        (Self::LastModified, "meta", Some("lastModified")),
    ];

    fn parse(name: &str, schema: &ResourceSchema) -> Result<Self, ScimError> {
        let refused =
            |why: String| ScimError::invalid_value(format!("sortBy is {}: {why}.", quoted(name)));
        let Some(Resolved::Attribute { path, target, .. }) = schema.resolve(name) else {
            return Err(refused("there is no such attribute".to_owned()));
        };
        let mut columns = Self::COLUMNS.into_iter();
        let column = columns.find(|(_, attribute, sub)| {
            path.is_core(attribute) && path.sub_attribute.as_deref() == *sub
        });
        if let Some((key, ..)) = column {
            return Ok(key);
        }
        // What is made for each answer, or belongs to memberships, is in no order; a password is not kept.
        if ["meta", "schemas", "groups", MEMBERS]
            .iter()
            .any(|it| path.is_core(it))
            || target.returned == Returned::Never
        {
            return Err(refused("nothing is sorted by this attribute".to_owned()));
        }
        let kind = |attribute: &Attribute| match attribute.type_ {
            AttributeType::String | AttributeType::Reference | AttributeType::Binary => {
                Some(ValueKind::Text {
                    case_exact: attribute.case_exact,
                })
            }
            AttributeType::Boolean => Some(ValueKind::Boolean),
            AttributeType::Integer | AttributeType::Decimal => Some(ValueKind::Number),
            AttributeType::DateTime => Some(ValueKind::Time),
            AttributeType::Complex => None,
        };
        if let Some(kind) = kind(target) {
            return Ok(Self::Other(SortAttribute { path, kind }));
        }
        let value = target.sub_attribute("value");
        match value.and_then(|it| Some((it.name.clone(), kind(it)?))) {
            Some((value, kind)) => Ok(Self::Other(SortAttribute {
                path: path.with_sub_attribute(Some(value)),
                kind,
            })),
            None => Err(refused(match target.sub_attributes.first() {
                Some(sub) => format!("name a part of it, such as {path}.{}", sub.name),
                None => "name one of its keys behind a dot".to_owned(),
            })),
        }
    }
}

impl SortAttribute {
    /// RFC 7644, section 3.4.2.3: of a multi-valued attribute "the value of the primary attribute […], if any, or else the first
    /// value in the list".
    pub fn value_of(&self, candidate: &Candidate<'_>) -> SortValue {
        let found = candidate
            .attribute(&self.path)
            .and_then(|found| match found {
                Value::Array(elements) => {
                    let is_primary = |it: &&Value| it.get("primary") == Some(&Value::Bool(true));
                    elements.iter().find(is_primary).or(elements.first())
                }
                one => Some(one),
            });
        let found = match &self.path.sub_attribute {
            None => found,
            Some(sub) => found.and_then(|it| value::find(it.as_object()?, sub)),
        };
        found
            .and_then(|it| self.kind.of(it))
            .unwrap_or(SortValue::Absent)
    }
}

impl ValueKind {
    /// Nothing for a value of another type, as a directory has it whose schema was changed.
    fn of(self, value: &Value) -> Option<SortValue> {
        Some(match self {
            Self::Text { case_exact } => {
                let text = beginning(value.as_str()?);
                SortValue::Text(if case_exact {
                    text.to_owned()
                } else {
                    // Of a new allocation, for folding may have made a text longer.
                    beginning(&fold_case(text)).to_owned()
                })
            }
            Self::Boolean => SortValue::Number(value.as_bool()?.into()),
            Self::Number => SortValue::Number(in_order(value.as_number()?)?),
            Self::Time => {
                let time: Timestamp = value.as_str()?.parse().ok()?;
                SortValue::Number(time.as_millisecond())
            }
        })
    }
}

/// The part of a text that an order regards.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(SORTED_BYTES)]
}

/// A whole number that orders as the number does.
fn in_order(number: &Number) -> Option<i64> {
    let bits = number.as_f64()?.to_bits().cast_signed();
    // As in `f64::total_cmp`: of negative numbers all bits but the sign are turned.
    Some(bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed())
}

impl Sort {
    /// The same order from its other end; that of creation when there is none.
    #[must_use]
    pub fn reversed(sort: Option<Self>) -> Self {
        sort.map_or(
            Self {
                by: SortKey::Created,
                descending: true,
            },
            |it| Self {
                descending: !it.descending,
                ..it
            },
        )
    }

    /// Reads the query parameters; `sortOrder` is `ascending` when it is absent, and means nothing without `sortBy`.
    ///
    /// # Errors
    /// `400 invalidValue` for an attribute that does not exist or has no order, and for an unknown order.
    pub fn parse(
        sort_by: Option<&str>,
        sort_order: Option<&str>,
        schema: &ResourceSchema,
    ) -> Result<Option<Self>, ScimError> {
        let Some(name) = sort_by.map(str::trim).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let by = SortKey::parse(name, schema)?;
        let order = sort_order.map_or("ascending", str::trim);
        let descending = match order.to_ascii_lowercase().as_str() {
            "ascending" | "" => false,
            "descending" => true,
            _ => {
                return Err(ScimError::invalid_value(
                    "sortOrder must be ascending or descending.",
                ));
            }
        };
        Ok(Some(Self { by, descending }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::resource::Resource;
    use crate::scim::schema::sample;

    #[test]
    fn what_a_list_is_sorted_by_is_an_attribute_with_one_value() {
        let schemas = sample::schemas();
        let check = |by: &str, order, expected: Result<(SortKey, bool), &str>| {
            let found = Sort::parse(Some(by), order, &schemas.user).map(Option::unwrap);
            let found = found.map(|it| (it.by, it.descending));
            let found = found.as_ref().map_err(|it| it.detail.as_str());
            assert_eq!(found, expected.as_ref().map_err(|it| *it), "{by} {order:?}");
        };
        check("USERNAME", None, Ok((SortKey::UserName, false)));
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User:displayName",
            Some("Descending"),
            Ok((SortKey::DisplayName, true)),
        );
        check(
            "meta.lastModified",
            Some(""),
            Ok((SortKey::LastModified, false)),
        );
        check(
            "userName",
            Some("up"),
            Err("sortOrder must be ascending or descending."),
        );
        let text = ValueKind::Text { case_exact: false };
        let other = |path: &str, sub: Option<&str>, kind| {
            let path = AttributePath::core(path).with_sub_attribute(sub.map(str::to_owned));
            Ok((SortKey::Other(SortAttribute { path, kind }), false))
        };
        check("Title", None, other("title", None, text));
        check(
            "name.familyname",
            None,
            other("name", Some("familyName"), text),
        );
        check("emails", None, other("emails", Some("value"), text));
        check("emails.type", None, other("emails", Some("type"), text));
        check("active", None, other("active", None, ValueKind::Boolean));
        for (by, why) in [
            ("nothing", "there is no such attribute"),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                "there is no such attribute",
            ),
            ("groups", "nothing is sorted by this attribute"),
            ("meta.version", "nothing is sorted by this attribute"),
            ("password", "nothing is sorted by this attribute"),
            ("name", "name a part of it, such as name.formatted"),
            (
                "addresses",
                "name a part of it, such as addresses.formatted",
            ),
        ] {
            check(by, None, Err(&format!("sortBy is {by:?}: {why}.")));
        }
        assert_eq!(Sort::parse(None, Some("up"), &schemas.user), Ok(None));
    }

    #[test]
    fn of_several_values_the_primary_one_counts_else_the_first() {
        let schemas = sample::schemas();
        let check = |by: &str, body: &Value, expected: SortValue| {
            let sort = Sort::parse(Some(by), None, &schemas.user).unwrap().unwrap();
            let SortKey::Other(attribute) = sort.by else {
                panic!("{by} has a column");
            };
            let person = Resource::parse(&schemas.user, body).unwrap();
            assert_eq!(
                attribute.value_of(&Candidate::new("1", &person)),
                expected,
                "{by} {body}"
            );
        };
        let text = |text: &str| SortValue::Text(text.to_owned());
        let of = |emails: Value| json!({"userName": "ana", "emails": emails});
        let (home, work) = (
            json!({"type": "home", "value": "H@x"}),
            json!({"type": "work", "value": "W@x", "primary": true}),
        );
        check("emails", &of(json!([home, work])), text("w@x"));
        check("emails.type", &of(json!([home, work])), text("work"));
        check("emails.value", &of(json!([home])), text("h@x"));
        check("emails.display", &of(json!([home])), SortValue::Absent);
        check("emails", &of(json!([])), SortValue::Absent);
        check("active", &of(json!([])), SortValue::Number(1));
        let long = "ü".repeat(200);
        check(
            "title",
            &json!({"userName": "ana", "title": long}),
            text(&long[..256]),
        );
    }

    #[test]
    fn no_more_of_a_text_is_held_than_is_compared() {
        for case_exact in [true, false] {
            // Folded, the second one is longer.
            for letter in ["X", "\u{130}"] {
                let long = Value::from(letter.repeat(64 * 1024));
                let held = ValueKind::Text { case_exact }.of(&long);
                let Some(SortValue::Text(held)) = held else {
                    panic!("{held:?}");
                };
                let capacity = held.capacity();
                assert!(capacity <= SORTED_BYTES, "{letter}: {capacity}");
            }
        }
    }

    #[test]
    fn values_of_each_type_are_in_their_order() {
        let check = |kind: ValueKind, ascending: &[Value]| {
            let values: Vec<_> = ascending.iter().map(|it| kind.of(it).unwrap()).collect();
            assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
        };
        let numbers = [
            json!(-1e300),
            json!(-2),
            json!(-0.5),
            json!(0),
            json!(0.25),
            json!(7),
            json!(1e18),
        ];
        check(ValueKind::Number, &numbers);
        check(ValueKind::Boolean, &[json!(false), json!(true)]);
        check(
            ValueKind::Time,
            &[
                json!("2026-01-01T01:00:00+02:00"),
                json!("2026-01-01T00:00:00Z"),
            ],
        );
        check(
            ValueKind::Text { case_exact: true },
            &[json!("B"), json!("a"), json!("ä")],
        );
        assert_eq!(ValueKind::Number.of(&json!("7")), None);
        assert!(SortValue::Text("\u{10ffff}".to_owned()) < SortValue::Absent);
    }
}
