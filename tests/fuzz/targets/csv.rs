//! Fuzzes the reader of CSV bodies with a header row.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Csv, bytes));
