"""Which of two machines holds the newer work, told from what both remember of their runs (requirement K3). Pure.

Clocks of two machines are never compared. What counts are run numbers, each larger than those of all runs before it
on both its machines, and machine ids; hostnames are for people.

A machine's work is a *branch*, named after the machine. A run writes down whose work its source holds
(``Ancestry``: by branch, the number of the newest run that is contained); with a complete run the target holds just
that. So it is known over any number of machines whether one holds what another had when it last took part in a run.
A machine whose work was given up, since it was overwritten by one that did not hold it, goes on under a new branch:
nobody may take what it does from then on for a continuation of what it had before.

Each job is judged by the runs that had it: a run with ``--only settings`` brings no files. One that came to no end
counts for every job, and so does a record that names none.

What was typed on a machine since its last run is not this module's: the jobs find it, item by item, as conflicts.

Before ``atlas → vega`` (each line: runs in this order, all complete unless said otherwise):

=====================================================  ===========================================================
runs before                                            what is found
=====================================================  ===========================================================
none                                                   first-sync
atlas → vega                                           nothing
atlas → vega, vega → atlas                             nothing
atlas → vega, vega → lyra, lyra → atlas                nothing: atlas has vega's work through lyra
atlas → vega, lyra → vega                              diverged-target: atlas has not what lyra brought
atlas → vega, lyra → vega, lyra → atlas                nothing
atlas → vega, vega → lyra                              stale-source: vega's work went on to lyra, not to atlas
atlas → vega, vega → lyra, lyra → vega                 diverged-target
atlas → vega, lyra → atlas                             diverged-target: vega has what lyra took from atlas
lyra → vega                                            first-sync, diverged-target
atlas → vega, atlas → lyra                             nothing: one may sync to several
atlas → vega, atlas → vega cut short                   a warning: this run finishes what was left
atlas → vega, lyra → vega cut short                    diverged-target: left half-way by lyra
atlas → vega, vega → atlas cut short                   stale-source: atlas itself was left half-way
atlas → vega, lyra → atlas cut short                   stale-source, diverged-target: vega has atlas' work whole
atlas → vega, vega installed anew                      first-sync; nothing that atlas remembers counts
atlas → vega, atlas installed anew                     first-sync, diverged-target: vega has what the old atlas had
atlas → vega, the base is gone                         first-sync
=====================================================  ===========================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from pcswitcher.model.plan import Finding, Gate, Severity
from pcswitcher.run.record import Ancestry, Memory, RunRecord

ALL: frozenset[str] = frozenset()
"""No names of jobs: every run counts, whatever it had."""


@attrs.frozen(kw_only=True)
class Standing:
    """What a machine holds after all its runs."""

    branch: str
    """Its own line of work; it holds all of that."""
    seen: Mapping[str, int]
    """By branch of others, the number of the newest run whose work it holds for certain."""
    work: Mapping[str, RunRecord]
    """What it may hold, by branch: who overwrites the machine must hold the work of these runs."""
    halfway: RunRecord | None = None
    """The run that left it between before and after; None once another has been completed."""

    def holds(self, branch: str, number: int) -> bool:
        """Whether the work that run ``number`` took from ``branch`` is contained."""
        return branch == self.branch or self.seen.get(branch, 0) >= number


def ancestry_of(memory: Memory, jobs: frozenset[str] = ALL) -> Ancestry:
    """Whose work a machine holds, as the record of a run of these jobs with it as source keeps it.

    Where the jobs differ it is what the machine holds for all of them, under the newest of its branches.
    """
    first, *others = (standing_of(of_job) for of_job in _by_job(memory, jobs).values())
    seen = {
        branch: min(number, *(each.seen[branch] for each in others)) if others else number
        for branch, number in first.seen.items()
        if all(branch in each.seen for each in others)
    }
    branch = max((each.branch for each in (first, *others)), key=_generation)
    return Ancestry(branch=branch, seen=seen)


def standing_of(memory: Memory) -> Standing:
    """Follow a machine through its runs. Those of an id it had before do not count."""
    own = memory.identity.id
    standing = Standing(branch=own, seen={}, work={})
    for record in memory.records:
        if not (record.changed or record.complete):
            continue
        if record.source_id == own:
            standing = _after_sending(standing, record)
        elif record.target_id == own:
            standing = _after_receiving(standing, own, record)
    return standing


def check_lineage(
    source: Memory, target: Memory, source_name: str, target_name: str, *, base: bool, jobs: frozenset[str] = ALL
) -> tuple[Finding, ...]:
    """What a run from source to target would do to work it does not know, in hostnames; the table is above.

    ``base``: whether what both had in common after their last complete run is still known on both; ``jobs``: the
    names of the run's jobs. What is not found for all of them names those it is found for.
    """
    names = _Names(source_name, target_name)
    here, there = _by_job(source, jobs), _by_job(target, jobs)
    found: dict[Finding, list[str]] = {}
    for job, memory in here.items():
        for finding in _check(memory, there[job], names, base=base):
            found.setdefault(finding, []).append(job)
    return tuple(
        finding if len(of) == len(here) else attrs.evolve(finding, message=f"{', '.join(of)}: {finding.message}")
        for finding, of in found.items()
    )


def _by_job(memory: Memory, jobs: frozenset[str]) -> dict[str, Memory]:
    """By job: the memory of the runs that had it; without names, the whole memory."""
    return {
        job: attrs.evolve(memory, records=tuple(record for record in memory.records if _had(record, job)))
        for job in sorted(jobs)
    } or {"": memory}


def _had(record: RunRecord, job: str) -> bool:
    return not record.jobs or any(each.name == job for each in record.jobs)


def _check(source: Memory, target: Memory, names: _Names, *, base: bool) -> list[Finding]:
    here, there = standing_of(source), standing_of(target)
    findings = _first_sync(source, target, names, base=base)
    if here.halfway is not None:
        findings.append(_half_source(here.halfway, names))
    for branch, record in there.work.items():
        if here.holds(branch, record.number):
            continue
        if record.target_id == target.identity.id:
            findings.append(_diverged_target(record, names, own=record.source_id == source.identity.id))
        elif here.halfway is None:  # which says already that the source is not the newest
            findings.append(_stale_source(record, names))
    if there.halfway is not None and here.holds(_branch_of(there.halfway), there.halfway.number):
        message = f"run {there.halfway.label} from {there.halfway.source} left {names.target} half-way"
        findings.append(_finding(names, f"{message}: this run finishes what it left", ""))
    return findings


@attrs.frozen
class _Names:
    source: str
    target: str


def _generation(branch: str) -> int:
    """How new a branch of one machine is: the number of the run by which it gave up the one before."""
    return int(branch.rpartition("+")[2]) if "+" in branch else 0


def _after_sending(before: Standing, record: RunRecord) -> Standing:
    """What a machine holds after it was a source: its work is known elsewhere under the branch that run names.

    That is a newer one when other jobs of that run have given up more; what went under the old one is held as well.
    """
    branch = max(record.ancestry.branch or before.branch, before.branch, key=_generation)
    if branch == before.branch:
        return attrs.evolve(before, work={branch: record})
    return attrs.evolve(
        before, branch=branch, seen={**before.seen, before.branch: record.number}, work={branch: record}
    )


def _after_receiving(before: Standing, own: str, record: RunRecord) -> Standing:
    """What the machine with id ``own`` holds after a run brought it another's work."""
    origin = _branch_of(record)
    brought = {**record.ancestry.seen, origin: record.number}
    given_up = any(
        branch != origin and brought.get(branch, 0) < earlier.number for branch, earlier in before.work.items()
    )
    branch = f"{own}+{record.number}" if given_up else before.branch
    if record.complete:
        return Standing(branch=branch, seen=brought, work={origin: record})
    # Each path is old or new: only what both hold is held for certain, and anything of both may be there.
    certain = {name: min(number, before.seen.get(name, 0)) for name, number in brought.items()}
    return Standing(branch=branch, seen=certain, work={**before.work, origin: record}, halfway=record)


