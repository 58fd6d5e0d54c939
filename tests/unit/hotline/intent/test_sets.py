"""The checked sets keep to their own labelling rules."""

from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hotline.intent.policy import read_policy
from hotline.yaml_file import read_yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[4]
DATA = ROOT / "tests/data"
SLOTS = {
    *("caller_name", "phone", "id_number", "place", "amount", "people"),
    *("employer", "counterparty", "dates", "case_number"),
}
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@cache
def dialogues() -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = read_yaml(DATA / "dialogues.yaml")["dialogues"]
    return calls


@cache
def labels() -> list[list[str]]:
    lines = (DATA / "legal_labels.tsv").read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


@cache
def codes() -> tuple[set[str], set[str]]:
    policy = read_policy(ROOT / "ivr_flows")
    return {each.code for each in policy.matters}, {each.code for each in policy.services}


def is_test(text: str) -> bool:
    return int(sha256(text.encode()).hexdigest()[15], 16) % 2 == 0


def test_labels_name_known_codes_in_the_part_their_hash_gives() -> None:
    matters, services = codes()
    assert len(labels()) >= 320
    assert len({row[0] for row in labels()}) == len(labels())
    for key, part, said, asked in labels():
        assert len(key) == 16
        assert part == ("dev" if int(key[15], 16) % 2 else "test")
        assert 1 <= len(said.split(",")) <= 4
        assert set(said.split(",")) <= matters, key
        assert set(asked.split(",")) <= services, key
    assert Counter(row[1] for row in labels())["test"] >= 160


def test_labels_touch_every_matter() -> None:
    found = {code.split(".")[0] for row in labels() for code in row[2].split(",")}
    assert {code.split(".")[0] for code in codes()[0]} == found


def test_dialogues_name_known_codes_and_fields() -> None:
    matters, services = codes()
    assert len(dialogues()) >= 60
    places = {line.split("\t")[1] for line in (ROOT / "ivr_flows/places.tsv").read_text("utf-8").splitlines()
              if not line.startswith("#")}  # fmt: skip
    for call in dialogues():
        assert {*call["matters"], *call.get("also", [])} <= matters, call["say"]
        assert not set(call["matters"]) & set(call.get("also", [])), call["say"]
        asked = call.get("service", "consult")
        assert set([asked] if isinstance(asked, str) else asked) <= services, call["say"]
        assert set(call["slots"]) <= SLOTS, call["say"]
        assert all(isinstance(value, str) for value in call["slots"].values()), call["slots"]
        assert call["slots"].get("place", "510100") in places
    assert sum(is_test(call["say"][0]) for call in dialogues()) >= 25


def test_identity_numbers_have_a_valid_checksum_and_belong_to_nobody() -> None:
    numbers = [call["slots"]["id_number"] for call in dialogues() if "id_number" in call["slots"]]
    assert numbers
    for number in numbers:
        total = sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False))
        assert number[17] == "10X98765432"[total % 11]
        assert number[14:17] == "000"


def test_emergencies_are_many_distinct_and_in_both_halves() -> None:
    crisis = read_yaml(DATA / "crisis.yaml")
    told = [said for group in crisis["crisis"].values() for said in group]
    assert set(crisis["crisis"]) == {"self_harm", "violence", "child", "threat", "mass"}
    assert len(told) >= 220
    assert len(crisis["harmless"]) >= 300
    everything = [*told, *crisis["harmless"]]
    assert len(set(everything)) == len(everything)
    for group in (*crisis["crisis"].values(), crisis["harmless"]):
        assert min(Counter(map(is_test, group)).values()) >= len(group) // 3


def test_every_service_is_asked_for() -> None:
    asked: dict[str, list[str]] = read_yaml(DATA / "services.yaml")["services"]
    assert set(asked) == codes()[1]
    told = [said for group in asked.values() for said in group]
    assert len(set(told)) == len(told)
    assert min(map(len, asked.values())) >= 5
