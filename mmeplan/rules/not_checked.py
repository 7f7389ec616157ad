"""What no rule checks, and why: the rest of the catalogue of SageMaker's hosting rules, as data.

Out: `NOT_CHECKED`, rows by reason, from which docs/rules/not-checked.md is generated. An id stands here or has a class,
never both; tests/rules hold the two together against the list of all ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from mmeplan.rules.rule import Stage


@dataclass(frozen=True, slots=True)
class NotChecked:
    """One id without a rule: what it is about, how grave it is, what it would need, and why there is no rule."""

    id: str
    severity: Literal["error", "warning"]
    needs: Stage
    about: str
    why: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that several ids share."""

    title: str
    text: str
    rows: tuple[NotChecked, ...]


def _rows(needs: Stage, *rows: str) -> tuple[NotChecked, ...]:
    """Each row is `ID LETTER ABOUT | WHY`; E is an error, W a warning."""
    return tuple(_row(needs, *row.split(" ", 2)) for row in rows)


def _row(needs: Stage, rule_id: str, letter: str, text: str) -> NotChecked:
    about, _, why = text.partition(" | ")
    return NotChecked(rule_id, "error" if letter == "E" else "warning", needs, about, why)


NOT_CHECKED: Final = (
    Reason(
        "The file can't say it",
        "The loader or the compiler refuses such a file before rules are asked, each problem with its line.",
        _rows(
            "static",
            "TAG-03 E Tag keys are unique | `tags` is a mapping, and a duplicate key is an error of the loader.",
            "TAG-04 E No tag key begins with `aws:` | The loader refuses `aws:` and `mmeplan:` keys.",
            "EP-01 E An endpoint's config resolves | The compiler refuses a `config:` that the fleet doesn't have.",
            "NAM-08 E Generated names fit | The readable part is shortened, never the digest.",
            "ART-01 E An artifact's key | Held against `artifacts` as the file is read.",
            "ART-02 E An artifact is a .tar.gz | Held against `artifacts` as the file is read.",
            "ART-03 W An artifact's key is relative | Held against `artifacts` as the file is read.",
            "ART-04 E Artifacts have different keys | Held against `artifacts` as the file is read.",
        ),
    ),
    Reason(
        "The engine doesn't do it",
        "The plan is built so that the request can't be wrong, or a gate refuses it: with this id where the row says "
        "so, else with one of mmeplan's own (docs/plan-and-apply.md, Gates).",
        (
            *_rows(
                "plan",
                "MDL-40 E A model is immutable | New content is a new name; a gate refuses it, with this id, under a "
                "pinned or a taken name.",
                "CFG-38 E A config is immutable | New content is a new name; a gate refuses it, with this id, under a "
                "pinned or a taken name.",
                "SLS-12 E Real-time to serverless | Planned as delete and create; a gate refuses that outage, with "
                "this id, unless it is allowed.",
                "ASY-13 E Asynchronous to real-time, or back | Planned as delete and create; a gate refuses that "
                "outage, with this id, unless it is allowed.",
                "EP-03 E The name is free for CreateEndpoint | Planned for an absent name only, and looked up once "
                "more before the call.",
                "EP-04 E No call while Creating or Updating | Apply waits until the endpoint takes calls again.",
                "EP-05 E No call while SystemUpdating | The plan says so, and apply waits.",
                "EP-06 E A Failed endpoint takes DeleteEndpoint only | Planned as delete and create; where it may "
                "still serve, a gate refuses that outage with this id.",
                "EP-07 E No call while RollingBack or Deleting | Apply waits; a deleted name is created when gone.",
                "EP-08 E Old config and models outlive the update | Deletes come last, after the verified swap; a gate "
                "refuses, with this id, an endpoint that is stuck between two configs.",
                "EP-09 W An update to the config in force | Endpoints are compared by meaning: this is no change.",
                "EP-16 W Only counts and weights differ | Changed in place by UpdateEndpointWeightsAndCapacities.",
                "DEP-23 E Variants keep their names | Such a swap is planned all at once; DEL-07 says so.",
                "DEL-01 E No config in use is deleted | Each delete is preceded by a scan of all live endpoints.",
                "DEL-02 E No model in use is deleted | The same scan, through the configs that endpoints run and the "
                "inference components on them.",
                "DEL-03 E DeleteEndpoint in a status that takes it | Guarded: apply waits for such a status.",
                "DEL-04 E Create again when the old one is gone | DeleteEndpoint's step ends when Describe says so.",
                "DEL-08 W A renamed endpoint is an outage | A gate refuses it, with this id and as an error, unless "
                "`--allow-outage` names it.",
                "DEL-09 E Old generations go after a verified swap | Deletes depend on the step that verifies it.",
                "DEL-10 E What others made is left alone | Ownership tags decide; a gate refuses with this id, `adopt` "
                "takes over.",
                "UWC-03 E Variants exist on the live endpoint | Changed in place where both sides have the variant.",
                "UWC-08 E The resulting weights have a sum | They are the file's, and CFG-11 looks at these.",
            ),
            *_rows(
                "static",
                "UWC-01 E A request has entries | Steps are made from differences; without one there is no step.",
                "UWC-02 E A request names each variant once | Entries are collected by variant.",
                "UWC-04 E Weights and counts aren't negative | They are the file's: CFG-08 and CFG-10.",
                "UWC-05 W No count of 0 on a real-time variant | CFG-08: the file can't ask for 0 instances.",
                "UWC-06 W Every entry changes something | Entries are made from differences.",
                "UWC-07 W One capacity a call | Weights go together; each variant's capacity in a call of its own.",
                "UWC-10 E Concurrency for serverless, counts for instances | SLS-04 keeps the two apart.",
            ),
        ),
    ),
    Reason(
        "The language has no words for it",
        "fleet.yaml doesn't declare a multi-model prefix's archives, and mmeplan writes the names of what it makes: "
        "what they would break can't be written.",
        (
            *_rows(
                "static",
                "NAM-09 W Scaling and alarms spell names exactly | Resource ids are made of names; no alarm is made.",
                "ASC-01 E Namespace and dimension | mmeplan writes both of a variant that is scaled.",
                "ASC-02 E Resource id of the target | mmeplan makes it of the names of endpoint and variant.",
                "MME-22 W Many rarely used models and a cache | The traffic of models isn't declared.",
            ),
            *_rows(
                "plan",
                "ASC-19 E Registered when InService | A target is registered after its endpoint's step, which waits.",
                "ASC-22 W What the service adds to policies | It is left out of the comparison.",
            ),
        ),
    ),
    Reason(
        "It is not in the file, and no read tells it",
        "What clients send, how containers behave under load, and who may call what is decided elsewhere.",
        (
            *_rows(
                "static",
                "MDL-41 W Start-up and ping times | Only the running container has them.",
                "PIP-11 W Bodies between containers | Only requests have a size.",
                "ART-10 W Policies narrow `sagemaker:TargetModel` | The callers' policies aren't part of a fleet.",
                "ART-11 W Clients wait for slow loads | Clients aren't part of a fleet.",
            ),
            *_rows(
                "plan",
                "DEL-06 W Deregistered before the delete | An endpoint that goes stands in no file, and online rules "
                "ask about what does. Its targets go with it unless the caller may not deregister them; one that is "
                "left scales nothing.",
            ),
        ),
    ),
    Reason(
        "It would be said on every good file",
        "A warning that everybody gets teaches to overlook warnings. What it would say stands in the guide.",
        (
            *_rows(
                "static",
                "MME-26 W NVMe instances cache on their own disks | Nothing is wrong; CFG-16 refuses a volume size.",
                "CAP-08 W A high sampling percentage | High for whom? The traffic doesn't stand in the file.",
                "CAP-09 W `enable_capture` is left out | It is on by default: what people mean who write the config.",
                "EP-17 W A deployment config has no effect on create | It is sent again with every update.",
                "ASC-05 W Minimum of at least 2 | Many fleets are meant to be small at night.",
                "DEP-28 W Guardrails bill both fleets | That is what guardrails are; the plan shows the rollout.",
            ),
            *_rows(
                "plan",
                "DEL-05 W The role outlives the endpoint | Roles aren't managed here, so that none is deleted.",
                "ASC-21 W No scaling during an update | So it is with every update of every scaled endpoint, whatever "
                "its file says. Raise the counts first.",
            ),
        ),
    ),
)
