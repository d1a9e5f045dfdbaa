//! Who owns which attribute, with the attributes by their canonical names.

use crate::api::scim_tenant::ScimTenantSpec;
use crate::config::AttributeOwnerConfig;
use crate::scim::schema::{AttributePath, Mutability, Resolved, ResourceSchema, Schemas};

use super::verdict::Rejection;
use super::workload_config::rules;

/// What makes a person who they are here, and whether they may come in: no client keeps it from the others.
const OWNED_BY_NOBODY: [&str; 4] = ["userName", "externalId", "active", "password"];

/// The owners that `spec` declares.
pub(super) fn attribute_owners(
    spec: &ScimTenantSpec,
) -> Result<Vec<AttributeOwnerConfig>, Rejection> {
    let Ok(schemas) = Schemas::new(&rules(spec)) else {
        // The whole object is refused for it.
        return Ok(Vec::new());
    };
    let mut owned: Vec<(AttributePath, &str)> = Vec::new();
    let mut owners = Vec::new();
    for (index, owner) in spec.attribute_owners.iter().enumerate() {
        let client = owner.scim_client.as_str();
        let mut attributes = Vec::new();
        for (place, name) in owner.attributes.iter().enumerate() {
            let refused = |problem| Rejection::Invalid {
                field: format!("spec.attributeOwners[{index}].attributes[{place}]"),
                problem: format!("{name:?} {problem}"),
            };
            let path = ownable(name, &schemas.user).map_err(|it| refused(it.to_owned()))?;
            if let Some((_, other)) = owned.iter().find(|(known, _)| *known == path) {
                let problem = format!("is owned by {other:?} already; an attribute has one owner");
                return Err(refused(problem));
            }
            attributes.push(path.to_string());
            owned.push((path, client));
        }
        owners.push(AttributeOwnerConfig {
            client: client.to_owned(),
            attributes,
        });
    }
    Ok(owners)
}

/// The attribute called `name`, or why it has no owner.
fn ownable(name: &str, user: &ResourceSchema) -> Result<AttributePath, &'static str> {
    let Some(Resolved::Attribute {
        path, attribute, ..
    }) = user.resolve(name)
    else {
        return Err(
            "is no attribute of a user; declare it in spec.schema.extensions or correct it",
        );
    };
    if path.sub_attribute.is_some() {
        return Err("is a part of an attribute; name the whole attribute");
    }
    let is_core = |names: &[&str]| names.iter().any(|it| path.is_core(it));
    if attribute.mutability == Mutability::ReadOnly || is_core(&["id", "meta", "schemas"]) {
        return Err("is written by the server only; remove it");
    }
    let is_required = user
        .required
        .iter()
        .any(|it| (&it.extension, &it.attribute) == (&path.extension, &path.attribute));
    if is_required || is_core(&OWNED_BY_NOBODY) {
        return Err("has to be said by whoever creates a person, so nobody owns it; remove it");
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(declared: &Value) -> ScimTenantSpec {
        let spec = json!({
            "host": "a.example.com", "store": {"sqlite": {}}, "schema": {"required": ["name.givenName"]}, "attributeOwners": declared,
        });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn attributes_are_known_by_their_canonical_names() {
        let declared =
            json!([{"scimClient": "hr", "attributes": ["TITLE", "department", "phoneNumbers"]}]);
        let found = attribute_owners(&spec(&declared)).unwrap();
        let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        assert_eq!(found[0].client, "hr");
        assert_eq!(found[0].attributes, ["title", department, "phoneNumbers"]);
    }

    #[test]
    fn what_cannot_be_owned_is_refused_with_its_place() {
        let check = |attribute: &str, expected: &str| {
            let declared = json!([{"scimClient": "hr", "attributes": ["title"]}, {"scimClient": "it", "attributes": ["nickName", attribute]}]);
            let Err(Rejection::Invalid { field, problem }) = attribute_owners(&spec(&declared))
            else {
                panic!("{attribute} is not refused");
            };
            assert_eq!(field, "spec.attributeOwners[1].attributes[1]");
            assert!(problem.contains(expected), "{problem}");
        };
        check("Title", "is owned by \"hr\" already");
        check("nickname", "is owned by \"it\" already");
        check("nothing", "is no attribute of a user");
        check("groups", "is written by the server only");
        check("ID", "is written by the server only");
        check("active", "has to be said by whoever creates a person");
        check("name", "has to be said by whoever creates a person");
        check("emails.value", "name the whole attribute");
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "is no attribute of a user",
        );
    }
}
