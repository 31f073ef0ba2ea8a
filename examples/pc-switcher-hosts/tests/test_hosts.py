"""The job ``hosts``: what every job must hold to, and what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_switcher_hosts.diff import Steps, diff
from pc_switcher_hosts.job import HostsJob, HostsSettings
from pc_switcher_hosts.state import Host, Hosts, read_block, write_block
from pcswitcher.jobs.api import Action, FormatError, Gate, States
from pcswitcher.jobs.conformance import JobConformance

BLOCK = "# begin shared\n# at home\n192.0.2.10  nas\n192.0.2.11\tprinter paper  # in the hall\n# end shared\n"
FILE = f"127.0.0.1 localhost\r\n\n{BLOCK}\nlast\n"
NAS, PRINTER = Host("nas", ("192.0.2.10 nas",)), Host("printer", ("192.0.2.11 printer paper",))


class TestHosts(JobConformance[HostsSettings, Hosts, Steps]):
    """Every law of jobs, between two machines that are pretended."""

    def make_job(self, root: bytes) -> HostsJob:
        return HostsJob(HostsSettings(), root + b"/etc")

    def fill(self, root: Path) -> None:
        (root / "etc").mkdir()
        (root / "etc" / "hosts").write_text(FILE)

    def edit(self, root: Path, word: str) -> None:
        number = sum(word.encode()) % 250
        lines = (f"192.0.2.{number} nas", f"192.0.2.77 new-{word}", "192.0.2.5 six")
        hosts = read_block("\n".join(("# begin x", *lines, "# end x")), "x")
        (root / "etc" / "hosts").write_text(write_block(FILE, "shared", hosts))


def test_names_are_read_from_the_block_alone() -> None:
    assert read_block(FILE, "shared") == Hosts((NAS, PRINTER))
    assert read_block(FILE, "other") == Hosts()


def test_what_is_around_the_block_stays_as_it_is() -> None:
    assert write_block(FILE, "shared", Hosts((NAS, PRINTER))) == FILE
    less = write_block(FILE, "shared", Hosts((PRINTER,)))
    assert less == FILE.replace("192.0.2.10  nas\n", "")
    other = write_block(FILE, "shared", Hosts((Host("nas", ("192.0.2.9 nas",)), PRINTER)))
    assert other == FILE.replace("192.0.2.10  nas", "192.0.2.9 nas")
    assert write_block("x", "shared", Hosts((NAS,))) == "x\n# begin shared\n192.0.2.10 nas\n# end shared\n"
    assert write_block("# begin b\n192.0.2.1 x\n# end b\n", "b", Hosts()) == ""


@pytest.mark.parametrize(
    "text",
    [
        "# begin shared\n192.0.2.1 x\n",
        "# end shared\n# begin shared\n",
        "# begin shared\n# begin shared\n# end shared\n",
        "# begin shared\n192.0.2.1\n# end shared\n",
    ],
)
def test_a_damaged_block_is_no_empty_block(text: str) -> None:
    with pytest.raises(FormatError):
        read_block(text, "shared")


def test_a_name_with_two_addresses_is_one_item() -> None:
    two = read_block("# begin b\n192.0.2.1 two\n2001:db8::1 two\n# end b\n", "b")
    plan = diff(States(source=two, target=Hosts()), 10)
    assert [(change.item, change.action, change.after) for change in plan.changes] == [
        ("two", Action.ADD, "192.0.2.1 two; 2001:db8::1 two")
    ]


def test_unusually_many_removals_need_a_word_of_their_own() -> None:
    many = Hosts(tuple(Host(f"h{number}", (f"192.0.2.{number} h{number}",)) for number in range(3)))
    assert not diff(States(source=Hosts(), target=many), 3).findings
    assert [found.gate for found in diff(States(source=Hosts(), target=many), 2).findings] == [Gate.MASS_DELETION]
