"""Whether environments can use the host's GPUs, by what is known of its driver at the moment."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui import diagnostics

if TYPE_CHECKING:
    from tui.backends.base import Driver
    from tui.model.compatibility import DriverFacts, Verdict
    from tui.model.environments import EnvironmentList
    from tui.model.gpus import GpuReport


class Judge:
    """Gives verdicts. What the driver itself reports counts more than what files and settings say of it."""

    def __init__(self, driver: Driver | None) -> None:
        """Args: what is known before the driver reports; None where nobody knows the host's."""
        self._driver = driver
        self._reported: DriverFacts | None = None

    def hear(self, report: GpuReport) -> bool:
        """Take what the driver reports; whether that may change verdicts."""
        # only here and below: the table behind it is a file of YAML
        from tui.model.compatibility import facts_of

        facts = facts_of(report, platform.machine())
        if facts is None or facts == self._reported:
            return False
        self._reported = facts
        return True

    def verdicts(self, listing: EnvironmentList | None) -> Mapping[str, Verdict]:
        """By prefix; empty where none can be given."""
        if listing is None or not listing.environments:
            return {}
        from tui.data import cuda_table
        from tui.model.compatibility import judge

        try:
            facts = self._reported or (self._driver.facts() if self._driver is not None else None)
            return {each.prefix: judge(each, facts, cuda_table()) for each in listing.environments}
        except Exception as error:
            # a verdict less, not a listing less
            diagnostics.record_exception("verdicts", error)
            return {}
