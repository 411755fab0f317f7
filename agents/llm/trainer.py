"""Train a language-model policy with group-relative objectives: one file, read it from top to bottom.

An update is a few lines of ``Trainer.train``: collect a rollout, compute advantages, step the optimiser, log, and now
and then evaluate and save. Whatever is random in an update is a function of the seed and the update's number, so that
a run that was stopped and resumed is the run that was never stopped.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from rewardium import rewards
from rewardium.agents.checkpoints import keep_latest, latest_checkpoint
from rewardium.agents.interrupts import StopRequest
from rewardium.agents.llm.advantage import has_variance
from rewardium.agents.llm.batches import group_microbatches, microbatches, minibatches
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.checkpoint import (
    POLICY_FOLDER,
    TrainingState,
    load_critic_tensors,
    load_training_state,
    save_checkpoint,
)
from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.crediting import answers_of, check_credit, make_credit
from rewardium.agents.llm.evaluation import derived_seeds, evaluate, greedy
from rewardium.agents.llm.logprobs import token_logprobs
from rewardium.agents.llm.objectives import GroupObjective, Totals, make_objective
from rewardium.agents.llm.policy import Policy, load_policy
from rewardium.agents.llm.processes import Processes
from rewardium.agents.llm.rollout import Rollout, collect
from rewardium.agents.llm.sampling import TransformersSampler
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec
from rewardium.rewards.ledger import LedgerSummary
from rewardium.rewards.reward import Reward
from rewardium.rewards.vector import DenseVectorReward

logger = logging.getLogger(__name__)

Metrics = dict[str, float]

# What the seeds of an update are for; crediting.CRITIC_KEY is the next.
_TASKS, _ANSWERS, _ORDER, _EVALUATION = range(4)


class Trainer:
    """Everything a run needs, and the loop.

    Started under ``accelerate launch``, each process plays and learns from its share of the groups; gradients are
    summed, so that all processes take the step that one process would take.

    Args:
        config: What the run is.
        reward: The reward, where it is not ``config.reward``.
        resume: Go on from the last complete checkpoint of the run folder, where there is one.

    Raises:
        RewardiumError: When something in the config does not exist or does not fit, before any long work.

    Example:
        >>> trainer = Trainer(TrainConfig(model="my/policy", updates=100))  # doctest: +SKIP
        >>> trainer.train()  # doctest: +SKIP
    """

    def __init__(self, config: TrainConfig, *, reward: Reward | None = None, resume: bool = False) -> None:
        self.config = config
        self.processes = Processes(config.device)
        self.objective = make_objective(config.objective, **config.objective_kwargs)
        check_credit(config, self.objective)
        self.reward = rewards.load(config.reward) if reward is None else reward
        self.groups = self._share_of_groups()
        self.venv = self._make_env()
        checkpoint = latest_checkpoint(config.folder / "checkpoints") if resume else None
        torch.manual_seed(config.seed)  # the initial weights of an adapter
        self.policy = self._load_policy(config.model if checkpoint is None else checkpoint / POLICY_FOLDER)
        self.reference = self._load_reference()
        self.credit = make_credit(
            config, self.objective, self.policy, self._frozen_policy, self.processes, self._token_budget
        )
        self.chat = Chat(self.policy.tokenizer, system=config.system)
        self.sampler = TransformersSampler(self.policy, max_batch_tokens=config.max_batch_tokens)
        self.optimizer = torch.optim.AdamW(
            [parameter for _, parameter in self.policy.parameters()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.finished_updates = 0
        if checkpoint is not None:
            self._restore(checkpoint)
        self.processes.wait()  # the folder is looked at before the main process writes to it
        self.run = self._open_run_folder(resume) if self.processes.is_main else None
        self._stop = StopRequest()

    def train(self, on_update: Callable[[int, Metrics], None] | None = None) -> bool:
        """Run the updates that are left.

        Args:
            on_update: Called on the main process after each update with its number and metrics.

        Returns:
            Whether the run is complete; False when Ctrl-C ended it, in which case a checkpoint has been saved.
        """
        config = self.config
        with self._stop.listening():
            if self.finished_updates == 0 and config.eval_every:
                self._log(0, self.evaluate(0))
            while self.finished_updates < config.updates and not self._everyone_stops():
                update = self.finished_updates + 1
                rollout, seconds_rollout = timed(lambda: self.collect(update))  # noqa: B023 - called at once
                metrics, seconds_update = timed(lambda: self.improve(update, rollout))  # noqa: B023
                metrics |= self.describe(rollout, seconds_rollout, seconds_update)
                if config.eval_every and (update % config.eval_every == 0 or update == config.updates):
                    metrics |= self.evaluate(update)
                self._log(update, metrics)
                self.finished_updates = update
                if update % config.checkpoint_every == 0 or update == config.updates:
                    self.save()
                if on_update is not None and self.run is not None:
                    on_update(update, metrics)
            complete = self.finished_updates >= config.updates
            if not complete:
                self.save()
        self._close()
        return complete

    def collect(self, update: int) -> Rollout:
        """Play this process's share of the update's groups.

        Tasks and sampling noise are functions of (seed, update) and of the episode's place in the whole update.
        """
        config = self.config
        group, size = self.groups, config.group_size
        task_seeds = derived_seeds(config.prompts_per_update, config.seed, update, _TASKS)
        sampling_seeds = derived_seeds(config.prompts_per_update * size, config.seed, update, _ANSWERS)
        return collect(
            self.sampler,
            self.chat,
            self.venv,
            config.sampling,
            task_seeds=np.repeat(task_seeds[group], size).tolist(),
            sampling_seeds=sampling_seeds[group.start * size : group.stop * size].tolist(),
            context_length=self.policy.context_length,
            max_episode_tokens=config.max_episode_tokens,
            max_turns=config.max_turns,
        )

    def improve(self, update: int, rollout: Rollout) -> Metrics:
        """Credit the rollout's tokens and learn from it; a critic, where there is one, learns first."""
        advantage, metrics = self.credit.credit(update, rollout)
        return metrics if self.credit.waits(update) else metrics | self.learn(update, rollout, advantage)

    def learn(self, update: int, rollout: Rollout, advantage: Tensor) -> Metrics:
        """Take the optimiser steps of one update.

        With one step in all, the policy that is trained is the one that sampled: the old log-probabilities are the new
        ones without gradient, and every ratio is 1. With more steps the old ones are those noted while sampling, the
        behaviour policy's own. How far the two computations are apart is logged as ``mismatch``.
        """
        config = self.config
        learning_rate = config.learning_rate * min(1.0, update / max(config.warmup_updates, 1))
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = learning_rate
        self.policy.train(True)
        steps = [
            self._step(rollout, advantage, rows)
            for epoch in range(config.epochs)
            for rows in minibatches(rollout, config.minibatches, (config.seed, update, _ORDER, epoch))
        ]
        self.policy.train(False)
        names = dict.fromkeys(name for step in steps for name in step)
        metrics = {name: float(np.mean([step[name] for step in steps if name in step])) for name in names}
        for name in ("mismatch/mean", "mismatch/max"):  # later steps train another policy than the one that sampled
            metrics[name] = steps[0][name]
        return metrics | {"learning_rate": learning_rate}

    def _step(self, rollout: Rollout, advantage: Tensor, rows: Tensor) -> Metrics:
        """Take one optimiser step on some rows; what they add to the loss is divided by the size of the whole step."""
        config, device = self.config, self.policy.device
        single_step = config.epochs * config.minibatches == 1
        totals = self._totals(rollout, rows)
        learning = rollout.valid[rows]
        if self.objective.skips_zero_advantage:
            learning = learning & (advantage[rows] != 0.0).any(1)
        sums: Metrics = {"loss": 0.0}
        worst = 0.0
        cut = group_microbatches if isinstance(self.objective, GroupObjective) else microbatches
        for part in cut(rollout, rows[learning], self._token_budget):
            prompts = [rollout.prompt_ids[row] for row in part.tolist()]
            tokens, mask = rollout.token_ids[part].to(device), rollout.action_mask[part].to(device)
            sampled_logp, part_advantage = rollout.logprobs[part].to(device), advantage[part].to(device)
            logp = token_logprobs(self.policy, prompts, tokens, mask, temperature=config.temperature)
            logp_old = logp.detach() if single_step else sampled_logp
            logp_ref = self._reference_logprobs(prompts, tokens, mask)
            columns = (logp, logp_old, logp_ref, part_advantage, mask, totals)
            if isinstance(self.objective, GroupObjective):
                loss, metrics = self.objective.group_loss(*columns, answers_of(rollout).take(part).to(device))
            else:
                loss, metrics = self.objective.loss(*columns)
            loss.backward()  # type: ignore[no-untyped-call]
            distance = (logp.detach() - sampled_logp)[mask].abs()
            worst = max(worst, float(distance.max()))
            parts = {"loss": loss, **metrics, "distance": distance.sum(), "distances": mask.sum()}
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        return self._apply_gradients(sums, worst)

    def _apply_gradients(self, sums: Metrics, worst: float) -> Metrics:
        """Add up gradients and metrics over the processes and step; without a single row to learn from, do nothing."""
        everyone = self.processes.gather((sums, worst))
        metrics: Metrics = {}
        for name in sorted({name for sums, _ in everyone for name in sums}):
            metrics[name] = sum(sums.get(name, 0.0) for sums, _ in everyone)
        count = metrics.pop("distances", 0.0)
        # A group without variance teaches nothing; a step of such groups only was not computed, which is not 0.
        metrics["mismatch/mean"] = metrics.pop("distance", 0.0) / count if count else math.nan
        metrics["mismatch/max"] = max(worst for _, worst in everyone) if count else math.nan
        metrics["grad_norm"] = 0.0
        if count:
            parameters = [parameter for _, parameter in self.policy.parameters()]
            self.processes.sum_gradients(parameters)
            metrics["grad_norm"] = float(torch.nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm))
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return metrics

    def _totals(self, rollout: Rollout, rows: Tensor) -> Totals:
        """Count tokens, answers and groups of a step over all processes; episodes without a score do not count."""
        counted = rows[rollout.valid[rows]]
        groups = len(set(rollout.group[counted].tolist()))
        everyone = self.processes.gather(
            (float(rollout.action_mask[counted].sum()), float(len(counted)), float(groups))
        )
        tokens, sequences, prompts = (sum(column) for column in zip(*everyone, strict=True))
        longest = self.config.max_episode_tokens or self.config.max_new_tokens * (self.config.max_turns or 1)
        return Totals(max(tokens, 1.0), max(sequences, 1.0), float(longest), max(prompts, 1.0))

    @torch.no_grad()
    def _reference_logprobs(self, prompts: list[list[int]], tokens: Tensor, mask: Tensor) -> Tensor | None:
        if not self.objective.needs_reference:
            return None
        with self._frozen_policy() as reference:
            return token_logprobs(reference, prompts, tokens, mask, temperature=self.config.temperature)

    @contextmanager
    def _frozen_policy(self) -> Iterator[Policy]:
        """Give the policy as it was before training."""
        if self.reference is not None:
            yield self.reference
            return
        with self.policy.as_reference() as reference:
            yield reference

    @property
    def _token_budget(self) -> int:
        """How many tokens go through the model together."""
        return self.config.microbatch_tokens or (2_048 if self.policy.device.type == "cpu" else 16_384)

    def describe(self, rollout: Rollout, seconds_rollout: float, seconds_update: float) -> Metrics:
        """Return what the rollouts of all processes say, each number a mean over episodes unless its name says else."""
        own = {
            "returns": rollout.returns,
            "valid": rollout.valid,
            "success": rollout.success,
            "truncated": rollout.truncated,
            "tokens": rollout.action_mask.sum(1),
            "surprise": -rollout.logprobs.sum(1),
            "varied": has_variance(rollout.returns, rollout.group, rollout.valid),
        }
        everyone = self.processes.gather(
            ({name: column.double().numpy() for name, column in own.items()}, rollout.ledgers)
        )
        rows = {name: np.concatenate([columns[name] for columns, _ in everyone]) for name in own}
        ledger = LedgerSummary()
        for _, ledgers in everyone:
            for terms in ledgers:
                ledger.add_infos({"reward_terms": terms})
        known = rows["returns"][rows["valid"] > 0]
        return {
            "success": float(rows["success"].mean()),
            "reward/mean": float(known.mean()) if len(known) else math.nan,
            "reward/std": float(known.std()) if len(known) else math.nan,
            "reward/valid": float(rows["valid"].mean()),
            "length/mean": float(rows["tokens"].mean()),
            "length/max": float(rows["tokens"].max()),
            "truncated": float(rows["truncated"].mean()),
            # The mean surprise of sampled tokens is an unbiased estimate of the mean entropy where nothing is cut.
            "entropy": float(rows["surprise"].sum() / rows["tokens"].sum()),
            "groups/zero_variance": float(1.0 - rows["varied"].mean()),
            "seconds/rollout": seconds_rollout,
            "seconds/update": seconds_update,
            "tokens_per_second": float(rows["tokens"].sum() / (seconds_rollout + seconds_update)),
            **ledger.metrics(),
        }

    def evaluate(self, update: int) -> Metrics:
        """Play held-out tasks greedily on the main process, the same tasks each time."""
        if self.run is None:
            return {}
        config = self.config
        evaluation, seconds = timed(
            lambda: evaluate(
                self.sampler,
                self.chat,
                config.env,
                {**config.env_kwargs, **config.eval_env_kwargs},
                greedy(config.sampling),
                tasks=config.eval_tasks,
                seed=int(derived_seeds(1, config.seed, _EVALUATION)[0]),
                context_length=self.policy.context_length,
            )
        )
        self.run.write_episodes(update, evaluation.episodes)
        return {
            "eval/success": evaluation.success_rate,
            "eval/length": float(evaluation.lengths.mean()),
            "seconds/evaluation": seconds,
        }

    def save(self) -> None:
        """Write a checkpoint of the finished updates, unless it is there."""
        memory = self.processes.gather(self.venv.state_dict())
        if self.run is None:
            return
        root = self.config.folder / "checkpoints"
        folder = self.run.checkpoint_dir(self.finished_updates)
        if latest_checkpoint(root) != folder:
            state = TrainingState(self.finished_updates, memory)
            critic = None if self.credit.critic is None else self.credit.critic.tensors()
            save_checkpoint(folder, self.policy, self.optimizer, state, critic=critic)
            keep_latest(root, self.config.checkpoints_kept)

    def _restore(self, checkpoint: Path) -> None:
        state = load_training_state(checkpoint, self.policy, self.optimizer)
        self.finished_updates = state.update
        if self.credit.critic is not None:
            self.credit.critic.load_tensors(load_critic_tensors(checkpoint))
        if len(state.rewards) != self.processes.count:
            raise RewardiumError(
                f"the checkpoint {checkpoint} was written by {len(state.rewards)} processes, which each hold a part of "
                f"the reward's memory; resume with as many, not with {self.processes.count}"
            )
        self.venv.load_state_dict(dict(state.rewards[self.processes.index]))

    def _share_of_groups(self) -> slice:
        processes, prompts = self.processes.count, self.config.prompts_per_update
        if prompts % processes or prompts // processes < self.config.minibatches:
            raise RewardiumError(
                f"prompts_per_update={prompts} cannot be shared evenly by {processes} processes in "
                f"{self.config.minibatches} minibatches each"
            )
        share = prompts // processes
        return slice(self.processes.index * share, (self.processes.index + 1) * share)

    def _make_env(self) -> DenseVectorReward:
        config = self.config
        count = (self.groups.stop - self.groups.start) * config.group_size
        if config.eval_every:  # a wrong argument shows now, not at the first evaluation
            kwargs = {**config.env_kwargs, **config.eval_env_kwargs}
            make_text_vec(config.env, 1, autoreset_mode=AutoresetMode.DISABLED, **kwargs).close()
        venv = make_text_vec(config.env, count, autoreset_mode=AutoresetMode.DISABLED, **config.env_kwargs)
        return DenseVectorReward(venv, self.reward)

    def _load_policy(self, name: str | Path) -> Policy:
        return load_policy(
            name,
            dtype=self.config.dtype,
            device=self.processes.device,
            lora_rank=self.config.lora_rank,
            recompute=self.config.recompute,
        )

    def _load_reference(self) -> Policy | None:
        """Load the policy before training a second time, where it is needed and no adapter can be switched off."""
        config = self.config
        if self.policy.lora or not (self.objective.needs_reference or config.credit == "turn_critic"):
            return None
        return load_policy(config.model, dtype=config.dtype, device=self.processes.device, trainable=False)

    def _open_run_folder(self, resume: bool) -> RunFolder:
        run = RunFolder(self.config.folder, self.config, reward=self.reward, resume=resume)
        if resume:
            run.truncate(self.finished_updates if self.finished_updates else -1)
        return run

    def _log(self, update: int, metrics: Metrics) -> None:
        if self.run is not None:
            self.run.log(update, metrics)

    def _close(self) -> None:
        if self.run is not None:
            self.run.finish()
            self.run.close()
        self.venv.close()
        self.processes.wait()

    def _everyone_stops(self) -> bool:
        return any(self.processes.gather(self._stop.asked))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` returns, and the seconds it took; work queued on a GPU is waited for."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, time.perf_counter() - start
