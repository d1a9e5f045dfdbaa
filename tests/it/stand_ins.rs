//! Definitions of kinds of others, that the examples and the chart may be tried on an API server that does not know them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use serde_json::Value;

use crate::apiserver::{Cluster, server};

/// All of them.
pub(crate) fn definitions() -> Vec<CustomResourceDefinition> {
    serde_yaml::from_multiple(include_str!("stand_ins.yaml")).expect("definitions")
}

/// Installs them, but not on a cluster that stays: it may have the real ones. Whether the cluster has ours.
pub(crate) async fn install(cluster: &Cluster) -> bool {
    if server::is_existing() {
        eprintln!(
            "not run: what needs the kinds of Argo CD, Flux and Prometheus, whose stand-ins are for a server of our own"
        );
        return false;
    }
    cluster.install_crds(&definitions()).await;
    true
}

/// The kinds that they define, as `GROUP/VERSION/KIND`.
pub(crate) fn kinds() -> Vec<String> {
    let of = |it: CustomResourceDefinition| {
        let (spec, version) = (&it.spec, &it.spec.versions[0].name);
        format!("{}/{version}/{}", spec.group, spec.names.kind)
    };
    definitions().into_iter().map(of).collect()
}

/// The kind of an object in that form.
pub(crate) fn kind_of(object: &Value) -> String {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("apiVersion"), text("kind"))
}

/// Whether an object is of one of them.
pub(crate) fn is_one(object: &Value) -> bool {
    kinds().contains(&kind_of(object))
}
