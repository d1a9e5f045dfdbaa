//! The portal in Chromium: each page empty, full and refused, on every screen, by keys alone; and what leaves the site.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};

use super::browser::Chromium;
use super::{DESKTOP, PHONE, keep};
use crate::portal::faults::{AWAY, Fragile};
use crate::portal::stage::{Portal, ROLES};
use crate::programs::run;
use crate::sign_in::SESSION;
use crate::sign_in::browser::SITE;

/// Keys as `WebDriver` writes them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Bytes of a page with all that it loads.
const MOST_BYTES: u64 = 50 * 1024;

impl Chromium {
    /// Is signed in from now on as Lena, who has this role.
    async fn be(&self, portal: &Portal, role: &str) {
        let browser = portal.admin(role).await;
        self.open(&format!("{SITE}/sign-in/none")).await;
        self.give_cookie(SESSION, &browser.cookie(SESSION).unwrap())
            .await;
        self.complaints().await;
    }

    async fn visit(&self, path: &str) {
        self.open(&format!("{SITE}{path}")).await;
    }

    /// Looks at the page that is open: pictures of each screen, findings where size and colours differ most.
    async fn inspect(&self, name: &str) {
        let axe = run("axe", &[]).unwrap();
        for (size, place) in [(PHONE, "phone"), (DESKTOP, "desktop")] {
            for scheme in ["light", "dark"] {
                let seen = format!("portal-{name}-{place}-{scheme}");
                self.look_as(size, scheme).await;
                keep(&seen, &self.picture().await);
                if (place == "phone") == (scheme == "dark") {
                    continue;
                }
                let overflow = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
                assert_eq!(self.run(overflow).await, 0, "{seen} is too wide");
                let found = format!(
                    "const said = arguments[0]; {axe}; axe.run().then(it => said(it.violations.map(it => [it.impact, it.id, it.nodes[0].html])))"
                );
                assert_eq!(self.run_on(&found).await, json!([]), "{seen}");
            }
        }
        self.stays_here(name).await;
    }

    /// Nothing was asked of another site, no policy was broken, and not much was sent.
    async fn stays_here(&self, name: &str) {
        let asked = self.run("return performance.getEntries().filter(it => it.transferSize !== undefined).map(it => [it.name, it.encodedBodySize])").await;
        let mut bytes = 0;
        for entry in asked.as_array().unwrap() {
            let url = entry[0].as_str().unwrap();
            assert!(url.starts_with(&format!("{SITE}/")), "{name}: {url}");
            bytes += entry[1].as_u64().unwrap();
        }
        assert!(bytes <= MOST_BYTES, "{name}: {bytes}");
        let complaints = self.complaints().await;
        // A refused page has a status of its own, which Chromium tells as well.
        let complaints = complaints
            .iter()
            .filter(|it| !it.contains("the server responded with a status of"));
        assert_eq!(complaints.count(), 0, "{name}");
    }

