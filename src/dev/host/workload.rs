//! The workload in this process: the documents of all `ScimTenants` as one, each with a last good state of its own.

use std::collections::{BTreeMap, HashMap};

use super::Host;
use crate::api::ObjectKey;
use crate::config::{TokenDigest, VERSION, WorkloadConfig};
use crate::telemetry::chain;

/// A configuration that serves nothing.
pub(in crate::dev) fn nothing(report_token: TokenDigest) -> WorkloadConfig {
    WorkloadConfig {
        version: VERSION,
        report_token,
        scim_tenants: Vec::new(),
    }
}

/// What the server has loaded.
#[derive(Default)]
pub(super) struct Served {
    /// The document of each `ScimTenant`.
    pub(super) documents: BTreeMap<ObjectKey, String>,
    /// Why the newest document of one is not served.
    pub(super) refused: HashMap<ObjectKey, String>,
}

impl Host {
    /// Serves `document` for the `ScimTenant` called `key` from now on; when it cannot be served, what was served goes on.
    pub(super) async fn load(&self, key: &ObjectKey, document: &str) {
        let mut served = self.served.lock().await;
        if served.documents.get(key).is_some_and(|it| it == document) {
            return;
        }
        let mut documents = served.documents.clone();
        documents.insert(key.clone(), document.to_owned());
        self.moved();
        match self.reload(&documents).await {
            Ok(()) => {
                served.documents = documents;
                served.refused.remove(key);
            }
            Err(message) => {
                served.refused.insert(key.clone(), message);
            }
        }
    }

    pub(super) async fn unload(&self, key: &ObjectKey) {
        let mut served = self.served.lock().await;
        served.documents.remove(key);
        served.refused.remove(key);
        if let Err(message) = self.reload(&served.documents).await {
            tracing::warn!(message, "what was removed is still served");
        }
    }

    async fn reload(&self, documents: &BTreeMap<ObjectKey, String>) -> Result<(), String> {
        let mut all = nothing(self.report_token.clone());
        for document in documents.values() {
            let one = WorkloadConfig::parse(document).map_err(|error| chain(&error))?;
            all.scim_tenants.extend(one.scim_tenants);
        }
        match self.server.lock().await.as_ref() {
            Some(server) => server.reload(all).await.map_err(|error| chain(&error)),
            None => Ok(()),
        }
    }
}
