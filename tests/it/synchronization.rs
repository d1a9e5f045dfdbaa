//! A mapping as Entra's synchronization schema and back: valid by Microsoft's own types, and without loss.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use serde_json::{Value, json};
use usher::api::scim_tenant::ScimTenantSpec;
use usher::api::user_mapping::UserMappingSpec;
use usher::plan::mapping::{group_lines, matching_priorities};
use usher::plan::synchronization::{Exported, SchemaError, export, import};
use usher::scim::schema::ResourceType;

use crate::programs::mapping;

/// Microsoft's types, and schemas that obey them.
fn data() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/synchronization-schema.json");
    let text = fs::read_to_string(path).expect("the file");
    serde_json::from_str(&text).expect("JSON")
}

/// What is wrong with `schema` by Microsoft's types.
fn violations(schema: &Value) -> Vec<String> {
    let types = json!({
        "$ref": "#/components/schemas/microsoft.graph.synchronizationSchema",
        "components": data()["components"],
    });
    let validator = jsonschema::validator_for(&types).expect("a schema of schemas");
    validator
        .iter_errors(schema)
        .map(|it| format!("{}: {it}", it.instance_path()))
        .collect()
}

fn spec(yaml: &str) -> UserMappingSpec {
    serde_yaml::from_str(yaml).expect("a spec")
}

fn tenant() -> ScimTenantSpec {
    serde_yaml::from_str(
        "
host: contoso.id.example.com
store: {sqlite: {}}
schema:
  extensions:
    - urn: urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName
      attributes: [{name: folders, multiValued: true}]
    - {urn: 'urn:ietf:params:scim:schemas:extension:2.0:Metadata', open: true}",
    )
    .expect("a ScimTenant")
}

fn exported(spec: &UserMappingSpec, base: Option<Value>) -> Exported {
    export(spec, Some(&tenant()), base).expect("a schema")
}

const GUIDE: &str = r#"
connectorRef: {name: entra}
users:
  attributes:
    - {target: userName, source: userPrincipalName}
    - {target: userType, source: companyName, default: Standard}
    - {target: "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName:folders", expression: 'Split([jobTitle], ",")'}
    - {target: "urn:ietf:params:scim:schemas:extension:2.0:Metadata:costCentre", source: extension_53c9e2c0e1b24a2b9d3f0a1b2c3d4e5f_costCenter, apply: OnlyDuringCreation}
    - {target: manager, source: manager}
  scope: [{name: Crew, clauses: [{attribute: department, operator: EQUALS, value: Deck}, {attribute: mail, operator: IS NOT NULL}]}]
groups: {enabled: true}
"#;

#[test]
fn a_mapping_becomes_a_schema_of_microsofts_types() {
    let Exported { schema, remarks } = exported(&spec(GUIDE), None);

    assert_eq!(violations(&schema), Vec::<String>::new());
    assert_eq!(remarks, Vec::<String>::new());
    let users = &schema["synchronizationRules"][0]["objectMappings"][0];
    assert_eq!(users["attributeMappings"][0]["matchingPriority"], 1);
    assert_eq!(
        users["attributeMappings"][2]["source"]["parameters"][1]["key"],
        "delimiter"
    );
    assert_eq!(users["attributeMappings"][3]["flowType"], "ObjectAddOnly");
    assert_eq!(
        users["scope"]["groups"][0]["clauses"][1],
        json!({"sourceOperandName": "mail", "operatorName": "IS NOT NULL", "targetOperand": {"values": []}})
    );
    let groups = &schema["synchronizationRules"][0]["objectMappings"][1];
    assert_eq!(groups["enabled"], true);
    assert_eq!(
        groups["attributeMappings"].as_array().map(Vec::len),
        Some(3)
    );
    let target = &schema["directories"][1]["objects"][0]["attributes"];
    let defined = |name: &str| {
        let attributes = target.as_array().expect("attributes");
        attributes.iter().find(|it| it["name"] == name).cloned()
    };
    let folders = defined("urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName:folders");
    assert_eq!(
        folders.map(|it| it["multivalued"].clone()),
        Some(json!(true))
    );
    let manager = defined("manager").expect("the manager");
    assert_eq!(manager["type"], "Reference");
    assert_eq!(manager["referencedObjects"][0]["referencedProperty"], "id");
}

