"""Drawing photographs of capsules, sound and defective, with exact masks, from a seed.

Lengths called nominal are pixels of a picture of 1000 x 1000 pixels that shows the capsule at scale
1. The origin is the middle of the capsule, x runs along it (the dark half at x < 0), y across it.
"""
