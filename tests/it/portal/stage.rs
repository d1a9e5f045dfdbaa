//! A directory with a portal, with people of each role.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};
use usher::config::{BrakeConfig, PolicyConfig, PortalConfig, ScimTenantConfig, digest};

use crate::sign_in::browser::Browser;
use crate::sign_in::passwords::stage_with;
use crate::sign_in::{SESSION, Stage};

pub(crate) const ROLES: [&str; 4] = ["ReadOnly", "User", "Admin", "EnterpriseAdmin"];

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The directory, with Lena, who can sign in.
pub(crate) struct Portal {
    pub(crate) stage: Stage,
    /// Who signs in and has some role.
    pub(crate) lena: String,
    /// Who has no role, and signs in by a password.
    pub(crate) victim: String,
    /// Who has the highest.
    pub(crate) chief: String,
}

impl Portal {
    pub(crate) async fn begin() -> Self {
        Self::begin_with(|_| {}).await
    }

    pub(crate) async fn begin_with(change: impl FnOnce(&mut ScimTenantConfig)) -> Self {
        let stage = stage_with(|tenant| {
            tenant.portal = Some(PortalConfig {
                display_name: "Contoso".to_owned(),
            });
            tenant.schema.user_types = vec!["Premium".to_owned(), "Standard".to_owned()];
            tenant.policy = PolicyConfig {
                brake: Some(BrakeConfig {
                    deactivations: 3,
                    deletions: 0,
                    membership_removals: 50,
                    per_minutes: 60,
                    open_until: None,
                }),
                ..PolicyConfig::default()
            };
            change(tenant);
        });
        let stage = stage.await;
        let lena = stage.add_lena().await;
        let victim = stage.add("dana@partner.example", "dana").await;
        let chief = stage.add("miriam@contoso.example", "miriam").await;
        let portal = Self {
            stage,
            lena,
            victim,
            chief,
        };
        portal.give_role(&portal.chief, "EnterpriseAdmin").await;
        portal
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) -> (u16, Value) {
        let change = json!({"schemas": [PATCH], "Operations": operations});
        self.stage.workload.send("PATCH", path, Some(&change)).await
    }

    pub(crate) async fn give_role(&self, id: &str, role: &str) {
        let roles = json!([{"op": "replace", "path": "roles", "value": [{"value": role, "primary": true}]}]);
        let (status, said) = self.patch(&format!("/Users/{id}"), roles).await;
        assert!(matches!(status, 200 | 204), "{status} {said}");
    }

    /// A browser in which somebody with this role is signed in.
    pub(crate) async fn admin(&self, role: &str) -> Browser {
        self.give_role(&self.lena, role).await;
        let browser = self.stage.browser();
        self.sign_in(&browser).await;
        browser
    }

    /// Signs Lena in, through the provider.
    pub(crate) async fn sign_in(&self, browser: &Browser) {
        let back = self.stage.go(browser, "/sign-in/entra").await;
        let shown = browser.get(&back).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
    }

    /// What forms of the session of this browser have, also where its pages have no form.
    pub(crate) fn csrf(browser: &Browser) -> String {
        digest(&format!("{} portal", browser.cookie(SESSION).unwrap()))
    }

    /// Provisions a person with this display name; says the id.
    pub(crate) async fn add_called(&self, user_name: &str, name: &str) -> String {
        let person =
            json!({"schemas": [USER], "userName": user_name, "displayName": name, "title": name});
        let (status, made) = self
            .stage
            .workload
            .send("POST", "/Users", Some(&person))
            .await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Provisions a group; says the id.
    pub(crate) async fn add_group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|it| json!({"value": it})).collect();
        let group = json!({"schemas": [GROUP], "displayName": name, "members": members});
        let (status, made) = self
            .stage
            .workload
            .send("POST", "/Groups", Some(&group))
            .await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// People and groups as they are, somebody rejected, something held.
    pub(crate) async fn fill(&self) {
        let people = [
            ("adele@contoso.example", "Adele Vance", "Premium"),
            ("alex@contoso.example", "Alex Wilber", "Standard"),
            ("henrietta@contoso.example", "Henrietta Müller", "Standard"),
            ("isaiah@contoso.example", "Isaiah Langer", "Premium"),
            ("leila@contoso.example", "ليلى العامري", "Standard"),
            ("misaki@contoso.example", "美咲 <佐藤> 👩‍🔬", "Standard"),
        ];
        let mut ids = Vec::new();
        for (user_name, name, user_type) in people {
            let id = self.add_called(user_name, name).await;
            let typed = json!([{"op": "add", "path": "userType", "value": user_type}]);
            let (status, said) = self.patch(&format!("/Users/{id}"), typed).await;
            assert!(matches!(status, 200 | 204), "{status} {said}");
            ids.push(id);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        self.add_group("Sales and Marketing", &ids).await;
        self.add_group("Mark 8 Project Team", &ids[..2]).await;
        let rejected = json!({"schemas": [USER], "userName": "miriam.g@contoso.example", "externalId": "mg",
            "displayName": "Miriam Graham", "userType": "premium"});
        let (status, said) = self
            .stage
            .workload
            .send("POST", "/Users", Some(&rejected))
            .await;
        assert_eq!(status, 400, "{said}");
        let (status, said) = self
            .stage
            .workload
            .send("DELETE", &format!("/Users/{}", ids[5]), None)
            .await;
        assert!(status >= 400, "the brake holds nothing: {said}");
    }

    /// A page of each kind.
    pub(crate) async fn pages(&self) -> Vec<String> {
        let groups = self.stage.workload.send("GET", "/Groups", None).await.1;
        let group = groups["Resources"][0]["id"].as_str().unwrap().to_owned();
        vec![
            "/portal".to_owned(),
            "/portal/people".to_owned(),
            "/portal/people?search=zzz".to_owned(),
            format!("/portal/people/{}", self.victim),
            format!("/portal/people/{}", self.chief),
            "/portal/groups".to_owned(),
            "/portal/groups?search=zzz".to_owned(),
            format!("/portal/groups/{group}"),
            "/portal/connectors".to_owned(),
            "/portal/connectors/entra".to_owned(),
            "/portal/requests".to_owned(),
            "/portal/requests?failed=yes&method=POST".to_owned(),
            "/portal/requests/entra/1".to_owned(),
            "/portal/held".to_owned(),
            "/portal/settings".to_owned(),
        ]
    }
}

/// What follows `before` in a page, up to the next quote; nothing where it is not there.
pub(crate) fn hidden_field(page: &str, before: &str) -> String {
    let rest = page.split_once(before).map(|it| it.1);
    let value = rest.and_then(|it| it.split('"').next());
    value.unwrap_or_default().to_owned()
}
