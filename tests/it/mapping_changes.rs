//! Changes of a mapping: what they would do to the people of a directory, and which of them wait to be confirmed.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use usher::api::scim_tenant::ScimTenantSpec;
use usher::api::user_mapping::{MappingPreview, PreviewNames, UserAttributes};
use usher::api::{ObjectKey, UserMapping};
use usher::clock::{ManualClock, SystemRandom};
use usher::expression::Environment;
use usher::plan::ChildKind;
use usher::plan::mapping::difference::Difference;
use usher::plan::user_mapping::in_force::digest;
use usher::platform::Platform;

use crate::crash_sweep::{CONNECTOR, MAPPING, TENANT, clock, disabling, settle};
use crate::model_platform::Model;

/// What a change of the lines and filters does to `people`.
fn compared(former: &str, wanted: &str, people: &[Value]) -> MappingPreview {
    let users = |yaml: &str| -> UserAttributes { serde_yaml::from_str(yaml).unwrap() };
    let tenant: ScimTenantSpec = serde_json::from_value(json!({
        "host": "contoso.id.example.com",
        "store": {"sqlite": {"size": "1Gi"}},
        "schema": {"userTypes": ["Premium", "Standard"]},
    }))
    .unwrap();
    let difference = Difference::between(&users(former), &users(wanted), &tenant);
    let now = "2026-02-01T00:00:00Z".parse().unwrap();
    let environment = Environment::at(now, &SystemRandom);
    let mut count = difference.count(2, &environment);
    for person in people {
        count.add(std::slice::from_ref(person));
    }
    let time = serde_json::from_value(json!("2026-02-01T00:00:00Z")).unwrap();
    count
        .finish()
        .preview(None, String::new(), String::new(), time)
}

