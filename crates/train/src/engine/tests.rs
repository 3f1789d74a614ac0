//! The kernels' trainer against the obvious one, and both against JAX.

use std::sync::{Arc, Mutex};

use rand::Rng;
use serde_json::Value;
use tables::Storage;
use tch::Device;

use crate::engine::{
    Event, Examples, Matrix, Objective, Problem, Start, Targets, Trained, autograd, batched, cpu, train_all,
};
use crate::kept::KeptNetworks;
use crate::network::{Linear, Network};
use crate::random::stream;
use crate::settings::{EarlyStopping, Init, Mlp, Precision};

mod auc;

fn mlp(epochs: usize) -> Mlp {
    tch::set_num_threads(1);
    Mlp {
        hidden: vec![],
        epochs,
        batch_size: 7,
        learning_rate: 1e-3,
        init: Init::LecunNormal,
        weight_decay: None,
        early_stopping: None,
        precision: Precision::F32,
    }
}

fn examples(n: usize, n_heads: usize, objective: Objective, purpose: &str) -> Examples {
    let mut random = stream(1, purpose);
    let mut label = |missing: bool| {
        let known = random.random::<f32>() > 0.2 || !missing;
        known.then(|| {
            if objective == Objective::Pairwise { 0.5 * random.random_range(0..3) as f32 } else { random.random() }
        })
    };
    let labels = Targets::soft((0..n * n_heads).map(|_| label(true)).collect::<Vec<_>>()).balanced(n_heads);
    let target = Targets::soft((0..n).map(|_| label(false)).collect::<Vec<_>>());
    let mut rows = |n| Arc::new((0..n).map(|_| random.random_range(0..40)).collect::<Vec<u32>>());
    Examples {
        rows: rows(n),
        others: (objective == Objective::Pairwise).then(|| rows(n)),
        labels,
        target: matches!(objective, Objective::Joint { .. }).then_some(target),
    }
}

fn problem(n: usize, dim: usize, hidden: &[usize], n_heads: usize, objective: Objective) -> Problem {
    let mut random = stream(0, "embeddings");
    let values = (0..40 * dim).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();
    Problem {
        inputs: Arc::new(Matrix::new(values, 40, dim).unwrap()),
        training: examples(n, n_heads, objective, "training"),
        held_out: None,
        n_heads,
        objective,
        hidden: hidden.to_vec(),
        seed: 3,
    }
}

fn fast(problem: &Problem, mlp: &Mlp, portable: bool) -> Trained {
    cpu::train_from(&Start::of(problem, mlp.init), problem, mlp, portable, &|_| ())
}

fn slow(problem: &Problem, mlp: &Mlp) -> Trained {
    autograd::train(problem, mlp, Device::Cpu, &|_| ()).unwrap()
}

fn parameters(network: &Network, aggregator: Option<&Linear>) -> Vec<f32> {
    network.layers.iter().chain(aggregator).flat_map(|layer| [&layer.weight[..], &layer.bias].concat()).collect()
}

