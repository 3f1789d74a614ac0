"""The grid of `make bench-train` by its peers: PyTorch eager, PyTorch with hand-batched matrices, JAX.

Run by scripts/bench_train.py, one peer a process. Prints one JSON line: {"peer", "seconds", "compile_seconds"}.
Each peer trains the same networks (4 arms with 1, 8, 4 and 12 heads; the given sizes and seeds; 2 hidden layers of 256,
ReLU, binary cross-entropy, Adam 1e-4, batches of 128) for the given epochs on random embeddings.
"""

import argparse
import json
import time

import numpy as np

ARMS = (1, 8, 4, 12)
HIDDEN, BATCH = 256, 128


def data(n, dim, heads):
    random = np.random.default_rng(n)
    return random.normal(size=(n, dim)).astype(np.float32), random.integers(0, 2, (n, heads)).astype(np.float32)


def eager(args):
    import torch
    torch.set_num_threads(args.threads)
    of = {(n, heads): [torch.from_numpy(part) for part in data(n, args.dim, heads)] for n in args.sizes for heads in ARMS}
    start = time.perf_counter()
    for n in args.sizes:
        for seed in range(args.seeds):
            for heads in ARMS:
                x, y = of[n, heads]
                torch.manual_seed(seed)
                net = torch.nn.Sequential(torch.nn.Linear(args.dim, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, HIDDEN),
                                          torch.nn.ReLU(), torch.nn.Linear(HIDDEN, heads))
                adam = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)
                for _ in range(args.epochs):
                    for rows in torch.randperm(n).split(BATCH):
                        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x[rows]), y[rows])
                        adam.zero_grad()
                        loss.backward()
                        adam.step()
    return time.perf_counter() - start, 0.0


def batched(args):
    """All arms and seeds of a size at once, heads padded to the widest arm."""
    import torch
    torch.set_num_threads(args.threads)
    heads, runs = max(ARMS), len(ARMS) * args.seeds
    of = {n: [torch.from_numpy(part) for part in data(n, args.dim, heads)] for n in args.sizes}
    start = time.perf_counter()
    for n in args.sizes:
        x, y = of[n]
        mask = torch.stack([(torch.arange(heads) < of_arm).float() / of_arm for _ in range(args.seeds) for of_arm in ARMS])
        widths = (args.dim, HIDDEN, HIDDEN, heads)
        parameters = [torch.nn.Parameter(torch.randn(runs, i, o) / i**0.5) for i, o in zip(widths, widths[1:])]
        biases = [torch.nn.Parameter(torch.zeros(runs, 1, o)) for o in widths[1:]]
        adam = torch.optim.Adam(parameters + biases, lr=1e-4, fused=True)
        for _ in range(args.epochs):
            orders = torch.stack([torch.randperm(n) for _ in range(args.seeds)]).repeat_interleave(len(ARMS), 0)
            for rows in orders.split(BATCH, 1):
                z = x[rows]
                for at, (w, b) in enumerate(zip(parameters, biases)):
                    z = torch.baddbmm(b, z, w)
                    z = torch.relu(z) if at < 2 else z
                losses = torch.nn.functional.binary_cross_entropy_with_logits(z, y[rows], reduction="none")
                loss = (losses.mean(1) * mask).sum()
                adam.zero_grad()
                loss.backward()
                adam.step()
    return time.perf_counter() - start, 0.0


def jax_scan(args):
    """vmap over arms and seeds, scan over the full steps of an epoch; a size below a batch is one step."""
    import jax
    import jax.numpy as jnp
    import optax
    heads, runs = max(ARMS), len(ARMS) * args.seeds
    adam = optax.adam(1e-4)
    mask = jnp.stack([(jnp.arange(heads) < of_arm) / of_arm for _ in range(args.seeds) for of_arm in ARMS])

    def loss(parameters, x, y, mask):
        for at, (w, b) in enumerate(parameters):
            x = x @ w + b
            x = jax.nn.relu(x) if at < 2 else x
        return (optax.sigmoid_binary_cross_entropy(x, y).mean(0) * mask).sum()

    def epoch(parameters, state, x, y, orders):
        def step(carry, rows):
            def one(parameters, state, rows, mask):
                gradient = jax.grad(loss)(parameters, x[rows], y[rows], mask)
                updates, state = adam.update(gradient, state)
                return optax.apply_updates(parameters, updates), state
            return jax.vmap(one)(*carry, rows, mask), None
        return jax.lax.scan(step, (parameters, state), orders)[0]

    total = compiling = 0.0
    for n in args.sizes:
        x, y = map(jnp.asarray, data(n, args.dim, heads))
        widths, keys = (args.dim, HIDDEN, HIDDEN, heads), jax.random.split(jax.random.key(n), 3)
        parameters = [(jax.random.normal(key, (runs, i, o)) / i**0.5, jnp.zeros((runs, o)))
                      for key, i, o in zip(keys, widths, widths[1:])]
        state = jax.vmap(adam.init)(parameters)
        random = np.random.default_rng(0)
        size = min(n, BATCH)
        # Rounded up by rows of the same shuffle, so that it makes as many steps as the others.
        steps = -(-n // size)
        def orders():
            of_seed = [np.resize(random.permutation(n), steps * size).reshape(steps, size) for _ in range(args.seeds)]
            return jnp.asarray(np.repeat(np.stack(of_seed, 1), len(ARMS), 1))
        start = time.perf_counter()
        compiled = jax.jit(epoch, donate_argnums=(0, 1)).lower(parameters, state, x, y, orders()).compile()
        compiling += time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(args.epochs):
            parameters, state = compiled(parameters, state, x, y, orders())
        jax.block_until_ready(parameters)
        total += time.perf_counter() - start
    return total, compiling


def main():
    peers = {"PyTorch eager": eager, "PyTorch batched": batched, "JAX": jax_scan}
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=peers)
    parser.add_argument("--sizes", type=int, nargs="+")
    for name, value in (("seeds", 3), ("epochs", 100), ("dim", 1792), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    seconds, compile_seconds = peers[args.peer](args)
    print(json.dumps({"peer": args.peer, "seconds": seconds, "compile_seconds": compile_seconds}))


if __name__ == "__main__":
    main()
