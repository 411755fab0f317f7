import dataclasses
import hashlib
import random
from statistics import mean

import gymnasium as gym
import pytest
import torch

import rewardium.envs  # noqa: F401 - registers the environments
from rewardium.agents.llm.character import build_character_policy, character_tokenizer
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.demonstrations import (
    TOOL_ARGUMENTS,
    TOOL_ENV,
    Conversation,
    DemonstrationConfig,
    collate_layouts,
    draw_conversations,
    layout,
    learn,
    play,
    pretrain_tool_policy,
    vocabulary,
    weights_of,
)
from rewardium.agents.llm.policy import load_policy
from rewardium.agents.llm.pretraining import IGNORED
from rewardium.agents.llm.pupil import careless_copy
from rewardium.agents.llm.pupil_calculation import CalculationPupil, call_slip
from rewardium.agents.llm.pupils import PUPILS
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.text import make_text_vec
from rewardium.envs.tools.calls import CallFault, ToolCall, parse_turn

WORDS = CalculationPupil.words
MIXED = {"templates": tuple(PUPILS), "max_turns": 2, "prompt_style": "compact"}
TINY = DemonstrationConfig(steps=4, batch_size=4, demonstrations=16, hidden_size=32, num_layers=1, num_heads=2)


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(character_tokenizer(words=WORDS))


@pytest.fixture(scope="module")
def env() -> gym.Env:
    return gym.make(TOOL_ENV, **TOOL_ARGUMENTS)


def test_a_careful_pupil_solves_every_task(env: gym.Env) -> None:
    for seed in range(40):
        played = play(env, seed, 0.0, random.Random(seed))
        assert played.success
        (call,) = parse_turn(played.texts[1]).calls
        assert isinstance(call, ToolCall)
        assert [{"name": call.name, "arguments": call.arguments}] == played.task.fields["gold_calls"]


def test_a_careless_pupil_fails_exactly_where_there_is_an_occasion(env: gym.Env) -> None:
    slips = set()
    for seed in range(120):
        played = play(env, seed, 1.0, random.Random(seed))
        expression = played.task.fields["gold_calls"][0]["arguments"]["expression"]
        slip, reference = call_slip(expression), played.task.reference
        slips.add(slip)
        calls = parse_turn(played.texts[1]).calls
        if slip == "no_call":
            assert not calls
        elif slip == "unclosed":
            assert isinstance(calls[0], CallFault)
        elif slip == "operand":
            first = expression.strip("(").split()[0]
            assert (calls[0].arguments["expression"] != expression) == (first != first[::-1])
            continue  # the result of another calculation, which may or may not be copied well
        else:
            assert calls[0].arguments["expression"] == expression
            assert played.success == (careless_copy(reference) == reference)
            continue
        assert not played.success
    assert slips == {None, "no_call", "operand", "unclosed"}


def test_the_default_pupil_is_sometimes_right() -> None:
    played = draw_conversations(DemonstrationConfig(demonstrations=400))
    assert 0.2 < mean(each.success for each in played) < 0.5


def test_the_calculator_is_taught_as_it_was_when_its_results_were_published() -> None:
    played = draw_conversations(DemonstrationConfig(demonstrations=300))
    said = repr([(each.texts, each.success) for each in played]).encode()
    assert hashlib.sha256(said).hexdigest() == "1efdc783c0c479386e6e23a0efad869e3d95d42f281406957bcf7906f9391174"
    words = "\n".join(vocabulary(played)).encode()
    assert hashlib.sha256(words).hexdigest() == "b9a09a0d6ad984e354478cab8792eaff01b86440266c587a7ccf26a4f5ff19da"


def test_demonstrations_come_from_the_train_split_only() -> None:
    train = {played.task.goal for played in draw_conversations(dataclasses.replace(TINY, demonstrations=200))}
    venv = make_text_vec(TOOL_ENV, 200, split="test", **TOOL_ARGUMENTS)
    test = {task.goal for task in venv.reset(seed=0)[1]["task"]}
    assert not train & test


def test_seeds_play_other_episodes_and_the_same_seed_the_same() -> None:
    assert draw_conversations(TINY) == draw_conversations(TINY)
    other = draw_conversations(dataclasses.replace(TINY, seed=1))
    assert not {played.task.goal for played in other} & {played.task.goal for played in draw_conversations(TINY)}


