"""Anything in any order, by us, by others and by the controller: what is read always agrees with where requests go."""

import random

import pytest

from bot.domain.errors import BadInput, Conflict
from integrations.kserve.adapter import KserveDeployer
from integrations.kserve.wire import SOURCE
from tests.integrations.kserve_world import KNATIVE, Connect, World
from tests.servers.kube import ON_KUBE

pytestmark = ON_KUBE

VERSIONS = "12345"


async def requests(world: World) -> dict[str, int]:
    """Where requests really go, by version, as the controller has arranged it."""
    found: dict[str, int] = {}
    for one in (await world.get())["status"]["components"]["predictor"]["traffic"]:
        revision = await world.do("GET", world.path(KNATIVE, "revisions", one["revisionName"]))
        version = revision["metadata"]["annotations"][SOURCE].rpartition("/")[2]
        found[version] = found.get(version, 0) + one["percent"]
    return {version: percent for version, percent in found.items() if percent}


async def somebody(world: World, dice: random.Random) -> str:
    """One change by somebody else, or a step of the controller."""
    match dice.randrange(4):
        case 0:
            version, canary = dice.choice(VERSIONS), dice.choice([None, 0, 10, 50, 100])
            await world.roll_out(version, canary)
            return f"roll out {version} with {canary}"
        case 1:
            percent = dice.choice([None, 0, 30, 100])
            await world.change({"spec": {"predictor": {"canaryTrafficPercent": percent}}})
            return f"canary {percent}"
        case 2:
            await world.controller.reconcile("fraud")
            return "one step of the controller"
        case _:
            await world.settle()
            return "rest"


async def we(adapter: KserveDeployer, dice: random.Random) -> str:
    """One change by the bot; what it promises holds at once."""
    if dice.random() < 0.5:
        wanted = dice.choice(VERSIONS)
        after = await adapter.serve("fraud", wanted, expected=await adapter.observe("fraud"))
        assert after.version == wanted
        assert (await adapter.observe("fraud")).version == wanted
        return f"serve {wanted}"
    split = await adapter.split("fraud")
    percent = dice.choice([0, 25, 100])
    version = dice.choice([one for one, _ in split.shares] or ["1"])
    try:
        shifted = await adapter.shift("fraud", version, percent, expected=split)
    except (BadInput, Conflict) as declined:
        assert (await adapter.split("fraud")).shares == split.shares
        return f"shift declined: {declined.what}"
    assert shifted.share(version) == percent
    return f"shift {version} to {percent}"


@pytest.mark.parametrize("seed", range(8))
async def test_at_rest_what_is_read_is_where_requests_go(kserve: World, connect_kserve: Connect, seed: int) -> None:
    dice = random.Random(seed)
    await kserve.create("1")
    adapter = connect_kserve()
    assert isinstance(adapter, KserveDeployer)
    told: list[str] = []
    for _ in range(12):
        told.append(await (we(adapter, dice) if dice.random() < 0.5 else somebody(kserve, dice)))
        split = await adapter.split("fraud")
        assert sum(percent for _, percent in split.shares) == 100, told
        if not split.in_progress:
            assert {v: p for v, p in split.shares if p} == await requests(kserve), told
    await kserve.settle()
    split, seen, now = await adapter.split("fraud"), await adapter.observe("fraud"), await requests(kserve)
    assert not split.in_progress, told
    assert {version: percent for version, percent in split.shares if percent} == now, told
    assert seen.version == (next(iter(now)) if len(now) == 1 else None), told
    assert not seen.in_progress, told
