"""A tree and data → text."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from promkit.errors import Where
from ruler.template.clock import Instant, Span
from ruler.template.escape import HtmlContext
from ruler.template.functions import Function, called
from ruler.template.nodes import (
    Action,
    Argument,
    Break,
    Chain,
    Command,
    Constant,
    Continue,
    Dot,
    Field,
    If,
    Invoke,
    Nil,
    Node,
    Pipe,
    Plain,
    Range,
    Variable,
    With,
)
from ruler.template.nodes import Function as Name
from ruler.template.parser import Definition
from ruler.template.values import (
    NOTHING,
    Items,
    Pairs,
    Struct,
    TemplateError,
    Value,
    resolved,
    shown,
    truth,
    type_name,
)

__all__ = ["LIMITS", "Limits", "Run"]

_STEPS_BETWEEN_LOOKS = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering may take."""

    output_max: int = 1 << 20  # characters
    steps_max: int = 1_000_000
    time_ms: int = 2_000
    depth_max: int = 100  # templates that call one another


LIMITS = Limits()


class _Unknown:
    """While checking: a value that this data does not have."""

    def __str__(self) -> str:
        return ""


_UNKNOWN = _Unknown()
_Scope = list[list[Value]]  # [name, value], the innermost last


class Run:
    """One rendering. `checking`: every branch is gone through; only what no data could mend is an error."""

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        functions: Mapping[str, Function],
        bound: Mapping[str, Callable[..., Value]],
        *,
        html: bool,
        limits: Limits,
        checking: bool = False,
    ) -> None:
        self._definitions = definitions
        self._functions = functions
        self._bound = bound
        self._html = HtmlContext() if html else None
        self._limits = limits
        self._checking = checking
        self._out: list[str] = []
        self._length = 0
        self._steps = 0
        self._deadline = time.monotonic() + limits.time_ms / 1000
        self._calls: list[Definition] = []

    def text(self, definition: Definition, dot: Value, variables: Mapping[str, Value]) -> str:
        """Render a definition."""
        self._call(definition, dot, variables)
        return "".join(self._out)

    def _call(self, definition: Definition, dot: Value, variables: Mapping[str, Value]) -> None:
        if len(self._calls) >= self._limits.depth_max:
            raise TemplateError(f"templates call one another more than {self._limits.depth_max} deep")
        if self._checking and any(call is definition for call in self._calls):
            return
        self._calls.append(definition)
        scope: _Scope = [[name, value] for name, value in variables.items()]
        self._nodes(definition.body, dot, [*scope, ["", dot]])
        self._calls.pop()

    # Nodes. A loop's break and continue travel up as return values.

    def _nodes(self, nodes: Sequence[Node], dot: Value, scope: _Scope) -> type[Break | Continue] | None:
        mark = len(scope)
        for node in nodes:
            self._step()
            ends = self._node(node, dot, scope)
            if ends is not None and not self._checking:
                del scope[mark:]
                return ends
        del scope[mark:]
        return None

    def _node(  # noqa: C901 - a kind of node a case
        self, node: Node, dot: Value, scope: _Scope
    ) -> type[Break | Continue] | None:
        match node:
            case Plain():
                if self._html is not None:
                    self._html.plain(node.text)
                self._write(node.text)
            case Action():
                value = self._pipe(node.pipe, dot, scope)
                if not node.pipe.names:
                    self._print(value)
            case If() | With():
                return self._branch(node, dot, scope)
            case Range():
                self._range(node, dot, scope)
            case Invoke():
                given = None if node.pipe is None else self._pipe(node.pipe, dot, scope)
                definition = self._definitions.get(node.name)
                if definition is None:
                    raise self._fault(
                        TemplateError(f"template {node.name!r} is not defined", static=True), node.at
                    )
                self._call(definition, given, {})
            case Break():
                return Break
            case Continue():
                return Continue
        return None

    def _branch(self, node: If | With, dot: Value, scope: _Scope) -> type[Break | Continue] | None:
        mark = len(scope)
        value = self._pipe(node.pipe, dot, scope)
        inner = value if isinstance(node, With) else dot
        if self._checking:
            self._nodes(node.body, inner, scope)
            self._nodes(node.other, dot, scope)
            ends = None
        elif truth(value):
            ends = self._nodes(node.body, inner, scope)
        else:
            ends = self._nodes(node.other, dot, scope)
        del scope[mark:]
        return ends

    def _range(self, node: Range, dot: Value, scope: _Scope) -> None:
        mark = len(scope)
        value = self._value(node.pipe, dot, scope)
        try:
            items = self._items(value)
        except TemplateError as error:
            raise self._fault(error, node.at) from None
        if self._checking:
            items = items[:1] or [(_UNKNOWN, _UNKNOWN)]
        for key, item in items:
            self._step()
            self._loop_variables(node.pipe, key, item, scope)
            ends = self._nodes(node.body, item, scope)
            if not node.pipe.assigns:
                del scope[mark:]
            if ends is Break:
                break
        if not items or self._checking:
            self._nodes(node.other, dot, scope)
        del scope[mark:]

    def _loop_variables(self, pipe: Pipe, key: Value, item: Value, scope: _Scope) -> None:
        values = [item] if len(pipe.names) == 1 else [key, item]
        for name, value in zip(pipe.names, values, strict=False):
            self._set(name, value, scope, assigns=pipe.assigns)

    @staticmethod
    def _items(value: Value) -> list[tuple[Value, Value]]:
        match value:
            case _Unknown():
                return []
            case dict():
                return sorted(value.items(), key=lambda item: str(item[0]))
            case list() | tuple():
                return list(enumerate(value))
            case int() if not isinstance(value, bool):
                return [(index, index) for index in range(min(value, 100_000))]
            case None:
                return []
            case _ if value is NOTHING:
                return []
        raise TemplateError(f"range cannot go over {type_name(value)}", static=True)

    # Values.

    def _pipe(self, pipe: Pipe, dot: Value, scope: _Scope) -> Value:
        value = self._value(pipe, dot, scope)
        for name in pipe.names:
            self._set(name, value, scope, assigns=pipe.assigns)
        return value

    def _value(self, pipe: Pipe, dot: Value, scope: _Scope) -> Value:
        """Evaluate a pipe without setting its variables."""
        value: Value = None
        for index, command in enumerate(pipe.commands):
            self._step()
            final = [value] if index else []
            try:
                value = self._command(command, final, dot, scope)
            except TemplateError as error:
                if self._checking and not error.static:
                    value = _UNKNOWN
                    continue
                raise self._fault(error, command.at) from None
        return value

    def _command(self, command: Command, final: list[Value], dot: Value, scope: _Scope) -> Value:
        first, *rest = command.arguments
        match first:
            case Name():
                return self._function(first.name, rest, final, dot, scope)
            case Field():
                return self._fields(dot, first.names, self._arguments(rest, dot, scope) + final)
            case Variable():
                value = self._variable(first.name, scope)
                return self._fields(value, first.fields, self._arguments(rest, dot, scope) + final)
            case Chain():
                inner = self._argument(first.inner, dot, scope)
                return self._fields(inner, first.fields, self._arguments(rest, dot, scope) + final)
        if rest or final:
            raise TemplateError("what is no function cannot be given arguments", static=True)
        return self._argument(first, dot, scope)

    def _arguments(self, arguments: Sequence[Argument], dot: Value, scope: _Scope) -> list[Value]:
        return [self._argument(argument, dot, scope) for argument in arguments]

    def _argument(  # noqa: PLR0911 - a kind a case
        self, argument: Argument, dot: Value, scope: _Scope
    ) -> Value:
        match argument:
            case Dot():
                return dot
            case Nil():
                return None
            case Constant():
                return argument.value
            case Field():
                return self._fields(dot, argument.names, [])
            case Variable():
                return self._fields(self._variable(argument.name, scope), argument.fields, [])
            case Chain():
                return self._fields(self._argument(argument.inner, dot, scope), argument.fields, [])
            case Name():
                return self._function(argument.name, [], [], dot, scope)
            case Pipe():
                return self._value(argument, dot, scope)

    def _function(
        self, name: str, rest: Sequence[Argument], final: list[Value], dot: Value, scope: _Scope
    ) -> Value:
        if name in {"and", "or"}:
            return self._short_circuit(name, rest, final, dot, scope)
        arguments = self._arguments(rest, dot, scope) + final
        function = self._functions[name]
        run = function.run or self._bound.get(name)
        if any(isinstance(value, _Unknown) for value in arguments) or (run is None and self._checking):
            return _UNKNOWN
        if run is None:
            raise TemplateError(f"{name} cannot be used here", static=True)
        return called(name, function, run, arguments)

    def _short_circuit(
        self, name: str, rest: Sequence[Argument], final: list[Value], dot: Value, scope: _Scope
    ) -> Value:
        value: Value = None
        operands: list[Callable[[], Value]] = [
            *((lambda argument=argument: self._argument(argument, dot, scope)) for argument in rest),
            *((lambda given=given: given) for given in final),
        ]
        if not operands:
            raise TemplateError(f"{name} wants at least 1 arguments, got 0", static=True)
        for operand in operands:
            value = operand()
            if truth(value) is (name == "or") and not self._checking:
                return value
        return value

    def _fields(self, value: Value, names: Sequence[str], arguments: list[Value]) -> Value:
        """Go down the names; the last may be a method, which gets the arguments."""
        for index, name in enumerate(names):
            value = self._field(value, name, arguments if index == len(names) - 1 else [])
        if not names and arguments:
            raise TemplateError("what is no function cannot be given arguments", static=True)
        return value

    @staticmethod
    def _field(  # noqa: C901 - a type a case
        value: Value, name: str, arguments: list[Value]
    ) -> Value:
        if isinstance(value, _Unknown):
            return _UNKNOWN
        method = None
        if isinstance(value, Struct):
            method = value.methods.get(name)
        elif isinstance(value, Pairs | Items | Instant | Span):
            method = value.method(name)
        if method is not None:
            return _called_method(name, method, arguments)
        if arguments:
            raise TemplateError(f"{name} is no method: it takes no arguments", static=True)
        if isinstance(value, Struct):
            if name not in value.fields:
                known = ", ".join([*value.fields, *value.methods])
                raise TemplateError(f"no field {name} in {value.name}: it has {known}", static=True)
            return resolved(value.fields[name])
        if isinstance(value, Pairs):
            return value.get(name, "")
        if isinstance(value, dict):
            return value.get(name, NOTHING)
        if value is None or value is NOTHING:
            raise TemplateError(f"{name} of nothing")
        raise TemplateError(f"no field {name} in a value of type {type_name(value)}", static=True)

    # Variables and output.

    @staticmethod
    def _variable(name: str, scope: _Scope) -> Value:
        for entry in reversed(scope):
            if entry[0] == name:
                return entry[1]
        raise TemplateError(f"undefined variable ${name}", static=True)

    @staticmethod
    def _set(name: str, value: Value, scope: _Scope, *, assigns: bool) -> None:
        if assigns:
            for entry in reversed(scope):
                if entry[0] == name:
                    entry[1] = value
                    return
        scope.append([name, value])

    def _print(self, value: Value) -> None:
        if value is None:
            value = NOTHING
        self._write(self._html.escaped(value) if self._html is not None else shown(value))

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > self._limits.output_max:
            raise TemplateError(f"output is longer than {self._limits.output_max} characters")
        self._out.append(text)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > self._limits.steps_max:
            raise TemplateError(f"more than {self._limits.steps_max} steps")
        if self._steps % _STEPS_BETWEEN_LOOKS == 0 and time.monotonic() > self._deadline:
            raise TemplateError(f"took longer than {self._limits.time_ms} ms")

    def _fault(self, error: TemplateError, at: int) -> TemplateError:
        """Say where; the innermost place stays."""
        if error.where is not None:
            return error
        call = self._calls[-1]
        line = call.source.count("\n", 0, at) + 1
        column = at - (call.source.rfind("\n", 0, at) + 1) + 1
        return TemplateError(error.problem, Where(call.file, line, column), static=error.static)


def _called_method(name: str, method: Callable[..., Value], arguments: list[Value]) -> Value:
    if any(isinstance(argument, _Unknown) for argument in arguments):
        return _UNKNOWN
    wanted = method.__code__.co_argcount - (1 if hasattr(method, "__self__") else 0)
    if wanted != len(arguments):
        raise TemplateError(f"{name} wants {wanted} arguments, got {len(arguments)}", static=True)
    return method(*arguments)