#[test]
fn what_a_mapping_does_not_name_stays_in_the_schema() {
    let before = data()["downloaded"].clone();

    let Exported { schema, remarks } = exported(&spec(GUIDE), Some(before.clone()));

    assert_eq!(violations(&schema), Vec::<String>::new());
    let lines = |schema: &Value| {
        let users = &schema["synchronizationRules"][0]["objectMappings"][1];
        users["attributeMappings"]
            .as_array()
            .cloned()
            .expect("lines")
    };
    let (old, new) = (lines(&before), lines(&schema));
    assert_eq!(
        new[..old.len() - 1],
        old[..old.len() - 1],
        "those of Entra stay in their places"
    );
    assert_eq!(schema["id"], before["id"]);
    assert_eq!(
        schema["directories"][0]["id"],
        before["directories"][0]["id"]
    );
    let source = schema["directories"][0]["objects"][0]["attributes"].as_array();
    let last = source.and_then(|it| it.last()).expect("an attribute");
    assert_eq!(
        last["name"],
        "extension_53c9e2c0e1b24a2b9d3f0a1b2c3d4e5f_costCenter"
    );
    assert!(
        remarks
            .iter()
            .any(|it| it.contains("these lines of the schema stay")
                && it.contains("active, displayName")),
        "{remarks:?}"
    );
    let again = exported(&spec(GUIDE), Some(schema.clone()));
    assert_eq!(again.schema, schema, "a second time changes nothing");
}

/// The lines for users of a schema with Entra's own lines.
fn lines_of(schema: &mut Value) -> &mut Vec<Value> {
    let users = &mut schema["synchronizationRules"][0]["objectMappings"][1];
    users["attributeMappings"].as_array_mut().expect("lines")
}

#[test]
fn a_line_is_found_by_its_attribute_however_it_is_spelled() {
    let mapping = spec(
        r#"
connectorRef: {name: entra}
users:
  attributes:
    - {target: manager, source: manager}
    - {target: "urn:ietf:params:scim:schemas:core:2.0:User:title", source: mail}
    - {target: "emails[TYPE eq \"work\"].value", source: userPrincipalName}"#,
    );
    let mut before = data()["downloaded"].clone();

    let Exported {
        mut schema,
        remarks,
    } = exported(&mapping, Some(before.clone()));

    assert_eq!(lines_of(&mut schema).len(), lines_of(&mut before).len());
    assert_eq!(lines_of(&mut schema)[3]["source"]["name"], "mail");
    assert_eq!(
        lines_of(&mut schema)[4]["source"]["name"],
        "userPrincipalName"
    );
    assert_eq!(schema["directories"][1], before["directories"][1]);
    assert!(
        remarks
            .iter()
            .all(|it| !it.contains("manager") && !it.contains("title")),
        "{remarks:?}"
    );
}

#[test]
fn lines_that_are_not_named_match_nobody_where_others_are_said_to() {
    let mapping = spec(
        "
connectorRef: {name: entra}
users: {attributes: [{target: externalId, source: objectId, matchingPriority: 1}]}",
    );

    let Exported {
        mut schema,
        remarks,
    } = exported(&mapping, Some(data()["downloaded"].clone()));

    let matching: Vec<Value> = lines_of(&mut schema)
        .iter()
        .filter(|it| it["matchingPriority"] != 0)
        .map(|it| it["targetAttributeName"].clone())
        .collect();
    assert_eq!(matching, ["externalId"]);
    assert!(
        remarks.iter().any(|it| it == "User: these lines of the schema match nobody any more, for the mapping names matching attributes and not them: userName"),
        "{remarks:?}"
    );
}

#[test]
fn a_constant_is_the_same_by_its_name_and_a_target_by_its_attribute() {
    let mut schema = data()["changed"].clone();
    let lines = lines_of(&mut schema);
    lines[13]["source"] =
        json!({"type": "Constant", "name": "Employee", "expression": null, "parameters": []});
    lines[3]["source"] = json!({"type": "Attribute", "name": "jobTitle", "expression": "jobTitle", "parameters": []});
    let mut again = lines[3].clone();
    again["targetAttributeName"] = json!("TITLE");
    lines.push(again);

    let imported = import(&schema, "entra").expect("a mapping");

    assert_eq!(
        imported.remarks,
        ["User: line TITLE is left out: it is mapped twice"]
    );
    assert_eq!(
        exported(&imported.spec, Some(schema.clone())).schema,
        schema
    );
}

