"""Which of two machines holds the newer work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from pcswitcher.machine.lock import Role
from pcswitcher.model.events import Outcome
from pcswitcher.model.plan import Finding, Gate, Severity
from pcswitcher.run import lineage
from pcswitcher.run.lineage import ALL, ancestry_of, check_lineage
from pcswitcher.run.record import Ancestry, JobRecord, MachineIdentity, Memory, RunRecord

NAMES = ("atlas", "vega", "lyra")


class World:
    """Machines that remember their runs as the pipeline writes them down."""

    def __init__(self) -> None:
        self.memories = {
            name: Memory(
                identity=MachineIdentity(id=f"id-{name}", etc_machine_id=name), records=(), last_number=0, damaged=()
            )
            for name in NAMES
        }

    def sync(
        self,
        source: str,
        target: str,
        outcome: Outcome | None = Outcome.DONE,
        *,
        changed: bool = True,
        remembered_by_source: bool = True,
        jobs: frozenset[str] = ALL,
    ) -> RunRecord:
        here, there = self.memories[source], self.memories[target]
        number = max(here.last_number, there.last_number) + 1
        record = RunRecord(
            label=f"{number:04d}",
            role=Role.TARGET,
            source=source,
            target=target,
            source_id=here.identity.id,
            target_id=there.identity.id,
            user="sam",
            version="0.2.0",
            started=datetime(2026, 5, 1, tzinfo=UTC),
            outcome=outcome,
            changed=changed,
            ancestry=ancestry_of(here, jobs),
            jobs=tuple(JobRecord(name=name, outcome=outcome, items=0, size=0) for name in sorted(jobs) if outcome),
        )
        self._remember(target, record)
        if remembered_by_source:
            self._remember(source, attrs.evolve(record, role=Role.SOURCE))
        return record

    def install_anew(self, name: str) -> None:
        self.memories[name] = Memory(
            identity=MachineIdentity(id=f"new-id-{name}", etc_machine_id="x"), records=(), last_number=0, damaged=()
        )

    def check(self, source: str, target: str, *, base: bool = True, jobs: frozenset[str] = ALL) -> tuple[Finding, ...]:
        return check_lineage(self.memories[source], self.memories[target], source, target, base=base, jobs=jobs)

    def _remember(self, name: str, record: RunRecord) -> None:
        memory = self.memories[name]
        self.memories[name] = attrs.evolve(
            memory, records=(*memory.records, record), last_number=max(memory.last_number, record.number)
        )


def gates(findings: Sequence[Finding]) -> list[str]:
    """The gates, and the plain warnings as ``warning``."""
    assert all(finding.severity is Severity.WARNING for finding in findings), "a gate stops a run by itself"
    return sorted(str(finding.gate) if finding.gate else "warning" for finding in findings)


def after(*runs: str) -> World:
    """A world after runs in words: "atlas → vega", "vega → atlas cut short", "vega installed anew"."""
    world = World()
    for run in runs:
        words = run.split()
        if words[-1] == "anew":
            world.install_anew(words[0])
        else:
            world.sync(words[0], words[2], None if words[3:] else Outcome.DONE)
    return world


def documented() -> list[tuple[str, str]]:
    """The lines of the table in the module's own page."""
    lines = re.findall(r"^(?:none|atlas →|lyra →).*$", lineage.__doc__ or "", re.MULTILINE)
    return [(line[:53].strip(), line[55:].split(":")[0].strip()) for line in lines]


@pytest.mark.parametrize(("runs", "found"), documented())
def test_the_table_of_the_page_is_true(runs: str, found: str) -> None:
    """K3, faults row 27."""
    base = "base is gone" not in runs
    world = after(*(run.strip() for run in runs.split(",") if "→" in run or "anew" in run))
    expected = {"nothing": [], "a warning": ["warning"]}.get(found, found.split(";", maxsplit=1)[0].split(", "))
    assert gates(world.check("atlas", "vega", base=base)) == sorted(expected)


