"""Every rule, by group. A new rule is a class in its group's file and an item of that file's `RULES`."""

from __future__ import annotations

from typing import Final

from mmeplan.rules import (
    allowances,
    archives,
    artifact_history,
    artifact_rules,
    artifact_sizes,
    asynchronous,
    deployment,
    deployment_sizes,
    endpoint_configs,
    endpoints,
    image_label_rules,
    image_rules,
    instances,
    live_rules,
    model_data,
    models,
    multi_model,
    multi_model_hosting,
    multi_model_images,
    names,
    network_rules,
    online_rules,
    permission_rules,
    pipelines,
    quota_rules,
    scaling_rules,
    serverless,
    shadow,
    shape_rules,
    shape_rules_hosting,
)
from mmeplan.rules.recording import CRASHED
from mmeplan.rules.rule import Rule

_GROUPS: Final[tuple[tuple[Rule, ...], ...]] = (
    names.RULES,
    models.RULES,
    model_data.RULES,
    multi_model.RULES,
    multi_model_hosting.RULES,
    multi_model_images.RULES,
    image_rules.RULES,
    pipelines.RULES,
    endpoint_configs.RULES,
    instances.RULES,
    serverless.RULES,
    asynchronous.RULES,
    shadow.RULES,
    endpoints.RULES,
    deployment.RULES,
    deployment_sizes.RULES,
    shape_rules.RULES,
    shape_rules_hosting.RULES,
    live_rules.RULES,
    artifact_rules.RULES,
    artifact_sizes.RULES,
    artifact_history.RULES,
    archives.RULES,
    online_rules.RULES,
    image_label_rules.RULES,
    quota_rules.RULES,
    network_rules.RULES,
    permission_rules.RULES,
    scaling_rules.RULES,
    allowances.RULES,
    (CRASHED,),
)

ALL_RULES: Final[tuple[Rule, ...]] = tuple(sorted((rule for group in _GROUPS for rule in group), key=lambda r: r.id))
