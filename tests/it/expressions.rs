//! The expression language against the vectors of `tests/data/expression-vectors.json`, and its manual against the code.
//!
//! Every vector passes: those that rest on Microsoft's documentation, and those that rest on an inference from it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use usher::clock::SeededRandom;
use usher::expression::{Environment, Expression, Outcome, SourceObject, families, manual};

use crate::programs::mapping;

#[derive(Deserialize)]
struct Vector {
    id: String,
    expression: String,
    attributes: Value,
    expected: Value,
    outcome: String,
    #[serde(default)]
    context: Context,
    expected_pattern: Option<String>,
    expected_shape: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    now: Option<jiff::Timestamp>,
    existing_values: Vec<String>,
    default_domain: Option<String>,
}

fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(path("tests/data/expression-vectors.json")).expect("the file");
    serde_json::from_str(&text).expect("vectors")
}

/// What a vector comes to, in its own words.
fn found(vector: &Vector, eager_iif: bool) -> (&'static str, Value) {
    let random = SeededRandom::new(7);
    let now = vector.context.now.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut environment = Environment::at(now, &random);
    environment.eager_iif = eager_iif;
    environment
        .default_domain
        .clone_from(&vector.context.default_domain);
    for value in &vector.context.existing_values {
        environment.take(value);
    }
    let object = SourceObject::from_json(&vector.attributes.to_string()).expect("an object");
    let Ok(expression) = Expression::parse(&vector.expression) else {
        return ("error", Value::Null);
    };
    match expression.evaluate(&object, &environment) {
        Ok(Outcome::Value(value)) => ("value", value.to_json()),
        Ok(Outcome::Ignored(_)) => ("ignore_flow", Value::Null),
        Err(_) => ("error", Value::Null),
    }
}

/// What is wrong with a vector, if anything.
fn difference(vector: &Vector, eager_iif: bool) -> Option<String> {
    let (outcome, value) = found(vector, eager_iif);
    let fits = if vector.outcome == "pattern" {
        let text = value.as_str().unwrap_or_default();
        outcome == "value"
            && vector.expected_pattern.as_ref().is_none_or(|it| {
                let pattern = fancy_regex::Regex::new(it).expect("a pattern");
                pattern.is_match(text).expect("a simple one")
            })
            && vector
                .expected_shape
                .as_ref()
                .is_none_or(|it| has_shape(text, it))
    } else {
        outcome == vector.outcome && value == vector.expected
    };
    (!fits).then(|| {
        format!(
            "{}: {} came to {outcome} {value}, not to {} {}",
            vector.id, vector.expression, vector.outcome, vector.expected
        )
    })
}

fn has_shape(text: &str, shape: &Map<String, Value>) -> bool {
    let number = |name: &str| shape[name].as_u64().expect("a number");
    let is_exact = shape["exact"] == true;
    let excluded = shape["excluded"].as_str().expect("characters");
    let mut counts = [("digits", 0), ("lower", 0), ("upper", 0), ("special", 0)];
    for character in text.chars() {
        let class = match character {
            '0'..='9' => 0,
            'a'..='z' => 1,
            'A'..='Z' => 2,
            _ => 3,
        };
        counts[class].1 += 1;
    }
    let length: u64 = counts.iter().map(|(_, count)| count).sum();
    let fit = counts
        .iter()
        .all(|(name, count)| *count == number(name) || (!is_exact && *count > number(name)));
    fit && length == number("length") && !text.contains(|it| excluded.contains(it))
}

#[test]
fn every_vector_comes_to_what_it_says() {
    let different: Vec<String> = vectors()
        .iter()
        .filter_map(|vector| difference(vector, false))
        .collect();

    assert!(different.is_empty(), "\n{}\n", different.join("\n"));
}

#[test]
fn no_vector_depends_on_which_branches_of_iif_are_evaluated() {
    let different: Vec<String> = vectors()
        .iter()
        // Error() in the branch that is not taken is what such expressions are about.
        .filter(|it| !it.expression.contains("Error("))
        .filter_map(|it| difference(it, true))
        .collect();

    assert!(different.is_empty(), "\n{}\n", different.join("\n"));
}

#[test]
fn canonical_text_is_read_as_the_same_and_prints_as_itself() {
    for vector in vectors() {
        let Ok(expression) = Expression::parse(&vector.expression) else {
            continue;
        };
        let printed = expression.to_string();
        let again = Expression::parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));

        assert_eq!(again.to_string(), printed, "{}", vector.id);
        let reprinted = Vector {
            expression: printed,
            ..vector
        };
        assert_eq!(difference(&reprinted, false), None);
    }
}

#[test]
fn the_manual_is_what_the_functions_say() {
    let file = path("docs/expressions.md");
    let written = fs::read_to_string(&file).unwrap_or_default();

    assert!(
        written == manual(),
        "docs/expressions.md is not the manual; write it by `cargo run -- mapping functions > docs/expressions.md`"
    );
}

