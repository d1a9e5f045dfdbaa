//! A certified provider that nobody here wrote does wrong in each way of A1 to A5: what a whole sign-in at it comes to.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use usher::clock::{Clock, ManualClock, SystemClock};

use super::browser::{Browser, SITE};
use super::entra::{Entra, LENA, as_person, follow};
use super::provider::{CLIENT_ID, ENTRA_TENANT, OBJECT_ID};
use super::{SESSION, sign_in_at};
use crate::workload_server::{Workload, answer};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const OTHER_TENANT: &str = "22222222-2222-3333-4444-555555555555";

const OUT_OF_REACH: &str = "Microsoft Entra cannot be reached";
const NOT_BEGUN_HERE: &str = "It was begun in another browser";
const OTHER_ISSUER: &str = "the answer is that of another issuer (iss)";
const WRONG_NONCE: &str = "the nonce is not that of the request";
const WRONG_ALGORITHM: &str = "not signed by RS256, PS256 or ES256";
const WRONG_SIGNATURE: &str = "The signature of the token is wrong";
const UNKNOWN_KEY: &str = "signed by a key that its issuer does not have";

/// What the provider does, as tests/conformance/entra/misconduct.mjs has it; the status of the page that a sign-in ends at, and words
/// on it.
type Way = (Value, u16, &'static str);

struct Stage {
    entra: Entra,
    workload: Workload,
    clock: ManualClock,
    /// Who is signed in all along.
    before: Browser,
    /// Who tries to sign in.
    visitor: Browser,
    _secrets: TempDir,
}

/// A sign-in of another browser, which has its way back open.
struct Begun {
    state: String,
    nonce: String,
    code: String,
    back: String,
}

fn parameter(address: &str, name: &str) -> String {
    let url = Url::parse(address).unwrap();
    let found = url.query_pairs().find(|it| it.0 == name);
    found.unwrap().1.into_owned()
}

impl Stage {
    async fn begin() -> Self {
        let entra = Entra::start(SITE, "entra");
        let secrets = TempDir::new().unwrap();
        let issuer: Url = entra.issuer().parse().unwrap();
        // The provider has the time of this machine.
        let clock = ManualClock::at(SystemClock.now());
        let workload = Workload::start_at(clock.clone(), |tenant| {
            let mut sign_in = sign_in_at(issuer, secrets.path());
            sign_in.session.idle_minutes = sign_in.session.absolute_minutes;
            tenant.sign_in = Some(sign_in);
        });
        let workload = workload.await;
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": LENA, "externalId": OBJECT_ID,
        });
        let (status, made) = workload.send("POST", "/Users", Some(&person)).await;
        assert_eq!(status, 201, "{made}");
        let browser = || Browser::new(workload.server.local_addr());
        Self {
            before: browser(),
            visitor: browser(),
            entra,
            workload,
            clock,
            _secrets: secrets,
        }
    }

    /// Tells the provider what to do from now on; says how often each of its paths was asked.
    async fn conduct(&self, conduct: &Value) -> Value {
        let address = format!("{}/conduct", self.entra.base);
        let request = self.workload.client.post(address);
        let (status, asked) = answer(request.body(conduct.to_string())).await;
        assert_eq!(status, 200);
        asked
    }

    async fn keys_asked(&self) -> u64 {
        self.conduct(&json!({})).await["/jwks"].as_u64().unwrap()
    }

    /// Lets the time pass in which nothing is fetched twice.
    fn wait(&self) {
        self.clock.advance(Duration::from_secs(61));
    }

    /// Where Lena is signed in, as who was signed in before reads it.
    async fn sessions(&self) -> usize {
        let page = self.before.get("/account").await;
        page.text.matches("aria-label=\"End the session").count()
    }

    async fn begin_elsewhere(&self) -> Begun {
        let sent = self.before.get("/sign-in/entra").await.location;
        let back = self.before.get(&sent).await.location;
        Begun {
            state: parameter(&sent, "state"),
            nonce: parameter(&sent, "nonce"),
            code: parameter(&back, "code"),
            back,
        }
    }

    /// Signs the visitor in, or tries to, while the provider does what it should not.
    async fn meets(&self, (conduct, status, words): &Way) {
        let kept = self.sessions().await;
        self.conduct(conduct).await;

        let (at, page) = follow(&self.visitor, self.visitor.get("/sign-in").await).await;

        assert_eq!(page.status, *status, "{conduct}: {at} {}", page.text);
        assert!(page.text.contains(words), "{conduct}: {}", page.text);
        let is_in = usize::from(*status == 200);
        assert_eq!(self.sessions().await, kept + is_in, "{conduct}");
        assert_eq!(self.visitor.cookie(SESSION).is_some(), is_in == 1);
        self.conduct(&json!({})).await;
        if at.contains("/callback?") {
            // What was refused once stays so.
            assert_eq!(self.visitor.get(&at).await.status, 400, "{conduct}");
        }
        if is_in == 1 {
            self.visitor.post("/sign-out", "").await;
        }
        assert_eq!(self.visitor.cookie(SESSION), None, "{conduct}");
        assert_eq!(self.sessions().await, kept, "{conduct}");
    }
}

