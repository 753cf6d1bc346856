"""Pictures in and out: safe reading, finding capsules, cropping there and back, overlays."""
