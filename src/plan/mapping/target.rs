//! Targets: which attribute of a resource a line writes.

use serde_json::Value as Json;

use crate::api::user_mapping::AttributeMapping;
use crate::scim::filter::{Filter, Literal, Operator};
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::{
    Attribute, AttributePath, AttributeType, ENTERPRISE_URN, MEMBERS, Mutability, ResourceSchema,
};

use super::Checked;

/// Attributes that the server alone writes, or that belong to groups.
const NOT_A_TARGET: [&str; 4] = ["id", "meta", "groups", "schemas"];

/// A target, resolved.
pub(super) struct Target<'a> {
    pub(super) path: Path,
    pub(super) attribute: AttributePath,
    pub(super) whole: &'a Attribute,
    pub(super) part: &'a Attribute,
}

/// `target` as it is compared: the canonical path of the attribute, without case. One that the schema does not know stays as it is written.
pub(in crate::plan) fn canonical(target: &str, schema: &ResourceSchema) -> String {
    Path::parse(target, schema)
        .map_or_else(|_| target.to_owned(), |path| path.to_string())
        .to_ascii_lowercase()
}

/// Whether the attribute holds the ids of other resources, which Entra fills in.
pub(in crate::plan) fn is_reference(path: &AttributePath) -> bool {
    let is_manager =
        path.extension.as_deref() == Some(ENTERPRISE_URN) && path.attribute == "manager";
    is_manager || path.is_core(MEMBERS)
}

/// The target of `line`, or what is wrong with it.
pub(super) fn read<'a>(
    line: &AttributeMapping,
    schema: &'a ResourceSchema,
) -> Result<Target<'a>, String> {
    let written = &line.target;
    let path = Path::parse(written, schema).map_err(|error| {
        let detail = error.detail.trim_end_matches('.');
        let detail = detail.replacen("The path", "the path", 1);
        format!(
            "target {written:?} is not an attribute that the ScimTenant takes ({detail}); declare it in spec.schema.extensions of the ScimTenant or correct it"
        )
    })?;
    let Some(attribute) = path.attribute().cloned() else {
        return Err(format!(
            "target {written:?} is a whole extension; add the attribute, as in {written}:name"
        ));
    };
    let reserved = NOT_A_TARGET.iter().any(|name| attribute.is_core(name));
    let Some((whole, part)) = schema.definition(&attribute) else {
        return Err(format!(
            "target {written:?} is not an attribute of a {}",
            schema.resource_type.name().to_lowercase()
        ));
    };
    if reserved || whole.mutability == Mutability::ReadOnly {
        return Err(format!(
            "target {written:?} is written by the server only; remove the line"
        ));
    }
    let needs_part = matches!(path, Path::Attribute(_))
        && part.type_ == AttributeType::Complex
        && !part.multi_valued
        && !part.is_open()
        && part.sub_attribute("value").is_none();
    if needs_part {
        let first = part
            .sub_attributes
            .first()
            .map_or("value", |it| it.name.as_str());
        return Err(format!(
            "target {written:?} has parts; name one of them, as in {written}.{first}"
        ));
    }
    Ok(Target {
        part: taking(&path, part),
        path,
        attribute,
        whole,
    })
}

/// What takes the value of a path that leads to `definition`: a part that brackets are followed by, or the `value` of an object.
pub(super) fn taking<'a>(path: &Path, definition: &'a Attribute) -> &'a Attribute {
    let named = match path {
        Path::Elements { sub_attribute, .. } => sub_attribute.as_deref(),
        Path::Attribute(_) | Path::Extension(_) => None,
    };
    let is_one = definition.type_ == AttributeType::Complex && !definition.multi_valued;
    let name = named.or(is_one.then_some("value"));
    name.and_then(|name| definition.sub_attribute(name))
        .unwrap_or(definition)
}

/// Says what is wrong with the brackets of a path: Entra makes the element that they describe.
pub(super) fn check_filter(
    path: &Path,
    field: &str,
    schema: &ResourceSchema,
    checked: &mut Checked,
) {
    let Path::Elements { list, filter, .. } = path else {
        return;
    };
    let Some((whole, _)) = schema.definition(list) else {
        return;
    };
    let terms = match filter {
        Filter::And(terms) => terms.iter().collect(),
        one => vec![one],
    };
    for term in terms {
        let comparison = match term {
            Filter::Compare(comparison) if comparison.operator == Operator::Equal => comparison,
            other => {
                checked.refuse(
                    field,
                    format!(
                        "[{other}] does not say what to create when there is no such element; compare by eq, as in {list}[type eq \"work\"].value"
                    ),
                );
                continue;
            }
        };
        let name = &comparison.attribute.attribute;
        let known = whole.sub_attribute(name).map(|it| &it.canonical_values);
        if let (Some(known), Literal::Text(text)) = (known, &comparison.value)
            && !known.is_empty()
            && !known.contains(text)
        {
            checked.warn(
                field,
                format!(
                    "{text:?} is not among the values of {name} that SCIM knows for {list}: {}",
                    known.join(", ")
                ),
            );
        }
    }
}

/// The key that a line makes known in an open extension.
pub(super) fn new_key(
    attribute: &AttributePath,
    schema: &ResourceSchema,
) -> Option<(String, String)> {
    let urn = attribute.extension.as_ref()?;
    let extension = schema.extension(urn)?;
    let unknown = extension.open && extension.attribute(&attribute.attribute).is_none();
    // Keys with other characters are taken as well, and stay out of discovery (RFC 7643, section 2.1).
    let named = attribute
        .attribute
        .starts_with(|it: char| it.is_ascii_alphabetic())
        && attribute
            .attribute
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (unknown && named).then(|| (urn.clone(), attribute.attribute.clone()))
}

/// The texts that stand at `path` in a resource.
pub(super) fn values(resource: &Resource, path: &Path) -> Vec<String> {
    let attributes = resource.attributes();
    let at = |path: &AttributePath| {
        let holder = match &path.extension {
            Some(urn) => attributes.get(urn)?.as_object()?,
            None => attributes,
        };
        holder.get(&path.attribute)
    };
    let text = |value: &Json| value.as_str().map(str::to_owned);
    match path {
        Path::Extension(_) => Vec::new(),
        Path::Attribute(path) => {
            let part = path.sub_attribute.as_deref();
            let all = match at(path) {
                Some(Json::Array(elements)) => elements.iter().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            let found = all.into_iter().filter_map(|it| match part {
                Some(part) => text(it.get(part)?),
                None if it.is_object() => text(it.get("value")?),
                None => text(it),
            });
            found.collect()
        }
        Path::Elements {
            list,
            filter,
            sub_attribute,
        } => {
            let part = sub_attribute.as_deref().unwrap_or("value");
            let elements = at(list).and_then(Json::as_array).into_iter().flatten();
            elements
                .filter(|it| filter.matches_element(it))
                .filter_map(|it| text(it.get(part)?))
                .collect()
        }
    }
}
