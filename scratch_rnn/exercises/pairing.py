"""Which number of a student's belongs to which line of the solution."""

from __future__ import annotations

from collections import Counter

from scratch_rnn.exercises.guided import Guide, Pairs, Pool, compiled
from scratch_rnn.exercises.spec import Exercise, Line
from scratch_rnn.exercises.student import Event

Groups = dict[int, list[Event]]  # by a line's place


def best_pairs(guide: Guide, events: list[Event], pool: Pool, whole: bool = True) -> Pairs:
    """Return which of a student's events may belong to which line of the solution, at which of its times.

    By name and, where a name is written in several lines, by the number in the comment, by their order in
    time or in the text: as leaves the fewest lines wrong. `whole` is false where the student's function has
    not come to its end.
    """
    exercise, counts, pairs = guide.exercise, guide.counts, Pairs()
    function = compiled(exercise, exercise.tree)
    computed = [line for line in exercise.lines if counts[line.place] or line.place in guide.conditional]
    open_names = []
    for name in dict.fromkeys(line.name for line in computed):
        lines = [line for line in computed if line.name == name]
        own = _own_events(exercise, lines, counts, events)
        if not own:
            continue
        if not whole:
            pairs |= {moment: [event] for moment, event in zip(_order(lines, guide.order), own, strict=False)}
            continue
        ways = _ways(lines, guide, own)
        pairs |= ways[0]
        if len(ways) > 1:
            open_names.append(ways)
    for ways in open_names:
        without = {moment: found for moment, found in pairs.items() if all(moment not in way for way in ways)}
        choices = [without | way for way in ways]
        pairs = min(choices, key=lambda choice: len(guide.walk(function, choice, pool).wrong()))
    return pairs


def _ways(lines: list[Line], guide: Guide, own: list[Event]) -> list[Pairs]:
    """Return in which ways the events of a name may belong to its lines.

    One that leaves moments out is considered only where none has an event for each. Best is one that leaves
    out no line with a number.
    """
    by_number, by_row = (
        _shared_out(groups, guide.counts, guide.conditional)
        for groups in (_groups_by_number(lines, own), _groups_by_row(lines, guide, own))
    )
    by_order = _by_order(lines, guide.order, own)
    ways = [by_number, by_order, by_row]
    ways = [way for k, way in enumerate(ways) if way and way not in ways[:k]]
    every = {moment for moment in _order(lines, guide.order) if moment[0] not in guide.conditional}
    ways = [way for way in ways if every <= way.keys()] or ways
    numbered = {line.place for line in lines if line.number}
    return sorted(ways, key=lambda way: len(numbered - {place for place, _ in way}))


def _own_events(
    exercise: Exercise, lines: list[Line], counts: Counter[int], events: list[Event]
) -> list[Event]:
    """Return the events of a name; where the student has another name for it, by the number beside it."""
    name = lines[0].name
    own = [event for event in events if event.name == name]
    if own:
        return own
    known = {line.name for line in exercise.lines} | set(exercise.arguments)
    spelled = _plain(name)
    own = [event for event in events if event.name not in known and _plain(event.name) == spelled]
    if own:
        return own
    for line in lines:
        shared = [other for other in exercise.lines if other.number == line.number and other.name != name]
        tagged = [event for event in events if line.number in event.numbers and event.name not in known]
        if line.number and not shared and tagged and len({event.name for event in tagged}) == 1:
            return tagged
    return []


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _groups_by_number(lines: list[Line], own: list[Event]) -> Groups:
    """Group events by the line of their number, if all of a name's events bear one; a line may have none.

    Lines without a number belong to one another in their order.
    """
    last = {line.number: line.place for line in lines if line.number}
    plain = [line.place for line in lines if not line.number]
    rows = sorted({event.line for event in own if not event.numbers})
    if len(rows) > len(plain) or 0 in rows:  # what is returned under no name comes last
        return {}
    given = dict(zip(rows, plain, strict=False))
    groups: Groups = {line.place: [] for line in lines}
    for event in own:
        known = [last[number] for number in event.numbers if number in last]
        if not known and event.numbers:
            return {}
        groups[known[-1] if known else given[event.line]].append(event)
    return groups


def _groups_by_row(lines: list[Line], guide: Guide, own: list[Event]) -> Groups:
    """Group events by the student's lines, if there are as many as in the solution."""
    rows = sorted({event.line for event in own})
    if len(rows) < len(lines):  # the condition of some has never held
        lines = [line for line in lines if line.place not in guide.conditional]
    if len(rows) != len(lines) or 0 in rows:
        return {}
    return {
        line.place: [event for event in own if event.line == row]
        for line, row in zip(lines, rows, strict=True)
    }


def _shared_out(groups: Groups, counts: Counter[int], conditional: set[int]) -> Pairs:
    """Pair the events of each line with its moments: to each as many.

    A line under a condition is computed as often as the student's own condition holds, so each event of it
    is a moment.
    """
    pairs = Pairs()
    for place, group in groups.items():
        count = len(group) if place in conditional else counts[place]
        if group and len(group) % count:
            return {}
        share = len(group) // count if group else 0
        for time in range(count if share else 0):
            pairs[place, time] = group[time * share : (time + 1) * share]
    return pairs


def _by_order(lines: list[Line], order: list[int], own: list[Event]) -> Pairs:
    """Pair events with the solution's moments of a name in their order, or the last ones of each."""
    moments = _order(lines, order)
    if len(own) % len(moments) == 0:
        share = len(own) // len(moments)
        return {moment: own[k * share : (k + 1) * share] for k, moment in enumerate(moments)}
    if len(moments) % len(own) == 0:
        share = len(moments) // len(own)
        return {moments[(k + 1) * share - 1]: [event] for k, event in enumerate(own)}
    return {moments[-1]: own[-1:]}


def _order(lines: list[Line], order: list[int]) -> list[tuple[int, int]]:
    """Return the moments of a name's lines as they come in time."""
    places, counts = {line.place for line in lines}, Counter[int]()
    moments = []
    for place in order:
        if place in places:
            moments.append((place, counts[place]))
            counts[place] += 1
    return moments
