//! Attributes that one client owns: what others write of them changes nothing, is no error, and is counted.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};
use usher::config::{Adoption, AttributeOwnerConfig};
use usher::scim::dialect::Dialect;

use crate::workload_server::{TOKEN, Workload, answer, scim_client};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A directory in which `hr` owns titles and departments.
async fn started() -> Workload {
    Workload::start_with(&json!({}), |tenant| {
        for (name, dialect) in [("hr", Dialect::Entra), ("strict", Dialect::Strict)] {
            let client = scim_client(name, &format!("token-of-{name}"));
            tenant
                .clients
                .push(usher::config::ScimClientConfig { dialect, ..client });
        }
        tenant.policy.adoption = Adoption::ByExternalId;
        tenant.policy.attribute_owners = vec![AttributeOwnerConfig {
            client: "hr".to_owned(),
            attributes: vec!["title".to_owned(), format!("{ENTERPRISE}:department")],
        }];
    })
    .await
}

async fn send(
    workload: &Workload,
    token: &str,
    target: (&str, &str),
    body: &Value,
) -> (u16, Value) {
    let method = target.0.parse().unwrap();
    let request = workload
        .client
        .request(method, format!("{}{}", workload.base, target.1));
    answer(request.bearer_auth(token).body(body.to_string())).await
}

/// What a person is after a client has set an attribute, and the nickname, to `value`.
async fn patched(workload: &Workload, token: &str, target: (&str, &str), value: &str) -> Value {
    let (person, attribute) = target;
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "replace", "path": attribute, "value": value}, {"op": "replace", "path": "nickName", "value": value}]});
    let (status, patched) = send(workload, token, ("PATCH", person), &body).await;
    assert_eq!(
        (status, &patched["nickName"]),
        (200, &json!(value)),
        "{patched}"
    );
    patched
}

/// How often a client wrote what it does not own.
async fn counted(workload: &Workload, client: &str) -> Value {
    let report = workload.report().await;
    let clients = report["scimTenants"][0]["clients"].as_array().unwrap();
    let client = clients.iter().find(|it| it["name"] == client).unwrap();
    client["lastCycle"]["repairs"]["NotOwned"].clone()
}

#[tokio::test]
async fn what_another_client_owns_stays_and_the_rest_is_obeyed() {
    let workload = started().await;
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ana", "externalId": "x", "title": "T",
        ENTERPRISE: {"department": "D", "costCenter": "C"}});
    let (status, created) = send(&workload, TOKEN, ("POST", "/Users"), &body).await;
    assert_eq!((status, created.get("title")), (201, None));
    assert_eq!(created[ENTERPRISE], json!({"costCenter": "C"}));
    assert_eq!(counted(&workload, "entra").await, 2);
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let path = path.as_str();

    let owned = patched(&workload, "token-of-hr", (path, "title"), "CEO").await;
    assert_eq!(owned["title"], "CEO");
    let department = format!("{ENTERPRISE}:department");
    let owned = patched(&workload, "token-of-hr", (path, &department), "HQ").await;
    assert_eq!(
        owned[ENTERPRISE],
        json!({"costCenter": "C", "department": "HQ"})
    );
    assert_eq!(counted(&workload, "hr").await, Value::Null);

    for token in [TOKEN, "token-of-strict"] {
        for attribute in ["title", &department] {
            let patched = patched(&workload, token, (path, attribute), token).await;
            assert_eq!(patched["title"], "CEO");
            assert_eq!(patched[ENTERPRISE]["department"], "HQ");
        }
    }
    // Equal values are nobody's loss, and a PUT that says nothing of an attribute wants it gone.
    patched(&workload, TOKEN, (path, "title"), "CEO").await;
    assert_eq!(counted(&workload, "entra").await, 4);
    let body = json!({"userName": "ana", "externalId": "x"});
    let (_, replaced) = send(&workload, TOKEN, ("PUT", path), &body).await;
    assert_eq!(
        (&replaced["title"], replaced.get("nickName")),
        (&json!("CEO"), None)
    );
    assert_eq!(replaced[ENTERPRISE], json!({"department": "HQ"}));
    assert_eq!(counted(&workload, "entra").await, 6);
    assert_eq!(counted(&workload, "strict").await, 2);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn only_what_is_not_owned_is_no_change_at_all() {
    let workload = started().await;
    let body = json!({"userName": "ana", "externalId": "x"});
    let (_, created) = send(&workload, TOKEN, ("POST", "/Users"), &body).await;
    let path = format!("/Users/{}", created["id"].as_str().unwrap());

    let title = json!({"Operations": [{"op": "add", "path": "title", "value": "T"}]});
    let (status, same) = send(&workload, TOKEN, ("PATCH", &path), &title).await;
    assert_eq!((status, &same["meta"]), (200, &created["meta"]));

    // An account that is taken over keeps them too.
    let adopted = json!({"userName": "ana", "externalId": "x", "title": "T", "nickName": "N"});
    let (status, adopted) = send(&workload, TOKEN, ("POST", "/Users"), &adopted).await;
    assert_eq!((status, &adopted["id"]), (201, &created["id"]));
    assert_eq!(
        (adopted.get("title"), &adopted["nickName"]),
        (None, &json!("N"))
    );

    // Nobody owns anything of a group.
    let (status, group) = send(
        &workload,
        TOKEN,
        ("POST", "/Groups"),
        &json!({"displayName": "g"}),
    )
    .await;
    assert_eq!((status, &group["displayName"]), (201, &json!("g")));
    workload.server.shutdown().await;
}
