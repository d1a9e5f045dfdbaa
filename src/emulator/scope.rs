//! Scoping filters of a synchronization schema: who is provisioned.

use serde_json::Value;

use crate::api::user_mapping::ScopeOperator;
use crate::expression::{SourceObject, TextPattern};

/// Filters of which one is enough.
#[derive(Debug, Default)]
pub(super) struct Scope(Vec<Vec<Clause>>);

#[derive(Debug)]
struct Clause {
    attribute: String,
    operator: ScopeOperator,
    value: String,
    pattern: Option<TextPattern>,
}

impl Scope {
    /// Reads `scope` of an object mapping, or says what is wrong with it.
    pub(super) fn read(scope: &Value) -> Result<Self, String> {
        let groups = scope["groups"].as_array().into_iter().flatten();
        let filters = groups.map(|group| {
            let clauses = group["clauses"].as_array().into_iter().flatten();
            clauses.map(Clause::read).collect()
        });
        filters.collect::<Result<_, _>>().map(Self)
    }

    /// Whether `object` fulfils one of the filters, if there are any.
    pub(super) fn takes(&self, object: &SourceObject) -> bool {
        let fulfilled = |filter: &Vec<Clause>| filter.iter().all(|it| it.holds(object));
        self.0.is_empty() || self.0.iter().any(fulfilled)
    }
}

impl Clause {
    fn read(clause: &Value) -> Result<Self, String> {
        let text = |name: &str| clause[name].as_str().unwrap_or_default().to_owned();
        let word = text("operatorName");
        let operator = ScopeOperator::named(&word);
        let operator = operator.ok_or_else(|| format!("{word:?} is no operator of Entra's"))?;
        let value = clause["targetOperand"]["values"][0].as_str();
        let value = value.unwrap_or_default().to_owned();
        Ok(Self {
            attribute: text("sourceOperandName"),
            pattern: operator
                .takes_pattern()
                .then(|| TextPattern::new(&value))
                .transpose()?,
            operator,
            value,
        })
    }

    /// What cannot be told does not hold.
    fn holds(&self, object: &SourceObject) -> bool {
        let value = object.value(&self.attribute).to_json();
        let is_found = |text: &str| self.pattern.as_ref()?.is_in(text);
        self.operator.holds(&value, &self.value, is_found) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_filter_is_enough_and_all_of_its_clauses_must_hold() {
        let clause = |attribute: &str, operator: &str, value: &str| json!({"sourceOperandName": attribute, "operatorName": operator, "targetOperand": {"values": [value]}});
        let scope = Scope::read(&json!({"groups": [
            {"clauses": [clause("department", "EQUALS", "Deck"), clause("level", "Greater_Than", "3")]},
            {"clauses": [clause("mail", "REGEX MATCH", "@crew[.]example$")]},
        ]}))
        .unwrap();
        let check = |person: &str, expected: bool| {
            let object = SourceObject::from_json(person).unwrap();
            assert_eq!(scope.takes(&object), expected, "{person}");
        };
        check(r#"{"department": "Deck", "level": "4"}"#, true);
        check(r#"{"department": "Deck", "level": "3"}"#, false);
        check(r#"{"department": "deck", "level": "4"}"#, false);
        check(r#"{"mail": "a@crew.example"}"#, true);
        check(r#"{"mail": ["b@deck.example", "a@crew.example"]}"#, true);
        check("{}", false);
        assert!(
            Scope::read(&json!(null))
                .unwrap()
                .takes(&SourceObject::new())
        );
        let unknown = json!({"groups": [{"clauses": [clause("a", "LIKE", "b")]}]});
        assert_eq!(
            Scope::read(&unknown).unwrap_err(),
            "\"LIKE\" is no operator of Entra's"
        );
    }
}
