from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import boxed
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.models.causal_model import load_causal_model
from rewardium.rewards.sources._likelihood import Tokens, parts_of, split_steps, within

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from rewardium.agents.llm.character import build_character_policy  # noqa: E402
from rewardium.rewards.sources.cdr import Cdr  # noqa: E402
from rewardium.rewards.sources.crew import Crew, answer_spans  # noqa: E402
from rewardium.rewards.sources.dpo_reward import DpoReward  # noqa: E402
from rewardium.rewards.sources.endogenous import Endogenous, endogenous_rewards  # noqa: E402
from rewardium.rewards.sources.flr import NEGATIVE, POSITIVE, Flr  # noqa: E402
from rewardium.rewards.sources.implicit_prm import ImplicitPrm  # noqa: E402
from rewardium.rewards.sources.rlp import Rlp  # noqa: E402
from rewardium.rewards.sources.self_certainty import SelfCertainty  # noqa: E402
from rewardium.rewards.sources.self_rewarding import SelfRewarding  # noqa: E402

SIZES = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "max_length": 256}
PROMPT = "1+2+3="
ANSWERS = ["1+2=3\n3+3=6", r"so \boxed{6}", "six", "7\n"]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Two models with one tokenizer, and one with another."""
    root = tmp_path_factory.mktemp("likelihoods")
    for seed in (1, 2):
        build_character_policy(root / str(seed), seed=seed, **SIZES)
    build_character_policy(root / "other", seed=3, words=["six"], **SIZES)
    return root


@pytest.fixture(scope="session")
def two(folders):
    return str(folders / "1"), str(folders / "2")


def batch_of(actions, *, prompt=PROMPT, reference="6", fields=None):
    task = Task("sum", reference=reference, fields=fields or {})
    rows = [Transition("", prompt, action, task=task, terminated=True) for action in actions]
    return dataclasses.replace(TransitionBatch.from_transitions(rows), histories=[()] * len(rows))


def logs_by_hand(folder, context, target):
    """Log-probabilities of the target's tokens, and the logits there, from one plain forward pass."""
    model = load_causal_model(folder)
    ids = [model.tokenizer(text, add_special_tokens=False).input_ids for text in (context, target)]
    with torch.inference_mode():
        logits = model.model(torch.tensor([ids[0] + ids[1]])).logits[0].double()
    logits = logits[len(ids[0]) - 1 : len(ids[0]) + len(ids[1]) - 1]
    chosen = logits.log_softmax(-1).gather(1, torch.tensor(ids[1])[:, None])[:, 0]
    return chosen.numpy(), logits


def ratio_by_hand(two, target, context=PROMPT):
    return logs_by_hand(two[0], context, target)[0] - logs_by_hand(two[1], context, target)[0]


def check_segments(score):
    for value, row in zip(score.value, score.segments, strict=True):
        assert sum(segment.value for segment in row) == pytest.approx(value, abs=1e-4)


def test_implicit_prm_sums_the_ratios_of_the_tokens(two):
    score = ImplicitPrm(*two).score(batch_of(ANSWERS))
    for answer, value, row in zip(ANSWERS, score.value, score.segments, strict=True):
        ratios = 0.05 * ratio_by_hand(two, answer)
        np.testing.assert_allclose([segment.value for segment in row], ratios, atol=1e-6)
        assert value == pytest.approx(ratios.sum(), abs=1e-5)
        assert "".join(answer[start:end] for start, end, _ in row) == answer


def test_implicit_prm_steps_are_differences_of_prefix_values(two):
    score = ImplicitPrm(*two, beta=1.0, unit="step").score(batch_of(ANSWERS[:1]))
    ratios = ratio_by_hand(two, ANSWERS[0])
    assert [segment[:2] for segment in score.segments[0]] == [(0, 6), (6, 11)]
    steps = [segment.value for segment in score.segments[0]]
    np.testing.assert_allclose(steps, [ratios[:6].sum(), ratios[6:].sum()], atol=1e-5)
    lowest = ImplicitPrm(*two, beta=1.0, unit="step", reduce="min").score(batch_of(ANSWERS[:1]))
    prefix = ImplicitPrm(*two, beta=1.0, unit="step", reduce="min_prefix").score(batch_of(ANSWERS[:1]))
    assert lowest.value[0] == pytest.approx(min(steps), abs=1e-5)
    assert prefix.value[0] == pytest.approx(min(np.cumsum(steps)), abs=1e-5)
    assert lowest.segments is None


def test_dpo_reward_is_beta_times_the_ratio(two):
    score = DpoReward(*two, beta=0.3).score(batch_of(ANSWERS))
    expected = [0.3 * ratio_by_hand(two, answer).sum() for answer in ANSWERS]
    np.testing.assert_allclose(score.value, expected, atol=1e-5)
    assert score.segments is None
    check_segments(DpoReward(*two, unit="token").score(batch_of(ANSWERS)))


