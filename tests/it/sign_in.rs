//! Signing in through a provider, a good one and one that does wrong; sessions and their ends.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

pub(crate) mod administration;
pub(crate) mod browser;
pub(crate) mod connectors;
pub(crate) mod dev;
pub(crate) mod entra;
pub(crate) mod identity;
pub(crate) mod logout;
pub(crate) mod mail;
pub(crate) mod mail_server;
pub(crate) mod misconduct;
pub(crate) mod newcomers;
pub(crate) mod passkeys;
pub(crate) mod passwords;
pub(crate) mod photos;
pub(crate) mod provider;
pub(crate) mod refresh;
pub(crate) mod replicas;
pub(crate) mod second_factor;
pub(crate) mod workload_identity;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::clock::ManualClock;
use usher::config::{
    ForwardAuthConfig, ProviderConfig, ScimTenantConfig, SessionConfig, SignInConfig,
};

use crate::workload_server::{Workload, answer, config, scim_tenant};
use browser::{Browser, SITE, Shown};
use provider::{CLIENT_ID, CLIENT_SECRET, ENTRA_TENANT, OBJECT_ID, Provider};

pub(crate) const SESSION: &str = "usher";

/// How people sign in at `provider`, with the client secret in a file of `folder`.
pub(crate) fn sign_in_at(issuer: url::Url, folder: &std::path::Path) -> SignInConfig {
    let client_secret_file = folder.join("client-secret");
    if !client_secret_file.exists() {
        std::fs::write(&client_secret_file, format!("{CLIENT_SECRET}\n")).unwrap();
    }
    SignInConfig {
        session: SessionConfig {
            idle_minutes: 60,
            absolute_minutes: 720,
        },
        forward_auth: ForwardAuthConfig::default(),
        applications: None,
        built_in: false,
        second_factor: None,
        email: None,
        providers: vec![ProviderConfig {
            connector: "entra".to_owned(),
            display_name: "Contoso staff".to_owned(),
            domains: Vec::new(),
            issuer,
            entra_tenant_id: ENTRA_TENANT.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret_file: Some(client_secret_file),
            client_secret_key: None,
            client_assertion: None,
            refresh: None,
            graph: None,
        }],
    }
}

/// A workload, a provider and their clock.
pub(crate) struct Stage {
    pub(crate) workload: Workload,
    pub(crate) provider: Provider,
    pub(crate) clock: ManualClock,
    secrets: TempDir,
}

impl Stage {
    pub(crate) async fn begin() -> Self {
        Self::begin_with(|_| {}).await
    }

