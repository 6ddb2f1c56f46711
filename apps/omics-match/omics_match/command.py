"""The command line: samples in, ranked matches and a checked result out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from omics_match.data import World
from omics_match.matching import Matched, Matcher, Tally, reached

WRONG_ANSWER = 3
PROGRESS_EVERY = 5000


def lines(start: int, matched: Matched) -> str:
    """The CSV lines of one block: sample, ranked gallery rows, score of the first."""
    rows = zip(matched.ranked.tolist(), matched.scores[:, 0].tolist(), strict=True)
    return "".join(
        f"{start + i},{','.join(map(str, ranked))},{score:.6f}\n" for i, (ranked, score) in enumerate(rows)
    )


def run(*, world: World, samples: int, cores: int, top_k: int, output: Path) -> dict[str, int | str]:
    """Matches ``samples`` samples, writes ``matches.csv`` and ``result.json`` and returns the latter."""
    matcher = Matcher(world, top_k)
    print(f"learnt the shared space; gallery of {world.gallery_size}", flush=True)
    tally = Tally()
    with (output / "matches.csv").open("w", encoding="ascii") as file:
        file.write("sample," + ",".join(f"match_{k + 1}" for k in range(top_k)) + ",score_1\n")
        for matched in matcher.blocks(samples, cores):
            before = tally.samples
            file.write(lines(before, matched))
            tally.add(matched)
            if before // PROGRESS_EVERY != tally.samples // PROGRESS_EVERY:
                print(f"{tally.samples} of {samples} samples", flush=True)
    result = tally.result()
    (output / "result.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="ascii")
    return result


def main(argv: list[str]) -> int:
    """Reads the command line, runs, prints the verdict."""
    parser = argparse.ArgumentParser(prog="omics-match", description=__doc__)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--top-k", type=int, default=10)
    parser.add_argument("--noise-percent", type=int, default=100)
    parser.add_argument("--require-recall-ppm", type=int, default=0)
    args = parser.parse_args(argv)
    world = World(args.seed, noise=args.noise_percent / 100)
    result = run(world=world, samples=args.samples, cores=args.cores, top_k=args.top_k, output=args.output)
    recall, required = int(result["recall_at_1_ppm"]), args.require_recall_ppm
    print(f"recall at 1: {recall} ppm, required {required} ppm", flush=True)
    return 0 if reached(result, required) else WRONG_ANSWER