def test_the_table_is_not_empty() -> None:
    assert len(documented()) >= 17


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INTERRUPTED, None])
def test_a_run_that_changed_nothing_is_none(outcome: Outcome | None) -> None:
    """K3: a plan that was declined, a check that forbade the run, and a run that was undone."""
    world = after("atlas → vega")
    world.sync("lyra", "vega", outcome, changed=False)
    world.sync("vega", "lyra", outcome, changed=False)
    assert world.check("atlas", "vega") == ()


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INTERRUPTED, None])
def test_whatever_cut_a_run_short_its_target_is_half_way(outcome: Outcome | None) -> None:
    """K3, promise 6."""
    world = after("atlas → vega", "atlas → lyra")
    world.sync("lyra", "vega", outcome)
    assert gates(world.check("atlas", "vega")) == ["diverged-target"]
    assert "left half-way by run 0003 from lyra" in world.check("atlas", "vega")[0].message
    assert gates(world.check("lyra", "vega")) == ["first-sync", "warning"]
    assert gates(world.check("vega", "atlas")) == ["stale-source"]
    assert "vega was left half-way by run 0003" in world.check("vega", "atlas")[0].message
    world.sync("lyra", "vega")
    assert gates(world.check("vega", "atlas")) == []


def test_a_source_that_lost_its_memory_of_a_run_still_finishes_it() -> None:
    """Promise 6: the record is written on the target first; a power cut may come before the source's."""
    world = after("atlas → vega")
    world.sync("atlas", "vega", None, remembered_by_source=False)
    assert gates(world.check("atlas", "vega")) == ["warning"]


def test_a_run_that_only_the_target_remembers_as_complete_is_known_to_both() -> None:
    world = World()
    world.sync("atlas", "vega", remembered_by_source=False)
    assert world.check("atlas", "vega") == ()
    assert world.check("vega", "atlas") == ()


def test_a_partial_run_counts_as_one_that_brought_the_work() -> None:
    """J7: what could not be made equal is shown again, item by item."""
    world = World()
    world.sync("atlas", "vega", Outcome.PARTIAL)
    assert world.check("vega", "atlas") == ()


@pytest.mark.parametrize("anew", ["atlas", "vega"])
def test_a_pc_installed_anew_is_named_with_the_run_it_was_last_known_from(anew: str) -> None:
    """Faults row 27: said so, a first sync, nothing known of the old one counts."""
    other = "vega" if anew == "atlas" else "atlas"
    world = after("atlas → vega", "vega → atlas")
    world.install_anew(anew)
    first = next(each for each in world.check("atlas", "vega") if each.gate is Gate.FIRST_SYNC)
    assert first.message.startswith(f"{anew} was installed anew since run 0002, or another PC has its name now; ")
    assert f"what {other} remembers of it does not count" in first.message
    world.sync("atlas", "vega")
    assert world.check("atlas", "vega") == ()


def test_work_that_was_given_up_is_not_taken_for_work_that_is_held() -> None:
    """K3: vega's work of run 1 was overwritten with a yes; lyra still has it, and must not lose it to vega unasked."""
    world = after("vega → lyra", "atlas → vega", "vega → atlas")
    assert gates(world.check("vega", "lyra")) == ["diverged-target"]
    assert gates(world.check("lyra", "vega")) == ["stale-source"]


def test_work_that_the_source_gave_up_itself_is_named_so() -> None:
    """K3: vega brought its work to atlas, lyra overwrote atlas since; the work is on vega alone."""
    (finding,) = after("atlas → vega", "atlas → lyra", "vega → atlas", "lyra → atlas").check("atlas", "vega")
    assert finding.gate is Gate.STALE_SOURCE
    assert "went on to atlas in run 0003 and atlas has it no longer" in finding.message
    assert finding.hint.endswith("on vega: pc-switcher sync atlas")


