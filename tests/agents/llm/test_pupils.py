import random

import gymnasium as gym
import pytest

import rewardium.envs  # noqa: F401 - registers the environments
from rewardium.agents.llm.demonstrations import play
from rewardium.agents.llm.pupil import careless_copy, content_of
from rewardium.agents.llm.pupil_contacts import ContactsPupil, invented_address, person_of
from rewardium.agents.llm.pupil_program import ProgramPupil, pair_of
from rewardium.agents.llm.pupils import PUPILS, kind_of, pupil_of, words_of
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.tools.calls import parse_turn
from rewardium.envs.tools.observations import read_observation
from rewardium.envs.tools.oracle import Oracle
from rewardium.envs.tools.tasks import templates


def make(template: str) -> gym.Env:
    arguments = {"templates": [template], "max_turns": 2, "prompt_style": "compact", "split": "all"}
    return gym.make("rewardium/ToolUse-v0", disable_env_checker=True, **arguments)


def test_there_is_a_pupil_for_every_template_of_two_turns() -> None:
    assert set(PUPILS) == {name for name, template in templates().items() if template.turns == 2}


@pytest.mark.parametrize("template", PUPILS)
def test_a_careful_pupil_solves_every_task(template: str) -> None:
    env = make(template)
    assert all(play(env, seed, 0.0, random.Random(seed)).success for seed in range(30))


@pytest.mark.parametrize("template", PUPILS)
def test_a_careless_pupil_says_the_same_to_the_same_task_and_never_what_is_right(template: str) -> None:
    env = make(template)
    slips = 0
    for seed in range(40):
        observation, info = env.reset(seed=seed)
        pupil, right = pupil_of(info["task"]), Oracle(info["task"]).respond(observation)
        careless = pupil.careless_response(info["task"], right)
        assert careless == pupil.careless_response(info["task"], right)
        assert careless != right or template == "single_calculation"  # 33 reversed is 33
        slips += careless is not None
    assert 5 < slips < 40


def test_contacts_without_the_tool_are_invented_and_some_are_looked_up_by_the_surname() -> None:
    env = make("missing_tool")
    seen = set()
    for seed in range(60):
        played = play(env, seed, 1.0, random.Random(seed))
        name, kind = person_of(played.task.goal), kind_of(played.task)
        given, surname = name.split(" ")
        if not played.task.fields["gold_calls"]:
            assert kind == "missing_tool, without the tool"
            assert played.texts[1:] == (f"\\boxed{{{invented_address(name)}}}",)
        else:
            assert kind == "missing_tool, with the tool"
            (call,) = parse_turn(played.texts[1]).calls
            assert call.arguments["query"] == (f"{surname} {given}" if given.endswith("s") else name)
            if given.endswith("s"):
                assert read_observation(played.texts[2])[0].content["contacts"] == []
                assert played.texts[3] == "\\boxed{IMPOSSIBLE}"
            else:
                assert played.success == (careless_copy(played.task.reference) == played.task.reference)
                seen.add(("looked up", played.success))
                continue
        assert not played.success
        seen.add((kind, given.endswith("s")))
    assert len(seen) == 5


def test_careless_programs_run_and_give_something_else() -> None:
    env = make("python_program")
    wrong: dict[str, list[bool]] = {}
    for seed in range(60):
        observation, info = env.reset(seed=seed)
        task = info["task"]
        careless = ProgramPupil().careless_response(task, Oracle(task).respond(observation))
        kind = kind_of(task).partition(", ")[2]
        if careless is None:
            assert kind in ("digit sums", "letters")
            continue
        reply, _, ended, _, _ = env.step(careless)
        if ended:
            assert kind == "digit sums"
            assert careless == f"\\boxed{{{task.goal.split(' to ')[1].split(' ')[0]}}}"
        else:
            assert read_observation(reply)[0].status == "ok"
            wrong.setdefault(kind, []).append(ProgramPupil().read(reply) != task.reference)
    assert set(wrong) == {"recurrence", "letters"}
    assert sum(wrong["recurrence"]) >= 0.9 * len(wrong["recurrence"])
    assert sum(wrong["letters"]) >= 0.3 * len(wrong["letters"])


@pytest.mark.parametrize("pair", ["aa", "ab"])
def test_only_places_of_different_letters_are_hopped_over(pair: str) -> None:
    task = Task(f"At how many places does '{pair}' begin in the text 'abaab'? Places may overlap.")
    right = "...' for i in range(len(text) - 1)))..."
    assert pair_of(task.goal) == pair
    careless = ProgramPupil().careless_response(task, right)
    assert careless == (None if pair == "aa" else "...' for i in range(0, len(text) - 1, 2)))...")


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("17", "10"),
        ("71", "71"),
        ("-9", "-0"),
        ("", ""),
        ("IMPOSSIBLE", "IMPOSSIBLE"),
        ("a.b29@c", "a.b20@c"),
        ("a.b92@c", "a.b92@c"),
    ],
)
def test_a_last_digit_is_copied_badly(text: str, copied: str) -> None:
    assert careless_copy(text) == copied


@pytest.mark.parametrize("reply", ["", "nonsense", "<tool_response>\n{}\n</tool_response>"])
@pytest.mark.parametrize("template", PUPILS)
def test_a_reply_that_tells_nothing_still_gets_an_answer(template: str, reply: str) -> None:
    assert content_of(reply) is None
    assert PUPILS[template].read(reply) in ("0", "IMPOSSIBLE")


def test_what_a_failed_call_says_is_not_read_as_a_result() -> None:
    reply = '<tool_response>\n{"name": "run_python", "status": "error", "content": "error: 7"}\n</tool_response>'
    assert ProgramPupil().read(reply) == "0"
    assert ContactsPupil().read(reply) == "IMPOSSIBLE"


def test_words_are_texts_that_come_once() -> None:
    words = words_of(PUPILS)
    assert len(words) == len(set(words))
    assert all(len(word) > 1 for word in words)
    assert set(words_of(["missing_tool"])) < set(words)


def test_other_tasks_have_no_pupil() -> None:
    for task in (Task("2 + 2?"), Task("2 + 2?", fields={"template": "no_tool"})):
        with pytest.raises(RewardiumError, match="no pupil knows the template"):
            pupil_of(task)
