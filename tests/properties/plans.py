"""Plans of any content as Hypothesis strategies, hostile texts among it, for the laws of the renderers."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mmeplan.diff import action_of
from mmeplan.plan import (
    Capacity,
    Change,
    Drift,
    FieldChange,
    Finding,
    InstanceCapacity,
    Location,
    Options,
    Plan,
    Step,
    Summary,
    VariantTraffic,
)
from mmeplan.plan.document import Observed, SourceFile
from mmeplan.plan.encoding import with_id
from mmeplan.plan.step import step_of

SLOW = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

SAMPLES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style></script></title></svg></details>--><x-evil>",
    "' onclick='x' \" onload=\"y",
    "{{ 7 * 7 }} {% raw %}",
    "@octocat and @acme/team, #1, GH-2, acme/shop#3, a@b.example",
    "[x](javascript:alert(1)) ![y](http://evil.example/z.png)",
    "https://evil.example/?q=1 www.evil.example ftp://evil.example",
    "`` ` ``` code",
    "````",
    "a | b \\| c \\\\| d",
    "**bold** __x__ ~~y~~ _z_ \\*",
    "$x^2$ :tada: &lt;b&gt; &#64;octocat &amp;",
    "- item\n# heading\n> [!NOTE]",
    "--><!-- mmeplan:fleet=other;environment= -->",
    "ml.m5.xlarge",
    "a b  c",
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "line\nline",
    "\u202eevil\u2066",
    "日本語" * 30,
    "x" * 300,
    "",
)
anything = st.one_of(st.sampled_from(SAMPLES), st.text(max_size=40))
names = st.one_of(st.sampled_from(("ranker", "shop", "a" * 63)), anything)
secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=20).map(lambda text: f"SECRET{text}")
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), anything),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(anything, inner, max_size=3)),
    max_leaves=4,
)
plain_fields = st.builds(
    FieldChange,
    st.just(()),
    values,
    values,
    st.one_of(st.sampled_from(("production_variants.large.instance_type", "containers[0].image", "x")), anything),
    st.integers(0, 99_999),
)
secret_fields = st.builds(
    FieldChange,
    st.just(()),
    st.one_of(st.none(), secrets),
    st.one_of(st.none(), secrets),
    st.sampled_from(
        (
            "primary_container.environment.TOKEN",
            "containers[1].environment.A.B",
            "production_variants.a.model_name.primary_container.environment.K",
        )
    ),
    st.integers(0, 99_999),
)
lists_with_secrets = st.builds(
    lambda secret: FieldChange((), None, [{"Image": "i", "Environment": {"K": secret}}], "containers"), secrets
)
fields = st.lists(st.one_of(plain_fields, secret_fields, lists_with_secrets), max_size=4).map(tuple)
actions = st.sampled_from(
    (
        ("create",),
        ("update",),
        ("delete",),
        ("read",),
        ("no-op",),
        ("forget",),
        ("adopt",),
        ("delete", "create"),
        ("create", "delete"),
        ("adopt", "update"),
    )
)
effects = st.sampled_from(("none", "create", "in_place", "traffic_shift", "delete", "outage"))
reasons = st.sampled_from(
    ("same", "new", "content_changed", "dependency_changed", "reused", "failed", "unreadable", "superseded")
)
shares = st.sampled_from(("", "0", "1", "2/3", "66.67%", "1/100000"))
traffic = st.builds(VariantTraffic, names, shares, shares, st.integers(0, 99), st.integers(0, 99), names)
locations = st.builds(Location, st.one_of(st.just("fleet.yaml"), anything), st.integers(0, 99_999), st.integers(0, 99))
texts = st.lists(anything, max_size=2).map(tuple)
tags = st.dictionaries(anything, anything, max_size=3)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    kind = draw(st.sampled_from(("endpoint", "endpoint_config", "model")))
    words, reason, effect = draw(actions), draw(reasons), draw(effects)
    return Change(
        address=f"{kind}/{draw(names)}",
        kind=kind,
        action=action_of(kind, words, effect, reason),
        adopts="adopt" in words,
        reason=reason,
        effect=effect,
        name=draw(names),
        explanation=draw(anything),
        live_name=draw(names),
        location=draw(locations),
        fields=draw(fields),
        causes=draw(st.sampled_from(((), ("model/ranker",), ("endpoint_config/ranker", "model/shop")))),
        tags_added=draw(tags),
        tags_removed=draw(texts),
        notes=draw(texts),
        rollout=draw(st.one_of(anything, st.just("blue/green, all at once"))),
        traffic=tuple(draw(st.lists(traffic, max_size=3))),
        refusal=draw(st.one_of(st.just(""), anything)),
        references=draw(st.sampled_from(((), ("model/ranker",), ("endpoint_config/ranker", "model/shop")))),
    )


sizes = st.fixed_dictionaries(
    {"Type": st.sampled_from(("CAPACITY_PERCENT", "INSTANCE_COUNT")), "Value": st.integers(0, 200)}
)
routings = st.fixed_dictionaries(
    {"Type": st.sampled_from(("CANARY", "LINEAR", "ALL_AT_ONCE")), "WaitIntervalInSeconds": st.integers(0, 3600)},
    optional={"CanarySize": sizes, "LinearStepSize": sizes},
)
deployments = st.one_of(
    st.none(),
    st.fixed_dictionaries({"BlueGreenUpdatePolicy": st.fixed_dictionaries({"TrafficRoutingConfiguration": routings})}),
    st.fixed_dictionaries({"RollingUpdatePolicy": st.fixed_dictionaries({"MaximumBatchSize": sizes})}),
)
capacities = st.one_of(
    st.none(),
    st.builds(
        Capacity,
        st.integers(1, 99),
        st.lists(
            st.builds(
                InstanceCapacity,
                names,
                st.integers(0, 9999),
                st.integers(0, 9999),
                st.integers(0, 9999),
                st.one_of(st.none(), st.integers(0, 9999)),
                st.one_of(st.none(), anything),
            ),
            max_size=3,
        ).map(tuple),
    ),
)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    if draw(st.booleans()):
        name = draw(names)
        update = {"EndpointName": name, "EndpointConfigName": draw(names), "DeploymentConfig": draw(deployments)}
        return _step("UpdateEndpoint", f"endpoint/{name}", update)
    name, environment = draw(names), draw(st.dictionaries(anything, secrets, max_size=2))
    container = {"Image": draw(anything), "ModelDataUrl": draw(anything), "Environment": environment}
    params: dict[str, Any] = {"ModelName": name, "PrimaryContainer": container}
    if draw(st.booleans()):
        params = {"ModelName": name, "Containers": [container, {"Image": draw(anything)}]}
    return _step("CreateModel", f"model/{name}", params)


def _step(operation: str, address: str, params: dict[str, Any]) -> Step:
    """A step as it is read from a document, with its guard."""
    return step_of({"id": f"{operation}:{address}", "address": address, "operation": operation, "params": params})


findings = st.builds(
    Finding,
    anything,
    st.sampled_from(("error", "warning", "note")),
    names,
    anything,
    anything,
    anything,
    anything,
    names,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    many = draw(st.lists(changes(), max_size=5))
    return with_id(
        Plan(
            tool_version="0",
            created_at="2026-01-01T00:00:00+00:00",
            fleet=draw(names),
            environment=draw(anything),
            account="123456789012",
            region="eu-west-1",
            source=(SourceFile(draw(anything), "0"),),
            options=Options(targets=draw(texts), speculative=draw(st.booleans())),
            snapshot=Observed("2026-01-01T00:00:00+00:00", "0", {}),
            summary=Summary(create=draw(st.integers(0, 9))),
            changes=tuple(many),
            steps=tuple(draw(st.lists(steps(), max_size=3))),
            drift=tuple(Drift(f"endpoint/{draw(names)}", draw(anything), draw(fields)) for _ in many[:1]),
            findings=tuple(draw(st.lists(findings, max_size=3))),
            kept={change.address: draw(texts) for change in many[:1]},
            complete=draw(st.booleans()),
            applyable=True,
            errored=draw(st.booleans()),
            capacity=draw(capacities),
            commit=draw(st.one_of(st.none(), anything)),
        )
    )