def _branch_of(record: RunRecord) -> str:
    return record.ancestry.branch or record.source_id


def _first_sync(source: Memory, target: Memory, names: _Names, *, base: bool) -> list[Finding]:
    pair = {source.identity.id, target.identity.id}
    common = [
        record
        for record in (*source.records, *target.records)
        if record.complete and {record.source_id, record.target_id} == pair
    ]
    if common and base:
        return []
    if common:
        last = max(common, key=lambda record: record.number)
        why = f"what {names.source} and {names.target} had in common after run {last.label} is no longer kept"
    else:
        why = (
            _installed_anew(source, names.target, target.identity.id, names.source)
            or _installed_anew(target, names.source, source.identity.id, names.target)
            or f"{names.target} was never synced with {names.source}"
        )
    message = f"{why}: everything in scope that only {names.target} has will be removed"
    return [_finding(names, message, "look at the list of removals", Gate.FIRST_SYNC)]


def _installed_anew(memory: Memory, name: str, identity: str, rememberer: str) -> str:
    """Words for a PC that has the name but not the id of one that ``memory`` knows; empty when there is none."""
    known = [
        (other, record)
        for record in memory.records
        for host, other in ((record.source, record.source_id), (record.target, record.target_id))
        if host == name
    ]
    if not known or known[-1][0] == identity:
        return ""
    return (
        f"{name} was installed anew since run {known[-1][1].label}, or another PC has its name now; what {rememberer} "
        "remembers of it does not count"
    )


def _stale_source(record: RunRecord, names: _Names) -> Finding:
    given_up = record.target == names.source
    message = (
        f"{names.source} is not the newest: the work of {names.target} went on to {record.target} in run "
        f"{record.label} and {names.source} {'has it no longer' if given_up else 'does not have it'}"
    )
    newer = names.target if given_up else record.target
    hint = f"to bring it to {names.source} first, on {newer}: pc-switcher sync {names.source}"
    return _finding(names, message, hint, Gate.STALE_SOURCE)


def _diverged_target(record: RunRecord, names: _Names, *, own: bool) -> Finding:
    """The finding for work that ``record`` brought to the target. ``own``: it was the source's own, once."""
    hint = f"to bring it to {names.source} first, on {names.target}: pc-switcher sync {names.source}"
    if own:
        message = (
            f"{names.target} has the work of {names.source} of run {record.label}, and {names.source} itself has it no "
            "longer; it would be taken away"
        )
    elif record.halfway:
        message = (
            f"{names.target} was left half-way by run {record.label} from {record.source}, whose work {names.source} "
            "does not have"
        )
        hint = f"to finish that run, on {record.source}: pc-switcher sync {names.target}"
    else:
        message = (
            f"{names.target} was synced from {record.source} in run {record.label} and {names.source} does not have "
            "what it brought; it would be taken away"
        )
    return _finding(names, message, hint, Gate.DIVERGED_TARGET)


def _half_source(record: RunRecord, names: _Names) -> Finding:
    message = (
        f"{names.source} was left half-way by run {record.label} from {record.source}: what it has is partly of before "
        "and partly of after"
    )
    hint = f"to finish that run, on {record.source}: pc-switcher sync {names.source}"
    return _finding(names, message, hint, Gate.STALE_SOURCE)


def _finding(names: _Names, message: str, hint: str, gate: Gate | None = None) -> Finding:
    return Finding(severity=Severity.WARNING, machine=names.target, message=message, hint=hint, gate=gate)