fn person(name: &str, more: Value) -> Value {
    let mut person = json!({"userName": format!("{name}@contoso.com"), "active": true});
    if let Value::Object(more) = more {
        person.as_object_mut().unwrap().extend(more);
    }
    person
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_a_change_does_is_told_by_what_the_mapping_before_it_has_written() {
    let before = "attributes:
      - {target: userName, source: userPrincipalName}
      - {target: title, source: jobTitle}
      - {target: userType, source: companyName, default: Standard}
      - {target: nickName, expression: 'ToLower([mailNickname],)'}";
    let people = [
        person("ana", json!({"title": "Premium", "userType": "Standard"})),
        person("bo", json!({"title": "Gold", "userType": "Premium"})),
        person("cy", json!({"userType": "Standard"})),
        person("dee", json!({"title": "Premium", "active": false})),
    ];
    let with = |line: &str| format!("{before}\n      - {line}");
    let scoped = |clause: &str| format!("{before}\nscope: [{{clauses: [{clause}]}}]");
    // People who are active, changed, disabled, rejected, undecided; attributes that nobody knows here.
    let check = |what: &str, wanted: &str, expected: [i64; 4], unknown: &[&str]| {
        let found = compared(before, wanted, &people);
        let counts = [
            found.changed,
            found.disabled,
            found.rejected,
            found.undecided,
        ];
        assert_eq!((counts, found.people), (expected, 3), "{what}");
        assert_eq!(found.unknown, unknown, "{what}");
        found.names
    };
    check("nothing", before, [0; 4], &[]);
    let names = check(
        "another source for an attribute with rules",
        &before.replace("source: companyName", "source: jobTitle"),
        [1, 0, 1, 0],
        &[],
    );
    assert_eq!(names.changed, ["ana@contoso.com"]);
    assert_eq!(names.rejected, ["bo@contoso.com"]);
    check(
        "a source that is not sent before",
        &before.replace("source: companyName", "source: department"),
        [0, 0, 0, 3],
        &["department"],
    );
    check(
        "an expression of what is known",
        &with("{target: displayName, expression: 'Join(\" \", [jobTitle], [companyName])'}"),
        [3, 0, 0, 0],
        &[],
    );
    check(
        "a line that is taken out",
        &before.replace("- {target: title, source: jobTitle}", ""),
        [0; 4],
        &[],
    );
    check(
        "nobody is active",
        &with("{target: active, constant: 'False'}"),
        [0, 3, 0, 0],
        &[],
    );
    check(
        "a filter by what is known",
        &scoped("{attribute: jobTitle, operator: IS NOT NULL}"),
        [0, 1, 0, 0],
        &[],
    );
    check(
        "a filter by what is not",
        &scoped("{attribute: department, operator: EQUALS, value: Deck}"),
        [0, 0, 0, 3],
        &["department"],
    );
    let names = check(
        "one user name for several",
        &before.replace("source: userPrincipalName", "source: companyName"),
        [1, 0, 2, 0],
        &[],
    );
    assert_eq!(names.changed, ["bo@contoso.com"]);
}

/// A world of two people and a brake that lets one go.
async fn settled() -> (Arc<Model>, ManualClock) {
    let (model, clock) = (Arc::new(Model::default()), clock());
    let brake = "deprovisioning: {brake: {deactivations: 1}}\n  schema:";
    model.put(&TENANT.replace("schema:", brake));
    model.put(CONNECTOR);
    model.put(MAPPING);
    model.provision(vec![person("ana", json!({})), person("bo", json!({}))]);
    settle(&model, &clock, 1).await;
    (model, clock)
}

fn mapping(model: &Model) -> Arc<UserMapping> {
    model.user_mapping(&ObjectKey::new("ns", "people")).unwrap()
}

/// Status, reason and message of a condition.
fn condition(model: &Model, type_: &str) -> Option<(String, String, String)> {
    let conditions = mapping(model).status.clone()?.conditions;
    let found = conditions.into_iter().find(|it| it.type_ == type_)?;
    Some((found.status, found.reason, found.message))
}

/// The keys of open extensions that the pods know.
fn keys(model: &Model) -> Vec<String> {
    let config = model.config("contoso").unwrap();
    let extensions = &config.scim_tenants[0].schema.extensions;
    let attributes = extensions.iter().flat_map(|it| &it.attributes);
    attributes.map(|it| it.name.clone()).collect()
}

fn announced(model: &Model, words: &str) -> usize {
    let all = model.announced();
    all.iter().filter(|it| it.contains(words)).count()
}

#[tokio::test]
async fn a_change_that_takes_away_too_much_waits_until_it_is_confirmed() {
    let (model, clock) = settled().await;
    let worse = disabling(MAPPING);

    model.put(&worse);
    settle(&model, &clock, 2).await;

    let confirm = digest(&mapping(&model).spec);
    let (status, reason, message) = condition(&model, "InForce").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "MappingHeld"));
    assert_eq!(
        message,
        format!(
            "would disable 2 people and have 0 refused, of 2 who are active, and spec.deprovisioning.brake.deactivations of ScimTenant contoso is 1: the mapping of generation 1 stays in force; take the change back, or, if it is meant, write spec.confirm: \"{confirm}\""
        )
    );
    assert_eq!(condition(&model, "Ready").unwrap().0, "True");
    assert_eq!(keys(&model), ["costCentre"]);
    let status = mapping(&model).status.clone().unwrap();
    let preview = status.preview.unwrap();
    let nobody = PreviewNames::default();
    assert_eq!(
        (preview.disabled, preview.names),
        (2, nobody),
        "nobody asks for names"
    );
    assert_eq!(status.in_force.unwrap().generation, Some(1));
    assert_eq!(status.attributes, Some(2));
    assert_eq!(announced(&model, "MappingHeld"), 1);

    let confirmed = worse.replace("spec:", &format!("spec:\n  confirm: {confirm:?}"));
    model.put(&confirmed);
    settle(&model, &clock, 3).await;

    assert_eq!(condition(&model, "InForce").unwrap().0, "True");
    assert_eq!(keys(&model), ["shoeSize"]);
    assert_eq!(mapping(&model).status.clone().unwrap().preview, None);

    // What is in force stays so, with the confirmation or without it.
    for again in [&worse, &confirmed, &worse] {
        model.put(again);
        settle(&model, &clock, 4).await;
        assert_eq!(condition(&model, "InForce").unwrap().0, "True");
    }
    assert_eq!(announced(&model, "MappingHeld"), 1);
}

