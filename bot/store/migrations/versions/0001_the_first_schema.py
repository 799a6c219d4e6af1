"""The first schema. The timeline can't be changed, not even by hand, without dropping a trigger first."""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FIRING = sa.text("status = 'firing'")
_REFUSAL = "the timeline is append-only"


def _append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER timeline_no_{verb.lower()} BEFORE {verb} ON timeline "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION timeline_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON timeline "
        "FOR EACH STATEMENT EXECUTE FUNCTION timeline_refuse()"
    )


def upgrade() -> None:  # one statement a table
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("model", "kind", "version", "at"),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_changes_at"), ["at"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_outcome"), ["outcome"], unique=False)

    op.create_table(
        "heard",
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("integration"),
    )
    op.create_table(
        "incidents",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("environment", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("resolved_at", Moment(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.create_index("ix_incidents_place", ["model", "status", "resolved_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_incidents_opened_at"), ["opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_incidents_status"), ["status"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("last_tick", Moment(), nullable=True),
        sa.Column("catch_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "keys",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )
    op.create_table(
        "live_spans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("live_spans", schema=None) as batch_op:
        batch_op.create_index("ix_live_spans_model", ["model", "environment"], unique=False)

    op.create_table(
        "posts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sending", sa.Boolean(), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("held_until", Moment(), nullable=True),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("ts", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("wanted_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("listed", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posts_listed"), ["listed"], unique=False)
        batch_op.create_index("ix_posts_message", ["channel_id", "ts"], unique=False)
        batch_op.create_index(batch_op.f("ix_posts_waits"), ["waits"], unique=False)

    op.create_table(
        "replicas",
        sa.Column("replica", sa.String(), nullable=False),
        sa.Column("alive_until", Moment(), nullable=False),
        sa.Column("taken_over_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("replica"),
    )
    op.create_table(
        "slack_events",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    with op.batch_alter_table("slack_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_slack_events_done"), ["done"], unique=False)

    op.create_table(
        "timers",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("timers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timers_due_at"), ["due_at"], unique=False)

    op.create_table(
        "episodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("starts_at", Moment(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("last_seen", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=True),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=True),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "instance", "fingerprint", "starts_at"),
    )
    with op.batch_alter_table("episodes", schema=None) as batch_op:
        batch_op.create_index("ix_episodes_incident", ["incident", "starts_at"], unique=False)
        batch_op.create_index(
            "ix_episodes_firing", ["source"], unique=False, sqlite_where=_FIRING, postgresql_where=_FIRING
        )
        batch_op.create_index(batch_op.f("ix_episodes_starts_at"), ["starts_at"], unique=False)

    op.create_table(
        "operations",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("incident", sa.Integer(), nullable=True),
        sa.Column("requested_at", Moment(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.number"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_operations_incident"), ["incident"], unique=False)
        batch_op.create_index("ix_operations_model", ["model", "environment", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_operations_state"), ["state"], unique=False)

    op.create_table(
        "timeline",
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("actor_name", sa.String(), nullable=False),
        sa.Column("happened_at", Moment(), nullable=False),
        sa.Column("learned_at", Moment(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incidents.number"],
        ),
        sa.PrimaryKeyConstraint("incident", "seq"),
    )
    op.create_table(
        "intents",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("operation", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("intended_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation"],
            ["operations.number"],
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("intents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_intents_operation"), ["operation"], unique=False)
        batch_op.create_index(batch_op.f("ix_intents_state"), ["state"], unique=False)

    _append_only()
