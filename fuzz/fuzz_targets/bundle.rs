#![no_main]

#[path = "../checks/bundle.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| checks::check(input.0, input.1));
