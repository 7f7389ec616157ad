"""From text to Fleet: defaults, for_each, types, and every error at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import Entry, load, load_text
from tests.work import calls_of

CONTAINER = "primary_container: {image: x}"


def endpoints(count: int, instances: str = "2") -> str:
    return "endpoints:\n" + "".join(
        f"  e{number}:\n    config:\n      production_variants:\n        main:\n          model_name: m\n"
        f"          instance_type: ml.m5.xlarge\n          initial_instance_count: {instances}\n"
        for number in range(count)
    )


# --- defaults -------------------------------------------------------------------------------------------------------


def test_defaults_merge_mappings_and_replace_lists(loaded: Any) -> None:
    fleet = loaded("""
defaults:
  model: {execution_role_arn: arn, vpc_config: {subnets: [a, b], security_group_ids: [s]}}
models:
  m: {primary_container: {image: x}, vpc_config: {subnets: [c]}}
  n: null
""")
    assert fleet.models["m"].request == {
        "PrimaryContainer": {"Image": "x"},
        "ExecutionRoleArn": "arn",
        "VpcConfig": {"Subnets": ["c"], "SecurityGroupIds": ["s"]},
    }
    assert fleet.models["n"].request["VpcConfig"]["Subnets"] == ["a", "b"]


def test_defaults_of_configs_reach_inline_configs_and_those_of_endpoints_win(loaded: Any) -> None:
    fleet = loaded("""
defaults:
  endpoint_config: {execution_role_arn: weak, kms_key_id: weak}
  endpoint: {config: {kms_key_id: strong}}
endpoints:
  a: {config: {production_variants: {v: {model_name: m}}}}
  b: {config: shared}
endpoint_configs:
  shared: {production_variants: {v: {model_name: m}}}
""")
    inline = fleet.endpoints["a"].config
    assert isinstance(inline, Entry)
    assert (inline.request["ExecutionRoleArn"], inline.request["KmsKeyId"]) == ("weak", "strong")
    assert fleet.endpoints["b"].config == "shared"
    assert fleet.endpoint_configs["shared"].request["KmsKeyId"] == "weak"


def test_a_null_takes_a_default_back_and_is_never_sent(loaded: Any) -> None:
    fleet = loaded("""
defaults:
  model: {execution_role_arn: arn, primary_container: {mode: MultiModel}}
  tags: {team: a, cost: b}
models:
  m: {execution_role_arn: null, primary_container: {image: x, mode: ~, image_config: {repository_access_mode: null}}, tags: {cost: null}}
endpoint_configs:
  c: {production_variants: {v: null, w: {model_name: null}}}
""")  # noqa: E501
    assert fleet.models["m"].request == {"PrimaryContainer": {"Image": "x", "ImageConfig": {}}}
    assert fleet.models["m"].tags == {"team": "a"}
    assert fleet.endpoint_configs["c"].request == {"ProductionVariants": {"v": {}, "w": {}}}


def test_tags_are_merged_the_most_specific_wins(loaded: Any) -> None:
    fleet = loaded("""
variables: {who: ml}
defaults:
  tags: {a: fleet, b: fleet, c: "{{ who }}"}
  endpoint: {tags: {b: kind, d: "{{ fleet }}"}}
endpoints:
  e: {tags: {d: entry}, config: {tags: {b: config}, production_variants: {v: {model_name: m}}}}
""")
    endpoint = fleet.endpoints["e"]
    assert endpoint.tags == {"a": "fleet", "b": "kind", "c": "ml", "d": "entry"}
    assert isinstance(endpoint.config, Entry)
    assert endpoint.config.tags == {"a": "fleet", "b": "config", "c": "ml"}


def test_an_error_in_a_default_is_reported_once_at_its_own_line(refused: Any) -> None:
    text = """defaults:
  endpoint_config:
    data_capture_confi: {}
    execution_role_arn: 3
    kms_key_id: "{{ nope }}"
