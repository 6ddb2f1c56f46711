"""How the API server is reached: an address, whom it is believed by, and a token.

From a kubeconfig, from three words of the operator's, or from the pod that the agent itself runs in. The
token is read anew for each question, for those of a pod are changed every hour. Nothing here leaves the
server's certificate unread, whatever a kubeconfig asks for.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hesuan.agent.schedulers.kubernetes.settings import Access
from hesuan.errors import Unavailable, declare

ACCESS = declare(
    "agent.kubernetes_access",
    en="The way to Kubernetes by {path} cannot be used: {problem}.",
    zh="通过 {path} 访问 Kubernetes 不可用：{problem}。",
)

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts the account of a pod."""
_PRINTABLE = range(0x21, 0x7F)


@dataclass(frozen=True, slots=True)
class Way:
    """Where the server is and who vouches for it."""

    address: str
    tls: ssl.SSLContext
    token_text: str = ""
    """As the kubeconfig has it; empty: in the file."""
    token_file: Path | None = None
    own: bool = True
    """Whether the file is the operator's, which nobody else may read, and not the pod's."""

    def token(self) -> str:
        """What is sent.

        Raises:
            Unavailable: ``agent.kubernetes_access``.
        """
        if self.token_file is None:
            return self.token_text
        text = _text(self.token_file, secret=self.own).strip()
        if not text or any(ord(one) not in _PRINTABLE for one in text):
            raise _cannot(self.token_file, "it holds no token")
        return text


def way(access: Access) -> Way:
    """The way that the settings name.

    Raises:
        Unavailable: ``agent.kubernetes_access``: a file is missing, is none, or may be read by others.
    """
    if access.kubeconfig is not None:
        return _of_kubeconfig(access.kubeconfig)
    if access.address:
        return Way(access.address, _trusting(access.ca), token_file=access.token)
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise _cannot("[kubernetes]", "neither `kubeconfig` nor `address` is given, and this is no pod")
    shown = f"[{host}]" if ":" in host else host
    return Way(f"https://{shown}:{port}", _trusting(POD / "ca.crt"), token_file=POD / "token", own=False)


def _of_kubeconfig(path: Path) -> Way:
    try:
        document = json.loads(_text(path, secret=True))
        context = _named(document, "contexts", document["current-context"])["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"])["user"]
    except ValueError:
        what = "it is no JSON; write it with kubectl config view --raw --minify --flatten -o json"
        raise _cannot(path, what) from None
    except (KeyError, TypeError, StopIteration):
        raise _cannot(path, "it has no current context with a cluster and a user") from None
    if cluster.get("insecure-skip-tls-verify"):
        raise _cannot(path, "it says not to read the server's certificate")
    address, token = str(cluster.get("server", "")), user.get("token", "")
    if urlsplit(address).scheme != "https":
        raise _cannot(path, f"the server's address is `{address}`, not https")
    file = Path(user["tokenFile"]) if user.get("tokenFile") else None
    if not token and file is None:
        raise _cannot(path, "its user has neither `token` nor `tokenFile`")
    return Way(address.rstrip("/"), _authority(path, cluster), str(token), None if token else file)


def _authority(path: Path, cluster: Mapping[str, Any]) -> ssl.SSLContext:
    data = cluster.get("certificate-authority-data")
    if not data:
        file = cluster.get("certificate-authority")
        return _trusting(Path(file) if file else None)
    try:
        return ssl.create_default_context(cadata=base64.b64decode(data, validate=True).decode())
    except (binascii.Error, ValueError, TypeError, ssl.SSLError):
        raise _cannot(path, "its `certificate-authority-data` is no certificate") from None


def _named(document: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(one for one in document[kind] if one["name"] == name)
    return found


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except OSError as error:  # an SSLError is one
        raise _cannot(ca, error.strerror or type(error).__name__) from None


def _text(path: Path, *, secret: bool) -> str:
    try:
        if secret and path.stat().st_mode & 0o077:
            raise _cannot(path, "others may read it; it is to have the mode 0600")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _cannot(path, type(error).__name__) from None


def _cannot(path: object, problem: str) -> Unavailable:
    return Unavailable(ACCESS, path=path, problem=problem)