    pub(crate) async fn begin_with(change: impl FnOnce(&mut ScimTenantConfig)) -> Self {
        let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
        let provider = Provider::start(clock.clone()).await;
        let secrets = TempDir::new().unwrap();
        let workload = Workload::start_at(clock.clone(), |tenant| {
            tenant.sign_in = Some(sign_in_at(provider.issuer(), secrets.path()));
            change(tenant);
        });
        Self {
            workload: workload.await,
            provider,
            clock,
            secrets,
        }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.workload.server.local_addr())
    }

    /// Provisions a person; says the id.
    pub(crate) async fn add(&self, user_name: &str, external_id: &str) -> String {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        let person = json!({
            "schemas": [schema], "userName": user_name, "externalId": external_id, "active": true,
            "displayName": format!("Name of {user_name}"),
            "emails": [{"type": "work", "value": user_name, "primary": true}],
        });
        let (status, made) = self.workload.send("POST", "/Users", Some(&person)).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Provisions Lena; says the id.
    pub(crate) async fn add_lena(&self) -> String {
        self.add("lena@contoso.example", OBJECT_ID).await
    }

    pub(crate) async fn set_active(&self, id: &str, active: bool) {
        let change = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": active}],
        });
        let path = format!("/Users/{id}");
        let (status, said) = self.workload.send("PATCH", &path, Some(&change)).await;
        assert!(matches!(status, 200 | 204), "{status} {said}");
    }

    /// Goes to the provider and comes back with a code; says where it comes back to.
    pub(crate) async fn go(&self, browser: &Browser, from: &str) -> String {
        let sent = browser.get(from).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        self.provider.authorize(&sent.location)
    }

    /// Signs in, or tries to.
    pub(crate) async fn sign_in(&self, browser: &Browser) -> Shown {
        let back = self.go(browser, "/sign-in").await;
        browser.get(&back).await
    }

    /// Who the pages say is signed in.
    pub(crate) async fn is_signed_in(&self, browser: &Browser) -> bool {
        let shown = browser.get("/signed-in").await;
        match shown.status {
            200 => {
                assert!(shown.text.contains("You are signed in"), "{}", shown.text);
                true
            }
            303 => {
                assert_eq!(shown.location, format!("{SITE}/sign-in"));
                false
            }
            other => panic!("{other}: {}", shown.text),
        }
    }

    /// Tries to sign in in vain; says the page.
    async fn refused(&self, status: u16) -> String {
        let browser = self.browser();
        let shown = self.sign_in(&browser).await;
        assert_eq!(shown.status, status, "{}", shown.text);
        assert_eq!(browser.cookie(SESSION), None);
        shown.text
    }
}

