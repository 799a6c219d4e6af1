"""The doctor of the Slack side: `ok`, or what to do, for the token, every permission, channel and person."""

from collections.abc import Sequence
from dataclasses import replace

from bot.slack.doctor import Finding, examine
from bot.slack.manifest import BOT_SCOPES
from tests.slack.office import Office
from tests.usecases.world import a_setup


async def findings(here: Office, **changes: object) -> dict[str, Finding]:
    found: Sequence[Finding] = await examine(here.settings(), replace(a_setup(), **changes))
    return {finding.name: finding for finding in found}


async def test_all_is_well(here: Office) -> None:
    found = await findings(here)
    assert all(finding.ok for finding in found.values()), found
    assert found["Slack token"].text == "workspace ML on this machine, as U0MLOPSBOT"
    assert "Person Mika Laine" in found


async def test_a_wrong_token(here: Office) -> None:
    await here.post("token", revoke=True)
    found = await findings(here)
    assert list(found) == ["Slack token"]
    assert "was revoked" in found["Slack token"].text
    assert "MLOPS_BOT_SLACK__BOT_TOKEN" in found["Slack token"].fix


async def test_slack_has_a_bad_moment(here: Office) -> None:
    await here.post("fault", kind="http_503", method="auth.test")
    token = (await findings(here))["Slack token"]
    assert "can't be asked at the moment (http_503)" in token.text
    assert "BOT_TOKEN" not in token.fix, "it is not the token's fault"


async def test_a_missing_permission_is_named_with_its_reason(here: Office) -> None:
    await here.post("scopes", scopes=sorted(set(BOT_SCOPES) - {"reactions:read"}))
    scopes = (await findings(here))["Slack scopes"]
    assert not scopes.ok
    assert scopes.text == "missing: reactions:read (to see 📌)"
    assert "reinstall" in scopes.fix


async def test_a_channel_without_the_bot_and_one_that_is_not_there(here: Office) -> None:
    found = await findings(here, channel="#ml-platform", channels={"team": "#nowhere"})
    assert (found["Channel #ml-platform"].text, found["Channel #ml-platform"].fix) == (
        "the bot is not a member", "/invite @mlops in #ml-platform",
    )  # fmt: skip
    assert not found["Channel #nowhere"].ok
    assert "Create it" in found["Channel #nowhere"].fix


async def test_people_who_can_not_be_paged(here: Office) -> None:
    people = a_setup().people
    changed = tuple(
        replace(person, slack_id={"mika": "", "devi": "U0NOSUCHONE"}.get(person.id, person.slack_id))
        for person in people.people
    )
    found = await findings(here, people=replace(people, people=changed))
    assert "has no Slack id" in found["Person Mika Laine"].text
    assert "user_not_found" in found["Person Devi Rao"].text
    assert found["Person Dana Sutter"].ok
