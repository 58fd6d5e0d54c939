"""How long one change holds up the event loop with many agents and many waiting calls.

    python scripts/bench_acd.py --agents 60 --waiting 200

Nothing is waited for and no sound is sent: what is measured is the synchronous work of `hotline.acd` between
two packets.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hotline.acd.policy import read_acd_policy
from hotline.acd.seat import StaffSeat
from hotline.settings import AcdSettings
from tests.fakes.acd_parts import Hall

FLOWS = Path(__file__).parents[1] / "ivr_flows"


def main() -> None:
    """Print median and worst time of each kind of change."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=60)
    parser.add_argument("--waiting", type=int, default=200)
    wishes = parser.parse_args()
    policy = read_acd_policy(FLOWS)
    dice = random.Random(12348)
    skills = [code for code in policy.skills if not code.startswith("language.")]
    hall = Hall(AcdSettings(), policy.rules)
    for number in range(wishes.agents):
        hall.seat(f"a{number}", *dice.sample(skills, 4))
    while any(seat.offer is not None for seat in hall.acd.seats.values()) or hall.acd.due() is None:
        for name in list(hall.ringing()):
            hall.take(name)
        if all(seat.call is not None for seat in hall.acd.seats.values()):
            break
        hall.call()
    enters = [timed(lambda: hall.call("", *dice.sample(skills, 2))) for _ in range(wishes.waiting)]
    say("a call enters", enters)
    seats = list(hall.acd.seats.values())
    say("a talk ends, the next call rings", [timed(partial(freed, seat)) for seat in seats])
    say("something is due", [timed(hall.acd.tick) for _ in range(50)])
    say("when the next thing is due", [timed(hall.acd.due) for _ in range(50)])
    say("estimates of all who wait", [timed(lambda: estimates(hall)) for _ in range(20)])


def freed(seat: StaffSeat) -> None:
    """The agent ends the talk and takes the next call."""
    if seat.call is not None:
        seat.talk_over(seat.call)
    seat.ready()


def estimates(hall: Hall) -> list[float | None]:
    """What a board asks."""
    return [call.estimate_s for call in hall.acd.waiting]


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def say(what: str, times: list[float]) -> None:
    """One line."""
    median, worst = sorted(times)[len(times) // 2], max(times)
    print(f"{what:36} median {1e3 * median:7.2f} ms   worst {1e3 * worst:7.2f} ms")


if __name__ == "__main__":
    main()
