"""Lists of what belongs to endpoints and models and can't be here: monitoring, lineage, recommendations, experiments.

In: validated requests. Out: empty lists, as of an account that has none. Clients ask for them beside an endpoint (the
SageMaker SDK's `Predictor.list_monitors`, `endpoint_context`), and go on when there is nothing.
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws import shapes
from mmeplan.simulator.call import Call, Operation

Json = dict[str, Any]

LISTS: Final = (
    *("ListMonitoringSchedules", "ListMonitoringExecutions", "ListMonitoringAlertHistory"),
    *("ListDataQualityJobDefinitions", "ListModelQualityJobDefinitions", "ListModelBiasJobDefinitions"),
    *("ListModelExplainabilityJobDefinitions", "ListContexts", "ListArtifacts", "ListActions", "ListAssociations"),
    *("ListInferenceRecommendationsJobs", "ListInferenceExperiments", "ListTransformJobs", "ListCompilationJobs"),
    *("ListOptimizationJobs", "ListEdgePackagingJobs"),
)


def listing(operation: str) -> Operation:
    """The operation that lists nothing."""

    def run(_call: Call, _request: Json) -> Json:
        model = shapes.service("sagemaker")
        members = model.members(model.output_shape(operation) or "")
        return {name: [] for name, shape in members.items() if model.shapes[shape]["type"] == "list"}

    return Operation(run, False)
