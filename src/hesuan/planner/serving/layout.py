"""The layouts published serving rows write: ``4x(tp8 pp1 dp1 ep8 bs4)``, and what they leave out.

What a row leaves out is filled by a rule a reader can see, and listed as assumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd

from hesuan.planner.serving.inputs import Pool

_LAYOUT = re.compile(r"^\s*(\d*)x\(tp(\d+) pp(\d+) dp(\d+) ep(\d+) bs(\d*)\)\s*$")
WIDEST_TP = 8
"""Attention heads cut further than this are attention-DP in practice; also the usual host."""
USUAL_DECODERS = 4
"""Decode instances beside one prefill instance where a row counts none."""
FULL_TP = 80
"""Requests up to which published instances decode with TP; fuller ones use attention-DP."""
PREFILL_SHARE = 1 / 3
"""Cards for prefill where only a total is stated."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One side of a disaggregated deployment as written; ``count`` and ``batch`` may be missing."""

    count: int | None
    tp: int
    pp: int
    dp: int
    ep: int
    batch: int | None


def read_layout(text: str) -> Layout | None:
    """The layout, or None where the text is none."""
    match = _LAYOUT.match(text)
    if match is None:
        return None
    count, tp, pp, dp, ep, batch = match.groups()
    return Layout(
        int(count) if count else None,
        max(int(tp), 1),
        max(int(pp), 1),
        max(int(dp), 1),
        max(int(ep), 1),
        int(batch) if batch else None,
    )


def legal_ep(ep: int, ranks: int) -> int:
    """EP as written, or the largest common divisor with the ranks it must divide."""
    return gcd(max(ep, 1), ranks)


def decode_pool(layout: Layout, concurrency: float, assumed: list[str], *, latent: bool = False) -> Pool:
    """The decode side. Files that drop counts also write attention-DP as TP.

    Wider than a host is DP; so is a fuller host than TP is run with, where TP would copy a ``latent`` cache.
    """
    tp, dp, ep = layout.tp, layout.dp, layout.ep
    count: float = layout.count or 0
    if layout.count is None:
        wide = tp * dp > WIDEST_TP
        wide |= latent and tp > 1 and concurrency > USUAL_DECODERS * FULL_TP
        if wide and dp == 1:
            tp, dp, ep = 1, tp, tp
            assumed.append(f"decode: tp{dp} read as attention-DP {dp} with EP {ep}")
        count = 1 if wide else min(USUAL_DECODERS, max(1.0, concurrency))
        assumed.append(f"decode: {count:g} instance(s), the row counts none")
    return Pool(tp=tp, dp=dp, pp=layout.pp, ep=legal_ep(ep, tp * dp), instances=count)


def prefill_pool(layout: Layout, assumed: list[str], *, spread: bool = False) -> Pool:
    """The prefill side; where no count is stated, instances are matched to decode later.

    ``spread``: the engine prefills mixtures with attention-DP; files that drop counts write that as TP.
    """
    tp, dp, ep = layout.tp, layout.dp, layout.ep
    if layout.count is None:
        assumed.append("prefill: as many instances as decode can keep busy, the row counts none")
        if dp == 1 < tp and (spread or ep == tp):
            tp, dp, ep = 1, tp, tp
            assumed.append(f"prefill: tp{dp} read as attention-DP {dp} with EP {ep}")
    count = layout.count or 1
    return Pool(tp=tp, dp=dp, pp=layout.pp, ep=legal_ep(ep, tp * dp), instances=count)


def aggregated_pool(*, tp: int, dp: int, pp: int, moe_tp: int, ep: int, assumed: list[str]) -> Pool:
    """One instance, where some files multiply what shares the same cards.

    ``tp64 moe_tp8 ep8`` is TP 8 with EP 8; ``tp4 dp4 ep16`` is attention-DP 4 with EP 4.
    """
    if moe_tp > 1 and moe_tp == ep and tp == moe_tp * ep and dp == 1:
        assumed.append(f"tp{tp} read as TP {ep} with EP {ep}")
        tp = ep
    if 1 < tp == dp and ep == tp * dp:
        assumed.append(f"tp{tp} dp{dp} ep{ep} read as attention-DP {dp} with EP {dp} on the same cards")
        tp, ep = 1, dp
    return Pool(tp=tp, dp=dp, pp=pp, ep=legal_ep(ep, tp * dp), instances=1)


def undivided_pools(cards: int, concurrency: float, assumed: list[str]) -> tuple[Pool, Pool]:
    """Prefill and decode of a deployment of which only the number of cards is known.

    A third of the cards prefills. Fewer requests than cards: instances of one host in TP; else attention-DP
    with experts over all decoding cards.
    """
    decoding = max(1, round(cards * (1.0 - PREFILL_SHARE)))
    assumed.append(f"{cards} cards read as prefill on {cards - decoding} and decode on {decoding}")
    if concurrency < cards:
        host = min(WIDEST_TP, decoding)
        decode = Pool(tp=host, ep=1, instances=decoding / host)
    else:
        decode = Pool(tp=1, dp=decoding, ep=decoding)
    width = min(4, max(1, cards - decoding))
    return Pool(tp=width, ep=width, instances=max(1, cards - decoding) / width), decode
