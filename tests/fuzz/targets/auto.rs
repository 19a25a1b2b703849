//! Fuzzes the reader of bodies whose format and encoding have to be found out.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Auto, bytes));
