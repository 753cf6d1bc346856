"""Pictures of capsules, with and without defects, and exact masks, all drawn from a seed.

Nominal lengths are in pixels of a 1000 x 1000 picture that shows the capsule at scale 1. The origin
is the middle of the capsule; x runs along it (the dark half is at x < 0), y across it.
"""
