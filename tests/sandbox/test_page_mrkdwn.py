"""Slack's markup: what it means, where it ends, and that nobody writes HTML with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.page.gallery import NAMES
from sandbox.page.mrkdwn import mrkdwn, plain
from tests.sandbox.page_html import Reading, dangers


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* _b_ ~c~ `d`", "<strong>a</strong> <em>b</em> <del>c</del> <code>d</code>"),
        ("*a _b_*", "<strong>a <em>b</em></strong>"),
        ("2*3*4 a_b_c", "2*3*4 a_b_c"),
        ("* a * and ** and *", "* a * and ** and *"),
        ("*a\nb*", "*a\nb*"),
        ("`*a*`", "<code>*a*</code>"),
        ("```x <b>\n*y*```", "<pre>x &lt;b&gt;\n*y*</pre>"),
        ("&gt; q\n&gt; r\nend", "<blockquote>q\nr</blockquote>end"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        (":tada:", '<span class="emoji" role="img" aria-label="tada" title=":tada:">🎉</span>'),
        (":unknown_one:", '<span class="emoji-name">:unknown_one:</span>'),
        ("<@U0MLENG01>", '<span class="mention" data-user="U0MLENG01">@Mika Laine</span>'),
        ("<@U0NOBODY|max>", '<span class="mention" data-user="U0NOBODY">@max</span>'),
        ("<#C0INCIDENT>", '<a class="mention" href="/?channel=C0INCIDENT" data-go="C0INCIDENT">#ml-incidents</a>'),
        ("<#C0SECRET>", '<span class="mention">#C0SECRET</span>'),
        ("<!subteam^S0ONCALL>", '<span class="mention">@ml-oncall</span>'),
        ("<!here>", '<span class="mention broadcast">@here</span>'),
        ("<!elsewhere>", "&lt;!elsewhere&gt;"),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
    ],
)
def test_markup_means_what_slack_means(text: str, html: str) -> None:
    assert str(mrkdwn(text, NAMES)) == html


def test_a_link_has_its_label_and_leaves_the_page_alone() -> None:
    html = str(mrkdwn("<https://example.com/?a=1&amp;b=2|see *here*>", NAMES))
    assert html == '<a href="https://example.com/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">see *here*</a>'


def test_a_date_is_told_in_utc_until_the_browser_knows_better() -> None:
    html = str(mrkdwn("<!date^1795403400^{date_short_pretty} {time}^https://example.com|then>", NAMES))
    time = Reading(html).all("time")[0]
    assert time["datetime"] == "2026-11-23T03:10:00+00:00"
    assert time["data-format"] == "{date_short_pretty} {time}"
    assert Reading(html).text == "23 Nov 2026 03:10"
    assert Reading(html).all("a")[0]["href"] == "https://example.com"


@pytest.mark.parametrize("text", ["<!date^x^{time}|then>", "<!date^9e99^{time}|then>", "<!date^nan^{time}|then>"])
def test_what_is_no_date_shows_its_fallback(text: str) -> None:
    assert Reading(str(mrkdwn(text, NAMES))).text == "then"


def test_plain_text_has_no_markup_but_emoji() -> None:
    assert Reading(str(plain("*a* <@U1> :x:"))).text == "*a* <@U1> ❌"


@given(st.text(st.sampled_from("*_~`<>|@!#:&;\n aB1"), max_size=120))
def test_any_text_gives_sound_html(text: str) -> None:
    assert list(dangers(str(mrkdwn(text, NAMES)))) == []


@given(st.text(st.sampled_from("*_~`>\n aB1"), max_size=120))
def test_marks_may_go_but_no_letter_does(text: str) -> None:
    seen = Reading(str(mrkdwn(text, NAMES))).text
    assert [c for c in seen if c in "aB1"] == [c for c in text if c in "aB1"]


@pytest.mark.parametrize(
    "text", ["*_~" * 13_000, "* a" * 13_000, "<" * 40_000, "`" * 40_000, ":a" * 20_000, "*a " * 13_000, "> " * 20_000]
)
def test_the_longest_text_of_only_marks_is_read_in_one_pass(text: str) -> None:
    assert list(dangers(str(mrkdwn(text, NAMES)))) == []
