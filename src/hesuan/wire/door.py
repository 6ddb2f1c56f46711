"""The one door through which a server fetches: an address is resolved once, judged, called at that IP.

An address that somebody configured, or worse, one that another server named, may lead into the installation's
own network: to its database, to a cloud's metadata service. So a :class:`Door` opens to named hosts and ports
only, with the schemes it was given, and to public IP addresses only; whatever else the operator wants reached
stands in a list of networks that the operator wrote.

Three things make the judgement worth something: the name is resolved once and the socket goes to the address
that was judged, so that no second answer of a name server is asked for; a redirect is an answer and is not
followed; and no proxy of the environment is used, since a proxy would resolve the name again by itself.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hesuan.errors import Refused, Unavailable, declare
from hesuan.wire.deadline import Deadline

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]

PORTS = {"http": 80, "https": 443}
LONGEST = 2_000

REFUSED = declare(
    "web.address_refused",
    en="`{url}` is not fetched: {why}. An operator who means it names it in {setting}.",
    zh="不访问“{url}”：{why_zh}。如确需访问，请由运维人员在 {setting} 中写明。",
)
NO_ANSWER = declare("web.no_answer", en="{url} did not answer: {reason}.", zh="{url} 未应答：{reason}。")

_PLAIN = re.compile(r"[!-\[\]^-~]+")
"""Printable ASCII without the backslash, which some readers take for a slash."""
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\Z")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
"""A last label that C libraries read as a number: such a host is an address in disguise."""


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(word) for word in text.split())


NOT_PUBLIC = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24"
    " 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    " 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
"""What the registries of special-purpose addresses keep from the public network (RFC 6890 and after)."""
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
"""All that is public today in IPv6. What lies outside (loopback, ULA, link-local, IPv4 in disguise: mapped,
NAT64, compatible) is refused without being named one by one."""
NEVER = _networks(
    "0.0.0.0/32 169.254.0.0/16 100.100.100.200/32 192.0.0.192/32 224.0.0.0/4 255.255.255.255/32"
) + (
    _networks(
        "::/128 fe80::/10 ff00::/8 fd00:ec2::254/128 fd20:ce::254/128"
        " ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48"
    )
)
"""Not even by the operator's list: metadata services, link-local, multicast, IPv4 in disguise."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where an address leads, after it was judged."""

    url: str
    scheme: str
    host: str
    port: int
    ip: str
    target: str
    """Path and query, as the request line wants them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever the status; a redirect is an answer like any other."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Door:
    """Where one purpose may fetch.

    Args:
        places: ``(host, port)``, those that were configured.
        schemes: ``https``, or ``http`` too.
        networks: Not public, but the operator says that this installation's services live there.
        setting: Where an operator widens this, for the refusal's words.
    """

    places: frozenset[tuple[str, int]]
    schemes: frozenset[str] = frozenset(PORTS)
    networks: tuple[Network, ...] = ()
    setting: str = "HESUAN_FETCH_NETWORKS"
    resolve: Resolve = resolved

    def way(self, url: str) -> Way:
        """Reads, resolves and judges an address.

        Raises:
            Refused: ``web.address_refused``.
            Unavailable: ``web.no_answer``, when its name leads nowhere.
        """
        scheme, host, port, target = self._read(url)
        try:
            found = [ipaddress.ip_address(text) for text in self.resolve(host, port)]
        except (OSError, ValueError) as error:
            raise Unavailable(NO_ANSWER, url=_shown(url), reason=str(error)) from None
        if not found:
            raise Unavailable(NO_ANSWER, url=_shown(url), reason="its name has no address")
        for ip in found:  # all of them: a name with one good and one bad address is a trap, not a service
            if not reachable(ip, self.networks):
                raise self._refused(
                    url,
                    f"{host} is {ip}, which is not a public address",
                    f"{host} 的地址 {ip} 不是公网地址",
                )
        return Way(url, scheme, host, port, str(found[0]), target)

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        most_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """One request and its answer.

        Args:
            url: Where to.
            method: ``GET``, ``POST``.
            body: What to send.
            headers: Of the request.
            timeout_s: For connecting, and again for all of question and answer: however slowly the other
                side goes on, byte by byte, the connection is cut then.
            most_bytes: A longer answer is none.
            tls: Whose certificates are believed; by default the system's.

        Raises:
            Refused: ``web.address_refused``.
            Unavailable: ``web.no_answer``.
        """
        way = self.way(url)
        with Deadline(timeout_s) as deadline:
            connection = _connection(way, deadline, tls)
            try:
                connection.request(
                    method, way.target, body=body, headers={**(headers or {}), "Connection": "close"}
                )
                answer = connection.getresponse()
                data = answer.read(most_bytes + 1)
            except (OSError, ValueError, http.client.HTTPException) as error:
                reason = deadline.said or str(error) or type(error).__name__
                raise Unavailable(NO_ANSWER, url=_shown(url), reason=reason) from None
            finally:
                connection.close()
        if len(data) > most_bytes:
            raise Unavailable(NO_ANSWER, url=_shown(url), reason=f"more than {most_bytes} bytes")
        return Answer(answer.status, answer.reason, dict(answer.getheaders()), data)

    def _read(self, url: str) -> tuple[str, str, int, str]:
        if len(url) > LONGEST or not _PLAIN.fullmatch(url):
            raise self._refused(
                url, "it is too long or has signs that no address has", "过长，或含有地址中不应出现的字符"
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise self._refused(url, "it is no address", "不是地址") from None
        if parts.scheme not in self.schemes:
            raise self._refused(
                url,
                f"its scheme is not {' or '.join(sorted(self.schemes))}",
                f"协议不是 {'、'.join(sorted(self.schemes))}",
            )
        if "@" in parts.netloc:
            raise self._refused(url, "it carries a name or a password", "地址中带有用户名或密码")
        host, port = (parts.hostname or ""), PORTS[parts.scheme] if port is None else port
        if not is_host(host):
            raise self._refused(
                url,
                "its host is neither a name nor an IP address as one writes it",
                "主机不是规范的名称或 IP 地址",
            )
        if (host, port) not in self.places:
            raise self._refused(url, f"{host} port {port} is not configured", f"未配置 {host} 的端口 {port}")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return parts.scheme, host, port, target

    def _refused(self, url: str, why: str, why_zh: str) -> Refused:
        return Refused(REFUSED, url=_shown(url), why=why, why_zh=why_zh, setting=self.setting)


def place(url: str) -> tuple[str, int] | None:
    """Host and port that an address names; ``None`` when it names none that could be fetched."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    return parts.hostname, PORTS[parts.scheme] if port is None else port


