"""A log's key gives way to the next: announced in the log, signed by the old key, then put in its place.

In this order, so that a process killed anywhere goes on where it was when the verb is called again: the next
key is made in a file beside the present one; a ``key`` leaf with the old key's signature goes into the log,
under a checkpoint that the old key signs; the old public key is noted, and the next private key takes the
old one's place, which is gone then; a leaf under the new key's checkpoint names it.
"""

from __future__ import annotations

import os
from pathlib import Path

from hesuan.hub.audit import entries, publishing, services, signing
from hesuan.hub.audit.models import Fact
from hesuan.wire import keys, rotation
from hesuan.wire.checkpoint import LogKey, log_key


def rotate(log: str = signing.PLATFORM) -> LogKey:
    """Changes a log's key; returns the new one. Safe to call again after it was interrupted.

    Raises:
        Refused: whatever keeps the log from being sequenced: nothing is changed then.
    """
    file = signing.key_file(log)
    waiting = file.with_suffix(".next")
    private = signing.private_key(log)
    following = log_key(signing.origin(log), keys.load_or_create(waiting))
    subject = f"next-key:{following.key_id.hex()}"
    if not Fact.objects.filter(log=log, subject=subject).exists():
        what = rotation.announcement(following=following, private=private)
        entries.record_entry(log=log, kind="key", subject=subject, public={"what": what})
    services.sequence(log)
    if signing.public_key(log).text() != following.text():
        _put_in_place(log, file, waiting)
    name = f"key:{following.key_id.hex()}"
    if not Fact.objects.filter(log=log, subject=name).exists():
        entries.record_entry(log=log, kind="key", subject=name, public={"what": following.text()})
    services.sequence(log)
    publishing.publish(log)
    return following


def _put_in_place(log: str, file: Path, waiting: Path) -> None:
    former, old = signing.former_file(log), signing.public_key(log).text()
    noted = former.read_text() if former.exists() else ""
    if old not in noted.split():
        draft = former.with_suffix(".draft")
        with draft.open("w") as made:
            made.write(f"{noted}{old}\n")
            made.flush()
            os.fsync(made.fileno())
        draft.replace(former)
    waiting.replace(file)
