//! From a PATCH body to operations on single attributes.

use serde_json::Map;
use serde_json::Value;

use crate::scim::bounds;
use crate::scim::bounds::MAX_OPERATIONS;
use crate::scim::error::ScimError;
use crate::scim::error::quoted;
use crate::scim::patch::Action;
use crate::scim::patch::MemberChange;
use crate::scim::patch::Operation;
use crate::scim::patch::PatchRequest;
use crate::scim::patch::members;
use crate::scim::path::Path;
use crate::scim::schema::MEMBERS;
use crate::scim::schema::Mutability;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::ResourceType;
use crate::scim::value;

impl PatchRequest {
    /// Reads a PATCH body.
    ///
    /// `op` in any casing; members of the body and of operations that are unknown are ignored.
    /// A path must name an attribute that exists and may be written. In a path-less operation
    /// unknown and read-only names are ignored, as they are in a POST.
    ///
    /// # Errors
    /// `400 invalidSyntax`, `invalidPath`, `invalidValue`, `noTarget` or `mutability`; 413 when
    /// there are more than [`MAX_OPERATIONS`].
    pub fn parse(schema: &ResourceSchema, body: &Value) -> Result<Self, ScimError> {
        bounds::check(body)?;
        let operations = body
            .as_object()
            .and_then(|members| value::find(members, "Operations"))
            .and_then(Value::as_array)
            .ok_or_else(|| ScimError::invalid_syntax("A PATCH needs a list named Operations."))?;
        if operations.len() > MAX_OPERATIONS {
            let detail = format!("A PATCH may have at most {MAX_OPERATIONS} operations.");
            return Err(ScimError::too_large(detail));
        }
        let mut reader = Reader {
            schema,
            number: 0,
            request: Self::default(),
        };
        for (index, operation) in operations.iter().enumerate() {
            reader.read(index + 1, operation)?;
        }
        Ok(reader.request)
    }
}

/// Collects the operations of one request.
struct Reader<'s> {
    schema: &'s ResourceSchema,
    /// Of the operation that is being read, from 1.
    number: usize,
    request: PatchRequest,
}

impl Reader<'_> {
    /// Reads the operation with this 1-based number.
    fn read(&mut self, number: usize, operation: &Value) -> Result<(), ScimError> {
        let fault = |what: &str| ScimError::invalid_syntax(format!("Operation {number} {what}."));
        let members = operation
            .as_object()
            .ok_or_else(|| fault("must be an object"))?;
        let action = match value::find(members, "op").and_then(Value::as_str) {
            Some(op) => Action::parse(op).ok_or_else(|| {
                fault(&format!(
                    "has op {}; it must be add, replace or remove",
                    quoted(op)
                ))
            })?,
            None => return Err(fault("has no op; it must be add, replace or remove")),
        };
        let written = value::find(members, "value");
        if written.is_none() && action != Action::Remove {
            return Err(fault("needs a value"));
        }
        let written = written.unwrap_or(&Value::Null);
        self.number = number;
        match value::find(members, "path") {
            None | Some(Value::Null) => self.read_pathless(number, action, written),
            Some(Value::String(path)) if path.trim().is_empty() => {
                self.read_pathless(number, action, written)
            }
            Some(Value::String(path)) => self.push(
                action,
                Path::parse(path, self.schema)?,
                written,
                Origin::Path,
            ),
            Some(_) => Err(fault("has a path that is not a text")),
        }
    }

    /// Takes the value of a path-less operation apart, each key like a path.
    fn read_pathless(
        &mut self,
        number: usize,
        action: Action,
        written: &Value,
    ) -> Result<(), ScimError> {
        if action == Action::Remove {
            let detail = format!("Operation {number} removes something, so it needs a path.");
            return Err(ScimError::no_target(detail));
        }
        let members = written.as_object().ok_or_else(|| {
            let detail = format!("Operation {number} has no path, so its value must be an object.");
            ScimError::invalid_value(detail)
        })?;
        for (key, written) in members {
            // A key may carry a value path; only a name that nobody knows is ignored.
            let name = key.split('[').next().unwrap_or(key);
            if self.schema.resolve(name.trim()).is_some() {
                let path = Path::parse(key, self.schema)?;
                self.push(action, path, written, Origin::Key)?;
            }
        }
        Ok(())
    }

    /// Adds one operation; an object below an extension's URN becomes one per attribute.
    fn push(
        &mut self,
        action: Action,
        path: Path,
        written: &Value,
        origin: Origin,
    ) -> Result<(), ScimError> {
        if let Path::Extension(urn) = &path
            && action != Action::Remove
            && !written.is_null()
        {
            let members = written.as_object().ok_or_else(|| {
                ScimError::invalid_value(format!("The value of {urn} must be an object."))
            })?;
            return self.push_extension(action, urn, members);
        }
        if is_read_only(self.schema, &path) {
            return match origin {
                Origin::Key => Ok(()),
                Origin::Path => Err(ScimError::mutability(format!(
                    "{path} is read-only; remove its mapping in Entra."
                ))),
            };
        }
        if self.schema.resource_type == ResourceType::Group
            && path.attribute().is_some_and(|path| path.is_core(MEMBERS))
        {
            let change = members::change(action, &path, written)?;
            if action == Action::Remove && change == Some(MemberChange::Clear) {
                self.request.bare_removal.get_or_insert(self.number);
            }
            self.request.members.extend(change);
            return Ok(());
        }
        self.request.operations.push(Operation {
            action,
            path,
            value: written.clone(),
        });
        Ok(())
    }

    fn push_extension(
        &mut self,
        action: Action,
        urn: &str,
        members: &Map<String, Value>,
    ) -> Result<(), ScimError> {
        for (key, written) in members {
            if let Some(Resolved::Attribute { path, .. }) =
                self.schema.resolve(&format!("{urn}:{key}"))
            {
                self.push(action, Path::Attribute(path), written, Origin::Key)?;
            }
        }
        Ok(())
    }
}

/// Where a path comes from decides how strict we are about it.
#[derive(Clone, Copy)]
enum Origin {
    Path,
    Key,
}

impl Action {
    fn parse(op: &str) -> Option<Self> {
        let known = [
            ("add", Self::Add),
            ("replace", Self::Replace),
            ("remove", Self::Remove),
        ];
        let found = known
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(op.trim()));
        found.map(|(_, action)| action)
    }
}

fn is_read_only(schema: &ResourceSchema, path: &Path) -> bool {
    let (list, sub) = match path {
        Path::Extension(_) => return false,
        Path::Attribute(path) => (path, path.sub_attribute.as_deref()),
        Path::Elements {
            list,
            sub_attribute,
            ..
        } => (list, sub_attribute.as_deref()),
    };
    let Some((attribute, _)) = schema.definition(list) else {
        return false;
    };
    let sub = sub.and_then(|name| attribute.sub_attribute(name));
    let read_only = |mutability| mutability == Mutability::ReadOnly;
    read_only(attribute.mutability) || sub.is_some_and(|sub| read_only(sub.mutability))
}
