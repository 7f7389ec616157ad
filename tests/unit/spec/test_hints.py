"""What to write: keys that are misspelled or stand elsewhere, numbers that are texts, expressions without quotes."""

from __future__ import annotations

from typing import Any

import pytest

VARIANT = "endpoints: {e: {config: {production_variants: {main: {LINE}}}}}\n"
POLICY = "endpoints: {e: {deployment_config: {blue_green_update_policy: {traffic_routing_configuration: {LINE}}}}}\n"
ROLLBACK = "endpoints: {e: {deployment_config: {auto_rollback_configuration: {alarms: LINE}}}}\n"


def told(refused: Any, text: str) -> str:
    (problem,) = refused(text)
    return f"{problem.message}; {problem.hint}" if problem.hint else str(problem.message)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("type: x", "did you mean accelerator_type or instance_type?"),
        ("count: 2", "did you mean initial_instance_count?"),
        ("weight: 2", "did you mean initial_variant_weight?"),
        ("instance_typ: x", "did you mean instance_type?"),
        ("InstanceType: x", "write it in snake_case: instance_type"),
        ("max_concurrency: 5", "it belongs under `serverless_config`: `serverless_config: {max_concurrency: …}`"),
        ("data_capture_config: {}", "it belongs further out, beside `production_variants`"),
        ("deployment_config: {}", "it belongs further out, beside `config`"),
    ],
)
def test_a_key_that_a_variant_does_not_have(refused: Any, line: str, said: str) -> None:
    assert told(refused, VARIANT.replace("LINE", line)).endswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {m: {vpc: {}}}\n", "did you mean vpc_config?"),
        ("models: {m: {role: x}}\n", "did you mean execution_role_arn?"),
        ("models: {m: {primary_container: {env: {}}}}\n", "did you mean environment?"),
        ("models: {m: {image: x}}\n", "it belongs under `primary_container`: `primary_container: {image: …}`"),
        (
            "endpoints: {e: {production_variants: {}}}\n",
            "it belongs under `config`: `config: {production_variants: …}`",
        ),
        (
            "endpoints: {e: {config: {initial_instance_count: 1}}}\n",
            "`production_variants: {main: {initial_instance_count: …}}`",
        ),
        ("endpoints: {e: {config: {main: {model: m, instance_type: x}}}}\n", "`production_variants: {main: …}`"),
        ("ranker: {config: {}}\n", "write it under `endpoints`: `endpoints: {ranker: …}`"),
        ("endpoint: {}\n", "did you mean endpoints?"),
    ],
)
def test_a_key_that_stands_elsewhere(refused: Any, text: str, said: str) -> None:
    assert told(refused, text).endswith(said)


def test_a_key_that_nobody_can_guess_is_told_with_all_that_are_known(refused: Any) -> None:
    said = told(refused, "models: {m: {zzz: 1}}\n")
    assert "known here: adopt, " in said
    assert said.endswith(", tags, vpc_config")


def test_a_variant_one_level_out_is_one_error_with_its_own_keys(refused: Any) -> None:
    text = "endpoints: {e: {config: {production_variants: {model: m, instance_type: ml.m5.large}}}}\n"
    form = "`production_variants: {main: {model: m, instance_type: ml.m5.large}}`"
    assert told(refused, text) == f"`model` stands where a name belongs; write it under a name: {form}"


def test_an_entry_one_level_out_too(refused: Any) -> None:
    text = "models: {execution_role_arn: x, primary_container: {image: y}}\n"
    said = [problem.hint for problem in refused(text)]
    assert "write it under a name: `models: {NAME: {execution_role_arn: x}}`" in said


def test_its_structures_are_no_errors_besides(refused: Any) -> None:
    text = "endpoints: {e: {config: {production_variants: {model: m, serverless_config: {memory_size_in_mb: 2048}}}}}\n"
    assert "`model` stands where a name belongs" in told(refused, text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('initial_instance_count: "2"', "write 2, without quotes"),
        ("initial_instance_count: 2.0", "write 2"),
        ("initial_instance_count: 2.5", "got the number 2.5"),
        ("initial_instance_count: two", "got the string two"),
        ('initial_variant_weight: "0.5"', "write 0.5, without quotes"),
        ("model_data_download_timeout_in_seconds: 10m", "write 600"),
        ("model_data_download_timeout_in_seconds: 1.5 h", "write 5400"),
        ("model_data_download_timeout_in_seconds: 10x", "got the string 10x"),
        ("volume_size_in_gb: 512MB", "got the string 512MB"),
        ("volume_size_in_gb: 20GB", "write 20"),
        ("enable_ssm_access: 'true'", "write true, without quotes"),
        ("enable_ssm_access: off", "write false"),
        ("serverless_config: {memory_size_in_mb: 2GB}", "write 2048"),
    ],
)
def test_a_text_where_a_number_belongs(refused: Any, line: str, said: str) -> None:
    assert told(refused, VARIANT.replace("LINE", line)).endswith(said)


@pytest.mark.parametrize("version", ['"1"', "1.0", "one", "[1]"])
def test_a_version_of_another_type_is_one_error(refused: Any, version: str) -> None:
    from mmeplan.errors import InputError
    from mmeplan.spec import load_text

    with pytest.raises(InputError) as caught:
        load_text(f"version: {version}\nfleet: f\n".encode())
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[a-5xx]", "write it under its key: `{alarm_name: a-5xx}`"),
        ("a-5xx", "`alarms: [{alarm_name: a-5xx}]`"),
        ("{a-5xx: {}}", "`alarms: [{alarm_name: a-5xx}]`"),
        ("{alarm_name: a-5xx}", "`alarms: [{alarm_name: a-5xx}]`"),
        ("[{name: a-5xx}]", "did you mean alarm_name?"),
    ],
)
def test_alarms_are_written_with_the_first_that_stands_there(refused: Any, line: str, said: str) -> None:
    assert told(refused, ROLLBACK.replace("LINE", line)).endswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region: {{ r }}\n", 'an expression needs quotes around the whole value; write "{{ r }}"'),
        ("variables: {a: [{{ x.y }}]}\n", 'write "{{ x.y }}"'),
        (VARIANT.replace("LINE", "initial_instance_count: {{ n }}"), 'write "{{ n }}"'),
        ("region: {{ r }}-1\n", 'a value that begins with an expression needs quotes: "{{ r }}-1"'),
        ("region: { {r} }\n", "a mapping key must be a plain word or a quoted text"),
    ],
)
def test_an_expression_without_quotes(refused: Any, text: str, said: str) -> None:
    found = refused(text)
    assert f"{found[-1].message}; {found[-1].hint}".removesuffix("; ").endswith(said)
    assert len(found) == 1 or "{ {r} }" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"format_version": "1.1", "plan_id": "x", "changes": []}',
            "this is a saved plan, and a fleet file is wanted",
        ),
        (
            '{"format_version": "1.0", "observed_at": "x", "objects": {}}',
            "this is a snapshot, and a fleet file is wanted",
        ),
    ],
)
def test_another_file_of_mmeplan_is_told_as_what_it_is(text: str, said: str) -> None:
    from mmeplan.errors import InputError
    from mmeplan.spec import load_text

    with pytest.raises(InputError) as caught:
        load_text(text.encode(), "plan.json")
    (problem,) = caught.value.problems
    assert problem.message == said
    assert "plan.json" in problem.hint
