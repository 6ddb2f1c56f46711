"""Addresses of the gateway, under ``/gateway/v1/``."""

from __future__ import annotations

from django.urls import path

from hesuan.hub.gateway import views

urlpatterns = [
    path("enrol", views.enrol, name="gateway-enrol"),
    path("messages", views.messages, name="gateway-messages"),
    path("commands", views.commands, name="gateway-commands"),
    path("inputs", views.inputs, name="gateway-inputs"),
    path("apps", views.apps, name="gateway-apps"),
    path("app-pieces", views.app_pieces, name="gateway-app-pieces"),
    path("records", views.records, name="gateway-records"),
    path("output", views.output, name="gateway-output"),
    path("output-piece", views.output_piece, name="gateway-output-piece"),
]
