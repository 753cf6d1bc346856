"""Find defects on medicinal capsules: which are defective, what the defect is, and where."""

__version__ = "0.1.0"
