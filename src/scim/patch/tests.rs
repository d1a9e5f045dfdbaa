//! PATCH: the rules that both dialects of Entra live by.

use proptest::prelude::*;
use serde_json::Map;
use serde_json::json;

use super::*;
use crate::scim::error::ScimError;
use crate::scim::resource::Resource;
use crate::scim::schema::ENTERPRISE_URN;
use crate::scim::schema::Rules;
use crate::scim::schema::Schemas;
use crate::scim::schema::sample;

fn ana() -> Value {
    json!({
        "userName": "ana",
        "active": true,
        "name": {"givenName": "Ana", "familyName": "Berg"},
        "emails": [{"type": "work", "value": "w@x", "primary": true}],
        "roles": [{"value": "User", "type": "T"}],
        ENTERPRISE_URN: {"department": "D", "manager": {"value": "7"}},
        sample::FOLDERS: {"folders": ["a"]},
        sample::METADATA: {"Vessel": "Aurora"},
    })
}

fn patch(schemas: &Schemas, operations: &Value) -> Result<Resource, ScimError> {
    let before = Resource::parse(&schemas.user, &ana())?;
    let body = json!({"schemas": [PATCH_URN], "Operations": operations});
    PatchRequest::parse(&schemas.user, &body)?.apply(&schemas.user, &before)
}

/// Applies one operation to Ana and compares what a JSON pointer then leads to.
#[track_caller]
fn check(operation: impl Into<Value>, pointer: &str, expected: &Value) {
    let operation = operation.into();
    let patched = patch(&sample::schemas(), &json!([operation])).expect("a sound PATCH");
    let attributes = Value::Object(patched.attributes().clone());
    let found = attributes.pointer(pointer).unwrap_or(&Value::Null);
    assert_eq!(found, expected, "{operation}");
}

/// Ana must be as she was.
#[track_caller]
fn check_unchanged(operation: &Value) {
    let schemas = sample::schemas();
    let before = Resource::parse(&schemas.user, &ana()).expect("a sound user");
    assert_eq!(
        patch(&schemas, &json!([operation])).as_ref(),
        Ok(&before),
        "{operation}"
    );
}

#[track_caller]
fn check_refused(operation: &Value, scim_type: &str, part: &str) {
    let error = patch(&sample::schemas(), &json!([operation])).expect_err("a refusal");
    assert_eq!(error.to_value()["scimType"], scim_type, "{operation}");
    assert!(error.detail.contains(part), "{operation}: {}", error.detail);
}

fn op(op: &str, path: &str, value: &Value) -> Value {
    json!({"op": op, "path": path, "value": value})
}

#[test]
fn single_values_are_set_by_add_and_replace() {
    check(
        op("Add", "nickName", &json!("An")),
        "/nickName",
        &json!("An"),
    );
    check(
        op("REPLACE", "Name.givenName", &json!("Bo")),
        "/name",
        &json!({"givenName": "Bo", "familyName": "Berg"}),
    );
    check(
        op("replace", "name", &json!({"GivenName": "Bo"})),
        "/name/familyName",
        &json!("Berg"),
    );
    check(
        op("replace", "active", &json!("FALSE")),
        "/active",
        &json!(false),
    );
    check(
        op("add", "title", &json!([{"value": "x"}])),
        "/title",
        &json!("x"),
    );
    check(op("add", "title", &json!(" x ")), "/title", &json!(" x "));
}

#[test]
fn a_list_element_that_is_missing_is_made() {
    check(
        op("Replace", "emails[type eq \"other\"].value", &json!("o@x")),
        "/emails/1",
        &json!({"type": "other", "value": "o@x"}),
    );
    check(
        op("Add", "roles[primary eq \"True\"].value", &json!("Admin")),
        "/roles/1",
        &json!({"primary": true, "value": "Admin"}),
    );
    check(
        op("replace", "emails[type eq \"work\"].value", &json!("n@x")),
        "/emails/0/value",
        &json!("n@x"),
    );
    check(
        op(
            "replace",
            "emails[type eq \"work\"]",
            &json!({"value": "n@x"}),
        ),
        "/emails/0",
        &json!({"type": "work", "value": "n@x", "primary": true}),
    );
    check_refused(
        &op("add", "emails[not (type eq \"work\")].value", &json!("x")),
        "noTarget",
        "emails",
    );
}

