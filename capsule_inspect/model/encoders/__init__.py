"""Encoders with ImageNet weights."""