def test_self_rewarding_bounds_each_token(two):
    score = SelfRewarding(*two, clip=0.1).score(batch_of(ANSWERS))
    for answer, row in zip(ANSWERS, score.segments, strict=True):
        ratios = np.clip(ratio_by_hand(two, answer), -0.1, 0.1)
        np.testing.assert_allclose([segment.value for segment in row], ratios, atol=1e-5)
    mean = SelfRewarding(*two, reduce="mean").score(batch_of(ANSWERS)).value
    np.testing.assert_allclose(mean, [ratio_by_hand(two, answer).mean() for answer in ANSWERS], atol=1e-5)


def test_cdr_tells_the_strong_model_the_criterion(two):
    told = "Be exact."
    strong = [logs_by_hand(two[0], f"{told}\n\n{PROMPT}", answer)[0].sum() for answer in ANSWERS]
    weak = [logs_by_hand(two[1], PROMPT, answer)[0].sum() for answer in ANSWERS]
    expected = np.subtract(strong, weak)
    np.testing.assert_allclose(Cdr(*two, criterion=told).score(batch_of(ANSWERS)).value, expected, atol=1e-4)
    routed = Cdr(*two, criterion_field="rule").score(batch_of(ANSWERS, fields={"rule": told}))
    np.testing.assert_allclose(routed.value, expected, atol=1e-4)
    plain = Cdr(*two, criterion_field="rule").score(batch_of(ANSWERS))
    np.testing.assert_allclose(plain.value, [ratio_by_hand(two, a).sum() for a in ANSWERS], atol=1e-4)


@pytest.mark.parametrize("kind", [ImplicitPrm, DpoReward, SelfRewarding, Cdr])
def test_identical_models_give_exactly_nothing(two, kind):
    score = kind(two[0], two[0]).score(batch_of([*ANSWERS, ""]))
    assert score.valid.all()
    assert score.value.tolist() == [0.0] * 5


def test_rlp_is_what_the_thought_adds_to_the_reference(two):
    thoughts = ["1+2=3; ", "what?", ""]
    for horizon in (1, 2, None):
        score = Rlp(*two, horizon=horizon, lead="so ").score(batch_of(thoughts, reference="6.0"))
        without = logs_by_hand(two[1], PROMPT + "so ", "6.0")[0][:horizon].sum()
        expected = [logs_by_hand(two[0], f"{PROMPT}{text}so ", "6.0")[0][:horizon].sum() - without for text in thoughts]
        np.testing.assert_allclose(score.value, expected, atol=1e-5)


def test_rlp_ends_a_thought_at_its_mark_and_an_empty_one_brings_nothing(two):
    source = Rlp(two[0], until="###")
    plain, marked, empty, cut = source.score(batch_of(["1+2=3", "1+2=3### 6", "", "###6"])).value.tolist()
    assert plain == pytest.approx(marked, abs=1e-6)
    assert empty == cut == 0.0


def test_rlp_without_a_reference_has_no_score(two):
    batch = batch_of(["1+2=3", "x"])
    tasks = [Task("sum"), Task("sum", reference="")]
    score = Rlp(two[0]).score(dataclasses.replace(batch, tasks=tasks))
    assert not score.valid.any()
    assert score.reasons == ["the task has no reference"] * 2
    assert not Rlp(two[0]).score(dataclasses.replace(batch, tasks=None)).valid.any()


def test_flr_contrasts_the_means_of_two_lists(two):
    positive, negative = ("Thanks, that helps!", "Right."), ("Wrong.",)

    def mean(answer, sentence):
        return logs_by_hand(two[0], f"{PROMPT}{answer}\n", sentence)[0].mean()

    score = Flr(two[0], positive, negative).score(batch_of(ANSWERS))
    expected = [np.mean([mean(a, s) for s in positive]) - mean(a, negative[0]) for a in ANSWERS]
    np.testing.assert_allclose(score.value, expected, atol=1e-5)
    alone = Flr(two[0], positive, ()).score(batch_of(ANSWERS))
    np.testing.assert_allclose(alone.value, [np.mean([mean(a, s) for s in positive]) for a in ANSWERS], atol=1e-5)


def test_flr_has_twenty_sentences_a_side():
    assert len(set(POSITIVE)) == len(set(NEGATIVE)) == 20
    assert not set(POSITIVE) & set(NEGATIVE)


