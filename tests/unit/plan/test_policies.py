"""Policies: expressions over the plan document, what they find, what they may see, and what bounds them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmeplan import plan
from mmeplan.errors import InputError
from mmeplan.installing import how_to_add
from mmeplan.plan import policies as policies_module
from mmeplan.spec import cel, load_text
from mmeplan.spec.cel import CelEvaluationError, CelSyntaxError, Evaluator, Expression
from tests.simulation.world import World, config, fleet, model, variant

ONE = {"ranker": {"config": config(main=variant(count=1))}}
SECRET = "s3cr3t-value"
TEN = "[0,1,2,3,4,5,6,7,8,9]"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def held(world: World, expression: str, **policy: Any) -> plan.Plan:
    """The plan of a fleet with this policy."""
    models = {"ranker": model("1", environment={"TOKEN": SECRET})}
    policies = {"it": {"expression": expression, "message": "this must be so", **policy}}
    return world.plan(fleet(ONE, models=models, policies=policies))


def test_what_is_true_finds_nothing(world: World) -> None:
    for each, expression in (
        (None, "plan.summary.delete == 0 && plan.fleet == 'f' && plan.complete"),
        (None, "plan.changes.exists(c, c.kind == 'endpoint' && c.effect == 'create')"),
        (None, "plan.drift.size() == 0 && plan.findings.size() == 0"),
        (None, "plan.capacity.types.all(t, t.peak <= 10)"),
        ("changes", "change.kind != 'endpoint' || change.traffic.all(v, v.instances_after >= 1)"),
        ("steps", "step.operation.startsWith('Create') && plan.account.matches('^[0-9]{12}$')"),
    ):
        made = held(world, expression, **({"each": each} if each else {}))
        assert (made.findings, made.applyable) == ((), True), expression


def test_what_is_not_true_refuses_the_plan_and_says_why(world: World) -> None:
    made = held(world, "change.kind != 'endpoint' || change.traffic.all(v, v.instances_after >= 2)", each="changes")
    (finding,) = made.findings
    assert (finding.rule, finding.severity, finding.address) == ("policy/it", "error", "endpoint/ranker")
    assert finding.message == "endpoint/ranker: this must be so"
    assert finding.line == next(c.location.line for c in made.changes if c.address == "endpoint/ranker")
    assert finding.help == "policies.it in fleet.yaml says so"
    assert made.refused
    assert not made.applyable


def test_a_warning_is_shown_and_refuses_nothing(world: World) -> None:
    made = held(world, "plan.summary.create == 0", severity="warning")
    assert [(finding.rule, finding.severity) for finding in made.findings] == [("policy/it", "warning")]
    assert made.applyable


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("plan.nope == 1", "there is no nope"),
        ("plan.summary", "is map"),
        ("1 / plan.summary.delete == 1", "divide by zero"),
        (f"{TEN}.all(a, {TEN}.all(b, {TEN}.all(c, {TEN}.all(d, {TEN}.all(e, true)))))", "10,000 steps"),
    ],
)
def test_what_cannot_be_evaluated_lets_nobody_through(world: World, expression: str, reason: str) -> None:
    made = held(world, expression)
    assert reason in made.findings[0].message
    assert not made.applyable


@pytest.mark.parametrize("each", [None, "changes", "steps"])
def test_environment_values_are_masked(world: World, each: str | None) -> None:
    what = {
        "changes": "!change.fields.exists(f, f.after == '%s')",
        "steps": "step.operation != 'CreateModel' || step.params.PrimaryContainer.Environment.TOKEN != '%s'",
        None: "plan.steps.all(s, s.operation != 'CreateModel' || s.params.PrimaryContainer.Environment.TOKEN != '%s')",
    }[each]
    assert held(world, what % SECRET, **({"each": each} if each else {})).findings == ()


def test_a_masked_value_says_so(world: World) -> None:
    masked = "step.params.PrimaryContainer.Environment.TOKEN.startsWith('(masked')"
    assert held(world, f"step.operation != 'CreateModel' || {masked}", each="steps").findings == ()


def test_a_planted_bug_that_shows_the_values_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies_module, "masked_steps", lambda made: iter(made.steps))
    leaks = f"step.operation != 'CreateModel' || step.params.PrimaryContainer.Environment.TOKEN != '{SECRET}'"
    assert held(world, leaks, each="steps").findings


def test_a_long_list_is_not_given_to_a_policy_over_the_whole_plan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies_module, "MAX_ITEMS", 2)
    made = held(world, "plan.changes.all(c, c.effect != 'delete')")
    assert "the plan has 3 changes, and a policy over the whole plan sees 2" in made.findings[0].message
    assert made.findings[0].help == "write it with each: changes or each: steps"
    assert held(world, "change.effect != 'delete'", each="changes").findings == ()


def problem(text: str) -> Any:
    with pytest.raises(InputError) as refused:
        load_text(text.encode())
    return refused.value.problems[0]


FILE = """version: 1
fleet: f
policies:
  no-deletes:
    expression: {}
    message: not so
