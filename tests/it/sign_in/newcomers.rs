//! Who signs in through a provider without being provisioned, where the `ScimTenant` lets them in; and who comes to an account that is there.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use futures::future::join_all;
use serde_json::{Value, json};
use usher::config::{Adoption, UnknownPeople, VerifiedDomainsConfig};

use super::Stage;
use super::browser::Browser;
use super::passwords::{PASSWORD, onward, present, set, stage_with};
use super::provider::OBJECT_ID;

const LENA: &str = "lena@contoso.example";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:usher:2.0:User";

/// Where people get accounts by signing in, and are linked to the one with their verified address.
async fn stage() -> Stage {
    stage_with(|tenant| {
        tenant.policy.unknown_people = UnknownPeople::Create;
        tenant.policy.adoption = Adoption::ByVerifiedEmail;
        tenant.policy.verified_domains = vec![VerifiedDomainsConfig {
            client: "entra".to_owned(),
            domains: vec!["contoso.example".to_owned()],
        }];
    })
    .await
}

/// Where nobody is linked to an account that is there.
async fn strict_stage() -> Stage {
    stage_with(|tenant| tenant.policy.unknown_people = UnknownPeople::Create).await
}

impl Stage {
    /// What the provider says of Lena beside what it always says; null takes a claim away.
    fn says(&self, claims: Value) {
        self.provider.conduct().claims = claims;
    }

    async fn enter(&self, browser: &Browser) -> super::Shown {
        let back = self.go(browser, "/sign-in/entra").await;
        browser.get(&back).await
    }

    /// Everybody who fulfils the filter.
    async fn people(&self, filter: &str) -> Vec<Value> {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let path = format!("/Users?filter={filter}");
        let (status, mut found) = self.workload.send("GET", &path, None).await;
        assert_eq!(status, 200, "{found}");
        let resources = found["Resources"].take();
        resources.as_array().cloned().unwrap_or_default()
    }

    async fn lenas(&self) -> Vec<Value> {
        self.people(&format!("externalId eq \"{OBJECT_ID}\"")).await
    }

    async fn post(&self, body: &Value) -> (u16, Value) {
        let mut body = body.clone();
        body["schemas"] = json!([USER]);
        self.workload.send("POST", "/Users", Some(&body)).await
    }

