//! Sources: whether Entra has them, and whether what they hold fits the target.

use crate::expression::Expression;
use crate::scim::path::Path;
use crate::scim::schema::{AttributeType, MEMBERS, ResourceType};

use super::attributes::{self, Holds, Known};
use super::target::is_reference;
use super::value::words;
use super::{Checked, Line, Side};

/// What becomes of app roles.
const ROLES: &str = "expression: SingleAppRoleAssignment([appRoleAssignments]) with target: 'roles[primary eq \"True\"].value', or AssertiveAppRoleAssignmentsComplex([appRoleAssignments]) with target: roles";

/// Says what is wrong with the source or the expression of `line`.
pub(super) fn check(side: &Side<'_>, line: &Line<'_>, checked: &mut Checked) {
    if let Some(source) = &line.of.source {
        match attributes::known(side.kind, source) {
            Known::Wrong(problem) => checked.refuse(line.at("source"), problem),
            Known::Unlisted(problem) => checked.warn(line.at("source"), problem),
            Known::Attribute(_) => {}
        }
    }
    if let Some(expression) = &line.expression {
        let judged =
            expression.judged_attributes(|name| match attributes::known(side.kind, name) {
                Known::Wrong(problem) => Some((true, problem)),
                Known::Unlisted(problem) => Some((false, problem)),
                Known::Attribute(_) => None,
            });
        for (is_wrong, problem) in judged {
            if is_wrong {
                checked.refuse(line.at("expression"), problem.to_string());
            } else {
                checked.warn(line.at("expression"), problem.to_string());
            }
        }
        check_roles(line, expression, checked);
    }
    if is_reference(&line.attribute) {
        check_reference(side, line, checked);
    } else {
        check_fit(side, line, checked);
    }
}

fn check_reference(side: &Side<'_>, line: &Line<'_>, checked: &mut Checked) {
    let source = match side.kind {
        ResourceType::User => "manager",
        ResourceType::Group => "members",
    };
    let is_one = line
        .of
        .source
        .as_deref()
        .and_then(|it| attributes::find(side.kind, it))
        .is_some_and(|it| it.holds == Holds::Reference);
    if !is_one {
        checked.refuse(
            line.field.clone(),
            format!(
                "{} takes the ids of those whom Entra has provisioned; only a reference gives them: write source: {source}",
                line.attribute
            ),
        );
    }
}

/// Holds what the source has against what the target takes.
fn check_fit(side: &Side<'_>, line: &Line<'_>, checked: &mut Checked) {
    let takes_list = matches!(line.path, Path::Attribute(_)) && line.whole.multi_valued;
    if let Some(expression) = &line.expression
        && expression.is_list()
        && !takes_list
    {
        checked.warn(
            line.at("expression"),
            format!(
                "column 1: this comes to a list, and {} holds one value: who has several is refused; take one by Item, or Join them",
                line.of.target
            ),
        );
    }
    let Some(source) = &line.of.source else {
        return;
    };
    let Some(found) = attributes::find(side.kind, source) else {
        return;
    };
    let type_ = line.part.type_;
    if source == "appRoleAssignments" {
        checked.refuse(
            line.at("source"),
            format!("appRoleAssignments cannot be sent as it is; write {ROLES}"),
        );
    } else if found.holds == Holds::Reference {
        let target = match side.kind {
            ResourceType::User => "manager",
            ResourceType::Group => MEMBERS,
        };
        checked.refuse(
            line.at("source"),
            format!(
                "{source} is a reference: Entra sends the ids of those whom it has provisioned, which {} does not take; write target: {target}",
                line.of.target
            ),
        );
    } else if found.is_list && !takes_list {
        checked.warn(
            line.at("source"),
            format!(
                "{source} has several values, and {} holds one; write expression: Item([{source}], 1)",
                line.of.target
            ),
        );
    } else if !fits(found.holds, type_) {
        let (is, wanted) = words(type_);
        checked.warn(
            line.at("source"),
            format!(
                "{} is {is}, and {source} is not: who has anything but {wanted} is refused",
                line.attribute
            ),
        );
    }
}

/// Whether every value of a source is one of a target's type.
fn fits(holds: Holds, type_: AttributeType) -> bool {
    match type_ {
        AttributeType::String | AttributeType::Reference | AttributeType::Complex => true,
        AttributeType::Boolean => holds == Holds::Boolean,
        AttributeType::DateTime => holds == Holds::DateTime,
        AttributeType::Binary => holds == Holds::Binary,
        AttributeType::Integer | AttributeType::Decimal => false,
    }
}

/// App roles: one role is a text, several are objects.
fn check_roles(line: &Line<'_>, expression: &Expression, checked: &mut Checked) {
    let Some(function) = expression.function() else {
        return;
    };
    let is_whole = line.attribute.is_core("roles") && matches!(line.path, Path::Attribute(_));
    match function {
        "SingleAppRoleAssignment" if is_whole => checked.refuse(
            line.field.clone(),
            "SingleAppRoleAssignment gives the name of one role; write target: 'roles[primary eq \"True\"].value'",
        ),
        "AppRoleAssignmentsComplex" | "AssertiveAppRoleAssignmentsComplex" if !is_whole => checked.refuse(
            line.field.clone(),
            format!("{function} gives roles with all their parts, which only the whole list takes; write target: roles"),
        ),
        "AppRoleAssignmentsComplex" => checked.warn(
            line.at("expression"),
            "column 1: with AppRoleAssignmentsComplex Entra adds roles and takes none away; write AssertiveAppRoleAssignmentsComplex, which puts the roles of Entra in the place of those here",
        ),
        _ => {}
    }
}
