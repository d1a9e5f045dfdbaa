//! An Entra tenant that is served: people sign in at it, and what goes wrong there is told by name.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use usher::clock::{SystemClock, SystemRandom};
use usher::emulator::{EntraTenant, Server, Serving, read_tenant};

use crate::dev::Dev;
use crate::programs::program;
use crate::sign_in::browser::{Browser, SITE, Shown};
use crate::sign_in::dev::example;
use crate::sign_in::entra::follow;
use crate::sign_in::provider::{CLIENT_ID, CLIENT_SECRET, ENTRA_TENANT};
use crate::sign_in::sign_in_at;
use crate::workload_server::{TOKEN, Workload, answer, client};

pub(crate) const ANA: &str = "ana@contoso.example";
pub(crate) const HOME: &str = "https://crm.example.com/";

/// A tenant of three people, and an application at `site`.
fn tenant(site: &str) -> String {
    format!(
        "tenantId: {ENTRA_TENANT}
users:
- {{userPrincipalName: {ANA}, displayName: Ana Lima, givenName: Ana, surname: Lima, mail: {ANA}, appRoles: [Admin]}}
- {{userPrincipalName: bo@contoso.example, displayName: Bo Berg, givenName: Bo, surname: Berg, mail: bo@contoso.example, accountEnabled: false}}
- {{userPrincipalName: cy@contoso.example, displayName: Cy Cole, givenName: Cy, surname: Cole, mail: cy@fabrikam.example, assigned: false}}
groups:
- {{displayName: Crew, members: [{ANA}]}}
- {{displayName: Everybody, members: [Crew]}}
applications:
- appId: {CLIENT_ID}
  displayName: Harbor
  web:
    redirectUris: ['{site}/sign-in/entra/callback', '{site}/sign-in/harbor-entra/callback', '{site}/signed-out', '{HOME}cb', '{HOME}']
    logoutUrl: {site}/sign-in/entra/logout
  passwordCredentials: [{{secretText: {CLIENT_SECRET}}}]
  optionalClaims: [sid, xms_edov, auth_time]
  groupMembershipClaims: SecurityGroup
"
    )
}

/// A served tenant.
pub(crate) struct Entra {
    server: Server,
}

impl Entra {
    pub(crate) async fn start(site: &str) -> Self {
        Self::playing(read_tenant(&tenant(site)).unwrap()).await
    }

    /// At the speed of everybody.
    pub(crate) async fn playing(tenant: EntraTenant) -> Self {
        Self::at_speed(tenant, 1.0).await
    }

    pub(crate) async fn at_speed(tenant: EntraTenant, speed: f64) -> Self {
        client();
        let server = Server::start(Serving {
            listen: "127.0.0.1:0".parse().unwrap(),
            base: None,
            tenant,
            speed,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        });
        Self {
            server: server.await.unwrap(),
        }
    }

    pub(crate) fn base(&self) -> &str {
        self.server.base()
    }

    pub(crate) fn authority(&self) -> Url {
        self.server.authority().parse().unwrap()
    }

    /// Asks the control API, which does it.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, said) = self.ask(method, path, body).await;
        assert_eq!(status, 200, "{path}: {said}");
        said
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/_emulator/{path}", self.server.base());
        answer(client().request(method, url).body(body.to_string())).await
    }

    pub(crate) async fn faults(&self, faults: &Value) {
        self.control(Method::PATCH, "faults", faults).await;
    }

    /// Starts to provision a workload.
    pub(crate) async fn provision(&self, workload: &Workload) -> Value {
        let job = json!({"url": workload.base, "token": TOKEN});
        self.control(Method::POST, "jobs", &job).await;
        self.cycle().await
    }

    pub(crate) async fn cycle(&self) -> Value {
        self.control(Method::POST, "jobs/scim/cycles", &Value::Null)
            .await
    }
}

/// Follows the browser to the picker.
async fn to_picker(browser: &Browser, from: &str) -> (String, Shown) {
    let (at, page) = follow(browser, browser.get(from).await).await;
    assert!(page.text.contains("Pick a person"), "{at}: {}", page.text);
    (at, page)
}

