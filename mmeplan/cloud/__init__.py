"""The ports of `live` and `apply`, implemented over boto3 and the system's clock."""
