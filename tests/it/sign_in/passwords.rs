//! Signing in by a password: links, the box, limits, and who is led where.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use argon2::{Argon2, PasswordHasher};
use reqwest::header::{HeaderValue, ORIGIN};
use serde_json::{Value, json};
use url::form_urlencoded;
use usher::clock::ManualClock;
use usher::config::{
    ForwardAuthConfig, ProviderConfig, ScimTenantConfig, SignInConfig, StoreConfig,
};

use super::browser::{Browser, SITE, Shown};
use super::{SESSION, Stage};
use crate::workload_server::{REPORT_TOKEN, client};

pub(crate) const PASSWORD: &str = "drum loft cabin heron";
const OTHER: &str = "violet engine under snow";
const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:usher:2.0:User";

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

/// A stage where people sign in by passwords as well.
pub(crate) async fn stage() -> Stage {
    stage_with(|_| {}).await
}

pub(crate) async fn stage_with(change: impl FnOnce(&mut ScimTenantConfig)) -> Stage {
    Stage::begin_with(|tenant| {
        tenant.schema.sign_in_method = true;
        let sign_in = tenant.sign_in.as_mut().unwrap();
        sign_in.built_in = true;
        sign_in.forward_auth = ForwardAuthConfig {
            cookie_domain: None,
            hosts: vec!["wiki.contoso.example".to_owned()],
            ..ForwardAuthConfig::default()
        };
        change(tenant);
    })
    .await
}

impl Stage {
    /// What the port of the administrator says of a link for `person`.
    async fn ask_link(&self, query: &str) -> (u16, String) {
        let report = self.workload.server.report_addr().unwrap();
        let request = client().post(format!("http://{report}/password-link?{query}"));
        let response = request.bearer_auth(REPORT_TOKEN).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The path of a new link for `person`.
    pub(crate) async fn link(&self, person: &str) -> String {
        let (status, said) = self.ask_link(&form(&[("person", person)])).await;
        assert_eq!(status, 200, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        let link = said["link"].as_str().unwrap();
        link.strip_prefix(SITE).unwrap().to_owned()
    }

    /// Provisions Ana, who has a password; says the id.
    pub(crate) async fn add_ana(&self) -> String {
        let id = self.add("ana@contoso.example", "ana").await;
        let link = self.link("ana@contoso.example").await;
        let shown = set(&self.browser(), &link, PASSWORD).await;
        assert_eq!(shown.status, 200, "{}", shown.text);
        id
    }

    async fn set_method(&self, id: &str, method: &str) {
        let change = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": format!("{EXTENSION}:signInMethod"), "value": method}],
        });
        let path = format!("/Users/{id}");
        let (status, said) = self.workload.send("PATCH", &path, Some(&change)).await;
        assert!(matches!(status, 200 | 204), "{status} {said}");
    }
}

pub(crate) async fn set(browser: &Browser, link: &str, password: &str) -> Shown {
    let fields = [("new_password", password), ("repeated", password)];
    browser.post(link, &form(&fields)).await
}

pub(crate) async fn present(browser: &Browser, user_name: &str, password: &str) -> Shown {
    let fields = [("user_name", user_name), ("password", password)];
    browser.post("/password", &form(&fields)).await
}

pub(crate) async fn identify(browser: &Browser, user_name: &str) -> Shown {
    browser
        .post("/sign-in", &form(&[("login_hint", user_name)]))
        .await
}

