"""The HTTP side: deliveries come in, health, figures, the API and timeline pages go out."""

from bot.web.access import signed_link, signing_key
from bot.web.metrics import WebMetrics
from bot.web.parts import WebParts
from bot.web.site import build_web

__all__ = ["WebMetrics", "WebParts", "build_web", "signed_link", "signing_key"]
