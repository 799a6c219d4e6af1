"""Whether Slack would take a message or a view: pure functions from its JSON to what is wrong with it.

Three opinions together, because each alone misses much: a schema derived from Slack's TypeScript types, the models of
Slack's Python client, and the limits that only the reference names.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.blocks.check import block_faults, message_faults, metadata_fault, view_faults
from sandbox.blocks.faults import Fault

__all__ = ["Fault", "block_faults", "faults_of_message", "faults_of_view", "metadata_fault", "view_faults"]


def faults_of_message(message: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse about a message (`text`, `blocks`, `attachments`, `metadata`); empty when it is well.

    It must be editable as well: a text that `chat.update` would refuse is a fault.
    """
    return [str(fault) for fault in message_faults(message)]


def faults_of_view(view: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse about a modal or an App Home; empty when it is well."""
    return [str(fault) for fault in view_faults(view)]
