//! Who it is that signs in: what Entra calls the object, and never an address.

use serde_json::json;

use super::passwords::{PASSWORD, onward, present};
use super::{SESSION, Stage, passwords};

const ANA: &str = "22222222-9f3d-4be1-8d21-1d58a1f0b7aa";
const NOBODY: &str = "33333333-9f3d-4be1-8d21-1d58a1f0b7aa";

/// Addresses that are Ana's, or are read as hers somewhere, or were.
const ADDRESSES: [&str; 9] = [
    "ana@contoso.example",
    "ANA@CONTOSO.EXAMPLE",
    "ana@contoso.example@evil.example",
    "ana@evil.example@contoso.example",
    "\"ana@contoso.example\"@evil.example",
    "ana@contoso.example\u{0}@evil.example",
    "\u{430}na@contoso.example",
    "ana@cont\u{ff4f}so.example",
    "ana@contoso.example, lena@contoso.example",
];

/// A13, and GHSA-c5c4-8r6x-56w3: an address with several `@` was of the domain that a rule let in.
#[tokio::test]
async fn a13_the_object_id_says_who_it_is_and_no_address_does() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    stage.add("ana@contoso.example", ANA).await;

    for address in ADDRESSES {
        for is_verified in [json!(true), json!(false), json!(null)] {
            let claims = json!({
                "email": address, "email_verified": is_verified, "xms_edov": is_verified,
                "preferred_username": address, "upn": address, "verified_primary_email": [address],
            });
            stage.provider.conduct().claims = claims.clone();
            let browser = stage.browser();
            assert_eq!(stage.sign_in(&browser).await.status, 303, "{claims}");
            let page = browser.get("/signed-in").await.text;
            assert!(
                page.contains("Name of lena@contoso.example"),
                "{claims}: {page}"
            );

            let mut claims = claims;
            claims["oid"] = NOBODY.into();
            stage.provider.conduct().claims = claims.clone();
            let page = stage.refused(403).await;
            assert!(
                page.contains("There is no account for you here"),
                "{claims}: {page}"
            );
        }
    }
    stage.workload.server.shutdown().await;
}

/// A1: who signs in by a password needs no provider.
#[tokio::test]
async fn a1_without_the_provider_a_password_is_as_good_as_ever() {
    let stage = passwords::stage().await;
    stage.add_ana().await;
    stage.provider.conduct().down = true;
    let browser = stage.browser();

    let shown = present(&browser, "ana@contoso.example", PASSWORD).await;

    assert!(onward(&shown).ends_with("/signed-in"), "{}", shown.text);
    assert!(browser.cookie(SESSION).is_some());
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}