/// A1: each way in which nothing comes from `path`.
fn outages(path: &str) -> Vec<Way> {
    let ways = [
        json!(500),
        json!(404),
        json!(302),
        json!("reset"),
        json!("cut"),
    ];
    let way = |how| (json!({"down": {path: how}}), 503, OUT_OF_REACH);
    ways.map(way).to_vec()
}

/// A1: what it publishes of itself is no use.
fn metadata(issuer: &str) -> Vec<Way> {
    let other = issuer.replace(ENTRA_TENANT, OTHER_TENANT);
    vec![
        (json!({"down": {DISCOVERY: 200}}), 503, OUT_OF_REACH),
        (
            json!({"metadata": {"token_endpoint": "http://entra.example/token"}}),
            503,
            OUT_OF_REACH,
        ),
        (json!({"metadata": {"issuer": other}}), 503, OUT_OF_REACH),
    ]
}

/// A4: nobody, or somebody else, signed the token.
fn signatures() -> Vec<Way> {
    let ways = [
        (json!({"alg": "none"}), "nothing", WRONG_ALGORITHM),
        (json!({"alg": "nOnE"}), "nothing", WRONG_ALGORITHM),
        (json!({"alg": "HS256"}), "publicKey", WRONG_ALGORITHM),
        (json!({"alg": "ES256"}), "noise", WRONG_ALGORITHM),
        (json!({}), "publicKey", WRONG_SIGNATURE),
        (json!({}), "strangersKey", WRONG_SIGNATURE),
        (json!({"kid": null}), "strangersKey", WRONG_SIGNATURE),
        (json!({"kid": "x"}), "strangersKey", UNKNOWN_KEY),
        (json!({}), "noise", WRONG_SIGNATURE),
        (json!({}), "nothing", WRONG_SIGNATURE),
    ];
    let way = |(header, signed, words)| (json!({"header": header, "signed": signed}), 403, words);
    ways.map(way).to_vec()
}

/// A4: the provider signed a token that says one wrong thing.
fn claims(issuer: &str, now: i64) -> Vec<Way> {
    let other_issuer = issuer.replace(ENTRA_TENANT, OTHER_TENANT);
    let ways = [
        (json!({"iss": other_issuer}), "another issuer"),
        (json!({"iss": format!("{issuer}/")}), "another issuer"),
        (json!({"iss": null}), "another issuer"),
        (json!({"aud": "another"}), "another audience (aud)"),
        (json!({"aud": []}), "another audience (aud)"),
        (json!({"aud": null}), "another audience (aud)"),
        (json!({"aud": [CLIENT_ID, "another"]}), "(azp)"),
        (json!({"azp": "another"}), "(azp)"),
        (json!({"tid": OTHER_TENANT}), "another Entra tenant (tid)"),
        (json!({"tid": null}), "another Entra tenant (tid)"),
        (json!({"exp": now - 300}), "has expired"),
        (json!({"exp": null}), "has expired"),
        (json!({"nbf": now + 300}), "not valid yet"),
        (json!({"iat": now + 300}), "issued in the future (iat)"),
        (json!({"iat": null}), "when it was issued (iat)"),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "(at_hash)"),
    ];
    let way = |(claims, words)| (json!({"claims": claims}), 403, words);
    let mut ways = ways.map(way).to_vec();
    let skewed = json!({"iat": now + 50, "nbf": now + 50, "exp": now - 50});
    ways.push((json!({"claims": skewed}), 200, LENA));
    ways
}

