"""Small faults to put into Python's source, one at a time."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

type Part = ast.expr | ast.stmt
type Replacement = tuple[Part, str]
"""A part of the source, and its replacement."""

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATIONS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
OPPOSITES: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
NO_CONTEXT: Final = "__import__('contextlib').nullcontext()"
# Parts without an effect on a program: types, and the decorators that make a class of its annotations.
UNSEEN_FIELDS: Final = frozenset({"annotation", "returns", "type_params"})
UNSEEN_DECORATORS: Final = frozenset(
    {"dataclass", "override", "property", "cached_property", "classmethod", "staticmethod"}
)
# Calls that only inform people: the log, and the progress of a step.
DISPLAYS: Final = frozenset({"logger", "logging", "log", "step"})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One change to a file's source."""

    function: str
    """The function around it, with its classes: `Store.put`."""

    line: int
    before: str
    """The changed lines, without indentation; `after` likewise."""

    after: str
    source: str
    """The whole source with the fault in it."""


def faults(source: str) -> list[Fault]:
    """Return every fault for the source, in the order of its lines; each still compiles."""
    encoded = source.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = (_fault(encoded, starts, *change) for change in _changes(ast.parse(source), ()))
    unique = {(fault.function, fault.line, fault.source): fault for fault in found if _compiles(fault.source)}
    return sorted(unique.values(), key=lambda fault: fault.line)


def _compiles(source: str) -> bool:
    try:
        compile(source, "fault", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _fault(encoded: bytes, starts: list[int], function: str, node: Part, text: str) -> Fault:
    last_line = node.end_lineno or node.lineno  # parsed code has it; the types do not say so
    start = starts[node.lineno - 1] + node.col_offset
    end = starts[last_line - 1] + (node.end_col_offset or 0)
    first, last = starts[node.lineno - 1], starts[last_line]
    return Fault(
        function=function,
        line=node.lineno,
        before=_joined(encoded[first:last]),
        after=_joined(encoded[first:start] + text.encode() + encoded[end:last]),
        source=(encoded[:start] + text.encode() + encoded[end:]).decode(),
    )


def _joined(lines: bytes) -> str:
    return " ".join(lines.decode().split())


def _changes(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[str, Part, str]]:
    if _unseen(node):
        return
    for operator in OPERATORS:
        for part, text in operator(node):
            yield ".".join(scope), part, text
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope = (*scope, node.name)
    for field, value in ast.iter_fields(node):
        if field not in UNSEEN_FIELDS:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _changes(child, scope)


def _unseen(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.TypeAlias() | ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name in DISPLAYS
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
            return name in UNSEEN_DECORATORS
    return False


def compare(node: ast.AST) -> Iterator[Replacement]:
    """Invert a comparison, or move its edge by one."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield node, _expression(ast.Compare(node.left, operators, node.comparators))


def combine(node: ast.AST) -> Iterator[Replacement]:
    """Replace "and" by "or", and leave out a "not"."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            yield node, _expression(ast.BoolOp(ast.Or(), values))
        case ast.BoolOp(op=ast.Or(), values=values):
            yield node, _expression(ast.BoolOp(ast.And(), values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, _expression(operand)


def condition(node: ast.AST) -> Iterator[Replacement]:
    """Take the other branch."""
    tests: list[ast.expr] = []
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            tests = [test]
        case ast.comprehension(ifs=ifs):
            tests = ifs
    for test in tests:
        if not isinstance(test, ast.Compare | ast.Constant | ast.UnaryOp):  # other faults do the same to these
            yield test, f"not {_expression(test)}"


def constant(node: ast.AST) -> Iterator[Replacement]:
    """Change a constant: one more, the other truth, another word. Prose, which has spaces, is left alone."""
    match node:
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, str(value + 1)
        case ast.Constant(value=str(value)) if not any(character.isspace() for character in value):
            yield node, repr(f"{value}_")
        case ast.Constant(value=bytes(value)):
            yield node, repr(value + b"_")


def calculate(node: ast.AST) -> Iterator[Replacement]:
    """Subtract instead of adding, and the like."""
    if isinstance(node, ast.BinOp) and (other := CALCULATIONS.get(type(node.op))):
        yield node, _expression(ast.BinOp(node.left, other(), node.right))


def call(node: ast.AST) -> Iterator[Replacement]:
    """Swap arguments, leave out named ones, and call the opposite."""
    if not isinstance(node, ast.Call):
        return
    if len(node.args) > 1 and not any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        yield node, ast.unparse(ast.Call(node.func, swapped, node.keywords))
    for index, keyword in enumerate(node.keywords):
        if keyword.arg:
            yield node, ast.unparse(ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :]))
    if isinstance(node.func, ast.Name) and node.func.id in OPPOSITES:
        yield node.func, OPPOSITES[node.func.id]


def remove(node: ast.AST) -> Iterator[Replacement]:
    """Leave out a statement: a call, an error, a step of a loop."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom()):
            yield node, "pass"
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Break() | ast.Continue():
            yield node, "pass"


def give_back(node: ast.AST) -> Iterator[Replacement]:
    """Return None."""
    match node:
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield node, "return None"


def catch(node: ast.AST) -> Iterator[Replacement]:
    """Catch every exception."""
    match node:
        case ast.ExceptHandler(type=ast.expr() as caught) if ast.unparse(caught) != "Exception":
            yield caught, "Exception"


def enter(node: ast.AST) -> Iterator[Replacement]:
    """Enter without the lock, the transaction, or the cleanup."""
    if isinstance(node, ast.withitem) and node.optional_vars is None:
        yield node.context_expr, NO_CONTEXT


def _expression(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


OPERATORS: Final[tuple[Callable[[ast.AST], Iterator[Replacement]], ...]] = (
    *(compare, combine, condition, constant, calculate),
    *(call, remove, give_back, catch, enter),
)