def test_crew_is_the_mean_probability_of_the_answer(two):
    texts = [r"so \boxed{12}", r"\boxed{1} no: \boxed{34} good", "no answer", ""]
    score = Crew(two[0]).score(batch_of(texts))
    tokens = [list(text) for text in ("so ", r"\boxed{1} no: ")]
    for row, answer in ((0, "12"), (1, "34")):
        before_box = len(tokens[row]) - (0 if row == 0 else len(r"\boxed{") - 1)
        probabilities = np.exp(logs_by_hand(two[0], PROMPT, texts[row])[0])[before_box + 1 : before_box + 3]
        assert len(answer) == len(probabilities)
        assert score.value[row] == pytest.approx(probabilities.mean(), abs=1e-6)
    assert score.valid.all()
    assert score.value[2:].tolist() == [0.0, 0.0]


@given(
    st.lists(st.sampled_from(["\\boxed{", "\\boxed {", "{", "}", "\\", "4", " ", "\n", "x"]), max_size=20).map("".join)
)
def test_the_span_of_the_last_box_is_the_verifiers_box(text):
    spans = answer_spans(text, "boxed")
    content = boxed(text)
    assert ([text[start:end] for start, end in spans] == [content]) if content else not spans


@pytest.mark.parametrize(
    ("where", "text", "parts"),
    [
        ("last_line", "a\n b c \n\n", ["b c"]),
        ("last_line", " \n ", []),
        ("response", "a\nb", ["a\nb"]),
        ("response", "", []),
        ("calls", "x<tool_call>a</tool_call>y<tool_call>b</tool_call><tool_call>c", ["a", "b"]),
    ],
)
def test_where_an_answer_stands(where, text, parts):
    assert [text[start:end] for start, end in answer_spans(text, where)] == parts


def test_endogenous_telescopes(two):
    score = Endogenous(two[0], alpha=0.5).score(batch_of(ANSWERS))
    for answer, value, row in zip(ANSWERS, score.value, score.segments, strict=True):
        logs, logits = logs_by_hand(two[0], PROMPT, answer)
        normalizers = logits.logsumexp(-1).numpy()
        expected = 0.5 * (logs + normalizers - np.append(normalizers[1:], 0.0))
        np.testing.assert_allclose([segment.value for segment in row], expected, atol=1e-5)
        assert value == pytest.approx(0.5 * (logs.sum() + normalizers[0]), abs=1e-4)


def test_endogenous_rewards_of_nothing():
    assert endogenous_rewards(np.zeros(0), np.zeros(0)).tolist() == []


@pytest.mark.parametrize("direction", ["from_uniform", "to_uniform"])
def test_self_certainty_is_a_mean_divergence(two, direction):
    score = SelfCertainty(two[0], direction=direction, unit="token").score(batch_of(ANSWERS))
    plain = SelfCertainty(two[0], direction=direction, over_vocabulary=False).score(batch_of(ANSWERS))
    for row, answer in enumerate(ANSWERS):
        logs = logs_by_hand(two[0], PROMPT, answer)[1].log_softmax(-1).numpy()
        size = logs.shape[1]
        weights = np.exp(logs) if direction == "from_uniform" else np.full_like(logs, 1 / size)
        sign = 1 if direction == "from_uniform" else -1
        expected = (weights * (logs + np.log(size)) * sign).sum(1).mean()
        assert plain.value[row] == pytest.approx(expected, abs=1e-5)
        assert score.value[row] == pytest.approx(expected / size, abs=1e-6)
    check_segments(score)


def test_self_certainty_of_the_rationale_alone(two):
    source = SelfCertainty(two[0], until="###", over_vocabulary=False)
    whole, cut, nothing = source.score(batch_of(["1+2", "1+2###6", "###6"])).value.tolist()
    assert cut == pytest.approx(whole, abs=1e-5)
    assert not source.score(batch_of(["###6"])).valid.any()
    assert nothing == 0.0


EACH = {
    "cdr": lambda two: Cdr(*two),
    "crew": lambda two: Crew(two[0]),
    "dpo_reward": lambda two: DpoReward(*two),
    "endogenous": lambda two: Endogenous(two[0]),
    "flr": lambda two: Flr(two[0], ["Yes."], ["No."]),
    "implicit_prm": lambda two: ImplicitPrm(*two),
    "rlp": lambda two: Rlp(two[0]),
    "self_certainty": lambda two: SelfCertainty(two[0]),
    "self_rewarding": lambda two: SelfRewarding(*two),
}


@pytest.fixture(params=EACH)
def source(request, two):
    return EACH[request.param](two)


def test_long_and_strange_actions_have_reasons(source):
    actions = ["6" * 100_000, None, 3.5, b"6", ["6"], "6"]
    score = source.score(batch_of(actions))
    assert score.valid.tolist() == [False] * 5 + [True]
    assert "tokens" in score.reasons[0]
    assert score.reasons[1:5] == ["the action is no text"] * 4


