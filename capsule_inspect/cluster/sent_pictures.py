"""Inputs on their way to a worker."""

import pickle
from dataclasses import dataclass, field
from pathlib import Path

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import name_file
from capsule_inspect.inference.inputs import InputPicture, begin_in


@dataclass(frozen=True)
class SentPicture:
    """An input that a worker unpacks when it reads it.

    Attributes:
        path: As for any input.
        name: As for any input.
        pickled: The input.
    """

    path: str
    name: str
    pickled: bytes = field(repr=False)

    def read(self, max_pixels: int) -> bytes:
        """Reads the input.

        Raises:
            PictureError: It cannot be read, or the worker does not know its kind.
        """
        try:
            picture: InputPicture = pickle.loads(self.pickled)  # noqa: S301  (as all that Dask sends)
        except Exception as error:  # whatever its class raises
            raise PictureError(
                f"{name_file(self.path)} cannot be read by a worker: {error}; install there what "
                "this kind of input needs."
            ) from error
        return picture.read(max_pixels)


@dataclass(frozen=True)
class UnsentPicture:
    """An input that cannot go to a worker: a row says so, and the other pictures are inspected.

    Attributes:
        path: As for any input.
        name: As for any input.
        reason: Why not.
    """

    path: str
    name: str
    reason: str

    def read(self, max_pixels: int) -> bytes:
        """Says why.

        Raises:
            PictureError: Always.
        """
        del max_pixels
        raise PictureError(
            f"{name_file(self.path)} cannot be sent to a worker: {self.reason}; inspect it without "
            "--scheduler."
        )


def send(picture: InputPicture, folder: Path) -> InputPicture:
    """Packs an input for a worker.

    Args:
        picture: The input.
        folder: Where its relative path begins, for a worker begins elsewhere.
    """
    import cloudpickle  # takes classes of a script, too

    try:
        pickled = cloudpickle.dumps(begin_in(picture, folder))
    except Exception as error:  # whatever its class raises
        return UnsentPicture(picture.path, picture.name, str(error) or type(error).__name__)
    return SentPicture(picture.path, picture.name, pickled)
