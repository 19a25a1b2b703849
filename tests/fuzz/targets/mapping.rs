//! Fuzzes the mapping file: any text is compiled or refused with a place.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| fuzz::mapping(text));
