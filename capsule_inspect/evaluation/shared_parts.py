"""Pictures of one part are alike, so they are fewer facts than pictures."""

from collections.abc import Collection

from capsule_inspect.dataset.manifest import Sample


def caution_of_parts(samples: Collection[Sample]) -> str:
    """Returns a sentence if pictures share parts, so that intervals are too narrow; else nothing.

    Args:
        samples: The pictures that are measured; one without a group is a part of its own.
    """
    parts = {sample.group or f"/{sample.path}" for sample in samples}
    if len(parts) == len(samples):
        return ""
    return (
        f"The {len(samples)} pictures show {len(parts)} parts, and those of one part are alike: "
        "the intervals count pictures, so they are too narrow."
    )
