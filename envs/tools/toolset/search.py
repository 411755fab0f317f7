"""Full-text search over documents, with SQLite's FTS5."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import harmless
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import ToolError, Toolset, tool

MAX_DOCUMENTS = 20_000
"""Documents of an index."""

MAX_DOCUMENT_LENGTH = 1_000_000
"""Characters of a document."""

MAX_TOTAL_LENGTH = 64_000_000
"""Characters of all documents of an index."""

MAX_ID_LENGTH = 200
"""Characters of a document's id."""

MAX_QUERY_LENGTH = 1000
"""Characters of a query."""

MAX_TERMS = 32
"""Words and phrases of a query that are looked for; the rest are left out."""

MAX_RESULTS = 10
"""Documents that one search returns."""

PAGE_LENGTH = 3000
"""Characters of a page of a document."""

_RANKED = "SELECT rowid, id, page FROM pages WHERE pages MATCH ? ORDER BY rank, rowid"
# Of a few pages only: a snippet is much work where a common word is looked for.
_SNIPPET = "SELECT snippet(pages, 2, '[', ']', '...', 32) FROM pages WHERE pages MATCH ? AND rowid = ?"
_SUFFIXES = (".txt", ".md")
_TERM = re.compile(r'"([^"]*+)"?|([^\s"]++)')
_WORD = re.compile(r"[^\W_]+")


class SearchIndex:
    """An index over documents; read-only, so that any number of episodes and threads share it.

    Args:
        documents: Their texts by id.

    Raises:
        RewardiumError: When there are none, too many, too long ones, or an id is no text or too long.

    Example:
        >>> index = SearchIndex({"cats": "Cats sleep all day.", "dogs": "Dogs run; cats watch dogs."})
        >>> [found["id"] for found in index.search("running dog", 5)]
        ['dogs']
    """

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.documents = _checked(documents)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._connection.execute(
                "CREATE VIRTUAL TABLE pages USING fts5("
                "id UNINDEXED, page UNINDEXED, text, tokenize = 'porter unicode61')"
            )
        except sqlite3.OperationalError as error:
            raise RewardiumError(f"this Python's SQLite has no full-text search (FTS5): {error}") from None
        self._connection.executemany(
            "INSERT INTO pages VALUES (?, ?, ?)",
            (
                (name, number, page)
                for name, text in self.documents.items()
                for number, page in enumerate(_pages(text), 1)
            ),
        )
        self._connection.commit()
        self._connection.execute("PRAGMA query_only = ON")

    @classmethod
    def of_folder(cls, folder: str | Path) -> SearchIndex:
        """Index the ``.txt`` and ``.md`` files below a folder; the id of a document is its path in the folder.

        Links that lead out of the folder are left out. Bytes that are no UTF-8 become replacement characters.

        Raises:
            RewardiumError: When there is no such folder, or no such file in it, or a file is too large.
        """
        root = Path(folder)
        if not root.is_dir():
            raise RewardiumError(f"no such folder of documents: {root}")
        return _index_of(tuple(sorted(_read_folder(root).items())))

    def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        """Find documents that hold words or phrases of a query, the best first by the BM25 of their best page.

        Args:
            query: Words, and phrases in double quotes; nothing in it is an operator.
            limit: Number of documents at most.

        Returns:
            For each document its ``id``, its best ``page``, and a ``snippet`` of it with what was found in square
            brackets.

        Raises:
            ToolError: When the query has no word, or is too long.
        """
        expression = match_expression(query)
        best: dict[str, tuple[int, int]] = {}
        with self._lock:
            for row, name, page in self._connection.execute(_RANKED, (expression,)):
                best.setdefault(name, (row, page))
                if len(best) == limit:
                    break
            return [
                {"id": name, "page": page, "snippet": self._snippet(expression, row)}
                for name, (row, page) in best.items()
            ]

    def _snippet(self, expression: str, row: int) -> str:
        (snippet,) = self._connection.execute(_SNIPPET, (expression, row)).fetchone()
        return " ".join(snippet.split())


def match_expression(query: str) -> str:
    """Write a query as an FTS5 expression that has no syntax but quotes and OR.

    Args:
        query: Anything that an agent wrote.

    Returns:
        The expression.

    Raises:
        ToolError: When the query has no word, or is too long.

    Example:
        >>> match_expression('cats AND "big dogs" NEAR(')
        '"cats" OR "AND" OR "big dogs" OR "NEAR"'
    """
    if len(query) > MAX_QUERY_LENGTH:
        raise ToolError(f"a query has at most {MAX_QUERY_LENGTH} characters, this one has {len(query)}")
    terms: dict[str, None] = {}
    for phrase, word in _TERM.findall(query):
        words = _WORD.findall(phrase or word)
        if words:
            terms[" ".join(words)] = None
    if not terms:
        raise ToolError("a query needs at least one word")
    return " OR ".join(f'"{term}"' for term in list(terms)[:MAX_TERMS])


