"""What Flet apps commonly hold: made in one process, captured, restored and used in another.

``python -m tests.libraries.shelf capture FOLDER`` makes each thing and writes its snapshot; ``... restore
FOLDER`` rebuilds it and uses it. Both write what went wrong into a file, by name.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import matplotlib as mpl
import pandas as pd
import pydantic
import redis
import redis.asyncio
import requests
import sqlalchemy as sa
from matplotlib.backend_bases import CloseEvent
from matplotlib.figure import Figure
from PIL import Image, ImageFont
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession

from flet_cluster.errors import SnapshotError
from flet_cluster.snapshot import CodeIndex, Portables, capture, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

mpl.use("agg")
FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
MAKE: dict[str, Callable[[], Any]] = {}
USE: dict[str, Callable[[Any], None]] = {}
REFUSE: dict[str, tuple[str, Callable[[], Any]]] = {}


def thing(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register what makes a thing."""
    return lambda make: MAKE.setdefault(name, make)


def use(name: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register what must hold for the restored thing."""
    return lambda check: USE.setdefault(name, check)


def refused(name: str, reason: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register what makes a thing that cannot travel, and what its obstacle says."""

    def register(make: Callable[[], Any]) -> Callable[[], Any]:
        REFUSE[name] = reason, make
        return make

    return register


# -- httpx ---------------------------------------------------------------------------------------


def hook(response: httpx.Response) -> None:
    response.extensions["hooked"] = True


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"url": str(request.url), "headers": dict(request.headers)})


@thing("httpx client")
def _() -> Any:
    client = httpx.Client(
        base_url="https://example.org/api/",
        headers={"x-own": "1"},
        cookies={"session": "c"},
        auth=("user", "secret"),
        timeout=httpx.Timeout(3, read=9),
        params={"lang": "de"},
        follow_redirects=True,
        event_hooks={"response": [hook]},
        limits=httpx.Limits(max_connections=7),
        verify=False,
        trust_env=False,
    )
    return {"client": client, "same": client}


@use("httpx client")
def _(held: Any) -> None:
    client: httpx.Client = held["client"]
    assert held["same"] is client
    assert client.base_url == "https://example.org/api/"
    assert client.cookies["session"] == "c"
    assert (client.timeout.read, client.timeout.connect, client.follow_redirects) == (9, 3, True)
    pool: Any = client._transport._pool
    assert (pool._max_connections, pool._ssl_context.verify_mode) == (7, ssl.CERT_NONE)
    with httpx.Client(transport=httpx.MockTransport(answer)) as plain:
        client._transport = plain._transport
        response = client.get("things")
    assert response.json()["url"] == "https://example.org/api/things?lang=de"
    assert {"x-own", "cookie", "authorization"} <= response.json()["headers"].keys()
    assert response.extensions["hooked"]


class Api(httpx.Client):
    """A client as apps derive them."""

    def __init__(self, name: str) -> None:
        super().__init__(transport=httpx.MockTransport(answer))
        self.name = name


@thing("httpx subclass with a transport of its own")
def _() -> Any:
    return Api("mine")


@use("httpx subclass with a transport of its own")
def _(client: Any) -> None:
    assert type(client) is Api
    assert client.name == "mine"
    assert client.get("https://example.org/").status_code == 200


@thing("httpx async client")
def _() -> Any:
    closed = httpx.Client(trust_env=False)
    closed.close()
    return httpx.AsyncClient(http2=False, headers={"a": "b"}, trust_env=False), closed


@use("httpx async client")
def _(held: Any) -> None:
    client, closed = held
    assert isinstance(client, httpx.AsyncClient)
    assert client.headers["a"] == "b"
    pool: Any = client._transport._pool  # type: ignore[attr-defined]
    assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert closed.is_closed


@refused("httpx proxy", "flet_cluster.resource")
def _() -> Any:
    return httpx.Client(proxy="http://127.0.0.1:9", trust_env=False)


@refused("httpx certificates", "flet_cluster.resource")
def _() -> Any:
    return httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


# -- requests, redis -----------------------------------------------------------------------------


