//! The fuzzer of one target, which `CHAMPION_FUZZ_TARGET` names; arguments are libFuzzer's.

#![no_main]

use std::sync::OnceLock;

use champion_fuzz::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("CHAMPION_FUZZ_TARGET").unwrap_or_default();
        let target = champion_fuzz::target(&name);
        let target = target.unwrap_or_else(|| panic!("CHAMPION_FUZZ_TARGET={name:?} is no target"));
        TARGET.set(target).expect("it is set once");
    },
    |data: &[u8]| {
        TARGET.get().expect("it is set before the first input")(data);
    }
);
