"""What the environment says, read once and checked: every setting of the hub by name, with its meaning.

Secrets come from the environment and from nowhere else. In production mode nothing that guards money
or a login has a default: the hub refuses to start and names what is missing.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from hesuan.errors import Refused, declare
from hesuan.wire.door import Network, is_host, place

Mode = Literal["development", "production", "test"]

DEVELOPMENT_SECRET = "development only: anybody can read this in the source"  # noqa: S105 - refused in production

VARIABLES = {
    "HESUAN_MODE": "development (default), production or test",
    "HESUAN_DATA_DIR": "folder of the SQLite file, keys, documents, compiled translations; default ./var/hub",
    "HESUAN_DATABASE_URL": "sqlite:///… (default: in the data folder) or postgresql://user@host/name",
    "HESUAN_DATABASE_CONNECTIONS": "connections to PostgreSQL that the requests of one hub process share;"
    " its own threads have five more; default 20",
    "HESUAN_SECRET_KEY": "signs sessions; at least 50 characters; required in production",
    "HESUAN_ALLOWED_HOSTS": "host names the hub answers to, comma-separated; required in production",
    "HESUAN_ORIGIN": "the log's origin line, such as compute.example/hesuan/platform; required in production",
    "HESUAN_LOG_DIR": "folder of the public logs' static files; default: log in the data folder",
    "HESUAN_LOG_POLICY": "tlog-policy file naming the logs' witnesses and their quorum; empty: unwitnessed",
    "HESUAN_ANCHOR_COMMAND": "command given origin, size and hash of a checkpoint once a day; empty: none",
    "HESUAN_TRUSTED_PROXIES": "addresses whose X-Forwarded-For and -Proto are believed; default 127.0.0.1",
    "HESUAN_HSTS_SUBDOMAINS": "on or off: whether HSTS binds subdomains of the hub's host too; default off,"
    " since others may serve them",
    "HESUAN_REQUIRE_MFA": "on or off: roles of money, centre, administration need TOTP; production: on",
    "HESUAN_SIGNUP": "open or closed: whether anybody may make a local account; default open",
    "HESUAN_UPLOAD_MAX_BYTES": "largest document anybody may upload [byte]; default 20971520 (20 MiB)",
    "HESUAN_UPLOADS_PER_ORGANISATION": "how many documents one organisation may keep; default 2000",
    "HESUAN_UPLOAD_BYTES_PER_ORGANISATION": "how large all of them may be [byte]; default 10 GiB",
    "HESUAN_FILE_BYTES": "largest input file of a run that anybody may upload [byte]; default 256 MiB",
    "HESUAN_FILES_BYTES": "how large all input files of one organisation may be [byte]; default 2 GiB",
    "HESUAN_RUN_LOG_BYTES": "how much of one run's log is stored [byte]; default 33554432 (32 MiB)",
    "HESUAN_RUN_OUTPUT_BYTES": "how much of one run's files is stored [byte]; default 268435456 (256 MiB)",
    "HESUAN_RATE_PER_TOKEN": "API requests a minute of one token or session, all web processes; default 1200",
    "HESUAN_RATE_PER_ORGANISATION": "the same of all tokens of one organisation together; default 3600",
    "HESUAN_RATE_PER_ADDRESS": "requests a minute of one network address to any page; default 6000",
    "HESUAN_EMAIL_URL": "smtp://host:25, smtp+tls://user@host:587 or smtps://…; empty: no mail",
    "HESUAN_EMAIL_FROM": "sender of the hub's mail; required with HESUAN_EMAIL_URL",
    "HESUAN_FETCH_NETWORKS": "private networks that hold the hub's own issuer or witnesses, such as"
    " 10.20.0.0/16; default none, and in development and tests loopback",
    "HESUAN_OIDC_ISSUER": "OpenID Connect issuer address; empty: local accounts only",
    "HESUAN_OIDC_CLIENT_ID": "OpenID Connect client id",
    "HESUAN_OIDC_CLIENT_SECRET": "OpenID Connect client secret",
    "HESUAN_OIDC_SECOND_FACTOR": "what the issuer says of a sign-in with a second factor, such as amr:mfa"
    " or acr:urn:example:two; default: nothing, a one-time password is set up here",
    "HESUAN_OIDC_HOSTS": "further hosts (name or name:port) that the issuer keeps its token, user or key"
    " address at; default: the issuer's own host",
}

_MOST_A_MINUTE = 60_000_000

NOT_A_MODE = declare(
    "config.not_a_mode",
    en="HESUAN_MODE is `{value}`; it is development, production or test.",
    zh="HESUAN_MODE 为“{value}”；只能是 development、production 或 test。",
)
SECRET_MISSING = declare(
    "config.secret_missing",
    en="In production mode {variable} must be set{why}. Nothing was started.",
    zh="生产模式必须设置 {variable}{why}。未启动任何服务。",
)
NOT_A_CHOICE = declare(
    "config.not_a_choice",
    en="{variable} is `{value}`; it is {first} or {second}. Nothing was started.",
    zh="{variable} 为“{value}”；只能是 {first} 或 {second}。未启动任何服务。",
)
NOT_A_LIMIT = declare(
    "config.not_a_limit",
    en="{variable} is `{value}`; it is a whole number from 1 to {most}. Nothing was started.",
    zh="{variable} 为“{value}”；须为 1 至 {most} 的整数。未启动任何服务。",
)
OIDC_INCOMPLETE = declare(
    "config.oidc_incomplete",
    en="Single sign-on needs HESUAN_OIDC_ISSUER, HESUAN_OIDC_CLIENT_ID and HESUAN_OIDC_CLIENT_SECRET"
    " together; {missing} is missing. Set it, or none of them.",
    zh="单点登录需要同时设置 HESUAN_OIDC_ISSUER、HESUAN_OIDC_CLIENT_ID 和 HESUAN_OIDC_CLIENT_SECRET；"
    "缺少 {missing}。请补全，或全部不设。",
)
NOT_NETWORKS = declare(
    "config.not_networks",
    en="{variable} has `{value}`, which is no network such as 10.20.0.0/16 or 192.168.1.5."
    " Nothing was started.",
    zh="{variable} 中的“{value}”不是网段（如 10.20.0.0/16 或 192.168.1.5）。未启动任何服务。",
)
NOT_A_CLAIM = declare(
    "config.not_a_claim",
    en="{variable} has `{value}`, which is neither acr:… nor amr:… with a value. Nothing was started.",
    zh="{variable} 中的“{value}”不是 acr:… 或 amr:… 加取值。未启动任何服务。",
)
NOT_A_HOST = declare(
    "config.not_a_host",
    en="{variable} has `{value}`, which is no host such as keys.id.example or id.example:8443."
    " Nothing was started.",
    zh="{variable} 中的“{value}”不是主机（如 keys.id.example 或 id.example:8443）。未启动任何服务。",
)
OIDC_NOT_SECURE = declare(
    "config.oidc_not_secure",
    en="HESUAN_OIDC_ISSUER is `{value}`; in production mode it begins with https://. Nothing was started.",
    zh="HESUAN_OIDC_ISSUER 为“{value}”；生产模式下须以 https:// 开头。未启动任何服务。",
)
DRIVER_MISSING = declare(
    "config.driver_missing",
    en="HESUAN_DATABASE_URL names PostgreSQL, and the package {package} is not installed here."
    " Run: pip install 'hesuan[hub,postgres]'. Nothing was started.",
    zh="HESUAN_DATABASE_URL 指向 PostgreSQL，但此处未安装软件包 {package}。"
    "请运行：pip install 'hesuan[hub,postgres]'。未启动任何服务。",
)
EMAIL_NOT_USABLE = declare(
    "config.email_not_usable",
    en="HESUAN_EMAIL_URL must begin with smtp://, smtp+tls:// or smtps:// and name a host, and"
    " HESUAN_EMAIL_FROM must name the sender. Set both, or neither.",
    zh="HESUAN_EMAIL_URL 须以 smtp://、smtp+tls:// 或 smtps:// 开头并写明主机，"
    "HESUAN_EMAIL_FROM 须写明发件人。请同时设置，或都不设。",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """The checked settings of one hub process."""

    mode: Mode
    data_dir: Path
    database_url: str
    database_connections: int
    secret_key: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    log_origin: str
    log_dir: Path
    log_policy: str
    anchor_command: str
    hsts_subdomains: bool
    require_mfa: bool
    signup_open: bool
    upload_max_bytes: int
    uploads_per_organisation: int
    upload_bytes_per_organisation: int
    file_bytes: int
    files_bytes: int
    run_log_bytes: int
    run_output_bytes: int
    rate_per_token: int
    rate_per_organisation: int
    rate_per_address: int
    email_url: str
    email_from: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_hosts: tuple[tuple[str, int], ...]
    oidc_second_factor: tuple[str, ...]
    fetch_networks: tuple[Network, ...]


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """Reads and checks the hub's settings.

    Raises:
        Refused: ``config.not_a_mode``, ``config.secret_missing``, ``config.not_a_choice``,
            ``config.not_a_limit``, ``config.oidc_incomplete``, ``config.oidc_not_secure``,
            ``config.email_not_usable``, ``config.not_networks``, ``config.not_a_host``,
            ``config.not_a_claim``, ``config.driver_missing``.
    """
    mode = environ.get("HESUAN_MODE", "development")
    if mode not in get_args(Mode):
        raise Refused(NOT_A_MODE, value=mode)
    if mode == "production":
        _refuse_defaults(environ)
    _check_email(environ)
    _check_oidc(environ, production=mode == "production")
    _check_driver(environ.get("HESUAN_DATABASE_URL", ""))
    data_dir = Path(environ.get("HESUAN_DATA_DIR", "var/hub")).resolve()
    return Environment(
        mode=cast(Mode, mode),
        data_dir=data_dir,
        database_url=environ.get("HESUAN_DATABASE_URL") or f"sqlite:///{data_dir / 'hub.sqlite3'}",
        database_connections=_limit(environ, "HESUAN_DATABASE_CONNECTIONS", default=20, most=1000),
        secret_key=environ.get("HESUAN_SECRET_KEY") or DEVELOPMENT_SECRET,
        allowed_hosts=_words(environ.get("HESUAN_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver")),
        trusted_proxies=_words(environ.get("HESUAN_TRUSTED_PROXIES", "127.0.0.1")),
        log_origin=environ.get("HESUAN_ORIGIN") or "localhost/hesuan/platform",
        log_dir=Path(environ.get("HESUAN_LOG_DIR") or data_dir / "log").resolve(),
        log_policy=environ.get("HESUAN_LOG_POLICY", ""),
        anchor_command=environ.get("HESUAN_ANCHOR_COMMAND", ""),
        hsts_subdomains=_choice(environ, "HESUAN_HSTS_SUBDOMAINS", "on", "off", default=False),
        require_mfa=_choice(environ, "HESUAN_REQUIRE_MFA", "on", "off", default=mode == "production"),
        signup_open=_choice(environ, "HESUAN_SIGNUP", "open", "closed", default=True),
        upload_max_bytes=_limit(environ, "HESUAN_UPLOAD_MAX_BYTES", default=20 * 1024**2, most=1024**3),
        uploads_per_organisation=_limit(
            environ, "HESUAN_UPLOADS_PER_ORGANISATION", default=2000, most=1_000_000
        ),
        upload_bytes_per_organisation=_limit(
            environ, "HESUAN_UPLOAD_BYTES_PER_ORGANISATION", default=10 * 1024**3, most=1024**5
        ),
        file_bytes=_limit(environ, "HESUAN_FILE_BYTES", default=256 * 1024**2, most=1024**4),
        files_bytes=_limit(environ, "HESUAN_FILES_BYTES", default=2 * 1024**3, most=1024**5),
        run_log_bytes=_limit(environ, "HESUAN_RUN_LOG_BYTES", default=32 * 1024**2, most=1024**3),
        run_output_bytes=_limit(environ, "HESUAN_RUN_OUTPUT_BYTES", default=256 * 1024**2, most=1024**4),
        rate_per_token=_rate(environ, "HESUAN_RATE_PER_TOKEN", default=1200),
        rate_per_organisation=_rate(environ, "HESUAN_RATE_PER_ORGANISATION", default=3600),
        rate_per_address=_rate(environ, "HESUAN_RATE_PER_ADDRESS", default=6000),
        email_url=environ.get("HESUAN_EMAIL_URL", ""),
        email_from=environ.get("HESUAN_EMAIL_FROM", ""),
        oidc_issuer=environ.get("HESUAN_OIDC_ISSUER", ""),
        oidc_client_id=environ.get("HESUAN_OIDC_CLIENT_ID", ""),
        oidc_client_secret=environ.get("HESUAN_OIDC_CLIENT_SECRET", ""),
        oidc_second_factor=_claims(environ, "HESUAN_OIDC_SECOND_FACTOR"),
        oidc_hosts=_hosts(environ, "HESUAN_OIDC_HOSTS"),
        fetch_networks=_networks(
            environ, "HESUAN_FETCH_NETWORKS", default="" if mode == "production" else "127.0.0.0/8,::1"
        ),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _limit(environ: Mapping[str, str], variable: str, *, default: int, most: int) -> int:
    text = environ.get(variable) or str(default)
    if not (text.isdecimal() and 1 <= int(text) <= most):
        raise Refused(NOT_A_LIMIT, variable=variable, value=text[:40], most=most)
    return int(text)


def _networks(environ: Mapping[str, str], variable: str, *, default: str) -> tuple[Network, ...]:
    found = []
    for word in _words(environ.get(variable) or default):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError:
            raise Refused(NOT_NETWORKS, variable=variable, value=word[:60]) from None
    return tuple(found)


def _hosts(environ: Mapping[str, str], variable: str) -> tuple[tuple[str, int], ...]:
    """Host and port of each word; 443 where none is said."""
    found = []
    for word in _words(environ.get(variable, "")):
        named = place(f"https://{word}")
        if named is None or "/" in word or "@" in word or not is_host(named[0]):
            raise Refused(NOT_A_HOST, variable=variable, value=word[:60])
        found.append(named)
    return tuple(found)


def _claims(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    words = _words(environ.get(variable, ""))
    for word in words:
        if not (word.startswith(("acr:", "amr:")) and len(word) > 4):
            raise Refused(NOT_A_CLAIM, variable=variable, value=word[:60])
    return words


def _rate(environ: Mapping[str, str], variable: str, *, default: int) -> int:
    """Requests a minute; the tests, which are one busy asker, are not held to the default."""
    default = _MOST_A_MINUTE if environ.get("HESUAN_MODE") == "test" else default
    return _limit(environ, variable, default=default, most=_MOST_A_MINUTE)


def _refuse_defaults(environ: Mapping[str, str]) -> None:
    secret = environ.get("HESUAN_SECRET_KEY", "")
    if secret in ("", DEVELOPMENT_SECRET) or len(secret) < 50:
        why = " to a secret of at least 50 characters of your own"
        raise Refused(SECRET_MISSING, variable="HESUAN_SECRET_KEY", why=why)
    for variable in ("HESUAN_ALLOWED_HOSTS", "HESUAN_ORIGIN", "HESUAN_DATABASE_URL"):
        if not environ.get(variable):
            raise Refused(SECRET_MISSING, variable=variable, why="")


def _choice(environ: Mapping[str, str], variable: str, yes: str, no: str, *, default: bool) -> bool:
    value = environ.get(variable, "") or (yes if default else no)
    if value not in (yes, no):
        raise Refused(NOT_A_CHOICE, variable=variable, value=value, first=yes, second=no)
    return value == yes


def _check_oidc(environ: Mapping[str, str], *, production: bool) -> None:
    names = ("HESUAN_OIDC_ISSUER", "HESUAN_OIDC_CLIENT_ID", "HESUAN_OIDC_CLIENT_SECRET")
    missing = [name for name in names if not environ.get(name)]
    if 0 < len(missing) < len(names):
        raise Refused(OIDC_INCOMPLETE, missing=missing[0])
    issuer = environ.get(names[0], "")
    if issuer and production and not issuer.startswith("https://"):
        raise Refused(OIDC_NOT_SECURE, value=issuer)


def _check_driver(database_url: str) -> None:
    """A hub without them would start, and fail at its first question to the database."""
    if not database_url.startswith(("postgres:", "postgresql:")):
        return
    for package in ("psycopg", "psycopg_pool"):
        if find_spec(package) is None:
            raise Refused(DRIVER_MISSING, package=package)


def _check_email(environ: Mapping[str, str]) -> None:
    url, sender = environ.get("HESUAN_EMAIL_URL", ""), environ.get("HESUAN_EMAIL_FROM", "")
    if not url and not sender:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtp+tls", "smtps") or not parts.hostname or "@" not in sender:
        raise Refused(EMAIL_NOT_USABLE)
