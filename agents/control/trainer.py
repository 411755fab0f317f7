"""Train a control policy with Stable-Baselines3 on any reward: one file, read it from top to bottom.

Stable-Baselines3 runs the loop of rollouts and updates. Between two updates the trainer logs, evaluates and saves. The
environments are scored together, once a step or once an update; the task's own reward is kept apart from what is paid.

A resumed run goes on with the step count, all that the algorithm has learned, its optimisers and schedules, its replay
buffer, the reward's memory and the random generators. The environments themselves cannot be saved: they begin new
episodes, with seeds that are a function of the run's seed and the step.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from rewardium import rewards
from rewardium.agents.checkpoints import keep_latest, latest_checkpoint
from rewardium.agents.control import attachments
from rewardium.agents.control.algorithms import acts_greedily, algorithm_of, make_model
from rewardium.agents.control.callbacks import BetweenUpdates
from rewardium.agents.control.checkpoint import Progress, load_checkpoint, save_checkpoint
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.deferred import (
    DeferredReplayRewards,
    DeferredRolloutRewards,
    collection_settings,
    written_positions,
)
from rewardium.agents.control.deferred_metrics import DeferredRecorder
from rewardium.agents.control.environments import adapted, first_frame, make_venv
from rewardium.agents.control.evaluation import evaluate, evaluation_env
from rewardium.agents.control.explors import ExplorsUpdates
from rewardium.agents.control.metrics import EpisodeRecorder
from rewardium.agents.control.random_state import derived_seed
from rewardium.agents.control.recording import record
from rewardium.agents.control.relabel import KeepRecord, Relabelled, ReplayRecord, relabel_replay
from rewardium.agents.control.source_flags import check_frames, filled, require_clips, require_judges
from rewardium.agents.control.states import CaptureState, recorded_frames, state_of
from rewardium.agents.interrupts import StopRequest
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.explors_exploit import ExplorsExploit
from rewardium.rewards.vector import DenseVectorReward

logger = logging.getLogger(__name__)

Metrics = dict[str, float]

OFF_POLICY = ("dqn", "sac")

# What derived seeds are for.
_ENVIRONMENTS, _EVALUATION, _RECORDING = range(3)


class ControlTrainer:
    """Everything a run needs, and the loop.

    Args:
        config: What the run is.
        reward: The reward, where it is not ``config.reward``.
        resume: Go on from the last complete checkpoint of the run folder, where there is one.
        relabel: Go on with another reward, or one that has learned since: ``relabel`` is to be called before ``train``.

    Raises:
        RewardiumError: When something in the config does not exist or does not fit, before any long work.

    Example:
        >>> config = ControlConfig(
        ...     "CartPole-v1", steps=64, num_envs=2, algorithm_kwargs={"n_steps": 32}, eval_episodes=1, recordings=0
        ... )
        >>> ControlTrainer(config).train()
        True
        >>> sorted(path.name for path in config.folder.iterdir())[:3]
        ['checkpoints', 'config.yaml', 'environment.json']
    """

    def __init__(
        self, config: ControlConfig, *, reward: Reward | None = None, resume: bool = False, relabel: bool = False
    ) -> None:
        self.config = config
        algorithm_of(config)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        loaded = rewards.load(config.reward) if reward is None else reward
        cache = None if config.cache is None else str(config.cache)
        self.reward = filled(loaded, judge=config.judge, cache=cache, clip=config.clip)
        require_judges(self.reward)
        require_clips(self.reward)
        wrappers = [CaptureState] if config.keep_states else []
        venv = make_venv(config.env, config.num_envs, config.env_kwargs, needs=self.reward.needs, wrappers=wrappers)
        self.callbacks: list[BaseCallback] = []
        self.seconds = 0.0
        self.finished_steps = 0
        try:
            self._build(venv)
            self._resume(resume, relabel)
        except BaseException:
            venv.close()  # it may be a vector of processes
            raise
        self._stop = StopRequest()
        self._seen = self._logged = self.finished_steps

    def _build(self, venv: VectorEnv[Any, Any, Any]) -> None:
        """Put reward, metrics and algorithm around the environments."""
        if "frame" in self.reward.needs:
            check_frames(self.reward, first_frame(venv))
        config, model_config = self.config, self.config
        self.paying: DenseVectorReward | DeferredVectorReward
        if config.scoring == "deferred":
            self.paying = DeferredVectorReward(venv, self.reward, max_bytes=config.scoring_megabytes * 2**20)
            later = DeferredRecorder(self.paying, config.success_return)
            self.recorder, self.env = later.episodes, adapted(later, config)
            collected = collection_settings(config.algorithm, config.num_envs)
            model_config = replace(config, algorithm_kwargs={**collected, **config.algorithm_kwargs})
            kind = DeferredReplayRewards if config.algorithm in OFF_POLICY else DeferredRolloutRewards
            self.callbacks.append(kind(later.settle))
        else:
            self.paying = DenseVectorReward(venv, self.reward)
            self.recorder = EpisodeRecorder(self.paying, config.success_return)
            self.env = adapted(self.recorder, config)
        self.model = make_model(model_config, self.env)
        self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.record = self._make_record()
        if any(isinstance(node, ExplorsExploit) for node in attachments.nodes(self.reward)):
            self.callbacks.append(ExplorsUpdates())

    def _make_record(self) -> ReplayRecord | None:
        """Return what is kept beside a replay buffer, filled by a callback; None where there is no such buffer."""
        buffer = self.model.replay_buffer if isinstance(self.model, OffPolicyAlgorithm) else None
        if buffer is None:
            if self.config.keep_states:
                raise RewardiumError(f"keep_states is for a replay buffer, and {self.config.algorithm} has none")
            return None
        size = 0
        if self.config.keep_states:
            with _one(self.config) as env:
                size = len(state_of(env))
        record = ReplayRecord(buffer.buffer_size, buffer.n_envs, size)
        self.callbacks.append(KeepRecord(record))
        return record

    def _resume(self, resume: bool, relabel: bool) -> None:
        """Go on from a checkpoint where that is wanted, and open the run folder."""
        config = self.config
        checkpoint = latest_checkpoint(config.folder / "checkpoints") if resume else None
        if relabel and (checkpoint is None or config.algorithm not in OFF_POLICY):
            raise RewardiumError(
                f"to relabel is for a run of {' or '.join(OFF_POLICY)}, which have a replay buffer, that is resumed"
            )
        if checkpoint is not None:
            self._restore(checkpoint, same_reward=not relabel)
        self.run = RunFolder(config.folder, config, reward=self.reward, resume=resume)
        if resume:
            self.run.truncate(self.finished_steps if checkpoint is not None else -1)

    def relabel(self, on_progress: Callable[[int, int], None] | None = None) -> Relabelled:
        """Give the whole replay buffer the rewards of this run's reward, in place of those it was collected with.

        Args:
            on_progress: Called with the steps done and their number.

        Returns:
            A summary.

        Raises:
            RewardiumError: When the reward needs what neither buffer nor record hold.
        """
        model = self.model
        if not isinstance(model, OffPolicyAlgorithm):
            raise RewardiumError(f"{self.config.algorithm} has no replay buffer to relabel")
        record, renders = self.record, "frame" in self.reward.needs
        with _one(self.config, rendered=renders) as env:
            result = relabel_replay(
                model,
                self.reward,
                frames=recorded_frames(record, env) if renders and self.config.keep_states and record else None,
                extrinsic=None if record is None else record.extrinsic,
                task=env.reset(seed=0)[1].get("task"),
                max_bytes=self.config.scoring_megabytes * 2**20,
                on_progress=on_progress,
            )
        self.paying.load_state_dict({"reward": result.state.state_dict(), "episode": result.episodes.tolist()})
        return result

    def train(self, on_log: Callable[[int, Metrics], None] | None = None) -> bool:
        """Train for the steps that are left.

        Args:
            on_log: Called with the step and its metrics whenever a line of metrics is written.

        Returns:
            Whether the run is complete; False when Ctrl-C ended it, in which case a checkpoint has been saved.
        """
        config = self.config
        self._on_log = on_log
        self._hook = BetweenUpdates(self._after_update)
        self._clock = self._row_clock = time.perf_counter()
        # Every start draws other episodes, and so does every seed.
        self.model.action_space.seed(derived_seed(config.seed, self.finished_steps, _ENVIRONMENTS))
        self.env.seed(derived_seed(config.seed, self.finished_steps, _ENVIRONMENTS))
        left = max(config.steps - self.finished_steps, 0)
        try:
            with self._stop.listening():
                self.model.learn(left, [self._hook, *self.callbacks], log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
            complete = self.finished_steps >= config.steps
            self.run.finish()
        finally:
            self.close()
        return complete

    def close(self) -> None:
        """Close the environments, what the reward's sources hold, and the run's files."""
        self.run.close()
        self.env.close()
        attachments.close(self.reward)

    def _after_update(self) -> bool:
        """Log, evaluate and save what is due, and say whether to go on."""
        config = self.config
        # Kept here, because Stable-Baselines3 makes and drops one step more where it is asked to stop.
        self.finished_steps = steps = int(self.model.num_timesteps)
        if config.wait_for_labels:
            attachments.drain(self.reward)
        last = steps >= config.steps or self._stop.asked
        evaluates = bool(config.eval_episodes) and (steps >= config.steps or self._passed(config.eval_every))
        saves = last or self._passed(config.checkpoint_every)
        # What is not in a line of metrics when a checkpoint is saved would be lost to a resumed run.
        if last or evaluates or saves or steps - self._logged >= config.log_every:
            metrics = self.describe()
            if evaluates:
                metrics |= self.evaluate()
            self.run.log(steps, metrics)
            self._logged = steps
            if self._on_log is not None:
                self._on_log(steps, metrics)
        if saves:
            self.save()
        self._seen = steps
        return not last

    def _passed(self, every: int) -> bool:
        """Say whether a multiple of ``every`` lies among the steps of this update."""
        return every > 0 and self.finished_steps // every > self._seen // every

    def describe(self) -> Metrics:
        """Return the metrics since the last line."""
        now = time.perf_counter()
        elapsed, self._row_clock = now - self._row_clock, now
        self.seconds += now - self._clock
        self._clock = now
        rollout, self._hook.seconds_rollout = self._hook.seconds_rollout, 0.0
        metrics = self.recorder.metrics()
        if self.recorder.solved_at is not None and self._solved_seconds is None:
            self._solved_seconds = self.seconds
        if self._solved_seconds is not None:
            metrics["solved/seconds"] = self._solved_seconds
        said = self.model.logger.name_to_value.items()
        numbers = {name: float(value) for name, value in said if name.startswith(("train/", "explors/"))}
        return {
            **metrics,
            **numbers,
            **attachments.statistics(self.reward),
            "steps_per_second": (self.finished_steps - self._logged) / elapsed if elapsed else math.nan,
            "seconds/rollout": rollout,
            "seconds/update": max(elapsed - rollout, 0.0),
            "seconds/total": self.seconds,
        }

    _solved_seconds: float | None = None

    def evaluate(self) -> Metrics:
        """Play the evaluation's episodes, the same seeds each time, and record some to look at."""
        config, greedy = self.config, acts_greedily(self.config)
        start = time.perf_counter()
        env = evaluation_env(config, min(config.num_envs, config.eval_episodes), like=self.env)
        try:
            result = evaluate(
                self.model,
                env,
                episodes=config.eval_episodes,
                greedy=greedy,
                seed=derived_seed(config.seed, _EVALUATION),
                success_return=config.success_return,
            )
        finally:
            env.close()
        if config.recordings:
            folder = config.folder / "recordings" / f"{self.finished_steps:08d}"
            seed = derived_seed(config.seed, self.finished_steps, _RECORDING)
            rows = record(config, self.model, folder, episodes=config.recordings, greedy=greedy, seed=seed)
            self.run.write_episodes(self.finished_steps, rows)
        seconds = time.perf_counter() - start
        self._clock += seconds  # the time to learn a task holds no time of looking at it
        self._row_clock += seconds
        return {
            "eval/success": result.success_rate,
            "eval/return": float(result.returns.mean()),
            "eval/length": float(result.lengths.mean()),
            "seconds/evaluation": seconds,
        }

    def save(self) -> None:
        """Write a checkpoint of the finished steps, unless it is there."""
        root = self.config.folder / "checkpoints"
        folder = self.run.checkpoint_dir(self.finished_steps)
        if latest_checkpoint(root) == folder:
            return
        progress = Progress(
            step=self.finished_steps,
            seconds=self.seconds,
            reward=self.paying.state_dict(),
            learned=attachments.learned(self.reward),
            metrics={**self.recorder.state_dict(), "solved_seconds": self._solved_seconds},
            record=self._recorded(),
        )
        save_checkpoint(folder, self.config, self.model, progress)
        keep_latest(root, self.config.checkpoints_kept)

    def _recorded(self) -> dict[str, Any] | None:
        if self.record is None or not isinstance(self.model, OffPolicyAlgorithm) or self.model.replay_buffer is None:
            return None
        buffer = self.model.replay_buffer
        return dict(self.record.state_dict(written_positions(buffer.pos, buffer.size(), buffer.buffer_size)))

    def _restore(self, checkpoint: Path, *, same_reward: bool) -> None:
        progress = load_checkpoint(checkpoint, self.config, self.model)
        self.finished_steps = progress.step
        self.seconds = progress.seconds
        if same_reward:
            self.paying.load_state_dict(dict(progress.reward))
        attachments.load_learned(self.reward, progress.learned, known_only=not same_reward)
        if self.record is not None and progress.record is not None:
            self.record.load_state_dict(progress.record)
        self.recorder.load_state_dict(progress.metrics)
        self._solved_seconds = progress.metrics["solved_seconds"]


@contextmanager
def _one(config: ControlConfig, *, rendered: bool = False) -> Iterator[gym.Env[Any, Any]]:
    """Make one environment as the run has them."""
    needs = frozenset({"frame"}) if rendered else frozenset()
    venv = make_venv(config.env, 1, config.env_kwargs, needs=needs, wrappers=[_as_it_is])
    try:
        yield venv.unwrapped.envs[0]
    finally:
        venv.close()


def _as_it_is(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    return env
