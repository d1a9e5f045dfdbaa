//! Resources: what is read from a POST, and how it is answered.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::scim::projection::Projection;
use crate::scim::schema::ENTERPRISE_URN;
use crate::scim::schema::ResourceType;
use crate::scim::schema::sample;

#[track_caller]
fn check(extra: impl Into<Value>, expected: &Value) {
    let extra = extra.into();
    let mut body = json!({"userName": "ana"});
    let mut wanted = body.clone();
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    wanted
        .as_object_mut()
        .unwrap()
        .extend(expected.as_object().unwrap().clone());
    let read = Resource::parse(&sample::schemas().user, &body)
        .map(|read| Value::Object(read.into_attributes()));
    assert_eq!(read, Ok(wanted), "{extra}");
}

#[track_caller]
fn check_refused(body: &Value, part: &str) {
    let error = Resource::parse(&sample::schemas().user, body).unwrap_err();
    assert!(error.detail.contains(part), "{body}: {}", error.detail);
}

#[test]
fn a_whole_attribute_is_taken_over_and_an_extension_without_any_is_none() {
    let schemas = sample::schemas();
    let read = |body: Value| Resource::parse(&schemas.user, &body).unwrap();
    let path = |name: &str| match schemas.user.resolve(name) {
        Some(Resolved::Attribute { path, .. }) => path,
        other => panic!("{other:?}"),
    };
    let before = read(json!({"userName": "a", "title": "T", ENTERPRISE_URN: {"department": "D"}}));
    let mut after =
        read(json!({"userName": "b", ENTERPRISE_URN: {"department": "E", "costCenter": "C"}}));

    assert!(after.take_over(&path("title"), &before));
    assert!(after.take_over(&path("department"), &before));
    assert!(!after.take_over(&path("department"), &before));

    let expected = json!({"userName": "b", "title": "T", ENTERPRISE_URN: {"department": "D", "costCenter": "C"}});
    assert_eq!(Value::Object(after.into_attributes()), expected);
    let mut alone = before;
    assert!(alone.take_over(&path("department"), &read(json!({"userName": "c"}))));
    assert_eq!(
        Value::Object(alone.into_attributes()),
        json!({"userName": "a", "title": "T"})
    );
}

#[test]
fn bodies_are_read_in_any_casing_and_kept_byte_for_byte() {
    check(
        json!({"DISPLAYNAME": " Ana\u{301} "}),
        &json!({"displayName": " Ana\u{301} "}),
    );
    check(
        json!({"Name": {"GIVENNAME": "A"}}),
        &json!({"name": {"givenName": "A"}}),
    );
    check(json!({"active": "True"}), &json!({"active": true}));
    check(
        json!({"emails": {"Type": "work", "value": "x", "primary": "False"}}),
        &json!({"emails": [{"type": "work", "value": "x", "primary": false}]}),
    );
    check(
        json!({"emails": ["x"]}),
        &json!({"emails": [{"value": "x"}]}),
    );
    check(json!({"title": 5}), &json!({"title": "5"}));
}

