"""Serve the inspector over HTTP: an API, a page for people, metrics."""