""" + endpoints(200)
    assert [(p.line, p.path) for p in refused(text)] == [
        (5, "defaults.endpoint_config.data_capture_confi"),
        (6, "defaults.endpoint_config.execution_role_arn"),
        (7, "defaults.endpoint_config.kms_key_id"),
    ]


@pytest.mark.parametrize(("entry", "got"), [("text", "the string text"), ("[1]", "a list"), ("3", "the integer 3")])
def test_an_entry_that_is_no_mapping_is_refused_where_there_are_defaults_as_well(
    refused: Any, entry: str, got: str
) -> None:
    defaults = "defaults: {model: {tags: {a: b}}, endpoint: {tags: {}}}"
    problems = refused(f"{defaults}\nmodels: {{m: {entry}}}\nendpoints: {{e: {entry}}}\n")
    assert [(p.path, p.message) for p in problems] == [
        ("models.m", f"expected a mapping, got {got}"),
        ("endpoints.e", f"expected a mapping, got {got}"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("models: {m: {containers: [null]}}", "models.m.containers[0]", "expected a mapping, got nothing"),
        (
            "models: {m: {containers: [{environment: {A: ~}}]}}",
            "models.m.containers[0].environment.A",
            "expected a string, got nothing",
        ),
        (
            "models: {m: {vpc_config: {subnets: [a, null]}}}",
            "models.m.vpc_config.subnets[1]",
            "expected a string, got nothing",
        ),
    ],
)
def test_nothing_in_a_list_or_as_a_value_is_refused_at_its_place(
    refused: Any, text: str, path: str, message: str
) -> None:
    assert [(p.path, p.message) for p in refused(text)] == [(path, message)]


def test_a_default_that_every_entry_overrides_is_checked_all_the_same(refused: Any) -> None:
    text = "defaults: {model: {execution_role_arn: 3}}\nmodels: {m: {execution_role_arn: arn}}\n"
    assert [p.path for p in refused(text)] == ["defaults.model.execution_role_arn"]


def test_defaults_with_expressions_that_no_entry_uses_are_fine(loaded: Any) -> None:
    assert loaded("defaults: {model: {enable_network_isolation: '{{ each.value }}', on_remove: '{{ x }}'}}\n")


@pytest.mark.parametrize("key", ["for_each: [a]", "renamed_from: x"])
def test_what_is_about_one_entry_has_no_default(refused: Any, key: str) -> None:
    assert refused(f"defaults: {{model: {{{key}}}}}\n")[0].message.startswith("unknown key")


# --- for_each -------------------------------------------------------------------------------------------------------


def test_for_each_expands_an_entry_per_item(loaded: Any) -> None:
    fleet = loaded("""
variables: {sizes: [{key: small, n: 1}, {key: large, n: 4}]}
models:
  plain: {for_each: [a, 2], primary_container: {image: "i:{{ each.value }}"}}
  "named-{{ each.key }}-x": {for_each: {k: {tag: v1}}, primary_container: {image: "i:{{ each.value.tag }}"}}
endpoints:
  "e-{{ each.key }}":
    for_each: "{{ sizes }}"
    config: {production_variants: {v: {model_name: m, initial_instance_count: "{{ each.value.n }}"}}}
