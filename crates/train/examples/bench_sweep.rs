//! The sweep of `make bench-train` by the engine: 4 arms (1, 8, 4 and 12 heads) by sizes by seeds on random embeddings,
//! then stage 2 of all but the coarse arm.
//!
//! Arguments: epochs, seeds, dim, precision (f32 | bf16), then the sizes. Prints one JSON line: of both stages, with the
//! share of the time that went into training, into stage 2's predictions and regressions, and into the rest (initial
//! weights, keeping networks, waiting for the last one). Before and after it measures what LibTorch (MKL) makes of a
//! large f32 product on each core at once: the machine's peak, which is the best of all rounds. Where other machines'
//! work comes and goes on the same cores, the mean of the rounds says what that product makes of the time as it is.
//! Both are told by the wall clock, which other programs disturb, and by a core's own time.

use std::error::Error;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use tables::Storage;
use tch::{Device, Kind, Tensor};
use train::engine::{Examples, KeptNetworks, Matrix, Objective, Problem, Targets, train_all};
use train::{Aggregator, Init, Mlp, Precision, predict_rows};

/// The first arm is coarse.
const HEADS: [usize; 4] = [1, 8, 4, 12];

/// Pairs whose outputs stage 2 is fitted on, beside those of the training pairs.
const N_VALIDATION: usize = 669;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [epochs, seeds, dim, precision, sizes @ ..] = &arguments[..] else {
        return Err("usage: bench_sweep EPOCHS SEEDS DIM f32|bf16 SIZE…".into());
    };
    let (epochs, seeds, dim): (usize, u32, usize) = (epochs.parse()?, seeds.parse()?, dim.parse()?);
    let sizes: Vec<usize> = sizes.iter().map(|size| size.parse()).collect::<Result<_, _>>()?;
    let precision = if precision == "bf16" { Precision::Bf16 } else { Precision::F32 };
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let n_rows = largest + N_VALIDATION;
    let values = (0..n_rows * dim).map(|at| number(at) as f32 / 5003.0 - 1.0).collect();
    let inputs = Arc::new(Matrix::new(values, n_rows, dim).ok_or("no matrix")?);

    let mut problems = Vec::new();
    for &n in &sizes {
        let rows: Arc<Vec<u32>> = Arc::new((0..n as u32).collect());
        for seed in 0..seeds {
            for n_heads in HEADS {
                let labels = Targets::hard((0..n * n_heads).map(|at| Some(number(at + n).is_multiple_of(2))));
                problems.push(Problem {
                    inputs: inputs.clone(),
                    training: Examples { rows: rows.clone(), others: None, labels, target: None },
                    held_out: None,
                    n_heads,
                    objective: Objective::Pointwise,
                    hidden: vec![256, 256],
                    seed,
                });
            }
        }
    }
    let mlp = Mlp {
        hidden: vec![256, 256],
        epochs,
        batch_size: 128,
        learning_rate: 1e-4,
        init: Init::LecunNormal,
        weight_decay: None,
        early_stopping: None,
        precision,
    };
    let before = products_of_all_cores()?;
    let cpu_before = cpu_seconds("/proc/self/stat")?;
    let folder = tempfile::tempdir()?;
    let kept = KeptNetworks::new(Storage::open(&folder.path().into())?);
    let start = Instant::now();
    let keys = train_all(&problems, &mlp, Device::Cpu, &kept, &|_| ())?;
    let validation: Vec<u32> = (largest as u32..n_rows as u32).collect();
    let stage2 = |(problem, key): (&Problem, &String)| {
        stage2(problem, key, &kept, &validation).map_err(|error| error.to_string())
    };
    let of_networks: Vec<[f64; 3]> = problems.par_iter().zip(&keys).map(stage2).collect::<Result<_, _>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let share = |part: usize| {
        let of_cores: f64 = of_networks.iter().map(|parts| parts[part]).sum();
        of_cores / rayon::current_num_threads() as f64 / seconds
    };
    let [training, predictions, regressions] = [share(0), share(1), share(2)];
    let cpu = cpu_seconds("/proc/self/stat")? - cpu_before;
    let after = products_of_all_cores()?;
    let rounds: Vec<Round> = before.into_iter().chain(after).collect();
    let peak = rounds.iter().map(|round| round.gflops).fold(0.0, f64::max);
    let peak_of_a_core = rounds.iter().map(|round| round.of_a_core).fold(0.0, f64::max);
    let mean_of_products = rounds.len() as f64 / rounds.iter().map(|round| 1.0 / round.gflops).sum::<f64>();
    // Products alone: forward and the weights' gradient of three layers, and the way back through two.
    let multiplications = |n_heads: usize| (2 * dim * 256 + 3 * 256 * 256 + 3 * 256 * n_heads) as f64;
    let flop: f64 = problems.iter().map(|p| 2.0 * multiplications(p.n_heads) * (p.training.n() * epochs) as f64).sum();
    let (gflops, of_a_core) = (flop / seconds / 1e9, flop / cpu / 1e9);
    let line = serde_json::json!({
        "peer": "finegrain", "seconds": seconds, "n_networks": problems.len(), "gflop_per_s": gflops,
        "peak_gflop_per_s": peak, "share_of_peak": gflops / peak,
        "mean_gflop_per_s_of_products": mean_of_products, "share_of_mean": gflops / mean_of_products,
        "gflop_per_cpu_second": of_a_core,
        "peak_gflop_per_cpu_second": peak_of_a_core, "share_of_peak_by_cpu": of_a_core / peak_of_a_core,
        "profile": {
            "training": training, "predictions": predictions, "regressions": regressions,
            "rest": 1.0 - training - predictions - regressions,
        },
    });
    println!("{line}");
    Ok(())
}