def test_messages_use_hostnames_and_name_the_run() -> None:
    """U4."""
    for runs in ("lyra → vega", "vega → lyra", "lyra → vega cut short", "vega → atlas cut short", "lyra → atlas"):
        (finding,) = after("atlas → vega", runs).check("atlas", "vega")
        assert "run 0002" in finding.message or runs == "lyra → atlas"
        assert "pc-switcher sync" in finding.hint
        assert not re.search(r"\b(source|target)\b", finding.message + finding.hint)


def test_records_of_format_1_say_who_brought_what() -> None:
    """Records without ancestry: the source's own work is all that is known of them."""
    world = after("atlas → vega", "vega → lyra")
    for name, memory in world.memories.items():
        old = tuple(attrs.evolve(each, ancestry=Ancestry()) for each in memory.records)
        world.memories[name] = attrs.evolve(memory, records=old)
    assert gates(world.check("vega", "lyra")) == []
    assert gates(world.check("atlas", "vega")) == ["stale-source"]


FILES, SETTINGS = frozenset({"files"}), frozenset({"settings"})
BOTH = FILES | SETTINGS


def test_a_run_with_only_settings_makes_no_machine_the_newest() -> None:
    """K3: vega's files went on to lyra; that atlas has its settings since does not bring them."""
    world = World()
    for source, target, jobs in (("atlas", "vega", BOTH), ("vega", "lyra", BOTH), ("vega", "atlas", SETTINGS)):
        world.sync(source, target, jobs=jobs)
    (finding,) = world.check("atlas", "vega", jobs=BOTH)
    assert finding.gate is Gate.STALE_SOURCE
    assert finding.message.startswith("files: atlas is not the newest: the work of vega went on to lyra in run 0002")
    assert world.check("atlas", "vega", jobs=SETTINGS) == ()
    world.sync("vega", "atlas", jobs=FILES)
    assert world.check("atlas", "vega", jobs=BOTH) == ()


def test_a_run_with_only_files_is_nothing_to_the_settings() -> None:
    """K3: what it brought is in danger in a run of files, and in no other."""
    world = World()
    world.sync("atlas", "vega", jobs=BOTH)
    world.sync("lyra", "vega", jobs=FILES)
    assert gates(world.check("atlas", "vega", jobs=BOTH)) == ["diverged-target"]
    assert gates(world.check("atlas", "vega", jobs=FILES)) == ["diverged-target"]
    assert gates(world.check("atlas", "vega", jobs=SETTINGS)) == []


def test_a_job_that_is_new_is_a_first_sync_of_its_own() -> None:
    """K3, J8: what was synced before goes on as it did."""
    world = World()
    world.sync("atlas", "vega", jobs=FILES)
    (finding,) = world.check("vega", "atlas", jobs=BOTH)
    assert finding.gate is Gate.FIRST_SYNC
    assert finding.message.startswith("settings: atlas was never synced with vega")


def test_a_run_cut_short_counts_for_every_job() -> None:
    """Promise 6: its record names no jobs."""
    world = World()
    world.sync("atlas", "vega", jobs=BOTH)
    world.sync("lyra", "vega", None, jobs=SETTINGS)
    assert gates(world.check("atlas", "vega", jobs=FILES)) == ["diverged-target"]


def test_what_a_source_holds_is_what_it_holds_for_all_jobs_of_the_run() -> None:
    """K3: atlas has vega's settings only, so lyra does not have vega's files by way of atlas."""
    world = World()
    world.sync("vega", "lyra", jobs=BOTH)
    world.sync("vega", "atlas", jobs=SETTINGS)
    world.sync("atlas", "lyra", jobs=BOTH)
    assert "diverged-target" in gates(world.check("vega", "lyra", jobs=FILES))
    assert "stale-source" in gates(world.check("lyra", "vega", jobs=FILES))