fn of(trained: &Trained) -> Vec<f32> {
    parameters(&trained.network, trained.aggregator.as_ref())
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // NaN must not hide in a maximum.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |max, x| if x <= max { max } else { x })
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

const OBJECTIVES: [Objective; 3] = [Objective::Pointwise, Objective::Pairwise, Objective::Joint { lambda: 0.3 }];

#[test]
fn a_step_and_three_epochs_are_those_of_autograd_for_every_loss_and_shape() {
    // Sizes on both sides of the kernels' tiles (6, 4, 2 rows; a line of 16 inputs; 16, 32 and 64 outputs), down to one.
    let shapes: [(usize, usize, &[usize], usize); 7] = [
        (13, 17, &[65], 49),
        (23, 37, &[33, 18], 5),
        (30, 16, &[16], 1),
        (5, 1, &[1, 1], 1),
        (1, 29, &[64], 33),
        (14, 14, &[], 17),
        (40, 3, &[], 1),
    ];
    for objective in OBJECTIVES {
        for (n, dim, hidden, n_heads) in shapes {
            let problem = problem(n, dim, hidden, n_heads, objective);
            for (epochs, weight_decay, batch_size) in [(1, None, 100), (3, None, 7), (3, Some(0.5), 16)] {
                let mlp = Mlp { weight_decay, batch_size, ..mlp(epochs) };
                let expect = of(&slow(&problem, &mlp));
                for portable in [false, true] {
                    let far = furthest(&of(&fast(&problem, &mlp, portable)), &expect);
                    assert!(far < 1e-5, "{objective:?} {n} {dim} {hidden:?} {n_heads} {mlp:?} {portable}: {far}");
                }
            }
        }
    }
}

#[test]
fn a_step_of_the_paper_s_network_is_autograd_s() {
    let problem = Problem {
        training: Examples {
            rows: Arc::new((0..128).map(|at| at % 40).collect()),
            ..examples(128, 12, Objective::Pointwise, "paper")
        },
        ..problem(128, 1792, &[256, 256], 12, Objective::Pointwise)
    };
    let mlp = Mlp { batch_size: 128, learning_rate: 1e-4, ..mlp(1) };
    let start = parameters(&Start::of(&problem, mlp.init).network, None);
    let (fast, slow) = (of(&fast(&problem, &mlp, false)), of(&slow(&problem, &mlp)));
    assert!(furthest(&fast, &slow) < 1e-5, "{}", furthest(&fast, &slow));
    assert!(furthest(&fast, &start) > 9e-5, "it moved");
}

#[test]
fn early_stopping_keeps_the_best_epoch_as_autograd_does() {
    for objective in OBJECTIVES {
        let mut problem = problem(12, 9, &[20], 3, objective);
        problem.held_out = Some(examples(25, 3, objective, "held out"));
        let stopping = Mlp { early_stopping: Some(EarlyStopping { patience: 3 }), learning_rate: 0.02, ..mlp(60) };
        let (fast, slow) = (fast(&problem, &stopping, false), slow(&problem, &stopping));
        assert!(fast.epochs_run < 60 && fast.best_epoch + 3 == fast.epochs_run, "{objective:?} {}", fast.epochs_run);
        assert_eq!((fast.epochs_run, fast.best_epoch), (slow.epochs_run, slow.best_epoch));
        assert!(furthest(&of(&fast), &of(&slow)) < 2e-4);
        let none = examples(0, 3, objective, "none");
        let of_none = Problem { held_out: Some(none), ..problem.clone() };
        assert_eq!(cpu_epochs(&of_none, &stopping), (60, 60), "nothing to look at");
    }
}

fn cpu_epochs(problem: &Problem, mlp: &Mlp) -> (usize, usize) {
    let trained = fast(problem, mlp, false);
    (trained.epochs_run, trained.best_epoch)
}

#[test]
fn bf16_products_stay_near_f32_and_are_not_f32() {
    let problem = problem(30, 40, &[32, 16], 4, Objective::Pointwise);
    let start = parameters(&Start::of(&problem, Init::LecunNormal).network, None);
    let moved = |precision, portable| -> Vec<f32> {
        let end = of(&fast(&problem, &Mlp { precision, ..mlp(5) }, portable));
        end.iter().zip(&start).map(|(end, start)| end - start).collect()
    };
    let (single, bf16) = (moved(Precision::F32, false), moved(Precision::Bf16, false));
    assert!(furthest(&bf16, &single) > 1e-7);
    assert!(cosine(&bf16, &single) > 0.99, "{}", cosine(&bf16, &single));
    assert!(cosine(&moved(Precision::Bf16, true), &bf16) > 0.99);
}

#[test]
fn networks_in_batched_matrices_are_those_trained_alone() {
    let mlp = Mlp { weight_decay: Some(0.1), ..mlp(3) };
    let base = problem(20, 37, &[33, 18], 5, Objective::Pointwise);
    let with_heads = |n_heads: usize, seed: u32| {
        let mut training = examples(20, n_heads, Objective::Pointwise, &format!("{n_heads} heads, seed {seed}"));
        training.labels.weights.iter_mut().step_by(n_heads).for_each(|weight| *weight = 1.0);
        Problem { training, n_heads, seed, ..base.clone() }
    };
    let mut problems: Vec<Problem> = [(1, 0), (5, 1), (3, 1), (3, 2)].map(|(n, seed)| with_heads(n, seed)).to_vec();
    problems.push(problem(20, 37, &[33, 18], 5, Objective::Pairwise));
    let unlabelled = Targets { weights: vec![0.0; 20], values: vec![0.0; 20] };
    problems.push(Problem {
        training: Examples { labels: unlabelled, ..problems[0].training.clone() },
        ..problems[0].clone()
    });
    problems.push(with_heads(4, 9));
    let groups = batched::groups(&[6, 5, 4, 3, 2, 1, 0], &problems, &mlp);
    assert_eq!(groups, [vec![6, 3, 2, 1, 0], vec![5], vec![4]]);
    let together: Vec<&Problem> = groups[0].iter().map(|&at| &problems[at]).collect();
    let n_epochs = std::cell::Cell::new(0);
    let trained = batched::train(&together, &mlp, Device::Cpu, &|epoch| n_epochs.set(epoch)).unwrap();
    assert_eq!((trained.len(), n_epochs.get()), (5, 3));
    for (problem, trained) in together.iter().zip(&trained) {
        assert_eq!(trained.epochs_run, 3);
        let far = furthest(&of(trained), &of(&slow(problem, &mlp)));
        assert!(far < 1e-5, "{} heads: {far}", problem.n_heads);
    }
    let stopping = Mlp { early_stopping: Some(EarlyStopping { patience: 1 }), ..mlp };
    assert_eq!(batched::groups(&[0, 1], &problems, &stopping).len(), 2, "one may end before the other");
}

#[test]
fn without_a_label_or_a_row_the_start_is_left_as_it_is() {
    let mut problem = problem(10, 5, &[8], 2, Objective::Pointwise);
    problem.training.labels.weights.fill(0.0);
    let trained = fast(&problem, &mlp(3), false);
    assert_eq!((trained.network, trained.epochs_run), (Start::of(&problem, Init::LecunNormal).network, 0));
    problem.training = examples(0, 2, Objective::Pointwise, "nothing");
    assert_eq!(fast(&problem, &mlp(3), false).epochs_run, 0);
}

#[test]
fn thousands_of_hot_steps_stay_finite() {
    let problem = problem(3, 20, &[40], 2, Objective::Pointwise);
    let hot = Mlp { learning_rate: 0.5, batch_size: 1, ..mlp(1000) };
    assert!(of(&fast(&problem, &hot, false)).iter().all(|x| x.is_finite()));
}

#[test]
fn a_sweep_gives_each_problem_what_it_gives_it_alone_and_trains_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::open(&folder.path().into()).unwrap();
    let base = problem(20, 30, &[24], 3, Objective::Pointwise);
    let mut problems: Vec<Problem> = (0..6).map(|seed| Problem { seed, ..base.clone() }).collect();
    problems.push(problem(9, 30, &[], 1, Objective::Pairwise));
    let events = Mutex::new(Vec::new());
    let note = |event| events.lock().unwrap().push(event);
    let kept = KeptNetworks::new(storage());
    let keys = train_all(&problems, &mlp(4), Device::Cpu, &kept, &note).unwrap();
    for (at, (problem, key)) in problems.iter().zip(&keys).enumerate() {
        let in_sweep = kept.get(key).unwrap().unwrap();
        assert_eq!(of(&in_sweep), of(&fast(problem, &mlp(4), false)), "bit by bit");
        let n_epochs = events
            .lock()
            .unwrap()
            .iter()
            .filter(|e| matches!(e, Event::Epoch { problem, .. } if *problem == at))
            .count();
        assert_eq!(n_epochs, 4);
    }
    let n_done = |events: &[Event]| events.iter().map(|event| event.epochs_done(4)).sum::<usize>();
    assert_eq!(n_done(&events.lock().unwrap()), 7 * 4);
    events.lock().unwrap().clear();
    // One that was not there is trained; the others are found.
    problems.insert(0, Problem { seed: 99, ..base });
    train_all(&problems, &mlp(4), Device::Cpu, &kept, &note).unwrap();
    let events = events.into_inner().unwrap();
    let trained: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Trained { .. })).collect();
    assert_eq!(trained, [&Event::Trained { problem: 0, epochs_run: 4 }]);
    assert_eq!(n_done(&events), 8 * 4, "what is kept is done at once");
    assert_eq!(Event::Trained { problem: 0, epochs_run: 9 }.epochs_done(100), 91, "stopped early");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Kept { .. })).count(), 7);
}

