"""Inspecting the pictures of one run on the workers of a Dask cluster."""
