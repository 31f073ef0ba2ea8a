"""Reading the settings files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcswitcher.files.rule import TreeKind
from pcswitcher.jobs.files.settings import FilesSettings, TreeSettings
from pcswitcher.jobs.registry import AnyJob, job_types
from pcswitcher.model.errors import SettingsError
from pcswitcher.model.events import Level
from pcswitcher.model.plan import ConflictPolicy
from pcswitcher.model.settings import JobSettings, Settings, Threshold, setting
from pcswitcher.run.settings import JobTypes, SettingsText, load_settings, parse_settings, tables


def job_type(name: str, settings: type[JobSettings]) -> type[AnyJob]:
    """As much of a job as settings are about."""
    return cast("type[AnyJob]", type(name, (), {"name": name, "title": name.title(), "settings_type": settings}))


TYPES: JobTypes = {"files": job_type("files", FilesSettings), "plain": job_type("plain", JobSettings)}
DEFAULT = Settings(jobs={"files": FilesSettings(), "plain": JobSettings()})


@attrs.frozen(kw_only=True)
class SpanSettings(JobSettings):
    """Two settings that must fit each other."""

    first: int = setting(1, "The first")
    last: int = setting(2, "The last")

    def __attrs_post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"first is {self.first}, after last")


def parse(*texts: str, types: JobTypes = TYPES) -> Settings:
    named = [
        SettingsText(name=name, text=text) for name, text in zip(("config.toml", "machine.toml"), texts, strict=False)
    ]
    return parse_settings(named, types).settings


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    """C1."""
    assert load_settings(tmp_path / "none.toml", TYPES) == DEFAULT
    assert parse("") == DEFAULT


def test_every_installed_job_has_its_settings(tmp_path: Path) -> None:
    """J1."""
    types = job_types()
    assert load_settings(tmp_path / "none.toml", types).jobs == {
        name: job.settings_type() for name, job in types.items()
    }


def test_what_a_file_says_is_taken() -> None:
    """C3, L2, S8."""
    settings = parse("""
        log.file = "debug"
        [run]
        grace = 5
        conflicts = "source"
        [disk]
        stop = "40 GiB"
        [jobs]
        plain.enabled = false
        [jobs.files]
        max_deletions = 7
    """)
    assert settings == attrs.evolve(
        DEFAULT,
        log=attrs.evolve(DEFAULT.log, file=Level.DEBUG),
        run=attrs.evolve(DEFAULT.run, grace=5.0, conflicts=ConflictPolicy.SOURCE),
        disk=attrs.evolve(DEFAULT.disk, stop=Threshold.parse("40 GiB")),
        jobs={"files": FilesSettings(max_deletions=7), "plain": JobSettings(enabled=False)},
    )


WRONG = [
    ("[filez]\nx = 1", 1, "there is no setting filez"),
    ("[rum]\nx = 1", 1, "did you mean run?"),
    ("[files]\nmax_deletions = 1", 1, "the job's table is [jobs.files]"),
    ("\n[jobs.filez]\nx = 1", 2, "no job is called filez (did you mean files?)"),
    ("[jobs.zzz]", 1, "there are: files, plain"),
    ("# first\n[jobs.files]\n\nmax_deletons = 1", 4, "did you mean max_deletions?"),
    ("[jobs.plain]\nmax_deletions = 1", 2, "there is no setting max_deletions in [jobs.plain] (there are: enabled)"),
    ("[run]\nzzz = 1", 2, "there are: grace"),
    ("jobs.files.max_deletions = -1", 1, "max_deletions: -1 is out of range: at least 0"),
    ('[jobs.files]\nmax_deletions = "many"', 2, "expected a whole number"),
    ("[jobs.files]\nmax_deletions = true", 2, "expected a whole number"),
    ("[jobs.files]\nmax_deletions = 1.5", 2, "expected a whole number"),
    ("[jobs.files]\nmax_deletions = 2020-02-02", 2, "expected a whole number"),
    ("[jobs.files]\nenabled = 1", 2, "expected true or false"),
    ("[jobs.files]\nmax_deletion_percent = 101", 2, "101 is out of range: percent, 0 to 100"),
    ("[run]\ngrace = 601", 2, "601 is out of range: seconds, 1 to 600"),
    ("[run]\ngrace = nan", 2, "expected a number"),
    ('[run]\nconflicts = "both"', 2, "'both' is none of: ask, source, target, stop"),
    ("[disk]\nstop = 15", 2, 'write a share ("20%") or a size'),
    ('[disk]\nstop = "15"', 2, 'write a share ("20%") or a size'),
    ('[log]\nfile = "LOUD"', 2, "none of: DEBUG, FULL, INFO, WARNING, ERROR, CRITICAL"),
    ("[log]\nfile = 20", 2, "20 is none of: DEBUG"),
    ("run = 1", 1, "run is a table (write [run])"),
    ("jobs = 1", 1, "jobs is a table"),
    ("jobs.files = 1", 1, "jobs.files is a table (write [jobs.files])"),
    ("[[jobs.files]]\nmax_deletions = 1", 1, "jobs.files is a table"),
    ("[jobs.files.trees]\nx = 1", 1, "trees: "),
    ('[jobs.files]\n\n[[jobs.files.trees]]\npath = 1\nhomes = "home"', 3, "expected text"),
    ('[jobs.files]\ntrees = [{path = "/srv", homes = "flat"}]', 2, "'flat' is none of: homes, home"),
    ('[jobs.files]\ntrees = [{path = "srv", homes = "home"}]', 2, "no absolute path"),
    ('[jobs.files]\ntrees = [{path = "/", homes = "home"}]', 2, "no absolute path"),
    ('[jobs.files]\ntrees = [{path = "/home/../etc", homes = "home"}]', 2, "no absolute path"),
    ('[jobs.files]\ntrees = [{path = "/srv\\n", homes = "home"}]', 2, "no absolute path"),
    (
        '[jobs.files]\ntrees = [{path = "/home/", homes = "homes"}, {path = "/home/sam", homes = "home"}]',
        2,
        "each directory belongs to one tree",
    ),
    ('[run]\n"\\u001b[31m" = 1', 2, "there is no setting \\x1b[31m in [run]"),
    ("[run]\ngrace =\n", 2, ""),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG, ids=[f"{line} {words}" for _, line, words in WRONG])
def test_a_mistake_is_told_with_file_line_and_reason(text: str, line: int, words: str) -> None:
    """C2, J2, S8; faults row 23."""
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert caught.value.message.startswith(f"config.toml, line {line}: ")
    assert words in str(caught.value)
    assert caught.value.hint
    assert caught.value.message.isprintable()


def test_all_mistakes_of_both_files_are_told_at_once_in_their_order() -> None:
    """C2."""
    with pytest.raises(SettingsError) as caught:
        parse("[run]\ngrace = 0\ngrce = 1\n[jobs.filez]\n[disk]\nstop = 1", '[log]\nkeep = "x"')
    places = [line.partition(": ")[0] for line in caught.value.message.splitlines()]
    assert places == [*(f"config.toml, line {line}" for line in (2, 3, 4, 6)), "machine.toml, line 2"]
    assert "did you mean grace?" in caught.value.message
    assert "config check" in caught.value.hint


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """C2."""
    place = tmp_path / "config.toml"
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(place, TYPES)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, TYPES)


def test_this_pcs_own_file_wins_key_by_key_and_is_checked_like_the_other(tmp_path: Path) -> None:
    """C3, D4: what belongs to one PC stands in a file of its own."""
    place = tmp_path / "config.toml"
    own = tmp_path / "machine.toml"
    place.write_text("[jobs.files]\nmax_deletions = 1\nmax_deletion_percent = 2\n")
    own.write_text("[jobs.files]\nmax_deletions = 3\n")
    files = load_settings(place, TYPES).jobs["files"]
    assert files == FilesSettings(max_deletions=3, max_deletion_percent=2)
    place.unlink()
    assert load_settings(place, TYPES).jobs["files"] == FilesSettings(max_deletions=3)
    own.write_text("[jobs.files]\nmax_deletons = 3\n")
    with pytest.raises(SettingsError, match=r"machine\.toml, line 2: there is no setting max_deletons"):
        load_settings(place, TYPES)


def test_where_each_value_comes_from_is_known() -> None:
    """C3."""
    found = parse_settings(
        [
            SettingsText(name="config.toml", text="run.grace = 2\nlog.keep = 3"),
            SettingsText(name="machine.toml", text="log.keep = 4"),
        ],
        TYPES,
    )
    assert found.origins == {("run", "grace"): "config.toml", ("log", "keep"): "machine.toml"}


def test_values_that_are_right_alone_and_wrong_together_are_told_with_their_files() -> None:
    """J2: a job's own types may check more than one value."""
    types: JobTypes = {"span": job_type("span", SpanSettings)}
    with pytest.raises(SettingsError) as caught:
        parse("jobs.span.last = 1", "jobs.span.first = 2", types=types)
    assert caught.value.message == "config.toml and machine.toml, [jobs.span]: first is 2, after last"
    assert parse("[jobs.span]\nlast = 7\nfirst = 6", types=types).jobs["span"] == SpanSettings(first=6, last=7)


