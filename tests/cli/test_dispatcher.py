"""``hesuan`` and its first word."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hesuan
import hesuan.cli
from hesuan.cli import language
from hesuan.cli.exits import Exit
from hesuan.cli.main import COMMANDS, load, main


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


def test_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.DONE
    shown = capsys.readouterr().out
    for word, command in COMMANDS.items():
        assert f"  {word} " in shown and command.en in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_no_word_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == Exit.DONE
    assert "Usage: hesuan" in capsys.readouterr().out


def test_version_names_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == Exit.DONE
    assert capsys.readouterr().out == f"hesuan {hesuan.__version__}\n"


def test_an_unknown_word_names_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verfy"]) == Exit.FAULTY
    assert "Did you mean `verify`?" in capsys.readouterr().err


def test_a_word_like_no_command_is_given_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zzzzzz"]) == Exit.FAULTY
    assert "Did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--lang", "zh", "fnd"], ["fnd", "--lang=zh"]])
def test_lang_chooses_the_language_wherever_it_stands(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == Exit.FAULTY
    assert "没有“fnd”这个命令" in capsys.readouterr().err


def test_words_after_two_dashes_are_not_ours() -> None:
    assert language.take(["run", "--", "--lang", "zh"]) == (None, ["run", "--", "--lang", "zh"])


def test_a_language_nobody_speaks_here_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "fr", "find"]) == Exit.FAULTY
    assert "[cli.not_a_language]" in capsys.readouterr().err


def test_the_environment_chooses_in_posix_order() -> None:
    assert language.of_environment({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language.of_environment({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert language.of_environment({}) == "en"


def test_a_missing_extra_is_one_sentence_with_the_pip_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _uninstall(monkeypatch, "click")
    assert main(["find"]) == Exit.FAULTY
    assert capsys.readouterr().err == (
        "`hesuan find` needs the Python package click, which is not installed here:"
        " pip install 'hesuan[user]' [cli.extra_missing]\n"
    )


def test_a_broken_module_of_our_own_is_not_called_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    _uninstall(monkeypatch, "hesuan.cli.find")
    with pytest.raises(ModuleNotFoundError):
        load("find")


def test_the_dispatcher_itself_needs_the_standard_library_only() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['click','rich','httpx','django','numpy']));"
        "from hesuan.cli.main import main; sys.exit(main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _uninstall(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Makes ``import package`` fail as on a machine that does not have it."""
    kept = {"hesuan.cli.main", "hesuan.cli.exits", "hesuan.cli.language"}
    for name in list(sys.modules):
        if name == package or (name.startswith("hesuan.cli.") and name not in kept):
            monkeypatch.delitem(sys.modules, name)
            # `from hesuan.cli import frame` looks at the package before it looks at sys.modules.
            monkeypatch.delattr(hesuan.cli, name.rpartition(".")[2], raising=False)

    class Absent:
        def find_spec(self, name: str, *args: object) -> None:
            if name == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
