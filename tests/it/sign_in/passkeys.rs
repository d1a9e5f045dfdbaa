//! Passkeys: made for who knows the password, and asked for once each time.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::browser::{Browser, SITE, Shown};
use super::passwords::{PASSWORD, form, onward, present};
use super::{SESSION, second_factor};

const ANA: &str = "ana@contoso.example";

/// An authenticator with one passkey, written apart from the program.
struct Authenticator {
    pair: EcdsaKeyPair,
    counter: u32,
    person: String,
}

impl Authenticator {
    fn of(person: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self {
            pair: EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap(),
            counter: 1,
            person: person.to_owned(),
        }
    }

    fn client_data(kind: &str, page: &Shown) -> String {
        let said = json!({"type": kind, "challenge": value(page, "challenge"), "origin": SITE, "crossOrigin": false});
        said.to_string()
    }

    fn data(&self, flags: u8, rest: &[u8]) -> Vec<u8> {
        let hash = Sha256::digest("contoso.example");
        [hash.as_slice(), &[flags], &self.counter.to_be_bytes(), rest].concat()
    }

    /// Makes the passkey that `page` asks for.
    async fn make(&self, browser: &Browser, page: &Shown) -> Shown {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let head: &[u8] = &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20];
        let credential = [
            [0; 16].as_slice(),
            &[0, 2],
            b"id".as_slice(),
            head,
            x,
            &[0x22, 0x58, 0x20],
            y,
        ];
        let client_data = URL_SAFE_NO_PAD.encode(Self::client_data("webauthn.create", page));
        let data = URL_SAFE_NO_PAD.encode(self.data(0x45, &credential.concat()));
        let fields = [
            ("ticket", value(page, "ticket")),
            ("challenge", value(page, "challenge")),
            ("client_data", client_data),
            ("authenticator_data", data),
        ];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        browser.post("/account/passkeys", &form(&fields)).await
    }

    /// The form that answers `page`.
    fn show(&mut self, page: &Shown) -> String {
        self.counter += 1;
        let (client_data, data) = (Self::client_data("webauthn.get", page), self.data(5, &[]));
        let hash = Sha256::digest(&client_data);
        let signed = [data.as_slice(), hash.as_slice()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &signed).unwrap();
        let fields = [
            ("challenge", value(page, "challenge")),
            ("id", URL_SAFE_NO_PAD.encode("id")),
            ("client_data", URL_SAFE_NO_PAD.encode(client_data)),
            ("authenticator_data", URL_SAFE_NO_PAD.encode(data)),
            ("signature", URL_SAFE_NO_PAD.encode(signature)),
            ("user_handle", URL_SAFE_NO_PAD.encode(&self.person)),
        ];
        form(
            &fields
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
        )
    }
}

/// The value of a field of a page.
fn value(page: &Shown, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .text
        .split_once(&field)
        .unwrap_or_else(|| panic!("{}", page.text));
    rest.split('"').next().unwrap().to_owned()
}

async fn make(browser: &Browser, person: &str) -> Authenticator {
    let fields = form(&[("password", PASSWORD), ("change", "add")]);
    let page = browser.post("/account/passkeys", &fields).await;
    let authenticator = Authenticator::of(person);
    let done = authenticator.make(browser, &page).await;
    assert_eq!(done.status, 303, "{}", done.text);
    authenticator
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_name_and_each_challenge_once() {
    let (stage, _folder) = second_factor::stage(true).await;
    let id = stage.add_ana().await;
    let own = stage.with_session().await;
    let mut authenticator = make(&own, &id).await;
    let browser = stage.browser();

    let page = browser.post("/passkey", "").await;
    let script = page.headers["content-security-policy"].to_str().unwrap();
    assert!(script.contains("script-src 'self'"), "{script}");
    let answer = authenticator.show(&page);
    let stolen = stage.browser().post("/passkey", &answer).await;
    assert_eq!(stolen.status, 400, "another browser");
    let done = browser.post("/passkey", &answer).await;
    assert_eq!((done.status, onward(&done).as_str()), (200, "/signed-in"));
    assert!(stage.is_signed_in(&browser).await);
    let again = browser.post("/passkey", &answer).await;
    assert_eq!(again.status, 400, "the challenge is spent");

    let page = browser.post("/passkey", "").await;
    authenticator.counter = 0;
    let copied = browser.post("/passkey", &authenticator.show(&page)).await;
    assert_eq!(copied.status, 403);
    assert!(copied.text.contains("was not accepted"), "{}", copied.text);
    let stranger = stage.browser();
    let page = stranger.post("/passkey", "").await;
    let forged = Authenticator::of(&id).show(&page);
    assert_eq!(stranger.post("/passkey", &forged).await.status, 403);
    assert_eq!(stranger.cookie(SESSION), None);
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_and_goes_with_a_reset() {
    let (stage, _folder) = second_factor::stage(false).await;
    let id = stage.add_ana().await;
    let own = stage.browser();
    present(&own, ANA, PASSWORD).await;
    let wrong = form(&[("password", "wrong"), ("change", "add")]);
    assert_eq!(own.post("/account/passkeys", &wrong).await.status, 403);
    let mut authenticator = make(&own, &id).await;

    let browser = stage.browser();
    let asked = present(&browser, ANA, PASSWORD).await;
    assert!(asked.text.contains("Use a passkey"), "{}", asked.text);
    assert!(!asked.text.contains("one-time-code"), "{}", asked.text);
    assert_eq!(browser.cookie(SESSION), None);
    let page = browser.post("/passkey", "").await;
    browser.post("/passkey", &authenticator.show(&page)).await;
    assert!(stage.is_signed_in(&browser).await);

    stage.set_active(&id, false).await;
    let page = browser.post("/passkey", "").await;
    let away = browser.post("/passkey", &authenticator.show(&page)).await;
    assert!(
        away.text.contains("Your account is deactivated"),
        "{}",
        away.text
    );
    stage.set_active(&id, true).await;
    assert_eq!(stage.reset(ANA).await.0, 200);
    let page = browser.post("/passkey", "").await;
    let gone = browser.post("/passkey", &authenticator.show(&page)).await;
    assert!(
        gone.text.contains("Nobody here has this passkey"),
        "{}",
        gone.text
    );
    let asked = present(&stage.browser(), ANA, PASSWORD).await;
    assert_eq!(onward(&asked), "/signed-in");
}
