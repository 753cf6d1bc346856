"""Fitting a network and searching its hyper-parameters."""
