//! SCIM 2.0 as plain data (RFC 7643, RFC 7644): schema, resources, filters, paths, PATCH, errors; no HTTP, no storage.
//!
//! Made for the dialects of Microsoft Entra's provisioning service, so it reads generously and
//! answers strictly. [`schema::Schemas`] is the one model that everything obeys and that discovery
//! prints; a [`resource::Resource`] holds attributes by their canonical names; [`filter`],
//! [`path`] and [`patch`] are syntax trees resolved against the schema.

pub mod bounds;
pub mod bulk;
pub mod deviation;
pub mod dialect;
pub mod error;
pub mod filter;
pub mod list;
pub mod patch;
pub mod path;
pub mod projection;
pub mod resource;
mod scanner;
pub mod schema;
pub mod sort;
mod value;

/// The form in which texts that are not `caseExact` are compared and indexed.
///
/// A store that keys `userName` by this value finds what [`filter::Filter::matches`] finds.
pub fn fold_case(text: &str) -> String {
    text.to_lowercase()
}
