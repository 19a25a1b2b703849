//! Fuzzes the reader of HL7 v2 bodies, with and without MLLP frames.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Hl7, bytes));
