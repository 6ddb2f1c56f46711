"""``hesuan verify DIR|URL``: is this log whole, unchanged since others saw it, and true to its own promises?

Four questions, in this order, and each answer names what differs: did the log's key sign the checkpoint, and
did enough witnesses cosign it · do the entries, hashed, give every tile and the signed root · is the log that
somebody else saw earlier a beginning of this one · do the sums keep what they promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hesuan.errors import Code, HesuanError, InputFault, Unavailable
from hesuan.wire import folder, tiles
from hesuan.wire.checkpoint import Checkpoint, LogKey, parse_log_key
from hesuan.wire.checks import Both, Check, Outcome, broken, sound
from hesuan.wire.folder import Disk, Files
from hesuan.wire.leaves import read_leaf
from hesuan.wire.log_verdict import (
    BAD_CHECKPOINT,
    LEAF_DIFFERS,
    MALFORMED,
    MISSING,
    MORE,
    NO_CHECKPOINT,
    NO_KEY,
    NOT_OURS,
    OLD_TILE,
    ROOT_DIFFERS,
    SPLIT,
    STALE,
    TILE_DIFFERS,
    UNREACHABLE,
    LogVerdict,
    Seen,
)
from hesuan.wire.merkle import EMPTY_ROOT
from hesuan.wire.notices import Notices
from hesuan.wire.quorum import Policy
from hesuan.wire.reading import shown
from hesuan.wire.rotation import Chain
from hesuan.wire.seals import Seals
from hesuan.wire.signers import Signers
from hesuan.wire.sum_faults import Fault
from hesuan.wire.totals import Totals
from hesuan.wire.verdict import Result
from hesuan.wire.witness import is_checkpoint_of
from hesuan.wire.witnessed import NO_QUORUM, of_freshness, of_witnesses

KEY_FILE = "key"
MAX_NAMED = 20
"""Differences named one by one; the rest are counted."""

Others = Callable[[str], Iterable[Seen | Check]]
"""From a log's origin to what others saw of the log."""


def no_others(origin: str) -> Iterable[Seen | Check]:
    """Nobody is asked."""
    del origin
    return ()


class _Stop(Exception):
    """Nothing further can be checked."""

    def __init__(self, result: Result, check: Check) -> None:
        self.result = result
        self.check = check


def verify_log(
    files: Files,
    *,
    policy: Policy | None = None,
    trusted: Sequence[LogKey] = (),
    seen: Others = no_others,
    now: float | None = None,
    max_age_s: int | None = None,
) -> LogVerdict:
    """Checks a whole log; never raises for what is in it.

    Args:
        files: The log's files, from a folder or an address.
        policy: Keys of logs and witnesses, and the quorum.
        trusted: Keys of logs from a trust file. The policy's and these have to accept the log, each alone;
            where neither names one, the key beside the checkpoint is used, and the verdict says that it was
            compared with nothing.
        seen: From the log's origin to the checkpoints that others, or the reader, saw earlier.
        now: POSIX seconds, for freshness; ``None``: when anybody cosigned does not matter.
        max_age_s: How long ago the quorum may have cosigned; ``None``: however long.
    """
    run = _Run(files, policy, trusted)
    try:
        run.open(now, max_age_s)
        run.read(run.others(seen(run.checkpoint.origin)))
    except _Stop as stop:
        run.checks.append(stop.check)
        return run.verdict(stop.result)
    except Unavailable as fault:
        run.checks.append(broken("files", UNREACHABLE, fault=fault))
        return run.verdict(Result.UNREADABLE)
    return run.verdict(Result.SOUND)


