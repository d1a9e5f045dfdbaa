//! The API for administrators: who may do what to whom, and what is refused by whatever way it comes.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod commands;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ORIGIN};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use usher::config::{
    ApplicationAuthentication, ApplicationConfig, ApplicationsConfig, BrakeConfig, PortalConfig,
    ScimTenantConfig, SigningAlgorithm,
};

use crate::applications::write_keys;
use crate::sign_in::Stage;
use crate::sign_in::browser::{Browser, SITE};
use crate::sign_in::passwords::{PASSWORD, set, stage_with};
use crate::workload_server::{answer, client, config};

const ROLES: [&str; 4] = ["ReadOnly", "User", "Admin", "EnterpriseAdmin"];

fn public(client_id: &str) -> ApplicationConfig {
    ApplicationConfig {
        client_id: client_id.to_owned(),
        authentication: ApplicationAuthentication::Public,
        redirect_uris: Vec::new(),
        device_authorization: true,
        signing_algorithm: SigningAlgorithm::default(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        claims: Vec::new(),
    }
}

/// A directory with a portal, where people sign in by passwords.
struct Scene {
    stage: Stage,
    tenant: ScimTenantConfig,
    _folder: TempDir,
}

impl Scene {
    async fn begin() -> Self {
        Self::begin_with(|_| {}).await
    }

    async fn begin_with(change: impl FnOnce(&mut ScimTenantConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let signing_keys_file = folder.path().join("keys.json");
        write_keys(&signing_keys_file, &[0]);
        let mut kept = None;
        let stage = stage_with(|tenant| {
            tenant.portal = Some(PortalConfig {
                display_name: "Contoso".to_owned(),
            });
            tenant.sign_in.as_mut().unwrap().applications = Some(ApplicationsConfig {
                signing_keys_file,
                applications: vec![public("usher-cli"), public("screen")],
            });
            change(tenant);
            kept = Some(tenant.clone());
        });
        Self {
            stage: stage.await,
            tenant: kept.unwrap(),
            _folder: folder,
        }
    }

    /// Provisions somebody with a role, or none; says the id.
    async fn add(&self, name: &str, role: Option<&str>) -> String {
        let id = self
            .stage
            .add(&format!("{name}@contoso.example"), name)
            .await;
        if let Some(role) = role {
            self.patch(&id, "roles", &json!([{"value": role}])).await;
        }
        id
    }

    async fn patch(&self, id: &str, path: &str, value: &Value) {
        let change = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": path, "value": value}],
        });
        let path = format!("/Users/{id}");
        let (status, said) = self
            .stage
            .workload
            .send("PATCH", &path, Some(&change))
            .await;
        assert!(matches!(status, 200 | 204), "{status} {said}");
    }

    /// A browser in which somebody is signed in who was just provisioned.
    async fn signed_in(&self, name: &str) -> Browser {
        let browser = self.stage.browser();
        let link = self.stage.link(&format!("{name}@contoso.example")).await;
        let shown = set(&browser, &link, PASSWORD).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        browser
    }

    /// Somebody with a role, signed in.
    async fn administrator(&self, role: &str) -> (String, Browser) {
        let name = role.to_lowercase();
        let id = self.add(&name, Some(role)).await;
        (id, self.signed_in(&name).await)
    }

    /// Asks by the session of a browser, from this site.
    async fn ask(
        &self,
        browser: &Browser,
        asked: (&str, &str),
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.ask_from(browser, asked, body, Some(SITE)).await
    }

    async fn ask_from(
        &self,
        browser: &Browser,
        (method, path): (&str, &str),
        body: Option<&Value>,
        origin: Option<&str>,
    ) -> (u16, Value) {
        let url = Url::parse(&format!("{SITE}/api/v1{path}")).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = browser.request(method, &url);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        if let Some(body) = body {
            let json = "application/json";
            request = request.header(CONTENT_TYPE, json).body(body.to_string());
        }
        answer(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.stage.workload.server.local_addr())
    }
}

