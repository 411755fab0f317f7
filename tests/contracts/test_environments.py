"""What every registered environment must do."""

import pickle
import warnings
from functools import cache

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.envs import missing_extra, registered_ids
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import ScalarTextVectorEnv, make_text_vec
from rewardium.envs.tools.sandbox import SandboxUnavailableError

MODES = list(AutoresetMode)
HOSTILE = [
    "",
    "\\boxed{",
    "\\boxed{}",
    "x" * 10**6,
    "\\boxed{1e999999999}",
    "\\boxed{nan}",
    "\\boxed{-inf}",
    "\\boxed{1/0}",
    "\\boxed{" + "9" * 10**6 + "}",
    "\ud800",
    "\\boxed{\ud800}",
    "\\boxed{" * 20_000,
    "{" * 20_000 + "}" * 20_000,
    "\0",
    "\\boxed{٣}",
    None,
    3.5,
    b"\\boxed{1}",
    ["\\boxed{1}"],
]


def _needing_extra(env_id):
    extra = missing_extra(env_id)
    return [pytest.mark.skip(reason=f"needs the extra {extra!r}")] if extra else []


EVERY = [pytest.param(env_id, marks=_needing_extra(env_id)) for env_id in registered_ids()]


def _is_text(env):
    return isinstance(env.action_space, gym.spaces.Text) and isinstance(env.observation_space, gym.spaces.Text)


@cache
def _unavailable(env_id):
    """Return why an environment cannot run on this machine, if its sandbox cannot."""
    try:
        gym.make(env_id).close()
    except SandboxUnavailableError as error:
        return str(error)
    return None


@pytest.fixture(params=EVERY)
def env_id(request):
    if (reason := _unavailable(request.param)) is not None:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def text_id(env_id):
    env = gym.make(env_id)
    is_text = _is_text(env)
    env.close()
    if not is_text:
        pytest.skip("its spaces are not text")
    return env_id


