//! Applications of people who sign in by a password.

use serde_json::json;
use tempfile::TempDir;
use url::Url;

use super::{Scene, answered, applications};
use crate::sign_in::Stage;
use crate::sign_in::browser::Shown;
use crate::sign_in::passwords::{PASSWORD, form, onward};
use crate::sign_in::second_factor::second_factor;

/// Where a person comes back to who signs in from `shown`.
async fn by_password(scene: &Scene, shown: &Shown) -> Shown {
    let page = scene.browser.get(&shown.location).await;
    assert!(page.text.contains("name=\"login_hint\""), "{}", page.text);
    let sign_in = Url::parse(&shown.location).unwrap();
    let back = sign_in.query_pairs().find(|it| it.0 == "return_to");
    let back = back.unwrap().1.into_owned();
    let who = ("login_hint", "ana@contoso.example");
    let named = form(&[who, ("return_to", &back)]);
    let asked = scene.browser.post("/sign-in", &named).await;
    assert!(asked.text.contains("type=\"password\""), "{}", asked.text);
    let fields = [
        ("user_name", "ana@contoso.example"),
        ("password", PASSWORD),
        ("return_to", &back),
    ];
    let done = scene.browser.post("/password", &form(&fields)).await;
    scene.browser.get(&onward(&done)).await
}

#[tokio::test]
async fn who_signs_in_by_a_password_is_known_to_applications_and_asked_again() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::begin_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        sign_in.built_in = true;
        sign_in.providers.clear();
        sign_in.applications = Some(applications(folder.path()));
    });
    let stage = stage.await;
    let ana = stage.add_ana().await;
    let scene = Scene {
        browser: stage.browser(),
        stage,
        lena: ana,
        folder,
    };

    let shown = scene.authorize(&[]).await;
    let shown = by_password(&scene, &shown).await;
    let (status, tokens) = scene.redeem(&answered(&shown)["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(
        super::claims(&tokens["id_token"])["sub"],
        scene.lena.as_str()
    );
    assert_eq!(super::claims(&tokens["id_token"])["amr"], json!(["pwd"]));
    assert!(!scene.code(&[("prompt", "none")]).await.is_empty());

    let asked = scene.authorize(&[("prompt", "login")]).await;
    assert!(
        asked.location.ends_with("&prompt=login"),
        "{}",
        asked.location
    );
    let shown = by_password(&scene, &asked).await;

    assert_eq!(scene.redeem(&answered(&shown)["code"]).await.0, 200);
    scene.end().await;
}

#[tokio::test]
async fn an_application_learns_that_a_code_was_asked_for_as_well() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::begin_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        sign_in.built_in = true;
        sign_in.second_factor = Some(second_factor(folder.path(), true));
        sign_in.applications = Some(applications(folder.path()));
    });
    let stage = stage.await;
    let ana = stage.add_ana().await;
    let scene = Scene {
        browser: stage.with_session().await,
        stage,
        lena: ana,
        folder,
    };

    let tokens = scene.tokens().await;
    let (_, later) = scene.refresh(&tokens["refresh_token"]).await;

    for token in [&tokens["id_token"], &later["id_token"]] {
        let said = super::claims(token);
        assert_eq!(said["amr"], json!(["pwd", "otp", "mfa"]), "{said}");
    }
    scene.end().await;
}
