"""Tokens → tree, and the definitions in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from promkit.errors import ConfigError
from ruler.template.lexer import Kind, Token, fault, tokens
from ruler.template.literals import character, number, unquote
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
    Function,
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

__all__ = ["Definition", "Parsed", "parse"]

Body = tuple[Node, ...]
_DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Definition:
    """A named body, and the text it stands in."""

    name: str
    body: Body
    source: str
    file: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds: its own body, and what it defines beside."""

    body: Body
    definitions: tuple[Definition, ...]


def parse(source: str, file: str, functions: frozenset[str], variables: frozenset[str]) -> Parsed:
    """Read a template. `functions` and `variables` (without $) are those it may use from outside.

    ConfigError: what is wrong, with line and column.
    """
    parser = _Parser(source, file, functions, variables)
    body = parser.body(top=True)
    return Parsed(body, tuple(parser.definitions))


class _Parser:
    """One reading. `_peeked` holds at most a few tokens."""

    def __init__(self, source: str, file: str, functions: frozenset[str], variables: frozenset[str]) -> None:
        self.definitions: list[Definition] = []
        self._source = source
        self._file = file
        self._functions = functions
        self._tokens: Iterator[Token] = tokens(source, file)
        self._peeked: list[Token] = []
        self._variables = ["", *variables]  # "" is $, the data itself
        self._outer = tuple(self._variables)
        self._loops = 0
        self._depth = 0
        self.ended_by = ""

    # Bodies: up to {{ end }}, {{ else }} or the end of the text.

    def body(self, *, top: bool = False) -> Body:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise self._fault(f"nested more than {_DEPTH_MAX} deep", self._peek())
        nodes: list[Node] = []
        while True:
            token = self._next()
            if token.kind is Kind.TEXT:
                nodes.append(Plain(token.at, token.text))
                continue
            if token.kind is Kind.END:
                if not top:
                    raise self._fault("{{ end }} is missing", token)
                break
            word = self._space_then_peek()
            if word.kind is Kind.WORD and word.text in {"end", "else"}:
                if top:
                    raise self._fault(f"unexpected {{{{ {word.text} }}}}", word)
                self._next()
                self.ended_by = word.text
                break
            node = self._control(word, top=top)
            if node is not None:
                nodes.append(node)
        self._depth -= 1
        return tuple(nodes)

    def _control(self, word: Token, *, top: bool) -> Node | None:
        text = word.text if word.kind is Kind.WORD else ""
        match text:
            case "if" | "with" | "range":
                self._next()
                return self._branch(text, word.at)
            case "template":
                self._next()
                return self._invoke(word.at)
            case "define":
                self._next()
                if not top:
                    raise self._fault("define belongs at the top of a text", word)
                self._define()
                return None
            case "block":
                self._next()
                return self._block(word.at)
            case "break" | "continue":
                self._next()
                if not self._loops:
                    raise self._fault(f"{text} outside of range", word)
                self._right()
                return Break(word.at) if text == "break" else Continue(word.at)
            case _:
                pipe = self._pipe(may_declare=1)
                self._right()
                return Action(word.at, pipe)

    def _branch(self, kind: str, at: int) -> Node:
        mark = len(self._variables)
        pipe = self._pipe(may_declare=2 if kind == "range" else 1)
        self._right()
        self._loops += kind == "range"
        body = self.body()
        self._loops -= kind == "range"
        other: Body = ()
        if self.ended_by == "else":
            following = self._space_then_peek()
            if following.kind is Kind.WORD and following.text in {"if", "with"} and kind != "range":
                self._next()
                other = (self._branch(following.text, following.at),)
            else:
                self._right()
                other = self.body()
                if self.ended_by == "else":
                    raise self._fault("second {{ else }}", following)
                self._right()
        else:
            self._right()
        del self._variables[mark:]
        self.ended_by = ""
        nodes: dict[str, type[If | With | Range]] = {"if": If, "with": With, "range": Range}
        return nodes[kind](at, pipe, body, other)

    def _invoke(self, at: int) -> Invoke:
        name = self._name()
        pipe = None if self._space_then_peek().kind is Kind.RIGHT else self._pipe(may_declare=0)
        self._right()
        return Invoke(at, name, pipe)

    def _define(self) -> None:
        name = self._name()
        self._right()
        self._definition(name)

    def _block(self, at: int) -> Invoke:
        name = self._name()
        pipe = self._pipe(may_declare=0)
        self._right()
        self._definition(name)
        return Invoke(at, name, pipe)

    def _definition(self, name: str) -> None:
        variables, loops = self._variables, self._loops
        self._variables, self._loops = list(self._outer), 0
        body = self.body()
        if self.ended_by == "else":
            raise self._fault("unexpected {{ else }}", self._peek())
        self._right()
        self._variables, self._loops, self.ended_by = variables, loops, ""
        self.definitions.append(Definition(name, body, self._source, self._file))

    def _name(self) -> str:
        token = self._space_then_peek()
        if token.kind not in {Kind.STRING, Kind.RAW}:
            raise self._fault("expected a template's name in quotes", token)
        self._next()
        return self._text(token)

    # Pipes.

    def _pipe(self, *, may_declare: int, closing: Kind | str = Kind.RIGHT) -> Pipe:
        at = self._space_then_peek().at
        names, assigns = self._declaration(may_declare)
        commands: list[Command] = []
        while True:
            token = self._space_then_peek()
            if self._closes(token, closing):
                break
            command = self._command(closing)
            first = command.arguments[0]
            if commands and isinstance(first, Constant | Nil | Dot):
                raise self._fault("what follows | must be a function or a method", self._peek(), first.at)
            commands.append(command)
        if not commands:
            raise self._fault("missing value", self._peek())
        for name in names if not assigns else ():
            self._variables.append(name)
        return Pipe(at, tuple(commands), names, assigns)

    def _declaration(self, may_declare: int) -> tuple[tuple[str, ...], bool]:
        """Read `$x :=`, `$x =`, `$i, $x :=`; give everything back where it is none of them."""
        taken: list[Token] = []
        names: list[str] = []

        def step() -> Token:
            token = self._next()
            taken.append(token)
            while token.kind is Kind.SPACE:
                token = self._next()
                taken.append(token)
            return token

        while self._space_then_peek().kind is Kind.VARIABLE and may_declare:
            names.append(step().text[1:])
            sign = step()
            if sign.kind is Kind.DECLARE or (sign.kind is Kind.SIGN and sign.text == "="):
                return self._declared(names, sign, may_declare)
            if not (sign.kind is Kind.SIGN and sign.text == "," and may_declare == 2 and len(names) == 1):
                break
        self._peeked = taken + self._peeked
        return (), False

    def _declared(self, names: list[str], sign: Token, may_declare: int) -> tuple[tuple[str, ...], bool]:
        if len(names) > may_declare:
            raise self._fault("too many variables", sign)
        assigns = sign.text == "="
        for name in names if assigns else ():
            if name not in self._variables:
                raise self._fault(f"undefined variable ${name}", sign)
        return tuple(names), assigns

    def _command(self, closing: Kind | str) -> Command:
        at = self._space_then_peek().at
        arguments: list[Argument] = []
        while True:
            token = self._space_then_peek()
            if self._closes(token, closing):
                break
            if token.kind is Kind.SIGN and token.text == "|":
                self._next()
                if self._closes(self._space_then_peek(), closing):
                    raise self._fault("missing value after |", token)
                break
            argument = self._operand()
            arguments.append(argument)
            following = self._peek()
            piped = following.kind is Kind.SIGN and following.text == "|"
            if following.kind is not Kind.SPACE and not piped and not self._closes(following, closing):
                raise self._fault(f"unexpected {following.text!r}", following)
        if not arguments:
            raise self._fault("missing value", self._peek())
        return Command(at, tuple(arguments))

    @staticmethod
    def _closes(token: Token, closing: Kind | str) -> bool:
        if isinstance(closing, Kind):
            return token.kind is closing
        return token.kind is Kind.SIGN and token.text == closing

    def _operand(self) -> Argument:
        token = self._next()
        operand = self._term(token)
        fields = []
        while self._peek().kind is Kind.FIELD:
            fields.append(self._next().text[1:])
        if not fields:
            return operand
        match operand:
            case Field():
                return Field(operand.at, (*operand.names, *fields))
            case Variable():
                return Variable(operand.at, operand.name, (*operand.fields, *fields))
            case Constant() | Nil() | Dot():
                raise self._fault(f"unexpected .{fields[0]}", token)
            case _:
                return Chain(token.at, operand, tuple(fields))

    def _term(self, token: Token) -> Argument:  # noqa: C901, PLR0911 - a kind of token a case
        match token.kind:
            case Kind.WORD:
                return self._word(token)
            case Kind.FIELD:
                return Field(token.at, (token.text[1:],))
            case Kind.VARIABLE:
                if token.text[1:] not in self._variables:
                    raise self._fault(f"undefined variable {token.text}", token)
                return Variable(token.at, token.text[1:], ())
            case Kind.STRING | Kind.RAW:
                return Constant(token.at, self._text(token))
            case Kind.CHARACTER | Kind.NUMBER:
                read = character if token.kind is Kind.CHARACTER else number
                value = read(token.text)
                if value is None:
                    raise self._fault(f"not a number: {token.text}", token)
                return Constant(token.at, value)
            case Kind.SIGN if token.text == ".":
                return Dot(token.at)
            case Kind.SIGN if token.text == "(":
                self._depth += 1
                if self._depth > _DEPTH_MAX:
                    raise self._fault(f"nested more than {_DEPTH_MAX} deep", token)
                pipe = self._pipe(may_declare=0, closing=")")
                self._depth -= 1
                self._next()
                return pipe
            case Kind.RIGHT | Kind.END:
                raise self._fault("unexpected end of the action", token)
            case _:
                raise self._fault(f"unexpected {token.text!r}", token)

    def _word(self, token: Token) -> Argument:
        match token.text:
            case "true" | "false":
                return Constant(token.at, token.text == "true")
            case "nil":
                return Nil(token.at)
            case name if name in self._functions:
                return Function(token.at, name)
            case name:
                raise self._fault(f"function {name!r} is not defined", token)

    def _text(self, token: Token) -> str:
        text = token.text[1:-1] if token.kind is Kind.RAW else unquote(token.text)
        if text is None:
            raise self._fault(f"no such escape in {token.text}", token)
        return text

    # Tokens.

    def _next(self) -> Token:
        return self._peeked.pop(0) if self._peeked else next(self._tokens)

    def _peek(self) -> Token:
        if not self._peeked:
            self._peeked.append(next(self._tokens))
        return self._peeked[0]

    def _space_then_peek(self) -> Token:
        while self._peek().kind is Kind.SPACE:
            self._next()
        return self._peek()

    def _right(self) -> None:
        token = self._space_then_peek()
        if token.kind is not Kind.RIGHT:
            raise self._fault(f"unexpected {token.text!r}", token)
        self._next()

    def _fault(self, problem: str, token: Token, at: int | None = None) -> ConfigError:
        return fault(problem, self._source, self._file, token.at if at is None else at)
