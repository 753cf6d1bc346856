"""Training of networks and cross-validation studies."""
