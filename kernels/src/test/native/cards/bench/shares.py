"""Our figures as shares of what the card reaches otherwise.

shares.py FOLDER: reads peer.log, bench.log and java-model.log there, tables of name | ms | GB/s | TFLOP/s, as far as
they are there, and prints a table in Markdown. Bytes and operations of a line follow from its time and its rates.
"""

import re
import sys
from pathlib import Path

# as published for an H200, where nothing was measured
PUBLISHED_COPY, PUBLISHED_MATRIX = 4800.0, 989.0


class Line:
    def __init__(self, cells):
        self.name, self.ms, self.gbytes, self.tflops = cells[0], *map(float, cells[1:4])

    def roofline_ms(self, copy, matrix):
        return max(self.ms * self.gbytes / copy, self.ms * self.tflops / matrix)


def lines(file):
    """Those of a table whose numbers are all there."""
    found = []
    for text in read(file):
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        if len(cells) >= 4 and all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in cells[1:4]) and float(cells[1]) > 0:
            found.append(Line(cells))
    return found


def read(file):
    return file.read_text().splitlines() if file.exists() else []


def area(points):
    """Below the straight lines between points."""
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))


def find(all_lines, pattern):
    return next((line for line in all_lines if re.match(pattern, line.name)), None)


def main(folder):
    peer, bench, model = (lines(folder / f"{name}.log") for name in ("peer", "bench", "java-model"))
    copied = find(peer, r"copy of")
    product = find(peer, r"bf16 product")
    copy = copied.gbytes if copied else PUBLISHED_COPY
    matrix = product.tflops if product else PUBLISHED_MATRIX
    print(f"Copy bandwidth {copy:.0f} GB/s ({'measured' if copied else 'as published for an H200'}), "
          f"bf16 matrix rate {matrix:.0f} TFLOP/s ({'measured' if product else 'as published for an H200'}).\n")
    print("| figure | aim | measured |\n|---|---|---|")

    def row(figure, aim, measured):
        print(f"| {figure} | {aim} | {measured} |")

    line = find(bench, r"top keys, 1 queries of 32/8 .*1024k keys")
    if line:
        row("best keys, decode at 1M keys, 8 KV heads of 128", "≥ 80% of copy bandwidth",
            f"{100 * line.gbytes / copy:.1f}% ({line.ms:.2f} ms)")
    line = find(bench, r"votes of one query with sketches, 32/8 .*1024k keys")
    if line:
        without = find(bench, r"votes of one query without sketches, 32/8 .*1024k keys")
        scored = re.search(r"[\d.]+% of the keys scored", line.name)
        times = f", {without.ms / line.ms:.1f} × as fast as without ({without.ms:.2f} ms)" if without else ""
        row("best keys with sketches, decode at 1M keys, 8 KV heads of 128", "≥ 2 × as fast as without",
            f"{line.ms:.2f} ms, {100 * line.gbytes / copy:.1f}% of copy bandwidth, "
            f"{scored.group(0) if scored else ''}{times}")
    line = find(bench, r"top keys, 512 queries of 32/8 .*1024k keys")
    if line:
        row("best keys, 512 queries × 1M keys", "≥ 60% of the bf16 matrix rate",
            f"{100 * line.tflops / matrix:.1f}% ({line.ms:.1f} ms)")
    line = find(bench, r"top keys, 512 queries of 32/8 .*pinned, 256k keys")
    bus = find(bench, r"pages of .* from pinned memory to the card")
    decode = find(bench, r"votes of one query with sketches, 32/8 .*pinned, 256k keys")
    if line and bus and decode:
        row("best keys of 256k pinned keys", "≥ 80% of the rate of copies across the bus",
            f"512 queries {100 * line.gbytes / bus.gbytes:.1f}% ({line.ms:.1f} ms), one query with sketches "
            f"{100 * decode.gbytes / bus.gbytes:.1f}% ({decode.ms:.2f} ms), copies {bus.gbytes:.1f} GB/s")
    line = find(bench, r"attend, LM-Infinite prefill")
    if line:
        theirs = find(peer, r"flex_attention, LM-Infinite")
        times = f"{theirs.ms / line.ms:.2f} × flex_attention ({theirs.ms:.1f} ms)" if theirs else "PyTorch not measured"
        row("`attend`, window 4,096, 128k tokens", "≥ 60% of the matrix rate on the unmasked work, ≥ 1.0 × PyTorch's",
            f"{100 * line.tflops / matrix:.1f}% ({line.ms:.1f} ms), {times}")
    line = find(bench, r"attend, 1 queries, window 131072")
    if line:
        both = [each for each in peer if each.name.startswith("sdpa, decode")]
        theirs = min(both, key=lambda each: each.ms, default=None)
        times = f", {theirs.ms / line.ms:.2f} × sdpa ({theirs.ms:.3f} ms)" if theirs else ""
        row("`attend`, one query, 128k tokens", "",
            f"{100 * line.gbytes / copy:.1f}% of copy bandwidth ({line.ms:.3f} ms){times}")
    decodes, prefills = {}, {}
    for line in model:
        work = re.match(r"(prefill|decode) of ([\d,]+) tokens behind ([\d,]+), (.*)", line.name)
        if not work:
            continue
        tokens, depth = (int(work[i].replace(",", "")) for i in (2, 3))
        roofline = line.roofline_ms(copy, matrix)
        rate = tokens / line.ms * 1e3
        if work[1] == "decode":
            decodes[work[4], depth] = rate
        else:
            prefills[depth] = (line.ms / tokens, roofline / tokens)
        # of a model so small that its gigabytes are printed as none there is no roofline
        beside = f"; roofline {tokens / roofline * 1e3:.1f}: {100 * roofline / line.ms:.1f}%" if roofline else ""
        row(f"{work[1]} behind {depth:,} tokens, {work[4]}", "beside the roofline", f"{rate:.1f} tokens/s{beside}")
    full = decodes.get(("full", 131072))
    for (strategy, depth), rate in decodes.items():
        if strategy == "reattention" and full and depth >= 131072:
            row(f"decode by reattention behind {depth:,} tokens over full attention behind 131,072", "≥ 3 ×",
                f"{rate / full:.2f} ×")
    if len(prefills) > 1:
        ours, least = (area(sorted((depth, each[i]) for depth, each in prefills.items())) / 1e3 for i in (0, 1))
        row(f"prefill of {max(prefills):,} tokens by the samples, reattention", "beside the roofline",
            f"{ours:.1f} s; roofline {least:.1f} s: {100 * least / ours:.1f}%")
    memory = [text for text in read(folder / "java-model.log") if text.startswith("| memory at ")]
    if memory:
        at, what = memory[-1].strip("| ").split(": ", 1)
        row(at, "within 10% of KV bytes + weights", what)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Cannot compare: no folder is named. Give shares.py FOLDER.")
    main(Path(sys.argv[1]))
