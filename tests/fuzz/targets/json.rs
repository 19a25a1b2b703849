//! Fuzzes the reader of JSON bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Json, bytes));
