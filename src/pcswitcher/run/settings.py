"""Reading the settings: the person's file, and the file of what belongs to this PC alone.

Every setting has a default; ``config.toml`` replaces some, ``machine.toml`` beside it replaces some of those. The
first is carried to the other PC by the job ``settings``, the second never leaves this one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

from pcswitcher.jobs.registry import AnyJob
from pcswitcher.model.codec import JsonValue, from_json
from pcswitcher.model.errors import FormatError, SettingsError
from pcswitcher.model.settings import SETTING_FORMS, JobSettings, Settings
from pcswitcher.model.text import printable
from pcswitcher.run.paths import shown
from pcswitcher.run.settings_toml import KeyPath, Lines, TomlError, read_toml

HINT = "correct it, then look with: pc-switcher config check"
JOBS = "jobs"
MACHINE_FILE = "machine.toml"
"""Beside the person's file: what holds for this PC only."""

JobTypes: TypeAlias = Mapping[str, type[AnyJob]]
_Mistake: TypeAlias = tuple[KeyPath, str, str]
"""Where it is, what is wrong, and a hint."""


@attrs.frozen(kw_only=True)
class Table:
    """One table of the settings file."""

    path: KeyPath
    """``("run",)``, ``("jobs", "files")``."""
    help: str
    kind: type[attrs.AttrsInstance]

    @property
    def name(self) -> str:
        """As it stands in the file: ``jobs.files``."""
        return ".".join(self.path)

    @property
    def fields(self) -> tuple[attrs.Attribute[object], ...]:
        """Its settings."""
        fields: tuple[attrs.Attribute[object], ...] = attrs.fields(self.kind)
        return fields

    def of(self, settings: Settings) -> attrs.AttrsInstance:
        """The values of this table in ``settings``."""
        if self.path[0] == JOBS:
            return settings.jobs[self.path[1]]
        values: attrs.AttrsInstance = getattr(settings, self.path[0])
        return values


@attrs.frozen(kw_only=True)
class SettingsText:
    """A settings file: its name for people, and what is in it."""

    name: str
    text: str


@attrs.frozen(kw_only=True)
class SettingsInForce:
    """The settings, and which file set what."""

    settings: Settings
    origins: Mapping[tuple[str, str], str]
    """By the table's name and the key: the file it was set in. What is not there has its default."""


def tables(job_types: JobTypes) -> tuple[Table, ...]:
    """Every table of a settings file, one per job among them."""
    core = [
        Table(path=(field.name,), help=str(field.metadata["help"]), kind=type(getattr(Settings(), field.name)))
        for field in attrs.fields(Settings)
        if field.name != JOBS
    ]
    jobs = [Table(path=(JOBS, name), help=_job_help(job), kind=job.settings_type) for name, job in job_types.items()]
    return (*core, *jobs)


def _job_help(job: type[AnyJob]) -> str:
    own = "" if job.settings_type is JobSettings else job.settings_type.__doc__ or ""
    return " ".join(filter(None, (f"The job {job.name}: {job.title}.", own.strip().partition("\n")[0])))


def load_settings(path: Path, job_types: JobTypes) -> Settings:
    """Read the settings in force; a file that is not there changes nothing. Raises SettingsError: file and line."""
    return load_in_force(path, job_types).settings


def load_in_force(path: Path, job_types: JobTypes) -> SettingsInForce:
    """Read the person's file at ``path`` and this PC's own beside it. Raises SettingsError with every problem."""
    texts = [read_text(each) for each in (path, path.with_name(MACHINE_FILE))]
    return parse_settings([text for text in texts if text is not None], job_types)


def read_text(path: Path) -> SettingsText | None:
    """Read one settings file; None when there is none. Raises SettingsError."""
    try:
        return SettingsText(name=shown(path), text=path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown(path)} cannot be read: {error}", "it must be readable UTF-8 text") from error


def parse_settings(texts: Sequence[SettingsText], job_types: JobTypes) -> SettingsInForce:
    """Put settings together from TOML, later texts over earlier ones.

    Raises SettingsError that tells every mistake of every text, each with its file and line.
    """
    readings = [_read(text) for text in texts]
    known = tables(job_types)
    values = {table.name: _merge(readings, table) for table in known}
    wrong = {table.name: reason for table in known if (reason := _misfit(table, values[table.name]))}
    problems = [problem for reading in readings for problem in _problems_of(reading, known, wrong)]
    # What no key alone is guilty of: a job's own types may check how its settings fit together.
    problems += [
        _Problem((), f"{_files(readings, table)}, [{table.name}]", wrong[table.name])
        for table in known
        if table.name in wrong and not any(problem.path[: len(table.path)] == table.path for problem in problems)
    ]
    if problems:
        raise _error(problems)
    core: dict[str, JsonValue] = {table.name: values[table.name] for table in known if table.path[0] != JOBS}
    jobs = {
        name: from_json(job.settings_type, values[f"{JOBS}.{name}"], SETTING_FORMS) for name, job in job_types.items()
    }
    return SettingsInForce(
        settings=attrs.evolve(from_json(Settings, core, SETTING_FORMS), jobs=jobs),
        origins={
            (table.name, key): reading.name for reading in readings for table in known for key in reading.pairs(table)
        },
    )


