"""``hesuan app`` against a live hub: publish, list, have a centre measure, withdraw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.terminal import Shell, speak_as
from tests.packaged import make_app
from tests.people import Person
from tests.sites import enrol_site, inventory_body, make_centre

from hesuan.cli.exits import Exit
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Command
from hesuan.hub.files.models import App, File
from hesuan.wire.ids import new_id
from hesuan.wire.messages import DELIVERED

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def be(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], None]:
    """From here on the commands are a person's."""
    return lambda person: speak_as(person, monkeypatch)


def test_a_folder_is_published_measured_and_withdrawn(
    shell: Shell,
    be: Callable[[Person], None],
    platform_operator: Person,
    centre_operator: Person,
    tmp_path: Path,
) -> None:
    app = make_app(tmp_path)
    be(platform_operator)
    assert shell("app", "publish", str(app.folder)) == Exit.DONE, shell.err
    made = App.objects.get()
    assert shell.out.split() == [made.id, app.digest] and File.objects.count() == 3, "one has no content"
    assert shell("app", "publish", str(app.folder), "--json") == Exit.DONE
    assert json.loads(shell.out)["id"] == made.id and File.objects.count() == 3, "nothing is sent twice"
    assert shell("app", "list", "--json") == Exit.DONE and json.loads(shell.out)[0]["digest"] == app.digest
    site = enrol_site(make_centre(centre_operator.organisation))
    be(centre_operator)
    assert shell("app", "measure", made.id, site.agent.centre_id) != Exit.DONE
    assert "centre.takes_no_deliveries" in shell.err and "deliver_applications" in shell.err
    body = inventory_body(software={DELIVERED: "1"})
    centres.record_inventory(agent_id=site.agent.id, message_id=new_id(), body=body)
    assert shell("app", "measure", made.id, site.agent.centre_id) == Exit.DONE, shell.err
    assert Command.objects.get(pk=shell.out.strip()).body == {"app": "adder", "app_digest": app.digest}
    assert shell("app", "withdraw", made.id) != Exit.DONE and "app.role_missing" in shell.err
    be(platform_operator)
    assert shell("app", "withdraw", made.id) == Exit.DONE
    assert shell("app", "list", "--json") == Exit.DONE and json.loads(shell.out) == []


def test_who_does_not_operate_the_platform_is_told(shell: Shell, owner: Person, tmp_path: Path) -> None:
    folder = str(make_app(tmp_path).folder)
    assert shell("app", "publish", folder) == Exit.FAULTY and "cli.no_platform" in shell.err
    assert shell("app", "publish", folder, "--organisation", owner.organisation.id) != Exit.DONE
    assert "app.role_missing" in shell.err and not App.objects.exists()


def test_what_cannot_be_delivered_is_told_with_both_numbers(
    shell: Shell, be: Callable[[Person], None], platform_operator: Person, tmp_path: Path
) -> None:
    be(platform_operator)
    folder = make_app(tmp_path).folder
    (folder / "run.py").chmod(0o755)
    with (folder / "large.bin").open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert shell("app", "publish", str(folder)) == Exit.FAULTY
    assert "mode 0755" in shell.err and "0666" in shell.err
    assert "67108865" in shell.err and "67108864" in shell.err and not File.objects.exists()
    (folder / "link").symlink_to("/etc/passwd")
    assert shell("app", "publish", str(folder)) == Exit.FAULTY and "app.link_inside" in shell.err
