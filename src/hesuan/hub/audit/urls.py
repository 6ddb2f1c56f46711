"""Addresses of the public logs' files: the platform's below ``/log/``, every log's below its origin."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.audit import views

urlpatterns = [
    path("log/checkpoint", views.file, {"path": "checkpoint"}, name="log_checkpoint"),
    path("log/key", views.key, name="log_key"),
    path("log/leaves", views.leaves, name="log_leaves"),
    path("log/tile/<path:tile>", views.tile, name="log_tile"),
    path("hesuan/<str:log>/<path:path>", views.file, name="log_file"),
]
