//! How the pods of a workload are, in words for whoever reads the status.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::ResourceExt;
use serde_json::json;

use crate::api::ObjectKey;
use crate::plan::WorkloadState;
use crate::plan::child::INSTANCE;
use crate::platform::PlatformError;

use super::failure::{Failure, request};

/// Annotation of a pod: the digest of the configuration that it should have.
const CONFIG_DIGEST: &str = "usher.dev/config-digest";

/// How the pods of the `ScimTenant` called `key` are.
pub(super) async fn workload(
    client: &Client,
    key: &ObjectKey,
) -> Result<WorkloadState, PlatformError> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &key.namespace);
    let action = format!("get Deployment {}", key.name);
    let deployment = match request(&action, deployments.get(&key.name)).await {
        Ok(deployment) => deployment,
        Err(Failure::Missing) => return Ok(WorkloadState::Absent),
        Err(failure) => return Err(failure.into_error(&format!("Deployment {}", key.name))),
    };
    if is_available(&deployment) {
        return Ok(WorkloadState::Available);
    }
    let status = deployment.status.as_ref();
    let pods = status.and_then(|it| it.replicas).unwrap_or(0);
    let message = match complaint(&deployment) {
        None if pods > 0 => pod_complaint(client, key).await?,
        complaint => complaint,
    };
    let available = status.and_then(|it| it.available_replicas);
    Ok(WorkloadState::Rolling {
        message: message.unwrap_or_else(|| "the pods are starting".to_owned()),
        serving: available.unwrap_or(0) > 0,
    })
}

fn is_available(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.as_ref().and_then(|it| it.replicas);
    let wanted = wanted.unwrap_or(1);
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation >= deployment.metadata.generation
            && status.updated_replicas.unwrap_or(0) >= wanted
            && status.available_replicas.unwrap_or(0) >= wanted
            && status.replicas.unwrap_or(0) == wanted
    })
}

/// What the Deployment itself complains about: no right to make pods, an exceeded quota.
fn complaint(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let holds = |it: &&DeploymentCondition| it.type_ == "ReplicaFailure" && it.status == "True";
    let condition = conditions.iter().find(holds)?;
    let message = condition.message.as_deref().unwrap_or("no reason given");
    Some(format!("the pods cannot be made: {message}"))
}

/// What the pods complain about: an image that cannot be pulled, no node that fits, a container that ends at once.
async fn pod_complaint(client: &Client, key: &ObjectKey) -> Result<Option<String>, PlatformError> {
    Ok(pods(client, key).await?.iter().find_map(of_pod))
}

/// Tells the pods which configuration they should have: a kubelet looks after a pod that changed at once, and brings what was
/// mounted up to date; by itself it takes a minute or more.
pub(super) async fn hasten(
    client: &Client,
    key: &ObjectKey,
    config_digest: &str,
) -> Result<(), PlatformError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &key.namespace);
    let patch = Patch::Merge(json!({"metadata": {"annotations": {CONFIG_DIGEST: config_digest}}}));
    let is_told =
        |pod: &Pod| pod.annotations().get(CONFIG_DIGEST).map(String::as_str) == Some(config_digest);
    for pod in pods(client, key).await?.iter().filter(|it| !is_told(it)) {
        let name = pod.name_any();
        let action = format!("patch Pod {name}");
        match request(
            &action,
            api.patch_metadata(&name, &PatchParams::default(), &patch),
        )
        .await
        {
            Ok(_) | Err(Failure::Missing) => {}
            Err(failure) => return Err(failure.into_error(&format!("Pod {name}"))),
        }
    }
    Ok(())
}

/// The pods of the `ScimTenant` called `key`, a few when there are many.
async fn pods(client: &Client, key: &ObjectKey) -> Result<Vec<Pod>, PlatformError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &key.namespace);
    let selector = format!(
        "{INSTANCE}={},app.kubernetes.io/component=workload",
        key.name
    );
    let params = ListParams::default().labels(&selector).limit(5);
    let action = format!("list Pods of {}", key.name);
    let list = request(&action, pods.list(&params))
        .await
        .map_err(|failure| failure.into_error("Pods"))?;
    Ok(list.items)
}

fn of_pod(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False");
    if let Some(condition) = unscheduled {
        let message = condition.message.as_deref().unwrap_or("no reason given");
        return Some(format!("no node takes the pod: {message}"));
    }
    let containers = status.container_statuses.iter().flatten();
    containers
        .filter_map(|it| it.state.as_ref()?.waiting.as_ref())
        .find_map(|waiting| {
            let reason = waiting.reason.as_deref()?;
            let what = match reason {
                "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" => {
                    "the image cannot be pulled"
                }
                "CrashLoopBackOff" => "the container ends right after its start; see its log",
                "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                    "the container cannot be made"
                }
                _ => return None,
            };
            Some(format!("{what} ({reason})"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(status: &serde_json::Value) -> Deployment {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "a", "generation": 2},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_deployment_is_available_when_the_pods_of_this_generation_are() {
        let cases = [
            (serde_json::json!({}), false),
            (
                serde_json::json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}),
                false,
            ),
            (
                serde_json::json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 0, "availableReplicas": 1}),
                false,
            ),
            (
                serde_json::json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}),
                true,
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(is_available(&deployment(&status)), expected, "{status}");
        }
    }

    #[test]
    fn a_pod_says_why_it_does_not_start() {
        let pod = |status: serde_json::Value| -> Pod {
            serde_json::from_value(serde_json::json!({"status": status})).unwrap()
        };

        let pull = pod(serde_json::json!({"containerStatuses": [{
            "name": "usher", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}));
        assert_eq!(
            of_pod(&pull).as_deref(),
            Some("the image cannot be pulled (ImagePullBackOff)")
        );

        let pending = pod(serde_json::json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}));
        assert_eq!(
            of_pod(&pending).as_deref(),
            Some("no node takes the pod: 0/3 nodes are available")
        );
    }
}
