//! Whole sign-ins by clients that nobody here wrote, and by the sample app, at `usher dev` with the example; people sign in at a certified
//! provider.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope,
    TokenResponse,
};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dev::Dev;
use crate::programs::program;
use crate::sign_in::browser::{Browser, Shown};
use crate::sign_in::dev::example;
use crate::sign_in::entra::{Entra, LENA, attribute};
use crate::sign_in::provider::{CLIENT_SECRET, OBJECT_ID};
use crate::workload_server::{answer, client};

use super::SECRET;

/// `usher dev` with the example, for this machine and a played tenant, and Lena in it.
struct Site {
    dev: Dev,
    _entra: Entra,
    _folder: TempDir,
    address: SocketAddr,
    base: String,
    scim: (String, String),
    lena: String,
}

impl Site {
    async fn begin() -> Self {
        let address = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let base = format!("http://{address}/identity/quay");
        let entra = Entra::start(&base, "quay-entra");
        let folder = quay(&entra.base);
        let dev = Dev::at(folder.path(), &address.to_string());
        let connector = tokio::task::block_in_place(|| dev.connector());
        let text = |name: &str| connector[name].as_str().unwrap().to_owned();
        let token = fs::read_to_string(text("passwordFile")).unwrap();
        let mut site = Self {
            dev,
            _entra: entra,
            _folder: folder,
            address,
            base,
            scim: (text("scimUrl"), token),
            lena: String::new(),
        };
        let folders = "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName";
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": LENA, "externalId": OBJECT_ID,
            "displayName": "Lena Ott", "name": {"givenName": "Lena", "familyName": "Ott"}, "userType": "Premium",
            "emails": [{"type": "work", "value": LENA}], "roles": [{"value": "Admin"}], folders: {"folders": ["north", "south"]},
        });
        let (status, made) = site.scim(Method::POST, "/Users", &person).await;
        assert_eq!(status, 201, "{made}");
        site.lena = made["id"].as_str().unwrap().to_owned();
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales",
            "members": [{"value": site.lena}],
        });
        assert_eq!(site.scim(Method::POST, "/Groups", &group).await.0, 201);
        site
    }

    async fn scim(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let (url, token) = &self.scim;
        let request = client().request(method, format!("{url}{path}"));
        let request = request.header("content-type", "application/scim+json");
        answer(request.bearer_auth(token).body(body.to_string())).await
    }

    /// Signs Lena in from `url`; says where the browser is sent that leads to `end`.
    async fn sign_in(&self, browser: &Browser, url: &str, end: &str) -> String {
        let form = match to(browser, url, end).await {
            Ok(form) => form,
            Err(end) => return end,
        };
        let action = attribute(&form.text, "action=\"");
        let name = LENA.replace('@', "%40");
        let filled = format!("prompt=login&login={name}&password=any");
        let shown = browser.post(&action, &filled).await;
        match to(browser, &shown.location, end).await {
            Ok(page) => panic!("{}", page.text),
            Err(end) => end,
        }
    }
}

/// Goes where it is sent until there is a page, or an address that begins with `end`.
async fn to(browser: &Browser, from: &str, end: &str) -> Result<Shown, String> {
    let mut at = from.to_owned();
    for _ in 0..12 {
        if at.starts_with(end) {
            return Err(at);
        }
        let shown = browser.get(&at).await;
        if !matches!(shown.status, 302 | 303) {
            return Ok(shown);
        }
        at = shown.location;
    }
    panic!("sent around for ever: {at}");
}

fn quay(entra: &str) -> TempDir {
    let ids = [
        "99999999-aaaa-bbbb-cccc-dddddddddddd",
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    ];
    let secrets = [("quay-entra-oidc", CLIENT_SECRET), ("crm-oidc", SECRET)];
    example("applications", ids, &secrets, entra)
}

