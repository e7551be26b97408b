"""Figures, what is claimed of them, and how both are shown and kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Samples of one thing, taken in one run."""

    name: str
    samples: tuple[float, ...]
    unit: str = "ms"

    @property
    def median(self) -> float:
        """What the figure stands for."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A target: *figure* is at most *limit*, or at most *limit* times *beside*."""

    figure: Figure
    limit: float
    beside: Figure | None = None

    @property
    def value(self) -> float:
        """What is held against the limit."""
        return self.figure.median / (self.beside.median if self.beside else 1)

    @property
    def best(self) -> float:
        """The same of the smallest samples: what a busy machine disturbs least."""
        return min(self.figure.samples) / (min(self.beside.samples) if self.beside else 1)

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one part found."""

    figures: tuple[Figure, ...]
    claims: tuple[Claim, ...] = ()
    remarks: tuple[str, ...] = ()
    """What was left out, and why."""


def text(part: str, report: Report) -> str:
    """*report* as a table for people."""
    lines = [f"\n{part}", *map(_figure_line, report.figures)]
    lines += [_claim_line(claim) for claim in report.claims]
    lines += [f"  note: {remark}" for remark in report.remarks]
    return "\n".join(lines) + "\n"


def _figure_line(figure: Figure) -> str:
    low, high = (f"{each(figure.samples):.3g}" for each in (min, max))
    spread = f"[{low} to {high}], n {len(figure.samples)}"
    return f"  {figure.name:<58} {figure.median:>8.3g} {figure.unit:<5} {spread}"


def _claim_line(claim: Claim) -> str:
    verdict = "met" if claim.met else "NOT MET"
    if claim.beside is None:
        return f"  => {claim.figure.name}: at most {claim.limit:g} {claim.figure.unit}: {verdict}"
    what = f"{claim.figure.name} / {claim.beside.name}"
    return f"  => {what}: {claim.value:.2f} (of the smallest {claim.best:.2f}), at most {claim.limit:g}: {verdict}"


def keep(path: Path, facts: dict[str, str], part: str, report: Report) -> None:
    """Append *report* to the file *path*, one JSON line for each figure and claim."""
    with path.open("a") as file:
        for entry in (*_figure_entries(report.figures), *_claim_entries(report.claims)):
            file.write(json.dumps({**facts, "part": part, **entry}) + "\n")


def _figure_entries(figures: Sequence[Figure]) -> Iterable[dict[str, object]]:
    for figure in figures:
        yield {
            "figure": figure.name,
            "unit": figure.unit,
            "median": round(figure.median, 4),
            "samples": [round(sample, 4) for sample in figure.samples],
        }


def _claim_entries(claims: Sequence[Claim]) -> Iterable[dict[str, object]]:
    for claim in claims:
        yield {
            "claim": claim.figure.name,
            "beside": claim.beside.name if claim.beside else None,
            "value": round(claim.value, 4),
            "best": round(claim.best, 4),
            "limit": claim.limit,
            "met": claim.met,
        }
