//! What can be said of an expression before it is evaluated: what it reads, what it can come to, which function is the outermost.

use super::bounds::MAX_PATTERN_SIZE;
use super::error::{ExpressionError, Fault, Span};
use super::syntax::{self, Call, Kind, Node};
use super::{Expression, pattern};

/// Functions that say True, False or a number of whatever they are given.
const ALWAYS_SOMETHING: &[&str] = &[
    "CBool",
    "Count",
    "Guid",
    "InStr",
    "IsNothing",
    "IsNull",
    "IsNullOrEmpty",
    "IsPresent",
    "IsString",
    "Len",
    "Not",
    "Now",
    "RandomString",
];

/// Functions that have several values.
const LISTS: &[&str] = &["AppRoleAssignments", "RemoveDuplicates", "Split"];

impl Expression {
    /// The attributes of which `judge` says what is wrong with them, each where it stands, and how wrong that is.
    pub fn judged_attributes<W>(
        &self,
        judge: impl Fn(&str) -> Option<(W, String)>,
    ) -> Vec<(W, ExpressionError)> {
        let mut found = Vec::new();
        syntax::each_node(&self.root, &mut |node| {
            if let Kind::Attribute(name) = &node.kind {
                found.extend(judge(name).map(|(how, problem)| {
                    (how, Fault::new(node.span, problem).in_source(&self.source))
                }));
            }
        });
        found
    }

    /// The texts that stand in the expression and that it may come to as they are, of which `judge` says what is wrong with them.
    pub fn judged_results(&self, judge: impl Fn(&str) -> Option<String>) -> Vec<ExpressionError> {
        let mut found = Vec::new();
        each_result(&self.root, &mut |text, span| {
            found.extend(
                judge(text).map(|problem| Fault::new(span, problem).in_source(&self.source)),
            );
        });
        found
    }

    /// Whether the expression may come to nothing or to an empty text, as far as can be told; `may_be_missing` says it of an attribute.
    pub fn may_be_empty(&self, may_be_missing: impl Fn(&str) -> bool) -> bool {
        may_be_empty(&self.root, &may_be_missing)
    }

    /// The name of the outermost function; none of an attribute or a text.
    pub fn function(&self) -> Option<&'static str> {
        match &self.root.kind {
            Kind::Call(call) => Some(call.function.name),
            _ => None,
        }
    }

    /// Whether the expression comes to a list.
    pub fn is_list(&self) -> bool {
        self.function().is_some_and(|it| LISTS.contains(&it))
    }
}

/// The slots of a call that become its value as they are; all but the first of Switch and IIF that are no keys.
fn branches(call: &Call) -> Vec<Option<&Node>> {
    let slots = call.slots.iter().map(|it| it.node.as_ref());
    match call.function.name {
        "IIF" => slots.skip(1).collect(),
        // source, default, then keys and values.
        "Switch" => slots
            .enumerate()
            .filter(|(index, _)| *index == 1 || (*index > 2 && index % 2 == 1))
            .map(|(_, node)| node)
            .collect(),
        "Coalesce" => slots.collect(),
        _ => Vec::new(),
    }
}

fn each_result<'a>(node: &'a Node, see: &mut impl FnMut(&'a str, Span)) {
    match &node.kind {
        Kind::Text(text) => see(text, node.span),
        Kind::Call(call) => {
            for branch in branches(call).into_iter().flatten() {
                each_result(branch, see);
            }
        }
        _ => {}
    }
}

fn may_be_empty(node: &Node, may_be_missing: &dyn Fn(&str) -> bool) -> bool {
    let below = |it: &Node| may_be_empty(it, may_be_missing);
    match &node.kind {
        Kind::Attribute(name) => may_be_missing(name),
        Kind::Text(text) | Kind::Pattern(text, _) => text.is_empty(),
        Kind::Flow(_) => true,
        Kind::Number(_) | Kind::Hexadecimal(..) | Kind::Word(_) | Kind::Comparison(_) => false,
        Kind::Call(call) if ALWAYS_SOMETHING.contains(&call.function.name) => false,
        Kind::Call(call) => {
            let given = || call.slots.iter().filter_map(|it| it.node.as_ref());
            match call.function.name {
                "Coalesce" => given().all(below),
                "IIF" | "Switch" => a_branch_may_be_empty(call, may_be_missing),
                // What is searched for or put between may well be empty.
                "Join" => given().skip(1).all(below),
                "Append" | "Replace" | "Mid" | "Left" | "Split" | "Item" | "Word" => {
                    given().take(1).any(below)
                }
                _ => given().any(below),
            }
        }
    }
}

