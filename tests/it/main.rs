//! One test binary: behavior of the whole, each module one story.

mod apiserver;