    /// Presses Tab until the focus is on what `selector` says.
    async fn tab_to(&self, selector: &str) {
        let is_there = format!("return document.activeElement?.matches({selector:?}) === true");
        for _ in 0..60 {
            self.press(TAB).await;
            if self.run(&is_there).await == true {
                return;
            }
        }
        let all = self.run("return document.body.innerText").await;
        panic!("no key leads to {selector}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_is_for_everybody_on_every_screen() {
    let portal = Portal::begin().await;
    let at = portal.stage.workload.server.local_addr();
    let page = Chromium::start("contoso.example", at).await;

    // Nobody was provisioned but who looks.
    page.be(&portal, "EnterpriseAdmin").await;
    for (path, name) in [
        ("/portal", "empty-overview"),
        ("/portal/people?search=nobody", "empty-people"),
        ("/portal/groups", "empty-groups"),
        ("/portal/requests?method=DELETE", "empty-requests"),
        ("/portal/held", "empty-held"),
    ] {
        page.visit(path).await;
        page.inspect(name).await;
    }

    portal.fill().await;
    let group = portal.first_group().await;
    let (request, refused) = portal.two_requests().await;
    for (path, name) in [
        ("/portal", "overview"),
        ("/portal/people", "people"),
        (&format!("/portal/people/{}", portal.victim), "person"),
        ("/portal/groups", "groups"),
        (&format!("/portal/groups/{group}"), "group"),
        ("/portal/connectors", "connectors"),
        ("/portal/connectors/entra", "connector"),
        ("/portal/requests", "requests"),
        (&request, "request"),
        (&refused, "request-refused"),
        ("/portal/held", "held"),
        ("/portal/settings", "settings"),
        ("/portal/people/nobody", "not-found"),
        ("/portal/people?cursor=x", "not-understood"),
    ] {
        page.visit(path).await;
        page.inspect(name).await;
    }
    let long = portal
        .add_called("long@contoso.example", &"Maximiliana".repeat(91))
        .await;
    page.visit(&format!("/portal/people/{long}")).await;
    page.inspect("person-long").await;

    // What depends on the role is one page; the others have been seen.
    for role in ROLES {
        page.be(&portal, role).await;
        for (path, name) in [("/portal", "overview"), ("/portal/people", "people")] {
            page.visit(path).await;
            page.stays_here(&format!("{name}-{role}")).await;
        }
        page.visit(&format!("/portal/people/{}", portal.victim))
            .await;
        page.inspect(&format!("person-as-{}", role.to_lowercase()))
            .await;
    }
    portal.give_role(&portal.lena, "none").await;
    page.visit("/portal").await;
    page.inspect("no-role").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_is_used_by_keys_alone_and_without_script() {
    let portal = Portal::begin().await;
    portal.fill().await;
    let at = portal.stage.workload.server.local_addr();
    let page = Chromium::start("contoso.example", at).await;
    page.be(&portal, "Admin").await;

    page.visit("/portal").await;
    page.tab_to("a.skip").await;
    page.tab_to("nav a[href$='/people']").await;
    page.press(ENTER).await;
    page.wait_for("People").await;
    page.tab_to("[name=search]").await;
    page.press("dana").await;
    page.press(ENTER).await;
    page.wait_until_there("input[value=dana]").await;
    page.tab_to("td a").await;
    page.press(ENTER).await;
    page.wait_for("Name of dana@partner.example").await;
    page.tab_to("form[action$='/password-link'] button").await;
    page.press(ENTER).await;
    page.wait_for("A link for Name of dana@partner.example")
        .await;
    page.inspect("link").await;
    page.tab_to("main a.button").await;
    page.press(ENTER).await;
    page.wait_for("Name of dana@partner.example").await;
    page.tab_to("form[action$='/active'] button").await;
    page.press(ENTER).await;
    page.wait_until_there(".notice.good").await;
    page.inspect("person-deactivated").await;
    assert_eq!(
        page.run("return document.querySelector('.head .state').innerText")
            .await,
        "Deactivated"
    );

    // The script writes times anew, and shows the buttons that copy.
    page.visit("/portal/connectors/entra").await;
    assert_eq!(
        page.run("return document.querySelector('[data-copies]').hidden")
            .await,
        false
    );
    assert_ne!(
        page.run("return document.querySelector('time').title")
            .await,
        Value::from("")
    );
    let plain = portal
        .admin("Admin")
        .await
        .get("/portal/connectors/entra")
        .await;
    assert!(plain.text.contains(" UTC</time>"), "{}", plain.text);
    assert!(plain.text.contains("readonly"), "{}", plain.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_without_its_store_says_so_on_every_screen() {
    let fragile = Fragile::begin().await;
    let portal = &fragile.portal;
    let at = portal.stage.workload.server.local_addr();
    let page = Chromium::start("contoso.example", at).await;
    page.be(portal, "Admin").await;

    fragile.take("resource");
    for path in ["/portal", "/portal/people", "/portal/requests"] {
        page.visit(path).await;
        page.wait_for(AWAY).await;
    }
    page.inspect("away").await;
    fragile.give_back("resource");
    fragile.take("record");
    page.visit("/portal/requests").await;
    page.wait_for(AWAY).await;
    page.inspect("one-page-away").await;
    page.tab_to("nav a[href$='/people']").await;
    page.press(ENTER).await;
    page.wait_for("People").await;
    fragile.give_back("record");

    fragile.refuse_writes();
    page.visit(&format!("/portal/people/{}", portal.victim))
        .await;
    page.click("form[action$='/active'] button").await;
    page.wait_for(AWAY).await;
    page.inspect("not-written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_those_of_the_reader_and_what_is_copied_is_whole() {
    let portal = Portal::begin().await;
    portal.fill().await;
    let at = portal.stage.workload.server.local_addr();
    let page = Chromium::start("contoso.example", at).await;
    page.be(&portal, "Admin").await;
    let shown =
        "const time = document.querySelector('main time'); return [time.title, time.textContent]";
    let mut seen = Vec::new();
    for zone in ["Asia/Tokyo", "America/Los_Angeles"] {
        page.be_in(zone).await;
        page.visit("/portal/held").await;
        let times = page.run(shown).await;
        assert_eq!(times[0], "2026-02-01 00:00 UTC", "{zone}");
        seen.push(times[1].as_str().unwrap().replace('\u{202f}', " "));
    }
    assert_eq!(seen, ["Feb 1, 2026, 9:00 AM", "Jan 31, 2026, 4:00 PM"]);

    for (path, field) in [
        ("/portal/held", "pre"),
        ("/portal/connectors/entra", "input"),
    ] {
        page.visit(path).await;
        page.click("[data-copies]").await;
        let copied = format!(
            "const field = document.querySelector('{field}[id]'); const said = document.querySelector('[data-copies]').textContent;
             return [said, getSelection().toString(), field.value ?? field.textContent]"
        );
        let copied = page.run(&copied).await;
        assert_ne!(copied[0], "Copy", "{path}");
        assert_eq!(copied[1], copied[2], "{path}");
    }
    let complaints = page.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
}

impl Portal {
    async fn first_group(&self) -> String {
        let groups = self.stage.workload.send("GET", "/Groups", None).await.1;
        groups["Resources"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The path of a request that was done, and of one that was refused.
    async fn two_requests(&self) -> (String, String) {
        let browser = self.admin("ReadOnly").await;
        let mut paths = Vec::new();
        for query in ["failed=no&method=POST", "failed=yes&method=POST"] {
            let list = browser.get(&format!("/portal/requests?{query}")).await.text;
            let path = list
                .split('"')
                .find(|it| it.starts_with("/portal/requests/"));
            paths.push(path.unwrap_or_else(|| panic!("{list}")).to_owned());
        }
        let refused = paths.remove(1);
        self.give_role(&self.lena, "EnterpriseAdmin").await;
        (paths.remove(0), refused)
    }
}