#[tokio::test]
async fn whoever_deletes_the_mapping_in_force_has_confirmed_nothing() {
    let (model, clock) = settled().await;
    let worse = disabling(MAPPING);
    model.put(&worse);
    settle(&model, &clock, 2).await;

    model.remove_child(ChildKind::Secret, "people-mapping");
    settle(&model, &clock, 3).await;

    let confirm = digest(&mapping(&model).spec);
    let (status, reason, message) = condition(&model, "InForce").unwrap();
    assert_eq!((status.as_str(), reason.as_str()), ("False", "MappingHeld"));
    assert_eq!(
        message,
        format!(
            "Secret people-mapping with the mapping of generation 1, which is in force, is gone, so that nobody can tell what this one would do to people: put the lines before it back, or, if it is meant, write spec.confirm: \"{confirm}\""
        )
    );
    assert_eq!(keys(&model), ["costCentre"]);
    let status = mapping(&model).status.clone().unwrap();
    assert_eq!(status.in_force.unwrap().generation, Some(1));
    assert_eq!((status.attributes, status.preview), (Some(2), None));
    let writes = model.writes();
    settle(&model, &clock, 4).await;
    assert_eq!(model.writes(), writes);

    // Nor does whoever makes it unreadable.
    model.put(MAPPING);
    settle(&model, &clock, 5).await;
    assert_eq!(condition(&model, "InForce").unwrap().0, "True");
    model.put(&worse);
    settle(&model, &clock, 6).await;
    model.edit_child(ChildKind::Secret, "people-mapping", |it| {
        it["data"] = json!({});
    });
    settle(&model, &clock, 7).await;
    assert_eq!(condition(&model, "InForce").unwrap().1, "MappingHeld");
    assert_eq!(keys(&model), ["costCentre"]);

    model.put(&worse.replace("spec:", &format!("spec:\n  confirm: {confirm:?}")));
    settle(&model, &clock, 8).await;
    assert_eq!(condition(&model, "InForce").unwrap().0, "True");
    assert_eq!(keys(&model), ["shoeSize"]);
}

#[tokio::test]
async fn a_change_that_is_taken_back_leaves_nothing_behind() {
    let (model, clock) = settled().await;
    let before = model.snapshot();
    model.put(&disabling(MAPPING));
    settle(&model, &clock, 2).await;

    // Two processes later it is still held, and nothing is written again.
    let writes = model.writes();
    settle(&model, &clock, 3).await;
    assert_eq!(model.writes(), writes);

    model.put(MAPPING);
    settle(&model, &clock, 4).await;

    let without_generations = |text: &str| {
        let lines = text.lines().filter(|it| !it.contains("eneration"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        without_generations(&model.snapshot()),
        without_generations(&before)
    );
    assert_eq!(
        announced(&model, "Reconciled: what is declared is in force"),
        1
    );
}

#[tokio::test]
async fn a_change_within_the_brake_comes_into_force_and_its_preview_stays() {
    let (model, clock) = settled().await;
    let asking = MAPPING.replace("spec:", "spec:\n  preview: {names: 1}");
    let titled = asking.replace(
        "users:\n    attributes:",
        "users:\n    attributes:\n      - {target: title, expression: 'ToUpper([userPrincipalName],)'}",
    );

    model.put(&titled);
    settle(&model, &clock, 2).await;

    assert_eq!(condition(&model, "InForce").unwrap().0, "True");
    let preview = mapping(&model).status.clone().unwrap().preview.unwrap();
    assert_eq!((preview.people, preview.changed), (2, 2));
    assert_eq!(preview.names.changed, ["ana@contoso.com"]);
    let (_, reason, message) = condition(&model, "Previewed").unwrap();
    assert_eq!(reason, "Reconciled");
    assert_eq!(
        message,
        "of 2 people who are active the mapping changes 2, disables 0, and has 0 refused"
    );
    assert_eq!(announced(&model, "Previewed: of 2 people"), 1);

    clock.advance(Duration::from_hours(1));
    settle(&model, &clock, 3).await;
    let later = mapping(&model).status.clone().unwrap().preview.unwrap();
    let expected = MappingPreview {
        names: PreviewNames::default(),
        ..preview
    };
    assert_eq!(later, expected, "nobody is named longer than needed");
}

#[tokio::test]
async fn a_change_waits_while_nobody_can_look_at_the_directory() {
    let (model, clock) = settled().await;
    model.unload("contoso");
    model.put(&disabling(MAPPING));
    let context = crate::crash_sweep::process(&model, &clock, 2);
    let key = ObjectKey::new("ns", "people");

    usher::reconcile::user_mapping(&context, &key)
        .await
        .unwrap();

    let (status, reason, _) = condition(&model, "InForce").unwrap();
    assert_eq!(
        (status.as_str(), reason.as_str()),
        ("Unknown", "ReportUnavailable")
    );
    assert_eq!(condition(&model, "Ready").unwrap().0, "False");

    settle(&model, &clock, 3).await;
    assert_eq!(condition(&model, "InForce").unwrap().1, "MappingHeld");
}
