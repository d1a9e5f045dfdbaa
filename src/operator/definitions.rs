//! Waits until the API server knows our kinds. It asks discovery, which needs no right of its own.

use std::time::Duration;

use kube::Client;

use crate::api::{GROUP, VERSION};
use crate::telemetry;

/// The kinds by their plurals.
const PLURALS: [&str; 3] = ["scimtenants", "azureconnectors", "usermappings"];

/// How often it is asked.
const AGAIN: Duration = Duration::from_secs(2);

/// Returns once every kind is served; says what is missing until then.
pub(super) async fn wait(client: &Client) {
    let mut said = String::new();
    loop {
        let complaint = match missing(client).await {
            Ok(None) => return,
            Ok(Some(plural)) => format!(
                "the API server does not know {plural}.{GROUP}; install the CRDs with `usher crds | kubectl apply -f -`"
            ),
            Err(error) => format!(
                "the API server cannot be asked: {}",
                telemetry::chain(&error)
            ),
        };
        if complaint != said {
            tracing::warn!("{complaint}; waiting");
            said = complaint;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn missing(client: &Client) -> Result<Option<&'static str>, kube::Error> {
    let known = match client
        .list_api_group_resources(&format!("{GROUP}/{VERSION}"))
        .await
    {
        Ok(list) => list.resources,
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(PLURALS
        .into_iter()
        .find(|plural| !known.iter().any(|it| it.name == *plural)))
}
