"""A webhook: the rows of each picture are sent to an address, at least once and in order.

What waits lies in a folder, a file a picture. So it outlives the process, and anybody can look.
"""

import json
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from capsule_inspect import __version__
from capsule_inspect.files import write_bytes
from capsule_inspect.inference.records import Record
from capsule_inspect.text import mask_passwords, printable
from capsule_inspect.watching.examine import Examined

QUEUE: Final = "webhook"
"""The folder in that of the results."""

_TIMEOUT: Final = 10.0
"""Seconds that the other side may take."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0

_MENDED_BY_TIME: Final = frozenset({401, 403, 404, 408, 425, 429})
"""Answers that name no fault of the message, though their kind is that of its faults."""

_REFUSED: Final = ".refused"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an error: following it would send a request without the rows."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def message(found: Examined, classes: Sequence[str]) -> bytes:
    """Returns what is sent for a picture: JSON with its path, its digest and its rows.

    Args:
        found: The picture.
        classes: Class names in the model's order.
    """
    records = found.inspected.records if found.inspected else ()
    document = {
        "path": printable(found.look.path),
        "picture_sha256": found.sha256,
        "rows": [json.loads(each.to_json(classes)) for each in records],
    }
    return json.dumps(document).encode()


class Webhook:
    """Sends what lies in its folder, in a thread of its own, until it is closed.

    Args:
        address: Where to send it.
        folder: The folder of what waits.
        classes: Class names in the model's order.
        warn: Told in a sentence when the other side cannot be reached, and when it is back.
        first_pause: Seconds until the second try; each later pause is twice as long.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        classes: Sequence[str],
        warn: Callable[[str], None],
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._address, self._folder, self._warn = address, folder, warn
        self._classes = tuple(classes)
        self._first_pause = first_pause
        self._count = 0
        self._shown = mask_passwords(address.partition("?")[0])
        folder.mkdir(parents=True, exist_ok=True)
        self._is_new = threading.Event()
        self._is_new.set()  # what an earlier watch left
        self._is_over = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self, count: int) -> None:
        """Begins to send.

        Args:
            count: How many pictures have rows. Messages of later ones are removed: a killed watch
                wrote them, and inspects their pictures again.
        """
        for file in self.waiting():
            if int(file.stem) >= count:
                file.unlink(missing_ok=True)
        self._count = count
        self._thread.start()

    def before(self, number: int, found: Examined) -> None:
        """Puts the message of a picture in the folder; it is not sent before its rows are written.

        Args:
            number: The number of the picture, from 0; messages are sent in this order.
            found: The picture.

        Raises:
            OSError: The folder cannot be written.
        """
        write_bytes(self._folder / f"{number:012}.json", message(found, self._classes))

    def after(self, count: int, records: Sequence[Record]) -> None:
        """Has the messages of the first pictures sent, since their rows are on the disk."""
        del records
        self._count = count
        self._is_new.set()

    def waiting(self) -> list[Path]:
        """Returns the messages that wait, in order."""
        return sorted(each for each in self._folder.glob("*.json") if each.stem.isdecimal())

    def close(self, seconds: float) -> int:
        """Ends once all is sent, or when the time is over.

        Returns:
            How many messages wait for the next watch.
        """
        self._is_ending = True
        self._is_new.set()
        self._thread.join(seconds)
        self._is_over.set()
        self._thread.join(_TIMEOUT)
        return len(self.waiting())

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._is_new.wait()
            self._is_new.clear()
            ready = [file for file in self.waiting() if int(file.stem) < self._count]
            if not all(map(self._send_until_done, ready)):
                return
            if self._is_ending and not self._is_new.is_set():
                return

    def _send_until_done(self, file: Path) -> bool:
        """Sends a message; tells whether it is off the queue, rather than the time over."""
        pause, is_told = self._first_pause, False
        while True:
            reason, is_refused = self._send(file)
            if not reason:
                file.unlink(missing_ok=True)
                if is_told:
                    self._warn(f"The webhook {self._shown} answers again.")
                return True
            if is_refused:
                self._warn(
                    f"The webhook {self._shown} refused {file.name}: {reason}. It is put aside as "
                    f"{file.stem}{_REFUSED}."
                )
                file.rename(file.with_suffix(_REFUSED))
                return True
            if not is_told:
                is_told = True
                self._warn(
                    f"The webhook {self._shown} cannot be reached: {reason}. Messages wait in "
                    f"'{self._folder}' and are sent when it answers."
                )
            if self._is_over.wait(random.uniform(0.5, 1) * pause):  # noqa: S311  (spreads load)
                return False
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _send(self, file: Path) -> tuple[str, bool]:
        """Sends a message once; returns why it failed, and whether the message is at fault."""
        try:
            request = urllib.request.Request(  # noqa: S310  (the options allow http and https alone)
                self._address,
                data=file.read_bytes(),
                headers={
                    "Content-Type": "application/json",
                    "Idempotency-Key": f"{self._folder.parent.name}-{file.stem}",
                    "User-Agent": f"capsule-inspect/{__version__}",
                },
            )
            with _OPENER.open(request, timeout=_TIMEOUT):
                return "", False
        except urllib.error.HTTPError as error:
            with error:
                is_refused = 400 <= error.code < 500 and error.code not in _MENDED_BY_TIME
                return f"it answered {error.code} {error.reason}", is_refused
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            return str(getattr(reason, "strerror", None) or reason), False
