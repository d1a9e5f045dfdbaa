//! Any text is a path or refused; a path prints as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use usher_fuzz::SCHEMAS;
use usher_fuzz::scim::path::Path;
use usher_fuzz::scim::projection::Projection;

fuzz_target!(|text: &str| {
    if let Ok(path) = Path::parse(text, &SCHEMAS.user) {
        let printed = path.to_string();
        // A printed path may be longer than what is read: bare names become URNs.
        if printed.len() <= usher_fuzz::scim::bounds::MAX_FILTER_BYTES {
            assert_eq!(Path::parse(&printed, &SCHEMAS.user), Ok(path));
        }
    }
    Projection::parse(Some(text), Some(text), &SCHEMAS.user).wants("members");
});
