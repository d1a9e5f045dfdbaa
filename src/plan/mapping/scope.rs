//! Scoping filters: who fulfils them, and which cannot be fulfilled.

use crate::api::user_mapping::{ScopeOperator, ScopingClause, ScopingFilter};
use crate::expression::{SourceObject, TextPattern, Value};
use crate::scim::schema::ResourceType;

use super::attributes::{self, Holds, Known};
use super::{Checked, Side};

/// Regular expressions in all filters of a mapping: each takes time to be built, also by the operator, which reads them all.
const MAX_PATTERNS: usize = 32;

/// Attributes that Entra's scoping filters do not take.
const NOT_TO_BE_ASKED: [&str; 5] = [
    "appRoleAssignments",
    "manager",
    "members",
    "owners",
    "userType",
];

/// Filters that are ready to be asked.
#[derive(Debug)]
pub struct Scope<'a> {
    filters: Vec<(String, Vec<Test<'a>>)>,
}

/// A clause that is ready to be asked.
#[derive(Debug)]
struct Test<'a> {
    clause: &'a ScopingClause,
    /// The regular expression, if the operator takes one, or what is wrong with it.
    pattern: Option<Result<TextPattern, String>>,
}

impl<'a> Scope<'a> {
    /// Reads the filters; a clause whose regular expression is broken, or takes too long, holds for nobody.
    pub fn new(filters: &'a [ScopingFilter]) -> Self {
        let filters = filters.iter().enumerate().map(|(index, filter)| {
            let name = filter.name.clone();
            let name = name.unwrap_or_else(|| format!("{}", index + 1));
            (name, filter.clauses.iter().map(Test::of).collect())
        });
        Self {
            filters: filters.collect(),
        }
    }

