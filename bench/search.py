"""How long a search in a vault of 10,000 documents takes: 20 results, ranked and highlighted.

The floor is the newest 20 matches of the same words, neither ranked nor highlighted. Everything is made and
measured in one transaction that is rolled back, so a development database stays as it was.
"""

import os
import random

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coreengine.settings.dev")

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", "10000"))
WORDS_EACH = 350
QUERIES = {
    "one common word": "kelo",
    "two common words": "kelo mira",
    "one middling word": "word300",
    "one rare word": "word9000",
    "typed half": "word30",
}


def main() -> None:
    """Fill a vault, measure, print the line, leave nothing."""
    import django

    django.setup()
    from django.db import connection, transaction

    from bench.harness import Figure, alternate, report
    from coreengine.accounts.models import User
    from resources.models import Resource
    from resources.reports import search_resources
    from resources.search import parse_query

    figures: dict[str, Figure] = {}
    with transaction.atomic():
        user = User.objects.create_user("bench-search@example.edu", None)
        _fill(user)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE resources_resource, resources_passage")
        for label, words in QUERIES.items():
            query = parse_query(words)

            def ours(words: str = words) -> object:
                return search_resources(Resource.objects.visible_to(user).kept(), words)

            def floor(query: object = query) -> object:
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"SELECT id, title FROM resources_resource WHERE owner_id = %s AND vector @@ {query.sql} "  # type: ignore[attr-defined]
                        "ORDER BY updated_at DESC LIMIT 20",
                        [user.pk, *query.params],  # type: ignore[attr-defined]
                    )
                    return cursor.fetchall()

            ours(), floor()
            figures[label] = alternate(ours, floor, runs=15)
        transaction.set_rollback(True)
    report("search", figures)


def _fill(user: object) -> None:
    """Make documents of about 2.3 KB: 10,000 words by Zipf's law, and two that are in most of them."""
    from resources.models import Passage, Resource

    dice = random.Random(7)
    vocabulary = [f"word{n}" for n in range(10_000)]
    weights = [1 / (n + 1) for n in range(10_000)]
    for start in range(0, DOCUMENTS, 1000):
        rows = []
        for n in range(start, min(start + 1000, DOCUMENTS)):
            words = dice.choices(vocabulary, weights, k=WORDS_EACH)
            words += ["kelo"] * (dice.random() < 0.6) + ["mira"] * (dice.random() < 0.6)
            dice.shuffle(words)
            rows.append(
                Resource(owner=user, kind="note", title=f"Document {n} {words[0]}", body="", text=" ".join(words))
            )
        Resource.objects.bulk_create(rows)
        Passage.objects.bulk_create(
            [
                Passage(resource=row, owner=user, ordinal=place, text=row.text[part : part + 1500])
                for row in rows
                for place, part in enumerate(range(0, len(row.text), 1500))
            ]
        )


if __name__ == "__main__":
    main()
