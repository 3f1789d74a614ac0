//! Training as everybody writes it: one network, LibTorch's autograd and its Adam. Slow, and obviously right.

use std::time::Instant;

use tch::{COptimizer, Device, Kind, Reduction, TchError, Tensor};

use crate::engine::start::{Shuffles, Start};
use crate::engine::{Examples, Objective, Problem, Targets, Trained};
use crate::network::{Linear, Network};
use crate::settings::Mlp;

/// Trains one problem.
pub fn train(problem: &Problem, mlp: &Mlp, device: Device, epoch: &dyn Fn(usize)) -> Result<Trained, TchError> {
    train_from(&Start::of(problem, mlp.init), problem, mlp, device, epoch)
}

/// Trains one problem from given weights.
pub fn train_from(
    start: &Start,
    problem: &Problem,
    mlp: &Mlp,
    device: Device,
    epoch: &dyn Fn(usize),
) -> Result<Trained, TchError> {
    let since = Instant::now();
    let model = Model::new(start, problem.objective, device)?;
    let mut adam = COptimizer::adamw(mlp.learning_rate, 0.9, 0.999, mlp.weight_decay.unwrap_or(0.0), 1e-8, false)?;
    model.parameters().try_for_each(|parameter| {
        let _ = parameter.f_set_requires_grad(true)?;
        adam.add_parameters(parameter, 0)
    })?;
    let training = OnDevice::new(problem, &problem.training, device)?;
    let held_out = match (&problem.held_out, mlp.early_stopping) {
        (Some(examples), Some(stopping)) => Some((OnDevice::new(problem, examples, device)?, stopping)),
        _ => None,
    };

    let mut shuffles = Shuffles::new(problem.training.n(), problem.seed);
    let (mut epochs_run, mut best, mut best_loss) = (0, None, f64::INFINITY);
    let any_label = training.loss(&model, None)?.is_some();
    for at in 1..=if any_label { mlp.epochs } else { 0 } {
        let order: Vec<i64> = shuffles.next_epoch().iter().map(|&row| i64::from(row)).collect();
        for batch in order.chunks(mlp.batch_size) {
            if let Some(loss) = training.loss(&model, Some(batch))? {
                adam.zero_grad()?;
                loss.f_backward()?;
                adam.step()?;
            }
        }
        epochs_run = at;
        epoch(at);
        let Some((held_out, stopping)) = &held_out else { continue };
        let Some(loss) = tch::no_grad(|| held_out.loss(&model, None))? else { continue };
        let loss = loss.f_double_value(&[])?;
        if loss < best_loss {
            (best, best_loss) = (Some((at, model.to_host(start)?)), loss);
        } else if best.as_ref().is_some_and(|(best, _)| at - best >= stopping.patience) {
            break;
        }
    }
    let (best_epoch, Start { network, aggregator }) = match best {
        Some(best) => best,
        None => (epochs_run, model.to_host(start)?),
    };
    Ok(Trained { network, aggregator, epochs_run, best_epoch, seconds: since.elapsed().as_secs_f64() })
}

/// The logits that a network gives, `[n, n_heads]`.
pub fn logits(network: &Network, inputs: &[f32], n: usize, device: Device) -> Result<Vec<f32>, TchError> {
    tch::no_grad(|| {
        let layers = on_device(network, device)?;
        let logits = forward(&layers, &matrix(inputs, n, network.n_in(), device)?, true)?;
        to_host(&logits, n * network.n_heads())
    })
}

/// A network's layers on a device.
pub(crate) fn on_device(network: &Network, device: Device) -> Result<Vec<DeviceLayer>, TchError> {
    network.layers.iter().map(|layer| DeviceLayer::new(layer, device)).collect()
}

struct OnDevice<'a> {
    inputs: Tensor,
    others: Option<Tensor>,
    labels: Loss<'a>,
    target: Option<Loss<'a>>,
    objective: Objective,
}

/// Labels, and how to take the mean loss over them.
struct Loss<'a> {
    targets: &'a Targets,
    values: Tensor,
    weights: Tensor,
    n_columns: usize,
}

impl<'a> OnDevice<'a> {
    fn new(problem: &Problem, examples: &'a Examples, device: Device) -> Result<Self, TchError> {
        let n = examples.n();
        let gather = |rows: &[u32]| matrix(&problem.inputs.gather(rows), n, problem.inputs.n_columns(), device);
        Ok(Self {
            inputs: gather(&examples.rows)?,
            others: examples.others.as_ref().map(|others| gather(others)).transpose()?,
            labels: Loss::new(&examples.labels, n, problem.n_heads, device)?,
            target: examples.target.as_ref().map(|target| Loss::new(target, n, 1, device)).transpose()?,
            objective: problem.objective,
        })
    }

