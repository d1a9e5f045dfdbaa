//! SCIM 2.0 as plain data (RFC 7643, RFC 7644): schema, resources, filters, paths, PATCH, errors; no HTTP, no storage.

pub mod schema;
