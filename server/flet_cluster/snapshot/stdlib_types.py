"""How types of the standard library travel (layer 1: standard library, cloudpickle, siblings)."""

from __future__ import annotations

import dataclasses
import functools
import gc
import inspect
import io
import opcode
import sys
import types
import typing
from contextvars import ContextVar
from typing import Any

from cloudpickle import CloudPickler  # type: ignore[import-untyped]

from flet_cluster.errors import NotPortable
from flet_cluster.snapshot.exception_types import EXCEPTION_FAMILIES
from flet_cluster.snapshot.libraries.open_files import reduce_text
from flet_cluster.snapshot.tokens import NAMED
from flet_cluster.snapshot.view_types import VIEW_TYPES
from flet_cluster.snapshot.wait_types import WAIT_FAMILIES, WAIT_TYPES
from flet_cluster.snapshot.weak_types import WEAK_TYPES

if typing.TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flet_cluster.snapshot.portables import Reducer

_LRU_CACHE: type = type(functools.lru_cache(int))
_RETURN_GENERATOR = bytes([opcode.opmap["RETURN_GENERATOR"]])
_VALUES = CloudPickler.dispatch_table


def cached_function(parameters: dict[str, Any], function: Any) -> Any:
    """Return ``function`` behind an empty cache with these parameters."""
    return functools.lru_cache(**parameters)(function)


