//! The manuals keep up with the code: every condition, reason, column and limit is in them.

use std::fs;
use std::path::Path;

use usher::api;
use usher::scim::bounds;
use usher::scim::bulk::MAX_BULK_OPERATIONS;

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

#[test]
fn every_column_has_its_line() {
    let text = document("status.md");
    for crd in api::custom_resource_definitions() {
        let columns = crd.spec.versions[0].additional_printer_columns.clone();
        for column in columns.expect("columns") {
            let line = format!(
                "| {} | {} |",
                crd.spec.names.kind,
                column.name.to_uppercase()
            );
            let any = format!("| all | {} |", column.name.to_uppercase());
            assert!(
                text.contains(&line) || text.contains(&any),
                "docs/status.md lacks {line}"
            );
        }
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
