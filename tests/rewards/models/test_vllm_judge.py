"""A real vLLM server on the CPU that serves a small judge; needs .venv-vllm, which .ci/setup_vllm makes."""

from __future__ import annotations

import random
import threading
import time

import pytest

from rewardium.agents.llm.game_judge import Games, JudgeConfig, measure, train_judge
from rewardium.agents.llm.game_judge_examples import QUESTIONS, ExampleSource
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.questions import ACHIEVED, HELPFUL, PREFERENCE
from rewardium.rewards.models.spec import make_judge
from rewardium.rewards.models.vllm_server import find_installation, start_server

try:
    find_installation()
    MISSING = ""
except RewardiumError as error:
    MISSING = str(error)

# The first test waits for the judge's training and the server's start, which take longer where the cores are shared.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.skipif(bool(MISSING), reason=MISSING)]

CONFIG = JudgeConfig(
    steps=120, batch_size=48, hidden_size=64, num_layers=2, num_heads=2, words=300, play_steps=0, examples=20
)
KNOWN = {"You kill the newt!": 1.0, "The door opens.": 1.0, "It's a wall.": 0.0, "The jackal bites!": 0.0}


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("judges") / "small"
    train_judge(folder, CONFIG, Games([], [], 1.0))
    torch.set_num_threads(threads)
    return folder


@pytest.fixture(scope="module")
def servers(judge_folder):
    """Start a server that gives way, and give a function that kills it and starts one that does not on its port."""
    opened = [start_server(judge_folder, nice=1)]
    running = [opened[0].__enter__()]

    def restart():
        running[-1].kill()
        opened.append(start_server(judge_folder, port=running[0].port))
        running.append(opened[-1].__enter__())
        return running[-1]

    yield running, restart
    for manager in reversed(opened):
        manager.__exit__(None, None, None)
    assert not any(server.running for server in running)


@pytest.fixture
def url(servers):
    return servers[0][-1].url


def distinct_messages(count: int) -> list[tuple[str, ...]]:
    source, generator = ExampleSource(()), random.Random(0)
    found: dict[tuple[str, ...], None] = {}
    while len(found) < count:
        found[source.draw(HELPFUL, generator).item] = None
    return list(found)


def test_the_judge_answers_what_it_knows(url, judge_folder):
    judge = make_judge(url)
    assert judge.name.startswith(f"{judge_folder.name}-")
    assert judge.name.endswith("#chat")
    replies = judge.complete([HELPFUL.prompt((message,)) for message in KNOWN])
    assert [HELPFUL.read(reply.text) for reply in replies] == list(KNOWN.values())
    assert all(reply.completion_tokens == 2 and 5 < reply.prompt_tokens < 60 for reply in replies)
    pair = PREFERENCE.prompt(("You kill the newt!", "It's a wall."))
    goal = ACHIEVED.prompt(("open the door", "Action: east\nMessage: The door opens.\nInventory: no change"))
    first, second = judge.complete([pair, goal])
    assert PREFERENCE.read(first.text) is not None
    assert ACHIEVED.read(second.text) is not None
    judge.close()


def test_chat_completions_and_the_model_in_process_agree(url, judge_folder):
    source, generator = ExampleSource(()), random.Random(1)
    prompts = [q.prompt(source.draw(q, generator).item) for q in QUESTIONS for _ in range(20)]
    texts = []
    for spec in (url, f"{url}#completions", f"transformers:{judge_folder}"):
        judge = make_judge(spec)
        texts.append([reply.text.strip() for reply in judge.complete(prompts)])
        judge.close()
    assert texts[0] == texts[1] == texts[2]


def test_it_is_measured_through_the_server_as_in_the_process(url, judge_folder):
    sources = {"seen sentences": ExampleSource(())}
    served, local = make_judge(url), make_judge(f"transformers:{judge_folder}")
    assert measure(served, sources, 20) == measure(local, sources, 20)
    helpful = measure(served, sources, 60)[0]
    assert helpful.question == "helpful"
    assert helpful.right > 0.7
    served.close()
    local.close()


def test_a_choice_is_enforced_by_the_server(url):
    judge = make_judge(f"{url}#choice=yes|no&timeout=300")
    reply = judge.complete([HELPFUL.prompt(("It's a wall.",))])[0]
    assert reply is not None
    assert reply.text in ("yes", "no")
    judge.close()


def test_a_prompt_that_is_too_long_is_unknown_and_the_others_are_answered(url):
    judge = make_judge(url)
    short = HELPFUL.prompt(("It's a wall.",))
    replies = judge.complete([short, HELPFUL.prompt(("zq" * 2500,)), short])
    assert [reply is None for reply in replies] == [False, True, False]
    judge.close()


def test_labelling_goes_on_after_the_server_was_killed_and_restarted(servers, tmp_path):
    running, restart = servers
    items = distinct_messages(200)
    annotator = Annotator(HELPFUL, running[-1].url, cache=tmp_path / "labels.sqlite", batch_size=8, retry_seconds=0.5)
    annotator.ask(items)
    deadline = time.monotonic() + 120
    while annotator.statistics.labelled < 40 and time.monotonic() < deadline:
        time.sleep(0.005)
    killer = threading.Thread(target=running[-1].kill)
    killer.start()
    killer.join()
    before = annotator.known()
    assert len(before) >= 40
    restart()
    assert annotator.wait(timeout=300)
    known = annotator.known()
    assert set(known) == set(items)
    assert {item: known[item] for item in before} == before
    annotator.close()
    again = Annotator(HELPFUL, running[-1].url, cache=tmp_path / "labels.sqlite")
    assert again.wait(timeout=60)
    assert again.known() == known
    assert again.statistics.calls == 0
    again.close()
