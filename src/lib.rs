//! Usher connects Microsoft Entra ID to a platform: people and groups arrive by SCIM 2.0, and all of it is declared in YAML.

// Vocabulary: plain data, no I/O.
pub mod api;
pub mod config;
pub mod expression;
pub mod oidc;
pub mod scim;

// Time and randomness as inputs.
pub mod clock;

// Decisions, and the port through which they take effect.
pub mod plan;

// Checks of YAML: pure.
pub mod lint;
pub mod operator;
pub mod platform;
pub mod reconcile;

// The workload: protocol over domain over store.
pub mod store;
pub mod telemetry;
pub mod workload;

// The product without a cluster.
pub mod dev;

// Beside the product: an Entra tenant that plays the other side.
pub mod emulator;

// The command line.
pub mod cli;
