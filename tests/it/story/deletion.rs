//! What goes and what stays.

use super::scim::Scim;
use super::{
    CONNECTOR, MAPPING, QUICKSTART, SECRET, SOON, TENANT, WORKLOAD, all_ready, apply_quickstart,
    chart,
};
use crate::cluster::{Site, condition};

pub(super) async fn tenant_deleted_and_made_again(site: &Site, scim: &Scim<'_>) {
    scim.paste().await;
    let before = scim.people().await;
    site.kubectl(&["delete", "scimtenant", "contoso"]).await;
    site.within(SOON, "the pods are gone", async || {
        site.pods(WORKLOAD).await.is_empty().then_some(())
    })
    .await;
    apply_quickstart(site).await;
    all_ready(site).await;
    scim.reached().await;
    assert!(scim.people().await == before, "other people are there");
    site.tell(&format!(
        "ScimTenant deleted and made again: the same {} people",
        before.len()
    ));
}

/// Kinds, objects and people stay, and SCIM goes on.
pub(super) async fn helm_uninstall(site: &Site, scim: &Scim<'_>) {
    let before = scim.count("Users").await;
    let made = site.secret(SECRET, "password").await;
    site.helm(&["uninstall", &site.release, "--wait"].map(str::to_owned))
        .await;
    for what in [
        "crd/scimtenants.usher.dev",
        "crd/azureconnectors.usher.dev",
        "crd/usermappings.usher.dev",
        TENANT,
        CONNECTOR,
        MAPPING,
        "deployment/contoso",
        "persistentvolumeclaim/contoso-data",
    ] {
        assert_ne!(
            site.get(what).await,
            serde_json::Value::Null,
            "{what} is gone"
        );
    }
    assert_eq!(site.secret(SECRET, "password").await, made);
    assert_eq!(scim.count("Users").await, before);
    site.upgrade(&chart(), &[]).await;
    all_ready(site).await;
    assert_eq!(scim.count("Users").await, before);
    site.tell("helm uninstall: kinds, objects and people stayed; installed again, all is ready");
}

/// With `deletionPolicy: Delete` the people go as well, and the object says so before.
pub(super) async fn tenant_deleted_with_its_people(site: &Site) {
    let claim = "persistentvolumeclaim/contoso-data";
    let delete = "{\"spec\": {\"deletionPolicy\": \"Delete\"}}";
    site.kubectl(&["patch", TENANT, "--type=merge", "-p", delete])
        .await;
    site.within(SOON, "the claim goes with its owner", async || {
        let owners = &site.get(claim).await["metadata"]["ownerReferences"];
        (owners.as_array()?.len() == 1).then_some(())
    })
    .await;
    site.within(SOON, "Ready says that people will go", async || {
        let tenant = site.get(TENANT).await;
        let said = condition(&tenant, "Ready", "message");
        said.contains("its people go with it").then_some(())
    })
    .await;
    site.kubectl(&["delete", "scimtenant", "contoso"]).await;
    site.within(SOON, "the claim is gone", async || {
        site.get(claim).await.is_null().then_some(())
    })
    .await;
    let yaml = QUICKSTART[0].replace(
        "namespace: identity",
        &format!("namespace: {}", site.namespace),
    );
    site.apply(&yaml).await;
    site.ready(TENANT, SOON).await;
    site.within(SOON, "nobody is there", async || {
        (site.get(TENANT).await["status"]["users"] == 0).then_some(())
    })
    .await;
    site.tell("deletionPolicy Delete: the people are gone, and it was said before");
}