def call(function: Callable[..., Any], positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call ``function``: for a generator or coroutine function this makes one that has not started."""
    return function(*positional, **keywords)


def exhausted() -> Any:
    """Return a generator with nothing left."""
    generator = (item for item in "")
    next(generator, None)
    return generator


async def exhausted_async() -> AsyncIterator[Any]:
    """Return an async generator with nothing left."""
    for item in "":
        yield item


def forward_reference(argument: str, module: Any, is_argument: bool, is_class: bool) -> typing.ForwardRef:
    """Return a forward reference, not evaluated yet."""
    return typing.ForwardRef(argument, module=module, is_argument=is_argument, is_class=is_class)


def _reduce_forward_reference(reference: typing.ForwardRef) -> Any:
    if not hasattr(reference, "__forward_code__"):
        return NotImplemented
    return forward_reference, (
        reference.__forward_arg__,
        reference.__forward_module__,
        reference.__forward_is_argument__,
        reference.__forward_is_class__,
    )


def _reduce_partial(partial: functools.partial[Any]) -> Any:
    state = (partial.func, partial.args, partial.keywords, vars(partial))
    return type(partial), (partial.func,), state


def _reduce_property(prop: property) -> Any:
    return property, (prop.fget, prop.fset, prop.fdel, prop.__doc__)


def _reduce_wrapped_method(method: Any) -> Any:
    return type(method), (method.__func__,)


def _reduce_mapping_proxy(proxy: types.MappingProxyType[Any, Any]) -> Any:
    return types.MappingProxyType, (dict(proxy),)


def _reduce_lru_cache(cached: Any) -> Any:
    module = sys.modules.get(cached.__module__)
    value: Any = module
    for step in cached.__qualname__.split("."):
        value = getattr(value, step, None)
    if value is cached:
        return NAMED, (f"{cached.__module__}:{cached.__qualname__}",)
    return cached_function, (cached.cache_parameters(), cached.__wrapped__)


def _reduce_context_var(var: ContextVar[Any]) -> Any:
    for name, module in list(sys.modules.items()):
        for key, value in list(vars(module).items()) if isinstance(module, types.ModuleType) else ():
            if value is var:
                return NAMED, (f"{name}:{key}",)
    raise NotPortable(
        "", f"context variable {var.name!r} is not a module's global; define it at module level"
    )


def _reduce_stream(stream: io.TextIOBase) -> Any:
    for key in ("stdout", "stderr", "stdin"):
        if getattr(sys, key) is stream:
            return NAMED, (f"sys:{key}",)
    return reduce_text(stream) if isinstance(stream, io.TextIOWrapper) else NotImplemented


def _reduce_code(_code: types.CodeType) -> Any:
    raise NotPortable("", "a snapshot holds no code objects; keep the function instead")


def _reduce_generator(generator: Any) -> Any:
    if inspect.getgeneratorstate(generator) == inspect.GEN_CLOSED:
        return exhausted, ()
    return _not_started(
        generator, generator.gi_frame, inspect.getgeneratorstate(generator) == inspect.GEN_CREATED
    )


def _reduce_coroutine(coroutine: Any) -> Any:
    started = inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED
    return _not_started(coroutine, coroutine.cr_frame, not started)


def _reduce_async_generator(generator: Any) -> Any:
    frame = generator.ag_frame
    if frame is None:
        return exhausted_async, ()
    started = getattr(generator, "ag_suspended", None)
    if started is None:  # Python 3.11: it stands where it was made
        started = frame.f_lasti != generator.ag_code.co_code.index(_RETURN_GENERATOR)
    return _not_started(generator, frame, not generator.ag_running and not started)


def _not_started(suspended: object, frame: Any, fresh: bool) -> Any:
    """Reduce a generator or coroutine that has not started to its function and arguments."""
    kind = type(suspended).__name__
    if not fresh:
        raise NotPortable("", f"a running {kind} cannot travel; keep its state in ordinary objects")
    function, positional, keywords = call_of(suspended, frame)
    return call, (function, positional, keywords)


def call_of(suspended: object, frame: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return (function, positional, keywords): the call that made a generator or coroutine.

    Raises:
        NotPortable: its function closes over variables and cannot be found.
    """
    code = frame.f_code
    function = _function_of(suspended, code)
    if function is None and code.co_freevars:
        kind = type(suspended).__name__
        raise NotPortable(
            "", f"a {kind} of a nested function cannot travel; keep the function and call it later"
        )
    function = function or types.FunctionType(code, frame.f_globals)
    names = code.co_varnames
    wanted, keyword_only = code.co_argcount, code.co_kwonlyargcount
    values = frame.f_locals
    positional = [values[name] for name in names[:wanted]]
    rest = wanted + keyword_only
    if code.co_flags & inspect.CO_VARARGS:
        positional.extend(values[names[rest]])
        rest += 1
    keywords = {name: values[name] for name in names[wanted : wanted + keyword_only]}
    if code.co_flags & inspect.CO_VARKEYWORDS:
        keywords.update(values[names[rest]])
    return function, tuple(positional), keywords


def _function_of(suspended: object, code: types.CodeType) -> types.FunctionType | None:
    """Return the function of a generator: its frame refers to it, as the garbage collector may see."""
    return next(
        (
            found
            for found in gc.get_referents(suspended)
            if isinstance(found, types.FunctionType) and found.__code__ is code
        ),
        None,
    )


STDLIB_EXACT: dict[type, Reducer] = {
    **VIEW_TYPES,
    **WEAK_TYPES,
    **WAIT_TYPES,
    functools.partial: _reduce_partial,
    typing.ForwardRef: _reduce_forward_reference,
    property: _reduce_property,
    staticmethod: _reduce_wrapped_method,
    classmethod: _reduce_wrapped_method,
    types.MappingProxyType: _reduce_mapping_proxy,
    _LRU_CACHE: _reduce_lru_cache,
    ContextVar: _reduce_context_var,
    types.CodeType: _reduce_code,
    types.GeneratorType: _reduce_generator,
    types.CoroutineType: _reduce_coroutine,
    types.AsyncGeneratorType: _reduce_async_generator,
    dataclasses._FIELD_BASE: _VALUES[dataclasses._FIELD_BASE],  # type: ignore[attr-defined]  # noqa: SLF001
    types.GetSetDescriptorType: _VALUES[types.GetSetDescriptorType],
}
"""Reducers by exact type."""

STDLIB_FAMILIES: list[tuple[type, Reducer]] = [
    *WAIT_FAMILIES,
    *EXCEPTION_FAMILIES,
    (io.TextIOBase, _reduce_stream),
]
"""Reducers for a type and its subclasses."""
