"""Addresses of the public log's files, below ``/log/``."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.audit import views

urlpatterns = [
    path("checkpoint", views.checkpoint, name="log_checkpoint"),
    path("key", views.key, name="log_key"),
    path("leaves", views.leaves, name="log_leaves"),
]
