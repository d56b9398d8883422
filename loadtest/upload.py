"""Users who upload files: by Flet's ``FilePicker``, to the address that the app gets for it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import gevent
import requests
from locust import tag, task

from loadtest._user import COMMIT_SECONDS, FletUser

if TYPE_CHECKING:
    from loadtest._tree import Control

_PICK = re.compile(r"upload|pick|file|browse|choose", re.IGNORECASE)


class UploadUser(FletUser):
    """Clicks what looks like an upload, and sends a file of ``--upload-bytes`` with a name of its own."""

    optional = True
    _count = 0
    _done = False

    @tag("upload")
    @task
    def upload(self) -> None:
        """Upload one file, and wait until the page has changed for it."""
        if not self.ready():
            return
        session = self.session
        button = self.labelled(_PICK)
        if button is None:
            self.report.note(session.kind, "nothing to upload with")
            return
        self._done = False
        if session.send(button.act()) is None or session.wait(lambda: self._done, COMMIT_SECONDS):
            return
        if not session.ended:
            why = TimeoutError("the app did not ask for a file, or its upload did not end")
            self.report.failure(session.kind, "upload", why)

    def answer(self, control: Control, name: str, args: dict[str, Any]) -> Any:
        """Pick a file, and send it when the app says where to."""
        if control.type != "FilePicker":
            return super().answer(control, name, args)
        if name == "pick_files":
            self._count += 1
            file = f"load-{id(self):x}-{self._count}.bin"
            return [{"id": 0, "name": file, "size": self.options.upload_bytes, "path": None}]
        if name == "upload":
            gevent.spawn(self._send, control, args.get("files") or [])
        return None

    def _send(self, picker: Control, files: list[dict[str, Any]]) -> None:
        for file in files:
            name = file.get("name") or ""
            self._progress(picker, name, 0.0)
            error = self._put(urljoin(f"{self.host}/", file["upload_url"]), file.get("method") or "PUT")
            self._progress(picker, name, None if error else 1.0, error)
        self._done = True

    def _put(self, url: str, method: str) -> str | None:
        began, kind = time.perf_counter(), self.session.kind
        try:
            answer = requests.request(method, url, data=bytes(self.options.upload_bytes), timeout=60)
            answer.raise_for_status()
        except requests.RequestException as error:
            self.report.failure(kind, "upload", error)
            return type(error).__name__
        self.report.timing(kind, "upload", time.perf_counter() - began)
        return None

    def _progress(self, picker: Control, name: str, part: float | None, error: str | None = None) -> None:
        data = {"file_name": name, "progress": part, "error": error}
        event = self.session.page.event(picker, "upload", data)
        if part == 1.0:
            self.session.do([event], COMMIT_SECONDS)
        else:
            self.session.send([event])
