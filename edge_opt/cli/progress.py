"""What is told on stderr while a run goes on: the outline, then a bar on a terminal, elsewhere a line a stage."""

from __future__ import annotations

import logging
import shutil
import sys
import time

import click

from edge_opt import units
from edge_opt.types import Finding, Outline, Step

_STYLES = {"error": "red", "warning": "yellow", "info": "cyan"}


class Progress:
    """A Watch that shows outlines, findings and steps; ``quiet`` shows errors only. End it before printing."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet, self._verbose = quiet, verbose
        self._terminal = sys.stderr.isatty() and not quiet
        self._stage, self._stage_began = "", time.monotonic()
        self._began = time.monotonic()
        self._estimate_s = 0.0
        self._width = 0
        self._told: set[Finding] = set()

    def __call__(self, event: Outline | Step | Finding) -> None:
        """Show one event."""
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Outline):
            self._outline(event)
        else:
            self.finding(event)

    def __enter__(self) -> Progress:
        if self._quiet:  # what the layers below log, as that they wait, is no error either
            logging.getLogger("edge_opt").setLevel(logging.ERROR)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("edge_opt").setLevel(logging.NOTSET)
        self._clear()

    def finding(self, finding: Finding) -> None:
        """One finding with its hint."""
        if self._quiet and finding.level != "error":
            return
        self._clear()
        label = click.style(f"{finding.level}[{finding.code}]", fg=_STYLES[finding.level], bold=True)
        click.echo(f"{label} {finding.message}", err=True)
        if finding.hint:
            click.echo(f"  hint: {finding.hint}", err=True)

    def _outline(self, outline: Outline) -> None:
        if self._quiet:
            return
        self._clear()
        self._estimate_s = outline.seconds + time.monotonic() - self._began
        recipes = list(dict.fromkeys(name.partition("/")[0] for name in outline.candidates))
        click.echo(
            f"plan: {_counted(len(outline.candidates), 'candidate')} of {', '.join(recipes)}; "
            f"about {units.format_seconds(outline.seconds)} and "
            f"{units.format_bytes(outline.disk_bytes)} of disk",
            err=True,
        )
        if self._verbose:
            for name in outline.candidates:
                click.echo(f"  {name}", err=True)
        for finding in outline.findings:
            if finding not in self._told:  # every wave has an outline of its own
                self.finding(finding)
        self._told.update(outline.findings)

    def _step(self, step: Step) -> None:
        if step.stage != self._stage:
            self._stage, self._stage_began = step.stage, time.monotonic()
            if not self._terminal and not self._quiet:
                click.echo(f"{step.stage}: {_whole(step)}", err=True)
        unit = " MiB" if step.unit == "MiB" else ""
        if self._verbose and not self._terminal:
            click.echo(f"  {min(step.done + 1, step.total)}/{step.total}{unit} {step.what}", err=True)
        if self._terminal:
            self._draw(f"{step.stage:<11} {_bar(step)} {step.done}/{step.total}{unit}{self._left(step)}  {step.what}")

    def _left(self, step: Step) -> str:
        """The time left: of the stage by its own pace, of the run by the estimate that was made for it."""
        if step.done < 2:
            return ""
        stage_s = (time.monotonic() - self._stage_began) / step.done * (step.total - step.done)
        run_s = max(stage_s, self._estimate_s - (time.monotonic() - self._began))
        return f", about {units.format_seconds(run_s)} left"

    def _draw(self, line: str) -> None:
        line = line[: max(20, shutil.get_terminal_size().columns - 1)]  # a full line would wrap, and stay
        click.echo("\r" + line.ljust(self._width), err=True, nl=False)
        self._width = len(line)

    def _clear(self) -> None:
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _whole(step: Step) -> str:
    """All that a stage has to do, as it begins."""
    if step.unit == "MiB":
        return f"{step.what}, {step.total} MiB"
    return step.what if step.total == 1 else f"{step.total} {step.unit}"


def _bar(step: Step, width: int = 20) -> str:
    full = width * step.done // max(step.total, 1)
    return "█" * full + "░" * (width - full)
