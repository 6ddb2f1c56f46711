"""Cards by a cluster's names, with no cluster: what every engine that counts them asks."""

from __future__ import annotations

import pytest

from hesuan.agent.schedulers import cards
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.errors import Refused

HAS = {"NPU": Resource("Ascend 910C", slices=2), "gpu:a100": Resource("A100")}


def asking(card: str) -> RunSpec:
    return RunSpec("01JDZ6Y8000000000000000003", ("true",), 1, 60, cards=3, card=card)


def test_a_card_by_the_catalogues_name_is_found_under_the_clusters() -> None:
    assert cards.wanted(asking("Ascend 910C"), HAS) == ("NPU", HAS["NPU"])
    assert cards.wanted(asking("A100"), HAS) == ("gpu:a100", HAS["gpu:a100"])


@pytest.mark.parametrize("card", ["H100", "NPU", ""])
def test_a_card_that_is_not_there_is_refused_with_those_that_are(card: str) -> None:
    with pytest.raises(Refused, match=rf"3 × {card or '[?]'}; this site has A100, Ascend 910C"):
        cards.wanted(asking(card), HAS)


def test_a_site_that_names_no_cards_says_so() -> None:
    with pytest.raises(Refused, match="this site has –"):
        cards.wanted(asking("A100"), {})
