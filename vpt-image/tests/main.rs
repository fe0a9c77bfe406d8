//! All integration tests of the package, in one binary.

mod suite;