def test_an_observation_that_is_no_text_has_a_reason(source):
    score = source.score(batch_of(["6"], prompt=np.zeros(3)))
    assert not score.valid.any()
    assert score.reasons == ["the observation is no text"]


def test_an_empty_response(two):
    valid = {name: bool(make(two).score(batch_of([""])).valid[0]) for name, make in EACH.items()}
    assert [name for name, known in valid.items() if not known] == ["self_certainty"]
    assert not SelfRewarding(*two, reduce="mean").score(batch_of([""])).valid.any()
    assert not ImplicitPrm(*two, reduce="min").score(batch_of([""])).valid.any()


def test_the_episode_so_far_stands_before_the_response(two):
    past = Transition("which?", PROMPT, "7")
    row = Transition("", "which?", "6", history=(past,))
    batch = TransitionBatch.from_transitions([row])
    expected = logs_by_hand(two[0], f"{PROMPT}7\nwhich?\n", "6")[0].sum()
    other = logs_by_hand(two[1], f"{PROMPT}7\nwhich?\n", "6")[0].sum()
    assert DpoReward(*two, beta=1.0).score(batch).value[0] == pytest.approx(expected - other, abs=1e-5)
    turn = DpoReward(*two, beta=1.0, context="turn").score(batch).value[0]
    assert turn == pytest.approx(ratio_by_hand(two, "6", "which?").sum(), abs=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b: ImplicitPrm(a, b),
        lambda a, b: DpoReward(a, b, unit="token"),
        lambda a, b: SelfRewarding(a, b),
        lambda a, b: SelfRewarding(a, b, unit="response", clip=1.0),
        lambda a, b: Cdr(a, b, reduce="mean"),
        lambda a, b: Rlp(a, b),
    ],
)
def test_tokens_of_different_tokenizers_are_not_compared(folders, two, build):
    with pytest.raises(RewardiumError, match=r"the tokenizers of .* differ"):
        build(two[0], str(folders / "other"))


def test_whole_responses_of_different_tokenizers_are(folders, two):
    other = str(folders / "other")
    expected = logs_by_hand(two[0], PROMPT, "six")[0].sum() - logs_by_hand(other, PROMPT, "six")[0].sum()
    for source in (DpoReward(two[0], other, beta=1.0), Cdr(two[0], other)):
        assert source.score(batch_of(["six"])).value[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda two: DpoReward(*two, beta=0.0), "beta"),
        (lambda two: DpoReward(*two, unit="step"), "unit"),
        (lambda two: ImplicitPrm(*two, separator=""), "separator"),
        (lambda two: ImplicitPrm(*two, reduce="mean"), "reduce"),
        (lambda two: ImplicitPrm(two[0], "./nowhere"), "nowhere"),
        (lambda two: ImplicitPrm(two[0], ""), "reference_model"),
        (lambda two: SelfRewarding(*two, clip=-1), "clip"),
        (lambda two: Cdr(*two, criterion=3), "criterion"),
        (lambda two: Rlp(two[0], horizon=0), "horizon"),
        (lambda two: Rlp(two[0], until=None), "until"),
        (lambda two: Flr(two[0], positive=()), "positive"),
        (lambda two: Crew(two[0], where="box"), "where"),
        (lambda two: SelfCertainty(two[0], direction="up"), "direction"),
        (lambda two: SelfCertainty(two[0], over_vocabulary="yes"), "over_vocabulary"),
        (lambda two: Endogenous(two[0], alpha=float("nan")), "alpha"),
        (lambda two: Endogenous(two[0], context="all"), "context"),
        (lambda two: Endogenous(two[0], max_tokens=0), "max_tokens"),
        (lambda two: Endogenous(two[0], tokens_a_pass=0), "tokens_a_pass"),
        (lambda two: Endogenous(two[0], chat=1), "chat"),
    ],
)
def test_wrong_parameters_are_one_error(two, build, said):
    with pytest.raises(RewardiumError, match=said):
        build(two)


def test_the_reasons_show_length_and_mean(two):
    score = DpoReward(*two).score(batch_of(["six"]))
    assert score.reasons[0].startswith("3 tokens, sum ")
    assert score.cost == {"tokens": 6.0}


def test_steps_and_spans():
    assert list(split_steps("", "\n")) == []
    assert list(split_steps("a\n\nb", "\n")) == [(0, 2), (2, 3), (3, 4)]
    tokens = Tokens([(0, 0), (0, 3), (3, 4)], np.array([1.0, 2.0, 4.0]))
    assert [tuple(part) for part in parts_of(tokens, "a\nbc", "step", "\n")] == [(0, 2, 1.0), (2, 4, 6.0)]
    assert [part[:2] for part in parts_of(tokens, "a\nbc", "token", "\n")] == [(0, 1), (0, 3), (3, 4)]
    assert within(tokens, []).values.tolist() == []
