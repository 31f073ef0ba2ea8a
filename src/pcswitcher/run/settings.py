"""Reading the settings: the person's file, and the file of what belongs to this PC alone.

Every setting has a default; ``config.toml`` replaces some, ``machine.toml`` beside it replaces some of those. The
first is carried to the other PC by the job ``settings``, the second never leaves this one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

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

JobTypes = Mapping[str, type[AnyJob]]


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
    known = tables(job_types)
    given: dict[str, dict[str, JsonValue]] = {table.name: {} for table in known}
    origins: dict[tuple[str, str], str] = {}
    problems: list[_Problem] = []
    for text in texts:
        values, found = _check(text, known)
        problems += found
        for table, pairs in values.items():
            given[table].update(pairs)
            origins.update({(table, key): text.name for key in pairs})
    # What is right key by key can still be wrong together: a job's own types may say so.
    problems += [] if problems else _try_together(known, given, origins)
    if problems:
        raise _error(problems)
    core: dict[str, JsonValue] = {table.name: given[table.name] for table in known if table.path[0] != JOBS}
    jobs = {
        name: from_json(job.settings_type, given[f"{JOBS}.{name}"], SETTING_FORMS) for name, job in job_types.items()
    }
    return SettingsInForce(settings=attrs.evolve(from_json(Settings, core, SETTING_FORMS), jobs=jobs), origins=origins)


@attrs.frozen
class _Problem:
    place: str
    words: str
    hint: str = ""


def _error(problems: Sequence[_Problem]) -> SettingsError:
    """One error for all that is wrong: a single problem with its own hint, several line by line."""
    if len(problems) == 1:
        only = problems[0]
        return SettingsError(f"{only.place}: {only.words}", only.hint or HINT)
    lines = [f"{each.place}: {each.words}" + (f" ({each.hint})" if each.hint else "") for each in problems]
    return SettingsError("\n".join(lines), HINT)


def _check(text: SettingsText, known: Sequence[Table]) -> tuple[dict[str, dict[str, JsonValue]], list[_Problem]]:
    """One text alone: its values by table, and everything that is wrong with it in the order of its lines."""
    try:
        document = read_toml(text.text)
    except TomlError as error:
        return {}, [_Problem(f"{text.name}, line {error.line}", error.words)]
    values: dict[str, dict[str, JsonValue]] = {}
    found: list[tuple[KeyPath, str, str]] = [*_unknown_tables(document, known)]
    for table in known:
        pairs = _table_of(document, table)
        if isinstance(pairs, dict):
            values[table.name] = pairs
            found += _check_table(table, pairs)
        elif pairs is not None:
            found.append((table.path, f"{table.name} is a table", f"write [{table.name}]"))
    lines = Lines.of(text.text)
    return values, [
        _Problem(f"{text.name}, line {lines.find(path)}", printable(words), printable(hint))
        for path, words, hint in sorted(found, key=lambda each: lines.find(each[0]))
    ]


def _table_of(document: Mapping[str, JsonValue], table: Table) -> JsonValue:
    if table.path[0] != JOBS:
        return document.get(table.path[0])
    jobs = document.get(JOBS)
    return jobs.get(table.path[1]) if isinstance(jobs, dict) else None


def _unknown_tables(document: Mapping[str, JsonValue], known: Sequence[Table]) -> Iterator[tuple[KeyPath, str, str]]:
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


def _check_table(table: Table, pairs: Mapping[str, JsonValue]) -> Iterator[tuple[KeyPath, str, str]]:
    names = [field.name for field in table.fields]
    for key, value in pairs.items():
        path = (*table.path, key)
        if key not in names:
            yield path, f"there is no setting {key} in [{table.name}]", _nearest(key, names)
            continue
        try:
            from_json(table.kind, {key: value}, SETTING_FORMS)
        except FormatError as error:
            yield path, f"{key}: {_reason(error, key)}", ""


def _try_together(
    known: Sequence[Table], given: Mapping[str, dict[str, JsonValue]], origins: Mapping[tuple[str, str], str]
) -> Iterator[_Problem]:
    for table in known:
        try:
            from_json(table.kind, given[table.name], SETTING_FORMS)
        except FormatError as error:
            files = dict.fromkeys(origins[table.name, key] for key in given[table.name])
            yield _Problem(f"{' and '.join(files)}, [{table.name}]", _reason(error, ""))


def _reason(error: FormatError, key: str) -> str:
    """Why a value does not fit; cattrs adds where within it, which for the value itself goes without saying."""
    return error.message.replace(f" @ $.{key}[", " @ [").removesuffix(f" @ $.{key}").removesuffix(" @ $")


def _nearest(key: str, names: Iterable[str]) -> str:
    known = list(names)
    nearest = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(known)}"
