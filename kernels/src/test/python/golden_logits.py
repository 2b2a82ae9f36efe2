"""Golden logits of a Llama model directory, in float64 numpy, independent of the Java code.

Written from the public description of the architecture and of the safetensors format. Writes
golden.json: a prompt sampled with a fixed seed, the greedy tokens that follow it, the logits after the prompt and
after the last greedy token, and what they were made from.

usage: golden_logits.py MODEL_DIRECTORY OUTPUT_JSON
"""
import hashlib
import json
import os
import sys

import numpy as np

SEED = 20261121
PROMPT_TOKENS = 96
GREEDY_TOKENS = 32


def read_safetensors(path):
    with open(path, "rb") as file:
        raw = file.read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        data = raw[begin:end]
        if entry["dtype"] == "BF16":
            words = np.frombuffer(data, "<u2").astype(np.uint32) << 16
            values = words.view(np.float32)
        else:
            values = np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]])
        tensors[name] = values.astype(np.float64).reshape(entry["shape"])
    return tensors


class Llama:
    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as file:
            self.config = json.load(file)
        self.weights = read_safetensors(os.path.join(directory, "model.safetensors"))

    def norm(self, x, name):
        mean_square = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(mean_square + self.config["rms_norm_eps"]) * self.weights[name + ".weight"]

    def heads(self, x, name, count):
        y = x @ self.weights[name + ".weight"].T
        return y.reshape(len(x), count, -1).transpose(1, 0, 2)

    def rotate(self, x):
        tokens, dims = x.shape[1:]
        frequency = self.config["rope_theta"] ** (-np.arange(0, dims, 2) / dims)
        turn = np.exp(1j * np.outer(np.arange(tokens), frequency))
        turned = (x[..., :dims // 2] + 1j * x[..., dims // 2:]) * turn
        return np.concatenate([turned.real, turned.imag], axis=-1)

    def logits(self, ids):
        """The logits after the last token."""
        c = self.config
        query_heads, kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
        x = self.weights["model.embed_tokens.weight"][ids]
        later = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
        for layer in range(c["num_hidden_layers"]):
            p = f"model.layers.{layer}."
            h = self.norm(x, p + "input_layernorm")
            q = self.rotate(self.heads(h, p + "self_attn.q_proj", query_heads))
            k = self.rotate(self.heads(h, p + "self_attn.k_proj", kv_heads))
            v = self.heads(h, p + "self_attn.v_proj", kv_heads)
            group = np.arange(query_heads) // (query_heads // kv_heads)
            scores = q @ k[group].transpose(0, 2, 1) / np.sqrt(q.shape[-1]) + later
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            weights /= weights.sum(axis=-1, keepdims=True)
            mixed = (weights @ v[group]).transpose(1, 0, 2).reshape(len(ids), -1)
            x = x + mixed @ self.weights[p + "self_attn.o_proj.weight"].T
            h = self.norm(x, p + "post_attention_layernorm")
            gate = h @ self.weights[p + "mlp.gate_proj.weight"].T
            up = h @ self.weights[p + "mlp.up_proj.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.weights[p + "mlp.down_proj.weight"].T
        return self.weights["model.embed_tokens.weight"] @ self.norm(x[-1], "model.norm")


def main(directory, output):
    model = Llama(directory)
    rng = np.random.default_rng(SEED)
    # text as the model itself writes it: after random ids it repeats one token for ever
    prompt = [model.config["bos_token_id"]]
    while len(prompt) < PROMPT_TOKENS:
        logits = model.logits(prompt)
        chances = np.exp(logits - logits.max())
        prompt.append(int(rng.choice(len(chances), p=chances / chances.sum())))
    ids = list(prompt)
    first = model.logits(ids)
    last = first
    margins = []
    for _ in range(GREEDY_TOKENS):
        best = np.sort(last)[-2:]
        margins.append(float(best[1] - best[0]))
        ids.append(int(np.argmax(last)))
        last = model.logits(ids)
    with open(os.path.join(directory, "model.safetensors"), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    golden = {
        "model_sha256": digest,
        "seed": SEED,
        "numpy": np.__version__,
        "smallest_margin": min(margins),
        "prompt": prompt,
        "greedy": ids[len(prompt):],
        "logits_after_prompt": [float("%.9g" % value) for value in first],
        "logits_after_greedy": [float("%.9g" % value) for value in last],
    }
    with open(output, "w") as file:
        for i, (key, value) in enumerate(golden.items()):
            file.write(("{" if i == 0 else ",\n") + json.dumps(key) + ":" + json.dumps(value, separators=(",", ":")))
        file.write("}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
