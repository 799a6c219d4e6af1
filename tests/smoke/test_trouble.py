"""What goes wrong around the program is said in words, and nothing is lost by it."""

import asyncio
import socket

import pytest
from starlette.requests import Request
from starlette.responses import Response

from bot.demo.history import MODEL
from bot.demo.story import CHANNEL, DEVI, MIKA
from tests.needs import needs
from tests.servers.proxy import proxy
from tests.smoke.conftest import Bot
from tests.smoke.test_kill import MOVE, is_move

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("machines"),
    needs("mlflow", "bentoml"),
]


async def down(request: Request) -> Response:
    del request
    return Response("out of order", status_code=503)


# ---------------------------------------------------------------- at the start


async def test_a_port_that_somebody_has(bot: Bot) -> None:
    bot.configure()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = await bot.run("serve", MLOPS_BOT_WEB__PORT=str(port))
    assert ran.code == 1
    assert f"Port {port} on 127.0.0.1 can't be used" in ran.errors
    assert "The bot was not started." in ran.errors
    assert "MLOPS_BOT_WEB__PORT" in ran.errors
    assert "Traceback" not in ran.errors


async def test_a_configuration_with_faults_does_not_start(bot: Bot) -> None:
    (bot.folder / "mlops-bot.yaml").write_text(
        "people:\n  mika: {name: Mika, roles: [ml_enginer]}\n"
        "raci:\n  table:\n    Deployment: {ml_engineer: R, data_engineer: C}\n"
        "policies:\n  plan_ttl: soon\n"
    )
    for command in ("serve", "check"):
        ran = await bot.run(command)
        assert ran.code == 1, command
        for place in ("mlops-bot.yaml:2", "mlops-bot.yaml:5", "mlops-bot.yaml:7"):
            assert place in ran.errors, ran.errors
        assert "ml_engineer" in ran.errors
        assert "nobody Accountable" in ran.errors
        assert "Traceback" not in ran.errors


async def test_a_runbook_with_a_fault_is_named_by_its_line(bot: Bot) -> None:
    (bot.folder / "runbooks").mkdir()
    (bot.folder / "runbooks" / "mine.md").write_text(
        "---\ntitle: Mine\nwhen:\n  phases: [Nowhere]\nsteps: []\n---\nText.\n"
    )
    (bot.folder / "mlops-bot.yaml").write_text("runbooks:\n  directories: [runbooks]\n")
    ran = await bot.run("check")
    assert ran.code == 1
    assert "runbooks/mine.md:4" in ran.errors


async def test_no_tokens_at_all(bot: Bot) -> None:
    bot.configure()
    ran = await bot.run("serve", MLOPS_BOT_SLACK__BOT_TOKEN="", MLOPS_BOT_SLACK__APP_TOKEN="", MLOPS_BOT_WEB__PORT="0")
    assert ran.code == 1
    assert "MLOPS_BOT_SLACK__BOT_TOKEN" in ran.errors
    assert "make demo" in ran.errors


# ---------------------------------------------------------------- Slack


async def test_a_revoked_token_loses_nothing(bot: Bot) -> None:
    """Alerts are taken, readiness says what is wrong, commands work; when the token is back, there is one card."""
    await bot.start()
    await bot.workspace.token(revoke=True)
    await bot.story.post_alert("drift")
    ran = await bot.run("do", "ack INC-1", "--as", "mika")
    assert ran.code == 0, ran
    ready = await bot.http.get(f"{bot.url}/readyz")
    assert ready.status_code == 503
    assert "revoked" in ready.text
    assert (await bot.http.get(f"{bot.url}/livez")).status_code == 200
    await bot.workspace.token(revoke=False)
    await bot.story.card(lambda text: "acknowledged by Mika" in text)
    cards = [m for m in await bot.workspace.messages(CHANNEL) if "mlops_incident" in str(m.get("metadata"))]
    assert len(cards) == 1


# ---------------------------------------------------------------- the registry


async def test_mlflow_is_down_when_a_plan_is_wanted(bot: Bot) -> None:
    async with proxy(bot.machines.mlflow) as way:
        bot.mlflow = way.url
        await bot.start()
        await bot.incident()
        way.before = down
        answer = await bot.workspace.command(MIKA, f"rollback {MODEL}", CHANNEL)
        said = str(answer.messages)
        assert "MLflow" in said or "mlflow" in said, said
        assert "Nothing was" in said, said
        assert "OP-1" not in said
        way.before = None
        again = await bot.workspace.command(MIKA, f"rollback {MODEL}", CHANNEL)
        assert "OP-1" in str(again.messages)


async def test_mlflow_says_no_when_the_alias_is_to_be_moved(bot: Bot) -> None:
    """It understood and declined: the operation has failed, nothing was changed, and it is not tried again."""

    async def decline(request: Request) -> Response | None:
        if is_move(request):
            return Response('{"error_code": "PERMISSION_DENIED", "message": "not you"}', status_code=403)
        return None

    async with proxy(bot.machines.mlflow) as way:
        bot.mlflow = way.url
        await bot.start()
        plan = await bot.planned()
        way.before = decline
        await bot.workspace.click(DEVI, CHANNEL, str(plan["ts"]), "operation.approve")
        await bot.story.plan(lambda text: "failed" in text.lower())
        assert await bot.story.alias() == "3"
        assert way.count("POST", MOVE) == 0
        entries = await bot.timeline()
        assert len([e for e in entries if e.startswith("operation failed:")]) == 1
        assert not any(e.startswith("changed:") for e in entries)


IMPOSSIBLE = {
    "rollback churn-predictor": "single version",
    "rollback fraud-detektor": "not in the configuration",
    "rollback fraud-detector --to 99": "no version 99",
    "rollback fraud-detector --to v3": "the live one already",
}


async def test_what_can_not_be_rolled_back(bot: Bot) -> None:
    await bot.start()
    answers = await asyncio.gather(*(bot.run("do", command, "--as", "mika") for command in IMPOSSIBLE))
    for ran, said in zip(answers, IMPOSSIBLE.values(), strict=True):
        text = " ".join(ran.output.split())
        assert ran.code == 1, ran
        assert said in text
        assert "Nothing was planned or changed." in text


# ---------------------------------------------------------------- bodies


async def test_a_body_of_20_mb_is_refused_and_the_next_one_taken(bot: Bot) -> None:
    await bot.start()
    headers = {"Authorization": f"Bearer {bot.token}"}
    huge = await bot.http.post(f"{bot.url}/alerts/alertmanager", content=b" " * 20_000_000, headers=headers)
    assert huge.status_code == 413
    assert huge.json()["not_done"] == "Nothing was taken."
    nobody = await bot.http.post(
        f"{bot.url}/alerts/alertmanager", content=b"{}", headers={"Authorization": "Bearer no"}
    )
    assert nobody.status_code == 401
    garbage = await bot.http.post(f"{bot.url}/alerts/alertmanager", content=b"\xff{", headers=headers)
    assert (garbage.status_code, garbage.json()["status"]) == (200, "dead letter")
    await bot.incident()
