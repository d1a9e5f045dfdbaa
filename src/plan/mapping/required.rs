//! Required attributes: whether a line fills each of them, and for everybody.

use crate::scim::schema::{AttributePath, MEMBERS, ResourceType};

use super::value::restriction;
use super::{Checked, Line, Side};

/// Says which required attributes would be missing.
pub(super) fn check(side: &Side<'_>, lines: &[Line<'_>], checked: &mut Checked) {
    let required = side.schema.required();
    for line in lines.iter().filter(|it| it.attribute.is_core("userType")) {
        let is_required = required.iter().any(|it| fills(line, it));
        // The guide: set at least one, otherwise users may not provision when the source is empty.
        if let Some((_, allowed)) = restriction(side, line)
            && line.may_be_empty(side.kind)
            && !is_required
        {
            let origin = line.origin();
            checked.warn(
                line.field.clone(),
                format!(
                    "userType comes from {origin} without a default: whoever has no {origin} arrives without a userType; add {}",
                    defaults(allowed)
                ),
            );
        }
    }
    for required in required {
        let filling: Vec<&Line<'_>> = lines.iter().filter(|it| fills(it, required)).collect();
        match filling.as_slice() {
            // Entra always has its own line for what users are matched by.
            [] if required.is_core("userName") => {}
            [] => checked.warn(
                format!("{}.attributes", side.field),
                format!(
                    "no line has the target {required}, which the ScimTenant requires: keep Entra's own line for it, or nobody can be created"
                ),
            ),
            [first, ..] if filling.iter().all(|it| it.may_be_empty(side.kind)) => {
                let origins: Vec<&str> = filling.iter().map(|it| it.origin()).collect();
                checked.warn(
                    first.field.clone(),
                    format!(
                        "{required} is required and comes from {}: whoever has none is refused; make sure that everybody has one, or write {}",
                        origins.join(" and "),
                        remedy(side, first)
                    ),
                );
            }
            _ => {}
        }
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

/// What gives everybody a value of `line`.
fn remedy(side: &Side<'_>, line: &Line<'_>) -> String {
    if let Some((_, allowed)) = restriction(side, line) {
        return defaults(allowed);
    }
    match (side.kind, &line.of.source) {
        (ResourceType::User, Some(source)) => {
            let spare = spare(&line.attribute);
            format!("a default or expression: Coalesce([{source}], [{spare}])")
        }
        _ => "a default or an expression that always has a value".to_owned(),
    }
}

/// The defaults to choose from.
fn defaults(allowed: &[String]) -> String {
    format!("default: {}", allowed.join(" or default: "))
}

/// An attribute that everybody has, to stand in for one that is missing.
fn spare(attribute: &AttributePath) -> &'static str {
    if attribute.is_core("name") || attribute.is_core("displayName") {
        "displayName"
    } else {
        "userPrincipalName"
    }
}
