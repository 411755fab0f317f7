from __future__ import annotations

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.conversation import text_before


class Template:
    """Marks turns with the role's first letter; the real ones are programs too."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def apply_chat_template(self, messages, *, tokenize, add_generation_prompt):
        assert not tokenize
        if self.broken == "fails":
            raise KeyError("role")
        kept = messages[:-1] if self.broken == "drops" else messages
        return "".join(f"<{m['role'][0]}>{m['content']}</>" for m in kept) + ("<a>" if add_generation_prompt else "")


@pytest.mark.parametrize(
    ("turns", "plain", "chat"),
    [
        (["q"], "q", "<u>q</><a>"),
        (["q", "a"], "qa\n", "<u>q</><a>a</><u>"),
        (["q", "a", "r"], "qa\nr\n", "<u>q</><a>a</><u>r</><a>"),
        (["q", "a", "r", "b"], "qa\nr\nb\n", "<u>q</><a>a</><u>r</><a>b</><u>"),
    ],
)
def test_what_stands_before_the_next_turn(turns, plain, chat):
    assert text_before(None, turns, chat=False) == plain
    assert text_before(Template(), turns, chat=True) == chat


def test_an_answer_that_spells_out_the_placeholder_changes_nothing():
    hostile = "REWARDIUMNEXTTURNPLACEHOLDER"
    assert text_before(Template(), ["q", hostile], chat=True) == f"<u>q</><a>{hostile}</><u>"


@pytest.mark.parametrize("broken", ["fails", "drops"])
def test_a_template_that_does_not_work_is_one_error(broken):
    with pytest.raises(RewardiumError, match="chat template"):
        text_before(Template(broken), ["q", "a"], chat=True)


def test_there_must_be_a_turn():
    with pytest.raises(RewardiumError, match="at least one turn"):
        text_before(None, [], chat=False)
