//! Matches and replacements beside those of .NET.

use super::*;

/// The pattern, with as much as an expression has for its automata.
fn built(pattern: &str) -> Result<Pattern, String> {
    let mut left = MAX_PATTERN_SIZE;
    let mut spend = from_what_is(&mut left);
    Pattern::new(pattern, &mut Budget::new(&mut spend))
}

/// `text` with each match of `pattern` replaced.
fn replaced(pattern: &str, text: &str, replacement: &str) -> String {
    let mut spend = |_| true;
    let replaced = built(pattern).and_then(|pattern| {
        pattern.replace(
            Cow::Borrowed(text),
            replacement,
            &mut Budget::new(&mut spend),
        )
    });
    replaced.map_or_else(|problem| format!("error: {problem}"), Cow::into_owned)
}

#[test]
fn matches_are_replaced_as_dot_net_does() {
    for (pattern, text, replacement, expected) in [
        ("[a-z]*", "abc1", "X", "XX1X"),
        ("", "ab", "-", "-a-b-"),
        ("b*", "abc", "X", "XaXXcX"),
        ("(?<=a)b", "ab", "X", "aX"),
        (r"(a)\1", "aab", "X", "Xb"),
        (r"(?<x>a)\k<x>", "aab", "X", "Xb"),
        ("^a", "aa", "X", "Xa"),
        ("a$", "a\n", "X", "X\n"),
        (r"a\Z", "a\n", "X", "X\n"),
        (r"a\z", "a\n", "X", "a\n"),
        ("(?m)a$", "a\na", "X", "X\nX"),
        ("a.b", "a\nb", "X", "a\nb"),
        ("(?s)a.b", "a\nb", "X", "X"),
        ("(?i)ABC", "abc", "X", "X"),
        ("(?i:A)b", "ab aB", "X", "X aB"),
        (r"\<\>", "<>", "X", "X"),
        (r"[\<\>]", "<a>", "", "a"),
        ("[[]", "a[", "X", "aX"),
        ("[]a]", "]a", "X", "XX"),
        ("[a&&b]", "&", "X", "X"),
        (r"[\w-.]", "a-.", "X", "XXX"),
        ("[a-z-[aeiou]]", "abe", "X", "aXe"),
        ("[^a-z-[aeiou]]", "ab1", "X", "abX"),
        (r"[\b]", "\u{8}", "X", "X"),
        ("x{,2}", "x{,2}", "X", "X"),
        ("a{2}", "aaa", "X", "Xa"),
        ("{", "{}", "X", "X}"),
        (
            r"\u0041\x42\101",
            "AB\u{1}",
            "X",
            "error: is no regular expression that can be used: there is no group 101",
        ),
        (r"\u0041\x42", "AB", "X", "X"),
        ("a(?#comment)b", "ab", "X", "X"),
        ("(?<n>a)(b)", "ab", "$1-$2", "b-a"),
        ("(?<n>a)|(?<n>b)", "ab", "<${n}>", "<a><b>"),
        ("(?'n'a)", "a", "${n}${n}", "aa"),
        ("b", "abc", "${nope}$9$", "a${nope}$9$c"),
        ("b", "abc", "[$$|$&|$`|$'|$_|$0]", "a[$|b|a|c|abc|b]c"),
        ("(a)", "a", "${+1}${1}", "${+1}a"),
        ("(a)(b)?", "a", "<$+>", "<>"),
        ("(a)", "a", "$1a$10", "aa$10"),
        (r"\d", "٣", "X", "X"),
        (r"\p{Lu}\P{L}[\p{Nd}]", "A-1", "X", "X"),
        (r"\w", "é_", "X", "XX"),
        (r"(?i)[\s\Sk]", "a\u{212A}", "X", "XX"),
        (r"(?i)[^\Sk]", " kK\u{212A}", "X", "XkK\u{212A}"),
        (r"(?i)[\D-[k]]", "1akK\u{212A}", "X", "1XkK\u{212A}"),
        (r"(?i)[\Wk-m]", "-aK", "X", "XaX"),
        (r"[\d\-a-c\p{Lu}]", "1-bXd", "Y", "YYYYd"),
        (r"[^\W\d]", "a1_-", "X", "X1X-"),
    ] {
        assert_eq!(replaced(pattern, text, replacement), expected, "{pattern}");
    }
}

#[test]
fn only_the_group_is_replaced() {
    let mut spend = |_| true;
    let pattern = built("(?<isd>[+][0-9]+) ([0-9]+)").unwrap();
    let mut of = |group: &str| {
        let text = Cow::Borrowed("+49 123, +1 5");
        let replaced = pattern.replace_group(text, group, "$1", &mut Budget::new(&mut spend));
        replaced.map_or_else(|problem| problem, Cow::into_owned)
    };

    assert_eq!(of("isd"), "$1 123, $1 5");
    assert_eq!(of("1"), "+49 $1, +1 $1");
    assert_eq!(
        of("ids"),
        "has no group \"ids\"; a group is written as in (?<ids>…)"
    );
}

