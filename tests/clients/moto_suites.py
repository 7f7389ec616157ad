"""moto's own suites against a served world: what fails is what `moto_expected.json` expects, for its reason.

Without an option, the suites; with --core, the few tests that are stored as exchanges; with --accept, the list anew:
what isn't simulated is named by its answer, what has a reason keeps it, and "?" stands where somebody has to look.
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

SUITES = Path(os.environ["CLIENT_HOME"]) / "suite" / "tests"
EXPECTED = Path(__file__).with_name("moto_expected.json")
ELSEWHERE = ("lambda", "eventbridge", "cloudformation")
"""Files about services that aren't here; those of Lambda wait without end for a role that IAM refuses."""
CHOSEN = (
    *(f"test_sagemaker/test_sagemaker_{name}.py" for name in ("endpoint", "models", "integration")),
    *(f"test_sagemaker/test_sagemaker_model_{name}.py" for name in ("packages", "package_groups")),
    *("test_sagemakerruntime", "test_applicationautoscaling", "test_servicequotas", "test_sts"),
    *("test_iam/test_iam.py", "test_iam/test_iam_oidc.py", "test_cloudwatch/test_cloudwatch_alarms.py"),
    "test_resourcegroupstaggingapi/test_resourcegroupstaggingapi.py",
)
CORE = (
    "test_sagemaker/test_sagemaker_endpoint.py::test_create_endpoint",
    "test_sagemaker/test_sagemaker_endpoint.py::test_delete_endpoint",
    "test_sagemaker/test_sagemaker_endpoint.py::test_add_tags_endpoint",
    "test_sagemaker/test_sagemaker_endpoint.py::test_update_endpoint_weights_and_capacities_two_variants",
    "test_sagemaker/test_sagemaker_model_package_groups.py::test_list_model_package_groups",
    "test_sagemaker/test_sagemaker_model_packages.py::test_update_model_package",
    "test_s3/test_s3_integration.py::test_rgtapi_get_resources_returns_s3_buckets",
    "test_s3/test_s3_tagging.py::test_delete_bucket_tagging",
    "test_s3/test_s3_tagging.py::test_put_bucket_tagging",
    "test_s3/test_s3_tagging.py::test_get_object_tagging",
    "test_s3/test_s3_multipart.py::test_ssm_key_headers_in_create_multipart",
    "test_s3/test_s3_copyobject.py::test_copy_object_with_replacement_tagging",
    "test_s3/test_s3_conditionals.py::test_get_object_if_match",
)
BY_CHANCE = ("test_s3/test_s3.py::test_list_buckets",)
"""It expects buckets of random names in the order in which they were made; S3 lists them by name."""
MISSING = re.compile(
    r"The simulated (?P<service>\S+) has no operation (?P<name>[^\n]+?)\.(?=['\n]|$)|"
    r"calling the (?P<calling>\w+) operation[^\n]*A (?P<kind>header|parameter) you provided implies functionality"
)

OF_AN_ANSWER = re.compile(r"\S+: .* isn't simulated")
"""Reasons that `not_simulated` gives."""


class Outcomes:
    """What failed, with the first words of why, and which tests were run."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.failed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.skipped:
            self.ran.add(report.nodeid)
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failed[report.nodeid] = crash.message if crash else str(report.longrepr)


def not_simulated(message: str) -> str:
    """The reason that an answer itself gives; empty where it gives none."""
    found = MISSING.search(message)
    if not found:
        return ""
    if found["service"]:
        return f"{found['service']}: {found['name']} isn't simulated"
    return f"s3: {found['calling']} with a {found['kind']} of something that isn't simulated"


def run(paths: list[str]) -> Outcomes:
    """Run tests of the suites."""
    outcomes = Outcomes()
    os.chdir(SUITES.parent)
    options = [
        "-q",
        "--color=no",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "--timeout=120",
        "-o",
        "markers=",
        "-W",
        "ignore",
    ]
    not_run = [f"--deselect=tests/{test}" for test in BY_CHANCE]
    pytest.main([*options, *not_run, *(f"tests/{path}" for path in paths)], plugins=[outcomes])
    return outcomes


def accepted(failed: dict[str, str], known: dict[str, str]) -> dict[str, list[str]]:
    """The list anew: reason → tests."""
    made: dict[str, list[str]] = {}
    for test in sorted(failed):
        kept = known.get(test, "?")
        reason = not_simulated(failed[test]) or ("?" if OF_AN_ANSWER.fullmatch(kept) else kept)
        made.setdefault(reason, []).append(test)
    return dict(sorted(made.items()))


def main() -> int:
    os.environ |= {"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": os.environ.pop("AWS_ENDPOINT_URL")}
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    del os.environ["AWS_REGION"]
    if "--core" in sys.argv:
        outcomes = run(list(CORE))
        print(json.dumps(outcomes.failed, indent=1), file=sys.stderr)
        return int(bool(outcomes.failed) or len(outcomes.ran) < len(CORE))
    s3 = sorted(
        path for path in (SUITES / "test_s3").glob("test_*.py") if not any(each in path.name for each in ELSEWHERE)
    )
    outcomes = run([*CHOSEN, *(f"test_s3/{path.name}" for path in s3)])
    known = {test: reason for reason, tests in json.loads(EXPECTED.read_text()).items() for test in tests}
    if "--accept" in sys.argv:
        EXPECTED.write_text(json.dumps(accepted(outcomes.failed, known), indent=1) + "\n")
        known = {test: reason for reason, tests in json.loads(EXPECTED.read_text()).items() for test in tests}
    unexpected = {test: why[:300] for test, why in outcomes.failed.items() if known.get(test, "?") == "?"}
    passed = sorted(outcomes.ran & known.keys() - outcomes.failed.keys())
    print(f"{len(outcomes.ran)} ran, {len(outcomes.failed)} failed as expected or not", file=sys.stderr)
    print(
        json.dumps({"failed, and not expected to": unexpected, "passed, and expected to fail": passed}, indent=1),
        file=sys.stderr,
    )
    return int(bool(unexpected or passed) or len(outcomes.ran) < 500)


if __name__ == "__main__":
    sys.exit(main())
