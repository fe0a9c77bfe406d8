//! `vpt` from the outside: what it prints, what it writes, what it refuses, and with which exit code.

mod suite;
