//! `sortBy` and `sortOrder` (RFC 7644, section 3.4.2.3): by what a list is ordered.

use crate::scim::error::ScimError;
use crate::scim::schema::AttributePath;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::ResourceType;

/// By what a list is ordered, and which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort {
    pub by: SortKey,
    pub descending: bool,
}

/// The attributes that a store keeps in order. Another one would have to be read of every resource for each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    Id,
    ExternalId,
    /// Compared by [`crate::scim::fold_case`].
    UserName,
    /// Compared by [`crate::scim::fold_case`].
    DisplayName,
    Created,
    LastModified,
}

impl SortKey {
    const ALL: [(Self, &'static str, Option<&'static str>); 6] = [
        (Self::Id, "id", None),
        (Self::ExternalId, "externalId", None),
        (Self::UserName, "userName", None),
        (Self::DisplayName, "displayName", None),
        (Self::Created, "meta", Some("created")),
        (Self::LastModified, "meta", Some("lastModified")),
    ];

    fn of(path: &AttributePath) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, name, sub)| path.is_core(name) && path.sub_attribute.as_deref() == *sub)
            .map(|&(key, ..)| key)
    }

    fn exists_in(self, kind: ResourceType) -> bool {
        self != Self::UserName || kind == ResourceType::User
    }

    fn names(kind: ResourceType) -> String {
        let names = Self::ALL.iter().filter(|(key, ..)| key.exists_in(kind));
        let names: Vec<String> = names
            .map(|(_, name, sub)| match sub {
                Some(sub) => format!("{name}.{sub}"),
                None => (*name).to_owned(),
            })
            .collect();
        names.join(", ")
    }
}

impl Sort {
    /// Reads the query parameters; `sortOrder` is `ascending` when it is absent, and means nothing without `sortBy`.
    ///
    /// # Errors
    /// `400 invalidValue` for an attribute that a list is not kept in the order of, and for an unknown order.
    pub fn parse(
        sort_by: Option<&str>,
        sort_order: Option<&str>,
        schema: &ResourceSchema,
    ) -> Result<Option<Self>, ScimError> {
        let Some(name) = sort_by.map(str::trim).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let by = match schema.resolve(name) {
            Some(Resolved::Attribute { path, .. }) => SortKey::of(&path),
            Some(Resolved::Extension(_)) | None => None,
        };
        let by = by.ok_or_else(|| {
            ScimError::invalid_value(format!(
                "A list can be sorted by {}; only these are kept in order.",
                SortKey::names(schema.resource_type)
            ))
        })?;
        let order = sort_order.map_or("ascending", str::trim);
        let descending = match order.to_ascii_lowercase().as_str() {
            "ascending" | "" => false,
            "descending" => true,
            _ => {
                return Err(ScimError::invalid_value(
                    "sortOrder must be ascending or descending.",
                ));
            }
        };
        Ok(Some(Self { by, descending }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::Rules;
    use crate::scim::schema::Schemas;

    #[test]
    fn what_is_kept_in_order_can_be_sorted_by() {
        let schemas = Schemas::new(&Rules::default()).unwrap();
        let check = |by, order, expected: Option<(SortKey, bool)>| {
            let found = Sort::parse(Some(by), order, &schemas.user).ok().flatten();
            let found = found.map(|it| (it.by, it.descending));
            assert_eq!(found, expected, "{by} {order:?}");
        };
        check("USERNAME", None, Some((SortKey::UserName, false)));
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User:displayName",
            Some("Descending"),
            Some((SortKey::DisplayName, true)),
        );
        check(
            "meta.lastModified",
            Some(""),
            Some((SortKey::LastModified, false)),
        );
        check("userName", Some("up"), None);
        check("emails", None, None);
        check("nothing", None, None);
        assert_eq!(Sort::parse(None, Some("up"), &schemas.user), Ok(None));
        let refused = Sort::parse(Some("members"), None, &schemas.group).unwrap_err();
        assert_eq!(
            refused.detail,
            "A list can be sorted by id, externalId, displayName, meta.created, meta.lastModified; \
             only these are kept in order."
        );
    }
}
