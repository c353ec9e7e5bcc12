//! What needs no program of its own: one program, since each costs a link of the whole library. Alone stand those that
//! watch time, memory or panics (`batch`, `containers`, `hostile`, `hostile_packed`), and those run by name (`faults`,
//! `layering`, `rs274`). Run one file by its name: `cargo test --release --test all demo::`.

mod common;
#[path = "common/ball.rs"]
mod common_ball;
#[path = "common/head.rs"]
mod common_head;
#[path = "common/posts.rs"]
mod common_posts;
#[path = "common/trap.rs"]
mod common_trap;

mod bench;
mod demo;
mod edge;
mod edge_skull;
mod foreign;
mod identity;
mod imaging_chain;
mod implant_traps;
mod implant_truth;
mod masks;
mod mill;
mod orientation;
mod planner;
mod posts;
mod reader;
mod real_case;
mod schemas;
mod traps;
mod usage;
