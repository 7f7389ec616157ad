"""About how long something takes, in words: the apply of a plan, what is left of one, an update under way.

In: spans and estimates of `plan.duration`. Out: phrases without layout, in whole minutes: the least rounded down, the
most rounded up.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from mmeplan.plan.duration import Estimate, Span, estimate
from mmeplan.render.door import ShownPlan
from mmeplan.render.values import counted, listed

_NAMED: Final = 3  # endpoints that are named
_MINUTE_S: Final = 60
_HOURS_FROM: Final = 120  # minutes; from there on it is told in hours


def span_words(span: Span) -> str:
    """`about 9 to 14 minutes`, `at least 4 minutes`, `less than a minute`, `about 1 h 40 min to 3 h`."""
    least = int(span.least_s // _MINUTE_S)
    if span.is_open:
        return f"at least {_minutes(least)}" if least else "an unknown time"
    most = ceil(span.most_s / _MINUTE_S)
    if most <= 1:
        return "less than a minute"
    if least == most:
        return f"about {_minutes(most)}"
    if most < _HOURS_FROM:
        return f"about {least} to {most} minutes" if least else f"up to {most} minutes"
    return f"about {_hours(least)} to {_hours(most)}" if least else f"up to {_hours(most)}"


def left_words(span: Span) -> str:
    """How much is left: `9 to 14 min left`, `less than a minute left`; `longer than estimated` where nothing is."""
    least = int(span.least_s // _MINUTE_S)
    if span.is_open:
        return f"at least {_hours(least)} left" if least else ""
    most = ceil(span.most_s / _MINUTE_S)
    if not span.most_s:
        return "longer than estimated"
    if most <= 1:
        return "less than a minute left"
    if least == most:
        return f"{_hours(most)} left"
    if not least:
        return f"up to {_hours(most)} left"
    return f"{least} to {most} min left" if most < _HOURS_FROM else f"{_hours(least)} to {_hours(most)} left"


def _minutes(minutes: int) -> str:
    if minutes >= _HOURS_FROM:
        return _hours(minutes)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _hours(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" * (hours > 0), f"{rest} min" * (rest > 0 or not hours)) if part)


def duration_words(plan: ShownPlan) -> str:
    """About how long the apply takes, with the endpoint that takes the longest; empty where nothing is to be done.

    `about 9 to 14 minutes (endpoint/ranker)`, `about 9 to 34 minutes; the longest is endpoint/ranker, about 9 to 14
    minutes`, `about 4 to 16 minutes (20 endpoints, each about 2 to 8 minutes)`.
    """
    return estimate_words(estimate(plan)) if plan.steps and not plan.refused else ""


def estimate_words(found: Estimate) -> str:
    """An estimate in words."""
    words = _words(found)
    return f"{words}, beside the upload of {counted(found.uploads, 'archive')}" if found.uploads else words


def _words(found: Estimate) -> str:
    words, others = span_words(found.takes), []
    if found.unknown:
        others.append(f"as long as what is under way on {listed(found.unknown, _NAMED)} goes on")
    if found.kept_deployment:
        named = listed(found.kept_deployment, _NAMED)
        others.append(f"what the last deployment config of {named} waits for, which the plan doesn't hold")
    if others:
        said = ", and ".join(others)
        return f"{words}, and {said}" if found.takes.least_s >= _MINUTE_S else f"{said}, which nobody knows"
    if not found.waits:
        return words
    if found.waits == 1:
        return f"{words} ({found.longest})"
    alone = span_words(found.longest_takes)
    if found.alike:
        return f"{words} ({counted(found.waits, 'endpoint')}{'' if alone == words else f', each {alone}'})"
    return f"{words}; the longest is {found.longest}{'' if alone == words else f', {alone}'}"


def duration_line(plan: ShownPlan) -> str:
    """The same as a sentence; empty where nothing is to be done."""
    words = duration_words(plan)
    return f"Takes {words}." if words else ""
