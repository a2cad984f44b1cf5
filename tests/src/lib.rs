//! End to end, goldens, fixtures.