#[test]
fn what_says_nothing_or_is_not_the_clients_is_dropped() {
    let nothing = json!({});
    check(
        json!({"title": null, "nickName": "", "roles": [], "name": {}, "addresses": null}),
        &nothing,
    );
    check(
        json!({"id": "9", "meta": {"resourceType": "User"}, "groups": [{"value": "1"}]}),
        &nothing,
    );
    check(
        json!({"favoriteColor": "red", "urn:nobody": {"a": 1}, "department": "D"}),
        &nothing,
    );
    check(
        json!({"name": {"nick": "x"}, "emails": [{"type": "work", "primary": true}]}),
        &nothing,
    );
    check(json!({"password": "secret"}), &nothing);
    check(
        json!({ENTERPRISE_URN: {"manager": {"value": ""}, "department": null}}),
        &nothing,
    );
    check(
        json!({"schemas": ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User"]}),
        &nothing,
    );
}

#[test]
fn extensions_are_read_nested_and_flat_without_being_listed() {
    check(
        json!({sample::FOLDERS: {"Folders": [{"value": "a"}, "b"]}}),
        &json!({sample::FOLDERS: {"folders": ["a", "b"]}}),
    );
    check(
        json!({sample::FOLDERS: {"folders": "a"}}),
        &json!({sample::FOLDERS: {"folders": ["a"]}}),
    );
    check(
        json!({sample::METADATA: {"Any": 5, "flag": true, "": "x", "gone": null}}),
        &json!({sample::METADATA: {"Any": "5", "flag": "true"}}),
    );
    check(
        json!({format!("{ENTERPRISE_URN}:department"): "D", ENTERPRISE_URN: {"manager": "7"}}),
        &json!({ENTERPRISE_URN: {"department": "D", "manager": {"value": "7"}}}),
    );
    check(
        json!({sample::TYPED: {"level": "7", "share": 0.5, "remote": "TRUE",
            "hired": "2026-01-01T00:00:00.1234567Z", "desk": {"floor": 3}}}),
        &json!({sample::TYPED: {"level": 7, "share": 0.5, "remote": true,
            "hired": "2026-01-01T00:00:00.1234567Z", "desk": {"floor": "3"}}}),
    );
}

#[test]
fn app_roles_arrive_as_objects_and_as_json_text() {
    let text = r#"{"id":"1","value":"Admin","displayName":"Boss"}"#;
    let read = json!({"roles": [{"value": "Admin", "display": "Boss"}]});
    check(json!({"roles": [{"value": text}]}), &read);
    check(json!({"roles": [text]}), &read);
    check(
        json!({"roles": [{"value": "{no json"}]}),
        &json!({"roles": [{"value": "{no json"}]}),
    );
}

#[test]
fn wrong_bodies_are_refused() {
    check_refused(&json!([]), "must be a JSON object");
    check_refused(&json!({"title": "x"}), "userName is required");
    check_refused(
        &json!({"userName": "a", "active": "perhaps"}),
        "active must be true or false, got \"perhaps\"",
    );
    check_refused(
        &json!({"userName": {"first": "a"}}),
        "userName must be a plain value",
    );
    check_refused(
        &json!({"userName": ["a", "b"]}),
        "userName must be one value",
    );
    check_refused(
        &json!({"userName": "a", "name": "Ana"}),
        "name must be an object",
    );
    check_refused(
        &json!({"userName": "a", sample::TYPED: {"hired": "yesterday"}}),
        "hired must be a time",
    );
    check_refused(
        &json!({"userName": "a", sample::TYPED: 5}),
        "must be an object",
    );
    check_refused(
        &json!({"userName": "a", "emails": vec!["x"; 1_001]}),
        "at most 1000 values",
    );
}

#[test]
fn an_answer_has_its_schemas_meta_and_extras_but_nothing_empty() {
    let schemas = sample::schemas();
    let body = json!({"displayName": "Crew", "externalId": "e", "members": [{"value": "1"}]});
    let group = Resource::parse(&schemas.group, &body).unwrap();
    let meta = Meta {
        id: "7".to_owned(),
        resource_type: ResourceType::Group,
        created: Timestamp::UNIX_EPOCH,
        last_modified: Timestamp::UNIX_EPOCH,
        version: "W/\"1\"".to_owned(),
        location: "https://x/Groups/7".to_owned(),
    };
    let render = |members: Value| {
        let extra = Map::from_iter([("members".to_owned(), members)]);
        let render = |group: Resource| {
            let extra = extra.clone();
            let text = group.render(&schemas.group, &meta, extra, &Projection::default());
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let rendered = render(group.clone());
        assert_eq!(render(Resource::sealed(&group.to_json())), rendered);
        rendered
    };
    assert!(render(json!([])).get("members").is_none());
    assert_eq!(
        render(json!([{"value": "1"}])),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": "7",
            "displayName": "Crew",
            "externalId": "e",
            "members": [{"value": "1"}],
            "meta": {
                "resourceType": "Group",
                "created": "1970-01-01T00:00:00Z",
                "lastModified": "1970-01-01T00:00:00Z",
                "version": "W/\"1\"",
                "location": "https://x/Groups/7",
            },
        })
    );
}

#[test]
fn absent_active_means_active() {
    let user = |active: Value| {
        let body = json!({"userName": "ana", "active": active});
        Resource::parse(&sample::schemas().user, &body)
            .unwrap()
            .is_active()
    };
    assert!(user(json!(null)));
    assert!(user(json!("true")));
    assert!(!user(json!("False")));
}
