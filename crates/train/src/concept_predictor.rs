//! Stage 1, the concept predictor f_φ: embeddings to one probability for each attribute (§3, App. B.4).
//!
//! Coarse feedback is the same network with the target as its only head. Paper: 100 epochs, batches of 128, learning
//! rate 1e-4. Not stated there: the optimiser (Adam with its usual β = 0.9, 0.999 and ε = 1e-8), the loss (binary
//! cross-entropy on logits, mean over the labels), and any scaling of the embeddings (none here).

use rand::seq::SliceRandom;
use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};

use crate::network::{Linear, Network};
use crate::random::stream;
use crate::settings::Mlp;

/// What a concept predictor learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Embeddings, `[n, dim]`.
    pub inputs: Vec<f32>,
    /// Size of an embedding.
    pub dim: usize,
    /// Labels, `[n, n_heads]`; a missing one takes no part in the loss.
    pub labels: Vec<Option<bool>>,
    /// How many labels a pair has.
    pub n_heads: usize,
}

impl Problem {
    /// How many pairs there are.
    pub fn n(&self) -> usize {
        self.labels.len() / self.n_heads
    }

    /// Says which problem it is, down to the last bit.
    pub fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {} {}\n", self.n(), self.dim, self.n_heads).as_bytes());
        hasher.update(&self.labels.iter().map(|label| label.map_or(2, u8::from)).collect::<Vec<u8>>());
        hasher.update(&self.inputs.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
        hasher.finalize()
    }
}

/// Trains a fresh network.
///
/// The same problem, settings and seed give the same weights, bit by bit, on one device with one LibTorch thread.
///
/// # Errors
/// [`TchError`] if LibTorch fails, for instance for lack of memory.
pub fn train(problem: &Problem, mlp: &Mlp, seed: u32, device: Device) -> Result<Network, TchError> {
    let start = Network::new(problem.dim, &mlp.hidden, problem.n_heads, mlp.init, seed);
    train_from(&start, problem, mlp, seed, device)
}

/// Trains a network from given weights.
///
/// # Errors
/// As [`train`].
pub fn train_from(
    start: &Network,
    problem: &Problem,
    mlp: &Mlp,
    seed: u32,
    device: Device,
) -> Result<Network, TchError> {
    let inputs = matrix(&problem.inputs, problem.n(), problem.dim, device)?;
    let values: Vec<f32> = problem.labels.iter().map(|label| f32::from(*label == Some(true))).collect();
    let known: Vec<f32> = problem.labels.iter().map(|label| f32::from(label.is_some())).collect();
    let values = matrix(&values, problem.n(), problem.n_heads, device)?;
    let known = matrix(&known, problem.n(), problem.n_heads, device)?;
    let n_labels_of: Vec<usize> =
        problem.labels.chunks(problem.n_heads).map(|labels| labels.iter().flatten().count()).collect();

    let layers = DeviceLayer::all(start, device)?;
    let mut adam = COptimizer::adam(mlp.learning_rate, 0.9, 0.999, 0.0, 1e-8, false)?;
    for layer in &layers {
        for parameter in [&layer.weight, &layer.bias] {
            let _ = parameter.f_set_requires_grad(true)?;
            adam.add_parameters(parameter, 0)?;
        }
    }

    let mut shuffles = stream(seed, "shuffles");
    let mut order: Vec<i64> = (0..problem.n() as i64).collect();
    for _ in 0..mlp.epochs {
        order.shuffle(&mut shuffles);
        for batch in order.chunks(mlp.batch_size) {
            let n_labels: usize = batch.iter().map(|&row| n_labels_of[row as usize]).sum();
            if n_labels == 0 {
                continue;
            }
            let rows = Tensor::f_from_slice(batch)?.f_to_device(device)?;
            let logits = logits(&layers, &inputs.f_index_select(0, &rows)?)?;
            let loss = logits
                .f_binary_cross_entropy_with_logits(
                    &values.f_index_select(0, &rows)?,
                    Some(known.f_index_select(0, &rows)?),
                    None,
                    Reduction::Sum,
                )?
                .f_div_scalar(n_labels as f64)?;
            adam.zero_grad()?;
            loss.f_backward()?;
            adam.step()?;
        }
    }
    DeviceLayer::to_network(&layers, start)
}

