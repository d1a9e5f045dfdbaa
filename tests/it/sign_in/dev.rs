//! Signing in as `usher dev` serves it: YAML, a certified provider as the Entra tenant, a person by SCIM, a proxy that asks.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::browser::Browser;
use super::entra::{Entra, LENA, as_person, sign_out_there};
use super::provider::{CLIENT_ID, CLIENT_SECRET, ENTRA_TENANT, OBJECT_ID};
use crate::dev::Dev;
use crate::workload_server::{answer, client};

/// The example of this name, for this machine and the played tenant; with the ids of the tenant and the client in it, and its Secrets.
pub(crate) fn example(
    example: &str,
    [tenant, client]: [&str; 2],
    secrets: &[(&str, &str)],
    entra: &str,
) -> TempDir {
    let example = Path::new("examples").join(example);
    let folder = TempDir::new().unwrap();
    for name in [
        "azure-connector.yaml",
        "scim-tenant.yaml",
        "user-mapping.yaml",
    ] {
        let text = fs::read_to_string(example.join(name)).unwrap();
        let text = text
            .replace(tenant, ENTRA_TENANT)
            .replace(client, CLIENT_ID)
            .replace("10.42.0.0/16", "127.0.0.0/8")
            .replace(
                "  oidc:",
                &format!("  cloud: Custom\n  customCloud: {{signIn: \"{entra}\", graph: \"{entra}\"}}\n  oidc:"),
            );
        fs::write(folder.path().join(name), text).unwrap();
    }
    for (name, secret) in secrets {
        let secrets = folder.path().join(".usher/secrets/identity").join(name);
        fs::create_dir_all(&secrets).unwrap();
        fs::write(secrets.join("client-secret"), secret).unwrap();
    }
    folder
}

fn harbor(entra: &str) -> TempDir {
    let ids = [
        "77777777-8888-9999-aaaa-bbbbbbbbbbbb",
        "88888888-9999-aaaa-bbbb-cccccccccccc",
    ];
    let secrets = [("harbor-entra-oidc", CLIENT_SECRET)];
    example("sign-in", ids, &secrets, entra)
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_in_entra_signs_in_by_a_password() {
    let (address, report) = (free_address(), free_address());
    let folder = harbor("http://127.0.0.1:9");
    let path = folder.path().join("scim-tenant.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let enabled = "  signIn:\n    builtIn: {enabled: true}\n";
    fs::write(&path, text.replace("  signIn:\n", enabled)).unwrap();
    let further = ["--report-listen", &report.to_string()];
    let dev = Dev::with(folder.path(), &address.to_string(), &further);
    let connector = tokio::task::block_in_place(|| dev.connector());
    let text = |name: &str| connector[name].as_str().unwrap().to_owned();
    let token = fs::read_to_string(text("passwordFile")).unwrap();
    let person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ana@example.com", "displayName": "Ana",
        "name": {"givenName": "Ana", "familyName": "Ott"}, "emails": [{"type": "work", "value": "ana@example.com"}],
    });
    let request = client().post(format!("{}/Users", text("scimUrl")));
    let request = request.header("content-type", "application/scim+json");
    let (status, made) = answer(request.bearer_auth(&token).body(person.to_string())).await;
    assert_eq!(status, 201, "{made}");

    let token = fs::read_to_string(folder.path().join(".usher/report-token")).unwrap();
    let url = format!("http://{report}/password-link?person=ana@example.com");
    let (status, made) = answer(client().post(url).bearer_auth(&token)).await;
    assert_eq!(status, 200, "{made}");
    let browser = Browser::new(address);
    let link = made["link"].as_str().unwrap();
    let form = "new_password=drum+loft+cabin+heron&repeated=drum+loft+cabin+heron";
    let site = text("signInUrl").replace("/sign-in", "");
    browser.get(link).await;
    let done = browser.post(link, form).await;

    assert_eq!(done.status, 200, "{}", done.text);
    let page = browser.get(&format!("{site}/signed-in")).await;
    assert!(page.text.contains("<strong>Ana</strong>"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_without_a_cluster() {
    let address = free_address();
    let site = format!("http://{address}/identity/harbor");
    let entra = Entra::start(&site, "harbor-entra");
    let folder = harbor(&entra.base);
    let dev = Dev::at(folder.path(), &address.to_string());
    let connector = tokio::task::block_in_place(|| dev.connector());
    let text = |name: &str| connector[name].as_str().unwrap().to_owned();
    assert_eq!(
        text("redirectUri"),
        format!("{site}/sign-in/harbor-entra/callback")
    );
    let token = fs::read_to_string(text("passwordFile")).unwrap();
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let person = json!({
        "schemas": [schema], "userName": LENA, "externalId": OBJECT_ID, "displayName": "Lena",
        "name": {"givenName": "Lena", "familyName": "Ott"}, "emails": [{"type": "work", "value": LENA}],
    });
    let scim = |method: Method, path: &str, body: String| {
        let request = client().request(method, format!("{}/Users{path}", text("scimUrl")));
        let request = request.header("content-type", "application/scim+json");
        answer(request.bearer_auth(&token).body(body))
    };
    let (status, made) = scim(Method::POST, "", person.to_string()).await;
    assert_eq!(status, 201, "{made}");
    let browser = Browser::new(address);

    let (at, page) = as_person(&browser, &text("signInUrl"), LENA).await;

    assert_eq!((at, page.status), (format!("{site}/signed-in"), 200));
    assert!(page.text.contains("<strong>Lena</strong>"), "{}", page.text);
    let session = browser.cookie_of(&address.to_string(), "usher").unwrap();
    let ask = |session: String| {
        let request = client().get(text("forwardAuthUrl"));
        request
            .header("cookie", format!("usher={session}"))
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "wiki.example.com")
            .header("x-forwarded-uri", "/")
            .header("x-forwarded-method", "GET")
            .send()
    };
    let said = ask(session.clone()).await.unwrap();
    assert_eq!(
        (said.status(), &said.headers()["remote-user"]),
        (reqwest::StatusCode::OK, &LENA.parse().unwrap())
    );
    // A21: who signs out at the provider, in another tab, is out here.
    sign_out_there(&browser, &entra).await;
    assert_eq!(ask(session).await.unwrap().status(), 401);
    as_person(&browser, &text("signInUrl"), LENA).await;
    let session = browser.cookie_of(&address.to_string(), "usher").unwrap();
    let ask = || ask(session.clone());
    assert_eq!(ask().await.unwrap().status(), 200);
    let path = format!("/{}", made["id"].as_str().unwrap());
    assert_eq!(scim(Method::DELETE, &path, String::new()).await.0, 204);
    assert_eq!(ask().await.unwrap().status(), 401);
}
