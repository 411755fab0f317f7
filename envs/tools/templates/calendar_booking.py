"""A meeting to be booked where the wished-for time may be taken."""

from __future__ import annotations

from typing import Any

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import DONE, Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import email, people
from rewardium.envs.tools.world import WorldPlan

_TITLES = ("Budget review", "Project plan", "Interview", "Design talk", "Retrospective", "Training")
_OTHERS = ("Dentist", "Phone call", "Standup", "Lunch", "Gym", "Workshop")


class CalendarBooking(Template):
    """An hour with a contact, at the wished-for time or the next free one. Find, look, book, done."""

    name = "calendar_booking"
    difficulty = 3
    turns = 4
    toolsets = ("contacts_calendar",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw contacts, a day's events and the wish, which is free in one of four episodes."""
        names = people(dice, 4)
        day = f"2031-{dice.integer(1, 12):02}-{dice.integer(1, 28):02}"
        wish, title = dice.integer(9, 13), dice.pick(_TITLES)
        hours = sorted(dice.sample([hour for hour in range(8, 17) if hour != wish], 4))
        taken = hours if dice.integer(1, 4) == 1 else sorted([*hours, wish])
        events = [_event(dice.pick(_OTHERS), day, hour) for hour in taken]
        events.append(_event(dice.pick(_OTHERS), "2032-01-05", wish))
        hour = _next_free(wish, set(taken))
        booking = ToolCall("add_event", {**_event(title, day, hour), "attendees": ["c1"]})
        contacts = [{"name": name, "email": email(name)} for name in names]
        return Assignment(
            goal=(
                f"Book one hour with {names[0]} and no one else on {day}, with the title '{title}'. It should begin at "
                f"{wish:02}:00; if that hour overlaps with another event, at the next full hour that does not."
            ),
            parameters={"name": names[0], "day": day, "wish": wish, "title": title},
            world=WorldPlan({"contacts_calendar": {"contacts": contacts, "events": events}}),
            gold_calls=(
                ToolCall("find_contacts", {"query": names[0]}),
                ToolCall("find_events", {"day": day}),
                booking,
            ),
            changes=(booking,),
        )

    def script(self, assignment: Assignment) -> Script:
        """Find the contact, look at the day, book the first hour that is free."""
        given = assignment.parameters
        (result,) = yield [ToolCall("find_contacts", {"query": given["name"]})]
        contact = result.content["contacts"][0]["id"]
        (result,) = yield [ToolCall("find_events", {"day": given["day"]})]
        hour = _next_free(given["wish"], {int(event["start"][:2]) for event in result.content["events"]})
        yield [ToolCall("add_event", {**_event(given["title"], given["day"], hour), "attendees": [contact]})]
        return DONE


def _event(title: str, day: str, hour: int) -> dict[str, Any]:
    return {"title": title, "day": day, "start": f"{hour:02}:00", "end": f"{hour + 1:02}:00"}


def _next_free(wish: int, taken: set[int]) -> int:
    return next(hour for hour in range(wish, 23) if hour not in taken)


TEMPLATE = CalendarBooking()
