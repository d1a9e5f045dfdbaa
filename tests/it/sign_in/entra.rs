//! A whole sign-in and sign-out at a certified provider that nobody here wrote, dressed as an Entra tenant.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::browser::{Browser, SITE, Shown};
use super::provider::{CLIENT_ID, CLIENT_SECRET, ENTRA_TENANT, OBJECT_ID};
use super::sign_in_at;
use crate::programs::program;
use crate::workload_server::Workload;

pub(crate) const LENA: &str = "lena@contoso.example";

/// The provider as a process of its own.
pub(crate) struct Entra {
    child: Child,
    pub(crate) base: String,
}

impl Entra {
    /// Starts it for the directory at `site`, which has one connector.
    pub(crate) fn start(site: &str, connector: &str) -> Self {
        let wanted = json!({
            "tenant": ENTRA_TENANT, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET,
            "redirectUris": [format!("{site}/sign-in/{connector}/callback")], "logoutUri": format!("{site}/sign-in/{connector}/logout"), "signedOutUri": format!("{site}/signed-out"),
            "people": {LENA: OBJECT_ID, "joe@contoso.example": "another"},
        });
        let mut child = Command::new(program("entra"))
            .arg(wanted.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut base = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut base).unwrap();
        // It would end with the pipe.
        std::thread::spawn(move || out.lines().for_each(drop));
        Self {
            child,
            base: base.trim().to_owned(),
        }
    }

    /// `iss` of its tokens.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/{ENTRA_TENANT}/v2.0", self.base)
    }
}

impl Drop for Entra {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Goes where it is sent until there is a page.
pub(crate) async fn follow(browser: &Browser, mut shown: Shown) -> (String, Shown) {
    let mut at = String::new();
    for _ in 0..8 {
        if shown.status != 303 && shown.status != 302 {
            return (at, shown);
        }
        at = shown.location.clone();
        shown = browser.get(&at).await;
    }
    panic!("sent around for ever: {at}");
}

/// The value of an attribute that follows `before` in a page.
pub(crate) fn attribute(page: &str, before: &str) -> String {
    let rest = page
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.split('"').next().unwrap().replace("&#38;", "&")
}

/// Fills in the form of the provider.
pub(crate) async fn as_person(browser: &Browser, from: &str, name: &str) -> (String, Shown) {
    let (_, form) = follow(browser, browser.get(from).await).await;
    let action = attribute(&form.text, "action=\"");
    let name = name.replace('@', "%40");
    let filled = format!("prompt=login&login={name}&password=any");
    follow(browser, browser.post(&action, &filled).await).await
}

/// Confirms at the provider to sign out there.
async fn confirm(browser: &Browser, page: &Shown) -> (String, Shown) {
    let xsrf = attribute(&page.text, "name=\"xsrf\" value=\"");
    let action = attribute(&page.text, "action=\"");
    let form = format!("xsrf={xsrf}&logout=yes");
    follow(browser, browser.post(&action, &form).await).await
}

/// Signs out at the provider, of which nobody here knows.
pub(crate) async fn sign_out_there(browser: &Browser, entra: &Entra) {
    let there = format!("{}/session/end", entra.issuer());
    let (_, page) = follow(browser, browser.get(&there).await).await;
    confirm(browser, &page).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out_at_a_certified_provider() {
    let entra = Entra::start(SITE, "entra");
    let secrets = TempDir::new().unwrap();
    let issuer = entra.issuer();
    let rules = json!({});
    let workload = Workload::start_with(&rules, |tenant| {
        tenant.sign_in = Some(sign_in_at(issuer.parse().unwrap(), secrets.path()));
    });
    let workload = workload.await;
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let person = json!({"schemas": [schema], "userName": LENA, "externalId": OBJECT_ID});
    let (status, made) = workload.send("POST", "/Users", Some(&person)).await;
    assert_eq!(status, 201);
    let browser = Browser::new(workload.server.local_addr());

    let (at, page) = as_person(&browser, "/sign-in", LENA).await;

    assert_eq!((at, page.status), (format!("{SITE}/signed-in"), 200));
    assert!(page.text.contains(LENA), "{}", page.text);

    // The provider knows a person whom nobody provisioned.
    let stranger = Browser::new(workload.server.local_addr());
    let (_, page) = as_person(&stranger, "/sign-in", "joe@contoso.example").await;
    assert_eq!(page.status, 403);
    assert!(
        page.text.contains("There is no account for you here"),
        "{}",
        page.text
    );

    let (_, page) = follow(&browser, browser.post("/sign-out", "").await).await;
    let there = attribute(&page.text, "<a class=\"button primary\" href=\"");
    let (_, page) = follow(&browser, browser.get(&there).await).await;
    let (at, page) = confirm(&browser, &page).await;
    assert!(at.starts_with(&format!("{SITE}/signed-out")), "{at}");
    assert!(page.text.contains("You are signed out"), "{}", page.text);
    // The provider asks again who it is.
    let (at, _) = follow(&browser, browser.get("/sign-in").await).await;
    assert!(at.starts_with(&entra.base), "{at}");

    // Whoever is deactivated by SCIM is out, although the provider lets the person in.
    as_person(&browser, "/sign-in", LENA).await;
    let id = made["id"].as_str().unwrap();
    let gone =
        json!({"schemas": [schema], "userName": LENA, "externalId": OBJECT_ID, "active": false});
    workload
        .send("PUT", &format!("/Users/{id}"), Some(&gone))
        .await;
    let (_, page) = follow(&browser, browser.get("/signed-in").await).await;
    assert!(
        page.text.contains("Your account is deactivated"),
        "{}",
        page.text
    );
    workload.server.shutdown().await;
}