@thing("requests session")
def _() -> Any:
    session = requests.Session()
    session.headers["x-own"] = "1"
    session.auth = ("user", "secret")
    session.cookies.set("session", "c")
    session.verify = "/etc/own.pem"
    return session


@use("requests session")
def _(session: requests.Session) -> None:
    prepared = session.prepare_request(requests.Request("GET", "http://example.org/"))
    assert prepared.headers["x-own"] == "1"
    assert prepared.headers["Cookie"] == "session=c"
    assert "Basic" in str(prepared.headers["Authorization"])
    assert session.verify == "/etc/own.pem"
    assert session.get_adapter("https://example.org/")


@thing("redis clients")
def _() -> Any:
    client = redis.Redis.from_url("redis://:secret@127.0.0.1:1/2", decode_responses=True, max_connections=9)
    client.connection_pool.connection_kwargs["client_name"] = "me"
    other = redis.Redis(connection_pool=client.connection_pool)
    return client, other, redis.asyncio.Redis(host="h", port=1, db=3)


@use("redis clients")
def _(held: Any) -> None:
    client, other, in_loop = held
    assert client.connection_pool is other.connection_pool
    assert client.auto_close_connection_pool
    options = client.connection_pool.connection_kwargs
    assert (options["password"], options["db"], options["client_name"]) == ("secret", 2, "me")
    assert client.connection_pool.max_connections == 9
    assert client.connection_pool.make_connection().encoder.decode_responses
    assert isinstance(in_loop, redis.asyncio.Redis)
    assert in_loop.connection_pool.connection_kwargs["db"] == 3


@thing("redis sentinels")
def _() -> Any:
    kinds: Any = redis.Sentinel, redis.asyncio.Sentinel  # untyped
    sentinel = kinds[0]([("127.0.0.1", 1)], sentinel_kwargs={"password": "s"}, db=4)
    in_loop = kinds[1]([("127.0.0.1", 1)])
    return sentinel.master_for("m", password="p"), sentinel.slave_for("m"), in_loop.master_for("m")


@use("redis sentinels")
def _(held: Any) -> None:
    pools = [client.connection_pool for client in held]
    assert [pool.is_master for pool in pools] == [True, False, True]
    assert pools[0].sentinel_manager is pools[1].sentinel_manager
    assert pools[0].connection_kwargs["password"] == "p"
    assert pools[1].connection_kwargs["db"] == 4
    assert [
        client.connection_pool.connection_kwargs["password"] for client in pools[0].sentinel_manager.sentinels
    ] == ["s"]
    for pool in pools:
        assert pool.make_connection().connection_pool.service_name == "m"


@refused("redis pipeline", "execute")
def _() -> Any:
    return redis.Redis().pipeline()


# -- databases -----------------------------------------------------------------------------------


class Base(orm.DeclarativeBase):
    """The app's models."""


class Person(Base):
    """A mapped class."""

    __tablename__ = "person"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]


def database(name: str) -> str:
    return f"sqlite:///{FOLDER / name}"


@thing("sqlalchemy")
def _() -> Any:
    engine = sa.create_engine(database("orm.db"), connect_args={"timeout": 7}, pool_size=3, pool_recycle=60)
    Base.metadata.create_all(engine)
    maker = orm.sessionmaker(engine, expire_on_commit=False)
    session = maker()
    anna = Person(name="Anna")
    session.add(anna)
    session.commit()
    engine.dispose()
    return {
        "engine": engine,
        "maker": maker,
        "session": session,
        "anna": anna,
        "serial": engine.execution_options(isolation_level="SERIALIZABLE"),
        "scoped": orm.scoped_session(maker),
    }


@use("sqlalchemy")
def _(held: Any) -> None:
    engine, session, anna = held["engine"], held["session"], held["anna"]
    assert engine.pool.size() == 3
    assert held["serial"].pool is engine.pool
    assert held["serial"].get_execution_options()["isolation_level"] == "SERIALIZABLE"
    assert session.bind is engine
    assert session.get(Person, anna.id) is anna
    anna.name = "Anne"
    session.commit()
    with held["maker"]() as other:
        assert other.scalar(sa.select(Person.name)) == "Anne"
        assert not other.expire_on_commit
    assert held["scoped"]().scalar(sa.select(Person.name)) == "Anne"
    held["scoped"].remove()
    session.close()
    engine.dispose()


