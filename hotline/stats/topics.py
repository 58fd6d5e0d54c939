"""Topics that supervisors define: kept, changed, and listened for by sound where that is wanted."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from hotline.errors import HotlineError
from hotline.intent.phonetic import keys
from hotline.store.engine import RowRefused, insert_new, reading, writing
from hotline.store.search import phrases
from hotline.store.tables import utterances
from hotline.store.topic_tables import topic_hits, topics

MOST_WORDS = 40
MOST_TOPICS = 200
CHUNK = 1_000
"""Utterances listened to in one transaction."""
SHORTEST_SOUND = 2
"""A phrase of one character sounds like too much."""


class TopicRefused(HotlineError):
    """A topic cannot be kept; the message says why."""

    code = "stats.topic_refused"


@dataclass(frozen=True, slots=True)
class Topic:
    """What is looked for: calls in which one of the phrases was said, and everything else holds."""

    name: str
    words: tuple[str, ...]
    """Phrases in dialect or in standard wording; found inside longer ones. None: whatever was said."""
    phonetic: bool = False
    """What sounds the same to a Sichuan ear counts, too."""
    matter: str = ""
    """A code, or the part before its dot."""
    service: str = ""
    place: str = ""
    """A code; one that ends in zeros stands for everything below it."""
    since: date | None = None
    """First day, Asia/Shanghai."""
    until: date | None = None
    """Last day."""
    id: int | None = None
    """None: not kept."""
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a topic has been listened for."""

    done: int
    """Utterances."""
    total: int


def checked(topic: Topic) -> Topic:
    """The topic without empty and repeated phrases. Raises `TopicRefused`."""
    words = tuple(dict.fromkeys(word.strip() for word in topic.words if phrases(word)))
    if not topic.name.strip():
        raise TopicRefused("a topic needs a name")
    if not (words or topic.matter or topic.service or topic.place):
        raise TopicRefused("a topic needs a phrase, a matter, a service or a place")
    if len(words) > MOST_WORDS:
        raise TopicRefused(f"a topic has up to {MOST_WORDS} phrases")
    return replace(topic, name=topic.name.strip(), words=words)


class TopicStore:
    """Topics in the database. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Topic]:
        """By name."""
        with reading(self._engine) as connection:
            return [_topic(row) for row in connection.execute(select(topics).order_by(topics.c.name))]

    def get(self, topic: int) -> Topic | None:
        """One of them."""
        with reading(self._engine) as connection:
            row = connection.execute(select(topics).where(topics.c.id == topic)).one_or_none()
        return None if row is None else _topic(row)

    def save(self, topic: Topic, by: str, now: datetime) -> Topic:
        """Keep it, or change the one of its id; what was heard for other words is forgotten.

        Raises `TopicRefused` for one that makes no sense, a name that is taken, too many of them.
        """
        topic = checked(topic)
        values = _values(topic) | {"updated": now, "scanned_to": 0}
        try:
            with writing(self._engine) as connection:
                if topic.id is None:
                    if (connection.scalar(select(func.count()).select_from(topics)) or 0) >= MOST_TOPICS:
                        raise TopicRefused(f"there may be {MOST_TOPICS} topics")
                    made = insert(topics).values(**values, created_by=by).returning(topics.c.id)
                    return replace(topic, id=int(connection.execute(made).scalar_one()), created_by=by)
                connection.execute(delete(topic_hits).where(topic_hits.c.topic_id == topic.id))
                changed = update(topics).where(topics.c.id == topic.id).values(**values)
                if connection.execute(changed).rowcount != 1:
                    raise TopicRefused("there is no such topic")
                return topic
        except RowRefused:
            raise TopicRefused("there is a topic of that name") from None

    def drop(self, topic: int) -> bool:
        """Forget it; False when there was none."""
        with writing(self._engine) as connection:
            connection.execute(delete(topic_hits).where(topic_hits.c.topic_id == topic))
            return connection.execute(delete(topics).where(topics.c.id == topic)).rowcount == 1

    def listen(self, topic: Topic, seconds: float) -> Heard:
        """Go on listening for the topic's sound, for about so long; how far it has come.

        A topic that goes by letters has nothing to listen for. Nothing is heard twice; calling it again goes
        on where it stopped, also in another process.
        """
        if not topic.phonetic or topic.id is None:
            return Heard(0, 0)
        sounds = _sounds(topic.words)
        end = time.monotonic() + seconds
        while sounds:
            with writing(self._engine) as connection:
                last = self._chunk(connection, topic.id, sounds)
            if last is None or time.monotonic() >= end:
                break
        with reading(self._engine) as connection:
            total = connection.scalar(select(func.max(utterances.c.id))) or 0
            done = connection.scalar(select(topics.c.scanned_to).where(topics.c.id == topic.id)) or 0
        return Heard(min(done, total), total)

    def _chunk(self, connection: Connection, topic: int, sounds: Sequence[str]) -> int | None:
        """Listen to some more; the last one's id, None when there are no more."""
        row = connection.execute(
            select(topics.c.scanned_to).where(topics.c.id == topic).with_for_update()
        ).one_or_none()
        if row is None:
            return None
        wanted = select(utterances.c.id, utterances.c.call_id, utterances.c.text, utterances.c.raw)
        ahead = wanted.where(utterances.c.id > row.scanned_to).order_by(utterances.c.id).limit(CHUNK)
        rows = connection.execute(ahead).all()
        if not rows:
            return None
        found = {each.call_id for each in rows if sounds_like(sounds, each.text, each.raw)}
        insert_new(connection, topic_hits, [{"topic_id": topic, "call_id": call} for call in sorted(found)])
        connection.execute(update(topics).where(topics.c.id == topic).values(scanned_to=rows[-1].id))
        return int(rows[-1].id)


def sounds_like(sounds: Sequence[str], *texts: str) -> bool:
    """Whether one of the sounds is in one of the texts."""
    for text in dict.fromkeys(texts):
        if text:
            heard = _spelt(keys(text))
            if any(sound in heard for sound in sounds):
                return True
    return False


def _sounds(words: Sequence[str]) -> list[str]:
    return [_spelt(keys(word)) for word in words if len(word) >= SHORTEST_SOUND]


def _spelt(sound: Sequence[str]) -> str:
    """Syllables with a border on both sides, so that one is never found inside another."""
    return "|" + "|".join(sound) + "|"


def _values(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "words": list(topic.words),
        "phonetic": topic.phonetic,
        "matter": topic.matter,
        "service": topic.service,
        "place": topic.place,
        "since": topic.since,
        "until": topic.until,
    }


def _topic(row: Row[Any]) -> Topic:
    return Topic(
        name=row.name,
        words=tuple(row.words),
        phonetic=row.phonetic,
        matter=row.matter,
        service=row.service,
        place=row.place,
        since=row.since,
        until=row.until,
        id=row.id,
        created_by=row.created_by,
    )
