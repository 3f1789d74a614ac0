//! Stage 1, the concept predictor f_φ: embeddings to one probability for each attribute (§3, App. B.4).
//!
//! Coarse feedback is the same network with the target as its only head. Paper: 100 epochs, batches of 128, learning
//! rate 1e-4. Not stated there: the optimiser (Adam with its usual β = 0.9, 0.999 and ε = 1e-8), the loss (binary
//! cross-entropy on logits, mean over the labels), and any scaling of the embeddings (none here). `engine` trains it.

use tch::{Device, TchError};

use crate::aggregator::sigmoid;
use crate::engine::{Matrix, cpu, logits};
use crate::network::Network;

/// The probabilities that a network gives some rows of a matrix: `[rows, n_heads]`, in `[0, 1]`; on a CPU by the kernels
/// that trained it.
///
/// # Errors
/// [`TchError`] if LibTorch fails, for instance for lack of memory.
pub fn predict_rows(network: &Network, matrix: &Matrix, rows: &[u32], device: Device) -> Result<Vec<f64>, TchError> {
    if device == Device::Cpu {
        return Ok(probabilities(cpu::logits(network, matrix, rows)));
    }
    predict(network, &matrix.gather(rows), rows.len(), device)
}

/// The probabilities that a network gives `n` embeddings: `[n, n_heads]`, in `[0, 1]`.
///
/// # Errors
/// As [`predict_rows`].
pub fn predict(network: &Network, inputs: &[f32], n: usize, device: Device) -> Result<Vec<f64>, TchError> {
    Ok(probabilities(logits(network, inputs, n, device)?))
}