/// A5: what belongs to one sign-in is missing, is that of another one that is `open`, or was `spent`.
fn answers(issuer: &str, open: &Begun, spent: &Begun) -> Vec<Way> {
    let other_issuer = issuer.replace(ENTRA_TENANT, OTHER_TENANT);
    let no_code = "the parameters code and error are missing";
    let wrong_code = "the provider says invalid_grant";
    let answers = [
        (
            json!({"state": null}),
            400,
            "the parameter state is missing",
        ),
        (json!({"state": "invented"}), 400, NOT_BEGUN_HERE),
        (json!({"state": open.state}), 400, NOT_BEGUN_HERE),
        (json!({"state": spent.state}), 400, NOT_BEGUN_HERE),
        (json!({"code": null}), 400, no_code),
        (json!({"code": "invented"}), 403, wrong_code),
        (json!({"code": open.code}), 403, wrong_code),
        (json!({"code": spent.code}), 403, wrong_code),
        (json!({"iss": null}), 400, OTHER_ISSUER),
        (json!({"iss": other_issuer}), 400, OTHER_ISSUER),
    ];
    let nonces = [
        json!(null),
        json!("invented"),
        json!(open.nonce),
        json!(spent.nonce),
    ];
    let answers = answers.map(|(answer, status, words)| (json!({"answer": answer}), status, words));
    let nonces = nonces.map(|it| (json!({"claims": {"nonce": it}}), 403, WRONG_NONCE));
    let mut ways = [answers.as_slice(), &nonces].concat();
    ways.push((json!({"replayed": true}), 403, WRONG_NONCE));
    ways
}

/// A3: it signs by other keys than before.
fn rotations() -> Vec<Way> {
    let none = json!({"keys": []});
    vec![
        (json!({"rotated": "beside"}), 200, LENA),
        (json!({"signed": "keyBefore"}), 200, LENA),
        (json!({"rotated": "alone"}), 200, LENA),
        (json!({"signed": "keyBefore"}), 403, UNKNOWN_KEY),
        (json!({"rotated": "alone", "keys": none}), 403, UNKNOWN_KEY),
        (json!({}), 200, LENA),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_to_a5_whatever_a_certified_provider_does_wrong_signs_nobody_in() {
    let stage = Stage::begin().await;
    let issuer = stage.entra.issuer();
    // Nothing is known of the provider yet.
    for way in [outages(DISCOVERY), metadata(&issuer)].concat() {
        stage.meets(&way).await;
        stage.wait();
    }
    // From here on it knows the visitor, and asks nothing.
    stage.conduct(&json!({"down": {"/token": 500}})).await;
    let (_, page) = as_person(&stage.visitor, "/sign-in", LENA).await;
    assert_eq!(page.status, 503, "{}", page.text);
    // No key of it is known yet.
    for way in [
        outages("/jwks"),
        vec![(json!({"down": {"/jwks": 200}}), 503, OUT_OF_REACH)],
    ]
    .concat()
    {
        stage.meets(&way).await;
        stage.wait();
    }
    let (at, _) = as_person(&stage.before, "/sign-in", LENA).await;
    assert_eq!(at, format!("{SITE}/signed-in"));

    let spent = stage.begin_elsewhere().await;
    assert_eq!(stage.before.get(&spent.back).await.status, 303);
    let open = stage.begin_elsewhere().await;
    let no_tokens = [
        (json!({"down": {"/token": 200}}), 403, "no ID token"),
        (json!({"down": {"/token": "silent"}}), 503, OUT_OF_REACH),
    ];
    let ways = [
        outages("/token"),
        no_tokens.to_vec(),
        signatures(),
        claims(&issuer, stage.clock.now().as_second()),
        answers(&issuer, &open, &spent),
    ];
    for way in ways.concat() {
        stage.meets(&way).await;
    }
    for way in rotations() {
        stage.wait();
        stage.meets(&way).await;
    }
    stage.meets_unknown_keys().await;
    stage.workload.server.shutdown().await;
}

impl Stage {
    /// A2: tokens of unknown keys, and keys that cannot be fetched anew.
    async fn meets_unknown_keys(&self) {
        let unknown = |number: usize| json!({"kid": format!("unknown {number}")});
        self.wait();
        let asked = self.keys_asked().await;
        for number in 0..5 {
            let way = (json!({"header": unknown(number)}), 403, UNKNOWN_KEY);
            self.meets(&way).await;
        }
        assert_eq!(self.keys_asked().await, asked + 1);
        self.wait();
        let down = json!({"/jwks": 500, DISCOVERY: 500});
        let way = (
            json!({"header": unknown(5), "down": down}),
            403,
            UNKNOWN_KEY,
        );
        self.meets(&way).await;
        self.meets(&(json!({"down": down}), 200, LENA)).await;
        // What is known is old by then, and still good.
        self.clock.advance(Duration::from_hours(2));
        let claims = json!({"exp": self.clock.now().as_second() + 3600});
        self.meets(&(json!({"claims": claims, "down": down}), 200, LENA))
            .await;
    }
}
