//! Several connectors let people sign in: which of them it is, the account says, or the domain, or the person.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::HashMap;

use url::Url;

use super::{OBJECT_ID, Stage};

/// Three connectors; two of them with domains.
async fn stage(built_in: bool) -> Stage {
    Stage::begin_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        sign_in.built_in = built_in;
        let first = sign_in.providers[0].clone();
        let others = [
            (
                "fabrikam",
                &["fabrikam.example", "xn--bcher-kva.example"][..],
            ),
            ("north", &["north.example"]),
        ];
        for (connector, domains) in others {
            let mut other = first.clone();
            connector.clone_into(&mut other.connector);
            other.domains = domains.iter().map(|it| (*it).to_owned()).collect();
            sign_in.providers.push(other);
        }
    })
    .await
}

/// The connector that the browser is sent to, and what the provider is told of who comes; nothing when the person has to choose.
async fn led(stage: &Stage, query: &str) -> Option<(String, HashMap<String, String>)> {
    let shown = stage.browser().get(&format!("/sign-in?{query}")).await;
    if shown.status == 200 {
        for connector in ["entra", "fabrikam", "north"] {
            let choice = format!("href=\"/sign-in/{connector}");
            assert!(shown.text.contains(&choice), "{query}: {}", shown.text);
        }
        return None;
    }
    assert_eq!(shown.status, 303, "{query}: {}", shown.text);
    let request = Url::parse(&shown.location).unwrap();
    let told: HashMap<String, String> = request.query_pairs().into_owned().collect();
    let back = Url::parse(&told["redirect_uri"]).unwrap();
    let connector = back.path_segments().unwrap().nth(1).unwrap().to_owned();
    Some((connector, told))
}

#[tokio::test]
async fn the_account_says_which_connector_it_is_else_the_domain_else_the_person() {
    let stage = stage(false).await;
    // Whom the connector entra provisioned, with a name in the domain of another one.
    stage.add("lena@north.example", OBJECT_ID).await;
    let check = async |query: &str, expected: Option<&str>| {
        let found = led(&stage, query).await;
        assert_eq!(found.map(|it| it.0).as_deref(), expected, "{query}");
    };
    check("login_hint=lena%40north.example", Some("entra")).await;
    check(
        "login_hint=lena%40north.example&domain_hint=fabrikam.example",
        Some("entra"),
    )
    .await;
    check("login_hint=nobody%40north.example", Some("north")).await;
    check("login_hint=Nobody%40FABRIKAM.example", Some("fabrikam")).await;
    check("login_hint=nobody%40b%C3%BCcher.example", Some("fabrikam")).await;
    check("domain_hint=north.example", Some("north")).await;
    for undecided in [
        "",
        "login_hint=nobody",
        "login_hint=nobody%40contoso.example",
        // A13: what can be read in two ways.
        "login_hint=nobody%40evil.example%40north.example",
        "login_hint=nobody%40north.example%40evil.example",
        "login_hint=%22nobody%40north.example%22%40evil.example",
        "login_hint=nobody%40sub.north.example",
        "login_hint=nobody%40evilnorth.example",
        "domain_hint=evil.example",
        "domain_hint=north.example&domain_hint=fabrikam.example",
    ] {
        check(undecided, None).await;
    }
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn the_provider_is_told_who_comes_and_of_no_domain_but_its_own() {
    let stage = stage(false).await;
    let (_, told) = led(&stage, "login_hint=bo%40north.example&prompt=login")
        .await
        .unwrap();
    assert_eq!(told["login_hint"], "bo@north.example");
    assert_eq!(
        (told["prompt"].as_str(), told.get("domain_hint")),
        ("login", None)
    );
    let (_, told) = led(&stage, "domain_hint=North.example").await.unwrap();
    assert_eq!(told["domain_hint"], "north.example");
    assert_eq!((told.get("login_hint"), told.get("prompt")), (None, None));

    // Who has to choose loses nothing by it.
    let asked = "prompt=login&login_hint=bo%40contoso.example&domain_hint=north.example";
    let page = stage.browser().get(&format!("/sign-in?{asked}")).await;
    let kept = asked.replace('&', "&#38;");
    let chosen = format!("href=\"/sign-in/entra?{kept}\"");
    assert!(page.text.contains(&chosen), "{}", page.text);
    let sent = stage
        .browser()
        .get(&format!("/sign-in/entra?{asked}"))
        .await;
    assert!(!sent.location.contains("domain_hint"), "{}", sent.location);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_name_that_nobody_has_is_led_as_its_domain_is() {
    let stage = stage(true).await;
    let page = stage
        .browser()
        .post("/sign-in", "login_hint=nobody%40north.example&prompt=login")
        .await;
    assert_eq!(page.status, 200);
    let onward = "/sign-in/north?prompt=login&#38;login_hint=nobody%40north.example";
    assert!(page.text.contains(onward), "{}", page.text);
    let page = stage.browser().post("/sign-in", "login_hint=nobody").await;
    assert!(page.text.contains("type=\"password\""), "{}", page.text);
    let (connector, _) = led(&stage, "domain_hint=north.example").await.unwrap();
    assert_eq!(connector, "north");

    let asked = stage.browser().get("/sign-in?prompt=login").await;
    let kept = "<input type=\"hidden\" name=\"prompt\" value=\"login\">";
    assert!(asked.text.contains(kept), "{}", asked.text);
    stage.workload.server.shutdown().await;
}
