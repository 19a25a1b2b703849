//! Holds no code: building this crate leaves `librocksdb.a` behind, and that is its whole use.
