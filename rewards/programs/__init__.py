r"""Rewards as programs: how they are checked, run and improved.

A reward program is a plain ``.py`` file with one function. It is called after every step, and only the signs of its two
numbers count: a step pays ``1.0 * sign(sparse) + 0.1 * sign(dense)``. The reward ``reward_program(path='reward.py')``
runs it, and ``scripts/design_reward.py`` has a language model write one.

====================  ==============================================================================================
``step.py``           what a program is shown of a step
``check.py``          the part of Python that a program may use; every refusal says why, with its line
``driver.py``         what stands around the program in the sandbox
``runner.py``         batches of steps into the sandbox, numbers and memories out of it
``bounds.py``         the sign bounds
``episode.py``        recorded episodes
``critic.py``         what is wrong with a program, before anyone trains on it
``analysis.py``       what came of some episodes, in words
``designers.py``      language models as designers: the prompt, and the program in an answer
``scripted.py``       a designer without a model
``loop.py``           design, check, try out, summarise, design again
====================  ==============================================================================================

Example:
    >>> from rewardium.rewards.programs import refusals_of
    >>> [str(refusal) for refusal in refusals_of("def reward(step, memory):\n    import os")]
    ['line 2: a program may import math and re only, not os']
"""

from rewardium.rewards.programs.analysis import Analysis, analyse, cause_of_death
from rewardium.rewards.programs.bounds import sign_bounded
from rewardium.rewards.programs.check import CheckedProgram, Refusal, check_program, refusals_of
from rewardium.rewards.programs.critic import Critic, Review
from rewardium.rewards.programs.designers import Designer, DesignRequest, JudgeDesigner, Rejected, make_designer
from rewardium.rewards.programs.episode import Episode, RecordSteps, read_episodes, record_episodes, write_episodes
from rewardium.rewards.programs.loop import DesignLoop, Round
from rewardium.rewards.programs.runner import Answer, Played, ProgramRunner
from rewardium.rewards.programs.scripted import ScriptedDesigner

__all__ = [
    "Analysis",
    "Answer",
    "CheckedProgram",
    "Critic",
    "DesignLoop",
    "DesignRequest",
    "Designer",
    "Episode",
    "JudgeDesigner",
    "Played",
    "ProgramRunner",
    "RecordSteps",
    "Refusal",
    "Rejected",
    "Review",
    "Round",
    "ScriptedDesigner",
    "analyse",
    "cause_of_death",
    "check_program",
    "make_designer",
    "read_episodes",
    "record_episodes",
    "refusals_of",
    "sign_bounded",
    "write_episodes",
]
