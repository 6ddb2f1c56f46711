"""What a cluster of the tests is laid out with: certificates, tokens, configurations, the agent's rights.

The rights are those of the guide, read off its page: what the guide forgets, the tests cannot do.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

GUIDE = Path("docs/guide/agent.md")
AGENT = "hesuan-agent"
_FOLDERS = ("log", "dead", "pods", "etcd")


def lay_out(folder: Path, port: int) -> None:
    """All files of a cluster whose API server will answer on a port; the next two are etcd's."""
    for name in _FOLDERS:
        (folder / name).mkdir()
    (folder / "address").write_text(f"https://127.0.0.1:{port}")
    (folder / "port").write_text(str(port))
    _certificates(folder)
    words = {name: secrets.token_hex(16) for name in ("admin", "agent", "stranger")}
    for name, word in words.items():
        _private(folder / f"{name}-token", word)
    rows = [
        f"{words['admin']},admin,admin,system:masters",
        f"{words['agent']},system:serviceaccount:hesuan:{AGENT},agent",
        f"{words['stranger']},stranger,stranger",
    ]
    _private(folder / "tokens.csv", "\n".join(rows) + "\n")
    for name in ("admin", "agent"):
        _private(folder / f"{name}.json", json.dumps(_kubeconfig(folder, words[name])))


def daemons(folder: Path, programs: Path) -> dict[str, list[str]]:
    """What is started, in its order."""
    port = int((folder / "port").read_text())
    store, peers = f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port + 2}"
    quiet = ["--leader-elect=false", "--port=0", "--secure-port=0"]
    config = f"--kubeconfig={folder / 'admin.json'}"
    key = folder / "accounts-key.pem"
    return {
        "etcd": [
            "etcd", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
            f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
            f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ],
        "kube-apiserver": [
            str(programs / "kube-apiserver"), f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={port}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={folder / 'server.pem'}", f"--tls-private-key-file={folder / 'server-key.pem'}",
            f"--cert-dir={folder}", f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=ServiceAccount", "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={folder / 'ca.pem'}",
            # Pods of a node that is away are taken from it at once, and not after five minutes.
            "--default-not-ready-toleration-seconds=1", "--default-unreachable-toleration-seconds=1",
        ],
        "kube-scheduler": [str(programs / "kube-scheduler"), config, *quiet],
        "kube-controller-manager": [
            str(programs / "kube-controller-manager"), config, *quiet,
            f"--service-account-private-key-file={key}", "--node-monitor-period=1s",
            "--node-monitor-grace-period=8s",
            f"--root-ca-file={folder / 'ca.pem'}",
            "--controllers=garbagecollector,job,namespace,nodelifecycle,podgc,resourcequota,"
            "serviceaccount-token",
        ],
    }  # fmt: skip


def objects(root: Path, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
    """The namespaces, and the rights that the guide gives to the agent, in each of them."""
    text = (root / GUIDE).read_text()
    given = [
        one for block in re.findall(r"```yaml\n(.*?)```", text, re.S) for one in yaml.safe_load_all(block)
    ]
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces
    ]
    for one in given:
        if "namespace" in one["metadata"] and one["kind"] != "ServiceAccount":
            made += [{**one, "metadata": {**one["metadata"], "namespace": name}} for name in namespaces]
        elif one["kind"] not in ("ServiceAccount", "Namespace"):
            made.append(one)
    return made


def _kubeconfig(folder: Path, token: str) -> dict[str, Any]:
    """As ``kubectl config view --raw --minify --flatten -o json`` writes it."""
    import base64

    authority = base64.b64encode((folder / "ca.pem").read_bytes()).decode()
    cluster = {"server": (folder / "address").read_text(), "certificate-authority-data": authority}
    return {
        "kind": "Config",
        "apiVersion": "v1",
        "preferences": {},
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
        "current-context": "here",
    }


def _certificates(folder: Path) -> None:
    """An authority of this cluster's own, and the certificate of its servers."""
    authority, server = _key(), _key()
    _private(folder / "server-key.pem", _pem(server))
    _private(folder / "accounts-key.pem", _pem(_key()))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a cluster of the tests")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    basic = x509.BasicConstraints(ca=True, path_length=None)
    signing = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    first = _certificate(name, authority).add_extension(basic, True).add_extension(signing, True)
    (folder / "ca.pem").write_bytes(_signed(first, name, authority))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "server.pem").write_bytes(
        _signed(_certificate(own, server).add_extension(here, False), name, authority)
    )


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(subject: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=3))


def _signed(made: x509.CertificateBuilder, issuer: x509.Name, key: rsa.RSAPrivateKey) -> bytes:
    return made.issuer_name(issuer).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: rsa.RSAPrivateKey) -> str:
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
