"""A prune from its plan to its end: shown, agreed to name by name, carried out, called off."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.commands.change_output import say, tell
from tui.commands.disk_json import plan_json, report_json
from tui.commands.disk_read import StatusLine
from tui.commands.disk_table import loss_lines, plan_lines, plan_words
from tui.commands.interrupts import Background, Interrupts
from tui.commands.prune_output import outcome_line, progress_line, sum_lines
from tui.commands.table import wrapped
from tui.model.disk_items import (
    ENDED_STATES,
    DiskItem,
    DiskKind,
    ItemKey,
    ItemOutcome,
    OutcomeState,
    ReclaimPlan,
    ReclaimReport,
    Safety,
)
from tui.model.errors import EnvtuiError
from tui.model.printable import printable

if TYPE_CHECKING:
    import argparse

    from tui.commands.disk_read import DiskReading
    from tui.commands.questions import TerminalQuestions
    from tui.model.reclaim import PruneRequest
    from tui.workstation import Workstation

DONE, FAILED = 0, 1
_NOT_SEEN = "nobody could look into it: what is in it is not known"
_NOT_WAITED_FOR = "it was not waited for"
# Removing an image takes a second or two; whoever ends a service waits longer than this before killing it.
_END_SECONDS = 10.0


@dataclass(slots=True)
class Pruning:
    """One prune that a command line asks for.

    Attributes:
        options: with dry_run, yes and json.
        request: of what.
        reading: what it rests on.
    """

    workstation: Workstation
    options: argparse.Namespace
    request: PruneRequest
    reading: DiskReading

    def carry_out(self) -> int:
        """Do it; gives back the exit code. Raises an EnvtuiError."""
        plan = self._plan()
        if self.options.dry_run:
            self._print_plan(plan)
            self.reading.say_problems()
            return FAILED if self.reading.has_failed else DONE
        if self.workstation.reclaiming is None:
            raise EnvtuiError("Nothing can be removed", "this host's disk can only be looked at")
        if not self.options.yes:
            agreed = self._agreed(plan)
            self.reading.say_problems()
            if agreed is None:
                say("nothing was removed")
                if self.options.json:
                    none = ReclaimReport(replace(plan, items=(), planned_bytes=0), (), is_over=True)
                    tell(json.dumps(report_json(none, self.reading.problems), indent=2), sys.stdout)
                return FAILED
            plan = agreed
        else:
            if not self.options.json:
                self._print_plan(plan)
            self.reading.say_problems()
        return self._execute(plan)

    # -- the plan

    def _plan(self, agreed: Collection[ItemKey] = ()) -> ReclaimPlan:
        from tui.model.reclaim import prune_plan

        facts = self.reading.facts
        items = tuple(self._judged(each) for each in self.reading.items)
        plan = prune_plan(items, self.request, facts, self.workstation.now(), agreed)
        # what was not read counts nothing, which is not the same as none
        return replace(plan, is_exact=plan.is_exact and not self.reading.problems)

    def _judged(self, item: DiskItem) -> DiskItem:
        """An item as it counts where nobody looks at the list: --yes takes nothing that is not known."""
        facts = self.reading.facts
        listing = facts.environments.get(item.id)
        is_seen = item.id in facts.layers and listing is not None and listing.problem is None
        if item.kind is DiskKind.CONTAINER and not is_seen and item.why_not is None:
            return replace(item, safety=Safety.DANGER, reason=_NOT_SEEN)
        return item

    def _print_plan(self, plan: ReclaimPlan) -> None:
        if self.options.json and self.options.dry_run:
            tell(json.dumps(plan_json(plan, self.reading.problems), indent=2), sys.stdout)
            return
        # standard output is for the one object
        stream = sys.stderr if self.options.json else sys.stdout
        tell("\n".join(wrapped(plan_lines(plan, self.workstation.now()), stream)), stream)

    # -- agreeing to it

    def _agreed(self, plan: ReclaimPlan) -> ReclaimPlan | None:
        """What somebody agrees to; None for nothing."""
        from tui.commands.changing import needs_yes
        from tui.commands.questions import TerminalQuestions, questions_here

        self._print_plan(plan)
        wanting = self._wanting_a_name()
        if not plan.items and not wanting:
            return plan
        questions = questions_here()
        if not isinstance(questions, TerminalQuestions):
            raise needs_yes()
        try:
            agreed = {item.key for item in wanting if _is_typed(questions, item)}
            if agreed:
                plan = self._plan(agreed)
            if not plan.items:
                return None
            return plan if questions.ask(_again(plan, agreed), "Remove them?") else None
        finally:
            questions.close()

    def _wanting_a_name(self) -> list[DiskItem]:
        """What would be taken, too, if its name were typed."""
        danger = {each.key for each in map(self._judged, self.reading.items) if each.safety is Safety.DANGER}
        return [each for each in self._plan(danger).items if each.key in danger] if danger else []

    # -- carrying it out

    def _execute(self, plan: ReclaimPlan) -> int:
        if not plan.items:
            return self._tell_end(ReclaimReport(plan, (), is_over=True, freed_bytes=0), 0)
        from tui.monitor.reclaiming import carry_out

        newest = [ReclaimReport(plan, tuple(ItemOutcome(each) for each in plan.items))]
        with Interrupts() as interrupts:
            work = Background(
                lambda: carry_out(
                    plan,
                    self.workstation,
                    self.reading.containers,
                    lambda report: newest.__setitem__(0, report),
                    lambda: interrupts.count > 0,
                ),
                "prune",
            )
            self._follow(work, newest, interrupts)
            report = work.result() if work.wait(0) else _given_up(newest[0])
            return self._tell_end(report, interrupts.exit_code if interrupts.count else 0)

    def _follow(
        self, work: Background[ReclaimReport], newest: list[ReclaimReport], interrupts: Interrupts
    ) -> None:
        """Show how far it is, until its end or until nobody waits any more."""
        line = StatusLine()
        seen, until = 0, math.inf
        while not work.wait() and time.monotonic() < until:
            if interrupts.count > seen:
                if seen and not interrupts.wants_end:
                    break
                seen = interrupts.count
                if interrupts.wants_end:
                    # a timer's or a terminal's end: an image is not left between its tags and its layers
                    until = min(until, time.monotonic() + _END_SECONDS)
                with contextlib.suppress(OSError):
                    line.clear()
                    say("finishing what is under way … (ctrl+c again does not wait for it)")
            with contextlib.suppress(OSError):
                # the terminal may be gone
                line.show(progress_line(newest[0]))
        with contextlib.suppress(OSError):
            line.clear()

    def _tell_end(self, report: ReclaimReport, interrupted: int) -> int:
        """What became of each item: an object for scripts, lines for people; gives back the exit code."""
        if self.options.json:
            tell(json.dumps(report_json(report, self.reading.problems), indent=2), sys.stdout)
        else:
            lines = [*map(outcome_line, report.outcomes), *sum_lines(report)]
            tell("\n".join(wrapped(lines, sys.stdout)), sys.stdout)
        # the one that nobody waited for is no failure of its own
        if interrupted:
            return interrupted
        has_failed = any(
            each.state in (OutcomeState.FAILED, OutcomeState.UNKNOWN) for each in report.outcomes
        )
        return FAILED if has_failed or self.reading.has_failed else DONE


def _is_typed(questions: TerminalQuestions, item: DiskItem) -> bool:
    """Whether somebody types the name of what holds work; nothing typed leaves it out."""
    typed = printable(item.name)
    if not typed.strip():
        # what no keyboard types is told by its id
        typed = item.id.removeprefix("sha256:")[:12]
    lines = (f"{item.kind} {item.name}: {item.reason}", *loss_lines(item))
    answer = questions.line(lines, f"Type {typed} to remove it, nothing to leave it: ")
    return bool(answer) and answer in (typed, item.name)


def _again(plan: ReclaimPlan, agreed: Collection[ItemKey]) -> list[str]:
    """The sum, once names have changed it."""
    return [plan_words(plan)] if agreed else []


def _given_up(report: ReclaimReport) -> ReclaimReport:
    """A report as it stands when nobody waits for its end."""
    outcomes = []
    for each in report.outcomes:
        if each.state is OutcomeState.RUNNING:
            each = replace(each, state=OutcomeState.UNKNOWN, reason=_NOT_WAITED_FOR)
        elif each.state not in ENDED_STATES:
            each = replace(each, state=OutcomeState.NOT_BEGUN, reason="called off")
        outcomes.append(each)
    return replace(report, outcomes=tuple(outcomes))
