"""plan: changes become a `Plan`, reviewable data that is rendered, saved and applied.

The life of a plan, told once:

1. `diff` says what differs, endpoint by endpoint, and what follows for models and configs.
2. `gates` say what may not be done: another account, protection, an outage that nobody allowed.
3. `steps` turn changes into API calls, in the only order there is: create → swap → verify → delete.
4. `document` freezes it all into JSON, with the digest (`plan_id`) that proves it wasn't changed.
5. `render` shows it; `apply` checks that it is fresh, carries it out step by step, and proves the result.
"""

from mmeplan.diff import EFFECTS, Action, Change, Drift, Effect, FieldChange, Location, VariantTraffic
from mmeplan.plan.asked import asked_of, is_own, tag_fields, tags_of
from mmeplan.plan.building import build, deleted, parts_deleted, require_addresses
from mmeplan.plan.cautions import cautions
from mmeplan.plan.comparing import beyond, differences, gathers_less
from mmeplan.plan.consistency import problems_of
from mmeplan.plan.document import Capacity, InstanceCapacity, Options, Plan, Summary
from mmeplan.plan.drifting import DriftNote, DriftReport, FoundDrift, Mended, drift_report, mended_by
from mmeplan.plan.encoding import decode, encode, read, read_file, read_to_show, write
from mmeplan.plan.finding import Finding, Severity
from mmeplan.plan.reporting import PlanReport, ReportedPlan, plan_exit, report_of
from mmeplan.plan.step import Step
from mmeplan.plan.targets import SCALING_ACTION, MovedVariant, moved_variants, target_findings

__all__ = [
    "EFFECTS",
    "SCALING_ACTION",
    "Action",
    "Capacity",
    "Change",
    "Drift",
    "DriftNote",
    "DriftReport",
    "Effect",
    "FieldChange",
    "Finding",
    "FoundDrift",
    "InstanceCapacity",
    "Location",
    "Mended",
    "MovedVariant",
    "Options",
    "Plan",
    "PlanReport",
    "ReportedPlan",
    "Severity",
    "Step",
    "Summary",
    "VariantTraffic",
    "asked_of",
    "beyond",
    "build",
    "cautions",
    "decode",
    "deleted",
    "differences",
    "drift_report",
    "encode",
    "gathers_less",
    "is_own",
    "mended_by",
    "moved_variants",
    "parts_deleted",
    "plan_exit",
    "problems_of",
    "read",
    "read_file",
    "read_to_show",
    "report_of",
    "require_addresses",
    "tag_fields",
    "tags_of",
    "target_findings",
    "write",
]
