import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.potential import Potential
from rewardium.rewards.state import RewardState

GAMMA = 0.9
phis = st.lists(st.none() | st.floats(-5, 5, width=32), min_size=1, max_size=25)


def discounted(paid, gamma):
    return float(np.nansum(paid * gamma ** np.arange(len(paid))))


def test_closed_form(rig):
    batches = rig.rollout([[1.0], [3.0], [5.0]], ends=[[""], [""], ["terminated"]])
    paid = rig.play(Potential(rig.Column(), gamma=0.5, initial=2.0), batches)[:, 0]
    np.testing.assert_array_equal(paid, [0.5 * 1 - 2, 0.5 * 3 - 1, 0.0 - 3])


@given(values=phis, end=st.sampled_from(["terminated", "truncated", ""]), initial=st.floats(-2, 2))
def test_the_discounted_sum_telescopes_also_over_gaps(rig, values, end, initial):
    ends = [[""]] * (len(values) - 1) + [[end]]
    paid = rig.play(Potential(rig.Column(), GAMMA, initial), rig.rollout([[value] for value in values], ends=ends))[
        :, 0
    ]
    known = [step for step, value in enumerate(values) if value is not None]
    if end == "terminated":
        expected = -initial
        assert not np.isnan(paid[-1])
    elif known:
        expected = GAMMA ** (known[-1] + 1) * values[known[-1]] - initial
    else:
        expected = 0.0
    assert discounted(paid, GAMMA) == pytest.approx(expected, abs=1e-4)


def test_a_truncated_rollout_keeps_the_last_potential(rig):
    table = np.linspace(-1, 2, 7)[:, None].tolist()
    paid = rig.play(Potential(rig.Column(), GAMMA, initial=0.5), rig.rollout(table, ends=[[""]] * 6 + [["truncated"]]))
    assert discounted(paid[:, 0], GAMMA) == pytest.approx(GAMMA**7 * 2.0 - 0.5, abs=1e-6)


def test_episodes_do_not_touch_each_other(rig):
    table, ends = [[1.0], [4.0], [1.0], [4.0]], [[""], ["truncated"], [""], ["terminated"]]
    paid = rig.play(Potential(rig.Column(), GAMMA), rig.rollout(table, ends=ends))[:, 0]
    assert paid[2] == paid[0]
    assert paid[3] == -1.0


@pytest.mark.parametrize("gap", [60, 2000])
def test_a_gap_too_long_for_numbers_is_missing_not_infinite(rig, gap):
    batches = rig.rollout([[1.0]] + [[None]] * gap + [[1.0]])
    state = RewardState()
    paid = rig.play(Potential(rig.Column(), gamma=0.1), batches, state)[:, 0]
    assert np.isnan(paid[-1])
    assert state.memory["arrays"]["paid_step"][0] == 0.0


@pytest.mark.parametrize("bad", [{"gamma": 0.0}, {"gamma": 1.1}, {"initial": float("inf")}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match=f"potential: '{next(iter(bad))}'"):
        Potential(rig.Column(), **bad)


# --- Policy invariance on random Markov decision processes, solved exactly. The last state is terminal.


def optimal_values(transitions_SAS, rewards_SAS):
    values_S = np.zeros(len(transitions_SAS))
    for _ in range(600):
        q_SA = (transitions_SAS * (rewards_SAS + GAMMA * values_S)).sum(axis=2)
        values_S = q_SA.max(axis=1)
        values_S[-1] = 0.0
    return values_S, q_SA.argmax(axis=1)


def policy_values(transitions_SAS, rewards_SAS, policy_S):
    states = np.arange(len(policy_S))
    chosen_SS = transitions_SAS[states, policy_S]
    reward_S = (chosen_SS * rewards_SAS[states, policy_S]).sum(axis=1)
    live = len(states) - 1
    solved = np.linalg.solve(np.eye(live) - GAMMA * chosen_SS[:live, :live], reward_S[:live])
    return np.append(solved, 0.0)


def shaping_of_every_transition(rig, potentials_S):
    """Ask the node: one environment a pair (s, s'), a first step into s and a second into s'."""
    size = len(potentials_S)
    pairs = [(s, after) for s in range(size - 1) for after in range(size)]
    table = [[float(potentials_S[s]) for s, _ in pairs], [float(potentials_S[after]) for _, after in pairs]]
    ends = [[""] * len(pairs), ["terminated" if after == size - 1 else "" for _, after in pairs]]
    paid = rig.play(Potential(rig.Column(), GAMMA), rig.rollout(table, ends=ends))[1]
    shaping_SS = np.zeros((size, size))
    for (s, after), value in zip(pairs, paid, strict=True):
        shaping_SS[s, after] = value
    return shaping_SS


def random_process(seed, size=7, actions=3):
    generator = np.random.default_rng(seed)
    transitions = generator.dirichlet(np.full(size, 0.3), (size, actions))
    return transitions, generator.normal(size=(size, actions, size)), 3 * generator.normal(size=size)


def regret(rig, seed, bonus):
    transitions, rewards, potentials = random_process(seed)
    best, _ = optimal_values(transitions, rewards)
    _, policy = optimal_values(transitions, rewards + bonus(potentials)[:, None, :])
    return float((best - policy_values(transitions, rewards, policy))[:-1].max())


def test_the_optimal_policy_is_unchanged_and_a_plain_bonus_changes_it(rig):
    shaped = [regret(rig, seed, lambda phi: shaping_of_every_transition(rig, phi)) for seed in range(12)]
    naive = [regret(rig, seed, lambda phi: np.broadcast_to(phi, (len(phi), len(phi)))) for seed in range(12)]
    assert max(shaped) < 1e-5
    assert max(naive) > 0.5


def test_the_state_can_be_saved_within_a_gap(rig):
    batches = rig.rollout([[1.0], [None], [2.0]])
    state = RewardState()
    first = rig.play(Potential(rig.Column(), GAMMA), batches[:2], state)
    rest = rig.play(Potential(rig.Column(), GAMMA), batches[2:], RewardState.from_state_dict(state.state_dict()))
    whole = rig.play(Potential(rig.Column(), GAMMA), batches)
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
