"""The log's name and key: where the private key lives, and the public key as verifiers write it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from hesuan.wire import keys
from hesuan.wire.checkpoint import LogKey, log_key

PLATFORM = "platform"
"""The log of the platform itself; each programme has one of its own, named by its id."""
KEY_FILE = "log-key.pem"
"""The platform's. Each other log has one of its own, ``log-key.<log>.pem``: a policy names a key once."""


def origin(log: str = PLATFORM) -> str:
    """The origin line of a log, which is also its key's name: ``<city domain>/hesuan/<log>``."""
    platform: str = settings.ENVIRONMENT.log_origin
    return platform if log == PLATFORM else f"{platform.removesuffix(f'/{PLATFORM}')}/{log}"


def private_key(log: str = PLATFORM) -> Ed25519PrivateKey:
    """A log's private key in the data folder, made at first use.

    Raises:
        Refused: ``keys.too_open``.
        InputFault: ``keys.not_a_private_key``.
    """
    name = KEY_FILE if log == PLATFORM else f"log-key.{log}.pem"
    return _load(Path(settings.DATA_DIR) / name)


def public_key(log: str = PLATFORM) -> LogKey:
    """The log's public key under the log's origin."""
    return log_key(origin(log), private_key(log))


@cache
def _load(path: Path) -> Ed25519PrivateKey:
    return keys.load_or_create(path)
