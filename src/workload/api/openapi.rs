//! The description of the API, `OpenAPI` 3.1, written from the table of endpoints and the types that are answered.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::endpoints::{ENDPOINTS, Endpoint};

/// Problem details (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
struct Described {
    /// Always `about:blank`: the status says which kind it is.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// The request, as the log has it.
    request_id: String,
}

/// The document; `base` is the public URL of the directory.
pub(super) fn description(base: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Described>();
    let mut paths = Map::new();
    for endpoint in &ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        let method = endpoint.method.to_ascii_lowercase();
        path[method] = operation(endpoint, &mut generator, &json!(problem));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Usher for administrators",
            "version": "1",
            "description": "What administrators see of a directory and do to it. Present the session of a browser, with Origin where something is changed, or an access token of the public client usher-cli.",
        },
        "servers": [{"url": base}],
        "security": [{"session": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-usher"},
                "token": {"type": "openIdConnect", "openIdConnectUrl": format!("{base}/.well-known/openid-configuration")},
            },
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let content = |schema: Value| json!({"application/json": {"schema": schema}});
    let places = endpoint.path.split('/').filter_map(|it| {
        let name = it.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
    });
    let query = endpoint.query.iter().map(|(name, what)| {
        json!({"name": name, "in": "query", "description": what, "schema": {"type": "string"}})
    });
    let parameters: Vec<Value> = places.chain(query).collect();
    let answer = match endpoint.answer {
        Some(answer) => json!({"200": {
            "description": "It was done.",
            "content": content(json!(answer(generator))),
        }}),
        None => json!({"204": {"description": "It was done."}}),
    };
    let mut operation = json!({
        "operationId": format!("{:?}", endpoint.operation),
        "summary": endpoint.summary,
        "responses": answer,
    });
    operation["responses"]["default"] = json!({
        "description": "It was not done.",
        "content": {"application/problem+json": {"schema": problem}},
    });
    if let Some(capability) = endpoint.capability {
        operation["x-capability"] = json!(capability);
        operation["description"] = json!(format!(
            "Takes the role {} or a higher one.",
            capability.from().name()
        ));
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = endpoint.body {
        let content = content(json!(body(generator)));
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::Method;

    use super::super::endpoints::find;
    use super::*;

    #[test]
    fn every_endpoint_is_described_and_every_description_leads_to_one() {
        let document = description("https://contoso.example");
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let asked = path.replace(['{', '}'], "");
                let (endpoint, places) = find(&method, &asked).ok().unwrap();
                assert_eq!(endpoint.path, path);
                assert_eq!(places.len(), path.matches('{').count(), "{path}");
                let id = operation["operationId"].as_str().unwrap();
                assert!(described.insert(id.to_owned()), "{id}");
            }
        }
        assert_eq!(described.len(), ENDPOINTS.len());
    }

    #[test]
    fn every_reference_has_its_schema() {
        let document = description("https://contoso.example");
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        let references: Vec<&str> = text
            .split("\"$ref\":\"#/components/schemas/")
            .skip(1)
            .map(|it| it.split('"').next().unwrap())
            .collect();
        assert!(references.len() > 30);
        for name in references {
            assert!(schemas.contains_key(name), "{name}");
        }
    }
}
