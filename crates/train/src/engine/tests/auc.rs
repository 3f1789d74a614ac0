//! The mean test AUC of coarse models against JAX's (`scripts/train_reference.py`).

use std::sync::Arc;

use serde_json::Value;
use tch::Device;

use super::{fast, mlp};
use crate::engine::start::Shuffles;
use crate::engine::{Examples, Matrix, Objective, Problem, Start, Targets};
use crate::network::safetensors;
use crate::roc::roc_auc;
use crate::settings::{Mlp, Precision};

/// Data of a reference's coarse models, and JAX's test AUCs, one a seed.
struct AucReference {
    inputs: Arc<Matrix>,
    labels: Vec<f32>,
    x_test: Vec<f32>,
    y_test: Vec<f32>,
    aucs: Vec<f64>,
    /// JAX started from our weights and took our orders.
    same_starts: bool,
}

impl AucReference {
    fn new(value: &Value) -> Self {
        let unit = value["unit"].as_f64().unwrap();
        let numbers = |key: &str, unit: f64| -> Vec<f32> {
            value[key].as_array().unwrap().iter().map(|x| (x.as_f64().unwrap() * unit) as f32).collect()
        };
        let labels = numbers("y_train", 1.0);
        let dim = value["dim"].as_u64().unwrap() as usize;
        Self {
            inputs: Arc::new(Matrix::new(numbers("x_train", unit), labels.len(), dim).unwrap()),
            labels,
            x_test: numbers("x_test", unit),
            y_test: numbers("y_test", 1.0),
            aucs: value["aucs"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect(),
            same_starts: value["same_starts"].as_bool().unwrap_or(false),
        }
    }

    /// The one that `scripts/train_reference.py auc` wrote.
    fn of_the_demo() -> Self {
        let place = std::env::var("TRAIN_AUC").expect("TRAIN_AUC names what scripts/train_reference.py auc wrote");
        Self::new(&serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap())
    }

    fn problem(&self, seed: u32) -> Problem {
        Problem {
            inputs: self.inputs.clone(),
            training: Examples {
                rows: Arc::new((0..self.labels.len() as u32).collect()),
                others: None,
                labels: Targets::soft(self.labels.iter().map(|y| Some(*y))),
                target: None,
            },
            held_out: None,
            n_heads: 1,
            objective: Objective::Pointwise,
            hidden: vec![256, 256],
            seed,
        }
    }

    fn auc(&self, seed: u32, precision: Precision) -> f64 {
        let mlp = Mlp { batch_size: 128, learning_rate: 1e-4, precision, ..mlp(100) };
        let network = fast(&self.problem(seed), &mlp, false).network;
        let reward = crate::engine::logits(&network, &self.x_test, self.y_test.len(), Device::Cpu).unwrap();
        let reward: Vec<f64> = reward.into_iter().map(f64::from).collect();
        let good: Vec<bool> = self.y_test.iter().map(|y| *y == 1.0).collect();
        roc_auc(&reward, &good).unwrap()
    }

    fn compare(&self) {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let variance_of_mean = |values: &[f64]| {
            let (n, mean) = (values.len() as f64, mean(values));
            values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
        };
        // With other random numbers on each side one standard error would fail every third time by chance alone.
        let allowed = if self.same_starts { 1.0 } else { 2.0 };
        for precision in [Precision::F32, Precision::Bf16] {
            let ours: Vec<f64> = (0..self.aucs.len() as u32).map(|seed| self.auc(seed, precision)).collect();
            let standard_error = (variance_of_mean(&ours) + variance_of_mean(&self.aucs)).sqrt();
            let (mean_of_ours, mean_of_jax) = (mean(&ours), mean(&self.aucs));
            println!(
                "{precision:?} {ours:.4?} mean {mean_of_ours:.4}; JAX {:.4?} mean {mean_of_jax:.4}; standard error of the \
                 difference {standard_error:.4}",
                self.aucs
            );
            assert!((mean_of_ours - mean_of_jax).abs() <= allowed * standard_error, "{precision:?}");
        }
    }
}

#[test]
#[ignore = "needs a finished default run: scripts/train_reference.py auc"]
fn the_mean_test_auc_on_the_demo_is_jax_s() {
    AucReference::of_the_demo().compare();
}

#[test]
#[ignore = "writes what scripts/train_reference.py auc may start from"]
fn starts_for_jax() {
    let (reference, folder) = (AucReference::of_the_demo(), std::env::var("TRAIN_STARTS").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    for seed in 0..reference.aucs.len() as u32 {
        let problem = reference.problem(seed);
        let tensors = Start::of(&problem, mlp(1).init).network.tensors();
        std::fs::write(format!("{folder}/{seed}.safetensors"), safetensors(&tensors).unwrap()).unwrap();
        let mut shuffles = Shuffles::new(problem.training.n(), seed);
        let orders: Vec<u8> =
            (0..100).flat_map(|_| shuffles.next_epoch().to_vec()).flat_map(u32::to_le_bytes).collect();
        std::fs::write(format!("{folder}/{seed}.orders"), orders).unwrap();
    }
}

#[test]
fn the_mean_test_auc_on_a_projection_of_the_demo_is_jax_s() {
    // scripts/train_reference.py small makes the file, with JAX's AUCs of 20 seeds.
    AucReference::new(&serde_json::from_str(include_str!("../auc_reference.json")).unwrap()).compare();
}
