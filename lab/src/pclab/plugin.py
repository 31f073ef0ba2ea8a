"""Pytest plugin: the fixtures lab, atlas, vega and lyra, resets between tests, and the logs of failures.

Tests reach the PCs of the lab named by PC_SWITCHER_LAB_ID, or two real machines when PC_SWITCHER_TEST_PC1_HOST
and its sisters are set. The lab is left up, so the next run finds it ready.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pclab import failures, real, session
from pclab.errors import HostUnfitError, LabError
from pclab.machine import LabMachine
from pclab.names import DEFAULT_RUN_ID, RUN_ID_VARIABLE, LabNames, Pc
from pclab.session import LabSession

_MACHINES = tuple(pc.value for pc in Pc)
_FIXTURES = frozenset({"lab", *_MACHINES})


class Reset(enum.StrEnum):
    """When the machines are put back to their baseline."""

    TEST = "test"
    MODULE = "module"
    NONE = "none"


@dataclass(frozen=True)
class _Unavailable:
    """Why there are no machines, and whether that is a reason to skip."""

    reason: str
    skip: bool


_SESSION = pytest.StashKey[LabSession | _Unavailable]()
_RESET_MODULES = pytest.StashKey[set[Path]]()
_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("lab")
    group.addoption("--bundle", type=Path, default=None, help="the built program to test (dist/pc-switcher)")
    group.addoption("--lab-wait", type=float, default=900, help="seconds to wait for another run that uses the lab")


def pytest_configure(config: pytest.Config) -> None:
    """Register our markers, and give each worker of pytest-xdist a lab of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        os.environ[RUN_ID_VARIABLE] = f"{os.environ.get(RUN_ID_VARIABLE, DEFAULT_RUN_ID)}{worker}"
    config.addinivalue_line("markers", "lab(reset='test'|'module'|'none'): when the machines are reset (module)")
    config.addinivalue_line("markers", "lab_only: needs what only the lab has: a power switch, a cable, a third PC")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On real machines, leave out what only the lab can do, and remember it for the summary."""
    if not any(_needs_machines(item) for item in items):
        return
    try:
        if real.from_environment(os.environ) is None:
            return
    except LabError as problem:
        raise pytest.UsageError(str(problem)) from problem
    left_out = [item for item in items if item.get_closest_marker("lab_only") or "lyra" in _fixtures(item)]
    config.stash[_LEFT_OUT] = [item.nodeid for item in left_out]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring the machines up before the first test, so that no test's time limit counts it."""
    config = session.config
    if config.option.collectonly or not any(_needs_machines(item) for item in session.items):
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if reporter is not None:
            reporter.write_line(text)

    extra = [pc for pc in Pc if any(pc.value in _fixtures(item) for item in session.items)]
    config.stash[_SESSION] = _open(config, extra, say)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let go of the machines; they stay up."""
    opened = session.config.stash.get(_SESSION, None)
    if isinstance(opened, LabSession):
        opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which tests were left out because real machines have no power switch of ours."""
    for test in config.stash.get(_LEFT_OUT, []):
        terminalreporter.write_line(f"left out, needs the lab: {test}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reset the machines when a test or its module asks for it, before any fixture of theirs is set up."""
    if not _needs_machines(item):
        return
    opened = _opened_or_stop(item.config)
    wanted = _reset_of(item)
    done = item.config.stash.setdefault(_RESET_MODULES, set())
    if wanted is Reset.TEST or (wanted is Reset.MODULE and item.path not in done):
        opened.reset(list(_machines_of(item, opened)))
    if wanted is Reset.MODULE:
        done.add(item.path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the machines' logs of a failed test in `.lab-failures/`."""
    report = yield
    opened = item.config.stash.get(_SESSION, None)
    if report.failed and isinstance(opened, LabSession) and _needs_machines(item):
        folder = item.config.rootpath / ".lab-failures" / failures.folder_name(item.nodeid)
        for name in _machines_of(item, opened):
            failures.keep(opened.machine(name), folder)
        report.sections.append(("lab", f"journals and logs of the machines: {folder}"))
    return report


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> LabSession:
    """The machines of this run, up and ready."""
    return _opened_or_stop(pytestconfig)


@pytest.fixture(scope="session")
def atlas(lab: LabSession) -> LabMachine:
    """The first PC."""
    return lab.machine(Pc.ATLAS)


@pytest.fixture(scope="session")
def vega(lab: LabSession) -> LabMachine:
    """The second PC."""
    return lab.machine(Pc.VEGA)


@pytest.fixture(scope="session")
def lyra(lab: LabSession) -> LabMachine:
    """The third PC; only the lab has one."""
    return lab.machine(Pc.LYRA)


@pytest.fixture(scope="session")
def bundle(pytestconfig: pytest.Config) -> Path:
    """The built program, as one file."""
    chosen: Path | None = pytestconfig.getoption("--bundle")
    path = chosen or pytestconfig.rootpath / "dist" / "pc-switcher"
    if not path.is_file():
        pytest.fail(f"there is no {path}: make bundle", pytrace=False)
    return path


def _opened_or_stop(config: pytest.Config) -> LabSession:
    """The machines. Where there can be none the test is skipped; in CI, or when they are broken, it fails."""
    opened = config.stash[_SESSION]
    if isinstance(opened, LabSession):
        return opened
    if opened.skip and not os.environ.get("CI"):
        pytest.skip(opened.reason)
    pytest.fail(opened.reason, pytrace=False)


def _open(config: pytest.Config, extra: Sequence[Pc], say: Callable[[str], None]) -> LabSession | _Unavailable:
    try:
        chosen = real.from_environment(os.environ)
        if chosen:
            return session.open_real(chosen)
        return session.open_lab(LabNames.from_environment(), extra, float(config.option.lab_wait), say)
    except HostUnfitError as problem:
        return _Unavailable(str(problem), skip=True)
    except LabError as problem:
        return _Unavailable(str(problem), skip=False)


def _reset_of(item: pytest.Item) -> Reset:
    marker = item.get_closest_marker("lab")
    return Reset(marker.kwargs.get("reset", Reset.MODULE)) if marker else Reset.MODULE


def _needs_machines(item: pytest.Item) -> bool:
    return not _FIXTURES.isdisjoint(_fixtures(item))


def _fixtures(item: pytest.Item) -> frozenset[str]:
    return frozenset(getattr(item, "fixturenames", ()))


def _machines_of(item: pytest.Item, opened: LabSession) -> Iterator[str]:
    """Atlas and vega always, since a test of one uses the other; lyra only where it is asked for."""
    for name in opened.machines:
        if name != Pc.LYRA or name in _fixtures(item):
            yield name
