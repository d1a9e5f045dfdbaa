//! The way in: an Ingress or a Gateway's `HTTPRoute`.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Map, Value, json};

use crate::api::scim_tenant::{GatewayExposure, IngressExposure, ScimTenantSpec};

use super::super::child::{ChildKind, Owner};
use super::{Names, address, owned};

/// The Ingress for the host.
pub fn ingress(owner: &Owner, spec: &ScimTenantSpec, wish: &IngressExposure) -> Ingress {
    let names = Names::of(owner);
    let mut metadata = owned(owner, &names.workload);
    if !wish.annotations.is_empty() {
        metadata.annotations = Some(wish.annotations.clone());
    }
    let backend = IngressBackend {
        service: Some(IngressServiceBackend {
            name: names.workload,
            port: Some(ServiceBackendPort {
                name: Some(address::port_name(spec).to_owned()),
                number: None,
            }),
        }),
        resource: None,
    };
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: wish.class_name.clone(),
            default_backend: None,
            rules: Some(vec![IngressRule {
                host: Some(spec.host.clone()),
                http: Some(HTTPIngressRuleValue {
                    paths: vec![HTTPIngressPath {
                        path: Some("/".to_owned()),
                        path_type: "Prefix".to_owned(),
                        backend,
                    }],
                }),
            }]),
            tls: wish.tls_secret_name.as_ref().map(|it| {
                vec![IngressTLS {
                    hosts: Some(vec![spec.host.clone()]),
                    secret_name: Some(it.clone()),
                }]
            }),
        }),
        ..Ingress::default()
    }
}

/// Where `HTTPRoutes` are in the API.
pub fn http_route_resource() -> ApiResource {
    let kind = ChildKind::HttpRoute;
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group(), "v1", kind.as_str()),
        kind.plural(),
    )
}

/// The `HTTPRoute` for the host.
pub fn http_route(owner: &Owner, spec: &ScimTenantSpec, wish: &GatewayExposure) -> DynamicObject {
    let names = Names::of(owner);
    let parents: Vec<Value> = wish
        .parent_refs
        .iter()
        .map(|parent| {
            let mut reference = Map::from_iter([("name".to_owned(), json!(parent.name))]);
            if let Some(namespace) = &parent.namespace {
                reference.insert("namespace".to_owned(), json!(namespace));
            }
            if let Some(section) = &parent.section_name {
                reference.insert("sectionName".to_owned(), json!(section));
            }
            Value::Object(reference)
        })
        .collect();
    let mut route = DynamicObject::new(&names.workload, &http_route_resource()).data(json!({
        "spec": {
            "parentRefs": parents,
            "hostnames": [spec.host],
            "rules": [{"backendRefs": [{"name": names.workload, "port": address::port(spec)}]}],
        },
    }));
    route.metadata = owned(owner, &names.workload);
    route
}
