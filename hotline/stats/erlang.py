"""How many agents a queue needs: Erlang C (nobody hangs up) and Erlang A (patience is exponential); pure.

Erlang C: A. K. Erlang 1917. Erlang A: C. Palm 1957; formulas of A. Mandelbaum and S. Zeltyn, "Service
engineering in action: the Palm/Erlang-A queue" (2007). Both assume Poisson arrivals at an even rate,
exponential lengths of calls and a steady state within the interval: quarters of an hour with a steep rise
need more than they say.
"""

from dataclasses import dataclass
from math import ceil, exp, inf

import numpy as np

MOST_AGENTS = 2_000
_STEPS = 4_000


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in an interval."""

    per_hour: float
    """Calls that ask for a person."""
    handled_s: float
    """Mean handling time with wrap-up, seconds; more than 0."""

    @property
    def erlangs(self) -> float:
        """Calls in hand at once, on average."""
        return self.per_hour * self.handled_s / 3_600


@dataclass(frozen=True, slots=True)
class Fare:
    """How a queue fares with so many agents."""

    agents: int
    wait_share: float
    """Of callers, must wait at all; 0 to 1."""
    level: float
    """Of callers, need not wait for longer than the time asked about; 0 to 1. Erlang A: whatever their
    patience, so that hanging up does not make the queue look better."""
    mean_wait_s: float
    """Of all callers; infinite when more comes in than can be handled."""
    abandoned: float
    """Of callers, hang up; 0 with Erlang C, which knows no impatience."""
    occupancy: float
    """Of the agents' time, 0 to 1."""


def erlang_c(load: Load, agents: int, within_s: float) -> Fare:
    """Everybody waits for as long as it takes. Raises `ValueError` without agents."""
    if agents < 1:
        raise ValueError("at least one agent")
    offered = load.erlangs
    if offered >= agents:
        return Fare(agents, 1.0, 0.0, inf, 0.0, 1.0)
    blocked = 1.0
    for number in range(1, agents + 1):  # Erlang B by its recursion, which never overflows
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - offered / agents * (1 - blocked))
    free = agents - offered
    return Fare(
        agents=agents,
        wait_share=waits,
        level=1 - waits * exp(-free * within_s / load.handled_s),
        mean_wait_s=waits * load.handled_s / free,
        abandoned=0.0,
        occupancy=offered / agents,
    )


def erlang_a(load: Load, agents: int, within_s: float, patience_s: float) -> Fare:
    """Callers hang up after an exponential time with that mean.

    Raises `ValueError` for what is not positive.
    """
    if agents < 1 or patience_s <= 0:
        raise ValueError("at least one agent, and some patience")
    if load.per_hour <= 0:
        return Fare(agents, 0.0, 1.0, 0.0, 0.0, 0.0)
    arrival, service, leave = load.per_hour / 3_600, 1 / load.handled_s, 1 / patience_s
    inverse = 1.0  # of the chance that all n - 1 servers are busy in a system that turns callers away
    for number in range(1, agents):
        inverse = 1 + inverse * number / load.erlangs
    whole, later, one = _integrals(arrival, agents * service, leave, within_s)
    all_states = inverse * one + arrival * whole
    abandoned = (one + (arrival - agents * service) * whole) / all_states
    abandoned = min(max(abandoned, 0.0), 1.0)
    return Fare(
        agents=agents,
        wait_share=arrival * whole / all_states,
        level=1 - arrival * later / all_states,
        mean_wait_s=abandoned * patience_s,
        abandoned=abandoned,
        occupancy=min(1.0, load.erlangs * (1 - abandoned) / agents),
    )


def agents_needed(load: Load, within_s: float, level: float) -> int:
    """Fewest agents with which that share of callers is answered within the time, by Erlang C; 0 of nothing.

    Raises `ValueError` for a level that is not between 0 and 1, or a load that no floor could hold.
    """
    if not 0 < level < 1:
        raise ValueError("a level lies between 0 and 1")
    if load.per_hour <= 0:
        return 0
    for agents in range(ceil(load.erlangs + 1e-9) or 1, MOST_AGENTS + 1):
        if erlang_c(load, agents, within_s).level >= level:
            return agents
    raise ValueError(f"more than {MOST_AGENTS} agents")


def _integrals(arrival: float, drain: float, leave: float, within_s: float) -> tuple[float, float, float]:
    """The integral of exp(λ·(1−e^{−θx})/θ − nμx) from 0, and from `within_s`, to infinity, and 1.

    All three are divided by the same number, so that none overflows.
    """
    peak = max(0.0, -np.log(min(1.0, drain / arrival)) / leave) if drain < arrival else 0.0
    width = 40 / min(drain, max(leave, 1e-9) * drain / arrival if drain < arrival else drain)
    end = max(within_s, peak) + width
    grids = (np.linspace(0, end, _STEPS), np.linspace(0, end / 50, _STEPS), [within_s])
    points = np.unique(np.concatenate(grids))
    power = arrival * -np.expm1(-leave * points) / leave - drain * points
    top = float(power.max())
    values = np.exp(power - top)
    whole = float(np.trapezoid(values, points))
    after = points >= within_s
    return whole, float(np.trapezoid(values[after], points[after])), exp(-top)
