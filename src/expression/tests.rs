//! What expressions come to, and what is said of those that come to nothing.

use fancy_regex::Regex;
use insta::assert_snapshot;
use jiff::Timestamp;

use super::*;
use crate::clock::SeededRandom;

/// The environment of the manual's examples.
fn environment(random: &SeededRandom) -> Environment<'_> {
    let now: Timestamp = "2021-07-02T15:33:38Z".parse().unwrap();
    let mut environment = Environment::at(now, random);
    environment.default_domain = Some("contoso.com".to_owned());
    environment
}

/// What an expression comes to, in JSON, or what is wrong with it, with carets.
fn come_to(expression: &str, object: &str) -> String {
    let random = SeededRandom::new(7);
    let environment = environment(&random);
    let object = SourceObject::from_json(object).unwrap();
    let expression = match Expression::parse(expression) {
        Ok(expression) => expression,
        Err(error) => return format!("{error}\n{}", error.excerpt()),
    };
    match expression.evaluate(&object, &environment) {
        Ok(Outcome::Value(value)) => value.to_json().to_string(),
        Ok(Outcome::Ignored(flow)) => flow.as_str().to_owned(),
        Err(error) => format!("{error}\n{}", error.excerpt()),
    }
}

fn shown(expression: &str) -> String {
    come_to(expression, r#"{"m": ["x", "y"], "a": "Ana"}"#)
}

fn check(expression: &str, expected: &str) {
    let object = r#"{"a": "Ana", "e": "", "m": ["x", "y"], "n": "7", "emails[type eq \"work\"].value": "w"}"#;
    let found = come_to(expression, object);
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn every_example_of_the_manual_comes_to_what_it_says() {
    for function in families().iter().flat_map(|it| it.functions) {
        assert!(!function.description.is_empty(), "{}", function.name);
        for example in function.examples {
            let found = come_to(example.expression, example.object);
            let json: serde_json::Value = serde_json::from_str(&found).unwrap_or_default();
            let fits = match example.shows {
                Shown::Text(text) => json == serde_json::json!(text),
                Shown::List(texts) => json == serde_json::json!(texts),
                Shown::Ignored => found == "IgnoreAttributeFlow",
                Shown::Error(problem) => found.contains(problem),
                Shown::Like(pattern) => {
                    let text = json.as_str().unwrap();
                    Regex::new(pattern).unwrap().is_match(text).unwrap()
                }
            };
            assert!(
                fits,
                "{}\n  {found}\n  {}",
                example.expression, example.shows
            );
        }
    }
}

#[test]
fn attributes_texts_and_numbers_stand_alone() {
    check("[a]", r#""Ana""#);
    check("[missing]", "null");
    check("[A]", "null");
    check("[m]", r#"["x","y"]"#);
    check(r#" "a\\b\"c\+" "#, r#""a\\b\"c\\+""#);
    check("042.50", r#""042.50""#);
    check("&HFF", r#""255""#);
    check(r#"[emails[type eq "work"].value]"#, r#""w""#);
}

#[test]
fn what_compares_and_when_it_holds() {
    for (condition, holds) in [
        (r#"[a] = "Ana""#, true),
        (r#"[a] = "ana""#, false),
        (r#"[a] <> "ana""#, true),
        (r#"[missing] = "x""#, false),
        (r#"[missing] <> "x""#, false),
        (r#"[e] = """#, true),
        ("[n] = 7.0", true),
        (r#"[n] = "7.0""#, false),
        (r#"[n] < "10""#, true),
        (r#"[n] < "1x""#, false),
        ("Len([a]) >= \"3\"", true),
        ("IsPresent([a])", true),
        ("[missing]", false),
        ("\"TRUE\"", true),
        ("2", true),
        ("129699324000000001 > 129699324000000000", true),
    ] {
        let expected = if holds { r#""yes""# } else { r#""no""# };
        check(&format!(r#"IIF({condition}, "yes", "no")"#), expected);
    }
}

#[test]
fn null_and_empty_are_told_apart() {
    for (expression, expected) in [
        ("Left([missing], 2)", r#""""#),
        ("Mid([missing], 1, 2)", "null"),
        ("Mid([e], 1, 2)", r#""""#),
        ("Mid([a], 9, 2)", r#""""#),
        (r#"Append([missing], "x")"#, "null"),
        (r#"Append([e], "x")"#, r#""x""#),
        (r#"Append("x", [missing])"#, r#""x""#),
        (r#"Split([missing], ",")"#, "null"),
        (r#"Split([e], ",")"#, r#"[""]"#),
        (r#"Split("a,, b", ",")"#, r#"["a","","b"]"#),
        (r#"Join(",", [missing], [e])"#, r#""""#),
        (r#"Word("one", 1, ",")"#, r#""one""#),
        (r#"Word(",,a,,b", 2, ",")"#, r#""b""#),
        (r#"Switch([a], , "x", "y")"#, "null"),
        (r#"Coalesce([missing], [e], "x")"#, r#""""#),
        ("FormatDateTime([missing], \"d\", \"D\")", "null"),
        ("FormatDateTime([e], \"d\", \"D\")", r#""""#),
        ("Not([missing])", r#""True""#),
        ("Count([missing])", r#""0""#),
        ("Count([a])", r#""1""#),
        (r#"Replace([missing], , "(?<g>.)", "g", , [a], )"#, r#""A""#),
        (r#"Replace([missing], , "(?<g>z)", "g", , [a], )"#, "null"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn only_the_branch_that_is_taken_is_evaluated() {
    check(r#"IIF([a] = "Ana", "x", Error("no"))"#, r#""x""#);
    check(r#"Switch([a], Error("no"), "Ana", "x")"#, r#""x""#);
    check(
        r#"IIF([a] = "Ana", IgnoreObjectFlow, "x")"#,
        "IgnoreObjectFlow",
    );
    check(
        r#"Append(IgnoreFlowIfNullOrEmpty([e]), "x")"#,
        "IgnoreAttributeFlow",
    );

    let random = SeededRandom::new(7);
    let mut environment = environment(&random);
    environment.eager_iif = true;
    environment.drop_empty_attributes = true;
    let object = SourceObject::from_json(r#"{"e": ""}"#).unwrap();
    let eager = Expression::parse(r#"IIF("True", "x", Error("no"))"#).unwrap();
    let first = Expression::parse(r#"Coalesce([e], "x")"#).unwrap();

    assert!(eager.evaluate(&object, &environment).is_err());
    assert_eq!(
        first.evaluate(&object, &environment),
        Ok(Outcome::Value(Value::text("x")))
    );
}

#[test]
fn characters_are_counted_in_utf_16() {
    check(r#"Len("😀ü")"#, r#""3""#);
    check(r#"Mid("a😀b", 4, 1)"#, r#""b""#);
    check(r#"Left("😀", 1)"#, "\"\u{FFFD}\"");
    check(r#"InStr("a😀b", "b")"#, r#""4""#);
    check(r#"InStr("ÄbÖ", "ö", 1, vbTextCompare)"#, r#""3""#);
    check(r#"InStr("abc", "", 2)"#, r#""2""#);
    check(r#"InStr("", "a")"#, r#""0""#);
    check(r#"InStr("abc", "c", 9)"#, r#""0""#);
}

#[test]
fn words_begin_where_dot_net_lets_them_begin() {
    check(
        r#"PCase("o'NEIL mc-donald 2nd ǆungla")"#,
        r#""O'neil Mc-Donald 2Nd ǅungla""#,
    );
    check(r#"PCase("a-b c", "-")"#, r#""A-B c""#);
    check(r#"ToLower("I İ", "az")"#, r#""ı i""#);
    check(r#"ToUpper("i ı ß ŉ ᾳ")"#, r#""I ı ß ŉ ᾼ""#);
    check(r#"ToUpper("ı", "en-US")"#, r#""I""#);
}

#[test]
fn dates_are_read_added_and_told_apart() {
    for (expression, expected) in [
        (r#"CDate("8/5/2021")"#, r#""8/5/2021 12:00:00 AM""#),
        (
            r#"CDate("2021-08-25 17:41:18.1234567+02:00")"#,
            r#""8/25/2021 3:41:18 PM""#,
        ),
        (
            r#"DateAdd("yyyy", 1, "2024-02-29")"#,
            r#""2/28/2025 12:00:00 AM""#,
        ),
        (r#"DateDiff("ww", "2021-08-21", "2021-08-22")"#, r#""1""#),
        (
            r#"DateDiff("d", "2021-08-24T23:00:00Z", "2021-08-25T01:00:00Z")"#,
            r#""0""#,
        ),
        (r#"DateDiff("m", "2021-01-31", "2021-02-01")"#, r#""1""#),
        (
            "NumFromDate(\"2099-12-31T23:59:59-04:00\")",
            r#""157469327990000000""#,
        ),
    ] {
        check(expression, expected);
    }
}

#[test]
fn a_backslash_in_a_distinguished_name_stands_before_two_digits_or_a_character() {
    check(r#"DNComponent("cn=a\2Cb,dc=x", 1)"#, r#""a,b""#);
    check(r#"DNComponent("cn=a\+1b,dc=x", 1)"#, r#""a+1b""#);
}

#[test]
fn missing_and_needless_arguments_are_shown_where_they_are() {
    assert_snapshot!(shown("Mdi([a], 1, 2)"), @"
    column 1: there is no function Mdi (did you mean Mid?)
    Mdi([a], 1, 2)
    ^^^
    ");
    assert_snapshot!(shown("Append([a], ToUpper([a], )"), @"
    column 7: the parenthesis of Append is not closed
    Append([a], ToUpper([a], )
          ^
    ");
    assert_snapshot!(shown("Append([a])"), @"
    column 1: Append: the argument suffix is missing; it is written Append(source, suffix)
    Append([a])
    ^^^^^^^^^^^
    ");
    assert_snapshot!(shown("Append([a], )"), @"
    column 13: Append, argument suffix: must not be empty
    Append([a], )
                ^
    ");
    assert_snapshot!(shown("ToUpper([a], , )"), @"
    column 1: ToUpper takes at most 2 arguments, and there are 3; it is written ToUpper(source, [culture])
    ToUpper([a], , )
    ^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(shown("Switch([a], , \"k\")"), @r#"
    column 1: Switch: the argument value is missing; it is written Switch(source, [defaultValue], key, value, …)
    Switch([a], , "k")
    ^^^^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(shown("FormatDateTime([a], \"d\")"), @r#"
    column 1: FormatDateTime: the argument outputFormat is missing; it is written FormatDateTime(source, [dateTimeStyles], inputFormat, outputFormat)
    FormatDateTime([a], "d")
    ^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(shown("FormatDateTime([a], , \"d\")"), @r#"
    column 21: FormatDateTime, argument inputFormat: must not be empty
    FormatDateTime([a], , "d")
                        ^
    "#);
    assert_snapshot!(shown("Replace([a], \"x\", , , , , )"), @r#"
    column 1: Replace: give oldValue with replacementValue or template, or regexPattern with replacementValue, or regexPattern and regexGroupName with replacementAttributeName
    Replace([a], "x", , , , , )
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn what_the_language_does_not_have_is_shown_where_it_is() {
    assert_snapshot!(shown("IIF([a] = \"x\" and [b] = \"y\", 1, 2)"), @r#"
    column 15: IIF: a comma or ) is wanted before and; for and, nest IIF on its true branch
    IIF([a] = "x" and [b] = "y", 1, 2)
                  ^^^
    "#);
    assert_snapshot!(shown("IIF([a] == \"x\", 1, 2)"), @r#"
    column 9: == is no comparison; write =
    IIF([a] == "x", 1, 2)
            ^^
    "#);
    assert_snapshot!(shown("ToUpper([a] = \"x\")"), @r#"
    column 13: = compares only in the condition of IIF or in CBool; write CBool(… = …)
    ToUpper([a] = "x")
                ^
    "#);
    assert_snapshot!(shown("ToUpper('x')"), @r#"
    column 9: ' does not begin a text; write straight double quotes, as in "text"
    ToUpper('x')
            ^
    "#);
    assert_snapshot!(shown("ToUpper(a)"), @r#"
    column 9: a is neither a text nor an attribute; write "a" or [a]
    ToUpper(a)
            ^
    "#);
    assert_snapshot!(shown("Append([a], True)"), @r#"
    column 13: a boolean is written as a text, "True"
    Append([a], True)
                ^^^^
    "#);
    assert_snapshot!(shown("[a] & [b]"), @"
    column 5: texts are joined by Join or Append, not by &; a hexadecimal number is written as in &HF7
    [a] & [b]
        ^
    ");
}

#[test]
fn broken_text_is_shown_where_it_is() {
    assert_snapshot!(shown("[a"), @"
    column 1: the bracket is not closed; an attribute is written as in [mail]
    [a
    ^
    ");
    assert_snapshot!(shown("\"a"), @r#"
    column 1: the text is not closed; it ends with a double quote, and one inside is written \"
    "a
    ^
    "#);
    assert_snapshot!(shown(""), @"
    column 1: the expression is empty; write an attribute such as [mail], a text or a function

    ^
    ");
    assert_snapshot!(shown("InStr([a], \"a\", 1, vbTxtCompare)"), @r#"
    column 20: must be vbBinaryCompare or vbTextCompare, got "vbTxtCompare" (did you mean vbTextCompare?)
    InStr([a], "a", 1, vbTxtCompare)
                       ^^^^^^^^^^^^
    "#);
    assert_snapshot!(shown("Append(SelectUniqueValue([a], [b]), \"x\")"), @r#"
    column 8: SelectUniqueValue must be the outermost function
    Append(SelectUniqueValue([a], [b]), "x")
           ^^^^^^^^^^^^^^^^^
    "#);
    assert_snapshot!(shown("IIF(IgnoreFlowIfNullOrEmpty([a]), 1, 2)"), @"
    column 5: IgnoreFlowIfNullOrEmpty is no condition; put it around the IIF
    IIF(IgnoreFlowIfNullOrEmpty([a]), 1, 2)
        ^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn a_value_that_does_not_fit_is_shown_where_it_comes_from() {
    assert_snapshot!(shown("Join(\",\",\n\tMid([a], \"x\", 2))"), @r#"
    line 2, column 11: Mid, argument start: must be a whole number, got "x"
     Mid([a], "x", 2))
              ^^^
    "#);
    assert_snapshot!(shown("Append([m], \"x\")"), @r#"
    column 8: Append, argument source: must be one value, got 2; pick one by Item, or Join them
    Append([m], "x")
           ^^^
    "#);
    assert_snapshot!(shown("DateAdd(\"days\", 1, Now())"), @r#"
    column 9: DateAdd, argument interval: must be yyyy, m, ww, d, h, n or s, got "days"
    DateAdd("days", 1, Now())
            ^^^^^^
    "#);
    assert_snapshot!(shown("CDate([a])"), @r#"
    column 7: CDate, argument expression: must be a date such as 2026-01-31, 2026-01-31T23:59:59-05:00 or 1/31/2026 11:59:59 PM, got "Ana"
    CDate([a])
          ^^^
    "#);
    assert_snapshot!(shown("FormatDateTime([a], , \"yyyy\", \"d\")"), @r#"
    column 16: FormatDateTime, argument source: must be a date in the format "yyyy", got "Ana"
    FormatDateTime([a], , "yyyy", "d")
                   ^^^
    "#);
    assert_snapshot!(shown("FormatDateTime([a], \"q\", \"yyyy\")"), @r#"
    column 21: FormatDateTime, argument inputFormat: is no format of dates, got "q": there is no standard format of that letter
    FormatDateTime([a], "q", "yyyy")
                        ^^^
    "#);
    assert_snapshot!(shown("Replace([a], , \"(\", , \"x\", , )"), @r#"
    column 16: Replace, argument regexPattern: is no regular expression that can be used: Parsing error at position 1: Opening parenthesis without closing parenthesis
    Replace([a], , "(", , "x", , )
                   ^^^
    "#);
    assert_snapshot!(shown("Replace([a], , \"a\", \"g\", \"x\", , )"), @r#"
    column 16: Replace, argument regexPattern: has no group "g"; a group is written as in (?<g>…)
    Replace([a], , "a", "g", "x", , )
                   ^^^
    "#);
}

#[test]
fn constants_that_cannot_work_are_found_without_a_person() {
    let found = |text: &str| {
        let faults = Expression::parse(text).unwrap().faults();
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        said.join("\n")
    };

    assert_eq!(found(r#"Mid([a], 1, "2")"#), "");
    assert_eq!(found("BitAnd(&HF, [a])"), "");
    assert_eq!(found(r#"IIF(&H2, Split("a1b", &H1), "b")"#), "");
    assert_snapshot!(found(r#"IIF([a] = "x", Mid([a], 1.5, 2), DateAdd("min", 1, "soon"))"#), @r#"
    column 25: Mid, argument start: must be a whole number, got "1.5"
    column 42: DateAdd, argument interval: must be yyyy, m, ww, d, h, n or s, got "min"
    column 52: DateAdd, argument dateTime: must be a date such as 2026-01-31, 2026-01-31T23:59:59-05:00 or 1/31/2026 11:59:59 PM, got "soon"
    "#);
    assert_eq!(found(r#"FormatDateTime([a], "", "d", "D")"#), "");
    assert_snapshot!(found(r#"IIF([a], FormatDateTime([a], "q", "D"), FormatDateTime([a], "Utc", "d", "q"))"#), @r#"
    column 30: FormatDateTime, argument inputFormat: is no format of dates, got "q": there is no standard format of that letter
    column 61: FormatDateTime, argument dateTimeStyles: must be names of DateTimeStyles such as AssumeUniversal, or their number, got "Utc"
    column 73: FormatDateTime, argument outputFormat: is no format of dates, got "q": there is no standard format of that letter
    "#);
    assert_snapshot!(found(r#"Split(Replace([a], , "[", , "", , ), ", ")"#), @r#"
    column 38: Split, argument delimiter: must be one character, got ", "
    column 22: Replace, argument regexPattern: is no regular expression that can be used: a class is not closed by ]
    "#);
}

#[test]
fn the_attributes_that_are_read_have_their_names() {
    let expression = Expression::parse("IIF([a] = [b], Join([c], [a]), [d.e])").unwrap();
    assert_eq!(expression.attributes(), ["a", "b", "c", "d.e"]);
}

#[test]
fn canonical_text_keeps_the_places_of_omitted_arguments() {
    let canonical = |text: &str| Expression::parse(text).unwrap().to_string();

    assert_eq!(
        canonical("replace( [preferredLanguage],\"-\",,,\"_\",,  )"),
        "Replace([preferredLanguage], \"-\", , , \"_\", , )"
    );
    assert_eq!(
        canonical("iif([a]>=&HF,ignoreattributeflow,-1)"),
        "IIF([a] >= &HF, IgnoreAttributeFlow, -1)"
    );
}

#[test]
fn length_nesting_and_work_are_bounded() {
    let nested = |depth: usize| format!("{}[a]{}", "Trim(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(100)).is_ok());
    assert_snapshot!(come_to(&nested(101), "{}").lines().next().unwrap(), @"column 501: functions are nested more than 100 deep");
    assert_snapshot!(come_to(&" ".repeat(10_001), "{}").lines().next().unwrap(), @"column 1: the expression has 10001 characters; at most 10000");

    let doubled = (0..40).fold("[a]".to_owned(), |it, _| {
        format!(r#"Replace({it}, "a", , , "aaaaaaaaaa", , )"#)
    });
    assert_snapshot!(come_to(&doubled, r#"{"a": "a"}"#).lines().next().unwrap(), @"column 281: the texts are too long for this expression: at most 262144 bytes are worked on");

    let years = "y".repeat(257);
    let years = format!(r#"Replace("{years}", "y", , , "{years}", , )"#);
    let long_format = format!(r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", {years})"#);
    assert_snapshot!(come_to(&long_format, "{}").lines().next().unwrap(), @"column 48: FormatDateTime, argument outputFormat: the format of dates is longer than 1000 characters");

    let decoded = format!("{}[a]{}", "StringFromSid(".repeat(30), ")".repeat(30));
    assert_snapshot!(come_to(&decoded, r#"{"a": "x"}"#).lines().next().unwrap(), @"column 421: StringFromSid, argument value: must be Base64: Invalid input length: 1");

    let text = "a".repeat(3_000);
    let object = format!(r#"{{"a": "c{text}"}}"#);
    let pattern = r#"Replace([a], , "(a+)+\\1c", , "x", , )"#;
    assert_snapshot!(come_to(pattern, &object).lines().next().unwrap(), @"column 16: Replace, argument regexPattern: the regular expression takes too long on this text");
}

#[test]
fn a_group_has_its_examples_in_the_manual() {
    assert!(
        manual_of("split")
            .unwrap()
            .starts_with("### Split\n\n`Split(source, delimiter)`")
    );
    assert_eq!(
        manual_of("Splt").unwrap_err(),
        "there is no function Splt (did you mean Split?)"
    );
}