#[tokio::test]
async fn who_was_provisioned_signs_in_and_out() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    assert!(!stage.is_signed_in(&browser).await);

    let shown = stage.sign_in(&browser).await;

    assert_eq!(
        (shown.status, shown.location.as_str()),
        (303, "http://contoso.example/signed-in")
    );
    let cookie = shown.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.len() < 200 && cookie.contains("HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let page = browser.get("/signed-in").await;
    assert!(
        page.text.contains("Name of lena@contoso.example"),
        "{}",
        page.text
    );

    let question = browser.get("/sign-out").await;
    assert!(
        question.text.contains("<form method=\"post\""),
        "{}",
        question.text
    );
    assert!(
        stage.is_signed_in(&browser).await,
        "a link signs nobody out"
    );
    let before = browser.cookie(SESSION).unwrap();
    let done = browser.post("/sign-out", "").await;
    let page = browser.get(&done.location).await;
    assert!(page.text.contains("You are signed out"), "{}", page.text);
    let there = format!("http://{}", &stage.provider.issuer().authority());
    let further = "/logout?client_id=66666666-7777-8888-9999-aaaaaaaaaaaa&#38;post_logout_redirect_uri=http%3A%2F%2Fcontoso.example%2Fsigned-out";
    assert!(
        page.text.contains(&format!("{there}{further}")),
        "{}",
        page.text
    );
    // A21: the cookie of before is worth nothing.
    browser.set_cookie(SESSION, &before);
    assert!(!stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn pages_have_no_script_and_nothing_from_elsewhere() {
    let stage = Stage::begin().await;
    let browser = stage.browser();

    for path in [
        "/sign-out",
        "/signed-out",
        "/sign-in?return_to=https://evil.example",
    ] {
        let page = browser.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{policy}"
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["referrer-policy"], "same-origin");
        assert!(
            !page.text.contains("<script") && !page.text.contains(" style="),
            "{}",
            page.text
        );
        let style = page
            .text
            .split("href=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let style = browser.get(style).await;
        assert_eq!(
            (style.status, &style.headers["content-type"]),
            (200, &"text/css; charset=utf-8".parse().unwrap())
        );
    }
    assert_eq!(browser.get("/sign-in/nobody").await.status, 404);
    assert_eq!(browser.post("/signed-in", "").await.status, 405);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn whoever_can_choose_a_connector_chooses() {
    let stage = Stage::begin_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        let mut second = sign_in.providers[0].clone();
        second.connector = "fabrikam".to_owned();
        second.display_name = "Fabrikam <guests>".to_owned();
        sign_in.providers.push(second);
    });
    let stage = stage.await;
    stage.add_lena().await;
    let browser = stage.browser();

    let page = browser
        .get("/sign-in?return_to=http://contoso.example/a%3Fb")
        .await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Contoso staff</a>"), "{}", page.text);
    assert!(
        page.text.contains("Fabrikam &#60;guests&#62;</a>"),
        "{}",
        page.text
    );
    let chosen = "/sign-in/fabrikam?return_to=http%3A%2F%2Fcontoso.example%2Fa%3Fb";
    assert!(page.text.contains(chosen), "{}", page.text);

    let back = stage.go(&browser, chosen).await;
    assert!(
        back.starts_with("http://contoso.example/sign-in/fabrikam/callback?"),
        "{back}"
    );
    let mixed_up = back.replace("/fabrikam/", "/entra/");
    assert_eq!(browser.get(&mixed_up).await.status, 400);
    let back = stage.go(&browser, chosen).await;
    let shown = browser.get(&back).await;
    assert_eq!(shown.location, "http://contoso.example/a?b");
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn who_was_not_provisioned_or_is_deactivated_reads_so() {
    let stage = Stage::begin().await;
    let unknown = stage.refused(403).await;
    assert!(
        unknown.contains("There is no account for you here"),
        "{unknown}"
    );

    // A13: an e-mail is nobody.
    stage.add("lena@contoso.example", "another").await;
    let unknown = stage.refused(403).await;
    assert!(
        unknown.contains("There is no account for you here"),
        "{unknown}"
    );

    let id = stage.add("renamed@contoso.example", OBJECT_ID).await;
    stage.set_active(&id, false).await;
    let deactivated = stage.refused(403).await;
    assert!(
        deactivated.contains("Your account is deactivated"),
        "{deactivated}"
    );

    stage.set_active(&id, true).await;
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn deactivated_or_deleted_means_out_and_back_means_signing_in_again() {
    let stage = Stage::begin().await;
    let id = stage.add_lena().await;
    let (one, two) = (stage.browser(), stage.browser());
    for browser in [&one, &two] {
        stage.sign_in(browser).await;
        assert!(stage.is_signed_in(browser).await);
    }

    stage.set_active(&id, false).await;
    assert!(!stage.is_signed_in(&one).await);
    stage.set_active(&id, true).await;
    assert!(!stage.is_signed_in(&two).await);

    stage.sign_in(&one).await;
    assert!(stage.is_signed_in(&one).await);
    let (status, _) = stage
        .workload
        .send("DELETE", &format!("/Users/{id}"), None)
        .await;
    assert_eq!(status, 204);
    assert!(!stage.is_signed_in(&one).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_in_any_case() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let (idle, busy) = (stage.browser(), stage.browser());
    stage.sign_in(&idle).await;
    stage.sign_in(&busy).await;
    let minutes = |it: u64| Duration::from_secs(it * 60);

    stage.clock.advance(minutes(59));
    assert!(stage.is_signed_in(&busy).await);
    stage.clock.advance(minutes(1));
    assert!(!stage.is_signed_in(&idle).await);
    for _ in 0..11 {
        assert!(stage.is_signed_in(&busy).await);
        stage.clock.advance(minutes(59));
    }
    assert!(stage.is_signed_in(&busy).await);
    stage.clock.advance(minutes(11));
    assert!(!stage.is_signed_in(&busy).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_session_ends_with_its_connector_and_with_another_provider_of_it() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let folder = &stage.workload.folder;
    let without = scim_tenant("contoso", "http://contoso.example", folder, &json!({}));
    let server = &stage.workload.server;
    let reload = async |change: &dyn Fn(&mut ProviderConfig)| {
        let mut sign_in = sign_in_at(stage.provider.issuer(), stage.secrets.path());
        change(&mut sign_in.providers[0]);
        let mut with = without.clone();
        with.sign_in = Some(sign_in);
        server.reload(config(vec![with])).await.unwrap();
        stage.is_signed_in(&browser).await
    };

    server.reload(config(vec![without.clone()])).await.unwrap();
    assert_eq!(browser.get("/signed-in").await.status, 401);
    assert!(!reload(&|it| it.connector = "another".to_owned()).await);
    assert!(!reload(&|it| it.issuer = "https://login.example/other/v2.0".parse().unwrap()).await);
    assert!(!reload(&|it| it.entra_tenant_id = CLIENT_ID.to_owned()).await);
    assert!(!reload(&|it| it.client_id = ENTRA_TENANT.to_owned()).await);
    assert!(reload(&|it| it.display_name = "Staff".to_owned()).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_session_outlives_the_process() {
    let mut stage = Stage::begin().await;
    stage.add_lena().await;
    let mut browser = stage.browser();
    stage.sign_in(&browser).await;

    let sign_in = sign_in_at(stage.provider.issuer(), stage.secrets.path());
    let again = |tenant: &mut ScimTenantConfig| tenant.sign_in = Some(sign_in);
    stage.workload = stage.workload.restart_at(stage.clock.clone(), again).await;

    browser.lead_to(stage.workload.server.local_addr());
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

/// What a browser does wrong with the address that it comes back to.
type Wrong = fn(&str) -> String;

#[tokio::test]
async fn a5_a_sign_in_that_this_browser_did_not_begin_or_that_was_finished_is_refused() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let wrong: [(Wrong, &str); 5] = [
        (
            |it| it.replace("state=", "status="),
            "the parameter state is missing",
        ),
        (|it| it.replace("state=usher_", "state=usher-"), ""),
        (
            |it| format!("{it}&state=other"),
            "the parameter state is there more than once",
        ),
        (
            |it| format!("{it}&code=other"),
            "the parameter code is there more than once",
        ),
        (
            |it| it.replace("code=", "cod="),
            "the parameters code and error are missing",
        ),
    ];
    for (wrong, reason) in wrong {
        let browser = stage.browser();
        let back = stage.go(&browser, "/sign-in").await;
        let shown = browser.get(&wrong(&back)).await;
        assert_eq!(shown.status, 400, "{back}");
        assert!(shown.text.contains(reason), "{reason}: {}", shown.text);
    }

    let (one, other) = (stage.browser(), stage.browser());
    let back = stage.go(&one, "/sign-in").await;
    assert_eq!(other.get(&back).await.status, 400);
    stage.go(&other, "/sign-in").await;
    assert_eq!(other.get(&back).await.status, 400);
    // It is still there for who began it.
    assert_eq!(one.get(&back).await.status, 303);
    assert_eq!(one.get(&back).await.status, 400);

    let late = stage.go(&one, "/sign-in/entra").await;
    stage.clock.advance(Duration::from_secs(601));
    assert_eq!(one.get(&late).await.status, 400);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a5_a_code_is_good_once_and_with_its_verifier() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    let first = stage.go(&browser, "/sign-in").await;
    let second = stage.go(&browser, "/sign-in").await;
    let code = |it: &str| it.split(['?', '&']).nth(1).unwrap().to_owned();
    // The code of one attempt with the state of another: its verifier does not fit.
    let swapped = first.replace(&code(&first), &code(&second));

    let shown = browser.get(&swapped).await;

    assert_eq!(shown.status, 403);
    assert!(
        shown.text.contains("the provider says invalid_grant"),
        "{}",
        shown.text
    );
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a6_ten_tabs_sign_in_at_once() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    // The first one is open a moment before the others.
    let mut backs = vec![stage.go(&browser, "/sign-in").await];
    backs.extend(futures::future::join_all((0..9).map(|_| stage.go(&browser, "/sign-in"))).await);

    let shown = futures::future::join_all(backs.iter().map(|it| browser.get(it))).await;

    assert!(shown.iter().all(|it| it.status == 303));
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a14_a_session_from_before_signing_in_is_worth_nothing() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    browser.set_cookie(SESSION, "usher_fixed-by-somebody");
    stage.sign_in(&browser).await;
    let first = browser.cookie(SESSION).unwrap();
    assert_ne!(first, "usher_fixed-by-somebody");

    stage.sign_in_again(&browser).await;

    let second = browser.cookie(SESSION).unwrap();
    assert_ne!(first, second);
    let old = stage.browser();
    old.set_cookie(SESSION, &first);
    assert!(!stage.is_signed_in(&old).await);
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

impl Stage {
    /// Signs in although somebody is signed in: by the address of the connector.
    async fn sign_in_again(&self, browser: &Browser) {
        let back = self.go(browser, "/sign-in/entra").await;
        assert_eq!(browser.get(&back).await.status, 303);
    }
}

#[tokio::test]
async fn a23_what_is_no_session_is_nobody() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let good = browser.cookie(SESSION).unwrap();

    for bad in [
        &good[..good.len() - 1],
        &good.to_uppercase(),
        &format!("{good}x"),
        "usher_",
        "%00",
        "\"",
        "x'; DROP TABLE session",
        &"x".repeat(4_000),
    ] {
        browser.set_cookie(SESSION, bad);
        assert!(!stage.is_signed_in(&browser).await, "{bad}");
    }
    browser.set_cookie(SESSION, &"x".repeat(100_000));
    assert_eq!(browser.get("/signed-in").await.status, 431);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a1_without_the_provider_who_is_signed_in_stays_and_others_read_why_not() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let (before, late) = (stage.browser(), stage.browser());
    stage.sign_in(&before).await;
    let back = stage.go(&late, "/sign-in").await;
    stage.provider.conduct().down = true;

    assert!(stage.is_signed_in(&before).await);
    let shown = late.get(&back).await;
    assert_eq!(shown.status, 503);
    assert!(
        shown.text.contains("Microsoft Entra cannot be reached"),
        "{}",
        shown.text
    );
    assert!(shown.headers.contains_key("retry-after"));
    stage.workload.server.shutdown().await;

    let fresh = Stage::begin().await;
    fresh.provider.conduct().down = true;
    assert_eq!(fresh.browser().get("/sign-in").await.status, 503);
    fresh.workload.server.shutdown().await;
}

#[tokio::test]
async fn a2_unknown_keys_cost_one_look_a_minute_and_known_ones_stay_good() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    stage.provider.conduct().header = json!({"kid": "nobody's"});

    for _ in 0..5 {
        let page = stage.refused(403).await;
        assert!(
            page.contains("signed by a key that its issuer does not have"),
            "{page}"
        );
    }
    assert_eq!(stage.provider.conduct().keys_asked, 1);
    stage.clock.advance(Duration::from_secs(61));
    stage.refused(403).await;
    stage.refused(403).await;
    assert_eq!(stage.provider.conduct().keys_asked, 2);
    stage.provider.conduct().header = json!({});
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a3_the_first_token_of_a_new_key_is_accepted() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    stage.clock.advance(Duration::from_secs(61));

    stage.provider.rotate();

    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    stage.workload.server.shutdown().await;
}

/// A4: each token that is wrong in one thing, and what the page says of it.
#[tokio::test]
async fn a4_an_id_token_that_is_wrong_in_one_thing_signs_nobody_in() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let now = stage.provider.now();
    let other = "22222222-2222-3333-4444-555555555555";
    let cases = [
        (
            json!({"iss": format!("{}x", stage.provider.issuer())}),
            "another issuer",
        ),
        (
            json!({"iss": "https://login.microsoftonline.com/common/v2.0"}),
            "another issuer",
        ),
        (json!({"iss": null}), "another issuer"),
        (json!({"aud": "another"}), "another audience"),
        (json!({"aud": null}), "another audience"),
        (
            json!({"aud": [CLIENT_ID, "another"]}),
            "the authorized party (azp)",
        ),
        (json!({"azp": "another"}), "the authorized party (azp)"),
        (json!({"tid": other}), "another Entra tenant (tid)"),
        (json!({"tid": null}), "another Entra tenant (tid)"),
        (
            json!({"nonce": "another"}),
            "the nonce is not that of the request",
        ),
        (
            json!({"nonce": null}),
            "the nonce is not that of the request",
        ),
        (json!({"exp": now - 300}), "has expired"),
        (json!({"exp": null}), "has expired"),
        (json!({"nbf": now + 300}), "not valid yet"),
        (json!({"iat": now + 300}), "issued in the future (iat)"),
        (json!({"iat": null}), "when it was issued (iat)"),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "(at_hash)"),
        (json!({"oid": null}), "names nobody (oid)"),
    ];
    for (claims, reason) in cases {
        stage.provider.conduct().claims = claims.clone();
        let page = stage.refused(403).await;
        assert!(page.contains(reason), "{claims}: {page}");
    }
    // A small skew of clocks is ordinary.
    stage.provider.conduct().claims =
        json!({"iat": now + 50, "nbf": now + 50, "exp": now - 50, "at_hash": null});
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a4_an_id_token_that_its_issuer_did_not_sign_signs_nobody_in() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    // RFC 8725, section 2.1: the public key as the key of an HMAC.
    let with_public_key = |signed: &str, keys: &Value| {
        let key = ring::hmac::Key::new(
            ring::hmac::HMAC_SHA256,
            keys["keys"][0].to_string().as_bytes(),
        );
        URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()))
    };
    let none: fn(&str, &Value) -> String = |_, _| String::new();
    let garbage: fn(&str, &Value) -> String = |_, _| URL_SAFE_NO_PAD.encode([7; 64]);
    for (alg, signature, reason) in [
        ("none", none, "not signed by"),
        ("None", none, "not signed by"),
        (
            "HS256",
            with_public_key as fn(&str, &Value) -> String,
            "not signed by",
        ),
        ("RS256", garbage, "not signed by"),
        ("ES256", garbage, "The signature of the token is wrong"),
        ("ES256", none, "The signature of the token is wrong"),
    ] {
        {
            let mut conduct = stage.provider.conduct();
            conduct.header = json!({"alg": alg});
            conduct.signature = Some(signature);
        }
        let page = stage.refused(403).await;
        assert!(page.contains(reason), "{alg}: {page}");
    }
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_with_its_number() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    let back = stage.go(&browser, "/sign-in").await;
    let known = back
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let denied = format!(
        "/sign-in/entra/callback?error=access_denied&error_description=AADSTS50105%3A+lena%40contoso.example+is+not+assigned&state={known}"
    );
    let shown = browser.get(&denied).await;
    assert_eq!(shown.status, 403);
    assert!(
        shown.text.contains("access_denied (AADSTS50105)"),
        "{}",
        shown.text
    );
    assert!(!shown.text.contains("lena"), "{}", shown.text);

    stage.provider.conduct().refusal = Some((
        401,
        json!({"error": "invalid_client", "error_description": "AADSTS7000222: expired"}),
    ));
    let page = stage.refused(403).await;
    assert!(page.contains("invalid_client (AADSTS7000222)"), "{page}");
    stage.provider.conduct().refusal = Some((500, json!({"error": "server_error"})));
    stage.refused(503).await;
    stage.provider.conduct().refusal = Some((200, json!({"access_token": "only"})));
    let page = stage.refused(403).await;
    assert!(page.contains("no ID token"), "{page}");
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    stage.provider.conduct().metadata =
        json!({"authorization_response_iss_parameter_supported": true});
    let page = stage.refused(400).await;
    assert!(page.contains("another issuer (iss)"), "{page}");
    let browser = stage.browser();
    let back = stage.go(&browser, "/sign-in").await;
    let shown = browser
        .get(&format!("{back}&iss={}", stage.provider.issuer()))
        .await;
    assert_eq!(shown.status, 303);
    stage.workload.server.shutdown().await;

    let other = Stage::begin().await;
    other.provider.conduct().metadata =
        json!({"issuer": "https://login.microsoftonline.com/common/v2.0"});
    assert_eq!(other.browser().get("/sign-in").await.status, 503);
    other.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_client_secret_is_read_anew_and_its_absence_told() {
    let mut file = None;
    let stage = Stage::begin_with(|tenant| {
        let providers = &tenant.sign_in.as_ref().unwrap().providers;
        file.clone_from(&providers[0].client_secret_file);
    });
    let (stage, file) = (stage.await, file.unwrap());
    stage.add_lena().await;
    stage.provider.conduct().client_secret = "rotated".to_owned();
    let page = stage.refused(403).await;
    assert!(page.contains("invalid_client"), "{page}");

    std::fs::write(&file, "rotated").unwrap();
    assert_eq!(stage.sign_in(&stage.browser()).await.status, 303);
    std::fs::remove_file(&file).unwrap();
    let page = stage.refused(503).await;
    assert!(
        page.contains("The client secret of the application is missing"),
        "{page}"
    );
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a9_a_browser_is_sent_back_to_declared_places_alone() {
    let stage = Stage::begin_with(|tenant| {
        let forward_auth = &mut tenant.sign_in.as_mut().unwrap().forward_auth;
        forward_auth.hosts = vec!["wiki.contoso.example".to_owned()];
    });
    let stage = stage.await;
    stage.add_lena().await;
    let browser = stage.browser();
    for bad in [
        "https://wiki.contoso.example/",
        "http://evil.example/",
        "//evil.example",
        "http://wiki.contoso.example%2540evil.example",
    ] {
        let shown = browser.get(&format!("/sign-in?return_to={bad}")).await;
        assert_eq!(shown.status, 400, "{bad}");
        assert!(!shown.text.contains("evil"), "{}", shown.text);
    }
    let twice = "/sign-in?return_to=http://wiki.contoso.example/&return_to=http://evil.example/";
    let back = stage.go(&browser, twice).await;
    assert_eq!(
        browser.get(&back).await.location,
        "http://contoso.example/signed-in"
    );

    // Who is signed in is not sent around, but asked.
    let shown = browser
        .get("/sign-in?return_to=http://wiki.contoso.example/a")
        .await;
    assert_eq!(shown.status, 200);
    assert!(
        shown
            .text
            .contains("href=\"http://wiki.contoso.example/a\""),
        "{}",
        shown.text
    );
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_out() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let url = format!("{SITE}/sign-out").parse().unwrap();
    for (origin, status) in [("http://evil.example", 403), ("null", 403), (SITE, 303)] {
        let request = browser
            .request(reqwest::Method::POST, &url)
            .header("origin", origin);
        assert_eq!(browser.show(&url, request).await.status, status, "{origin}");
    }
    assert!(!stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn the_first_sign_in_is_reported() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    stage.sign_in(&stage.browser()).await;

    let report = stage.workload.report().await;

    let evidence = &report["scimTenants"][0]["clients"][0]["evidence"];
    assert_eq!(evidence["firstSignIn"], "2026-02-01T00:00:00Z", "{report}");
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn without_a_connector_for_it_nobody_signs_in() {
    let workload = Workload::start(&json!({})).await;
    let base = workload.base.trim_end_matches("/scim/v2");
    for path in ["/sign-in", "/signed-in", "/forward-auth", "/auth-request"] {
        let request = workload.client.get(format!("{base}{path}"));
        assert_eq!(answer(request).await.0, 401, "{path}");
    }
    workload.server.shutdown().await;
}
