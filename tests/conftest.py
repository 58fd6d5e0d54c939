"""What every test stands on: one category a module, and the optional folder of evaluation data."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("line", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("line")  # how long an example takes says how busy the machine is, not what is wrong
CATEGORIES = {"unit", "contract", "integration", "e2e"}
BY_THE_CLOCK = {"integration", "e2e"}
SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test says which kind it is; run the quick kinds first."""
    order = ["unit", "contract", "integration", "e2e"]
    for item in items:
        kinds = {mark.name for mark in item.iter_markers()} & CATEGORIES
        if len(kinds) != 1:
            raise pytest.UsageError(
                f"{item.nodeid}: needs exactly one of {sorted(CATEGORIES)}, has {sorted(kinds)}"
            )
        # Real peers, browsers and processes run by the clock of a machine that may be busy: they get one more
        # go, and the summary names whoever needed it (RERUN), for that is to be looked into too.
        if kinds & BY_THE_CLOCK:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: min(order.index(m.name) for m in item.iter_markers() if m.name in CATEGORIES))


def pytest_sessionstart() -> None:
    """A compiled module hides its source: one that is older would be tested in its place."""
    package = Path(__file__).parents[1] / "hotline"
    for compiled in package.rglob("*.so"):
        for ending in (".py", ".c"):
            source = compiled.with_name(compiled.name.split(".")[0] + ending)
            if source.is_file() and source.stat().st_mtime > compiled.stat().st_mtime:
                raise pytest.UsageError(
                    f"{compiled} is older than its source: python scripts/compile_media.py"
                )


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything of ours runs on asyncio: aiortc and uvicorn do."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The optional folder of evaluation data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    return SHARED
