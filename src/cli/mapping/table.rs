//! What each line of a mapping comes to for each person, and why.

use serde::Serialize;
use serde_json::Value as Json;

use crate::api::user_mapping::AttributeMapping;
use crate::expression::{Environment, Expression, ExpressionError, Outcome, SourceObject};

use super::untaken;

/// The attributes of one person in the target.
#[derive(Debug, Serialize)]
pub(super) struct Mapped {
    /// Number of the person in the file, from 1.
    person: usize,
    attributes: Vec<Row>,
}

/// One attribute.
#[derive(Debug, Serialize)]
struct Row {
    attribute: String,
    value: Json,
    why: String,
}

/// An expression that was read, or what is wrong with it.
type Read = Result<Expression, ExpressionError>;

/// One entry for each of `people`, in the surroundings that are asked for, and in those that evaluate both branches of IIF.
pub(super) fn of(
    lines: &[AttributeMapping],
    people: &[SourceObject],
    environments: [&Environment<'_>; 2],
) -> Vec<Mapped> {
    let expressions: Vec<Option<Read>> = lines
        .iter()
        .map(|it| it.expression.as_deref().map(Expression::parse))
        .collect();
    let row = |line: &AttributeMapping, expression: Option<&Read>, person: &SourceObject| {
        let (value, why) = match (expression, &line.source, &line.constant) {
            (Some(Ok(expression)), _, _) => evaluated(expression, person, environments),
            (Some(Err(error)), _, _) => (None, format!("error: {error}")),
            (None, Some(source), _) => (Some(person.value(source).to_json()), source.clone()),
            (None, None, constant) => (constant.as_deref().map(Json::from), "constant".to_owned()),
        };
        let (value, why) = match (value, &line.default) {
            (Some(Json::Null), Some(default)) => (
                default.as_str().into(),
                format!("default when created: no value of {why}"),
            ),
            (Some(Json::Null), None) => (Json::Null, format!("no value of {why}")),
            (value, _) => (value.unwrap_or_default(), why),
        };
        Row {
            attribute: line.target.clone(),
            value,
            why,
        }
    };
    people
        .iter()
        .enumerate()
        .map(|(index, person)| Mapped {
            person: index + 1,
            attributes: lines
                .iter()
                .zip(&expressions)
                .map(|(line, expression)| row(line, expression.as_ref(), person))
                .collect(),
        })
        .collect()
}

/// What flows, which may be null, and why. Nothing flows of what is ignored or fails.
fn evaluated(
    expression: &Expression,
    person: &SourceObject,
    [environment, eager]: [&Environment<'_>; 2],
) -> (Option<Json>, String) {
    let (value, why) = match expression.evaluate(person, environment) {
        Ok(Outcome::Value(value)) => (Some(value.to_json()), "expression"),
        Ok(Outcome::Ignored(flow)) => (None, flow.as_str()),
        Err(error) => {
            return (
                None,
                format!("error, so the person is not written: {error}"),
            );
        }
    };
    match expression.evaluate(person, eager) {
        Ok(_) => (value, why.to_owned()),
        Err(error) => (value, format!("{why}; {}", untaken(&error))),
    }
}

/// As columns, a paragraph for each person.
pub(super) fn drawn(people: &[Mapped]) -> String {
    let mut paragraphs = Vec::new();
    for Mapped { person, attributes } in people {
        let title = [
            format!("PERSON {person}"),
            "VALUE".to_owned(),
            "WHY".to_owned(),
        ];
        let rows: Vec<[String; 3]> = std::iter::once(title)
            .chain(attributes.iter().map(Row::cells))
            .collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|it| it[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let (first, second) = (width(0), width(1));
        let lines: Vec<String> = rows
            .iter()
            .map(|[attribute, value, why]| {
                format!("{attribute:<first$}   {value:<second$}   {why}\n")
            })
            .collect();
        paragraphs.push(lines.concat());
    }
    paragraphs.join("\n")
}

impl Row {
    fn cells(&self) -> [String; 3] {
        let value = match &self.value {
            Json::Null => String::new(),
            // An empty text would look like no value.
            Json::String(text) if !text.is_empty() && !text.contains(char::is_control) => {
                text.clone()
            }
            other => other.to_string(),
        };
        [self.attribute.clone(), value, self.why.clone()]
    }
}
