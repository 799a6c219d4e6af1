"""What must be true when everybody has caught up, whatever happened."""

from collections import Counter

from bot.domain.incident import Status
from bot.domain.timeline import ActorKind, Kind
from tests.chaos.monitor import SLUG
from tests.chaos.night import Night
from tests.sandbox.hour import CHANNEL
from tests.slack.office import incident_of, key_of

EVERYWHERE = (CHANNEL, "@mika", "@devi", "@dana", "@omar", "@paula")


async def one_true_card(night: Night) -> None:
    """P2: every incident has exactly one card, which shows its last state; and no message is there twice."""
    cards = [message for message in await night.here.messages() if incident_of(message)]
    count = Counter(map(incident_of, cards))
    incidents = {incident.ref: incident for incident in await every_incident(night)}
    assert count == Counter(incidents.keys()), (count, incidents.keys())
    for card in cards:
        incident = incidents[incident_of(card)]
        assert card["metadata"]["event_payload"]["revision"] == incident.revision, (card["text"], incident)
        assert incident.status.value in card["text"], (card["text"], incident)
    for channel in EVERYWHERE:
        names = Counter(incident_of(m) or key_of(m) for m in await night.here.messages(channel))
        del names[""]
        assert all(times == 1 for times in names.values()), (channel, names.most_common(3))


async def no_alert_lost(night: Night) -> None:
    """P3: what was acknowledged is part of an incident of its model, and what fires is known to fire."""
    disk = night.world.disk
    firing = await disk.read(lambda tx: {episode.fingerprint for episode in tx.episodes.firing_from(SLUG)})
    assert firing == night.monitor.firing_now
    incidents = {incident.number: incident for incident in await every_incident(night)}
    for alert in {(a.fingerprint, a.starts_at): a for a in night.monitor.acknowledged}.values():
        newest = await disk.read(lambda tx, a=alert: tx.episodes.newest(a.source, a.instance, a.fingerprint))
        own = await disk.read(lambda tx, a=alert: tx.episodes.get(a.source, a.instance, a.fingerprint, a.starts_at))
        assert newest is not None, f"{alert} was acknowledged, and is not there"
        assert own is not None or newest.starts_at > alert.starts_at, f"{alert} was acknowledged, and is not there"
        if newest.fingerprint in firing:
            assert newest.incident is not None, f"{alert} fires, and nobody was told"
            assert incidents[newest.incident].model == alert.labels["model"]
    for incident in incidents.values():
        fires = await disk.read(lambda tx, n=incident.number: len(tx.episodes.firing_of(n)))
        if fires and not incident.status.live:
            assert await _ended_by_a_person(night, incident.number), f"{incident} is over, and {fires} alerts fire"
        if not fires and incident.source == SLUG and incident.status is not Status.RESOLVED:
            assert await _last(night, incident.number), f"{incident} goes on, and nothing fires"


async def every_once(night: Night) -> None:
    """P4: however often something was delivered, pressed or told, it had one effect."""
    live = Counter(i.model for i in await every_incident(night) if i.status.live and i.model is not None)
    assert all(count == 1 for count in live.values()), live
    fired = Counter[str]()
    for incident in await every_incident(night):
        entries = await night.world.timeline(incident.number)  # whose chain is verified by this
        kinds = Counter(entry.kind for entry in entries)
        assert kinds[Kind.OPENED] == 1, kinds
        assert kinds[Kind.ACKNOWLEDGED] <= 1 + kinds[Kind.REOPENED], kinds
        fired.update(
            f"{incident.model}/{entry.text.rpartition(' fires: ')[0].rpartition(' ')[2]}"
            for entry in entries
            if " fires: " in entry.text and entry.kind in {Kind.ALERT_FIRED, Kind.LEARNED_LATE}
        )
    for signal in night.monitor.signals:
        told = fired[f"{signal.model}/{signal.name}"]
        assert told <= signal.times, f"{signal} fired {signal.times} times, and {told} times it says so"
    titles = Counter(incident.title for incident in await every_incident(night))
    for done in night.acts:
        if done.title and done.what == "mention":
            assert titles[done.title] <= 1, done


async def every_incident(night: Night):
    return await night.world.disk.read(lambda tx: tx.incidents.newest(limit=10_000))


async def _ended_by_a_person(night: Night, number: int) -> bool:
    ends = await night.world.timeline(number, Kind.RESOLVED)
    return bool(ends) and ends[-1].actor.kind is ActorKind.PERSON


async def _last(night: Night, number: int) -> bool:
    """Whether a person brought it back after its last end."""
    entries = await night.world.timeline(number, Kind.RESOLVED, Kind.REOPENED)
    return bool(entries) and entries[-1].kind is Kind.REOPENED and entries[-1].actor.kind is ActorKind.PERSON