/// Picks a person, and goes where the browser is sent.
async fn pick(browser: &Browser, from: &str, person: &str) -> (String, Shown) {
    let (at, _) = to_picker(browser, from).await;
    let person = person.replace('@', "%40");
    follow(
        browser,
        browser.post(&at, &format!("person={person}")).await,
    )
    .await
}

/// A workload whose people sign in at the tenant.
pub(crate) async fn workload_at(authority: &Url, secrets: &TempDir) -> Workload {
    let (authority, rules) = (authority.clone(), json!({}));
    let workload = Workload::start_with(&rules, |tenant| {
        tenant.sign_in = Some(sign_in_at(authority, secrets.path()));
    });
    workload.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_arrives_signs_in_is_blocked_and_out() {
    let entra = Entra::start(SITE).await;
    let secrets = TempDir::new().unwrap();
    let workload = workload_at(&entra.authority(), &secrets).await;
    let first = entra.provision(&workload).await;
    assert_eq!(first["failed"], 0, "{first}");
    let browser = Browser::new(workload.server.local_addr());

    let (at, page) = pick(&browser, "/sign-in", ANA).await;

    assert_eq!((at, page.status), (format!("{SITE}/signed-in"), 200));
    assert!(page.text.contains("Ana Lima"), "{}", page.text);
    // Who is signed in at the platform is not asked again, unless the application wants it.
    browser.post("/sign-out", "").await;
    let (at, _) = follow(&browser, browser.get("/sign-in").await).await;
    assert_eq!(at, format!("{SITE}/signed-in"));

    let block = json!({"accountEnabled": false});
    entra
        .control(Method::PATCH, &format!("people/{ANA}"), &block)
        .await;
    let second = entra.cycle().await;
    assert_eq!(second["disabled"], 1, "{second}");
    let (_, page) = follow(&browser, browser.get("/signed-in").await).await;
    assert!(!page.text.contains("Ana Lima"), "{}", page.text);
    workload.server.shutdown().await;
    entra.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_the_platform_ends_the_session_at_the_application() {
    let entra = Entra::start(SITE).await;
    let secrets = TempDir::new().unwrap();
    let workload = workload_at(&entra.authority(), &secrets).await;
    entra.provision(&workload).await;
    let browser = Browser::new(workload.server.local_addr());
    pick(&browser, "/sign-in", ANA).await;

    let out = format!("{}/{ENTRA_TENANT}/oauth2/v2.0/logout", entra.server.base());
    let page = browser.get(&out).await;
    let frame = page.text.split("src=\"").nth(1).unwrap();
    let frame = frame.split('"').next().unwrap().replace("&#38;", "&");
    assert!(frame.starts_with(&format!("{SITE}/sign-in/entra/logout?iss=")));
    assert_eq!(browser.get(&frame).await.status, 200);

    assert_ne!(browser.get("/signed-in").await.status, 200);
    to_picker(&browser, "/sign-in").await;
    workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relying_party_names_what_is_wrong_at_the_platform() {
    let entra = Entra::start(SITE).await;
    let secrets = TempDir::new().unwrap();
    let workload = workload_at(&entra.authority(), &secrets).await;
    entra.provision(&workload).await;
    let cases = [
        (json!({"wrongKeys": true}), "signature"),
        (json!({"expiredClientSecret": true}), "AADSTS7000222"),
        (json!({"throttleTokens": true}), "AADSTS90055"),
    ];
    for (faults, expected) in cases {
        entra.faults(&faults).await;
        let browser = Browser::new(workload.server.local_addr());
        let (_, page) = pick(&browser, "/sign-in", ANA).await;
        assert_ne!(page.status, 200, "{faults}");
        assert!(
            page.text.to_lowercase().contains(&expected.to_lowercase()),
            "{faults}: {}",
            page.text
        );
        entra.control(Method::DELETE, "faults", &Value::Null).await;
        let (at, page) = follow(&browser, browser.get("/sign-in").await).await;
        assert_eq!(page.status, 200, "after {faults}: {at}: {}", page.text);
    }
    workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn who_may_not_sign_in_is_refused_in_the_words_of_entra() {
    let entra = Entra::start(SITE).await;
    let browser = Browser::new("127.0.0.1:9".parse().unwrap());
    let authorize = |changes: &[(&str, &str)]| {
        let base = entra.server.base();
        let mut url = Url::parse(&format!("{base}/{ENTRA_TENANT}/oauth2/v2.0/authorize")).unwrap();
        let back = format!("{HOME}cb");
        let mut all = vec![
            ("client_id", CLIENT_ID),
            ("redirect_uri", &back),
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("state", "s"),
        ];
        all.retain(|(name, _)| changes.iter().all(|it| it.0 != *name));
        all.extend(changes.iter().filter(|it| !it.1.is_empty()));
        url.query_pairs_mut().extend_pairs(all);
        url.to_string()
    };
    // What is wrong with the application is shown, and sent nowhere.
    for (changes, expected) in [
        ([("client_id", "")], "AADSTS900144"),
        ([("client_id", ENTRA_TENANT)], "AADSTS700016"),
        ([("redirect_uri", "https://evil.example")], "AADSTS50011"),
        ([("response_mode", "web_message")], "AADSTS70007"),
    ] {
        let page = browser.get(&authorize(&changes)).await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert!(page.text.contains(expected), "{changes:?}: {}", page.text);
    }
    // What is wrong with the request is told to the application.
    for (changes, expected) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("scope", "profile")], "invalid_scope"),
        ([("prompt", "none")], "login_required"),
        ([("prompt", "maybe")], "invalid_request"),
        ([("code_challenge", "short")], "cancel"),
    ] {
        let mut page = browser.get(&authorize(&changes)).await;
        if expected == "cancel" {
            page = browser.post(&authorize(&changes), "person=").await;
        }
        let expected = expected.replace("cancel", "access_denied");
        let error = format!("{HOME}cb?error={expected}&state=s&error_description=AADSTS");
        assert!(page.location.starts_with(&error), "{}", page.location);
    }
    for (person, expected) in [
        ("bo@contoso.example", "AADSTS50057"),
        ("nobody@contoso.example", "AADSTS50034"),
    ] {
        let form = format!("person={}", person.replace('@', "%40"));
        let page = browser.post(&authorize(&[]), &form).await;
        assert!(page.text.contains(expected), "{person}: {}", page.text);
    }
    let other = authorize(&[]).replace(ENTRA_TENANT, CLIENT_ID);
    let page = browser.get(&other).await;
    assert!(page.text.contains("AADSTS90002"), "{}", page.text);
    // Hints choose whom the page offers.
    for (changes, offered, left_out) in [
        ([("login_hint", ANA)], "Ana Lima", "Bo Berg"),
        ([("search", "berg")], "Bo Berg", "Ana Lima"),
        ([("domain_hint", "contoso.example")], "Ana Lima", "Nobody"),
    ] {
        let page = browser.get(&authorize(&changes)).await;
        assert!(page.text.contains(offered), "{changes:?}: {}", page.text);
        assert!(!page.text.contains(left_out), "{changes:?}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_at_the_emulator() {
    let entra = Entra::start(SITE).await;
    let wanted = json!({
        "issuer": entra.server.authority(), "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "redirectUri": format!("{HOME}cb"),
        "home": HOME,
    });
    let mut application = Command::new(program("relying-party"))
        .arg(wanted.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(application.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        tokio::task::block_in_place(|| out.read_line(&mut line)).unwrap();
        line.trim().to_owned()
    };
    let browser = Browser::new("127.0.0.1:9".parse().unwrap());
    let url = line();
    browser.get(&url).await;
    let back = browser.post(&url, "person=ana%40contoso.example").await;
    writeln!(application.stdin.as_mut().unwrap(), "{}", back.location).unwrap();

    let learned: Value = serde_json::from_str(&line()).unwrap();

    assert!(application.wait().unwrap().success(), "{learned}");
    let claims = &learned["claims"];
    for (name, value) in [
        ("iss", json!(entra.server.authority())),
        ("aud", json!(CLIENT_ID)),
        ("tid", json!(ENTRA_TENANT)),
        ("ver", json!("2.0")),
        ("name", json!("Ana Lima")),
        ("preferred_username", json!(ANA)),
        ("email", json!(ANA)),
        ("roles", json!(["Admin"])),
        ("xms_edov", json!(true)),
    ] {
        assert_eq!(claims[name], value, "{name} of {claims}");
    }
    // Through another group as well.
    assert_eq!(claims["groups"].as_array().map(Vec::len), Some(2));
    assert_eq!(learned["userinfo"]["sub"], claims["sub"]);
    assert_eq!(learned["refreshed"], claims["sub"]);
    let shown = browser.get(learned["signOut"].as_str().unwrap()).await;
    assert!(shown.text.contains(HOME), "{}", shown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_to_usher_dev_by_the_emulator() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let site = format!("http://{address}/identity/harbor");
    let told = format!("  backchannelLogoutUri: {site}/sign-in/harbor-entra/logout\n  optional");
    let played = tenant(&site).replace("  optional", &told);
    let entra = Entra::playing(read_tenant(&played).unwrap()).await;
    let ids = [
        "77777777-8888-9999-aaaa-bbbbbbbbbbbb",
        "88888888-9999-aaaa-bbbb-cccccccccccc",
    ];
    let secrets = [("harbor-entra-oidc", CLIENT_SECRET)];
    let folder = example("sign-in", ids, &secrets, entra.server.base());
    let dev = Dev::at(folder.path(), &address.to_string());
    let connector = tokio::task::block_in_place(|| dev.connector());
    let text = |name: &str| connector[name].as_str().unwrap().to_owned();
    let token = fs::read_to_string(text("passwordFile")).unwrap();
    let job = json!({"url": text("scimUrl"), "token": token.trim()});
    entra.control(Method::POST, "jobs", &job).await;
    let cycle = entra.cycle().await;
    assert_eq!(cycle["failed"], 0, "{cycle}");
    let browser = Browser::new(address);

    let (at, page) = pick(&browser, &text("signInUrl"), ANA).await;

    assert_eq!((at, page.status), (format!("{site}/signed-in"), 200));
    assert!(page.text.contains("Ana"), "{}", page.text);
    // "Revoke sessions" is told by a logout token.
    let revoke = format!("people/{ANA}/revoke-sessions");
    entra.control(Method::POST, &revoke, &Value::Null).await;
    assert_ne!(browser.get(&format!("{site}/signed-in")).await.status, 200);
    pick(&browser, &text("signInUrl"), ANA).await;
    entra
        .control(Method::DELETE, &format!("people/{ANA}"), &Value::Null)
        .await;
    entra.cycle().await;
    let (_, page) = follow(&browser, browser.get(&text("signInUrl")).await).await;
    assert!(page.text.contains("Pick a person"), "{}", page.text);
    tokio::task::block_in_place(|| drop(dev));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_manual_do_what_they_say() {
    let entra = Entra::start(SITE).await;
    let manual = fs::read_to_string("docs/emulator.md").unwrap();
    let typed: Vec<String> = manual
        .lines()
        .filter(|it| it.starts_with("curl "))
        .map(|it| it.replace("http://127.0.0.1:8090", entra.server.base()))
        .collect();
    assert!(!typed.is_empty());
    for command in typed {
        let fails = command.replacen("curl ", "curl --fail-with-body --silent ", 1);
        let done = tokio::task::spawn_blocking(move || {
            Command::new("sh").args(["-c", &fails]).output().unwrap()
        });
        let done = done.await.unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{command}: {said}");
    }
    let state = entra.control(Method::GET, "state", &Value::Null).await;
    assert_eq!(state["faults"]["wrongKeys"], true, "{state}");
    let renamed = "people/ana.costa@contoso.example";
    let person = entra.control(Method::GET, renamed, &Value::Null).await;
    assert_eq!(person["displayName"], "Ana Costa");
}

#[test]
fn the_files_of_the_manual_are_read() {
    let manual = fs::read_to_string("docs/emulator.md").unwrap();
    let blocks = manual.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|it| it.split("```").next()).collect();
    let of = |key: &str| *blocks.iter().find(|it| it.starts_with(key)).unwrap();

    let tenant = read_tenant(of("scope:")).unwrap();
    let registered = read_tenant(&format!("users: []\n{}", of("applications:"))).unwrap();

    assert_eq!((tenant.users().len(), tenant.groups().len()), (2, 2));
    let application = registered.applications().values().next().unwrap();
    assert_eq!(application.display_name, "Harbor");
    assert_eq!(application.federated_identity_credentials.len(), 1);
}
