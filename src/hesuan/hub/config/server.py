"""One hub process: prepares the database, binds the port, runs pages, API, gateway and the worker together.

The process stops cleanly on SIGTERM and SIGINT: no new request is taken, agents that wait for commands are
answered, requests in progress have ``GRACE_S`` seconds, the worker ends its round. Whatever is then left is
cut, as a kill would cut it: nothing that matters lives outside the database.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from hesuan.errors import Refused, Unavailable, declare

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

GRACE_S = 5
"""How long requests in progress may take to end when the process is told to stop [s]."""

PORT_TAKEN = declare(
    "hub.port_taken",
    en="Port {port} of {host} is in use. Is a hub running already? Stop it, or choose another with --port.",
    zh="{host} 的端口 {port} 已被占用。是否已有平台在运行？请先停止它，或用 --port 另选端口。",
)
ADDRESS_UNUSABLE = declare(
    "hub.address_unusable",
    en="Cannot listen on {host} port {port}: {reason}. Choose another with --host and --port.",
    zh="无法监听 {host} 端口 {port}：{reason}。请用 --host 和 --port 另选地址。",
)
NOT_MIGRATED = declare(
    "hub.not_migrated",
    en="The database lacks {count} migrations, the first is {first}. Run `hesuan hub migrate` first.",
    zh="数据库缺少 {count} 个迁移，第一个是 {first}。请先运行 `hesuan hub migrate`。",
)
DATABASE_SILENT = declare(
    "hub.database_unavailable",
    en="The database {database} did not answer: {reason}. Check HESUAN_DATABASE_URL and that it runs.",
    zh="数据库 {database} 没有应答：{reason}。请检查 HESUAN_DATABASE_URL 及数据库是否运行。",
)
DATABASE_LOSES = declare(
    "hub.database_loses_writes",
    en="The PostgreSQL server runs with {settings} off: a power cut takes money that was answered for, or the"
    " whole database. Switch it on in postgresql.conf and restart that server. Nothing was started.",
    zh="PostgreSQL 服务器关闭了 {settings}：断电会丢失已应答的资金，乃至整个数据库。"
    "请在 postgresql.conf 中打开并重启该服务器。未启动任何服务。",
)

Say = Callable[[str, str], None]
"""Tells the person at the terminal what happens, in English and in Chinese."""


def set_up() -> None:
    """Makes Django ready in this process.

    Raises:
        Refused: whatever :func:`hesuan.hub.config.environment.read` refuses.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "hesuan.hub.config.settings"
    django.setup()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)


@contextmanager
def database_errors_told() -> Iterator[None]:
    """A database that does not answer becomes one sentence.

    Raises:
        Unavailable: ``hub.database_unavailable``; the address without its password.
    """
    try:
        yield
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise Unavailable(DATABASE_SILENT, database=database_address(), reason=reason) from error


def database_address() -> str:
    """The database as people name it: never its password."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite {database['NAME']}"
    return f"PostgreSQL {database['HOST'] or 'local'}:{database['PORT'] or 5432}/{database['NAME']}"


def migrate() -> int:
    """Brings the database up to date.

    Returns:
        How many migrations were applied.
    """
    count = len(missing_migrations())
    if count:
        call_command("migrate", interactive=False, verbosity=0)
    return count


def missing_migrations() -> list[str]:
    """Names of the migrations this release has and the database has not, in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def require_migrated() -> None:
    """What reads or writes wants an up-to-date database.

    Raises:
        Refused: ``hub.not_migrated``.
    """
    if missing := missing_migrations():
        raise Refused(NOT_MIGRATED, count=len(missing), first=missing[0])


def require_durable() -> None:
    """In production mode the database server waits for its disk; elsewhere its rows may be thrown away.

    Raises:
        Refused: ``hub.database_loses_writes``.
    """
    if not settings.PRODUCTION or connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'"
            " ORDER BY name"
        )
        off = [str(name) for (name,) in cursor.fetchall()]
    if off:
        raise Refused(DATABASE_LOSES, settings=", ".join(off))


def prepare(say: Say) -> None:
    """Before serving: an up-to-date database (made so, except in production) that is not behind what was
    published, and compiled translations.

    Raises:
        Refused: ``hub.not_migrated``, ``hub.database_loses_writes`` in production;
            ``audit.behind_the_published_log``, ``audit.published_otherwise`` after a restore too far back.
    """
    from hesuan.hub.audit import restoring
    from hesuan.hub.console.translations import compile_catalogues

    require_durable()
    if settings.PRODUCTION:
        require_migrated()
    elif missing := missing_migrations():
        say(
            f"Preparing the database: {len(missing)} migrations …",
            f"正在准备数据库：{len(missing)} 个迁移……",
        )
        migrate()
    if settings.PRODUCTION:
        say_if_owner(say)
    restoring.refuse()
    compile_catalogues()


def say_if_owner(say: Say) -> None:
    """Tells that the server could lift its own triggers; the operator decides whether that is so wanted."""
    from hesuan.hub.config import grants

    if grants.serves_as_owner():
        say(
            "The hub serves as the owner of its tables: nothing but triggers keeps rows of money as they are."
            " Let it serve as a user of its own: see `hesuan hub db-roles --help`.",
            "平台以数据表所有者的身份提供服务：资金记录仅由触发器保护。"
            "请改用专门的数据库用户，见 `hesuan hub db-roles --help`。",
        )


def bind(host: str, port: int) -> socket.socket:
    """A socket bound before anything is started, so that a taken port costs nothing.

    Raises:
        Refused: ``hub.port_taken``, ``hub.address_unusable``.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(PORT_TAKEN, host=host, port=port) from None
        raise Refused(ADDRESS_UNUSABLE, host=host, port=port, reason=error.strerror) from None
    return bound


def serve(*, host: str, port: int, access_log: bool, say: Say) -> None:
    """Runs the hub until it is told to stop."""
    import uvicorn

    from hesuan.hub.ledger import writer
    from hesuan.hub.worker.loop import loops, stop_all

    bound = bind(host, port)
    with database_errors_told():
        prepare(say)
    from hesuan.hub.config.asgi import application

    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        log_level="info" if access_log else "warning",
        access_log=access_log,
        server_header=False,
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        timeout_graceful_shutdown=GRACE_S,
    )
    web = _server(config)
    # Uvicorn answers signals while it runs and raises them once more at its end. Ours catches that one, and
    # one that comes before uvicorn listens to them.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(web, "should_exit", True))
    writer.start()
    workers = loops()
    for worker in workers:
        worker.start()
    address = f"http://{'[' + host + ']' if ':' in host else host}:{bound.getsockname()[1]}/"
    say(
        f"Hesuan is at {address} ({settings.MODE}; {database_address()}). Stop it with Ctrl-C.",
        f"合算平台地址：{address}（{settings.MODE}；{database_address()}）。按 Ctrl-C 停止。",
    )
    try:
        web.run(sockets=[bound])
    finally:
        stop_all(workers, GRACE_S)
        writer.stop(GRACE_S)
    say("Stopped.", "已停止。")
    _leave()


def _server(config: uvicorn.Config) -> uvicorn.Server:
    """Uvicorn's, which lets agents that wait for commands go as soon as it stops."""
    import uvicorn

    from hesuan.hub.gateway.waiting import WATCH

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            WATCH.end()
            await super().shutdown(sockets)

    return Server(config)


def _leave() -> None:
    """Ends the process although threads of cut requests may still sleep; Python would wait for them."""
    if any(
        thread is not threading.current_thread() and thread.is_alive() for thread in threading.enumerate()
    ):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
