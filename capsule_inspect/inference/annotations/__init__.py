"""Findings as annotations, in the formats of the tools that people annotate with."""
