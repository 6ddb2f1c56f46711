"""How long a log of a million leaves takes to write and to verify here (``make bench-log``).

The leaves are those of a programme: a cap, a grant, then holds and captures in turn, as version 2 entries
with pseudonyms and digests, written by :class:`hesuan.wire.folder.Writer` and verified by the command
``hesuan verify`` itself: every leaf hashed again, read, and added up.

    python -m tools.bench_log [--leaves 1000000]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from hesuan.wire import keys
from hesuan.wire.canonical import canonical
from hesuan.wire.checkpoint import Checkpoint, log_key, sign_note
from hesuan.wire.folder import Writer
from hesuan.wire.verify_command import main as verify

ORIGIN = "city.example/hesuan/bench"
AT = "2026-11-20T21:46Z"


def leaves(count: int) -> Iterator[bytes]:
    """Entries as the hub writes them."""
    for number in range(count):
        common = {"v": 2, "p": "bench", "s": number, "t": AT}
        if number < 2:
            yield canonical({**common, "k": ("programme", "grant")[number], "a": 10**12})
            continue
        money = {"b": "VOUCHER", "c": f"centre:{number // 2 % 5:02d}", "w": f"f-{number // 2 % 500:024x}"}
        private = {"h": f"sha256:{number:064x}", "rule": "r7"}
        if number % 2 == 0:
            yield canonical({**common, **money, **private, "k": "hold", "a": 65_000})
        else:
            yield canonical({**common, **money, **private, "k": "capture", "a": 64_000, "ref": number - 1})


def main(argv: list[str] | None = None) -> int:
    """Writes, verifies, prints; the exit code is the verifier's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    count: int = parser.parse_args(argv).leaves
    private = keys.generate()
    made = list(leaves(count))
    with tempfile.TemporaryDirectory(prefix="bench-log-") as name:
        folder = Path(name)
        began, used = time.perf_counter(), time.process_time()
        writer = Writer(folder)
        writer.append(made)
        text = Checkpoint(ORIGIN, writer.size, writer.root).text()
        writer.publish(sign_note(text, name=ORIGIN, private=private))
        (folder / "key").write_text(f"{log_key(ORIGIN, private).text()}\n")
        _say("written", began, used, count)
        files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        print(f"  {len(files):,} files, {sum(files) / 1e6:,.0f} MB")
        began, used = time.perf_counter(), time.process_time()
        with redirect_stdout(io.StringIO()) as told:
            code = verify([name, "--lang", "en"])
        _say("verified", began, used, count)
        print(told.getvalue().strip().splitlines()[-1])
    return code


def _say(what: str, began: float, used: float, count: int) -> None:
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    print(f"{what:9} {wall:7.1f} s ({cpu:.1f} s of CPU), {count / wall:10,.0f} leaves/s")


if __name__ == "__main__":
    sys.exit(main())
