"""What mends each kept scenario, and how it is taken out: edits of the sources, found by their text.

Of a scenario that two pieces of code guard, both are taken out. Where the sources change, the texts here change too:
`test_scenarios.py` fails for a text that isn't there any more, and for a scenario that breaks no law without its mend.
"""

from __future__ import annotations

Edit = tuple[str, str]

_TOLD = "told = set_by_swap(desired, params) if back else None"
_VERIFIED = (
    'desired = step.wait.get("desired") or told(step.guard.get("desired", ()), live.describe)',
    'desired = step.wait.get("desired") or ()',
)
_PINNED_ARE_NOT_REPLACED = ("return [one for one in changed if graph.resources[one].pinned]", "return []")
_MADE_AGAIN = 'live_config = LiveObject("endpoint_config", in_force, "present", by_digest=True)'
_SAID_TO_BE_UNCHANGED = (
    _MADE_AGAIN,
    _MADE_AGAIN + '\n        return _tagged(world, endpoint, live, ("no-op",), "same", "none", "unchanged"), None',
)
_NOTHING_HELD = ('[{**request, "holds": kept} if kept else request for', "[request for")

MENDS: dict[str, tuple[Edit, ...]] = {
    "adopted-after-an-interrupted-apply": (
        ("return not world.owns(live) and (stands_in or not serves)", "return False"),
    ),
    "adopted-and-its-config-made-again-by-others": (
        ('in (CLAIMED, THEIRS):\n        return ""', "in (CLAIMED, THEIRS):\n        pass"),
    ),
    "back-onto-the-config-in-force": ((_TOLD, "told = None"), _VERIFIED),
    "back-onto-the-config-in-force-with-retained-counts": (
        (_TOLD, 'told = desired if back and not params.get("RetainAllVariantProperties") else None'),
        _VERIFIED,
    ),
    "config-deleted-while-updating": (_SAID_TO_BE_UNCHANGED,),
    "config-made-again-by-others": (
        ("return config.name == wanted or not (made_by_others and (served_before or made_since))", "return True"),
    ),
    "drift-of-a-pinned-config-of-a-replaced-model": (
        _PINNED_ARE_NOT_REPLACED,
        (
            "sorted(self.world.models_in(live_config.name) if listed else set(models_of(live_config.describe)))",
            "sorted(declared)",
        ),
    ),
    "drift-of-a-stand-in-that-is-kept": (
        ("and STAND_IN_TAG not in tags\n            and is_content", "and is_content"),
    ),
    "forged-model-under-our-name": (
        (
            "if live_name == resource.physical_name and not resource.pinned and not _says_it_is(resource, live):",
            "if False:",
        ),
    ),
    "grows-before-a-swap-that-retains": (
        ("return grows, [request for request in requests if not _grows(request)]", "return [], requests"),
    ),
    "listed-model-of-another-entry": (("self._declared_models.get(live.name, model).content", "model.content"),),
    "model-behind-a-stand-in": (('if change.kind == "model" and stand_ins:', "if False:"),),
    "model-of-a-deleted-config": (
        ("return models is None or model in models", "return models is not None and model in models"),
        ('if change.kind == "model" and stand_ins:', "if False:"),
        (
            'models = [name for kind, name in wanted if kind == "model"] if vague else models_of(configs[config])',
            "models = [] if vague else models_of(configs[config])",
        ),
    ),
    "one-of-two-equal-models-is-gone": (
        ("return name != resource.physical_name, live is None or self.address_of(live) != at, name", "return (name,)"),
    ),
    "pending-of-others": (
        (
            'for name in (answer.get("EndpointConfigName"), pending) if name)\n            self._runs',
            'for name in (answer.get("EndpointConfigName"),) if name)\n            self._runs',
        ),
    ),
    "pinned-config-deleted-and-another-wanted": (
        ("return same and (applied or not config.pinned)", "return same"),
        _SAID_TO_BE_UNCHANGED,
    ),
    "pinned-config-deleted-and-two-equal-models": (
        _PINNED_ARE_NOT_REPLACED,
        ("and not (config.pinned and world.has_twins(config))", ""),
    ),
    "pinned-config-of-a-replaced-model": (
        _PINNED_ARE_NOT_REPLACED,
        ("(live_config.by_digest or not config.pinned)", "True"),
    ),
    "record-of-a-failed-create": (('live.describe.get("EndpointStatus") in (CREATING, FAILED)', "False"),),
    "renamed-variants-of-a-deleted-config": (
        ("notes = variant_note(config.content, serves_by(live.describe), live.describe)", "notes = ()"),
    ),
    "replace-of-a-pinned-config-that-was-deleted": (
        _PINNED_ARE_NOT_REPLACED,
        (
            "if resource.pinned and resource.address in world.graph.fresh:\n                return",
            "if False:\n                return",
        ),
    ),
    "retained-counts-of-an-update-that-came-to-nothing": (
        ('                "desired": desired,\n', '                "desired": [],\n'),
    ),
    "retained-counts-of-an-update-under-way": (('return pending.get("ProductionVariants") or live', "return live"),),
    "rollback-to-a-config-of-a-replaced-model": (
        (
            "        except UnknownSaltError:\n            return name",
            "        except UnknownSaltError:\n            raise",
        ),
    ),
    "rollback-to-the-renamed-config-of-a-failed-create": (
        ("and config.name != named[0] and short_digest(config.tags) != named[1]", "and config.name != named[0]"),
    ),
    "rollback-where-configs-are-listed": (
        (
            'configs = (*self.graph.replaced, *self.graph.of_kind("endpoint_config"))',
            'configs = self.graph.of_kind("endpoint_config")',
        ),
    ),
    "rollback-to-what-runs-already": (
        (
            'if all(change.effect == "none" and change.reason in ("same", "tags_changed") for change in own):',
            "if False:",
        ),
        ('and c.actions != ("delete",) and c not in own', "and c not in own"),
    ),
    "shrinks-although-the-growth-came-to-nothing": (_NOTHING_HELD,),
    "shrinks-before-it-grows": (
        (
            'requests = [*grows, *([{"variants": weights, "before": weights_before}] if weights else []), *shrinks]',
            'requests = [*shrinks, *([{"variants": weights, "before": weights_before}] if weights else []), *grows]',
        ),
    ),
    "stand-in-of-an-endpoint-that-is-not-targeted": (
        ('and not (change.actions == ("create", "delete") and _stands_in_for_nobody(graph, change, wanted))', ""),
        ("return not world.owns(live) and (stands_in or not serves)", "return not world.owns(live) and not serves"),
    ),
    "throttled-delete": (
        (
            "            self.references.forget()\n            return self._guarded(step)  # it may have",
            '            return Decision("call")  # it may have',
        ),
    ),
    "two-applies-that-saw-different-configs": (
        (
            "number, configs = self.seen.get((by, target.name), (target.seq, set()))",
            "seen = [found for (_, name), found in self.seen.items() if name == target.name]\n"
            "        number, configs = seen[-1] if seen else (target.seq, set())",
        ),
    ),
    "weights-of-an-update-that-came-to-nothing": (_NOTHING_HELD,),
}
"""Scenario → the edits by which what mends it is gone."""