#[test]
fn what_dot_net_or_the_engine_does_not_have_is_refused() {
    for pattern in [
        "(",
        ")",
        "*a",
        "a**",
        "a+*",
        "[a",
        "[z-a]",
        r"[a-\d]",
        r"\",
        r"\h",
        r"\Ka",
        r"\k<a>",
        r"(a)\2",
        r"(?:(a\1)|b)*",
        r"(?<x>a(b\k<x>))",
        r"(?<=(a)b)\1",
        r"(?<=b(?=(a)))\1",
        "(?<a-b>c)",
        "(?(1)a)",
        "(?x)a b",
        "(?n)a",
        "(?<1>a)",
        "(?P<a>b)",
        "(?&a)",
        "(*FAIL)",
        r"\p{Nope}",
        r"\p{IsGreek}",
        r"\p{Script=Greek}",
        r"\p{Alphabetic}",
        r"\p{lu}",
        r"\p{^L}",
        r"\p{LC}",
        r"\p{L",
        r"\xZ1",
        r"\uD83D",
        r"\w{500}{500}",
        "a{2000}{2000}",
        r"(\w{5}){4}",
        r"(?i)[\x00-\uD7FF]{2}",
        r"(?i:\p{L}{99999999999999999999})",
        &format!("[{}]", r"\w".repeat(60)),
        &format!("[{}]", r"\S".repeat(130)),
        &"()".repeat(150),
        r"(?<=(\W)a*)(?<=(\W)a*)(?<=(\W)a*)(?<=(\W)a*)(?<=(\W)a*)(?<=(\W)a*)(?<=(\W)a*)",
        r"(?<=(\D)(?<=(\D)(?<=(\D)(?<=(\D)(?<=(\D)a*)a*)a*)a*)a*)",
        &format!(r"(\w){}", r"(?<=a*\1a)".repeat(10)),
        r"(\w)(\1\1)(\2\2)(\3\3)(\4\4)(\5\5)(?<=a*\6)",
        "[a-[b]c]",
    ] {
        let said = replaced(pattern, "a", "");
        assert!(said.starts_with("error: "), "{pattern} came to {said}");
    }
}

#[test]
fn what_takes_too_long_ends() {
    let text = format!("cb{}", "a".repeat(3_000));
    for pattern in [r"(a+)+\1c", "(?=(a+)+b)a", "a.*b|a"] {
        let mut left = 1_usize << 18;
        let mut spend = from_what_is(&mut left);
        let pattern = built(pattern).unwrap();
        let replaced = pattern.replace(Cow::Borrowed(&text), "", &mut Budget::new(&mut spend));

        assert_eq!(
            replaced,
            Err("the regular expression takes too long on this text".to_owned())
        );
    }
}

#[test]
fn how_long_a_text_may_be_depends_on_how_far_a_pattern_reaches() {
    let check = |pattern: &str, length: usize, expected: bool| {
        let mut left = 1_usize << 18;
        let mut spend = from_what_is(&mut left);
        let text = "a".repeat(length);
        let replaced =
            built(pattern)
                .unwrap()
                .replace(Cow::Borrowed(&text), "", &mut Budget::new(&mut spend));
        assert_eq!(replaced.is_ok(), expected, "{pattern} in {length}");
    };
    check("b+", 100_000, true);
    check("(?<=[a-z])(?=[A-Z])", 2_000, true);
    check("(?<=a)(b)", 2_000, true);
    check("(?<=a)(b)", 2_100, false);
    check("(?<=a*)b", 800, true);
    check("(?<=a*)b", 900, false);
    check(".*(?=b)", 200, true);
    check("^(?=.*a)(?!.*b).{8,}$", 400, true);
    check(&format!("(?<=a*({}))b", "a".repeat(600)), 200, true);
    check(&format!("(?<=a*({}))b", "a".repeat(600)), 300, false);
    check(r"(b)(?<=a*\1a*)", 10, true);
    check(r"(b)(?<=a*\1a*)", 30, false);
    check("(?<=a{1,9})b", 500, true);
    check(&format!("(?<={})b", "a{1,9}".repeat(20)), 200, false);
    check("(?:(?=(?:a(?<=a))*)a)*c", 10, true);
    check("(?:(?=(?:a(?<=a))*)a)*c", 30, false);
    check(&format!("(a)(?<={})b", r"\1".repeat(9)), 100, false);
    check(&format!("(?i){}", "ab".repeat(450)), 100, true);
    check(&format!("(?i){}", "ab".repeat(450)), 250, false);
}

#[test]
fn every_category_of_dot_net_is_taken() {
    for category in [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
        "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp",
        "C", "Cc", "Cf", "Co", "Cn",
    ] {
        let said = replaced(&format!(r"\p{{{category}}}[\P{{{category}}}]"), "", "");
        assert_eq!(said, "", "{category}");
    }
}