/// Where a page leads on to by itself.
pub(crate) fn onward(shown: &Shown) -> String {
    let (_, rest) = shown
        .text
        .split_once("content=\"0;url=")
        .unwrap_or_else(|| panic!("{}", shown.text));
    rest.split('"').next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn who_got_a_link_sets_a_password_and_signs_in_by_it() {
    let stage = stage().await;
    stage.add("ana@contoso.example", "ana").await;
    let link = stage.link("ana@contoso.example").await;
    let browser = stage.browser();
    let page = browser.get(&link).await;
    assert!(
        page.text.contains("value=\"ana@contoso.example\""),
        "{}",
        page.text
    );

    let done = set(&browser, &link, PASSWORD).await;

    assert_eq!((done.status, onward(&done).as_str()), (200, "/signed-in"));
    assert!(stage.is_signed_in(&browser).await);
    let another = stage.browser();
    let asked = identify(&another, "Ana@Contoso.example").await;
    assert!(asked.text.contains("type=\"password\""), "{}", asked.text);
    let done = present(&another, "Ana@Contoso.example", PASSWORD).await;
    assert_eq!((done.status, onward(&done).as_str()), (200, "/signed-in"));
    let cookie = done.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.len() < 200 && cookie.contains("HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    assert!(stage.is_signed_in(&another).await);
    another.post("/sign-out", "").await;
    assert!(!stage.is_signed_in(&another).await);
    assert!(stage.is_signed_in(&browser).await);
}

/// A17: neither text nor status tells whether there is such a person.
#[tokio::test]
async fn a17_an_unknown_name_is_answered_like_a_wrong_password() {
    let stage = stage().await;
    stage.add_ana().await;
    stage.add("bo@contoso.example", "bo").await;
    let gone = stage.add("gone@contoso.example", "gone").await;
    stage.set_active(&gone, false).await;
    let told = async |name: &str| {
        let browser = stage.browser();
        let asked = identify(&browser, name).await;
        let wrong = present(&browser, name, OTHER).await;
        assert_eq!(browser.cookie(SESSION), None);
        let plain = |it: &str| it.replace(name, "NAME");
        (
            asked.status,
            plain(&asked.text),
            wrong.status,
            plain(&wrong.text),
        )
    };

    let wrong = told("ana@contoso.example").await;

    assert_eq!((wrong.0, wrong.2), (200, 403));
    assert!(
        wrong.3.contains("The user name or the password is wrong."),
        "{}",
        wrong.3
    );
    for name in [
        "bo@contoso.example",
        "nobody@contoso.example",
        "gone@contoso.example",
        "a\"b<i>",
    ] {
        let other = told(name).await;
        if name.contains('<') {
            assert!(!other.1.contains("<i>"), "{}", other.1);
        } else {
            assert_eq!(other, wrong, "{name}");
        }
    }
}

/// A17: a stranger who guesses is stopped, and locks out nobody who signed in before.
#[tokio::test]
async fn a17_a_stranger_who_guesses_locks_out_nobody() {
    let stage = stage_with(|it| it.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    stage.add_ana().await;
    let own = stage.browser();
    assert_eq!(
        present(&own, "ana@contoso.example", PASSWORD).await.status,
        200
    );
    let guess = async |from: &str| {
        let browser = stage.browser();
        let url = format!("{SITE}/password").parse().unwrap();
        let fields = [("user_name", "ana@contoso.example"), ("password", OTHER)];
        let request = browser.request(reqwest::Method::POST, &url);
        let request = request.header("x-forwarded-for", from).body(form(&fields));
        browser.show(&url, request).await.status
    };
    let from_one = futures::future::join_all((0..20).map(|_| guess("192.0.2.1"))).await;
    let looked_at = from_one.iter().filter(|it| **it == 403);
    assert_eq!(looked_at.count(), 10, "{from_one:?}");
    for source in 2..8 {
        for _ in 0..10 {
            guess(&format!("192.0.2.{source}")).await;
        }
    }

    let stranger = present(&stage.browser(), "ana@contoso.example", PASSWORD).await;
    assert_eq!(stranger.status, 429);
    assert!(stranger.headers.contains_key("retry-after"));
    assert!(
        stranger
            .text
            .contains("a browser in which you signed in before"),
        "{}",
        stranger.text
    );
    own.post("/sign-out", "").await;
    assert_eq!(
        present(&own, "ana@contoso.example", PASSWORD).await.status,
        200
    );
    let link = stage.link("ana@contoso.example").await;
    let elsewhere = stage.browser();
    assert_eq!(
        set(&elsewhere, &link, OTHER).await.status,
        200,
        "a link is a way in"
    );
    assert_eq!(
        present(&elsewhere, "ana@contoso.example", OTHER)
            .await
            .status,
        200
    );
    stage.clock.advance(Duration::from_mins(10));
    assert_eq!(
        present(&stage.browser(), "ana@contoso.example", OTHER)
            .await
            .status,
        200
    );
}

/// A19: a link is worth one password, however it is used.
#[tokio::test]
async fn a19_a_link_is_used_once_and_not_by_looking_at_it() {
    let stage = stage().await;
    stage.add("ana@contoso.example", "ana").await;
    let browser = stage.browser();
    let first = stage.link("ana@contoso.example").await;
    let link = stage.link("ana@contoso.example").await;
    let is_spent = async |link: &str| {
        let looked = browser.get(link).await;
        let used = set(&browser, link, PASSWORD).await;
        assert_eq!(looked.status, used.status);
        if used.status == 410 {
            assert!(
                used.text
                    .contains("Ask your administrator for another link"),
                "{}",
                used.text
            );
        }
        used.status == 410
    };
    assert!(is_spent(&first).await, "a newer one counts");
    for _ in 0..3 {
        assert_eq!(
            browser.get(&link).await.status,
            200,
            "a mail scanner opens it"
        );
    }

    let tabs: Vec<Browser> = (0..10).map(|_| stage.browser()).collect();
    let all = futures::future::join_all(tabs.iter().map(|it| set(it, &link, PASSWORD))).await;
    let done = all.iter().filter(|it| it.status == 200).count();
    let spent = all.iter().filter(|it| it.status == 410).count();
    assert_eq!((done, spent), (1, 9));
    assert!(is_spent(&link).await, "a replay");

    let late = stage.link("ana@contoso.example").await;
    stage.clock.advance(Duration::from_hours(24));
    assert!(is_spent(&late).await);
    for wrong in ["/set-password/x", "/set-password/usher_AAAA"] {
        assert!(is_spent(wrong).await);
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_set_is_told_and_spends_no_link() {
    let stage = stage().await;
    stage.add("ana@contoso.example", "ana").await;
    let link = stage.link("ana@contoso.example").await;
    let browser = stage.browser();
    for (password, repeated, expected) in [
        ("sh0rt", "sh0rt", "15 characters at least"),
        (
            "ana contoso example",
            "ana contoso example",
            "easy to guess",
        ),
        (
            "drum loft cabin\u{7}",
            "drum loft cabin\u{7}",
            "not a letter",
        ),
        (PASSWORD, OTHER, "The two passwords are not the same"),
        ("", "", "15 characters at least"),
    ] {
        let fields = [("new_password", password), ("repeated", repeated)];
        let shown = browser.post(&link, &form(&fields)).await;
        assert_eq!(shown.status, 400, "{password}");
        assert!(shown.text.contains(expected), "{password}: {}", shown.text);
        assert!(
            password.is_empty() || !shown.text.contains(password),
            "{}",
            shown.text
        );
    }
    // A25: too large for a form at all.
    let huge = "x".repeat(20 * 1024);
    assert_eq!(
        present(&browser, "ana@contoso.example", &huge).await.status,
        400
    );

    assert_eq!(set(&browser, &link, PASSWORD).await.status, 200);
}

/// A25: the same password however it is typed; what is none is refused like a wrong one.
#[tokio::test]
async fn a25_a_password_has_one_form() {
    let stage = stage().await;
    stage.add("ana@contoso.example", "ana").await;
    let link = stage.link("ana@contoso.example").await;
    set(&stage.browser(), &link, "cafe\u{301} drum loft cabin").await;

    for (password, expected) in [
        ("caf\u{e9} drum loft cabin", 200),
        ("caf\u{e9} drum\u{a0}loft cabin", 200),
        ("cafe drum loft cabin", 403),
        ("caf\u{e9} drum loft cabin\0", 403),
        ("x", 403),
        ("", 403),
        (&"x".repeat(2000), 403),
    ] {
        let shown = present(&stage.browser(), "ana@contoso.example", password).await;
        assert_eq!(shown.status, expected, "{password:.40}");
    }
}

/// A14, A21: a new session at each sign-in, and none of before when the password is another.
#[tokio::test]
async fn a14_a_new_password_ends_all_sessions_before() {
    let stage = stage().await;
    let id = stage.add_ana().await;
    let browser = stage.browser();
    browser.set_cookie(SESSION, "planted");
    present(&browser, "ana@contoso.example", PASSWORD).await;
    let first = browser.cookie(SESSION).unwrap();
    assert_ne!(first, "planted");
    let other = stage.browser();
    present(&other, "ana@contoso.example", PASSWORD).await;
    assert!(stage.is_signed_in(&other).await);

    let link = stage.link(&id).await;
    set(&browser, &link, OTHER).await;

    assert!(!stage.is_signed_in(&other).await);
    assert!(stage.is_signed_in(&browser).await);
    assert_ne!(browser.cookie(SESSION).unwrap(), first);
    assert_eq!(
        present(&other, "ana@contoso.example", PASSWORD)
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn people_see_and_end_their_sessions() {
    let stage = stage().await;
    stage.add_ana().await;
    stage.add_lena().await;
    let (one, two, three) = (stage.browser(), stage.browser(), stage.browser());
    for browser in [&one, &two] {
        present(browser, "ana@contoso.example", PASSWORD).await;
    }
    let led = onward(&identify(&three, "lena@contoso.example").await);
    let back = stage.go(&three, &led).await;
    three.get(&back).await;
    let digests = |page: &Shown| {
        let all = page.text.split("name=\"session\" value=\"").skip(1);
        all.map(|it| it[..64].to_owned()).collect::<Vec<_>>()
    };

    let page = one.get("/account").await;
    assert!(
        page.text.contains("<strong>this browser</strong>") && page.text.contains("by password"),
        "{}",
        page.text
    );
    // The browser that set the password is signed in as well.
    let of_ana = digests(&page);
    assert_eq!(of_ana.len(), 3);
    let page = three.get("/account").await;
    assert!(
        page.text.contains("through Contoso staff") && !page.text.contains("Another password"),
        "{}",
        page.text
    );
    let of_lena = digests(&page);
    assert_eq!(of_lena.len(), 1);

    one.post("/account/sessions", &form(&[("session", &of_lena[0])]))
        .await;
    assert!(
        stage.is_signed_in(&three).await,
        "nobody ends the session of another"
    );
    for of_nobody in [
        form(&[("session", &of_ana[0]), ("session", &of_ana[1])]),
        String::new(),
    ] {
        one.post("/account/sessions", &of_nobody).await;
        assert_eq!(digests(&one.get("/account").await), of_ana, "{of_nobody}");
    }
    one.post("/account/sessions", &form(&[("others", "end")]))
        .await;
    assert!(stage.is_signed_in(&one).await);
    assert!(!stage.is_signed_in(&two).await);
    let last = digests(&one.get("/account").await);
    one.post("/account/sessions", &form(&[("session", &last[0])]))
        .await;
    assert!(!stage.is_signed_in(&one).await);
    let led = one.get("/account").await.location;
    assert!(
        led.ends_with("/sign-in?return_to=http%3A%2F%2Fcontoso.example%2Faccount"),
        "{led}"
    );
    assert_eq!(one.get("/account/sessions").await.status, 405);
}

#[tokio::test]
async fn who_knows_the_password_sets_another() {
    let stage = stage().await;
    stage.add_ana().await;
    let (browser, other) = (stage.browser(), stage.browser());
    for it in [&browser, &other] {
        present(it, "ana@contoso.example", PASSWORD).await;
    }
    let change = async |now: &str, new: &str, repeated: &str| {
        let fields = [
            ("user_name", "ana@contoso.example"),
            ("password", now),
            ("new_password", new),
            ("repeated", repeated),
        ];
        browser.post("/account/password", &form(&fields)).await
    };
    for (now, new, repeated, status, said) in [
        (
            OTHER,
            OTHER,
            OTHER,
            403,
            "The user name or the password is wrong",
        ),
        (PASSWORD, "short", "short", 400, "15 characters at least"),
        (
            PASSWORD,
            OTHER,
            PASSWORD,
            400,
            "The two passwords are not the same",
        ),
    ] {
        let shown = change(now, new, repeated).await;
        assert_eq!(
            (shown.status, shown.text.contains(said)),
            (status, true),
            "{}",
            shown.text
        );
        assert!(shown.text.contains("My account"), "{}", shown.text);
    }
    assert!(stage.is_signed_in(&other).await);

    assert_eq!(change(PASSWORD, OTHER, OTHER).await.status, 200);

    assert!(stage.is_signed_in(&browser).await);
    assert!(!stage.is_signed_in(&other).await);
    assert_eq!(
        present(&other, "ana@contoso.example", PASSWORD)
            .await
            .status,
        403
    );
    assert_eq!(
        present(&other, "ana@contoso.example", OTHER).await.status,
        200
    );
}

#[tokio::test]
async fn who_is_deactivated_or_deleted_signs_in_by_no_password() {
    let stage = stage().await;
    let id = stage.add_ana().await;
    let browser = stage.browser();
    present(&browser, "ana@contoso.example", PASSWORD).await;
    let link = stage.link("ana@contoso.example").await;

    stage.set_active(&id, false).await;

    assert!(!stage.is_signed_in(&browser).await);
    let refused = present(&browser, "ana@contoso.example", PASSWORD).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text.contains("Your account is deactivated"),
        "{}",
        refused.text
    );
    assert_eq!(set(&browser, &link, OTHER).await.status, 410);
    let (status, said) = stage.ask_link("person=ana@contoso.example").await;
    assert_eq!(
        (status, said.contains("is deactivated")),
        (409, true),
        "{said}"
    );
    stage.set_active(&id, true).await;
    assert!(!stage.is_signed_in(&browser).await);
    assert_eq!(
        present(&browser, "ana@contoso.example", PASSWORD)
            .await
            .status,
        200
    );

    let path = format!("/Users/{id}");
    assert_eq!(stage.workload.send("DELETE", &path, None).await.0, 204);
    assert!(!stage.is_signed_in(&browser).await);
    stage.add("ana@contoso.example", "ana").await;
    assert_eq!(
        present(&browser, "ana@contoso.example", PASSWORD)
            .await
            .status,
        403,
        "a new person of the same name"
    );
}

#[tokio::test]
async fn everybody_is_led_to_the_one_way_in() {
    let stage = stage().await;
    let id = stage.add_lena().await;
    stage.add_ana().await;
    let browser = stage.browser();
    let first = browser.get("/sign-in").await;
    assert!(first.text.contains("name=\"login_hint\""), "{}", first.text);

    let led = onward(&identify(&browser, "Lena@contoso.example").await);
    assert_eq!(led, "/sign-in/entra?login_hint=Lena%40contoso.example");
    let back = stage.go(&browser, &led).await;
    assert!(
        browser
            .get(&led)
            .await
            .location
            .contains("login_hint=Lena%40contoso.example")
    );
    assert_eq!(browser.get(&back).await.status, 303);
    assert!(stage.is_signed_in(&browser).await);
    let (status, said) = stage.ask_link("person=lena@contoso.example").await;
    assert_eq!(
        (status, said.contains("signs in through Entra")),
        (409, true),
        "{said}"
    );
    let hinted = stage
        .browser()
        .get("/sign-in?login_hint=lena@contoso.example")
        .await;
    assert_eq!(hinted.status, 303);

    // By the attribute the way is another, and the one before is closed.
    stage.set_method(&id, "BuiltIn").await;
    assert!(!stage.is_signed_in(&browser).await);
    let asked = identify(&browser, "lena@contoso.example").await;
    assert!(asked.text.contains("type=\"password\""), "{}", asked.text);
    let back = stage.go(&browser, "/sign-in/entra").await;
    let refused = browser.get(&back).await;
    assert!(
        refused.text.contains("You sign in by a password"),
        "{}",
        refused.text
    );
    let link = stage.link("lena@contoso.example").await;
    assert_eq!(set(&browser, &link, PASSWORD).await.status, 200);
    assert!(stage.is_signed_in(&browser).await);
    let link = stage.link("lena@contoso.example").await;

    stage.set_method(&id, "Entra").await;
    assert!(!stage.is_signed_in(&browser).await);
    assert_eq!(browser.get(&link).await.status, 410);
    assert_eq!(set(&browser, &link, OTHER).await.status, 410);
    assert_eq!(
        present(&browser, "lena@contoso.example", PASSWORD)
            .await
            .status,
        403
    );
}

/// A17: who is led to a provider and never goes there has learned as much as who is asked for a password.
#[tokio::test]
async fn a17_a_source_looks_up_so_many_names_whatever_they_are_led_to() {
    let stage = stage().await;
    stage.add_lena().await;
    for names in [["lena"; 2], ["nobody"; 2], ["lena", "nobody"]] {
        let browser = stage.browser();
        let names = names.into_iter().cycle().take(601);
        let mut statuses = Vec::new();
        for name in names {
            let shown = identify(&browser, &format!("{name}@contoso.example")).await;
            statuses.push(shown.status);
        }
        assert_eq!(statuses.pop(), Some(429));
        assert!(statuses.iter().all(|it| *it == 200), "{statuses:?}");
        // Whoever knows the way goes it.
        let begun = browser.get("/sign-in/entra").await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        stage.clock.advance(Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_user_name_has_so_many_characters_whatever_they_are() {
    let stage = stage().await;
    for (name, status, said) in [
        ("\u{e9}".repeat(256), 200, "type=\"password\""),
        ("a".repeat(257), 400, "one has 256 characters at most"),
        ("a\0".to_owned(), 400, "This is no user name"),
    ] {
        let shown = identify(&stage.browser(), &name).await;
        assert_eq!(
            (shown.status, shown.text.contains(said)),
            (status, true),
            "{}",
            shown.text
        );
    }
    for nothing in ["", " "] {
        let shown = identify(&stage.browser(), nothing).await;
        assert_eq!(shown.status, 200);
        assert!(!shown.text.contains("role=\"alert\""), "{}", shown.text);
    }
}

/// Each verifies the hash that is kept, and one of them replaces it.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_at_once_replace_a_hash_of_another_cost_and_all_are_let_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("contoso.db");
    let built_in = |tenant: &mut ScimTenantConfig| {
        tenant.store = StoreConfig::Sqlite { path: path.clone() };
        let nowhere = "http://127.0.0.1:9".parse().unwrap();
        let sign_in = super::sign_in_at(nowhere, folder.path());
        tenant.sign_in = Some(SignInConfig {
            built_in: true,
            second_factor: None,
            ..sign_in
        });
    };
    let stage = stage_with(built_in).await;
    stage.add_ana().await;
    let Stage {
        workload, clock, ..
    } = stage;
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let cheap = Argon2::from(params);
    let hash = cheap.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]);
    let hash = hash.unwrap().to_string();
    let replace = |tenant: &mut ScimTenantConfig| {
        built_in(tenant);
        let database = rusqlite::Connection::open(&path).unwrap();
        let replaced = database.execute("UPDATE password SET hash = ?1", [&hash]);
        assert_eq!(replaced, Ok(1));
    };
    let workload = workload.restart_at(clock, replace).await;

    let browsers: Vec<Browser> = (0..8)
        .map(|_| Browser::new(workload.server.local_addr()))
        .collect();
    let all = browsers
        .iter()
        .map(|it| present(it, "ana@contoso.example", PASSWORD));
    for done in futures::future::join_all(all).await {
        assert_eq!(done.status, 200, "{}", done.text);
    }

    workload.server.shutdown().await;
    let database = rusqlite::Connection::open(&path).unwrap();
    let kept = database.query_row("SELECT hash FROM password", (), |row| row.get(0));
    let kept: String = kept.unwrap();
    assert!(
        kept.starts_with("$argon2id$v=19$m=32768,t=3,p=1$"),
        "{kept}"
    );
}

#[tokio::test]
async fn of_several_connectors_it_is_the_persons_own_or_the_persons_choice() {
    let stage = stage_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        let other = ProviderConfig {
            connector: "abroad".to_owned(),
            display_name: "Contoso abroad".to_owned(),
            ..sign_in.providers[0].clone()
        };
        sign_in.providers.insert(0, other);
    })
    .await;
    stage.add_lena().await;
    let led = identify(&stage.browser(), "lena@contoso.example").await;
    assert_eq!(
        onward(&led),
        "/sign-in/entra?login_hint=lena%40contoso.example"
    );

    let nobody = identify(&stage.browser(), "nobody@contoso.example").await;
    for choice in ["type=\"password\"", "/sign-in/abroad", "/sign-in/entra"] {
        assert!(nobody.text.contains(choice), "{choice}: {}", nobody.text);
    }
}

/// A9: only to where it is declared.
#[tokio::test]
async fn a9_who_signed_in_goes_back_to_where_the_way_began() {
    let stage = stage().await;
    stage.add_ana().await;
    let browser = stage.browser();
    let wiki = "http://wiki.contoso.example/page?a=b";
    let query = form(&[("return_to", wiki)]);
    let first = browser.get(&format!("/sign-in?{query}")).await;
    assert!(
        first
            .text
            .contains("value=\"http://wiki.contoso.example/page?a=b\""),
        "{}",
        first.text
    );
    let fields = [
        ("user_name", "ana@contoso.example"),
        ("password", PASSWORD),
        ("return_to", wiki),
    ];
    let done = browser.post("/password", &form(&fields)).await;
    assert_eq!(onward(&done), wiki);

    for elsewhere in [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        let fields = [
            ("user_name", "ana@contoso.example"),
            ("password", PASSWORD),
            ("return_to", elsewhere),
        ];
        let refused = browser.post("/password", &form(&fields)).await;
        assert_eq!(refused.status, 400, "{elsewhere}");
        let refused = browser.post("/sign-in", &form(&fields)).await;
        assert_eq!(refused.status, 400, "{elsewhere}");
    }
}

#[tokio::test]
async fn who_is_refused_begins_again_on_the_same_way() {
    let stage = stage().await;
    stage.add_ana().await;
    let bo = stage.add("bo@contoso.example", "bo").await;
    let link = stage.link("bo@contoso.example").await;
    set(&stage.browser(), &link, PASSWORD).await;
    stage.set_active(&bo, false).await;
    let present = async |user_name: &str, password: &str| {
        let fields = [
            ("user_name", user_name),
            ("password", password),
            ("return_to", "http://wiki.contoso.example/"),
        ];
        stage.browser().post("/password", &form(&fields)).await
    };
    for _ in 0..10 {
        assert_eq!(present("ana@contoso.example", OTHER).await.status, 403);
    }

    for (name, status) in [("ana@contoso.example", 429), ("bo@contoso.example", 403)] {
        let refused = present(name, PASSWORD).await;
        assert_eq!(refused.status, status, "{}", refused.text);
        let again = "href=\"/sign-in?return_to=http%3A%2F%2Fwiki.contoso.example%2F\"";
        assert!(refused.text.contains(again), "{}", refused.text);
    }
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let stage = stage().await;
    stage.add_ana().await;
    let link = stage.link("ana@contoso.example").await;
    let (browser, signed_in) = (stage.browser(), stage.browser());
    present(&signed_in, "ana@contoso.example", PASSWORD).await;
    let session = signed_in.cookie(SESSION);
    for (browser, path) in [
        (&browser, "/sign-in"),
        (&browser, "/password"),
        (&browser, link.as_str()),
        (&signed_in, "/account/password"),
        (&signed_in, "/account/sessions"),
        (&signed_in, "/sign-out"),
    ] {
        for origin in [
            "https://evil.example",
            "http://wiki.contoso.example",
            "null",
        ] {
            let url = format!("{SITE}{path}").parse().unwrap();
            let fields = [
                ("user_name", "ana@contoso.example"),
                ("password", PASSWORD),
                ("new_password", OTHER),
                ("repeated", OTHER),
                ("others", "end"),
            ];
            let request = browser.request(reqwest::Method::POST, &url);
            let request = request
                .header(ORIGIN, HeaderValue::from_static(origin))
                .body(form(&fields));
            let shown = browser.show(&url, request).await;
            assert_eq!(shown.status, 403, "{path} {origin}");
        }
    }
    assert_eq!(browser.cookie(SESSION), None);
    assert_eq!(signed_in.cookie(SESSION), session);
    let page = signed_in.get("/account").await;
    // The browser that set the password is signed in as well.
    let sessions = page.text.matches("name=\"session\"").count();
    assert_eq!(sessions, 2, "{}", page.text);
    assert_eq!(
        browser.get("/password").await.location,
        format!("{SITE}/sign-in")
    );
}

#[tokio::test]
async fn pages_of_passwords_are_labelled_and_guarded() {
    let stage = stage().await;
    stage.add_ana().await;
    let link = stage.link("ana@contoso.example").await;
    let browser = stage.browser();
    let pages = [
        browser.get("/sign-in").await,
        identify(&browser, "ana@contoso.example").await,
        browser.get(&link).await,
        present(&browser, "ana@contoso.example", PASSWORD).await,
        browser.get("/account").await,
    ];
    for page in pages {
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; form-action 'self'"),
            "{policy}"
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        assert!(!page.text.contains("<script"), "{}", page.text);
        for input in page
            .text
            .split("<input ")
            .skip(1)
            .filter(|it| !it.contains("type=\"hidden\""))
        {
            let id = input
                .split("id=\"")
                .nth(1)
                .and_then(|it| it.split('"').next())
                .unwrap();
            assert!(
                page.text.contains(&format!("<label for=\"{id}\">")),
                "{id}: {}",
                page.text
            );
        }
        assert!(!page.text.contains(PASSWORD));
    }
}

#[tokio::test]
async fn links_are_for_who_holds_the_report_token() {
    let stage = stage().await;
    let id = stage.add("ana@contoso.example", "ana").await;
    let report = stage.workload.server.report_addr().unwrap();
    let url = format!("http://{report}/password-link?person=ana@contoso.example");
    assert_eq!(client().post(&url).send().await.unwrap().status(), 401);
    assert_eq!(
        client()
            .get(&url)
            .bearer_auth(REPORT_TOKEN)
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    for (query, status) in [
        ("person=nobody", 404),
        ("person=ana@contoso.example&hours=0", 400),
        ("person=ana@contoso.example&hours=169", 400),
        ("person=ana@contoso.example&minutes=5", 400),
        ("person=ana@contoso.example&scim_tenant=identity/other", 404),
        (
            "person=ana@contoso.example&scim_tenant=identity/contoso&hours=168",
            200,
        ),
        ("", 400),
    ] {
        assert_eq!(stage.ask_link(query).await.0, status, "{query}");
    }
    let (_, said) = stage.ask_link("person=nobody&hours=999").await;
    assert_eq!(said, "hours is 999; write a number from 1 to 168\n");
    let (_, said) = stage.ask_link(&format!("person={id}&hours=1")).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (said["userName"].as_str(), said["expires"].as_str()),
        (Some("ana@contoso.example"), Some("2026-02-01T01:00:00Z"))
    );
    let link = said["link"].as_str().unwrap().to_owned();
    set(&stage.browser(), link.strip_prefix(SITE).unwrap(), PASSWORD).await;

    let all = client()
        .get(format!("http://{report}/person?person={id}"))
        .bearer_auth(REPORT_TOKEN);
    let all = all.send().await.unwrap().text().await.unwrap();
    for secret in ["argon2", link.rsplit('/').next().unwrap()] {
        assert!(!all.contains(secret), "{all}");
    }
    for event in ["PasswordLinkMade", "PasswordSet"] {
        assert!(all.contains(event), "{event}: {all}");
    }

    let without = Stage::begin().await;
    without.add("ana@contoso.example", "ana").await;
    let (status, said) = without.ask_link("person=ana@contoso.example").await;
    assert_eq!(
        (status, said.contains("spec.signIn.builtIn.enabled")),
        (409, true),
        "{said}"
    );
    assert_eq!(without.browser().get("/set-password/x").await.status, 401);
}

#[tokio::test]
async fn passwords_outlive_a_restart_and_end_with_their_declaration() {
    let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
    let secrets = tempfile::TempDir::new().unwrap();
    let declare = |built_in: bool| {
        let folder = secrets.path().to_owned();
        move |tenant: &mut ScimTenantConfig| {
            let mut sign_in = super::sign_in_at("http://127.0.0.1:9".parse().unwrap(), &folder);
            sign_in.built_in = built_in;
            tenant.sign_in = Some(sign_in);
        }
    };
    let stage = stage().await;
    stage.add_ana().await;
    let Stage {
        workload, clock: _, ..
    } = stage;
    let workload = workload.restart_at(clock.clone(), declare(true)).await;
    let browser = Browser::new(workload.server.local_addr());
    assert_eq!(
        present(&browser, "ana@contoso.example", PASSWORD)
            .await
            .status,
        200
    );
    assert_eq!(browser.get("/signed-in").await.status, 200);

    let workload = workload.restart_at(clock, declare(false)).await;
    let mut browser = browser;
    browser.lead_to(workload.server.local_addr());
    assert_eq!(browser.get("/signed-in").await.status, 303);
    assert_eq!(
        present(&browser, "ana@contoso.example", PASSWORD)
            .await
            .status,
        401
    );
}