def test_every_setting_of_every_table_has_a_default_and_words() -> None:
    """C1."""
    for table in tables(job_types()):
        table.kind()
        assert table.help
        assert [field.name for field in table.fields if not field.metadata.get("help")] == []


@given(st.text(max_size=200), st.text(max_size=30))
def test_any_text_is_settings_or_a_settings_error(text: str, own: str) -> None:
    """C2; faults row 23."""
    try:
        assert isinstance(parse(text, own), Settings)
    except SettingsError as error:
        told = error.message
    else:
        told = "config.toml"
    assert told.startswith(("config.toml", "machine.toml"))


@given(
    st.integers(0, 2**40),
    st.integers(0, 100),
    st.lists(st.sampled_from(["/home", "/root", "/srv/data", "/srv/data2", "/opt"]), unique=True),
)
def test_what_is_in_range_is_taken(deletions: int, percent: int, paths: list[str]) -> None:
    """C3."""
    trees = ", ".join(f'{{path = "{path}", homes = "home"}}' for path in paths)
    text = f"[jobs.files]\nmax_deletions = {deletions}\nmax_deletion_percent = {percent}\ntrees = [{trees}]"
    assert parse(text).jobs["files"] == FilesSettings(
        max_deletions=deletions,
        max_deletion_percent=percent,
        trees=tuple(TreeSettings(path=path, homes=TreeKind.HOME) for path in paths),
    )


@pytest.mark.parametrize("path", ["/var", "/var/lib", "/var/lib/pc-switcher/runs", "/.snapshots", "/proc/1", "/run"])
def test_our_own_memory_and_what_is_no_disk_can_be_no_tree(path: str) -> None:
    """Promise 9: marks, ids and bases of a machine never travel."""
    with pytest.raises(ValueError, match="must not travel"):
        TreeSettings(path=path, homes=TreeKind.HOME)
