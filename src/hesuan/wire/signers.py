"""Whose signature a checkpoint has to carry: that of a key the policy names, and of one the trust file does.

Each of the two is asked alone, so that neither silences the other. A key that they name and that did not sign
has to be followed through the log to the one that did: :mod:`hesuan.wire.rotation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hesuan.errors import InputFault
from hesuan.wire.checkpoint import Checkpoint, LogKey, open_note, parse_checkpoint, split_note
from hesuan.wire.log_verdict import UNKNOWN_LOG
from hesuan.wire.quorum import Policy, key_that_signed
from hesuan.wire.reading import shown


class Signers:
    """The keys under which one log is accepted."""

    def __init__(self, policy: Policy | None, trusted: Sequence[LogKey]) -> None:
        named = ([log.key for log in policy.logs] if policy else [], list(trusted))
        self.accepted = [keys for keys in named if keys]
        """The policy's keys, and the trust file's, as far as they name any."""
        self.key: LogKey | None = None
        """The accepted key that signed."""
        self.unsigned: list[LogKey] = []
        """Accepted keys that did not: the leaves have to lead from each to the one that did."""

    def open(self, note: str, beside: Callable[[], LogKey]) -> Checkpoint:
        """The checkpoint of a note, its signatures checked as far as the keys here allow.

        Args:
            note: As published.
            beside: The key that lies beside the log, for a reader whose files name none.

        Raises:
            InputFault: ``verify_log.unknown_log``, ``checkpoint.not_a_note``, ``checkpoint.malformed``.
            Refused: ``checkpoint.unsigned``, ``checkpoint.bad_signature``.
        """
        text, lines = split_note(note)
        checkpoint = parse_checkpoint(text)
        for key in self._of(checkpoint.origin, note) or [beside()]:
            signers = {line.key_id for line in lines if line.name == key.name}
            if self.accepted and signers and key.key_id not in signers:
                self.unsigned.append(key)
                continue
            open_note(note, key)
            if checkpoint.origin != key.name:
                raise InputFault(UNKNOWN_LOG, origin=shown(checkpoint.origin), known=shown(key.name))
            self.key = key
        return checkpoint

    def named(self, origin: str) -> list[LogKey]:
        """Every accepted key of a log, and the one that signed."""
        keys = [key for keys in self.accepted for key in keys if key.name == origin]
        return keys if self.key is None else [*keys, self.key]

    def _of(self, origin: str, note: str) -> list[LogKey]:
        """Of each list, the key of this log that signed, else its first of this log."""
        found = []
        for keys in self.accepted:
            key = key_that_signed(keys, origin, split_note(note)[1])
            if key is None:
                names = ", ".join(dict.fromkeys(shown(one.name) for one in keys))
                raise InputFault(UNKNOWN_LOG, where="keys", origin=shown(origin), known=names)
            if key not in found:
                found.append(key)
        return found
