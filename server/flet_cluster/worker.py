"""A worker process: one node among several on this machine (layer 5: started by the supervisor only).

It loads the app, tells the supervisor what the script asks for, gets the settings and the socket, serves, and
never outlives the supervisor.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from flet_cluster.control import WorkerEnd, jsonable
from flet_cluster.errors import ClusterError, StartFailed
from flet_cluster.logs import configure_logging
from flet_cluster.node.place import HERE
from flet_cluster.serving import serve
from flet_cluster.settings import Settings
from flet_cluster.sight import sight_of

if TYPE_CHECKING:
    from flet_cluster.control import Message
    from flet_cluster.sight import Sight

_LOG = logging.getLogger("flet_cluster.worker")
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the worker; the only argument is the number of the control descriptor."""
    channel = WorkerEnd(int(sys.argv[1]))
    _die_with_parent()
    # The supervisor says when to stop; a Ctrl-C in the terminal reaches the whole process group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Until it serves there is nothing to save. An exception could land in a callback that swallows it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    plan = channel.receive()
    if plan is None:
        return
    try:
        _work(channel, plan)
    except ClusterError as error:
        # A store that is not there yet may be there soon; a wrong setting stays wrong.
        final = not isinstance(error, StartFailed)
        channel.send({"error": str(error), "final": final})
        sys.exit(1)
    except Exception:  # noqa: BLE001  whatever it is, the operator must see it
        channel.send({"error": traceback.format_exc(), "final": False})
        sys.exit(1)


def _work(channel: WorkerEnd, plan: Message) -> None:
    from flet_cluster import running  # noqa: PLC0415  it imports the supervisor

    # Before the script's folder hides packages: it may be redis.py.
    make = running.factory_named(plan["factory"])
    program = running.load_with_drop_in(plan["target"], plan["argv"], plan["command_line"])
    channel.send({"loaded": {"name": program.name, "script": jsonable(running.asked_by(program))}})
    start = channel.receive()
    if start is None:
        return
    settings = Settings(**start["settings"])
    configure_logging(settings)
    app = make(program, settings)
    HERE.leave = lambda: channel.send({"leaving": os.getpid()})
    answering = (channel, sight_of(app))
    threading.Thread(target=_watch, args=answering, name="supervisor-watch", daemon=True).start()
    sock = channel.take_socket()
    serve(app, settings, sock, lambda: channel.send({"ready": os.getpid()}), supervised=True)


def _die_with_parent() -> None:
    """Have the kernel kill this process when the supervisor dies: even a hung worker must not keep the port.

    Its sessions are in the store; other nodes take them.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(channel: WorkerEnd, sight: Sight) -> None:
    """Do the same where there is no such call, and where the supervisor died before it was made.

    Until then, tell it what it asks: from this thread, which has nothing else to do, also while a handler
    blocks the event loop.
    """
    while (question := channel.receive()) is not None:
        try:
            answer = _answer(question["ask"], sight)
        except Exception:  # noqa: BLE001  whatever it is, the next question may be answered
            _LOG.exception("the supervisor's question %s cannot be answered", question)
            answer = {"failed": True}  # or it would wait for this one, and ask no other
        channel.send({"answer": question["ask"], **answer})
    os._exit(1)


def _answer(what: str, sight: Sight) -> Message:
    if what == "metrics":
        return {"text": sight.metrics()}
    return {"alive": sight.alive(), "ready": sight.ready()}


if __name__ == "__main__":
    main()
