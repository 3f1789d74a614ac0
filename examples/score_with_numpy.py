"""Scores embeddings with a trained reward model: python score_with_numpy.py MODEL_FOLDER < embeddings.npy > rewards.npy"""
import io, sys
import numpy as np
from safetensors.numpy import load_file

model = load_file(sys.argv[1] + "/model.safetensors")
x = np.load(io.BytesIO(sys.stdin.buffer.read()))  # [n, input_dim]: the image's vector, then the prompt's, as the card says
layers = [f"hidden{at}" for at in range(1, len(model)) if f"hidden{at}.weight" in model]
for layer in layers:
    x = np.maximum(x @ model[f"{layer}.weight"].T + model[f"{layer}.bias"], 0)
x = 1 / (1 + np.exp(-(x @ model["heads.weight"].T + model["heads.bias"]).astype(float)))  # the attributes, or the target
if "aggregator.weight" in model:
    x = 1 / (1 + np.exp(-(x @ model["aggregator.weight"] + model["aggregator.intercept"])))
np.save(sys.stdout.buffer, x.reshape(len(x)))
