//! Required attributes: whether a line fills each of them, and for everybody.

use crate::scim::schema::{AttributePath, MEMBERS, ResourceType};

use super::value::restriction;
use super::{Checked, Line, Side};

/// Says which required attributes would be missing.
pub(super) fn check(side: &Side<'_>, lines: &[Line<'_>], checked: &mut Checked) {
    for line in lines.iter().filter(|it| it.may_be_empty(side.kind)) {
        let origin = line.origin();
        if line.attribute.is_core("userType") {
            // The guide: set at least one, otherwise users may not provision when the source is empty.
            if let Some((_, allowed)) = restriction(side, line) {
                checked.warn(
                    line.field.clone(),
                    format!(
                        "userType comes from {origin} without a default: whoever has no {origin} arrives without a userType; add default: {}",
                        allowed.join(" or default: ")
                    ),
                );
            }
        } else if let Some(required) = side.schema.required().iter().find(|it| fills(line, it)) {
            let spare = match (side.kind, &line.of.source) {
                (ResourceType::User, Some(source)) => {
                    format!(
                        "expression: Coalesce([{source}], [{}])",
                        spare(&line.attribute)
                    )
                }
                _ => "an expression that always has a value".to_owned(),
            };
            checked.warn(
                line.field.clone(),
                format!(
                    "{required} is required and comes from {origin}: whoever has none is refused; make sure that everybody has one, or write a default or {spare}"
                ),
            );
        }
    }
    let unfilled = side
        .schema
        .required()
        .iter()
        // Entra always has its own line for what users are matched by.
        .filter(|it| !it.is_core("userName"))
        .filter(|required| !lines.iter().any(|it| fills(it, required)));
    for required in unfilled {
        checked.warn(
            format!("{}.attributes", side.field),
            format!(
                "no line has the target {required}, which the ScimTenant requires: keep Entra's own line for it, or nobody can be created"
            ),
        );
    }
    let has_members = lines.iter().any(|it| it.attribute.is_core(MEMBERS));
    if side.kind == ResourceType::Group && !has_members {
        checked.warn(
            format!("{}.attributes", side.field),
            "no line has the target members: groups arrive without them; add {target: members, source: members}",
        );
    }
}

/// Whether the line gives `required` a value.
fn fills(line: &Line<'_>, required: &AttributePath) -> bool {
    let it = &line.attribute;
    it.extension == required.extension
        && it.attribute == required.attribute
        && (required.sub_attribute.is_none()
            || it.sub_attribute.is_none()
            || it.sub_attribute == required.sub_attribute)
}

/// An attribute that everybody has, to stand in for one that is missing.
fn spare(attribute: &AttributePath) -> &'static str {
    if attribute.is_core("name") || attribute.is_core("displayName") {
        "displayName"
    } else {
        "userPrincipalName"
    }
}