#[test]
fn what_cannot_be_learnt_from_is_refused_by_its_place() {
    let good = problem(4, 3, &[2], 2, Objective::Pointwise);
    assert!(good.check(0).is_ok());
    let check = |problem: Problem, expect: &str| {
        let error = problem.check(7).unwrap_err().to_string();
        assert!(error.starts_with("network 7 of the sweep: ") && error.contains(expect), "{error}");
    };
    let mut values = good.inputs.values().to_vec();
    let row = good.training.rows[2];
    values[row as usize * 3 + 1] = f32::NAN;
    check(Problem { inputs: Arc::new(Matrix::new(values, 40, 3).unwrap()), ..good.clone() }, "is not finite");
    let with = |change: &dyn Fn(&mut Problem)| {
        let mut problem = good.clone();
        change(&mut problem);
        problem
    };
    check(with(&|p| p.training.labels = Targets { values: vec![1.5; 8], weights: vec![1.0; 8] }), "is 1.5");
    check(with(&|p| p.training.labels.weights[3] = f32::NAN), "label 1 of example 1");
    check(with(&|p| p.training.labels.values.truncate(7)), "4 examples of 2 labels");
    check(with(&|p| p.training.rows = Arc::new(vec![0, 1, 2, 40])), "row 40");
    check(with(&|p| p.objective = Objective::Pairwise), "not of the form");
    check(with(&|p| p.hidden = vec![4, 0]), "no width");
    check(with(&|p| p.objective = Objective::Joint { lambda: -1.0 }), "lambda");
}