def places(urls: Iterable[str]) -> frozenset[tuple[str, int]]:
    """The places of some configured addresses."""
    return frozenset(found for url in urls if (found := place(url)))


def is_host(host: str) -> bool:
    """Whether a host is a name, or an IP address in the one form that everybody reads alike.

    ``127.1``, ``0x7f000001``, ``2130706433`` and ``0177.0.0.1`` are addresses to a C library and names to a
    careless check; they are neither here.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_NAME.match(host)) and not _NUMBER.match(host.rsplit(".", 1)[-1])
    return "%" not in host


def reachable(ip: Ip, networks: Iterable[Network]) -> bool:
    """Whether an address is public, or in a network of the operator's list."""
    if any(ip in network for network in NEVER):
        return False
    if any(ip in network for network in networks):
        return True
    if any(ip in network for network in NOT_PUBLIC):
        return False
    return ip.version == 4 or ip in PUBLIC_V6


def _shown(url: str) -> str:
    """As a sentence or a line of a log may carry it: no control signs, nothing endless, no password."""
    return re.sub("//[^/@]*@", "//…@", ascii(url)[1:-1][:200])


class _Fixed(http.client.HTTPConnection):
    """A connection to the IP address that was judged, under the name that was asked for."""

    def __init__(self, way: Way, deadline: Deadline) -> None:
        super().__init__(way.host, way.port, timeout=deadline.seconds)
        self._way, self._deadline = way, deadline

    def connect(self) -> None:
        self.sock = self._deadline.connect((self._way.ip, self._way.port), self.timeout)


class _FixedTls(_Fixed):
    """The same over TLS: the certificate must be the name's."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, way: Way, deadline: Deadline, tls: ssl.SSLContext) -> None:
        super().__init__(way, deadline)
        self._tls = tls

    def connect(self) -> None:
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


def _connection(way: Way, deadline: Deadline, tls: ssl.SSLContext | None) -> _Fixed:
    if way.scheme == "http":
        return _Fixed(way, deadline)
    return _FixedTls(way, deadline, tls or ssl.create_default_context())
