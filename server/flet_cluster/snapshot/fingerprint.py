"""What a piece of code *is*, without where it stands (layer 1: imports the standard library only).

A fingerprint covers bytecode, constants (nested code included), names and the exception table. It leaves
out file names and line numbers, so code keeps its fingerprint when something around it is edited. Bytecode
differs between minor versions of Python, hence so do fingerprints: nodes of one cluster must run the same
one.
"""

from __future__ import annotations

import base64
import dis
import hashlib
from types import CodeType

_DIGEST_BYTES = 9
_LINE_MARK = "__firstlineno__"
"""From Python 3.13 a class body stores its own first line under this name."""


def digest(*parts: str | bytes) -> str:
    """Return a short text for ``parts``; the boundaries between parts count."""
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return base64.urlsafe_b64encode(state.digest()).decode("ascii")


def code_fingerprint(code: CodeType) -> str:
    """Return the fingerprint of ``code``: equal for equal behaviour texts, in every process."""
    return digest(
        code.co_name,
        _bytecode(code),
        code.co_exceptiontable,
        _constants(code),
        repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)),
        repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)),
    )


def _bytecode(code: CodeType) -> bytes:
    if _LINE_MARK not in code.co_names:
        return code.co_code
    return repr([(i.opname, i.arg) for i in _without_line_mark(code)]).encode()


def _without_line_mark(code: CodeType) -> list[dis.Instruction]:
    kept: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("STORE") and instruction.argval == _LINE_MARK:
            kept.pop()
        else:
            kept.append(instruction)
    return kept


def _constants(code: CodeType) -> str:
    texts = map(_constant, code.co_consts)
    if _LINE_MARK not in code.co_names:
        return ",".join(texts)
    line = _constant(code.co_firstlineno)
    return ",".join(text for text in texts if text != line)


def _constant(value: object) -> str:
    """Describe a constant; sets are sorted because their order depends on the process's hash seed."""
    if isinstance(value, CodeType):
        return "code:" + code_fingerprint(value)
    if isinstance(value, tuple):
        return "(" + ",".join(map(_constant, value)) + ")"
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(map(_constant, value))) + "}"
    return f"{type(value).__name__}:{value!r}"
