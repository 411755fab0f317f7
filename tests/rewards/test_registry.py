import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import registry
from rewardium.rewards.registry import build, from_yaml, get, load, load_plugin, make, names, parse, register, to_yaml
from rewardium.rewards.reward import Sum, Weighted

weights = st.floats(-100, 100) | st.sampled_from([0.0, 1e-300, 0.1])
positive = st.floats(0.01, 100)

leaves = st.one_of(
    st.sampled_from(["extrinsic", "verify", "format"]).map(make),
    st.builds(lambda target: make("length", target=target), st.floats(0.1, 0.9)),
)


def grow(children):
    return st.one_of(
        st.builds(lambda weight, child: weight * child, weights, children),
        st.builds(lambda left, right: left + right, children, children),
        st.builds(lambda left, right: left - right, children, children),
        st.builds(lambda child, scale, kind: make("bound", child, scale=scale, kind=kind), children, positive,
                  st.sampled_from(["sigmoid", "tanh"])),
        st.builds(lambda child, running: make("bound", child, running=running), children, st.booleans()),
        st.builds(lambda child, eta: make("clip_delta", child, eta), children, st.floats(-1, 1)),
        st.builds(lambda one, other, t: make("gate", one, other, threshold=t), children, children, st.floats(-1, 1)),
        st.builds(lambda items, child: make("geometric_gate", items, child), st.lists(children, min_size=1, max_size=3),
                  children),
        st.builds(lambda one, other, child, w: make("geometric_gate", (one, other), child, weights=[w, 1.0]), children,
                  children, children, positive),
        st.builds(lambda child, n: make("anneal", child, steps=n, kind="cosine"), children, st.integers(1, 10**6)),
    )  # fmt: skip


trees = st.recursive(leaves, grow, max_leaves=8)


@given(trees)
def test_text_yaml_and_config_build_an_equal_reward(reward):
    assert parse(str(reward)) == reward
    assert from_yaml(to_yaml(reward)) == reward
    assert build(reward.config()) == reward
    assert hash(parse(str(reward))) == hash(reward)


@given(trees, st.lists(trees, min_size=1, max_size=3))
def test_nodes_built_by_hand_round_trip_through_yaml(reward, summands):
    for made in (Weighted(0.5, reward), Weighted(2.0, Weighted(0.5, reward)), Sum((*summands, reward))):
        assert from_yaml(to_yaml(made)) == made


def test_a_product_of_weights_is_written_so_that_it_reads_back():
    reward = 2.0 * (0.5 * make("verify"))
    assert parse(str(reward)) == reward


def test_the_ways_to_write_one_reward():
    expected = 0.2 * make("clip_delta", make("format")) + make("gate", make("format"), make("verify"))
    assert parse("0.2 * clip_delta(format) + gate(format, verify)") == expected
    assert parse(" clip_delta(reward=format) * 0.2 + gate(condition=format, reward=verify) ") == expected
    assert (
        build([{"weight": 0.2, "clip_delta": ["format"]}, {"gate": {"condition": "format", "reward": "verify"}}])
        == expected
    )
    assert from_yaml("reward:\n- {weight: 0.2, clip_delta: {reward: format}}\n- gate(format, verify)\n") == expected


def test_lists_of_rewards_are_built_from_yaml():
    reward = from_yaml(
        "geometric_gate: {conditions: [format, {length: {target: 0.5}}], reward: verify, weights: [1, 2]}"
    )
    assert reward == make(
        "geometric_gate", (make("format"), make("length", target=0.5)), make("verify"), weights=(1, 2)
    )


@pytest.mark.parametrize(
    ("name", "near"),
    [("digit_mach", "digit_match"), ("clipdelta", "clip_delta"), ("normalise", "normalize"), ("gates", "gate")],
)
def test_an_unknown_name_lists_the_near_ones(name, near):
    for ask in (lambda: get(name), lambda: parse(f"0.5 * {name}"), lambda: from_yaml(f"{name}: "), lambda: load(name)):
        with pytest.raises(RewardiumError, match=f"unknown reward '{name}'; did you mean .*'{near}'"):
            ask()


MALICIOUS = {
    "import": "__import__('os').system('touch pwned')",
    "dunder": "verify.__class__",
    "dunder call": "verify.__class__()",
    "subscript": "[verify][0]",
    "lambda": "(lambda: verify)()",
    "comprehension": "[verify for _ in range(3)]",
    "generator": "gate(*(verify for _ in 'ab'))",
    "starred": "gate(*[format, verify])",
    "keywords": "gate(**{'condition': format})",
    "walrus": "(x := verify)",
    "conditional": "verify if 1 else format",
    "f-string": "f'{verify}'",
    "power": "9**9**9 * verify",
    "division": "verify / 2",
    "compare": "verify == verify",
    "boolean": "verify and format",
    "bytes": "gate(b'', verify)",
    "complex": "1j * verify",
    "ellipsis": "...",
    "set": "{verify}",
    "dict": "{'a': verify}",
    "statement": "import os",
    "assignment": "x = 1",
    "two lines": "verify\nformat",
    "a number": "1",
    "a string": "'verify'",
    "a list": "[verify]",
    "none": "None",
    "empty": "",
    "blank": "  \n",
    "long": "a" * 50_000,
    "nested parentheses": "(" * 10**6 + "verify" + ")" * 10**6,
    "nested but short": "(" * 9_000 + "verify" + ")" * 9_000,
    "many signs": "-" * 15_000 + "verify",
    "many calls": "clip(" * 3_000 + "verify" + ")" * 3_000,
    "many summands": "+".join(["verify"] * 2_800),
    "many factors": "1*" * 9_000 + "verify",
    "long number": "9" * 10_000 + " * verify",
    "infinite weight": "1e999 * verify",
    "number and reward": "1 + verify",
    "reward times reward": "verify * format",
    "text times number": "'a' * 100000000000",
    "list times number": "clip(reward=[verify] * 100000000000)",
    "texts added": "'a' + 'b'",
    "unclosed": "gate(format",
    "null": "verify\0",
    "surrogate": "\ud800",
    "surrogate text": "gate('\ud800', verify)",
    "unknown parameter": "clip(verify, middle=1)",
    "missing parameter": "clip()",
    "too many": "clip(verify, 0, 1, 2)",
    "text as a number": "clip(verify, 'low')",
    "number as a reward": "clip(3)",
    "nothing as a reward": "gate(None, verify)",
    "private name": "_load_shipped",
    "builtin": "print('x')",
}


