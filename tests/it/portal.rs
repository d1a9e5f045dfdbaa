//! The pages of administrators, as a browser gets them: who sees what, what each role may do, and what an attacker may not.

pub(crate) mod faults;
pub(crate) mod stage;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ORIGIN};
use serde_json::{Value, json};

use crate::sign_in::browser::{Browser, SITE, Shown};
use crate::sign_in::passwords::form;
use crate::sign_in::{SESSION, Stage};
use stage::{Portal, ROLES, hidden_field};

/// Every page that needs no name of anybody.
const PAGES: [&str; 7] = [
    "/portal",
    "/portal/people",
    "/portal/groups",
    "/portal/connectors",
    "/portal/requests",
    "/portal/held",
    "/portal/settings",
];

/// What is done, with which fields, and who may do it.
type Acted = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

/// Names as people have them, and as others write them who want something.
const ODD_NAMES: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} & 'quoted' \"twice\"",
    "ليلى العامري",
    "👩‍🔬 Zoë \u{202e}evil\u{202c} 美咲",
    "javascript:alert(1)//",
];

#[tokio::test]
async fn who_is_not_signed_in_goes_to_sign_in_and_comes_back() {
    let portal = Portal::begin().await;
    let browser = portal.stage.browser();
    for path in PAGES
        .iter()
        .chain(&["/portal/people?search=lena&state=Active"])
    {
        let sent = browser.get(path).await;
        assert_eq!(sent.status, 303, "{path}");
        let here = format!("{SITE}{path}");
        let back = url::form_urlencoded::byte_serialize(here.as_bytes());
        let back: String = back.collect();
        assert_eq!(sent.location, format!("{SITE}/sign-in?return_to={back}"));
    }

    portal.give_role(&portal.lena, "Admin").await;
    let back = url::form_urlencoded::byte_serialize(b"http://contoso.example/portal/people");
    let begin = format!("/sign-in/entra?return_to={}", back.collect::<String>());
    let back = portal.stage.go(&browser, &begin).await;
    let back = browser.get(&back).await;
    assert_eq!(back.location, format!("{SITE}/portal/people"));
    assert_eq!(browser.get(&back.location).await.status, 200);
}

/// Open redirect: nothing in an address of the portal leads a browser to another host.
#[tokio::test]
async fn open_redirect_the_portal_leads_to_its_own_site_alone() {
    let portal = Portal::begin().await;
    for path in [
        "/portal?return_to=https://evil.example",
        "/portal/people?next=//evil.example",
        "/portal//evil.example",
        "/portal/%2F%2Fevil.example",
        "/portal\\evil.example",
        "/portal/people/..//evil.example",
    ] {
        let shown = portal.stage.browser().get(path).await;
        let is_own = shown.location.is_empty() || shown.location.starts_with(&format!("{SITE}/"));
        assert!(is_own, "{path}: {}", shown.location);
    }
    let browser = portal.admin("Admin").await;
    let path = format!("/portal/people/{}/sessions", portal.victim);
    let fields = [
        ("return_to", "https://evil.example"),
        ("next", "//evil.example"),
    ];
    let done = portal.act(&browser, &path, &fields).await;
    assert_eq!(
        done.location,
        format!("{SITE}/portal/people/{}?done=sessions", portal.victim)
    );
}

#[tokio::test]
async fn who_has_no_role_sees_where_the_own_account_is_and_nothing_else() {
    let portal = Portal::begin().await;
    let browser = portal.stage.browser();
    portal.sign_in(&browser).await;

    for path in PAGES {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, 403, "{path}");
        assert!(shown.text.contains("The portal is for administrators"));
        assert!(shown.text.contains("href=\"/account\""), "{}", shown.text);
        assert!(!shown.text.contains("href=\"/portal/people\""));
    }
    let account = browser.get("/account").await;
    assert!(
        !account.text.contains("href=\"/portal\""),
        "{}",
        account.text
    );
}

#[tokio::test]
async fn where_no_portal_is_declared_there_is_none() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let nothing = browser.get("/nothing").await;
    assert_eq!(browser.get("/portal").await.status, nothing.status);
    assert!(nothing.status >= 400);
}

