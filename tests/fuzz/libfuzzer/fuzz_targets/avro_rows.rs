#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| walbridge_fuzz::avro_rows(data));