/// The probabilities that a network gives: `[n, n_heads]`, in `[0, 1]`.
///
/// # Errors
/// [`TchError`] if LibTorch fails, for instance for lack of memory.
pub fn predict(network: &Network, inputs: &[f32], n: usize, device: Device) -> Result<Vec<f64>, TchError> {
    tch::no_grad(|| {
        let inputs = matrix(inputs, n, network.n_in(), device)?;
        let p = logits(&DeviceLayer::all(network, device)?, &inputs)?.f_sigmoid()?;
        Ok(to_host(&p, n * network.n_heads())?.into_iter().map(f64::from).collect())
    })
}

struct DeviceLayer {
    weight: Tensor,
    bias: Tensor,
}

impl DeviceLayer {
    fn all(network: &Network, device: Device) -> Result<Vec<Self>, TchError> {
        let on_device = |layer: &Linear| {
            Ok(Self {
                weight: matrix(&layer.weight, layer.n_out, layer.n_in, device)?,
                bias: Tensor::f_from_slice(&layer.bias)?.f_to_device(device)?,
            })
        };
        network.layers.iter().map(on_device).collect()
    }

    fn to_network(layers: &[Self], like: &Network) -> Result<Network, TchError> {
        let on_host = |(layer, like): (&Self, &Linear)| {
            Ok(Linear {
                weight: to_host(&layer.weight, like.n_in * like.n_out)?,
                bias: to_host(&layer.bias, like.n_out)?,
                ..like.clone()
            })
        };
        Ok(Network { layers: layers.iter().zip(&like.layers).map(on_host).collect::<Result<_, TchError>>()? })
    }
}

fn logits(layers: &[DeviceLayer], inputs: &Tensor) -> Result<Tensor, TchError> {
    let mut values = inputs.shallow_clone();
    for (at, layer) in layers.iter().enumerate() {
        if at > 0 {
            values = values.f_relu()?;
        }
        values = values.f_linear(&layer.weight, Some(&layer.bias))?;
    }
    Ok(values)
}

fn matrix(values: &[f32], n_rows: usize, n_columns: usize, device: Device) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(values)?.f_view([n_rows as i64, n_columns as i64])?.f_to_device(device)
}