""")
    images = {name: entry.request["PrimaryContainer"]["Image"] for name, entry in fleet.models.items()}
    assert images == {"plain-a": "i:a", "plain-2": "i:2", "named-k-x": "i:v1"}
    config = fleet.endpoints["e-large"].config
    assert isinstance(config, Entry)
    assert config.request["ProductionVariants"]["v"]["InitialInstanceCount"] == 4
    assert config.path == ("endpoints", "e-{{ each.key }}", "config")
    assert fleet.source_map.locate((*config.path, "production_variants", "v"))[0] == 11


def test_for_each_reads_a_file_and_remembers_it(tmp_path: Path) -> None:
    (tmp_path / "models.csv").write_text("name,image\na,x:1\nb,x:2\n")
    (tmp_path / "fleet.yaml").write_text(
        "version: 1\nfleet: f\nmodels:\n  m: {for_each: {file: models.csv}, "
        'primary_container: {image: "{{ each.value.image }}"}}\n'
    )
    fleet = load(tmp_path / "fleet.yaml")
    assert fleet.models["m-b"].request["PrimaryContainer"]["Image"] == "x:2"
    assert [source.path for source in fleet.sources] == [str(tmp_path / "fleet.yaml"), "models.csv"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('"a-{{ each.key }}": {primary_container: {image: x}}', "an expression in a name needs a for_each"),
        ("a: {for_each: 3}", "for_each: expected a list, a mapping"),
        ("a: {for_each: [x, x]}", "for_each: two items have the key 'x'"),
        ("a: {for_each: '{{ nope }}'}", "'nope' is undefined"),
        ("a: {for_each: [x], primary_container: {image: '{{ each.valeu }}'}}", "has no attribute 'valeu'"),
        ("'{{ each.kye }}': {for_each: [x, y]}", "has no attribute 'kye'"),
        ("'{{ fleet }}': {for_each: [x, y]}", "two entries expand to the name 'shop'"),
        ("a: {for_each: [x_y]}", "'a-x_y' can't be a name"),
        ("a: {primary_container: {image: '{{ each.key }}'}}", "'each' is undefined"),
    ],
)
def test_what_is_wrong_with_a_for_each_is_said_once(refused: Any, entry: str, said: str) -> None:
    found = refused(f"models:\n  {entry}\n")
    assert [said in p.message for p in found] == [True]
    assert found[0].line == 4


def test_two_entries_with_one_name_are_refused(refused: Any) -> None:
    found = refused(f"models:\n  a-b: {{{CONTAINER}}}\n  a: {{for_each: [b], {CONTAINER}}}\n")
    assert [(p.line, p.message) for p in found] == [
        (5, "two entries expand to the name 'a-b' (fleet.yaml:5:18, key b)")
    ]


def test_a_null_for_each_is_none(loaded: Any) -> None:
    assert list(loaded(f"models: {{a: {{for_each: null, {CONTAINER}}}}}\n").models) == ["a"]


def test_the_work_of_a_for_each_grows_with_its_items(loaded: Any) -> None:
    def load(items: int) -> None:
        text = f"variables: {{all: [{', '.join(f'n{n}' for n in range(items))}]}}\n" + endpoints(1, '"{{ 1 + 1 }}"')
        text = text.replace("  e0:\n", '  "{{ each.key }}":\n    for_each: "{{ all }}"\n')
        assert len(loaded(text).endpoints) == items

    load(1)  # the surface is made once
    assert calls_of(lambda: load(2_000)) < 10.5 * calls_of(lambda: load(200))


# --- types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("8", "8"),
        ("true", "true"),
        ("False", "false"),
        ("1.10", "1.10"),
        ("012", "012"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("no", "no"),
        ("''", ""),
        ('"{{ n }}"', "7"),
        ('"{{ 1 == 1 }}"', "true"),
    ],
)
def test_environment_values_become_the_text_that_was_written(loaded: Any, written: str, value: str) -> None:
    text = f"variables: {{n: 7}}\nmodels: {{m: {{primary_container: {{environment: {{V: {written}}}}}}}}}\n"
    assert loaded(text).models["m"].request["PrimaryContainer"]["Environment"] == {"V": value}


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("instance_typ: x", "unknown key; did you mean instance_type?", ""),
        ("InstanceType: x", "unknown key", "write it in snake_case: instance_type"),
        ("initial_instance_count: two", "expected an integer, got the string two", ""),
        ("initial_instance_count: true", "expected an integer, got true", ""),
        ("initial_instance_count: 1.5", "expected an integer, got the number 1.5", ""),
        ("initial_variant_weight: .inf", "expected a finite number, got the number .inf", ""),
        ("initial_variant_weight: [1]", "expected a number, got a list", ""),
        ("instance_type: 5", "expected a string, got the integer 5", 'put it in quotes: "5"'),
        ("instance_type: 1.10", "expected a string, got the number 1.10", 'put it in quotes: "1.10"'),
        ("enable_ssm_access: 'yes'", "expected true or false, got the string yes", "write true"),
        ("serverless_config: 3", "expected a mapping, got the integer 3", ""),
        ("instance_pools: {}", "expected a list, got a mapping", ""),
        ("capacity: elastic", "expected one of fixed, autoscaled, got 'elastic'", ""),
    ],
)
def test_the_wrong_type_is_said_with_what_to_write(refused: Any, line: str, message: str, hint: str) -> None:
    found = refused(f"endpoint_configs:\n  c:\n    production_variants:\n      v:\n        {line}\n")
    assert [(p.line, p.column, p.message, p.hint) for p in found] == [(7, 9, message, hint)]
    assert found[0].path == f"endpoint_configs.c.production_variants.v.{line.split(':')[0]}"
    assert found[0].source_line == f"        {line}"


@pytest.mark.parametrize(
    "section", ["models", "endpoints", "endpoint_configs", "variables", "environments", "defaults"]
)
@pytest.mark.parametrize("value", ["3", "text", "[]", "'{{ fleet }}'"])
def test_a_section_that_is_no_mapping_is_refused(refused: Any, section: str, value: str) -> None:
    assert "expected a mapping" in refused(f"{section}: {value}\n")[0].message


@pytest.mark.parametrize(
    "section", ["models", "endpoints", "endpoint_configs", "variables", "environments", "defaults"]
)
def test_a_section_that_is_null_is_absent(loaded: Any, section: str) -> None:
    assert loaded(f"{section}:\n")


def test_keys_that_look_like_numbers_are_names(loaded: Any) -> None:
    fleet = loaded(f"models:\n  1: {{{CONTAINER}}}\n  012: {{{CONTAINER}}}\n  true: {{{CONTAINER}}}\n")
    assert list(fleet.models) == ["1", "012", "true"]


def test_unknown_keys_of_an_inline_config_have_their_own_path(refused: Any) -> None:
    found = refused("endpoints: {a: {config: {config: x, text: y, production_variants: {config: {text: 1}}}}}\n")
    assert {p.path for p in found} == {
        "endpoints.a.config.config",
        "endpoints.a.config.text",
        "endpoints.a.config.production_variants.config.text",
    }


# --- what is mmeplan's own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["models: {m: {tags: {%s: x}}}", "defaults: {tags: {%s: x}}"])
@pytest.mark.parametrize("key", ["aws:name", "AWS:name", "'mmeplan:fleet'", "Mmeplan:x"])
def test_reserved_tags_are_refused(refused: Any, place: str, key: str) -> None:
    found = refused(place % key + "\n")
    assert [p.hint for p in found] == ["choose another key"]


def test_reserved_tags_of_an_inline_config_are_refused(refused: Any) -> None:
    assert refused("endpoints: {e: {config: {tags: {'aws:x': y}}}}\n")[0].path == "endpoints.e.config.tags.aws:x"


@pytest.mark.parametrize("reason", ["", "''", "'  '", "~"])
@pytest.mark.parametrize("place", ["allow: {CFG-09: %s}", "models: {m: {allow: {CFG-09: %s}}}"])
def test_an_allowance_needs_a_reason(refused: Any, place: str, reason: str) -> None:
    assert [p.message for p in refused(place % reason + "\n")] == ["allow CFG-09: a reason is required"]


def test_retain_is_a_count(loaded: Any, refused: Any) -> None:
    assert [p.message for p in refused("retain: -1\n")] == ["retain can't be negative"]
    assert loaded("retain: 0\n").retain == 0
    assert loaded("variables: {n: 3}\nretain: '{{ n }}'\n").retain == 3
    assert loaded("retain:\n").retain == 1


def test_own_keys_of_an_entry(loaded: Any) -> None:
    entry = loaded("""
