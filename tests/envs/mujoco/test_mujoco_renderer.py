import os
import subprocess
import sys
import threading
from importlib.util import find_spec

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco import gl
from rewardium.envs.mujoco.cart_pole_upright import CartPoleUprightEnv
from rewardium.envs.mujoco.hopper_upright import HopperUprightEnv
from rewardium.envs.mujoco.renderer import RenderSettings, shared_renderer

pytestmark = [
    pytest.mark.skipif(find_spec("mujoco") is None, reason="needs the extra 'mujoco'"),
    pytest.mark.skipif(gl.find_backend() is None, reason="needs EGL or OSMesa: libegl1 libgl1, or libosmesa6"),
]


def picture(**arguments):
    env = HopperUprightEnv("rgb_array", render_size=arguments.pop("render_size", 64), **arguments)
    env.reset(seed=0)
    return env.render()


def run_alone(program, **variables):
    kept = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_frame_has_the_size_and_type_that_was_asked_for():
    frame = picture(render_size=96)
    assert frame.shape == (96, 96, 3)
    assert frame.dtype == np.uint8
    assert frame.flags.c_contiguous
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 50


def test_the_sky_is_above_and_the_floor_below():
    frame = picture().astype(int)
    assert (frame[2, :, 2] > frame[2, :, 1]).all()  # blue
    assert (frame[-2, :, 1] > frame[-2, :, 2]).all()  # green


def test_a_frame_is_the_callers_own():
    env = CartPoleUprightEnv("rgb_array", render_size=64)
    env.reset(seed=0)
    env.set_state([0.0, 0.5], [0.0, 0.0])
    first = env.render()
    kept = first.copy()
    env.set_state([0.0, -2.0], [0.0, 0.0])
    assert (env.render() != kept).any()
    assert (first == kept).all()


def test_a_frame_is_a_function_of_the_state():
    env, other = (CartPoleUprightEnv("rgb_array", render_size=64) for _ in range(2))
    env.reset(seed=0)
    env.set_state([0.3, 0.5], [0.0, 0.0])
    first = env.render()
    env.step([1.0])
    env.render()
    env.set_state([0.3, 0.5], [0.0, 0.0])
    other.reset(seed=7)
    other.set_state([0.3, 0.5], [0.0, 0.0])
    assert (env.render() == first).all()
    assert (other.render() == first).all()


@pytest.mark.parametrize("option", ["shadows", "reflections", "multisampling"])
def test_what_costs_is_off_until_it_is_asked_for(option):
    assert (picture(**{option: True}) != picture()).any()


def test_another_camera_sees_something_else():
    assert (picture(camera={"azimuth": 0}) != picture()).any()
    with pytest.raises(RewardiumError, match="cannot follow 'elbow'; the bodies are world, torso"):
        HopperUprightEnv(camera={"follow": "elbow"})


def test_without_a_render_mode_there_is_no_frame():
    env = CartPoleUprightEnv()
    env.reset(seed=0)
    assert env.render() is None


@pytest.mark.parametrize("size", [0, 15, 4096, 64.0, True])
def test_refuses_a_size_that_is_none(size):
    with pytest.raises(RewardiumError, match="render_size must be an int from 16 to 2048"):
        RenderSettings(size)


def test_environments_of_one_model_share_a_renderer_and_each_thread_has_its_own():
    env, other = (CartPoleUprightEnv("rgb_array", render_size=48) for _ in range(2))
    frames = [env.draw(), other.draw()]
    assert env._renderer is other._renderer
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append((env.draw(), env._renderer, env.close())))
    thread.start()
    thread.join()
    assert (drawn[0][0] == frames[0]).all()
    assert drawn[0][1] is not other._renderer
    assert (other.draw() == frames[1]).all()


def test_a_closed_renderer_says_so():
    env = CartPoleUprightEnv("rgb_array", render_size=32)
    renderer = shared_renderer("one of its own", env.model, env.render_settings)
    renderer.close()
    renderer.close()
    with pytest.raises(RewardiumError, match="closed"):
        renderer.draw(env.model, env.data, env.camera)


def test_an_environment_that_was_closed_draws_again():
    env = CartPoleUprightEnv("rgb_array", render_size=48)
    env.reset(seed=0)
    first = env.render()
    env.close()
    assert (env.render() == first).all()


@pytest.mark.parametrize(
    ("name", "software"),
    [("llvmpipe (LLVM 15.0.6, 256 bits)", True), ("softpipe", True), ("OSMesa", True), ("NVIDIA A100/PCIe", False)],
)
def test_software_is_told_once(name, software, caplog):
    gl.warn_of_software.cache_clear()
    gl.warn_of_software(name)
    gl.warn_of_software(name)
    assert len(caplog.records) == software


DRAW = """
import sys
{before}
from rewardium.envs.mujoco.cart_pole_upright import CartPoleUprightEnv
env = CartPoleUprightEnv("rgb_array", render_size=32)
env.reset(seed=0)
env.step([0.5])
print("stepped")
import os
print(os.environ.get("MUJOCO_GL"))
print(env.render().shape)
"""


@pytest.mark.slow
def test_finds_a_gl_by_itself():
    result = run_alone(DRAW.format(before=""))
    assert result.stdout.splitlines() == ["stepped", gl.find_backend(), "(32, 32, 3)"], result.stderr


@pytest.mark.slow
def test_draws_also_where_mujoco_was_imported_before():
    result = run_alone(DRAW.format(before="import mujoco"))
    assert result.stdout.splitlines()[-1] == "(32, 32, 3)", result.stderr


@pytest.mark.slow
def test_a_users_setting_is_obeyed_and_no_gl_is_one_clear_error():
    result = run_alone(DRAW.format(before=""), MUJOCO_GL="disabled")
    assert result.stdout.splitlines() == ["stepped", "disabled"]
    last = result.stderr.strip().splitlines()[-1]
    assert "RewardiumError: no picture can be drawn: MUJOCO_GL is 'disabled'" in last
    assert "libegl1 libgl1" in last
    assert "libosmesa6" in last


@pytest.mark.slow
def test_without_any_library_the_error_names_the_packages():
    hidden = "import rewardium.envs.mujoco.gl as gl; gl._library = lambda *names: None"
    result = run_alone(DRAW.format(before=hidden), DISPLAY="")
    assert result.stdout.splitlines() == ["stepped", "disabled"], result.stderr
    assert "sudo apt-get install -y libegl1 libgl1" in result.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_fork_of_a_process_that_has_drawn_is_told_instead_of_hanging():
    program = DRAW.format(before="") + (
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        env.render()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    result = run_alone(program)
    assert "RewardiumError this process was forked from one that has drawn" in result.stdout, result.stderr
