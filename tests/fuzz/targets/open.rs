//! Fuzzes fields that hold documents of their own, in every format and behind base64 and gzip.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::open(bytes));
