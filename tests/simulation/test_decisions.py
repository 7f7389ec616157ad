"""Decisions: what is live, and a file → what is planned. The rows are in `decisions`, what they give in `decided/`.

Each row is also planned as in a large fleet, where what carries the wanted digest is listed rather than described: that
may not decide anything else.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mmeplan import live, plan
from mmeplan.diff import Inputs, generations_of, rollback_graph
from mmeplan.errors import InputError
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan import Options, drift_report
from tests.simulation.decisions import TABLES, Row
from tests.simulation.instant import Account, compiled
from tests.simulation.telling import Labels, told, told_drift, told_generations

HERE = Path(__file__).parent / "decided"
ROWS = [(table, name) for table, rows in TABLES.items() for name in rows]
NAMES = [f"{table}: {name}" for table, name in ROWS]


def decided(row: Row, account: Account, graph: Graph, seen: Snapshot, label: Labels) -> str:
    """What is planned, what is drift, and what the endpoint `e` may go back to."""
    options = Options()
    lines: list[str] = []
    if "endpoint/e" in graph.resources:
        found = generations_of(Inputs(graph, seen), "endpoint/e")
        lines += told_generations("endpoint/e", found)
    if row.back:
        to = next(one.name for one in found if one.back == row.back)
        options = Options(targets=("endpoint/e",), rollback=to)
    try:
        planned = rollback_graph(graph, seen, "endpoint/e", to) if row.back else graph
    except InputError as error:
        return label(f"refused: {error}\n")
    made = plan.build(planned, seen, created_at="", options=options)
    users = live.observe_users(account, seen, plan.deleted(made)) if not row.back else seen
    if users.was_asked_for_users:
        made = plan.build(planned, users, created_at="", options=options)
    lines = [*told(made), *lines, *told_drift(drift_report(graph, seen, show_environment=True))]
    return label("".join(f"{line}\n" for line in lines) or "nothing\n")


def seen(row: Row, account: Account, graph: Graph, *, listed: bool) -> Snapshot:
    made = account.seen(graph, listed=listed)
    return live.unmasked(live.masked(made), [r.request for r in graph.resources.values()]) if row.masked else made


def row_and_life(table: str, name: str) -> tuple[Row, Account, Graph]:
    row = TABLES[table][name]
    return row, row.life(), compiled(row.file, row.salts)


def labels(account: Account, graph: Graph) -> Labels:
    names = [resource.physical_name for resource in graph.resources.values()]
    return Labels(account.ever + names)


@pytest.mark.parametrize(("table", "name"), ROWS, ids=NAMES)
def test_what_is_live_and_the_file_give_this(table: str, name: str, wanted: dict[str, str], accept: bool) -> None:
    row, account, graph = row_and_life(table, name)
    label = labels(account, graph)
    made, listed = (decided(row, account, graph, seen(row, account, graph, listed=one), label) for one in (False, True))
    if accept:
        wanted[f"{table}: {name}"] = made
    assert made == wanted[f"{table}: {name}"]
    assert listed == made


@pytest.fixture(scope="module")
def wanted(accept: bool):  # type: ignore[no-untyped-def]
    """The decided tables; written anew at the end where that is asked for."""
    read = {name: text for table in TABLES for name, text in stored(table).items()}
    yield read
    for table in TABLES if accept else ():
        texts = [f"== {name}\n{read[f'{table}: {name}']}" for name in TABLES[table]]
        (HERE / f"{table}.txt").write_text("\n".join(texts))


def stored(table: str) -> dict[str, str]:
    path = HERE / f"{table}.txt"
    parts = path.read_text().removeprefix("== ").split("\n== ") if path.exists() else []
    return {f"{table}: {part.partition(chr(10))[0]}": part.partition("\n")[2].rstrip("\n") + "\n" for part in parts}
