import pytest

from rewardium.agents.llm.character import character_tokenizer
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.sampling import Completion, SamplingSettings
from rewardium.agents.llm.tool_evaluation import ToolFigures, evaluate_tool_use
from rewardium.envs.errors import RewardiumError

ENV = "rewardium/ToolUseCalculator-v0"
CALL = '<tool_call>{"name": "calculate", "arguments": {"expression": "1+1"}}</tool_call>'
SETTINGS = SamplingSettings(max_new_tokens=256)


class Says:
    """A sampler that gives each prompt of the first turn its text, and answers 0 from then on."""

    def __init__(self, chat: Chat, texts: list[str]) -> None:
        self.tokenizer, self.texts = chat.tokenizer, texts

    def generate(self, prompt_ids, settings, *, seeds, limits=None):
        texts, self.texts = self.texts or [r"\boxed{0}"] * len(prompt_ids), []
        ids = [[*self.tokenizer.encode(text), self.tokenizer.eos_token_id] for text in texts]
        return [Completion(row, [0.0] * len(row), True) for row in ids]


@pytest.fixture
def chat() -> Chat:
    return Chat(character_tokenizer(1024))


def play(chat: Chat, texts: list[str], env: str = ENV, **env_kwargs: object) -> ToolFigures:
    return evaluate_tool_use(Says(chat, texts), chat, env, env_kwargs, SETTINGS, tasks=len(texts), context_length=4096)


def test_calls_are_counted_whatever_came_of_them(chat: Chat) -> None:
    texts = [CALL, CALL + CALL, "<tool_call>{", CALL.replace("calculate", "no_tool"), "no call"]
    figures = play(chat, texts, prompt_style="goal")
    assert figures == ToolFigures(episodes=5, solved=0, calls=5, valid_calls=3)


def test_calls_of_a_last_turn_count_too(chat: Chat) -> None:
    figures = play(chat, [CALL, CALL], prompt_style="goal", max_turns=1)
    assert figures == ToolFigures(episodes=2, solved=0, calls=2, valid_calls=2)


def test_what_there_is_none_of_is_none() -> None:
    summary = ToolFigures(4, 0, 0, 0).summary()
    assert summary["valid_call_rate"] is None
    assert summary["calls_per_success"] is None
    assert summary["success"] == 0.0


def test_wrong_uses_are_refused(chat: Chat) -> None:
    with pytest.raises(RewardiumError, match="at least one task"):
        play(chat, [])
    with pytest.raises(RewardiumError, match="num_calls"):
        play(chat, ["4"], env="rewardium/RandomCalculation-v0")
