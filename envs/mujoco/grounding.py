"""Put a body onto the floor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.mujoco.gl import load_mujoco


def lowest_point(model: Any, data: Any) -> float:
    """Return the height of the lowest point of a model's capsules and spheres, in metres.

    Args:
        model: The model.
        data: Its data, with the places of geoms computed.
    """
    shapes = load_mujoco().mjtGeom
    is_capsule = model.geom_type == shapes.mjGEOM_CAPSULE
    counts = is_capsule | (model.geom_type == shapes.mjGEOM_SPHERE)
    half = np.where(is_capsule, model.geom_size[:, 1], 0.0)
    lowest = data.geom_xpos[:, 2] - np.abs(data.geom_xmat[:, 8]) * half - model.geom_size[:, 0]
    return float(lowest[counts].min())


def grounded(model: Any, positions: NDArray[np.float64], height: int) -> NDArray[np.float64]:
    """Return positions raised or lowered so that the lowest point touches the floor at height 0.

    Args:
        model: The model.
        positions: The positions of all joints [nq].
        height: The index of the position that is the body's height.

    Returns:
        Positions [nq].
    """
    mujoco = load_mujoco()
    data = mujoco.MjData(model)
    data.qpos[:] = positions
    mujoco.mj_kinematics(model, data)
    raised = positions.copy()
    raised[height] -= lowest_point(model, data)
    return raised
