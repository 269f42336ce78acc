"""What people have beside attributes and events: devices, manual segments, relationships to objects, deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.fake.persons import Name, Person
from pytest_cio_load.fake.tally import Outcome

if TYPE_CHECKING:
    from pytest_cio_load.fake.people import People


@dataclass(slots=True)
class Segment:
    """A manual segment."""

    id: int
    name: str
    description: str = ""


class Things:
    """Applies the operations that are about them. Its operations take and give what those of `People` do.

    Attributes:
        segments: manual segments by id; one that is named by an operation comes into being by that.
        objects: (object type id, object id) to attributes.
        deliveries: delivery id to the metrics reported of it, each as often as it was.
        does: the operations by name.
    """

    def __init__(self, people: People) -> None:
        self.segments: dict[int, Segment] = {}
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.deliveries: dict[str, dict[str, int]] = {}
        self._people = people
        self.does: dict[str, Callable[[Name, dict[str, Any], float], Outcome]] = {
            "add_device": self._add_device,
            "delete_device": self._delete_device,
            "add_customers_to_segment": self._add_to_segment,
            "remove_customers_from_segment": self._remove_from_segment,
            "submit_form": self._submit_form,
            "report_metric": self._report,
            "report_push": self._report,
            "unsubscribe": self._report,
            "add_relationships": self._add_relationships,
            "delete_relationships": self._delete_relationships,
            "identify_object": self._identify_object,
            "delete_object": self._delete_object,
        }

    def segment(self, number: int) -> Segment:
        """The segment of that id, made if there is none."""
        if number not in self.segments:
            self.segments[number] = Segment(number, f"Segment {number}")
        return self.segments[number]

    def relate(self, person: Person, links: object) -> None:
        """Apply ``cio_relationships``: v1's object with an action, or v2's list, which adds. What names no object is passed over."""
        content = links if isinstance(links, Mapping) else {"relationships": links}
        listed, removes = content.get("relationships"), content.get("action") == "delete_relationships"
        for link in listed if isinstance(listed, list) else ():
            if not isinstance(link, Mapping) or (pair := object_key(link.get("identifiers"))) is None:
                continue
            if removes:
                person.relationships.pop(pair, None)
            else:
                held = link.get("relationship_attributes")
                person.relationships[pair] = held if isinstance(held, dict) else {}
                self.objects.setdefault(pair, {})

    def _person(self, name: Name, at: float) -> Person | None:
        return self._people.found_or_made(name, at)

    def _known(self, name: Name) -> Person | None:
        return self._people.register.find(name)

    def _add_device(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        person, device = self._person(name, at), content["device"]
        if person is None:
            return "dropped"
        person.devices[device["id"]] = {key: value for key, value in device.items() if key != "id"}
        return self._noted("device_change", person, content, at)

    def _delete_device(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        person = self._known(name)
        if person is not None and person.devices.pop(content["device"], None) is not None:
            self._noted("device_change", person, content, at)
        return "applied"

    def _add_to_segment(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        segment = self.segment(content["segment"])
        for called in content["names"]:
            if (person := self._known(called)) is not None and segment.id not in person.segments:
                person.segments.add(segment.id)
                self._people.changed(person, at)
        return "applied"

    def _remove_from_segment(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        segment = self.segment(content["segment"])
        for called in content["names"]:
            if (person := self._known(called)) is not None and segment.id in person.segments:
                person.segments.discard(segment.id)
                self._people.changed(person, at)
        return "applied"

    def _submit_form(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        return self._people.apply("identify", name, content["data"], at)

    def _report(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        metrics = self.deliveries.setdefault(content["delivery_id"], {})
        metrics[content["metric"]] = metrics.get(content["metric"], 0) + 1
        return "applied"

    def _add_relationships(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        found = [self._person(one, at) for one in content["people"]]
        return self._link("add_relationships", found, content, at)

    def _delete_relationships(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        return self._link("delete_relationships", [self._known(one) for one in content["people"]], content, at)

    def _link(self, action: str, people: list[Person | None], content: dict[str, Any], at: float) -> Outcome:
        found = [person for person in people if person is not None]
        for person in found:
            self.relate(person, {"action": action, "relationships": content["cio_relationships"]})
            self._noted("attribute_change", person, content, at)
        return "applied" if found else "dropped"

    def _identify_object(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        self.objects.setdefault(content["object"], {}).update(content["attributes"])
        return "applied"

    def _delete_object(self, name: Name, content: dict[str, Any], at: float) -> Outcome:
        self.objects.pop(content["object"], None)
        for person in self._people.register:
            if person.relationships.pop(content["object"], None) is not None:
                self._people.changed(person, at)
        return "applied"

    def _noted(self, kind: str, person: Person, content: dict[str, Any], at: float) -> Outcome:
        self._people.activities.add(kind, at, person, content)
        self._people.changed(person, at)
        return "applied"


def object_key(identifiers: object) -> tuple[str, str] | None:
    """(object type id, object id), from an object's identifiers, or None when they name none."""
    if not isinstance(identifiers, Mapping):
        return None
    if isinstance(own := identifiers.get("cio_object_id"), str) and own:
        return "cio_object_id", own
    kind, own = identifiers.get("object_type_id"), identifiers.get("object_id")
    if isinstance(kind, bool) or not isinstance(kind, (str, int)) or not isinstance(own, str) or not own:
        return None
    return str(kind), own