#[test]
fn settings_that_cannot_be_meant_are_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptNetworks::new(Storage::open(&folder.path().into()).unwrap());
    let problems = [problem(4, 3, &[2], 2, Objective::Pointwise)];
    let check = |mlp: Mlp, key: &str| {
        let error = train_all(&problems, &mlp, Device::Cpu, &kept, &|_| panic!("trained")).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    };
    check(Mlp { weight_decay: Some(-0.1), ..mlp(1) }, "`train.mlp.weight_decay`");
    check(Mlp { early_stopping: Some(EarlyStopping { patience: 0 }), ..mlp(1) }, "patience");
    check(Mlp { batch_size: 0, ..mlp(1) }, "batch_size");
}

#[test]
fn class_weights_are_scikit_learn_s_balanced_and_leave_one_class_alone() {
    // sklearn.utils.compute_class_weight("balanced", classes=[0, 1], y=[1, 0, 0, 0]) is [0.6666666666666666, 2.0].
    let labels = Targets::hard([Some(true), Some(false), None, Some(false), Some(false)]).balanced(1);
    assert!(furthest(&labels.weights, &[2.0, 2.0 / 3.0, 0.0, 2.0 / 3.0, 2.0 / 3.0]) < 1e-6);
    assert_eq!(Targets::hard([Some(true), None]).balanced(1).weights, [1.0, 0.0]);
}

#[test]
fn steps_are_jax_s_to_1e_5_in_every_parameter() {
    // scripts/train_reference.py makes the file: plain JAX with optax, and PyTorch beside it.
    let reference: Value = serde_json::from_str(include_str!("reference.json")).unwrap();
    let numbers =
        |value: &Value| -> Vec<f32> { value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect() };
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let widths: Vec<usize> =
            case["widths"].as_array().unwrap().iter().map(|width| width.as_u64().unwrap() as usize).collect();
        let n_heads = widths[widths.len() - 1];
        let n = numbers(&case["values"]).len() / n_heads;
        let x = numbers(&case["x"]);
        let rows = |from: usize| Arc::new((from as u32..(from + n) as u32).collect::<Vec<u32>>());
        let objective = match case["objective"].as_str().unwrap() {
            "pairwise" => Objective::Pairwise,
            "joint" => Objective::Joint { lambda: case["lambda"].as_f64().unwrap() as f32 },
            _ => Objective::Pointwise,
        };
        let targets =
            |values: &str, weights: &str| Targets { values: numbers(&case[values]), weights: numbers(&case[weights]) };
        let problem = Problem {
            inputs: Arc::new(Matrix::new(x.clone(), x.len() / widths[0], widths[0]).unwrap()),
            training: Examples {
                rows: rows(0),
                others: (objective == Objective::Pairwise).then(|| rows(n)),
                labels: targets("values", "weights"),
                target: case["target"].is_array().then(|| targets("target", "target_weights")),
            },
            held_out: None,
            n_heads,
            objective,
            hidden: widths[1..widths.len() - 1].to_vec(),
            seed: 0,
        };
        problem.check(0).unwrap();
        let mut start = Start::of(&problem, Init::LecunNormal);
        let mut values = numbers(&case["start"]).into_iter();
        for layer in start.network.layers.iter_mut().chain(&mut start.aggregator) {
            layer.weight.iter_mut().chain(&mut layer.bias).for_each(|x| *x = values.next().unwrap());
        }
        assert_eq!(values.next(), None);
        for (steps, expect) in [(1, "after_1"), (10, "after_10")] {
            let mlp =
                Mlp { batch_size: n, learning_rate: 0.01, weight_decay: case["weight_decay"].as_f64(), ..mlp(steps) };
            let by_kernels = cpu::train_from(&start, &problem, &mlp, false, &|_| ());
            let by_autograd = autograd::train_from(&start, &problem, &mlp, Device::Cpu, &|_| ()).unwrap();
            for trained in [by_kernels, by_autograd] {
                let far = furthest(&of(&trained), &numbers(&case[expect]));
                assert!(far < 1e-5, "{} after {steps}: {far}", case["name"]);
            }
        }
    }
}
