"""What all environments of the family share: physics, pictures, and a task that is said in one sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.gl import load_mujoco
from rewardium.envs.mujoco.grades import overall
from rewardium.envs.mujoco.renderer import Renderer, RenderSettings, shared_renderer
from rewardium.envs.mujoco.scene import make_model
from rewardium.envs.task import Task

LARGEST_OBSERVATION = 1000.0

Array = NDArray[np.float64]


class MujocoTaskEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]], ABC):
    """Base of the family: a body, a sentence that says what it should do, and pictures of it.

    A subclass says which model it is, how an episode starts, what is observed, and in ``criteria`` how well the state
    does what the sentence says. All else follows. The reward of a step is ``truth``: half of the criteria's mean and
    half of the worst of them. The task is done where every criterion is met in full, and has been for ``hold_steps``
    steps in a row; that is ``info["success"]``. No state ends an episode: a policy that is paid by a picture could else
    learn to end it.

    An action in [-1, 1] drives each actuator over its whole range. Observations are cut off at +-1000.

    Args:
        render_mode: ``"rgb_array"`` or None.
        render_size: Width and height of the pictures in pixels.
        shadows: Whether lights throw shadows.
        reflections: Whether floors reflect.
        multisampling: Whether edges are smoothed.
        camera: Values of ``Camera`` that replace those of the environment's own camera, or None.
        max_episode_steps: After how many steps an episode is truncated; None is never; ``gym.make`` has its own.

    Raises:
        RewardiumError: When an argument is wrong.
    """

    goal: str
    """What the body should do, as the caption of a picture of it."""
    baseline: str
    """The caption of any picture of this body."""
    frame_skip: ClassVar[int]
    """Steps of the simulation in a step of the environment."""
    hold_steps: int = 10
    """For so many steps in a row the task must be done to be a success."""
    default_camera: ClassVar[Camera]
    """Where pictures are taken from."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        render_size: int = 224,
        shadows: bool = False,
        reflections: bool = False,
        multisampling: bool = False,
        camera: Mapping[str, Any] | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise RewardiumError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        if max_episode_steps is not None and not (type(max_episode_steps) is int and max_episode_steps > 0):
            raise RewardiumError(f"max_episode_steps must be an int above 0 or None, got {max_episode_steps!r}")
        self.render_mode = render_mode
        self.render_settings = RenderSettings(render_size, shadows, reflections, multisampling)
        self.camera = self.default_camera.changed(camera)
        self.max_episode_steps = max_episode_steps
        self._mujoco = load_mujoco()
        self.model = make_model(type(self).build)
        self.data = self._mujoco.MjData(self.model)
        self._check_camera()
        self.task = Task(self.goal, fields={"baseline": self.baseline})
        # A copy: the class's metadata is shared, and Gymnasium's vectors write into it.
        self.metadata = {**self.metadata, "render_fps": round(1 / (self.model.opt.timestep * self.frame_skip))}
        low, high = self.model.actuator_ctrlrange.T
        self._control_centre, self._control_range = (low + high) / 2, (high - low) / 2
        self.action_space = spaces.Box(-1.0, 1.0, (self.model.nu,), np.float32)
        self._mujoco.mj_forward(self.model, self.data)
        size = len(self.observe())
        self.observation_space = spaces.Box(-LARGEST_OBSERVATION, LARGEST_OBSERVATION, (size,), np.float32)
        self._renderer: Renderer | None = None
        self._held = 0
        self._steps = 0

    # What a subclass says

    @staticmethod
    @abstractmethod
    def build() -> Any:
        """Return the model as an ``mujoco.MjSpec``."""

    @abstractmethod
    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return positions [nq] and velocities [nv] in which an episode starts."""

    @abstractmethod
    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return positions [nq] and velocities [nv] from all over what the body can be like, for evaluation."""

    @abstractmethod
    def observe(self) -> Array:
        """Return the observation of the present state, before it is cut off."""

    @abstractmethod
    def criteria(self) -> dict[str, float]:
        """Return how well the present state meets each demand of the task, grades in [0, 1] by name."""

    @abstractmethod
    def describe(self) -> str:
        """Return a caption of the present state, made from the state; it is the goal's sentence where that is done."""

    # What follows

    def truth(self) -> float:
        """Return how well the present state does what the task says, in [0, 1]; see ``grades.overall``."""
        return overall(self.criteria().values())

    def is_reached(self) -> bool:
        """Return whether the present state does what the task says: every criterion is met in full."""
        return all(value >= 1.0 for value in self.criteria().values())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; the seed fixes its start, and there are no options."""
        super().reset(seed=seed)
        self._mujoco.mj_resetData(self.model, self.data)
        self.set_state(*self.draw_start(self.np_random))
        return self._observation(), {"task": self.task}

    def step(self, action: ArrayLike) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Apply an action for ``frame_skip`` steps of the simulation.

        Returns:
            The observation, the task's own reward in [0, 1], False, whether the episode's limit is reached, and the
            info with ``task`` and ``success``.

        Raises:
            RewardiumError: When the action has another shape, or a value that is not finite.
        """
        values = np.asarray(action, dtype=np.float64)
        if values.shape != (self.model.nu,) or not np.isfinite(values).all():
            raise RewardiumError(f"an action of this environment is {self.model.nu} finite numbers, got {action!r}")
        self.data.ctrl[:] = self._control_centre + self._control_range * np.clip(values, -1.0, 1.0)
        self._mujoco.mj_step(self.model, self.data, self.frame_skip)
        # mj_step leaves what is computed from the state one simulation step behind it.
        self._mujoco.mj_forward(self.model, self.data)
        self._steps += 1
        grades = self.criteria()
        self._held = self._held + 1 if all(value >= 1.0 for value in grades.values()) else 0
        truncated = self.max_episode_steps is not None and self._steps >= self.max_episode_steps
        info = {"task": self.task, "success": self._held >= self.hold_steps}
        return self._observation(), overall(grades.values()), False, truncated, info

    def _observation(self) -> NDArray[np.float32]:
        return np.clip(self.observe(), -LARGEST_OBSERVATION, LARGEST_OBSERVATION).astype(np.float32)

    def set_state(self, positions: ArrayLike, velocities: ArrayLike) -> None:
        """Put the body into a state; the count of steps in which the task was done begins again.

        Args:
            positions: The positions of all joints [nq].
            velocities: The velocities of all joints [nv].

        Raises:
            RewardiumError: When the shapes are others, or a value is not finite.
        """
        qpos, qvel = np.asarray(positions, dtype=np.float64), np.asarray(velocities, dtype=np.float64)
        if qpos.shape != (self.model.nq,) or qvel.shape != (self.model.nv,):
            raise RewardiumError(
                f"a state is {self.model.nq} positions and {self.model.nv} velocities, "
                f"got {qpos.shape} and {qvel.shape}"
            )
        if not (np.isfinite(qpos).all() and np.isfinite(qvel).all()):
            raise RewardiumError("a state's positions and velocities must be finite")
        self.data.qpos[:], self.data.qvel[:] = qpos, qvel
        self._mujoco.mj_forward(self.model, self.data)
        self._held = self._steps = 0

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """Return a picture uint8 [size, size, 3] of the present state, or None without a render mode."""
        return None if self.render_mode is None else self.draw()

    def draw(self, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Draw the present state, into ``out`` where given.

        Raises:
            RewardiumError: When there is no OpenGL.
        """
        # Looked up each time, since a GL context belongs to one thread of one process.
        self._renderer = shared_renderer(self.build.__qualname__, self.model, self.render_settings)
        return self._renderer.draw(self.model, self.data, self.camera, out)

    def close(self) -> None:
        """Let go of the renderer, which ends with the last environment that holds it."""
        self._renderer = None

    def _check_camera(self) -> None:
        follow = self.camera.follow
        names = [self.model.body(index).name for index in range(self.model.nbody)]
        if follow is not None and follow not in names:
            raise RewardiumError(f"the camera cannot follow {follow!r}; the bodies are {', '.join(names)}")
