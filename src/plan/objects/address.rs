//! The addresses of the pods: one for Entra, one for the operator.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::scim_tenant::ScimTenantSpec;

use super::super::child::Owner;
use super::{Names, owned, selector};

/// Name of the port for Entra, in the pods and in the Service.
pub fn port_name(spec: &ScimTenantSpec) -> &'static str {
    if spec.tls.is_some() { "https" } else { "http" }
}

/// Port of the Service for Entra.
pub fn port(spec: &ScimTenantSpec) -> i32 {
    if spec.tls.is_some() { 443 } else { 80 }
}

/// The Service for Entra.
pub fn public(owner: &Owner, spec: &ScimTenantSpec) -> Service {
    service(
        owner,
        &Names::of(owner).workload,
        port_name(spec),
        port(spec),
    )
}

/// The Service for the report. With a database that is away no pod is ready, and then too it is asked why.
pub fn report(owner: &Owner, spec: &ScimTenantSpec) -> Service {
    let mut service = service(
        owner,
        &Names::of(owner).report,
        "report",
        super::REPORT_PORT,
    );
    if let Some(it) = &mut service.spec {
        it.publish_not_ready_addresses = spec.store.postgres.as_ref().map(|_| true);
    }
    service
}

fn service(owner: &Owner, name: &str, port_name: &str, port: i32) -> Service {
    Service {
        metadata: owned(owner, name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector(owner)),
            ports: Some(vec![ServicePort {
                name: Some(port_name.to_owned()),
                port,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(port_name.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
