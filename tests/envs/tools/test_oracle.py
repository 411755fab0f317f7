import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.text import make_text_vec
from rewardium.envs.tools.calls import parse_turn
from rewardium.envs.tools.oracle import Oracle, demonstrate
from rewardium.envs.tools.sandbox import SandboxUnavailableError, shared_sandbox
from rewardium.envs.tools.tasks import templates
from rewardium.envs.tools.tool_use import ToolUseEnv

SANDBOXED = [name for name, template in templates().items() if "python_interpreter" in template.toolsets]
LIGHT = [name for name in templates() if name not in SANDBOXED]


def environment(name, **arguments):
    if name in SANDBOXED:
        try:
            shared_sandbox()
        except SandboxUnavailableError as error:
            pytest.skip(str(error))
    return ToolUseEnv(templates=[name], **arguments)


def calls_of(demonstration, style="auto"):
    parsed = [parse_turn(exchange.response, style) for exchange in demonstration.exchanges]
    return [{"name": call.name, "arguments": dict(call.arguments)} for turn in parsed for call in turn.calls]


def check(env, name, seed):
    shown = demonstrate(env, seed)
    assert shown.success, (name, seed, shown.reason)
    assert calls_of(shown) == shown.task.fields["gold_calls"], (name, seed)
    assert len(shown.exchanges) <= templates()[name].turns, (name, seed)
    return len(shown.exchanges)


@pytest.mark.parametrize("name", list(templates()))
def test_solves_every_template_with_the_gold_calls(name):
    env = environment(name)
    turns = {check(env, name, seed) for seed in range(5 if name in SANDBOXED else 12)}
    assert max(turns) == templates()[name].turns
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", list(templates()))
def test_solves_every_template_on_many_seeds(name, split):
    env = environment(name, split=split)
    for seed in range(1000, 1020 if name in SANDBOXED else 1200):
        check(env, name, seed)
    env.close()


@pytest.mark.parametrize("call_style", ["hermes", "openai", "auto"])
@pytest.mark.parametrize("answer_from", ["boxed", "last_line", "whole"])
def test_solves_every_style(call_style, answer_from):
    env = ToolUseEnv(call_style=call_style, answer_from=answer_from, prompt_style="compact")
    assert all(demonstrate(env, seed).success for seed in range(12))


def test_auto_reads_calls_of_either_style():
    env = ToolUseEnv(call_style="auto", templates=["search_then_calculate"])
    assert demonstrate(env, 1, "openai").success
    assert demonstrate(env, 1, "hermes").success


def test_the_oracle_reads_what_the_tools_say():
    env = ToolUseEnv(templates=["file_trail"])
    observation, info = env.reset(seed=0)
    oracle = Oracle(info["task"])
    observation = env.step(oracle.respond(observation))[0]
    first = info["task"].fields["gold_calls"][1]["arguments"]["path"]
    assert first in observation
    assert "/hall/elsewhere.txt" in oracle.respond(observation.replace(first, "/hall/elsewhere.txt"))


@pytest.mark.parametrize(
    "extra", [["unit_conversion", "calculator"], ["search", "sql"], ["contacts_calendar", "file_system"]]
)
def test_further_tools_do_not_get_in_the_way(extra):
    plain, more = ToolUseEnv(), ToolUseEnv(extra_tools=extra)
    for seed in range(10):
        shown, beside = demonstrate(plain, seed), demonstrate(more, seed)
        assert beside.success, beside.reason
        assert beside.task == shown.task
        assert set(beside.task.fields["tools"]) >= set(shown.task.fields["tools"])


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_solves_a_vector(mode):
    n = 24
    venv = make_text_vec("rewardium/ToolUse-v0", n, autoreset_mode=mode)
    observations, infos = venv.reset(seed=70)
    oracles = [Oracle(task) for task in infos["task"]]
    solved, open_rows = 0, set(range(n))
    for _ in range(8):
        actions = [oracles[row].respond(observations[row]) if row in open_rows else "" for row in range(n)]
        if mode == "Disabled":
            actions = [action if row in open_rows else None for row, action in enumerate(actions)]
        observations, rewards, terminated, _, _ = venv.step(actions)
        ended = [row for row in open_rows if terminated[row]]
        solved += sum(rewards[row] for row in ended)
        open_rows -= set(ended)
    assert solved == n
    assert not open_rows
    venv.close()


def test_a_task_of_ones_own_has_no_script():
    with pytest.raises(RewardiumError, match="no template"):
        Oracle(Task("What is 1 + 1?", "2"))
