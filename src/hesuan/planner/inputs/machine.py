"""The machine: chips, the fabric between them as nested domains, and a cluster of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hesuan.figures import Figure
from hesuan.planner.inputs.checking import Checker

UNBOUNDED = 1 << 24
"""The size of the outermost level: more cards than any cluster has."""


class Precision(StrEnum):
    """The number format of the large matrix products."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    FP4 = "fp4"
    INT4 = "int4"

    @property
    def bytes(self) -> float:
        """Bytes of one element, scales left aside."""
        return _BYTES[self]


_BYTES = {
    Precision.FP32: 4.0,
    Precision.BF16: 2.0,
    Precision.FP16: 2.0,
    Precision.FP8: 1.0,
    Precision.INT8: 1.0,
    Precision.FP4: 0.5,
    Precision.INT4: 0.5,
}
_FALLBACK: dict[Precision, tuple[Precision, ...]] = {
    Precision.BF16: (Precision.FP16,),
    Precision.FP16: (Precision.BF16,),
    Precision.FP8: (Precision.INT8, Precision.BF16, Precision.FP16),
    Precision.INT8: (Precision.FP8, Precision.BF16, Precision.FP16),
    Precision.FP4: (Precision.FP8, Precision.INT8, Precision.BF16, Precision.FP16),
    Precision.INT4: (Precision.INT8, Precision.FP8, Precision.BF16, Precision.FP16),
    Precision.FP32: (),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One unit that carries one rank: a card, or a die where the software sees dies as cards."""

    name: str
    vendor: str
    peak_flops: Mapping[Precision, float]
    """Dense peak by format [FLOP/s]."""
    memory_bytes: float
    memory_bandwidth_bytes_per_s: float
    matmul_flops: Mapping[Precision, float] = field(default_factory=dict)
    """The best rate somebody measured on a large matrix product, by format [FLOP/s]; may be empty."""
    dies: int = 1
    """Dies that make up this unit."""
    per_package: int = 1
    """Units in one package: they break together. 2 where this unit is one of two dies."""
    fixed_clock: bool = False
    """The peak is quoted at a clock the chip holds under any load (TPU); others lower it at their power
    limit.
    """
    tdp_w: float = 0.0
    """Board power [W]; 0 where unknown."""
    year: float = 2023.0
    """When it could be had in numbers: what a missing software era is derived from."""
    kin: str = ""
    """Chips of one design share it (``ampere``, ``hopper``): a calibration of one speaks for the others."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Every figure above by field name, with kind and source."""

    def __post_init__(self) -> None:
        check = Checker("chip")
        check.positive(self, ("memory_bytes", "memory_bandwidth_bytes_per_s", "dies", "per_package"))
        check.not_negative(self, ("tdp_w",))
        check.done()
        assert self.peak_flops, f"chip {self.name} has no peak"

    def native(self, precision: Precision) -> Precision:
        """The format the chip really multiplies in when asked for ``precision``."""
        for candidate in (precision, *_FALLBACK[precision]):
            if candidate in self.peak_flops:
                return candidate
        return next(iter(self.peak_flops))

    def peak(self, precision: Precision) -> float:
        """Dense peak in ``precision``, or in the nearest wider format it has [FLOP/s]."""
        return self.peak_flops[self.native(precision)]

    def achievable(self, precision: Precision, default_share: float = 0.8) -> float:
        """Best measured matrix-product rate, else ``default_share`` of the peak [FLOP/s]."""
        native = self.native(precision)
        return self.matmul_flops.get(native, default_share * self.peak_flops[native])

    @property
    def assumed(self) -> tuple[tuple[str, Figure], ...]:
        """The figures nobody has shown, by field name."""
        return tuple((name, figure) for name, figure in self.figures.items() if figure.kind == "assumed")


class Shape(StrEnum):
    """How the cards of one domain are joined."""

    SWITCH = "switch"
    """Any card reaches any other at its full bandwidth."""
    MESH = "mesh"
    """Every pair has its own wire: g of n cards reach (g - 1) / (n - 1) of a card's bandwidth."""
    TORUS = "torus"
    """Neighbours only: an all-to-all pays for the distance, rings do not."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the fabric: domains of ``size`` cards each."""

    name: str
    size: int
    """Cards in one domain of this level, everything inside it counted."""
    bandwidth_bytes_per_s: float
    """What one card can send through this level, one way [byte/s], nominal."""
    latency_s: float
    """Start-up cost of one message [s]."""
    oversubscription: float = 1.0
    """Bandwidth entering the level over bandwidth leaving it; 1 is non-blocking."""
    shape: Shape = Shape.SWITCH
    scale_up: bool = False
    """Memory-semantic fabric (NVLink, HCCS, Unified Bus, ICI) rather than a network."""
    optics_per_card: float = 0.0
    """Optical modules of this level for each card, both ends counted."""

    def __post_init__(self) -> None:
        check = Checker(f"level {self.name}")
        check.positive(self, ("size", "bandwidth_bytes_per_s"))
        check.not_negative(self, ("latency_s", "optics_per_card"))
        check.within(self, "oversubscription", 1.0, 1000.0)
        check.done()


@dataclass(frozen=True, slots=True)
class Fabric:
    """Levels, the innermost first; each size divides into the next, the outermost holds the cluster."""

    name: str
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        assert self.levels, f"fabric {self.name} has no level"
        sizes = [level.size for level in self.levels]
        assert sizes == sorted(sizes), f"fabric {self.name}: levels are not nested"

    @property
    def scale_up_domain(self) -> int:
        """Cards in the largest memory-semantic domain; 1 where there is none."""
        return max((level.size for level in self.levels if level.scale_up), default=1)

    def level_of(self, span: int) -> Level:
        """The innermost level one of whose domains holds ``span`` neighbouring cards."""
        return next((level for level in self.levels if level.size >= span), self.levels[-1])


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cards of one kind on one fabric, with what they cost."""

    name: str
    chip: Chip
    fabric: Fabric
    cards: int
    cards_per_host: int = 8
    price_fen_per_card_hour: int | None = None
    """None: no price is known and none is guessed."""
    power_price_fen_per_kwh: int | None = None
    host_w_per_card: float = 0.0
    """Power of host, fabric and losses for each card, beside the chip [W]."""
    pue: float = 1.2
    """Facility power over IT power."""
    pool_memory_bytes: float = 0.0
    """Memory outside the card that one card may use as offload target [byte]."""
    pool_bandwidth_bytes_per_s: float = 0.0
    """One card's one-way bandwidth to it [byte/s]."""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check = Checker("cluster")
        check.positive(self, ("cards", "cards_per_host"))
        check.not_negative(self, ("host_w_per_card", "pool_memory_bytes", "pool_bandwidth_bytes_per_s"))
        check.within(self, "pue", 1.0, 5.0)
        check.done()

    def with_cards(self, cards: int) -> Cluster:
        """The same cluster with another number of cards."""
        return replace(self, cards=cards)