@lru_cache(maxsize=8)
def _index_of(documents: tuple[tuple[str, str], ...]) -> SearchIndex:
    return SearchIndex(dict(documents))


def _pages(text: str) -> list[str]:
    """Split a text into pages; an empty one has one page, too."""
    return [text[start : start + PAGE_LENGTH] for start in range(0, max(len(text), 1), PAGE_LENGTH)]


def _checked(documents: Mapping[str, str]) -> dict[str, str]:
    """Copy the documents, fit to be stored."""
    if not documents or len(documents) > MAX_DOCUMENTS:
        raise RewardiumError(f"an index holds 1 to {MAX_DOCUMENTS} documents, got {len(documents)}")
    total = 0
    for name, text in documents.items():
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_ID_LENGTH:
            raise RewardiumError(f"a document's id has 1 to {MAX_ID_LENGTH} characters, got {str(name)[:80]!r}")
        if not isinstance(text, str) or len(text) > MAX_DOCUMENT_LENGTH:
            raise RewardiumError(f"document {name!r} must be a text of at most {MAX_DOCUMENT_LENGTH} characters")
        total += len(text)
    if total > MAX_TOTAL_LENGTH:
        raise RewardiumError(f"the documents have {total} characters together, more than {MAX_TOTAL_LENGTH}")
    return {harmless(name): harmless(text) for name, text in documents.items()}


def _read_folder(root: Path) -> dict[str, str]:
    inside = root.resolve()
    found = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file() or not path.resolve().is_relative_to(inside):
            continue
        if path.stat().st_size > 4 * MAX_DOCUMENT_LENGTH:
            raise RewardiumError(f"{path} is too large: a document has at most {MAX_DOCUMENT_LENGTH} characters")
        found[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
        if len(found) > MAX_DOCUMENTS:
            raise RewardiumError(f"{root} holds more than {MAX_DOCUMENTS} documents")
    if not found:
        raise RewardiumError(f"{root} holds no .txt and no .md files")
    return found


@register_toolset("search")
class Search(Toolset):
    """Searches documents and opens them. Read-only; equal documents are indexed once and shared.

    Args:
        documents: Their texts by id, an index, or the path of a folder with ``.txt`` and ``.md`` files.

    Raises:
        RewardiumError: When there are no documents, or they are too many or too large.

    Example:
        >>> search = Search({"cats": "Cats sleep all day.", "dogs": "Dogs run."})
        >>> search.search_documents("cat")
        {'results': [{'id': 'cats', 'page': 1, 'snippet': '[Cats] sleep all day.'}]}
        >>> search.open_document("cats")
        {'id': 'cats', 'page': 1, 'pages': 1, 'text': 'Cats sleep all day.'}
    """

    def __init__(self, documents: Mapping[str, str] | SearchIndex | str | Path) -> None:
        if isinstance(documents, SearchIndex):
            self.index = documents
        elif isinstance(documents, (str, Path)):
            self.index = SearchIndex.of_folder(documents)
        elif isinstance(documents, Mapping):
            are_texts = all(isinstance(text, str) for text in documents.values())
            self.index = _index_of(tuple(documents.items())) if are_texts else SearchIndex(documents)
        else:
            raise RewardiumError(
                f"documents must be texts by id or the path of a folder, got {type(documents).__name__}"
            )

    @tool
    def search_documents(self, query: str, limit: int = 5) -> dict[str, Any]:
        """Search all documents for words, and return the ids of the best ones, each with its best page and a snippet.

        Args:
            query: Words to look for; put a phrase into double quotes. Documents with more of them come first.
            limit: How many documents to return, 1 to 10.
        """
        if not 1 <= limit <= MAX_RESULTS:
            raise ToolError(f"limit must lie between 1 and {MAX_RESULTS}, got {limit}")
        results = self.index.search(query, limit)
        return {"results": results} if results else {"results": [], "note": "no document holds any of these words"}

    @tool
    def open_document(self, id: str, page: int = 1) -> dict[str, Any]:
        """Read a document, page by page.

        Args:
            id: The id of a document, as the search returns it.
            page: Which page, from 1 on.
        """
        text = self.index.documents.get(id)
        if text is None:
            near = get_close_matches(id[:MAX_ID_LENGTH], self.index.documents, n=3)
            hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
            raise ToolError(f"there is no document {id[:MAX_ID_LENGTH]!r}{hint}")
        pages = _pages(text)
        if not 1 <= page <= len(pages):
            raise ToolError(f"document {id!r} has the pages 1 to {len(pages)}, not {page}")
        return {"id": id, "page": page, "pages": len(pages), "text": pages[page - 1]}
