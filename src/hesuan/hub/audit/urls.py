"""Addresses of the public logs' files: the platform's below ``/log/``, every log's below its origin."""

from __future__ import annotations

from django.urls import path, re_path

from hesuan.hub.audit import views

FILE = r"(?P<path>checkpoint|key|tile/[a-z0-9./]+)"

urlpatterns = [
    path("log/key", views.key, name="log_key"),
    path("log/leaves", views.leaves, name="log_leaves"),
    re_path(rf"^log/{FILE}$", views.file, name="log_file"),
    re_path(rf"^hesuan/(?P<log>[A-Za-z0-9._-]+)/{FILE}$", views.file, name="log_file_of"),
]
