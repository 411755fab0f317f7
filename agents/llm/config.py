"""What a training run of a language-model policy is: every setting, with its help and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from rewardium.agents.flags import YamlMapping
from rewardium.agents.llm.advantage import Credit, Scale
from rewardium.agents.llm.policy import DtypeName
from rewardium.agents.llm.sampling import SamplingSettings
from rewardium.envs.errors import RewardiumError, unknown_name_message


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is."""

    model: str
    """Folder or hub name of the policy to start from."""
    name: str = "grpo"
    """Name of the run."""
    runs: Path = Path("runs")
    """Where run folders are."""

    env: str = "rewardium/RandomCalculation-v0"
    """Id of the text environment."""
    env_kwargs: YamlMapping = field(default_factory=dict)
    """Its arguments, as a YAML mapping."""
    reward: str = "extrinsic"
    """A reward expression, or the path of a YAML file."""
    system: str | None = None
    """System message, for models with a chat template."""

    updates: int = 200
    """Number of updates."""
    prompts_per_update: int = 64
    """Prompts of one update, over all processes."""
    group_size: int = 8
    """Answers to each prompt."""
    max_new_tokens: int = 256
    """Largest number of tokens of one answer."""
    max_episode_tokens: int | None = None
    """Largest number of tokens after the first prompt; None leaves it to the model's context."""
    max_turns: int | None = None
    """Largest number of answers of an episode; None leaves it to the environment."""
    temperature: float = 1.0
    """Temperature of sampling and training, above 0."""
    top_p: float = 1.0
    """Nucleus sampling; below 1 the sampled distribution is no longer the trained one."""
    top_k: int = 0
    """Sample from this many tokens only; 0 is all."""

    objective: str = "grpo"
    """Name of the objective. One that says itself what an answer is worth, such as rloo or dpo, goes with the default
    credit and scale."""
    objective_kwargs: YamlMapping = field(default_factory=dict)
    """Settings of the objective, as a YAML mapping, e.g. {clip_high: 0.28, kl_coefficient: 0.01}."""
    credit: Credit = "episode"
    """Which tokens a reward counts for: all of the episode (episode), those up to the place where it was earned
    (reward_to_go), the turns up to the one that earned it, against the same turns of the group (turn), or against what
    a critic says they were worth before (turn_critic, ArCHer), or all tokens before it, by generalised advantage
    estimation against what a value head says of each (value_head, PPO)."""
    turn_discount: float = 0.9
    """For turn and turn_critic: what a reward is worth one turn earlier, in [0, 1]; 1 makes no difference between early
    and late, 0.9 is the default of ArCHer's code. Rewards must not be discounted already."""
    episode_weight: float = 0.0
    """For turn and turn_critic: the share of the whole episode's advantage in that of a turn, in [0, 1]."""
    critic_kwargs: YamlMapping = field(default_factory=dict)
    """Settings of the turn critic or of the value head, as a YAML mapping, e.g. {warmup_updates: 20, steps: 50} or
    {decay: 1.0}."""
    scale: Scale = "std"
    """Whether advantages are divided by the standard deviation of their group (turn_critic: of the update's turns;
    value_head: of its tokens, whose mean is taken away as well)."""
    learning_rate: float = 1e-6
    """Learning rate of AdamW; 1e-6 suits a model of billions of parameters, 1e-4 to 1e-3 a small one."""
    warmup_updates: int = 0
    """Updates over which the learning rate rises linearly; constant afterwards."""
    weight_decay: float = 0.0
    """Weight decay of AdamW."""
    max_grad_norm: float = 1.0
    """Gradients longer than this are shortened to it."""
    epochs: int = 1
    """Passes over each rollout."""
    minibatches: int = 1
    """Optimiser steps a pass."""
    microbatch_tokens: int | None = None
    """Tokens that go through the model together, padding included; it changes memory and speed, not the result. By
    default 2,048 on a CPU, whose cache then holds the activations of a small model, and 16,384 on a GPU."""

    lora_rank: int | None = None
    """Train a LoRA adapter of this rank, not all weights."""
    dtype: DtypeName = "auto"
    """Dtype of the forward pass."""
    recompute: bool = False
    """Recompute activations in the backward pass (gradient checkpointing)."""
    max_batch_tokens: int = 262_144
    """Largest number of tokens in the sampling cache."""
    device: Literal["auto", "cpu"] = "auto"
    """A GPU where there is one, or the CPU."""
    seed: int = 0
    """Seed of everything random."""

    eval_every: int = 20
    """Updates between greedy evaluations on held-out tasks; 0 is never."""
    eval_tasks: int = 128
    """Tasks of an evaluation."""
    eval_env_kwargs: YamlMapping = field(default_factory=lambda: {"split": "test"})
    """Arguments of the environment that differ in an evaluation, as a YAML mapping."""
    checkpoint_every: int = 50
    """Updates between checkpoints; the last update always has one."""
    checkpoints_kept: int = 2
    """How many checkpoints are kept."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.runs / self.name

    def __post_init__(self) -> None:
        at_least_one = (
            "updates", "prompts_per_update", "max_new_tokens", "epochs", "minibatches",
            "checkpoint_every", "checkpoints_kept", "eval_tasks",
        )  # fmt: skip
        for name in at_least_one:
            if getattr(self, name) < 1:
                raise RewardiumError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.microbatch_tokens is not None and self.microbatch_tokens < 1:
            raise RewardiumError(f"microbatch_tokens must be at least 1, got {self.microbatch_tokens}")
        if self.group_size < 2:
            raise RewardiumError(f"group_size must be at least 2, since answers are compared, got {self.group_size}")
        if not self.temperature > 0.0:
            raise RewardiumError(f"training needs a temperature above 0, got {self.temperature}")
        if not self.learning_rate >= 0.0 or not self.max_grad_norm > 0.0 or self.seed < 0:
            raise RewardiumError("learning_rate and seed must not be negative, max_grad_norm must be above 0")
        if self.minibatches > self.prompts_per_update:
            raise RewardiumError(f"{self.prompts_per_update} prompts cannot be cut into {self.minibatches} minibatches")
        self._check_credit()

    def _check_credit(self) -> None:
        if self.credit not in get_args(Credit):
            raise RewardiumError(unknown_name_message("credit", self.credit, get_args(Credit)))
        for name in ("turn_discount", "episode_weight"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise RewardiumError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.episode_weight > 0.0 and self.credit not in ("turn", "turn_critic"):
            raise RewardiumError(f"episode_weight goes with credit 'turn' or 'turn_critic', not with {self.credit!r}")
        if self.critic_kwargs and self.credit not in ("turn_critic", "value_head"):
            raise RewardiumError(
                f"critic_kwargs go with credit 'turn_critic' or 'value_head', not with {self.credit!r}"
            )

    @property
    def sampling(self) -> SamplingSettings:
        """How answers are sampled in training."""
        return SamplingSettings(self.temperature, self.top_p, self.top_k, self.max_new_tokens)
