"""`pulumi-resource-aws` for the sandbox: a strict, table-driven provider over botocore.

Only `__main__` starts anything; see README.md for how a resource type is added.
"""