    /// Why `object` is out of scope: the first clause of each filter that does not hold. None of who is in scope.
    pub fn why_not(&self, object: &SourceObject) -> Option<String> {
        let mut reasons = Vec::new();
        for (name, tests) in &self.filters {
            let failed = tests
                .iter()
                .map(|it| (it.clause, it.holds(&object.value(&it.clause.attribute))))
                .find(|(_, holds)| *holds != Some(true));
            let (clause, holds) = failed?;
            let has = match object.value(&clause.attribute).to_json() {
                serde_json::Value::Null => "it has no value".to_owned(),
                value => format!("it is {value}"),
            };
            let said = match holds {
                Some(_) => "does not hold",
                None => "cannot be told",
            };
            reasons.push(format!("filter {name}: {clause} {said}, {has}"));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

impl<'a> Test<'a> {
    fn of(clause: &'a ScopingClause) -> Self {
        let text = clause
            .value
            .as_deref()
            .filter(|_| clause.operator.takes_pattern());
        Self {
            clause,
            pattern: text.map(TextPattern::new),
        }
    }

    /// None if it cannot be told: the regular expression is broken, or takes too long.
    fn holds(&self, value: &Value<'_>) -> Option<bool> {
        let wanted = self.clause.value.as_deref().unwrap_or_default();
        let is_found = |text: &str| self.pattern.as_ref()?.as_ref().ok()?.is_in(text);
        self.clause
            .operator
            .holds(&value.to_json(), wanted, is_found)
    }

    /// The one value that fulfils the clause, if there is only one.
    fn only(&self) -> Option<Value<'_>> {
        let text = |text: &'static str| Some(Value::Text(text.into()));
        match self.clause.operator {
            ScopeOperator::Equals => Some(Value::Text(self.clause.value.as_deref()?.into())),
            ScopeOperator::IsTrue => text("True"),
            ScopeOperator::IsFalse => text("False"),
            ScopeOperator::IsNull => Some(Value::Null),
            _ => None,
        }
    }

    /// Whether the two can be fulfilled by one value, as far as can be told.
    fn goes_with(&self, other: &Self) -> bool {
        use ScopeOperator as Is;
        let fails =
            |one: &Self, other: &Self| one.only().is_some_and(|it| other.holds(&it) == Some(false));
        let opposed = |one: &Self, other: &Self| {
            let pair = (one.clause.operator, other.clause.operator);
            one.clause.value == other.clause.value
                && matches!(
                    pair,
                    (Is::RegexMatch, Is::NotRegexMatch) | (Is::In, Is::NotIn)
                )
        };
        ![(self, other), (other, self)]
            .iter()
            .any(|(one, other)| fails(one, other) || opposed(one, other))
    }
}

fn whole_number(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// Says which clauses Entra would refuse, and which filters nobody can fulfil.
pub(super) fn check(scopes: &[(Side<'_>, &[ScopingFilter])], checked: &mut Checked) {
    let clauses = scopes
        .iter()
        .flat_map(|(_, it)| *it)
        .flat_map(|it| &it.clauses);
    let patterns = clauses.filter(|it| it.operator.takes_pattern()).count();
    if patterns > MAX_PATTERNS {
        checked.refuse(
            "spec",
            format!(
                "the scoping filters have {patterns} regular expressions; at most {MAX_PATTERNS} are read: put several into one by |, or ask by other operators"
            ),
        );
        return;
    }
    for (side, filters) in scopes {
        check_filters(side, filters, checked);
    }
}

fn check_filters(side: &Side<'_>, filters: &[ScopingFilter], checked: &mut Checked) {
    for (index, filter) in filters.iter().enumerate() {
        let field = |clause: usize| format!("{}.scope[{index}].clauses[{clause}]", side.field);
        let tests: Vec<Test<'_>> = filter.clauses.iter().map(Test::of).collect();
        for (number, test) in tests.iter().enumerate() {
            check_clause(side, test, &field(number), checked);
            let earlier = tests[..number].iter().find(|earlier| {
                earlier.clause.attribute == test.clause.attribute && !earlier.goes_with(test)
            });
            if let Some(earlier) = earlier {
                checked.refuse(
                    field(number),
                    format!(
                        "{} and {} never hold together, and all clauses of a filter must: nobody fulfils it; for one or the other write two filters",
                        earlier.clause, test.clause
                    ),
                );
            }
        }
    }
}

fn check_clause(side: &Side<'_>, test: &Test<'_>, field: &str, checked: &mut Checked) {
    let clause = test.clause;
    let name = clause.attribute.as_str();
    let attribute = format!("{field}.attribute");
    if NOT_TO_BE_ASKED.contains(&name) {
        checked.refuse(
            attribute,
            format!(
                "Entra's scoping filters do not take {name}; assign people by groups, or ask for another attribute"
            ),
        );
        return;
    }
    let found = match attributes::known(side.kind, name) {
        Known::Wrong(problem) => return checked.refuse(attribute, problem),
        Known::Unlisted(problem) => {
            checked.warn(&attribute, problem);
            None
        }
        Known::Attribute(found) => Some(found),
    };
    if found.is_some_and(|it| it.is_list) {
        checked.refuse(
            attribute,
            format!("{name} has several values, which Entra's scoping filters do not take"),
        );
    }
    if clause.operator == ScopeOperator::IsNull && found.is_some_and(|it| it.is_always_there) {
        checked.refuse(
            field,
            format!(
                "every {} has {name}: nobody fulfils IS NULL",
                object(side.kind)
            ),
        );
    }
    if let Some(problem) = operand_problem(test, found.map(|it| it.holds)) {
        checked.refuse(field, problem);
    }
}

/// What is wrong with the value of a clause, or with asking an attribute of such values for it.
fn operand_problem(test: &Test<'_>, holds: Option<Holds>) -> Option<String> {
    let clause = test.clause;
    let operator = clause.operator;
    let name = &clause.attribute;
    let value = clause.value.as_deref().unwrap_or_default();
    match operator {
        ScopeOperator::RegexMatch | ScopeOperator::NotRegexMatch => {
            let problem = test.pattern.as_ref()?.as_ref().err()?;
            Some(format!("{value:?} {problem}"))
        }
        ScopeOperator::GreaterThan | ScopeOperator::GreaterThanOrEquals => whole_number(value)
            .is_none()
            .then(|| format!("{operator} compares whole numbers, got {value:?}; write digits such as 100")),
        ScopeOperator::IsTrue | ScopeOperator::IsFalse => holds.is_some_and(|it| it != Holds::Boolean).then(|| {
            format!("{name} is not boolean, so {operator} holds for nobody; write operator: EQUALS and its value")
        }),
        ScopeOperator::Equals | ScopeOperator::NotEquals if holds == Some(Holds::Boolean) => {
            Some(format!("{name} is boolean; write operator: IS TRUE or operator: IS FALSE without a value"))
        }
        _ => None,
    }
}

fn object(kind: ResourceType) -> String {
    kind.name().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> ScopingClause {
        let (attribute, rest) = text.split_once(' ').expect("an attribute");
        let operators = ScopeOperator::ALL.into_iter();
        let mut named: Vec<ScopeOperator> = operators
            .filter(|it| rest.starts_with(it.as_str()))
            .collect();
        named.sort_by_key(|it| it.as_str().len());
        let operator = named.pop().expect("an operator");
        let value = rest[operator.as_str().len()..].strip_prefix(' ');
        ScopingClause {
            attribute: attribute.to_owned(),
            operator,
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn every_operator_holds_as_microsoft_describes_it() {
        let check = |text: &str, value: Option<&str>, expected: bool| {
            let mut object = SourceObject::new();
            if let Some(value) = value {
                object.set("a", value);
            }
            let filter = ScopingFilter {
                name: None,
                clauses: vec![clause(&format!("a {text}"))],
            };
            let filters = [filter];
            let is_in = Scope::new(&filters).why_not(&object).is_none();
            assert_eq!(is_in, expected, "{text} of {value:?}");
        };
        for (text, holds, does_not) in [
            ("EQUALS Sales", "Sales", "sales"),
            ("NOT EQUALS Sales", "sales", "Sales"),
            ("IS TRUE", "True", "False"),
            ("IS FALSE", "false", "True"),
            (
                "REGEX MATCH .*@contoso.com",
                "ana@contoso.com",
                "ana@contoso.org",
            ),
            (
                "NOT REGEX MATCH .*@contoso.com",
                "ana@contoso.org",
                "ana@contoso.com",
            ),
            ("Greater_Than 10", "11", "10"),
            ("Greater_Than_OR_EQUALS 10", "10", "9"),
            ("Includes ale", "Sales", "Sport"),
            ("ENDS_WITH les", "Sales", "Salesman"),
            ("& Sales, Sport", "Sport", "Legal"),
            ("!& Sales, Sport", "Legal", "Sport"),
        ] {
            check(text, Some(holds), true);
            check(text, Some(does_not), false);
            check(text, None, false);
            check(text, Some(""), false);
        }
        check("IS NULL", None, true);
        check("IS NULL", Some(""), true);
        check("IS NULL", Some("x"), false);
        check("IS NOT NULL", Some("x"), true);
        check("IS NOT NULL", None, false);
        check("Greater_Than 10", Some("ten"), false);
    }

    #[test]
    fn one_filter_is_enough_and_each_says_why_not() {
        let filter = |name: Option<&str>, clauses: &[&str]| ScopingFilter {
            name: name.map(str::to_owned),
            clauses: clauses.iter().map(|it| clause(it)).collect(),
        };
        let filters = [
            filter(
                Some("Crew"),
                &["department EQUALS Deck", "country EQUALS NO"],
            ),
            filter(None, &["jobTitle Includes Captain"]),
        ];
        let scope = Scope::new(&filters);
        let person = |json: &str| SourceObject::from_json(json).expect("a person");

        assert_eq!(
            scope.why_not(&person(r#"{"department": "Deck", "country": "NO"}"#)),
            None
        );
        assert_eq!(scope.why_not(&person(r#"{"jobTitle": "Captain"}"#)), None);
        assert_eq!(
            scope
                .why_not(&person(r#"{"department": "Deck", "country": "SE"}"#))
                .as_deref(),
            Some(
                "filter Crew: country EQUALS NO does not hold, it is \"SE\"; filter 2: jobTitle Includes Captain does not hold, it has no value"
            )
        );
        assert_eq!(Scope::new(&[]).why_not(&person("{}")), None);
    }

    #[test]
    fn clauses_that_exclude_each_other_are_told() {
        let check = |one: &str, other: &str, expected: bool| {
            let (one, other) = (clause(&format!("a {one}")), clause(&format!("a {other}")));
            let (one, other) = (Test::of(&one), Test::of(&other));
            assert_eq!(
                one.goes_with(&other),
                expected,
                "{} and {}",
                one.clause,
                other.clause
            );
            assert_eq!(other.goes_with(&one), expected);
        };
        check("EQUALS x", "EQUALS y", false);
        check("EQUALS x", "EQUALS x", true);
        check("EQUALS x", "NOT EQUALS x", false);
        check("EQUALS x", "NOT EQUALS y", true);
        check("IS NULL", "IS NOT NULL", false);
        check("IS NULL", "EQUALS x", false);
        check("IS TRUE", "IS FALSE", false);
        check("EQUALS 5", "Greater_Than 5", false);
        check("EQUALS 6", "Greater_Than 5", true);
        check("EQUALS Sales", "REGEX MATCH ^D", false);
        check("EQUALS Sales", "ENDS_WITH les", true);
        check("EQUALS Sales", "REGEX MATCH (", true);
        // It takes too long to tell.
        check(
            &format!("EQUALS c{}", "a".repeat(3_000)),
            r"REGEX MATCH (a+)+\1c",
            true,
        );
        check("REGEX MATCH ^D", "NOT REGEX MATCH ^D", false);
        check("REGEX MATCH ^D", "NOT REGEX MATCH ^S", true);
        check("& a,b", "!& a,b", false);
        check("Greater_Than 5", "Greater_Than 7", true);
    }
}