fn to_host(tensor: &Tensor, n: usize) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0; n];
    tensor.f_copy_data(&mut values, n)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Init;

    /// One LibTorch thread, as in a sweep: its threads wait for each other on a busy machine.
    fn mlp(epochs: usize) -> Mlp {
        tch::set_num_threads(1);
        Mlp { hidden: vec![4, 4], epochs, batch_size: 128, learning_rate: 0.01, init: Init::KaimingUniform }
    }

    fn numbers(n: usize, at: usize) -> Vec<f32> {
        (0..n).map(|i| (((i * 37 + at * 11) % 23) as f64 - 11.0) / 23.0).map(|x| x as f32).collect()
    }

    /// Sixteen pairs that a small network can learn by heart, two heads, some labels missing.
    fn sixteen() -> Problem {
        let labels = (0..32).map(|at| if at % 7 == 3 { None } else { Some((at * at / 3) % 2 == 0) });
        let inputs = (0..16 * 5).map(|at| ((at * at * 31 + at * 17) % 101) as f32 / 50.0 - 1.0);
        Problem { inputs: inputs.collect(), dim: 5, labels: labels.collect(), n_heads: 2 }
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
        let problem = Problem { inputs: numbers(15, 6), dim: 3, labels, n_heads: 2 };
        for (epochs, expect) in [(1, AFTER_1_STEP), (10, AFTER_10_STEPS)] {
            let trained = train_from(&start, &problem, &mlp(epochs), 0, Device::Cpu).unwrap();
            let furthest = parameters(&trained).iter().zip(expect).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(furthest < 1e-5, "{epochs} steps: {furthest}");
        }
    }

    #[test]
    fn sixteen_pairs_are_learnt_by_heart() {
        let problem = sixteen();
        let mlp = Mlp { hidden: vec![32, 32], batch_size: 8, ..mlp(200) };
        for init in [Init::KaimingUniform, Init::LecunNormal] {
            let network = train(&problem, &Mlp { init, ..mlp.clone() }, 0, Device::Cpu).unwrap();
            let p = predict(&network, &problem.inputs, 16, Device::Cpu).unwrap();
            let wrong =
                p.iter().zip(&problem.labels).filter(|(p, label)| label.is_some_and(|good| good != (**p > 0.5)));
            assert_eq!(wrong.count(), 0, "{p:?}");
        }
    }

    #[test]
    fn a_seed_gives_its_weights_bit_by_bit_and_another_seed_others() {
        let problem = sixteen();
        let mlp = Mlp { batch_size: 5, ..mlp(3) };
        let train = |seed| parameters(&train(&problem, &mlp, seed, Device::Cpu).unwrap());
        assert_eq!(train(7), train(7));
        assert_ne!(train(7), train(8));
        // The order of the pairs is drawn, too: the same start, another seed.
        let start = Network::new(5, &[4, 4], 2, Init::KaimingUniform, 0);
        let from = |seed| parameters(&train_from(&start, &problem, &mlp, seed, Device::Cpu).unwrap());
        assert_ne!(from(7), from(8));
    }

    #[test]
    fn a_missing_label_changes_nothing_whatever_the_truth_was() {
        let mut problem = sixteen();
        let mlp = mlp(2);
        let with_missing = train(&problem, &mlp, 0, Device::Cpu).unwrap();
        // Pairs without any label are as good as not there, also when a whole batch has none.
        problem.labels.extend([None; 2 * 200]);
        problem.inputs.extend([1e3; 5 * 200]);
        let start = Network::new(5, &[4, 4], 2, Init::KaimingUniform, 0);
        let one_by_one = Mlp { batch_size: 1, ..mlp.clone() };
        let trained = train_from(&start, &problem, &one_by_one, 0, Device::Cpu).unwrap();
        assert!(parameters(&trained).iter().all(|x| x.is_finite()));
        let mut negative = sixteen();
        negative.labels.iter_mut().for_each(|label| *label = Some(*label == Some(true)));
        assert_ne!(train(&negative, &mlp, 0, Device::Cpu).unwrap(), with_missing, "missing is not no");
        let unlabelled = Problem { labels: vec![None; 32], ..sixteen() };
        assert_eq!(train_from(&start, &unlabelled, &mlp, 0, Device::Cpu).unwrap(), start);
    }

    #[test]
    fn extreme_embeddings_give_probabilities_and_not_nan() {
        let network = Network::new(5, &[4], 2, Init::KaimingUniform, 0);
        let p = predict(&network, &[1e30, -1e30, 0.0, 1e30, 3.0], 1, Device::Cpu).unwrap();
        assert!(p.iter().all(|p| (0.0..=1.0).contains(p)), "{p:?}");
        assert!(predict(&network, &[], 0, Device::Cpu).unwrap().is_empty());
    }

    #[test]
    fn a_linear_probe_is_a_network_without_hidden_layers() {
        let network = train(&sixteen(), &Mlp { hidden: vec![], ..mlp(1) }, 0, Device::Cpu).unwrap();
        assert_eq!((network.layers.len(), network.n_in(), network.n_heads()), (1, 5, 2));
    }

    #[test]
    fn a_digest_tells_a_missing_label_from_a_no() {
        let problem = sixteen();
        let mut other = sixteen();
        assert_eq!(problem.digest(), other.digest());
        let missing = other.labels.iter().position(Option::is_none).unwrap();
        other.labels[missing] = Some(false);
        assert_ne!(problem.digest(), other.digest());
    }
}
