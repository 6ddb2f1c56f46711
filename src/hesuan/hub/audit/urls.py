"""Addresses of the public logs' files: the platform's below ``/log/``, every log's below its origin."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.audit import views

urlpatterns = [
    path("log/checkpoint", views.file, {"path": "checkpoint"}, name="log_checkpoint"),
    path("log/key", views.key, name="log_key"),
    path("log/policy", views.policy, name="log_policy"),
    path("log/leaves", views.leaves, name="log_leaves"),
    path("log/leaf/<int:index>", views.leaf, name="log_leaf"),
    path("log/proof/<int:index>", views.proof, name="log_proof"),
    path("log/tile/<path:tile>", views.tile, name="log_tile"),
    path("hesuan/<str:log>/<path:path>", views.file, name="log_file"),
]
