"""Bindings: a model that does the same the slow way, and the rules of RFC 3261 §10.3."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hotline.gateway.sip.bindings import BindingRefused, Bindings, Register, Wanted
from hotline.gateway.sip.transaction import Hop

pytestmark = pytest.mark.unit

HOP = Hop("UDP", "10.0.0.7", 5060)


def register(
    *contacts: Wanted, call_id: str = "c", cseq: int = 1, hop: Hop = HOP, everything: bool = False
) -> Register:
    return Register(call_id, cseq, hop, (), False, contacts, everything)


class Model(RuleBasedStateMachine):
    """Users a and b, three addresses each, time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.bindings = Bindings(2)
        self.held: dict[tuple[str, str], float] = {}
        self.now = 0.0
        self.cseq = 0

    @rule(seconds=st.floats(0, 100))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.held = {key: end for key, end in self.held.items() if end > self.now}

    @rule(
        user=st.sampled_from("ab"),
        asked=st.dictionaries(st.sampled_from("xyz"), st.sampled_from([0, 60, 90])),
    )
    def change(self, user: str, asked: dict[str, int]) -> None:
        self.cseq += 1
        wanted = [Wanted(f"sip:{name}", seconds) for name, seconds in asked.items()]
        after = dict(self.held)
        for name, seconds in asked.items():
            after.pop((user, name), None)
            if seconds:
                after[user, name] = self.now + seconds
        try:
            self.bindings.update(user, register(*wanted, cseq=self.cseq), self.now)
        except BindingRefused as error:
            assert error.status == 403
            assert sum(key[0] == user for key in after) > 2
        else:
            self.held = after

    @rule(user=st.sampled_from("ab"))
    def clear(self, user: str) -> None:
        self.cseq += 1
        assert self.bindings.update(user, register(cseq=self.cseq, everything=True), self.now) == ()
        self.held = {key: end for key, end in self.held.items() if key[0] != user}

    @invariant()
    def same(self) -> None:
        for user in "ab":
            known = {
                item.uri.removeprefix("sip:"): item.expires_at
                for item in self.bindings.lookup(user, self.now)
            }
            assert known == {name: end for (who, name), end in self.held.items() if who == user}


TestModel = Model.TestCase


def test_older_requests_change_nothing() -> None:
    bindings = Bindings(5)
    bindings.update("a", register(Wanted("sip:x", 60), cseq=5), 0)
    for cseq in (4, 5):
        with pytest.raises(BindingRefused) as caught:
            bindings.update("a", register(Wanted("sip:x", 0), cseq=cseq), 1)
        assert caught.value.status == 500
    assert len(bindings.lookup("a", 2)) == 1
    assert bindings.update("a", register(Wanted("sip:x", 0), call_id="restarted", cseq=1), 3) == ()


def test_an_instance_keeps_its_binding_when_its_address_changes() -> None:
    bindings = Bindings(5)
    for cseq, uri in ((1, "sip:old"), (2, "sip:new")):
        bindings.update("a", register(Wanted(uri, 60, instance="<urn:uuid:1>", reg_id=1), cseq=cseq), 0)
    assert [item.uri for item in bindings.lookup("a", 1)] == ["sip:new"]


def test_best_first_and_lost_flows_go() -> None:
    bindings = Bindings(5)
    stream = Hop("TLS", "10.0.0.8", 40_000, 7)
    bindings.update("a", register(Wanted("sip:x", 60, q=0.5)), 0)
    bindings.update("a", register(Wanted("sip:y", 60, q=0.9), call_id="d", hop=stream), 0)
    assert [item.uri for item in bindings.lookup("a", 1)] == ["sip:y", "sip:x"]
    bindings.drop(lambda hop: hop.connection == 7)
    assert [item.uri for item in bindings.lookup("a", 1)] == ["sip:x"]


def test_an_address_written_otherwise_is_the_same_binding() -> None:
    bindings = Bindings(2)
    bindings.update("a", register(Wanted("sip:me@Host.example;line=1", 60)), 0)
    (held,) = bindings.update("a", register(Wanted("sip:%6De@HOST.example", 60), cseq=2), 1)
    assert held.uri == "sip:%6De@HOST.example"  # what it says last is what is rung
    bindings.answered("a", held, alive=False)
    assert bindings.lookup("a", 1)[0].missed == 1
    with pytest.raises(BindingRefused):
        bindings.update("a", register(Wanted("sip:me@host.example", 0), cseq=2), 2)
    assert bindings.update("a", register(Wanted("sip:me@host.example;line=9", 0), cseq=3), 2) == ()


def test_an_address_never_takes_a_flow_s_binding() -> None:
    bindings = Bindings(2)
    flow = Wanted("sip:me@host.example", 60, instance="<urn:uuid:1>", reg_id=1)
    bindings.update("a", register(flow), 0)
    assert len(bindings.update("a", register(Wanted("sip:me@host.example", 60), cseq=2), 0)) == 2
