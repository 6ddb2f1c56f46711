"""The ASGI entry point: ``uvicorn hesuan.hub.config.asgi:application``."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hesuan.hub.config.settings")

application = get_asgi_application()
