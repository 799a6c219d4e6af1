"""From the workspace to the app: over its sockets or to its address, with Slack's deadline and retries."""

from sandbox.delivery.deliveries import Deliveries
from sandbox.delivery.http import HttpTransport
from sandbox.delivery.sockets import Sockets
from sandbox.delivery.transport import Ack, NotDelivered, Retry, Transport

__all__ = ["Ack", "Deliveries", "HttpTransport", "NotDelivered", "Retry", "Sockets", "Transport"]