class Careful(orm.Session):
    """A session as apps derive them."""


@thing("sqlalchemy's async session")
def _() -> Any:
    session = AsyncSession(autobegin=False, expire_on_commit=False, sync_session_class=Careful)
    bert = Person(id=1, name="Bert")
    orm.make_transient_to_detached(bert)
    with session.sync_session.begin():
        session.add(bert)
    return session, bert


@use("sqlalchemy's async session")
def _(held: Any) -> None:
    session, bert = held
    assert isinstance(session.sync_session, Careful)
    assert bert in session
    assert not session.in_transaction()
    assert not session.sync_session.autobegin
    assert not session.sync_session.expire_on_commit


@thing("sqlalchemy with a password")
def _() -> Any:
    return sa.make_url("postgresql://me:secret@db/app")


@use("sqlalchemy with a password")
def _(url: sa.URL) -> None:
    assert url.password == "secret"


@refused("sqlalchemy in memory", "a file")
def _() -> Any:
    return sa.create_engine("sqlite://")


@refused("sqlalchemy creator", "flet_cluster.resource")
def _() -> Any:
    return sa.create_engine(database("c.db"), creator=lambda: sqlite3.connect("c.db"))


@refused("sqlalchemy listener", "flet_cluster.resource")
def _() -> Any:
    engine = sa.create_engine(database("l.db"))
    sa.event.listen(engine, "connect", lambda *_: None)
    return engine


@refused("sqlalchemy connection", "engine.connect")
def _() -> Any:
    return sa.create_engine(database("n.db")).connect()


@refused("sqlalchemy model in a function", "define it in a module")
def _() -> Any:
    class Local(orm.DeclarativeBase):
        pass

    class Thing(Local):
        __tablename__ = "thing"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)

    return Thing


@refused("sqlalchemy transaction", "commit")
def _() -> Any:
    session = orm.Session(sa.create_engine(database("t.db")))
    session.add(Person(name="x"))
    return session


HEARD: list[str] = []


@thing("matplotlib events")
def _() -> Any:
    figure = Figure()
    figure.canvas.mpl_connect("close_event", heard)
    figure.canvas.mpl_connect("close_event", lambda _: HEARD.append("lambda"))
    return figure


def heard(event: Any) -> None:
    HEARD.append(event.name)


@use("matplotlib events")
def _(figure: Any) -> None:
    figure.canvas.callbacks.process("close_event", CloseEvent("close_event", figure.canvas))
    assert HEARD == ["close_event", "lambda"]


@thing("sqlite3")
def _() -> Any:
    connection = sqlite3.connect(FOLDER / "plain.db", check_same_thread=False, isolation_level="IMMEDIATE")
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("CREATE TABLE t (a, b)")
    with connection:
        connection.execute("INSERT INTO t VALUES (1, 'x')")
    return connection, connection.execute('SELECT a, b AS "odd ""name" FROM t').fetchall()


@use("sqlite3")
def _(held: Any) -> None:
    connection, (row,) = held
    assert row["a"] == 1
    assert row['odd "name'] == "x"
    assert connection.isolation_level == "IMMEDIATE"
    assert connection.execute("SELECT b FROM t").fetchone()["b"] == "x"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    connection.close()


@thing("sqlite3 cursor")
def _() -> Any:
    connection = sqlite3.connect(FOLDER / "cursor.db", check_same_thread=False)
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    cursor.execute("CREATE TABLE t (a)")
    cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    connection.commit()
    counting = connection.execute("SELECT count(*) FROM t")
    assert counting.fetchone() == (2,)
    return connection, cursor, counting


@use("sqlite3 cursor")
def _(held: Any) -> None:
    connection, cursor, counting = held
    assert cursor.connection is counting.connection is connection
    assert cursor.execute("SELECT a FROM t").fetchall()[1]["a"] == 2
    assert counting.execute("SELECT a FROM t").fetchone() == (1,)
    connection.close()