"""


@pytest.mark.parametrize(
    ("expression", "line", "column"),
    [
        ("plan.summary.delete === 0", 5, 39),
        ("'plan.summary.delete == zero'", 5, 41),
        ("|\n      plan.complete &&\n      plan.foo(", 7, 16),
        ("plan.summary.delete ==", 5, 39),
    ],
)
def test_an_expression_that_does_not_compile_is_told_at_its_place(expression: str, line: int, column: int) -> None:
    found = problem(FILE.format(expression))
    assert found.message.startswith("the expression doesn't compile:")
    assert (found.line, found.path) == (line, "policies.no-deletes.expression")
    assert found.column == column
    assert found.source_line


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("  a: {expression: 'true'}", "the key 'message' is missing"),
        ("  a: {expression: 'true', message: ' '}", "a policy needs an expression and a message"),
        ("  a:", "a policy needs an expression and a message"),
        ("  A_b: {expression: 'true', message: m}", "can't be a policy's name"),
        ("  a: {expression: 'true', message: m, severity: fatal}", "expected one of error, warning"),
        ("  a: {expression: 'true', message: m, each: endpoints}", "expected one of changes, steps"),
        ("  a: {expression: '\"x\"', message: m}", "is a string; expected true or false"),
        ("  a: {expression: change.effect == 'x', message: m}", "undeclared reference to 'change.effect'"),
        ("  a: {expression: 'true', message: m, sevrity: error}", "did you mean severity?"),
    ],
)
def test_a_wrong_policy_is_refused(lines: str, message: str) -> None:
    assert message in problem(f"version: 1\nfleet: f\npolicies:\n{lines}\n").message


def test_without_cel_the_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    found = problem(FILE.format("'true'"))
    assert found.message == "policies need CEL, which isn't installed"
    assert found.hint == how_to_add("policies", "cel-expr-python")
    assert "policies" in found.hint
    assert load_text(b"version: 1\nfleet: f\n").policies == ()


def test_expressions_are_bounded_in_length_depth_and_steps() -> None:
    with pytest.raises(CelSyntaxError, match="longer than 4,096 characters"):
        Expression("1 == 1 || " * 500 + "true", ["plan"])
    with pytest.raises(CelSyntaxError, match="recursion"):
        Expression("(" * 100 + "true" + ")" * 100, ["plan"])
    many = Expression("plan.all(a, plan.all(b, true))", ["plan"])
    assert many.evaluate({"plan": [1] * 99})
    with pytest.raises(CelEvaluationError, match="10,000 steps"):
        many.evaluate({"plan": [1] * 101})
    assert not Expression("plan.matches('^(a+)+$')", ["plan"]).evaluate({"plan": "a" * 100_000 + "b"})


def test_an_evaluation_that_takes_too_much_memory_ends_a_child_and_lets_nobody_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cel, "MAX_MEMORY", 2**27)
    grown = "[[0]]" + ".map(a, a + a + a + a + a + a + a + a + a + a + a + a + a + a + a + a)" * 9
    policies = {
        "a-large": {"expression": f"size({grown}[0]) > 0", "message": "m"},
        "b-small": {"expression": "plan.fleet == 'f'", "message": "m"},
        "c-large": {"expression": f"size({grown}[0]) > 0", "message": "m", "each": "changes"},
        "d-untrue": {"expression": "change.address == ''", "message": "m", "each": "changes"},
    }
    made = world.plan(fleet(ONE, models={"ranker": model("1")}, policies=policies))
    found = [(finding.rule, finding.message.partition(": ")[2]) for finding in made.findings]
    too_much = "takes more than 512 MiB of memory)"
    assert [rule for rule, _ in found] == ["policy/a-large"] + ["policy/c-large"] * 3 + ["policy/d-untrue"] * 3
    assert all(message.endswith(too_much) for rule, message in found if rule.endswith("large"))
    assert not made.applyable


def test_an_evaluation_that_takes_too_long_ends_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "MAX_SECONDS", 0)
    turns = "[" + ", ".join(["0"] * 90) + "]"
    slow = f"{turns}.all(a, {turns}.all(b, !plan.matches('^(a|b)*c$')))"
    with Evaluator([(slow, ["plan"]), ("plan.size() > 0", ["plan"])], {"long": "ab" * 100_000}) as evaluator:
        reasons = evaluator.reasons(
            [(0, {"plan": "long"}), (1, {"plan": [1]}), (0, {"plan": "long"}), (1, {"plan": []})]
        )
    assert reasons == ["takes more than 0 seconds", None, "takes more than 0 seconds", ""]


def test_all_evaluations_share_their_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cel, "MAX_SECONDS_IN_ALL", 0)
    with Evaluator([("true", [])], {}) as evaluator:
        assert evaluator.reasons([(0, {})]) == ["the policies of the file take more than 600 seconds"]


def test_the_child_sees_neither_the_environment_nor_modules_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    popen = subprocess.Popen

    def seen(*args: Any, **options: Any) -> Any:
        started.append((args[0], options["env"]))
        return popen(*args, **options)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(subprocess, "Popen", seen)
    with Evaluator([("true", [])], {}) as evaluator:
        assert evaluator.reasons([(0, {})]) == [None]
    ((command, environment),) = started
    assert command[1:3] == ["-I", "-S"]
    assert environment.keys() <= {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"}


def test_a_file_without_policies_starts_no_child(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a child was started"))
    assert world.plan(fleet(ONE, models={"ranker": model("1")})).applyable


def test_what_json_holds_can_be_asked_about() -> None:
    values = {"a": None, "b": 1, "c": 1.5, "d": [1, "x"], "e": {"f": True}, "g": "é"}
    for text in ("plan.a == null", "plan.b + 1 == 2", "plan.c > 1.0", "plan.d[1] == 'x'", "plan.e.f", "plan.g == 'é'"):
        assert Expression(text, ["plan"]).evaluate({"plan": values}), text
    with pytest.raises(CelEvaluationError):
        Expression("plan.b == 1", ["plan"]).evaluate({"plan": {"b": 2**70}})


HEAD = b"version: 1\nfleet: f\n"


def problems(text: bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(InputError) as refused:
        load_text(HEAD + text)
    return [(problem.line, problem.path, problem.message) for problem in refused.value.problems]


def test_a_file_has_no_more_policies_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    one = b"p%d: {expression: 'true', message: m}, "
    hundred = b"".join(one % number for number in range(100))
    assert len(load_text(HEAD + b"policies: {" + hundred + b"}\n").policies) == 100
    more = HEAD + b"policies: {" + hundred + one % 100 + b"}\n"
    with pytest.raises(InputError) as refused:
        load_text(more)
    assert [(p.line, p.path, p.message) for p in refused.value.problems] == [(3, "policies", "more than 100 policies")]


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        (b"expression: 'plan.complete &&'", 4),
        (b"expression: >-\n      plan.complete\n      && !", 6),
        (b'expression: "plan.complete \\\n      && !"', 4),  # written in another way than it is read: at its key
    ],
)
def test_a_mistake_in_an_expression_is_shown_where_it_stands(expression: bytes, place: int) -> None:
    text = b"policies:\n  p: {message: m, " + expression + b"}\n"
    if b">-" in expression:
        text = b"policies:\n  p:\n    message: m\n    " + expression + b"\n"
    (problem,) = problems(text)
    assert problem[0] >= place, problem


def test_half_of_a_surrogate_pair_is_no_expression() -> None:
    with pytest.raises(CelSyntaxError, match="surrogate"):
        Expression("'\ud800' == ''", ("plan",))


def test_a_policy_over_the_whole_plan_sees_what_changes_and_that_masked(world: World) -> None:
    models = {"ranker": model("1", environment={"TOKEN": "before"})}
    world.live_through(fleet(ONE, models=models))
    unchanged = {"it": {"expression": "plan.changes.size() == 0", "message": "m"}}
    assert world.plan(fleet(ONE, models=models, policies=unchanged)).findings == ()
    told = "c.fields.exists(f, f.field.endsWith('.TOKEN') && f.after"
    policies = {
        "shown": {"expression": f"!plan.changes.exists(c, {told} == '{SECRET}'))", "message": "m"},
        "masked": {"expression": f"plan.changes.exists(c, {told}.startsWith('(masked')))", "message": "m"},
    }
    after = fleet(ONE, models={"ranker": model("1", environment={"TOKEN": SECRET})}, policies=policies)
    assert world.plan(after).findings == ()


@pytest.mark.parametrize("limit", ["RLIMIT_CPU", "RLIMIT_AS"])
def test_a_limit_that_the_process_has_already_refuses_no_policy(limit: str) -> None:
    """Batch systems set hard limits; the child lowers them, and can't raise them."""
    most = {"RLIMIT_CPU": 3600, "RLIMIT_AS": 8 * 2**30}[limit]
    code = (
        f"import resource; resource.setrlimit(resource.{limit}, ({most}, {most}))\n"
        "from mmeplan.spec.cel import Evaluator\n"
        "with Evaluator([('plan.x == 1', ('plan',))], {}) as asked:\n"
        "    print(asked.reasons([(0, {'plan': {'x': 1}})]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[None]", "")
