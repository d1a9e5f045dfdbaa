//! The manuals keep up with the code: every condition, reason, column, limit, right and kind is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use usher::api;
use usher::operator::rbac;
use usher::plan::ChildKind;
use usher::scim::bounds;
use usher::scim::bulk::MAX_BULK_OPERATIONS;

use crate::apiserver::rights_of;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(path).expect("a document")
}

/// The words in quotes on the lines of `source` that `wanted` picks.
fn words(source: &str, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let lines = source.lines().filter(|line| wanted(line));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}

#[test]
fn every_condition_and_reason_has_its_line() {
    let source = include_str!("../../src/api/conditions.rs");
    let conditions = words(source, |line| line.starts_with("pub const "));
    let (_, after) = source
        .split_once("impl Reason")
        .expect("the words of reasons");
    let (of_reasons, _) = after
        .split_once(
            "
}",
        )
        .expect("their end");
    let reasons = words(of_reasons, |line| line.contains("=> \""));
    assert!(
        conditions.len() >= 7 && reasons.len() >= 16,
        "{conditions:?} {reasons:?}"
    );
    let text = document("status.md");

    for word in conditions.iter().chain(&reasons) {
        assert!(
            text.contains(&format!("\n| `{word}` |")),
            "docs/status.md has no line for {word}"
        );
    }
}

/// The cells of each row of a table in a part of a document.
fn rows(part: &str) -> Vec<Vec<&str>> {
    let lines = part.lines().filter_map(|line| {
        let row = line.strip_prefix("| ")?.strip_suffix('|')?;
        Some(row.split('|').map(str::trim).collect())
    });
    lines.collect()
}

/// The part of a document under a heading of the second level.
fn part<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    after.split("\n## ").next().unwrap_or_default()
}

#[test]
fn every_column_has_its_line_that_says_what_to_do() {
    let text = document("status.md");
    let rows = rows(part(&text, "Columns"));
    for crd in api::custom_resource_definitions() {
        let kind = crd.spec.names.kind;
        let columns = crd.spec.versions[0].additional_printer_columns.clone();
        for column in columns.expect("columns") {
            let name = column.name.to_uppercase();
            let row = rows
                .iter()
                .find(|it| (it[0] == kind || it[0] == "all") && it[1] == name);
            let row = row.unwrap_or_else(|| panic!("docs/status.md lacks {kind} {name}"));
            assert_eq!(row.len(), 4, "{row:?}");
            assert!(row.iter().all(|it| !it.is_empty()), "{row:?}");
        }
    }
}

#[test]
fn every_kind_that_is_made_has_its_line_and_no_other_has() {
    let text = document("kubernetes.md");
    let told: BTreeSet<&str> = rows(part(&text, "What is created"))
        .iter()
        .flat_map(|row| row[0].split(" or "))
        .filter(|it| *it != "object")
        .collect();

    let made: BTreeSet<&str> = ChildKind::ALL.map(ChildKind::as_str).into();

    assert_eq!(told, made);
}

#[test]
fn the_table_of_rights_is_what_the_operator_is_granted() {
    let text = document("install.md");
    let kinds = "ScimTenants, AzureConnectors, UserMappings";
    let statuses = "scimtenants/status, azureconnectors/status, usermappings/status";
    let mut told: BTreeMap<bool, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut is_lease = false;
    for row in rows(part(&text, "What the operator may do")) {
        match row[0] {
            "where" => continue,
            "watched namespaces" => is_lease = false,
            "its own namespace" => is_lease = true,
            below => assert_eq!(below, ""),
        }
        let what = match row[1] {
            "the three kinds" => kinds,
            "their `status`" => statuses,
            other => other,
        };
        for resource in what.split(", ") {
            let verbs = row[2].split(", ");
            told.entry(is_lease)
                .or_default()
                .extend(verbs.map(|verb| (resource.to_lowercase(), verb.to_owned())));
        }
    }

    for (is_lease, rules) in [(false, rbac::watched()), (true, rbac::lease())] {
        let granted = rights_of(&rules);
        let granted: BTreeSet<_> = granted
            .into_iter()
            .map(|(_, resource, verb)| (resource, verb))
            .collect();
        assert_eq!(told.get(&is_lease), Some(&granted));
    }
}

/// With commas, as in a text.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let from_end = |at: usize| digits.len() - at;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && from_end(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn every_limit_of_scim_has_its_line() {
    let text = document("scim.md");
    for (what, limit) in [
        ("a text value", bounds::MAX_STRING_BYTES),
        ("levels of nesting", bounds::MAX_JSON_DEPTH),
        ("elements of one list", bounds::MAX_ARRAY_ELEMENTS),
        ("members of one object", bounds::MAX_OBJECT_MEMBERS),
        ("values of one attribute", bounds::MAX_ATTRIBUTE_VALUES),
        ("operations of one PATCH", bounds::MAX_OPERATIONS),
        ("operations of one bulk request", MAX_BULK_OPERATIONS),
        ("a filter, a path or a name", bounds::MAX_FILTER_BYTES),
        ("levels of a filter", bounds::MAX_FILTER_DEPTH),
        ("comparisons of one filter", bounds::MAX_FILTER_TERMS),
        ("resources of a page, unless asked", bounds::DEFAULT_PAGE),
        ("resources of a page, at most", bounds::MAX_PAGE),
    ] {
        let line = text
            .lines()
            .find(|it| it.starts_with(&format!("| {what} |")));
        let line = line.unwrap_or_else(|| panic!("docs/scim.md has no line for {what}"));
        assert!(line.contains(&format!("| {}", grouped(limit))), "{line}");
    }
}
