"""The speed of a GRPO step beside TRL's ``GRPOTrainer``, both on the CPU with the same model, prompts and reward."""

from __future__ import annotations

import gc
import importlib.util
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENVIRONMENT = "rewardium/RandomCalculation-v0"
TASK_SEEDS = 0  # what our trainer derives the seeds of its tasks with


@dataclass
class Config:
    """Time the GRPO step (rollout and update) of this project and of TRL, in turn, and compare."""

    model: str | None = None
    """Name or folder of a causal language model; by default a small character model that is built here."""
    pretrain_steps: int = 300
    """Supervised steps that teach the model that is built here, to partial skill."""
    repeats: int = 5
    """How often the two trainers take turns; each turn starts from the same weights."""
    steps: int = 6
    """Optimisation steps of each turn; the first is not timed."""
    reward: str = "verify"
    """What both train on. With --pretrain-steps 0 and a reward such as length(maximum=64), every answer and every
    return differs, so that nothing can be skipped or shared."""
    num_prompts: int = 16
    """Prompts in a step."""
    group_size: int = 8
    """Answers to each prompt."""
    max_new_tokens: int = 64
    """The largest number of tokens of an answer."""
    trl_batch: int = 16
    """Answers that TRL's model reads together in the update; of 16, 32, 64 and 128 none was faster than 16 here."""
    learning_rate: float = 1e-4
    """Learning rate of AdamW."""
    threads: int = 1
    """Threads of torch for both; 0 takes one a core, which a model this small gains little from."""
    seed: int = 0
    """Seed of weights, prompts and sampling."""
    json: Path | None = None
    """Also write what was measured to this file."""


@dataclass
class Turn:
    """What one trainer did in one turn.

    Args:
        seconds: Of each timed step.
        tokens: Sampled tokens of each timed step.
        rewards: Mean reward of each timed step.
        varied: Share of the groups of each timed step whose answers differ in reward. Our trainer computes no gradient
            for the others, which have none.
        prompts: The prompt of each answer, of all steps.
        moved: Largest change of a weight over the turn.
    """

    seconds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    varied: list[float] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    moved: float = 0.0

    def add(self, tokens: int, values: Sequence[float], group_size: int) -> None:
        """Note what one step sampled: its tokens and its rewards, group by group."""
        groups = [values[start : start + group_size] for start in range(0, len(values), group_size)]
        self.tokens.append(tokens)
        self.rewards.append(statistics.mean(values))
        self.varied.append(statistics.mean(float(min(group) < max(group)) for group in groups))


def run(config: Config) -> dict[str, Any]:
    """Let both trainers take turns and compare their seconds a step."""
    require_trl(config)
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)  # between transformers and TRL, nothing that a user could act on
    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    turns: dict[str, list[Turn]] = {"rewardium": [], "TRL": []}
    with tempfile.TemporaryDirectory() as folder:
        model = config.model or build_model(config, Path(folder) / "model")
        for repeat in range(config.repeats):
            for name, train in (("rewardium", train_ours), ("TRL", train_trl)):
                gc.collect()
                turns[name].append(train(config, model, Path(folder) / f"{name}-{repeat}"))
    return compared(config, turns)


