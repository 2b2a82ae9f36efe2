"""What card 0 reaches with PyTorch, its own libraries and its fused attention: the measure for our figures.

peer.py: prints a table in Markdown, a line each: name | ms | GB/s | TFLOP/s. Times are medians of repetitions after a
warm-up, by CUDA events around single calls; data are random. A measurement that fails is a line that says so, and the
exit code is 1 then. Operations are counted as in card_bench.cpp: what the mask leaves, a multiply-add being two.
"""

import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    sys.exit(f"Cannot measure PyTorch: it is not here ({missing}). Install it, or leave step 'peer' out.")

HEADS, KV_HEADS, DIM = 32, 8, 128
TOKENS, WINDOW, SINKS = 131_072, 4096, 4
TILE = 128  # of the block mask


def seconds(operation, repetitions=10, warm=3, calls=1):
    """The median time of an operation on the card; of several calls in a row where one is as short as its launch."""
    for _ in range(warm):
        operation()
    times = []
    for _ in range(repetitions):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(calls):
            operation()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3 / calls)
    return sorted(times)[len(times) // 2]


def line(name, time, moved, operations):
    print(f"| {name} | {time * 1e3:.3f} | {moved / time / 1e9:.1f} | {operations / time / 1e12:.2f} |", flush=True)


def random(*shape):
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def copy():
    size = 4 << 30
    source = torch.randint(0, 256, (size,), device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    line("copy of 4 GiB, read and written", seconds(lambda: target.copy_(source)), 2 * size, 0)


def products():
    n = 8192
    a, b, out = random(n, n), random(n, n), random(n, n)
    line(f"bf16 product of {n} x {n} x {n}", seconds(lambda: torch.mm(a, b, out=out), 20), 3 * 2 * n * n, 2 * n**3)


def int8_products():
    """Those of quantised weights, which have a rate of their own."""
    n = 8192
    c = torch.randint(-127, 128, (n, n), device="cuda", dtype=torch.int8)
    d = torch.randint(-127, 128, (n, n), device="cuda", dtype=torch.int8).t()
    line(f"int8 product of {n} x {n} x {n}", seconds(lambda: torch._int_mm(c, d), 20), 6 * n * n, 2 * n**3)


def lambda_mask(window, sinks):
    def seen(batch, head, query, key):
        return (query >= key) & ((query - key < window) | (key < sinks))

    return seen


def lambda_blocks(tokens, window, sinks):
    """The block mask of such a mask. PyTorch would look at each pair of tokens to find it: 17 billion of 131,072."""
    from torch.nn.attention.flex_attention import BlockMask

    first = torch.arange(0, tokens, TILE, device="cuda")
    last = first + TILE - 1
    q_first, q_last, k_first, k_last = first[:, None], last[:, None], first[None, :], last[None, :]
    some = (k_first <= q_last) & ((q_first - k_last < window) | (k_first < sinks))
    every = (k_last <= q_first) & ((q_last - k_first < window) | (k_last < sinks))

    def listed(blocks):
        count = blocks.sum(-1).to(torch.int32)
        order = torch.argsort(blocks.to(torch.int32), dim=-1, descending=True, stable=True).to(torch.int32)
        return count[None, None].contiguous(), order[None, None].contiguous()

    partial_count, partial = listed(some & ~every)
    full_count, full = listed(every)
    return BlockMask.from_kv_blocks(
        partial_count, partial, full_count, full, BLOCK_SIZE=TILE, mask_mod=lambda_mask(window, sinks),
        seq_lengths=(tokens, tokens),
    )


def lm_infinite():
    from torch.nn.attention.flex_attention import flex_attention

    fused = torch.compile(flex_attention, dynamic=False)

    def tensors(tokens):
        return random(1, HEADS, tokens, DIM), random(1, KV_HEADS, tokens, DIM), random(1, KV_HEADS, tokens, DIM)

    # a mask that is wrong would be measured just as well
    tokens, window = 2048, 512
    q, k, v = tensors(tokens)
    index = torch.arange(tokens, device="cuda")
    dense = lambda_mask(window, SINKS)(0, 0, index[:, None], index[None, :])
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=dense, enable_gqa=True)
    found = fused(q, k, v, block_mask=lambda_blocks(tokens, window, SINKS), enable_gqa=True)
    difference = (found - expected).abs().max().item()
    if not difference < 0.05:
        raise RuntimeError(f"the block mask is wrong, answers differ by {difference}")

    q, k, v = tensors(TOKENS)
    blocks = lambda_blocks(TOKENS, WINDOW, SINKS)
    seen = sum(min(t + 1, WINDOW) + min(max(t - WINDOW + 1, 0), SINKS) for t in range(TOKENS))
    time = seconds(lambda: fused(q, k, v, block_mask=blocks, enable_gqa=True), 5, 2)
    moved = 2 * 2 * TOKENS * DIM * (HEADS + KV_HEADS)
    line(f"flex_attention, LM-Infinite prefill of {TOKENS} tokens, window {WINDOW} and {SINKS} first ones", time, moved,
         4 * seen * HEADS * DIM)


def causal():
    """A plain causal block, to see what fused attention reaches without a block mask."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    tokens = 8192
    q, k, v = random(1, HEADS, tokens, DIM), random(1, KV_HEADS, tokens, DIM), random(1, KV_HEADS, tokens, DIM)
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                time = seconds(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
        except RuntimeError:  # not every build has each of them
            print(f"| sdpa {backend.name} is not here | | | |", flush=True)
            continue
        line(f"sdpa {backend.name}, causal, {tokens} tokens", time, 2 * 2 * tokens * DIM * (HEADS + KV_HEADS),
             4 * (tokens * (tokens + 1) // 2) * HEADS * DIM)


def decode():
    """One query of all heads. Heads of a group as queries of one head are the same work without a mask."""
    k, v = random(1, KV_HEADS, TOKENS, DIM), random(1, KV_HEADS, TOKENS, DIM)
    q = random(1, HEADS, 1, DIM)
    grouped = q.view(1, KV_HEADS, HEADS // KV_HEADS, DIM)
    moved, operations = 2 * 2 * TOKENS * DIM * KV_HEADS, 4 * TOKENS * HEADS * DIM
    line(f"sdpa, decode behind {TOKENS} tokens, enable_gqa",
         seconds(lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), calls=20), moved, operations)
    line(f"sdpa, decode behind {TOKENS} tokens, heads of a group as queries",
         seconds(lambda: F.scaled_dot_product_attention(grouped, k, v), calls=20), moved, operations)


def main():
    if not torch.cuda.is_available():
        sys.exit("Cannot measure PyTorch: it sees no card. Leave step 'peer' out here.")
    torch.manual_seed(5)
    print(f"| PyTorch {torch.__version__} ({torch.cuda.get_device_name(0)}) | ms | GB/s | TFLOP/s |")
    print("|---|---|---|---|", flush=True)
    failed = 0
    for measurement in (copy, products, int8_products, causal, decode, lm_infinite):
        try:
            with torch.no_grad():
                measurement()
        except Exception as failure:  # one that is not there must not take the others along
            failed += 1
            why = " ".join(str(failure).split())[:200].replace("|", "/")
            print(f"| {measurement.__name__} failed: {type(failure).__name__}: {why} | | | |", flush=True)
        torch.cuda.empty_cache()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