models:
  m: {name: pinned, protect: true, adopt: true, on_remove: retain, renamed_from: old, replace_salt: s, allow: {A: why}}
  n: {name: "", renamed_from: "", replace_salt: ""}
""").models
    own = entry["m"]
    assert (own.pinned_name, own.protect, own.adopt, own.on_remove) == ("pinned", True, True, "retain")
    assert (own.renamed_from, own.replace_salt, dict(own.allow)) == ("old", "s", {"A": "why"})
    assert (entry["n"].pinned_name, entry["n"].renamed_from, entry["n"].replace_salt) == (None, None, None)


@pytest.mark.parametrize("name", ["a_b", "-a", "a-", "a b", "ä", "a" * 201, "a/b", '""'])
def test_a_logical_name_is_letters_digits_and_dashes(refused: Any, name: str) -> None:
    assert "can't be a name" in refused(f"models:\n  {name}: {{{CONTAINER}}}\n")[0].message


# --- all at once ----------------------------------------------------------------------------------------------------


def test_all_errors_are_reported_at_once_by_line(refused: Any) -> None:
    found = refused("""account: "12"
variables: {each: 1}
retain: -1
models:
  a_b: {primary_containr: {}}
  c: {primary_container: {image: "{{ nope }}", mode: 3}, allow: {X: ""}, tags: {"aws:x": y}}