#[test]
fn a_filter_that_asks_for_no_name_of_an_attribute_is_left_out() {
    let mut schema = data()["changed"].clone();
    let users = &mut schema["synchronizationRules"][0]["objectMappings"][1];
    users["scope"]["groups"][0]["clauses"][0]["sourceOperandName"] = json!("mail address");

    let imported = import(&schema, "entra").expect("a mapping");

    assert_eq!(imported.spec.users.scope, []);
    assert_eq!(
        imported.remarks,
        [
            "User: the scoping filters are left out: \"mail address\" is no attribute that a UserMapping can ask for"
        ]
    );
}

/// `schema` when `spec` was written into it: a line that is not named matches nobody where others are said to.
fn written_again(mut schema: Value, spec: &UserMappingSpec) -> Value {
    let named = &spec.users.attributes;
    let is_said = named.iter().any(|it| it.matching_priority.is_some());
    for line in lines_of(&mut schema) {
        let is_named = named
            .iter()
            .any(|it| line["targetAttributeName"] == it.target.as_str());
        if is_said && !is_named && !line["matchingPriority"].is_null() {
            line["matchingPriority"] = json!(0);
        }
    }
    schema
}

#[test]
fn a_schema_of_entra_becomes_a_mapping_that_writes_it_again() {
    let schema = data()["changed"].clone();

    let imported = import(&schema, "entra").expect("a mapping");

    assert_eq!(imported.remarks, Vec::<String>::new());
    let yaml = serde_yaml::to_string(&imported.spec).expect("YAML");
    for line in [
        "constant: Employee",
        "apply: OnlyDuringCreation",
        "operator: IS NOT NULL",
        "expression: AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
        "matchingPriority: 1",
    ] {
        assert!(yaml.contains(line), "{line} is not in\n{yaml}");
    }
    assert_eq!(
        exported(&imported.spec, Some(schema.clone())).schema,
        schema
    );
}

#[test]
fn what_a_mapping_cannot_say_is_told_and_stays() {
    let mut schema = data()["changed"].clone();
    schema["synchronizationRules"][0]["groupFilter"] = json!({"includedGroups": ["7"]});
    let users = &mut schema["synchronizationRules"][0]["objectMappings"][1];
    users["flowTypes"] = json!("Add,Update");
    users["scope"]["groups"][0]["clauses"][0]["operatorName"] = json!("IsMemberOf");
    let lines = &mut users["attributeMappings"];
    lines[2]["flowType"] = json!("ValueAddOnly");
    lines[3]["source"] = Value::Null;
    lines[4]["flowBehavior"] = json!("FlowAlways");
    lines[5]["matchingPriority"] = json!(17);
    lines[13]["defaultValue"] = json!("Guest");
    lines[14]["source"]["expression"] = json!("Splitt([a])");

    let imported = import(&schema, "entra").expect("a mapping");

    for told in [
        "left out: groupFilter of the rule",
        "User: the scoping filters are left out: \"IsMemberOf\" of mail is no operator that is documented",
        "User: the target object actions are \"Add,Update\"",
        "User: line displayName is left out: flowType is ValueAddOnly",
        "User: line title is left out: it has no source (mapping type None)",
        "User, line emails[type eq \"work\"].value: flowBehavior FlowAlways cannot be said",
        "User: line preferredLanguage is left out: matchingPriority is 17, not 1 to 16",
        "User, line userType: the default of a constant cannot be said",
        "CustomExtensionName:folders: the expression cannot be read: column 1: there is no function Splitt (did you mean Split?)",
    ] {
        assert!(
            imported.remarks.iter().any(|it| it.contains(told)),
            "{told} is not in {:#?}",
            imported.remarks
        );
    }
    assert_eq!(imported.remarks.len(), 9, "{:#?}", imported.remarks);
    let again = exported(&imported.spec, Some(schema.clone()));
    assert_eq!(again.schema, written_again(schema, &imported.spec));
}

