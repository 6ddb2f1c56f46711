"""Rank the gallery for every sample, in blocks of fixed size and bounded memory, and judge the answer.

The gallery has a fixed size, so the work grows in proportion to the samples. Blocks run in threads (NumPy
lets go of the interpreter inside products and partitions) and come back in order; a block's arithmetic does
not depend on the number of threads, so neither does the answer.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from omics_match.alignment import Projection, align
from omics_match.data import BLOCK, LATENT, TILES, Floats, Indices, World

PPM = 1_000_000
SHARPNESS = np.float32(10)


@dataclass(frozen=True)
class Matched:
    """One block: gallery rows ``ranked`` best first [n, k], their ``scores`` [n, k], the ``truth`` [n]."""

    ranked: Indices
    scores: Floats
    truth: Indices


class Matcher:
    """The learnt space with the gallery projected into it; made once, shared by all threads."""

    def __init__(self, world: World, top_k: int) -> None:
        self.world = world
        self.top_k = top_k
        self.tile: Projection
        self.tile, expression = align(*world.training(), shared=LATENT)
        self.gallery = np.ascontiguousarray(expression(world.gallery[1]).T)

    def block(self, index: int, count: int) -> Matched:
        """Makes and matches one block of samples."""
        tiles, truth = self.world.samples(index, count)
        cosines = self.tile(tiles).reshape(count * TILES, -1) @ self.gallery
        return Matched(*rank(pool_tiles(cosines), self.top_k), truth)

    def blocks(self, samples: int, cores: int) -> Iterator[Matched]:
        """All blocks in order; at most ``2 * cores`` of them are held at once."""
        sizes = [min(BLOCK, samples - start) for start in range(0, samples, BLOCK)]
        waiting: deque[Future[Matched]] = deque()
        with ThreadPoolExecutor(cores) as pool:
            for index, count in enumerate(sizes):
                waiting.append(pool.submit(self.block, index, count))
                if len(waiting) >= 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def pool_tiles(cosines: Floats) -> Floats:
    """Cosines [n * TILES, gallery] → one score a sample and gallery row [n, gallery], in (-1, 1].

    The soft maximum over tiles: a few good tiles decide, artefacts hardly count. Works in place.
    """
    cosines *= SHARPNESS
    np.exp(cosines, out=cosines)
    pooled: Floats = cosines.reshape(-1, TILES, cosines.shape[1]).mean(axis=1)
    np.log(pooled, out=pooled)
    pooled /= SHARPNESS
    return pooled


def rank(scores: Floats, top_k: int) -> tuple[Indices, Floats]:
    """Scores [n, gallery] → the best columns [n, top_k] and their scores, best first, ties by column."""
    best = np.argpartition(scores, -top_k, axis=1)[:, -top_k:]
    values = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -values), axis=1)
    ranked = np.take_along_axis(best, order, axis=1).astype(np.int32)
    return ranked, np.take_along_axis(values, order, axis=1)


def reached(result: dict[str, int | str], required_ppm: int) -> bool:
    """Whether the recall at 1 reaches what is required, with five standard deviations of grace.

    The grace is what chance explains in a batch of this size: 3 % at 2000 samples and 90 %, and so much of
    five that only a wholly wrong answer is refused. A shuffled answer is never within it from 10 samples on.
    """
    samples, recall = int(result["samples"]), int(result["recall_at_1_ppm"]) / PPM
    required = required_ppm / PPM
    grace = 5 * (required * (1 - required) / samples) ** 0.5
    return bool(recall >= required - grace)


class Tally:
    """Counts hits against the planted truth and digests every match, block by block."""

    def __init__(self) -> None:
        self.samples = self._first = self._tenth = 0
        self._hash = hashlib.sha256()

    def add(self, matched: Matched) -> None:
        """Takes one block into account; blocks come in order."""
        hit = matched.ranked == matched.truth[:, None]
        self.samples += len(hit)
        self._first += int(hit[:, 0].sum())
        self._tenth += int(hit[:, :10].any(axis=1).sum())
        self._hash.update(np.ascontiguousarray(matched.ranked[:, :10], dtype="<i4").tobytes())

    def result(self) -> dict[str, int | str]:
        """What ``result.json`` says; shares are parts per million, rounded down."""
        return {
            "samples": self.samples,
            "recall_at_1_ppm": self._first * PPM // self.samples,
            "recall_at_10_ppm": self._tenth * PPM // self.samples,
            "digest": "sha256:" + self._hash.hexdigest(),
        }