#[tokio::test]
async fn each_role_sees_each_page() {
    let portal = Portal::begin().await;
    portal.fill().await;
    for role in ROLES {
        let browser = portal.admin(role).await;
        for path in portal.pages().await {
            let shown = browser.get(&path).await;
            assert_eq!(shown.status, 200, "{role} {path}: {}", shown.text);
            assert!(shown.text.contains(&format!("· {role}</span>")), "{path}");
        }
        for path in [
            "/portal/people/nobody",
            "/portal/groups/none",
            "/portal/connectors/none",
            "/portal/requests/entra/999999",
        ] {
            let shown = browser.get(path).await;
            assert_eq!(shown.status, 404, "{role} {path}");
            assert!(shown.text.contains("It is not here"), "{}", shown.text);
        }
    }
}

/// What each role may do, as the page offers it and as it is done. The last names may be acted on by that role alone.
#[tokio::test]
async fn each_role_does_what_it_may_and_is_refused_the_rest() {
    let portal = Portal::begin().await;
    let acts: [Acted; 6] = [
        ("sessions", &[], &["User", "Admin", "EnterpriseAdmin"]),
        (
            "password-link",
            &[("for", "reset")],
            &["User", "Admin", "EnterpriseAdmin"],
        ),
        (
            "sign-in-method",
            &[("method", "BuiltIn")],
            &["Admin", "EnterpriseAdmin"],
        ),
        ("second-factor", &[], &["Admin", "EnterpriseAdmin"]),
        (
            "role",
            &[("role", "ReadOnly")],
            &["Admin", "EnterpriseAdmin"],
        ),
        (
            "active",
            &[("active", "yes")],
            &["Admin", "EnterpriseAdmin"],
        ),
    ];
    for role in ROLES {
        let browser = portal.admin(role).await;
        let page = browser
            .get(&format!("/portal/people/{}", portal.victim))
            .await;
        for (act, fields, allowed) in acts {
            let path = format!("/portal/people/{}/{act}", portal.victim);
            let may = allowed.contains(&role);
            let done = portal.act(&browser, &path, fields).await;
            let is_done = matches!(done.status, 200 | 303);
            assert_eq!(is_done, may, "{role} {act}: {} {}", done.status, done.text);
            if !may {
                assert_eq!(done.status, 403, "{role} {act}");
                assert!(!page.text.contains(&format!("/{act}\"")), "{role} {act}");
            }
        }
        let path = format!("/portal/people/{}/sessions", portal.chief);
        let above = portal.act(&browser, &path, &[]).await;
        let may = role == "EnterpriseAdmin";
        assert_eq!(
            above.status == 303,
            may,
            "{role} on a higher role: {}",
            above.text
        );
    }
}

/// CSRF: a form counts that a page of this session sent, and no other.
#[tokio::test]
async fn csrf_a_form_of_another_site_or_session_changes_nothing() {
    let portal = Portal::begin().await;
    let browser = portal.admin("EnterpriseAdmin").await;
    let path = format!("/portal/people/{}/active", portal.victim);
    let own = Portal::csrf(&browser);
    let other = portal.admin("EnterpriseAdmin").await;
    let of_other = Portal::csrf(&other);
    assert_ne!(own, of_other);

    for fields in [
        form(&[("active", "no")]),
        form(&[("active", "no"), ("csrf", "")]),
        form(&[("active", "no"), ("csrf", &of_other)]),
        form(&[("active", "no"), ("csrf", &own), ("csrf", &own)]),
    ] {
        let shown = browser.post(&path, &fields).await;
        assert_eq!(shown.status, 403, "{fields}");
        assert!(shown.text.contains("The form was not accepted"));
    }
    let url = url::Url::parse(SITE).unwrap().join(&path).unwrap();
    for origin in ["https://evil.example", "http://sub.contoso.example", "null"] {
        let request = browser
            .request(Method::POST, &url)
            .header(ORIGIN, origin)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form(&[("active", "no"), ("csrf", &own)]));
        let shown = browser.show(&url, request).await;
        assert_eq!(shown.status, 403, "{origin}");
    }
    assert_eq!(
        browser.get(&path).await.status,
        405,
        "a link changes nothing"
    );
    let with_query = format!("{path}?active=no&csrf={own}");
    assert_eq!(browser.post(&with_query, "").await.status, 403);
    assert!(portal.is_active(&portal.victim).await);

    let fields = form(&[("active", "no"), ("csrf", &own)]);
    let done = browser.post(&path, &fields).await;
    assert_eq!(done.status, 303);
    assert!(!portal.is_active(&portal.victim).await);
}

