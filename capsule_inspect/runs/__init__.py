"""Run folders: creating them, recording their environment, and listing them."""
