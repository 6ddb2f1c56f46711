"""Usage from before attempts had rows gets them: by the migration that fills the table."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps
from tests.hub.metering.test_attempts import lifted, requeued
from tests.road import Road, usage

from hesuan.hub.metering.models import Attempt

MIGRATION = "hesuan.hub.metering.migrations.0005_attempts_of_before"


def rows() -> list[tuple[object, ...]]:
    names = [one.name for one in Attempt._meta.fields if one.name not in ("id", "recorded_at")]
    return list(Attempt.objects.order_by("centre", "key").values_list(*names))


def test_the_migration_makes_the_rows_that_the_room_makes(road: Road) -> None:
    road.say([requeued(road.place().id), usage(road.place().id)])
    made = rows()
    assert len(made) == 3
    with lifted():
        Attempt.objects.all().delete()
    for _ in range(2):  # and once is enough
        import_module(MIGRATION).fill(apps, None)
        assert rows() == made
