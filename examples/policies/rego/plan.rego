# Policies in Rego over the plan document: conftest test plan.json --policy rego
package main

import rego.v1

# Deleting an endpoint is a decision of its own.
deny contains message if {
	some change in input.changes
	change.kind == "endpoint"
	"delete" in change.actions
	message := sprintf("%s would be deleted: %s", [change.address, change.explanation])
}

# A traffic shift has an alarm that can shift it back.
deny contains message if {
	some step in input.steps
	step.operation == "UpdateEndpoint"
	not watched(step)
	message := sprintf("%s shifts its traffic, and no alarm watches it", [step.address])
}

watched(step) if count(step.params.DeploymentConfig.AutoRollbackConfiguration.Alarms) > 0

# The rollout leaves some room below the quota.
warn contains message if {
	some row in input.capacity.types
	row.quota != null
	row.peak * 10 > row.quota * 9
	message := sprintf("%d of %d %s at the peak", [row.peak, row.quota, row.instance_type])
}
