//! A volume without room.

use std::fs;

use super::SOON;
use super::scim::Scim;
use crate::cluster::process::Part;
use crate::cluster::{Site, condition};

const TENANT: &str = "scimtenant/small";

/// On a file system of three megabytes.
const OBJECTS: &str = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAMESPACE-small}
spec:
  capacity: {storage: 3Mi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: by-hand
  claimRef: {namespace: NAMESPACE, name: small-data}
  local: {path: FOLDER/volumes/NAMESPACE-small}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
---
apiVersion: usher.dev/v1alpha1
kind: ScimTenant
metadata: {name: small}
spec:
  host: small.id.example.com
  entitlements: [EnterpriseToolkit]
  store: {sqlite: {size: 3Mi, storageClassName: by-hand}}
---
apiVersion: usher.dev/v1alpha1
kind: AzureConnector
metadata: {name: small-entra}
spec:
  scimTenantRef: {name: small}
  entraTenantId: 22222222-0000-0000-0000-000000000000
";

pub(super) async fn volume_full(site: &Site) {
    let folder = site.folder().display().to_string();
    site.script("disk", &[&format!("{}-small", site.namespace), "3m"])
        .await;
    site.apply(
        &OBJECTS
            .replace("NAMESPACE", &site.namespace)
            .replace("FOLDER", &folder),
    )
    .await;
    site.ready(TENANT, SOON).await;
    site.ready("azureconnector/small-entra", SOON).await;
    let scim = Scim::new(site, "small", "small-entra-scim").await;
    let body = |name: &str| {
        format!(
            "{{\"userName\": \"{name}\", \"emails\": [{{\"value\": \"{name}@example.com\"}}], \
             \"name\": {{\"givenName\": \"Given\", \"familyName\": \"Family\"}}}}"
        )
    };
    assert_eq!(scim.send("POST", "/Users", &body("before")).await.0, 201);

    let data = site.folder_of(Part::Workload("small"), "/var/lib/usher");
    let filling = data.await.join("filling");
    fs::write(&filling, vec![0; 4 << 20]).expect_err("no room is left");
    let mut acknowledged = 1;
    let status = loop {
        let name = format!("more-{acknowledged}");
        match scim.send("POST", "/Users", &body(&name)).await.0 {
            201 => acknowledged += 1,
            status => break status,
        }
    };
    assert_eq!(status, 503);
    assert_eq!(scim.count("Users").await, acknowledged, "reads go on");
    site.within(SOON, "Ready says why", async || {
        let tenant = site.get(TENANT).await;
        let ready = |field: &str| condition(&tenant, "Ready", field).to_owned();
        (ready("status") == "False"
            && ready("reason") == "StoreReadOnly"
            && ready("message").contains("small-data is full"))
        .then_some(())
    })
    .await;

    fs::remove_file(&filling).expect("removed");
    let took = site.ready(TENANT, SOON).await;
    assert_eq!(scim.send("POST", "/Users", &body("after")).await.0, 201);
    assert_eq!(scim.count("Users").await, acknowledged + 1);
    site.kubectl(&["delete", "scimtenant/small", "azureconnector/small-entra"])
        .await;
    site.tell(&format!(
        "volume full: reads went on, writes got 503, Ready said why; ready {took:?} after there was room"
    ));
}
