"""Patients with two noisy views of one hidden state, made from a seed: the planted truth.

A patient is a latent vector. The gene-expression embedding is a mildly nonlinear view of it; a tile of the
pathology image is a strongly nonlinear one; each has its own noise. A sample is a fresh slide of a patient of
the gallery, who has changed a little since the profile was taken: ``TILES`` tiles, some of them artefacts (a
fold, a pen mark) that show nothing of the patient. Every part is drawn from its own PCG64 stream, and samples
from one stream a block, so the same seed gives the same data whatever the number of cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]

LATENT = 24
HIDDEN = 96
IMAGE = 384
EXPRESSION = 256
GALLERY = 8192
TRAINING = 4096
TILES = 8
NOISE = 1.3
"""Standard deviation of both instruments at the usual level; a clean value has about one."""
ARTEFACTS = 0.2
"""Share of tiles that show nothing of the patient."""
BLOCK = 64
"""Samples that are made and matched together; part of the data's definition, not a tuning knob."""

_MAPS, _GALLERY, _TRAINING, _SAMPLES = range(4)


@dataclass(frozen=True)
class World:
    """Everything the seed determines. ``noise`` is relative to the usual level of both instruments."""

    seed: int
    noise: float = 1.0
    gallery_size: int = GALLERY

    def _stream(self, *path: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *path])))

    @cached_property
    def _maps(self) -> tuple[Floats, Floats, Floats, Floats]:
        draw = self._stream(_MAPS).standard_normal
        scale = np.float32(1 / np.sqrt(LATENT))
        return (
            draw((LATENT, HIDDEN), dtype=np.float32) * scale,
            draw((HIDDEN, IMAGE), dtype=np.float32) / np.float32(np.sqrt(HIDDEN)),
            draw((LATENT, EXPRESSION), dtype=np.float32) * scale,
            draw((LATENT, EXPRESSION), dtype=np.float32) * scale,
        )

    def _noisy(self, clean: Floats, rng: np.random.Generator) -> Floats:
        noise = rng.standard_normal(clean.shape, dtype=np.float32)
        noise *= np.float32(NOISE * self.noise)
        noise += clean
        return noise

    def tiles(self, latent: Floats, rng: np.random.Generator) -> Floats:
        """[…, LATENT] → […, IMAGE]: a saturating hidden layer, a random read-out, noise."""
        into, out, _, _ = self._maps
        clean = np.tanh(latent @ into) @ out
        return self._noisy(clean, rng)

    def expression(self, latent: Floats, rng: np.random.Generator) -> Floats:
        """[n, LATENT] → [n, EXPRESSION]: linear, with a quadratic part that no linear map undoes, noise."""
        _, _, linear, quadratic = self._maps
        clean = latent @ linear + np.float32(0.15) * np.square(latent @ quadratic)
        return self._noisy(clean, rng)

    @cached_property
    def gallery(self) -> tuple[Floats, Floats]:
        """Latents [gallery, LATENT] and expression embeddings [gallery, EXPRESSION] of the reference."""
        rng = self._stream(_GALLERY)
        latent = rng.standard_normal((self.gallery_size, LATENT), dtype=np.float32)
        return latent, self.expression(latent, rng)

    def training(self) -> tuple[Floats, Floats]:
        """One clean tile and the expression of TRAINING other patients, in pairs; none is in the gallery."""
        rng = self._stream(_TRAINING)
        latent = rng.standard_normal((TRAINING, LATENT), dtype=np.float32)
        return self.tiles(latent, rng), self.expression(latent, rng)

    def samples(self, block: int, count: int) -> tuple[Floats, Indices]:
        """The first ``count`` samples of a block: tiles [count, TILES, IMAGE], true gallery rows [count].

        The whole block is always drawn, so a sample does not depend on how many were asked for.
        """
        assert 0 < count <= BLOCK
        rng = self._stream(_SAMPLES, block)
        truth = rng.integers(0, self.gallery_size, BLOCK, dtype=np.int32)
        shape = (BLOCK, TILES, LATENT)
        seen = self.gallery[0][truth][:, None, :] + np.float32(0.1) * rng.standard_normal(shape, np.float32)
        artefact = rng.random((BLOCK, TILES)) < ARTEFACTS
        seen[artefact] = rng.standard_normal((int(artefact.sum()), LATENT), dtype=np.float32)
        return self.tiles(seen, rng)[:count], truth[:count]
