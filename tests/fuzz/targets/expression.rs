//! Fuzzes the expression language: any text as a path, its steps and a condition, compiled and run.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| fuzz::expression(text));
