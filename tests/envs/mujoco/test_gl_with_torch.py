import subprocess
import sys

import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")

PROGRAM = """
from rewardium.envs.mujoco.pendulum_upright import PendulumUprightEnv
env = PendulumUprightEnv(render_mode="rgb_array", render_size=32)
env.reset(seed=0)
env.render()
import torch._dynamo
print("both work")
"""


@pytest.mark.slow
def test_what_needs_triton_can_be_imported_after_a_picture_was_drawn():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout.strip()) == (0, "both work"), done.stderr[-2000:]
