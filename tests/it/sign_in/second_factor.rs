//! The second factor: set up, asked for, used once, lost, and reset.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::time::Duration;

use ring::hmac;
use serde_json::Value;
use tempfile::TempDir;
use usher::clock::{Clock, ManualClock};
use usher::config::{SealingKey, SecondFactorConfig};

use super::browser::{Browser, Shown};
use super::passwords::{PASSWORD, form, onward, present, set, stage_with};
use super::{SESSION, Stage};
use crate::workload_server::{REPORT_TOKEN, client};

const ANA: &str = "ana@contoso.example";

/// The policy, with a sealing key in `folder`.
pub(crate) fn second_factor(folder: &Path, required: bool) -> SecondFactorConfig {
    let sealing_key_file = folder.join("sealing-key");
    if !sealing_key_file.exists() {
        let key = SealingKey::from_random([7; 32]);
        std::fs::write(&sealing_key_file, key.reveal()).unwrap();
    }
    SecondFactorConfig {
        required,
        sealing_key_file,
    }
}

/// A stage where people may, or must, have a second factor; the folder has the sealing key.
pub(crate) async fn stage(required: bool) -> (Stage, TempDir) {
    let folder = TempDir::new().unwrap();
    let stage = stage_with(|it| {
        let sign_in = it.sign_in.as_mut().unwrap();
        sign_in.second_factor = Some(second_factor(folder.path(), required));
        it.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    (stage.await, folder)
}

/// An authenticator app: what a phone makes of a key, written apart from the program.
pub(crate) struct App(Vec<u8>);

impl App {
    /// With the key that a page shows.
    pub(crate) fn of(page: &str) -> Self {
        let (_, rest) = page
            .split_once("<p class=\"key\">")
            .unwrap_or_else(|| panic!("{page}"));
        Self::with_key(rest.split('<').next().unwrap())
    }

    pub(crate) fn with_key(key: &str) -> Self {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let values = key.chars().filter_map(|it| alphabet.find(it));
        let bits: Vec<usize> = values
            .flat_map(|value| (0..5).rev().map(move |bit| value >> bit & 1))
            .collect();
        let byte = |it: &[usize]| it.iter().fold(0, |byte, bit| byte << 1 | bit);
        let bytes = bits.chunks_exact(8).map(byte);
        Self(bytes.map(|it| u8::try_from(it).unwrap()).collect())
    }

    pub(crate) fn code(&self, second: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &(second / 30).to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    fn now(&self, clock: &ManualClock) -> String {
        self.code(clock.now().as_second())
    }
}

fn ticket(shown: &Shown) -> String {
    let (_, rest) = shown
        .text
        .split_once("name=\"ticket\" value=\"")
        .unwrap_or_else(|| panic!("{}", shown.text));
    rest.split('"').next().unwrap().to_owned()
}

fn recovery_codes(shown: &Shown) -> Vec<String> {
    let parts = shown.text.split("<code>").skip(1);
    let codes: Vec<String> = parts
        .map(|it| it.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10, "{}", shown.text);
    codes
}

/// Presents a code for who was just asked for one.
async fn code(browser: &Browser, asked: &Shown, code: &str) -> Shown {
    let fields = [("ticket", ticket(asked)), ("code", code.to_owned())];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    browser.post("/second-factor", &form(&fields)).await
}

async fn recover(browser: &Browser, asked: &Shown, code: &str) -> Shown {
    let fields = [
        ("ticket", ticket(asked)),
        ("recovery_code", code.to_owned()),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    browser.post("/second-factor", &form(&fields)).await
}

async fn change(browser: &Browser, password: &str, change: &str) -> Shown {
    let fields = [("password", password), ("change", change)];
    browser.post("/account/second-factor", &form(&fields)).await
}

impl Stage {
    /// Ana's browser, her app and her recovery codes.
    async fn with_app(&self) -> (Browser, App, Vec<String>) {
        self.add_ana().await;
        let browser = self.browser();
        present(&browser, ANA, PASSWORD).await;
        let page = change(&browser, PASSWORD, "set-up").await;
        let app = App::of(&page.text);
        let fields = [("ticket", ticket(&page)), ("code", app.now(&self.clock))];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let done = browser.post("/account/second-factor", &form(&fields)).await;
        self.clock.advance(Duration::from_mins(1));
        (browser, app, recovery_codes(&done))
    }

    /// A browser in which Ana, who must have a second factor, has set it up and is signed in.
    pub(crate) async fn with_session(&self) -> Browser {
        let browser = self.browser();
        let page = present(&browser, ANA, PASSWORD).await;
        let app = App::of(&page.text);
        code(&browser, &page, &app.now(&self.clock)).await;
        assert!(self.is_signed_in(&browser).await);
        browser
    }

    pub(crate) async fn reset(&self, person: &str) -> (u16, String) {
        let report = self.workload.server.report_addr().unwrap();
        let query = form(&[("person", person)]);
        let request = client().post(format!("http://{report}/second-factor-reset?{query}"));
        let response = request.bearer_auth(REPORT_TOKEN).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn told(&self, path: &str) -> Value {
        let report = self.workload.server.report_addr().unwrap();
        let request = client().get(format!("http://{report}{path}"));
        let response = request.bearer_auth(REPORT_TOKEN).send().await.unwrap();
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn who_set_up_an_app_is_asked_for_its_code() {
    let (stage, _folder) = stage(false).await;
    let (_, app, _) = stage.with_app().await;
    let browser = stage.browser();

    let asked = present(&browser, ANA, PASSWORD).await;

    assert_eq!(asked.status, 200);
    assert!(
        asked.text.contains("autocomplete=\"one-time-code\""),
        "{}",
        asked.text
    );
    assert_eq!(
        browser.cookie(SESSION),
        None,
        "the password alone is not enough"
    );
    assert!(!stage.is_signed_in(&browser).await);
    let wrong = code(&browser, &asked, "000000").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text.contains("The code is wrong."), "{}", wrong.text);
    assert_eq!(browser.cookie(SESSION), None);
    let done = code(&browser, &wrong, &app.now(&stage.clock)).await;
    assert_eq!((done.status, onward(&done).as_str()), (200, "/signed-in"));
    assert!(stage.is_signed_in(&browser).await);
}

/// RFC 6238, section 5.2: a code is good once, whoever saw it.
#[tokio::test]
async fn a_code_is_good_once_and_shortly() {
    let (stage, _folder) = stage(false).await;
    let (_, app, _) = stage.with_app().await;
    let asked = present(&stage.browser(), ANA, PASSWORD).await;
    let now = app.now(&stage.clock);

    let browsers: Vec<Browser> = (0..5).map(|_| stage.browser()).collect();
    let all = browsers.iter().map(|it| code(it, &asked, &now));
    let all = futures::future::join_all(all).await;

    assert_eq!(all.iter().filter(|it| it.status == 200).count(), 1);
    stage.clock.advance(Duration::from_secs(30));
    let again = code(&stage.browser(), &asked, &now).await;
    assert_eq!(
        again.status, 403,
        "it would be good for another half a minute"
    );
    let next = app.now(&stage.clock);
    stage.clock.advance(Duration::from_mins(1));
    assert_eq!(
        code(&stage.browser(), &asked, &next).await.status,
        403,
        "too late"
    );
}

#[tokio::test]
async fn a_ticket_is_good_for_its_person_and_password_and_for_fifteen_minutes() {
    let (stage, _folder) = stage(false).await;
    let (_, app, _) = stage.with_app().await;
    let browser = stage.browser();
    let asked = present(&browser, ANA, PASSWORD).await;

    for forged in ["", "AAAA", &ticket(&asked)[1..]] {
        let now = app.now(&stage.clock);
        let fields = [("ticket", forged), ("code", now.as_str())];
        let refused = browser.post("/second-factor", &form(&fields)).await;
        assert_eq!(refused.status, 400, "{forged}");
        assert!(
            refused.text.contains("cannot be finished"),
            "{}",
            refused.text
        );
    }
    stage.clock.advance(Duration::from_mins(15));
    assert_eq!(
        code(&browser, &asked, &app.now(&stage.clock)).await.status,
        400
    );

    let asked = present(&browser, ANA, PASSWORD).await;
    let link = stage.link(ANA).await;
    let other = "violet engine under snow";
    let page = set(&browser, &link, other).await;
    assert!(
        page.text.contains("one-time-code"),
        "a link is no way round: {}",
        page.text
    );
    assert_eq!(browser.cookie(SESSION), None);
    assert_eq!(
        code(&browser, &asked, &app.now(&stage.clock)).await.status,
        400
    );
    assert_eq!(
        code(&browser, &page, &app.now(&stage.clock)).await.status,
        200
    );
    assert_eq!(browser.get("/second-factor").await.status, 303);
}

#[tokio::test]
async fn a_recovery_code_is_good_once_however_it_is_typed() {
    let (stage, _folder) = stage(false).await;
    let (own, _, codes) = stage.with_app().await;
    let browser = stage.browser();
    let asked = present(&browser, ANA, PASSWORD).await;

    assert_eq!(
        recover(&browser, &asked, "aaaa-aaaa-aaaa-aaaa")
            .await
            .status,
        403
    );
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(recover(&browser, &asked, &typed).await.status, 200);
    assert!(stage.is_signed_in(&browser).await);
    let again = stage.browser();
    let asked = present(&again, ANA, PASSWORD).await;
    assert_eq!(recover(&again, &asked, &codes[3]).await.status, 403);
    let account = own.get("/account").await;
    assert!(
        account.text.contains("9 recovery codes are left"),
        "{}",
        account.text
    );

    let renewed = recovery_codes(&change(&own, PASSWORD, "recovery-codes").await);
    assert_eq!(recover(&again, &asked, &codes[4]).await.status, 403);
    assert_eq!(recover(&again, &asked, &renewed[4]).await.status, 200);
}

/// Only who knows the password guesses at all, and a new one begins anew.
#[tokio::test]
async fn who_guesses_codes_is_stopped_and_locks_out_nobody_who_is_known() {
    let (stage, _folder) = stage(false).await;
    let (own, app, _) = stage.with_app().await;
    let stranger = stage.browser();
    let asked = present(&stranger, ANA, PASSWORD).await;

    let guesses = futures::future::join_all((0..15).map(|_| code(&stranger, &asked, "000000")));
    let guesses: Vec<u16> = guesses.await.iter().map(|it| it.status).collect();

    assert_eq!(
        guesses.iter().filter(|it| **it == 403).count(),
        10,
        "{guesses:?}"
    );
    let right = code(&stranger, &asked, &app.now(&stage.clock)).await;
    assert_eq!(right.status, 429);
    assert!(right.headers.contains_key("retry-after"));
    own.post("/sign-out", "").await;
    let asked = present(&own, ANA, PASSWORD).await;
    assert_eq!(code(&own, &asked, &app.now(&stage.clock)).await.status, 200);

    stage.clock.advance(Duration::from_mins(1));
    let link = stage.link(ANA).await;
    let elsewhere = stage.browser();
    let asked = set(&elsewhere, &link, "violet engine under snow").await;
    let done = code(&elsewhere, &asked, &app.now(&stage.clock)).await;
    assert_eq!(done.status, 200, "another password begins anew");
}

#[tokio::test]
async fn who_must_have_one_sets_it_up_at_the_next_sign_in() {
    let (stage, _folder) = stage(true).await;
    stage.add_ana().await;
    let browser = stage.browser();
    let fields = [
        ("user_name", ANA),
        ("password", PASSWORD),
        ("return_to", "http://wiki.contoso.example/page"),
    ];
    let page = browser.post("/password", &form(&fields)).await;
    assert!(
        page.text.contains("Set up a second factor"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<svg"), "{}", page.text);
    assert_eq!(browser.cookie(SESSION), None);
    let other_tab = present(&browser, ANA, PASSWORD).await;

    let wrong = code(&browser, &page, "000000").await;
    assert_eq!(wrong.status, 403);
    let app = App::of(&page.text);
    assert_eq!(App::of(&wrong.text).0, app.0, "it is the same key");
    let sent = [
        ("ticket", ticket(&wrong)),
        ("code", app.now(&stage.clock)),
        ("return_to", "http://wiki.contoso.example/page".to_owned()),
    ];
    let sent = sent.each_ref().map(|(name, value)| (*name, value.as_str()));
    let done = browser.post("/second-factor", &form(&sent)).await;

    recovery_codes(&done);
    assert!(
        done.text
            .contains("href=\"http://wiki.contoso.example/page\""),
        "{}",
        done.text
    );
    assert!(stage.is_signed_in(&browser).await);
    // Who knows the password alone puts no other app in its place.
    let late = App::of(&other_tab.text);
    let late = code(&browser, &other_tab, &late.now(&stage.clock)).await;
    assert_eq!(late.status, 400);
    let account = browser.get("/account").await;
    assert!(
        !account.text.contains("value=\"remove\""),
        "{}",
        account.text
    );
    change(&browser, PASSWORD, "remove").await;
    let asked = present(&stage.browser(), ANA, PASSWORD).await;
    assert!(asked.text.contains("one-time-code"), "{}", asked.text);
}

#[tokio::test]
async fn each_change_asks_for_the_password() {
    let (stage, _folder) = stage(false).await;
    let (own, app, _) = stage.with_app().await;
    for what in ["set-up", "recovery-codes", "remove"] {
        let refused = change(&own, "wrong", what).await;
        assert_eq!(refused.status, 403, "{what}");
        assert!(
            refused
                .text
                .contains("The user name or the password is wrong."),
            "{what}"
        );
    }
    let nobody = change(&stage.browser(), PASSWORD, "remove").await;
    assert_eq!(nobody.status, 303);
    let asked = present(&stage.browser(), ANA, PASSWORD).await;
    assert!(asked.text.contains("one-time-code"));

    let page = change(&own, PASSWORD, "set-up").await;
    let new = App::of(&page.text);
    let fields = [("ticket", ticket(&page)), ("code", new.now(&stage.clock))];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    own.post("/account/second-factor", &form(&fields)).await;
    stage.clock.advance(Duration::from_mins(1));
    let old = code(&stage.browser(), &asked, &app.now(&stage.clock)).await;
    assert_eq!(old.status, 403, "the former app");
    let new = code(&stage.browser(), &asked, &new.now(&stage.clock)).await;
    assert_eq!(new.status, 200);

    assert_eq!(change(&own, PASSWORD, "remove").await.status, 303);
    let browser = stage.browser();
    present(&browser, ANA, PASSWORD).await;
    assert!(stage.is_signed_in(&browser).await);
}

#[tokio::test]
async fn an_administrator_resets_it_and_all_sessions_end() {
    let (stage, _folder) = stage(false).await;
    let (own, ..) = stage.with_app().await;
    let told = stage.told(&format!("/person?person={ANA}")).await;
    assert_eq!(told["secondFactor"]["recoveryCodes"], 10, "{told}");

    let (status, said) = stage.reset(ANA).await;

    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\"hadSecondFactor\": true"), "{said}");
    assert!(!stage.is_signed_in(&own).await);
    let browser = stage.browser();
    present(&browser, ANA, PASSWORD).await;
    assert!(stage.is_signed_in(&browser).await);
    let told = stage.told(&format!("/person?person={ANA}")).await;
    assert_eq!(told["secondFactor"], Value::Null, "{told}");
    let events: Vec<&str> = told["audit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["events"][0].as_str().unwrap())
        .collect();
    assert_eq!(
        events[1..3],
        ["SecondFactorReset", "Exported"],
        "{events:?}"
    );
    assert_eq!(events[3], "SecondFactorAdded");
    assert!(stage.reset(ANA).await.1.contains("false"));
    assert_eq!(stage.reset("nobody@contoso.example").await.0, 404);
}

/// Without the key nobody is let in by the password alone; a recovery code needs none.
#[tokio::test]
async fn without_the_sealing_key_nobody_passes_and_with_another_one_a_recovery_code_does() {
    let (stage, folder) = stage(false).await;
    let (_, app, codes) = stage.with_app().await;
    let file = folder.path().join("sealing-key");
    std::fs::remove_file(&file).unwrap();
    let browser = stage.browser();
    assert_eq!(present(&browser, ANA, PASSWORD).await.status, 503);
    assert_eq!(browser.cookie(SESSION), None);

    std::fs::write(&file, SealingKey::from_random([8; 32]).reveal()).unwrap();
    let asked = present(&browser, ANA, PASSWORD).await;
    let unreadable = code(&browser, &asked, &app.now(&stage.clock)).await;
    assert_eq!(unreadable.status, 503);
    assert!(
        unreadable.text.contains("cannot be checked any more"),
        "{}",
        unreadable.text
    );
    assert_eq!(recover(&browser, &unreadable, &codes[0]).await.status, 200);
}
