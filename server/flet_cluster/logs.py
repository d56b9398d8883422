"""What log lines look like, and where they go (layer 5).

Each line says which node and which session it is about: for people in brackets, or as fields of JSON. That is
looked up when a line is written: lines that are not written cost nothing.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from flet_cluster.host import compat
from flet_cluster.host.current import current_event
from flet_cluster.logscope import here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flet_cluster.settings import Settings

_LOG = logging.getLogger("flet_cluster")
_FORMAT = "%(asctime)s %(levelname)s [%(process)d%(where)s] %(name)s: %(message)s"
_NO_JSON = (TypeError, ValueError, RecursionError)
"""What ``json.dumps`` raises."""
_OUR_WAY = "session %s"
"""How lines of this package begin that are about a session, where the work is the node's."""


def configure_logging(settings: Settings) -> None:
    """Log to stderr, unless the app has its own idea. Uvicorn's news is for those who debug.

    As JSON, all that goes to the terminal does so: what the app and the server have set up as well.
    What loading the app had to say follows.
    """
    level = settings.log_level
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(ConsoleFormatter(_FORMAT))
        root.addHandler(handler)
        root.setLevel(settings.flet_log_level.upper())
    logging.getLogger("flet_cluster").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel("WARNING" if level == "info" else level.upper())
    access = logging.getLogger("uvicorn.access")
    access.removeFilter(_without_query)
    access.addFilter(_without_query)
    if level == "debug":  # its own news; what it hears of handshakes then has cookies in it
        logging.getLogger("uvicorn.error").setLevel("INFO")
    if settings.log_format == "json":
        _log_json()
    compat.tell()


def say(settings: Settings, line: str) -> None:
    """Tell who sits at the terminal, or the log, if that is all that may be written."""
    if settings.log_format == "json" and not settings.display_url_prefix:
        _LOG.info("%s", line)
        return
    try:
        print(line, flush=True)  # noqa: T201
    except OSError:  # nobody reads it: that is no reason to serve nobody
        return


class ConsoleFormatter(logging.Formatter):
    """Lines for people: ``%(where)s`` is the node, and the session unless the message begins with it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class calls it so
        """Return the line without a traceback."""
        scope = here()
        session = "" if _named(record) else scope.session
        where = "".join(f" {name}" for name in (scope.node, session) if name)
        return (self._fmt or "") % {**record.__dict__, "where": where}


def _without_query(record: logging.LogRecord) -> bool:
    """Leave out of a line of uvicorn's access log what may be a key to a file, or a provider's code."""
    if isinstance(record.args, tuple):
        cut = (arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
        record.args = tuple(cut)
    return True


def _named(record: logging.LogRecord) -> str:
    """Return the session that a line of this package is about, if it begins with that; else ""."""
    ours = record.name.startswith("flet_cluster") and str(record.msg).startswith(_OUR_WAY)
    return str(record.args[0]) if ours and isinstance(record.args, tuple) and record.args else ""


def _log_json() -> None:
    """Write an object in each line from now on, whatever is logged, warned of, or raised and not caught."""
    formatter = _json_formatter()
    for handler in _terminal_handlers():
        handler.setFormatter(formatter)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: _LOG.critical("it ends here", exc_info=(kind, error, trace))
    threading.excepthook = _thread_failed
    sys.unraisablehook = _not_raised


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; one that ends itself says nothing, as in Python."""
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "?"
        _LOG.error("thread %s", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))


def _not_raised(args: sys.UnraisableHookArgs) -> None:
    """Log what was raised where nobody can catch it, as in ``__del__``."""
    what = args.err_msg or "Exception ignored in"
    _LOG.error("%s %s", what, _text(args.object), exc_info=args.exc_value)


def _terminal_handlers() -> Iterator[logging.Handler]:
    """Yield all handlers that write to the terminal: the app's and the server's as well."""
    streams = {sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__}
    named = [
        logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)
    ]
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
                yield handler


def _text(value: object) -> str:
    """Return a value as text, also one that has none."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  it is the app's
        return f"<{type(value).__name__} without text>"


def _ours(record: logging.LogRecord, logged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields whose meaning is ours, as far as they are known."""
    scope, event = here(), current_event()
    known = {
        "level": record.levelname,
        "logger": record.name,
        "message": record.message,
        "pid": record.process,
        "node": scope.node,
        "session": scope.session or _named(record),
        "event": event.name if event else "",
        "exception": logged.get("exc_info"),
    }
    return {name: value for name, value in known.items() if value}


def _dumped(fields: Mapping[str, Any], encoder: Any) -> str:
    """Return JSON; what cannot be a part of that is there as text."""
    try:
        return json.dumps(fields, cls=encoder, allow_nan=False)
    except _NO_JSON:
        plain = {_text(name): _plain(value, encoder) for name, value in fields.items()}
        return json.dumps(plain, cls=encoder)


def _plain(value: Any, encoder: Any) -> Any:
    try:
        json.dumps(value, cls=encoder, allow_nan=False)
    except _NO_JSON:
        return _text(value)
    return value


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS  # noqa: PLC0415  few need it
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415  the same

    class Lines(JsonFormatter):
        """An object for each record, with what is known of whose work it is about."""

        def format(self, record: logging.LogRecord) -> str:
            """Return a line, whatever was given to the logger: one that cannot be put together says so."""
            try:
                return super().format(record)
            except Exception as error:  # noqa: BLE001  an app's own objects may raise anything
                given = {"msg": f"{_text(record.msg)} {_text(record.args)}", "args": None}
                said = {"logging_error": f"{type(error).__name__}: {_text(error)}"}
                return super().format(logging.makeLogRecord({**record.__dict__, **given, **said}))

        def add_fields(
            self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
        ) -> None:
            """Add all fields of a record; an app's own go on being there under names that are free."""
            super().add_fields(log_data, record, message_dict)
            for name, value in _ours(record, message_dict).items():
                theirs, log_data[name] = log_data.get(name), value
                if theirs is not None and _text(theirs) != _text(value):
                    log_data[f"extra_{name}"] = theirs

        def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
            """Return JSON that everybody can read."""
            return _dumped(log_data, self.json_encoder)

    return Lines(
        ["levelname", "name", "message", "process"],
        rename_fields={
            "levelname": "level",
            "name": "logger",
            "process": "pid",
            "exc_info": "exception",
            "stack_info": "stack",
        },
        reserved_attrs=[*RESERVED_ATTRS, "color_message", "taskName"],
        timestamp="time",
    )
