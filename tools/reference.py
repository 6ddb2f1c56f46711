"""Keeps ``docs/reference`` true: ``python -m tools.reference write`` writes it, ``check`` compares it."""

from __future__ import annotations

import importlib
import pkgutil

import hesuan


def import_everything() -> None:
    """Imports every module of Hesuan, so that every error code is declared."""
    for module in pkgutil.walk_packages(hesuan.__path__, "hesuan."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
