"""Reference for `train`'s sweep engine: steps of plain JAX with optax, checked against PyTorch.

    pip install "jax[cpu]" optax torch
    python scripts/train_reference.py            writes crates/train/src/engine/reference.json
    python scripts/train_reference.py auc RUN FILE [SEEDS [STARTS]]   (also needs pyarrow) trains coarse models of a finished
        default run's embeddings in JAX, seeds 0-4 or that many, and writes data and test AUCs to FILE; then TRAIN_AUC=FILE and the
        ignored test `the_mean_test_auc_on_the_demo_is_jax_s` compares. With STARTS (also needs safetensors) from the engine's own
        initial weights and in its orders, which TRAIN_AUC=FILE TRAIN_STARTS=STARTS and the ignored test `starts_for_jax` write
    python scripts/train_reference.py small RUN   the same for 20 seeds on 160 training and 140 test images' embeddings, thrown on
        64 axes at random and rounded to whole 256ths, so that it is small: writes crates/train/src/engine/auc_reference.json

A case is a network's start, one batch, and every parameter after 1 and after 10 steps of Adam at 0.01 on that batch.
Parameters stand layer by layer, weight [out, in] then bias; the joint case's aggregator comes last.
"""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

PLACE = pathlib.Path(__file__).resolve().parent.parent / "crates/train/src/engine/reference.json"
N = 11


def bce(logits, values, weights):
    """Mean over the labels that are there."""
    losses = jnp.maximum(logits, 0) - values * logits + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    return (losses * weights).sum() / (weights > 0).sum()


def forward(layers, x, last_bias):
    for at, (weight, bias) in enumerate(layers):
        x = x @ weight.T
        if at + 1 < len(layers):
            x = jax.nn.relu(x + bias)
        elif last_bias:
            x = x + bias
    return x


def loss_of(case):
    n, objective = N, case["objective"]

    def loss(parameters):
        layers = parameters["layers"]
        logits = forward(layers, case["x"], objective != "pairwise")
        if objective == "pairwise":
            return bce(logits[:n] - logits[n:], case["values"], case["weights"])
        of_heads = bce(logits, case["values"], case["weights"])
        if objective == "joint":
            weight, bias = parameters["aggregator"]
            of_target = jax.nn.sigmoid(logits) @ weight.T + bias
            return bce(of_target, case["target"], case["target_weights"]) + case["lambda"] * of_heads
        return of_heads
    return loss