endpoints:
  e: {config: {production_variants: {v: {initial_instance_count: x}}}}
unknown: 1
""")
    assert [p.line for p in found] == [3, 4, 5, 7, 7, 8, 8, 8, 8, 10, 11]
    assert [p.where for p in found] == sorted(
        (p.where for p in found), key=lambda w: [int(n) for n in w.split(":")[1:]]
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("retain: 1\nretain: 2\nmodels:\n  a_b: {}\n", [4, 6]),
        ("models:\n  a_b: {}\nmodels:\n  c: {primary_containr: {}}\n", [4, 5, 6]),  # both are looked at
        ("models:\n  a: {tags: {x: 1}, tags: {'aws:y': z}}\nunknown: 1\n", [4, 4, 4, 5]),
        ("models:\n  a: {<<: {b: 1}}\nunknown: 1\n", [4, 5]),
        ("models:\n  a: {execution_role_arn: *gone, tags: *gone}\nunknown: 1\n", [4, 4, 5]),
        ("endpoint_configs: {c: {production_variants: {v: {initial_instance_count: !x two}}}}\nunknown: 1\n", [3, 4]),
        ("models:\n  ? [a]\n  : {}\n  a_b: {}\n", [4, 6]),
        ("unknown: 1\n---\na: b\n", [3, 4]),
    ],
)
def test_what_reading_finds_hides_nothing_and_has_no_second_error(refused: Any, text: str, lines: list[int]) -> None:
    found = refused(text)
    assert [problem.line for problem in found] == lines, found


def test_an_expression_that_failed_has_no_second_error_for_its_type(refused: Any) -> None:
    text = "endpoint_configs: {c: {production_variants: {v: {initial_instance_count: '{{ nope }}'}}}}\n"
    assert len(refused(text)) == 1


@pytest.mark.parametrize("instances", ["two", '"{{ nope }}"'])
def test_the_work_of_reporting_errors_grows_with_their_number(refused: Any, instances: str) -> None:
    def refuse(errors: int) -> None:
        assert len(refused(endpoints(errors, instances))) >= min(errors, 1000)

    refuse(1)  # the surface is made once
    assert calls_of(lambda: refuse(2_000)) < 10.5 * calls_of(lambda: refuse(200))


@pytest.mark.parametrize("raw", [b"", b"- a\n", b"text", b"3", b"~"])
def test_what_is_no_mapping_is_no_fleet(raw: bytes) -> None:
    with pytest.raises(InputError, match="expected a mapping with the keys version, fleet"):
        load_text(raw)


def test_a_byte_order_mark_and_crlf_are_fine() -> None:
    assert load_text(b"\xef\xbb\xbfversion: 1\r\nfleet: f\r\n").name == "f"


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(InputError, match="not UTF-8: invalid start byte at byte 18"):
        load_text(b"version: 1\nfleet: \xff")


@pytest.mark.parametrize("path", ["gone.yaml", ".", "a\0b"])
def test_a_file_that_can_not_be_read_is_an_input_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="can't be read"):
        load(tmp_path / path)
