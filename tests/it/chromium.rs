//! The pages in Chromium: what people see, and whether everybody can use it. Pictures of each page are in `target/pages`.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod browser;
mod portal;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use browser::Chromium;
use serde_json::json;
use tempfile::TempDir;
use usher::clock::Clock;
use usher::config::ProviderConfig;

use crate::apiserver::server::variable;
use crate::applications::applications;
use crate::emulator::served::{self, workload_at};
use crate::programs::run;
use crate::sign_in::browser::SITE;
use crate::sign_in::entra::{Entra, LENA};
use crate::sign_in::passwords::{self, PASSWORD};
use crate::sign_in::provider::{ENTRA_TENANT, OBJECT_ID};
use crate::sign_in::second_factor::{self, App};
use crate::sign_in::sign_in_at;
use crate::workload_server::{Workload, answer, client};

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
            sign_in.applications = Some(applications(secrets.path()));
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
}

impl Chromium {
    /// Looks at the page that is open on each kind of screen, in light and dark.
    async fn look(&self, name: &str) {
        let axe = run("axe", &[]).unwrap();
        for (size, place) in [(PHONE, "phone"), (DESKTOP, "desktop")] {
            for scheme in ["light", "dark"] {
                let seen = format!("{name}-{place}-{scheme}");
                self.look_as(size, scheme).await;
                keep(&seen, &self.picture().await);
                let overflow = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
                assert_eq!(self.run(overflow).await, 0, "{seen} is too wide");
                let found = format!(
                    "const said = arguments[0]; {axe}; axe.run().then(it => said(it.violations.map(it => [it.impact, it.id, it.nodes[0].html])))"
                );
                assert_eq!(self.run_on(&found).await, json!([]), "{seen}");
            }
        }
        let nothing: [String; 0] = [];
        assert_eq!(self.complaints().await, nothing, "{name}");
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
    page.look("choose").await;

    scene.sign_in_as("joe@contoso.example").await;
    page.wait_for("There is no account for you here").await;
    page.complaints().await;
    page.look("refused").await;

    // Joe is still signed in at the provider.
    page.open(&format!("{}/session/end", scene.issuer())).await;
    page.click("button[type=submit]").await;
    page.wait_until_there("body:not(:has(button[type=submit]))")
        .await;
    scene.sign_in_as(LENA).await;
    page.wait_for("You are signed in").await;
    page.complaints().await;
    page.look("signed-in").await;

    let at = scene.workload.server.local_addr();
    let codes = client().post(format!("http://{at}/oauth2/device_authorization"));
    let codes = codes.header("content-type", "application/x-www-form-urlencoded");
    let codes = codes.body("client_id=screen&scope=openid+profile+email+offline_access");
    let (_, codes) = answer(codes).await;
    let code = codes["user_code"].as_str().unwrap();
    scene.open("/device").await;
    page.wait_for("Sign in on a device").await;
    page.look("device").await;
    page.fill("[name=user_code]", &code.to_lowercase()).await;
    page.click("form button").await;
    page.wait_for("Sign in to screen on the device?").await;
    page.look("device-question").await;
    page.click("button[value=allow]").await;
    page.wait_for("The device is signed in").await;
    page.look("device-signed-in").await;

    scene.open("/sign-out").await;
    page.wait_for("Sign out?").await;
    page.look("sign-out").await;

    page.click("form button").await;
    page.wait_for("You are signed out").await;
    page.look("signed-out").await;
    scene.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_set_by_a_link_and_signs_in() {
    let stage = passwords::stage().await;
    stage.add("ana@contoso.example", "ana").await;
    let link = stage.link("ana@contoso.example").await;
    let page = &Chromium::start("contoso.example", stage.workload.server.local_addr()).await;

    page.open(&format!("{SITE}{link}")).await;
    page.wait_for("Set a password").await;
    page.look("set-password").await;
    page.fill("#new_password", PASSWORD).await;
    page.fill("#repeated", PASSWORD).await;
    page.click("form button").await;
    page.wait_for("You are signed in").await;
    page.open(&format!("{SITE}/account")).await;
    page.wait_for("My account").await;
    page.look("account").await;
    page.click("form[action$='/sign-out'] button").await;
    page.wait_for("You are signed out").await;

    // By the keys alone, from the name to the page that says who is signed in.
    page.open(&format!("{SITE}/sign-in")).await;
    page.wait_for("Sign in").await;
    page.look("identify").await;
    page.press("ana@contoso.example\u{e007}").await;
    page.wait_for("Password").await;
    page.look("password").await;
    page.press("wrong\u{e007}").await;
    page.wait_until_there("[role=alert]").await;
    page.complaints().await;
    page.look("wrong-password").await;
    page.press(PASSWORD).await;
    page.press("\u{e007}").await;
    page.wait_for("You are signed in").await;
    let nothing: [String; 0] = [];
    assert_eq!(page.complaints().await, nothing);
    stage.workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_set_up_and_asked_for() {
    let (stage, _folder) = second_factor::stage(true).await;
    stage.add_ana().await;
    let page = &Chromium::start("contoso.example", stage.workload.server.local_addr()).await;
    let present = async |password: &str| {
        page.open(&format!("{SITE}/sign-in")).await;
        page.fill("#login_hint", "ana@contoso.example").await;
        page.click("form button").await;
        page.wait_for("Password").await;
        page.fill("#password", password).await;
        page.click("form button").await;
    };
    let code = |app: &App| app.code(stage.clock.now().as_second());

    present(PASSWORD).await;
    page.wait_for("Set up a second factor").await;
    page.look("set-up-second-factor").await;
    let key = "return document.querySelector('.key').innerText";
    let app = App::with_key(page.run(key).await.as_str().unwrap());
    page.fill("#code", &code(&app)).await;
    page.click("form button").await;
    page.wait_for("Recovery codes").await;
    page.look("recovery-codes").await;
    let first = "return document.querySelector('code').innerText";
    let recovery_code = page.run(first).await;
    page.click("a.primary").await;
    page.wait_for("You are signed in").await;
    page.open(&format!("{SITE}/account")).await;
    page.wait_for("My account").await;
    page.look("account-second-factor").await;
    page.click("form[action$='/sign-out'] button").await;
    page.wait_for("You are signed out").await;

    // By the keys alone.
    stage.clock.advance(Duration::from_mins(1));
    present(PASSWORD).await;
    page.wait_for("Second factor").await;
    page.look("second-factor").await;
    page.press("000000\u{e007}").await;
    page.wait_until_there("[role=alert]").await;
    page.complaints().await;
    page.look("wrong-code").await;
    page.press(&code(&app)).await;
    page.press("\u{e007}").await;
    page.wait_for("You are signed in").await;
    page.click("form button").await;
    page.wait_for("You are signed out").await;

    present(PASSWORD).await;
    page.wait_for("Second factor").await;
    page.click("summary").await;
    page.look("recovery-code").await;
    page.fill("#recovery_code", recovery_code.as_str().unwrap())
        .await;
    page.click("details button").await;
    page.wait_for("You are signed in").await;
    let nothing: [String; 0] = [];
    assert_eq!(page.complaints().await, nothing);
    stage.workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_and_signs_in_alone_and_after_the_password() {
    let (stage, _folder) = second_factor::stage(false).await;
    stage.add_ana().await;
    let page = &Chromium::start("contoso.example", stage.workload.server.local_addr()).await;
    page.add_authenticator().await;
    let present = async || {
        page.open(&format!("{SITE}/sign-in")).await;
        page.fill("#login_hint", "ana@contoso.example").await;
        page.click("form button").await;
        page.wait_for("Password").await;
        page.fill("#password", PASSWORD).await;
        page.click("form button").await;
    };
    let sign_out = async || {
        page.open(&format!("{SITE}/sign-out")).await;
        page.click("form button").await;
        page.wait_for("You are signed out").await;
    };

    page.open(&format!("{SITE}/sign-in")).await;
    page.click("form[action$='/passkey'] button").await;
    page.wait_for("Sign in with a passkey").await;
    page.wait_until_there("#again:not([hidden])").await;
    page.look("no-passkey").await;
    present().await;
    page.wait_for("You are signed in").await;
    page.open(&format!("{SITE}/account")).await;
    page.fill("#passkey_password", PASSWORD).await;
    page.click("form[action$='/passkeys'] button").await;
    page.wait_until_there("button[name=remove]").await;
    page.look("account-passkey").await;
    sign_out().await;

    page.open(&format!("{SITE}/sign-in")).await;
    page.look("identify-passkey").await;
    page.click("form[action$='/passkey'] button").await;
    page.wait_for("You are signed in").await;
    page.open(&format!("{SITE}/account")).await;
    let text = page.run("return document.body.innerText").await;
    assert!(text.as_str().unwrap().contains("by passkey"), "{text}");
    sign_out().await;

    present().await;
    page.wait_for("Second factor").await;
    page.look("second-factor-passkey").await;
    page.click("form[action$='/passkey'] button").await;
    page.wait_for("You are signed in").await;
    page.open(&format!("{SITE}/account")).await;
    page.fill("#passkey_password", PASSWORD).await;
    page.click("button[name=remove]").await;
    page.wait_until_there("main:not(:has(button[name=remove]))")
        .await;
    sign_out().await;
    page.open(&format!("{SITE}/sign-in")).await;
    page.click("form[action$='/passkey'] button").await;
    page.wait_until_there("[role=alert]").await;
    page.complaints().await;
    page.look("removed-passkey").await;
    stage.workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_emulator_are_for_everybody() {
    let entra = served::Entra::start(SITE).await;
    let secrets = TempDir::new().unwrap();
    let workload = workload_at(&entra.authority(), &secrets).await;
    entra.provision(&workload).await;
    let page = Chromium::start("contoso.example", workload.server.local_addr()).await;
    let sign_in = format!("{SITE}/sign-in");

    page.open(entra.base()).await;
    page.wait_for("An Entra tenant that is played").await;
    page.look("emulator").await;
    page.open(&sign_in).await;
    page.wait_for("Pick a person").await;
    page.look("emulator-picker").await;

    // Bo is disabled.
    page.click("li:nth-child(2) button").await;
    page.wait_for("Sorry, but we’re having trouble signing you in.")
        .await;
    page.complaints().await;
    page.look("emulator-refusal").await;

    page.open(&sign_in).await;
    page.wait_for("Pick a person").await;
    page.click("li:nth-child(1) button").await;
    page.wait_for("You are signed in").await;
    let out = format!("{}/{ENTRA_TENANT}/oauth2/v2.0/logout", entra.base());
    page.open(&out).await;
    page.wait_for("You signed out of your account").await;
    page.look("emulator-signed-out").await;
    // The frame of that page has signed out here as well.
    page.open(&format!("{SITE}/signed-in")).await;
    page.wait_for("Pick a person").await;
    drop(page);
    workload.server.shutdown().await;
}
