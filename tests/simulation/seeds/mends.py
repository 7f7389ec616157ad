"""What mends each kept scenario, and how it is taken out: edits of the sources, found by their text.

Of a scenario that two pieces of code guard, both are taken out. Where the sources change, the texts here change too:
`test_scenarios.py` fails for a text that isn't there, and for a scenario that breaks no invariant without its mend.
"""

from __future__ import annotations

Edit = tuple[str, str]

_PROOF = "proof = set_by_swap(desired, params) if back else []"
_VERIFIED = (
    "desired = wait.desired or tuple(known_desires(planned, live))",
    "desired = wait.desired",
)
_PINNED_ARE_NOT_REPLACED = ("return [address for address in changed if graph.resources[address].pinned]", "return []")
_MADE_AGAIN = "live_config = listed_config(live.config)"
_SAID_TO_BE_UNCHANGED = (
    _MADE_AGAIN,
    _MADE_AGAIN
    + '\n        same = _kept(inputs, endpoint, live, "", Action.NO_OP, "same", "none", "unchanged")'
    + "\n        return EndpointDecision(endpoint, same, needs=needs)",
)
_NOT_DOUBTED = ("known = Record(doubtful=tuple(", "known = Record(served=tuple(")
_NOTHING_HELD = ('[{**request, "holds": kept} if kept else request for', "[request for")

_SEEN_WHEN_IT_BEGAN = (
    "            self.floors[stored.name] = floor\n",
    "            self.floors[stored.name] = floor\n"
    "            self.seen[by, stored.name] = self._running()[stored.name]\n",
)

