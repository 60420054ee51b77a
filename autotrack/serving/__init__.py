"""A crate over HTTP, with an OpenAPI page: what ``autotrack serve`` runs."""