#[test]
fn lists_unite_on_add_and_are_exchanged_on_replace() {
    let text = json!([{"value": "{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Boss\"}"}]);
    check(
        op("Add", "roles", &text),
        "/roles/1",
        &json!({"value": "Admin", "display": "Boss"}),
    );
    check(
        op(
            "Add",
            "roles",
            &json!([{"value": "User", "primary": "True"}]),
        ),
        "/roles",
        &json!([{"value": "User", "type": "T", "primary": true}]),
    );
    check(
        op("replace", "roles", &json!([{"value": "Admin"}])),
        "/roles",
        &json!([{"value": "Admin"}]),
    );
    check(op("replace", "roles", &json!([])), "/roles", &Value::Null);
    check(
        op("remove", "roles", &json!([{"value": "User"}])),
        "/roles",
        &Value::Null,
    );
}

#[test]
fn simple_lists_unite_and_are_exchanged_as_well() {
    let folders = format!("{}:folders", sample::FOLDERS);
    let pointer = format!("/{}/folders", sample::FOLDERS);
    check(
        op("Add", &folders, &json!([{"value": "a"}, {"value": "b"}])),
        &pointer,
        &json!(["a", "b"]),
    );
    check(
        op("replace", &folders, &json!("c")),
        &pointer,
        &json!(["c"]),
    );
    check(
        op(
            "remove",
            &format!("{folders}[value eq \"a\"]"),
            &Value::Null,
        ),
        &pointer,
        &Value::Null,
    );
    check(
        op(
            "add",
            "emails",
            &json!({"type": "home", "value": "h@x", "primary": true}),
        ),
        "/emails",
        &json!([{"type": "work", "value": "w@x", "primary": false}, {"type": "home", "value": "h@x", "primary": true}]),
    );
    check_unchanged(&op("add", "roles", &json!([])));
    check_unchanged(&op(
        "Add",
        "emails",
        &json!([{"type": "work", "value": "w@x"}]),
    ));
}

#[test]
fn a_pathless_operation_is_taken_apart() {
    let value = json!({
        "name.givenName": "Bo",
        format!("{ENTERPRISE_URN}:department"): "E",
        ENTERPRISE_URN: {"costCenter": "C"},
        "emails[type eq \"work\"].value": "n@x",
        "favoriteColor": "red",
        "id": "8",
        "meta": {"version": "1"},
    });
    let operation = json!({"op": "replace", "value": value});
    check(
        operation.clone(),
        "/name",
        &json!({"givenName": "Bo", "familyName": "Berg"}),
    );
    check(
        operation.clone(),
        &format!("/{ENTERPRISE_URN}"),
        &json!({"department": "E", "manager": {"value": "7"}, "costCenter": "C"}),
    );
    check(operation.clone(), "/emails/0/value", &json!("n@x"));
    check(operation.clone(), "/favoriteColor", &Value::Null);
    check(operation, "/id", &Value::Null);
}

#[test]
fn a_manager_comes_in_many_shapes_and_goes_without_a_trace() {
    let path = format!("{ENTERPRISE_URN}:manager");
    let pointer = format!("/{ENTERPRISE_URN}/manager");
    let eight = json!({"value": "8"});
    check(op("Add", &path, &json!("8")), &pointer, &eight);
    check(
        op("replace", &path, &json!({"value": "8", "displayName": "x"})),
        &pointer,
        &eight,
    );
    check(
        op("Add", "manager", &json!([{"$ref": "u", "value": "8"}])),
        &pointer,
        &eight,
    );
    check(
        op("replace", &format!("{path}.value"), &json!("8")),
        &pointer,
        &eight,
    );
    for empty in [json!(""), json!({"value": ""}), json!(null), json!([])] {
        check(op("replace", &path, &empty), &pointer, &Value::Null);
    }
    check(op("remove", &path, &Value::Null), &pointer, &Value::Null);
    check(
        op("replace", &format!("{path}.value"), &json!("")),
        &pointer,
        &Value::Null,
    );
}