MENDS: dict[str, tuple[Edit, ...]] = {
    "adopted-after-an-interrupted-apply": (
        ("return not owned.owns(live) and (is_placeholder(in_force) or not serves)", "return False"),
        _NOT_DOUBTED,
    ),
    "adopted-and-its-config-made-again-by-others": (
        ('in (CLAIMED, THEIRS):\n        return ""', "in (CLAIMED, THEIRS):\n        pass"),
    ),
    "back-onto-the-config-in-force": ((_PROOF, "proof = []"), _VERIFIED),
    "back-onto-the-config-in-force-with-retained-counts": (
        (_PROOF, 'proof = desired if back and not params.get("RetainAllVariantProperties") else []'),
        _VERIFIED,
    ),
    "config-deleted-while-updating": (_SAID_TO_BE_UNCHANGED,),
    "config-made-again-by-others": (
        ("return config.name == wanted or not (foreign and (served_before or created_since))", "return True"),
    ),
    "drift-of-a-pinned-config-of-a-replaced-model": (
        _PINNED_ARE_NOT_REPLACED,
        (
            "self.inputs.models_in(live_config.name) if live_config.by_digest else models_of(live_config.describe)",
            "set(declared)",
        ),
    ),
    "drift-of-a-stand-in-that-is-kept": (
        (" or is_placeholder(live):\n        return\n    suffix", ":\n        return\n    suffix"),
    ),
    "forged-model-under-our-name": (
        (
            "resource.physical_name and not resource.pinned and live.tag(DIGEST_TAG) != resource.digest:",
            "resource.address and False:",
        ),
    ),
    "grows-before-a-swap-that-retains": (
        ("rest = [request for request in requests if not _grows(request)]", "grows, rest = [], requests"),
    ),
    "listed-model-of-another-entry": (
        (
            "if live.by_digest and live.name == resource.physical_name:\n            return resource.content",
            "if live.by_digest:\n            return resource.content",
        ),
    ),
    "model-behind-a-stand-in": (
        ("placeholders = () if kind.is_swapped_to else self._placeholders", "placeholders: tuple[str, ...] = ()"),
    ),
    "model-of-a-deleted-config": (
        (
            "return config in unknown or models is None or name.lower() in models",
            "return config in unknown or name.lower() in (models or ())",
        ),
        ("placeholders = () if kind.is_swapped_to else self._placeholders", "placeholders: tuple[str, ...] = ()"),
    ),
    "one-of-two-equal-models-is-gone": (
        (
            "return name != resource.physical_name, live is None or inputs.address_of(live) != at, name",
            "return (name,)",
        ),
    ),
    "pending-of-others": (
        (
            "live_endpoint(answer).configs if answer is not None else ()",
            "live_endpoint(answer).configs[:1] if answer is not None else ()",
        ),
    ),
    "pinned-config-deleted-and-another-wanted": (
        (
            "return live.config == config.physical_name and (applied or not config.pinned)",
            "return live.config == config.physical_name",
        ),
        _SAID_TO_BE_UNCHANGED,
    ),
    "pinned-config-deleted-and-two-equal-models": (
        _PINNED_ARE_NOT_REPLACED,
        ("and not (config.pinned and inputs.has_equal_models(config))", ""),
    ),
    "pinned-config-of-a-replaced-model": (
        _PINNED_ARE_NOT_REPLACED,
        ("(live_config.by_digest or not config.pinned)", "True"),
    ),
    "record-of-a-failed-create": (
        ("live is not None and live.endpoint_status in ({FAILED} if swaps else _NEVER_SERVED):", "False:"),
    ),
    "renamed-variants-of-a-deleted-config": (("notes = _variant_note(config.content, serving, live)", "notes = ()"),),
    "replace-of-a-pinned-config-that-was-deleted": (
        _PINNED_ARE_NOT_REPLACED,
        (
            "if resource.pinned and is_replaced:\n            return",
            "if False:\n            return",
        ),
    ),
    "retained-counts-of-an-update-that-came-to-nothing": (
        ("                wanted,\n                tuple(desired),", "                wanted,\n                (),"),
    ),
    "retained-counts-of-an-update-under-way": (
        ("return (live.pending_variants or live.variants) if", "return live.variants if"),
    ),
    "rollback-to-a-config-of-a-replaced-model": (
        (
            "        except UnknownSaltError:\n            return name",
            "        except UnknownSaltError:\n            raise",
        ),
    ),
    "rollback-to-the-renamed-config-of-a-failed-create": (
        ("and config.name != named and digest != never", "and config.name != named"),
    ),
    "rollback-where-configs-are-listed": (
        (
            "if live.by_digest and live.name == resource.physical_name:\n            return resource.content",
            "if live.by_digest:\n            return resource.content",
        ),
    ),
    "rollback-to-what-runs-already": (
        (
            "if all(change.action in (Action.NO_OP, Action.TAG) for change in own):",
            "if False:",
        ),
        ("and c.action is not Action.DELETE and c not in own", "and c not in own"),
        ("found.setdefault(short_digest(config) or config.name, config)", "found.setdefault(config.name, config)"),
    ),
    "saved-plan-that-saw-an-update-under-way": (_SEEN_WHEN_IT_BEGAN,),
    "shrinks-although-the-growth-came-to-nothing": (_NOTHING_HELD,),
    "shrinks-before-it-grows": (
        (
            'requests = [*grows, *([{"variants": weights, "before": weights_before}] if weights else []), *shrinks]',
            'requests = [*shrinks, *([{"variants": weights, "before": weights_before}] if weights else []), *grows]',
        ),
    ),
    "stand-in-of-an-endpoint-that-is-not-targeted": (
        (
            "and not (change.action is Action.PLACEHOLDER and _stands_in_for_nobody(graph, snapshot, change, wanted))",
            "",
        ),
        (
            "return not owned.owns(live) and (is_placeholder(in_force) or not serves)",
            "return not owned.owns(live) and not serves",
        ),
        _NOT_DOUBTED,
    ),
    "stand-in-that-others-use-and-a-person-deletes": (("user = _user_of(demand, live)", 'user = ""'),),
    "throttled-delete": (
        (
            "            self.references.forget()\n            return self._guarded(step)  # it may have",
            '            return Decision("call")  # it may have',
        ),
    ),
    "two-applies-that-saw-different-configs": (
        _SEEN_WHEN_IT_BEGAN,
        (
            "number, configs = self.seen.get((by, target.name), (target.seq, set()))",
            "seen = [found for (_, name), found in self.seen.items() if name == target.name]\n"
            "        number, configs = seen[-1] if seen else (target.seq, set())",
        ),
    ),
    "weights-of-an-update-that-came-to-nothing": (_NOTHING_HELD,),
}
"""Scenario → the edits by which what mends it is gone."""
