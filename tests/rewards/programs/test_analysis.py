from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.programs.analysis import UNKNOWN, analyse, cause_of_death
from rewardium.rewards.programs.episode import Episode
from rewardium.rewards.programs.runner import Answer


def episode(*messages: str, end: str = "death", reason: str = "") -> Episode:
    steps = [{"message": message, "terminated": False, "truncated": False} for message in messages]
    steps[-1] = {**steps[-1], "terminated": end != "limit", "truncated": end == "limit"}
    return Episode(tuple(steps), success=end == "success", reason=reason)


@pytest.mark.parametrize(
    ("messages", "reason", "cause"),
    [
        (["Burned by molten lava."], "", "lava"),
        (["", "You fall into the lava!  You burn to a crisp.  You die..."], "", "lava"),
        (["You fall into the water!", "You drown."], "", "drowning"),
        (["Killed by a jackal."], "", "a jackal"),
        (["Killed by the grid bug, while sleeping."], "", "a grid bug"),
        (["killed by an acid blob"], "", "an acid blob"),
        (["You starve."], "", "starvation"),
        (["The dart was poisoned!  The poison was deadly..."], "", "poison"),
        (["You are turned to stone."], "", "being turned to stone"),
        (["The jackal bites!", "You hear a door.", ""], "", "a jackal"),
        (["The werejackal summons help!", "The large kitten claws!  You die..."], "", "a large kitten"),
        (["The jackal bites!", ""], "killed by a fox", "a fox"),
        (["You see lava.", "", "", "", ""], "", UNKNOWN),
        ([""], "death", UNKNOWN),
    ],
)
def test_causes_of_death(messages, reason, cause):
    assert cause_of_death(episode(*messages, reason=reason)) == cause


def test_the_summary_counts():
    episodes = [
        episode("It's a wall.", "It's a wall.", "Burned by molten lava."),
        episode("It's a wall.", "Burned by molten lava."),
        episode("Killed by a fox."),
        episode("It's a wall.", "", end="limit"),
        episode("You see a key.", "", "", end="success"),
    ]
    analysis = analyse(episodes)
    assert analysis.text.splitlines() == [
        "5 episodes: 1 succeeded (20%), 3 died (60%), 1 ran into the time limit (20%).",
        "Deaths by cause: lava 2 (67% of the deaths), a fox 1 (33% of the deaths).",
        "The failed episodes took 2.0 steps on average.",
        "The successful episodes took 3.0 steps on average.",
        'Most common messages of failed episodes: "It\'s a wall." (in 75%), "Burned by molten lava." (in 50%), '
        '"Killed by a fox." (in 25%).',
        'Messages more common in successful than in failed episodes: "You see a key." (100% against 0%).',
    ]
    assert analysis.statistics == {
        "episodes": 5.0, "success": 0.2, "died": 0.6, "limit": 0.2, "died/lava": 0.4, "died/a fox": 0.2,
        "steps/failed": 2.0, "steps/solved": 3.0,
    }  # fmt: skip


def test_what_the_program_said_is_told():
    answers = [[Answer(0, 1), Answer(-1, -1)], [Answer(0, 0), Answer(None, None, "why")]]
    analysis = analyse([episode("a", "b"), episode("c", "d")], answers)
    assert analysis.text.splitlines()[-1] == (
        "The program: sparse is positive in 0% of the episodes and negative in 50%; dense is positive on 33% of the "
        "steps and negative on 33%; 25% have no answer."
    )
    assert analysis.statistics["program/unanswered"] == 0.25


def test_only_successes_and_nothing_at_all():
    assert "Deaths" not in analyse([episode("a", end="success")]).text
    assert analyse([]).statistics == {"episodes": 0.0}


@given(st.lists(st.text(), min_size=1, max_size=6), st.sampled_from(["death", "limit", "success"]), st.text())
def test_any_messages_are_summarised_in_bounds(messages, end, reason):
    text = analyse([episode(*messages, end=end, reason=reason)] * 3).text
    assert all(len(line) < 2500 for line in text.split("\n"))


def test_floods_are_bounded():
    flood = [episode(*(f"{i}{j} " + "The a" * 5000 for j in range(30))) for i in range(20)]
    assert len(analyse(flood).text) < 5000
