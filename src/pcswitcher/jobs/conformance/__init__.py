"""What every job must hold to, as tests a job's author inherits (design §4).

::

    from pcswitcher.jobs.conformance import JobConformance

    class TestMyJob(JobConformance[MySettings, MyState, MyData]):
        def make_job(self, root): ...    # the job, with ``root`` standing for /
        def fill(self, root): ...        # what both machines have to begin with
        def edit(self, root, word): ...  # change, add and remove items; ``word`` goes into what is new

pytest collects the class; no fixture but its own ``tmp_path`` is needed, nothing outside it is written, and neither
root nor another machine. Two machines are pretended by agents within the process; for what a job runs there, see
``programs``. What needs real ones (a package manager, a service) belongs into tests of the job's own.
"""

from __future__ import annotations

from pcswitcher.jobs.conformance.bench import Bench, really
from pcswitcher.jobs.conformance.laws_of_apply import ApplyLaws
from pcswitcher.jobs.conformance.laws_of_interruption import InterruptionLaws
from pcswitcher.jobs.conformance.laws_of_plan import PlanLaws
from pcswitcher.jobs.conformance.laws_of_state import StateLaws
from pcswitcher.jobs.conformance.subject import D, S, T

__all__ = ["Bench", "JobConformance", "really"]


class JobConformance(StateLaws[S, T, D], PlanLaws[S, T, D], ApplyLaws[S, T, D], InterruptionLaws[S, T, D]):
    """All laws of jobs. See the module."""
