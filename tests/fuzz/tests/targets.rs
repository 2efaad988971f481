//! Every target over its seeds, and over what becomes of them in some seconds of mutations.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::panic;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use walbridge_fuzz::{ALL, Target};

/// How long each target gets mutations, unless `WALBRIDGE_TEST_FUZZ_SECONDS` says.
const SECONDS: u64 = 2;

/// How large an input may grow.
const MOST: usize = 4096;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut all: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(all.len() > 1, "{} has no seeds", folder.display());
    all
}

/// Runs one input; if the target panics, keeps it where it can be found and says where.
fn run(name: &str, target: Target, data: &[u8], origin: &str) {
    if panic::catch_unwind(|| target(data)).is_err() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.input"));
        std::fs::write(&kept, data).unwrap();
        panic!(
            "{name} panics on {origin}, kept as {}: {:?}",
            kept.display(),
            String::from_utf8_lossy(data)
        );
    }
}

fn mutate(rng: &mut StdRng, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let pick = |rng: &mut StdRng| seeds[rng.random_range(0..seeds.len())].1.clone();
    let mut data = pick(rng);
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=data.len());
        match rng.random_range(0..7) {
            0 if at < data.len() => data[at] = rng.random(),
            1 if at < data.len() => data[at] ^= 1 << rng.random_range(0..8),
            2 => data.truncate(at),
            3 => data.insert(at, rng.random()),
            4 => {
                let other = pick(rng);
                let from = rng.random_range(0..=other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            5 => {
                let to = rng.random_range(at..=data.len());
                let piece = data[at..to].to_vec();
                let there = rng.random_range(0..=data.len());
                data.splice(there..there, piece);
            }
            _ => {
                let extremes: [&[u8]; 6] = [
                    &[0xff; 8],
                    &[0x7f, 0xff, 0xff, 0xff],
                    &[0; 4],
                    b"\xf0\x9f\x92\xa3",
                    b"-1",
                    b"1e999",
                ];
                let extreme = extremes[rng.random_range(0..extremes.len())];
                data.splice(at..at, extreme.iter().copied());
            }
        }
    }
    data.truncate(MOST);
    data
}

#[test]
fn seeds_and_mutations_make_nothing_panic() {
    let seconds = std::env::var("WALBRIDGE_TEST_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |text| text.parse().unwrap());
    for (name, target) in ALL {
        let seeds = seeds(name);
        for (path, data) in &seeds {
            run(name, target, data, &path.display().to_string());
        }
        let seed = rand::random::<u64>();
        let mut rng = StdRng::seed_from_u64(seed);
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut count = 0_u64;
        while Instant::now() < until {
            let data = mutate(&mut rng, &seeds);
            run(
                name,
                target,
                &data,
                &format!("mutation {count} of seed {seed}"),
            );
            count += 1;
        }
        println!("{name}: {} seeds, {count} mutations", seeds.len());
        assert!(
            count > 10,
            "{name} is too slow to be tested: {count} mutations in {seconds} s"
        );
    }
}

#[test]
fn every_target_has_its_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in ALL {
        let program = folder.join(format!("fuzz_targets/{name}.rs"));
        let text = std::fs::read_to_string(&program)
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(
            text.contains(&format!("walbridge_fuzz::{name}(data)")),
            "{text}"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is no program"
        );
    }
}
