//! Faults that are switched on and off.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Map, Value};

use super::Said;
use super::answer::{Wrong, read as read_body, said};
use crate::emulator::faults::Faults;
use crate::emulator::world::World;

/// The faults in effect.
pub(super) async fn read(State(world): State<Arc<World>>) -> Said {
    Ok(said(&world.faults()))
}

/// Changes those that the body names.
pub(super) async fn change(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let changes: Map<String, Value> = read_body(&body)?;
    let wrong = |error: serde_json::Error| Wrong::Body(error.to_string());
    let mut faults = serde_json::to_value(world.faults()).map_err(wrong)?;
    for (name, value) in changes {
        faults[name] = value;
    }
    let faults: Faults = serde_json::from_value(faults).map_err(wrong)?;
    world.set_faults(faults.clone()).await;
    Ok(said(&faults))
}

/// Switches all off.
pub(super) async fn clear(State(world): State<Arc<World>>) -> Said {
    world.set_faults(Faults::default()).await;
    Ok(said(&Faults::default()))
}