def equal(a, b):
    """Compare observations or infos to the last bit; arrays of objects by their elements."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return (
            all(map(equal, a.flat, b.flat))
            if a.dtype == object
            else np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, Task) and isinstance(b, Task):
        return a == b and dict(a.fields) == dict(b.fields)
    return type(a) is type(b) and a == b


def answers(infos, num_envs, step):
    """Give right, wrong and unreadable answers in turn."""
    tasks = infos["task"]
    forms = ["\\boxed{%s}", "I think \\boxed{%s + 1}", "%s", "\\boxed{-%s}"]
    return tuple(forms[(row + step) % 4] % (tasks[row].reference if tasks[row] else "") for row in range(num_envs))


def test_there_are_environments():
    assert "rewardium/RandomCalculation-v0" in registered_ids()


def test_gymnasium_checker_finds_nothing(env_id):
    env = gym.make(env_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


def test_stable_baselines3_checker_finds_nothing(env_id):
    env = gym.make(env_id)
    if not isinstance(
        env.action_space, (gym.spaces.Box, gym.spaces.Discrete, gym.spaces.MultiBinary, gym.spaces.MultiDiscrete)
    ):
        pytest.skip("Stable-Baselines3 has no text spaces")
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Advice for its own networks; the raw screens of a game have two dimensions.
        warnings.filterwarnings("ignore", message="Your observation .* has an unconventional shape")
        checker.check_env(env)
    env.close()


def test_seed_fixes_the_episode(env_id):
    first, second = gym.make(env_id), gym.make(env_id)
    first.action_space.seed(5)
    actions = [first.action_space.sample() for _ in range(3)]

    def episode(env):
        steps = [env.reset(seed=11)]
        for action in actions:
            steps.append(env.step(action))
            if steps[-1][2] or steps[-1][3]:
                break
        return steps

    told = episode(first)
    # Two environments, and one environment seeded again.
    assert data_equivalence(told, episode(second), exact=True)
    assert data_equivalence(told, episode(first), exact=True)
    # Without a seed the generator goes on, in both alike.
    assert data_equivalence(first.reset(), second.reset(), exact=True)


def test_seeds_differ(text_id):
    env = gym.make(text_id)
    # Tasks, not goals: the games of one task ask for the same, and their references differ.
    assert len({env.reset(seed=seed)[1]["task"] for seed in range(20)}) > 10
    assert len({env.reset()[1]["task"] for _ in range(20)}) > 10


def test_spec_survives_pickle_and_json(env_id):
    env = gym.make(env_id)
    expected = env.reset(seed=2)[0]
    for spec in (pickle.loads(pickle.dumps(env.spec)), EnvSpec.from_json(env.spec.to_json())):  # noqa: S301
        again = gym.make(spec)
        assert data_equivalence(again.reset(seed=2)[0], expected)
        again.close()
    env.close()


def test_text_env_survives_pickle(text_id):
    env = gym.make(text_id).unwrapped
    env.reset(seed=2)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301
    assert equal(env.step("\\boxed{1}"), copy.step("\\boxed{1}"))
    assert equal(env.reset(), copy.reset())


def test_needs_reset_before_and_after_an_episode(text_id):
    env = gym.make(text_id).unwrapped
    with pytest.raises(ResetNeeded, match="reset"):
        env.step("")
    env.reset(seed=0)
    while not any(env.step("")[2:4]):
        pass
    with pytest.raises(ResetNeeded, match="reset"):
        env.step("")
    env.reset()
    env.step("")


def test_observations_lie_in_the_space(env_id):
    env = gym.make(env_id)
    env.action_space.seed(0)
    for episode in range(3):
        observation, _ = env.reset(seed=episode)
        assert observation in env.observation_space
        for _ in range(20):
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            assert observation in env.observation_space
            assert np.isfinite(reward)
            if terminated or truncated:
                break
    env.close()


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_hostile_actions_score_badly_and_never_raise(text_id, index):
    env = gym.make(text_id).unwrapped
    env.reset(seed=0)
    observation, reward, _, _, info = env.step(HOSTILE[index])
    assert observation in env.observation_space
    assert reward == 0.0
    assert info["success"] is False
    assert isinstance(info["reason"], str)
    assert info["reason"]
    assert len(info["reason"]) < 1000


def test_hostile_actions_in_a_vector(text_id):
    venv = make_text_vec(text_id, len(HOSTILE))
    venv.reset(seed=0)
    _, rewards, _, _, infos = venv.step(HOSTILE)
    assert not rewards.any()
    assert not infos["success"].any()


@pytest.mark.parametrize("mode", MODES)
def test_vector_equals_gymnasiums_vector_of_scalars(text_id, mode):
    n = 5
    ours = make_text_vec(text_id, n, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    theirs = SyncVectorEnv([lambda: gym.make(text_id)] * n, autoreset_mode=mode)
    scalars = ScalarTextVectorEnv([lambda: gym.make(text_id)] * n, mode)
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    results = [venv.reset(seed=[3, 3, 4, 5, 3]) for venv in (ours, theirs, scalars)]
    for step in range(8):
        assert equal(results[0], results[1]), step
        assert equal(results[0], results[2]), step
        assert results[0][0] in ours.observation_space
        done = results[0][2] | results[0][3] if len(results[0]) == 5 else np.zeros(n, dtype=bool)
        if mode is AutoresetMode.DISABLED and done.any():
            results = [venv.reset(options={"reset_mask": done}) for venv in (ours, theirs, scalars)]
            continue
        actions = answers(results[0][1] if len(results[0]) == 2 else results[0][4], n, step)
        results = [venv.step(actions) for venv in (ours, theirs, scalars)]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_seeds_of_a_vector_are_those_of_scalars_through_autoresets(text_id, mode):
    venv = make_text_vec(text_id, 3, autoreset_mode=mode)
    scalar = gym.make(text_id)
    expected = [scalar.reset(seed=9)[1]["task"]] + [scalar.reset()[1]["task"] for _ in range(4)]
    _, infos = venv.reset(seed=[9, 9, 9])
    seen = [infos["task"]]
    ended = False
    while len(seen) < 5:
        ended_before = ended
        _, _, terminated, truncated, infos = venv.step([""] * 3)
        ended = (terminated | truncated).any()
        if ended if mode is AutoresetMode.SAME_STEP else ended_before:
            seen.append(infos["task"])
    for tasks, task in zip(seen, expected, strict=True):
        assert list(tasks) == [task] * 3


def test_int_seed_counts_up(text_id):
    venv = make_text_vec(text_id, 3)
    scalar = gym.make(text_id)
    observations, _ = venv.reset(seed=40)
    assert list(observations) == [scalar.reset(seed=40 + row)[0] for row in range(3)]


def test_group_shares_its_task(text_id):
    venv = make_text_vec(text_id, 6)
    observations, infos = venv.reset(seed=[1, 1, 1, 2, 2, 2])
    assert observations[0] == observations[1] == observations[2] != observations[3] == observations[5]
    assert infos["task"][0] == infos["task"][2] != infos["task"][3]


def test_disabled_environments_are_idle_until_reset(text_id):
    venv = make_text_vec(text_id, 3, autoreset_mode=AutoresetMode.DISABLED)
    observations, _ = venv.reset(seed=0)
    terminated = truncated = np.zeros(3, dtype=bool)
    while not (terminated | truncated).all():
        observations, _, terminated, truncated, _ = venv.step([""] * 3)
    for _ in range(2):
        idle = venv.step([None] * 3)
        assert idle[0] == observations
        assert not idle[1].any()
        assert np.array_equal(idle[2], terminated)
        assert np.array_equal(idle[3], truncated)
        assert idle[4] == {}
    options = {"reset_mask": np.array([False, True, False])}
    before = {**options}
    _, infos = venv.reset(seed=[0, 7, 0], options=options)
    assert options.keys() == before.keys()
    assert infos["_task"].tolist() == [False, True, False]
    assert infos["task"][1] == gym.make(text_id).reset(seed=7)[1]["task"]
    _, _, terminated, truncated, infos = venv.step([None, "", None])
    assert infos["_success"].tolist() == [False, True, False]
    assert (terminated | truncated)[[0, 2]].all()


def test_options_choose_the_task(text_id):
    scalar = gym.make(text_id)
    own = scalar.reset(seed=123)[1]["task"]
    observation, info = scalar.reset(seed=1, options={"task": own})
    assert info["task"] == own
    assert own.goal in observation
    plain = {"goal": own.goal, "reference": own.reference, **own.fields}
    assert scalar.reset(options={"task": plain})[1]["task"] == own
    venv = make_text_vec(text_id, 2)
    assert list(venv.reset(options={"task": own})[1]["task"]) == [own, own]
    infos = venv.reset(seed=[5, 6], options={"task": [None, own]})[1]
    assert list(infos["task"]) == [scalar.reset(seed=5)[1]["task"], own]


def test_renders_text(text_id):
    env = gym.make(text_id, render_mode="ansi")
    observation, _ = env.reset(seed=0)
    assert observation in env.render()
    env.step("my response \ud800")
    assert "my response ?" in env.render()
    assert isinstance(env.action_space, Utf8Text)
