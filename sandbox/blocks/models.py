"""A third opinion: the models of Slack's own Python client, which refuse some of what the schema lets pass."""

import copy
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from sandbox.blocks.faults import Fault


def faults(block: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    """What the client's model of this block says. Blocks that it does not know are left to the others."""
    logger = logging.getLogger("slack_sdk.models")
    before, logger.disabled = logger.disabled, True  # it logs what it does not know
    try:
        parsed = Block.parse(copy.deepcopy(dict(block)))
        if parsed is not None:
            parsed.validate_json()
    except SlackObjectFormationError as error:
        yield Fault(pointer, str(error), "model")
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        yield Fault(pointer, f"not in the form of a {block.get('type')} block ({error})", "model")
    finally:
        logger.disabled = before
