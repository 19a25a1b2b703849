//! Fuzzes the reader of form bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Form, bytes));
