"""Software stacks: written by the operator, read only from a file that the operator names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sites import inventory_body

from hesuan.agent import engines, stacks
from hesuan.agent.stacks import Part, Stack
from hesuan.errors import Faults
from hesuan.hub.centres import shapes


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("24.04.1\n", "24.04.1"),
        ("package_name=Ascend-cann-toolkit\nversion=8.0.RC3\ninnerversion=V100R001\n", "8.0.RC3"),
        ('{"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "nvcc": {"version": "12.4.131"}}', "12.4.1"),
        ('{"version": "3.1"}', "3.1"),
        ("CUDA Version 12.4.1", None),
        ("innerversion=8.0", None),
        ("version=<b>", None),
        ('{"nvcc": {"version": "12.4.131"}}', None),
        ("[1]", None),
        ("", None),
    ],
)
def test_a_version_is_read_only_where_the_form_is_known(text: str, version: str | None) -> None:
    assert stacks.version_in(text) == version


def test_what_is_written_and_what_is_read_stand_side_by_side(tmp_path: Path) -> None:
    info = tmp_path / "ascend_toolkit_install.info"
    info.write_text("version=8.0.RC2\n")
    site = tmp_path / "site.toml"
    site.write_text(
        '[stacks."Ascend 910C"]\npytorch = "2.5.1"\n'
        f'CANN = {{version = "8.0.RC3", file = "{info}"}}\n'
        f'driver = {{file = "{tmp_path}/none"}}\n'
    )
    said = stacks.body(engines.read(site).stacks)
    assert said == [
        {
            "chip": "Ascend 910C",
            "parts": [
                {"name": "pytorch", "version": "2.5.1", "observed": None, "read_from": ""},
                {"name": "CANN", "version": "8.0.RC3", "observed": "8.0.RC2", "read_from": str(info)},
                {"name": "driver", "version": None, "observed": None, "read_from": ""},
            ],
        }
    ]
    assert shapes.INVENTORY.faults(inventory_body(stacks=said), "body") == []


def test_a_misspelt_key_and_a_number_are_faults_with_their_lines(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[stacks.H100]\ncuda = {version = "12", flie = "/x"}\npytorch = 2.5\n')
    with pytest.raises(Faults) as caught:
        engines.read(site)
    text = str(caught.value)
    assert "Did you mean `file`?" in text and "site.toml:3" in text and "stacks.H100.pytorch" in text


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "version"
    large.write_text("version=1.0\n" + " " * stacks.LARGEST_BYTES)
    (told,) = stacks.body([Stack("H100", (Part("CUDA", None, large),))])
    assert isinstance(told, dict) and told["parts"] == [
        {"name": "CUDA", "version": None, "observed": None, "read_from": ""}
    ]
