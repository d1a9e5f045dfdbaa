//! What a person is looked up by beside the names: the values that Entra may match by, as rows of a table of their own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scim::fold_case;
use crate::scim::resource::Resource;
use crate::scim::schema::{ENTERPRISE_URN, ResourceType};

const EMAILS: i64 = 1;
const EMPLOYEE_NUMBER: i64 = 2;

/// One value: the number of its attribute, the value, and its type; folded, and empty when there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct LookupKey(pub(super) i64, pub(super) String, pub(super) String);

impl LookupKey {
    /// All keys of a resource; groups have none.
    pub(super) fn all(kind: ResourceType, resource: &Resource) -> BTreeSet<Self> {
        if kind == ResourceType::Group {
            return BTreeSet::new();
        }
        let attributes = resource.attributes();
        let text =
            |value: Option<&Value>| fold_case(value.and_then(Value::as_str).unwrap_or_default());
        let emails = attributes.get("emails").and_then(Value::as_array);
        let emails = emails.into_iter().flatten();
        let emails = emails.map(|it| Self(EMAILS, text(it.get("value")), text(it.get("type"))));
        let enterprise = attributes.get(ENTERPRISE_URN);
        let employee = enterprise.and_then(|it| it.get("employeeNumber"));
        let employee = employee.map(|it| Self(EMPLOYEE_NUMBER, text(Some(it)), String::new()));
        emails.chain(employee).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::sample;

    #[test]
    fn each_value_is_a_key_in_the_casing_in_which_it_is_compared() {
        let schemas = sample::schemas();
        let body = json!({
            "userName": "ana",
            "emails": [{"type": "Work", "value": "ÄNA@x"}, {"type": "work", "value": "äna@X"}, {"display": "none"}],
            ENTERPRISE_URN: {"employeeNumber": "E-7"},
        });
        let person = Resource::parse(&schemas.user, &body).unwrap();
        let keys = LookupKey::all(ResourceType::User, &person);
        assert_eq!(
            json!(keys),
            json!([[1, "", ""], [1, "äna@x", "work"], [2, "e-7", ""]])
        );
    }
}