/// Clickjacking, and scripts from anywhere: what every page says to the browser.
#[tokio::test]
async fn clickjacking_no_page_is_shown_in_a_frame_or_runs_a_foreign_script() {
    let portal = Portal::begin().await;
    let browser = portal.admin("Admin").await;
    let nobody = portal.stage.browser();
    for path in PAGES
        .iter()
        .chain(&["/portal/people/nobody", "/portal/people?cursor=x"])
    {
        for shown in [browser.get(path).await, nobody.get(path).await] {
            let header = |name: &str| shown.headers[name].to_str().unwrap().to_owned();
            assert_eq!(header("x-frame-options"), "DENY", "{path}");
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            let policy = header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert!(
                !policy.contains("unsafe") && !policy.contains('*'),
                "{policy}"
            );
            let is_inline = ["<style", "<script>", " style=", " onclick=", "javascript:"];
            for inline in is_inline {
                assert!(!shown.text.contains(inline), "{path}: {inline}");
            }
        }
    }
}

/// XSS: what others wrote is text, wherever it is shown.
#[tokio::test]
async fn xss_names_with_markup_are_shown_as_they_are() {
    let portal = Portal::begin().await;
    let browser = portal.admin("Admin").await;
    for (number, name) in (0..).zip(ODD_NAMES) {
        let person = portal
            .add_called(&format!("odd{number}@contoso.example"), name)
            .await;
        let group = portal.add_group(name, &[&person]).await;
        let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        for path in [
            format!("/portal/people/{person}"),
            format!("/portal/groups/{group}"),
            format!("/portal/people?search={encoded}"),
            format!("/portal/groups?search={encoded}"),
            format!("/portal/people/{person}?done={encoded}"),
            "/portal/people".to_owned(),
            "/portal/groups".to_owned(),
        ] {
            let shown = browser.get(&path).await;
            assert_eq!(shown.status, 200, "{path}: {}", shown.text);
            for markup in ["<script>alert", "<img", "onerror=alert(1)>"] {
                assert!(!shown.text.contains(markup), "{path}: {markup}");
            }
            let is_shown = shown.text.contains(&escaped(name));
            assert!(is_shown || path.contains("done="), "{path}: {}", shown.text);
        }
        let search = format!("/portal/requests?connector={encoded}");
        assert_eq!(browser.get(&search).await.status, 400);
    }
}

#[tokio::test]
async fn a_name_of_a_thousand_characters_is_shown_whole() {
    let portal = Portal::begin().await;
    let browser = portal.admin("ReadOnly").await;
    let name = "Maximiliana".repeat(91);
    let person = portal.add_called("long@contoso.example", &name).await;
    let shown = browser.get(&format!("/portal/people/{person}")).await;
    assert!(shown.text.contains(&name));
}

/// Mass assignment: a form sets what it is for, and nothing of what else is written into it.
#[tokio::test]
async fn mass_assignment_a_form_sets_its_own_field_alone() {
    let portal = Portal::begin().await;
    let browser = portal.admin("Admin").await;
    let before = portal.person(&portal.victim).await;
    let path = format!("/portal/people/{}/active", portal.victim);
    let fields = [
        ("active", "yes"),
        ("role", "EnterpriseAdmin"),
        ("roles", "EnterpriseAdmin"),
        ("userName", "evil"),
        ("method", "BuiltIn"),
        ("id", portal.chief.as_str()),
        ("person", portal.chief.as_str()),
    ];
    assert_eq!(portal.act(&browser, &path, &fields).await.status, 303);
    let after = portal.person(&portal.victim).await;
    for attribute in ["roles", "userName", "displayName", "emails"] {
        assert_eq!(before[attribute], after[attribute], "{attribute}");
    }
}

