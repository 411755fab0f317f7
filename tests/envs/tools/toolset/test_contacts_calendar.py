"""Contacts and calendar: every function, its refusals, and the comparison that decides success."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import ParsedTurn, ToolCall
from rewardium.envs.tools.execution import execute
from rewardium.envs.tools.tool import Toolbox, ToolError
from rewardium.envs.tools.toolset.contacts_calendar import MAX_ENTRIES, MAX_FOUND, ContactsCalendar

CONTACTS = [
    {"name": "Ada King", "phone": "+41 44 555 01 01", "email": "ada@example.org"},
    {"name": "Grace Hopper", "notes": "met in Bern"},
]
EVENTS = [{"title": "Chess", "day": "2031-05-20", "start": "18:00", "end": "19:30", "attendees": ["c2"]}]


@pytest.fixture
def service():
    return ContactsCalendar(CONTACTS, EVENTS)


def test_contacts(service):
    ada = {"id": "c1", "name": "Ada King", "phone": "+41 44 555 01 01", "email": "ada@example.org", "notes": ""}
    assert service.find_contacts("ADA") == {"contacts": [ada], "total": 1}
    assert service.find_contacts("bern")["contacts"][0]["id"] == "c2"
    assert service.find_contacts()["total"] == 2
    assert service.find_contacts("nobody") == {"contacts": [], "total": 0}
    added = service.add_contact("Alan Turing", email="alan@example.org")
    assert added == {"id": "c3", "name": "Alan Turing", "phone": "", "email": "alan@example.org", "notes": ""}
    assert service.update_contact("c1", phone="", notes="moved") == {**ada, "phone": "", "notes": "moved"}
    assert service.delete_contact("c3") == "deleted c3"
    assert service.add_contact("Emmy Noether")["id"] == "c4", "ids are never given twice"


def test_events(service):
    event = service.add_event("Tea", "2031-05-20", "15:00", "16:00", ["c1", "c1"])
    assert event == {
        "id": "e2", "title": "Tea", "day": "2031-05-20", "start": "15:00", "end": "16:00", "attendees": ["c1"]
    }  # fmt: skip
    assert [found["id"] for found in service.find_events()["events"]] == ["e2", "e1"], "in the order of their time"
    assert [found["id"] for found in service.find_events(attendee="c2")["events"]] == ["e1"]
    assert [found["id"] for found in service.find_events(query="TEA", day="2031-05-20")["events"]] == ["e2"]
    assert service.find_events(day="2031-05-21")["total"] == 0
    moved = service.update_event("e2", day="2031-05-21", attendees=[])
    assert (moved["day"], moved["start"], moved["attendees"]) == ("2031-05-21", "15:00", [])
    assert service.delete_event("e2") == "deleted e2"
    assert service.add_event("Tea", "2031-05-20", "15:00", "16:00")["id"] == "e3"


@pytest.mark.parametrize(
    ("start", "end", "overlaps"),
    [
        ("17:00", "18:00", False),
        ("19:30", "20:00", False),
        ("17:00", "18:01", True),
        ("19:29", "20:00", True),
        ("18:30", "19:00", True),
        ("17:00", "20:00", True),
        ("18:00", "19:30", True),
    ],
)
def test_overlaps(service, start, end, overlaps):
    arguments = {"title": "Tea", "day": "2031-05-20", "start": start, "end": end}
    assert service.copy().add_event(**arguments, allow_overlap=True)["id"] == "e2"
    assert service.copy().add_event(**{**arguments, "day": "2031-05-21"})["id"] == "e2"
    if not overlaps:
        assert service.add_event(**arguments)["id"] == "e2"
        return
    with pytest.raises(ToolError, match=r"overlaps with e1 \('Chess', 18:00 to 19:30\)"):
        service.add_event(**arguments)
    service.add_event(**{**arguments, "day": "2031-05-21"})
    with pytest.raises(ToolError, match="overlaps with e1"):
        service.update_event("e2", day="2031-05-20")
    assert service.update_event("e2", title="Late tea")["title"] == "Late tea"
    assert service.update_event("e1", end="19:45")["end"] == "19:45", "an event does not overlap with itself"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("add_contact", {"name": " "}, "needs a name"),
        ("add_contact", {"name": "x" * 101}, "at most 100 characters"),
        ("add_contact", {"name": "A", "notes": "x" * 1001}, "at most 1000 characters"),
        ("add_contact", {"name": "A", "phone": "call me"}, "phone must be digits"),
        ("add_contact", {"name": "A", "email": "a at b"}, "email must be of the form"),
        ("update_contact", {"id": "c9"}, "there is no contact with the id 'c9'; find_contacts lists them"),
        ("update_contact", {"id": "c1", "name": ""}, "needs a name"),
        ("delete_contact", {"id": "e1"}, "there is no contact"),
        ("delete_contact", {"id": "c2"}, "c2 attends e1"),
        ("add_event", {"title": "", "day": "2031-05-20", "start": "09:00", "end": "10:00"}, "needs a title"),
        ("add_event", {"title": "T", "day": "2031-02-30", "start": "09:00", "end": "10:00"}, "day must be"),
        ("add_event", {"title": "T", "day": "20310520", "start": "09:00", "end": "10:00"}, "day must be"),
        ("add_event", {"title": "T", "day": "May 20", "start": "09:00", "end": "10:00"}, "day must be"),
        ("add_event", {"title": "T", "day": "2031-05-20", "start": "9:00", "end": "10:00"}, "start must be a time"),
        ("add_event", {"title": "T", "day": "2031-05-20", "start": "09:00", "end": "24:00"}, "end must be a time"),
        ("add_event", {"title": "T", "day": "2031-05-20", "start": "10:00", "end": "09:00"}, "ends after it begins"),
        ("add_event", {"title": "T", "day": "2031-05-20", "start": "10:00", "end": "10:00"}, "ends after it begins"),
        (
            "add_event",
            {"title": "T", "day": "2031-05-20", "start": "09:00", "end": "10:00", "attendees": ["Ada"]},
            "there is no contact with the id 'Ada'",
        ),
        ("update_event", {"id": "e9"}, "there is no event"),
        ("update_event", {"id": "e1", "end": "17:00"}, "ends after it begins"),
        ("update_event", {"id": "e1", "attendees": ["c1"] * 51}, "at most 50 ids"),
        ("delete_event", {"id": "e9"}, "there is no event"),
        ("find_events", {"day": "today"}, "day must be"),
        ("find_events", {"attendee": "c9"}, "there is no contact"),
    ],
)
def test_refusals_change_nothing(service, name, arguments, words):
    before = service.state()
    (outcome,) = execute(ParsedTurn((ToolCall(name, arguments),), ""), Toolbox.of(service))
    assert outcome.status == "tool_error"
    assert words in outcome.result
    assert service.state() == before


def test_quotas():
    service = ContactsCalendar([{"name": f"N{n}"} for n in range(MAX_ENTRIES)])
    with pytest.raises(ToolError, match="there is room for 1000"):
        service.add_contact("One more")
    found = service.find_contacts()
    assert (len(found["contacts"]), found["total"]) == (MAX_FOUND, MAX_ENTRIES)
    assert "950 more are not shown" in found["note"]


def test_state_and_copy(service):
    state = service.state()
    assert json.loads(json.dumps(state)) == state
    state["contacts"].clear()
    assert service.find_contacts()["total"] == 2, "a state is data of its own"
    copy = service.copy()
    assert copy == service
    assert copy.state() == service.state()
    service.find_events()["events"][0]["attendees"].append("c1")
    assert copy == service, "results are data of their own"
    copy.add_contact("Alan Turing")
    assert copy != service
    assert service.find_contacts()["total"] == 2


def test_ids_do_not_count_in_a_comparison(service):
    other = ContactsCalendar(CONTACTS[::-1])
    other.add_contact("A mistake")
    other.delete_contact("c3")
    assert other != service
    other.add_event("Chess", "2031-05-20", "18:00", "19:30", ["c1"])
    assert other == service
    assert other.state() != service.state()
    other.update_event("e1", attendees=["c2"])
    assert other != service
    assert service != "service"


@pytest.mark.parametrize(
    ("contacts", "events"),
    [
        ([{"name": ""}], []),
        ([{"name": "A", "fax": "1"}], []),
        ([{}], []),
        ([], [{"title": "T"}]),
        ([], [{**EVENTS[0], "attendees": ["c1"]}]),
        ([{"name": 3}], []),
    ],
)
def test_wrong_entries_at_the_beginning(contacts, events):
    with pytest.raises(RewardiumError, match="contacts_calendar"):
        ContactsCalendar(contacts, events)


@pytest.mark.parametrize(
    "state", [None, {}, {"contacts": {}, "events": {}}, {"contacts": {"c1": {}}, "events": {}, "next": {}}]
)
def test_wrong_states(state):
    with pytest.raises(RewardiumError, match="no state"):
        ContactsCalendar.from_state(state)


TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02}:{time[1]:02}")
IDS = st.integers(1, 6)


class Calls(RuleBasedStateMachine):
    """Whatever is called, the state stays readable, and no event is attended by someone who does not exist."""

    def __init__(self) -> None:
        super().__init__()
        self.service = ContactsCalendar()

    def _call(self, tool_name: str, /, **arguments: object) -> None:
        (outcome,) = execute(ParsedTurn((ToolCall(tool_name, arguments),), ""), Toolbox.of(self.service))
        assert outcome.status in ("ok", "tool_error")
        assert "failed:" not in outcome.result

    @rule(name=st.sampled_from(["Ada", "Grace", ""]), phone=st.sampled_from(["", "555-0101", "x"]))
    def add_contact(self, name, phone):
        self._call("add_contact", name=name, phone=phone)

    @rule(id=IDS)
    def delete_contact(self, id):
        self._call("delete_contact", id=f"c{id}")

    @rule(start=TIMES, end=TIMES, attendees=st.lists(IDS, max_size=3), overlap=st.booleans())
    def add_event(self, start, end, attendees, overlap):
        guests = [f"c{id}" for id in attendees]
        self._call(
            "add_event", title="T", day="2031-05-20", start=start, end=end, attendees=guests, allow_overlap=overlap
        )

    @rule(id=IDS, start=st.none() | TIMES, attendees=st.none() | st.lists(IDS, max_size=3))
    def update_event(self, id, start, attendees):
        guests = None if attendees is None else [f"c{guest}" for guest in attendees]
        self._call("update_event", id=f"e{id}", start=start, attendees=guests)

    @invariant()
    def the_state_can_be_read_again(self):
        state = json.loads(json.dumps(self.service.state()))
        again = ContactsCalendar.from_state(state)
        assert again == self.service
        assert again.state() == self.service.state()
        for event in state["events"].values():
            assert set(event["attendees"]) <= set(state["contacts"])


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=40, stateful_step_count=15)


@given(st.lists(st.sampled_from(["Ada", "Grace", "Alan"]), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_adding_does_not_matter(names, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    one = ContactsCalendar([{"name": name} for name in names])
    assert one == ContactsCalendar([{"name": name} for name in shuffled])
