#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| walbridge_fuzz::state_topics(data));
