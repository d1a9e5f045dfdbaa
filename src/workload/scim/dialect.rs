//! The dialect of a client: what is repaired and counted for one is refused for another.

use serde_json::Value;

use super::Call;
use crate::scim::deviation::{Deviation, Found, of_patch};
use crate::scim::dialect::Dialect;
use crate::scim::error::ScimError;
use crate::scim::patch::PatchRequest;
use crate::scim::schema::ResourceSchema;

impl Call<'_> {
    /// Takes deviations from the RFC, or refuses the first.
    pub(super) fn admit(&self, found: &[Found]) -> Result<Vec<Deviation>, ScimError> {
        match (self.client.dialect, found.first()) {
            (Dialect::Strict, Some(first)) => Err(first.refusal()),
            (Dialect::Strict | Dialect::Entra, _) => {
                Ok(found.iter().map(|it| it.deviation).collect())
            }
        }
    }

    /// Reads the body of a PATCH as the client means it, and says what had to be repaired.
    pub(super) fn patch_request(
        &self,
        schema: &ResourceSchema,
        body: &Value,
    ) -> Result<(PatchRequest, Vec<Deviation>), ScimError> {
        let request = PatchRequest::parse(schema, body)?;
        let repaired = self.admit(&of_patch(schema, body))?;
        let request = match self.client.dialect {
            Dialect::Strict => request.strictly(),
            Dialect::Entra => request.guarded()?,
        };
        Ok((request, repaired))
    }
}