fn number(at: usize) -> usize {
    (at.wrapping_mul(2_654_435_761) >> 7) % 10_007
}

/// Stage 2 of a trained network as `train` fits it on validation outputs, and as on out-of-fold outputs, one of each
/// training pair (the folds' own networks are more of stage 1): seconds of training, predictions and regressions.
fn stage2(problem: &Problem, key: &str, kept: &KeptNetworks, validation: &[u32]) -> Result<[f64; 3], Box<dyn Error>> {
    let trained = kept.get(key)?.ok_or("not kept")?;
    let mut seconds = [trained.seconds, 0.0, 0.0];
    for rows in [validation, &problem.training.rows] {
        if problem.n_heads == HEADS[0] {
            continue;
        }
        let start = Instant::now();
        let says = predict_rows(&trained.network, &problem.inputs, rows, Device::Cpu)?;
        let predicted = start.elapsed().as_secs_f64();
        let good: Vec<bool> = rows.iter().map(|&row| number(row as usize).is_multiple_of(3)).collect();
        Aggregator::fit(&says, &good, 1.0).ok_or("one class")?;
        seconds[1] += predicted;
        seconds[2] += start.elapsed().as_secs_f64() - predicted;
    }
    Ok(seconds)
}

/// Products of 4,096 by 4,096 on every core at once, each by one thread.
struct Round {
    /// GFLOP/s of all cores together.
    gflops: f64,
    /// The most GFLOP that a core made in a second of its own time.
    of_a_core: f64,
}

fn products_of_all_cores() -> Result<Vec<Round>, Box<dyn Error>> {
    let n_threads = std::thread::available_parallelism()?.get();
    let together = Barrier::new(n_threads);
    let of_threads = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(|| products(&together))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err("a thread failed".into()))).collect::<Vec<_>>()
    });
    let of_threads: Vec<[[f64; 2]; N_ROUNDS]> = of_threads.into_iter().collect::<Result<_, _>>()?;
    let round = |round: usize| {
        let slowest = of_threads.iter().map(|rounds| rounds[round][0]).fold(0.0, f64::max);
        let least = of_threads.iter().map(|rounds| rounds[round][1]).fold(f64::INFINITY, f64::min);
        Round { gflops: n_threads as f64 * GFLOP / slowest, of_a_core: GFLOP / least }
    };
    Ok((0..N_ROUNDS).map(round).collect())
}

const N_ROUNDS: usize = 5;
const N: i64 = 4096;
const GFLOP: f64 = 2.0 * (N * N * N) as f64 / 1e9;

/// Products by this thread, after one that is not timed and touches all memory: seconds by the wall clock and of
/// its own time. All threads start each together.
fn products(together: &Barrier) -> Result<[[f64; 2]; N_ROUNDS], String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let cpu = || cpu_seconds("/proc/thread-self/stat").map_err(|error| text(&error));
    tch::set_num_threads(1);
    let [a, b, out] = [(); 3].map(|()| Tensor::full([N, N], 0.5, (Kind::Float, Device::Cpu)));
    let mut seconds = [[0.0; 2]; N_ROUNDS + 1];
    for round in &mut seconds {
        together.wait();
        let (start, before) = (Instant::now(), cpu()?);
        let _ = a.f_mm_out(&out, &b).map_err(|error| text(&error))?;
        *round = [start.elapsed().as_secs_f64(), cpu()? - before];
    }
    let [_, rounds @ ..] = seconds;
    Ok(rounds)
}

/// Seconds of CPU that a process or thread has used, to a hundredth, from its line in `/proc`.
fn cpu_seconds(place: &str) -> Result<f64, Box<dyn Error>> {
    let line = std::fs::read_to_string(place)?;
    // User and system time are fields 14 and 15; the name before may hold spaces, and ends with a bracket.
    let (_, fields) = line.rsplit_once(')').ok_or("no stat")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
