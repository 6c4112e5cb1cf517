"""Pure: model to OCI runtime spec."""