#[test]
fn empty_values_unset_and_hollow_elements_disappear() {
    for empty in [json!(""), json!(null), json!([]), json!({})] {
        check(op("replace", "name", &empty), "/name", &Value::Null);
    }
    check(
        op("replace", "name.givenName", &json!("")),
        "/name",
        &json!({"familyName": "Berg"}),
    );
    check(
        op("replace", "emails[type eq \"work\"].value", &json!(null)),
        "/emails",
        &Value::Null,
    );
    check(
        op("Remove", "emails[type eq \"work\"].value", &json!("other")),
        "/emails",
        &Value::Null,
    );
    check(
        op("remove", "emails[type eq \"work\"]", &Value::Null),
        "/emails",
        &Value::Null,
    );
    check(
        op("remove", ENTERPRISE_URN, &Value::Null),
        &format!("/{ENTERPRISE_URN}"),
        &Value::Null,
    );
    let vessel = format!("{}:vessel", sample::METADATA);
    check(
        op("replace", &vessel, &json!("B")),
        &format!("/{}", sample::METADATA),
        &json!({"Vessel": "B"}),
    );
    check(
        op("remove", &vessel, &Value::Null),
        &format!("/{}", sample::METADATA),
        &Value::Null,
    );
    check_unchanged(&op(
        "remove",
        "emails[type eq \"home\"].value",
        &Value::Null,
    ));
    check_unchanged(&op("replace", "emails[type eq \"home\"].value", &json!("")));
    check_unchanged(&op("replace", "password", &json!("secret")));
    check_unchanged(&op("remove", "title", &Value::Null));
}

#[test]
fn wrong_operations_are_refused() {
    check_refused(
        &op("Merge", "title", &json!("x")),
        "invalidSyntax",
        "\"Merge\"",
    );
    check_refused(
        &json!({"op": "add", "path": "title"}),
        "invalidSyntax",
        "needs a value",
    );
    check_refused(
        &json!({"path": "title", "value": "x"}),
        "invalidSyntax",
        "has no op",
    );
    check_refused(&json!("add"), "invalidSyntax", "must be an object");
}

#[test]
fn operations_without_a_fitting_target_are_refused() {
    check_refused(&json!({"op": "remove"}), "noTarget", "needs a path");
    check_refused(
        &json!({"op": "add", "value": "x"}),
        "invalidValue",
        "must be an object",
    );
    check_refused(
        &op("add", "favoriteColor", &json!("red")),
        "invalidPath",
        "no such attribute",
    );
    check_refused(
        &op("replace", "id", &json!("8")),
        "mutability",
        "id is read-only",
    );
    check_refused(
        &op("replace", "meta.version", &json!("8")),
        "mutability",
        "meta.version",
    );
    check_refused(
        &op("replace", "groups[value eq \"1\"].display", &json!("8")),
        "mutability",
        "groups",
    );
}

#[test]
fn wrong_values_are_refused() {
    check_refused(
        &op("replace", "active", &json!("perhaps")),
        "invalidValue",
        "got \"perhaps\"",
    );
    check_refused(
        &op("replace", "active", &json!("")),
        "invalidValue",
        "cannot be unset",
    );
    check_refused(
        &op("remove", "active", &json!("")),
        "invalidValue",
        "cannot be unset",
    );
    check_refused(
        &op("replace", "userName", &json!("")),
        "invalidValue",
        "userName is required",
    );
    check_refused(
        &op("replace", "title", &json!({"a": 1})),
        "invalidValue",
        "title",
    );
    check_refused(
        &op("replace", "title", &json!(["a", "b"])),
        "invalidValue",
        "one value",
    );
    check_refused(
        &op("replace", ENTERPRISE_URN, &json!("x")),
        "invalidValue",
        "must be an object",
    );
    check_refused(
        &op("add", "level", &json!("many")),
        "invalidValue",
        "a whole number",
    );
}

#[test]
fn operations_run_in_order_and_all_or_nothing() {
    let schemas = sample::schemas();
    let operations = json!([
        {"op": "remove", "path": "nickName"},
        {"op": "add", "path": "nickName", "value": "two"},
        {"op": "replace", "path": "nickName", "value": "three"},
    ]);
    let patched = patch(&schemas, &operations).expect("a sound PATCH");
    assert_eq!(patched.attributes()["nickName"], "three");
    let half =
        json!([{"op": "add", "path": "title", "value": "x"}, {"op": "remove", "path": "userName"}]);
    assert!(patch(&schemas, &half).is_err());
    assert!(patch(&schemas, &json!([])).is_ok());
    assert_eq!(
        patch(&schemas, &json!(vec![json!({}); 1_001]))
            .expect_err("too many")
            .status,
        413
    );
    assert!(PatchRequest::parse(&schemas.user, &json!({})).is_err());
}

