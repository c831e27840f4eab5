"""How words become a query of PostgreSQL's full-text search, and how matches are ranked and shown.

Every text is indexed twice, stemmed as English and as it stands ("simple"), and every query asks for
either. Stems find "scheduling" for "schedules"; the plain words find other languages, English stop words
that are names ("IT", "who"), and words typed half ("universit" is no prefix of the stem "univers").

Ranking reads the vector of every match, about 11 µs each, so a word that is in half of a large vault
would be slow. Ranked are therefore at most 200 matches in title or tags and the newest 400 matches in
anything. An old document that mentions a very common word only in its text can be left out; one that
has it in its title cannot. What is in the text counts up to 1 however often it is said, and a title about
twice that, so that a page called "Mutex" comes before one that says it fifty times.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

MAX_QUERY_CHARACTERS = 300
MAX_QUERY_WORDS = 16
HEADING_CANDIDATES = 200
NEWEST_CANDIDATES = 400
MIN_PREFIX_CHARACTERS = 2
SNIPPET_CHARACTERS = 180

# Private-use characters mark what matched inside PostgreSQL; they are stripped from everything stored.
MARK_START, MARK_STOP = "\ue000", "\ue001"
_ENGLISH, _SIMPLE = "'pg_catalog.english'::regconfig", "'pg_catalog.simple'::regconfig"
_LAST_WORD = re.compile(r"(?:^|(?<=[\s(]))([^\W_][\w]*)$", re.UNICODE)
_FRAGMENTS = (
    f"StartSel={MARK_START}, StopSel={MARK_STOP}, MaxFragments=2, MaxWords=28, MinWords=12, ShortWord=0, "
    'FragmentDelimiter=" … "'
)
_WHOLE = f"StartSel={MARK_START}, StopSel={MARK_STOP}, HighlightAll=true"


@dataclass(frozen=True)
class TextQuery:
    """What somebody typed, as an SQL expression of type tsquery with its parameters."""

    sql: str
    params: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.sql)


def parse_query(words: str) -> TextQuery:
    """Understand words, "phrases", or, and -not, as web searches do; the last word may be half typed.

    Nothing a person types is an error. Words past the sixteenth are left out.
    """
    words = " ".join(words.replace("\x00", " ").split()[:MAX_QUERY_WORDS])[:MAX_QUERY_CHARACTERS]
    if not re.search(r"\w", words):
        return TextQuery("", ())
    either = f"(websearch_to_tsquery({_ENGLISH}, %s) || websearch_to_tsquery({_SIMPLE}, %s))"
    last = _half_typed_word(words)
    if not last:
        return TextQuery(either, (words, words))
    head = words[: -len(last)].strip()
    prefix = f"to_tsquery({_SIMPLE}, %s)"
    if not re.search(r"\w", head):
        return TextQuery(f"({either} || {prefix})", (words, words, f"{last}:*"))
    before = f"(websearch_to_tsquery({_ENGLISH}, %s) || websearch_to_tsquery({_SIMPLE}, %s))"
    return TextQuery(f"({either} || ({before} && {prefix}))", (words, words, head, head, f"{last}:*"))


def _half_typed_word(words: str) -> str:
    """Return the last word when it may be the beginning of another, else nothing.

    A word inside an open quotation, after a minus, or of one letter is taken as it is.
    """
    if words.count('"') % 2:
        return ""
    match = _LAST_WORD.search(words)
    if match is None or len(match[1]) < MIN_PREFIX_CHARACTERS or match[1].lower() == "or":
        return ""
    return match[1]


@dataclass(frozen=True)
class Match:
    """One resource that matched, best first. The HTML is escaped, with <mark> around what matched."""

    resource_id: int
    rank: float
    title_html: SafeString
    snippet_html: SafeString
    page: int | None


@dataclass(frozen=True)
class Matches:
    """A page of matches and how many there are; `is_capped` when there are more than were ranked."""

    matches: list[Match]
    count: int
    is_capped: bool = False


def find_matches(query: TextQuery, candidates: Any, *, limit: int, offset: int = 0) -> Matches:
    """Rank the resources of a queryset by the query and highlight the page asked for.

    `candidates` is a filtered queryset of resources; its filters are applied before the caps. One
    statement, whose cost is bounded by the caps of this module.
    """
    if not query:
        return Matches([], 0)
    newest = candidates.order_by("-updated_at", "-id").values("id")
    try:
        inner, inner_params = newest.query.sql_with_params()
    except EmptyResultSet:
        return Matches([], 0)
    base, order = inner.rsplit(" ORDER BY ", 1)
    joined = " AND " if " WHERE " in base else " WHERE "
    table = '"resources_resource"'
    sql = f"""
        WITH q AS MATERIALIZED (SELECT {query.sql} AS query),
        heading AS (
          {base}{joined}{table}."heading_vector" @@ {query.sql} ORDER BY {order} LIMIT {HEADING_CANDIDATES}
        ),
        newest AS (
          {base}{joined}{table}."vector" @@ {query.sql} ORDER BY {order} LIMIT {NEWEST_CANDIDATES + 1}
        ),
        found AS (SELECT id FROM heading UNION SELECT id FROM newest),
        ranked AS (
          SELECT r.id, ts_rank_cd(r.vector, q.query, 1 | 32) + 2 * ts_rank(r.heading_vector, q.query) AS rank
          FROM found JOIN resources_resource r USING (id), q
        ),
        page AS (
          SELECT id, rank FROM ranked ORDER BY rank DESC, id DESC LIMIT %s OFFSET %s
        )
        SELECT page.id, page.rank,
               title.html, snippet.html,
               best.page,
               CASE WHEN best.text IS NULL
                 THEN (SELECT left(text, {SNIPPET_CHARACTERS}) FROM resources_passage
                       WHERE resource_id = page.id AND ordinal = 0) END,
               (SELECT count(*) FROM found), (SELECT count(*) FROM newest)
        FROM page JOIN resources_resource r USING (id) CROSS JOIN q
        LEFT JOIN LATERAL (
          SELECT p.text, p.page FROM (
            SELECT text, page, vector, ordinal FROM resources_passage
            WHERE resource_id = page.id AND vector @@ replace(q.query::text, ' & ', ' | ')::tsquery
            LIMIT 60
          ) p ORDER BY ts_rank(p.vector, q.query) DESC, p.ordinal LIMIT 1
        ) best ON true
        CROSS JOIN LATERAL ({_headline("r.title", _WHOLE)}) title
        CROSS JOIN LATERAL ({_headline("best.text", _FRAGMENTS)}) snippet
        ORDER BY page.rank DESC, page.id DESC"""
    params = [
        *query.params,
        *inner_params,
        *query.params,
        *inner_params,
        *query.params,
        limit,
        offset,
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    matches = [
        Match(
            resource_id=row[0],
            rank=float(row[1]),
            title_html=marked(row[2]),
            snippet_html=marked(row[3] or row[5] or ""),
            page=row[4],
        )
        for row in rows
    ]
    count = rows[0][6] if rows else 0
    is_capped = bool(rows) and rows[0][7] > NEWEST_CANDIDATES
    return Matches(matches, count - 1 if is_capped else count, is_capped)


def _headline(text: str, options: str) -> str:
    """Write the SQL that highlights by stems, and by plain words where no stem matched (words typed half).

    OFFSET 0 keeps the planner from writing the first highlight in twice and so computing it twice: it is
    the dearest part of a search, about 0.5 ms for a passage.
    """
    return f"""
          SELECT CASE WHEN stemmed.html LIKE '%%{MARK_START}%%' OR stemmed.html IS NULL THEN stemmed.html
                 ELSE ts_headline({_SIMPLE}, {text}, q.query, '{options}') END AS html
          FROM (SELECT ts_headline({_ENGLISH}, {text}, q.query, '{options}') AS html OFFSET 0) stemmed"""


def marked(text: str) -> SafeString:
    """Escape a text and turn the marks of PostgreSQL into <mark>."""
    text = str(escape(" ".join(text.split())))
    return mark_safe(text.replace(MARK_START, "<mark>").replace(MARK_STOP, "</mark>"))
