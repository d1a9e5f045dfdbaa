//! How the program is linked.

#![expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script by the environment"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // A megabyte less: what the loader has to shift is told in bits. Libraries of C know that since glibc 2.36.
    if (target("OS"), target("ENV")) == ("linux".to_owned(), "gnu".to_owned()) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
