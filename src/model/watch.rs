//! Progress and stopping, as a stage sees them.

/// What a stage tells while it works, and asks.
pub trait Watch: Sync {
    /// `done` of `total` steps of the stage are done.
    fn progress(&self, done: u64, total: u64);
    /// What is being worked on now, in a few words without patient identity.
    fn note(&self, what: &str);
    /// True when the user asked to stop; a stage may then return early with an error.
    fn stopped(&self) -> bool {
        false
    }
}

/// Says nothing, never stops.
pub struct Silent;

impl Watch for Silent {
    fn progress(&self, _done: u64, _total: u64) {}
    fn note(&self, _what: &str) {}
}