#[test]
fn every_documented_function_has_a_vector_or_an_example() {
    let vectors = vectors();
    for function in families().iter().flat_map(|it| it.functions) {
        let is_shown = !function.examples.is_empty();
        let is_called = vectors
            .iter()
            .any(|it| it.expression.contains(&format!("{}(", function.name)));

        assert!(is_shown || is_called, "{}", function.name);
    }
}

/// Standard output and error of `usher mapping try`, and whether it succeeded.
fn tried(arguments: &[&str]) -> (String, String, bool) {
    mapping(&[&["try"], arguments].concat())
}

#[test]
fn an_expression_is_tried_from_the_command_line() {
    let json = |arguments: &[&str]| {
        let (said, _, success) = tried(&[arguments, &["--json"]].concat());
        assert!(success);
        said
    };
    let split = ["--expression", r#"Split([jobTitle], ",")"#];
    let person = ["--person", r#"{"jobTitle": "Deck, Bridge"}"#];

    assert_eq!(
        json(&[split, person].concat()),
        r#"{"outcome":"value","value":["Deck","Bridge"],"error":null}"#.to_owned() + "\n"
    );
    assert_eq!(
        json(&["--expression", "IgnoreFlowIfNullOrEmpty([jobTitle])"]),
        r#"{"outcome":"ignore_flow","value":null,"error":null}"#.to_owned() + "\n"
    );
    assert_eq!(
        json(&["--expression", "Mdi([a], 1, 2)"]),
        r#"{"outcome":"error","value":null,"error":"column 1: there is no function Mdi (did you mean Mid?)"}"#.to_owned()
            + "\n"
    );
    let surroundings = [
        "--expression",
        r#"SelectUniqueValue(DefaultDomain(), FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy"))"#,
        "--now",
        "2021-07-02T15:33:38Z",
        "--default-domain",
        "contoso.com",
        "--existing-value",
        "CONTOSO.com",
    ];
    assert_eq!(
        json(&surroundings),
        r#"{"outcome":"value","value":"2021","error":null}"#.to_owned() + "\n"
    );
}

#[test]
fn a_person_reads_values_on_lines_and_mistakes_with_carets() {
    let split = ["--expression", r#"Split("a, b", ",")"#];
    assert_eq!(
        tried(&split),
        ("a\nb\n".to_owned(), "a list of 2\n".to_owned(), true)
    );
    assert_eq!(
        tried(&["--expression", "ToUpper('x')"]),
        (
            String::new(),
            "usher: column 9: ' does not begin a text; write straight double quotes, as in \"text\"\nToUpper('x')\n        ^\n".to_owned(),
            false
        )
    );
    let (value, remark, success) = tried(&["--expression", r#"IIF("True", "x", Error("no"))"#]);
    assert!(success && value == "x\n");
    assert!(
        remark.contains("a branch of IIF that is not taken fails"),
        "{remark}"
    );
}

const MAPPING: &str = "apiVersion: usher.dev/v1alpha1
kind: UserMapping
metadata: {name: people}
spec:
  connectorRef: {name: entra}
  users:
    attributes:
      - {target: userName, source: userPrincipalName}
      - {target: userType, source: companyName, default: Standard}
      - {target: locale, constant: en-US}
      - {target: title, expression: 'Split([jobTitle], \",\")'}
      - {target: nickName, expression: 'CDate([userPrincipalName])'}
      - {target: timezone, expression: 'IIF([jobTitle] = \"Cook\", Error(\"no\"), \"x\")'}
";

#[test]
fn a_mapping_is_tried_on_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let mapping = file("mapping.yaml", MAPPING);
    let csv = file(
        "people.csv",
        "userPrincipalName,companyName,jobTitle\nana@contoso.com,,\"Deck, Bridge\"\n",
    );
    let json = file(
        "people.json",
        r#"[{"userPrincipalName": "bo@contoso.com", "companyName": "Premium"}]"#,
    );

    let (table, said, success) = tried(&[&mapping, "--people", &csv]);
    assert!(success, "{said}");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[..5],
        [
            "PERSON 1   VALUE               WHY",
            "userName   ana@contoso.com     userPrincipalName",
            "userType   Standard            default when created: no value of companyName",
            "locale     en-US               constant",
            r#"title      ["Deck","Bridge"]   expression"#,
        ]
    );
    assert!(
        rows[5]
            .contains("error, so the person is not written: column 7: CDate, argument expression"),
        "{table}"
    );
    assert!(
        rows[6].contains("expression; a branch of IIF that is not taken fails; Entra may evaluate it all the same: column 26: "),
        "{table}"
    );
    let (table, said, success) = tried(&[&mapping, "--people", &json, "--json"]);
    assert!(success, "{said}");
    assert!(
        table.starts_with(r#"[{"person":1,"attributes":[{"attribute":"userName","value":"bo@contoso.com","why":"userPrincipalName"},{"attribute":"userType","value":"Premium","why":"companyName"},"#),
        "{table}"
    );
    let (_, said, success) = tried(&[&mapping]);
    assert!(!success && said.contains("--people"), "{said}");
    let (_, said, success) = tried(&[&mapping, "--people", &csv, "--person", "{}"]);
    assert!(!success && said.contains("--person"), "{said}");
}