@attrs.frozen(kw_only=True)
class _Reading:
    """One text as TOML; without a document where it is none."""

    name: str
    document: Mapping[str, JsonValue] = attrs.field(factory=dict[str, JsonValue])
    lines: Lines = attrs.field(factory=Lines)
    failure: TomlError | None = None

    def table(self, table: Table) -> JsonValue:
        """What stands in place of a table; None: nothing."""
        if table.path[0] != JOBS:
            return self.document.get(table.path[0])
        jobs = self.document.get(JOBS)
        return jobs.get(table.path[1]) if isinstance(jobs, dict) else None

    def pairs(self, table: Table) -> dict[str, JsonValue]:
        """The settings of a table that exist, by key."""
        found = self.table(table)
        names = {field.name for field in table.fields}
        return {key: value for key, value in found.items() if key in names} if isinstance(found, dict) else {}


@attrs.frozen
class _Problem:
    path: KeyPath
    place: str
    words: str
    hint: str = ""


def _read(text: SettingsText) -> _Reading:
    try:
        return _Reading(name=text.name, document=read_toml(text.text), lines=Lines.of(text.text))
    except TomlError as error:
        return _Reading(name=text.name, failure=error)


def _merge(readings: Sequence[_Reading], table: Table) -> dict[str, JsonValue]:
    return {key: value for reading in readings for key, value in reading.pairs(table).items()}


def _misfit(table: Table, values: Mapping[str, JsonValue]) -> str:
    """Why values are no settings of a table; empty when they are."""
    try:
        from_json(table.kind, dict(values), SETTING_FORMS)
    except FormatError as error:
        # cattrs adds where within the table; the key stands before the words already, and the table is the root.
        key = next(iter(values), "")
        return error.message.replace(f" @ $.{key}[", " @ [").removesuffix(f" @ $.{key}").removesuffix(" @ $")
    return ""


def _files(readings: Sequence[_Reading], table: Table) -> str:
    return " and ".join(reading.name for reading in readings if reading.pairs(table))


def _error(problems: Sequence[_Problem]) -> SettingsError:
    """One error for all that is wrong: a single problem with its own hint, several line by line."""
    if len(problems) == 1:
        only = problems[0]
        return SettingsError(f"{only.place}: {only.words}", only.hint or HINT)
    lines = [f"{each.place}: {each.words}" + (f" ({each.hint})" if each.hint else "") for each in problems]
    return SettingsError("\n".join(lines), HINT)


def _problems_of(reading: _Reading, known: Sequence[Table], wrong: Collection[str]) -> list[_Problem]:
    """Everything wrong with one text, in the order of its lines. ``wrong`` names the tables that do not fit."""
    if reading.failure:
        return [_Problem((), f"{reading.name}, line {reading.failure.line}", reading.failure.words)]
    found = list(_unknown_tables(reading.document, known))
    for table in known:
        content = reading.table(table)
        if isinstance(content, dict):
            found += _unknown_keys(table, content)
            found += _wrong_values(table, reading.pairs(table)) if table.name in wrong else ()
        elif content is not None:
            found.append((table.path, f"{table.name} is a table", f"write [{table.name}]"))
    return [
        _Problem(path, f"{reading.name}, line {reading.lines.find(path)}", printable(words), printable(hint))
        for path, words, hint in sorted(found, key=lambda each: reading.lines.find(each[0]))
    ]


def _unknown_tables(document: Mapping[str, JsonValue], known: Sequence[Table]) -> Iterator[_Mistake]:
    core = [table.name for table in known if table.path[0] != JOBS]
    names = [table.path[1] for table in known if table.path[0] == JOBS]
    for key in document:
        if key in names and key not in core:
            yield (key,), f"there is no setting {key}", f"the job's table is [{JOBS}.{key}]"
        elif key not in {JOBS, *core}:
            yield (key,), f"there is no setting {key}", _nearest(key, (*core, JOBS))
    jobs = document.get(JOBS)
    if isinstance(jobs, dict):
        for key in jobs:
            if key not in names:
                yield (JOBS, key), f"no job is called {key}", _nearest(key, names)
    elif jobs is not None:
        yield (JOBS,), f"{JOBS} is a table", f"write [{JOBS}.{names[0] if names else 'NAME'}]"


def _unknown_keys(table: Table, content: Mapping[str, JsonValue]) -> Iterator[_Mistake]:
    names = [field.name for field in table.fields]
    for key in content:
        if key not in names:
            yield (*table.path, key), f"there is no setting {key} in [{table.name}]", _nearest(key, names)


def _wrong_values(table: Table, pairs: Mapping[str, JsonValue]) -> Iterator[_Mistake]:
    for key, value in pairs.items():
        reason = _misfit(table, {key: value})
        if reason:
            yield (*table.path, key), f"{key}: {reason}", ""


def _nearest(key: str, names: Iterable[str]) -> str:
    known = list(names)
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(known)}"
