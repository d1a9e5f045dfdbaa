//! Who may talk to the pods, and to whom they talk.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::scim_tenant::ScimTenantSpec;

use super::super::child::Owner;
use super::{Names, WorkloadSettings, address, owned, selector};

/// Anybody reaches the public port, some namespaces reach the report and the metrics. A SQLite workload calls nobody, unless it
/// `calls_out` to ports of issuers and of the mail server; where a database is, only its URL says, which is secret.
pub fn network_policy(
    owner: &Owner,
    spec: &ScimTenantSpec,
    settings: &WorkloadSettings,
    calls_out: &[u16],
) -> NetworkPolicy {
    NetworkPolicy {
        metadata: owned(owner, &Names::of(owner).workload),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(selector(owner)),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(vec![
                rule(address::port_name(spec), None),
                rule("report", Some(readers(settings))),
            ]),
            egress: match spec.store.postgres {
                Some(_) => Some(vec![NetworkPolicyEgressRule::default()]),
                None => (!calls_out.is_empty()).then(|| to_others(calls_out)),
            },
        }),
    }
}

/// Names and these ports. The addresses of others change, so they are not named.
fn to_others(ports: &[u16]) -> Vec<NetworkPolicyEgressRule> {
    let port = |protocol: &str, number| NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    };
    let names = [port("UDP", 53), port("TCP", 53)];
    let others = ports.iter().map(|it| port("TCP", i32::from(*it)));
    vec![NetworkPolicyEgressRule {
        ports: Some(names.into_iter().chain(others).collect()),
        to: None,
    }]
}

/// The operator, and who collects metrics.
fn readers(settings: &WorkloadSettings) -> Vec<NetworkPolicyPeer> {
    let namespace = |name: Option<&String>| NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: name
                .map(|it| [("kubernetes.io/metadata.name".to_owned(), it.clone())].into()),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    };
    std::iter::once(settings.operator_namespace.as_ref())
        .chain(settings.metrics_namespaces.iter().map(Some))
        .map(namespace)
        .collect()
}

fn rule(port: &str, from: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from,
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::String(port.to_owned())),
            protocol: Some("TCP".to_owned()),
            end_port: None,
        }]),
    }
}