@pytest.mark.parametrize("case", MALICIOUS)
def test_what_is_no_reward_is_one_error_and_never_run(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RewardiumError):
        parse(MALICIOUS[case])
    assert not list(tmp_path.iterdir())


@given(st.text(st.sampled_from("verify clip(),+-*0.5=[]'\n\\#_:{}") | st.characters(), max_size=40))
def test_no_text_raises_anything_but_the_one_error(text):
    for read in (parse, from_yaml):
        try:
            reward = read(text)
        except RewardiumError:
            continue
        assert str(reward)


@pytest.mark.parametrize(
    "text",
    [
        "reward: [",
        "reward: []",
        "reward: 3",
        "reward: ",
        "a: 1\nb: 2",
        "{weight: 2}",
        "{weight: heavy, verify: }",
        "{weight: true, verify: }",
        "{weight: .nan, verify: }",
        "{weight: .inf, verify: }",
        "clip: 3",
        "clip: {reward: 3}",
        "clip: [verify, 0, 1, 2, 3]",
        "clip: {reward: verify, 3: 4}",
        "geometric_gate: {conditions: verify, reward: verify}",
        "!!python/object/apply:os.system ['touch pwned']",
        "&a [*a]",
        "[" * 2_000,
        "\0",
        "3: 4",
    ],
)
def test_bad_yaml_is_one_error(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RewardiumError):
        from_yaml(text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "two words", "1st", "a-b", "lambda x", "a.b"])
def test_a_name_must_be_an_identifier(name):
    with pytest.raises(RewardiumError, match="identifier"):
        register(name)


@pytest.mark.parametrize("name", ["weight", "reward", "None", "True", "for"])
def test_a_name_must_not_mean_something_else_already(name):
    with pytest.raises(RewardiumError, match=name):
        register(name)


def test_a_taken_name_is_refused_and_stays_with_its_owner():
    owner = get("clip")
    with pytest.raises(RewardiumError, match="'clip' is already taken"):
        register("clip")(lambda reward: reward)
    assert get("clip") is owner


PLUGIN = '''
from __future__ import annotations

from dataclasses import dataclass

from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward, RewardSource
from rewardium.rewards.source import Score


@register("shouting")
@dataclass(frozen=True)
class Shouting(RewardSource):
    """Pays for capitals."""

    bonus: float = 1.0

    needs = frozenset({"action"})

    def score(self, batch):
        return Score.of([self.bonus * action.isupper() for action in batch.actions])


@register("doubled")
def doubled(reward: Reward) -> Reward:
    return 2.0 * reward
'''


@pytest.fixture
def own_names(monkeypatch):
    """Forget the names that a test registers."""
    names()
    monkeypatch.setattr(registry._REWARDS, "entries", dict(registry._REWARDS.entries))


@pytest.mark.usefixtures("own_names")
def test_a_users_file_adds_rewards(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    load_plugin(path)
    reward = parse("doubled(clip(shouting(bonus=0.5)))")
    assert str(reward) == "2.0 * clip(reward=shouting(bonus=0.5))"
    assert from_yaml(to_yaml(reward)) == reward
    assert from_yaml("doubled: {reward: shouting}") == 2.0 * make("shouting")
    load_plugin(path)  # again, e.g. in a second experiment of one process
    from rewardium.envs.transition import Transition, TransitionBatch
    from rewardium.rewards.state import RewardState

    batch = TransitionBatch.from_transitions([Transition("", "", "HI", env=0), Transition("", "", "hi", env=1)])
    np.testing.assert_array_equal(reward.evaluate(batch, RewardState()).value, [1.0, 0.0])


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize(
    "text", ["this is no Python", "import no_such_module", "1 / 0", PLUGIN.replace("shouting", "clip")]
)
def test_a_users_file_that_fails_is_one_error_that_names_it(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(RewardiumError, match=r"mine\.py"):
        load_plugin(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RewardiumError, match=r"no such reward file: .*none\.py"):
        load_plugin(tmp_path / "none.py")
    with pytest.raises(RewardiumError, match=r"cannot read the reward file .*none\.yaml"):
        load(str(tmp_path / "none.yaml"))


def test_a_flag_is_an_expression_or_a_yaml_file(tmp_path):
    path = tmp_path / "reward.yaml"
    path.write_text(to_yaml(parse("0.5 * verify + format")))
    assert load(str(path)) == load("0.5 * verify + format")