@given(st.lists(st.sampled_from(NAMES), max_size=12))
def test_who_always_goes_on_where_they_stopped_meets_no_gate_but_the_first(seats: list[str]) -> None:
    """K3: one person, moving from PC to PC in any order and taking the work along."""
    world = World()
    seat, met = "atlas", set[frozenset[str]]()
    for following in seats:
        if following == seat:
            continue
        pair = frozenset({seat, following})
        assert gates(world.check(seat, following)) == ([] if pair in met else ["first-sync"])
        world.sync(seat, following)
        met.add(pair)
        seat = following


@attrs.define
class Truth:
    """What a machine really holds: every piece of work is one number."""

    work: frozenset[int] = frozenset()
    at_last_run: frozenset[int] = frozenset()
    torn: bool = False


class ThreeMachines(RuleBasedStateMachine):
    """Random runs of three machines, of some jobs or all, complete or cut short anywhere, beside what really is where.

    On every machine something is typed before it is a source, for the run's jobs. A gate must be named when, and with
    neither torn machines nor runs of a part only when, the run would take away what the target held at its last run
    and the source does not hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.truth = {(name, job): Truth() for name in NAMES for job in BOTH}
        self.typed = 0
        self.ever_torn = False
        self.ever_parted = False

    @rule(
        machines=st.permutations(NAMES),
        fate=st.none() | st.integers(0, 2**16 - 1),
        jobs=st.sampled_from((BOTH, BOTH, FILES, SETTINGS)),
    )
    def sync(self, machines: list[str], fate: int | None, jobs: frozenset[str]) -> None:
        """One run. ``fate``: None when it comes to its end, else which pieces are new and which old when it ends."""
        self.step(machines, fate, jobs)

    def step(self, machines: list[str], fate: int | None, jobs: frozenset[str]) -> None:
        source, target, _ = machines
        self.typed += 1
        self.ever_parted |= jobs != BOTH
        for job in jobs:
            self.truth[source, job].work |= {self.typed}
        found = {each.gate for each in self.world.check(source, target, jobs=jobs)}
        found &= {Gate.DIVERGED_TARGET, Gate.STALE_SOURCE}
        unknown = {job: self.truth[target, job].at_last_run - self.truth[source, job].work for job in sorted(jobs)}
        if any(unknown.values()):
            assert found, f"{source} → {target} would lose {unknown} unasked"
        elif not self.ever_torn and not self.ever_parted:
            assert not found, "a gate although nothing would be lost"
        if any(self.truth[source, job].torn for job in jobs):
            assert Gate.STALE_SOURCE in found
        self.world.sync(source, target, None if fate is not None else Outcome.DONE, jobs=jobs)
        self.ever_torn |= fate is not None
        for job in jobs:
            self._carry(source, target, job, fate)

    def _carry(self, source: str, target: str, job: str, fate: int | None) -> None:
        here, there = self.truth[source, job], self.truth[target, job]
        here.at_last_run = here.work
        if fate is None:
            self.truth[target, job] = Truth(here.work, here.work)
        else:
            mixture = (here.work & there.work) | {each for each in here.work ^ there.work if fate >> (each % 16) & 1}
            self.truth[target, job] = Truth(mixture, mixture, torn=True)


def test_work_a_source_does_not_hold_is_never_overwritten_unasked() -> None:
    """K3: over random runs of three machines, of some jobs or all, complete or cut short."""
    run_state_machine_as_test(ThreeMachines, settings=settings(max_examples=300, stateful_step_count=25, deadline=None))


class WholeRuns(RuleBasedStateMachine):
    """The same when every run has all jobs and comes to its end: then no gate is named in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.machines = ThreeMachines()

    @rule(machines=st.permutations(NAMES))
    def sync(self, machines: list[str]) -> None:
        """One run."""
        self.machines.step(machines, None, BOTH)


def test_no_gate_is_named_when_nothing_would_be_lost() -> None:
    """K3: a question that is asked in vain is not read."""
    run_state_machine_as_test(WholeRuns, settings=settings(max_examples=200, stateful_step_count=25, deadline=None))
