//! Matching attributes: by which value Entra looks for somebody before it creates one.

use std::collections::HashMap;

use crate::scim::schema::ResourceType;

use super::{Checked, Line, Side};

/// Attributes of which a value belongs to one person.
const TELLING: [&str; 4] = ["userName", "externalId", "emails", "employeeNumber"];

/// Says which matching attributes are in each other's way, or find nobody.
pub(super) fn check(side: &Side<'_>, lines: &[Line<'_>], checked: &mut Checked) {
    let matching: Vec<(&Line<'_>, u8)> = lines
        .iter()
        .filter_map(|line| Some((line, line.of.matching_priority?)))
        .collect();
    let mut seen: HashMap<u8, &Line<'_>> = HashMap::new();
    for (line, priority) in &matching {
        if let Some(first) = seen.insert(*priority, line) {
            checked.refuse(
                line.at("matchingPriority"),
                format!(
                    "{priority} is the matchingPriority of {} as well; Entra tries one after the other, so give each its own",
                    first.of.target
                ),
            );
        }
        let name = line.attribute.attribute.as_str();
        if side.kind == ResourceType::User && !TELLING.contains(&name) {
            checked.warn(
                line.at("matchingPriority"),
                format!(
                    "several people may have the same {}: Entra then refuses to choose (DuplicateTargetEntries); match by userName, externalId or an e-mail address",
                    line.attribute
                ),
            );
        }
    }
    if !matching.is_empty()
        && matching
            .iter()
            .all(|(line, _)| line.may_come_to_nothing(side.kind))
    {
        let (first, _) = matching[0];
        checked.warn(
            first.at("matchingPriority"),
            format!(
                "who has no value of {} cannot be matched and is skipped by Entra; add a line with another matchingPriority, such as externalId from objectId",
                first.origin()
            ),
        );
    }
}
