"""What SageMaker is, as data and without network: shapes, constraints, statuses, messages, instance families."""
