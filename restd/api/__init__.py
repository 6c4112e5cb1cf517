"""The HTTP door: routes and short handlers, one module a resource."""
