"""Registries: pulling, pushing, searching. The OCI distribution specification and what Docker adds to it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md; tokens: https://distribution.github.io/distribution/spec/auth/
"""
