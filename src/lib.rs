//! Usher connects Microsoft Entra ID to a platform: people and groups arrive by SCIM 2.0, and all of it is declared in YAML.

pub mod scim;
