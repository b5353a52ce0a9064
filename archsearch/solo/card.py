"""How a network that was trained by itself came to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from archsearch.exporters.base import Card
from archsearch.solo.record import TrainingRecord


def card_of_training(record: TrainingRecord) -> Card:
    """The card of the exported network. Raises TrainingError while there is none."""
    best, figures = record.outcome(), record.figures()
    several = len(record.outcomes) > 1
    return Card(
        name=record.title,
        data=PurePath(str(record.options.get("data", ""))).name,
        description=record.data,
        history=tuple(history(record)),
        options=record.options,
        metrics={part: metrics for part, metrics in (("validation", best.metrics), ("test", best.test)) if metrics},
        spread={
            "validation": {name: figures[name][1] for name in best.metrics if name in figures} if several else {},
            "test": {name: figures[f"test_{name}"][1] for name in best.test if f"test_{name}" in figures} if several else {},
        },
        versions=record.versions,
    )


def history(record: TrainingRecord) -> Iterator[str]:
    """Sentences about a training."""
    best = record.outcome()
    if len(record.outcomes) > 1:
        yield f"Trained by {len(record.outcomes)} seeds; this is the one that was best on the validation part: seed {best.seed}."
    else:
        yield f"Trained by seed {best.seed}."
    yield f"{len(best.curve)} epochs; the weights are those after the last one."
    if record.pretrained:
        kept = f"; these kept them: {', '.join(record.freeze)}" if record.freeze else ""
        anew = f"; drawn anew, as their size is another: {', '.join(record.drawn_anew)}" if record.drawn_anew else ""
        yield f"It began with the weights of a file of sha256 {record.pretrained}{kept}{anew}."