@refused("sqlite3 cursor with rows left", "fetchall")
def _() -> Any:
    connection = sqlite3.connect(FOLDER / "rows.db", check_same_thread=False)
    return connection.execute("SELECT 1 UNION SELECT 2")


@refused("sqlite3 in memory", "a file")
def _() -> Any:
    return sqlite3.connect(":memory:", check_same_thread=False)


@refused("sqlite3 transaction", "commit")
def _() -> Any:
    connection = sqlite3.connect(FOLDER / "busy.db")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


# -- files ---------------------------------------------------------------------------------------


@thing("files")
def _() -> Any:
    (FOLDER / "read.txt").write_text("one\ntwø\nthree\n", "utf-8")
    read = (FOLDER / "read.txt").open(encoding="utf-8")
    read.readline()
    written = (FOLDER / "written.txt").open("w", encoding="utf-8")
    written.write("begun\n")
    added = (FOLDER / "added.txt").open("a", encoding="utf-8")
    added.write("first\n")
    raw = (FOLDER / "raw.bin").open("w+b")
    raw.write(b"abcdef")
    raw.seek(2)
    closed = (FOLDER / "read.txt").open(encoding="utf-8")
    closed.close()
    return {"read": read, "written": written, "added": added, "raw": raw, "closed": closed}


@use("files")
def _(held: Any) -> None:
    # What the dead node wrote after its last commit: the handler that wrote it runs again here.
    assert held["read"].readline() == "twø\n"
    held["written"].write("ended\n")
    held["added"].write("second\n")
    held["raw"].write(b"X")
    assert held["raw"].read() == b"def"
    for file in held.values():
        file.close()
    assert (FOLDER / "written.txt").read_text() == "begun\nended\n"
    assert (FOLDER / "added.txt").read_text() == "first\nstray\nstray\nstray\nsecond\n"
    assert (FOLDER / "raw.bin").read_bytes() == b"abXdef"


def stray() -> None:
    """What a node wrote after its last commit, before it died."""
    for name in ("written.txt", "added.txt"):
        with (FOLDER / name).open("a") as file:
            file.write("stray\n")


@refused("a pipe", "flet_cluster.resource")
def _() -> Any:
    import os  # noqa: PLC0415

    reading, writing = os.pipe()
    os.close(writing)
    return open(reading)  # noqa: PTH123


@refused("a temporary folder", "flet_cluster.resource")
def _() -> Any:
    return tempfile.TemporaryDirectory(dir=FOLDER)


@refused("a temporary file", "flet_cluster.resource")
def _() -> Any:
    return tempfile.NamedTemporaryFile(dir=FOLDER)


@thing("temporary things of the past")
def _() -> Any:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
        name = file.name
    process = subprocess.Popen(["true"])
    process.wait()
    return file, name, process


@use("temporary things of the past")
def _(held: Any) -> None:
    file, name, process = held
    assert (file.name, file.closed) == (name, True)
    assert process.poll() == 0


@refused("a running process", "wait for it")
def _() -> Any:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()  # it ends by itself, and nobody has asked
    return process


@refused("a loop over lines", "readline")
def _() -> Any:
    file = (FOLDER / "read.txt").open(encoding="utf-8")
    next(file)
    return file


# -- pictures, tables, models --------------------------------------------------------------------


@thing("pictures")
def _() -> Any:
    figure = Figure()
    figure.subplots().plot([1, 2, 3], label="line")
    Image.new("RGB", (3, 2), "red").save(FOLDER / "red.png")
    font = ImageFont.load_default(17)
    return (
        figure,
        Image.new("RGB", (3, 2), "blue"),
        Image.open(FOLDER / "red.png"),
        font,
        font.getlength("Ag"),
    )


@use("pictures")
def _(held: Any) -> None:
    figure, blue, red, font, length = held
    assert figure.axes[0].lines[0].get_label() == "line"
    figure.savefig(FOLDER / "figure.png")
    assert blue.getpixel((1, 1)) == (0, 0, 255)
    assert red.getpixel((1, 1)) == (255, 0, 0)
    assert font.getlength("Ag") == length