#[test]
fn what_is_no_schema_is_refused_with_where_to_find_one() {
    assert_eq!(
        import(&json!({"value": []}), "entra"),
        Err(SchemaError::NoRule)
    );
    let refused = export(&spec(GUIDE), Some(&tenant()), Some(json!([])));
    assert_eq!(refused, Err(SchemaError::NoRule));
}

/// Targets of users, of which a mapping has each once.
const TARGETS: [&str; 10] = [
    "userName",
    "externalId",
    "displayName",
    "title",
    "name.givenName",
    "emails[type eq \"work\"].value",
    "roles[primary eq \"True\"].value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName:folders",
    "urn:ietf:params:scim:schemas:extension:2.0:Metadata:costCentre",
];

/// A line without its target.
fn line() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        "[a-zA-Z][a-zA-Z0-9_.]{0,12}".prop_map(|it| json!({"source": it})),
        "\\PC{1,20}".prop_map(|it| json!({"constant": it})),
        prop_oneof![
            Just("Split([jobTitle], \",\")"),
            Just("Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")"),
            Just("Join(\" \", [givenName],\n  [surname])"),
            Just("Replace([mail], \"a\\\\b\", , , \"\\\"\", , )"),
            Just("iif([a]=\"b\",Mid([c],1,2),IgnoreAttributeFlow)"),
        ]
        .prop_map(|it| json!({"expression": it})),
    ];
    let rest = (
        prop::option::of("\\PC{1,20}"),
        any::<bool>(),
        prop::option::of(1..=16_u8),
    );
    (value, rest).prop_map(|(mut line, (default, once, priority))| {
        if once {
            line["apply"] = json!("OnlyDuringCreation");
        }
        if line.get("constant").is_none() {
            if let Some(default) = default {
                line["default"] = json!(default);
            }
            if let Some(priority) = priority {
                line["matchingPriority"] = json!(priority);
            }
        }
        line
    })
}

fn lines() -> impl Strategy<Value = Vec<Value>> {
    let targets = subsequence(TARGETS.to_vec(), 1..=TARGETS.len());
    (targets, prop::collection::vec(line(), TARGETS.len())).prop_map(|(targets, lines)| {
        let lines = targets.into_iter().zip(lines);
        lines
            .map(|(target, mut line)| {
                line["target"] = json!(target);
                line
            })
            .collect()
    })
}

fn scope() -> impl Strategy<Value = Value> {
    let unary = prop_oneof![
        Just("IS TRUE"),
        Just("IS FALSE"),
        Just("IS NULL"),
        Just("IS NOT NULL")
    ]
    .prop_map(|operator| json!({"operator": operator}));
    let binary = prop_oneof![
        Just("EQUALS"),
        Just("NOT EQUALS"),
        Just("REGEX MATCH"),
        Just("NOT REGEX MATCH"),
        Just("Greater_Than"),
        Just("Greater_Than_OR_EQUALS"),
        Just("Includes"),
        Just("ENDS_WITH"),
        Just("&"),
        Just("!&"),
    ];
    let binary = (binary, "\\PC{1,20}")
        .prop_map(|(operator, value)| json!({"operator": operator, "value": value}));
    let clause = ("[a-zA-Z][a-zA-Z0-9_.]{0,12}", prop_oneof![unary, binary]).prop_map(
        |(attribute, mut clause)| {
            clause["attribute"] = json!(attribute);
            clause
        },
    );
    let filter = (
        prop::option::of("\\PC{1,20}"),
        prop::collection::vec(clause, 1..4),
    )
        .prop_map(|(name, clauses)| match name {
            Some(name) => json!({"name": name, "clauses": clauses}),
            None => json!({"clauses": clauses}),
        });
    prop::collection::vec(filter, 0..4).prop_map(Value::from)
}

fn mappings() -> impl Strategy<Value = UserMappingSpec> {
    let groups = (any::<bool>(), prop::option::of(lines()), scope()).prop_map(
        |(enabled, lines, scope)| {
            json!({"enabled": enabled, "attributes": lines.unwrap_or_default(), "scope": scope})
        },
    );
    (lines(), scope(), prop::option::of(groups)).prop_map(|(lines, scope, groups)| {
        let mut spec = json!({
            "connectorRef": {"name": "entra"},
            "users": {"attributes": lines, "scope": scope},
        });
        if let Some(groups) = groups {
            spec["groups"] = groups;
        }
        serde_json::from_value(spec).expect("a spec")
    })
}

