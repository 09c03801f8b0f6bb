"""Markdown as the platform shows it: tables, ``<br>``, links. What others wrote stays inert: no HTML, no remote images."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

_BREAK = re.compile(r'<br\s*/?>', re.IGNORECASE)
_ADDRESS = re.compile(r'https?://[^\s<>"\'`|\\^{}]+[^\s<>"\'`|\\^{}.,;:!?)\]]')
_BUTTON = re.compile(r'%%%(\{.*?\})%%%')
_COLOR = re.compile(r'\{\{(?:color|background):[^{}]*\}\}\(([^)]*)\)', re.IGNORECASE)
_ALIGNMENT = re.compile(r'text-align:\s*(\w+)')


@dataclass(frozen=True)
class LocalLink:
    """A link that leads to a page of the sandbox instead of the internet."""

    text: str
    address: str


class Markdown:
    """A renderer of Markdown to HTML.

    Args:
        local_addresses: see `Surroundings`.
    """

    def __init__(self, local_addresses: Mapping[str, str]) -> None:
        self._local_addresses = local_addresses
        self._document = _parser(breaks=False)
        self._entry = _parser(breaks=True)

    def document(self, text: str) -> Markup:
        """Render a document, in which a single line end is a space."""
        return self._render(self._document, text)

    def entry(self, text: str) -> Markup:
        """Render an entry of the war room, in which each line end breaks the line."""
        return self._render(self._entry, text)

    def plain(self, text: str) -> Markup:
        """Escape a text that is not Markdown, and make links of the addresses in it."""
        return Markup('').join(
            _anchor(self.local(part), part) if is_address else escape(part) for is_address, part in _split(text)
        )

    def local_links(self, text: str) -> list[LocalLink]:
        """Return the links of a document that lead to pages of the sandbox instead of the internet, each address once."""
        found: dict[str, LocalLink] = {}
        for token in self._document.parse(text):
            children = token.children or []
            for index, child in enumerate(children):
                target = str(child.attrGet('href') or '')
                local = self.local(target)
                if child.type == 'link_open' and local and local != target:
                    found.setdefault(local, LocalLink(children[index + 1].content, local))
        return list(found.values())

    def local(self, address: str) -> str:
        """Return where a link leads: the address itself, its local replacement, or an empty text if nothing does."""
        for beginning, local in self._local_addresses.items():
            if address.startswith(beginning):
                return local + address.removeprefix(beginning) if local else ''
        return address

    def _render(self, parser: MarkdownIt, text: str) -> Markup:
        tokens = parser.parse(text)
        for token in tokens:
            _align(token)
            if token.children:
                token.children = _with_links(token.children, self.local)
        return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - the parser escapes HTML


def _parser(breaks: bool) -> MarkdownIt:
    parser = MarkdownIt('commonmark', {'html': False, 'breaks': breaks}).enable(['table', 'strikethrough'])
    parser.inline.ruler.before('autolink', 'br', _read_break)
    parser.inline.ruler.before('autolink', 'platform', _read_platform_element)
    parser.add_render_rule('button', lambda _self, tokens, at, *_: f'<button type="button">{escape(tokens[at].content)}</button>')
    parser.add_render_rule('color', lambda _self, tokens, at, *_: f'<mark>{escape(tokens[at].content)}</mark>')
    parser.add_render_rule('image', _render_image)
    parser.add_render_rule('table_open', lambda *_: '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n')
    parser.add_render_rule('table_close', lambda *_: '</table></div>\n')
    parser.validateLink = lambda address: address.lower().startswith(('http://', 'https://', 'mailto:', '#'))
    return parser


def _read_break(state: Any, silent: bool) -> bool:
    match = _BREAK.match(state.src, state.pos)
    if match and not silent:
        state.push('hardbreak', 'br', 0)
    if match:
        state.pos = match.end()
    return match is not None


def _read_platform_element(state: Any, silent: bool) -> bool:
    """Read what only the platform has: a button that would run a script, and a text in a color. Both are only shown."""
    for kind, pattern in (('button', _BUTTON), ('color', _COLOR)):
        match = pattern.match(state.src, state.pos)
        if match:
            if not silent:
                state.push(kind, '', 0).content = match[1]
            state.pos = match.end()
            return True
    return False


def _render_image(_self: Any, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
    """Return an image would tell its server that the entry was read: only its description is shown."""
    return str(Markup('<em>[image: {}]</em>').format(tokens[index].content or tokens[index].attrGet('src')))


def _align(token: Token) -> None:
    """Make the alignment of a column a class, since the policy of the pages allows no style attributes."""
    style = str(token.attrs.pop('style', ''))
    match = _ALIGNMENT.search(style)
    if match:
        token.attrSet('class', f'align-{match[1]}')


def _with_links(children: list[Token], local: Callable[[str], str]) -> list[Token]:
    """Give links their target and have them open in a new tab; make links of addresses in texts."""
    result: list[Token] = []
    depth = 0
    for child in children:
        if child.type == 'link_open':
            depth += 1
            result.append(_aimed(child, local))
        elif child.type == 'link_close':
            depth -= 1
            result.append(Token('html_inline', '', 0, content='</a>'))
        elif child.type == 'text' and not depth:
            result += [
                Token('html_inline', '', 0, content=str(_anchor(local(part), part)))
                if is_address
                else Token('text', '', 0, content=part)
                for is_address, part in _split(child.content)
            ]
        else:
            result.append(child)
    return result


def _aimed(token: Token, local: Callable[[str], str]) -> Token:
    target = local(str(token.attrGet('href') or ''))
    if not target:
        return Token('html_inline', '', 0, content='<a class="nowhere" title="This page is not part of the sandbox">')
    if target.startswith('#'):
        return Token('html_inline', '', 0, content=str(Markup('<a href="{}">').format(target)))
    return Token(
        'html_inline', '', 0, content=str(Markup('<a href="{}" target="_blank" rel="noopener noreferrer">').format(target))
    )


def _anchor(target: str, text: str) -> Markup:
    if not target:
        return escape(text)
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(target, text)


def _split(text: str) -> list[tuple[bool, str]]:
    """Split a text into addresses (True) and what is between them (False)."""
    parts: list[tuple[bool, str]] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        parts += [(False, text[end : match.start()]), (True, match[0])]
        end = match.end()
    return [(is_address, part) for is_address, part in (*parts, (False, text[end:])) if part]
