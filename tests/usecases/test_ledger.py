"""The live ledger: what is learned late, or can't be learned, spoils nothing that is known."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.models import Binding, Evidence, Observation, Pointer, Propagation, Target
from bot.usecases import live
from tests.usecases.world import FRAUD, World


async def test_a_look_that_began_before_the_rollback_and_ended_after_it(world: World) -> None:
    """A slow system's answer of then would make the version that was rolled back from the live one again."""
    began = world.clock.now()
    await world.approved()
    world.clock.advance(timedelta(seconds=5))
    await world.carry_out()
    binding = world.setup.binding(FRAUD)
    assert binding is not None
    before = await world.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert before[-1].version == "2"
    late = Observation("3", Evidence.ANSWER, began)
    await world.store.write(lambda tx: live.learn(tx, binding, late, ()))
    assert await world.store.read(lambda tx: tx.ledger.spans(FRAUD, "production")) == before
    now = Observation("3", Evidence.ANSWER, world.clock.now() + timedelta(seconds=1))
    await world.store.write(lambda tx: live.learn(tx, binding, now, ()))
    after = await world.store.read(lambda tx: tx.ledger.spans(FRAUD, "production"))
    assert (after[-1].version, after[-2].until) == ("3", after[-1].since), "it was moved back since"


async def test_a_binding_to_what_is_not_connected_hides_no_other_model(world: World) -> None:
    gone = Binding("ranker", "production", Pointer("elsewhere", "ranker", "champion"), (Target("nowhere", "x"),),
                   Propagation.WATCH, production=True)  # fmt: skip
    world.setup = replace(world.setup, bindings=(gone, *world.setup.bindings))
    seen = await live.look_at_models(world.store, world.setup, world.systems, world.clock)
    assert "elsewhere is not configured" in seen[0].fault
    span = await world.store.read(lambda tx: tx.ledger.open_span(FRAUD, "production"))
    assert span is not None
    assert span.version == "3"
