"""Rewards held against the truth: what is said of rewards whose quality is known, on a real body in real pictures."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import registry
from rewardium.rewards.evaluation.rendered import make_rendered, played_states, reached_states, render_states
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score

pytest.importorskip("mujoco")
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PENDULUM = "rewardium/PendulumUpright-v0"


def load(name):
    spec = spec_from_file_location(f"{name}_script", SCRIPTS / f"{name}.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return load("evaluate_reward")


@pytest.fixture(scope="module")
def landscape():
    return load("reward_landscape")


@dataclass(frozen=True)
class Redness(RewardSource):
    """How high in the picture the red pole is: a reward that looks, and does not read."""

    needs = frozenset({"frame"})

    def score(self, batch):
        values = []
        for frame in batch.frames:
            red = (frame[..., 0].astype(int) - frame[..., 1]) > 60
            values.append(-float(np.flatnonzero(red.any(axis=1)).min()) if red.any() else None)
        return Score.of(values)


@pytest.fixture(autouse=True)
def _redness():
    registry.register("test_redness")(Redness)
    yield
    registry._REWARDS.entries.pop("test_redness", None)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    pytest.importorskip("open_clip")
    from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip

    folder = tmp_path_factory.mktemp("clip") / "tiny"
    save_clip(build_clip(TINY, seed=0), TINY, folder)
    return str(folder)


def console():
    return Console(file=io.StringIO(), width=200)


def test_known_rewards_come_out_as_they_are(script, tmp_path):
    rewards = ("extrinsic", "-1.0 * extrinsic", "test_redness")
    config = script.Config((PENDULUM,), (), (), rewards, states=60, out=tmp_path)
    rows = script.run(config, console())
    truth, opposite, redness = rows
    assert truth.epic == pytest.approx(0.0, abs=1e-6)
    assert (truth.spearman, truth.kendall, truth.valid) == pytest.approx((1.0, 1.0, 1.0))
    assert opposite.epic == pytest.approx(1.0)
    assert opposite.spearman == pytest.approx(-1.0)
    assert redness.spearman > 0.9  # the higher the pole's end, the better
    assert redness.epic < 0.4
    assert truth.probes["other camera"].same_order == pytest.approx(1.0)
    assert np.isnan(redness.probes["blank frame"].mean)  # there is nothing red to judge
    script.write(config, rows)
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert [row["reward"] for row in written["rows"]] == list(rewards)
    assert "PendulumUpright" in (tmp_path / "evaluation.md").read_text()
    assert (tmp_path / "evaluation.png").stat().st_size > 1000


def test_a_sweep_over_models_and_alphas(script, tmp_path, clip):
    config = script.Config((PENDULUM,), (clip,), (0.0, 1.0), ("test_redness",), states=20, out=tmp_path)
    rows = script.run(config, console())
    assert [(row.clip, row.alpha) for row in rows] == [(clip, 0.0), (clip, 1.0), (None, None)]
    assert rows[0].spearman != rows[1].spearman
    assert all(-1 <= row.spearman <= 1 for row in rows)
    assert set(rows[0].probes) == {"blank frame", "wrong caption", "other camera"}
    assert rows[0].probes["wrong caption"].changed_mean != rows[0].probes["wrong caption"].mean
    script.write(config, rows)
    assert (tmp_path / "evaluation.png").is_file()
    script.write_page(config, rows, tmp_path / "pages" / "sweep.md")
    page = (tmp_path / "pages" / "sweep.md").read_text()
    assert (tmp_path / "pages" / "sweep.png").is_file()
    assert "![Both over alpha](sweep.png)" in page
    assert f"| PendulumUpright | tiny | {rows[0].spearman:.3f} | {rows[1].spearman:.3f} |" in page
    assert f"| PendulumUpright | tiny | {rows[0].epic:.3f} | {rows[1].epic:.3f} |" in page
    wrong = f"{rows[0].probes['wrong caption'].truth:.3f}"
    assert f"With another sentence the mean correlation is {wrong}" in " ".join(page.split())
    assert "test_redness" not in page


def test_a_reward_without_a_score_for_blank_frames_is_told_so(script, tmp_path):
    rows = [{"raw": float("nan"), "more": [1.0]}]
    assert script.finite({"rows": rows[0]}) == {"rows": {"raw": None, "more": [1.0]}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"states": 1}, "states must be at least 2"),
        ({"alphas": (), "rewards": ()}, "must be given"),
        ({"alphas": (), "rewards": ("extrinsic",), "page": Path("page.md")}, "give --alphas"),
    ],
    ids=["states", "nothing", "page"],
)
def test_settings_that_make_no_sense(script, settings, message):
    with pytest.raises(RewardiumError, match=message):
        script.Config(**settings)


def test_models_that_are_not_there_are_told_before_any_picture(script):
    with pytest.raises(RewardiumError, match=r"train_clip\.py"):
        script.candidates(script.Config(clips=("runs/clip/none",)))


def test_states_are_rendered_as_they_are():
    env = make_rendered(PENDULUM, {"render_size": 32})
    places = reached_states(env, 5, seed=3)
    again = reached_states(env, 5, seed=3)
    np.testing.assert_array_equal(places[0], again[0])
    states = render_states(env, *places)
    assert states.frames.shape == (5, 32, 32, 3)
    assert states.frames.dtype == np.uint8
    assert len({frame.tobytes() for frame in states.frames}) == 5
    np.testing.assert_array_equal(states.positions, places[0])
    expected = np.clip((np.pi / 2 - np.abs(places[0][:, 1])) / (np.pi / 2 - 0.15), 0, 1)
    np.testing.assert_allclose(states.truth, expected, atol=1e-6)
    assert states.batch().rewards.tolist() == states.truth.tolist()
    with pytest.raises(RewardiumError, match="no states"):
        render_states(env, places[0][:0], places[1][:0])
    env.close()


def test_other_families_have_no_states():
    with pytest.raises(RewardiumError, match="environments of rewardium"):
        make_rendered("CartPole-v1")
    with pytest.raises(RewardiumError, match="cannot make"):
        make_rendered("CartPole-v77")


def test_a_curve_over_the_pole_s_angle(landscape, tmp_path):
    config = landscape.Config(
        PENDULUM, "test_redness", coordinates=("1",), low=(-1.5,), high=(1.5,), points=31, out=tmp_path / "curve.png"
    )
    assert landscape.run(config, console()) == 0
    written = json.loads((tmp_path / "curve.json").read_text())
    (angles,) = written["coordinates"].values()
    assert angles[0] == -1.5
    assert len(written["reward_values"]) == len(written["truth"]) == 31
    assert written["truth"].index(max(written["truth"])) in range(12, 19)
    best = max(range(31), key=lambda place: written["reward_values"][place])
    assert abs(angles[best]) < 0.4
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_map_over_two_coordinates(landscape, tmp_path):
    config = landscape.Config(PENDULUM, "extrinsic", coordinates=("0", "1"), points=5, out=tmp_path / "map.png")
    assert landscape.run(config, console()) == 0
    written = json.loads((tmp_path / "map.json").read_text())
    assert len(written["truth"]) == 25
    truth = np.array(written["truth"]).reshape(5, 5)
    np.testing.assert_allclose(truth, np.tile(truth[0], (5, 1)))  # the place of the cart does not matter
    assert written["reward_values"] == pytest.approx(written["truth"])


def test_states_along_a_road(landscape, tmp_path):
    config = landscape.Config(
        "rewardium/MountainCarTop-v0", "extrinsic", along_states="0", points=3, out=tmp_path / "road.png"
    )
    assert landscape.run(config, console()) == 0
    written = json.loads((tmp_path / "road.json").read_text())
    (road,) = written["coordinates"].values()
    assert road == sorted(road)
    assert written["truth"] == sorted(written["truth"])


def test_coordinates_have_names(landscape):
    shown = Console(file=io.StringIO(), width=200, record=True)
    assert landscape.run(landscape.Config(PENDULUM, list=True), shown) == 0
    lines = shown.export_text().split()
    assert len(lines) == 4
    assert lines[0] == "0:"
    config = landscape.Config(PENDULUM, "extrinsic")
    with pytest.raises(RewardiumError, match="coordinate"):
        landscape.run(replace(config, coordinates=("9",)), shown)
    with pytest.raises(RewardiumError, match="begin below"):
        landscape.run(replace(config, low=(2.0,), high=(1.0,)), shown)
    with pytest.raises(RewardiumError, match="one or two"):
        replace(config, coordinates=())


@pytest.mark.parametrize("env_id", [PENDULUM, "rewardium/HalfCheetahOnBack-v0"])
def test_states_that_play_leads_to(env_id):
    env = make_rendered(env_id, {"render_size": 32})
    first, again, other = (played_states(env, 9, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()
    assert first[0].shape == (9, env.unwrapped.model.nq)
    assert first[1].shape == (9, env.unwrapped.model.nv)
    assert np.isfinite(np.concatenate(first, axis=1)).all()
    begun = played_states(env, 40, longest=1)[0][1::2]  # every other one a step from where an episode begins
    spread = np.stack([env.unwrapped.draw_state(np.random.default_rng(seed))[0] for seed in range(20)])
    assert np.abs(begun).max() < np.abs(spread).max()
    for wrong in ({"number": 0}, {"number": 1, "longest": 0}):
        with pytest.raises(RewardiumError, match="at least 1"):
            played_states(env, **wrong)
    env.close()
