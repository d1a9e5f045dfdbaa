//! The pages in Chromium: what people see, and whether everybody can use it. Pictures of each page are in `target/pages`.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod browser;

use std::fs;
use std::path::PathBuf;

use browser::Chromium;
use serde_json::json;
use tempfile::TempDir;
use usher::config::ProviderConfig;

use crate::apiserver::server::variable;
use crate::programs::run;
use crate::sign_in::browser::SITE;
use crate::sign_in::entra::{Entra, LENA};
use crate::sign_in::provider::{ENTRA_TENANT, OBJECT_ID};
use crate::sign_in::sign_in_at;
use crate::workload_server::Workload;

const PHONE: (u32, u32) = (390, 844);
const DESKTOP: (u32, u32) = (1280, 800);

/// A workload with two providers, of which one is there; and Lena.
struct Scene {
    workload: Workload,
    entra: Entra,
    chromium: Chromium,
    _secrets: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let entra = Entra::start(SITE, "entra");
        let secrets = TempDir::new().unwrap();
        let issuer = format!("{}/{ENTRA_TENANT}/v2.0", entra.base);
        let workload = Workload::start_with(&json!({}), |tenant| {
            let mut sign_in = sign_in_at(issuer.parse().unwrap(), secrets.path());
            sign_in.providers.push(ProviderConfig {
                connector: "partners".to_owned(),
                display_name: "Partners and guests of the Lakeshore Hydrology Institute".to_owned(),
                ..sign_in.providers[0].clone()
            });
            tenant.sign_in = Some(sign_in);
        })
        .await;
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": LENA, "externalId": OBJECT_ID, "displayName": "Léna <Ott> 美咲",
        });
        let (status, _) = workload.send("POST", "/Users", Some(&person)).await;
        assert_eq!(status, 201);
        let chromium = Chromium::start("contoso.example", workload.server.local_addr()).await;
        Self {
            workload,
            entra,
            chromium,
            _secrets: secrets,
        }
    }

    fn issuer(&self) -> String {
        format!("{}/{ENTRA_TENANT}/v2.0", self.entra.base)
    }

    async fn open(&self, path: &str) {
        self.chromium.open(&format!("{SITE}{path}")).await;
    }

    /// Goes to the provider and says who one is.
    async fn sign_in_as(&self, name: &str) {
        self.open("/sign-in/entra").await;
        assert!(self.chromium.url().await.starts_with(&self.entra.base));
        self.chromium.fill("[name=login]", name).await;
        self.chromium.fill("[name=password]", "any").await;
        self.chromium.click("button[type=submit]").await;
    }

    async fn strike(self) {
        drop(self.chromium);
        self.workload.server.shutdown().await;
    }

    /// Looks at the page that is open on each kind of screen, in light and dark.
    async fn look(&self, name: &str) {
        let axe = run("axe", &[]).unwrap();
        for (size, place) in [(PHONE, "phone"), (DESKTOP, "desktop")] {
            for scheme in ["light", "dark"] {
                let seen = format!("{name}-{place}-{scheme}");
                self.chromium.look_as(size, scheme).await;
                keep(&seen, &self.chromium.picture().await);
                let overflow = "return document.documentElement.scrollWidth - innerWidth";
                assert_eq!(self.chromium.run(overflow).await, 0, "{seen} is too wide");
                let found = format!(
                    "const said = arguments[0]; {axe}; axe.run().then(it => said(it.violations.map(it => [it.impact, it.id, it.nodes[0].html])))"
                );
                assert_eq!(self.chromium.run_on(&found).await, json!([]), "{seen}");
            }
        }
        let nothing: [String; 0] = [];
        assert_eq!(self.chromium.complaints().await, nothing, "{name}");
    }
}

/// Keeps a picture for whoever wants to see it.
fn keep(name: &str, picture: &[u8]) {
    let target = variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".to_owned());
    let folder = PathBuf::from(target).join("pages");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let scene = Scene::set().await;
    let page = &scene.chromium;

    scene.open("/sign-in").await;
    page.wait_for("Sign in").await;
    page.click("a.button").await;
    page.fill("[name=login]", LENA).await;
    page.fill("[name=password]", "any").await;
    page.click("button[type=submit]").await;
    page.wait_for("You are signed in").await;
    assert_eq!(page.url().await, format!("{SITE}/signed-in"));
    assert_eq!(
        page.run("return document.querySelector('strong').innerText")
            .await,
        "Léna <Ott> 美咲"
    );
    assert_eq!(
        page.run("return document.cookie").await,
        "",
        "scripts see no session"
    );

    // The provider's page has a script of its own; only ours must not complain.
    page.complaints().await;
    page.click("form button").await;
    page.wait_for("You are signed out").await;
    scene.open("/signed-in").await;
    page.wait_for("Sign in").await;

    // By the keys alone: to the first choice, and there.
    page.press("\u{e004}\u{e007}").await;
    page.wait_for("You are signed in").await;
    let nothing: [String; 0] = [];
    assert_eq!(page.complaints().await, nothing);
    scene.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_is_for_everybody_on_every_screen() {
    let scene = Scene::set().await;
    let page = &scene.chromium;

    scene.open("/sign-in").await;
    page.wait_for("Sign in").await;
    scene.look("choose").await;

    scene.sign_in_as("joe@contoso.example").await;
    page.wait_for("There is no account for you here").await;
    page.complaints().await;
    scene.look("refused").await;

    // Joe is still signed in at the provider.
    page.open(&format!("{}/session/end", scene.issuer())).await;
    page.click("button[type=submit]").await;
    scene.sign_in_as(LENA).await;
    page.wait_for("You are signed in").await;
    page.complaints().await;
    scene.look("signed-in").await;

    scene.open("/sign-out").await;
    page.wait_for("Sign out?").await;
    scene.look("sign-out").await;

    page.click("form button").await;
    page.wait_for("You are signed out").await;
    scene.look("signed-out").await;
    scene.strike().await;
}