/// Object-level authorization: an identifier alone opens nothing.
#[tokio::test]
async fn object_level_authorization_nobody_acts_on_a_higher_role_or_on_a_session_of_another() {
    let portal = Portal::begin().await;
    let browser = portal.admin("Admin").await;
    for (act, fields) in [
        ("active", ("active", "no")),
        ("role", ("role", "ReadOnly")),
        ("sessions", ("session", "x")),
        ("password-link", ("for", "reset")),
        ("sign-in-method", ("method", "BuiltIn")),
        ("second-factor", ("", "")),
    ] {
        let path = format!("/portal/people/{}/{act}", portal.chief);
        let shown = portal.act(&browser, &path, &[fields]).await;
        assert_eq!(shown.status, 403, "{act}: {}", shown.text);
        assert!(shown.text.contains("above your own"), "{}", shown.text);
    }
    let path = format!("/portal/people/{}/role", portal.victim);
    let shown = portal
        .act(&browser, &path, &[("role", "EnterpriseAdmin")])
        .await;
    assert_eq!(shown.status, 403, "a role above the own one is given");
    // The session of one person does not end through another.
    let page = browser
        .get(&format!("/portal/people/{}", portal.lena))
        .await;
    let session = hidden_field(&page.text, "name=\"session\" value=\"");
    let path = format!("/portal/people/{}/sessions", portal.victim);
    let shown = portal.act(&browser, &path, &[("session", &session)]).await;
    assert_eq!(shown.status, 404);
    assert_eq!(browser.get("/portal").await.status, 200);
}

#[tokio::test]
async fn who_loses_the_role_or_is_deactivated_sees_nothing_more() {
    let portal = Portal::begin().await;
    let browser = portal.admin("EnterpriseAdmin").await;
    assert_eq!(browser.get("/portal").await.status, 200);
    portal.give_role(&portal.lena, "Auditor").await;
    assert_eq!(browser.get("/portal").await.status, 403);
    portal.give_role(&portal.lena, "Admin").await;
    portal.stage.set_active(&portal.lena, false).await;
    assert_eq!(browser.get("/portal").await.status, 303);
    assert!(browser.cookie(SESSION).is_some());
}

#[tokio::test]
async fn no_page_is_greater_than_fifty_kilobytes() {
    let portal = Portal::begin().await;
    portal.fill().await;
    for number in 0..60 {
        let name = format!("person-with-an-ordinary-name-{number}@contoso.example");
        portal.stage.add(&name, &format!("n{number}")).await;
    }
    let browser = portal.admin("EnterpriseAdmin").await;
    let mut files = 0;
    let first = browser.get("/portal").await;
    for part in first
        .text
        .split(['"'])
        .filter(|it| it.starts_with("/portal/") && it.contains('.'))
    {
        files += browser.get(part).await.text.len();
    }
    for path in portal.pages().await {
        let size = browser.get(&path).await.text.len() + files;
        assert!(size <= 50 * 1024, "{path}: {size}");
    }
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_before_ended() {
    let portal = Portal::begin().await;
    for number in 0..60 {
        portal
            .stage
            .add(
                &format!("p{number:02}@contoso.example"),
                &format!("n{number}"),
            )
            .await;
    }
    let browser = portal.admin("ReadOnly").await;
    let first = browser.get("/portal/people").await;
    let next = first.text.split("\" rel=\"next\"").next().unwrap();
    let next = next.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    let second = browser.get(&next).await;
    assert_eq!(second.status, 200);
    assert!(first.text.contains("p00@") && !first.text.contains("p59@"));
    assert!(second.text.contains("p59@") && !second.text.contains("p00@"));
    assert!(!second.text.contains("rel=\"next\""));
}

/// Text as the templates write it.
fn escaped(text: &str) -> String {
    let parts = text.chars().map(|it| match it {
        '<' | '>' | '&' | '"' | '\'' => format!("&#{};", u32::from(it)),
        other => other.to_string(),
    });
    parts.collect()
}

impl Portal {
    /// Sends a form of the page that the browser has open.
    async fn act(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Shown {
        let csrf = Self::csrf(browser);
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        browser.post(path, &form(&all)).await
    }

    pub(crate) async fn is_active(&self, id: &str) -> bool {
        self.person(id).await["active"] != json!(false)
    }

    async fn person(&self, id: &str) -> Value {
        let path = format!("/Users/{id}");
        self.stage.workload.send("GET", &path, None).await.1
    }
}