class Parrot:
    """A sampler that says what a conversation says, as a policy that ends its responses would."""

    def __init__(self, texts: tuple[str, ...], chat: Chat) -> None:
        self.responses = list(texts[1::2])
        self.tokenizer = chat.tokenizer

    def generate(self, prompt_ids, settings, *, seeds, limits=None):
        from rewardium.agents.llm.sampling import Completion

        ids = [*self.tokenizer.encode(self.responses.pop(0)), self.tokenizer.eos_token_id]
        return [Completion(ids, [0.0] * len(ids), True)]


@pytest.mark.parametrize("carelessness", [0.0, 1.0])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [(TOOL_ENV, TOOL_ARGUMENTS), ("rewardium/ToolUse-v0", {**MIXED, "templates": ("missing_tool",)})],
    ids=["calculation", "missing_tool"],
)
def test_the_layout_is_that_of_a_rollout(name: str, arguments: dict, carelessness: float) -> None:
    env = gym.make(name, disable_env_checker=True, **arguments)
    shown = [play(env, seed, carelessness, random.Random(seed)) for seed in range(8)]
    chat = Chat(character_tokenizer(words=vocabulary(shown)))
    for seed, played in enumerate(shown):
        tokens, labels = layout(played.texts, chat)
        rollout = collect(
            Parrot(played.texts, chat),
            chat,
            make_text_vec(name, 1, autoreset_mode="Disabled", **arguments),
            SamplingSettings(max_new_tokens=64),
            task_seeds=[seed],
            sampling_seeds=[0],
            context_length=512,
        )
        assert rollout.prompt_ids[0] + rollout.token_ids[0].tolist() == tokens
        mine = [label != IGNORED for label in labels]
        assert [False] * len(rollout.prompt_ids[0]) + rollout.action_mask[0].tolist() == mine
        assert all(label in (IGNORED, token) for token, label in zip(tokens, labels, strict=True))
        assert bool(rollout.success[0]) == played.success


def test_the_words_save_tokens_and_lose_nothing(chat: Chat) -> None:
    for played in draw_conversations(TINY):
        for text in played.texts:
            ids = chat.tokenizer.encode(text)
            assert chat.tokenizer.decode(ids) == text
            assert chat.tokenizer.unk_token_id not in ids
        assert len(layout(played.texts, chat)[0]) < 0.45 * sum(map(len, played.texts)) + 20


@pytest.mark.parametrize("words", [["a"], ["ab", "ab"], ["\\boxed{"], ["ü!"], "ab", [3]])
def test_wrong_words_are_refused(words: object) -> None:
    with pytest.raises(RewardiumError, match="word"):
        character_tokenizer(words=words)


def test_the_longest_word_counts() -> None:
    tokenizer = character_tokenizer(words=["<a", "<a>b", "(.*)"])
    assert [tokenizer.decode([token]) for token in tokenizer.encode("<a>b<a>(.*)(.")] == [
        "<a>b", "<a", ">", "(.*)", "(", ".",
    ]  # fmt: skip


def test_a_tool_of_the_prompt_is_a_token() -> None:
    config = dataclasses.replace(
        TINY, env="rewardium/ToolUse-v0", env_arguments={**MIXED, "templates": ("missing_tool",)}
    )
    played = draw_conversations(config)
    words = vocabulary(played)
    assert "find_contacts(query?: string)\n" in words
    chat = Chat(character_tokenizer(words=words))
    for each in played:
        prompt = chat.prompt_ids(each.texts[0])
        assert chat.tokenizer.decode(prompt) == each.texts[0]
        lines = each.texts[0].count("\n")
        assert len(prompt) == lines + len(chat.tokenizer.encode(each.task.goal))


def test_padding_is_neither_read_nor_learnt() -> None:
    batch = collate_layouts([([5, 6, 7], [IGNORED, 6, 7]), ([8], [8])], padding=0)
    assert batch.input_ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.labels.tolist() == [[IGNORED, 6, 7], [8, IGNORED, IGNORED]]


def test_the_loss_falls(chat: Chat) -> None:
    config = dataclasses.replace(TINY, steps=40, batch_size=8, demonstrations=64)
    model, _ = build_character_policy(hidden_size=32, num_layers=1, num_heads=2, words=WORDS)
    losses: list[float] = []
    learn(model, chat, draw_conversations(config), config, on_step=lambda step, loss: losses.append(loss))
    assert len(losses) == 40
    assert mean(losses[-5:]) < losses[0] - 0.7
    assert not model.training


