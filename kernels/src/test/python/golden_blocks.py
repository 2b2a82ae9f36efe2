"""Random blocks of each quantised type with the values that llama.cpp's gguf package reads from them,
and random values with the blocks it writes for them where it can.

pip install gguf numpy; python golden_blocks.py > ../resources/org/longform/kernels/tensor/blocks.json
"""

import json
import sys
from importlib import metadata

import gguf
import numpy as np
from gguf.quants import dequantize, quantize

BLOCKS = 3
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q5_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}

random = np.random.default_rng(5)
cases = []
for name, places in HALVES.items():
    dtype = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[dtype]
    for _ in range(BLOCKS):
        block = random.integers(0, 256, size, dtype=np.uint8)
        for at in places:  # random bits could be infinite or not a number
            block[at : at + 2] = np.array([random.normal()], np.float16).view(np.uint8)
        values = dequantize(block.reshape(1, size), dtype).astype(np.float32).reshape(-1)
        cases.append({"dtype": name, "block": block.tobytes().hex(), "values": values.astype("<f4").tobytes().hex()})
written = []
for name in ("Q8_0", "Q4_0", "Q5_0"):
    values = random.normal(size=(1, 32 * BLOCKS)).astype(np.float32)
    block = quantize(values, gguf.GGMLQuantizationType[name])
    written.append({"dtype": name, "values": values.astype("<f4").tobytes().hex(), "block": block.tobytes().hex()})
json.dump({"gguf": metadata.version("gguf"), "read": cases, "written": written}, sys.stdout, indent=1)
print()