@thing("pandas")
def _() -> Any:
    days = pd.to_datetime(["2024-02-29", "2024-03-01"])
    frame = pd.DataFrame({"n": [1, 2], "a word": ["a", "b"], "day": days}).set_index("day")
    return frame, list(frame.itertuples())


@use("pandas")
def _(held: Any) -> None:
    frame, (first, second) = held
    assert first._fields == ("Index", "n", "_2")
    assert (second.Index, second[1], second[2]) == (pd.Timestamp("2024-03-01"), 2, "b")
    assert first._replace(n=9).n == 9
    assert frame["n"].sum() == 3
    assert frame.index[0] == pd.Timestamp("2024-02-29")


class Model(pydantic.BaseModel):
    """A model of the app."""

    name: str
    parts: list[Model] = []
    _note: str = pydantic.PrivateAttr("")


@dataclasses.dataclass(slots=True, frozen=True)
class Point:
    """A dataclass of the app."""

    x: int
    inside: Any = None


@thing("models")
def _() -> Any:
    model = Model(name="a", parts=[Model(name="b")])
    model._note = "kept"
    adapter = logging.LoggerAdapter(logging.getLogger("x"))
    return model, Point(1, Point(2)), logging.getLogger("app.part"), adapter


@use("models")
def _(held: Any) -> None:
    model, point, logger, adapter = held
    assert model.parts[0].name == "b"
    assert model._note == "kept"
    assert point == Point(1, Point(2))
    assert logger is logging.getLogger("app.part")
    assert adapter.logger is logging.getLogger("x")


# -- generators ----------------------------------------------------------------------------------


def counting(start: int) -> Callable[..., Iterator[int]]:
    """Return a generator function that closes over something."""
    steps = [start]

    def count(upto: int, *, by: int = 1) -> Iterator[int]:
        steps.append(by)
        yield from range(steps[0], upto, by)

    return count


@thing("generators")
def _() -> Any:
    function = counting(3)
    return function(9, by=2), function


@use("generators")
def _(held: Any) -> None:
    generator, function = held
    assert list(generator) == [3, 5, 7]
    assert function.__closure__[0].cell_contents == [3, 2]


@refused("a started generator", "keep its state in ordinary objects")
def _() -> Any:
    generator = counting(1)(5)
    next(generator)
    return generator


# -- the two halves ------------------------------------------------------------------------------


def code() -> CodeIndex:
    return CodeIndex(lambda name: name == __name__, lambda name: name)


def captured(name: str) -> str:
    """Make a thing and write its snapshot; return what went wrong."""
    if name in REFUSE:
        reason, make = REFUSE[name]
        try:
            capture({"held": make()}, code(), Portables())
        except SnapshotError as error:
            told = str(error)
            return "" if reason in told and "held" in told else f"its obstacle says {told}"
        return "it was captured"
    (FOLDER / name).write_bytes(capture({"held": MAKE[name]()}, code(), Portables()))
    return ""


def restored(name: str) -> str:
    """Restore a thing, as a session that moves on without having touched it does, and use it."""
    image = (FOLDER / name).read_bytes()
    for _ in range(2):
        image = capture(restore(image, code(), Portables()), code(), Portables())
        if name == "files":
            stray()  # as the other half does at its end
    USE[name](restore(image, code(), Portables())["held"])
    return ""


def attempt(work: Callable[[str], str], name: str) -> str:
    """Return what went wrong; "" if nothing did."""
    try:
        return work(name)
    except Exception:  # noqa: BLE001 - told to the test
        return traceback.format_exc()


if __name__ == "__main__":
    import tests.libraries.shelf as module  # under its own name, as an app's module is

    module.FOLDER = FOLDER
    half = sys.argv[1]
    if half == "capture":
        outcome = {name: attempt(module.captured, name) for name in (*module.MAKE, *module.REFUSE)}
        module.stray()
    else:
        outcome = {name: attempt(module.restored, name) for name in module.MAKE}
    (FOLDER / f"{half}.json").write_text(json.dumps(outcome))
