"""Contacts and a calendar: a small service whose state decides an episode's success."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date
from typing import Any, Self

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import StatefulToolset, ToolError, tool

MAX_ENTRIES = 1000
"""Contacts, and as many events."""

MAX_TEXT_LENGTH = 1000
"""Characters of notes; other texts have at most a tenth."""

MAX_ATTENDEES = 50
"""Attendees of an event."""

MAX_FOUND = 50
"""Entries that a search returns."""

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,29}")
_EMAIL = re.compile(r"[^\s@<>]{1,60}@[^\s@<>]{1,60}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_CONTACT_KEYS = ("name", "phone", "email", "notes")
_EVENT_KEYS = ("title", "day", "start", "end", "attendees")


@register_toolset("contacts_calendar")
class ContactsCalendar(StatefulToolset):
    """Contacts and the events of one person, who can be at one event at a time.

    A contact has a ``name``, and may have a ``phone``, an ``email`` and ``notes``; an event has a ``title``, a ``day``
    (2031-05-20), a ``start`` and an ``end`` (09:30, 24 hours, on one day) and ``attendees``, ids of contacts. Ids are
    ``c1``, ``c2``, ... and ``e1``, ``e2``, ... in the order of adding, and never given twice. An event that overlaps
    with another is refused unless the agent allows it; so is deleting a contact who attends an event.

    Two services are equal when they hold the same contacts and events, whatever their ids.

    Args:
        contacts: The contacts at the beginning; mappings of the keys above.
        events: The events at the beginning, which may overlap.

    Raises:
        RewardiumError: When an entry is wrong.

    Example:
        >>> service = ContactsCalendar(contacts=[{"name": "Ada King", "phone": "555-0101"}])
        >>> service.add_event("Tea", "2031-05-20", "15:00", "16:00", ["c1"])["id"]
        'e1'
        >>> service.add_event("Chess", "2031-05-20", "15:30", "17:00")
        Traceback (most recent call last):
        ...
        rewardium.envs.tools.tool.ToolError: it overlaps with e1 ('Tea', 15:00 to 16:00); move it, or allow_overlap
    """

    def __init__(self, contacts: Iterable[Mapping[str, Any]] = (), events: Iterable[Mapping[str, Any]] = ()) -> None:
        self._contacts: dict[str, dict[str, Any]] = {}
        self._events: dict[str, dict[str, Any]] = {}
        self._next = {"c": 1, "e": 1}
        try:
            for contact in contacts:
                self._store("c", self._contacts, self._checked_contact(_entry(contact, _CONTACT_KEYS)))
            for event in events:
                self._store("e", self._events, self._checked_event(_entry(event, _EVENT_KEYS)))
        except ToolError as error:
            raise RewardiumError(f"contacts_calendar: {error}") from None

    @tool
    def add_contact(self, name: str, phone: str = "", email: str = "", notes: str = "") -> dict[str, Any]:
        """Add a contact and return it with its id.

        Args:
            name: The full name.
            phone: The telephone number, e.g. +41 44 555 01 01.
            email: The e-mail address.
            notes: Anything else.
        """
        contact = self._checked_contact({"name": name, "phone": phone, "email": email, "notes": notes})
        return self._store("c", self._contacts, contact)

    @tool
    def update_contact(
        self,
        id: str,
        name: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        notes: str | None = None,
    ) -> dict[str, Any]:
        """Change a contact and return it. What is left out stays as it is; an empty text removes the old one.

        Args:
            id: The id of the contact, e.g. c1.
            name: The new full name.
            phone: The new telephone number.
            email: The new e-mail address.
            notes: The new notes.
        """
        changes = {"name": name, "phone": phone, "email": email, "notes": notes}
        contact = self._checked_contact(_changed(_known(self._contacts, id, "contact"), changes))
        self._contacts[id] = contact
        return {"id": id, **contact}

    @tool
    def delete_contact(self, id: str) -> str:
        """Delete a contact who attends no event.

        Args:
            id: The id of the contact.
        """
        _known(self._contacts, id, "contact")
        attends = [event_id for event_id, event in self._events.items() if id in event["attendees"]]
        if attends:
            raise ToolError(f"{id} attends {', '.join(attends[:10])}; take the contact out of the attendees first")
        del self._contacts[id]
        return f"deleted {id}"

    @tool
    def find_contacts(self, query: str = "") -> dict[str, Any]:
        """List the contacts that hold a text in their name, phone, email or notes; all of them without a text.

        Args:
            query: The text; upper and lower case are the same.
        """
        wanted = query.casefold()
        found = [
            {"id": id, **contact}
            for id, contact in self._contacts.items()
            if any(wanted in contact[key].casefold() for key in _CONTACT_KEYS)
        ]
        return _listed("contacts", found)

    @tool
    def add_event(
        self,
        title: str,
        day: str,
        start: str,
        end: str,
        attendees: list[str] | None = None,
        allow_overlap: bool = False,
    ) -> dict[str, Any]:
        """Add an event to the calendar and return it with its id.

        Args:
            title: What it is.
            day: The day, e.g. 2031-05-20.
            start: When it begins, e.g. 09:30.
            end: When it ends, later on the same day.
            attendees: The ids of the contacts who come.
            allow_overlap: Whether it may overlap with another event.
        """
        event = {"title": title, "day": day, "start": start, "end": end, "attendees": attendees or []}
        event = self._checked_event(event)
        self._refuse_overlap(event, None, allow_overlap)
        return self._store("e", self._events, event)

    @tool
    def update_event(
        self,
        id: str,
        title: str | None = None,
        day: str | None = None,
        start: str | None = None,
        end: str | None = None,
        attendees: list[str] | None = None,
        allow_overlap: bool = False,
    ) -> dict[str, Any]:
        """Change an event and return it. What is left out stays as it is.

        Args:
            id: The id of the event, e.g. e1.
            title: What it is.
            day: The new day, e.g. 2031-05-20.
            start: When it begins, e.g. 09:30.
            end: When it ends, later on the same day.
            attendees: The ids of all contacts who come, in place of those before.
            allow_overlap: Whether it may overlap with another event.
        """
        changes = {"title": title, "day": day, "start": start, "end": end, "attendees": attendees}
        event = self._checked_event(_changed(_known(self._events, id, "event"), changes))
        if day is not None or start is not None or end is not None:
            self._refuse_overlap(event, id, allow_overlap)
        self._events[id] = event
        return {"id": id, **deepcopy(event)}

    @tool
    def delete_event(self, id: str) -> str:
        """Delete an event.

        Args:
            id: The id of the event.
        """
        _known(self._events, id, "event")
        del self._events[id]
        return f"deleted {id}"

    @tool
    def find_events(self, day: str | None = None, query: str = "", attendee: str | None = None) -> dict[str, Any]:
        """List events in the order of their time; all of them where nothing is given.

        Args:
            day: Only those of this day, e.g. 2031-05-20.
            query: Only those with this text in their title; upper and lower case are the same.
            attendee: Only those that the contact with this id attends.
        """
        if day is not None:
            _check_day(day)
        if attendee is not None:
            _known(self._contacts, attendee, "contact")
        found = [
            {"id": id, **deepcopy(event)}
            for id, event in self._events.items()
            if (day is None or event["day"] == day)
            and query.casefold() in event["title"].casefold()
            and (attendee is None or attendee in event["attendees"])
        ]
        return _listed("events", sorted(found, key=lambda event: (event["day"], event["start"], event["end"])))

    def _store(self, kind: str, entries: dict[str, dict[str, Any]], entry: dict[str, Any]) -> dict[str, Any]:
        """Keep a checked entry under the next id."""
        if len(entries) >= MAX_ENTRIES:
            raise ToolError(f"there is room for {MAX_ENTRIES} entries of a kind, delete one first")
        id = f"{kind}{self._next[kind]}"
        self._next[kind] += 1
        entries[id] = entry
        return {"id": id, **deepcopy(entry)}

    def _checked_contact(self, contact: dict[str, Any]) -> dict[str, Any]:
        contact = {key: contact.get(key, "") for key in _CONTACT_KEYS}
        for key, value in contact.items():
            _check_text(key, value, MAX_TEXT_LENGTH if key == "notes" else MAX_TEXT_LENGTH // 10)
        if not contact["name"].strip():
            raise ToolError("a contact needs a name")
        if contact["phone"] and not _PHONE.fullmatch(contact["phone"]):
            raise ToolError(f"phone must be digits, spaces and ( ) . / - with a + in front, got {contact['phone']!r}")
        if contact["email"] and not _EMAIL.fullmatch(contact["email"]):
            raise ToolError(f"email must be of the form name@place, got {contact['email']!r}")
        return contact

    def _checked_event(self, event: dict[str, Any]) -> dict[str, Any]:
        event = {**dict.fromkeys(_EVENT_KEYS, ""), "attendees": [], **event}
        for key in ("title", "day", "start", "end"):
            _check_text(key, event[key], MAX_TEXT_LENGTH // 10)
        if not event["title"].strip():
            raise ToolError("an event needs a title")
        _check_day(event["day"])
        for key in ("start", "end"):
            if not _TIME.fullmatch(event[key]):
                raise ToolError(f"{key} must be a time from 00:00 to 23:59, e.g. 09:30, got {event[key]!r}")
        if event["start"] >= event["end"]:
            raise ToolError(f"an event ends after it begins, got {event['start']} to {event['end']}")
        event["attendees"] = self._checked_attendees(event["attendees"])
        return event

    def _checked_attendees(self, attendees: Any) -> list[str]:
        if not isinstance(attendees, list) or len(attendees) > MAX_ATTENDEES:
            raise ToolError(f"attendees must be a list of at most {MAX_ATTENDEES} ids of contacts")
        for id in attendees:
            _known(self._contacts, id, "contact")
        return list(dict.fromkeys(attendees))

    def _refuse_overlap(self, event: Mapping[str, Any], own_id: str | None, is_allowed: bool) -> None:
        for id, other in self._events.items():
            overlaps = other["day"] == event["day"] and other["start"] < event["end"] and event["start"] < other["end"]
            if overlaps and id != own_id and not is_allowed:
                place = f"{id} ({other['title']!r}, {other['start']} to {other['end']})"
                raise ToolError(f"it overlaps with {place}; move it, or allow_overlap")

    def state(self) -> dict[str, Any]:
        """Return ``contacts`` and ``events`` by id, and under ``next`` the numbers of the next ids."""
        return deepcopy({"contacts": self._contacts, "events": self._events, "next": self._next})

    def contents(self) -> dict[str, Any]:
        """Return the contacts and the events without ids, sorted; attendees are the contacts themselves."""
        contacts = sorted(map(_written, self._contacts.values()))
        events = sorted(
            _written({**event, "attendees": sorted(_written(self._contacts[id]) for id in event["attendees"])})
            for event in self._events.values()
        )
        return {"contacts": contacts, "events": events}

    @classmethod
    def from_state(cls, state: Any) -> Self:
        """Build a service that goes on where another one was when it returned this ``state``.

        Raises:
            RewardiumError: When this is no such state.

        Example:
            >>> service = ContactsCalendar(contacts=[{"name": "Ada King"}])
            >>> ContactsCalendar.from_state(service.state()) == service
            True
        """
        service = cls()
        try:
            for id, contact in state["contacts"].items():
                service._contacts[id] = service._checked_contact(_entry(contact, _CONTACT_KEYS))
            for id, event in state["events"].items():
                service._events[id] = service._checked_event(_entry(event, _EVENT_KEYS))
            service._next = {kind: int(state["next"][kind]) for kind in service._next}
        except (ToolError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise RewardiumError(f"this is no state of a contacts_calendar: {error}") from None
        return service


def _entry(entry: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return an entry as it was given at the beginning, with known keys only."""
    unknown = [key for key in entry if key not in keys]
    if unknown:
        raise ToolError(f"unknown key {unknown[0]!r}; known: {', '.join(keys)}")
    return dict(entry)


def _known(entries: Mapping[str, dict[str, Any]], id: Any, kind: str) -> dict[str, Any]:
    if not isinstance(id, str) or id not in entries:
        raise ToolError(f"there is no {kind} with the id {str(id)[:60]!r}; find_{kind}s lists them")
    return entries[id]


def _changed(entry: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **{key: value for key, value in changes.items() if value is not None}}


def _check_text(key: str, value: Any, length: int) -> None:
    if not isinstance(value, str) or len(value) > length:
        raise ToolError(f"{key} must be a text of at most {length} characters")


def _check_day(day: str) -> None:
    try:
        is_day = _DAY.fullmatch(day) is not None and date.fromisoformat(day) is not None
    except ValueError:
        is_day = False
    if not is_day:
        raise ToolError(f"day must be a day of the calendar in the form 2031-05-20, got {day[:40]!r}")


def _listed(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    rest = len(found) - MAX_FOUND
    note = {"note": f"{rest} more are not shown; narrow the search"} if rest > 0 else {}
    return {name: found[:MAX_FOUND], "total": len(found), **note}


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
