//! Fuzzes the reader of XML and SOAP bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::decode(adapters::WireFormat::Xml, bytes));
