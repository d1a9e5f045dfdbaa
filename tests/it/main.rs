//! One test binary: behavior of the whole, each module one story.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by a panic, and says why"
)]

mod administration;
mod apiserver;
mod applications;
mod attribute_owners;
mod chart;
mod chromium;
mod cluster;
mod conformance;
mod connection;
mod contention;
mod crash_sweep;
mod crds;
mod database;
mod dev;
mod directory_rules;
mod documents;
mod emulator;
mod entra_exchanges;
mod examples;
mod expressions;
mod forward_auth;
mod handover;
mod house_rules;
mod image;
mod kills;
mod kinds;
mod kubeconform;
mod lint;
mod manual;
mod mapping_changes;
mod mapping_preview;
mod microsoft_validators;
mod model;
mod model_platform;
mod operator;
mod planning;
mod portal;
mod programs;
mod replay;
mod replicas;
mod request_log;
mod scim_bulk;
mod scim_clients;
mod scim_dialects;
mod scim_faults;
mod scim_http;
mod scim_lists;
mod scim_oauth;
mod scim_records;
mod scim_vocabulary;
mod serve;
mod sign_in;
mod stand_ins;
mod store_commands;
mod story;
mod synchronization;
mod workload_program;
mod workload_server;
mod workload_settings;
