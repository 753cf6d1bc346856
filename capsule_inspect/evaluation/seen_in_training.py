"""What a model has seen, in its training, of the pictures that it is measured on."""

from collections.abc import Sequence

from capsule_inspect.dataset.data_set import DataSet, hash_of_pictures
from capsule_inspect.dataset.manifest import Sample

_TELLS = "the figures tell what it remembers, not how it does on others."


def caution(data: DataSet, samples: Sequence[Sample], training_data_sha256: str) -> str:
    """Returns a sentence if a model may have seen pictures that it is measured on; else nothing.

    Args:
        data: The data set.
        samples: Those of its pictures that it is measured on.
        training_data_sha256: Identifies the pictures that it was trained on.
    """
    if training_data_sha256 == data.training_sha256:
        seen = sum(sample.split == "train" for sample in samples)
    elif training_data_sha256 in (data.pictures_sha256, hash_of_pictures(samples)):
        seen = len(samples)
    else:
        return (
            "The model was trained on another split of pictures than this data set's: it may have "
            "seen some that it is measured on."
        )
    if not seen:
        return ""
    if seen == len(samples):
        return f"The model was trained on these very pictures: {_TELLS}"
    return f"The model was trained on {seen} of these {len(samples)} pictures: {_TELLS}"
