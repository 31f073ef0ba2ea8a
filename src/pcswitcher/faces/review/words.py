"""What the review says: what a change is, and what each answer does, to whom and for how long."""

from __future__ import annotations

from pcswitcher.faces.review.model import Kind, Review, Span, Tally
from pcswitcher.jobs.api import Action, Change, Decision, human_count, human_size
from pcswitcher.model.plan import Plan

LABELS = {Decision.APPLY: "Apply", Decision.SKIP: "Skip now", Decision.KEEP: "Keep"}
MARKS = {Decision.APPLY: "✓", Decision.SKIP: "○", Decision.KEEP: "⌂"}
"""One cell each, told apart without colour."""
WAITING = "?"
_GROUPS = {
    Kind.CONFLICTS: "{target} changed these itself, and they differ from {source}'s. Each needs an answer.",
    Kind.REMOVALS: "{target} has these and {source} has not. They go only after you confirmed it.",
    Kind.NEW: "{source} has these and {target} has not.",
    Kind.CHANGED: "These differ between {source} and {target}.",
    Kind.METADATA: "The content is the same; owner, rights, times or other metadata differ.",
    Kind.PROBLEMS: "These differ and stay as they are on {target}, for the reason that is given.",
    Kind.MARKED: "These differ and stay as they are, because they are marked as machine-specific.",
}


def group_words(kind: Kind, plan: Plan) -> str:
    """What a group holds, in a sentence."""
    return _GROUPS[kind].format(source=plan.source, target=plan.target)


def change_words(change: Change, plan: Plan) -> str:
    """What applying a change does, in a sentence."""
    source, target = plan.source, plan.target
    match change.action:
        case Action.ADD:
            return f"{target} gets it from {source}"
        case Action.CHANGE:
            return f"{target}'s becomes {source}'s"
        case Action.METADATA:
            return f"{target}'s gets the metadata of {source}'s, the content stays"
        case Action.REMOVE:
            return f"it is removed on {target}"


def answer_words(decision: Decision, plan: Plan, change: Change) -> str:
    """What an answer about one change does, and for how long."""
    own = f"{plan.target} " + ("stays without it" if change.action is Action.ADD else "keeps its own")
    match decision:
        case Decision.APPLY if change.conflict:
            return f"{change_words(change, plan)}; what {plan.target} changed there is lost"
        case Decision.APPLY:
            return change_words(change, plan)
        case Decision.SKIP:
            return f"{own} this time; the next sync asks again"
        case Decision.KEEP:
            return f"{own} in every sync, until pc-switcher unmark"


def answers_words(decision: Decision, plan: Plan, kind: Kind) -> str:
    """What an answer about a whole group or folder does, and for how long."""
    match decision:
        case Decision.APPLY if kind is Kind.CONFLICTS:
            return f"they become {plan.source}'s; what {plan.target} changed there is lost"
        case Decision.APPLY if kind is Kind.REMOVALS:
            return f"they are removed on {plan.target}"
        case Decision.APPLY:
            return f"{plan.target} becomes like {plan.source}"
        case Decision.SKIP:
            return f"{plan.target} stays as it is this time; the next sync asks again"
        case Decision.KEEP:
            return f"{plan.target} stays as it is in every sync, until pc-switcher unmark"


def tally_words(tally: Tally) -> str:
    """The answers about several items, in signs: ``12 ✓ 3 ○``."""
    counted = (
        (tally.apply, MARKS[Decision.APPLY]),
        (tally.skip, MARKS[Decision.SKIP]),
        (tally.keep, MARKS[Decision.KEEP]),
        (tally.undecided, WAITING),
    )
    return " ".join(f"{count:,} {mark}" for count, mark in counted if count)


def amount_words(span: Span) -> str:
    """How much is in a group or folder: ``1,204 · 611 MiB``."""
    return f"{span.count:,}" + (f" · {human_size(span.size)}" if span.size else "")


def waiting_words(review: Review) -> list[str]:
    """What is still to be answered before the plan can be accepted; empty: nothing."""
    conflicts = sum(count for _, count in review.waiting(Kind.CONFLICTS))
    removals = sum(count for _, count in review.waiting(Kind.REMOVALS))
    words = []
    if conflicts:
        words.append(f"{human_count(conflicts, 'conflict')}")
    if removals:
        words.append(f"{human_count(removals, 'removal')}")
    return words + [f"the word {finding.gate}" for finding in review.gates()]


def outcome_words(review: Review) -> list[str]:
    """What will be done and what will not, on which machine, a line each."""
    plan, tally = review.plan, review.tally()
    lines = [
        f"{count:,} {action.words}" + (f" ({human_size(size)})" if size else "")
        for action, (count, size) in review.applied().items()
    ]
    if tally.skip:
        lines.append(f"{tally.skip:,} skipped: {plan.target} keeps its own, the next sync asks again")
    if tally.keep:
        lines.append(f"{tally.keep:,} kept: {plan.target} keeps its own until pc-switcher unmark")
    return lines


def plan_words(review: Review) -> str:
    """The whole plan in a line."""
    groups = [group for group in review.groups if group.kind.decides]
    count, size = sum(len(group.items) for group in groups), sum(sum(group.sizes) for group in groups)
    return human_count(count, "change") + (f", {human_size(size)}" if size else "")