    /// An account that Entra knows nothing of; says the id.
    async fn add_local(&self, body: &Value) -> String {
        let (status, made) = self.post(body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    async fn events(&self, id: &str) -> Vec<(String, String)> {
        let entries = self.audit_of(id).await;
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let all = entries
            .iter()
            .map(|it| (text(&it["events"][0]), text(&it["client"])));
        all.collect()
    }
}

#[tokio::test]
async fn who_was_not_provisioned_gets_an_account_of_what_the_token_says() {
    let stage = strict_stage().await;
    stage.says(
        json!({"name": "Lena Berg", "given_name": "Lena", "family_name": "Berg", "xms_edov": true,
        "oid": OBJECT_ID.to_uppercase()}),
    );
    let browser = stage.browser();

    assert_eq!(stage.enter(&browser).await.status, 303);

    assert!(stage.is_signed_in(&browser).await);
    let lena = stage.lenas().await.remove(0);
    assert_eq!(
        (&lena["userName"], &lena["displayName"], &lena["active"]),
        (&json!(LENA), &json!("Lena Berg"), &json!(true))
    );
    assert_eq!(lena["name"]["familyName"], "Berg");
    assert_eq!(lena["emails"][0]["value"], LENA);
    let id = lena["id"].as_str().unwrap();
    let created = stage.audit_of(id).await.pop().unwrap();
    assert_eq!(
        (
            &created["events"],
            &created["client"],
            &created["credential"]
        ),
        (&json!(["Created"]), &json!("entra"), &json!("id_token"))
    );
    assert!(!created["requestId"].as_str().unwrap().is_empty());
    assert_eq!(stage.enter(&stage.browser()).await.status, 303);
    assert_eq!(stage.lenas().await.len(), 1);
    let counted =
        "usher_scim_newcomers_total{scim_tenant=\"identity/contoso\",result=\"created\"} 1";
    let metrics = stage.metrics().await;
    assert!(metrics.contains(counted), "{metrics}");
}

/// A13: whoever administers an Entra tenant writes what they like into `email`.
#[tokio::test]
async fn a13_an_address_that_the_provider_does_not_vouch_for_is_no_part_of_an_account() {
    let stage = strict_stage().await;
    stage.says(json!({"email": "ceo@contoso.example", "preferred_username": null}));

    assert_eq!(stage.enter(&stage.browser()).await.status, 303);

    let lena = stage.lenas().await.remove(0);
    assert_eq!(lena["userName"], OBJECT_ID);
    assert_eq!(lena["emails"], Value::Null, "{lena}");
}

#[tokio::test]
async fn scim_takes_over_who_signed_in_before() {
    let stage = strict_stage().await;
    let browser = stage.browser();
    stage.enter(&browser).await;
    let id = stage.lenas().await.remove(0)["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let posted = json!({"userName": "lena.berg@contoso.example", "externalId": OBJECT_ID, "title": "Skipper"});
    let (status, adopted) = stage.post(&posted).await;

    assert_eq!(
        (status, adopted["id"].as_str()),
        (201, Some(&*id)),
        "{adopted}"
    );
    assert_eq!(adopted["title"], "Skipper");
    assert_eq!(stage.lenas().await.len(), 1);
    assert_eq!(
        stage.events(&id).await[0],
        ("Adopted".to_owned(), "entra".to_owned())
    );
    assert!(stage.is_signed_in(&browser).await, "it is the same person");

    stage.set_active(&id, false).await;
    let refused = stage.enter(&stage.browser()).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text.contains("Your account is deactivated"),
        "{}",
        refused.text
    );
    assert_eq!(stage.lenas().await.len(), 1);
}

/// A GUID is the same in any casing; a filter of SCIM has the one that was sent.
#[tokio::test]
async fn an_object_id_in_another_casing_is_the_same_person() {
    let upper = OBJECT_ID.to_uppercase();
    let stage = strict_stage().await;
    let id = stage.add("lena@contoso.example", &upper).await;
    let browser = stage.browser();
    assert_eq!(stage.enter(&browser).await.status, 303);
    assert_eq!(stage.people("userName pr").await.len(), 1);
    assert_eq!(stage.lenas().await.len(), 0, "externalId is case exact");
    let by_upper = format!("externalId eq \"{upper}\"");
    assert_eq!(stage.people(&by_upper).await[0]["id"], *id);

    let stage = strict_stage().await;
    let browser = stage.browser();
    stage.enter(&browser).await;
    let id = stage.lenas().await.remove(0)["id"].clone();
    let posted = json!({"userName": "lena.berg@contoso.example", "externalId": upper});
    let (status, adopted) = stage.post(&posted).await;
    assert_eq!((status, &adopted["id"]), (201, &id), "{adopted}");
    assert_eq!(adopted["externalId"], *upper, "it is kept as it was sent");
    assert!(stage.is_signed_in(&browser).await, "it is the same person");
    assert_eq!(stage.enter(&stage.browser()).await.status, 303);
    assert_eq!(stage.people("userName pr").await.len(), 1);
    let other = json!({"userName": "other@contoso.example", "externalId": OBJECT_ID});
    let (_, same) = stage.post(&other).await;
    assert_eq!(same["id"], id, "{same}");
    stage.set_active(id.as_str().unwrap(), false).await;
    let refused = stage.enter(&stage.browser()).await;
    assert!(
        refused.text.contains("Your account is deactivated"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn many_sign_ins_and_scim_at_once_make_one_account() {
    for round in 0..4 {
        let stage = strict_stage().await;
        let posted =
            json!({"userName": format!("lena{round}@contoso.example"), "externalId": OBJECT_ID});
        let browsers: Vec<Browser> = (0..6).map(|_| stage.browser()).collect();
        let mut codes = Vec::new();
        for browser in &browsers {
            codes.push(stage.go(browser, "/sign-in/entra").await);
        }
        let sign_ins = browsers
            .iter()
            .zip(&codes)
            .map(|(browser, back)| browser.get(back));
        let posts = (0..3).map(|_| stage.post(&posted));

        let (shown, posted) = tokio::join!(join_all(sign_ins), join_all(posts));

        for shown in shown {
            assert_eq!(shown.status, 303, "{}", shown.text);
        }
        let lena = stage.lenas().await;
        assert_eq!(lena.len(), 1, "{lena:?}");
        for (status, body) in posted {
            let is_her = status == 201 && body["id"] == lena[0]["id"];
            assert!(is_her, "{status} {body}");
        }
    }
}

/// A13: a name is nobody, whoever has it already.
#[tokio::test]
async fn a13_a_name_that_somebody_has_makes_nobody_of_who_signs_in() {
    let stage = stage_with(|tenant| {
        tenant.policy.unknown_people = UnknownPeople::Create;
        tenant.policy.break_glass = vec!["admin@contoso.example".to_owned()];
    })
    .await;
    let id = stage
        .add_local(&json!({"userName": LENA, "title": "Skipper"}))
        .await;

    for name in ["Lena@contoso.example", "admin@contoso.example"] {
        stage.says(json!({"preferred_username": name, "email": LENA, "xms_edov": true}));
        let browser = stage.browser();
        let refused = stage.enter(&browser).await;
        assert_eq!(refused.status, 403, "{name}");
        assert!(
            refused.text.contains("There is no account for you here"),
            "{}",
            refused.text
        );
        assert!(!refused.text.contains("userName"), "{}", refused.text);
        assert!(!stage.is_signed_in(&browser).await);
    }

    assert!(stage.lenas().await.is_empty());
    assert_eq!(stage.events(&id).await.len(), 1, "the account is as it was");
}

#[tokio::test]
async fn who_is_no_object_of_entra_gets_no_account() {
    let stage = strict_stage().await;
    stage.says(json!({"oid": "lena"}));

    assert_eq!(stage.enter(&stage.browser()).await.status, 403);

    assert!(stage.people("userName pr").await.is_empty());
}

#[tokio::test]
async fn an_account_is_linked_to_who_signs_in_with_its_verified_address() {
    let stage = stage().await;
    let id = stage
        .add_local(&json!({"userName": "lena", "title": "Skipper", "emails": [{"value": "Lena@contoso.example"}]}))
        .await;
    let link = stage.link("lena").await;
    let before = stage.browser();
    assert_eq!(onward(&set(&before, &link, PASSWORD).await), "/signed-in");
    stage.says(json!({"xms_edov": "1", "name": "Somebody"}));
    let browser = stage.browser();

    assert_eq!(stage.enter(&browser).await.status, 303);

    assert!(stage.is_signed_in(&browser).await);
    let lena = stage.lenas().await.remove(0);
    assert_eq!(
        (
            &lena["id"],
            &lena["userName"],
            &lena["title"],
            &lena["displayName"]
        ),
        (&json!(id), &json!("lena"), &json!("Skipper"), &Value::Null)
    );
    assert_eq!(
        stage.events(&id).await[0],
        ("Adopted".to_owned(), "entra".to_owned())
    );
    // Whoever had a password for the account before is out.
    assert!(!stage.is_signed_in(&before).await);
    stage.usher(&["sign-in-method", "lena", "BuiltIn"]).await;
    assert_eq!(present(&before, "lena", PASSWORD).await.status, 403);
    let (status, adopted) = stage
        .post(&json!({"userName": LENA, "externalId": OBJECT_ID}))
        .await;
    assert_eq!(
        (status, adopted["id"].as_str()),
        (201, Some(&*id)),
        "{adopted}"
    );
}

/// Why an account is not linked, what it has beside the address, and what the token says.
fn doubtful() -> Vec<(&'static str, Value, Value)> {
    let free = json!({});
    let verified = json!({"xms_edov": true});
    let address = |it: &str| json!({"xms_edov": true, "email": it});
    let declared = json!({EXTENSION: {"signInMethod": "BuiltIn"}});
    let of_another = json!({"externalId": "11111111-9f3d-4be1-8d21-1d58a1f0b7aa"});
    let unverified = json!({"xms_edov": false, "email_verified": true});
    vec![
        ("nothing is said", free.clone(), json!({})),
        ("it is said to be unverified", free.clone(), unverified),
        (
            "another address",
            free.clone(),
            address("other@contoso.example"),
        ),
        (
            "its domain is nobody's word",
            free.clone(),
            address("lena@evil.example"),
        ),
        (
            "two addresses",
            free.clone(),
            address("lena@evil.example,lena@contoso.example"),
        ),
        (
            "quoted",
            free.clone(),
            address("\"lena@contoso.example\"@evil.example"),
        ),
        (
            "another letter",
            free,
            address("lena@conto\u{455}o.example"),
        ),
        ("somebody else's", of_another, verified.clone()),
        ("who left", json!({"active": false}), verified.clone()),
        ("a password is declared", declared, verified),
    ]
}

/// A13: nobody gets an account by an address that proves nothing, and nobody's account is given away.
#[tokio::test]
async fn a13_no_account_is_linked_by_an_address_that_proves_nothing() {
    for (why, account, claims) in doubtful() {
        let stage = stage().await;
        let mut body = json!({"userName": "account", "emails": [{"value": LENA}]});
        body.as_object_mut()
            .unwrap()
            .extend(account.as_object().unwrap().clone());
        let id = stage.add_local(&body).await;
        stage.says(claims);

        let shown = stage.enter(&stage.browser()).await;

        assert!(matches!(shown.status, 303 | 403), "{why}: {}", shown.text);
        assert_eq!(stage.events(&id).await.len(), 1, "{why}");
        for lena in stage.lenas().await {
            assert_ne!(lena["id"], json!(id), "{why}");
        }
    }
}

#[tokio::test]
async fn of_two_accounts_with_one_address_neither_is_linked() {
    let stage = stage().await;
    for name in ["one", "two"] {
        stage
            .add_local(&json!({"userName": name, "emails": [{"value": LENA}]}))
            .await;
    }
    stage.says(json!({"xms_edov": true}));

    assert_eq!(stage.enter(&stage.browser()).await.status, 303);

    assert_eq!(stage.lenas().await[0]["userName"], LENA);
    assert_eq!(stage.people("userName pr").await.len(), 3);
}

/// Who prepared an account in the name of somebody else does not stay in it when that person is provisioned.
#[tokio::test]
async fn an_account_that_scim_links_is_left_by_whoever_was_in_it() {
    let stage = stage().await;
    let id = stage
        .add_local(&json!({"userName": "lena", "emails": [{"value": LENA}]}))
        .await;
    let link = stage.link("lena").await;
    let browser = stage.browser();
    set(&browser, &link, PASSWORD).await;
    assert!(stage.is_signed_in(&browser).await);
    let later = stage.link("lena").await;

    let posted = json!({"userName": LENA, "externalId": OBJECT_ID, "emails": [{"value": LENA, "primary": true}]});
    let (status, adopted) = stage.post(&posted).await;

    assert_eq!(
        (status, adopted["id"].as_str()),
        (201, Some(&*id)),
        "{adopted}"
    );
    assert!(!stage.is_signed_in(&browser).await);
    stage.usher(&["sign-in-method", LENA, "BuiltIn"]).await;
    assert_eq!(present(&browser, LENA, PASSWORD).await.status, 403);
    assert_eq!(
        set(&stage.browser(), &later, PASSWORD).await.status,
        410,
        "the link is spent"
    );
}
