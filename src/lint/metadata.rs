//! What the API server asks of `metadata`, as a JSON Schema: the definitions themselves do not say it.

use serde_json::{Value, json};

/// RFC 1123 subdomain, as Kubernetes reads it.
const SUBDOMAIN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// RFC 1123 label, as Kubernetes reads it.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Name of a label or annotation, with its optional prefix.
const QUALIFIED_NAME: &str =
    "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// Name of an annotation: the API server compares it in lower case.
const ANNOTATION_NAME: &str = "^([A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// Value of a label.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

/// The longest sum of all annotations, in bytes.
pub(super) const ANNOTATIONS_BYTES: usize = 256 * 1024;

/// Schema of `metadata`; every field of Kubernetes' `ObjectMeta` is known.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": SUBDOMAIN},
            "generateName": {"type": ["string", "null"]},
            "namespace": {"type": ["string", "null"], "minLength": 1, "maxLength": 63, "pattern": LABEL},
            "labels": {
                "type": ["object", "null"],
                "propertyNames": {"pattern": QUALIFIED_NAME},
                "additionalProperties": {"type": ["string", "null"], "maxLength": 63, "pattern": LABEL_VALUE}
            },
            "annotations": {
                "type": ["object", "null"],
                "propertyNames": {"pattern": ANNOTATION_NAME},
                "additionalProperties": {"type": ["string", "null"]}
            },
            "creationTimestamp": {}, "deletionGracePeriodSeconds": {}, "deletionTimestamp": {}, "finalizers": {},
            "generation": {}, "managedFields": {}, "ownerReferences": {}, "resourceVersion": {}, "selfLink": {},
            "uid": {}
        }
    })
}
