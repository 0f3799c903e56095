"""Templates that were read and checked, ready to be rendered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promkit.errors import ConfigError
from ruler.template.functions import FunctionSet
from ruler.template.lexer import fault
from ruler.template.nodes import If, Invoke, Node, Range, With
from ruler.template.parser import Definition, parse
from ruler.template.run import LIMITS, Limits, Run
from ruler.template.values import Struct, Value

__all__ = ["Template", "Templates", "compile_template"]


@dataclass(frozen=True, slots=True)
class Templates:
    """Definitions that templates may call."""

    functions: FunctionSet
    definitions: Mapping[str, Definition] = field(default_factory=dict)

    def with_file(self, text: str, file: str) -> "Templates":
        """Add what a file defines; a name that is defined again means the new one.

        ConfigError: what is wrong in the file.
        """
        parsed = parse(text, file, frozenset(self.functions.functions), frozenset())
        more = {definition.name: definition for definition in parsed.definitions}
        return Templates(self.functions, {**self.definitions, **more})

    def check(self) -> None:
        """Make sure that every template that is called is there.

        ConfigError: one is not.
        """
        for definition in self.definitions.values():
            _check_calls(definition, self.definitions)


@dataclass(frozen=True, slots=True)
class Template:
    """One text, with all that it may call."""

    main: Definition
    functions: FunctionSet
    definitions: Mapping[str, Definition]
    html: bool = False

    def render(
        self,
        data: Value,
        limits: Limits = LIMITS,
        bound: Mapping[str, Callable[..., Value]] | None = None,
    ) -> str:
        """Fill it in. `bound` brings the functions that depend on the rendering.

        TemplateError: it failed, and where.
        """
        return self._run(limits, bound, checking=False).text(self.main, data, self._variables(data))

    def check(self, data: Value) -> None:
        """Go through every branch with data of the right shape.

        TemplateError: what would fail whatever the data.
        """
        self._run(LIMITS, None, checking=True).text(self.main, data, self._variables(data))

    def _run(
        self, limits: Limits, bound: Mapping[str, Callable[..., Value]] | None, *, checking: bool
    ) -> Run:
        return Run(
            self.definitions,
            self.functions.functions,
            bound or {},
            html=self.html,
            limits=limits,
            checking=checking,
        )

    def _variables(self, data: Value) -> dict[str, Value]:
        if not isinstance(data, Struct):
            return {}
        return {name: data.fields[name[0].upper() + name[1:]] for name in self.functions.variables}


def compile_template(
    text: str,
    name: str,
    functions: FunctionSet,
    *,
    html: bool = False,
    definitions: Templates | None = None,
) -> Template:
    """Read a template; `name` says in faults what it is.

    ConfigError: what is wrong, with line and column; a function or a template that is not there.
    """
    parsed = parse(text, name, frozenset(functions.functions), functions.variables)
    known = dict(definitions.definitions) if definitions else {}
    known.update({definition.name: definition for definition in parsed.definitions})
    main = Definition(name, parsed.body, text, name)
    for definition in (main, *parsed.definitions):
        _check_calls(definition, known)
    return Template(main, functions, known, html)


def _check_calls(definition: Definition, known: Mapping[str, Definition]) -> None:
    for invoke in _invokes(definition.body):
        if invoke.name not in known:
            raise _undefined(definition, invoke)


def _undefined(definition: Definition, invoke: Invoke) -> ConfigError:
    return fault(f"template {invoke.name!r} is not defined", definition.source, definition.file, invoke.at)


def _invokes(nodes: Sequence[Node]) -> Iterator[Invoke]:
    for node in nodes:
        match node:
            case Invoke():
                yield node
            case If() | With() | Range():
                yield from _invokes(node.body)
                yield from _invokes(node.other)
            case _:
                pass
