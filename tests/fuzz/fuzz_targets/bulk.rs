//! Any JSON is a bulk request or refused; each operation is done once, whatever refers to what.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use usher_fuzz::scim::bulk::BulkRequest;

fuzz_target!(|body: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let Ok(request) = BulkRequest::parse(&body) else {
        return;
    };
    let mut done: Vec<usize> = request.waves().into_iter().flatten().collect();
    done.sort_unstable();
    assert!(done.into_iter().eq(0..request.operations.len()));
});