def steps_of_jax(case, n_steps):
    parameters, loss = case["start"], loss_of(case)
    adam = optax.adamw(0.01, weight_decay=case["weight_decay"]) if case["weight_decay"] else optax.adam(0.01)
    state = adam.init(parameters)
    for _ in range(n_steps):
        updates, state = adam.update(jax.grad(loss)(parameters), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return flat(parameters)


def steps_of_torch(case, n_steps):
    import torch
    tensor = lambda values: torch.tensor(np.asarray(values), dtype=torch.float32)
    layers = [(tensor(w).requires_grad_(), tensor(b).requires_grad_()) for w, b in case["start"]["layers"]]
    aggregator = [tensor(p).requires_grad_() for p in case["start"].get("aggregator", [])]
    pairwise = case["objective"] == "pairwise"
    trained = [p for layer in layers for p in layer][: -1 if pairwise else None] + aggregator
    adam = torch.optim.AdamW(trained, lr=0.01, weight_decay=case["weight_decay"] or 0.0)
    mean = lambda logits, y, w: torch.nn.functional.binary_cross_entropy_with_logits(
        logits, tensor(y), tensor(w), reduction="sum") / float((np.asarray(w) > 0).sum())
    for _ in range(n_steps):
        x = tensor(case["x"])
        for at, (w, b) in enumerate(layers):
            last = at + 1 == len(layers)
            x = torch.nn.functional.linear(x, w, None if last and pairwise else b)
            x = x if last else torch.relu(x)
        logits = x[:N] - x[N:] if pairwise else x
        loss = mean(logits, case["values"], case["weights"])
        if aggregator:
            of_target = torch.nn.functional.linear(torch.sigmoid(logits), *aggregator)
            loss = mean(of_target, case["target"], case["target_weights"]) + case["lambda"] * loss
        adam.zero_grad()
        loss.backward()
        adam.step()
    parameters = {"layers": layers, **({"aggregator": aggregator} if aggregator else {})}
    return flat(jax.tree.map(lambda p: p.detach().numpy(), parameters))


def flat(parameters):
    layers = list(parameters["layers"]) + ([parameters["aggregator"]] if "aggregator" in parameters else [])
    return np.concatenate([np.asarray(p).ravel() for layer in layers for p in layer])


def make(name, widths=(6, 9, 5, 3), objective="pointwise", soft=False, masked=False, weighted=False, decay=None):
    random = np.random.default_rng(len(name) * 1000 + widths[-1])
    normal = lambda *shape: random.normal(size=shape).astype(np.float32)
    start = {"layers": [(normal(o, i) / np.sqrt(i).astype(np.float32), 0.1 * normal(o)) for i, o in zip(widths, widths[1:])]}
    if objective == "joint":
        start["aggregator"] = (normal(1, widths[-1]), normal(1))
    uniform = lambda *shape: random.uniform(size=shape).astype(np.float32)
    values = uniform(N, widths[-1])
    if objective == "pairwise":
        values = np.floor(values * 3) / 2
    elif not soft:
        values = np.round(values)
    weights = 0.5 + uniform(N, widths[-1]) if weighted else np.ones((N, widths[-1]), np.float32)
    if masked:
        weights = weights * (uniform(N, widths[-1]) > 0.3)
    case = {"name": name, "widths": list(widths), "objective": objective, "start": start,
            "x": normal(N * (2 if objective == "pairwise" else 1), widths[0]),
            "values": values.astype(np.float32), "weights": weights.astype(np.float32), "weight_decay": decay}
    if objective == "joint":
        case |= {"lambda": 0.25, "target": np.round(uniform(N, 1)), "target_weights": np.ones((N, 1), np.float32)}
    return case


def stored(case):
    numbers = lambda values: [float(x) for x in np.asarray(values, np.float32).ravel()]
    arrays = {key: numbers(case[key]) for key in ("x", "values", "weights", "target", "target_weights") if key in case}
    after = {}
    for n_steps in (1, 10):
        by_jax, by_torch = steps_of_jax(case, n_steps), steps_of_torch(case, n_steps)
        furthest = float(np.abs(by_jax - by_torch).max())
        assert furthest < 5e-6, (case["name"], n_steps, furthest)
        after[f"after_{n_steps}"] = numbers(by_jax)
        print(f"{case['name']}: {n_steps} steps, JAX and PyTorch at most {furthest:.1e} apart")
    return {**case, **arrays, "start": numbers(flat(case["start"])), **after}


def demo(run):
    """Embeddings and labels of the coarse target, by split."""
    import pyarrow.parquet as pq
    table = lambda name: pq.read_table(f"{run}/tables/{name}/{name}.parquet").to_pylist()
    split = {row["image_id"]: row["split"] for row in table("images")}
    good = {row["image_id"]: row["label"] for row in table("labels")
            if row["experiment"] == "preferences" and row["attribute"] == "target" and row["label"] is not None}
    vectors = {row["image_id"]: row["image_embedding"] + row["text_embedding"] for row in table("embeddings")}
    part = lambda name: sorted(i for i in good if split[i] == name and i in vectors)
    x, y = ({name: np.array([of[i] for i in part(name)], np.float32) for name in ("train", "test")} for of in (vectors, good))
    return x, y


def auc_reference(run, place, n_seeds=5, starts=None):
    x, y = demo(run)
    flat_of = {f"{kind}_{name}": values[name].ravel().tolist() for kind, values in (("x", x), ("y", y)) for name in values}
    pathlib.Path(place).write_text(json.dumps({"dim": x["train"].shape[1], "unit": 1, "aucs": aucs_of_jax(x, y, n_seeds, starts),
                                               "same_starts": starts is not None, **flat_of}))


def small_auc_reference(run):
    x, y = demo(run)
    random = np.random.default_rng(0)
    axes = random.normal(size=(x["train"].shape[1], 64)) / 8
    taken = {name: random.permutation(len(y[name]))[:n] for name, n in (("train", 160), ("test", 140))}
    whole = {name: np.rint(x[name][rows] @ axes * 256).astype(int) for name, rows in taken.items()}
    y = {name: y[name][rows] for name, rows in taken.items()}
    aucs = aucs_of_jax({name: (values / 256).astype(np.float32) for name, values in whole.items()}, y, 20)
    flat_of = {f"x_{name}": values.ravel().tolist() for name, values in whole.items()}
    flat_of |= {f"y_{name}": values.astype(int).tolist() for name, values in y.items()}
    text = json.dumps({"dim": 64, "unit": 1 / 256, "aucs": aucs, **flat_of}, separators=(",", ":"))
    PLACE.with_name("auc_reference.json").write_text(text + "\n")


def random_start(seed, widths):
    keys, init, random = jax.random.split(jax.random.key(seed), 3), jax.nn.initializers.lecun_normal(), np.random.default_rng(seed)
    layers = [(init(key, (i, o)).T, jnp.zeros(o)) for key, i, o in zip(keys, widths, widths[1:])]
    return layers, random.permutation


def start_of_the_engine(folder, seed):
    from safetensors.numpy import load_file
    tensors = load_file(f"{folder}/{seed}.safetensors")
    layers = [tuple(jnp.asarray(tensors[f"{name}.{part}"]) for part in ("weight", "bias")) for name in ("hidden1", "hidden2", "heads")]
    orders = np.fromfile(f"{folder}/{seed}.orders", "<u4")
    epochs = iter(orders.reshape(100, -1))
    return layers, lambda n: next(epochs)


def aucs_of_jax(x, y, n_seeds, starts=None):
    widths = (x["train"].shape[1], 256, 256, 1)
    adam = optax.adam(1e-4)

    def loss(layers, x, y):
        return bce(forward(layers, x, True)[:, 0], y, jnp.ones_like(y))

    @jax.jit
    def step(layers, state, x, y):
        updates, state = adam.update(jax.grad(loss)(layers, x, y), state)
        return optax.apply_updates(layers, updates), state

    aucs = []
    for seed in range(n_seeds):
        layers, next_order = start_of_the_engine(starts, seed) if starts else random_start(seed, widths)
        state = adam.init(layers)
        for _ in range(100):
            order = next_order(len(y["train"]))
            for rows in np.split(order, range(128, len(order), 128)):
                layers, state = step(layers, state, x["train"][rows], y["train"][rows])
        reward = np.asarray(forward(layers, x["test"], True))[:, 0]
        pairs = reward[y["test"] == 1][:, None] - reward[y["test"] == 0][None]
        aucs.append(float((pairs > 0).mean() + (pairs == 0).mean() / 2))
    print("test AUC of JAX, a seed each:", [round(auc, 4) for auc in aucs])
    return aucs


def main():
    if sys.argv[1:2] == ["auc"]:
        return auc_reference(*sys.argv[2:4], *map(int, sys.argv[4:5]), *sys.argv[5:])
    if sys.argv[1:2] == ["small"]:
        return small_auc_reference(sys.argv[2])
    cases = [
        make("hard"), make("soft", soft=True), make("masked", masked=True), make("class weights", weighted=True, masked=True),
        make("weight decay", decay=0.3), make("linear probe", widths=(6, 2)), make("pairwise", objective="pairwise", masked=True),
        make("joint", objective="joint", masked=True),
    ]
    import torch
    made_by = f"scripts/train_reference.py with jax {jax.__version__}, optax {optax.__version__}, torch {torch.__version__}"
    PLACE.write_text(json.dumps({"made_by": made_by, "cases": [stored(case) for case in cases]}) + "\n")


if __name__ == "__main__":
    main()
