//! Values that are written in a mapping: constants, defaults, and what expressions come to.

use crate::api::user_mapping::Apply;
use crate::scim::schema::AttributeType;

use super::{Checked, Line, Side};

/// Says which of the values of `line` the directory would refuse.
pub(super) fn check(side: &Side<'_>, line: &Line<'_>, checked: &mut Checked) {
    let judge = |text: &str| problem(side, line, text);
    for (field, value) in [
        ("constant", &line.of.constant),
        ("default", &line.of.default),
    ] {
        if let Some(problem) = value.as_deref().and_then(judge) {
            checked.refuse(line.at(field), format!("{field} {problem}"));
        }
    }
    if let Some(expression) = &line.expression {
        for error in expression.judged_results(judge) {
            checked.refuse(line.at("expression"), error.to_string());
        }
    }
    if line.attribute.is_core("active") {
        check_active(line, checked);
    }
}

/// Whoever leaves is disabled by `active`: it must follow the person.
fn check_active(line: &Line<'_>, checked: &mut Checked) {
    let remedy = r#"Entra's own line is {target: active, expression: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'}"#;
    if line.of.constant.is_some() {
        checked.warn(
            line.at("constant"),
            format!("a constant active disables nobody who leaves; {remedy}"),
        );
    }
    if line.of.apply == Apply::OnlyDuringCreation {
        checked.warn(
            line.at("apply"),
            format!("OnlyDuringCreation disables nobody who leaves; write Always. {remedy}"),
        );
    }
}

/// What is wrong with `text` as the value of `line`. An empty one is no value.
fn problem(side: &Side<'_>, line: &Line<'_>, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if let Some((name, allowed)) = restriction(side, line)
        && !allowed.iter().any(|it| it == text)
    {
        return Some(format!(
            "{text:?} is not among the {name} of the ScimTenant; it must be exactly {}",
            allowed.join(" or ")
        ));
    }
    (!line.part.takes(text)).then(|| {
        let (is, wanted) = words(line.part.type_);
        format!(
            "{text:?} does not fit {}, which is {is}; it must be {wanted}",
            line.attribute
        )
    })
}

/// The list that restricts the values of a line, and its name.
pub(super) fn restriction<'a>(
    side: &Side<'a>,
    line: &Line<'_>,
) -> Option<(&'static str, &'a [String])> {
    let list = if line.attribute.is_core("userType") {
        ("userTypes", side.declared.user_types.as_slice())
    } else if line.attribute.is_core("roles")
        && ["roles", "value"].contains(&line.part.name.as_str())
    {
        ("roles", side.declared.roles.as_slice())
    } else {
        return None;
    };
    (!list.1.is_empty()).then_some(list)
}

/// What a type is called, and what its values look like.
pub(super) const fn words(type_: AttributeType) -> (&'static str, &'static str) {
    match type_ {
        AttributeType::Boolean => ("boolean", "True or False"),
        AttributeType::Integer => ("a whole number", "digits such as 42"),
        AttributeType::Decimal => ("a number", "a number such as 0.8"),
        AttributeType::DateTime => ("a time", "a time such as 2026-01-31T08:00:00Z"),
        AttributeType::Reference => ("a reference", "a URL or an id"),
        AttributeType::Binary => ("binary", "base64"),
        AttributeType::String => ("text", "text"),
        AttributeType::Complex => ("an object", "an object"),
    }
}
