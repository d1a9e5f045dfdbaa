//! Settings of the pods of a `ScimTenant`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Settings of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// Requests and limits of the container; modest requests when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "tolerations")]
    pub tolerations: Vec<Toleration>,
    /// Affinity as in a pod (`core/v1` Affinity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub affinity: Option<serde_json::Value>,
}

/// `requests` and `limits` of Kubernetes' type, with bounds; its claims are not for us.
fn resources(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let quantities = |description: &str| {
        serde_json::json!({
            "description": description,
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {
                "type": "string",
                "maxLength": 20,
                "pattern": "^[0-9]+([.][0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
            }
        })
    };
    schemars::json_schema!({
        "type": "object",
        "properties": {
            "requests": quantities("What a node must have left, such as `cpu: 100m` and `memory: 64Mi`; numbers in quotes."),
            "limits": quantities("What the container may use at most, such as `memory: 256Mi`; numbers in quotes.")
        }
    })
}

/// Kubernetes' type, with the bounds that Kubernetes has for taints.
fn tolerations(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "object",
            "properties": {
                "key": {"description": "Key of the taint; every taint when left out, with the operator `Exists`.", "type": "string", "maxLength": 317},
                "operator": {"description": "How the value is compared; `Equal` when left out.", "type": "string", "enum": ["Exists", "Equal"]},
                "value": {"description": "Value of the taint, with the operator `Equal`.", "type": "string", "maxLength": 63},
                "effect": {"description": "Effect of the taint; every effect when left out.", "type": "string", "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
                "tolerationSeconds": {"description": "How long a taint of the effect `NoExecute` is tolerated; for ever when left out.", "type": "integer", "format": "int64"}
            }
        }
    })
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