fn probabilities(logits: Vec<f32>) -> Vec<f64> {
    logits.into_iter().map(|logit| sigmoid(f64::from(logit))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{Examples, Objective, Problem, Start, Targets, autograd};
    use crate::network::Linear;
    use crate::settings::{Init, Mlp, Precision};

    /// One LibTorch thread, as in a sweep: its threads wait for each other on a busy machine.
    fn mlp(epochs: usize) -> Mlp {
        tch::set_num_threads(1);
        Mlp {
            hidden: vec![4, 4],
            epochs,
            batch_size: 128,
            learning_rate: 0.01,
            init: Init::KaimingUniform,
            weight_decay: None,
            early_stopping: None,
            precision: Precision::F32,
        }
    }

    fn numbers(n: usize, at: usize) -> Vec<f32> {
        (0..n).map(|i| (((i * 37 + at * 11) % 23) as f64 - 11.0) / 23.0).map(|x| x as f32).collect()
    }

    fn problem(inputs: Vec<f32>, dim: usize, labels: &[Option<bool>], n_heads: usize) -> Problem {
        let n = labels.len() / n_heads;
        Problem {
            inputs: Arc::new(Matrix::new(inputs, n, dim).unwrap()),
            training: Examples {
                rows: Arc::new((0..n as u32).collect()),
                others: None,
                labels: Targets::hard(labels.iter().copied()),
                target: None,
            },
            held_out: None,
            n_heads,
            objective: Objective::Pointwise,
            hidden: vec![4, 4],
            seed: 0,
        }
    }

    fn labels() -> Vec<Option<bool>> {
        (0..32).map(|at| if at % 7 == 3 { None } else { Some((at * at / 3) % 2 == 0) }).collect()
    }

    fn inputs() -> Vec<f32> {
        (0..16 * 5).map(|at| ((at * at * 31 + at * 17) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Sixteen pairs that a small network can learn by heart, two heads, some labels missing.
    fn sixteen() -> Problem {
        problem(inputs(), 5, &labels(), 2)
    }

    fn train(problem: &Problem, mlp: &Mlp) -> Network {
        autograd::train(problem, mlp, Device::Cpu, &|_| ()).unwrap().network
    }

    fn train_from(start: &Network, problem: &Problem, mlp: &Mlp) -> Network {
        let start = Start { network: start.clone(), aggregator: None };
        autograd::train_from(&start, problem, mlp, Device::Cpu, &|_| ()).unwrap().network
    }

    fn parameters(network: &Network) -> Vec<f32> {
        network.layers.iter().flat_map(|layer| [&layer.weight[..], &layer.bias].concat()).collect()
    }

    // PyTorch 2.11.0:
    //
    // def numbers(n, at): return torch.tensor([((i * 37 + at * 11) % 23 - 11) / 23 for i in range(n)])
    // def layer(n_in, n_out, at):      # weight = numbers(n_in * n_out, at).view(n_out, n_in), bias = numbers(n_out, at + 1)
    // net = Sequential(layer(3, 4, 0), ReLU(), layer(4, 4, 2), ReLU(), layer(4, 2, 4))
    // x = numbers(15, 6).view(5, 3)
    // y = torch.tensor([[1., 0], [0, 1], [1, 1], [0, 0], [1, 0]])
    // known = torch.tensor([[1., 1], [0, 1], [1, 0], [1, 1], [1, 1]])
    // adam = torch.optim.Adam(net.parameters(), lr=0.01)
    // for steps in (1, 9):
    //     for _ in range(steps):
    //         loss = binary_cross_entropy_with_logits(net(x), y, known, reduction="sum") / known.sum()
    //         adam.zero_grad(); loss.backward(); adam.step()
    //     [round(v, 6) for p in net.parameters() for v in p.flatten().tolist()]
    #[rustfmt::skip]
    const AFTER_1_STEP: [f32; 46] = [
        -0.488261, 0.140435, -0.270869, 0.347826, -0.043478, -0.434783, 0.183913, -0.227391, 0.381304, -0.009999, -0.381304, 0.207391,
        0.01, -0.391304, 0.227391, -0.183913, 0.488261, 0.086957, -0.294348, 0.304348, -0.086957, -0.478261, 0.130435, -0.26087,
        0.337826, -0.043478, -0.444783, 0.163913, -0.217391, 0.391304, 0.0, -0.391304, -0.033478, -0.434783, 0.163913, -0.217391,
        0.444783, 0.043478, -0.337826, 0.26087, -0.140435, 0.478261, 0.076957, -0.304348, -0.076957, -0.488261,
    ];
    #[rustfmt::skip]
    const AFTER_10_STEPS: [f32; 46] = [
        -0.578877, 0.209722, -0.355875, 0.347826, -0.043478, -0.434783, 0.267592, -0.291271, 0.298554, -0.041872, -0.349429, 0.175516,
        0.09369, -0.391304, 0.298153, -0.215789, 0.578241, 0.086957, -0.233564, 0.304348, -0.086957, -0.478261, 0.130435, -0.26087,
        0.250881, -0.043478, -0.510991, 0.132039, -0.217391, 0.391304, 0.0, -0.391304, 0.048233, -0.434783, 0.087747, -0.217391,
        0.53515, 0.043478, -0.257295, 0.26087, -0.229306, 0.478261, -0.008062, -0.304348, 0.012459, -0.577376,
    ];

    #[test]
    fn steps_are_pytorch_s_to_1e_5_in_every_parameter_with_missing_labels_left_out() {
        let layer = |name: &str, n_in: usize, n_out: usize, at: usize| Linear {
            name: name.into(),
            weight: numbers(n_in * n_out, at),
            bias: numbers(n_out, at + 1),
            n_in,
            n_out,
        };
        let start =
            Network { layers: vec![layer("hidden1", 3, 4, 0), layer("hidden2", 4, 4, 2), layer("heads", 4, 2, 4)] };
        let (yes, no) = (Some(true), Some(false));
        let labels = vec![yes, no, None, yes, yes, None, no, no, yes, no];
        let problem = problem(numbers(15, 6), 3, &labels, 2);
        for (epochs, expect) in [(1, AFTER_1_STEP), (10, AFTER_10_STEPS)] {
            let trained = train_from(&start, &problem, &mlp(epochs));
            let furthest = parameters(&trained).iter().zip(expect).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(furthest < 1e-5, "{epochs} steps: {furthest}");
        }
    }

    #[test]
    fn sixteen_pairs_are_learnt_by_heart() {
        let problem = Problem { hidden: vec![32, 32], ..sixteen() };
        let mlp = Mlp { batch_size: 8, ..mlp(200) };
        for init in [Init::KaimingUniform, Init::LecunNormal] {
            let network = train(&problem, &Mlp { init, ..mlp.clone() });
            let p = predict(&network, &inputs(), 16, Device::Cpu).unwrap();
            let labels = labels();
            let wrong = p.iter().zip(&labels).filter(|(p, label)| label.is_some_and(|good| good != (**p > 0.5)));
            assert_eq!(wrong.count(), 0, "{p:?}");
        }
    }

    #[test]
    fn a_seed_gives_its_weights_bit_by_bit_and_another_seed_others() {
        let mlp = Mlp { batch_size: 5, ..mlp(3) };
        let train = |seed| parameters(&train(&Problem { seed, ..sixteen() }, &mlp));
        assert_eq!(train(7), train(7));
        assert_ne!(train(7), train(8));
        // The order of the pairs is drawn, too: the same start, another seed.
        let start = Network::new(5, &[4, 4], 2, Init::KaimingUniform, 0);
        let from = |seed| parameters(&train_from(&start, &Problem { seed, ..sixteen() }, &mlp));
        assert_ne!(from(7), from(8));
    }

    #[test]
    fn a_missing_label_changes_nothing_whatever_the_truth_was() {
        let mlp = mlp(2);
        let with_missing = train(&sixteen(), &mlp);
        // Pairs without any label are as good as not there, also when a whole batch has none.
        let more = [inputs(), vec![1e3; 5 * 200]].concat();
        let problem_with_more = problem(more, 5, &[labels(), vec![None; 2 * 200]].concat(), 2);
        let start = Network::new(5, &[4, 4], 2, Init::KaimingUniform, 0);
        let one_by_one = Mlp { batch_size: 1, ..mlp.clone() };
        let trained = train_from(&start, &problem_with_more, &one_by_one);
        assert!(parameters(&trained).iter().all(|x| x.is_finite()));
        let negative: Vec<Option<bool>> = labels().iter().map(|label| Some(*label == Some(true))).collect();
        assert_ne!(train(&problem(inputs(), 5, &negative, 2), &mlp), with_missing, "missing is not no");
        let unlabelled = problem(inputs(), 5, &[None; 32], 2);
        assert_eq!(train_from(&start, &unlabelled, &mlp), start);
    }

    #[test]
    fn extreme_embeddings_give_probabilities_and_not_nan() {
        let network = Network::new(5, &[4], 2, Init::KaimingUniform, 0);
        let p = predict(&network, &[1e30, -1e30, 0.0, 1e30, 3.0], 1, Device::Cpu).unwrap();
        assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{p:?}");
        assert!(predict(&network, &[], 0, Device::Cpu).unwrap().is_empty());
    }

    #[test]
    fn kernels_predict_what_libtorch_does() {
        let inputs: Vec<f32> =
            (0..300 * 37usize).map(|at| ((at * at * 31 + at * 17) % 101) as f32 / 50.0 - 1.0).collect();
        let matrix = Matrix::new(inputs, 300, 37).unwrap();
        let rows: Vec<u32> = (0..290).map(|at| at * 7 % 300).collect();
        for hidden in [vec![], vec![33, 18]] {
            let network = Network::new(37, &hidden, 5, Init::KaimingUniform, 0);
            let expect = predict(&network, &matrix.gather(&rows), 290, Device::Cpu).unwrap();
            let found = predict_rows(&network, &matrix, &rows, Device::Cpu).unwrap();
            assert_eq!(found.len(), expect.len());
            assert!(found.iter().zip(expect).all(|(found, expect)| (found - expect).abs() < 1e-6));
            assert!(predict_rows(&network, &matrix, &[], Device::Cpu).unwrap().is_empty());
        }
    }

    #[test]
    fn a_linear_probe_is_a_network_without_hidden_layers() {
        let network = train(&Problem { hidden: vec![], ..sixteen() }, &mlp(1));
        assert_eq!((network.layers.len(), network.n_in(), network.n_heads()), (1, 5, 2));
    }

    #[test]
    fn a_digest_tells_a_missing_label_from_a_no() {
        assert_eq!(sixteen().digest(), sixteen().digest());
        let mut other = labels();
        let missing = other.iter().position(Option::is_none).unwrap();
        other[missing] = Some(false);
        assert_ne!(sixteen().digest(), problem(inputs(), 5, &other, 2).digest());
    }
}
