"""`--watch`: a page that is made again and again: redrawn on a terminal, else one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmeplan.cli.door import document, without_commands
from mmeplan.cli.streams import is_read

if TYPE_CHECKING:
    from mmeplan.live import Clock

Show = Callable[[str], None]


def again_and_again(look: Callable[[], str], show: Show, clock: Clock, interval_s: Callable[[], float]) -> None:
    """Show what `look` says, and again after each interval, until Ctrl-C or until nobody reads stdout any more.

    The clock is the system's, also where SageMaker is simulated: there a look must not make time pass.
    """
    with _screen(show) as shown:
        while is_read():
            shown(look())
            clock.sleep(interval_s())


@contextmanager
def _screen(show: Show) -> Iterator[Show]:
    if show is document:
        yield show
    elif not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda text: show(f"{text}\n")
    else:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(console=Console(file=sys.stdout, highlight=False), auto_refresh=False) as live:
            yield lambda text: live.update(Text.from_ansi(without_commands(text)), refresh=True)