    /// The loss of a batch, or of all examples; none if they have no label.
    fn loss(&self, model: &Model, batch: Option<&[i64]>) -> Result<Option<Tensor>, TchError> {
        let rows = batch.map(Tensor::f_from_slice).transpose()?;
        let logits_of = |inputs: &Tensor| forward(&model.layers, &take(inputs, rows.as_ref())?, self.others.is_none());
        let mut logits = logits_of(&self.inputs)?;
        if let Some(others) = &self.others {
            logits = logits.f_sub(&logits_of(others)?)?;
        }
        let of_heads = self.labels.mean(&logits, batch, rows.as_ref())?;
        let (Some(aggregator), Some(target), Objective::Joint { lambda }) =
            (&model.aggregator, &self.target, self.objective)
        else {
            return Ok(of_heads);
        };
        let of_target = logits.f_sigmoid()?.f_linear(&aggregator.weight, Some(&aggregator.bias))?;
        let of_target = target.mean(&of_target, batch, rows.as_ref())?;
        let of_heads = of_heads.map(|loss| loss.f_mul_scalar(f64::from(lambda))).transpose()?;
        match (of_target, of_heads) {
            (Some(a), Some(b)) => Ok(Some(a.f_add(&b)?)),
            (one, None) | (None, one) => Ok(one),
        }
    }
}

impl<'a> Loss<'a> {
    fn new(targets: &'a Targets, n: usize, n_columns: usize, device: Device) -> Result<Self, TchError> {
        Ok(Self {
            targets,
            values: matrix(&targets.values, n, n_columns, device)?,
            weights: matrix(&targets.weights, n, n_columns, device)?,
            n_columns,
        })
    }

    fn mean(&self, logits: &Tensor, batch: Option<&[i64]>, rows: Option<&Tensor>) -> Result<Option<Tensor>, TchError> {
        let n_labels: usize = match batch {
            Some(batch) => batch.iter().map(|&row| self.targets.n_labels(row as usize, self.n_columns)).sum(),
            None => self.targets.weights.iter().filter(|&&weight| weight > 0.0).count(),
        };
        if n_labels == 0 {
            return Ok(None);
        }
        let (values, weights) = (take(&self.values, rows)?, take(&self.weights, rows)?);
        let loss = logits.f_binary_cross_entropy_with_logits(&values, Some(weights), None, Reduction::Sum)?;
        Ok(Some(loss.f_div_scalar(n_labels as f64)?))
    }
}

fn take(tensor: &Tensor, rows: Option<&Tensor>) -> Result<Tensor, TchError> {
    match rows {
        Some(rows) => tensor.f_index_select(0, &rows.f_to_device(tensor.device())?),
        None => Ok(tensor.shallow_clone()),
    }
}

struct Model {
    layers: Vec<DeviceLayer>,
    aggregator: Option<DeviceLayer>,
    /// Whether the heads' bias takes part in the loss.
    trains_last_bias: bool,
}

/// One layer on a device.
pub(crate) struct DeviceLayer {
    weight: Tensor,
    bias: Tensor,
}

impl Model {
    fn new(start: &Start, objective: Objective, device: Device) -> Result<Self, TchError> {
        let layer = |layer: &Linear| DeviceLayer::new(layer, device);
        Ok(Self {
            layers: start.network.layers.iter().map(layer).collect::<Result<_, _>>()?,
            aggregator: start.aggregator.as_ref().map(layer).transpose()?,
            trains_last_bias: objective != Objective::Pairwise,
        })
    }

    fn parameters(&self) -> impl Iterator<Item = &Tensor> {
        // LibTorch takes no step on what has no gradient, but it would decay it.
        let last_bias = self.layers.last().filter(|_| !self.trains_last_bias).map(|layer| layer.bias.data_ptr());
        let all = self.layers.iter().chain(&self.aggregator).flat_map(|layer| [&layer.weight, &layer.bias]);
        all.filter(move |parameter| Some(parameter.data_ptr()) != last_bias)
    }

    fn to_host(&self, like: &Start) -> Result<Start, TchError> {
        let layers = self.layers.iter().zip(&like.network.layers).map(|(layer, like)| layer.to_host(like));
        let aggregator = self.aggregator.as_ref().zip(like.aggregator.as_ref());
        Ok(Start {
            network: Network { layers: layers.collect::<Result<_, _>>()? },
            aggregator: aggregator.map(|(layer, like)| layer.to_host(like)).transpose()?,
        })
    }
}

impl DeviceLayer {
    fn new(layer: &Linear, device: Device) -> Result<Self, TchError> {
        Ok(Self {
            weight: matrix(&layer.weight, layer.n_out, layer.n_in, device)?,
            bias: Tensor::f_from_slice(&layer.bias)?.f_to_device(device)?,
        })
    }

    fn to_host(&self, like: &Linear) -> Result<Linear, TchError> {
        Ok(Linear {
            weight: to_host(&self.weight, like.n_in * like.n_out)?,
            bias: to_host(&self.bias, like.n_out)?,
            ..like.clone()
        })
    }
}

/// The logits of `inputs`, `[n, n_heads]`.
pub(crate) fn forward(layers: &[DeviceLayer], inputs: &Tensor, with_last_bias: bool) -> Result<Tensor, TchError> {
    let mut values = inputs.shallow_clone();
    for (at, layer) in layers.iter().enumerate() {
        if at > 0 {
            values = values.f_relu()?;
        }
        let bias = (with_last_bias || at + 1 < layers.len()).then_some(&layer.bias);
        values = values.f_linear(&layer.weight, bias)?;
    }
    Ok(values)
}

/// A tensor of `values`, row by row.
pub fn matrix(values: &[f32], n_rows: usize, n_columns: usize, device: Device) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(values)?.f_view([n_rows as i64, n_columns as i64])?.f_to_device(device)
}

/// The first `n` numbers of a tensor, row by row.
pub fn to_host(tensor: &Tensor, n: usize) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0; n];
    tensor.f_copy_data(&mut values, n)?;
    Ok(values)
}