class _Run:
    """One verification."""

    def __init__(self, files: Files, policy: Policy | None, trusted: Sequence[LogKey]) -> None:
        self.files = files
        self.policy = policy
        self.signers = Signers(policy, trusted)
        self.checks: list[Check] = []
        self.note = ""
        self.checkpoint = Checkpoint("", 0, EMPTY_ROOT)
        self.totals = Totals()
        self.seals = Seals()
        self.notices = Notices()
        self.chain = Chain()
        self.stale = False
        self._differences = 0

    def verdict(self, result: Result) -> LogVerdict:
        """The verdict; a difference weighs more than a reason to stop."""
        if self._differences:
            result = Result.TAMPERED
        elif result is Result.SOUND and self.stale:
            result = Result.UNREADABLE
        return LogVerdict(
            result,
            tuple(self.checks),
            self.note,
            self.checkpoint.size,
            shown(self.checkpoint.origin),
            self.totals.document(),
        )

    def open(self, now: float | None, max_age_s: int | None) -> None:
        """The checkpoint: signed by a log that is accepted, cosigned by enough witnesses, fresh enough."""
        try:
            note = folder.read_note(self.files)
        except InputFault as fault:
            raise self._tampered("checkpoint", BAD_CHECKPOINT, fault=fault) from None
        if note is None:
            raise _Stop(Result.UNREADABLE, broken("checkpoint", NO_CHECKPOINT))
        try:
            self.checkpoint = self.signers.open(note, self._key_beside)
        except HesuanError as fault:
            if fault.where == "keys":
                raise self._tampered("keys", fault.code, **fault.facts) from None
            raise self._tampered("checkpoint", BAD_CHECKPOINT, fault=fault) from None
        self.note = note
        if self.signers.key is not None:
            self._signed(self.signers.key)
        self._witnesses(note, now, max_age_s)

    def _signed(self, key: LogKey) -> None:
        en = "Checkpoint: log {origin} at {size} leaves, root {root}, signed with {key}."
        zh = "检查点：日志 {origin}，{size} 条，根 {root}，以密钥 {key} 签名。"
        root, size = self.checkpoint.root.hex(), self.checkpoint.size
        facts = {"origin": shown(self.checkpoint.origin), "size": size, "root": root}
        self.checks.append(sound("checkpoint", en, zh, key=key.key_id.hex(), **facts))

    def _announced(self) -> None:
        """Whether the leaves lead from each accepted key to the one that signed."""
        for key in self.signers.unsigned:
            signer, check = self.chain.signer(key, self.note)
            if signer is None:
                self._differ(check.name, check.code, **check.facts)
                continue
            if self.signers.key is None:
                self._signed(signer)
                self.signers.key = signer
            self.checks.append(check)

    def others(self, found: Iterable[Seen | Check]) -> list[Seen]:
        """What others saw; what could not be asked is said."""
        seen = []
        for one in found:
            if isinstance(one, Check):
                self.checks.append(one)
            else:
                seen.append(one)
        return seen

    def _key_beside(self) -> LogKey:
        data = self.files.read(KEY_FILE)
        if data is None:
            raise _Stop(Result.UNREADABLE, broken("keys", NO_KEY))
        try:
            text, end, rest = data.decode(errors="replace").partition("\n")
            key = parse_log_key(text if end and not rest else data.decode(errors="replace"))
        except InputFault as fault:
            raise self._tampered("keys", BAD_CHECKPOINT, fault=fault) from None
        en = "Keys: the log's key {key} lies beside the log, compared with nothing: no --policy names it."
        zh = "密钥：日志公钥 {key} 取自日志旁的文件，未与任何来源比对：没有 --policy 列明它。"
        self.checks.append(
            Check("keys", Outcome.NOTE, Code("verify_log.key_inside", en, zh), {"key": key.text()})
        )
        return key

    def _witnesses(self, note: str, now: float | None, max_age_s: int | None) -> None:
        check = of_witnesses(note, self.policy)
        if check.outcome is Outcome.BROKEN and check.code is not NO_QUORUM:
            raise self._tampered(check.name, check.code, **check.facts)
        self.checks.append(check)
        self.stale |= check.outcome is Outcome.BROKEN
        if self.policy is None or check.outcome is not Outcome.SOUND:
            return
        if now is None:
            return
        fresh = of_freshness(note, self.policy, now=int(now), max_age_s=max_age_s)
        self.checks += fresh
        self.stale |= any(one.outcome is Outcome.BROKEN for one in fresh)

    def read(self, seen: Sequence[Seen]) -> None:
        """Every bundle and every tile; then the root, what others saw, and the sums."""
        edge = tiles.Edge()
        wanted = sorted({one.checkpoint.size for one in seen if one.checkpoint.size <= self.checkpoint.size})
        roots = {0: EMPTY_ROOT} if 0 in wanted else {}
        for index, width in tiles.bundles_of(self.checkpoint.size):
            entries = self._bundle(index, width)
            hashes = tiles.leaf_hashes(entries)
            self._level_0(index, width, hashes)
            for size in wanted:
                if edge.size < size <= edge.size + width:
                    roots[size] = _root_of(edge, hashes[: size - edge.size])
            for tile, computed in edge.extend(hashes):
                if tile.level:
                    self._tile(tile, computed)
            self._leaves(index * tiles.WIDTH, entries)
        for tile, computed in edge.partial():
            if tile.level:
                self._tile(tile, computed)
        self._root(edge.root())
        self._announced()
        self._old_tiles()
        keys = self.chain.family(self.signers.named(self.checkpoint.origin))
        for one in seen:
            if not one.note or any(is_checkpoint_of(one.note, key) for key in keys):
                self._compare(one, roots)
            elif one.otherwise is not None:
                self.checks.append(one.otherwise)
                self.stale |= one.otherwise.outcome is Outcome.BROKEN
        self._sums()

    def _bundle(self, index: int, width: int) -> list[bytes]:
        path = tiles.bundle_path(index, width)
        data = self.files.read(path)
        if data is None and width < tiles.WIDTH:  # it may be full by now, and the partial one gone
            data = self.files.read(tiles.bundle_path(index))
            path = path if data is None else tiles.bundle_path(index)
        if data is None:
            raise _Stop(Result.UNREADABLE, broken("files", MISSING, path=path, size=self.checkpoint.size))
        try:
            full = tiles.WIDTH if path == tiles.bundle_path(index) else width
            return tiles.unpack_bundle(data, full, path=path)[:width]
        except InputFault as fault:
            raise self._tampered("files", MALFORMED, fault=fault) from None

    def _stored(self, tile: tiles.Tile) -> tuple[str, list[bytes]]:
        path, data = tile.path, self.files.read(tile.path)
        if data is None and tile.width < tiles.WIDTH:
            full = tiles.Tile(tile.level, tile.index)
            data = self.files.read(full.path)
            if data is not None:
                path, data = full.path, data[: tile.width * 32]
        if data is None:
            raise _Stop(Result.UNREADABLE, broken("files", MISSING, path=path, size=self.checkpoint.size))
        try:
            return path, tiles.split_tile(data, tile.width, path=path)
        except InputFault as fault:
            raise self._tampered("files", MALFORMED, fault=fault) from None

    def _level_0(self, index: int, width: int, hashes: Sequence[bytes]) -> None:
        path, stored = self._stored(tiles.Tile(0, index, width))
        if stored == hashes:
            return
        for place, (one, computed) in enumerate(zip(stored, hashes, strict=True)):
            if one != computed:
                leaf = index * tiles.WIDTH + place
                self._differ(
                    "leaves", LEAF_DIFFERS, leaf=leaf, path=path, stored=one.hex(), computed=computed.hex()
                )

    def _tile(self, tile: tiles.Tile, computed: Sequence[bytes]) -> None:
        path, stored = self._stored(tile)
        for place, (one, other) in enumerate(zip(stored, computed, strict=True)):
            if one != other:
                self._differ(
                    "tiles", TILE_DIFFERS, path=path, place=place, stored=one.hex(), computed=other.hex()
                )

    def _leaves(self, first: int, entries: Sequence[bytes]) -> None:
        for index, raw in enumerate(entries, start=first):
            leaf = read_leaf(raw)
            if leaf is None:
                text = shown(raw[:81].decode(errors="replace"))
                self._differ("leaves", NOT_OURS, leaf=index, text=text)
            else:
                self.totals.take(index, leaf)
                for fault in self._faults(index, leaf, raw):
                    self._differ(str(fault.code.name).partition(".")[0], fault.code, **fault.facts)

    def _faults(self, index: int, leaf: dict[str, Any], raw: bytes) -> Iterator[Fault]:
        yield from self.seals.take(index, leaf, raw)
        yield from self.notices.take(index, leaf)
        yield from self.chain.take(index, leaf)

    def _root(self, computed: bytes) -> None:
        signed, size = self.checkpoint.root, self.checkpoint.size
        if computed != signed:
            self._differ("root", ROOT_DIFFERS, size=size, computed=computed.hex(), signed=signed.hex())
        if not self._differences:
            en = "Entries: {size} leaves hashed again give every tile and the signed root."
            zh = "条目：{size} 条逐条重算，与各瓦片及所签的根一致。"
            self.checks.append(sound("entries", en, zh, size=size))

    def _old_tiles(self) -> None:
        """Partial files of earlier sizes, where a folder lets one list them: each must be a beginning."""
        if not isinstance(self.files, Disk):
            return
        for path in self.files.partial_tiles():
            place, _, width = path.rpartition(".p/")
            data = self.files.read(path) or b""
            longer = self.files.read(place) or self._longest(place)
            if not width.isdecimal() or not longer.startswith(data) or not _has_width(path, data, int(width)):
                self._differ("files", OLD_TILE, path=shown(path))

    def _longest(self, place: str) -> bytes:
        """The partial file that the present size has at a place."""
        level, size = place.removeprefix("tile/").partition("/")[0], self.checkpoint.size
        hashes = size if level == "entries" or not level.isdecimal() else size >> 8 * int(level)
        return self.files.read(f"{place}.p/{hashes % tiles.WIDTH}") or b""

    def _compare(self, one: Seen, roots: Mapping[int, bytes]) -> None:
        size, root = one.checkpoint.size, one.checkpoint.root
        if size > self.checkpoint.size:
            self.stale = True
            self.checks.append(broken("history", STALE, who=one.who, seen=size, size=self.checkpoint.size))
        elif roots[size] != root:
            self._differ(
                "history", SPLIT, who=one.who, size=size, seen=root.hex(), computed=roots[size].hex()
            )
        else:
            en = "History: {who} saw the first {size} leaves as they stand here."
            zh = "历史：{who} 所见前 {size} 条与此处一致。"
            self.checks.append(sound("history", en, zh, who=one.who, size=size))

    def _sums(self) -> None:
        for fault in self.totals.faults:
            self._differ("totals", fault.code, **fault.facts)
        more = self.totals.fault_count - len(self.totals.faults)
        hidden = self._differences - MAX_NAMED
        if more > 0 or hidden > 0:
            self.checks.append(broken("more", MORE, count=max(more, 0) + max(hidden, 0)))
        for en, zh in (*self.totals.lines(), *self.seals.lines(), *self.notices.lines()):
            self.checks.append(sound("totals", "Totals: {line}", "合计：{line}", line=Both(en, zh)))

    def _differ(self, name: str, code: Code, **facts: object) -> None:
        self._differences += 1
        if self._differences <= MAX_NAMED:
            self.checks.append(broken(name, code, **facts))

    def _tampered(self, name: str, code: Code, **facts: object) -> _Stop:
        self._differences += 1
        return _Stop(Result.TAMPERED, broken(name, code, **facts))


def _root_of(edge: tiles.Edge, hashes: Sequence[bytes]) -> bytes:
    """The root after some more leaves, without touching the edge."""
    copy = tiles.Edge(edge.rows)
    copy.extend(hashes)
    return copy.root()


def _has_width(path: str, data: bytes, width: int) -> bool:
    try:
        if path.startswith("tile/entries/"):
            tiles.unpack_bundle(data, width, path=path)
        else:
            tiles.split_tile(data, width, path=path)
    except InputFault:
        return False
    return True