#[test]
fn a_patch_obeys_the_rules_but_is_not_held_to_what_was_wrong_before() {
    let rules = Rules {
        user_types: vec!["Premium".to_owned(), "Standard".to_owned()],
        roles: vec!["Admin".to_owned()],
        required: vec!["emails".to_owned(), "title".to_owned()],
        ..sample::rules()
    };
    let strict = Schemas::new(&rules).expect("sound rules");
    let before = Resource::parse(&sample::schemas().user, &ana()).expect("a sound user");
    let apply = |operation: Value| {
        let body = json!({"Operations": [operation]});
        PatchRequest::parse(&strict.user, &body)?.apply(&strict.user, &before)
    };
    assert!(apply(op("Replace", "active", &json!("False"))).is_ok());
    let detail = |operation| apply(operation).expect_err("a refusal").detail;
    assert_eq!(
        detail(op("add", "userType", &json!("premium"))),
        "userType must be Premium or Standard, got \"premium\"."
    );
    assert!(detail(op("add", "roles", &json!([{"value": "Boss"}]))).contains("must be Admin, got"));
    assert!(detail(op("remove", "emails", &Value::Null)).contains("emails is required"));
}

#[track_caller]
fn check_members(operation: impl Into<Value>, expected: &[MemberChange]) {
    let operation = operation.into();
    let body = json!({"Operations": [operation]});
    let request = PatchRequest::parse(&sample::schemas().group, &body).expect("a sound PATCH");
    assert_eq!(request.member_changes(), expected, "{operation}");
}

#[test]
fn member_changes_cost_only_what_changes() {
    let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<String>>();
    let listed = json!([{"$ref": null, "value": "1"}, {"value": "2"}, {"value": "1"}]);
    check_members(
        op("Add", "members", &listed),
        &[MemberChange::Add(ids(&["1", "2"]))],
    );
    check_members(
        op("add", "members", &json!("1")),
        &[MemberChange::Add(ids(&["1"]))],
    );
    check_members(
        op("Remove", "Members", &listed),
        &[MemberChange::Remove(ids(&["1", "2"]))],
    );
    check_members(
        json!({"op": "remove", "path": "members"}),
        &[MemberChange::Clear],
    );
    check_members(op("remove", "members", &json!([])), &[]);
    check_members(op("add", "members", &json!([])), &[]);
    check_members(op("replace", "members", &json!([])), &[MemberChange::Clear]);
    check_members(
        op("replace", "members", &listed),
        &[MemberChange::Replace(ids(&["1", "2"]))],
    );
    check_members(
        json!({"op": "remove", "path": "members[value eq \"1\" or value eq 2]"}),
        &[MemberChange::Remove(ids(&["1", "2"]))],
    );
    check_members(
        json!({"op": "replace", "value": {"displayName": "x", "members": ["1"]}}),
        &[MemberChange::Replace(ids(&["1"]))],
    );
    for operation in [
        op("add", "members", &json!([{"display": "x"}])),
        op("remove", "members[type eq \"User\"]", &Value::Null),
        op("replace", "members[value eq \"1\"].display", &json!("x")),
    ] {
        let body = json!({"Operations": [operation.clone()]});
        let refused = PatchRequest::parse(&sample::schemas().group, &body);
        assert!(refused.is_err(), "{operation}");
    }
    assert_eq!(
        member_ids(&json!({"Members": listed})),
        Ok(Some(ids(&["1", "2"])))
    );
    assert_eq!(member_ids(&json!({})), Ok(None));
}

/// Any JSON, with names that mean something here.
fn json_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "value",
        "type",
        "primary",
        "name.givenName",
        "emails",
        "manager",
        "roles",
        "active",
        "x",
        "emails[type eq \"work\"].value",
        ENTERPRISE_URN,
        sample::FOLDERS,
        sample::METADATA,
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z{}\":]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        let members =
            prop::collection::vec((names.clone().prop_map(str::to_owned), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn any_operation_is_carried_out_or_refused(
        action in prop::sample::select(vec!["add", "replace", "remove"]),
        path in prop::sample::select(vec![
            "", "emails", "emails.value", "emails[type eq \"work\"]", "emails[type eq \"x\"].value",
            "roles", "name", "name.givenName", "manager", "manager.value", ENTERPRISE_URN, "desk",
            "desk.any", "folders", "folders[value eq \"a\"]", "level", "hired", "active", "userName",
        ]),
        value in json_value(),
    ) {
        let schemas = sample::schemas();
        if let Ok(patched) = patch(&schemas, &json!([op(action, path, &value)])) {
            let rendered = Value::Object(patched.attributes().clone());
            let read = Resource::parse(&schemas.user, &rendered).expect("what PATCH made is sound");
            prop_assert_eq!(read, patched, "a POST of the result gives the result");
        }
    }
}
