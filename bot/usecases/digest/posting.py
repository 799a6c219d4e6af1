"""A digest becomes a message: one a day and kind, made once a tick whichever process is first."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.post import Lane, Post, PostKind
from bot.domain.timeline import stamp
from bot.ports.store import Transaction
from bot.usecases.digest.maturity import MaturityReply, remember
from bot.usecases.reply import Reply, to_json
from bot.usecases.setup import Schedule, Setup


def post(tx: Transaction, setup: Setup, kind: str, reply: Reply, tick: datetime) -> None:
    """Have a digest shown where its schedule says. The same tick again changes nothing; a later one edits the day's."""
    if not tx.keys.first("digest", f"{kind}:{stamp(tick)}"):
        return
    schedule = setup.digests.get(kind, Schedule(""))
    tx.posts.want(
        Post(
            key=f"digest:{kind}:{tick.astimezone(ZoneInfo(schedule.zone)):%Y-%m-%d}",
            kind=PostKind.DIGEST,
            ref=0,
            channel=schedule.channel or setup.channel,
            lane=Lane.HOUSEKEEPING,
            body=to_json(reply),
        )
    )
    if isinstance(reply, MaturityReply) and reply.levels is not None:
        remember(tx, reply.levels)
