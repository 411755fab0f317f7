from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.openai_server import OpenAIServerJudge
from rewardium.rewards.models.scripted import ScriptedJudge, rule_names
from rewardium.rewards.models.spec import flag, make_judge, number, split_options, whole_number, words


@pytest.mark.parametrize(
    ("spec", "judge"),
    [
        ("scripted:keyword", ScriptedJudge("keyword")),
        (" scripted:dead?seed=3 ", ScriptedJudge("dead", seed=3)),
        ("scripted:keyword?error=0.1&delay=2&seed=-7", ScriptedJudge("keyword", 0.1, 2.0, -7)),
    ],
)
def test_scripted(spec, judge):
    assert make_judge(spec) == judge


@pytest.mark.parametrize(
    ("spec", "url", "arguments"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1", {}),
        ("http://localhost:8000", "http://localhost:8000/v1", {}),
        ("https://api.example.org/v1#model=org/name:1&chat", "https://api.example.org/v1",
         {"model": "org/name:1", "endpoint": "chat"}),
        ("http://[::1]:80/v1#completions&choice=yes|no", "http://[::1]:80/v1",
         {"endpoint": "completions", "choice": ("yes", "no")}),
        ("http://h/v1#model=a%26b%23c&no_thinking&timeout=5&concurrency=2&max_tokens=3", "http://h/v1",
         {"model": "a&b#c", "thinking": False, "timeout": 5.0, "concurrency": 2, "max_tokens": 3}),
    ],
)  # fmt: skip
def test_servers(spec, url, arguments):
    pytest.importorskip("openai")
    assert make_judge(spec) == OpenAIServerJudge(url, **arguments)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "a judge must be"),
        ("   ", "a judge must be"),
        ("keyword", "a judge must be"),
        ("ftp://host/v1", "a judge must be"),
        ("http://h/v1" + "x" * 5000, "a judge must be"),
        (None, "a judge must be"),
        ("scripted:", "unknown scripted judge"),
        ("scripted:keywrd", "did you mean 'keyword'"),
        ("scripted:keyword?eror=1", "did you mean 'error'"),
        ("scripted:keyword?error=lots", "option 'error' must be a number"),
        ("scripted:keyword?error=nan", "option 'error' must be a number"),
        ("scripted:keyword?error=2", "between 0 and 1"),
        ("scripted:keyword?delay=-1", "delay"),
        ("scripted:keyword?seed=1.5", "whole number"),
        ("scripted:keyword?seed=1&seed=2", "set twice"),
        ("http://h/v1#chat&completions", "set twice"),
        ("http://h/v1#chat=yes", "takes no value"),
        ("http://h/v1#model=", "must not be empty"),
        ("http://h/v1#choice=yes|", "must not be empty"),
        ("http://h/v1#timeout=0", "timeout"),
        ("http://h/v1#concurrency=0", "concurrency"),
        ("http://h/v1#nonsense", "unknown option 'nonsense'"),
        ("transformers:#batch=two", "whole number"),
    ],
)
def test_a_wrong_spec_is_refused(spec, message):
    with pytest.raises(RewardiumError) as caught:
        make_judge(spec)
    assert message in str(caught.value)


# No text may leave the network or load a model here, so what would is not drawn.
@given(st.text(max_size=60).filter(lambda text: not text.strip().startswith(("transformers:", "http:", "https:"))))
def test_any_text_is_a_judge_or_a_clear_error(text):
    try:
        judge = make_judge(text)
    except RewardiumError:
        return
    assert isinstance(judge, ScriptedJudge)


@given(st.sampled_from(rule_names()), st.text(max_size=40))
def test_any_options_are_read_or_refused(name, options):
    try:
        judge = make_judge(f"scripted:{name}?{options}")
    except RewardiumError:
        return
    assert judge.rule == name


@given(st.floats(0, 1), st.floats(0, 1e6), st.integers(-(10**15), 10**15))
def test_numbers_come_through(error, delay, seed):
    assert make_judge(f"scripted:keyword?error={error!r}&delay={delay!r}&seed={seed}") == ScriptedJudge(
        "keyword", error, delay, seed
    )


KNOWN = {"n": number("n"), "w": whole_number("whole"), "t": words("t"), "l": words("l", "|"), "f": flag("f", 1)}


@given(st.text(max_size=30).filter(lambda text: "#" not in text), st.text("nwtlf=&|%2.5e-", max_size=30))
def test_splitting_never_fails_in_another_way(address, options):
    try:
        found, read = split_options(f"{address}#{options}", "#", KNOWN)
    except RewardiumError:
        return
    assert found == address
    assert set(read) <= {"n", "whole", "t", "l", "f"}
