//! Whole reconstructions: closed-form heads whose truth is known, and real scans where they are at hand.
