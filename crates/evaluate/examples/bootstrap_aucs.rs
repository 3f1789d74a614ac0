//! For `scripts/bench_evaluate.py`: `bootstrap_aucs DIR REPLICATES` reads `labels.u8`, `clusters.u32` and `scores.f64` (one run
//! after another), writes `intervals.f64` (AUC, low, high a run), and prints the seconds between reading and writing.

#![allow(clippy::unwrap_used, reason = "a benchmark: a panic names the failing line")]

use std::path::PathBuf;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap());
    let replicates: usize = arguments.next().unwrap().parse().unwrap();
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let labels: Vec<bool> = bytes("labels.u8").iter().map(|byte| *byte != 0).collect();
    let clusters: Vec<u32> =
        bytes("clusters.u32").as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
    let scores: Vec<f64> =
        bytes("scores.f64").as_chunks::<8>().0.iter().map(|eight| f64::from_le_bytes(*eight)).collect();
    let runs: Vec<Vec<f64>> = scores.chunks(labels.len()).map(<[f64]>::to_vec).collect();
    let start = std::time::Instant::now();
    let found = evaluate::auc_intervals(&labels, &clusters, &runs, replicates, 0);
    let seconds = start.elapsed().as_secs_f64();
    let rows = found.into_iter().map(Result::unwrap).flat_map(|found| [found.auc, found.ci_low, found.ci_high]);
    let out: Vec<u8> = rows.flat_map(f64::to_le_bytes).collect();
    std::fs::write(folder.join("intervals.f64"), out).unwrap();
    println!("{seconds}");
}
