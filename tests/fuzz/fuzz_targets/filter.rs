//! Any text is a filter or refused; a filter prints as itself and can be evaluated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use usher_fuzz::scim::filter::Candidate;
use usher_fuzz::scim::filter::Filter;

fuzz_target!(|text: &str| {
    let schemas = usher_fuzz::schemas();
    let user = usher_fuzz::user(&schemas);
    if let Ok(filter) = Filter::parse(text, &schemas.user) {
        let printed = filter.to_string();
        // A printed filter may be longer than what is read: bare names become URNs.
        if printed.len() <= usher_fuzz::scim::bounds::MAX_FILTER_BYTES {
            assert_eq!(Filter::parse(&printed, &schemas.user).as_ref(), Ok(&filter));
        }
        filter.matches(&Candidate::new("1", &user));
        filter.split();
    }
});
