"""What the environment must say before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hesuan.errors import Refused
from hesuan.hub.config import environment
from hesuan.hub.config.environment import DEVELOPMENT_SECRET, read

SECRET = "a secret of this installation, and of no other, 64 characters ..."
PRODUCTION = {
    "HESUAN_MODE": "production",
    "HESUAN_SECRET_KEY": SECRET,
    "HESUAN_ALLOWED_HOSTS": "compute.example",
    "HESUAN_ORIGIN": "compute.example/hesuan/platform",
    "HESUAN_DATABASE_URL": "postgresql://hesuan@127.0.0.1/hesuan",
}
OIDC = {
    "HESUAN_OIDC_ISSUER": "https://id.example",
    "HESUAN_OIDC_CLIENT_ID": "hesuan",
    "HESUAN_OIDC_CLIENT_SECRET": "x",
}


def test_a_whole_production_environment_is_taken() -> None:
    taken = read(PRODUCTION)
    assert (taken.mode, taken.require_mfa, taken.signup_open) == ("production", True, True)
    assert taken.allowed_hosts == ("compute.example",)


@pytest.mark.parametrize("value", ["0", "-1", "20 MiB", "1.5", "99999999999999"])
def test_a_limit_is_a_whole_number_within_reason(value: str) -> None:
    assert (read({}).upload_max_bytes, read({}).uploads_per_organisation) == (20 * 1024**2, 2000)
    assert read({"HESUAN_UPLOAD_MAX_BYTES": "1000"}).upload_max_bytes == 1000
    for variable in ("HESUAN_UPLOAD_MAX_BYTES", "HESUAN_UPLOADS_PER_ORGANISATION"):
        with pytest.raises(Refused, match=r"config\.not_a_limit .*"):
            read({variable: value})


@pytest.mark.parametrize("secret", ["", DEVELOPMENT_SECRET, "x" * 49])
def test_production_refuses_a_default_or_short_secret(secret: str) -> None:
    with pytest.raises(Refused, match=r"config\.secret_missing .*HESUAN_SECRET_KEY"):
        read({**PRODUCTION, "HESUAN_SECRET_KEY": secret})


@pytest.mark.parametrize("variable", [name for name in PRODUCTION if name != "HESUAN_MODE"])
def test_production_refuses_to_guess(variable: str) -> None:
    with pytest.raises(Refused, match=variable):
        read({name: value for name, value in PRODUCTION.items() if name != variable})


@pytest.mark.parametrize("package", ["psycopg", "psycopg_pool"])
def test_a_hub_on_postgresql_without_its_packages_is_not_begun(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> object:
        return None if name == package else object()

    monkeypatch.setattr(environment, "find_spec", found)
    with pytest.raises(Refused, match=rf"config\.driver_missing .*{package} is not installed"):
        read({"HESUAN_DATABASE_URL": "postgresql://hesuan@127.0.0.1/hesuan"})
    read({"HESUAN_DATABASE_URL": "sqlite:///hub.sqlite3"})


@pytest.mark.parametrize("mode", ["", "Production", "prod", "debug"])
def test_a_misspelt_mode_is_no_mode(mode: str) -> None:
    with pytest.raises(Refused, match=r"config\.not_a_mode"):
        read({"HESUAN_MODE": mode})


def test_development_needs_nothing() -> None:
    taken = read({})
    assert (taken.mode, taken.require_mfa, taken.signup_open) == ("development", False, True)
    assert taken.database_url.startswith("sqlite:///")


def test_switches_are_on_or_off_and_nothing_else() -> None:
    assert read({"HESUAN_REQUIRE_MFA": "on", "HESUAN_SIGNUP": "closed"}).require_mfa
    assert not read({**PRODUCTION, "HESUAN_REQUIRE_MFA": "off"}).require_mfa
    for wrong in ({"HESUAN_REQUIRE_MFA": "yes"}, {"HESUAN_SIGNUP": "0"}):
        with pytest.raises(Refused, match=r"config\.not_a_choice"):
            read(wrong)


@pytest.mark.parametrize("missing", OIDC)
def test_single_sign_on_is_configured_whole_or_not_at_all(missing: str) -> None:
    with pytest.raises(Refused, match=rf"config\.oidc_incomplete .*{missing} is missing"):
        read({name: value for name, value in OIDC.items() if name != missing})


def test_single_sign_on_in_production_is_by_https() -> None:
    plain = {**OIDC, "HESUAN_OIDC_ISSUER": "http://id.example"}
    assert read(plain).oidc_issuer == "http://id.example"
    with pytest.raises(Refused, match=r"config\.oidc_not_secure"):
        read({**PRODUCTION, **plain})


@pytest.mark.parametrize(
    "wrong",
    [
        {"HESUAN_EMAIL_URL": "smtp://mail.example"},
        {"HESUAN_EMAIL_FROM": "hub@compute.example"},
        {"HESUAN_EMAIL_URL": "mail.example:25", "HESUAN_EMAIL_FROM": "hub@compute.example"},
        {"HESUAN_EMAIL_URL": "smtps://", "HESUAN_EMAIL_FROM": "hub@compute.example"},
        {"HESUAN_EMAIL_URL": "smtp://mail.example", "HESUAN_EMAIL_FROM": "the hub"},
    ],
)
def test_mail_is_configured_whole_or_not_at_all(wrong: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"config\.email_not_usable"):
        read(wrong)


def hub(*words: str, data_dir: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HESUAN_", "LC_", "LANG"))
    }
    return subprocess.run(
        [sys.executable, "-m", "hesuan.cli", "hub", *words],
        env={**kept, "HESUAN_DATA_DIR": str(data_dir), **environ},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.processes
@pytest.mark.parametrize("words", [["serve"], ["migrate"], ["ledger-check"]])
@pytest.mark.parametrize("secret", ["", DEVELOPMENT_SECRET])
def test_the_real_command_refuses_production_with_a_default_secret_in_one_sentence(
    words: list[str], secret: str, tmp_path: Path
) -> None:
    done = hub(*words, data_dir=tmp_path / "data", **{**PRODUCTION, "HESUAN_SECRET_KEY": secret})
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("In production mode HESUAN_SECRET_KEY must be set")
    assert line.endswith("[config.secret_missing]")
    assert not (tmp_path / "data").exists(), "nothing was begun"


@pytest.mark.processes
def test_production_serves_no_database_that_lacks_migrations(tmp_path: Path) -> None:
    """It also shows that the secret was the only thing in the way above."""
    database = f"sqlite:///{tmp_path / 'hub.sqlite3'}"
    done = hub("serve", "--port", "0", data_dir=tmp_path, **{**PRODUCTION, "HESUAN_DATABASE_URL": database})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("[hub.not_migrated]")
    assert "Traceback" not in done.stderr


@pytest.mark.processes
def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://hesuan:hunter2@127.0.0.1:1/hesuan"  # pragma: allowlist secret
    done = hub("migrate", data_dir=tmp_path, HESUAN_DATABASE_URL=url)
    assert done.returncode == 5
    assert "PostgreSQL 127.0.0.1:1/hesuan did not answer" in done.stderr
    assert "hunter2" not in done.stderr and "Traceback" not in done.stderr


def test_every_variable_is_documented_where_it_is_read() -> None:
    source = Path(environment.__file__).read_text()
    read_names = {name for name in environment.VARIABLES if source.count(f'"{name}"') > 1}
    assert read_names == set(environment.VARIABLES)
