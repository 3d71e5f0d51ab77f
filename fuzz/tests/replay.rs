//! The committed inputs through the targets: the corpus, and everything that once broke a promise.

use std::fs;
use std::path::{Path, PathBuf};

use champion_fuzz::TARGETS;
use champion_fuzz::memory::{Counting, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn replay(kind: &str, target: &str, run: fn(&[u8])) -> usize {
    let paths = inputs(kind, target);
    for path in &paths {
        let bytes = fs::read(path).expect("a committed input");
        eprintln!("{}", path.display());
        run(&bytes);
    }
    paths.len()
}

#[test]
fn every_target_holds_on_its_corpus() {
    for (name, run) in TARGETS {
        assert!(replay("corpus", name, *run) > 0, "{name} has no corpus");
    }
}

#[test]
fn what_once_broke_a_promise_holds_now() {
    for (name, run) in TARGETS {
        replay("crashes", name, *run);
    }
}

#[test]
fn no_input_lies_in_a_folder_that_no_target_reads() {
    for kind in ["corpus", "crashes"] {
        let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(kind)).expect("the folder");
        for folder in folders {
            let name = folder.expect("an entry").file_name().into_string().expect("a plain name");
            assert!(champion_fuzz::target(&name).is_some() || name == ".gitkeep", "{kind}/{name}");
        }
    }
}

#[test]
fn every_target_holds_on_spoilt_inputs_of_its_corpus() {
    // A fuzzer's simplest steps, so that a build without one still goes off the good road: cut, double, flip.
    for (name, run) in TARGETS {
        for path in inputs("corpus", name) {
            let bytes = fs::read(path).expect("a committed input");
            for step in (0..bytes.len()).step_by(bytes.len() / 16 + 1) {
                run(&bytes[..step]);
                run(&[&bytes[..step], &bytes[step / 2..]].concat());
                let mut flipped = bytes.clone();
                flipped[step] ^= 0x15;
                run(&flipped);
            }
        }
    }
}

#[test]
fn memory_is_counted() {
    let (text, peak) = peak_of(|| {
        drop(vec![1_u8; 1 << 20]);
        vec![1_u8; 1 << 10]
    });
    assert_eq!(text.len(), 1 << 10);
    assert!((1 << 20..1 << 21).contains(&peak), "{peak}");
}
