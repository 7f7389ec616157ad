"""Findings, problems, status and graphs: whole small texts."""

from mmeplan import render
from mmeplan.errors import Problem
from mmeplan.plan import Finding

LARGE = render.VariantStatus("large", "ml.m5.xlarge", "2/2", "66.7 %")
SMALL = render.VariantStatus("small", "ml.m5.large", "1/1", "33.3 %")
ROWS = [
    render.StatusRow("endpoint/ranker", "ranker", "InService", "ranker-a02f38b0", (LARGE, SMALL), "drifted"),
    render.StatusRow("endpoint/shop", "shop-eu", "Failed", "shop-11112222", failure="the ping health check failed"),
]


def test_findings_come_in_file_order_with_carets_and_a_count() -> None:
    found = [
        Finding("MME-21", "warning", "endpoint/b", "", "only one instance", "write 2", "", "fleet.yaml", 12, 5),
        Finding("MME-01", "error", "endpoint/a", "", "ml.m5.huge is no instance type", "", "", "fleet.yaml", 3, 7),
    ]
    assert (
        render.findings_text(found, excerpt=lambda line: f"    text of {line}")
        == """\
fleet.yaml:3:7  error  MME-01  ml.m5.huge is no instance type
    3 │     text of 3
      │       ^
fleet.yaml:12:5  warning  MME-21  only one instance
    12 │     text of 12
       │     ^
    help: write 2

1 error, 1 warning.
"""
    )


def test_no_findings() -> None:
    assert render.findings_text([]) == "No findings.\n"


def test_a_problem_is_one_line_with_a_caret_under_the_column() -> None:
    source = "\tab日本: instance_tipe\x1b[31m"
    problem = Problem("unknown key", "fleet.yaml", 41, 8, "endpoints.x", "did you mean instance_type?", source)
    assert render.problems_text([problem]) == (
        "fleet.yaml:41:8  error  endpoints.x: unknown key; did you mean instance_type?\n"
        "    41 │     ab日本: instance_tipe\\x1b[31m\n"
        "       │             ^\n"
    )
    assert render.problems_text([problem], caret=False).count("\n") == 1


def test_a_problem_without_a_place() -> None:
    assert render.problems_text([Problem("this is not a plan")]) == "error  this is not a plan\n"


def test_status_is_a_table_where_it_fits() -> None:
    assert (
        render.status_text(ROWS, width=110)
        == """\
ENDPOINT                 STATUS     CONFIG IN FORCE  VARIANT  TYPE          COUNT  SHARE   NOTE
endpoint/ranker          InService  ranker-a02f38b0  large    ml.m5.xlarge  2/2    66.7 %  drifted
                                                     small    ml.m5.large   1/1    33.3 %
endpoint/shop (shop-eu)  Failed     shop-11112222
  reason: the ping health check failed
"""
    )


def test_status_stacks_the_variants_where_it_does_not_fit() -> None:
    assert (
        render.status_text(ROWS, width=80)
        == """\
endpoint/ranker  InService  ranker-a02f38b0
  drifted
    large  ml.m5.xlarge  2/2  66.7 %
    small  ml.m5.large   1/1  33.3 %

endpoint/shop (shop-eu)  Failed  shop-11112222
  reason: the ping health check failed
"""
    )


def test_graphs_escape_their_labels() -> None:
    nodes = [("endpoint/a", 'a "x" <b>', "endpoint"), ("model/m", "m-1", "model")]
    assert (
        render.mermaid(nodes, [("model/m", "endpoint/a")])
        == """\
flowchart LR
  n0(["endpoint/a<br/>a #34;x#34; #60;b#62;"])
  n1[("model/m<br/>m-1")]
  n1 --> n0
"""
    )
    assert (
        render.dot(nodes, [("model/m", "endpoint/a")])
        == r"""digraph mmeplan {
  rankdir=LR;
  node [fontname="sans-serif"];
  "endpoint/a" [label="endpoint/a\na \"x\" <b>", shape=oval];
  "model/m" [label="model/m\nm-1", shape=cylinder];
  "model/m" -> "endpoint/a";
}
"""
    )
