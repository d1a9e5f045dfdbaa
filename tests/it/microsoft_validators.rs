//! The steps of Microsoft's validators that the recorded exchanges do not have, restated.
//!
//! What is sent where in the exchanges of [`entra_exchanges`](crate::entra_exchanges), and is not repeated here:
//!
//! - Web validator: create (B22), duplicates (B12, G04), filters for people (B01, B04, B05) and groups (G01, G05, G06), groups without
//!   members (G08), rename of a user (D06) and a group (G10), externalId of a group (G11), disable (E01 to E03), manager (C17,
//!   C36 to C38), several operations (C32 to C34, G26), members by replace (G25), deletes (Z01, Z02, Z05, Z06, Z08, Z09, Z11).
//! - Gallery validation: create (B02, G02), manager (C12, C16, C20, C21), some of the null update (N01 to N05).
//! - Reference collection: active as text (B14), no userName (B16), broken JSON (B17), duplicates (B12), a member as bare text
//!   (G29a), members removed without a value (G28). Its member who does not exist is refused here: nobody is in a group unseen.

use serde_json::json;

use crate::entra_exchanges::Player;
use crate::workload_server::{TOKEN, Workload, exchange, recorded_rules};

const STEPS: &str = include_str!("../data/microsoft-validators.json");

#[tokio::test]
async fn the_validators_of_microsoft_pass() {
    let workload = Workload::start(&recorded_rules()).await;
    let mut player = Player::playing(STEPS, &workload.base, TOKEN, "202611240003");

    while let Some(request) = player.next_request() {
        let answer = exchange(&workload.client, &workload.base, request).await;
        if let Err(fault) = player.check(&answer) {
            panic!("{fault}");
        }
    }

    let (_, left) = workload.send("GET", "/Users?count=0", None).await;
    assert_eq!(left["totalResults"], json!(0));
}
