//! Fuzzes the road of a message: any body through every shipped mapping, validated and written out.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::translate(bytes));
