//! Filters: what is read, what is refused, what matches.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::scim::resource::Resource;
use crate::scim::schema::sample;

fn parse(text: &str) -> Result<Filter, ScimError> {
    Filter::parse(text, &sample::schemas().user)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let printed = match parse(text) {
        Ok(filter) => filter.to_string(),
        Err(error) => error
            .detail
            .replace("The filter is wrong at character ", "error "),
    };
    assert_eq!(printed, expected, "{text}");
}

#[test]
fn filters_are_read_in_every_form_that_entra_writes() {
    check(r#"userName eq "a b""#, r#"userName eq "a b""#);
    check(r#"USERNAME EQ "a""#, r#"userName eq "a""#);
    check("externalId eq lena", r#"externalId eq "lena""#);
    check(r#"active eq "True""#, "active eq true");
    check("active eq FALSE", "active eq false");
    check(
        r#"emails[type eq "work"].value eq "x""#,
        r#"emails[type eq "work" and value eq "x"]"#,
    );
    check(r#"Emails[Type eq "work"]"#, r#"emails[type eq "work"]"#);
    check(r#"emails eq "x""#, r#"emails.value eq "x""#);
    check(
        "id eq 1 and manager eq 2",
        r#"id eq "1" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "2""#,
    );
    check(
        "urn:ietf:params:scim:schemas:extension:2.0:Metadata:any.key eq v",
        r#"urn:ietf:params:scim:schemas:extension:2.0:Metadata:any.key eq "v""#,
    );
    check(
        "meta.created gt \"2026-01-01T00:00:00Z\"",
        "meta.created gt \"2026-01-01T00:00:00Z\"",
    );
    check(
        "urn:example:Typed:2.0:User:level ge 5",
        "urn:example:Typed:2.0:User:level ge 5",
    );
    check("title eq null", "title eq null");
    check(r#"userName eq "a\"\u00e9""#, r#"userName eq "a\"é""#);
    check(
        "folders[value eq \"a\"]",
        &format!("{}:folders[value eq \"a\"]", sample::FOLDERS),
    );
}

#[test]
fn and_binds_stronger_than_or_and_brackets_strongest() {
    check(
        "title pr or title pr and userName pr",
        "title pr or title pr and userName pr",
    );
    check(
        "(title pr or nickName pr) and userName pr",
        "(title pr or nickName pr) and userName pr",
    );
    check(
        "(title pr and (nickName pr)) and userName pr",
        "title pr and nickName pr and userName pr",
    );
    check(
        "NOT(title pr) AND not ( nickName pr or locale pr )",
        "not (title pr) and not (nickName pr or locale pr)",
    );
}

#[test]
fn a_wrong_filter_is_refused_with_its_place() {
    check(
        "userName zz \"x\"",
        "error 10: an operator is expected: eq, ne, co, sw, ew, gt, ge, lt, le or pr.",
    );
    check("", "error 1: the name of an attribute is missing.");
    check(
        "userName",
        "error 9: an operator is expected: eq, ne, co, sw, ew, gt, ge, lt, le or pr.",
    );
    check(
        "userName eq",
        "error 12: a value is missing behind the operator.",
    );
    check("userName eq \"x", "error 13: the quote is not closed.");
    check(
        "userName eq \"\\x\"",
        "error 13: the quoted text has an unknown escape.",
    );
    check("userName eq x y", "error 15: nothing is expected here.");
    check(
        "title pr and é eq 1",
        "error 14: there is no such attribute in the schema.",
    );
    check(
        "urn:nobody:attr eq 1",
        "error 1: there is no such attribute in the schema.",
    );
    check(
        "name eq \"x\"",
        "error 1: name is an object; compare one of its sub-attributes.",
    );
    check(
        "name[givenName eq \"x\"]",
        "error 5: name is not a list, so brackets do not apply.",
    );
    check(
        "emails[userName eq \"x\"]",
        "error 8: emails has no such sub-attribute.",
    );
    check("emails[type eq \"x\"", "error 19: `]` is missing.");
    check("(title pr", "error 10: `)` is missing.");
    check("title pr)", "error 9: nothing is expected here.");
    check(
        "active gt true",
        "error 11: true and false can only be compared by eq and ne.",
    );
    check("active eq perhaps", "error 11: true or false is expected.");
    check(
        "active co \"t\"",
        "error 11: co, sw and ew apply to texts only.",
    );
    check(
        "title gt null",
        "error 10: null can only be compared by eq and ne.",
    );
    check(
        "meta.created gt x",
        "error 17: a time such as 2026-01-31T08:00:00Z is expected.",
    );
}

#[test]
fn length_depth_and_terms_are_bounded() {
    let deep = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&deep(20)).is_ok());
    assert!(parse(&deep(21)).is_err());
    let wide = |terms: usize| vec!["title pr"; terms].join(" and ");
    assert!(parse(&wide(100)).is_ok());
    assert!(parse(&wide(101)).is_err());
    assert!(parse(&format!("title eq \"{}\"", "x".repeat(8 * 1024))).is_err());
}

#[track_caller]
fn check_match(text: &str, expected: bool) {
    let schemas = sample::schemas();
    let body = json!({
        "userName": "Ana@Example.com",
        "externalId": "Ext",
        "active": true,
        "name": {"givenName": "Ána"},
        "emails": [
            {"type": "work", "value": "w@x", "primary": true},
            {"type": "home", "value": "h@x"},
        ],
        sample::FOLDERS: {"folders": ["charts", "tides"]},
        sample::METADATA: {"Vessel": "Aurora"},
        sample::TYPED: {"level": 7, "share": 0.5, "hired": "2026-01-01T00:00:00.0000000Z"},
    });
    let resource = Resource::parse(&schemas.user, &body).unwrap();
    let filter = Filter::parse(text, &schemas.user).unwrap();
    assert_eq!(
        filter.matches(&Candidate::new("7", &resource)),
        expected,
        "{text}"
    );
}

#[test]
fn filters_match_by_type_and_casing_of_the_schema() {
    for text in [
        "userName eq \"ana@example.COM\"",
        "userName sw \"ANA\" and userName ew \".com\" and userName co \"@\"",
        "name.givenName eq \"ána\"",
        "externalId eq \"Ext\"",
        "id eq 7",
        "active eq true",
        "emails[type eq \"work\"].value eq \"W@X\"",
        "emails[type eq \"home\" and not (primary eq true)]",
        "emails eq \"h@x\"",
        "folders eq \"tides\"",
        "folders[value sw \"ch\"]",
        "urn:ietf:params:scim:schemas:extension:2.0:Metadata:vessel eq \"aurora\"",
        "level gt 6 and level le 7 and share lt 1",
        "hired ge \"2026-01-01T01:00:00+01:00\"",
        "title eq null and userName ne null",
        "title ne \"x\" and not (title pr)",
        "userName gt \"a\" or title pr",
    ] {
        check_match(text, true);
    }
    for text in [
        "externalId eq \"ext\"",
        "emails[type eq \"work\"].value eq \"h@x\"",
        "emails.value ne \"h@x\"",
        "level gt 7",
        "title pr",
        "title gt \"a\"",
        "active eq false",
    ] {
        check_match(text, false);
    }
}

fn comparison(attribute: AttributePath) -> impl Strategy<Value = Filter> {
    let operators = prop::sample::select(Operator::ALL.map(|(operator, _)| operator).to_vec());
    (operators, any::<String>()).prop_map(move |(operator, text)| {
        Filter::Compare(Comparison {
            attribute: attribute.clone(),
            operator,
            value: Literal::Text(text),
            case_exact: false,
        })
    })
}

fn leaf() -> impl Strategy<Value = Filter> {
    let flag = any::<bool>().prop_map(|flag| {
        Filter::Compare(Comparison {
            attribute: AttributePath::core("active"),
            operator: Operator::NotEqual,
            value: Literal::Boolean(flag),
            case_exact: false,
        })
    });
    let open = AttributePath {
        extension: Some(sample::METADATA.to_owned()),
        attribute: "some.key".to_owned(),
        sub_attribute: None,
    };
    let sub = AttributePath::core("name").with_sub_attribute(Some("givenName".to_owned()));
    let element = comparison(AttributePath::core("type")).prop_map(|inner| Filter::Element {
        attribute: AttributePath::core("emails"),
        filter: Box::new(inner),
    });
    prop_oneof![
        comparison(AttributePath::core("userName")),
        comparison(open),
        Just(Filter::Present(sub)),
        flag,
        element,
    ]
}

fn tree() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::any),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn a_printed_filter_reads_as_itself(filter in tree()) {
        prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn texts_made_of_filter_words_are_read_or_refused(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "userName", "emails", "eq", "pr", "and", "or", "not", "(", ")", "[", "]", ".value",
                "\"x\"", "\"", "true", "null", " ", "\\", "é", "urn:", "5",
            ]),
            0..30,
        ),
        space in prop::sample::select(vec!["", " "]),
    ) {
        if let Ok(filter) = parse(&words.join(space)) {
            prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
        }
    }
}

#[test]
fn values_compare_as_themselves() {
    assert_eq!(Literal::Number(5.into()).to_value(), Value::from(5));
    assert_eq!(Literal::Null.to_string(), "null");
}
