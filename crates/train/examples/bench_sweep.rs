//! The sweep of `make bench-train` by the engine: 4 arms (1, 8, 4 and 12 heads) by sizes by seeds on random embeddings.
//!
//! Arguments: epochs, seeds, dim, precision (f32 | bf16), then the sizes. Prints one JSON line. Before and after the
//! sweep it measures what LibTorch (MKL) makes of one large f32 product on all cores: the machine's peak.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use tables::Storage;
use tch::{Device, Kind, Tensor};
use train::engine::{Examples, KeptNetworks, Matrix, Objective, Problem, Targets, train_all};
use train::{Init, Mlp, Precision};

const HEADS: [usize; 4] = [1, 8, 4, 12];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [epochs, seeds, dim, precision, sizes @ ..] = &arguments[..] else {
        return Err("usage: bench_sweep EPOCHS SEEDS DIM f32|bf16 SIZE…".into());
    };
    let (epochs, seeds, dim): (usize, u32, usize) = (epochs.parse()?, seeds.parse()?, dim.parse()?);
    let sizes: Vec<usize> = sizes.iter().map(|size| size.parse()).collect::<Result<_, _>>()?;
    let precision = if precision == "bf16" { Precision::Bf16 } else { Precision::F32 };
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let number = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) % 10_007;
    let values = (0..largest * dim).map(|at| number(at) as f32 / 5003.0 - 1.0).collect();
    let inputs = Arc::new(Matrix::new(values, largest, dim).ok_or("no matrix")?);

    let mut problems = Vec::new();
    for &n in &sizes {
        let rows: Arc<Vec<u32>> = Arc::new((0..n as u32).collect());
        for seed in 0..seeds {
            for n_heads in HEADS {
                let labels = Targets::hard((0..n * n_heads).map(|at| Some(number(at + n) % 2 == 0)));
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
    let before = peak()?;
    let folder = tempfile::tempdir()?;
    let kept = KeptNetworks::new(Storage::open(&folder.path().into())?);
    let start = Instant::now();
    train_all(&problems, &mlp, Device::Cpu, &kept, &|_| ())?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = before.max(peak()?);
    // Products alone: forward and the weights' gradient of three layers, and the way back through two.
    let multiplications = |n_heads: usize| (2 * dim * 256 + 3 * 256 * 256 + 3 * 256 * n_heads) as f64;
    let flop: f64 = problems.iter().map(|p| 2.0 * multiplications(p.n_heads) * (p.training.n() * epochs) as f64).sum();
    let gflops = flop / seconds / 1e9;
    let line = serde_json::json!({
        "peer": "finegrain", "seconds": seconds, "n_networks": problems.len(), "gflop_per_s": gflops,
        "peak_gflop_per_s": peak, "share_of_peak": gflops / peak,
    });
    println!("{line}");
    Ok(())
}

/// The best of five products of 4,096 by 4,096, in GFLOP/s.
fn peak() -> Result<f64, tch::TchError> {
    let n = 4096;
    let [a, b] = [(); 2].map(|()| Tensor::rand([n, n], (Kind::Float, Device::Cpu)));
    let mut best = f64::INFINITY;
    let mut out = Tensor::zeros([n, n], (Kind::Float, Device::Cpu));
    for _ in 0..5 {
        let start = Instant::now();
        out = out.f_mm_out(&a, &b)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (n as f64).powi(3) / best / 1e9)
}