def compared(config: Config, turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Return the table of both sides and the ratio of their times."""
    rows = [row(name, name_turns) for name, name_turns in turns.items()]
    ours, theirs = (row["seconds per step (median)"] for row in rows)
    idle = [name for name, name_turns in turns.items() if min(turn.moved for turn in name_turns) == 0.0]
    by_turn = [
        statistics.median(one.seconds) / statistics.median(other.seconds)
        for one, other in zip(*turns.values(), strict=False)
    ]
    same = len({tuple(turn.prompts) for name_turns in turns.values() for turn in name_turns}) == 1
    return {
        "title": f"GRPO on the CPU: {config.num_prompts} prompts x {config.group_size} answers a step",
        "table": rows,
        "summary": {
            "ratio of seconds (rewardium / TRL)": ours / theirs,
            "ratio in each turn": ", ".join(f"{ratio:.2f}" for ratio in by_turn),
            "both trained": "yes" if not idle else f"no: the weights of {', '.join(idle)} did not move",
            "same prompts": "yes" if same else "no",
        },
    }


def row(name: str, turns: Sequence[Turn]) -> dict[str, Any]:
    """Summarise the turns of one side."""

    def joined(name: str) -> list[Any]:
        return [value for turn in turns for value in getattr(turn, name)]

    seconds = joined("seconds")
    return {
        "trainer": name,
        "seconds per step (median)": statistics.median(seconds),
        "tokens per second": sum(joined("tokens")) / sum(seconds),
        "tokens per step": statistics.mean(joined("tokens")),
        "reward (mean)": statistics.mean(joined("rewards")),
        "groups that differ": statistics.mean(joined("varied")),
        "largest change of a weight": max(turn.moved for turn in turns),
    }


def require_trl(config: Config) -> None:
    """Refuse what cannot be compared, before long work starts."""
    from rewardium.envs.errors import MissingExtraError, RewardiumError

    for package in ("trl", "datasets"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "benchmark")
    answers = config.num_prompts * config.group_size
    if config.trl_batch < 1 or answers % min(config.trl_batch, answers):
        raise RewardiumError(f"--trl-batch must divide the {answers} answers of a step, got {config.trl_batch}")
    if config.steps < 2 or config.repeats < 1:
        raise RewardiumError("the benchmark needs --steps of at least 2, of which the first is not timed, and a repeat")


def build_model(config: Config, folder: Path) -> Path:
    """Build the small character model and teach it sums in part, so that its groups of answers differ in reward."""
    from rewardium.agents.llm.character import build_character_policy
    from rewardium.agents.llm.pretraining import PretrainingConfig, pretrain_policy

    if config.pretrain_steps:
        pretrain_policy(folder, PretrainingConfig(seed=config.seed, steps=config.pretrain_steps))
    else:
        build_character_policy(folder, seed=config.seed)
    return folder


def train_ours(config: Config, model: str | Path, folder: Path) -> Turn:
    """Train with this project's trainer."""
    from rewardium.agents.llm.config import TrainConfig
    from rewardium.agents.llm.trainer import Trainer

    turn = Turn()
    trainer = Trainer(
        TrainConfig(
            model=str(model),
            runs=folder,
            env=ENVIRONMENT,
            env_kwargs=environment_arguments(),
            reward=config.reward,
            updates=config.steps,
            prompts_per_update=config.num_prompts,
            group_size=config.group_size,
            max_new_tokens=config.max_new_tokens,
            learning_rate=config.learning_rate,
            eval_every=0,
            checkpoint_every=config.steps,
            dtype="float32",
            device="cpu",
            seed=config.seed,
        )
    )
    before = weights(trainer.policy.model)
    time_updates(trainer, turn)
    trainer.train()
    turn.moved = largest_change(before, weights(trainer.policy.model))
    return without_first(turn)


def time_updates(trainer: Any, turn: Turn) -> None:
    """Time each update of our trainer from the beginning of the rollout to the end of the optimiser's step."""
    collect, learn = trainer.collect, trainer.learn
    start = 0.0

    def timed_collect(update: int) -> Any:
        nonlocal start
        start = time.perf_counter()
        return collect(update)

    def timed_learn(update: int, rollout: Any, advantage: Any) -> Any:
        metrics = learn(update, rollout, advantage)
        turn.seconds.append(time.perf_counter() - start)
        turn.add(int(rollout.action_mask.sum()), rollout.returns.tolist(), trainer.config.group_size)
        turn.prompts += [conversation[0] for conversation in rollout.conversations]
        return metrics

    trainer.collect, trainer.learn = timed_collect, timed_learn


def environment_arguments() -> dict[str, Any]:
    """Return the arguments of the environment: the sums that the small model was taught."""
    from rewardium.agents.llm.pretraining import SUMS_ARGUMENTS

    return {**SUMS_ARGUMENTS, "split": "train"}


def tasks_of(config: Config) -> list[tuple[str, Any]]:
    """Return the prompts and tasks of every step, in order: those that our trainer draws for its updates."""
    from rewardium.agents.llm.evaluation import derived_seeds
    from rewardium.envs.text import make_text_vec

    venv = make_text_vec(ENVIRONMENT, config.num_prompts, **environment_arguments())
    pairs: list[tuple[str, Any]] = []
    for update in range(1, config.steps + 1):
        seeds = derived_seeds(config.num_prompts, config.seed, update, TASK_SEEDS)
        prompts, infos = venv.reset(seed=[int(seed) for seed in seeds])
        pairs += zip(prompts, infos["task"], strict=True)
    return pairs


def train_trl(config: Config, model: str | Path, folder: Path) -> Turn:
    """Train with TRL's ``GRPOTrainer``, set to do what ours does and nothing beside it."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    turn = Turn()
    pairs = tasks_of(config)
    policy = AutoModelForCausalLM.from_pretrained(model, dtype="float32", attn_implementation="sdpa")
    before = weights(policy)

    class Clock(TrainerCallback):
        """Time each step from its beginning, before the rollout, to its end, after the update."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            turn.seconds.append(time.perf_counter() - self.start)

    def reward(
        prompts: list[str], completions: list[str], completion_ids: list[list[int]], index: list[int], **_: Any
    ) -> list[float]:
        values = score(config.reward, completions, [pairs[number][1] for number in index])
        turn.add(sum(len(ids) for ids in completion_ids), values, config.group_size)
        turn.prompts += prompts
        return values

    trainer = GRPOTrainer(
        model=policy,
        processing_class=AutoTokenizer.from_pretrained(model),
        reward_funcs=reward,
        train_dataset=Dataset.from_list([{"prompt": prompt, "index": i} for i, (prompt, _) in enumerate(pairs)]),
        args=GRPOConfig(**trl_settings(config, folder)),
        callbacks=[Clock()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    turn.moved = largest_change(before, weights(policy))
    return without_first(turn)


def trl_settings(config: Config, folder: Path) -> dict[str, Any]:
    """Return the arguments of ``GRPOConfig``: one optimisation step a batch, and no work beside the training."""
    batch_size = config.num_prompts * config.group_size
    together = min(config.trl_batch, batch_size)
    return {
        "output_dir": str(folder),
        "use_cpu": True,
        "seed": config.seed,
        # The work of a step.
        "max_steps": config.steps,
        "per_device_train_batch_size": together,
        "generation_batch_size": batch_size,
        "gradient_accumulation_steps": batch_size // together,
        "num_generations": config.group_size,
        "num_iterations": 1,
        "max_completion_length": config.max_new_tokens,
        "temperature": 1.0,
        "shuffle_dataset": False,
        # The same update.
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "beta": 0.0,
        "loss_type": "dapo",  # the mean over tokens, as ours
        "scale_rewards": "group",
        "epsilon": 0.2,
        "disable_dropout": True,
        # Nothing that costs time and is not asked for.
        "bf16": False,
        "gradient_checkpointing": False,
        "use_vllm": False,
        "logging_strategy": "no",
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
    }


def score(reward: str, completions: Sequence[str], tasks: Sequence[Any]) -> list[float]:
    """Score answers with the reward that our trainer gets."""
    from rewardium import rewards
    from rewardium.envs.transition import Transition, TransitionBatch
    from rewardium.rewards import RewardState

    transitions = [
        Transition("", "", completion, task=task, terminated=True, env=env)
        for env, (completion, task) in enumerate(zip(completions, tasks, strict=True))
    ]
    outcome = rewards.load(reward).evaluate(TransitionBatch.from_transitions(transitions), RewardState())
    return [float(value) for value in outcome.value]


def weights(model: Any) -> list[Any]:
    """Copy the model's weights."""
    return [parameter.detach().clone() for parameter in model.parameters()]


def largest_change(before: Sequence[Any], after: Sequence[Any]) -> float:
    """Return the largest absolute change of a single weight."""
    return max(float((new - old).abs().max()) for old, new in zip(before, after, strict=True))


def without_first(turn: Turn) -> Turn:
    """Drop the first step, in which caches are filled and libraries loaded."""
    return Turn(turn.seconds[1:], turn.tokens[1:], turn.rewards[1:], turn.varied[1:], turn.prompts, turn.moved)
