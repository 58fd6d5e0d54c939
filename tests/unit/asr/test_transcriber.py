"""One leg's events under every order of answers, lost workers, dropped audio and closing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.audio import SAMPLE_RATE, AudioFrame, LegId, Segment
from asr.detectors import WINDOW
from asr.engines.scripted import ScriptedOptions
from asr.settings import AsrSettings
from asr.transcriber import RING, UNHEARD, LegTranscriber, Utterance
from asr.transcript import Hypothesis, SpanMap, TranscriptEvent, Word

pytestmark = pytest.mark.unit

LEG = LegId("leg")
SPEECH, QUIET = 0.9, 0.05


@dataclass(frozen=True, slots=True)
class Plain:
    text: str
    spans: SpanMap = field(default_factory=SpanMap)


def plain(raw: str, words: Sequence[Word] | None = None) -> Plain:
    """Normalises nothing."""
    return Plain(raw)


@dataclass(slots=True)
class FakeHost:
    """Keeps what was asked for until the test answers it."""

    level: int = 0
    requests: list[tuple[Utterance, Segment, bool]] = field(default_factory=list)
    early: list[tuple[Utterance, Segment]] = field(default_factory=list)
    confirmed: list[Utterance] = field(default_factory=list)
    left: int = 0

    def audio_waits(self) -> None:
        """The test asks for audio itself."""

    def read(self, leg: LegTranscriber, utterance: Utterance, segment: Segment, *, quick: bool) -> None:
        self.requests.append((utterance, segment, quick))

    def foresee(self, leg: LegTranscriber, utterance: Utterance, segment: Segment) -> Callable[[], None]:
        self.early.append((utterance, segment))
        return lambda: self.confirmed.append(utterance)

    def leave(self, leg: LegTranscriber) -> None:
        self.left += 1


def fresh(**changes: float) -> tuple[LegTranscriber, FakeHost]:
    host = FakeHost()
    options = {"engine": ScriptedOptions(), "closing_s": 0.5, **changes}
    return LegTranscriber(LEG, host, AsrSettings.model_validate(options), plain), host


def frame(start: int, samples: int = 320, value: int = 1) -> AudioFrame:
    return AudioFrame(LEG, start, value.to_bytes(2, "little") * samples)


def say(leg: LegTranscriber, start: int, windows: int, probability: float, *, lost: bool = False) -> int:
    """Push whole windows and let the detector judge each."""
    for number in range(windows):
        leg.push(frame(start + number * WINDOW, WINDOW))
        at, pcm = leg.unheard()
        if pcm:
            leg.heard(at, None if lost else [probability] * (len(pcm) // (2 * WINDOW)), pcm)
    return start + windows * WINDOW


def taken(leg: LegTranscriber) -> list[TranscriptEvent]:
    """Everything put out so far; the leg must be closed."""

    async def collect() -> list[TranscriptEvent]:
        return [event async for event in leg.events()]

    return anyio.run(collect)


def check(events: list[TranscriptEvent], opened: set[str]) -> None:
    """The invariants (a) to (d) of asr.transcript."""
    seqs = [event.seq for event in events]
    assert all(a < b for a, b in pairwise(seqs))
    stable: dict[str, str] = {}
    done: set[str] = set()
    end = 0
    for event in events:
        assert event.utterance not in done
        if event.kind == "partial":
            assert event.stable.startswith(stable.get(event.utterance, ""))
            stable[event.utterance] = event.stable
        else:
            done.add(event.utterance)
            assert event.tail == ""
            assert end <= event.start <= event.end
            end = event.end
            promised = stable.get(event.utterance, "")
            assert event.rewrote_stable or event.stable.startswith(promised)
    assert done == opened


def answer(leg: LegTranscriber, host: FakeHost, which: int, found: Hypothesis | None, *, early: bool) -> bool:
    """Answer one of what was asked for, as the pool does; whether there was any."""
    if early and host.early:
        utterance, segment = host.early.pop(which % len(host.early))
        (leg.finished if utterance in host.confirmed else leg.foreseen)(utterance, found)
    elif not early and host.requests:
        utterance, segment, quick = host.requests.pop(which % len(host.requests))
        (leg.sketched if quick else leg.finished)(utterance, found)
    else:
        return False
    assert len(segment.pcm) == 2 * (segment.end - segment.start)
    return True


steps = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 40), st.sampled_from([SPEECH, QUIET])),
    st.tuples(st.just("deaf"), st.integers(1, 8), st.just(0.0)),
    st.tuples(st.just("flood"), st.integers(1, 120), st.just(0.0)),
    st.tuples(st.just("hole"), st.integers(1, 90), st.just(0.0)),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("early"), st.integers(0, 9), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("level"), st.integers(0, 4), st.just(0.0)),
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=25), st.lists(st.text("拖欠工资1", max_size=6), min_size=1, max_size=5))
def test_invariants_hold_whatever_happens(script: list[tuple[str, int, float]], texts: list[str]) -> None:
    async def body() -> None:
        leg, host = fresh(longest_s=3.0)
        at, answered, seen = 0, 0, set()
        late: tuple[int, bytes] | None = None
        for what, count, share in script:
            if what in {"say", "deaf"}:
                at = say(leg, at, count, share, lost=what == "deaf")
            elif what == "flood":  # the detector is busy: its answer comes when much was dropped already
                late = leg.unheard()
                for _ in range(count):
                    leg.push(frame(at, WINDOW))
                    at += WINDOW
                leg.heard(late[0], [SPEECH] * (len(late[1]) // (2 * WINDOW)), late[1])
            elif what == "hole":
                at += count * WINDOW
            elif what in {"answer", "early"}:
                found = Hypothesis(texts[answered % len(texts)]) if share else None
                answered += answer(leg, host, count, found, early=what == "early")
            elif what == "level":
                host.level = count
            seen |= {utterance.id for utterance, _, _ in host.requests}
            seen |= {utterance.id for utterance in host.confirmed}
        with anyio.CancelScope() as scope:
            scope.cancel()
            await leg.close()
        seen |= {utterance.id for utterance, _, _ in host.requests}
        for utterance, _, quick in host.requests:  # answers that come after the end change nothing
            (leg.sketched if quick else leg.finished)(utterance, Hypothesis("晚了"))
        leg.heard(at, [SPEECH] * 9, bytes(9 * 2 * WINDOW))
        events = [event async for event in leg.events()]
        names = {event.utterance for event in events}
        check(events, names | seen)
        assert leg.pending == 0
        assert leg.facts.utterances == len(names)
        assert host.left == 1

    anyio.run(body)


def test_finals_wait_for_the_ones_before_them() -> None:
    leg, host = fresh()
    at = say(leg, 0, 20, SPEECH)
    at = say(leg, at, 30, QUIET)
    at = say(leg, at, 20, SPEECH)
    say(leg, at, 30, QUIET)
    first, second = host.confirmed
    leg.finished(second, Hypothesis("乙"))
    assert leg.pending == 2
    leg.finished(first, Hypothesis("甲"))
    assert leg.pending == 0
    anyio.run(leg.close)
    assert [event.text for event in taken(leg) if event.kind == "final"] == ["甲", "乙"]


def test_closing_asks_for_the_open_utterance_and_waits() -> None:
    async def body() -> None:
        leg, host = fresh()
        say(leg, 0, 20, SPEECH)
        async with anyio.create_task_group() as group:
            group.start_soon(leg.close)
            group.start_soon(leg.close)  # twice at once
            await anyio.wait_all_tasks_blocked()
            at, pcm = leg.unheard()
            leg.heard(at, [SPEECH] * (len(pcm) // (2 * WINDOW)), pcm)
            await anyio.wait_all_tasks_blocked()
            utterance = next(u for u, _, quick in host.requests if not quick)
            leg.finished(utterance, Hypothesis("好"))
        await leg.close()
        events = [event async for event in leg.events()]
        assert [(event.text, event.degraded) for event in events] == [("好", False)]

    anyio.run(body)


def test_an_answer_that_never_comes_ends_in_a_degraded_final() -> None:
    async def body() -> None:
        leg, _ = fresh()
        say(leg, 0, 21, SPEECH)
        await leg.close()
        (event,) = [event async for event in leg.events()]
        assert (event.kind, event.text, event.degraded) == ("final", "", True)
        assert leg.facts.degraded == 1

    anyio.run(body)


def test_audio_nobody_listened_to_is_dropped_and_counted() -> None:
    leg, _ = fresh()
    at = say(leg, 0, 20, SPEECH)
    held = leg.unheard()[0]
    for number in range(100):
        leg.push(frame(at + number * WINDOW, WINDOW))
    now = at + 100 * WINDOW
    assert 0 <= leg.unheard()[0] - (now - UNHEARD) < WINDOW
    assert leg.facts.dropped == leg.unheard()[0] - held


def test_the_ring_is_bounded_and_keeps_its_place() -> None:
    leg, _ = fresh()
    at = 7_000
    for number in range(3_000):
        leg.push(AudioFrame(LEG, at + number * 320, (number % 30_000).to_bytes(2, "little") * 320))
    assert len(leg._ring) <= 2 * (RING + SAMPLE_RATE)
    place = at + 2_900 * 320
    assert leg._audio(place, place + 320) == (2_900).to_bytes(2, "little") * 320
    assert leg._audio(0, 320) == bytes(640)


def test_a_hole_in_the_frames_becomes_silence_and_repeats_are_left_out() -> None:
    leg, _ = fresh()
    leg.push(frame(0, 320, 1))
    leg.push(frame(640, 320, 3))
    leg.push(frame(480, 320, 9))
    leg.push(frame(0, 320, 9))
    assert leg._audio(0, 960) == b"\1\0" * 320 + bytes(640) + b"\3\0" * 320


def test_partials_come_at_their_pace_and_stop_when_shed() -> None:
    leg, host = fresh(partial_ms=600)
    at = say(leg, 0, 60, SPEECH)
    asked = [segment for _, segment, quick in host.requests if quick]
    assert len(asked) == 1  # the first is not answered yet
    leg.sketched(host.requests[0][0], Hypothesis("老板拖欠"))
    host.level = 2
    say(leg, at, 40, SPEECH)
    assert len(host.requests) == 1


def test_a_final_that_takes_back_a_promise_says_so() -> None:
    leg, host = fresh()
    at = say(leg, 0, 40, SPEECH)
    leg.sketched(host.requests[-1][0], Hypothesis("老板拖欠工资"))
    at = say(leg, at, 30, SPEECH)
    leg.sketched(host.requests[-1][0], Hypothesis("老板拖欠工资三"))
    say(leg, at, 30, QUIET)
    (utterance,) = host.confirmed
    leg.finished(utterance, Hypothesis("老伴儿"))
    anyio.run(leg.close)
    final = taken(leg)[-1]
    assert final.rewrote_stable
    assert final.text == "老伴儿"


def test_a_pause_is_read_once_as_the_final_would_be_and_is_the_final_when_nothing_follows() -> None:
    leg, host = fresh()
    at = say(leg, 0, 20, SPEECH)
    say(leg, at, 30, QUIET)
    ((utterance, segment),) = host.early
    assert host.confirmed == [utterance]
    assert segment.end == utterance.end
    assert all(quick for _, _, quick in host.requests)  # no other final was asked for
    assert all(asked.end <= segment.end for _, asked, _ in host.requests)  # nor partials of silence


def test_what_was_read_at_a_pause_that_ended_is_a_partial_and_what_follows_goes_on_from_it() -> None:
    leg, host = fresh(partial_ms=600, endpoint_ms=600)
    at = say(leg, 0, 40, SPEECH)
    leg.sketched(host.requests[-1][0], Hypothesis("老板"))
    spoken = at
    at = say(leg, at, 12, QUIET)
    utterance, segment = host.early[-1]
    leg.foreseen(utterance, Hypothesis("老板拖欠"))
    before = len(host.requests)
    at = say(leg, at, 25, SPEECH)
    assert host.confirmed == []
    (_, tail, quick) = host.requests[before]
    assert quick
    assert spoken < tail.start < segment.end
    assert tail.utterance != utterance.id  # an engine keeps what it agreed on by utterance
    leg.sketched(utterance, Hypothesis("工资"))
    assert leg._events[-1].text == "老板拖欠工资"
    say(leg, at, 30, QUIET)
    assert host.early[-1][1].start == utterance.start  # the final is read whole
    assert host.confirmed == [utterance]


def test_an_early_reading_that_was_given_up_is_asked_for_as_a_final() -> None:
    leg, host = fresh()
    at = say(leg, 0, 20, SPEECH)
    at = say(leg, at, 9, QUIET)
    leg.foreseen(host.early[0][0], None)
    say(leg, at, 20, QUIET)
    assert host.confirmed == []
    assert [quick for _, _, quick in host.requests][-1] is False
