"""Environments, variables, and what they may be made of."""

from __future__ import annotations

from typing import Any

import pytest

MODEL = "models: {m: {primary_container: {image: x, environment: {V: '%s'}}}}\n"


def value_of(fleet: Any) -> Any:
    return fleet.models["m"].request["PrimaryContainer"]["Environment"]["V"]


def test_an_environment_overrides_account_region_and_variables(loaded: Any) -> None:
    text = (
        'account: "111111111111"\nregion: eu-west-1\nvariables: {v: base, w: kept}\n'
        'environments: {prod: {account: "222222222222", region: us-east-1, variables: {v: own}}, dev: null}\n'
        + MODEL
        % "{{ v }} {{ w }} {{ account }} {{ region }}"
    )
    plain, prod, dev = loaded(text), loaded(text, "prod"), loaded(text, "dev")
    assert value_of(plain) == "base kept 111111111111 eu-west-1"
    assert (prod.environment, value_of(prod)) == ("prod", "own kept 222222222222 us-east-1")
    assert (dev.environment, dev.account) == ("dev", "111111111111")


def test_expressions_in_the_header_may_use_variables_and_the_environment(loaded: Any) -> None:
    text = (
        "variables: {number: '{{ environment }}{{ digits }}', digits: '1111111111', place: eu-west-1}\n"
        "environments:\n  '11': {account: '{{ number }}', region: '{{ place }}'}\n"
    )
    fleet = loaded(text, "11")
    assert (fleet.account, fleet.region) == ("111111111111", "eu-west-1")


def test_the_name_of_the_fleet_may_be_an_expression() -> None:
    from mmeplan.spec import load_text

    raw = b"version: 1\nvariables: {team: shop}\nfleet: '{{ team }}-ml'\n" + (MODEL % "{{ fleet }}").encode()
    fleet = load_text(raw)
    assert (fleet.name, value_of(fleet)) == ("shop-ml", "shop-ml")


def test_variables_may_use_one_another_in_any_order(loaded: Any) -> None:
    text = "variables: {a: '{{ b }}!', b: '{{ c[0] }}', c: ['{{ fleet }}']}\n" + MODEL % "{{ a }}"
    assert value_of(loaded(text)) == "shop!"


def test_a_circle_of_variables_is_reported_once(refused: Any) -> None:
    found = refused("variables: {a: '{{ b }}', b: '{{ a }}'}\n" + MODEL % "{{ a }} {{ b }}")
    assert [p.message for p in found] == ["the value goes in a circle: a → b → a"]


def test_a_variable_that_fails_is_reported_once_not_where_it_is_used(refused: Any) -> None:
    text = (
        "variables: {a: '{{ nope }}', b: '{{ a }}'}\nretain: '{{ a }}'\nregion: '{{ b }}'\n" + MODEL % "{{ a }}{{ b }}"
    )
    assert [(p.line, p.path) for p in refused(text)] == [(3, "variables.a")]


def test_region_of_the_command_line_wins(loaded: Any) -> None:
    fleet = loaded("region: eu-west-1\n" + MODEL % "{{ region }}", region="us-east-1")
    assert (fleet.region, value_of(fleet)) == ("us-east-1", "us-east-1")


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", "5"), ("1.10", "1.10"), ("true", "true"), ("", ""), ("no", "no"), ("{{ fleet }}", "{{ fleet }}")],
)
def test_var_is_read_as_a_scalar_and_never_as_an_expression(loaded: Any, text: str, value: str) -> None:
    fleet = loaded("variables: {v: 1}\n" + MODEL % "{{ v }}", None, {"v": text})
    assert value_of(fleet) == value


def test_var_wins_over_the_environment(loaded: Any) -> None:
    text = "variables: {v: 1}\nenvironments: {e: {variables: {v: 2}}}\n" + MODEL % "{{ v }}"
    assert value_of(loaded(text, "e", {"v": "3"})) == "3"


def test_an_unknown_environment_is_refused_with_the_closest_one(refused: Any) -> None:
    text = "environments: {prod: {}, dev: {}}\n"
    assert refused(text, "prdo")[0].hint == "did you mean -e prod?"
    assert refused(text, "xyz")[0].hint == "known: prod, dev"
    assert refused("retain: 1\n", "xyz")[0].hint == "known: none"


def test_an_unknown_var_is_refused_with_the_closest_one(refused: Any) -> None:
    assert refused("variables: {count: 1}\n", None, {"cuont": "2"})[0].hint == "did you mean --var count=…?"


@pytest.mark.parametrize("environment", [None, "e"])
def test_what_an_environment_may_not_hold_is_said_at_its_line(refused: Any, environment: str | None) -> None:
    text = "environments:\n  e:\n    regoin: x\n    account: '12'\n    variables:\n      new: 1\n  f: {account: 12}\n"
    found = {(p.line, p.path, p.message) for p in refused(text, environment)}
    assert found == {
        (5, "environments.e.regoin", "unknown key; did you mean region?"),
        (6, "environments.e.account", "'12' is not an account: twelve digits"),
        (8, "environments.e.variables.new", "the environment sets 'new', which `variables` doesn't declare"),
        (9, "environments.f.account", "expected a string, got the integer 12"),
    }


@pytest.mark.parametrize("name", ["each", "fleet", "environment", "region", "account", "a-b", "1a", "a b"])
def test_names_that_can_not_be_variables_are_refused(refused: Any, name: str) -> None:
    assert refused(f"variables: {{'{name}': 1}}\n")[0].line == 3


@pytest.mark.parametrize("name", ["Shop", "a_b", "x" * 41, ""])
def test_a_fleet_has_a_plain_name(name: str) -> None:
    from mmeplan.errors import InputError
    from mmeplan.spec import load_text

    with pytest.raises(InputError, match="can't be a fleet's name"):
        load_text(f"version: 1\nfleet: '{name}'\n".encode())


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2", "version 2 of the language is not known"),
        ("'1'", "expected an integer, got the string 1"),
        ("true", "expected an integer"),
        ("1.0", "expected an integer"),
        ("[1]", "expected an integer, got a list"),
    ],
)
def test_another_version_is_refused(version: str, said: str) -> None:
    from mmeplan.errors import InputError
    from mmeplan.spec import load_text

    with pytest.raises(InputError) as caught:
        load_text(f"version: {version}\nfleet: f\n".encode())
    (problem,) = caught.value.problems
    assert said in problem.message


def test_what_is_missing_is_said() -> None:
    from mmeplan.errors import InputError
    from mmeplan.spec import load_text

    with pytest.raises(InputError) as caught:
        load_text(b"endpoints: {}\n")
    assert {p.message for p in caught.value.problems} == {"the key 'version' is missing", "the key 'fleet' is missing"}