/// What is asked, and the role from which on it is done.
fn matrix(bert: &str) -> Vec<(&'static str, String, Option<Value>, &'static str)> {
    let of = |path: &str| format!("/people/{bert}{path}");
    let read = |path: &str| ("GET", path.to_owned(), None, "ReadOnly");
    vec![
        read("/me"),
        read("/overview"),
        read("/people"),
        read(&of("")),
        read(&of("/story")),
        read(&of("/sessions")),
        read("/groups"),
        read("/connectors"),
        read("/connectors/entra"),
        read("/requests"),
        read("/held"),
        read("/settings"),
        ("DELETE", of("/sessions"), None, "User"),
        (
            "POST",
            of("/password-links"),
            Some(json!({"purpose": "reset"})),
            "User",
        ),
        (
            "PUT",
            of("/sign-in-method"),
            Some(json!({"signInMethod": "BuiltIn"})),
            "Admin",
        ),
        ("DELETE", of("/second-factor"), None, "Admin"),
        ("PUT", of("/active"), Some(json!({"active": true})), "Admin"),
        ("PUT", of("/role"), Some(json!({"role": null})), "Admin"),
    ]
}

#[tokio::test]
async fn each_role_does_what_the_table_says_and_nothing_else() {
    let scene = Scene::begin().await;
    let bert = scene.add("bert", None).await;
    let rank = |role: &str| ROLES.iter().position(|it| *it == role).unwrap();
    for role in ROLES {
        let (_, browser) = scene.administrator(role).await;
        for (method, path, body, from) in matrix(&bert) {
            let (status, said) = scene.ask(&browser, (method, &path), body.as_ref()).await;
            let is_done = (200..300).contains(&status);
            let told = format!("{role}: {method} {path}: {status} {said}");
            assert_eq!(is_done, rank(role) >= rank(from), "{told}");
            if !is_done {
                assert_eq!(status, 403, "{told}");
                assert!(said["detail"].as_str().unwrap().contains(from), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn who_has_no_role_or_is_not_signed_in_sees_nothing() {
    let scene = Scene::begin().await;
    let bert = scene.add("bert", None).await;
    let browser = scene.signed_in("bert").await;
    let stranger = scene.stage.browser();
    for (method, path, body, _) in matrix(&bert) {
        let (status, _) = scene.ask(&browser, (method, &path), body.as_ref()).await;
        assert_eq!(status, 403, "{method} {path}");
        let (status, said) = scene.ask(&stranger, (method, &path), body.as_ref()).await;
        assert_eq!(
            (status, &said["status"]),
            (401, &json!(401)),
            "{method} {path}"
        );
    }
    let bare = Stage::begin().await;
    let url = format!("http://{}/api/v1/me", bare.workload.server.local_addr());
    let (status, said) = answer(client().get(url)).await;
    assert_eq!(status, 401);
    assert!(said["schemas"].is_array(), "no portal, no API: {said}");
}

#[tokio::test]
async fn nobody_acts_on_a_higher_role_or_gives_one() {
    let scene = Scene::begin().await;
    let (chief, _) = scene.administrator("EnterpriseAdmin").await;
    let (own, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let glass = scene.add("glass", None).await;
    let mut tenant = scene.tenant.clone();
    tenant.policy.break_glass = vec!["glass@contoso.example".to_owned()];
    let reloaded = scene.stage.workload.server.reload(config(vec![tenant]));
    reloaded.await.unwrap();
    let acts = [
        ("DELETE", "/sessions", None),
        ("POST", "/password-links", Some(json!({"purpose": "reset"}))),
        (
            "PUT",
            "/sign-in-method",
            Some(json!({"signInMethod": "Entra"})),
        ),
        ("DELETE", "/second-factor", None),
        ("PUT", "/active", Some(json!({"active": false}))),
        ("PUT", "/role", Some(json!({"role": null}))),
    ];
    for (method, path, body) in &acts {
        let path = format!("/people/{chief}{path}");
        let (status, said) = scene.ask(&admin, (method, &path), body.as_ref()).await;
        assert_eq!(status, 403, "{method} {path}: {said}");
        let path = path.replace(&chief, &glass);
        let (status, said) = scene.ask(&admin, (method, &path), body.as_ref()).await;
        assert_eq!(status, 409, "{method} {path}: {said}");
    }
    let role = |role: &str| Some(json!({"role": role}));
    for (person, wanted, expected) in [
        (&bert, role("EnterpriseAdmin"), 403),
        (&bert, role("Admin"), 200),
        (&own, role("ReadOnly"), 403),
    ] {
        let path = format!("/people/{person}/role");
        let (status, said) = scene.ask(&admin, ("PUT", &path), wanted.as_ref()).await;
        assert_eq!(status, expected, "{said}");
    }
    let path = format!("/people/{own}/active");
    let body = json!({"active": false});
    let (status, _) = scene.ask(&admin, ("PUT", &path), Some(&body)).await;
    assert_eq!(status, 403, "not oneself");
}

#[tokio::test]
async fn nothing_is_offered_for_a_break_glass_account() {
    let scene = Scene::begin_with(|tenant| {
        tenant.policy.break_glass = vec!["glass@contoso.example".to_owned()];
    });
    let scene = scene.await;
    let (_, admin) = scene.administrator("Admin").await;
    let mut tenant = scene.tenant.clone();
    tenant.policy.break_glass.clear();
    let open = scene.stage.workload.server.reload(config(vec![tenant]));
    open.await.unwrap();
    let glass = scene.add("glass", None).await;
    let declared = config(vec![scene.tenant.clone()]);
    let closed = scene.stage.workload.server.reload(declared);
    closed.await.unwrap();
    let (_, shown) = scene
        .ask(&admin, ("GET", &format!("/people/{glass}")), None)
        .await;
    assert_eq!(shown["isBreakGlass"], true);
    let may: Vec<&str> = shown["may"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(may.iter().all(|it| it.starts_with("See")), "{may:?}");
    let page = admin.get(&format!("/portal/people/{glass}")).await;
    assert!(
        page.text.contains("spec.breakGlass of the ScimTenant"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("method=\"post\""), "{}", page.text);
}

#[tokio::test]
async fn a_session_is_ended_for_the_person_whose_it_is() {
    let scene = Scene::begin().await;
    let (_, helper) = scene.administrator("User").await;
    let bert = scene.add("bert", None).await;
    let eva = scene.add("eva", None).await;
    let browser = scene.signed_in("bert").await;
    let (_, said) = scene
        .ask(&helper, ("GET", &format!("/people/{bert}/sessions")), None)
        .await;
    let session = said["sessions"][0]["id"].as_str().unwrap();

    let of_eva = format!("/people/{eva}/sessions/{session}");
    let (status, _) = scene.ask(&helper, ("DELETE", &of_eva), None).await;
    assert_eq!(status, 404);
    assert!(scene.stage.is_signed_in(&browser).await);

    let of_bert = format!("/people/{bert}/sessions/{session}");
    let (status, _) = scene.ask(&helper, ("DELETE", &of_bert), None).await;
    assert_eq!(status, 204);
    assert!(!scene.stage.is_signed_in(&browser).await);
    let (_, told) = scene
        .ask(&helper, ("GET", &format!("/people/{bert}")), None)
        .await;
    let ended = &told["audit"][0];
    assert_eq!(ended["events"], json!(["SessionsEnded"]));
    assert_eq!(ended["client"], "portal");
    assert_eq!(ended["administrator"], "Name of user@contoso.example");
}

#[tokio::test]
async fn a_cookie_acts_from_this_site_alone() {
    let scene = Scene::begin().await;
    let (_, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let path = format!("/people/{bert}/active");
    let body = json!({"active": false});
    for (origin, expected) in [
        (None, 403),
        (Some("null"), 403),
        (Some("https://evil.example"), 403),
        (Some("http://contoso.example.evil.example"), 403),
        (Some(SITE), 200),
    ] {
        let asked = scene.ask_from(&admin, ("PUT", &path), Some(&body), origin);
        let (status, said) = asked.await;
        assert_eq!(status, expected, "{origin:?}: {said}");
    }
}

#[tokio::test]
async fn nothing_is_set_by_the_way() {
    let scene = Scene::begin().await;
    let (_, chief) = scene.administrator("EnterpriseAdmin").await;
    let bert = scene.add("bert", None).await;
    for (path, body) in [
        (
            "active",
            json!({"active": true, "roles": [{"value": "Admin"}]}),
        ),
        ("active", json!({"active": "true"})),
        ("role", json!({"role": "Owner"})),
        ("role", json!({})),
        ("role", json!({"role": "User", "active": true})),
        (
            "sign-in-method",
            json!({"signInMethod": "BuiltIn", "userName": "x"}),
        ),
        ("sign-in-method", json!([])),
    ] {
        let path = format!("/people/{bert}/{path}");
        let (status, said) = scene.ask(&chief, ("PUT", &path), Some(&body)).await;
        assert_eq!(status, 400, "{path} {body}: {said}");
        assert!(
            said["detail"].as_str().unwrap().starts_with("The body"),
            "{said}"
        );
    }
    for query in ["search=a&search=b", "state=Gone", "cursor=x", "count=1000"] {
        let path = format!("/people?{query}");
        let (status, said) = scene.ask(&chief, ("GET", &path), None).await;
        assert_eq!(status, 400, "{query}: {said}");
    }
    let (status, _) = scene.ask(&chief, ("PATCH", "/people"), None).await;
    assert_eq!(status, 405);
    let (status, _) = scene.ask(&chief, ("GET", "/secrets"), None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_change_goes_the_way_of_scim_and_keeps_what_a_client_owns() {
    let scene = Scene::begin_with(|tenant| {
        tenant.policy.attribute_owners = serde_json::from_value(json!([
            {"client": "entra", "attributes": ["roles"]}
        ]))
        .unwrap();
    })
    .await;
    let (_, admin) = scene.administrator("Admin").await;
    let bert = scene.add("bert", None).await;
    let browser = scene.signed_in("bert").await;
    let role = format!("/people/{bert}/role");
    let body = json!({"role": "User"});
    let (status, said) = scene.ask(&admin, ("PUT", &role), Some(&body)).await;
    assert_eq!(status, 409, "{said}");
    assert!(
        said["detail"].as_str().unwrap().contains("attributeOwners"),
        "{said}"
    );

    let active = format!("/people/{bert}/active");
    let body = json!({"active": false});
    let (status, said) = scene.ask(&admin, ("PUT", &active), Some(&body)).await;
    assert_eq!((status, &said["state"]), (200, &json!("Inactive")));
    assert!(
        !scene.stage.is_signed_in(&browser).await,
        "deactivated means out"
    );
    let (_, told) = scene
        .ask(&admin, ("GET", &format!("/people/{bert}")), None)
        .await;
    let active = told["attributes"].as_array().unwrap();
    let active = active.iter().find(|it| it["name"] == "active").unwrap();
    assert_eq!(active["origin"]["source"], "Local");
    assert_eq!(active["origin"]["name"], "Name of admin@contoso.example");
    let name = told["attributes"].as_array().unwrap();
    let name = name.iter().find(|it| it["name"] == "userName").unwrap();
    assert_eq!(name["origin"]["source"], "Client");
    assert_eq!(name["origin"]["name"], "entra");
}

#[tokio::test]
async fn who_was_rejected_needs_a_look_until_it_went_well() {
    let scene = Scene::begin_with(|tenant| {
        tenant.schema.user_types = vec!["Premium".to_owned(), "Standard".to_owned()];
    })
    .await;
    let (_, reader) = scene.administrator("ReadOnly").await;
    let person = |user_type: &str| {
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "miriam@contoso.example",
            "externalId": "miriam", "userType": user_type})
    };
    let body = person("premium");
    let (status, _) = scene
        .stage
        .workload
        .send("POST", "/Users", Some(&body))
        .await;
    assert_eq!(status, 400);

    let (status, overview) = scene.ask(&reader, ("GET", "/overview"), None).await;
    assert_eq!(status, 200, "{overview}");
    let look = &overview["needsALook"][0];
    assert_eq!(look["name"], "miriam@contoso.example");
    assert_eq!(look["state"], "Rejected");
    assert!(
        look["says"].as_str().unwrap().contains("userType"),
        "{look}"
    );
    let hours = overview["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 36);
    assert_eq!(hours[35]["failed"], 1);
    assert_eq!(overview["people"], 1);
    let path = "/people/Miriam@contoso.example/story";
    let (_, story) = scene.ask(&reader, ("GET", path), None).await;
    assert_eq!(story["steps"][0]["name"], "Rejected", "{story}");
    assert!(
        story["next"].as_str().unwrap().contains("userType"),
        "{story}"
    );

    let body = person("Premium");
    let (status, _) = scene
        .stage
        .workload
        .send("POST", "/Users", Some(&body))
        .await;
    assert_eq!(status, 201);
    let (_, overview) = scene.ask(&reader, ("GET", "/overview"), None).await;
    assert_eq!(overview["needsALook"], json!([]));
    let (_, story) = scene.ask(&reader, ("GET", path), None).await;
    assert_eq!(story["person"]["userName"], "miriam@contoso.example");
    assert_eq!(story["steps"][0]["says"], "entra created the person.");
}

#[tokio::test]
async fn the_list_of_people_has_their_user_type_and_groups() {
    let scene = Scene::begin_with(|tenant| {
        tenant.schema.user_types = vec!["Premium".to_owned(), "Standard".to_owned()];
    });
    let scene = scene.await;
    let (_, reader) = scene.administrator("ReadOnly").await;
    let ids = [
        scene.add("anna", None).await,
        scene.add("bert", None).await,
        scene.add("carl", None).await,
    ];
    scene.patch(&ids[0], "userType", &json!("Premium")).await;
    scene.patch(&ids[1], "userType", &json!("Standard")).await;
    scene.patch(&ids[1], "active", &json!(false)).await;
    for (number, members) in [&ids[..2], &ids[..1]].into_iter().enumerate() {
        let members: Vec<Value> = members.iter().map(|it| json!({"value": it})).collect();
        let group = json!({"displayName": format!("Team {number}"), "members": members});
        let made = scene.stage.workload.send("POST", "/Groups", Some(&group));
        assert_eq!(made.await.0, 201);
    }
    let list = async |query: &str| {
        let path = format!("/people?{query}");
        let (status, said) = scene.ask(&reader, ("GET", &path), None).await;
        assert_eq!(status, 200, "{said}");
        let people = said["people"].as_array().unwrap().iter();
        let row = |it: &Value| {
            let name = it["userName"].as_str().unwrap().split('@').next().unwrap();
            format!("{name} {} {}", it["userType"], it["groups"]["count"])
        };
        (people.map(row).collect::<Vec<_>>(), said)
    };
    let (all, said) = list("").await;
    let expected = [
        "anna \"Premium\" 2",
        "bert \"Standard\" 1",
        "carl null 0",
        "readonly null 0",
    ];
    assert_eq!(all, expected);
    assert_eq!(said["userTypes"], json!(["Premium", "Standard"]));
    assert_eq!(
        (&said["allPeople"], &said["activePeople"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(list("userType=Premium").await.0, expected[..1]);
    assert_eq!(
        list("userType=Standard&state=Inactive").await.0,
        expected[1..2]
    );
    assert!(list("userType=Standard&state=Active").await.0.is_empty());
    assert!(list("userType=premium").await.0.is_empty());

    the_page_has_them_as_well(&reader).await;
}

async fn the_page_has_them_as_well(reader: &Browser) {
    let page = reader
        .get("/portal/people?type=Standard&state=Inactive")
        .await;
    assert!(page.text.contains("bert@contoso.example"), "{}", page.text);
    assert!(!page.text.contains("anna@contoso.example"), "{}", page.text);
    assert!(
        page.text.contains("<option value=\"Standard\" selected>"),
        "{}",
        page.text
    );
    let page = reader.get("/portal/people").await;
    assert!(page.text.contains("4 people, 3 active"), "{}", page.text);
}

#[tokio::test]
async fn people_are_found_and_paged_and_their_requests_shown_without_values() {
    let scene = Scene::begin().await;
    let (_, reader) = scene.administrator("ReadOnly").await;
    for number in 0..60 {
        scene.add(&format!("many{number:02}"), None).await;
    }
    let mut path = "/people?search=MANY".to_owned();
    let mut found = Vec::new();
    loop {
        let (status, page) = scene.ask(&reader, ("GET", &path), None).await;
        assert_eq!(status, 200, "{page}");
        let people = page["people"].as_array().unwrap();
        found.extend(people.iter().map(|it| it["userName"].to_string()));
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/people?search=MANY&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 60);
    assert!(found.is_sorted());

    let (_, page) = scene
        .ask(&reader, ("GET", "/requests?method=POST"), None)
        .await;
    let first = &page["requests"][0];
    let path = format!("/requests/entra/{}", first["number"]);
    let (status, request) = scene.ask(&reader, ("GET", &path), None).await;
    assert_eq!(status, 200, "{request}");
    assert_eq!(request["body"]["userName"], "(text of 22)");
    let (_, held) = scene.ask(&reader, ("GET", "/held"), None).await;
    assert_eq!(held["isDeclared"], false);
    let (_, described) = scene
        .ask(&scene.stage.browser(), ("GET", "/openapi.json"), None)
        .await;
    assert_eq!(described["openapi"], "3.1.0");
}
