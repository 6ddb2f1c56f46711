"""Catalogues: every text has its Chinese; they compile, once, and again when their text changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from tools import messages

from hesuan.hub.console import translations


def test_every_text_of_the_console_is_translated() -> None:
    assert messages.check() == []


def test_the_catalogues_hold_no_date_and_no_machines_name() -> None:
    for language in messages.LANGUAGES:
        text = messages.catalogue_path(language).read_text()
        assert "POT-Creation-Date" not in text and "fuzzy" not in text


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """A small console of its own: one template, one module, fresh catalogues."""
    root = tmp_path / "console"
    (root / "templates").mkdir(parents=True)
    (root / "templates" / "a.html").write_text(
        '{% load i18n %}\n  {% translate "Quiet" %}\n'
        "{% blocktranslate count n=2 %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}"
    )
    (root / "a.py").write_text('label = pgettext_lazy("verb", "Find")\n')
    messages.update(root)
    return root


def chinese(console: Path) -> Path:
    return messages.catalogue_path("zh_Hans", console)


def translate_quiet(console: Path, before: str = "") -> None:
    """Fills in one translation, as a person would."""
    empty, filled = 'msgid "Quiet"\nmsgstr ""', f'{before}msgid "Quiet"\nmsgstr "安静"'
    chinese(console).write_text(chinese(console).read_text().replace(empty, filled))


def test_extraction_finds_templates_plurals_and_contexts(console: Path) -> None:
    found = {(message.id, message.context) for message in messages.extracted(console) if message.id}
    assert found == {("Quiet", None), (("%(n)s row", "%(n)s rows"), None), ("Find", "verb")}


def test_the_check_names_a_text_without_translation(console: Path) -> None:
    complaints = messages.check(console)
    assert any("not translated: 'Quiet'" in line for line in complaints)
    translate_quiet(console)
    assert not any("'Quiet'" in line for line in messages.check(console))


def test_the_check_names_a_leftover_and_a_new_text(console: Path) -> None:
    (console / "templates" / "a.html").write_text('{% load i18n %}{% translate "Loud" %}')
    complaints = messages.check(console)
    assert any("no longer used: 'Quiet'" in line for line in complaints)
    assert any("not in the catalogue: 'Loud'" in line for line in complaints)


def test_the_check_names_a_fuzzy_text(console: Path) -> None:
    translate_quiet(console, before="#, fuzzy\n")
    assert any("fuzzy: 'Quiet'" in line for line in messages.check(console))


def test_an_update_keeps_translations_and_changes_nothing_the_second_time(console: Path) -> None:
    translate_quiet(console)
    messages.update(console)
    first = chinese(console).read_text()
    messages.update(console)
    assert "安静" in first and chinese(console).read_text() == first


def test_an_unknown_verb_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert messages.main(["translate"]) == 2 and "usage" in capsys.readouterr().err


def test_compiling_is_done_once_and_again_when_the_text_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    shutil.copytree(translations.SOURCE, source)
    monkeypatch.setattr(translations, "SOURCE", source)
    target = tmp_path / "locale"
    assert len(translations.compile_catalogues(target)) == 2
    assert translations.compile_catalogues(target) == []
    catalogue = source / "zh_Hans" / "LC_MESSAGES" / "django.po"
    catalogue.write_text(catalogue.read_text().replace('"首页"', '"主页"'))
    assert [path.parent.parent.name for path in translations.compile_catalogues(target)] == ["zh_Hans"]
    assert not list(target.rglob("*.mo.*")), "nothing half-written is left"


def test_the_catalogues_are_in_effect() -> None:
    assert (Path(settings.DATA_DIR) / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo").exists()
    with translation.override("zh-hans"):
        assert translation.gettext("Vouchers") == "算力券"
    with translation.override("en"):
        assert translation.gettext("Vouchers") == "Vouchers"


def test_the_first_process_on_a_new_machine_speaks_chinese_too(tmp_path: Path) -> None:
    """Django reads the default language while models load, before the catalogues are compiled."""
    program = (
        "import django; django.setup(); from django.utils.translation import gettext, override\n"
        "with override('zh-hans'): print(gettext('Vouchers'))"
    )
    environment = {**os.environ, "HESUAN_MODE": "test", "HESUAN_DATA_DIR": str(tmp_path / "new")}
    environment["DJANGO_SETTINGS_MODULE"] = "hesuan.hub.config.settings"
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "算力券"