/// Whether a branch of IIF or Switch may be empty. An attribute that is asked about is there where the answer says so: in the true
/// branch of IIF, in the false one if the question is whether it is missing, and where a key of Switch fits.
fn a_branch_may_be_empty(call: &Call, may_be_missing: &dyn Fn(&str) -> bool) -> bool {
    let condition = call.slots.first().and_then(|it| it.node.as_ref());
    let mut asked = Vec::new();
    if let Some(condition) = condition {
        syntax::each_attribute(condition, &mut |name| asked.push(name));
    }
    let unasked = |name: &str| !asked.contains(&name) && may_be_missing(name);
    // The first branch of Switch is the default.
    let is_first = call.function.name == "IIF" && !condition.is_some_and(asks_for_absence);
    branches(call)
        .into_iter()
        .enumerate()
        .any(|(index, branch)| {
            let is_there = (index == 0) == is_first;
            let missing: &dyn Fn(&str) -> bool = if is_there { &unasked } else { may_be_missing };
            branch.is_none_or(|it| may_be_empty(it, missing))
        })
}

/// Whether a condition holds for what is missing.
fn asks_for_absence(condition: &Node) -> bool {
    let Kind::Call(call) = &condition.kind else {
        return false;
    };
    match call.function.name {
        "IsNothing" | "IsNull" | "IsNullOrEmpty" => true,
        "Not" => {
            let denied = call.slots.first().and_then(|it| it.node.as_ref());
            denied.is_some_and(|it| !asks_for_absence(it))
        }
        _ => false,
    }
}

/// A regular expression of .NET, to look for in texts.
#[derive(Debug)]
pub struct TextPattern(pattern::Pattern);

impl TextPattern {
    /// Reads `pattern`; what is wrong with it is said without its place.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let mut left = MAX_PATTERN_SIZE;
        let mut spend = pattern::from_what_is(&mut left);
        let budget = &mut pattern::Budget::new(&mut spend);
        pattern::Pattern::new(pattern, budget).map(Self)
    }

    /// Whether the pattern is found anywhere in `text`; none if that takes too long.
    pub fn is_in(&self, text: &str) -> Option<bool> {
        self.0.is_in(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(expression: &str) -> Expression {
        Expression::parse(expression).unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    #[test]
    fn what_an_expression_can_come_to_is_told_where_it_stands() {
        let check = |expression: &str, expected: &[&str]| {
            let found = read(expression).judged_results(|it| Some(it.to_owned()));
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{expression}");
        };
        check(r#""Gold""#, &["column 1: Gold"]);
        check(
            r#"IIF([a] = "x", "Gold", Coalesce([b], "Tin"))"#,
            &["column 16: Gold", "column 38: Tin"],
        );
        check(
            r#"Switch([a], "Tin", "x", "Gold", "y", [b])"#,
            &["column 13: Tin", "column 25: Gold"],
        );
        check(r#"Append([a], "Gold")"#, &[]);
    }

    #[test]
    fn whether_an_expression_may_be_empty_is_told_from_its_attributes() {
        let check = |expression: &str, expected: bool| {
            let found = read(expression).may_be_empty(|name| name != "upn");
            assert_eq!(found, expected, "{expression}");
        };
        check("[mail]", true);
        check("[upn]", false);
        check("Coalesce([mail], [upn])", false);
        check("Coalesce([mail], [other])", true);
        check(r#"Join(" ", [mail], [upn])"#, false);
        check(r#"Join(" ", [mail], [other])"#, true);
        check("IIF(IsPresent([mail]), [mail], [upn])", false);
        check(r#"IIF([a] = "x", [mail], [upn])"#, true);
        check(r#"IIF([mail] = "x", "y", [mail])"#, true);
        check("IIF(IsPresent([mail]), [upn], [mail])", true);
        check("IIF(IsNullOrEmpty([mail]), [upn], [mail])", false);
        check("IIF(IsNullOrEmpty([mail]), [mail], [upn])", true);
        check("IIF(Not(IsNullOrEmpty([mail])), [mail], [upn])", false);
        check(r#"Switch([mail], "z", "x", [mail])"#, false);
        check(r#"Switch([mail], [mail], "x", "y")"#, true);
        check(r#"Switch([a], , "x", "y")"#, true);
        check(r#"Switch([a], "z", "x", "y")"#, false);
        check(r#"Replace([upn], "@", , , "", , )"#, false);
        check("ToUpper([mail])", true);
        check("IsPresent([mail])", false);
        check(r#"IIF([a] = "x", IgnoreAttributeFlow, "y")"#, true);
    }

    #[test]
    fn attributes_are_judged_where_they_stand() {
        let found = read("Coalesce([maill], [upn])")
            .judged_attributes(|it| (it == "maill").then(|| ((), "no such attribute".to_owned())));

        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.to_string(), "column 10: no such attribute");
    }
}
