"""Which files travel: pure Python of us and all we need, nothing that ties it to this PC."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pcswitcher.machine.contents import installation_members
from pcswitcher.model.errors import CheckError


class Environment:
    """A directory that stands for site-packages."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.add("pcswitcher", {"pcswitcher/__init__.py": "", "pcswitcher/data.toml": "x = 1\n"})

    def add(
        self, name: str, files: dict[str, str], *requires: str, entry_points: str = "", editable: bool = False
    ) -> None:
        information = f"{name}-1.0.dist-info"
        metadata = "".join(f"Requires-Dist: {line}\n" for line in requires)
        described = {
            f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}\n",
            f"{information}/entry_points.txt": entry_points,
            f"{information}/direct_url.json": "{}",
            f"{information}/INSTALLER": "pip\n",
            f"{information}/licenses/LICENSE": "free\n",
        }
        for path, text in {**files, **described}.items():
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            (self.place / path).write_text(text)
        listed = [*([] if editable else files), *described, f"{information}/RECORD", "../../../bin/x", f"{name}.pth"]
        (self.place / information / "RECORD").write_text("".join(f'"{path}",,\n' for path in listed))

    def names(self) -> list[str]:
        return [member.name for member in installation_members()]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return Environment(tmp_path)


def test_code_data_licences_and_metadata_travel_and_nothing_of_this_installation(environment: Environment) -> None:
    assert environment.names() == [
        "pcswitcher-1.0.dist-info/METADATA",
        "pcswitcher-1.0.dist-info/entry_points.txt",
        "pcswitcher-1.0.dist-info/licenses/LICENSE",
        "pcswitcher/__init__.py",
        "pcswitcher/data.toml",
    ]


def test_packages_that_offer_jobs_travel_with_what_they_need(environment: Environment) -> None:
    environment.add("unrelated", {"unrelated.py": ""})
    environment.add("needed", {"needed.py": ""})
    environment.add("job", {"job.py": ""}, "needed", entry_points="[pcswitcher.jobs]\nx = job:Job\n")
    names = environment.names()
    assert {"job.py", "needed.py", "job-1.0.dist-info/entry_points.txt"} <= set(names)
    assert not [name for name in names if name.startswith("unrelated")]


def test_a_job_package_installed_in_place_is_found_by_its_entry_point(environment: Environment) -> None:
    files = {"my_jobs/__init__.py": "", "my_jobs/deep/rules.toml": "", "my_jobs/__pycache__/a.cpython-311.pyc": ""}
    environment.add("dist_name", files, entry_points="[pcswitcher.jobs]\nx = my_jobs.deep:Job\n", editable=True)
    names = [name for name in environment.names() if name.startswith("my_jobs")]
    assert names == ["my_jobs/__init__.py", "my_jobs/deep/rules.toml"]


@pytest.mark.parametrize(
    "importing",
    [
        "try:\n    from ._fast import go\nexcept ImportError:\n    from ._slow import go\n",
        "import contextlib\ntry:\n    import job._fast\nexcept ImportError:\n    pass\n",
        "# _fast is a word in a comment\n",
    ],
)
def test_an_optional_accelerator_is_left_out(environment: Environment, importing: str) -> None:
    files = {"job/__init__.py": importing, "job/_slow.py": "go = 1\n", "job/_fast.cpython-311-x86_64-linux-gnu.so": ""}
    environment.add("job", files, entry_points="[pcswitcher.jobs]\nx = job:Job\n")
    assert not [name for name in environment.names() if name.endswith(".so")]


def test_a_compiled_file_beside_its_source_is_left_out(environment: Environment) -> None:
    files = {"job/__init__.py": "from job.core import go\n", "job/core.py": "go = 1\n", "job/core.cpython-311.so": ""}
    environment.add("job", files, entry_points="[pcswitcher.jobs]\nx = job:Job\n")
    assert "job/core.py" in environment.names()


@pytest.mark.parametrize(
    "importing", ["from ._core import go\n", "from . import _core\n", "def f():\n    import job._core\n"]
)
def test_a_package_that_works_only_compiled_is_refused(environment: Environment, importing: str) -> None:
    files = {"job/__init__.py": importing, "job/_core.abi3.so": ""}
    environment.add("job", files, entry_points="[pcswitcher.jobs]\nx = job:Job\n")
    with pytest.raises(CheckError, match=r"job works only with its compiled file job/_core\.abi3\.so") as caught:
        environment.names()
    assert "--no-binary job" in caught.value.hint


def test_a_package_without_a_list_of_its_files_is_refused(environment: Environment) -> None:
    environment.add("job", {"job.py": ""}, entry_points="[pcswitcher.jobs]\nx = job:Job\n")
    (environment.place / "job-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(CheckError, match="the files of job are not listed"):
        environment.names()