/// An application as a process that says where the browser goes.
struct Application {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Application {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::task::block_in_place(|| self.out.read_line(&mut line)).unwrap();
        line.trim().to_owned()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What else it prints until it ends.
    fn rest(mut self) -> String {
        let mut text = String::new();
        tokio::task::block_in_place(|| std::io::Read::read_to_string(&mut self.out, &mut text))
            .unwrap();
        assert!(self.child.wait().unwrap().success(), "{text}");
        text
    }
}

/// Signs Lena in to the web application of the example, whoever wrote its client.
async fn signs_in(command: &mut Command) {
    let site = Site::begin().await;
    let home = "https://crm.example.com/";
    let wanted = json!({
        "issuer": site.base, "clientId": "crm", "clientSecret": SECRET, "redirectUri": "https://crm.example.com/cb", "home": home,
    });
    let mut application = Application::start(command.arg(wanted.to_string()));
    let browser = Browser::new(site.address);
    let url = application.line();
    let back = site.sign_in(&browser, &url, home).await;

    application.tell(&back);
    let learned: Value = serde_json::from_str(&application.rest()).unwrap();

    let claims = &learned["claims"];
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!(site.base), &json!(site.lena))
    );
    for said in [claims, &learned["userinfo"]] {
        for (name, value) in [
            ("email", json!(LENA)),
            ("name", json!("Lena Ott")),
            ("given_name", json!("Lena")),
            ("roles", json!(["Admin"])),
            ("groups", json!(["Sales"])),
            ("user_type", json!("Premium")),
            ("folders", json!(["north", "south"])),
        ] {
            assert_eq!(said[name], value, "{name} of {said}");
        }
    }
    assert_eq!(learned["refreshed"], json!(site.lena));
    assert_eq!(learned["active"], json!([true, false]));
    let shown = browser.get(learned["signOut"].as_str().unwrap()).await;
    assert_eq!(shown.location, home, "{}", shown.text);
    let shown = browser.get(&url).await;
    let sign_in = format!("{}/sign-in?", site.base);
    assert!(shown.location.starts_with(&sign_in), "still signed in");
    tokio::task::block_in_place(|| drop(site.dev));
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in() {
    signs_in(&mut Command::new(program("relying-party"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_on_a_device_without_a_browser() {
    let site = Site::begin().await;
    let wanted = json!({"issuer": site.base, "clientId": "wall-screen"});
    let mut command = Command::new(program("relying-party"));
    let mut device = Application::start(command.arg(wanted.to_string()));
    let page = device.line();
    let browser = Browser::new(site.address);

    let sent = browser.get(&page).await;
    let page = site.sign_in(&browser, &sent.location, &page).await;
    browser.get(&page).await;
    let code = url::Url::parse(&page).unwrap();
    let code = code.query_pairs().next().unwrap().1.into_owned();
    let action = page.split('?').next().unwrap();
    let question = browser.post(action, &format!("user_code={code}")).await;
    assert!(question.text.contains("wall-screen"), "{}", question.text);
    let proof = attribute(&question.text, "name=\"proof\" value=\"");
    let allow = format!("user_code={code}&proof={proof}&answer=allow");
    let shown = browser.post(action, &allow).await;
    assert!(shown.text.contains("is signed in"), "{}", shown.text);

    let learned: Value = serde_json::from_str(&device.rest()).unwrap();
    for said in [&learned["claims"], &learned["userinfo"]] {
        assert_eq!(
            (&said["sub"], &said["email"]),
            (&json!(site.lena), &json!(LENA)),
            "{said}"
        );
    }
    assert_eq!(learned["refreshed"], json!(site.lena));
    tokio::task::block_in_place(|| drop(site.dev));
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_in() {
    let script = "tests/conformance/relying_party.py";
    signs_in(Command::new(program("scim-testers")).arg(script)).await;
}

/// The way out of the Rust client.
async fn http(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = client().execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[tokio::test(flavor = "multi_thread")]
async fn openidconnect_signs_in() {
    let site = Site::begin().await;
    let issuer = IssuerUrl::new(site.base.clone()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await;
    let secret = ClientSecret::new(SECRET.to_owned());
    let id = ClientId::new("crm".to_owned());
    let redirect = RedirectUrl::new("https://crm.example.com/cb".to_owned());
    let crm = CoreClient::from_provider_metadata(metadata.unwrap(), id, Some(secret))
        .set_redirect_uri(redirect.unwrap());
    let (challenge, pkce) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let request = crm.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
    let scopes = ["profile", "email", "offline_access"].map(|it| Scope::new(it.to_owned()));
    let request = request.add_scopes(scopes).set_pkce_challenge(challenge);
    let (url, state, nonce) = request.url();
    let browser = Browser::new(site.address);

    let home = "https://crm.example.com/";
    let back = site.sign_in(&browser, url.as_str(), home).await;
    let back = url::Url::parse(&back).unwrap();
    let answer = |name: &str| back.query_pairs().find(|it| it.0 == name).unwrap().1;
    assert_eq!(answer("state"), state.secret().as_str());
    let code = AuthorizationCode::new(answer("code").into_owned());
    let code = crm.exchange_code(code).unwrap().set_pkce_verifier(pkce);
    let tokens = code.request_async(&http).await.unwrap();

    let es256 = CoreJwsSigningAlgorithm::EcdsaP256Sha256;
    let verifier = crm.id_token_verifier().set_allowed_algs([es256]);
    let id_token = tokens.id_token().unwrap();
    let claims = id_token.claims(&verifier, &nonce).unwrap();
    assert_eq!(claims.subject().as_str(), site.lena);
    assert_eq!(claims.email().map(|it| it.as_str()), Some(LENA));
    let (algorithm, key) = (id_token.signing_alg(), id_token.signing_key(&verifier));
    let access_token = tokens.access_token();
    let hash = AccessTokenHash::from_token(access_token, algorithm.unwrap(), key.unwrap());
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));
    let subject = Some(claims.subject().clone());
    let userinfo = crm.user_info(access_token.clone(), subject).unwrap();
    let userinfo: CoreUserInfoClaims = userinfo.request_async(&http).await.unwrap();
    assert_eq!(userinfo.email().map(|it| it.as_str()), Some(LENA));
    let next = crm.exchange_refresh_token(tokens.refresh_token().unwrap());
    let next = next.unwrap().request_async(&http).await.unwrap();
    let any = |_: Option<&Nonce>| Ok(());
    let refreshed = next.id_token().unwrap().claims(&verifier, any).unwrap();
    assert_eq!(refreshed.subject(), claims.subject());
    tokio::task::block_in_place(|| drop(site.dev));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_app_signs_in_on_a_loopback_address() {
    let site = Site::begin().await;
    let mut command = Command::new("python3");
    command.args([
        "examples/apps/sign-in.py",
        "--print-url",
        "--issuer",
        &site.base,
    ]);
    let mut application = Application::start(&mut command);
    let browser = Browser::new(site.address);
    let url = application.line();

    let asked = url::Url::parse(&url).unwrap();
    let redirect_uri = asked.query_pairs().find(|it| it.0 == "redirect_uri");
    let redirect_uri = redirect_uri.unwrap().1.into_owned();

    let callback = site.sign_in(&browser, &url, &redirect_uri).await;
    let page = browser.get(&callback).await;

    assert!(page.text.contains("close this page"), "{}", page.text);
    let said: Value = serde_json::from_str(&application.rest()).unwrap();
    assert_eq!(
        (&said["sub"], &said["email"]),
        (&json!(site.lena), &json!(LENA))
    );

    // Who is gone by SCIM gets no further.
    site.scim(
        Method::DELETE,
        &format!("/Users/{}", site.lena),
        &Value::Null,
    )
    .await;
    let Ok(page) = to(&browser, &url, &redirect_uri).await else {
        panic!("let in");
    };
    assert!(page.text.contains("no account for you"), "{}", page.text);
    tokio::task::block_in_place(|| drop(site.dev));
}
