//! Any JSON is a PATCH or refused; what a PATCH makes is a resource that a POST would make as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use usher_fuzz::SCHEMAS;
use usher_fuzz::USER;
use usher_fuzz::scim::patch::PatchRequest;
use usher_fuzz::scim::resource::Resource;

fuzz_target!(|body: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    drop(PatchRequest::parse(&SCHEMAS.group, &body));
    drop(Resource::parse(&SCHEMAS.user, &body));
    let Ok(request) = PatchRequest::parse(&SCHEMAS.user, &body) else {
        return;
    };
    let Ok(patched) = request.apply(&SCHEMAS.user, &USER) else {
        return;
    };
    let text = patched.to_json();
    assert_eq!(Resource::from_json(&text).ok().as_ref(), Some(&patched));
    let value = serde_json::from_str(&text).expect("our own JSON");
    assert_eq!(Resource::parse(&SCHEMAS.user, &value), Ok(patched));
});