def test_emphasis_is_on_a_kind_and_no_emphasis_draws_as_before() -> None:
    config = dataclasses.replace(
        TINY, env="rewardium/ToolUse-v0", env_arguments={**MIXED, "templates": ("missing_tool", "single_calculation")}
    )
    played = draw_conversations(config)
    weights = weights_of(played, {"single_calculation": 3})
    assert weights == [3.0 if each.task.fields["template"] == "single_calculation" else 1.0 for each in played]
    assert set(weights) == {1.0, 3.0}
    assert weights_of(played, {}) is None
    with pytest.raises(RewardiumError, match=r"single_calculation|missing_tool"):
        weights_of(played, {"letters": 2})


def test_a_text_that_is_cut_is_cut_wherever_it_stands(chat: Chat) -> None:
    text = "abcdef" * 12
    played = Conversation(
        Task(
            f"At how many places does 'ab' begin in the text '{text}'? Places may overlap.",
            fields={"template": "python_program"},
        ),
        (
            f"Tools.\nAt how many places does 'ab' begin in the text '{text}'? Places may overlap.",
            f"text = '{text}'",
            "12",
            "12",
        ),
        True,
    )
    cut = PUPILS["python_program"].shortened(played.task, played.texts, 5)
    assert [len(each) for each in cut] == [len(each) - 67 for each in played.texts[:2]]
    assert cut[1] == "text = 'abcde'"
    model, _ = build_character_policy(hidden_size=32, num_layers=1, num_heads=2, words=WORDS)
    widths: list[int] = []
    forward = model.forward

    def watched(*args, **arguments):
        widths.append(arguments["input_ids"].shape[1])
        return forward(*args, **arguments)

    model.forward = watched
    learn(model, chat, [played], dataclasses.replace(TINY, growing_steps=3))
    whole = len(layout(played.texts, chat)[0])
    assert widths == [whole - 2 * (72 - 18) - 7, whole - 2 * (72 - 52) - 7, whole - 7, whole]


def test_nothing_to_learn_from_is_refused(chat: Chat) -> None:
    model, _ = build_character_policy(hidden_size=32, num_layers=1, num_heads=2, words=WORDS)
    with pytest.raises(RewardiumError, match="at least one conversation"):
        learn(model, chat, [], TINY)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"carelessness": 1.5},
        {"learning_rate": 0.0},
        {"matrix_learning_rate": float("nan")},
        {"env_arguments": {"split": "test"}},
        {"emphasis": {"single_calculation": 0}},
        {"growing_steps": -1},
    ],
)
def test_wrong_settings_are_refused(change: dict) -> None:
    with pytest.raises(RewardiumError):
        dataclasses.replace(TINY, **change)


def test_other_tasks_are_refused() -> None:
    with pytest.raises(RewardiumError, match="no pupil knows the template 'no_tool'"):
        draw_conversations(
            dataclasses.replace(TINY, env="rewardium/ToolUse-v0", env_arguments={"templates": ["no_tool"]})
        )


def test_a_policy_is_saved_with_its_card_and_built_again_bit_for_bit(tmp_path) -> None:
    for name in ("first", "second"):
        pretrain_tool_policy(tmp_path / name, TINY)
    first, second = (load_policy(str(tmp_path / name), device="cpu") for name in ("first", "second"))
    for (_, a), (_, b) in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert "careless" in (tmp_path / "first" / "README.md").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="needs a folder"):
        pretrain_tool_policy(tmp_path / "file", TINY)


@pytest.mark.slow
def test_a_taught_policy_makes_valid_calls(tmp_path) -> None:
    from rewardium.agents.llm.tool_evaluation import evaluate_policy_folder

    config = DemonstrationConfig(steps=120, batch_size=32, demonstrations=4096, carelessness=0.0)
    pretrain_tool_policy(tmp_path / "policy", config)
    policy = load_policy(str(tmp_path / "policy"), device="cpu", trainable=False)
    chat = Chat(policy.tokenizer)
    venv = make_text_vec(TOOL_ENV, 20, split="test", **TOOL_ARGUMENTS)
    prompts, _ = venv.reset(seed=0)
    completions = TransformersSampler(policy).generate(
        [chat.prompt_ids(prompt) for prompt in prompts],
        SamplingSettings(temperature=0.0, max_new_tokens=48),
        seeds=range(20),
    )
    said = [chat.tokenizer.decode(each.token_ids, skip_special_tokens=True) for each in completions]
    calls = [call for text in said for call in parse_turn(text).calls]
    assert sum(isinstance(call, ToolCall) and call.name == "calculate" for call in calls) >= 16
    arguments = {**TOOL_ARGUMENTS, "split": "test"}
    figures = evaluate_policy_folder(
        tmp_path / "policy", TOOL_ENV, arguments, temperature=0.0, max_new_tokens=48, tasks=50
    )
    assert figures.success > 0.2
    assert figures.valid_call_rate > 0.7
