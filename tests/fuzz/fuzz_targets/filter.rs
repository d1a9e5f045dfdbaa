//! Any text is a filter or refused; a filter prints as itself and can be evaluated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use usher_fuzz::SCHEMAS;
use usher_fuzz::USER;
use usher_fuzz::scim::filter::Candidate;
use usher_fuzz::scim::filter::Filter;

fuzz_target!(|text: &str| {
    if let Ok(filter) = Filter::parse(text, &SCHEMAS.user) {
        let printed = filter.to_string();
        // A printed filter may be longer than what is read: bare names become URNs.
        if printed.len() <= usher_fuzz::scim::bounds::MAX_FILTER_BYTES {
            assert_eq!(Filter::parse(&printed, &SCHEMAS.user).as_ref(), Ok(&filter));
        }
        filter.matches(&Candidate::new("1", &USER));
    }
});
