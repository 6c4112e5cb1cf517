"""What may come in: marshmallow schemas, one module a resource, body to model."""