/// The same, with what is in effect without being said.
fn said_in_full(mut spec: UserMappingSpec) -> UserMappingSpec {
    let users = &mut spec.users.attributes;
    let priorities = matching_priorities(users, ResourceType::User);
    for (line, priority) in users.iter_mut().zip(priorities) {
        line.matching_priority = priority;
    }
    if let Some(groups) = &mut spec.groups {
        groups.attributes = group_lines(groups);
        let priorities = matching_priorities(&groups.attributes, ResourceType::Group);
        for (line, priority) in groups.attributes.iter_mut().zip(priorities) {
            line.matching_priority = priority;
        }
    }
    spec
}

/// A change of a schema that Entra's portal or somebody else may have made.
fn change() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        Just(("flowType", json!("ObjectAddOnly"))),
        Just(("flowType", json!("MultiValueAddOnly"))),
        Just(("flowType", Value::Null)),
        Just(("flowBehavior", json!("FlowAlways"))),
        Just(("exportMissingReferences", json!(true))),
        Just(("source", Value::Null)),
        Just((
            "source",
            json!({"type": "Constant", "name": "", "expression": "\"\"", "parameters": []})
        )),
        Just((
            "source",
            json!({"type": "Attribute", "name": "emails[type eq \"work\"].value", "expression": "[emails[type eq \"work\"].value]", "parameters": []})
        )),
        Just((
            "source",
            json!({"type": "Function", "name": "New", "expression": "New([a])", "parameters": [{"key": "x", "value": null}]})
        )),
        "\\PC{0,300}".prop_map(|it| ("defaultValue", json!(it))),
        (0..20_i32).prop_map(|it| ("matchingPriority", json!(it))),
        Just(("matchingPriority", Value::Null)),
    ]
}

proptest! {
    #[test]
    fn a_mapping_comes_back_from_its_schema(spec in mappings()) {
        let Exported { schema, .. } = exported(&spec, None);

        prop_assert_eq!(violations(&schema), Vec::<String>::new());
        let imported = import(&schema, "entra").expect("a mapping");
        prop_assert_eq!(&imported.spec, &said_in_full(spec));
        prop_assert_eq!(imported.remarks, Vec::<String>::new());
    }

    #[test]
    fn a_schema_comes_back_from_its_mapping(
        changes in prop::collection::vec((any::<Index>(), change()), 0..8),
        groups_are_off in any::<bool>(),
    ) {
        let mut schema = data()["changed"].clone();
        let mappings = &mut schema["synchronizationRules"][0]["objectMappings"];
        mappings[0]["enabled"] = json!(!groups_are_off);
        let lines = mappings[1]["attributeMappings"].as_array_mut().expect("lines");
        for (index, (name, value)) in changes {
            let index = index.index(lines.len());
            lines[index][name] = value;
        }

        let imported = import(&schema, "entra").expect("a mapping");

        let again = exported(&imported.spec, Some(schema.clone())).schema;
        prop_assert_eq!(again, written_again(schema, &imported.spec));
    }
}

#[test]
fn a_schema_is_imported_and_exported_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let schema = file("schema.json", &data()["changed"].to_string());

    let (yaml, said, success) = mapping(&[
        "import",
        &schema,
        "--name",
        "people",
        "--connector",
        "entra",
    ]);
    assert!(success && said.contains("keep the schema"), "{said}");
    let yaml = file("people.yaml", &yaml);
    let (json, said, success) = mapping(&["export", &yaml, "--into", &schema]);
    assert!(success, "{said}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json, data()["changed"]);

    let (json, said, success) = mapping(&["export", &yaml]);
    assert!(success && said.contains("--into"), "{said}");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(violations(&json), Vec::<String>::new());
    let (_, said, success) = mapping(&["import", &yaml, "--name", "a", "--connector", "b"]);
    assert!(!success && said.contains("is not JSON"), "{said}");
}
